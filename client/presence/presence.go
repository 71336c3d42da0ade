// Package presence is the user in the network of gateways: what they publish there
// through their homes, and where others are found (package publish has the rules).
// It is plain state for one goroutine: its Host tells the time and asks.
package presence

import (
	"log/slog"
	"time"

	"zeroms/client/account"
	"zeroms/client/home"
	"zeroms/client/profile"
	"zeroms/client/publish"
	"zeroms/client/view"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Host performs what a Presence decides.
type Host interface {
	// Now is the time of the turn.
	Now() time.Time
	// Ask sends a request after the turn; its answer comes back into the loop.
	Ask(r home.Request, done func(home.Answered))
}

// Presence publishes the user's records and finds those of others.
type Presence struct {
	host      Host
	log       *slog.Logger
	account   *account.Account
	publisher *publish.Publisher
	read      *publish.Memory // of others
	changed   bool            // what is to be published may have changed
	due       bool            // something is to be done
}

// New makes a Presence that has published nothing and found nobody.
func New(host Host, a *account.Account, log *slog.Logger) *Presence {
	p := &Presence{host: host, log: log, account: a, read: publish.NewMemory()}
	p.publisher = publish.New(desk{p})
	return p
}

// desk is the homes as the Publisher sees them.
type desk struct{ p *Presence }

// Ask sends a request to a home after the turn.
func (d desk) Ask(node key.NodePublic, payload wire.Payload, done func(wire.Payload, error)) {
	h := d.p.account.Home(node)
	if h == nil || !h.Up {
		done(nil, wire.ErrLinkClosed)
		return
	}
	d.p.host.Ask(home.Request{To: h.Target(), Payload: payload}, func(a home.Answered) {
		d.p.due = true
		done(a.Payload, a.Err)
	})
}

// Restore takes a row of what was published or read; ok is false for other rows.
func (p *Presence) Restore(r profile.Row) (ok bool, err error) {
	if ok, err = p.publisher.Restore(r); ok {
		return ok, err
	}
	return p.read.Restore(r)
}

// Collect returns the rows that the turn changed and erased.
func (p *Presence) Collect() (put []profile.Row, gone []profile.Ref) {
	put, gone = p.publisher.Collect()
	known, unknown := p.read.Collect()
	return append(put, known...), append(gone, unknown...)
}

// Changed has what is published looked at in this turn: homes, leases, secrets or the
// device list may be others than before.
func (p *Presence) Changed() { p.changed, p.due = true, true }

// Due has it moved on in this turn: its time has come.
func (p *Presence) Due() { p.due = true }

// Connected follows a home that is up.
func (p *Presence) Connected(node key.NodePublic) {
	p.Changed()
	p.publisher.Up(node)
}

// Disconnected follows homes that are up no more.
func (p *Presence) Disconnected() {
	for _, h := range p.account.Homes() {
		if !h.Up {
			p.publisher.Down(h.Address.Node)
		}
	}
	p.due = true
}

// Advance moves on what is published, if anything about it has changed or its time has
// come; next is when to look again, zero: not before something happens.
func (p *Presence) Advance() (next time.Time) {
	if p.changed {
		p.changed = false
		if err := p.publisher.Set(p.wanted()); err != nil {
			p.log.Error("the address record can't be made", "error", err)
		}
	}
	if !p.due {
		return next
	}
	p.due = false
	return p.publisher.Turn(p.host.Now())
}

// wanted is what the user's records are to say, and which homes publish them.
func (p *Presence) wanted() publish.Wanted {
	self := p.account.Self
	ref := self.List.Ref()
	w := publish.Wanted{Identity: self.Identity, Secrets: p.account.Secrets(), ListN: ref.N}
	w.ListHash, _ = self.List.HashAt(ref.N)
	w.Network, _ = p.account.Network()
	for _, l := range p.account.Located() {
		w.Leases = append(w.Leases, publish.Lease{Lease: l})
	}
	if !p.account.Stopped() {
		for _, h := range p.account.Homes() {
			w.Homes = append(w.Homes, h.Address.Node)
		}
	}
	return w
}

// Farewell is what a home is told before it is left, so that it publishes nothing more.
func (p *Presence) Farewell(node key.NodePublic) (out []home.Request) {
	h := p.account.Home(node)
	if h == nil || !h.Up {
		return nil
	}
	for _, put := range p.publisher.Farewell(node) {
		out = append(out, home.Request{To: h.Target(), Payload: put})
	}
	return out
}

// At is how a home stands with what it is to publish.
func (p *Presence) At(node key.NodePublic) (out view.Published) {
	for _, s := range p.publisher.States(p.host.Now()) {
		if s.Node != node {
			continue
		}
		out = view.Published{Days: s.Days, Missing: s.Missing, Holders: s.Holders, Stored: s.Stored, Verified: s.Verified}
		if s.Err != nil {
			out.Problem = s.Err.Error()
		}
	}
	return out
}

// Forget forgets what was read of a person.
func (p *Presence) Forget(user key.IdentityPublic) { p.read.Forget(user) }
