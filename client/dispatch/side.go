package dispatch

import (
	"crypto/rand"

	"zeroms/client/home"
	"zeroms/client/profile"
	"zeroms/client/sessions"
	"zeroms/protocol/envelope"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
	"zeroms/protocol/session"
)

// Tell sends a side message to one device on a confirmed session, once; done
// learns whether a gateway took it. It reports false if there is no way at the
// moment, and nothing happened then.
func (d *Dispatcher) Tell(c *Contact, l Lane, body message.Body, done func(error)) bool {
	known := d.book.Get(l)
	if c.State != profile.Accepted || known == nil || c.List == nil || !c.List.Live(l.Device) {
		return false
	}
	return d.tellOn(c, l, known.Set.Sending(), body, done)
}

// TellHeads tells a device our newest message, as Tell does.
func (d *Dispatcher) TellHeads(c *Contact, l Lane) bool {
	return d.Tell(c, l, c.Conv.Heads(l.Device, nonce()), func(error) {})
}

// tellOn is Tell on a session of the caller's choice.
func (d *Dispatcher) tellOn(c *Contact, l Lane, s *session.Session, body message.Body, done func(error)) bool {
	if s == nil || !s.CanSend() || s.Init() != nil || !d.MayWrite() {
		return false
	}
	r := on(d.toDrop(c), s)
	if r == nil {
		return false
	}
	record, ok := d.sideRecord(c, body)
	return ok && d.sendOnce(c, l, r, []envelope.Record{record}, done)
}

// Addressed is how a side message to one device begins.
func Addressed(to key.DeviceID) message.Side { return message.Side{To: to, Nonce: nonce()} }

func nonce() (n [message.NonceSize]byte) {
	_, _ = rand.Read(n[:])
	return n
}

func (d *Dispatcher) sideRecord(c *Contact, body message.Body) (envelope.Record, bool) {
	var r envelope.Record
	_, _ = rand.Read(r.Salt[:])
	var err error
	if r.Body, err = message.EncodeBody(body); err == nil {
		var out message.Out
		out, err = c.Conv.Side(body.Kind(), r.Body, r.Salt, d.now(), d.account.Self.Signer)
		r.Message = out.Signed
	}
	if err != nil {
		d.log.Error("a side message could not be made", "error", err)
	}
	return r, err == nil
}

// headsRecord tells a device the newest own message.
func (d *Dispatcher) headsRecord(c *Contact, to key.DeviceID) (envelope.Record, bool) {
	return d.sideRecord(c, c.Conv.Heads(to, nonce()))
}

// ackRecord acknowledges all that was accepted from a contact.
func (d *Dispatcher) ackRecord(c *Contact) (envelope.Record, bool) {
	ack, _ := c.Conv.Ack(key.DeviceID{}, nonce())
	c.ConvDirty = true
	if ack == nil {
		return envelope.Record{}, false
	}
	return d.sideRecord(c, ack)
}

// sendOnce seals and submits side messages; they are not kept in the outbox.
func (d *Dispatcher) sendOnce(c *Contact, l Lane, r *route, records []envelope.Record, done func(error)) bool {
	if !d.MayWrite() {
		return false
	}
	letter := sessions.Letter{Records: records, Base: c.Conv.Address(c.Party(l.Device), 0)}
	env, err := d.book.Seal(l, r.session, letter, d.now())
	if err != nil {
		d.log.Error("an envelope could not be made", "error", err)
		return false
	}
	d.host.Ask(request(d.parcel(c, r, env)), func(a home.Answered) { done(a.Err) })
	return true
}
