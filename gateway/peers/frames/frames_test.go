package frames

import (
	"errors"
	"testing"

	"zeroms/protocol/channel"
	"zeroms/protocol/wire"
)

// requests are all that gateways ask, small ones and large ones.
func requests() []wire.Payload {
	items := func(n, size int) (out []wire.StoreItem) {
		for range n {
			out = append(out, wire.StoreItem{Record: make([]byte, size), Index: 255, Stamp: make([]byte, wire.WorkSize)})
		}
		return out
	}
	all := []wire.Payload{
		&wire.Ping{}, &wire.FindNode{}, &wire.FindValue{}, &wire.Reach{}, &wire.GatewaysGet{Count: wire.MaxGateways},
		&wire.RecordGet{Day: 1 << 31, Fresh: true}, &wire.DescriptorGet{Node: make([]byte, 32), Host: string(make([]byte, wire.MaxHost)), Port: 65535},
		&wire.Store{Items: items(1, 1)}, &wire.Store{Items: items(wire.MaxStores, wire.RecordSize)}, &wire.Store{Items: items(20, wire.MaxDescriptor)},
		&wire.Publish{Items: items(wire.MaxStores, wire.RecordSize), Wide: true},
	}
	for _, class := range []int{1 << 10, 4 << 10, 16 << 10, 64 << 10} {
		for _, enc := range []int{0, wire.EncapsulationSize} {
			all = append(all, &wire.Relay{N: 1 << 31, Encapsulation: make([]byte, enc), Sealed: make([]byte, class+wire.ForwardPadding-enc)})
		}
	}
	return all
}

// TestSizes: Size is not below a frame's size and not far above, and both sides count
// a request for the same.
func TestSizes(t *testing.T) {
	for _, p := range requests() {
		frame := len(wire.AppendFrame(nil, 1<<63, p))
		size := Size(p)
		if size < frame || size > frame+frameHead+len("33 items of 16 bytes")*16 {
			t.Errorf("%T: %d bytes are taken for %d", p, frame, size)
		}
		if mine, theirs := Burden(size), Burden(frame); mine < theirs {
			t.Errorf("%T: it counts for %d here and for %d there", p, mine, theirs)
		}
		if r, ok := p.(*wire.Relay); ok {
			answer := channel.AnswerSmall
			if class, _ := channel.Class(r); class == 4<<10 {
				answer = channel.AnswerLarge
			}
			if Burden(frame) < answer || Burden(frame) > max(size, answer+frameHead, LeastBurden) {
				t.Errorf("a relay of %d bytes counts for %d", frame, Burden(frame))
			}
		}
	}
}

// TestAnswers: every request has work, an answer of a type of its own, and nothing
// else passes for it.
func TestAnswers(t *testing.T) {
	for _, p := range requests() {
		if _, known := Work(p.Type()); !known {
			t.Errorf("%T is not known", p)
		}
		frames, err := wire.Frames(wire.AppendFrame(nil, 7, p))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Request(frames[0]); err != nil || got.Type() != p.Type() {
			t.Errorf("%T: %v", p, err)
		}
		answer := AnswerTo(p.Type())
		if emptyAnswer(answer).Type() != answer || answer == p.Type() || answer == wire.TypeError {
			t.Errorf("%T is answered by type %d", p, answer)
		}
		for typ := wire.Type(0); typ < 100; typ++ {
			f := wire.Frame{Type: typ, ID: 7, Raw: []byte{0xa0}}
			if _, err := Answer(f, answer); typ != answer && typ != wire.TypeError && !errors.Is(err, wire.ErrUnexpected) {
				t.Errorf("type %d passes for %d: %v", typ, answer, err)
			}
		}
	}
	asked := map[wire.Type]bool{}
	for _, p := range requests() {
		asked[p.Type()] = true
	}
	for typ := range 256 {
		if _, known := Work(wire.Type(typ)); known != asked[wire.Type(typ)] || known != (emptyRequest(wire.Type(typ)) != nil) {
			t.Errorf("type %d: %v", typ, known)
		}
	}
}

// TestLimits: what a decoder lets through, its limits don't.
func TestLimits(t *testing.T) {
	for _, p := range []wire.Payload{
		&wire.GatewaysGet{}, &wire.Store{}, &wire.Relay{}, &wire.DescriptorGet{Node: make([]byte, 16)},
		&wire.Publish{Items: make([]wire.StoreItem, wire.MaxStores+1)},
	} {
		frames, err := wire.Frames(wire.AppendFrame(nil, 7, p))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Request(frames[0]); err == nil {
			t.Errorf("%T passes", p)
		}
	}
	for _, p := range []wire.Payload{&wire.Gateways{Objects: make([][]byte, wire.MaxGateways+1)}, &wire.Nodes{Contacts: []byte{1}}, &wire.Forwarded{}} {
		frames, err := wire.Frames(wire.AppendFrame(nil, 7, p))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Answer(frames[0], p.Type()); err == nil {
			t.Errorf("%T passes", p)
		}
	}
}
