package engine

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"slices"

	"zeroms/client/delivery"
	"zeroms/client/home"
	"zeroms/client/profile"
	"zeroms/client/reach"
	"zeroms/client/sessions"
	"zeroms/protocol/envelope"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
	"zeroms/protocol/session"
	"zeroms/protocol/wire"
)

// compose signs and chains a message to a contact and queues it for each of
// their devices. It leaves when a session and an address allow.
func (e *Engine) compose(c *contact, body message.Body) (*profile.Message, error) {
	encoded, err := message.EncodeBody(body)
	if err != nil {
		return nil, err
	}
	var salt [message.SaltSize]byte
	_, _ = rand.Read(salt[:])
	out, err := c.conv.Append(body.Kind(), encoded, salt, e.now, e.account.Self.Signer)
	if err != nil {
		return nil, err
	}
	signed, err := message.Parse(out.Signed)
	if err != nil {
		return nil, err
	}
	m := profile.NewMessage(signed, profile.Content{User: e.account.Self.User, Salt: salt, Body: encoded})
	m.Contact, m.Height, m.Outgoing, m.At = c.ID, out.Height, true, e.now
	c.convDirty = true
	e.history.Hold(m)
	e.history.Add(m)
	devices := e.devices(c)
	if len(devices) == 0 {
		e.queue(m, key.DeviceID{})
	}
	e.spread(c) // what waits already goes ahead
	for _, id := range devices {
		e.queue(m, id)
	}
	return m, nil
}

// devices are the contact's devices that messages go to: those that are listed.
func (e *Engine) devices(c *contact) (out []key.DeviceID) {
	for _, id := range e.book.Devices(c.ID) {
		if c.List != nil && c.List.Live(id) {
			out = append(out, id)
		}
	}
	return out
}

// queue adds an item for one device; the zero device stands for those that
// are not known yet.
func (e *Engine) queue(m *profile.Message, id key.DeviceID) {
	l := lane{Contact: m.Contact, Device: id}
	e.outbox.Queue(m, l)
	m.Target(id).State = profile.Queued
	e.awake[l] = struct{}{}
}

// finish removes an item that is delivered.
func (e *Engine) finish(i *delivery.Item) {
	e.outbox.Finish(i)
	if !e.outbox.Holds(i.Message) {
		e.history.Release(i.Message)
	}
}

// spread turns items for unknown devices into items for the known ones.
func (e *Engine) spread(c *contact) {
	devices := e.devices(c)
	if len(devices) == 0 {
		return
	}
	for _, i := range slices.Clone(e.outbox.Of(lane{Contact: c.ID})) {
		m, err := e.history.Find(i.Message)
		if err != nil {
			e.log.Error("a queued message can't be read", "error", err)
			continue
		}
		m.Targets = nil
		for _, id := range devices {
			e.queue(m, id)
		}
		e.history.Change(m)
		e.finish(i)
	}
}

// pump moves one lane on: repetitions, new envelopes, then what travels alone.
func (e *Engine) pump(c *contact, l lane) {
	if c.State != profile.Accepted {
		return
	}
	if l.Device == (key.DeviceID{}) {
		if len(e.devices(c)) == 0 && len(e.outbox.Of(l)) > 0 {
			e.fetchProfile(c)
			return
		}
		e.spread(c)
		e.announce(c)
		e.ackAlone(c)
		return
	}
	if e.book.Get(l) == nil || c.List == nil || !c.List.Live(l.Device) {
		return
	}
	for _, i := range e.outbox.Repeat(l, e.now) {
		e.submit(i)
	}
	for {
		r := e.route(c, l)
		if r == nil {
			break
		}
		i := e.outbox.Next(l, r.Door, e.now)
		if i == nil || !e.pack(c, i, r) {
			break
		}
	}
	e.answer(c, l)
	if at, ok := e.outbox.Deadline(l, e.now); ok {
		e.alarms.Sooner(alarm{kind: alarmLane, lane: l}, at)
	}
}

// route is where the next envelope of a lane goes and the session it goes on.
type route struct {
	*reach.Route
	session *session.Session
}

// route finds a session and an address, or starts whatever is missing.
func (e *Engine) route(c *contact, l lane) *route {
	if e.outbox.Empty(l) && !c.acks.Due(e.now) && !c.answerDue[l.Device] {
		return nil
	}
	d := e.book.Get(l)
	if (d.Set.InitDue(e.now) || e.book.Unbound(l)) && !e.initiate(c, l) {
		// Without a new session the old one goes on, but not beyond where the
		// other side would still look for it.
		if s := d.Set.Sending(); s == nil || s.Init() != nil || s.NeedsInit() {
			return nil
		}
	}
	s := d.Set.Sending()
	switch {
	case s == nil || !s.CanSend():
		return nil
	case s.Init() != nil && d.At == nil:
		return nil
	case s.Init() != nil && d.Door: // an init serves one drop or door at one gateway
		return on(reach.DoorAt(&c.Contact, *d.At), s)
	case s.Init() != nil:
		return on(reach.DropAt(&c.Contact, *d.At), s)
	}
	return on(reach.ToDrop(&c.Contact, c.leaseTurn), s)
}

// on joins a route and a session; there may be no route.
func on(r *reach.Route, s *session.Session) *route {
	if r == nil {
		return nil
	}
	return &route{r, s}
}

// initiate makes a new session with a device, for the drop if it is known, else
// for the door of the card. It needs a fresh prekey, and our own drop has to
// stand at one of our gateways before we hand it over.
func (e *Engine) initiate(c *contact, l lane) bool {
	leases := e.account.Packed(session.MaxLeases, func(n key.NodePublic) bool { return c.Registered[n] })
	if len(leases) == 0 {
		return false
	}
	bundle := c.bundles[l.Device]
	r := reach.ToDrop(&c.Contact, c.leaseTurn)
	if r == nil {
		r = reach.ToDoor(&c.Contact)
	}
	if bundle == nil || r == nil {
		e.fetchProfile(c)
		return false
	}
	p := session.InitParams{
		Identity: e.account.Self.User, Signer: e.account.Self.Signer, Peer: c.User, Bundle: bundle,
		Gen: e.book.Get(l).Set.NextGen(e.now), Drop: c.Mine, Leases: leases, ListEntry: e.account.Self.Newest(),
	}
	if r.Door {
		p.Door = c.Door
	}
	delete(c.bundles, l.Device)
	s, _, err := session.Initiate(p, e.now)
	if err == nil {
		err = e.book.Start(l, s, r.Gateway, r.Door, e.now)
	}
	if err != nil {
		e.log.Warn("a session could not be set up", "error", err)
	}
	return err == nil
}

// pack seals the next item of a lane. It reports false if the item has to wait.
func (e *Engine) pack(c *contact, i *delivery.Item, r *route) bool {
	m, err := e.history.Find(i.Message)
	if err != nil {
		e.log.Error("a queued message can't be read", "error", err)
		return false
	}
	records := []envelope.Record{{Message: m.Signed, Salt: m.Salt, Body: m.Body}}
	rides := false
	if r.session.Init() == nil && c.acks.Wanted() && len(e.devices(c)) == 1 {
		if ack, ok := e.ackRecord(c); ok && e.book.Fits(c.ID, records, ack) {
			records, rides = append(records, ack), true
		}
	}
	base := c.conv.Address(c.party(i.Lane.Device), m.Seq)
	c.convDirty = true
	env, err := e.book.Seal(i.Lane, r.session, sessions.Letter{Records: records, Base: base}, e.now)
	if errors.Is(err, sessions.ErrInitFirst) {
		e.knock(c, i.Lane, r)
		return false
	}
	if err != nil {
		if !errors.Is(err, sessions.ErrNotYet) {
			e.log.Error("an envelope could not be made", "error", err)
		}
		return false
	}
	if rides {
		c.acks.Sent(e.now, false)
		c.riders[i.ID] = c.ackTurn
	}
	p := e.parcel(c, r, env)
	e.outbox.Pack(i, p, r.Door)
	t := m.Target(i.Lane.Device)
	t.Submitted, t.Size, t.Holder = wire.Millis(e.now), uint32(len(env)), p.Gateway.Hash
	e.history.Change(m)
	e.submit(i)
	return true
}

func (e *Engine) parcel(c *contact, r *route, env []byte) *profile.Parcel {
	return &profile.Parcel{
		Gateway: r.Gateway, Network: c.Network, Drop: r.Drop, Envelope: env,
		MAC: r.Capability.Authenticate(r.Drop, sha256.Sum256(env)),
	}
}

// knock sends an init envelope that carries only our heads, ahead of a message
// that is too large for one, and again until it is in custody.
func (e *Engine) knock(c *contact, l lane, r *route) {
	if c.knocking[l.Device] {
		return
	}
	record, ok := e.headsRecord(c, l.Device)
	if !ok {
		return
	}
	in := r.session.Init()
	c.knocking[l.Device] = e.sendOnce(c, l, r, record, func(err error) {
		delete(c.knocking, l.Device)
		if err != nil {
			e.alarms.Sooner(alarm{kind: alarmLane, lane: l}, e.now.Add(e.timing.FetchMin))
			return
		}
		e.book.InitTaken(l, in)
		e.awake[l] = struct{}{}
	})
}

// sendOnce seals and submits a side message; it is not kept in the outbox.
func (e *Engine) sendOnce(c *contact, l lane, r *route, record envelope.Record, done func(error)) bool {
	letter := sessions.Letter{Records: []envelope.Record{record}, Base: c.conv.Address(c.party(l.Device), 0)}
	env, err := e.book.Seal(l, r.session, letter, e.now)
	if err != nil {
		e.log.Error("an envelope could not be made", "error", err)
		return false
	}
	p := e.parcel(c, r, env)
	to := home.Target{Endpoint: p.Gateway.Endpoint(), Network: p.Network}
	e.ask(home.Request{To: to, Payload: p.Submit()}, func(a home.Answered) { done(a.Err) })
	return true
}

// submit hands an item's envelope to the gateway's link after the turn.
func (e *Engine) submit(i *delivery.Item) {
	p := e.outbox.Parcel(i)
	if p == nil {
		e.again(i)
		return
	}
	e.outbox.Launch(i)
	to := home.Target{Endpoint: p.Gateway.Endpoint(), Network: p.Network}
	e.ask(home.Request{To: to, Payload: p.Submit()}, func(a home.Answered) { e.submitted(i, p, a) })
}

// submitted takes the answer to a submission.
func (e *Engine) submitted(i *delivery.Item, p *profile.Parcel, a home.Answered) {
	switch {
	case e.outbox.Get(i.ID) == nil: // the recipient's acknowledgement was faster
		if a.Receipt != nil {
			e.custody(i, a)
		}
		return
	case e.outbox.Parcel(i) != p: // sealed anew meanwhile
		return
	}
	c := e.contacts[i.Lane.Contact]
	e.awake[i.Lane] = struct{}{}
	if a.Receipt != nil {
		e.taken(c, i)
		e.outbox.Taken(i, min(a.Receipt.Kept, wire.Millis(e.now.Add(wire.MaxRetention))))
		e.custody(i, a)
		e.setProblem(c, "")
		return
	}
	var reason *wire.Error
	if !errors.As(a.Err, &reason) {
		reason = wire.ErrLinkClosed
	}
	switch e.outbox.Missed(i, reason, e.now, e.timing) {
	case delivery.Reroute:
		e.reroute(c, i)
	case delivery.GiveUp:
		e.outbox.GaveUp(i)
		e.gaveUp(i)
	}
	e.setProblem(c, reason.Error())
}

// taken notes what else is in custody with an item's envelope: an init, an
// acknowledgement.
func (e *Engine) taken(c *contact, i *delivery.Item) {
	if p := e.outbox.Parcel(i); p != nil && envelope.IsInit(p.Envelope) {
		if head, _, err := envelope.ParseInit(p.Envelope); err == nil {
			in := session.InitMessage(*head)
			e.book.InitTaken(i.Lane, &in)
		}
	}
	if turn, rode := c.riders[i.ID]; rode {
		delete(c.riders, i.ID)
		e.ackTaken(c, turn)
	}
}

// reroute turns to another gateway of the contact: for an init that can't be
// brought a new one is made, other envelopes are sealed anew. Where there is no
// other place the same envelope is repeated: sealing anew uses up the chain.
func (e *Engine) reroute(c *contact, i *delivery.Item) {
	d, p := e.book.Get(i.Lane), e.outbox.Parcel(i)
	if d == nil {
		return
	}
	s := d.Set.Sending()
	bound := s != nil && s.Init() != nil
	if next := reach.ToDrop(&c.Contact, c.leaseTurn+1); !bound && next != nil && next.Drop == p.Drop {
		e.fetchSoon(c)
		return
	}
	e.again(i)
	if bound {
		e.book.Unbind(i.Lane)
		for _, other := range e.outbox.Of(i.Lane) {
			if other.State == delivery.Sending {
				e.again(other)
			}
		}
	}
	e.tryElsewhere(c)
}

// again has an item sealed anew. What rode on its envelope has to go again.
func (e *Engine) again(i *delivery.Item) {
	if c := e.contacts[i.Lane.Contact]; c.riders[i.ID] > 0 {
		delete(c.riders, i.ID)
		e.wantAck(c)
	}
	e.outbox.Again(i)
	e.awake[i.Lane] = struct{}{}
}
