package channel

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// TestRequestAndAnswer: what is sealed on one side opens on the other, in every class and for every request.
func TestRequestAndAnswer(t *testing.T) {
	profile := &wire.Profile{Blob: bytes.Repeat([]byte{9}, wire.MaxProfile)}
	record := &wire.Record{Record: bytes.Repeat([]byte{8}, wire.RecordSize)}
	refused := &wire.Refused{Object: wire.Object{Body: bytes.Repeat([]byte{3}, 160), Sig: make([]byte, 64)}}
	for _, c := range []struct {
		ask, reply wire.Payload
		size       int
	}{
		{submit(class1), commit(), AnswerSmall},
		{submit(class4), commit(), AnswerLarge},
		{submit(class16), refused, AnswerSmall},
		{submit(class64), wire.FailureOf(wire.ErrUnknownDrop.Because(string(bytes.Repeat([]byte{'x'}, wire.MaxDetail)))), AnswerSmall},
		{&wire.ProfileGet{Name: key.ProfilePublic{1}}, profile, AnswerLarge},
		{&wire.ProfileGet{Name: key.ProfilePublic{1}}, wire.FailureOf(wire.ErrNoProfile), AnswerLarge},
		{&wire.RecordGet{Name: [32]byte{1}, Day: 3, Fresh: true}, record, AnswerLarge},
	} {
		g := newGateway()
		s := g.open(t)
		out := seal(t, s, c.ask)
		r := g.accept(t, out)
		q := unseal(t, r, out)
		if q.N != 0 || q.Again || q.Frame.Type != c.ask.Type() || q.Frame.ID != RequestID || r.ID() != s.ID() || out.Channel != s.ID() {
			t.Fatalf("%T came as %+v", c.ask, q)
		}
		if again := wire.AppendFrame(nil, RequestID, c.ask); !bytes.Equal(again, wire.Marshal(q.Frame)) {
			t.Fatalf("%T came as other bytes", c.ask)
		}
		back := answer(t, r, q, c.reply)
		if err := CheckAnswer(out, back); err != nil || len(back.Sealed) != c.size {
			t.Fatalf("the answer to %T has %d bytes: %v", c.ask, len(back.Sealed), err)
		}
		f, err := s.Answer(back)
		if err != nil || f.Type != c.reply.Type() || !bytes.Equal(f.Raw, wire.Marshal(c.reply)) {
			t.Fatalf("%T came as type %d: %v", c.reply, f.Type, err)
		}
	}
}

// TestOneSize: what everybody sees of a request is one size for a class, whatever stands in it and whether or not the
// channel is new; and an answer's size follows from it.
func TestOneSize(t *testing.T) {
	for _, class := range []int{class1, class4, class16, class64} {
		var asks []wire.Payload
		for _, work := range [][]byte{nil, make([]byte, wire.WorkSize)} {
			ask := submit(class)
			ask.Work = work
			asks = append(asks, ask)
		}
		if class == class4 {
			asks = append(asks, &wire.ProfileGet{}, &wire.RecordGet{})
		}
		for _, ask := range asks {
			s, r, q := pair(t)
			for _, heard := range []bool{false, true} {
				if heard {
					hear(t, s, r, q)
				}
				out := seal(t, s, ask)
				if got := len(out.Sealed) + len(out.Encapsulation); got != class+wire.ForwardPadding || heard != (len(out.Encapsulation) == 0) {
					t.Errorf("%T of class %d, heard %v: %d bytes, %d of the set-up", ask, class, heard, got, len(out.Encapsulation))
				}
				if got, err := Class(out); got != class || err != nil {
					t.Errorf("%T: class %d, %v", ask, got, err)
				}
				in := unseal(t, r, out)
				sizes := map[int]bool{}
				for _, p := range []wire.Payload{wire.FailureOf(wire.ErrBusy), &wire.Commit{Items: []wire.CommitItem{{ID: RequestID}}}, commit(),
					&wire.Profile{Blob: make([]byte, class4)}, &wire.Profile{Blob: make([]byte, class16)}, &wire.Record{Record: make([]byte, wire.RecordSize)}} {
					if answers(ask.Type(), p.Type()) {
						sizes[len(answer(t, r, in, p).Sealed)] = true
					}
				}
				if len(sizes) != 1 || !sizes[AnswerSize(class)] {
					t.Errorf("%T: answers of %v bytes", ask, sizes)
				}
			}
		}
	}
}

// TestClass: nothing but the four sizes passes.
func TestClass(t *testing.T) {
	passed, room := 0, make([]byte, class64+2*wire.ForwardPadding)
	for n := range room {
		for _, enc := range []int{0, 1, wire.EncapsulationSize - 1, wire.EncapsulationSize, wire.EncapsulationSize + 1} {
			r := &wire.Relay{Encapsulation: room[:enc], Sealed: room[:n]}
			class, err := Class(r)
			switch known := enc == 0 || enc == wire.EncapsulationSize; {
			case !known && !errors.Is(err, wire.ErrValue):
				t.Fatalf("an encapsulation of %d bytes: %v", enc, err)
			case known && err == nil && class == n+enc-wire.ForwardPadding:
				passed++
			case known && !errors.Is(err, wire.ErrSizeClass):
				t.Fatalf("%d and %d bytes: %d, %v", enc, n, class, err)
			}
		}
	}
	if passed != 8 {
		t.Errorf("%d sizes pass", passed)
	}
}

// TestEncapsulation: it comes with every request until an answer opened, and only one that opened counts.
func TestEncapsulation(t *testing.T) {
	s, r, q := pair(t)
	var again *wire.Relay
	for range 3 {
		again = seal(t, s, submit(class1))
		if len(again.Encapsulation) == 0 {
			t.Fatal("the target has not answered and gets no encapsulation")
		}
	}
	bad := answer(t, r, q, commit())
	bad.Sealed[0] ^= 1
	if _, err := s.Answer(bad); !errors.Is(err, wire.ErrOpen) {
		t.Fatal(err)
	}
	if len(seal(t, s, submit(class1)).Encapsulation) == 0 {
		t.Fatal("a forged answer ended the set-up")
	}
	hear(t, s, r, q)
	later := seal(t, s, submit(class1))
	if len(later.Encapsulation) != 0 {
		t.Fatal("the encapsulation comes though the target knows the channel")
	}
	unseal(t, r, later)
	unseal(t, r, again) // what was sealed before stays as it was
	if _, err := Accept(newGateway().at, key.NewRelayPrivate(), later, start()); !errors.Is(err, wire.ErrNoChannel) {
		t.Errorf("a set-up without encapsulation: %v", err)
	}
}

// TestOtherTargets: a set-up is for one key at one gateway of one network.
func TestOtherTargets(t *testing.T) {
	g := newGateway()
	s := g.open(t)
	out := seal(t, s, submit(class1))
	node, network, id, enc := g, g, *out, *out
	node.at.Node[3] ^= 1
	network.at.Network[3] ^= 1
	id.Channel[0] ^= 1
	enc.Encapsulation = slices.Clone(enc.Encapsulation)
	enc.Encapsulation[wire.EncapsulationSize-1] ^= 1
	for name, c := range map[string]struct {
		at gateway
		in *wire.Relay
	}{
		"key": {gateway{g.at, key.NewRelayPrivate()}, out}, "node": {node, out}, "network": {network, out},
		"channel": {g, &id}, "encapsulation": {g, &enc},
	} {
		if _, err := Accept(c.at.at, c.at.kem, c.in, start()); !errors.Is(err, wire.ErrOpen) {
			t.Errorf("another %s: %v", name, err)
		}
	}
	var none key.RelayPublic
	for i := range none {
		none[i] = 0xff
	}
	if _, err := Open(g.at, &none, start()); !errors.Is(err, wire.ErrPublicKey) {
		t.Errorf("a KEM key that is none: %v", err)
	}
}

// TestChangedRequests: no bit of a request can be changed, and no request is another one.
func TestChangedRequests(t *testing.T) {
	s, r, q := pair(t)
	hear(t, s, r, q)
	out := seal(t, s, submit(class1))
	for i := range out.Sealed {
		out.Sealed[i] ^= 0x20
		if _, err := r.Unseal(out); !errors.Is(err, wire.ErrOpen) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
		out.Sealed[i] ^= 0x20
	}
	for n := range out.Sealed {
		short := *out
		short.Sealed = out.Sealed[:n]
		if _, err := r.Unseal(&short); !errors.Is(err, wire.ErrSizeClass) {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
	long := *out
	long.Sealed = append(slices.Clone(out.Sealed), 0)
	if _, err := r.Unseal(&long); !errors.Is(err, wire.ErrSizeClass) {
		t.Fatalf("a byte more: %v", err)
	}
	dressed, renumbered, other := *out, *out, *out
	dressed.Encapsulation = make([]byte, wire.EncapsulationSize)
	renumbered.N++
	other.Channel[15]++
	for err, in := range map[error]*wire.Relay{wire.ErrSizeClass: &dressed, wire.ErrOpen: &renumbered} {
		if _, got := r.Unseal(in); !errors.Is(got, err) {
			t.Errorf("%v in place of %v", got, err)
		}
	}
	if _, err := r.Unseal(&other); !errors.Is(err, wire.ErrOpen) {
		t.Errorf("another channel: %v", err)
	}
	if q := unseal(t, r, out); q.Again {
		t.Error("what was refused counts as seen")
	}
}

// TestRepeatedRequests: the same bytes may come as often and in whatever order, other bytes under one n never.
func TestRepeatedRequests(t *testing.T) {
	s, r, _ := pair(t)
	var out []*wire.Relay
	for range Ahead - 1 {
		out = append(out, seal(t, s, submit(class1)))
	}
	for round := range 3 {
		for _, i := range []int{5, 0, 62, 33, 5} {
			q := unseal(t, r, out[i])
			if want := round > 0; i != 5 && q.Again != want || q.N != out[i].N {
				t.Errorf("round %d, request %d: %+v", round, i, q)
			}
		}
	}
	clone := *s
	clone.next, clone.open = 6, map[uint32]sent{}
	liar := seal(t, &clone, submit(class1))
	if unseal(t, r, out[5]); !bytes.Equal(liar.Sealed, out[5].Sealed) {
		t.Fatal("the same request is sealed differently")
	}
	clone.next = 6
	if _, err := r.Unseal(seal(t, &clone, submit(class4))); !errors.Is(err, wire.ErrUnexpected) {
		t.Errorf("other bytes under a known number: %v", err)
	}
	if q := unseal(t, r, out[5]); !q.Again {
		t.Error("the request is no longer known")
	}
}

// TestWindow: the receiver remembers Window numbers and takes nothing below them; its memory does not grow.
func TestWindow(t *testing.T) {
	s, r, q := pair(t)
	hear(t, s, r, q)
	at := func(n uint32) *wire.Relay {
		s.next = n
		out := seal(t, s, submit(class1))
		s.Done(n)
		return out
	}
	early := at(1)
	for n := uint32(2); n < 3*Window; n += 1 + n%3 {
		unseal(t, r, at(n))
	}
	if _, err := r.Unseal(early); !errors.Is(err, wire.ErrNoChannel) {
		t.Errorf("a number below the window: %v", err)
	}
	high := r.high
	for n := high; n > high-Window; n-- {
		unseal(t, r, at(n))
	}
	for n := high; n > high-Window; n-- {
		if q := unseal(t, r, at(n)); !q.Again {
			t.Fatalf("number %d is forgotten", n)
		}
	}
	if _, err := r.Unseal(at(high - Window)); !errors.Is(err, wire.ErrNoChannel) || len(r.seen) != Window {
		t.Errorf("the window holds %d: %v", len(r.seen), err)
	}
	for _, n := range []uint32{MaxRequests - 1, MaxRequests - 5} {
		if unseal(t, r, at(n)); len(r.seen) > Window {
			t.Fatalf("the window holds %d", len(r.seen))
		}
	}
}

// TestSentRange: whatever the order in which a receiver gets what a sender may have open, it knows all of it.
func TestSentRange(t *testing.T) {
	s, r, q := pair(t)
	hear(t, s, r, q)
	var open []*wire.Relay
	for s.Room() {
		open = append(open, seal(t, s, submit(class1)))
	}
	if len(open) != Ahead {
		t.Fatalf("%d requests are open", len(open))
	}
	if _, err := s.Seal(submit(class1)); !errors.Is(err, wire.ErrBusy) {
		t.Fatalf("one more than Ahead: %v", err)
	}
	for _, out := range open[1:] {
		unseal(t, r, out)
		s.Done(out.N)
	}
	if s.Room() {
		t.Fatal("the oldest one is still open")
	}
	unseal(t, r, open[0])
	s.Done(open[0].N)
	if !s.Room() {
		t.Fatal("no request is open, and there is no room")
	}
	s.next = MaxRequests
	if s.Room() {
		t.Error("a channel takes more than MaxRequests")
	}
}

// TestChangedAnswers: no bit of an answer can be changed, and no answer fits another request or channel.
func TestChangedAnswers(t *testing.T) {
	s, r, q := pair(t)
	second := seal(t, s, submit(class1))
	q2 := unseal(t, r, second)
	f := answer(t, r, q, commit())
	for i := range f.Sealed {
		f.Sealed[i] ^= 1
		if _, err := s.Answer(f); !errors.Is(err, wire.ErrOpen) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
		f.Sealed[i] ^= 1
	}
	for n := range f.Sealed {
		short := *f
		short.Sealed = f.Sealed[:n]
		if _, err := s.Answer(&short); !errors.Is(err, wire.ErrSizeClass) {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
	nonce, number, channel, long := *f, *f, *f, *f
	nonce.Nonce[23] ^= 1
	number.N = q2.N
	channel.Channel[0] ^= 1
	long.Sealed = append(slices.Clone(f.Sealed), 0)
	for name, c := range map[string]struct {
		f   *wire.Forwarded
		err error
	}{
		"nonce": {&nonce, wire.ErrOpen}, "number": {&number, wire.ErrOpen},
		"channel": {&channel, wire.ErrUnexpected}, "length": {&long, wire.ErrSizeClass},
	} {
		if _, err := s.Answer(c.f); !errors.Is(err, c.err) {
			t.Errorf("another %s: %v", name, err)
		}
	}
	if err := CheckAnswer(second, f); !errors.Is(err, wire.ErrUnexpected) {
		t.Errorf("the carrier takes the answer to another request: %v", err)
	}
	if err := CheckAnswer(second, &long); !errors.Is(err, wire.ErrUnexpected) {
		t.Error(err)
	}
	long.N = second.N
	if err := CheckAnswer(second, &long); !errors.Is(err, wire.ErrSizeClass) {
		t.Errorf("the carrier takes an answer of another size: %v", err)
	}
	if err := CheckAnswer(&wire.Relay{}, f); !errors.Is(err, wire.ErrSizeClass) {
		t.Error(err)
	}
	other, _, _ := pair(t)
	if _, err := other.Answer(f); !errors.Is(err, wire.ErrUnexpected) {
		t.Errorf("another channel takes it: %v", err)
	}
	for range 2 { // an answer may come twice, until it is Done
		if _, err := s.Answer(f); err != nil {
			t.Fatal(err)
		}
	}
	s.Done(q.N)
	if _, err := s.Answer(f); !errors.Is(err, wire.ErrUnexpected) {
		t.Errorf("the answer to a request that is done: %v", err)
	}
}

// TestAnswersDiffer: one frame sealed twice is two answers that have nothing in common.
func TestAnswersDiffer(t *testing.T) {
	_, r, q := pair(t)
	a, b := answer(t, r, q, commit()), answer(t, r, q, commit())
	if a.Nonce == b.Nonce || bytes.Equal(a.Sealed[:64], b.Sealed[:64]) {
		t.Error("a nonce was used twice")
	}
}

// TestChannelsDiffer: two channels to one gateway share neither id nor bytes.
func TestChannelsDiffer(t *testing.T) {
	g := newGateway()
	a, b := g.open(t), g.open(t)
	x, y := seal(t, a, submit(class1)), seal(t, b, submit(class1))
	if a.ID() == b.ID() || bytes.Equal(x.Sealed[:64], y.Sealed[:64]) || bytes.Equal(x.Encapsulation[:64], y.Encapsulation[:64]) {
		t.Error("two set-ups have something in common")
	}
	r := g.accept(t, x)
	moved := *y
	moved.Channel = x.Channel
	for _, in := range []*wire.Relay{y, &moved} {
		if _, err := r.Unseal(in); !errors.Is(err, wire.ErrOpen) {
			t.Errorf("one channel takes the other's request: %v", err)
		}
	}
}

// TestHostilePlaintext: a sender who has the keys gets nothing through but one request of the right type, and nothing
// but zeros behind it.
func TestHostilePlaintext(t *testing.T) {
	good := wire.AppendFrame(nil, RequestID, submit(class1))
	for name, c := range map[string]struct {
		plain []byte
		err   error
	}{
		"nothing":        {nil, wire.ErrMalformed},
		"two frames":     {append(slices.Clone(good), wire.AppendFrame(nil, RequestID, &wire.ProfileGet{})...), wire.ErrMalformed},
		"padding":        {append(append(slices.Clone(good), make([]byte, 9)...), 1), wire.ErrMalformed},
		"id 0":           {wire.AppendFrame(nil, 0, submit(class1)), wire.ErrUnexpected},
		"id 2":           {wire.AppendFrame(nil, 2, submit(class1)), wire.ErrUnexpected},
		"login":          {wire.AppendFrame(nil, RequestID, &wire.Login{Sig: make([]byte, 64)}), wire.ErrUnexpected},
		"forward":        {wire.AppendFrame(nil, RequestID, &wire.Forward{Host: "a"}), wire.ErrUnexpected},
		"relay":          {wire.AppendFrame(nil, RequestID, &wire.Relay{}), wire.ErrUnexpected},
		"state":          {wire.AppendFrame(nil, RequestID, &wire.StateGet{}), wire.ErrUnexpected},
		"commit":         {wire.AppendFrame(nil, RequestID, &wire.Commit{}), wire.ErrUnexpected},
		"find":           {wire.AppendFrame(nil, RequestID, &wire.FindNode{}), wire.ErrUnexpected},
		"long head":      {append([]byte{0x98, 3}, good[1:]...), wire.ErrNotCanonical},
		"not a frame":    {[]byte{0x82, 1, 1}, wire.ErrMalformed},
		"no map":         {[]byte{0x83, 41, 1, 0}, wire.ErrMalformed},
		"indefinite":     {[]byte{0x9f, 1, 1, 0xa0, 0xff}, wire.ErrMalformed},
		"beyond the end": {[]byte{0x83, 20, 1, 0xa1, 1, 0x5a, 0, 1, 0, 0}, wire.ErrTruncated},
	} {
		s, r, _ := pair(t)
		if _, err := r.Unseal(s.forged(class1, c.plain)); !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", name, err, c.err)
		}
		if len(r.seen) != 1 {
			t.Errorf("%s is remembered", name)
		}
	}
	s, r, _ := pair(t)
	unseal(t, r, s.forged(class1, good))
}

// TestHostileAnswers: a target gets nothing through to the sender but one answer to what was asked.
func TestHostileAnswers(t *testing.T) {
	good := wire.AppendFrame(nil, 0, commit())
	for name, c := range map[string]struct {
		plain []byte
		err   error
	}{
		"nothing":       {nil, wire.ErrMalformed},
		"padding":       {append(append(slices.Clone(good), make([]byte, 9)...), 1), wire.ErrMalformed},
		"commit id 1":   {wire.AppendFrame(nil, RequestID, commit()), wire.ErrUnexpected},
		"failure id 0":  {wire.AppendFrame(nil, 0, wire.FailureOf(wire.ErrBusy)), wire.ErrUnexpected},
		"profile":       {wire.AppendFrame(nil, RequestID, &wire.Profile{}), wire.ErrUnexpected},
		"record":        {wire.AppendFrame(nil, RequestID, &wire.Record{}), wire.ErrUnexpected},
		"push":          {wire.AppendFrame(nil, RequestID, &wire.Push{}), wire.ErrUnexpected},
		"ok":            {wire.AppendFrame(nil, RequestID, &wire.OK{}), wire.ErrUnexpected},
		"forwarded":     {wire.AppendFrame(nil, RequestID, &wire.Forwarded{}), wire.ErrUnexpected},
		"request":       {wire.AppendFrame(nil, RequestID, submit(class1)), wire.ErrUnexpected},
		"not canonical": {append([]byte{0x98, 3}, good[1:]...), wire.ErrNotCanonical},
	} {
		s, r, q := pair(t)
		if _, err := s.Answer(r.forged(q, c.plain)); !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", name, err, c.err)
		}
	}
	s, r, q := pair(t)
	if _, err := s.Answer(r.forged(q, good)); err != nil {
		t.Error(err)
	}
	for name, p := range map[string]wire.Payload{
		"profile": &wire.Profile{}, "request": submit(class1), "no item": &wire.Commit{},
		"two items": &wire.Commit{Items: make([]wire.CommitItem, 2)}, "another item": &wire.Commit{Items: []wire.CommitItem{{ID: 7}}},
	} {
		if _, err := r.Seal(q, p); !errors.Is(err, wire.ErrUnexpected) {
			t.Errorf("%s is sealed as an answer: %v", name, err)
		}
	}
	long := commit()
	long.Path = make([][32]byte, 64)
	if _, err := r.Seal(q, long); !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("an answer that does not fit: %v", err)
	}
}

// TestRefusedRequests: what no channel carries is not sealed, and uses up no number.
func TestRefusedRequests(t *testing.T) {
	s := newGateway().open(t)
	for err, p := range map[error]wire.Payload{
		wire.ErrUnexpected: &wire.Ack{}, wire.ErrSizeClass: submit(1000),
		wire.ErrTooLarge: &wire.Submit{Envelope: make([]byte, class1), Work: make([]byte, 2000)},
	} {
		if _, got := s.Seal(p); !errors.Is(got, err) {
			t.Errorf("%T: %v, want %v", p, got, err)
		}
	}
	if first := seal(t, s, submit(class1)); first.N != 0 || len(s.open) != 1 {
		t.Errorf("the first request has the number %d, %d are open", first.N, len(s.open))
	}
}

// TestLife: both ends end a channel after a day of their own clock.
func TestLife(t *testing.T) {
	s, r, _ := pair(t)
	for _, end := range []interface{ Expired(time.Time) bool }{s, r} {
		if end.Expired(start()) || end.Expired(start().Add(Life-time.Second)) || !end.Expired(start().Add(Life)) || end.Expired(start().Add(-time.Hour)) {
			t.Errorf("%T ends at another time", end)
		}
	}
}

// TestKeysAreNotPrinted: neither end shows its keys, however it is printed.
func TestKeysAreNotPrinted(t *testing.T) {
	g := newGateway()
	s := g.open(t)
	r := g.accept(t, seal(t, s, submit(class1)))
	kf, kb := g.secrets(t, s)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		for _, end := range []any{s, *s, r, *r} {
			text := fmt.Sprintf(format, end)
			for _, secret := range [][]byte{kf, kb} {
				for _, shown := range []string{fmt.Sprintf("%x", secret[:4]), fmt.Sprintf("%d", secret[:4])[1:10], string(secret[:4])} {
					if bytes.Contains([]byte(text), []byte(shown)) {
						t.Fatalf("%s of %T shows a key", format, end)
					}
				}
			}
		}
	}
	if bytes.Equal(kf, kb) {
		t.Error("one key seals both ways")
	}
}

// TestInPlace: a request that is opened where it stands is the same one, or has the same fault; what
// comes of it is in its own memory.
func TestInPlace(t *testing.T) {
	s, r, q := pair(t)
	hear(t, s, r, q)
	copied := func(in *wire.Relay) *wire.Relay {
		out := *in
		out.Sealed = bytes.Clone(in.Sealed)
		return &out
	}
	for _, class := range []int{class1, class4, class16, class64} {
		sent := seal(t, s, submit(class))
		other := *r // beside it
		other.seen = slices.Clone(r.seen)
		want := unseal(t, &other, sent)
		in := copied(sent)
		got, err := r.UnsealInPlace(in)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("class %d: %+v, %v", class, got, err)
		}
		if raw := got.Frame.Raw; !bytes.Contains(in.Sealed, raw) || &in.Sealed[bytes.Index(in.Sealed, raw)] != &raw[0] {
			t.Errorf("class %d: the frame stands elsewhere", class)
		}
		if _, err := r.UnsealInPlace(in); !errors.Is(err, wire.ErrOpen) {
			t.Errorf("class %d: what was opened opens again: %v", class, err)
		}
		if q, err := r.UnsealInPlace(copied(sent)); err != nil || !q.Again {
			t.Errorf("class %d: a repetition: %+v, %v", class, q, err)
		}
		bad := copied(sent)
		bad.Sealed[7] ^= 1
		if _, err := r.UnsealInPlace(bad); !errors.Is(err, wire.ErrOpen) {
			t.Errorf("class %d: a changed byte: %v", class, err)
		}
	}
}
