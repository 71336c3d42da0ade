package device

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"slices"
	"testing"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

func TestListFollowsTheChain(t *testing.T) {
	c := newChain(t)
	first := c.list.Newest()
	second := c.add(2, Linked)
	c.accept(c.next(Change{Revoke: []key.DeviceID{idOf(2)}}))
	l := c.list
	if l.Ref().N != 3 || l.Ref() != l.Newest().Ref() {
		t.Errorf("newest is %d", l.Ref().N)
	}
	for _, e := range []*Entry{first, second, l.Newest()} {
		if !l.Has(e.Ref()) {
			t.Errorf("entry %d is not known", e.N)
		}
	}
	if l.Has(Ref{N: 2, Hash: first.Ref().Hash}) || l.Has(Ref{N: 4}) || l.Has(Ref{}) {
		t.Error("a reference to nothing is known")
	}
	if !l.Live(idOf(1)) || l.Live(idOf(2)) || l.Live(idOf(3)) {
		t.Error("device 1 alone is live")
	}
	if d, ok := l.Device(idOf(2)); !ok || d.DSK != signer(2).Public() {
		t.Error("the revoked device's key is not kept")
	}
	if origin, ok := l.Origin(idOf(2)); !ok || origin != second.Hash() {
		t.Error("the origin of device 2 is entry 2")
	}
	out, err := l.Accept(l.Newest())
	if err != nil || out.Changed || out.Fork != nil {
		t.Errorf("the newest entry again: %+v, %v", out, err)
	}
	if out, err = l.Accept(first); err != nil || out.Changed {
		t.Errorf("a known older entry: %+v, %v", out, err)
	}
}

func TestBundlesCountFromTheDevicesEntryOn(t *testing.T) {
	c := newChain(t)
	one := c.list.Ref()
	two := c.add(2, Linked).Ref()
	three := c.add(3, Linked).Ref()
	c.accept(c.next(Change{Revoke: []key.DeviceID{idOf(3)}}))
	var tests = []struct {
		name string
		id   key.DeviceID
		ref  Ref
		want bool
	}{
		{"its own entry", idOf(2), two, true},
		{"a later entry", idOf(2), three, true},
		{"an entry before it was added", idOf(2), one, false},
		{"an entry of another chain", idOf(2), Ref{N: 3}, false},
		{"a revoked device", idOf(3), three, false},
		{"an unknown device", idOf(9), three, false},
	}
	for _, test := range tests {
		if d, ok := c.list.Vouches(test.id, test.ref); ok != test.want || (ok && d.ID != test.id) {
			t.Errorf("%s: %v", test.name, ok)
		}
	}
}

func TestTrustStartsAnywhereInTheChain(t *testing.T) {
	c := newChain(t)
	entries := []*Entry{c.list.Newest(), c.add(2, Linked), c.add(3, Linked), c.add(4, Linked)}
	l := NewList(c.ik.Public())
	if _, ok := l.Device(idOf(1)); ok || l.Live(idOf(1)) || l.Ref() != (Ref{}) || len(l.Devices()) != 0 {
		t.Error("an empty list knows something")
	}
	if out, err := l.Accept(entries[2]); err != nil || !out.Changed {
		t.Fatalf("the first entry seen: %v", err)
	}
	if !l.Has(entries[1].Ref()) || l.Has(entries[0].Ref()) {
		t.Error("entry 3 names entry 2 and nothing before it")
	}
	if _, err := l.Accept(entries[0]); !errors.Is(err, wire.ErrStaleList) {
		t.Errorf("entry 1, of which nothing is known: %v", err)
	}
	for _, e := range []*Entry{entries[1], entries[0], entries[3]} {
		if _, err := l.Accept(e); err != nil {
			t.Fatalf("entry %d: %v", e.N, err)
		}
	}
	for _, e := range entries {
		if !l.Has(e.Ref()) {
			t.Errorf("entry %d is not known", e.N)
		}
	}
}

func TestMissingEntriesDoNotStopTheList(t *testing.T) {
	c := newChain(t)
	l := c.list.Clone()
	c.add(2, Linked)
	three := c.add(3, Linked)
	four := c.add(4, Linked)
	if out, err := l.Accept(four); err != nil || !out.Changed || out.Fork != nil {
		t.Fatalf("entry 4 after entry 1: %+v, %v", out, err)
	}
	if !l.Live(idOf(4)) || !l.Has(three.Ref()) || l.Has(Ref{N: 2}) {
		t.Error("entry 4 and the hash of entry 3 are known now")
	}
}

func TestSuccessorRules(t *testing.T) {
	c := newChain(t)
	c.add(2, Linked)
	c.accept(c.next(Change{Next: make([]byte, 32)}))
	c.add(3, Linked)
	c.accept(c.next(Change{Revoke: []key.DeviceID{idOf(3)}}))
	last := c.list.Newest()
	good := func() body {
		return body{User: last.User, N: last.N + 1, Prev: last.Hash(), Devices: slices.Clone(last.Devices), Revoked: slices.Clone(last.Revoked), Next: last.Next}
	}
	var tests = []struct {
		name   string
		change func(*body)
	}{
		{"a device leaves silently", func(b *body) { b.Devices = b.Devices[:1] }},
		{"a role changes", func(b *body) { b.Devices[1].Role = Full }},
		{"a device appears from nowhere", func(b *body) {
			b.Devices = append(b.Devices, Device{DSK: signer(5).Public(), ID: idOf(5), Role: Linked, Added: last.N})
		}},
		{"a revoked device comes back", func(b *body) {
			b.Revoked = nil
			b.Devices = append(b.Devices, Device{DSK: signer(3).Public(), ID: idOf(3), Role: Linked, Added: 4})
		}},
		{"the next identity changes", func(b *body) { b.Next = bytes.Repeat([]byte{1}, 32) }},
		{"the next identity goes", func(b *body) { b.Next = nil }},
	}
	for _, test := range tests {
		b := good()
		test.change(&b)
		e, err := ParseEntry(seal(c.ik, b, nil).Encode())
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		if out, err := c.list.Accept(e); !errors.Is(err, wire.ErrValue) || out.Changed {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	c.accept(seal(c.ik, good(), nil))
}

func TestOtherPeoplesEntriesAreRefused(t *testing.T) {
	c := newChain(t)
	if _, err := c.list.Accept(First(identity(2), signer(2), at)); !errors.Is(err, wire.ErrWrongRecipient) {
		t.Errorf("got %v", err)
	}
}

// TestFork shows two holders who both make entry 3, in both orders of arrival.
func TestFork(t *testing.T) {
	c := newChain(t)
	c.add(2, Full)
	common := c.add(3, Linked)
	a, b := c.branch(), c.branch()
	left := a.next(Change{Revoke: []key.DeviceID{idOf(3)}})
	right := b.next(Change{Join: b.join(4, Linked)})
	low, high := left.Hash(), right.Hash()
	if bytes.Compare(low[:], high[:]) > 0 {
		low, high = high, low
	}
	for _, order := range [][]*Entry{{left, right}, {right, left}} {
		l := c.list.Clone()
		if out, err := l.Accept(order[0]); err != nil || out.Fork != nil {
			t.Fatalf("the first branch: %+v, %v", out, err)
		}
		out, err := l.Accept(order[1])
		if err != nil || !out.Changed || out.Fork == nil {
			t.Fatalf("the second branch: %+v, %v", out, err)
		}
		if f := out.Fork; f.N != 4 || f.Kept != low || f.Lost != high || f.Grew || f.Entry != order[1] {
			t.Errorf("fork %+v", f)
		}
		if l.Newest().Hash() != low {
			t.Error("the lower hash does not stay")
		}
		if l.Live(idOf(3)) {
			t.Error("a revocation on one branch does not hold at once")
		}
		if _, ok := l.Device(idOf(4)); !ok {
			t.Error("the key of the other branch's device is not kept")
		}
		if out, err := l.Accept(order[1]); err != nil || out.Changed || out.Fork != nil {
			t.Errorf("the same fork again: %+v, %v", out, err)
		}
		if !l.Has(common.Ref()) {
			t.Error("what stood before the fork is forgotten")
		}
		healed, err := l.Next(c.ik, Change{}, at)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := l.Accept(healed); err != nil || out.Fork != nil {
			t.Errorf("the entry after the fork: %+v, %v", out, err)
		}
		if _, there := healed.Device(idOf(3)); there {
			t.Error("the entry after the fork still lists the revoked device")
		}
	}
}

func TestTheBranchThatGoesOnIsFollowed(t *testing.T) {
	c := newChain(t)
	a, b := c.branch(), c.branch()
	left := a.add(2, Linked)
	right := b.add(3, Linked)
	if hl, hr := left.Hash(), right.Hash(); bytes.Compare(hl[:], hr[:]) > 0 {
		a, b, left = b, a, right
	}
	l := c.list.Clone()
	if _, err := l.Accept(left); err != nil {
		t.Fatal(err)
	}
	third := b.add(4, Linked)
	out, err := l.Accept(third)
	if err != nil || out.Fork == nil || out.Fork.Grew || out.Fork.Lost != left.Hash() || l.Newest() != third {
		t.Fatalf("the other branch went on: %+v, %v", out, err)
	}
	if out, err = l.Accept(left); err != nil || out.Fork != nil || out.Changed {
		t.Errorf("the branch that was left: %+v, %v", out, err)
	}
}

func TestTwoBranchesThatBothGrewAreEquivocation(t *testing.T) {
	c := newChain(t)
	a, b := c.branch(), c.branch()
	a.add(2, Linked)
	a.add(3, Linked)
	right2 := b.add(4, Linked)
	right3 := b.add(5, Linked)
	for _, entry := range []*Entry{right3, right2} {
		l := a.list.Clone()
		before := l.Newest()
		out, err := l.Accept(entry)
		if err != nil || out.Fork == nil || l.Newest() != before || out.Fork.Entry != entry {
			t.Fatalf("entry %d of the other branch: %+v, %v", entry.N, out, err)
		}
		if grew := entry == right3; out.Fork.Grew != grew {
			t.Errorf("entry %d: grew %v", entry.N, out.Fork.Grew)
		}
	}
}

func TestTheFirstSuccessionSeenStays(t *testing.T) {
	c := newChain(t)
	a, b := c.branch(), c.branch()
	mine := bytes.Repeat([]byte{1}, 32)
	first := a.next(Change{Next: mine})
	l := c.list.Clone()
	if _, err := l.Accept(first); err != nil {
		t.Fatal(err)
	}
	b.add(2, Linked)
	b.accept(b.next(Change{Next: bytes.Repeat([]byte{2}, 32)}))
	if out, err := l.Accept(b.list.Newest()); err != nil || out.Fork == nil {
		t.Fatalf("%+v, %v", out, err)
	}
	if !bytes.Equal(l.Succession(), mine) {
		t.Error("a fork replaced the next identity")
	}
}

func TestListComesBackFromStorage(t *testing.T) {
	c := newChain(t)
	empty, err := DecodeList(NewList(c.ik.Public()).Encode())
	if err != nil || empty.User() != c.ik.Public() || empty.Newest() != nil {
		t.Fatalf("an empty list: %v", err)
	}
	c.add(2, Linked)
	a, b := c.branch(), c.branch()
	c.accept(a.next(Change{Revoke: []key.DeviceID{idOf(2)}, Next: make([]byte, 32)}))
	if _, err := c.list.Accept(b.add(3, Linked)); err != nil {
		t.Fatal(err)
	}
	enc := c.list.Encode()
	got, err := DecodeList(enc)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Encode(), enc) || !reflect.DeepEqual(got.Devices(), c.list.Devices()) || got.Ref() != c.list.Ref() || got.Live(idOf(2)) {
		t.Error("the list came back as another one")
	}
	for n := range enc {
		if _, err := DecodeList(enc[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes were accepted", n, len(enc))
		}
	}
	if _, err := DecodeList(append(slices.Clone(enc), 0)); !errors.Is(err, wire.ErrTrailing) {
		t.Errorf("a byte more: %v", err)
	}
	next, err := got.Next(c.ik, Change{}, at)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := got.Accept(next); err != nil || !out.Changed {
		t.Errorf("the chain after storage: %+v, %v", out, err)
	}
}

func TestWhatIsKeptOfALongChainIsBounded(t *testing.T) {
	c := newChain(t)
	for i := byte(2); i < 150; i++ {
		c.add(i, Linked)
		c.accept(c.next(Change{Revoke: []key.DeviceID{idOf(i)}}))
	}
	l := c.list
	if len(l.refs) != MaxRefs || len(l.former) != MaxFormer || len(l.revoked) != maxRevoked || len(l.Newest().Revoked) != MaxRevocations {
		t.Errorf("%d refs, %d former devices, %d revocations", len(l.refs), len(l.former), len(l.revoked))
	}
	if n := len(l.Encode()); n > maxListSize {
		t.Errorf("%d bytes in storage", n)
	}
	if _, err := DecodeList(l.Encode()); err != nil {
		t.Error(err)
	}
	if _, err := l.Accept(First(c.ik, signer(1), at)); !errors.Is(err, wire.ErrStaleList) {
		t.Errorf("the first entry: %v", err)
	}
}

func FuzzList(f *testing.F) {
	c := newChain(f)
	f.Add(NewList(c.ik.Public()).Encode(), c.list.Newest().Encode())
	c.add(2, Linked)
	f.Add(c.list.Encode(), c.next(Change{Revoke: []key.DeviceID{idOf(2)}}).Encode())
	f.Fuzz(func(t *testing.T, b, entry []byte) {
		l, err := DecodeList(b)
		if err != nil {
			return
		}
		if !bytes.Equal(l.Encode(), b) {
			t.Fatal("what parses does not encode to the same bytes")
		}
		e, _, err := decode(entry)
		if err != nil {
			return
		}
		if _, err := l.Accept(e); err != nil {
			return
		}
		if _, err := DecodeList(l.Encode()); err != nil {
			t.Fatalf("a list cannot be stored after an entry: %v", err)
		}
	})
}

// Whatever Accept took has to be readable again: a list that is stored and not
// read back would lock its owner out.
func TestAcceptedListsAreReadBack(t *testing.T) {
	ik, dsk := key.NewPrivate[key.Identity](), key.NewPrivate[key.Device]()
	for _, at := range [][]uint32{{2, math.MaxUint32}, {math.MaxUint32, math.MaxUint32}, {2, 3, math.MaxUint32 - 1, math.MaxUint32}} {
		b := body{
			User: ik.Public(), N: math.MaxUint32, Prev: [32]byte{1}, Time: 1,
			Devices: []Device{{DSK: dsk.Public(), ID: key.DeviceIDOf(dsk.Public()), Role: Full, Added: 1}},
		}
		for n, a := range at {
			b.Revoked = append(b.Revoked, Revocation{ID: key.DeviceID{byte(n + 1)}, At: a})
		}
		e, err := ParseEntry(seal(ik, b, nil).Encode())
		if err != nil {
			t.Fatal(err)
		}
		l := NewList(ik.Public())
		if _, err := l.Accept(e); err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeList(l.Encode()); err != nil {
			t.Fatalf("revocations at %v: %v", at, err)
		}
	}
}
