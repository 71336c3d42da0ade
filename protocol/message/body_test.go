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
		&Ack{Side: Side{To: key.DeviceID{7}, Nonce: [8]byte{8}}, Chains: []Received{
			{Device: key.DeviceID{1}, Base: 2, Upto: 9, Holes: []Range{{From: 2, To: 3}, {From: 5, To: 8}}},
			{Device: key.DeviceID{3}, Base: 1, Upto: 1, Holes: []Range{}},
		}},
		&Heads{Side: Side{Nonce: [8]byte{1}}, Heads: []Head{{Device: key.DeviceID{1}, Seq: 4, Hash: Short{5}}}},
		&Heads{Heads: []Head{}},
		&Nack{
			Side: side(), Wants: []Want{{Device: key.DeviceID{1}, From: 3, To: 5}, {Device: key.DeviceID{1}, From: 6, To: 6}, {Device: key.DeviceID{2}, From: 1, To: 300}},
			Heads: []Head{{Device: key.DeviceID{9}, Seq: 4, Hash: Short{5}}}, Reason: ReasonMissing,
		},
		&Nack{Wants: []Want{{Device: key.DeviceID{1}, From: 1, To: 1}}, Heads: []Head{}, Reason: ReasonBody},
		&Gone{Side: side(), Gone: []Bridge{{Device: key.DeviceID{1}, From: 3, To: 5, ID: ID{0xaa}}, {Device: key.DeviceID{2}, From: 1, To: 1, ID: ID{0xbb}}}},
		&Later{Side: side(), Wants: []Want{{Device: key.DeviceID{1}, From: 3, To: 5}}, After: 3600},
		&Resync{Side: side()},
		&Receipt{Side: side(), Device: key.DeviceID{1}, Seq: 3, Proof: []byte("proof")},
		&PQKey{Side: side(), Session: [8]byte{1}, PQID: 2, Key: make([]byte, PQKeySize)},
		&PQCiphertext{Side: side(), Session: [8]byte{1}, PQID: 2, KeyHash: [8]byte{3}, Ciphertext: make([]byte, PQCipherSize), Confirm: [8]byte{4}},
	}
}

func side() Side { return Side{To: key.DeviceID{7}, Nonce: [8]byte{8}} }

func TestSideBodiesNameTheirAddressee(t *testing.T) {
	seen := 0
	for _, b := range bodies() {
		got, err := ParseBody(b.Kind(), b.encode())
		if err != nil {
			t.Fatal(err)
		}
		a, ok := got.(Addressed)
		if ok != b.Kind().Side() {
			t.Errorf("%s is addressed: %v", b.Kind(), ok)
		}
		if ok && a.Addressee() == side().To && a.Once() == side().Nonce {
			seen++
		}
	}
	if seen != 8 {
		t.Errorf("%d bodies came back with their addressee and nonce, want 8", seen)
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
	checkRules(t, []rule{
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
		{"a name with a zero-width joiner", &Name{Name: "a\u200db"}, true},
		{"a name with a line separator", &Name{Name: "a\u2028b"}, false},
		{"an empty body", &Unknown{Of: 99}, false},
		{"an unknown kind", &Unknown{Of: 99, Raw: []byte("anything")}, true},
		{"an unknown kind of 60 KiB", &Unknown{Of: 99, Raw: make([]byte, MaxBody+1)}, false},
	})
}

func TestSideBodyRules(t *testing.T) {
	const most = 1<<32 - 1
	one, two := key.DeviceID{1}, key.DeviceID{2}
	nack := func(w ...Want) Body { return &Nack{Wants: w, Reason: ReasonMissing} }
	wants := func(n int, each uint32) (w []Want) {
		for i := range n {
			w = append(w, Want{Device: key.DeviceID{byte(i)}, From: 1, To: each})
		}
		return w
	}
	bridges := func(n int) (g []Bridge) {
		for i := range n {
			g = append(g, Bridge{Device: key.DeviceID{byte(i)}, From: 1, To: 1, ID: ID{1}})
		}
		return g
	}
	checkRules(t, []rule{
		{"32 wants of together 4,096", nack(wants(32, 128)...), true},
		{"33 wants", nack(wants(33, 1)...), false},
		{"4,097 messages", nack(append(wants(31, 128), Want{Device: key.DeviceID{31}, From: 1, To: 129})...), false},
		{"all numbers", nack(Want{Device: one, From: 1, To: most}), false},
		{"the last number", nack(Want{Device: one, From: most, To: most}), true},
		{"no want", nack(), false},
		{"from 0", nack(Want{Device: one, To: 3}), false},
		{"a want that ends before it begins", nack(Want{Device: one, From: 3, To: 2}), false},
		{"wants that touch", nack(Want{Device: one, From: 1, To: 2}, Want{Device: one, From: 3, To: 3}), true},
		{"wants that overlap", nack(Want{Device: one, From: 1, To: 2}, Want{Device: one, From: 2, To: 3}), false},
		{"wants out of order", nack(Want{Device: one, From: 3, To: 3}, Want{Device: one, From: 1, To: 1}), false},
		{"devices out of order", nack(Want{Device: two, From: 1, To: 1}, Want{Device: one, From: 1, To: 1}), false},
		{"no reason", &Nack{Wants: wants(1, 1)}, false},
		{"another reason", &Nack{Wants: wants(1, 1), Reason: 3}, false},
		{"a nack with 17 heads", &Nack{Wants: wants(1, 1), Heads: make([]Head, 17), Reason: 1}, false},
		{"nothing gone", &Gone{}, false},
		{"16 ranges gone", &Gone{Gone: bridges(16)}, true},
		{"17 ranges gone", &Gone{Gone: bridges(17)}, false},
		{"no bridge", &Gone{Gone: []Bridge{{Device: one, From: 1, To: 2}}}, false},
		{"number 0 gone", &Gone{Gone: []Bridge{{Device: one, To: 2, ID: ID{1}}}}, false},
		{"gone before it began", &Gone{Gone: []Bridge{{Device: one, From: 3, To: 2, ID: ID{1}}}}, false},
		{"gone twice", &Gone{Gone: []Bridge{{Device: one, From: 1, To: 2, ID: ID{1}}, {Device: one, From: 2, To: 4, ID: ID{1}}}}, false},
		{"gone out of order", &Gone{Gone: []Bridge{{Device: two, From: 1, To: 2, ID: ID{1}}, {Device: one, From: 1, To: 2, ID: ID{1}}}}, false},
		{"everything gone", &Gone{Gone: []Bridge{{Device: one, From: 1, To: most, ID: ID{1}}}}, true},
		{"later, at once", &Later{Wants: wants(1, 1)}, false},
		{"later, in a day", &Later{Wants: wants(1, 1), After: MaxAfter}, true},
		{"later, in more than a day", &Later{Wants: wants(1, 1), After: MaxAfter + 1}, false},
		{"nothing later", &Later{After: 1}, false},
		{"largest proof", &Receipt{Seq: 1, Proof: make([]byte, MaxProof)}, true},
		{"too large a proof", &Receipt{Seq: 1, Proof: make([]byte, MaxProof+1)}, false},
		{"no proof", &Receipt{Seq: 1}, false},
		{"a receipt for message 0", &Receipt{Proof: []byte{1}}, false},
		{"pqid 0", &PQKey{Key: make([]byte, PQKeySize)}, false},
		{"a short key", &PQKey{PQID: 1, Key: make([]byte, PQKeySize-1)}, false},
		{"a long key", &PQKey{PQID: 1, Key: make([]byte, PQKeySize+1)}, false},
		{"answer with pqid 0", &PQCiphertext{Ciphertext: make([]byte, PQCipherSize)}, false},
		{"a short ciphertext", &PQCiphertext{PQID: 1, Ciphertext: make([]byte, PQCipherSize-1)}, false},
		{"a long ciphertext", &PQCiphertext{PQID: 1, Ciphertext: make([]byte, PQCipherSize+1)}, false},
	})
}

// rule is a body that keeps the rules or does not.
type rule struct {
	name string
	body Body
	ok   bool
}

func checkRules(t *testing.T, rules []rule) {
	t.Helper()
	for _, r := range rules {
		if _, err := EncodeBody(r.body); (err == nil) != r.ok {
			t.Errorf("%s: %v", r.name, err)
		}
		if _, err := ParseBody(r.body.Kind(), r.body.encode()); (err == nil) != r.ok {
			t.Errorf("%s, parsed: %v", r.name, err)
		}
	}
}

// TestNamesDirectNobodysText: a name stands within other text.
func TestNamesDirectNobodysText(t *testing.T) {
	for _, r := range []rune{0x061C, 0x200E, 0x200F, 0x202A, 0x202B, 0x202C, 0x202D, 0x202E, 0x2066, 0x2067, 0x2068, 0x2069, 0x2028, 0x2029, 0x7F, 0x85} {
		if _, err := EncodeBody(&Name{Name: "a" + string(r) + "b"}); !errors.Is(err, wire.ErrValue) {
			t.Errorf("%U: %v", r, err)
		}
	}
	for _, name := range []string{"שלום", "محمد", "नमस्ते", "👩\u200d🔬", "O'Neill"} {
		if _, err := EncodeBody(&Name{Name: name}); err != nil {
			t.Errorf("%s: %v", name, err)
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
		{KindTyping, []byte{0xa0}},
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
	f.Fuzz(func(t *testing.T, kind uint16, b []byte) { parsesAndComesBack(t, Kind(kind), b) })
}

func parsesAndComesBack(t *testing.T, kind Kind, b []byte) {
	body, err := ParseBody(kind, b)
	if err != nil {
		return
	}
	again, err := EncodeBody(body)
	if err != nil || !bytes.Equal(again, b) || body.Kind() != kind {
		t.Errorf("what parses does not encode to the same bytes: %v", err)
	}
}

// fuzzKind is FuzzBody for one kind.
func fuzzKind(f *testing.F, kind Kind) {
	for _, b := range bodies() {
		if b.Kind() == kind {
			f.Add(b.encode())
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) { parsesAndComesBack(t, kind, b) })
}

func FuzzNack(f *testing.F)         { fuzzKind(f, KindNack) }
func FuzzGone(f *testing.F)         { fuzzKind(f, KindGone) }
func FuzzLater(f *testing.F)        { fuzzKind(f, KindLater) }
func FuzzResync(f *testing.F)       { fuzzKind(f, KindResync) }
func FuzzReceipt(f *testing.F)      { fuzzKind(f, KindReceipt) }
func FuzzPQKey(f *testing.F)        { fuzzKind(f, KindPQKey) }
func FuzzPQCiphertext(f *testing.F) { fuzzKind(f, KindPQCiphertext) }
