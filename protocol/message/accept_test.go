package message

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// burst is n messages of p in a row.
func burst(t testing.TB, p *peer, n int) []sent {
	out := make([]sent, n)
	for i := range out {
		out[i] = p.write(t, fmt.Sprint("text ", i))
	}
	return out
}

func TestChainInOrder(t *testing.T) {
	a, b := newPair()
	for i, s := range burst(t, a, 5) {
		got := b.accept(t, s)
		if got.Seq != uint32(i+1) || got.Height != uint32(i+1) || got.Pending || got.Late || got.Duplicate || len(got.Moved) != 0 {
			t.Errorf("message %d: %+v", i+1, got)
		}
	}
	m := b.write(t, "answer").message(t, a)
	if len(m.Header.Tips) != 1 || m.Header.Tips[0].Seq != 5 || m.Header.Seq != 1 || m.Header.Prev != First(b.cfg.Origin, b.conv.ID()) {
		t.Errorf("the answer's header is %+v", m.Header)
	}
	if second := b.write(t, "more").message(t, a); len(second.Header.Tips) != 0 {
		t.Errorf("a tip that prev implies: %+v", second.Header.Tips)
	}
	if b.heights[m.ID.Short()] != 6 {
		t.Errorf("the answer's height is %d", b.heights[m.ID.Short()])
	}
}

// TestAnyOrderOfArrival delivers one conversation in many orders.
func TestAnyOrderOfArrival(t *testing.T) {
	a, b := newPair()
	var all []sent
	for i := range 60 {
		s := a.write(t, "a")
		b.accept(t, s)
		all = append(all, s)
		if i%3 == 0 {
			a.accept(t, b.write(t, "b"))
		}
	}
	want := a.order()
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 20 {
		// b's twin starts from b's own messages only: it lost all that a wrote.
		late := slices.Clone(all)
		rng.Shuffle(len(late), func(i, j int) { late[i], late[j] = late[j], late[i] })
		if round == 0 {
			slices.Reverse(late)
		}
		c := newPeer(3, identity(2), identity(1)) // a sibling of b
		for party, id := range b.places {
			if party.party == b.party {
				late = append(late, sent{from: b, raw: nil, seq: party.seq, id: id})
			}
		}
		late = withBodies(t, late, b)
		for _, s := range late {
			c.accept(t, s)
			if rng.IntN(4) == 0 {
				c.restart(t)
			}
		}
		if !slices.Equal(c.order(), want) {
			t.Fatalf("round %d: another order", round)
		}
		if len(c.conv.pending) != 0 || len(c.conv.Gaps()) != 0 {
			t.Errorf("round %d: %d pending, gaps %v", round, len(c.conv.pending), c.conv.Gaps())
		}
	}
}

// withBodies fills in the messages of b, which are made anew: signatures are
// deterministic, so they are the same.
func withBodies(t testing.TB, list []sent, b *peer) []sent {
	t.Helper()
	for i, s := range list {
		if s.raw == nil {
			list[i].raw = b.sentRaw[s.seq]
		}
	}
	return list
}

func TestDuplicates(t *testing.T) {
	a, b := newPair()
	list := burst(t, a, 30)
	for _, s := range list {
		b.accept(t, s)
	}
	b.conv.Ack(key.DeviceID{}, [8]byte{})
	for _, restart := range []bool{false, true} {
		if restart {
			b.restart(t)
		}
		for _, s := range list {
			if got := b.accept(t, s); !got.Duplicate || got.ID != s.id || got.Seq != s.seq {
				t.Errorf("message %d again: %+v", s.seq, got)
			}
		}
	}
	if _, changed := b.conv.Ack(key.DeviceID{}, [8]byte{}); !changed {
		t.Error("a sender that repeats gets no acknowledgement")
	}
}

func TestSideMessagesLeaveNoTrace(t *testing.T) {
	a, b := newPair()
	b.accept(t, a.write(t, "hi"))
	before := b.conv.Snapshot()
	ack, _ := a.conv.Side(KindTyping, []byte{0xa0}, [SaltSize]byte{}, start, a.dsk)
	if ack.Seq != 0 || ack.Height != 0 || !bytes.Equal(a.conv.Snapshot(), a.stored) {
		t.Errorf("sending a side message changed the state: %+v", ack)
	}
	got, err := b.take(t, sent{from: a, raw: ack.Signed})
	if err != nil || got.ID != ack.ID || got.Seq != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	if !bytes.Equal(b.conv.Snapshot(), before) {
		t.Error("receiving a side message changed the state")
	}
}

func TestWrongUseIsRefused(t *testing.T) {
	a, b := newPair()
	for name, test := range map[string]struct {
		err  error
		want error
	}{
		"a side kind in the chain":   {appendError(a, KindAck, []byte{1}, a.dsk), wire.ErrValue},
		"another device's key":       {appendError(a, KindText, []byte{1}, b.dsk), wire.ErrValue},
		"a body of more than 60 KiB": {appendError(a, KindText, make([]byte, MaxBody+1), a.dsk), wire.ErrTooLarge},
		"kind 0":                     {appendError(a, 0, []byte{1}, a.dsk), wire.ErrValue},
		"a chained kind as side":     {sideError(a, KindText), wire.ErrValue},
		"a message without a body":   {appendError(a, KindText, []byte{}, a.dsk), wire.ErrValue},
		"a side message without one": {sideError(a, KindTyping), wire.ErrValue},
	} {
		if !errors.Is(test.err, test.want) {
			t.Errorf("%s: got %v, want %v", name, test.err, test.want)
		}
	}
	if !bytes.Equal(a.conv.Snapshot(), a.stored) {
		t.Error("a refused message changed the state")
	}
	s := a.write(t, "hi")
	m, _ := Parse(s.raw)
	if _, err := b.conv.Accept(m, Arrival{Base: 1}, b); !errors.Is(err, wire.ErrSignature) {
		t.Errorf("a message that was not verified: %v", err)
	}
	other := newPeer(5, identity(2), identity(7))
	if _, err := other.take(t, s); !errors.Is(err, wire.ErrWrongRecipient) {
		t.Errorf("a message of another conversation: %v", err)
	}
}

func appendError(p *peer, k Kind, body []byte, dsk key.DevicePrivate) error {
	_, err := p.conv.Append(k, body, [SaltSize]byte{}, start, dsk)
	return err
}

func sideError(p *peer, k Kind) error {
	_, err := p.conv.Side(k, nil, [SaltSize]byte{}, start, p.dsk)
	return err
}

// forge signs a message of p with any header.
func forge(t testing.TB, p *peer, h Header) sent {
	t.Helper()
	h.Kind, h.ListN = KindText, 1
	m, err := Sign(h, p.dsk, p.cfg.Self, p.cfg.Peer)
	if err != nil {
		t.Fatal(err)
	}
	return sent{from: p, raw: m.Encode(), seq: h.Seq, id: m.ID}
}

func TestWrongPrevIsRefused(t *testing.T) {
	a, _ := newPair()
	list := burst(t, a, 9)
	var tests = []struct {
		name  string
		first []int // indexes of list accepted before
		seq   uint32
		prev  [32]byte
	}{
		{"the first message", nil, 1, [32]byte{1}},
		{"after the head", []int{0}, 2, [32]byte{1}},
		{"at the start of a hole", []int{0, 1, 5}, 3, [32]byte{1}},
		{"at the end of a hole, where the successor names another", []int{0, 5}, 5, list[3].id},
		{"the whole of a hole", []int{0, 2}, 2, list[0].id},
	}
	for _, test := range tests {
		b := newPeer(2, identity(2), identity(1))
		for _, i := range test.first {
			b.accept(t, list[i])
		}
		before := b.conv.Snapshot()
		if _, err := b.take(t, forge(t, a, Header{Seq: test.seq, Prev: test.prev})); !errors.Is(err, ErrPrev) {
			t.Errorf("%s: %v", test.name, err)
		}
		if !bytes.Equal(b.conv.Snapshot(), before) {
			t.Errorf("%s: the state changed", test.name)
		}
		for _, s := range list {
			b.accept(t, s)
		}
		if len(b.conv.Gaps()) != 0 {
			t.Errorf("%s: gaps %v after all came", test.name, b.conv.Gaps())
		}
	}
}

func TestTheStartOfAChainIsCheckedOnceItIsKnown(t *testing.T) {
	a, b := newPair()
	list := burst(t, a, 3)
	s := list[2]
	if _, err := b.conv.Accept(s.message(t, b), Arrival{Base: 1}, b); err != nil { // origin not known yet
		t.Fatal(err)
	}
	if _, err := b.take(t, forge(t, a, Header{Seq: 1, Prev: [32]byte{1}})); !errors.Is(err, ErrPrev) {
		t.Errorf("a false start: %v", err)
	}
	b.accept(t, list[0])
	b.accept(t, list[1])
}

func TestForkFreezesTheDevice(t *testing.T) {
	for _, how := range []string{"at once", "after others", "in a hole", "after a restart"} {
		a, b := newPair()
		list := burst(t, a, 40)
		rival := forge(t, a, Header{Seq: 20, Prev: list[18].id})
		switch how {
		case "at once":
			list = list[:20]
		case "in a hole":
			list = slices.Delete(list, 4, 6)
		}
		for _, s := range list {
			b.accept(t, s)
		}
		if how == "after a restart" {
			b.restart(t)
		}
		_, err := b.take(t, rival)
		var fork *ForkError
		if !errors.As(err, &fork) {
			t.Fatalf("%s: %v", how, err)
		}
		known, _ := b.At(a.party, 20)
		if fork.From != a.party || fork.Seq != 20 || fork.Known != known || fork.Rival != rival.id || fork.Known == fork.Rival {
			t.Errorf("%s: %+v", how, fork)
		}
		b.stored = b.conv.Snapshot()
		b.restart(t)
		if _, err := b.take(t, a.write(t, "more")); !errors.Is(err, ErrFrozen) {
			t.Errorf("%s: the frozen device wrote: %v", how, err)
		}
		side, _ := a.conv.Side(KindTyping, []byte{0xa0}, [SaltSize]byte{}, start, a.dsk)
		if _, err := b.take(t, sent{from: a, raw: side.Signed}); !errors.Is(err, ErrFrozen) {
			t.Errorf("%s: the frozen device sent a side message: %v", how, err)
		}
		if m := b.write(t, "b").message(t, a); len(m.Header.Tips) != 0 {
			t.Errorf("%s: a frozen device is a tip", how)
		}
		if len(b.conv.Gaps()) != 0 {
			t.Errorf("%s: a frozen device is asked for messages", how)
		}
	}
}

func TestOwnMessagesFromElsewhere(t *testing.T) {
	a, _ := newPair()
	s := a.write(t, "one")
	got, err := a.take(t, s)
	if err != nil || !got.Duplicate {
		t.Errorf("an own message that came back: %+v, %v", got, err)
	}
	for name, h := range map[string]Header{
		"another one with its seq": {Seq: 1, Prev: [32]byte{1}},
		"one that is ahead":        {Seq: 2, Prev: s.id},
	} {
		if _, err := a.take(t, forge(t, a, h)); !errors.Is(err, ErrOwnDevice) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBase(t *testing.T) {
	a, b := newPair()
	list := burst(t, a, 12)
	for i := range list {
		list[i].base = 6
	}
	got := b.accept(t, list[7])
	if want := (Gap{a.party, Range{From: 6, To: 7}}); len(b.conv.Gaps()) != 1 || b.conv.Gaps()[0] != want || !got.Pending {
		t.Errorf("gaps %v, %+v", b.conv.Gaps(), got)
	}
	b.accept(t, list[5])
	if got := b.accept(t, list[6]); got.Pending || len(b.conv.Gaps()) != 0 || len(b.conv.pending) != 0 {
		t.Errorf("what is below the base is no gap: %+v, %v", got, b.conv.Gaps())
	}
	below := list[2]
	if _, err := b.take(t, below); !errors.Is(err, wire.ErrValue) {
		t.Errorf("a message below its own base: %v", err)
	}
	below.base = 3 // the sender says that 3 was addressed to this device too
	b.accept(t, below)
	if want := (Gap{a.party, Range{From: 4, To: 5}}); len(b.conv.Gaps()) != 1 || b.conv.Gaps()[0] != want {
		t.Errorf("gaps below the old base: %v", b.conv.Gaps())
	}
	list[0].base = 1
	b.accept(t, list[0])
	for _, s := range list {
		s.base = 1
		b.accept(t, s)
	}
	if len(b.conv.Gaps()) != 0 {
		t.Errorf("gaps %v after all came", b.conv.Gaps())
	}
}

func TestMessagesFromAnotherDevicesEnvelope(t *testing.T) {
	a, b := newPair()
	list := burst(t, a, 3)
	m := list[1].message(t, b)
	if _, err := b.conv.Accept(m, Arrival{}, b); err != nil { // a sibling answers: no base is known
		t.Fatal(err)
	}
	if len(b.conv.Gaps()) != 0 {
		t.Errorf("gaps %v below what may be the base", b.conv.Gaps())
	}
	if _, err := b.conv.Accept(list[0].message(t, b), Arrival{}, b); !errors.Is(err, wire.ErrValue) {
		t.Errorf("history without a base: %v", err)
	}
	b.accept(t, list[0])
	b.accept(t, list[2])
}

func TestGapsAreBounded(t *testing.T) {
	a, b := newPair()
	list := burst(t, a, 2*maxHoles+4)
	var err error
	accepted := 0
	for i := 1; i < len(list); i += 2 {
		var got Accepted
		if got, err = b.take(t, list[i]); err != nil {
			break
		}
		accepted++
		b.save(list[i], got)
	}
	if !errors.Is(err, wire.ErrLimit) || accepted != maxHoles {
		t.Errorf("after %d gaps: %v", accepted, err)
	}
	b.restart(t)
	for _, s := range list {
		b.accept(t, s)
	}
	if len(b.conv.Gaps()) != 0 || !slices.Equal(a.order(), b.order()) {
		t.Error("the gaps were not filled")
	}
}

func TestDevicesAreBounded(t *testing.T) {
	_, b := newPair()
	for i := byte(10); ; i++ {
		s := newPeer(i, identity(1), identity(2)).write(t, "hi")
		if _, err := b.take(t, s); err != nil {
			if !errors.Is(err, wire.ErrLimit) || len(b.conv.chains) != maxDevices {
				t.Errorf("after %d devices: %v", len(b.conv.chains), err)
			}
			return
		}
	}
}

func TestWaitingIsBounded(t *testing.T) {
	a, b := newPair()
	list := burst(t, a, MaxPending+100)
	for i, s := range list[1:] {
		got := b.accept(t, s)
		want := i + 1
		if i >= MaxPending { // the lost message is waited for no longer
			want = 0
		}
		if len(b.conv.pending) != want || got.Height != uint32(i+1) || got.Pending != (want > 0) {
			t.Fatalf("message %d: %d wait, %+v", i+2, len(b.conv.pending), got)
		}
	}
	b.restart(t)
	if len(b.conv.Gaps()) != 1 {
		t.Error("the lost message is asked for no longer")
	}
	if got := b.accept(t, list[0]); !got.Late || got.Height != 1 || len(got.Moved) != 0 || len(b.conv.Gaps()) != 0 {
		t.Errorf("the message that came too late: %+v", got)
	}
	rest := slices.DeleteFunc(b.order(), func(id ID) bool { return id == list[0].id })
	if !slices.Equal(a.order()[1:], rest) {
		t.Error("the order of the others changed")
	}
}

func TestLateAndMoved(t *testing.T) {
	a, b := newPair()
	list := burst(t, a, 3)
	own := b.write(t, "own, height 1")
	first := b.accept(t, list[2])
	if !first.Pending || first.Height != 1 || first.Late {
		t.Errorf("a message after missing ones: %+v", first)
	}
	own2 := b.write(t, "after it")
	if h := b.heights[own2.id.Short()]; h != 2 {
		t.Errorf("own message at %d", h)
	}
	b.accept(t, list[0])
	got := b.accept(t, list[1])
	want := []Move{{list[2].id, 3}, {own2.id, 4}}
	if got.Height != 2 || got.Late || !slices.Equal(got.Moved, want) {
		t.Errorf("got %+v, want the moves %v", got, want)
	}
	if own3 := b.write(t, "next"); b.heights[own3.id.Short()] != 5 || b.heights[own.id.Short()] != 1 {
		t.Error("the heights of own messages")
	}
}

func TestTipsThatNameNothing(t *testing.T) {
	a, b := newPair()
	s := b.write(t, "b")
	a.accept(t, s)
	prev := First(a.cfg.Origin, a.conv.ID())
	// An own message that does not exist, and one with another hash, count for nothing.
	one := forge(t, a, Header{Seq: 1, Prev: prev, Tips: []Tip{{Device: b.party.Device, Seq: 9, Hash: Short{1}}}})
	two := forge(t, a, Header{Seq: 2, Prev: one.id, Tips: []Tip{{Device: b.party.Device, Seq: 1, Hash: Short{1}}}})
	for i, s := range []sent{one, two} {
		if got := b.accept(t, s); got.Pending || got.Height != uint32(i+1) {
			t.Errorf("%+v", got)
		}
	}
	// A device that was never heard of may still speak.
	three := forge(t, a, Header{Seq: 3, Prev: two.id, Tips: []Tip{{Device: idOfSigner(9), Seq: 4, Hash: Short{1}}}})
	if got := b.accept(t, three); !got.Pending {
		t.Errorf("%+v", got)
	}
	ninth := newPeer(9, identity(1), identity(2))
	list := burst(t, ninth, 6)
	list[5].base = 5 // its base says that 4 is history
	if b.accept(t, list[5]); len(b.conv.pending) != 1 {
		t.Errorf("%d messages wait, 5 of device 9 is missing", len(b.conv.pending))
	}
}

func TestTipsNameOnlyWhatIsNotImplied(t *testing.T) {
	x, y := identity(1), identity(2)
	a, b, c := newPeer(1, x, y), newPeer(2, y, x), newPeer(3, x, y)
	give := func(s sent, to ...*peer) {
		for _, p := range to {
			p.accept(t, s)
		}
	}
	give(a.write(t, "1"), b, c)
	give(c.write(t, "2, after 1"), b)
	s := b.write(t, "3, after 2")
	if tips := s.message(t, a).Header.Tips; len(tips) != 1 || tips[0].Device != c.party.Device {
		t.Errorf("tips %v: device 1 is implied by device 3", tips)
	}
	give(a.write(t, "beside 2"), b)
	s = b.write(t, "after both")
	if tips := s.message(t, a).Header.Tips; len(tips) != 1 || tips[0].Device != a.party.Device {
		t.Errorf("tips %v: device 3 is implied by the own message", tips)
	}
}

// BenchmarkMessage is one text written at one end and accepted at the other,
// with the copies and snapshots that a careful engine makes.
func BenchmarkMessage(b *testing.B) {
	x, y := newPair()
	body := (&Text{Text: "hello"}).encode()
	for b.Loop() {
		x.conv.Clone()
		out, err := x.conv.Append(KindText, body, [SaltSize]byte{}, start, x.dsk)
		if err != nil {
			b.Fatal(err)
		}
		x.conv.Snapshot()
		y.conv.Clone()
		y.accept(b, sent{from: x, raw: out.Signed, seq: out.Seq, id: out.ID})
	}
}

func TestAtMostEightTipsTheMostRecentFirst(t *testing.T) {
	x, y := identity(1), identity(2)
	b := newPeer(2, y, x)
	var last []key.DeviceID
	for i := byte(20); i < 31; i++ {
		p := newPeer(i, x, y)
		b.accept(t, p.write(t, "hi"))
		last = append([]key.DeviceID{p.party.Device}, last...)
	}
	for _, want := range [][]key.DeviceID{last[:8], last[8:], nil} {
		var got []key.DeviceID
		for _, tip := range b.write(t, "b").message(t, b).Header.Tips {
			got = append(got, tip.Device)
		}
		if !slices.Equal(got, want) {
			t.Errorf("tips %v, want %v", got, want)
		}
	}
}
