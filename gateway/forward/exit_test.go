package forward_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"zeroms/gateway/forward"
	"zeroms/protocol/channel"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

func newNode() key.NodePublic { return key.NewPrivate[key.Node]().Public() }

// TestRepeated: the same bytes get the same outcome, whichever gateway brings them;
// other bytes under their number are refused.
func TestRepeated(t *testing.T) {
	h := newHouse(t, nil)
	s := h.sender(t, start())
	one, two := submit(1<<10), submit(1<<10)
	r := seal(t, s, one)
	for range 3 {
		if got := opened(t, s, h.relay(t, start(), newNode(), r)); got.Type != wire.TypeCommit {
			t.Fatalf("type %d", got.Type)
		}
	}
	for i := range 3 {
		if !bytes.Equal(h.guest.asked[0].Raw, h.guest.asked[i].Raw) {
			t.Error("the guest got another request")
		}
	}
	if st := h.exit.Stats(); st.Opened != 1 || st.Repeated != 2 {
		t.Errorf("%+v", st)
	}
	other := *r
	liar, err := s.Seal(two)
	if err != nil {
		t.Fatal(err)
	}
	other.Sealed = liar.Sealed[:len(r.Sealed)]
	if err := failureOf(h.relay(t, start(), newNode(), &other)); !errors.Is(err, wire.ErrOpen) {
		t.Errorf("the bytes of another number: %v", err)
	}
	if h.guest.count() != 3 {
		t.Errorf("the guest got %d requests", h.guest.count())
	}
}

// TestUnknownChannel: a channel that is not known needs its set-up again.
func TestUnknownChannel(t *testing.T) {
	h := newHouse(t, nil)
	s := h.sender(t, start())
	first := seal(t, s, submit(1<<10))
	opened(t, s, h.relay(t, start(), newNode(), first))
	later := seal(t, s, submit(1<<10))
	if len(later.Encapsulation) != 0 {
		t.Fatal("the sender still brings the set-up")
	}
	h.open(t, start(), nil) // a restart: the keys stay, the channels don't
	if err := failureOf(h.relay(t, start(), newNode(), later)); !errors.Is(err, wire.ErrNoChannel) {
		t.Error(err)
	}
	if got := opened(t, s, h.relay(t, start(), newNode(), first)); got.Type != wire.TypeCommit {
		t.Error("the set-up no longer works")
	}
	// A day later the channel is over, known or not.
	if err := failureOf(h.relay(t, start().Add(channel.Life), newNode(), later)); !errors.Is(err, wire.ErrNoChannel) {
		t.Error(err)
	}
	if h.exit.Stats().Channels != 0 {
		t.Error("a channel that is over is remembered")
	}
}

// TestKeys: the key turns weekly and opens for eight more days; it outlives restarts,
// and a new one is used only once it is kept.
func TestKeys(t *testing.T) {
	h := newHouse(t, nil)
	old, now := h.exit.KEM(), start()
	day := 24 * time.Hour
	s := h.sender(t, now)
	r := seal(t, s, submit(1<<10))
	if changed, next, err := h.exit.Advance(now.Add(6 * day)); changed || err != nil || next.After(now.Add(6*day+10*time.Minute)) {
		t.Errorf("after six days: %v, %v, %v", changed, next, err)
	}
	h.keys.broken = errors.New("disk full")
	if changed, _, err := h.exit.Advance(now.Add(7 * day)); changed || err == nil || h.exit.KEM() != old {
		t.Error("a key is used that is not kept")
	}
	h.keys.broken = nil
	if changed, _, err := h.exit.Advance(now.Add(7 * day)); !changed || err != nil || h.exit.KEM() == old {
		t.Error("the key does not turn")
	}
	current := h.exit.KEM()
	if changed, _, _ := h.exit.Advance(now.Add(7*day + time.Hour)); changed {
		t.Error("it turns again")
	}
	h.open(t, now.Add(14*day-time.Second), nil)
	if h.exit.KEM() != current || h.keys.saves != 2 {
		t.Errorf("another key after a restart, %d saves", h.keys.saves)
	}
	if got := opened(t, s, h.relay(t, now.Add(14*day-time.Second), newNode(), r)); got.Type != wire.TypeCommit {
		t.Error("the former key no longer opens")
	}
	if changed, _, _ := h.exit.Advance(now.Add(14 * day)); !changed {
		t.Error("it does not turn in the second week")
	}
	h.open(t, now.Add(15*day), nil)
	s = h.sender(t, now)
	if err := failureOf(h.relay(t, now.Add(15*day), newNode(), r)); !errors.Is(err, wire.ErrOpen) {
		t.Errorf("a key that is over opens: %v", err)
	}
	if got := opened(t, s, h.relay(t, now.Add(15*day), newNode(), seal(t, s, submit(1<<10)))); got.Type != wire.TypeCommit {
		t.Error("the current key does not open")
	}
	if len(h.keys.b) > 200 {
		t.Errorf("%d bytes are kept", len(h.keys.b))
	}
	for _, b := range [][]byte{{1}, h.keys.b[:len(h.keys.b)-1], append([]byte{2}, h.keys.b[1:]...), append(bytes.Clone(h.keys.b), 0)} {
		if _, err := forward.NewExit(forward.ExitConfig{Place: h.place, Keys: &kept{b: b}, Guest: h.guest}, now); !errors.Is(err, forward.ErrKeys) {
			t.Errorf("%d damaged bytes: %v", len(b), err)
		}
	}
}

// TestClockBack: a clock that went back by weeks makes a new key: nobody would know
// when the one that is there is to go.
func TestClockBack(t *testing.T) {
	h := newHouse(t, nil)
	old := h.exit.KEM()
	if changed, _, _ := h.exit.Advance(start().Add(-time.Hour)); changed {
		t.Error("an hour turns the key")
	}
	if changed, _, _ := h.exit.Advance(start().Add(-30 * 24 * time.Hour)); !changed || h.exit.KEM() == old {
		t.Error("the key stays")
	}
}

// TestManyChannels: the gateway that brings most of them loses the oldest; others
// keep theirs.
func TestManyChannels(t *testing.T) {
	h := newHouse(t, func(c *forward.ExitConfig) { c.Capacity.Channels = 20 })
	small, big := newNode(), newNode()
	type open struct {
		s *channel.Sender
		r *wire.Relay
	}
	begin := func(from key.NodePublic) open {
		s := h.sender(t, start())
		opened(t, s, h.relay(t, start(), from, seal(t, s, submit(1<<10))))
		return open{s, seal(t, s, submit(1<<10))}
	}
	mine := []open{begin(small), begin(small), begin(small)}
	var theirs []open
	for range 40 {
		theirs = append(theirs, begin(big))
	}
	if n := h.exit.Stats().Channels; n != 20 {
		t.Errorf("%d channels", n)
	}
	for i, o := range mine {
		if err := failureOf(h.relay(t, start(), small, o.r)); err != nil {
			t.Errorf("channel %d of the small one: %v", i, err)
		}
	}
	for i, o := range theirs {
		if err := failureOf(h.relay(t, start(), big, o.r)); (err == nil) != (i >= 40-17) {
			t.Errorf("channel %d of the big one: %v", i, err)
		}
	}
}

// TestSetUps: a gateway sets up so many channels; another one is not affected, and
// those that are open serve.
func TestSetUps(t *testing.T) {
	h := newHouse(t, func(c *forward.ExitConfig) { c.Capacity.OpensBurst, c.Capacity.Opens = 10, 2 })
	flood, other := newNode(), newNode()
	s := h.sender(t, start())
	opened(t, s, h.relay(t, start(), flood, seal(t, s, submit(1<<10))))
	busy := 0
	for range 30 {
		if errors.Is(failureOf(h.relay(t, start(), flood, seal(t, h.sender(t, start()), submit(1<<10)))), wire.ErrBusy) {
			busy++
		}
	}
	if busy != 21 {
		t.Errorf("%d set-ups were refused", busy)
	}
	for from, want := range map[key.NodePublic]error{flood: wire.ErrBusy, other: nil} {
		if err := failureOf(h.relay(t, start(), from, seal(t, h.sender(t, start()), submit(1<<10)))); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	if err := failureOf(h.relay(t, start(), flood, seal(t, s, submit(1<<10)))); err != nil {
		t.Errorf("an open channel: %v", err)
	}
	if err := failureOf(h.relay(t, start().Add(time.Second), flood, seal(t, h.sender(t, start()), submit(1<<10)))); err != nil {
		t.Errorf("a second later: %v", err)
	}
}

// TestGarbage: a gateway whose requests do not open is not listened to for a while;
// its garbage does not harm the channel that it was for.
func TestGarbage(t *testing.T) {
	h := newHouse(t, nil)
	s, liar, other := h.sender(t, start()), newNode(), newNode()
	opened(t, s, h.relay(t, start(), other, seal(t, s, submit(1<<10))))
	good := seal(t, s, submit(1<<10))
	opens, busy := 0, 0
	for i := range 1000 {
		bad := *good
		bad.Sealed = bytes.Clone(good.Sealed)
		bad.Sealed[i] ^= 1
		switch err := failureOf(h.relay(t, start(), liar, &bad)); {
		case errors.Is(err, wire.ErrOpen):
			opens++
		case errors.Is(err, wire.ErrBusy):
			busy++
		}
	}
	if opens != 256 || busy != 744 {
		t.Errorf("%d were tried, %d refused", opens, busy)
	}
	if got := opened(t, s, h.relay(t, start(), other, good)); got.Type != wire.TypeCommit {
		t.Error("the channel is harmed")
	}
	if err := failureOf(h.relay(t, start().Add(time.Minute), liar, good)); err != nil {
		t.Errorf("a minute later: %v", err)
	}
}

// forge seals any bytes as whoever holds the channel's keys could.
func forge(t *testing.T, h *house, plain []byte) *wire.Relay {
	t.Helper()
	kem := h.exit.KEM()
	enc, hpke, err := kem.Sender(key.Join([]byte(key.PrefixForwardInfo), []byte{0}, h.place.Network[:], h.place.Node[:]))
	if err != nil {
		t.Fatal(err)
	}
	export := func(label string, n int) []byte {
		b, err := hpke.Export(label, n)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	a, err := chacha20poly1305.New(export(key.ExportForward, 32))
	if err != nil {
		t.Fatal(err)
	}
	id := export(key.ExportForwardID, wire.ChannelIDSize)
	size := 4<<10 + wire.ForwardPadding - len(enc) - chacha20poly1305.Overhead
	plain = append(bytes.Clone(plain), make([]byte, size-len(plain))...)
	return &wire.Relay{
		Channel: [wire.ChannelIDSize]byte(id), Encapsulation: enc,
		Sealed: a.Seal(nil, make([]byte, 12), plain, append(id, h.place.Node[:]...)),
	}
}

// TestNoLoops: nothing that would go on to somewhere else, or that a guest may not
// ask, comes out of a channel.
func TestNoLoops(t *testing.T) {
	h := newHouse(t, nil)
	inner := forge(t, h, wire.AppendFrame(nil, channel.RequestID, &wire.ProfileGet{}))
	if err := failureOf(h.relay(t, start(), newNode(), inner)); err != nil || h.guest.count() != 1 {
		t.Fatalf("the forgery does not open: %v", err)
	}
	for _, p := range []wire.Payload{
		&wire.Forward{Host: "8.8.8.8", Port: 443, Relay: wire.Relay{Sealed: []byte{1}}}, &wire.Relay{Sealed: []byte{1}},
		&wire.Login{Sig: make([]byte, 64)}, &wire.Register{}, &wire.StateGet{}, &wire.HeadGet{}, &wire.Reach{}, &wire.Store{},
		&wire.FindNode{}, &wire.Publish{}, &wire.DepositsGet{}, &wire.DescriptorGet{}, &wire.Ack{}, &wire.OK{},
	} {
		err := failureOf(h.relay(t, start(), newNode(), forge(t, h, wire.AppendFrame(nil, channel.RequestID, p))))
		if !errors.Is(err, wire.ErrUnexpected) {
			t.Errorf("%T: %v", p, err)
		}
	}
	if h.guest.count() != 1 {
		t.Errorf("the guest got %d requests", h.guest.count())
	}
}

// TestGuestsAnswers: failures travel sealed; what does not answer the request is told
// as the gateway's own fault.
func TestGuestsAnswers(t *testing.T) {
	h := newHouse(t, nil)
	for name, c := range map[string]struct {
		answer wire.Payload
		want   error
	}{
		"failure":      {wire.FailureOf(wire.ErrUnknownDrop), wire.ErrUnknownDrop},
		"another type": {&wire.OK{}, wire.ErrUnavailable},
		"another item": {receipt(9), wire.ErrUnavailable},
		"no item":      {&wire.Commit{}, wire.ErrUnavailable},
		"receipt":      {receipt(channel.RequestID), nil},
	} {
		h.guest.answer = func(_ context.Context, _ wire.Frame, done func(wire.Payload)) { done(c.answer) }
		s := h.sender(t, start())
		if err := failureIn(t, s, h.relay(t, start(), newNode(), seal(t, s, submit(1<<10)))); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// TestLaterAnswers: answers may come in another order, from elsewhere.
func TestLaterAnswers(t *testing.T) {
	h := newHouse(t, nil)
	var done []func(wire.Payload)
	h.guest.answer = func(_ context.Context, _ wire.Frame, d func(wire.Payload)) { done = append(done, d) }
	s, p := h.sender(t, start()), newPort()
	for id := range uint64(8) {
		h.exit.Relay(start(), forward.From{Node: newNode()}, id, seal(t, s, submit(1<<10)), p)
	}
	for i := range done {
		done[len(done)-1-i](receipt(channel.RequestID))
	}
	for id := range uint64(8) {
		if f := p.take(t, id).(*wire.Forwarded); f.N != uint32(id) {
			t.Errorf("request %d got the answer to %d", id, f.N)
		}
	}
}

// TestRun: Run turns the key by itself, and what guests began ends with it.
func TestRun(t *testing.T) {
	h := newHouse(t, func(c *forward.ExitConfig) { c.Timing.Rotate = time.Hour }) // long ago, by the clock of the test
	var life context.Context
	h.guest.answer = func(ctx context.Context, f wire.Frame, done func(wire.Payload)) { life = ctx; done(receipt(f.ID)) }
	s := h.sender(t, time.Now())
	h.relay(t, time.Now(), newNode(), seal(t, s, submit(1<<10)))
	ctx, cancel := context.WithCancel(t.Context())
	turned, ran := make(chan struct{}, 1), make(chan error, 1)
	go func() { ran <- h.exit.Run(ctx, func() { turned <- struct{}{} }) }()
	<-turned
	if life.Err() != nil {
		t.Error("the guests' context has ended before Run")
	}
	cancel()
	if err := <-ran; err != nil || life.Err() == nil {
		t.Errorf("%v, %v", err, life.Err())
	}
}

// TestManyGateways: gateways that brought something once are forgotten.
func TestManyGateways(t *testing.T) {
	h := newHouse(t, func(c *forward.ExitConfig) { c.Capacity.Gateways = 10 })
	s := h.sender(t, start())
	r := seal(t, s, submit(1<<10))
	for range 50 {
		if err := failureOf(h.relay(t, start(), newNode(), r)); err != nil {
			t.Fatal(err)
		}
	}
	if st := h.exit.Stats(); st.Gateways != 10 || st.Channels != 1 {
		t.Errorf("%+v", st)
	}
	if _, _, err := h.exit.Advance(start().Add(25 * time.Hour)); err != nil || h.exit.Stats().Channels != 0 {
		t.Errorf("%v, %+v", err, h.exit.Stats())
	}
	h.exit.Advance(start().Add(26 * time.Hour))
	if n := h.exit.Stats().Gateways; n != 0 {
		t.Errorf("%d gateways a day later", n)
	}
}
