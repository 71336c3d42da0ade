package client

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"zeroms/client/delivery"
	"zeroms/client/home"
	"zeroms/client/profile"
	"zeroms/protocol/address"
	"zeroms/protocol/card"
	"zeroms/protocol/device"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
	"zeroms/protocol/session"
	"zeroms/protocol/wire"
)

// Errors about contacts.
var (
	ErrOwnCard   = errors.New("client: this is your own card; give it to somebody else")
	ErrNoContact = errors.New("client: there is no such contact; see contacts and requests")
	ErrNoGateway = errors.New("client: you have no gateway yet; add one first (gateway add ADDRESS)")
	ErrBlocked   = errors.New("client: this contact is blocked; accept them first")
	ErrRequest   = errors.New("client: this is a request; accept it first")
)

// contact is one person and the state of reaching them in this run.
type contact struct {
	profile.Contact
	conv        *message.Conversation
	bundles     map[key.DeviceID]*session.Bundle // fetched, not used yet
	fetching    bool
	fetch       delivery.Backoff
	leaseTurn   int
	problem     string
	acks        delivery.Acks
	answerDue   map[key.DeviceID]bool
	registering map[key.NodePublic]bool
	dirty       bool
	convDirty   bool
}

func newContact(p profile.Contact) *contact {
	return &contact{
		Contact: p, bundles: map[key.DeviceID]*session.Bundle{},
		answerDue: map[key.DeviceID]bool{}, registering: map[key.NodePublic]bool{},
	}
}

// meet makes a contact of somebody new; it is nobody's until admit.
func (e *engine) meet(user key.IdentityPublic) *contact {
	c := newContact(profile.NewContact(user, e.now))
	c.ID = e.lastID + 1
	c.Network = e.homes[e.order[0]].Address.Network
	c.conv = message.New(e.conversation(user))
	return c
}

// admit gives a new contact its place.
func (e *engine) admit(c *contact) {
	e.lastID = c.ID
	e.contacts[c.ID], e.byUser[c.User] = c, c
	c.dirty, c.convDirty = true, true
	e.indexContact(c)
}

// conversation tells whose conversation it is.
func (e *engine) conversation(user key.IdentityPublic) message.Config {
	origin, _ := e.self.List.Origin(e.self.Device)
	return message.Config{
		Self: e.self.User, Peer: user, Device: e.self.Device, List: e.self.List.Ref(), Origin: origin,
	}
}

// party is one device of a contact.
func (c *contact) party(id key.DeviceID) message.Party {
	return message.Party{User: c.User, Device: id}
}

func (c *contact) describe() Contact {
	return Contact{
		ID: c.ID, User: c.User, Name: c.Name(), State: c.State, Verified: c.Verified,
		Answered: !c.Theirs.IsZero(), Added: c.Added, Unread: int(c.Unread), Problem: c.problem,
	}
}

// addCardOf makes the owner of a card a contact and greets them: the greeting
// sets up the session and carries our name.
func (e *engine) addCardOf(k card.Card, alias string) (*contact, error) {
	switch {
	case k.User == e.self.User:
		return nil, ErrOwnCard
	case k.Expired(e.now):
		return nil, wire.ErrExpired
	case k.Public:
		return nil, wire.ErrWrongKind.Because("a public card; ask for a card of their own")
	case len(e.order) == 0:
		return nil, ErrNoGateway
	}
	c := e.byUser[k.User]
	if c == nil {
		c = e.meet(k.User)
		e.admit(c)
	}
	if alias != "" {
		c.Alias = alias
	}
	if c.Called == "" {
		c.Called = k.Name
	}
	c.Secret, c.Door, c.Turn, c.Gateways = k.Address, k.Door, 0, nil
	for _, g := range k.Gateways {
		c.Gateways = append(c.Gateways, profile.FromCard(g))
	}
	c.fetch.Reset()
	return c, e.welcome(c)
}

// welcome makes a contact an accepted one, whatever they were, and greets them.
func (e *engine) welcome(c *contact) error {
	greet := c.State != Accepted
	c.State, c.dirty = Accepted, true
	for _, n := range e.order {
		e.registerDrop(e.homes[n], c)
	}
	e.wantAck(c)
	e.wake(c)
	e.emit(ContactChanged{c.describe()})
	if !greet {
		return nil
	}
	_, err := e.compose(c, &message.Name{Name: e.self.Name})
	return err
}

// block ends the intake from a contact. What was said stays.
func (e *engine) block(c *contact) {
	c.State, c.dirty, c.problem = Blocked, true, ""
	for _, n := range e.order {
		if c.Registered[n] {
			drop, _ := c.Mine.Drop(n)
			e.deleteDrop(e.homes[n], drop)
		}
	}
	clear(c.Registered)
	e.emit(ContactChanged{c.describe()})
}

// announcement is a fingerprint of what a contact must know to write to us.
func (e *engine) announcement(c *contact) [32]byte {
	return sha256.Sum256(key.Join(c.Mine.Bytes(), e.self.Address.Bytes(), leaseBytes(e.leases())))
}

// needsAnnouncement reports whether the contact has to be told where we are.
// An init hands over enough to be answered; the rest follows the first answer.
func (e *engine) needsAnnouncement(c *contact) bool {
	return c.State == Accepted && !c.Theirs.IsZero() && len(e.order) > 0 && c.Announced != e.announcement(c)
}

// announce tells a contact of our drop and our gateways, once the drop is
// registered everywhere that is up.
func (e *engine) announce(c *contact) {
	if !e.needsAnnouncement(c) || len(c.Registered) == 0 {
		return
	}
	for _, n := range e.order {
		if e.homes[n].up && !c.Registered[n] {
			return
		}
	}
	c.Announced, c.dirty = e.announcement(c), true
	body := &message.Drops{W: c.Mine}
	for _, l := range e.leases() {
		body.Leases = append(body.Leases, l.Encode())
	}
	if _, err := e.compose(c, body); err != nil {
		e.log.Error("a contact could not be told of the gateways", "error", err)
	}
}

// setProblem notes why nothing can be sent to a contact.
func (e *engine) setProblem(c *contact, problem string) {
	if c.problem != problem {
		c.problem = problem
		e.emit(ContactChanged{c.describe()})
	}
}

// fetchProfile reads the contact's profile from one of their gateways, to
// learn their devices and prekeys. It tries one gateway after the other and
// backs off after each.
func (e *engine) fetchProfile(c *contact) {
	at := c.Gateways
	if !c.Theirs.IsZero() && len(c.Leases) > 0 {
		at = c.Leases
	}
	if c.fetching || len(at) == 0 {
		return
	}
	if !c.fetch.Ready(e.now) {
		e.alarms.Sooner(alarm{kind: alarmFetch, lane: lane{Contact: c.ID}}, c.fetch.Until)
		return
	}
	c.fetching = true
	turn := int(c.Turn) % len(at)
	user, secret, network := c.User, c.Secret, c.Network
	r := home.Request{To: home.Target{Endpoint: at[turn].Endpoint(), Network: network}}
	r.Make = func(node key.NodePublic) wire.Payload {
		name, err := key.ProfileName(user, secret, key.Place{Network: network, Node: node})
		if err != nil {
			return nil
		}
		return &wire.ProfileGet{Name: name}
	}
	e.request(r, func(a home.Answered) {
		c.fetching = false
		if err := e.profileCame(c, turn, a); err != nil {
			e.setProblem(c, err.Error())
			e.tryElsewhere(c)
			return
		}
		c.fetch.Reset()
		e.setProblem(c, "")
		e.wake(c)
	})
}

// tryElsewhere turns to the contact's next gateway after a pause.
func (e *engine) tryElsewhere(c *contact) {
	c.Turn, c.dirty = c.Turn+1, true
	c.leaseTurn++
	until := c.fetch.Fail(e.now, e.timing.FetchMin, e.timing.FetchMax)
	e.alarms.Sooner(alarm{kind: alarmFetch, lane: lane{Contact: c.ID}}, until)
}

// profileCame checks a profile and takes its device list, prekeys and leases.
func (e *engine) profileCame(c *contact, turn int, a home.Answered) error {
	if a.Err != nil {
		return a.Err
	}
	answer, ok := a.Payload.(*wire.Profile)
	if !ok {
		return wire.ErrUnexpected
	}
	p, err := address.Open(answer.Blob, c.User, c.Secret, key.Place{Network: c.Network, Node: a.Gateway}, e.now)
	if err != nil {
		return err
	}
	list, err := listOfProfile(c, p)
	if err != nil {
		return err
	}
	bundles, err := bundlesOf(list, p.Bundles, e.now)
	if err != nil {
		return err
	}
	c.List, c.bundles, c.dirty = list, bundles, true
	if c.Theirs.IsZero() && turn < len(c.Gateways) {
		c.learnGateways(turn, a.Gateway, p.Leases)
	}
	for id := range bundles {
		e.book.Know(lane{Contact: c.ID, Device: id})
	}
	return nil
}

// listOfProfile follows the device list with the entries of a profile and
// checks that a listed device signed it.
func listOfProfile(c *contact, p *address.Profile) (*device.List, error) {
	list := device.NewList(c.User)
	if c.List != nil {
		list = c.List.Clone()
	}
	for _, b := range p.List {
		entry, err := device.ParseEntry(b)
		if err != nil {
			return nil, err
		}
		if _, err := list.Accept(entry); err != nil && !errors.Is(err, wire.ErrStaleList) {
			return nil, err
		}
	}
	signer, ok := list.Device(p.Signer)
	if !ok || !list.Live(p.Signer) {
		return nil, wire.ErrStaleList.Because("the profile's signer is not listed")
	}
	return list, p.Verify(signer.DSK)
}

// bundlesOf verifies the bundles of a profile. One counts if its device is live
// and it names an entry of the list not older than the one that added the device.
func bundlesOf(list *device.List, encoded [][]byte, now time.Time) (map[key.DeviceID]*session.Bundle, error) {
	out := map[key.DeviceID]*session.Bundle{}
	var last error = wire.ErrExpired.Because("the profile has no prekey")
	for _, b := range encoded {
		for _, d := range list.Devices() {
			bundle, err := session.ParseBundle(b, d.DSK, now)
			if err != nil {
				last = err
				continue
			}
			if _, ok := list.Vouches(d.ID, device.Ref{N: bundle.List.N, Hash: bundle.List.Hash}); !ok {
				last = wire.ErrStaleList.Because("a prekey names an unknown device list")
				continue
			}
			out[d.ID] = bundle
		}
	}
	if len(out) == 0 {
		return nil, last
	}
	return out, nil
}

// learnGateways notes the key behind a card's hash, and where else the card's
// owner is.
func (c *contact) learnGateways(turn int, node key.NodePublic, leases []address.Lease) {
	c.Gateways[turn].Key = node[:]
	for _, l := range leases {
		g := profile.FromLease(l)
		known := slices.ContainsFunc(c.Gateways, func(k profile.Gateway) bool { return k.Hash == g.Hash })
		if !known && len(c.Gateways) < address.MaxLeases {
			c.Gateways = append(c.Gateways, g)
		}
	}
}

// find looks a contact up by #number, name or user ID text.
func (e *engine) find(who string) (*contact, error) {
	if id, err := key.ParseUserID(who); err == nil {
		if c := e.byUser[id]; c != nil {
			return c, nil
		}
	}
	var hit *contact
	for _, c := range e.sortedContacts() {
		if fmt.Sprintf("#%d", c.ID) == who {
			return c, nil
		}
		if c.Name() == who {
			if hit != nil {
				return nil, fmt.Errorf("client: several contacts are called %q; use their number (#1, #2, ... in contacts)", who)
			}
			hit = c
		}
	}
	if hit == nil {
		return nil, ErrNoContact
	}
	return hit, nil
}

// sortedContacts returns everyone, by number.
func (e *engine) sortedContacts() []*contact {
	out := make([]*contact, 0, len(e.contacts))
	for _, c := range e.contacts {
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b *contact) int { return int(a.ID) - int(b.ID) })
	return out
}
