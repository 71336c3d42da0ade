package engine

import (
	"zeroms/client/account"
	"zeroms/client/home"
	"zeroms/client/profile"
	"zeroms/client/publish"
	"zeroms/client/view"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// What the user publishes in the network of gateways, and finds there of others
// (package publish). The homes do both: they are asked for everything.

// desk is the engine as its Publisher sees it.
type desk struct{ e *Engine }

// Ask sends a request to a home after the turn.
func (d desk) Ask(node key.NodePublic, p wire.Payload, done func(wire.Payload, error)) {
	h := d.e.account.Home(node)
	if h == nil || !h.Up {
		done(nil, wire.ErrLinkClosed)
		return
	}
	d.e.ask(home.Request{To: h.Target(), Payload: p}, func(a home.Answered) {
		d.e.moved = true
		done(a.Payload, a.Err)
	})
}

// movedTo has what is published looked at in this turn: homes, leases, secrets or the
// device list may have changed.
func (e *Engine) movedTo() { e.resettled, e.moved = true, true }

// publish moves on what is published, if anything about it has changed or its time
// has come.
func (e *Engine) publish() {
	if e.resettled {
		e.resettled = false
		if err := e.publisher.Set(e.wanted()); err != nil {
			e.log.Error("the address record can't be made", "error", err)
		}
	}
	if !e.moved {
		return
	}
	e.moved = false
	if next := e.publisher.Turn(e.now); !next.IsZero() {
		e.alarms.Set(alarm{kind: alarmPublish}, next)
	}
}

// wanted is what the user's records are to say, and which homes publish them.
func (e *Engine) wanted() publish.Wanted {
	self := e.account.Self
	ref := self.List.Ref()
	w := publish.Wanted{Identity: self.Identity, Secrets: e.account.Secrets(), ListN: ref.N}
	w.ListHash, _ = self.List.HashAt(ref.N)
	w.Network, _ = e.account.Network()
	for _, l := range e.account.Located() {
		w.Leases = append(w.Leases, publish.Lease{Lease: l})
	}
	for _, h := range e.account.Homes() {
		w.Homes = append(w.Homes, h.Address.Node)
	}
	if e.account.Stopped() {
		w.Homes = nil
	}
	return w
}

// farewell takes back what a home would go on publishing.
func (e *Engine) farewell(node key.NodePublic) {
	h := e.account.Home(node)
	if h == nil || !h.Up {
		return
	}
	for _, put := range e.publisher.Farewell(node) {
		r := home.Request{To: h.Target(), Payload: put}
		e.After(func() { e.pool.Send(r) })
	}
}

// seek looks a person's address record up through the homes that are up, one
// question after another. done is called in the loop. Errors: wire.ErrLinkClosed
// without a home, wire.ErrNoRecord, and why the newest one found was refused.
func (e *Engine) seek(who publish.Person, fresh bool, done func(*publish.Found, error)) {
	search, err := publish.NewSearch(who, e.read.Known(who.User), fresh, e.now)
	if err != nil {
		done(nil, err)
		return
	}
	e.seekOn(search, who, 0, done)
}

// seekOn asks the next question, the try-th one.
func (e *Engine) seekOn(s *publish.Search, who publish.Person, try int, done func(*publish.Found, error)) {
	q, ok := s.Next()
	if !ok {
		done(nil, wire.ErrNoRecord)
		return
	}
	var up []*account.Home
	for _, h := range e.account.Homes() {
		if h.Up {
			up = append(up, h)
		}
	}
	if len(up) == 0 {
		done(nil, wire.ErrLinkClosed)
		return
	}
	to := up[try%len(up)].Target()
	e.ask(home.Request{To: to, Payload: &q}, func(a home.Answered) {
		var record []byte
		if r, is := a.Payload.(*wire.Record); is && a.Err == nil {
			record = r.Record
		}
		found, err := s.Answer(record, a.Err, e.now)
		switch {
		case found != nil:
			e.read.Note(who.User, found)
			done(found, nil)
		case err != nil:
			done(nil, err)
		default:
			e.seekOn(s, who, try+1, done)
		}
	})
}

// Seek finds where a contact receives, for the dispatcher.
func (h host) Seek(c *contact, done func(leases []profile.Gateway, err error)) {
	who := publish.Person{User: c.User, Secret: c.Secret, Network: c.Network}
	h.e.seek(who, len(c.Gateways)+len(c.Leases) > 0, func(f *publish.Found, err error) {
		if err != nil {
			done(nil, err)
			return
		}
		done(leasesOf(f), nil)
	})
}

func leasesOf(f *publish.Found) (out []profile.Gateway) {
	for _, l := range f.Leases {
		out = append(out, profile.FromLease(l.Lease))
	}
	return out
}

// Lookup finds what a person has published, by the address secret of their card; a
// zero one: by key alone. done is called in the loop. Errors: ErrNoGateway,
// wire.ErrNoRecord, wire.ErrLinkClosed, and why a record was refused.
func (e *Engine) Lookup(user key.IdentityPublic, secret key.AddressSecret, done func(view.Found, error)) {
	network, anywhere := e.account.Network()
	if !anywhere {
		done(view.Found{}, ErrNoGateway)
		return
	}
	e.seek(publish.Person{User: user, Secret: secret, Network: network}, false, func(f *publish.Found, err error) {
		if err != nil {
			done(view.Found{}, err)
			return
		}
		out := view.Found{Made: f.Made, ListN: f.ListN, Fork: f.Fork}
		for _, l := range f.Leases {
			out.Leases = append(out.Leases, view.Lease{Node: l.Node, Host: profile.FromLease(l.Lease).Endpoint().Addr(), Ends: l.Ends})
		}
		done(out, nil)
	})
}

// LookupContact is Lookup of a contact. Errors: Lookup's, ErrNoContact.
func (e *Engine) LookupContact(id view.ContactID, done func(view.Found, error)) {
	c, err := e.contact(id)
	if err != nil {
		done(view.Found{}, err)
		return
	}
	e.Lookup(c.User, c.Secret, done)
}

// published is how a home stands with what it is to publish.
func (e *Engine) published(node key.NodePublic) (view.Published, bool) {
	for _, s := range e.publisher.States(e.now) {
		if s.Node == node {
			p := view.Published{Days: s.Days, Missing: s.Missing, Holders: s.Holders, Stored: s.Stored, Verified: s.Verified}
			if s.Err != nil {
				p.Problem = s.Err.Error()
			}
			return p, true
		}
	}
	return view.Published{}, false
}
