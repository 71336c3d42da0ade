// Package service does the requests of package control in the process that owns
// a profile: Profile.Serve is one function, whether a request comes from this
// process or over the socket. A new request is a name and its fields in
// control.Request, its rows in control, a method here, and a case in Serve.
//
//	service.go  Profile, Serve, and how long an owner stays for others' sake
//	people.go   contacts and requests; places.go status and cards; package homes
//	            has gateways
//	talk.go     sending, listening, history; loss.go gaps, erasing, evidence
//	backup.go   the 24 words and archives; proxy.go how links are made
//	bot.go      what bots have done, and what is left for them; fan.go the same for
//	            workers that share it; what the engine tells is made rows of by package shown
package service

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"zeroms/client"
	"zeroms/client/tap"
	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/homes"
	"zeroms/cmd/zms/kept"
	"zeroms/protocol/link"
	"zeroms/store/chat"
)

// Keys is the profile below the engine: how its key is kept, and what is stored
// in it; *chat.DB is one.
type Keys interface {
	ChangePassphrase(ctx context.Context, old, next chat.Unlock) error
	CheckPassphrase(u chat.Unlock) error
	Survey(ctx context.Context, f func(*chat.Survey) error) error
}

// Profile serves requests in the process that owns a profile.
type Profile struct {
	// Client is the engine; it runs.
	Client *client.Client
	Keys   Keys
	// Owner is the command that owns the profile, PID its process.
	Owner string
	PID   int
	// Lasting tells that the owner stays until it is stopped, so that nothing
	// has to be waited for to get out.
	Lasting bool
	// Locked tells that the profile has a passphrase.
	Locked atomic.Bool
	// Links has seen the links since their beginning; nil: nobody looked.
	Links *tap.Watcher
	// Kept is what is kept beside the engine's rows, Route how links are made.
	Kept  *kept.Store
	Route Route

	watched   atomic.Bool // Links was handed out
	unsettled atomic.Bool // something was asked for that gateways have to hear

	fansMu sync.Mutex
	fans   map[string]*duty // guarded by fansMu: that have workers, by name

	botsMu sync.Mutex
	bots   map[string]*shift // guarded by botsMu, and all in them: by name
}

// Route is how the owner makes links.
type Route interface {
	// Proxy is what links go through now; nil: they are made directly.
	Proxy() *link.Proxy
	// Override is what this process was told to use whatever the profile keeps; ok
	// is false if it was told nothing.
	Override() (p *link.Proxy, ok bool)
	// Use is told that the profile keeps another proxy now, or none. Links that do
	// not go there end.
	Use(p *link.Proxy) error
}

// The waiting that a request does not bound itself.
const (
	// SendWait is how long send waits for custody when nobody goes on afterwards.
	SendWait = 10 * time.Second
	// SettleWait is how long an owner that does not last waits at its end until
	// the gateways have heard everything.
	SettleWait = 5 * time.Second
	// SyncWait is how long such an owner waits for what lies at the gateways
	// before it answers.
	SyncWait = 3 * time.Second
)

// Hello is what the owner says about itself.
func (p *Profile) Hello() *control.Hello {
	return &control.Hello{
		Type: control.TypeHello, Version: control.Version, Owner: p.Owner, PID: p.PID, Lasting: p.Lasting, Locked: p.Locked.Load(),
		Proxy: proxyText(p.Route.Proxy()),
	}
}

// Serve does one request. It returns when the request is done, when ctx ends
// (for listen that is its proper end), or with why it failed; Explain tells.
func (p *Profile) Serve(ctx context.Context, r control.Request, emit control.Emit) error {
	switch r.Cmd {
	case control.CmdCardShow:
		return p.card(ctx, r, emit)
	case control.CmdGatewayAdd, control.CmdGatewayList, control.CmdGatewayRemove, control.CmdGatewayDrain, control.CmdGatewayFind,
		control.CmdDirectSet, control.CmdDirectShow:
		return p.homes().Serve(ctx, r, emit)
	case control.CmdLookup:
		return p.lookup(ctx, r, emit)
	case control.CmdAdd:
		return p.add(ctx, r, emit)
	case control.CmdRequests, control.CmdContacts:
		return p.contacts(ctx, r, emit)
	case control.CmdAccept:
		return p.accept(ctx, r, emit)
	case control.CmdBlock:
		return p.block(ctx, r, emit)
	case control.CmdRemove:
		return p.remove(ctx, r, emit)
	case control.CmdCardRenew:
		return p.renew(ctx, r, emit)
	case control.CmdSend:
		return p.send(ctx, r, emit)
	case control.CmdListen:
		return p.listen(ctx, r, emit)
	case control.CmdFrames:
		return p.frames(ctx, r, emit)
	case control.CmdHistory:
		return p.history(ctx, r, emit)
	case control.CmdRead:
		return p.read(ctx, r, emit)
	case control.CmdVerify:
		return p.verify(ctx, r, emit)
	case control.CmdStatus:
		return p.status(ctx, emit)
	case control.CmdPassphrase:
		return p.passphrase(ctx, r, emit)
	case control.CmdPhrase:
		return p.phrase(ctx, r, emit)
	case control.CmdExport:
		return p.export(ctx, r, emit)
	case control.CmdErase:
		return p.erase(ctx, r, emit)
	case control.CmdEvidence:
		return p.evidence(ctx, r, emit)
	case control.CmdDone:
		return p.done(ctx, r, emit)
	case control.CmdHold, control.CmdFree:
		return p.hold(r)
	case control.CmdFanList:
		return p.fanList(emit)
	case control.CmdFanRemove:
		return p.fanRemove(ctx, r, emit)
	case control.CmdProxySet, control.CmdProxyShow, control.CmdProxyClear:
		return p.proxy(ctx, r, emit)
	case "":
		return control.Usage(`the request names no command; for example {"cmd":"contacts"}`)
	}
	return control.Usage("there is no request %q; see docs/cli.md for those there are", r.Cmd)
}

// homes does what is asked for about gateways.
func (p *Profile) homes() homes.Homes {
	return homes.Homes{Client: p.Client, Kept: p.Kept, Until: p.until, Changed: func() { p.unsettled.Store(true) }}
}

// find looks a contact up. A bare number is the contact's number, as # has a
// meaning of its own in shells; that somebody calls themselves so does not help
// them.
func (p *Profile) find(ctx context.Context, who string) (client.Contact, error) {
	if who == "" {
		return client.Contact{}, control.Usage("the contact is missing; give a number, name or user ID from contacts")
	}
	if strings.Trim(who, "0123456789") == "" {
		if c, err := p.Client.Find(ctx, "#"+who); !errors.Is(err, client.ErrNoContact) {
			return c, err
		}
	}
	c, err := p.Client.Find(ctx, who)
	if errors.Is(err, client.ErrNoContact) {
		return c, control.Fail(control.NameNoContact, "there is no contact %q; see zms contacts and zms requests", who)
	}
	return c, err
}

// passphrase changes how the profile key is kept.
func (p *Profile) passphrase(ctx context.Context, r control.Request, emit control.Emit) error {
	if err := p.Keys.ChangePassphrase(ctx, unlock(r.OldPassphrase), unlock(r.NewPassphrase)); err != nil {
		return err
	}
	p.Locked.Store(r.NewPassphrase != nil)
	row, err := p.Identity(ctx)
	if err != nil {
		return err
	}
	return emit(row)
}

func unlock(passphrase *string) chat.Unlock {
	if passphrase == nil {
		return chat.NoPassphrase()
	}
	return chat.Passphrase(*passphrase)
}

// Await waits until ctx ends, or returns why the engine did.
func (p *Profile) Await(ctx context.Context) error {
	events := p.Client.Subscribe()
	defer events.Close()
	for {
		select {
		case <-ctx.Done():
			return nil
		case _, open := <-events.C:
			if !open && ctx.Err() == nil {
				return client.ErrStopped
			}
			if !open {
				return nil
			}
		}
	}
}

// Settle waits until no gateway owes an answer and nothing waits to go out, at
// most SettleWait, if a request was served that gateways have to hear of.
func (p *Profile) Settle(ctx context.Context) error {
	if p.Lasting || !p.unsettled.Load() {
		return nil
	}
	return p.until(ctx, SettleWait, func(s client.Status) bool {
		return connecting(s) == 0 && s.Waiting == 0 && s.Pending == 0
	})
}

// sync waits until everything that lies at the gateways has come in, unless
// the owner lasts: then that is always so.
func (p *Profile) sync(ctx context.Context) error {
	if p.Lasting {
		return nil
	}
	return p.until(ctx, SyncWait, func(s client.Status) bool {
		for _, g := range s.Gateways {
			if g.Up && !g.Current {
				return false
			}
		}
		return connecting(s) == 0
	})
}

// connecting counts the gateways of which nothing is known yet.
func connecting(s client.Status) (n int) {
	for _, g := range s.Gateways {
		if !g.Up && g.Retry.IsZero() {
			n++
		}
	}
	return n
}

// lookInterval is how often until looks.
const lookInterval = 20 * time.Millisecond

// until waits until the profile is as wanted, or for the given time: that it
// did not come to be is no error.
func (p *Profile) until(ctx context.Context, most time.Duration, wanted func(client.Status) bool) error {
	timeout := time.NewTimer(most)
	defer timeout.Stop()
	look := time.NewTicker(lookInterval)
	defer look.Stop()
	for {
		s, err := p.Client.Status(ctx)
		if err != nil || wanted(s) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timeout.C:
			return nil
		case <-look.C:
		}
	}
}
