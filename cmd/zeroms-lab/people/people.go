// Package people measures what people notice of ZeroMS: how long a message takes
// from Send to the event at its recipient, and how long somebody who was away
// waits for everything that came meanwhile. Both clients are real ones with
// their own databases on disk, in this process; the gateway is wherever its
// address says, a process of its own.
package people

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"zeroms/client"
	"zeroms/protocol/card"
	"zeroms/protocol/link"
	"zeroms/store/chat"
)

// settleTime bounds how long two people may take to be ready to talk.
const settleTime = time.Minute

// Config is where a work is done.
type Config struct {
	// Gateway is the home of both. Everybody has to be allowed to register there,
	// or the address needs an invite for two.
	Gateway card.Address
	// Dir is an existing directory on the disk that counts. Each run makes one in
	// it for its profiles and removes it again.
	Dir string
	// Log takes what the clients log; nil: nothing.
	Log *slog.Logger
}

// person is a profile, and its client while it runs.
type person struct {
	// static
	name   string
	dir    string
	config Config

	db     *chat.DB
	client *client.Client
	events *client.Subscription
	stop   context.CancelFunc
	ended  chan error
}

// settle makes a profile with a home.
func settle(ctx context.Context, c Config, dir, name string) (*person, error) {
	p := &person{name: name, dir: filepath.Join(dir, name), config: c}
	db, err := chat.Create(ctx, p.dir, chat.NoPassphrase())
	if err != nil {
		return nil, err
	}
	err = errors.Join(client.Create(ctx, db, name, time.Now()), db.Close())
	if err == nil {
		err = p.start(ctx)
	}
	if err == nil {
		_, err = p.client.AddGateway(ctx, c.Gateway)
	}
	if err == nil {
		err = p.connected(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), p.leave())
	}
	return p, nil
}

// open opens the profile; it does not connect.
func (p *person) open(ctx context.Context) error {
	db, err := chat.Open(ctx, p.dir, chat.NoPassphrase())
	if err != nil {
		return err
	}
	dialer, err := link.NewDialer(link.Config{})
	if err != nil {
		return errors.Join(err, db.Close())
	}
	p.db = db
	p.client = client.New(client.Config{Store: db, Dialer: dialer, Log: p.config.Log})
	p.events = p.client.Subscribe()
	return nil
}

// serve lets the client of an open profile run.
func (p *person) serve(ctx context.Context) {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	p.stop, p.ended = stop, make(chan error, 1)
	go func() { p.ended <- p.client.Run(running) }()
}

// start opens the profile and lets its client run.
func (p *person) start(ctx context.Context) error {
	if err := p.open(ctx); err != nil {
		return err
	}
	p.serve(ctx)
	return p.client.Ready(ctx)
}

// leave ends the client and closes the profile; a second call does nothing.
func (p *person) leave() (err error) {
	if p.stop != nil {
		p.stop()
		err = <-p.ended
		p.stop = nil
	}
	if p.db != nil {
		err = errors.Join(err, p.db.Close())
		p.db = nil
	}
	return err
}

// await reads events until wanted is true of one.
func (p *person) await(ctx context.Context, what string, wanted func(client.Event) bool) error {
	for {
		select {
		case ev, ok := <-p.events.C:
			if !ok {
				return fmt.Errorf("%s has ended: %w", p.name, <-p.ended)
			}
			if _, lagged := ev.(client.Lagged); lagged {
				return fmt.Errorf("%s: the events overflowed", p.name)
			}
			if wanted(ev) {
				return nil
			}
		case <-ctx.Done():
			return fmt.Errorf("%s waits for %s: %w", p.name, what, context.Cause(ctx))
		}
	}
}

// connected waits until the home is up.
func (p *person) connected(ctx context.Context) error {
	return p.await(ctx, "the gateway", func(ev client.Event) bool {
		g, ok := ev.(client.GatewayChanged)
		return ok && g.Gateway.Up
	})
}

// hears waits for a text of somebody else and returns whose it is.
func (p *person) hears(ctx context.Context, text string) (from client.ContactID, err error) {
	err = p.await(ctx, fmt.Sprintf("the text %q", text), func(ev client.Event) bool {
		m, ok := ev.(client.MessageAdded)
		if ok && !m.Message.Outgoing && m.Message.Text == text {
			from = m.Message.Contact
			return true
		}
		return false
	})
	return from, err
}

// pair is two people who know each other and have both spoken.
type pair struct {
	dir        string
	alice, bob *person
	toBob      client.ContactID // at alice
	toAlice    client.ContactID // at bob
}

// meet makes two people who have talked to each other in both directions.
func meet(ctx context.Context, c Config) (p *pair, err error) {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	dir, err := os.MkdirTemp(c.Dir, "people-")
	if err != nil {
		return nil, err
	}
	p = &pair{dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.part())
		}
	}()
	if p.alice, err = settle(ctx, c, dir, "alice"); err != nil {
		return p, err
	}
	if p.bob, err = settle(ctx, c, dir, "bob"); err != nil {
		return p, err
	}
	return p, p.greet(ctx)
}

// greet exchanges first messages by bob's card.
func (p *pair) greet(ctx context.Context) error {
	mine, err := p.bob.client.Card(ctx)
	if err != nil {
		return err
	}
	read, err := card.Parse(mine.Text)
	if err != nil {
		return err
	}
	contact, err := p.alice.client.Add(ctx, read, "bob")
	if err != nil {
		return err
	}
	p.toBob = contact.ID
	for _, word := range []string{"hello", "how are you?"} {
		if _, err := p.alice.client.Send(ctx, p.toBob, word); err != nil {
			return err
		}
		if p.toAlice, err = p.bob.hears(ctx, word); err != nil {
			return err
		}
		if _, err := p.bob.client.Accept(ctx, p.toAlice); err != nil {
			return err
		}
		if _, err := p.bob.client.Send(ctx, p.toAlice, word+" you"); err != nil {
			return err
		}
		if _, err := p.alice.hears(ctx, word+" you"); err != nil {
			return err
		}
	}
	return nil
}

// part ends both clients and removes what they kept.
func (p *pair) part() error {
	var err error
	for _, who := range []*person{p.alice, p.bob} {
		if who != nil {
			err = errors.Join(err, who.leave())
		}
	}
	return errors.Join(err, os.RemoveAll(p.dir))
}
