package objects

import (
	"errors"
	"math"
	"testing"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

var now = time.UnixMilli(1_800_000_000_000)

const day = 24 * time.Hour

func TestClocks(t *testing.T) {
	mk, lk := key.NewPrivate[key.Mailbox](), key.NewPrivate[key.Login]()
	for _, c := range []struct {
		off    time.Duration
		object error
		number error
	}{
		{0, nil, nil}, {day, nil, nil}, {-day, nil, nil},
		{day + time.Millisecond, wire.ErrClock, wire.ErrClock}, {-day - time.Millisecond, wire.ErrClock, nil},
		{365 * day, wire.ErrClock, wire.ErrClock}, {-365 * day, wire.ErrClock, nil},
	} {
		at := wire.Millis(now.Add(c.off))
		enrolment := wire.Sign(mk, key.ContextEnrol, wire.Enrolment{Op: wire.OpEnrol, Account: mk.Public(), Login: lk.Public(), Time: at})
		if _, err := Enrolment(enrolment, nil, now); !errors.Is(err, c.object) {
			t.Errorf("an enrolment %v off: %v", c.off, err)
		}
		tag := key.AccountTagOf(mk.Public())
		drop := wire.Sign(lk, key.ContextMailbox, wire.DropObject{Op: wire.OpDropPut, Account: tag, Drop: key.DropID{1}, Time: at})
		if _, err := Drop(drop, wire.OpDropPut, Signer{lk.Public(), tag}, now); !errors.Is(err, c.object) {
			t.Errorf("a drop object %v off: %v", c.off, err)
		}
		if err := Number(at, now); !errors.Is(err, c.number) {
			t.Errorf("a number %v off: %v", c.off, err)
		}
	}
	for _, n := range []uint64{math.MaxInt64, math.MaxInt64 + 1, math.MaxUint64} {
		if err := Number(n, now); !errors.Is(err, wire.ErrClock) {
			t.Errorf("number %d: %v", n, err)
		}
	}
}

func TestDropObjects(t *testing.T) {
	lk, tag := key.NewPrivate[key.Login](), key.AccountTag{3}
	good := wire.DropObject{Op: wire.OpDropDelete, Account: tag, Drop: key.DropID{1}, Time: wire.Millis(now)}
	for name, c := range map[string]struct {
		change func(o *wire.DropObject)
		want   error
	}{
		"good":            {func(*wire.DropObject) {}, nil},
		"operation":       {func(o *wire.DropObject) { o.Op = wire.OpDropPut }, wire.ErrValue},
		"no drop":         {func(o *wire.DropObject) { o.Drop = key.DropID{} }, wire.ErrValue},
		"account":         {func(o *wire.DropObject) { o.Account[0]++ }, wire.ErrValue},
		"capability hash": {func(o *wire.DropObject) { o.CapabilityHash[0]++ }, wire.ErrValue},
	} {
		o := good
		c.change(&o)
		if _, err := Drop(wire.Sign(lk, key.ContextMailbox, o), wire.OpDropDelete, Signer{lk.Public(), tag}, now); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	signed := wire.Sign(lk, key.ContextMailbox, good)
	if _, err := Drop(signed, wire.OpDropDelete, Signer{key.NewPrivate[key.Login]().Public(), tag}, now); !errors.Is(err, wire.ErrSignature) {
		t.Errorf("another device's: %v", err)
	}
	signed.Body = make([]byte, MaxBody+1)
	if _, err := Drop(signed, wire.OpDropDelete, Signer{lk.Public(), tag}, now); !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("a large body: %v", err)
	}
}
