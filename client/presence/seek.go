package presence

import (
	"zeroms/client/account"
	"zeroms/client/home"
	"zeroms/client/profile"
	"zeroms/client/publish"
	"zeroms/client/view"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Person is whose record is looked for, and what finds it.
type Person = publish.Person

// Seek looks a person's address record up through the homes that are up, one question
// after another; fresh asks for the newest of several copies. done is called in the
// loop. Errors: wire.ErrLinkClosed without a home, wire.ErrNoRecord, and why the newest
// one found was refused.
func (p *Presence) Seek(who Person, fresh bool, done func(*publish.Found, error)) {
	search, err := publish.NewSearch(who, p.read.Known(who.User), fresh, p.host.Now())
	if err != nil {
		done(nil, err)
		return
	}
	p.ask(search, who, 0, done)
}

// ask asks the next question, the try-th one.
func (p *Presence) ask(s *publish.Search, who Person, try int, done func(*publish.Found, error)) {
	q, ok := s.Next()
	if !ok {
		done(nil, wire.ErrNoRecord)
		return
	}
	var up []*account.Home
	for _, h := range p.account.Homes() {
		if h.Up {
			up = append(up, h)
		}
	}
	if len(up) == 0 {
		done(nil, wire.ErrLinkClosed)
		return
	}
	p.host.Ask(home.Request{To: up[try%len(up)].Target(), Payload: &q}, func(a home.Answered) {
		var record []byte
		if r, is := a.Payload.(*wire.Record); is && a.Err == nil {
			record = r.Record
		}
		found, err := s.Answer(record, a.Err, p.host.Now())
		switch {
		case found != nil:
			p.read.Note(who.User, found)
			done(found, nil)
		case err != nil:
			done(nil, err)
		default:
			p.ask(s, who, try+1, done)
		}
	})
}

// Gateways are where a found person receives.
func Gateways(f *publish.Found) (out []profile.Gateway) {
	for _, l := range f.Leases {
		out = append(out, profile.FromLease(l.Lease))
	}
	return out
}

// Lookup finds what a person has published, by the address secret of their card; a
// zero one: by key alone. done is called in the loop. Errors: wire.ErrLinkClosed without
// a home, and those of Seek.
func (p *Presence) Lookup(user key.IdentityPublic, secret key.AddressSecret, done func(view.Found, error)) {
	network, _ := p.account.Network()
	p.Seek(Person{User: user, Secret: secret, Network: network}, false, func(f *publish.Found, err error) {
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
