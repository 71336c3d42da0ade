package engine

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"zeroms/client/delivery"
	"zeroms/client/home"
	"zeroms/client/profile"
	"zeroms/client/reach"
	"zeroms/client/view"
	"zeroms/protocol/card"
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
	ErrSeveral   = errors.New("client: several contacts have this name; use their number (#1, #2, ... in contacts)")
	ErrBlocked   = errors.New("client: this contact is blocked; accept them first")
	ErrRequest   = errors.New("client: this is a request; accept it first")
	// ErrUnreachable is returned for a card whose gateways are all inside a
	// network that none of the user's own gateways is in.
	ErrUnreachable = errors.New("client: the card names no gateway that can be reached from here; ask for a card made with a public gateway")
)

// contact is one person and the state of reaching them in this run.
type contact struct {
	profile.Contact
	conv      *message.Conversation
	bundles   map[key.DeviceID]*session.Bundle // fetched, not used yet
	fetching  bool
	fetch     delivery.Backoff
	leaseTurn int
	problem   string
	acks      delivery.Acks
	answerDue map[key.DeviceID]bool
	ackTurn   uint64            // counts what was to be acknowledged
	riders    map[uint64]uint64 // by item: ackTurn of the acknowledgement that rides on it
	knocking  map[key.DeviceID]bool
	dirty     bool
	convDirty bool
}

func newContact(p profile.Contact) *contact {
	return &contact{
		Contact: p, bundles: map[key.DeviceID]*session.Bundle{},
		answerDue: map[key.DeviceID]bool{}, riders: map[uint64]uint64{}, knocking: map[key.DeviceID]bool{},
	}
}

// meet makes a contact of somebody new; it is nobody's until admit.
func (e *Engine) meet(user key.IdentityPublic) *contact {
	c := newContact(profile.NewContact(user, e.now))
	c.ID = e.lastID + 1
	c.Network, _ = e.account.Network()
	c.conv = message.New(e.conversation(user))
	return c
}

// admit gives a new contact its place.
func (e *Engine) admit(c *contact) {
	e.lastID = c.ID
	e.contacts[c.ID], e.byUser[c.User] = c, c
	c.dirty, c.convDirty = true, true
	e.indexContact(c)
}

// conversation tells whose conversation it is.
func (e *Engine) conversation(user key.IdentityPublic) message.Config {
	origin, _ := e.account.Self.List.Origin(e.account.Self.Device)
	return message.Config{
		Self: e.account.Self.User, Peer: user, Device: e.account.Self.Device, List: e.account.Self.List.Ref(), Origin: origin,
	}
}

// party is one device of a contact.
func (c *contact) party(id key.DeviceID) message.Party {
	return message.Party{User: c.User, Device: id}
}

func (c *contact) describe() view.Contact {
	return view.OfContact(&c.Contact, c.conv.Frozen(), c.problem)
}

// addCardOf makes the owner of a card a contact and greets them: the greeting
// sets up the session and carries our name.
func (e *Engine) addCardOf(k card.Card, alias string) (*contact, error) {
	_, anywhere := e.account.Network()
	switch {
	case k.User == e.account.Self.User:
		return nil, ErrOwnCard
	case k.Expired(e.now):
		return nil, wire.ErrExpired
	case k.Public:
		return nil, wire.ErrWrongKind.Because("a public card; ask for a card of their own")
	case !anywhere:
		return nil, ErrNoGateway
	}
	var gateways []profile.Gateway
	for _, g := range k.Gateways {
		gateways = append(gateways, profile.FromCard(g))
	}
	if gateways = reach.Within(e.account.Scope(), gateways); len(gateways) == 0 {
		return nil, ErrUnreachable
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
	c.Secret, c.Door, c.Turn, c.Gateways = k.Address, k.Door, 0, gateways
	c.fetch.Reset()
	e.outbox.Hurry()
	for _, id := range e.book.Devices(c.ID) { // an init for another door can't be used here
		e.book.Unbind(lane{Contact: c.ID, Device: id})
	}
	return c, e.welcome(c)
}

// welcome makes a contact an accepted one, whatever they were, and greets them.
func (e *Engine) welcome(c *contact) error {
	greet := c.State != profile.Accepted
	c.State, c.Waiting, c.dirty, c.convDirty = profile.Accepted, 0, true, true
	e.registerDrop(c)
	if greet && len(e.book.Devices(c.ID)) > 0 {
		e.wantAck(c)
	}
	e.wake(c)
	e.emit(view.ContactChanged{Contact: c.describe()})
	if !greet {
		return nil
	}
	_, err := e.compose(c, &message.Name{Name: e.account.Self.Name})
	return err
}

// block ends the intake from a contact. What was said stays.
func (e *Engine) block(c *contact) {
	c.State, c.dirty, c.problem = profile.Blocked, true, ""
	e.registerDrop(c)
	e.emit(view.ContactChanged{Contact: c.describe()})
}

// announcement is a fingerprint of what a contact must know to write to us.
func (e *Engine) announcement(c *contact) [32]byte {
	return sha256.Sum256(key.Join(c.Mine.Bytes(), e.account.Self.Address.Bytes(), e.account.Fingerprint()))
}

// needsAnnouncement reports whether the contact has to be told where we are.
// An init hands over enough to be answered; the rest follows the first answer.
func (e *Engine) needsAnnouncement(c *contact) bool {
	_, anywhere := e.account.Network()
	return c.State == profile.Accepted && !c.Theirs.IsZero() && anywhere && c.Announced != e.announcement(c)
}

// announce tells a contact of our drop and our gateways, once the drop is
// registered everywhere that is up.
func (e *Engine) announce(c *contact) {
	if !e.needsAnnouncement(c) || len(c.Registered) == 0 {
		return
	}
	for _, h := range e.account.Homes() {
		if h.Up && !c.Registered[h.Address.Node] {
			return
		}
	}
	c.Announced, c.dirty = e.announcement(c), true
	body := &message.Drops{W: c.Mine, Address: e.account.Self.Address}
	for _, l := range e.account.Leases() {
		body.Leases = append(body.Leases, l.Encode())
	}
	if _, err := e.compose(c, body); err != nil {
		e.log.Error("a contact could not be told of the gateways", "error", err)
	}
}

// setProblem notes why nothing can be sent to a contact.
func (e *Engine) setProblem(c *contact, problem string) {
	if c.problem != problem {
		c.problem = problem
		e.emit(view.ContactChanged{Contact: c.describe()})
	}
}

// fetchProfile reads the contact's profile from one of their gateways, to
// learn their devices and prekeys. It tries one gateway after the other and
// backs off after each.
func (e *Engine) fetchProfile(c *contact) {
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
	from := at[int(c.Turn%uint32(len(at)))]
	user, secret, network := c.User, c.Secret, c.Network
	r := home.Request{To: home.Target{Endpoint: from.Endpoint(), Network: network}}
	r.Make = func(node key.NodePublic) wire.Payload {
		name, err := key.ProfileName(user, secret, key.Place{Network: network, Node: node})
		if err != nil {
			return nil
		}
		return &wire.ProfileGet{Name: name}
	}
	e.ask(r, func(a home.Answered) {
		c.fetching = false
		if err := e.profileCame(c, from.Hash, a); err != nil {
			e.setProblem(c, err.Error())
			e.tryElsewhere(c)
			return
		}
		c.fetch.Reset()
		e.setProblem(c, "")
		e.wake(c)
	})
}

// fetchSoon has the contact's profile read again after a pause, in case they
// moved.
func (e *Engine) fetchSoon(c *contact) {
	until := c.fetch.Fail(e.now, e.timing.FetchMin, e.timing.FetchMax)
	e.alarms.Sooner(alarm{kind: alarmMoved, lane: lane{Contact: c.ID}}, until)
}

// tryElsewhere turns to the contact's next gateway after a pause.
func (e *Engine) tryElsewhere(c *contact) {
	c.Turn, c.dirty = c.Turn+1, true
	c.leaseTurn++
	until := c.fetch.Fail(e.now, e.timing.FetchMin, e.timing.FetchMax)
	e.alarms.Sooner(alarm{kind: alarmFetch, lane: lane{Contact: c.ID}}, until)
}

// profileCame takes what a profile says.
func (e *Engine) profileCame(c *contact, at key.GatewayHash, a home.Answered) error {
	if a.Err != nil {
		return a.Err
	}
	answer, ok := a.Payload.(*wire.Profile)
	if !ok {
		return wire.ErrUnexpected
	}
	source := reach.Source{Place: key.Place{Network: c.Network, Node: a.Gateway}, Seen: reach.Seen(&c.Contact, at)}
	p, err := reach.ReadProfile(&c.Contact, answer.Blob, source, e.now)
	if err != nil {
		return err
	}
	c.List, c.bundles, c.dirty = p.List, p.Bundles, true
	reach.Learn(&c.Contact, a.Gateway, p, e.account.Scope())
	e.forgetUnlisted(c)
	for id := range p.Bundles {
		e.book.Know(lane{Contact: c.ID, Device: id})
	}
	return nil
}

// forgetUnlisted gives up the sessions with devices that the contact's list no
// longer names, and what waited for them.
func (e *Engine) forgetUnlisted(c *contact) {
	for _, id := range e.book.Devices(c.ID) {
		if c.List == nil || c.List.Live(id) {
			continue
		}
		l := lane{Contact: c.ID, Device: id}
		for _, i := range slices.Clone(e.outbox.Of(l)) {
			if m, err := e.history.Find(i.Message); err == nil {
				m.Drop(id)
				e.history.Change(m)
			}
			e.finish(i)
		}
		e.book.Forget(l)
		delete(c.bundles, id)
	}
}

// find looks a contact up by #number, name or user ID text.
func (e *Engine) find(who string) (*contact, error) {
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
				return nil, ErrSeveral
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
func (e *Engine) sortedContacts() []*contact {
	out := make([]*contact, 0, len(e.contacts))
	for _, c := range e.contacts {
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b *contact) int { return int(a.ID) - int(b.ID) })
	return out
}
