package dispatch

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"zeroms/client/account"
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

// Compose signs and chains a message to a contact and queues it for each of
// their devices. It leaves when a session and an address allow.
func (d *Dispatcher) Compose(c *Contact, body message.Body) (*profile.Message, error) {
	encoded, err := message.EncodeBody(body)
	if err != nil {
		return nil, err
	}
	var salt [message.SaltSize]byte
	_, _ = rand.Read(salt[:])
	out, err := c.Conv.Append(body.Kind(), encoded, salt, d.now(), d.account.Self.Signer)
	if err != nil {
		return nil, err
	}
	m := profile.NewMessage(out.Message, profile.Content{User: d.account.Self.User, Salt: salt, Body: encoded})
	m.Contact, m.Height, m.Outgoing, m.At = c.ID, out.Height, true, d.now()
	c.ConvDirty = true
	d.history.Hold(m)
	d.history.Add(m)
	devices := d.Devices(c)
	if len(devices) == 0 {
		d.queue(m, key.DeviceID{})
	}
	d.spread(c) // what waits already goes ahead
	for _, id := range devices {
		d.queue(m, id)
	}
	return m, nil
}

// Devices are the contact's devices that messages go to: those that are listed.
func (d *Dispatcher) Devices(c *Contact) (out []key.DeviceID) {
	for _, id := range d.book.Devices(c.ID) {
		if c.List != nil && c.List.Live(id) {
			out = append(out, id)
		}
	}
	return out
}

// queue adds an item for one device; the zero device stands for those that
// are not known yet.
func (d *Dispatcher) queue(m *profile.Message, id key.DeviceID) *delivery.Item {
	l := Lane{Contact: m.Contact, Device: id}
	m.Target(id).State = profile.Queued
	d.awake[l] = struct{}{}
	return d.outbox.Queue(m, l)
}

// finish removes an item that is delivered.
func (d *Dispatcher) finish(i *delivery.Item) {
	if c := d.contacts[i.Lane.Contact]; c != nil {
		delete(c.receipts, i.ID)
	}
	d.outbox.Finish(i)
	if !d.outbox.Holds(i.Message) {
		d.history.Release(i.Message)
	}
}

// spread turns items for unknown devices into items for the known ones.
func (d *Dispatcher) spread(c *Contact) {
	devices := d.Devices(c)
	if len(devices) == 0 {
		return
	}
	for _, i := range slices.Clone(d.outbox.Of(Lane{Contact: c.ID})) {
		m, err := d.history.Find(i.Message)
		if err != nil {
			d.log.Error("a queued message can't be read", "error", err)
			continue
		}
		m.Targets = nil
		for _, id := range devices {
			d.queue(m, id)
		}
		d.history.Change(m)
		d.finish(i)
	}
}

// pump moves one lane on: repetitions, new envelopes, then what travels alone.
func (d *Dispatcher) pump(c *Contact, l Lane) {
	if c.State != profile.Accepted || !d.MayWrite() {
		return
	}
	if l.Device == (key.DeviceID{}) {
		if len(d.Devices(c)) == 0 && len(d.outbox.Of(l)) > 0 {
			d.fetchProfile(c)
			return
		}
		d.spread(c)
		d.announce(c)
		d.ackAlone(c)
		return
	}
	if d.book.Get(l) == nil || c.List == nil || !c.List.Live(l.Device) {
		return
	}
	d.renew(c, l)
	for _, i := range d.outbox.Repeat(l, d.now()) {
		d.submit(i)
	}
	for {
		r := d.route(c, l)
		if r == nil {
			break
		}
		i := d.outbox.Next(l, r.Door, d.now())
		if i == nil || !d.pack(c, i, r) {
			break
		}
	}
	d.knockAgain(c, l)
	d.answer(c, l)
	d.offerPQ(c, l)
	d.nameHeads(c, l)
	if at, ok := d.outbox.Deadline(l, d.now()); ok {
		d.alarms.Sooner(alarm{kind: alarmLane, lane: l}, at)
	}
}

// route is where the next envelope of a lane goes and the session it goes on.
type route struct {
	*reach.Route
	session *session.Session
}

// route finds a session and an address, or starts whatever is missing.
func (d *Dispatcher) route(c *Contact, l Lane) *route {
	if d.outbox.Empty(l) && !c.acks.Due(d.now()) && !c.answerDue[l.Device] {
		return nil
	}
	known := d.book.Get(l)
	if (known.Set.InitDue(d.now()) || d.book.Unbound(l)) && !d.initiate(c, l, false) {
		// Without a new session the old one goes on, but not beyond where the
		// other side would still look for it.
		if s := known.Set.Sending(); s == nil || s.Init() != nil || s.NeedsInit() {
			return nil
		}
	}
	s := known.Set.Sending()
	switch {
	case s == nil || !s.CanSend():
		return nil
	case s.Init() != nil && known.At == nil:
		return nil
	case s.Init() != nil && known.Door: // an init serves one drop or door at one gateway
		return on(reach.DoorAt(&c.Contact, *known.At), s)
	case s.Init() != nil:
		return on(reach.DropAt(&c.Contact, *known.At), s)
	}
	return on(d.toDrop(c), s)
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
// stand at one of our gateways before we hand it over. resync tells the other
// side that our ratchet with it is lost.
func (d *Dispatcher) initiate(c *Contact, l Lane, resync bool) bool {
	leases := d.account.Packed(session.MaxLeases, func(n key.NodePublic) bool { return c.Registered[n] })
	if len(leases) == 0 && !d.byName(c) {
		return false
	}
	bundle := c.bundles[l.Device]
	r := d.toDrop(c)
	if r == nil {
		r = reach.ToDoor(&c.Contact)
	}
	if bundle == nil || r == nil {
		d.fetchProfile(c)
		return false
	}
	p := session.InitParams{
		Identity: d.account.Self.User, Signer: d.account.Self.Signer, Peer: c.User, Bundle: bundle,
		Gen: d.book.Get(l).Set.NextGen(d.now()), Drop: c.Mine, Leases: leases, ListEntry: d.account.Self.Newest(),
		Resync: resync,
	}
	if r.Door {
		p.Door = c.Door
	}
	delete(c.bundles, l.Device)
	s, _, err := session.Initiate(p, d.now())
	if err == nil {
		err = d.book.Start(l, s, r.Gateway, r.Door, d.now())
	}
	if err != nil {
		d.log.Warn("a session could not be set up", "error", err)
	}
	return err == nil
}

// byName reports whether the contact's drop stands at homes that are up, of which
// an init can name none: their hosts are names that nobody could look up, as onion
// addresses are. Then the drops message tells where they are.
func (d *Dispatcher) byName(c *Contact) bool {
	up := slices.ContainsFunc(d.account.Homes(), func(h *account.Home) bool { return h.Up && c.Registered[h.Address.Node] })
	return up && len(d.account.Packed(1, func(n key.NodePublic) bool { return c.Registered[n] })) == 0
}

// pack seals the next item of a lane. It reports false if the item has to wait.
func (d *Dispatcher) pack(c *Contact, i *delivery.Item, r *route) bool {
	m, err := d.history.Find(i.Message)
	if err != nil {
		d.log.Error("a queued message can't be read", "error", err)
		return false
	}
	records := []envelope.Record{{Message: m.Signed, Salt: m.Salt, Body: m.Body}}
	if proof := c.receipts[i.ID]; len(proof) > 0 && r.session.Init() == nil {
		receipt := &message.Receipt{Side: Addressed(i.Lane.Device), Device: m.Device, Seq: m.Seq, Proof: proof}
		if record, ok := d.sideRecord(c, receipt); ok {
			records = append(records, record)
		}
	}
	rides := false
	if r.session.Init() == nil && c.acks.Wanted() && len(d.Devices(c)) == 1 {
		if ack, ok := d.ackRecord(c); ok && d.book.Fits(c.ID, records, ack) {
			records, rides = append(records, ack), true
		}
	}
	seq := m.Seq
	if m.Device != d.account.Self.Device {
		seq = 0 // an earlier device's: the base is about this one's chain
	}
	base := c.Conv.Address(c.Party(i.Lane.Device), seq)
	c.ConvDirty = true
	env, err := d.book.Seal(i.Lane, r.session, sessions.Letter{Records: records, Base: base}, d.now())
	if errors.Is(err, sessions.ErrInitFirst) {
		d.knock(c, i.Lane, r)
		return false
	}
	if err != nil {
		if !errors.Is(err, sessions.ErrNotYet) {
			d.log.Error("an envelope could not be made", "error", err)
		}
		return false
	}
	if rides {
		c.acks.Sent(d.now(), false)
		c.riders[i.ID] = c.ackTurn
	}
	p := d.parcel(c, r, env)
	delete(c.receipts, i.ID)
	d.watchHeads(c, i.Lane, m, d.now())
	d.outbox.Pack(i, p, r.Door)
	t := m.Target(i.Lane.Device)
	t.Submitted, t.Size, t.Holder = wire.Millis(d.now()), uint32(len(env)), p.Gateway.Hash
	d.history.Change(m)
	d.submit(i)
	return true
}

func (d *Dispatcher) parcel(c *Contact, r *route, env []byte) *profile.Parcel {
	return &profile.Parcel{
		Gateway: r.Gateway, Network: c.Network, Drop: r.Drop, Envelope: env,
		MAC: r.Capability.Authenticate(r.Drop, sha256.Sum256(env)), Bits: r.Bits,
	}
}

// request is what brings a parcel to its gateway; the work that a public door
// takes is done on the way.
func request(p *profile.Parcel) home.Request {
	r := home.Request{To: home.Target{Endpoint: p.Gateway.Endpoint(), Network: p.Network}, Payload: p.Submit()}
	if p.Bits > 0 {
		r.Work = &home.Work{Subject: wire.DoorWork(p.Drop, sha256.Sum256(p.Envelope)), Bits: p.Bits}
	}
	return r
}

// knock sends an init envelope that carries only our heads, ahead of a message
// that is too large for one, and again until it is in custody.
func (d *Dispatcher) knock(c *Contact, l Lane, r *route) {
	if c.knocking[l.Device] {
		return
	}
	record, ok := d.headsRecord(c, l.Device)
	if !ok {
		return
	}
	in := r.session.Init()
	c.knocking[l.Device] = d.sendOnce(c, l, r, []envelope.Record{record}, func(err error) {
		delete(c.knocking, l.Device)
		if err != nil {
			wait := d.timing.FetchMin
			if d.outbox.Empty(l) {
				wait = d.timing.RetryMax
			}
			d.alarms.Sooner(alarm{kind: alarmLane, lane: l}, d.now().Add(wait))
			return
		}
		d.book.InitTaken(l, in)
		d.awake[l] = struct{}{}
	})
}

// leastKept is the least time for which a receipt has to promise to keep an
// envelope: less than any retention that a gateway may announce.
const leastKept = 20 * time.Hour

// submit hands an item's envelope to the gateway's link after the turn.
func (d *Dispatcher) submit(i *delivery.Item) {
	p := d.outbox.Parcel(i)
	if p == nil {
		d.again(i)
		return
	}
	d.outbox.Launch(i, d.now())
	d.listen(d.contacts[i.Lane.Contact], i.Lane)
	d.host.Ask(request(p), func(a home.Answered) { d.submitted(i, p, a) })
}

// submitted takes the answer to a submission.
func (d *Dispatcher) submitted(i *delivery.Item, p *profile.Parcel, a home.Answered) {
	d.wayOf(i, p, a)
	switch {
	case d.outbox.Get(i.ID) == nil: // the recipient's acknowledgement was faster
		if a.Receipt != nil {
			d.custody(i, a)
		}
		return
	case d.outbox.Parcel(i) != p: // sealed anew meanwhile
		return
	}
	c := d.contacts[i.Lane.Contact]
	d.awake[i.Lane] = struct{}{}
	if a.Receipt != nil && a.Receipt.Kept < a.Receipt.Time+uint64(leastKept.Milliseconds()) {
		// A promise to keep it for no time at all is none.
		a.Receipt, a.Err = nil, wire.ErrUnavailable.Because("the gateway promises to keep nothing")
	}
	if a.Receipt != nil {
		delete(d.outages, p.Gateway.Hash)
		d.shut(c, nil, i.Door)
		d.taken(c, i)
		d.outbox.Taken(i, min(a.Receipt.Kept, wire.Millis(d.now().Add(wire.MaxRetention))))
		d.custody(i, a)
		c.refused = false
		d.setProblem(c, "")
		return
	}
	var reason *wire.Error
	if !errors.As(a.Err, &reason) {
		reason = wire.ErrLinkClosed
	}
	d.shut(c, reason, i.Door)
	if a.Bits > c.Bits && c.Public {
		c.Bits, c.Dirty = a.Bits, true
	}
	advice := d.outbox.Missed(i, reason, d.now(), d.timing)
	if advice != delivery.GiveUp && !i.Door {
		d.missed(p.Gateway.Hash)
		if d.elsewhere(c, p) {
			advice = delivery.Reroute
			d.hasten(c, i)
		}
	}
	switch advice {
	case delivery.Reroute:
		d.reroute(c, i)
	case delivery.GiveUp:
		d.outbox.GaveUp(i)
		d.gaveUp(i)
	}
	c.refused = reason.Code == wire.CodeUnknownDrop || reason.Code == wire.CodeCapability
	d.setProblem(c, reason.Error())
}

// taken notes what else is in custody with an item's envelope: an init, an
// acknowledgement.
func (d *Dispatcher) taken(c *Contact, i *delivery.Item) {
	if p := d.outbox.Parcel(i); p != nil && envelope.IsInit(p.Envelope) {
		if head, _, err := envelope.ParseInit(p.Envelope); err == nil {
			in := session.InitMessage(*head)
			d.book.InitTaken(i.Lane, &in)
		}
	}
	if turn, rode := c.riders[i.ID]; rode {
		delete(c.riders, i.ID)
		d.ackTaken(c, turn)
	}
}

// custody notes a receipt.
func (d *Dispatcher) custody(i *delivery.Item, a home.Answered) {
	m, err := d.history.Find(i.Message)
	if err != nil {
		d.log.Error("a message in custody can't be read", "error", err)
		return
	}
	t := m.Target(i.Lane.Device)
	if t.State == profile.Queued {
		t.State = profile.InCustody
	}
	t.Holder, t.Custody, t.Until, t.Receipt = key.GatewayHashOf(a.Gateway), wire.Millis(d.now()), a.Receipt.Kept, a.Proof
	d.took[t.Holder]++
	d.history.Change(m)
	if (m.Device != d.account.Self.Device || t.State == profile.Delivered) && d.outbox.Get(i.ID) != nil {
		d.finish(i) // acknowledgements don't tell of an earlier device's messages, nor once more of delivered ones
	}
}

// gaveUp notes that a message was refused for good.
func (d *Dispatcher) gaveUp(i *delivery.Item) {
	if m, err := d.history.Find(i.Message); err == nil {
		m.Target(i.Lane.Device).State = profile.Failed
		d.history.Change(m)
	}
}

// reroute turns to another gateway of the contact: for an init that can't be
// brought a new one is made, other envelopes are sealed anew. Where there is no
// other place the same envelope is repeated: sealing anew uses up the chain.
func (d *Dispatcher) reroute(c *Contact, i *delivery.Item) {
	known, p := d.book.Get(i.Lane), d.outbox.Parcel(i)
	if known == nil {
		return
	}
	s := known.Set.Sending()
	bound := s != nil && s.Init() != nil
	if next := d.toDrop(c); !bound && len(c.Leases) == 1 && next != nil && next.Drop == p.Drop {
		d.fetchSoon(c)
		return
	}
	d.again(i)
	if bound {
		d.book.Unbind(i.Lane)
		for _, other := range d.outbox.Of(i.Lane) {
			if other.State == delivery.Sending {
				d.again(other)
			}
		}
	}
	if !i.Door && d.elsewhere(c, p) {
		c.leaseTurn = d.turn(c)
		return
	}
	d.tryElsewhere(c)
}

// again has an item sealed anew. What rode on its envelope has to go again.
func (d *Dispatcher) again(i *delivery.Item) {
	if c := d.contacts[i.Lane.Contact]; c.riders[i.ID] > 0 {
		delete(c.riders, i.ID)
		d.WantAck(c)
	}
	d.outbox.Again(i)
	d.awake[i.Lane] = struct{}{}
}
