package engine

import (
	"errors"
	mathrand "math/rand/v2"
	"time"

	"zeroms/client/account"
	"zeroms/client/profile"
	"zeroms/client/reach"
	"zeroms/client/sessions"
	"zeroms/client/view"
	"zeroms/protocol/address"
	"zeroms/protocol/envelope"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
	"zeroms/protocol/session"
	"zeroms/protocol/wire"
)

// Bounds of what strangers may leave before the user decides.
const (
	maxRequests  = 500 // requests in all
	maxPerCard   = 100 // requests through one card
	maxUndecided = 32  // messages of one request
)

// seenDays is how long the hashes of processed envelopes are kept, in days.
const seenDays = uint32(wire.DedupeWindow / (24 * time.Hour))

// receive takes one envelope out of a row of the mailbox. An envelope that was
// processed before, or that nothing here can open, leaves no trace but its row.
func (e *Engine) receive(h *account.Home, row *wire.Push) {
	hash := [16]byte(row.Hash[:16])
	if _, known := e.seen[hash]; known {
		return
	}
	if err := e.open(h, row); err != nil {
		e.ignored++
		e.log.Debug("an envelope was ignored", "reason", err)
		return
	}
	e.remember(hash, profile.Day(e.now))
}

// remember notes a hash until seenDays after the day.
func (e *Engine) remember(hash [16]byte, day uint32) {
	e.seen[hash] = day
	e.put = append(e.put, profile.SeenRow(hash, day))
}

// open finds whom an envelope may be from by where it lay, and opens it.
func (e *Engine) open(h *account.Home, row *wire.Push) error {
	place := at(h, row)
	c, k := e.drops[place], e.account.Door(place)
	switch {
	case c == nil && k == nil, k != nil && k.Revoked, c != nil && c.State == profile.Blocked:
		return wire.ErrUnknownDrop
	case (row.Kind == wire.RowDoor) != (k != nil):
		return wire.ErrUnexpected
	case envelope.IsInit(row.Payload):
		return e.openInit(row, c, k)
	case c == nil:
		return wire.ErrUnexpected
	}
	env, err := envelope.Parse(row.Payload)
	if err != nil {
		return err
	}
	o, err := e.book.Open(c.ID, env, e.now)
	if err != nil {
		return err
	}
	return e.take(row, c, o)
}

// openInit opens an envelope that carries a handshake: of a session that is
// known already, or of a new one.
func (e *Engine) openInit(row *wire.Push, c *contact, k *account.Card) error {
	head, env, err := envelope.ParseInit(row.Payload)
	if err != nil {
		return err
	}
	in := session.InitMessage(*head)
	if l, known := e.book.Owner(&in); known {
		owner := e.contacts[l.Contact]
		if owner.State == profile.Blocked || c != nil && c != owner {
			return wire.ErrWrongRecipient
		}
		o, err := e.book.Open(owner.ID, env, e.now)
		if err != nil {
			return err
		}
		return e.take(row, owner, o)
	}
	hash := in.Hash()
	if _, known := e.seen[[16]byte(hash[:16])]; known {
		return wire.ErrReplayed
	}
	o, err := sessions.Accept(env, &in, e.account.AcceptParams(k), e.now)
	if err != nil {
		return err
	}
	if door := o.Block.Flags&session.FlagDoor != 0; door != (k != nil) {
		return wire.ErrWrongRecipient.Because("an init made for another place")
	}
	return e.openFirst(row, c, k, o)
}

// openFirst takes the first message of a new session: everything is checked
// before the contact, the session and the message come to stay.
func (e *Engine) openFirst(row *wire.Push, c *contact, k *account.Card, o *sessions.Opened) error {
	from := e.byUser[o.Block.Identity]
	if c != nil && c != from || from != nil && from.State == profile.Blocked || o.Block.Identity == e.account.Self.User {
		return wire.ErrWrongRecipient
	}
	stranger := from == nil
	if stranger {
		if all, here := e.requestsBy(k.ID); all >= maxRequests || here >= maxPerCard {
			return wire.ErrLimit.Because("requests that wait for a decision")
		}
		from = e.meet(o.Block.Identity)
		from.State, from.Via = profile.Requested, k.ID
	}
	list, err := reach.FollowInit(&from.Contact, o.Block)
	if err != nil {
		return err
	}
	if err := e.book.Join(o, from.ID, e.now); err != nil {
		return err
	}
	before := from.List
	from.List = list
	if stranger {
		// take may already compose or emit for the contact, so it has to have its place.
		e.admit(from)
	}
	if err := e.take(row, from, o); err != nil {
		from.List = before
		if stranger {
			e.dismiss(from)
		}
		return err
	}
	hash := o.EncHash()
	e.remember([16]byte(hash[:16]), profile.Day(e.now.Add(session.PrekeyErased))-seenDays)
	e.forgetUnlisted(from)
	reach.TakeHandover(&from.Contact, o.Block, e.account.Scope())
	from.dirty = true
	if from.State == profile.Accepted {
		wait := e.timing.AnswerMin + jitter(e.timing.AnswerMax-e.timing.AnswerMin)
		e.alarms.Sooner(alarm{kind: alarmAnswer, lane: o.Lane}, e.now.Add(wait))
	}
	e.wake(from)
	e.emit(view.ContactChanged{Contact: from.describe()})
	return nil
}

// dismiss takes back admit.
func (e *Engine) dismiss(c *contact) {
	delete(e.contacts, c.ID)
	delete(e.byUser, c.User)
	e.lastID = c.ID - 1
	e.indexDrops()
}

// jitter is a random part of d.
func jitter(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return mathrand.N(d)
}

// requests counts the strangers who wait for a decision.
func (e *Engine) requests() int {
	all, _ := e.requestsBy(key.CardID{})
	return all
}

// requestsBy counts them, and of them those who came through a card.
func (e *Engine) requestsBy(card key.CardID) (all, through int) {
	for _, c := range e.contacts {
		if c.State == profile.Requested {
			all++
			if c.Via == card {
				through++
			}
		}
	}
	return all, through
}

// incoming is a message whose signature, parties and body hold.
type incoming struct {
	msg    *message.Message
	body   message.Body
	record envelope.Record
}

// take checks the messages of an envelope and accepts them: the main one into
// its chain, side messages by whoever they are for. If the main one is refused
// nothing changes, the session included; a refused rider is left out.
func (e *Engine) take(row *wire.Push, c *contact, o *sessions.Opened) error {
	main, err := check(e.account.Self.User, c, o.Lane.Device, o.Records[0])
	if err != nil {
		return err
	}
	if err := e.accept(row, c, main, o.Base); err != nil {
		return err
	}
	e.book.Keep(o)
	e.awake[o.Lane] = struct{}{}
	for _, r := range o.Records[1:] {
		rider, err := check(e.account.Self.User, c, o.Lane.Device, r)
		if err == nil && !rider.msg.Header.Kind.Side() {
			err = wire.ErrUnexpected
		}
		if err == nil {
			err = e.side(c, rider, o.Base)
		}
		if err != nil {
			e.log.Debug("a riding message was ignored", "reason", err)
		}
	}
	return nil
}

// check verifies one message of a device of a contact to us.
func check(self key.IdentityPublic, c *contact, from key.DeviceID, r envelope.Record) (*incoming, error) {
	m, err := message.Parse(r.Message)
	if err != nil {
		return nil, err
	}
	if m.Header.Device != from {
		return nil, wire.ErrWrongRecipient.Because("a message of another device")
	}
	d, ok := c.List.Device(from)
	if !ok || !c.List.Live(from) {
		return nil, wire.ErrStaleList
	}
	if err := m.Verify(d.DSK, c.User, self); err != nil {
		return nil, err
	}
	if err := m.CheckBody(r.Salt, r.Body); err != nil {
		return nil, err
	}
	body, err := message.ParseBody(m.Header.Kind, r.Body)
	if err != nil {
		return nil, err
	}
	return &incoming{msg: m, body: body, record: r}, nil
}

// accept puts a verified message where it belongs.
func (e *Engine) accept(row *wire.Push, c *contact, in *incoming, base uint32) error {
	switch {
	case c.State == profile.Requested && (in.msg.Header.Kind.Side() || c.Waiting >= maxUndecided):
		return wire.ErrLimit.Because("messages of a request that waits for a decision")
	case in.msg.Header.Kind.Side():
		return e.side(c, in, base)
	}
	origin, _ := c.List.Origin(in.msg.Header.Device)
	got, err := c.conv.Accept(in.msg, message.Arrival{Base: base, Origin: origin}, e.history.Archive(c.conv.ID()))
	if fork := new(message.ForkError); errors.As(err, &fork) {
		c.convDirty = true
		e.log.Error("two different messages claim one place of a contact's chain", "contact", c.ID, "device", fork.From.Device.String())
		e.emit(view.ContactChanged{Contact: c.describe()})
	}
	if err != nil {
		return err
	}
	c.convDirty = true
	for _, to := range got.Moved {
		if err := e.history.Move(to); err != nil {
			e.log.Error("a message to be moved can't be read", "error", err)
		}
	}
	if got.Duplicate {
		e.wantSilentAck(c)
		return nil
	}
	m := profile.NewMessage(in.msg, profile.Content{User: c.User, Salt: in.record.Salt, Body: in.record.Body})
	m.Contact, m.Height, m.Late, m.At, m.Gateway = c.ID, got.Height, got.Late, e.now, wire.Time(row.Time)
	if m.Shown() {
		c.Unread++
		e.wantAck(c)
	} else {
		e.wantSilentAck(c)
	}
	if c.State == profile.Requested {
		c.Waiting++
	}
	e.history.Add(m)
	e.apply(c, in, profile.Place{Height: got.Height, ID: got.ID, Device: m.Device, Seq: m.Seq})
	return nil
}

// apply does what a chained message asks for. Names and addresses count only if
// no later ones are known: an old message that comes late takes nothing back.
func (e *Engine) apply(c *contact, in *incoming, place profile.Place) {
	switch b := in.body.(type) {
	case *message.Name:
		if place.After(c.NameAt) {
			c.Called, c.NameAt, c.dirty = b.Name, place, true
			e.emit(view.ContactChanged{Contact: c.describe()})
		}
	case *message.Drops:
		if place.After(c.DropsAt) {
			e.theirDrops(c, b, place)
		}
	case *message.Read:
		e.theyRead(c, in.msg.Header.Device, b)
	}
}

// theirDrops takes the addresses that a contact announces.
func (e *Engine) theirDrops(c *contact, b *message.Drops, place profile.Place) {
	var leases []profile.Gateway
	for _, raw := range b.Leases {
		l, err := address.ParseLease(raw)
		if err != nil {
			e.log.Debug("a contact announced a gateway that can't be used", "reason", err)
			continue
		}
		leases = append(leases, profile.FromLease(l))
	}
	if leases = reach.Within(e.account.Scope(), leases); len(leases) == 0 {
		return
	}
	c.Theirs, c.Leases, c.leaseTurn, c.dirty = b.W, leases, 0, true
	c.Secret, c.DropsAt = b.Address, place
	e.outbox.Revive()
	e.wake(c)
	e.emit(view.ContactChanged{Contact: c.describe()})
}

// side takes a side message. Its ratchet message opens only once, so it can't
// come twice; it counts only if it is addressed to this device or to all.
func (e *Engine) side(c *contact, in *incoming, base uint32) error {
	from := c.party(in.msg.Header.Device)
	switch b := in.body.(type) {
	case *message.Ack:
		if b.To != (key.DeviceID{}) && b.To != e.account.Self.Device {
			return wire.ErrWrongRecipient
		}
		e.theyAcked(c, from, b)
	case *message.Heads:
		if b.To != (key.DeviceID{}) && b.To != e.account.Self.Device {
			return wire.ErrWrongRecipient
		}
		c.conv.NoteHeads(from, base, b)
		c.convDirty = true
	}
	return nil
}
