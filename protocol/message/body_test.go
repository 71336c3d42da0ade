package message

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// bodies are one of every kind.
func bodies() []Body {
	w, _ := key.DropSecretFrom(bytes.Repeat([]byte{9}, 32))
	return []Body{
		&Text{Text: "hello, 世界"},
		&Text{Text: "answer", ReplyTo: Short{1, 2}},
		&Read{Marks: []Mark{{Device: key.DeviceID{1}, Upto: 3}, {Device: key.DeviceID{2}, Upto: 1}}},
		&Name{Name: "Ada"},
		&Name{},
		&Drops{W: w, Leases: [][]byte{{1, 2}, {3}}},
		&Drops{W: w, Leases: [][]byte{}},
		&Ack{To: key.DeviceID{7}, Nonce: [8]byte{8}, Chains: []Received{
			{Device: key.DeviceID{1}, Base: 2, Upto: 9, Holes: []Range{{From: 2, To: 3}, {From: 5, To: 8}}},
			{Device: key.DeviceID{3}, Base: 1, Upto: 1, Holes: []Range{}},
		}},
		&Heads{Nonce: [8]byte{1}, Heads: []Head{{Device: key.DeviceID{1}, Seq: 4, Hash: Short{5}}}},
		&Heads{Heads: []Head{}},
	}
}

func TestBodiesComeBack(t *testing.T) {
	for _, b := range bodies() {
		enc, err := EncodeBody(b)
		if err != nil {
			t.Fatalf("%s: %v", b.Kind(), err)
		}
		got, err := ParseBody(b.Kind(), enc)
		if err != nil {
			t.Fatalf("%s: %v", b.Kind(), err)
		}
		again, err := EncodeBody(got)
		if err != nil || !bytes.Equal(again, enc) || reflect.TypeOf(got) != reflect.TypeOf(b) {
			t.Errorf("%s came back as %+v, %v", b.Kind(), got, err)
		}
		for n := range enc {
			if _, err := ParseBody(b.Kind(), enc[:n]); err == nil {
				t.Fatalf("%s: the first %d of %d bytes were accepted", b.Kind(), n, len(enc))
			}
		}
		if _, err := ParseBody(b.Kind(), append(slices.Clone(enc), 0)); !errors.Is(err, wire.ErrTrailing) {
			t.Errorf("%s and a byte more: %v", b.Kind(), err)
		}
		// The same map with its head written in two bytes is not canonical.
		long := append([]byte{0xb8, enc[0] & 0x1f}, enc[1:]...)
		if _, err := ParseBody(b.Kind(), long); !errors.Is(err, wire.ErrNotCanonical) {
			t.Errorf("%s in another encoding: %v", b.Kind(), err)
		}
	}
}

func TestBodyRules(t *testing.T) {
	one, two := key.DeviceID{1}, key.DeviceID{2}
	w := key.NewDropSecret()
	ack := func(r ...Received) Body { return &Ack{Chains: r} }
	many := func(n int) (r []Received) {
		for i := range n {
			r = append(r, Received{Device: key.DeviceID{byte(i)}, Base: 1, Upto: 1})
		}
		return r
	}
	const most = 1<<32 - 1
	var tests = []struct {
		name string
		body Body
		ok   bool
	}{
		{"longest text", &Text{Text: strings.Repeat("a", MaxText)}, true},
		{"empty text", &Text{}, false},
		{"long text", &Text{Text: strings.Repeat("a", MaxText+1)}, false},
		{"text that is not UTF-8", &Text{Text: "a\xff"}, false},
		{"no read mark", &Read{}, false},
		{"read mark 0", &Read{Marks: []Mark{{Device: one}}}, false},
		{"read marks out of order", &Read{Marks: []Mark{{Device: two, Upto: 1}, {Device: one, Upto: 1}}}, false},
		{"read mark twice", &Read{Marks: []Mark{{Device: one, Upto: 1}, {Device: one, Upto: 2}}}, false},
		{"17 read marks", &Read{Marks: make([]Mark, 17)}, false},
		{"longest name", &Name{Name: strings.Repeat("a", MaxName)}, true},
		{"long name", &Name{Name: strings.Repeat("a", MaxName+1)}, false},
		{"name with a line break", &Name{Name: "a\nb"}, false},
		{"name that is not UTF-8", &Name{Name: "\xff"}, false},
		{"no drop secret", &Drops{}, false},
		{"an empty lease", &Drops{W: w, Leases: [][]byte{{}}}, false},
		{"a large lease", &Drops{W: w, Leases: [][]byte{make([]byte, MaxLease+1)}}, false},
		{"17 leases", &Drops{W: w, Leases: slices.Repeat([][]byte{{1}}, 17)}, false},
		{"16 leases", &Drops{W: w, Leases: slices.Repeat([][]byte{make([]byte, MaxLease)}, 16)}, true},
		{"no chain", ack(), false},
		{"16 chains", ack(many(16)...), true},
		{"17 chains", ack(many(17)...), false},
		{"chains out of order", ack(Received{Device: two, Base: 1, Upto: 1}, Received{Device: one, Base: 1, Upto: 1}), false},
		{"chain twice", ack(Received{Device: one, Base: 1, Upto: 1}, Received{Device: one, Base: 1, Upto: 1}), false},
		{"base 0", ack(Received{Upto: 1}), false},
		{"upto below base", ack(Received{Base: 2, Upto: 1}), false},
		{"hole below base", ack(Received{Base: 2, Upto: 9, Holes: []Range{{From: 1, To: 3}}}), false},
		{"hole at upto", ack(Received{Base: 2, Upto: 9, Holes: []Range{{From: 9, To: 9}}}), false},
		{"hole that ends before it begins", ack(Received{Base: 2, Upto: 9, Holes: []Range{{From: 5, To: 4}}}), false},
		{"holes that touch", ack(Received{Base: 2, Upto: 9, Holes: []Range{{From: 3, To: 4}, {From: 5, To: 6}}}), false},
		{"holes out of order", ack(Received{Base: 2, Upto: 9, Holes: []Range{{From: 5, To: 6}, {From: 3, To: 3}}}), false},
		{"holes beyond the last number", ack(Received{Base: 1, Upto: most, Holes: []Range{{From: 3, To: most - 1}, {From: 1, To: 1}}}), false},
		{"17 holes", ack(Received{Base: 1, Upto: 99, Holes: make([]Range, 17)}), false},
		{"17 heads", &Heads{Heads: make([]Head, 17)}, false},
		{"head 0", &Heads{Heads: []Head{{Device: one}}}, false},
		{"heads out of order", &Heads{Heads: []Head{{Device: two, Seq: 1}, {Device: one, Seq: 1}}}, false},
		{"an unknown kind", &Unknown{Of: 99, Raw: []byte("anything")}, true},
		{"an unknown kind of 60 KiB", &Unknown{Of: 99, Raw: make([]byte, MaxBody+1)}, false},
	}
	for _, test := range tests {
		if _, err := EncodeBody(test.body); (err == nil) != test.ok {
			t.Errorf("%s: %v", test.name, err)
		}
		if _, err := ParseBody(test.body.Kind(), test.body.encode()); (err == nil) != test.ok {
			t.Errorf("%s, parsed: %v", test.name, err)
		}
	}
}

func TestReplies(t *testing.T) {
	for name, reply := range map[string][]byte{"short": {1}, "long": bytes.Repeat([]byte{1}, 17), "zeros": make([]byte, 16)} {
		if _, err := ParseBody(KindText, wire.Marshal(textFields{Text: "a", ReplyTo: reply})); !errors.Is(err, wire.ErrValue) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatNeedsANewerVersionIsKept(t *testing.T) {
	type newerText struct {
		Text     string   `cbor:"1,keyasint"`
		Mentions []string `cbor:"3,keyasint"`
	}
	type newerAck struct {
		Ack []int `cbor:"1,keyasint"`
		New bool  `cbor:"4,keyasint"`
	}
	for _, test := range []struct {
		kind Kind
		raw  []byte
	}{
		{KindText, wire.Marshal(newerText{Text: "hi", Mentions: []string{"Bob"}})},
		{KindAck, wire.Marshal(newerAck{New: true})},
		{KindEdit, []byte("whatever")},
		{KindTyping, []byte{}},
		{300, []byte{0xff}},
	} {
		b, err := ParseBody(test.kind, test.raw)
		if err != nil {
			t.Fatalf("%s: %v", test.kind, err)
		}
		u, ok := b.(*Unknown)
		if !ok || u.Kind() != test.kind || !bytes.Equal(u.Raw, test.raw) {
			t.Errorf("%s became %+v", test.kind, b)
		}
	}
	if _, err := ParseBody(KindText, wire.Marshal(map[uint64]string{2: "no text"})); err == nil {
		t.Error("a text without text and without news was accepted")
	}
	if _, err := ParseBody(300, make([]byte, MaxBody+1)); !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("an unknown kind of more than 60 KiB: %v", err)
	}
}

func TestKinds(t *testing.T) {
	for k := Kind(1); k < 300; k++ {
		if side := k >= 64 && k <= 127; k.Side() != side {
			t.Errorf("kind %d: side %v", k, k.Side())
		}
	}
	if KindText.String() != "text" || KindResync.String() != "resync" || Kind(99).String() != "kind-99" {
		t.Error("names of kinds")
	}
}

func FuzzBody(f *testing.F) {
	for _, b := range bodies() {
		f.Add(uint16(b.Kind()), b.encode())
	}
	f.Fuzz(func(t *testing.T, kind uint16, b []byte) {
		body, err := ParseBody(Kind(kind), b)
		if err != nil {
			return
		}
		again, err := EncodeBody(body)
		if err != nil || !bytes.Equal(again, b) || body.Kind() != Kind(kind) {
			t.Errorf("what parses does not encode to the same bytes: %v", err)
		}
	})
}
