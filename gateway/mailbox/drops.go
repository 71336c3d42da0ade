package mailbox

import (
	"crypto/sha256"
	"crypto/subtle"
	"math"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// DropPut registers a drop. Answer: OK once durable, or Failure (ErrDropTaken,
// ErrLimit, ErrValue, ErrClock, ErrSignature and decoding errors).
func (s *Session) DropPut(id uint64, r *wire.DropPut) { fail(s.port, id, s.dropPut(id, r)) }

// DoorPut registers a front door. Answer: OK once durable, or Failure
// (ErrStaleClaim, ErrLimit, ErrValue, ErrClock, ErrPublicKey, ErrSignature and
// decoding errors). A door's id is a hash that only its owner's claim explains,
// so whoever registered it as a plain drop loses it.
func (s *Session) DoorPut(id uint64, r *wire.DoorPut) { fail(s.port, id, s.doorPut(id, r)) }

// DropDelete ends the intake of a drop or door; what waits stays. One that the
// account does not have is deleted already. Answer: OK once durable, or Failure
// (ErrValue, ErrClock, ErrSignature and decoding errors).
func (s *Session) DropDelete(id uint64, r *wire.DropDelete) { fail(s.port, id, s.dropDelete(id, r)) }

func (s *Session) dropPut(id uint64, r *wire.DropPut) error {
	o, err := s.object(r.Object, wire.OpDropPut)
	if err != nil {
		return err
	}
	capability, err := capabilityOf(r.Capability, o)
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
		if a.live.drops >= int(m.cfg.Limits.Drops) || m.crowded(a) {
			return wire.ErrLimit.Because("drops")
		}
		if d != nil {
			m.unregister(d)
		}
		d = m.addDrop(a, Drop{ID: o.Drop, Account: a.tag, Capability: capability, Start: m.nextPosition(a)})
		d.Head = d.start
		a.live.drops++
		m.markDrop(d)
		m.objectRow(a, d.ID, d, r.Object)
		return nil
	})
}

func (s *Session) doorPut(id uint64, r *wire.DoorPut) error {
	o, err := s.object(r.Object, wire.OpDoorPut)
	if err != nil {
		return err
	}
	capability, err := capabilityOf(r.Capability, o)
	if err != nil {
		return err
	}
	switch {
	case r.Profile.Check() != nil:
		return wire.ErrPublicKey
	case key.DoorOf(r.Profile, r.X) != o.Drop:
		return wire.ErrValue.Because("the door does not belong to this profile key")
	case !r.Profile.Verify(key.ContextDoorClaim, wire.DoorClaim(o.Drop, s.account.key, r.Number), r.Claim):
		return wire.ErrSignature
	}
	if err := checkNumber(r.Number, time.Now()); err != nil {
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
		case live && r.Number == d.Number && d.Capability.Equal(r.Capability[:]):
			return nil
		}
		if m.long(a) || !live && (a.live.doors >= int(m.cfg.Limits.Doors) || m.crowded(a)) {
			return wire.ErrLimit.Because("doors")
		}
		if d != nil {
			m.unregister(d)
		}
		d = m.addDrop(a, Drop{ID: o.Drop, Account: a.tag, Capability: capability, Door: true, Number: r.Number})
		a.live.doors++
		m.markDrop(d)
		m.objectRow(a, d.ID, nil, r.Object)
		return nil
	})
}

func (s *Session) dropDelete(id uint64, r *wire.DropDelete) error {
	o, err := s.object(r.Object, wire.OpDropDelete)
	if err != nil {
		return err
	}
	if o.CapabilityHash != [32]byte{} {
		return wire.ErrValue
	}
	return s.change(id, o.Drop, func(d *drop) error {
		m, a := s.m, s.account
		if d == nil || d.Account != a.tag || d.Deleted != 0 {
			return nil
		}
		d.Deleted = wire.Millis(time.Now())
		a.live.deleted++
		if d.Door {
			a.live.doors--
			m.objectRow(a, d.ID, nil, r.Object)
		} else {
			a.live.drops--
			m.objectRow(a, d.ID, d, r.Object)
		}
		m.markDrop(d)
		return nil
	})
}

// object checks a DropObject by this session's login key.
func (s *Session) object(o wire.Object, op uint8) (*wire.DropObject, error) {
	if len(o.Body) > maxObjectBody {
		return nil, wire.ErrTooLarge
	}
	var body wire.DropObject
	if err := wire.Verify(o, s.login, key.ContextMailbox, &body); err != nil {
		return nil, err
	}
	switch {
	case body.Op != op || body.Drop == key.DropID{}:
		return nil, wire.ErrValue
	case body.Account != s.account.tag:
		return nil, wire.ErrValue.Because("the object names another account")
	}
	return &body, checkTime(body.Time, time.Now())
}

// capabilityOf checks the capability against the hash that the object signs.
func capabilityOf(raw [32]byte, o *wire.DropObject) (key.Capability, error) {
	hash := sha256.Sum256(raw[:])
	if subtle.ConstantTimeCompare(hash[:], o.CapabilityHash[:]) != 1 {
		return key.Capability{}, wire.ErrValue.Because("the capability is not the signed one")
	}
	return key.CapabilityFrom(raw[:])
}

// checkNumber refuses claim numbers (unix ms) of more than a day ahead, which
// nobody could ever outbid.
func checkNumber(number uint64, now time.Time) error {
	if number > math.MaxInt64 || wire.Time(number).Sub(now) > wire.ClockTolerance {
		return wire.ErrClock
	}
	return nil
}

// change runs fn on the drop or door with this id (nil if there is none) while
// nobody else can register it, and answers OK once its effect is durable. fn
// runs with mu held.
func (s *Session) change(request uint64, id key.DropID, fn func(*drop) error) error {
	m := s.m
	return m.exclusive(id, func() error {
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
	return m.long(a) || a.live.deleted > deletedPer*int(m.cfg.Limits.Drops+m.cfg.Limits.Doors)
}

// unregister takes a drop or door out of its account, because another
// registration takes its place; mu is held.
func (m *Mailbox) unregister(d *drop) {
	a := m.accounts[d.Account]
	switch {
	case d.Deleted != 0:
		a.live.deleted--
	case d.Door:
		a.live.doors--
	default:
		a.live.drops--
	}
	delete(a.drops, d.ID)
	delete(m.drops, d.ID)
	if a.intake != nil {
		a.intake.CloseDoor(d.ID)
	}
	m.markDirty(a) // it shares the fate of the commit
}
