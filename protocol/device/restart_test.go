package device

import (
	"errors"
	"testing"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// TestRestart: others follow the entry of a restored person, whatever the
// backup knew, and however much more they know themselves.
func TestRestart(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	ik := key.NewPrivate[key.Identity]()
	old := key.NewPrivate[key.Device]()
	id := key.DeviceIDOf(old.Public())
	first := First(ik, old, now)
	backup, others := NewList(ik.Public()), NewList(ik.Public())
	accept(t, backup, first)
	accept(t, others, first)
	// The person went on after the backup.
	second := key.NewPrivate[key.Device]()
	grown, err := others.Next(ik, Change{
		Join: &Join{DSK: second.Public(), Role: Full, Sig: SignJoin(second, ik.Public(), 2, first.Hash())}, Revoke: []key.DeviceID{id},
	}, now)
	if err != nil {
		t.Fatal(err)
	}
	accept(t, others, grown)
	all := others
	for name, known := range map[string]*List{"from an old backup": backup, "from nothing": NewList(ik.Public()), "from the newest state": all.Clone()} {
		dsk, others := key.NewPrivate[key.Device](), all.Clone()
		e, err := known.Restart(ik, dsk, []key.DeviceID{id, key.DeviceIDOf(second.Public())}, now)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		parsed, err := ParseEntry(e.Encode())
		if err != nil {
			t.Fatalf("%s: the entry is refused: %v", name, err)
		}
		if got := accept(t, others, parsed); got.Fork != nil {
			t.Errorf("%s: a fork", name)
		}
		if !others.Live(key.DeviceIDOf(dsk.Public())) || others.Live(id) || others.Live(key.DeviceIDOf(second.Public())) {
			t.Errorf("%s: others do not follow", name)
		}
		if _, ok := others.Origin(key.DeviceIDOf(dsk.Public())); !ok {
			t.Errorf("%s: the new device's chains have no origin", name)
		}
		// The chain goes on as usual.
		next, err := others.Next(ik, Change{}, now)
		if err != nil || next.N != e.N+1 {
			t.Errorf("%s: the next entry: %v", name, err)
		}
	}
}

func TestRestartKeepsSiblings(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	ik := key.NewPrivate[key.Identity]()
	lost, sibling, dsk := key.NewPrivate[key.Device](), key.NewPrivate[key.Device](), key.NewPrivate[key.Device]()
	l := NewList(ik.Public())
	first := First(ik, lost, now)
	accept(t, l, first)
	e, err := l.Next(ik, Change{Join: &Join{DSK: sibling.Public(), Role: Linked, Sig: SignJoin(sibling, ik.Public(), 2, first.Hash())}}, now)
	if err != nil {
		t.Fatal(err)
	}
	accept(t, l, e)
	e, err = l.Restart(ik, dsk, []key.DeviceID{key.DeviceIDOf(lost.Public())}, now)
	if err != nil {
		t.Fatal(err)
	}
	accept(t, l, e)
	if len(l.Devices()) != 2 || !l.Live(key.DeviceIDOf(sibling.Public())) || l.Live(key.DeviceIDOf(lost.Public())) {
		t.Errorf("devices after the restart: %+v", l.Devices())
	}
	if _, err := l.Restart(ik, dsk, nil, now); !errors.Is(err, wire.ErrValue) {
		t.Errorf("a device that is listed already: %v", err)
	}
	if _, err := l.Restart(key.NewPrivate[key.Identity](), key.NewPrivate[key.Device](), nil, now); !errors.Is(err, wire.ErrValue) {
		t.Errorf("somebody else's key: %v", err)
	}
	// A clock that stands still or far back never reuses a number.
	e, err = l.Restart(ik, key.NewPrivate[key.Device](), nil, time.Unix(0, 0))
	if err != nil || e.N != l.Newest().N+1 {
		t.Errorf("with a clock at 1970: %v", err)
	}
}

func accept(t *testing.T, l *List, e *Entry) Outcome {
	t.Helper()
	o, err := l.Accept(e)
	if err != nil {
		t.Fatal(err)
	}
	return o
}
