package main

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"time"

	_ "github.com/mattn/go-sqlite3" // spoil opens profiles with plain SQL
	"github.com/rogpeppe/go-internal/testscript"

	"zeroms/client/backup"
	"zeroms/client/home"
	"zeroms/client/profile"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
	"zeroms/store/chat"
)

func spoil(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 2)
	db, err := sql.Open("sqlite3", ts.MkAbs(args[0]))
	ts.Check(err)
	defer db.Close()
	_, err = db.Exec(args[1])
	ts.Check(err)
}

// putSafe logs in at a profile's gateway as the profile does and stores the safe there.
func putSafe(ts *testscript.TestScript, neg bool, args []string) {
	need(ts, neg, args, 1)
	db, err := chat.Open(context.Background(), ts.MkAbs(args[0]), chat.NoPassphrase())
	ts.Check(err)
	rows, err := db.Load(context.Background())
	ts.Check(err)
	ts.Check(db.Close())
	var m backup.Members
	for _, r := range rows {
		switch r.Table {
		case profile.TableSelf:
			m.Self, err = profile.ParseSelf(r)
		case profile.TableHome:
			var h *profile.Home
			h, err = profile.ParseHome(r)
			m.Homes = append(m.Homes, h)
		case profile.TableContact:
			var c profile.Contact
			c, err = profile.ParseContact(r)
			m.Contacts = append(m.Contacts, &c)
		case profile.TableCard:
			var k *profile.Card
			k, err = profile.ParseCard(r)
			m.Cards = append(m.Cards, k)
		}
		ts.Check(err)
	}
	safe, err := backup.NewSafe(m, time.Now())
	ts.Check(err)
	h := m.Homes[0]
	signer := key.SafeSigner(m.Self.Seed, h.Place())
	account, number := m.Self.Seed.Mailbox(h.Address.Node).Public(), wire.Millis(time.Now())
	ts.Check(putProfile(m.Self, h, &wire.ProfilePut{
		Name: signer.Public(), Number: number, Blob: safe.Seal(m.Self.Seed, h.Place()),
		Claim: signer.Sign(key.ContextProfileClaim, wire.ProfileClaim(account, number)),
	}))
}

// putProfile stores a blob at a home gateway.
func putProfile(self *profile.Self, h *profile.Home, put *wire.ProfilePut) error {
	dialer, err := link.NewDialer(link.Config{})
	if err != nil {
		return err
	}
	events := make(chan home.Event, 64)
	pool := home.New(home.Config{Dialer: dialer, Timing: home.Timing{}.Default(), Events: func(ev home.Event) { events <- ev }})
	ctx, stop := context.WithCancel(context.Background())
	var links sync.WaitGroup
	links.Go(func() { _ = pool.Run(ctx) })
	defer links.Wait()
	defer stop()
	to := home.Target{Endpoint: profile.FromLease(h.Lease()).Endpoint(), Network: h.Address.Network}
	pool.Open(home.Spec{Target: to, Login: self.Secret.Login(h.Address.Node)})
	for {
		select {
		case ev := <-events:
			switch ev := ev.(type) {
			case home.Connected:
				pool.Send(home.Request{To: to, Token: 1, Payload: put})
			case home.Answered:
				return ev.Err
			}
		case <-time.After(patience):
			return fmt.Errorf("the gateway does not answer")
		}
	}
}
