package engine

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"zeroms/client/account"
	"zeroms/client/profile"
	"zeroms/client/reach"
	"zeroms/client/sessions"
	"zeroms/client/view"
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
	case c == nil && k == nil, k != nil && k.Revoked, c != nil && shutOut(c):
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
		if shutOut(owner) || c != nil && c != owner {
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
	stranger := from == nil || from.State == profile.Removed
	if stranger {
		if all, here := e.requestsBy(k.ID); all >= maxRequests || here >= maxPerCard {
			return wire.ErrLimit.Because("requests that wait for a decision")
		}
		known := from != nil
		from = e.stranger(o.Block.Identity, k)
		if err := e.takeFirst(row, from, o); err != nil {
			e.dismiss(from, known)
			return err
		}
		if known {
			e.again(from)
		}
	} else if err := e.takeFirst(row, from, o); err != nil {
		return err
	}
	e.dispatch.InitCame(from, o)
	hash := o.EncHash()
	e.remember([16]byte(hash[:16]), profile.Day(e.now.Add(session.PrekeyErased))-seenDays)
	e.dispatch.ForgetUnlisted(from)
	reach.TakeHandover(&from.Contact, o.Block, e.account.Scope())
	from.Dirty = true
	e.dispatch.Wake(from)
	e.changed(from)
	return nil
}

// takeFirst follows the device list in an init and takes the message behind it.
func (e *Engine) takeFirst(row *wire.Push, from *contact, o *sessions.Opened) error {
	list, err := reach.FollowInit(&from.Contact, o.Block)
	if err != nil {
		return err
	}
	if err := e.book.Join(o, from.ID, e.now); err != nil {
		return err
	}
	before := from.List
	from.List = list
	if e.contacts[from.ID] == nil {
		// take may already compose or emit for the contact, so it has to have its place.
		e.admit(from)
	}
	if err := e.take(row, from, o); err != nil {
		from.List = before
		return err
	}
	return nil
}

// dismiss takes back that somebody became a request; known tells that they were
// removed before.
func (e *Engine) dismiss(c *contact, known bool) {
	switch {
	case known:
		c.State, c.Via = profile.Removed, key.CardID{}
	case e.contacts[c.ID] == c:
		delete(e.contacts, c.ID)
		delete(e.byUser, c.User)
		e.lastID = c.ID - 1
		e.indexDrops()
	}
}

// shutOut reports whether nothing of a contact is taken where it lies now.
func shutOut(c *contact) bool { return c.State == profile.Blocked || c.State == profile.Removed }

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
type incoming = sessions.Incoming

// take checks the messages of an envelope and accepts them: the main one into
// its chain, side messages by whoever they are for. If the main one is refused
// nothing changes, the session included; a refused rider is left out.
func (e *Engine) take(row *wire.Push, c *contact, o *sessions.Opened) error {
	by := sessions.From{Person: c.User, Device: o.Lane.Device, List: c.List, Self: e.account.Self.User}
	main, err := sessions.Check(by, o.Records[0])
	if err != nil {
		return err
	}
	if main.Message.Header.Kind.Side() {
		if err := e.admissible(c, main); err != nil {
			return err
		}
		e.book.Keep(o)
		e.side(c, main, o)
	} else {
		if err := e.accept(row, c, main, o); err != nil {
			return err
		}
		e.book.Keep(o)
	}
	e.dispatch.Heard(c, o.Lane)
	for _, r := range o.Records[1:] {
		rider, err := sessions.Check(by, r)
		if err == nil && !rider.Message.Header.Kind.Side() {
			err = wire.ErrUnexpected
		}
		if err == nil {
			err = e.admissible(c, rider)
		}
		if err != nil {
			e.log.Debug("a riding message was ignored", "reason", err)
			continue
		}
		e.side(c, rider, o)
	}
	return nil
}

// admissible tells whether a side message counts: it does for an accepted
// contact, if it is addressed to this device or to all.
func (e *Engine) admissible(c *contact, in *incoming) error {
	if c.State == profile.Requested {
		return wire.ErrLimit.Because("messages of a request that waits for a decision")
	}
	if to, ok := in.Body.(message.Addressed); ok && to.Addressee() != (key.DeviceID{}) && to.Addressee() != e.account.Self.Device {
		return wire.ErrWrongRecipient
	}
	return nil
}

// accept puts a verified message where it belongs.
func (e *Engine) accept(row *wire.Push, c *contact, in *incoming, o *sessions.Opened) error {
	if c.State == profile.Requested && c.Waiting >= maxUndecided {
		return wire.ErrLimit.Because("messages of a request that waits for a decision")
	}
	if in.Body == nil && !misses(c, in.Message) {
		return wire.ErrUnexpected.Because("a header without content that nobody asked for")
	}
	base := o.Base
	if in.Message.Header.Device != o.Lane.Device {
		base = 0
	}
	origin, _ := c.List.Origin(in.Message.Header.Device)
	got, err := c.Conv.Accept(in.Message, message.Arrival{Base: base, Origin: origin}, e.history.Archive(c.Conv.ID()))
	if fork := new(message.ForkError); errors.As(err, &fork) {
		c.ConvDirty = true
		e.log.Error("two different messages claim one place of a contact's chain", "contact", c.ID, "device", fork.From.Device.String())
		e.changed(c)
	}
	if err != nil {
		return err
	}
	c.ConvDirty = true
	e.move(got.Moved)
	c.Repair.Arrived(c.Party(in.Message.Header.Device), in.Message.Header.Seq)
	if got.Duplicate {
		e.fillContent(in)
		e.dispatch.WantSilentAck(c)
		return nil
	}
	e.lookForGaps(c)
	m := profile.NewMessage(in.Message, profile.Content{User: c.User, Salt: in.Record.Salt, Body: in.Record.Body})
	m.Contact, m.Height, m.Late, m.At, m.Gateway = c.ID, got.Height, got.Late, e.now, wire.Time(row.Time)
	if m.Shown() {
		c.Unread++
		e.dispatch.WantAck(c)
	} else {
		e.dispatch.WantSilentAck(c)
	}
	if c.State == profile.Requested {
		c.Waiting++
	}
	e.history.Add(m)
	e.apply(c, in, profile.Place{Height: got.Height, ID: got.ID, Device: m.Device, Seq: m.Seq})
	return nil
}

// move gives messages new places after some before them came, or were lost.
func (e *Engine) move(moved []message.Move) {
	for _, to := range moved {
		if err := e.history.Move(to); err != nil {
			e.log.Error("a message to be moved can't be read", "error", err)
		}
	}
}

// apply does what a chained message asks for. Names and addresses count only if
// no later ones are known: an old message that comes late takes nothing back.
func (e *Engine) apply(c *contact, in *incoming, place profile.Place) {
	switch b := in.Body.(type) {
	case *message.Name:
		if place.After(c.NameAt) {
			c.Called, c.NameAt, c.Dirty = b.Name, place, true
			e.changed(c)
		}
	case *message.Drops:
		if place.After(c.DropsAt) {
			e.theirDrops(c, b, place)
		}
	case *message.Read:
		e.theyRead(c, in.Message.Header.Device, b)
	}
}

// theirDrops takes the addresses that a contact announces.
func (e *Engine) theirDrops(c *contact, b *message.Drops, place profile.Place) {
	leases, err := reach.Announced(b)
	if err != nil {
		e.log.Debug("a contact announced gateways that can't be used", "reason", err)
	}
	if leases = reach.Within(e.account.Scope(), leases); len(leases) == 0 {
		return
	}
	c.Theirs, c.Leases, c.Dirty = b.W, leases, true
	c.Secret, c.DropsAt, c.Shut = b.Address, place, false
	e.dispatch.Readdressed(c)
	e.changed(c)
}

// theyRead notes up to which own message a contact has read.
func (e *Engine) theyRead(c *contact, from key.DeviceID, b *message.Read) {
	for _, mark := range c.Conv.NoteRead(c.Party(from), b) {
		if mark.Device == e.account.Self.Device {
			c.ReadAt = e.now
			e.emit(view.ReadUpto{Contact: c.ID, Seq: mark.Upto, At: e.now})
		}
	}
}

// misses tells whether a message is known to be missing.
func misses(c *contact, m *message.Message) bool {
	h := &m.Header
	return slices.ContainsFunc(c.Conv.Gaps(), func(g message.Gap) bool {
		return g.From == c.Party(h.Device) && g.Range.From <= h.Seq && h.Seq <= g.Range.To
	})
}

// fillContent gives a message that came header-only the content that comes later.
func (e *Engine) fillContent(in *incoming) {
	if in.Body == nil {
		return
	}
	m, err := e.history.Find(in.Message.ID)
	if err == nil && m.Erased() && !m.Outgoing {
		m.Salt, m.Body = in.Record.Salt, in.Record.Body
		e.history.Change(m)
	}
}

// side does what an admissible side message asks for. Its ratchet message opens
// only once, so it can't come twice. The session that it came on was moved on
// already.
func (e *Engine) side(c *contact, in *incoming, o *sessions.Opened) {
	from := c.Party(in.Message.Header.Device)
	var err error
	switch b := in.Body.(type) {
	case *message.Ack:
		e.dispatch.TheyAcked(c, from, b)
	case *message.Heads:
		alone := bytes.Equal(in.Record.Message, o.Records[0].Message)
		if !e.theyNamed(c, from, o.Base, b.Heads) && alone && len(b.Heads) > 0 {
			e.dispatch.WantSilentAck(c) // ours of what they name may have been lost
		}
	case *message.Nack:
		e.theyNamed(c, from, o.Base, b.Heads)
		e.answerNack(c, o.Lane, b)
	case *message.Gone:
		err = e.theyLost(c, o.Lane.Device, b)
	case *message.Later:
		e.theyPostpone(c, from, b)
	case *message.Resync:
		e.dispatch.Resync(c, o.Lane)
	case *message.Receipt:
		err = e.theyShowReceipt(c, o.Lane.Device, b)
	case *message.PQKey:
		err = e.dispatch.AnswerPQ(c, o, b)
	case *message.PQCiphertext:
		err = e.dispatch.FinishPQ(o, b)
	}
	if err != nil {
		e.log.Debug("a side message could not be followed", "kind", in.Message.Header.Kind.String(), "reason", err)
	}
}
