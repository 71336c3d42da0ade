package message

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"testing"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

func TestAckSaysWhatWasReceived(t *testing.T) {
	a, b := newPair()
	if ack, changed := b.conv.Ack(key.DeviceID{}, [8]byte{}); ack != nil || changed {
		t.Errorf("nothing was received: %+v", ack)
	}
	list := burst(t, a, 12)
	var tests = []struct {
		seq  int
		want Received
	}{
		{3, Received{Base: 2, Upto: 3, Holes: []Range{{From: 2, To: 2}}}},
		{8, Received{Base: 2, Upto: 8, Holes: []Range{{From: 2, To: 2}, {From: 4, To: 7}}}},
		{5, Received{Base: 2, Upto: 8, Holes: []Range{{From: 2, To: 2}, {From: 4, To: 4}, {From: 6, To: 7}}}},
		{2, Received{Base: 2, Upto: 8, Holes: []Range{{From: 4, To: 4}, {From: 6, To: 7}}}},
		{12, Received{Base: 2, Upto: 12, Holes: []Range{{From: 4, To: 4}, {From: 6, To: 7}, {From: 9, To: 11}}}},
	}
	for _, test := range tests {
		s := list[test.seq-1]
		s.base = 2
		b.accept(t, s)
		b.restart(t) // what is to be acknowledged is not forgotten
		ack, changed := b.conv.Ack(a.party.Device, [8]byte{1})
		test.want.Device = a.party.Device
		if !changed || len(ack.Chains) != 1 || !reflect.DeepEqual(ack.Chains[0], test.want) || ack.To != a.party.Device {
			t.Errorf("after %d: %+v, want %+v", test.seq, ack, test.want)
		}
		if _, err := EncodeBody(ack); err != nil {
			t.Errorf("after %d: %v", test.seq, err)
		}
		if again, changed := b.conv.Ack(key.DeviceID{}, [8]byte{}); changed || len(again.Chains) != 1 {
			t.Errorf("after %d: the second ack says something new", test.seq)
		}
	}
}

func TestAckOfMoreThanSixteenHoles(t *testing.T) {
	a, b := newPair()
	list := burst(t, a, 50)
	for i := 0; i < len(list); i += 2 {
		b.accept(t, list[i])
	}
	ack, _ := b.conv.Ack(key.DeviceID{}, [8]byte{})
	if r := ack.Chains[0]; len(r.Holes) != MaxHoles || r.Upto != 33 || r.Holes[15] != (Range{From: 32, To: 32}) {
		t.Errorf("%+v", r)
	}
	if _, err := EncodeBody(ack); err != nil {
		t.Error(err)
	}
}

func TestAckNamesSixteenDevices(t *testing.T) {
	x, y := identity(1), identity(2)
	b := newPeer(2, y, x)
	for i := byte(20); i < 40; i++ {
		b.accept(t, newPeer(i, x, y).write(t, "hi"))
	}
	seen := map[key.DeviceID]bool{}
	for range 2 {
		ack, changed := b.conv.Ack(key.DeviceID{}, [8]byte{})
		if _, err := EncodeBody(ack); err != nil || !changed || len(ack.Chains) != MaxChains {
			t.Fatalf("%d chains, changed %v, %v", len(ack.Chains), changed, err)
		}
		for _, r := range ack.Chains {
			seen[r.Device] = true
		}
	}
	if len(seen) != 20 {
		t.Errorf("two acks name %d devices, want all 20", len(seen))
	}
}

// TestAcked is the table of what an acknowledgement confirms.
func TestAcked(t *testing.T) {
	var tests = []struct {
		name  string
		base  uint32 // the first message addressed to the device; 12 were written
		acks  []Received
		want  []Range // what all of them confirm
		fresh []Range // what the last one newly confirmed
	}{
		{"everything", 1, []Received{{Base: 1, Upto: 12}}, []Range{{From: 1, To: 12}}, []Range{{From: 1, To: 12}}},
		{"a part", 1, []Received{{Base: 1, Upto: 5}}, []Range{{From: 1, To: 5}}, []Range{{From: 1, To: 5}}},
		{"more later", 1, []Received{{Base: 1, Upto: 5}, {Base: 1, Upto: 9}}, []Range{{From: 1, To: 9}}, []Range{{From: 6, To: 9}}},
		{"an older one later", 1, []Received{{Base: 1, Upto: 9}, {Base: 1, Upto: 5}}, []Range{{From: 1, To: 9}}, nil},
		{"holes", 1, []Received{{Base: 1, Upto: 9, Holes: []Range{{From: 2, To: 3}, {From: 5, To: 5}}}},
			[]Range{{From: 1, To: 1}, {From: 4, To: 4}, {From: 6, To: 9}}, []Range{{From: 1, To: 1}, {From: 4, To: 4}, {From: 6, To: 9}}},
		{"a hole that was filled", 1, []Received{{Base: 1, Upto: 9, Holes: []Range{{From: 2, To: 3}}}, {Base: 1, Upto: 9}}, []Range{{From: 1, To: 9}}, []Range{{From: 2, To: 3}}},
		{"a hole that appears confirms no less", 1, []Received{{Base: 1, Upto: 9}, {Base: 1, Upto: 10, Holes: []Range{{From: 2, To: 3}}}}, []Range{{From: 1, To: 10}}, []Range{{From: 10, To: 10}}},
		{"a hole at the base", 1, []Received{{Base: 1, Upto: 9, Holes: []Range{{From: 1, To: 8}}}}, []Range{{From: 9, To: 9}}, []Range{{From: 9, To: 9}}},
		{"a higher base confirms nothing below it", 1, []Received{{Base: 4, Upto: 9}}, []Range{{From: 4, To: 9}}, []Range{{From: 4, To: 9}}},
		{"a lower base confirms only what was addressed", 6, []Received{{Base: 1, Upto: 9}}, []Range{{From: 6, To: 9}}, []Range{{From: 6, To: 9}}},
		{"a hole below our base", 6, []Received{{Base: 1, Upto: 9, Holes: []Range{{From: 2, To: 7}}}}, []Range{{From: 8, To: 9}}, []Range{{From: 8, To: 9}}},
		{"more than was written", 1, []Received{{Base: 1, Upto: 99}}, []Range{{From: 1, To: 12}}, []Range{{From: 1, To: 12}}},
		{"a base beyond what was written", 1, []Received{{Base: 50, Upto: 99}}, nil, nil},
		{"holes beyond what was written", 1, []Received{{Base: 1, Upto: 99, Holes: []Range{{From: 11, To: 20}}}}, []Range{{From: 1, To: 10}}, []Range{{From: 1, To: 10}}},
		{"the last number", 1, []Received{{Base: 1, Upto: 1<<32 - 1, Holes: []Range{{From: 2, To: 1<<32 - 2}}}}, []Range{{From: 1, To: 1}}, []Range{{From: 1, To: 1}}},
	}
	for _, test := range tests {
		a, b := newPair()
		for _, s := range burst(t, a, 12) {
			if s.seq >= test.base {
				if got := a.conv.Address(b.party, s.seq); got != test.base {
					t.Fatalf("%s: message %d goes out with the base %d", test.name, s.seq, got)
				}
			}
		}
		var fresh []Range
		for _, r := range test.acks {
			r.Device = a.party.Device
			other := Received{Device: idOfSigner(8), Base: 1, Upto: 12}
			fresh = a.conv.Acked(b.party, &Ack{Chains: []Received{other, r}})
			a.stored = a.conv.Snapshot()
			a.restart(t)
		}
		if !slices.Equal(fresh, test.fresh) {
			t.Errorf("%s: newly %v, want %v", test.name, fresh, test.fresh)
		}
		for seq := uint32(1); seq <= 13; seq++ {
			want := slices.ContainsFunc(test.want, func(r Range) bool { return r.From <= seq && seq <= r.To })
			if a.conv.Delivered(b.party, seq) != want {
				t.Errorf("%s: message %d delivered %v", test.name, seq, !want)
			}
		}
	}
}

func TestAcksOfStrangersConfirmNothing(t *testing.T) {
	a, b := newPair()
	a.conv.Address(b.party, a.write(t, "hi").seq)
	ack := &Ack{Chains: []Received{{Device: a.party.Device, Base: 1, Upto: 1}}}
	for name, from := range map[string]Party{
		"a device that was not written to": {User: identity(2), Device: idOfSigner(7)},
		"another person":                   {User: identity(7), Device: b.party.Device},
	} {
		if got := a.conv.Acked(from, ack); got != nil || a.conv.Delivered(from, 1) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestConfirmedRangesAreBounded(t *testing.T) {
	a, b := newPair()
	for _, s := range burst(t, a, 200) {
		a.conv.Address(b.party, s.seq)
	}
	for seq := uint32(200); seq > 1; seq -= 2 {
		a.conv.Acked(b.party, &Ack{Chains: []Received{{Device: a.party.Device, Base: seq, Upto: seq}}})
	}
	if n := len(a.conv.targets[0].Done); n != maxDone {
		t.Errorf("%d ranges are kept", n)
	}
	a.stored = a.conv.Snapshot()
	a.restart(t)
	a.conv.Acked(b.party, &Ack{Chains: []Received{{Device: a.party.Device, Base: 1, Upto: 200}}})
	if n := len(a.conv.targets[0].Done); n != 1 || !a.conv.Delivered(b.party, 200) {
		t.Errorf("%d ranges after all was confirmed", n)
	}
}

func TestAddress(t *testing.T) {
	a, b := newPair()
	if got := a.conv.Address(b.party, 0); got != 1 {
		t.Errorf("a side message before any other has the base %d", got)
	}
	burst(t, a, 4)
	if got := a.conv.Address(b.party, 0); got != 5 {
		t.Errorf("a side message to a device that got nothing has the base %d", got)
	}
	for _, test := range []struct{ seq, want uint32 }{{4, 4}, {5, 4}, {0, 4}, {2, 2}, {4, 2}} {
		if got := a.conv.Address(b.party, test.seq); got != test.want {
			t.Errorf("message %d has the base %d, want %d", test.seq, got, test.want)
		}
	}
	sibling := Party{User: a.party.User, Device: idOfSigner(5)}
	if got := a.conv.Address(sibling, 3); got != 3 {
		t.Errorf("a sibling's base is %d", got)
	}
}

func TestHeadsShowTheLastMessageOfABurst(t *testing.T) {
	a, b := newPair()
	list := burst(t, a, 4)
	heads := a.conv.Heads(b.party.Device, [8]byte{1})
	if len(heads.Heads) != 1 || heads.Heads[0].Seq != 4 || heads.Heads[0].Hash != list[3].id.Short() || heads.To != b.party.Device {
		t.Fatalf("heads %+v", heads)
	}
	if _, err := EncodeBody(heads); err != nil {
		t.Fatal(err)
	}
	if !b.conv.NoteHeads(a.party, 1, heads) || b.conv.NoteHeads(a.party, 1, heads) {
		t.Error("heads are news once")
	}
	b.stored = b.conv.Snapshot()
	b.restart(t)
	if want := []Gap{{a.party, Range{From: 1, To: 4}}}; !reflect.DeepEqual(b.conv.Gaps(), want) {
		t.Errorf("gaps %v, nothing came yet", b.conv.Gaps())
	}
	b.accept(t, list[0])
	b.accept(t, list[2])
	if want := []Gap{{a.party, Range{From: 2, To: 2}}, {a.party, Range{From: 4, To: 4}}}; !reflect.DeepEqual(b.conv.Gaps(), want) {
		t.Errorf("gaps %v", b.conv.Gaps())
	}
	b.accept(t, list[3])
	b.accept(t, list[1])
	if b.conv.NoteHeads(a.party, 1, heads) || len(b.conv.Gaps()) != 0 {
		t.Errorf("gaps %v after all came", b.conv.Gaps())
	}
}

func TestHeadsThatAreNotHeeded(t *testing.T) {
	a, b := newPair()
	b.accept(t, a.write(t, "hi"))
	b.write(t, "own")
	head := func(i byte, seq uint32) *Heads { return &Heads{Heads: []Head{{Device: idOfSigner(i), Seq: seq}}} }
	var tests = []struct {
		name string
		from Party
		base uint32
		h    *Heads
	}{
		{"of this very device", a.party, 1, &Heads{Heads: []Head{{Device: b.party.Device, Seq: 9}}}},
		{"of an unknown sibling, whose base nobody told", a.party, 1, head(3, 9)},
		{"below the base", Party{User: identity(1), Device: idOfSigner(3)}, 5, head(3, 4)},
		{"without a base", Party{User: identity(1), Device: idOfSigner(3)}, 0, head(3, 4)},
		{"older than what came", a.party, 1, head(1, 1)},
		{"of this person's device, told by the peer", a.party, 1, head(2, 9)},
	}
	for _, test := range tests {
		if b.conv.NoteHeads(test.from, test.base, test.h) || len(b.conv.Gaps()) != 0 {
			t.Errorf("%s: gaps %v", test.name, b.conv.Gaps())
		}
	}
	empty := newPeer(4, identity(1), identity(2)).conv.Heads(key.DeviceID{}, [8]byte{})
	if _, err := EncodeBody(empty); err != nil || len(empty.Heads) != 0 {
		t.Errorf("the heads of a device that wrote nothing: %v", err)
	}
}

func TestHeadsNameSiblingsToo(t *testing.T) {
	x, y := identity(1), identity(2)
	a, c, b := newPeer(1, x, y), newPeer(3, x, y), newPeer(2, y, x)
	first := c.write(t, "from the sibling")
	a.accept(t, first)
	b.accept(t, first)
	a.accept(t, c.write(t, "lost"))
	heads := a.conv.Heads(key.DeviceID{}, [8]byte{})
	if len(heads.Heads) != 1 || heads.Heads[0].Device != c.party.Device {
		t.Fatalf("heads %+v", heads)
	}
	if !b.conv.NoteHeads(a.party, 1, heads) || !reflect.DeepEqual(b.conv.Gaps(), []Gap{{c.party, Range{From: 2, To: 2}}}) {
		t.Errorf("gaps %v", b.conv.Gaps())
	}
}

func TestTipsShowGaps(t *testing.T) {
	x, y := identity(1), identity(2)
	a, c, b := newPeer(1, x, y), newPeer(3, x, y), newPeer(2, y, x)
	first := c.write(t, "one")
	a.accept(t, first)
	b.accept(t, first)
	a.accept(t, c.write(t, "lost"))
	b.accept(t, a.write(t, "after it"))
	if want := []Gap{{c.party, Range{From: 2, To: 2}}}; !reflect.DeepEqual(b.conv.Gaps(), want) {
		t.Errorf("gaps %v", b.conv.Gaps())
	}
}

func TestReadMarks(t *testing.T) {
	x, y := identity(1), identity(2)
	a, b, c := newPeer(1, x, y), newPeer(2, y, x), newPeer(3, y, x) // b and c are one person's
	for _, s := range burst(t, a, 5) {
		b.accept(t, s)
		c.accept(t, s)
	}
	if b.conv.ReadMarks() != nil || b.conv.MarkRead(Party{User: x, Device: idOfSigner(9)}, 1) || b.conv.MarkRead(b.party, 1) {
		t.Error("something was read before anything was")
	}
	if !b.conv.MarkRead(a.party, 3) || b.conv.MarkRead(a.party, 2) || !b.conv.MarkRead(a.party, 99) || b.conv.ReadUpto(a.party) != 5 {
		t.Errorf("read up to %d", b.conv.ReadUpto(a.party))
	}
	b.stored = b.conv.Snapshot()
	b.restart(t)
	r := b.conv.ReadMarks()
	if r == nil || len(r.Marks) != 1 || r.Marks[0].Device != a.party.Device || r.Marks[0].Upto != 5 || b.conv.ReadMarks() != nil {
		t.Fatalf("read marks %+v", r)
	}
	if _, err := EncodeBody(r); err != nil {
		t.Fatal(err)
	}
	if news := a.conv.NoteRead(b.party, r); len(news) != 1 || a.conv.ReadUpto(a.party) != 5 || len(a.conv.NoteRead(b.party, r)) != 0 {
		t.Errorf("the writer learns %v", news)
	}
	if news := c.conv.NoteRead(b.party, r); len(news) != 1 || c.conv.ReadUpto(a.party) != 5 || c.conv.ReadMarks() != nil {
		t.Errorf("the sibling learns %v and tells it again", news)
	}
	lie := &Read{Marks: []Mark{{Device: a.party.Device, Upto: 99}}}
	if news := a.conv.NoteRead(b.party, lie); len(news) != 0 || a.conv.ReadUpto(a.party) != 5 {
		t.Errorf("more was read than was written: %v", news)
	}
}

func TestSnapshotsOfOthersAreRefused(t *testing.T) {
	a, b := newPair()
	b.accept(t, a.write(t, "hi"))
	other := b.cfg
	other.Peer = identity(9)
	if _, err := Restore(other, b.stored); !errors.Is(err, wire.ErrWrongRecipient) {
		t.Errorf("another conversation: %v", err)
	}
	other = b.cfg
	other.Device = idOfSigner(9)
	if _, err := Restore(other, b.stored); !errors.Is(err, wire.ErrWrongRecipient) {
		t.Errorf("another device: %v", err)
	}
	for n := range b.stored {
		if _, err := Restore(b.cfg, b.stored[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes were accepted", n, len(b.stored))
		}
	}
	if _, err := Restore(b.cfg, append(slices.Clone(b.stored), 0)); !errors.Is(err, wire.ErrTrailing) {
		t.Errorf("a byte more: %v", err)
	}
	if n := len(b.stored); n > 400 {
		t.Errorf("a state without gaps has %d bytes", n)
	}
}

func FuzzSnapshot(f *testing.F) {
	a, b := newPair()
	f.Add(b.conv.Snapshot())
	list := burst(f, a, 6)
	b.accept(f, list[0])
	b.write(f, "own")
	for _, i := range []int{2, 3, 5} {
		b.accept(f, list[i])
	}
	b.conv.Address(a.party, 1)
	f.Add(b.conv.Snapshot())
	b.conv.NoteHeads(a.party, 1, &Heads{Heads: []Head{{Device: a.party.Device, Seq: 9}}})
	if _, _, err := b.conv.Gone(a.party, Range{From: 5, To: 8}, ID{1}, b); err != nil {
		f.Fatal(err)
	}
	if err := b.conv.SaidGone(a.party, Range{From: 1, To: 1}); err != nil {
		f.Fatal(err)
	}
	f.Add(b.conv.Snapshot())
	f.Fuzz(func(t *testing.T, snap []byte) {
		c, err := Restore(b.cfg, snap)
		if err != nil {
			return
		}
		if !bytes.Equal(c.Snapshot(), snap) {
			t.Fatal("what parses does not encode to the same bytes")
		}
		m := list[1].message(t, b)
		if _, err := c.Accept(m, Arrival{Base: 1, Origin: a.cfg.Origin}, newPeer(2, identity(2), identity(1))); err != nil {
			return
		}
		archive := newPeer(2, identity(2), identity(1))
		_, _, _ = c.Gone(a.party, Range{From: 2, To: 4}, list[3].id, archive)
		_ = c.SaidGone(a.party, Range{From: 1, To: 2})
		c.Ack(key.DeviceID{}, [8]byte{})
		c.Heads(key.DeviceID{}, [8]byte{})
		c.Gaps()
		if _, err := Restore(b.cfg, c.Snapshot()); err != nil {
			t.Fatalf("a state cannot be stored after a message: %v", err)
		}
	})
}
