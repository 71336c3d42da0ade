package dht

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/gateway/dht/contact"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// wires joins Services in one process: a request is a call.
type wires struct {
	services map[netip.AddrPort]*Service // not changed while they run
}

// wireEnd is the transport of one of them.
type wireEnd struct {
	*wires
	self wire.Contact
}

func (e wireEnd) Ask(ctx context.Context, to wire.Contact, request wire.Payload) (wire.Payload, error) {
	s := e.services[to.Addr]
	switch {
	case s == nil:
		return nil, wire.ErrUnreachable
	case s.Self().Node != to.Node:
		return nil, wire.ErrWrongNode
	}
	if _, ok := request.(*wire.Reach); ok {
		return &wire.OK{}, nil
	}
	return s.Serve(ctx, Caller{e.self, e.self.Addr.Addr()}, request), nil
}

// services are gateways in one process that know each other. stop ends them.
func services(t testing.TB, count int) (all []*Service, w *world, stop func()) {
	w = newWorld(t, 11)
	w.now = time.Now()
	w.params.Scope = address.Loopback
	w.book = contact.NewBook(w.params, 1<<12)
	w.timing = Timing{}.Default()
	w.timing.Reach = 0
	w.limits.PeerRate, w.limits.SourceRate = 0, 0
	for i := range count {
		w.addAt(w.contact(netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(1000+i))))
	}
	for _, h := range w.hosts {
		for _, i := range w.rand.Perm(count) {
			h.meet(w.hosts[i])
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	net := &wires{make(map[netip.AddrPort]*Service)}
	var running sync.WaitGroup
	for _, h := range w.hosts {
		s := NewService(h.node, wireEnd{net, h.self}, nil)
		net.services[h.self.Addr] = s
		all = append(all, s)
	}
	for _, s := range all {
		running.Add(1)
		go func() {
			defer running.Done()
			if err := s.Run(ctx); err != nil {
				t.Error(err)
			}
		}()
	}
	return all, w, func() { cancel(); running.Wait() }
}

// TestService: many goroutines store, look up and ask at once; afterwards nothing
// runs any more, and what was known can still be saved.
func TestService(t *testing.T) {
	all, w, stop := services(t, 20)
	ctx := t.Context()
	names := make([][32]byte, 40)
	for i := range names {
		names[i] = w.name()
	}
	day := address.Day(time.Now())
	var users sync.WaitGroup
	for i, name := range names {
		users.Add(1)
		go func() {
			defer users.Done()
			stored, err := all[i%20].Put(ctx, item(plain(name, day, 1)))
			if err != nil || stored.Holders[0] < 12 {
				t.Errorf("%+v %v", stored, err)
				return
			}
			got, err := all[(i+7)%20].Get(ctx, Get{Name: name, Day: day})
			if err != nil || got.Item.Name != name {
				t.Errorf("%+v %v", got, err)
			}
			found, err := all[(i+3)%20].Find(ctx, place(name, day))
			if err != nil || len(found.Peers) != 19 {
				t.Errorf("%d found, %v", len(found.Peers), err)
			}
		}()
	}
	users.Wait()
	s := all[3]
	if _, err := s.Get(ctx, Get{Name: w.name(), Day: day}); !errors.Is(err, wire.ErrNoRecord) {
		t.Errorf("a record that nobody stored: %v", err)
	}
	stats, err := s.Stats(ctx)
	if err != nil || stats.Table != 19 || stats.Lookups != 0 || !stats.Serving || !s.Serving() {
		t.Errorf("%+v %v", stats, err)
	}
	if near, err := s.Nearest(ctx, place(names[0], day), 5); err != nil || len(near) != 5 {
		t.Errorf("%d nearest, %v", len(near), err)
	}
	if some, err := s.Sample(ctx, 4); err != nil || len(some) != 4 {
		t.Errorf("a sample of %d, %v", len(some), err)
	}
	if err := s.SetAddr(ctx, netip.AddrPort{}, 0); err != nil {
		t.Error(err)
	}
	<-s.Changes() // of the start
	for s.Serving() {
		<-s.Changes()
	}
	if s.Self().Addr.IsValid() {
		t.Error("Self has an address that was taken back")
	}
	if err := s.Join(ctx, []wire.Contact{all[0].Self()}); err != nil {
		t.Error(err)
	}
	stop()
	if _, err := s.Find(ctx, key.NodeID{}); !errors.Is(err, wire.ErrDraining) {
		t.Errorf("after Run: %v", err)
	}
	if code := failure(s.Serve(ctx, Caller{}, &wire.Ping{})); code != wire.CodeDraining {
		t.Errorf("a request after Run: %v", code)
	}
	if saved, err := s.Contacts(ctx); err != nil || len(saved) != 19 {
		t.Errorf("%d contacts to save, %v", len(saved), err)
	}
}

// stuck is a transport that answers nothing until the request's time is over.
type stuck struct {
	mu        sync.Mutex
	now, most int
}

func (s *stuck) Ask(ctx context.Context, _ wire.Contact, _ wire.Payload) (wire.Payload, error) {
	s.mu.Lock()
	s.now++
	s.most = max(s.most, s.now)
	s.mu.Unlock()
	<-ctx.Done()
	s.mu.Lock()
	s.now--
	s.mu.Unlock()
	return nil, ctx.Err()
}

// slow is a transport whose requests end when it says so, whatever their context does.
type slow struct{ ended chan struct{} }

func (s slow) Ask(context.Context, wire.Contact, wire.Payload) (wire.Payload, error) {
	<-s.ended
	return nil, context.Canceled
}

// TestServiceEnds: who asks for the contacts while the service ends gets them all the
// same: they are kept then.
func TestServiceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 13)
		w.now = time.Now()
		for range 5 {
			w.add()
		}
		w.acquaint()
		transport := slow{make(chan struct{})}
		s := NewService(w.hosts[0].node, transport, nil)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Run(ctx) }()
		go s.Find(ctx, key.NodeID{1})
		synctest.Wait()
		stop()
		synctest.Wait() // it takes no calls any more, and its requests have not ended
		lists := make(chan int)
		for _, of := range []func(context.Context) ([]wire.Contact, error){s.Contacts, s.Met} {
			go func() {
				list, err := of(t.Context())
				if err != nil {
					t.Error(err)
				}
				lists <- len(list)
			}()
		}
		synctest.Wait()
		close(transport.ended)
		for range 2 {
			if n := <-lists; n != 4 {
				t.Errorf("%d contacts, want 4", n)
			}
		}
		<-ended
	})
}

// TestServiceBounds: not more requests than allowed are on their way at once, and
// each search ends though nobody answers; what waited for its turn until nobody wants
// the answer any more is not sent.
func TestServiceBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 12)
		w.now = time.Now()
		w.limits.Asks = 10
		for range 60 {
			w.add()
		}
		w.acquaint()
		transport := &stuck{}
		s := NewService(w.hosts[0].node, transport, nil)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Run(ctx) }()
		var users sync.WaitGroup
		for range 20 {
			users.Add(1)
			go func() {
				defer users.Done()
				if _, err := s.Get(t.Context(), Get{Name: [32]byte{1}, Day: address.Day(time.Now())}); !errors.Is(err, wire.ErrNoRecord) {
					t.Error(err)
				}
			}()
		}
		users.Wait()
		<-time.After(s.node.config.Timing.Request + time.Second)
		transport.mu.Lock()
		if transport.now > 2 { // of checks
			t.Errorf("%d requests are on their way that nobody waits for", transport.now)
		}
		transport.mu.Unlock()
		cancel()
		if err := <-ended; err != nil || transport.now != 0 {
			t.Errorf("Run ended with %v, %d requests still on their way", err, transport.now)
		}
		if transport.most != 10 {
			t.Errorf("%d requests were on their way at once, want 10", transport.most)
		}
	})
}

// TestServiceQueue: calls beyond what may wait are refused, and a caller who gives
// up does not wait.
func TestServiceQueue(t *testing.T) {
	w := grown(t, 13, 3)
	s := NewService(w.hosts[0].node, &stuck{}, nil) // and nobody runs it
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Stats(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for range callQueue {
		if err := s.Join(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Join(t.Context(), nil); !errors.Is(err, wire.ErrBusy) {
		t.Errorf("one more: %v", err)
	}
	if code := failure(s.Serve(t.Context(), Caller{}, &wire.Ping{})); code != wire.CodeBusy {
		t.Errorf("a request: %v", code)
	}
}

func BenchmarkFind100(b *testing.B) {
	all, _, stop := services(b, 100)
	defer stop()
	ctx := context.Background()
	messages, found := 0, 0
	var mu sync.Mutex
	b.ReportAllocs()
	b.ResetTimer()
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		r := rand.New(rand.NewPCG(rand.Uint64(), 3))
		for pb.Next() {
			var target key.NodeID = contact.Random(r)
			f, err := all[r.IntN(len(all))].Find(ctx, target)
			if err != nil {
				b.Error(err)
				return
			}
			mu.Lock()
			messages += f.Messages
			found += len(f.Peers)
			mu.Unlock()
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lookups/s")
	b.ReportMetric(float64(messages)/float64(b.N), "messages")
	b.ReportMetric(float64(found)/float64(b.N), "found")
}
