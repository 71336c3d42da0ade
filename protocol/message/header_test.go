package message

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// sample is a chained message with two tips from device 1 to identity 2.
func sample(t testing.TB) *Message {
	t.Helper()
	h := Header{
		Seq: 7, Prev: [32]byte{1}, Tips: []Tip{{Device: idOfSigner(2), Seq: 5, Hash: Short{2}}, {Device: idOfSigner(3), Seq: 6, Hash: Short{3}}},
		Time: 1_760_000_000_123, Kind: KindText, BodyHash: BodyHash([SaltSize]byte{4}, []byte("body")), ListN: 3, ListHash: [16]byte{5},
	}
	m, err := Sign(h, signer(1), identity(1), identity(2))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMessageComesBack(t *testing.T) {
	m := sample(t)
	got, err := Parse(m.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if got.ID != m.ID || !bytes.Equal(got.Encode(), m.Encode()) || got.Header.Seq != 7 || len(got.Header.Tips) != 2 || got.Header.List() != m.Header.List() {
		t.Errorf("came back as %+v", got.Header)
	}
	if err := got.Verify(signer(1).Public(), identity(1), identity(2)); err != nil {
		t.Error(err)
	}
	if err := got.CheckBody([SaltSize]byte{4}, []byte("body")); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"another salt": got.CheckBody([SaltSize]byte{5}, []byte("body")),
		"another body": got.CheckBody([SaltSize]byte{4}, []byte("bodz")),
		"no body":      got.CheckBody([SaltSize]byte{4}, nil),
	} {
		if !errors.Is(err, wire.ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCutAndLongerMessagesAreRefused(t *testing.T) {
	whole := sample(t).Encode()
	for n := range whole {
		if _, err := Parse(whole[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes were accepted", n, len(whole))
		}
	}
	if _, err := Parse(append(slices.Clone(whole), 0)); !errors.Is(err, wire.ErrTrailing) {
		t.Errorf("a byte more: %v", err)
	}
	if _, err := Parse(make([]byte, MaxMessage+1)); !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("513 bytes: %v", err)
	}
	for i := range whole {
		changed := slices.Clone(whole)
		changed[i] ^= 1 << (i % 8)
		if m, err := Parse(changed); err == nil && m.Verify(signer(1).Public(), identity(1), identity(2)) == nil {
			t.Fatalf("byte %d may be changed", i)
		}
	}
}

func TestLargestMessageFits(t *testing.T) {
	const most = 1<<32 - 1
	h := Header{Seq: most, Time: 1<<64 - 1, Kind: 1<<16 - 1, ListN: most}
	for i := range byte(MaxTips) {
		h.Tips = append(h.Tips, Tip{Device: key.DeviceID{i + 1}, Seq: most})
	}
	m, err := Sign(h, signer(1), identity(1), identity(2))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(m.Encode()); err != nil {
		t.Errorf("%d bytes: %v", len(m.Encode()), err)
	}
	if n := len(m.Encode()); n != 473 {
		t.Errorf("the largest message has %d bytes, the document says 473", n)
	}
}

func TestForgedMessagesAreRefused(t *testing.T) {
	m := sample(t)
	parsed := func() *Message { got, _ := Parse(m.Encode()); return got }
	// signed makes a message of any header bytes.
	signed := func(header []byte, ctx key.Context, sender, recipient key.IdentityPublic) *Message {
		sig := signer(1).Sign(ctx, transcript(header, sender, recipient))
		got, err := Parse(wire.Object{Body: header, Sig: sig}.Encode())
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	elsewhere := m.Header
	elsewhere.Conv = ConvPair(identity(1), identity(3))
	var tests = []struct {
		name              string
		m                 *Message
		dsk               key.DevicePrivate
		sender, recipient byte
		want              error
	}{
		{"right", parsed(), signer(1), 1, 2, nil},
		{"for another recipient", parsed(), signer(1), 1, 3, wire.ErrSignature},
		{"from another sender", parsed(), signer(1), 3, 2, wire.ErrSignature},
		{"back to its sender", parsed(), signer(1), 2, 1, wire.ErrSignature},
		{"by another device", parsed(), signer(2), 1, 2, wire.ErrSignature},
		{"signed as a bundle", signed(m.object.Body, key.ContextBundle, identity(1), identity(2)), signer(1), 1, 2, wire.ErrSignature},
		{"signed as a handshake", signed(m.object.Body, key.ContextInit, identity(1), identity(2)), signer(1), 1, 2, wire.ErrSignature},
		{"of another conversation", signed(wire.Marshal(elsewhere), key.ContextMessage, identity(1), identity(2)), signer(1), 1, 2, wire.ErrWrongRecipient},
	}
	for _, test := range tests {
		if err := test.m.Verify(test.dsk.Public(), identity(test.sender), identity(test.recipient)); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, err, test.want)
		}
	}
}

func TestOneKindOfObjectIsNoOther(t *testing.T) {
	m := sample(t)
	for _, ctx := range []key.Context{key.ContextBundle, key.ContextInit, key.ContextDeviceJoin, key.ContextProfile} {
		if signer(1).Public().Verify(ctx, m.object.Body, m.object.Sig) {
			t.Errorf("a message is a signature under %s", ctx)
		}
	}
	if signer(1).Public().Verify(key.ContextMessage, m.object.Body, m.object.Sig) {
		t.Error("sender and recipient are not part of what is signed")
	}
	bundle := wire.Sign(signer(1), key.ContextBundle, m.Header)
	got, err := Parse(bundle.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if err := got.Verify(signer(1).Public(), identity(1), identity(2)); !errors.Is(err, wire.ErrSignature) {
		t.Errorf("a signed bundle as a message: %v", err)
	}
}

func TestHeaderRules(t *testing.T) {
	good := sample(t).Header
	side := Header{Version: 1, Conv: good.Conv, Device: good.Device, Kind: KindAck, ListN: 1}
	var tests = []struct {
		name   string
		base   Header
		change func(*Header)
		want   error
	}{
		{"chained", good, func(*Header) {}, nil},
		{"side", side, func(*Header) {}, nil},
		{"a kind that is not known", good, func(h *Header) { h.Kind = 200 }, nil},
		{"a side kind that is not known", side, func(h *Header) { h.Kind = 127 }, nil},
		{"version 2", good, func(h *Header) { h.Version = 2 }, wire.ErrVersion},
		{"version 0", good, func(h *Header) { h.Version = 0 }, wire.ErrVersion},
		{"no kind", good, func(h *Header) { h.Kind = 0 }, wire.ErrValue},
		{"no list", good, func(h *Header) { h.ListN = 0 }, wire.ErrValue},
		{"chained with seq 0", good, func(h *Header) { h.Seq = 0 }, wire.ErrValue},
		{"side with seq", side, func(h *Header) { h.Seq = 1 }, wire.ErrValue},
		{"side with prev", side, func(h *Header) { h.Prev[0] = 1 }, wire.ErrValue},
		{"side with tips", side, func(h *Header) { h.Tips = good.Tips }, wire.ErrValue},
		{"side that says it is chained", side, func(h *Header) { h.Kind = KindText }, wire.ErrValue},
		{"chained that says it is side", good, func(h *Header) { h.Kind = KindAck }, wire.ErrValue},
		{"tip to itself", good, func(h *Header) { h.Tips = []Tip{{Device: h.Device, Seq: 1}} }, wire.ErrValue},
		{"tip to seq 0", good, func(h *Header) { h.Tips = []Tip{{Device: idOfSigner(2)}} }, wire.ErrValue},
		{"two tips to one device", good, func(h *Header) { h.Tips = []Tip{good.Tips[0], good.Tips[0]} }, wire.ErrValue},
		{"nine tips", good, func(h *Header) {
			for i := range byte(9) {
				h.Tips = append(h.Tips[:i:i], Tip{Device: key.DeviceID{i, 1}, Seq: 1})
			}
		}, wire.ErrValue},
	}
	for _, test := range tests {
		h := test.base
		test.change(&h)
		b := wire.Object{Body: wire.Marshal(h), Sig: make([]byte, 64)}.Encode()
		if _, err := Parse(b); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, err, test.want)
		}
	}
}

func TestHeadersOfOtherVersionsAndGroups(t *testing.T) {
	type longer struct {
		Header
		Epoch uint32 `cbor:"12,keyasint"`
	}
	header := sample(t).Header
	parse := func(v any) error {
		_, err := Parse(wire.Object{Body: wire.Marshal(v), Sig: make([]byte, 64)}.Encode())
		return err
	}
	if err := parse(longer{Header: header, Epoch: 1}); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("a pair message with an epoch: %v", err)
	}
	header.Version = 2
	if err := parse(longer{Header: header, Epoch: 1}); !errors.Is(err, wire.ErrVersion) {
		t.Errorf("a header of version 2 with another field: %v", err)
	}
	if err := parse(map[uint64]string{1: "one"}); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("something else: %v", err)
	}
}

func TestConversationIDs(t *testing.T) {
	if ConvPair(identity(1), identity(2)) != ConvPair(identity(2), identity(1)) {
		t.Error("the two ends have different ids")
	}
	if ConvPair(identity(1), identity(2)) == ConvPair(identity(1), identity(3)) || ConvSelf(identity(1)) == ConvPair(identity(1), identity(1)) {
		t.Error("two conversations have one id")
	}
	if First(origin(1), ConvID{1}) == First(origin(1), ConvID{2}) || First(origin(1), ConvID{1}) == First(origin(2), ConvID{1}) {
		t.Error("two chains begin alike")
	}
}

func FuzzMessage(f *testing.F) {
	f.Add(sample(f).Encode())
	a, _ := newPair()
	out, _ := a.conv.Side(KindHeads, a.conv.Heads(key.DeviceID{}, [8]byte{}).encode(), [SaltSize]byte{}, start, a.dsk)
	f.Add(out.Signed)
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b)
		if err != nil {
			return
		}
		if !bytes.Equal(m.Encode(), b) || !bytes.Equal(wire.Marshal(m.Header), m.object.Body) {
			t.Error("what parses does not encode to the same bytes")
		}
		a, _ := newPair()
		if _, err := a.conv.Accept(m, Arrival{}, a); err == nil {
			t.Error("a message was accepted that nobody verified")
		}
	})
}
