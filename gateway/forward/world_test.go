package forward_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"testing"
	"time"

	"zeroms/gateway/forward"
	"zeroms/protocol/address"
	"zeroms/protocol/channel"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

var network = key.Network{'t', 'e', 's', 't'}

// start is a moment for tests that turn the clock by hand.
func start() time.Time { return time.Unix(1_800_000_000, 0) }

// kept is Keys in memory.
type kept struct {
	b      []byte
	broken error
	saves  int
}

func (k *kept) Load() ([]byte, error) { return k.b, nil }

func (k *kept) Save(b []byte) error {
	if k.broken != nil {
		return k.broken
	}
	k.saves++
	k.b = append([]byte(nil), b...)
	return nil
}

// guest answers with what the test says, and notes what it was asked.
type guest struct {
	mu     sync.Mutex
	asked  []wire.Frame
	answer func(ctx context.Context, f wire.Frame, done func(wire.Payload))
}

func (g *guest) Handle(ctx context.Context, f wire.Frame, done func(wire.Payload)) {
	g.mu.Lock()
	g.asked = append(g.asked, f)
	answer := g.answer
	g.mu.Unlock()
	if answer == nil {
		done(receipt(f.ID))
		return
	}
	answer(ctx, f, done)
}

func (g *guest) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.asked)
}

// receipt answers a submission.
func receipt(id uint64) *wire.Commit {
	return &wire.Commit{Leaves: 1, Time: 1, Sig: make([]byte, 64), Items: []wire.CommitItem{{ID: id, Leaf: make([]byte, 180)}}}
}

// house is a gateway that opens channels.
type house struct {
	place key.Place
	guest *guest
	keys  *kept
	exit  *forward.Exit
}

func newHouse(t testing.TB, change func(*forward.ExitConfig)) *house {
	t.Helper()
	h := &house{place: key.Place{Network: network, Node: key.NewPrivate[key.Node]().Public()}, guest: &guest{}, keys: &kept{}}
	h.open(t, start(), change)
	return h
}

// open starts the house, or starts it again.
func (h *house) open(t testing.TB, now time.Time, change func(*forward.ExitConfig)) {
	t.Helper()
	cfg := forward.ExitConfig{Place: h.place, Keys: h.keys, Guest: h.guest}
	if change != nil {
		change(&cfg)
	}
	var err error
	if h.exit, err = forward.NewExit(cfg, now); err != nil {
		t.Fatal(err)
	}
}

// sender opens a channel to the house.
func (h *house) sender(t testing.TB, now time.Time) *channel.Sender {
	t.Helper()
	kem := h.exit.KEM()
	s, err := channel.Open(h.place, &kem, now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// submit is a submission of this class.
func submit(class int) *wire.Submit {
	env := make([]byte, class)
	rand.Read(env)
	return &wire.Submit{Envelope: env}
}

func seal(t testing.TB, s *channel.Sender, p wire.Payload) *wire.Relay {
	t.Helper()
	r, err := s.Seal(p)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// port collects answers.
type port struct {
	mu  sync.Mutex
	got map[uint64][]wire.Payload
}

func newPort() *port { return &port{got: map[uint64][]wire.Payload{}} }

func (p *port) Answer(id uint64, a wire.Payload) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got[id] = append(p.got[id], a)
}

// take is the one answer to a request; it fails if there is none, or more.
func (p *port) take(t testing.TB, id uint64) wire.Payload {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.got[id]) != 1 {
		t.Fatalf("request %d has %d answers", id, len(p.got[id]))
	}
	return p.got[id][0]
}

// err is the answer as an error.
func (p *port) err(t testing.TB, id uint64) error {
	t.Helper()
	return failureOf(p.take(t, id))
}

func failureOf(p wire.Payload) error {
	if f, ok := p.(*wire.Failure); ok {
		return f.Err()
	}
	return nil
}

// carried is a request as it arrives over a link: in memory of its own.
func carried(r *wire.Relay) *wire.Relay {
	out := *r
	out.Encapsulation, out.Sealed = bytes.Clone(r.Encapsulation), bytes.Clone(r.Sealed)
	return &out
}

// relay asks a house directly.
func (h *house) relay(t testing.TB, now time.Time, from key.NodePublic, r *wire.Relay) wire.Payload {
	t.Helper()
	p := newPort()
	h.exit.Relay(now, forward.From{Node: from}, 1, carried(r), p)
	return p.take(t, 1)
}

// opened is the frame in a sealed answer.
func opened(t testing.TB, s *channel.Sender, p wire.Payload) wire.Frame {
	t.Helper()
	sealed, ok := p.(*wire.Forwarded)
	if !ok {
		t.Fatalf("no sealed answer: %v", failureOf(p))
	}
	f, err := s.Answer(sealed)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// failureIn is the error in a sealed answer.
func failureIn(t testing.TB, s *channel.Sender, p wire.Payload) error {
	t.Helper()
	f := opened(t, s, p)
	if f.Type != wire.TypeError {
		return nil
	}
	var failure wire.Failure
	if err := f.Decode(&failure); err != nil {
		t.Fatal(err)
	}
	return failure.Err()
}

var errNoRoad = errors.New("no road leads there")

// roads is Peers: what is sent to a gateway goes to a function.
type roads struct {
	mu   sync.Mutex
	to   map[key.NodePublic]func(r *wire.Relay, done func(wire.Payload, error))
	sent []*wire.Relay
	at   []link.Endpoint
}

func (r *roads) Send(to link.Endpoint, request wire.Payload, done func(wire.Payload, error)) {
	relay := request.(*wire.Relay)
	r.mu.Lock()
	r.sent, r.at = append(r.sent, relay), append(r.at, to)
	road := r.to[key.NodePublic(to.Node)]
	r.mu.Unlock()
	if road == nil {
		done(nil, errNoRoad)
		return
	}
	road(relay, done)
}

func (r *roads) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.sent)
}

// lead has what is sent to a house arrive there.
func (r *roads) lead(h *house, from key.NodePublic) {
	r.to[h.place.Node] = func(relay *wire.Relay, done func(wire.Payload, error)) {
		h.exit.Relay(start(), forward.From{Node: from}, 1, carried(relay), portFunc(func(_ uint64, p wire.Payload) { done(p, nil) }))
	}
}

type portFunc func(uint64, wire.Payload)

func (f portFunc) Answer(id uint64, p wire.Payload) { f(id, p) }

// entry is a gateway that clients ask.
type entry struct {
	*forward.Entry
	node  key.NodePublic
	roads *roads
}

func newEntry(t testing.TB, change func(*forward.EntryConfig)) *entry {
	t.Helper()
	e := &entry{node: key.NewPrivate[key.Node]().Public(), roads: &roads{to: map[key.NodePublic]func(*wire.Relay, func(wire.Payload, error)){}}}
	cfg := forward.EntryConfig{Node: e.node, Scope: address.Public, Peers: e.roads}
	if change != nil {
		change(&cfg)
	}
	e.Entry = forward.NewEntry(cfg)
	return e
}

// to makes a client's request of a sealed one.
func (h *house) to(r *wire.Relay) *wire.Forward {
	return &wire.Forward{Target: h.place.Node, Host: "8.8.8.8", Port: 443, Relay: *r}
}
