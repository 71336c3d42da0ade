package mailbox

import (
	"time"

	"zeroms/gateway/mailbox/objects"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// DropPut registers a drop. Answer: OK once durable, or Failure (ErrDropTaken,
// ErrLimit, ErrValue, ErrClock, ErrSignature and decoding errors).
func (s *Session) DropPut(id uint64, r *wire.DropPut) { fail(s.port, id, s.dropPut(id, r)) }

// DoorPut registers a front door. Answer: OK once durable, or Failure
// (ErrStaleClaim, ErrLimit, ErrValue, ErrClock, ErrPublicKey, ErrSignature and
// decoding errors). A door's id is a hash that only its owner's claim explains,
// so whoever registered it as a plain drop loses it. Bits of work make it a public
// door.
func (s *Session) DoorPut(id uint64, r *wire.DoorPut) { fail(s.port, id, s.doorPut(id, r)) }

// DropDelete ends the intake of a drop or door; what waits stays. One that the
// account does not have is deleted already. Answer: OK once durable, or Failure
// (ErrValue, ErrClock, ErrSignature and decoding errors).
func (s *Session) DropDelete(id uint64, r *wire.DropDelete) { fail(s.port, id, s.dropDelete(id, r)) }

func (s *Session) dropPut(id uint64, r *wire.DropPut) error {
	o, err := objects.Drop(r.Object, wire.OpDropPut, s.signer(), time.Now())
	if err != nil {
		return err
	}
	capability, err := objects.Capability(r.Capability, o)
	if err != nil {
		return err
	}
	return s.change(id, o.Drop, func(d *drop) error {
		m, a := s.m, s.account
		switch {
		case d == nil:
		case d.Account != a.tag || d.Door:
			return wire.ErrDropTaken
		case d.Deleted == 0 && !d.Capability.Equal(r.Capability[:]):
			return wire.ErrValue.Because("the drop is registered with another capability; delete it first")
		case d.Deleted == 0:
			return nil
		}
		if a.live.Drops >= int(m.cfg.Limits.Drops) || m.crowded(a) {
			return wire.ErrLimit.Because("drops")
		}
		if d != nil {
			m.unregister(d)
		}
		d = m.addDrop(a, Drop{ID: o.Drop, Account: a.tag, Capability: capability, Start: a.log.Next(m.incarnation)})
		d.Head = d.start
		a.live.Drops++
		m.markDrop(d)
		m.objectRow(a, d.ID, d, r.Object)
		return nil
	})
}

func (s *Session) doorPut(id uint64, r *wire.DoorPut) error {
	o, err := objects.Drop(r.Object, wire.OpDoorPut, s.signer(), time.Now())
	if err != nil {
		return err
	}
	capability, err := objects.Capability(r.Capability, o)
	if err != nil {
		return err
	}
	if err := objects.Door(r, o.Drop, s.account.key, time.Now()); err != nil {
		return err
	}
	return s.change(id, o.Drop, func(d *drop) error {
		m, a := s.m, s.account
		own := d != nil && d.Account == a.tag
		live := own && d.Door && d.Deleted == 0
		switch {
		case d == nil || !d.Door:
		case own && r.Number < d.Number, !own && r.Number <= d.Number:
			return wire.ErrStaleClaim
		case live && r.Number == d.Number && r.Bits == d.Bits && d.Capability.Equal(r.Capability[:]):
			return nil
		}
		if m.long(a) || !live && (a.live.Doors >= int(m.cfg.Limits.Doors) || m.crowded(a)) {
			return wire.ErrLimit.Because("doors")
		}
		if d != nil {
			m.unregister(d)
		}
		d = m.addDrop(a, Drop{ID: o.Drop, Account: a.tag, Capability: capability, Door: true, Number: r.Number, Bits: r.Bits})
		a.live.Doors++
		m.markDrop(d)
		m.objectRow(a, d.ID, nil, r.Object)
		return nil
	})
}

func (s *Session) dropDelete(id uint64, r *wire.DropDelete) error {
	o, err := objects.Drop(r.Object, wire.OpDropDelete, s.signer(), time.Now())
	if err != nil {
		return err
	}
	return s.change(id, o.Drop, func(d *drop) error {
		m, a := s.m, s.account
		if d == nil || d.Account != a.tag || d.Deleted != 0 {
			return nil
		}
		d.Deleted = wire.Millis(time.Now())
		a.live.Deleted++
		if d.Door {
			a.live.Doors--
			m.objectRow(a, d.ID, nil, r.Object)
		} else {
			a.live.Drops--
			m.objectRow(a, d.ID, d, r.Object)
		}
		m.markDrop(d)
		return nil
	})
}

// signer is who signs the objects of this session.
func (s *Session) signer() objects.Signer {
	return objects.Signer{Login: s.login, Account: s.account.tag}
}

// change runs fn on the drop or door with this id (nil if there is none) while
// nobody else can register it, and answers OK once its effect is durable. fn
// runs with mu held.
func (s *Session) change(request uint64, id key.DropID, fn func(*drop) error) error {
	m := s.m
	return m.exclusive.Do(id, func() error {
		d, err := m.loadDrop(id)
		if err != nil {
			return err
		}
		m.mu.Lock()
		defer m.unlock()
		if err := s.usable(); err != nil {
			return err
		}
		if m.drops[id] != d { // forgotten since: its account is read again
			return wire.ErrUnavailable
		}
		if err := fn(d); err != nil {
			return err
		}
		m.queue(answer{port: s.port, id: request, payload: &wire.OK{}})
		return nil
	})
}

// crowded reports whether an account keeps as many deleted drops and doors, or
// rows, as it may; mu is held.
func (m *Mailbox) crowded(a *account) bool {
	return m.long(a) || a.live.Deleted > deletedPer*int(m.cfg.Limits.Drops+m.cfg.Limits.Doors)
}

// unregister takes a drop or door out of its account, because another
// registration takes its place; mu is held. What waits stays, also at a door that
// comes back.
func (m *Mailbox) unregister(d *drop) {
	a := m.accounts[d.Account]
	switch {
	case d.Deleted != 0:
		a.live.Deleted--
	case d.Door:
		a.live.Doors--
	default:
		a.live.Drops--
	}
	delete(a.drops, d.ID)
	delete(m.drops, d.ID)
	m.markDirty(a) // it shares the fate of the commit
}
