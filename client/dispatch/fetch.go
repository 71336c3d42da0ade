package dispatch

import (
	"slices"

	"zeroms/client/home"
	"zeroms/client/profile"
	"zeroms/client/reach"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// fetchProfile reads the contact's profile from one of their gateways, to
// learn their devices and prekeys. It tries one gateway after the other and
// backs off after each.
func (d *Dispatcher) fetchProfile(c *Contact) {
	at := c.Gateways
	if !c.Theirs.IsZero() && len(c.Leases) > 0 {
		at = c.Leases
	}
	if len(at) == 0 {
		d.seek(c)
		return
	}
	if c.fetching {
		return
	}
	if !c.fetch.Ready(d.now()) {
		d.alarms.Sooner(alarm{kind: alarmFetch, lane: Lane{Contact: c.ID}}, c.fetch.Until)
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
	d.host.Ask(r, func(a home.Answered) {
		if c.fetching = false; c.State != profile.Accepted {
			return // removed or blocked meanwhile
		}
		leases, door := slices.Clone(c.Leases), c.Door
		if err := d.profileCame(c, from.Hash, a); err != nil {
			d.setProblem(c, err.Error())
			d.tryElsewhere(c)
			return
		}
		c.fetch.Reset()
		c.seek.Reset()
		// A profile that says what was known already ends no refusal: the next try is
		// refused like the last.
		if !c.refused || !slices.EqualFunc(leases, c.Leases, profile.Gateway.Same) || !door.Equal(c.Door.Bytes()) {
			d.setProblem(c, "")
		}
		d.Wake(c)
	})
}

// fetchSoon has the contact's profile read again after a pause, in case they
// moved.
func (d *Dispatcher) fetchSoon(c *Contact) {
	until := c.fetch.Fail(d.now(), d.timing.FetchMin, d.timing.FetchMax)
	d.alarms.Sooner(alarm{kind: alarmMoved, lane: Lane{Contact: c.ID}}, until)
	d.seek(c)
}

// tryElsewhere turns to the contact's next gateway after a pause.
func (d *Dispatcher) tryElsewhere(c *Contact) {
	c.Turn, c.Dirty = c.Turn+1, true
	c.leaseTurn++
	until := c.fetch.Fail(d.now(), d.timing.FetchMin, d.timing.FetchMax)
	d.alarms.Sooner(alarm{kind: alarmFetch, lane: Lane{Contact: c.ID}}, until)
	if places := max(len(c.Gateways), len(c.Leases)); places == 0 || int(c.Turn)%places == 0 {
		d.seek(c) // all that is known was tried
	}
}

// seek looks up in the network where a contact receives.
func (d *Dispatcher) seek(c *Contact) {
	if c.seeking {
		return
	}
	if !c.seek.Ready(d.now()) {
		d.alarms.Sooner(alarm{kind: alarmSeek, lane: Lane{Contact: c.ID}}, c.seek.Until)
		return
	}
	c.seeking = true
	d.host.Seek(c, func(found []profile.Gateway, err error) {
		if c.seeking = false; c.State != profile.Accepted {
			return
		}
		until := c.seek.Fail(d.now(), d.timing.SeekMin, d.timing.SeekMax)
		known := len(c.Gateways)+len(c.Leases) > 0
		if err != nil {
			if !known {
				d.setProblem(c, err.Error())
				d.alarms.Sooner(alarm{kind: alarmSeek, lane: Lane{Contact: c.ID}}, until)
			}
			return
		}
		d.located(c, reach.Within(d.account.Scope(), found))
	})
}

// located takes the gateways that a contact's address record names.
func (d *Dispatcher) located(c *Contact, found []profile.Gateway) {
	if len(found) == 0 {
		d.setProblem(c, wire.ErrNoRecord.Because("the record names no gateway that can be reached from here").Error())
		return
	}
	if !reach.Found(&c.Contact, found) {
		return
	}
	c.Dirty = true
	c.fetch.Reset()
	d.Readdressed(c)
}

// profileCame takes what a profile says.
func (d *Dispatcher) profileCame(c *Contact, at key.GatewayHash, a home.Answered) error {
	if a.Err != nil {
		return a.Err
	}
	answer, ok := a.Payload.(*wire.Profile)
	if !ok {
		return wire.ErrUnexpected
	}
	source := reach.Source{Place: key.Place{Network: c.Network, Node: a.Gateway}, Seen: reach.Seen(&c.Contact, at)}
	p, err := reach.ReadProfile(&c.Contact, answer.Blob, source, d.now())
	if err != nil {
		return err
	}
	c.List, c.bundles, c.Dirty = p.List, p.Bundles, true
	reach.Learn(&c.Contact, a.Gateway, p, d.account.Scope())
	d.ForgetUnlisted(c)
	for id := range p.Bundles {
		d.book.Know(Lane{Contact: c.ID, Device: id})
	}
	return nil
}

// ForgetUnlisted gives up the sessions with devices that the contact's list no
// longer names. What they did not take goes to the devices that are listed.
func (d *Dispatcher) ForgetUnlisted(c *Contact) {
	var orphans []*profile.Message
	for _, id := range d.book.Devices(c.ID) {
		if c.List == nil || c.List.Live(id) {
			continue
		}
		l := Lane{Contact: c.ID, Device: id}
		for _, i := range slices.Clone(d.outbox.Of(l)) {
			if m, err := d.history.Find(i.Message); err == nil {
				m.Drop(id)
				d.history.Change(m)
				orphans = append(orphans, m)
			}
			d.finish(i)
		}
		d.book.Forget(l)
		c.Repair.Forget(c.Party(id))
		delete(c.bundles, id)
		delete(c.heads, id)
		delete(c.resyncs, id)
		c.RecordDirty = true
	}
	d.adopt(c, orphans)
}

// adopt queues messages for the devices that have no copy on its way yet.
func (d *Dispatcher) adopt(c *Contact, orphans []*profile.Message) {
	devices := d.Devices(c)
	if len(devices) == 0 {
		devices = []key.DeviceID{{}}
	}
	for _, m := range orphans {
		for _, id := range devices {
			if !slices.ContainsFunc(m.Targets, func(t profile.Target) bool { return t.Device == id }) {
				d.history.Hold(m)
				d.queue(m, id)
			}
		}
	}
}
