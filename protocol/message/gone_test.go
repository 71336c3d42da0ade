package message

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// lose tells p that the messages from to to of a chain are gone, and commits.
func (p *peer) lose(t testing.TB, list []sent, from, to uint32) []Range {
	t.Helper()
	s := list[to-1]
	filled, moved, err := p.conv.Gone(s.from.party, Range{From: from, To: to}, s.id, p)
	if err != nil {
		t.Fatalf("Gone %d-%d: %v", from, to, err)
	}
	p.save(sent{}, Accepted{Duplicate: true, Moved: moved})
	return filled
}

// acked is what p would acknowledge of a chain.
func (p *peer) acked(of *peer) Received {
	ack, _ := p.conv.Clone().Ack(key.DeviceID{}, [NonceSize]byte{})
	for _, r := range ack.Chains {
		if r.Device == of.party.Device {
			return r
		}
	}
	return Received{}
}

func (p *peer) gaps() (out []Range) {
	for _, g := range p.conv.Gaps() {
		out = append(out, g.Range)
	}
	return out
}

func ranges(n ...uint32) (out []Range) {
	for i := 0; i < len(n); i += 2 {
		out = append(out, Range{From: n[i], To: n[i+1]})
	}
	return out
}

// TestGone is the table of what becomes gone. Twelve messages were written.
func TestGone(t *testing.T) {
	var tests = []struct {
		name    string
		came    []int
		heads   bool // the last message is known of
		gone    []uint32
		filled  []Range // by the last of gone
		gaps    []Range
		upto    uint32
		holes   []Range
		waiting int
	}{
		{"a whole hole", []int{1, 2, 5}, false, []uint32{3, 4}, ranges(3, 4), nil, 5, nil, 0},
		{"the start of a hole", []int{1, 2, 6}, false, []uint32{3, 4}, ranges(3, 4), ranges(5, 5), 6, ranges(5, 5), 1},
		{"the end of a hole", []int{1, 2, 6}, false, []uint32{4, 5}, ranges(4, 5), ranges(3, 3), 6, ranges(3, 3), 1},
		{"the middle of a hole", []int{1, 7}, false, []uint32{3, 5}, ranges(3, 5), ranges(2, 2, 6, 6), 7, ranges(2, 2, 6, 6), 1},
		{"more than is missing", []int{2, 4, 7}, false, []uint32{1, 6}, ranges(1, 1, 3, 3, 5, 6), nil, 7, nil, 0},
		{"what is there", []int{1, 2, 3, 9}, false, []uint32{1, 3}, nil, ranges(4, 8), 9, ranges(4, 8), 1},
		{"it is told again", []int{1, 5}, false, []uint32{2, 4, 2, 4}, nil, nil, 5, nil, 0},
		{"in parts", []int{1, 9}, false, []uint32{2, 3, 7, 8, 4, 6}, ranges(4, 6), nil, 9, nil, 0},
		{"from the base on", []int{4}, false, []uint32{1, 3}, ranges(1, 3), nil, 4, nil, 0},
		{"a tail that nobody named", []int{1, 2}, false, []uint32{3, 12}, nil, nil, 2, nil, 0},
		{"a tail", []int{1, 2}, true, []uint32{3, 12}, ranges(3, 12), nil, 12, nil, 0},
		{"the start of a tail", []int{1, 2}, true, []uint32{3, 5}, ranges(3, 5), ranges(6, 12), 5, nil, 0},
		{"the end of a tail", []int{1, 2}, true, []uint32{7, 12}, ranges(7, 12), ranges(3, 6), 12, ranges(3, 6), 0},
		{"a hole and a tail", []int{1, 4}, true, []uint32{2, 12}, ranges(2, 3, 5, 12), nil, 12, nil, 0},
		{"everything", nil, true, []uint32{1, 12}, ranges(1, 12), nil, 12, nil, 0},
	}
	for _, test := range tests {
		a, b := newPair()
		list := burst(t, a, 12)
		for _, i := range test.came {
			b.accept(t, list[i-1])
		}
		if test.heads {
			b.conv.NoteHeads(a.party, 1, &Nack{Heads: a.conv.Heads(key.DeviceID{}, [8]byte{}).Heads})
		}
		b.conv.Ack(key.DeviceID{}, [8]byte{})
		var filled []Range
		for i := 0; i < len(test.gone); i += 2 {
			filled = b.lose(t, list, test.gone[i], test.gone[i+1])
			b.restart(t)
		}
		if !slices.Equal(filled, test.filled) || !slices.Equal(b.gaps(), test.gaps) {
			t.Errorf("%s: filled %v, gaps %v", test.name, filled, b.gaps())
		}
		_, changed := b.conv.Clone().Ack(key.DeviceID{}, [8]byte{})
		if r := b.acked(a); r.Upto != test.upto || !slices.Equal(r.Holes, test.holes) || changed != (test.filled != nil || len(test.gone) > 2) {
			t.Errorf("%s: acknowledged %+v, changed %v", test.name, r, changed)
		}
		if len(b.conv.pending) != test.waiting {
			t.Errorf("%s: %d messages wait", test.name, len(b.conv.pending))
		}
		if test.gaps == nil && test.upto == 12 { // what is written next continues
			if got := b.accept(t, a.write(t, "more")); got.Pending || got.Height != 13 {
				t.Errorf("%s: the next message: %+v", test.name, got)
			}
		}
	}
}

func TestGoneMessagesCountForTheOrder(t *testing.T) {
	a, b := newPair()
	list := burst(t, a, 9)
	b.write(t, "own")
	b.accept(t, list[1])
	first := b.accept(t, list[8])
	if want := (Accepted{ID: list[8].id, Seq: 9, Height: 8, Pending: true}); !reflect.DeepEqual(first, want) {
		t.Fatalf("%+v, want %+v", first, want)
	}
	b.accept(t, list[4]) // 1, 3-4 and 6-8 are missing
	filled, moved, err := b.conv.Gone(a.party, Range{From: 1, To: 4}, list[3].id, b)
	if want := []Move{{list[1].id, 2}, {list[4].id, 5}}; err != nil || !slices.Equal(filled, ranges(1, 1, 3, 4)) || !slices.Equal(moved[:2], want) {
		t.Fatalf("filled %v, moved %v, want %v, %v", filled, moved, want, err)
	}
	if len(b.conv.pending) != 1 || b.conv.pending[0].Height != 8 {
		t.Errorf("what waits for 6-8 stands as %+v", b.conv.pending)
	}
	b.save(sent{}, Accepted{Duplicate: true, Moved: moved})
	b.restart(t) // the heights before the gap are in the archive only
	b.lose(t, list, 6, 8)
	for i, want := range map[int]uint32{1: 2, 4: 5, 8: 9} {
		if got := b.ids[list[i].id]; got != want || a.ids[list[i].id] != want {
			t.Errorf("message %d stands at %d, at its writer's at %d", i+1, got, a.ids[list[i].id])
		}
	}
}

func TestBridgesMustFit(t *testing.T) {
	a, b := newPair()
	list := burst(t, a, 9)
	b.accept(t, list[0])
	b.accept(t, list[5])
	before := b.conv.Snapshot()
	for name, test := range map[string]struct {
		p    Party
		r    Range
		id   ID
		want error
	}{
		"another bridge":        {a.party, Range{From: 2, To: 5}, ID{1}, ErrPrev},
		"no range":              {a.party, Range{From: 5, To: 4}, list[4].id, wire.ErrValue},
		"from nought":           {a.party, Range{To: 4}, list[3].id, wire.ErrValue},
		"own messages":          {b.party, Range{From: 1, To: 9}, ID{1}, nil},
		"a device not heard of": {Party{User: a.party.User, Device: idOfSigner(9)}, Range{From: 1, To: 9}, ID{1}, nil},
		"what nobody named":     {a.party, Range{From: 7, To: 9}, ID{1}, nil},
	} {
		filled, moved, err := b.conv.Gone(test.p, test.r, test.id, b)
		if !errors.Is(err, test.want) || filled != nil || moved != nil {
			t.Errorf("%s: %v, %v, %v", name, filled, moved, err)
		}
		if !bytes.Equal(b.conv.Snapshot(), before) {
			t.Fatalf("%s: the state changed", name)
		}
	}
	if _, err := b.take(t, forge(t, a, Header{Seq: 6, Prev: [32]byte{1}})); err == nil {
		t.Fatal("no fork")
	}
	if _, _, err := b.conv.Gone(a.party, Range{From: 2, To: 5}, list[4].id, b); !errors.Is(err, ErrFrozen) {
		t.Errorf("a frozen device: %v", err)
	}
}

// TestTheChainsOwnWordCounts: a bridge at the end of what is known is checked
// by nothing, so the message that continues the chain may name another one.
func TestTheChainsOwnWordCounts(t *testing.T) {
	for _, next := range []int{4, 5} { // the next one, and the one after it
		a, b := newPair()
		list := burst(t, a, 6)
		b.accept(t, list[0])
		b.conv.NoteHeads(a.party, 1, &Heads{Heads: []Head{{Device: a.party.Device, Seq: 4}}})
		if _, _, err := b.conv.Gone(a.party, Range{From: 2, To: 4}, ID{1}, b); err != nil {
			t.Fatal(err)
		}
		b.accept(t, list[next])
		b.accept(t, list[4])
		b.restart(t)
		if next == 4 {
			if _, err := b.take(t, forge(t, a, Header{Seq: 4, Prev: list[2].id})); !errors.Is(err, ErrPrev) {
				t.Errorf("another message than the one that was named: %v", err)
			}
		}
		for _, s := range list {
			b.accept(t, s)
		}
		if len(b.conv.Gaps()) != 0 || b.acked(a).Upto != 6 {
			t.Errorf("gaps %v", b.conv.Gaps())
		}
	}
}

func TestTipsNameNothingThatIsGone(t *testing.T) {
	a, b := newPair()
	list := burst(t, a, 6)
	b.accept(t, list[0])
	b.accept(t, list[1])
	b.conv.NoteHeads(a.party, 1, a.conv.Heads(key.DeviceID{}, [8]byte{}))
	b.lose(t, list, 3, 6)
	s := b.write(t, "answer")
	if tips := s.message(t, a).Header.Tips; len(tips) != 1 || tips[0].Seq != 2 || tips[0].Hash != list[1].id.Short() {
		t.Errorf("tips %v, want message 2", tips)
	}
	a.accept(t, s)
	if a.ids[s.id] != 3 || b.ids[s.id] != 3 {
		t.Errorf("heights %d and %d", a.ids[s.id], b.ids[s.id])
	}
	if tips := b.write(t, "more").message(t, a).Header.Tips; len(tips) != 0 {
		t.Errorf("tips %v, what was named is named again", tips)
	}
	b.accept(t, list[4]) // it comes nevertheless, and is the newest then
	if tips := b.write(t, "b").message(t, a).Header.Tips; len(tips) != 1 || tips[0].Seq != 5 {
		t.Errorf("tips %v, want message 5", tips)
	}
	b.accept(t, a.write(t, "after all"))
	if tips := b.write(t, "b").message(t, a).Header.Tips; len(tips) != 1 || tips[0].Seq != 7 {
		t.Errorf("tips %v, want message 7", tips)
	}
}

func TestWhatANewestMessageBelowGoneOnesImplies(t *testing.T) {
	x, y := identity(1), identity(2)
	a, b, c := newPeer(1, x, y), newPeer(2, y, x), newPeer(3, x, y) // a and c are one person's
	list := burst(t, a, 4)
	for _, s := range list[:2] {
		b.accept(t, s)
		c.accept(t, s)
	}
	b.conv.NoteHeads(a.party, 1, a.conv.Heads(key.DeviceID{}, [8]byte{}))
	b.lose(t, list, 3, 4)
	b.accept(t, c.write(t, "after 2"))
	if tips := b.write(t, "b").message(t, a).Header.Tips; len(tips) != 1 || tips[0].Device != c.party.Device {
		t.Errorf("tips %v: device 1 is implied by device 3", tips)
	}
}

func TestProvisionalHeightsCountWhatIsGone(t *testing.T) {
	x, y := identity(1), identity(2)
	a, b, c := newPeer(1, x, y), newPeer(2, y, x), newPeer(3, x, y)
	list := burst(t, a, 9)
	for _, s := range list[:4] {
		c.accept(t, s)
	}
	for _, i := range []int{9, 2, 5} {
		b.accept(t, list[i-1])
	}
	b.lose(t, list, 3, 4)
	if got := b.accept(t, c.write(t, "after 4")); !got.Pending || got.Height != 4 || b.ids[list[4].id] != 4 {
		t.Errorf("%+v, and message 5 at %d", got, b.ids[list[4].id])
	}
	if got := b.accept(t, list[0]); len(got.Moved) != 3 || b.ids[list[4].id] != 5 || a.ids[list[4].id] != 5 {
		t.Errorf("%+v", got)
	}
}

func TestRestsOfAHoleAreChecked(t *testing.T) {
	a, b := newPair()
	list := burst(t, a, 9)
	for _, i := range []int{1, 9, 5} {
		b.accept(t, list[i-1])
	}
	for _, wrong := range []Header{{Seq: 4, Prev: list[2].id}, {Seq: 6, Prev: [32]byte{1}}, {Seq: 8, Prev: list[6].id}, {Seq: 2, Prev: [32]byte{1}}} {
		if _, err := b.take(t, forge(t, a, wrong)); !errors.Is(err, ErrPrev) {
			t.Errorf("message %d: %v", wrong.Seq, err)
		}
	}
}

func TestGoneMessagesThatComeAreAccepted(t *testing.T) {
	for name, order := range map[string][]int{"in order": {2, 3, 4, 5, 6}, "backwards": {6, 5, 4, 3, 2}, "mixed": {4, 2, 6, 3, 5}} {
		for _, tail := range []bool{false, true} {
			a, b := newPair()
			list := burst(t, a, 7)
			b.accept(t, list[0])
			b.conv.NoteHeads(a.party, 1, &Heads{Heads: []Head{{Device: a.party.Device, Seq: 6}}})
			if !tail {
				b.accept(t, list[6])
			}
			bridge := list[5].id
			if tail { // nothing can tell that this is none
				bridge = ID{1}
			}
			if _, _, err := b.conv.Gone(a.party, Range{From: 2, To: 6}, bridge, b); err != nil {
				t.Fatal(err)
			}
			if _, err := b.take(t, forge(t, a, Header{Seq: 2, Prev: [32]byte{1}})); !errors.Is(err, ErrPrev) {
				t.Errorf("%s: a false one: %v", name, err)
			}
			for _, i := range order {
				if got := b.accept(t, list[i-1]); got.Duplicate || got.Pending || b.acked(a).Holes != nil || len(b.gaps()) != 0 {
					t.Errorf("%s: message %d: %+v", name, i, got)
				}
				if i == 3 {
					b.restart(t)
				}
			}
			b.accept(t, list[6])
			if !slices.Equal(a.order(), b.order()) && name == "in order" {
				t.Errorf("%s: another order", name)
			}
			if ch := &b.conv.chains[1]; len(ch.Holes) != 0 || ch.HeadID != list[6].id {
				t.Errorf("%s: the chain is %+v", name, ch)
			}
		}
	}
}

func TestGoneRangesAreBounded(t *testing.T) {
	a, b := newPair()
	list := burst(t, a, 4*maxGone)
	for i := 0; i < len(list); i += 2 { // every second message is gone
		b.accept(t, list[i])
		if i > 0 {
			b.lose(t, list, uint32(i), uint32(i))
		}
	}
	b.restart(t)
	if n := len(b.conv.chains[1].Holes); n != maxGone || len(b.gaps()) != 0 || len(b.stored) > 6000 {
		t.Errorf("%d ranges are kept, in %d bytes", n, len(b.stored))
	}
	if got := b.accept(t, list[1]); !got.Duplicate {
		t.Errorf("what is gone for good came: %+v", got)
	}
	if got := b.accept(t, list[len(list)-3]); got.Duplicate {
		t.Errorf("what may still come did: %+v", got)
	}
	// Ranges that no message follows can't be forgotten: the chain would continue from them.
	c := newPeer(3, identity(2), identity(1))
	c.accept(t, list[0])
	c.conv.NoteHeads(a.party, 1, a.conv.Heads(key.DeviceID{}, [8]byte{}))
	var err error
	for i := uint32(2); err == nil && i <= uint32(len(list)); i += 2 {
		_, _, err = c.conv.Gone(a.party, Range{From: i, To: i}, list[i-1].id, c)
	}
	if n := len(c.conv.chains[1].Holes); !errors.Is(err, wire.ErrLimit) || n != 2*maxGone-1 {
		t.Errorf("%d ranges, %v", n, err)
	}
	for _, s := range list {
		c.accept(t, s)
	}
	if !slices.Equal(a.order(), c.order()) {
		t.Error("the messages that came do not stand in order")
	}
}

func TestBaseBelowWhatIsGone(t *testing.T) {
	a, b := newPair()
	list := burst(t, a, 9)
	for i := range list {
		list[i].base = 4
	}
	b.accept(t, list[6])
	b.lose(t, list, 4, 6)
	list[8].base = 2
	b.accept(t, list[8])
	if !slices.Equal(b.gaps(), ranges(2, 3, 8, 8)) || !slices.Equal(b.acked(a).Holes, ranges(2, 3, 8, 8)) {
		t.Errorf("gaps %v", b.gaps())
	}
	b.restart(t)
	for _, i := range []int{3, 2, 8} {
		list[i-1].base = 2
		b.accept(t, list[i-1])
	}
	if len(b.gaps()) != 0 || len(b.conv.pending) != 0 {
		t.Errorf("gaps %v", b.gaps())
	}
}

func TestSaidGoneIsNeverDelivered(t *testing.T) {
	a, b := newPair()
	if err := a.conv.SaidGone(b.party, Range{From: 1, To: 1}); !errors.Is(err, wire.ErrValue) {
		t.Errorf("to a device that got nothing: %v", err)
	}
	for _, s := range burst(t, a, 9) {
		a.conv.Address(b.party, s.seq)
	}
	ack := func(upto uint32, holes ...Range) []Range {
		return a.conv.Acked(b.party, &Ack{Chains: []Received{{Device: a.party.Device, Base: 1, Upto: upto, Holes: holes}}})
	}
	ack(5, Range{From: 3, To: 3})
	for _, r := range ranges(2, 4, 7, 7) { // 2 and 4 were delivered before
		if err := a.conv.SaidGone(b.party, r); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range ranges(0, 1, 4, 3, 9, 10) {
		if err := a.conv.SaidGone(b.party, r); !errors.Is(err, wire.ErrValue) {
			t.Errorf("%v: %v", r, err)
		}
	}
	a.stored = a.conv.Snapshot()
	a.restart(t)
	c := a.conv.Clone()
	if news := ack(9); !slices.Equal(news, ranges(6, 6, 8, 9)) || len(ack(9)) != 0 {
		t.Errorf("newly confirmed %v", news)
	}
	if c.Delivered(b.party, 9) {
		t.Error("the clone changed")
	}
	if err := a.conv.SaidGone(b.party, Range{From: 3, To: 3}); err != nil {
		t.Fatal(err)
	}
	for seq := uint32(1); seq <= 10; seq++ {
		if want := seq != 3 && seq != 7 && seq != 10; a.conv.Delivered(b.party, seq) != want {
			t.Errorf("message %d delivered: %v", seq, !want)
		}
	}
}

func TestSaidRangesAreBounded(t *testing.T) {
	a, b := newPair()
	list := burst(t, a, 2*maxSaid+2)
	for _, s := range list {
		a.conv.Address(b.party, s.seq)
	}
	var err error
	n := uint32(0)
	for ; err == nil; n++ {
		err = a.conv.SaidGone(b.party, Range{From: 2*n + 1, To: 2*n + 1})
	}
	if !errors.Is(err, wire.ErrLimit) || n != maxSaid+1 {
		t.Errorf("after %d ranges: %v", n, err)
	}
	if err := a.conv.SaidGone(b.party, Range{From: 1, To: 2*n - 1}); err != nil || len(a.conv.targets[0].Said) != 1 {
		t.Errorf("one range for all: %v", err)
	}
}

func TestEntitled(t *testing.T) {
	a, b := newPair()
	burst(t, a, 6)
	if a.conv.Entitled(b.party, 3) {
		t.Error("a device that was never written to")
	}
	a.conv.Address(b.party, 3)
	for seq, want := range []bool{false, false, false, true, true, true, true, false} {
		if a.conv.Entitled(b.party, uint32(seq)) != want {
			t.Errorf("message %d: %v", seq, !want)
		}
	}
	if a.conv.Entitled(Party{User: identity(9), Device: b.party.Device}, 3) {
		t.Error("another person's device of this name")
	}
}

func TestHeadersThatComeAgainWithTheirBody(t *testing.T) {
	a, b := newPair()
	list := burst(t, a, 3)
	for _, s := range list { // the caller holds the body against the header only if there is one
		b.accept(t, s)
	}
	b.restart(t)
	before := b.conv.Snapshot()
	got, err := b.take(t, list[1])
	if err != nil || !got.Duplicate || got.ID != list[1].id || got.Seq != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	b.conv.Ack(key.DeviceID{}, [8]byte{})
	body, _ := EncodeBody(&Text{Text: "text 1"})
	if err := list[1].message(t, b).CheckBody([SaltSize]byte{1}, body); err != nil {
		t.Errorf("the body that came later: %v", err)
	}
	if c, err := Restore(b.cfg, before); err != nil || !slices.Equal(c.Gaps(), b.conv.Gaps()) {
		t.Error("the second time changed what is missing")
	}
}

func TestStatesOfOtherVersionsAreRefused(t *testing.T) {
	a, _ := newPair()
	old := slices.Clone(a.stored)
	old[2] = 1
	if _, err := Restore(a.cfg, old); !errors.Is(err, wire.ErrVersion) {
		t.Errorf("version 1: %v", err)
	}
}

func TestHeightsEnd(t *testing.T) {
	a, b := newPair()
	list := burst(t, a, 9)
	b.accept(t, list[0])
	b.conv.chains[1].Height, b.conv.recent = maxHeight-2, nil
	for i, s := range []sent{list[3], list[8], list[4]} {
		if got := b.accept(t, s); got.Height != maxHeight {
			t.Errorf("message %d: %+v", i, got)
		}
	}
	b.lose(t, list, 2, 3)
	b.restart(t)
}

func TestInventedTipsAreBounded(t *testing.T) {
	a, b := newPair()
	prev := ID(First(a.cfg.Origin, a.conv.ID()))
	for n := uint32(1); n <= 600; n++ {
		s := invented(t, a, n, prev)
		got := b.accept(t, s)
		if prev = s.id; b.conv.waits() > maxWaits || got.Height != n || !got.Pending {
			t.Fatalf("message %d: %d waits, %+v", n, b.conv.waits(), got)
		}
	}
	b.restart(t)
	if len(b.stored) > 64<<10 || len(b.gaps()) != 0 {
		t.Errorf("the state has %d bytes", len(b.stored))
	}
}

// invented is a message with tips of devices that nobody has heard of.
func invented(t testing.TB, p *peer, n uint32, prev ID) sent {
	h := Header{Seq: n, Prev: prev}
	for i := range byte(MaxTips) {
		h.Tips = append(h.Tips, Tip{Device: idOfSigner(100 + i), Seq: n, Hash: Short{i, byte(n), byte(n >> 8), byte(n >> 16)}})
	}
	return forge(t, p, h)
}

// BenchmarkInventedTips is a message accepted while as many as may wait do so
// for tips that nobody ever wrote.
func BenchmarkInventedTips(b *testing.B) {
	a, p := newPair()
	prev, n := ID(First(a.cfg.Origin, a.conv.ID())), uint32(0)
	next := func() *Message {
		n++
		s := invented(b, a, n, prev)
		prev = s.id
		return s.message(b, p)
	}
	accept := func(m *Message) {
		if _, err := p.conv.Accept(m, Arrival{Base: 1, Origin: a.cfg.Origin}, p); err != nil {
			b.Fatal(err)
		}
	}
	for range 2*keepRecent + MaxPending {
		accept(next())
	}
	list := make([]*Message, b.N)
	for i := range list {
		list[i] = next()
	}
	b.ResetTimer()
	for _, m := range list {
		accept(m)
	}
}

// model is what a receiver knows of one conversation, kept the simple way.
type model struct {
	all  map[place]*Message
	have map[place]bool // accepted, own ones too
	gone map[place]bool
}

// height is the place that the rules give a message.
func (m *model) height(at place, memo map[place]uint32) (height uint32) {
	if h, ok := memo[at]; ok {
		return h
	}
	prev := at
	prev.seq--
	switch {
	case m.have[at]:
		if at.seq > 1 {
			height = m.height(prev, memo)
		}
		for _, tip := range m.all[at].Header.Tips {
			for to := range m.all {
				if to.party.Device == tip.Device && to.seq == tip.Seq {
					height = max(height, m.height(to, memo))
				}
			}
		}
		height++
	case m.gone[at]:
		height = m.height(prev, memo) + 1
	}
	memo[at] = height
	return height
}

// TestLossesAgainstTheModel loses messages for good and tells the receivers so
// in random parts, between other messages and crashes.
func TestLossesAgainstTheModel(t *testing.T) {
	for seed := range uint64(25) {
		checkLosses(t, seed)
	}
}

// losses is a conversation of two people with two devices each, whose network
// loses messages.
type losses struct {
	t     *testing.T
	rng   *rand.Rand
	peers []*peer
	lists map[*peer][]sent
	seen  map[*peer]*model
	queue map[*peer][]sent
	lost  map[*peer][]sent
}

func checkLosses(t *testing.T, seed uint64) {
	x, y := identity(1), identity(2)
	w := &losses{
		t: t, rng: rand.New(rand.NewPCG(seed, 9)), peers: []*peer{newPeer(1, x, y), newPeer(2, y, x), newPeer(3, x, y)},
		lists: map[*peer][]sent{}, seen: map[*peer]*model{}, queue: map[*peer][]sent{}, lost: map[*peer][]sent{},
	}
	all := map[place]*Message{}
	for _, p := range w.peers {
		w.seen[p] = &model{all: all, have: map[place]bool{}, gone: map[place]bool{}}
	}
	for left := 40; left > 0; {
		p := w.peers[w.rng.IntN(len(w.peers))]
		switch w.rng.IntN(8) {
		case 0, 1:
			left--
			s := p.write(t, fmt.Sprint(left))
			w.lists[p] = append(w.lists[p], s)
			all[place{p.party, s.seq}], w.seen[p].have[place{p.party, s.seq}] = s.message(t, p), true
			w.send(p, s)
		case 2:
			p.restart(t)
		case 3:
			w.heads(p)
		case 4:
			w.tell(p)
		default:
			w.deliver(p)
		}
	}
	w.settle(seed)
}

// send loses about every third message.
func (w *losses) send(p *peer, s sent) {
	for _, to := range w.peers {
		switch {
		case to == p:
		case w.rng.IntN(3) == 0:
			w.lost[to] = append(w.lost[to], s)
			p.conv.Address(to.party, s.seq)
		default:
			p.conv.Address(to.party, s.seq)
			w.queue[to] = append(w.queue[to], s)
		}
	}
	p.stored = p.conv.Snapshot()
}

func (w *losses) deliver(p *peer) {
	q := w.queue[p]
	if len(q) == 0 {
		return
	}
	i := w.rng.IntN(len(q))
	p.accept(w.t, q[i])
	w.seen[p].have[place{q[i].from.party, q[i].seq}] = true
	w.queue[p] = slices.Delete(q, i, i+1)
}

// heads has everybody learn the newest message of p.
func (w *losses) heads(p *peer) {
	for _, to := range w.peers {
		if to != p && len(w.lists[p]) > 0 {
			to.conv.NoteHeads(p.party, 1, p.conv.Heads(key.DeviceID{}, [8]byte{}))
			to.stored = to.conv.Snapshot()
		}
	}
}

// tell has the owner of a lost message say that it is gone.
func (w *losses) tell(p *peer) {
	lost := w.lost[p]
	if len(lost) == 0 {
		return
	}
	s := lost[w.rng.IntN(len(lost))]
	to := s.seq // as far as everything is lost
	for w.rng.IntN(3) > 0 && slices.ContainsFunc(lost, func(l sent) bool { return l.from == s.from && l.seq == to+1 }) {
		to++
	}
	if err := s.from.conv.SaidGone(p.party, Range{From: s.seq, To: to}); err != nil {
		w.t.Fatal(err)
	}
	s.from.stored = s.from.conv.Snapshot()
	for _, r := range p.lose(w.t, w.lists[s.from], s.seq, to) {
		for seq := r.From; seq <= r.To; seq++ {
			w.seen[p].gone[place{s.from.party, seq}] = true
		}
	}
}

// settle delivers what is on its way, tells all that is lost, and compares.
func (w *losses) settle(seed uint64) {
	for _, p := range w.peers {
		for len(w.queue[p]) > 0 {
			w.deliver(p)
			w.check(p)
		}
	}
	for _, p := range w.peers {
		w.heads(p)
	}
	for _, p := range w.peers {
		for len(p.conv.Gaps()) > 0 {
			w.tell(p)
			w.check(p)
		}
	}
	for _, p := range w.peers {
		if len(p.conv.pending) != 0 {
			w.t.Errorf("seed %d: %d messages wait at device %d", seed, len(p.conv.pending), p.name)
		}
		memo := map[place]uint32{}
		for at := range w.seen[p].have {
			id, _ := p.At(at.party, at.seq)
			if want := w.seen[p].height(at, memo); p.ids[id] != want {
				w.t.Errorf("seed %d: message %d of %x stands at %d at device %d, want %d", seed, at.seq, at.party.Device, p.ids[id], p.name, want)
			}
		}
		w.acknowledge(p)
	}
}

// check compares what p asks for and acknowledges with the model.
func (w *losses) check(p *peer) {
	m := w.seen[p]
	for i := 1; i < len(p.conv.chains); i++ {
		ch := &p.conv.chains[i]
		of := p.conv.party(ch)
		for seq := uint32(1); seq <= max(ch.Head, ch.Known); seq++ {
			at := place{of, seq}
			asked := slices.ContainsFunc(p.conv.Gaps(), func(g Gap) bool { return g.From == of && g.Range.From <= seq && seq <= g.Range.To })
			if asked == (m.have[at] || m.gone[at]) || ch.has(seq) != m.have[at] {
				w.t.Fatalf("message %d of %x at device %d: asked for %v, accepted %v, gone %v", seq, of.Device, p.name, asked, ch.has(seq), m.gone[at])
			}
		}
		if !ch.check() {
			w.t.Fatalf("the chain of %x at device %d can't be stored: %+v", of.Device, p.name, ch)
		}
	}
}

// acknowledge has everybody learn what p has: all that is not gone.
func (w *losses) acknowledge(p *peer) {
	ack, _ := p.conv.Ack(key.DeviceID{}, [NonceSize]byte{})
	for _, from := range w.peers {
		if from == p || ack == nil {
			continue
		}
		from.conv.Acked(p.party, ack)
		for _, s := range w.lists[from] {
			if got := from.conv.Delivered(p.party, s.seq); got != w.seen[p].have[place{from.party, s.seq}] {
				w.t.Errorf("message %d of device %d counts as delivered to device %d: %v", s.seq, from.name, p.name, got)
			}
		}
	}
}

// TestLateArrivals has everything that was told to be gone come nevertheless.
func TestLateArrivals(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 3))
		a, b := newPair()
		list := burst(t, a, 40)
		for _, i := range rng.Perm(len(list)) {
			switch rng.IntN(3) {
			case 0:
				b.accept(t, list[i])
			case 1:
				b.conv.NoteHeads(a.party, 1, &Heads{Heads: []Head{{Device: a.party.Device, Seq: uint32(i + 1)}}})
				b.lose(t, list, uint32(i+1), min(uint32(i+1+rng.IntN(4)), 40))
			case 2:
				b.restart(t)
			}
			if ch := &b.conv.chains[len(b.conv.chains)-1]; !ch.check() {
				t.Fatalf("seed %d: the chain can't be stored: %+v", seed, ch)
			}
		}
		for _, i := range rng.Perm(len(list)) {
			b.accept(t, list[i])
		}
		if r := b.acked(a); len(b.ids) != 40 || len(b.gaps()) != 0 || len(b.conv.pending) != 0 || r.Upto != 40 || len(r.Holes) != 0 || len(b.conv.chains[1].Holes) != 0 {
			t.Errorf("seed %d: %d messages, gaps %v, acknowledged %+v", seed, len(b.ids), b.gaps(), r)
		}
	}
}

// FuzzRepair takes messages, heads and what is gone in any order, and holds
// what is missing against two simple sets.
func FuzzRepair(f *testing.F) {
	a, _ := newPair()
	list := burst(f, a, 24)
	f.Add([]byte{0, 3, 0, 1, 0, 1, 2, 9, 1, 1, 6, 3, 0, 6, 0, 3, 0, 0})
	f.Add([]byte{2, 23, 0, 1, 4, 2, 1, 12, 3, 3, 0, 0, 0, 5, 0, 0, 20, 5})
	f.Fuzz(func(t *testing.T, script []byte) {
		b := newPeer(2, identity(2), identity(1))
		have, gone, known, base := map[uint32]bool{}, map[uint32]bool{}, uint32(0), uint32(0)
		for script = script[:min(len(script), 600)]; len(script) >= 3; script = script[3:] {
			i, n := uint32(script[1])%24+1, uint32(script[2])
			switch script[0] % 4 {
			case 0:
				s := list[i-1]
				s.base = i - n%i
				got, err := b.take(t, s)
				if want := base != 0 && i < min(base, s.base); (err != nil) != want || err == nil && got.Duplicate != have[i] {
					t.Fatalf("message %d: %+v, %v", i, got, err)
				}
				if err == nil {
					b.save(s, got)
					known = max(known, i)
					if base == 0 || !have[i] && s.base < base {
						base = s.base
					}
					have[i] = true
				}
			case 1:
				if to := min(i+n%8, 24); base != 0 {
					for _, r := range b.lose(t, list, i, to) {
						for seq := r.From; seq <= r.To; seq++ {
							gone[seq] = true
						}
					}
				}
			case 2:
				if base == 0 {
					base = i - n%i
				}
				b.conv.NoteHeads(a.party, base, &Heads{Heads: []Head{{Device: a.party.Device, Seq: i}}})
				known = max(known, i)
				b.stored = b.conv.Snapshot()
			case 3:
				b.restart(t)
			}
			asked := map[uint32]bool{}
			for _, r := range b.gaps() {
				for seq := r.From; seq <= r.To; seq++ {
					asked[seq] = true
				}
			}
			for seq := uint32(1); seq <= 24; seq++ {
				if want := base != 0 && seq >= base && seq <= known && !have[seq] && !gone[seq]; asked[seq] != want {
					t.Fatalf("message %d is asked for: %v; base %d, known %d", seq, !want, base, known)
				}
			}
			if len(asked) == 0 && len(b.conv.pending) != 0 {
				t.Fatalf("%d messages wait for nothing", len(b.conv.pending))
			}
		}
	})
}
