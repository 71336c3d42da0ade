package dht

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
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
			var target key.NodeID = random(r)
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
