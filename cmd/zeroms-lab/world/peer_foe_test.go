package world_test

import (
	"context"
	"crypto/rand"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/cmd/zeroms-lab/world"
	"zeroms/protocol/address"
	"zeroms/protocol/card"
	"zeroms/protocol/channel"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/link/memlink"
	"zeroms/protocol/wire"
)

var foeNet = key.Network{'t', 's', 't', '1'}

// peerFoe is a stranger with a fresh node key on a link of a gateway.
type peerFoe struct {
	t    *testing.T
	c    link.Conn
	d    *address.Descriptor
	next uint64
}

func newFoe(t *testing.T, w *world.World, g *world.Gateway, from string) *peerFoe {
	t.Helper()
	node := key.NewPrivate[key.Node]()
	at := g.Address()
	c, err := w.Net.Dialer(from).As(node.Public()).Dial(t.Context(), link.Endpoint{Host: g.Host, Port: 443, Node: at.Node[:]})
	if err != nil {
		t.Fatal(err)
	}
	self := wire.Contact{Node: node.Public(), X: 99}
	h := &wire.ClientHello{MinVersion: wire.Version, MaxVersion: wire.Version, Network: foeNet, Node: at.Node[:], Gateway: self.AppendTo(nil)}
	if err := c.Send(t.Context(), wire.AppendFrame(nil, 1, h)); err != nil {
		t.Fatal(err)
	}
	m, err := c.Recv(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f, _, err := wire.NextFrame(m)
	if err != nil {
		t.Fatal(err)
	}
	var sh wire.ServerHello
	if err := f.Decode(&sh); err != nil {
		t.Fatal(err, f.Type)
	}
	d, err := address.OpenDescriptor(sh.Descriptor, foeNet, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return &peerFoe{t: t, c: c, d: d, next: 1}
}

func (f *peerFoe) send(p wire.Payload) error {
	f.next++
	return f.c.Send(context.Background(), wire.AppendFrame(nil, f.next, p))
}

// drain calls each for every answer until the link ends.
func (f *peerFoe) drain(each func()) {
	for {
		m, err := f.c.Recv(context.Background())
		if err != nil {
			return
		}
		frames, err := wire.Frames(m)
		if err != nil {
			return
		}
		for range frames {
			each()
		}
	}
}

// TestFoePeerLookups: somebody with fresh node keys who has a gateway look records up
// through channels, as many as fit, neither keeps others from theirs nor makes much
// traffic.
func TestFoePeerLookups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{Overlay: true, Links: memlink.Config{Latency: 50 * time.Millisecond}})
		g := s.network(5)
		alice, bob := s.person("alice", g[0]), s.person("bob", g[1])
		time.Sleep(3 * time.Minute) // records are out
		_ = alice
		shown, err := bob.Client.Card(t.Context())
		s.must(err)
		k, err := card.Parse(shown.Bare)
		s.must(err)
		name, err := key.RecordName(k.User, k.Address, foeNet, address.Day(time.Now()))
		s.must(err)
		honest := newFoe(t, s.World, g[0], "11.50.0.1")
		t.Cleanup(func() { honest.c.Close() })
		look := func(when string) {
			for range 5 {
				began := time.Now()
				s.must(honest.send(&wire.RecordGet{Name: name, Day: address.Day(time.Now()), Fresh: true}))
				m, err := honest.c.Recv(t.Context())
				s.must(err)
				f, _, err := wire.NextFrame(m)
				s.must(err)
				var e wire.Failure
				if f.Type == wire.TypeError {
					s.must(f.Decode(&e))
				}
				if took := time.Since(began); f.Type != wire.TypeRecord || took > time.Second {
					t.Errorf("%s: look-up after %v: type %v code %v", when, took, f.Type, e.Code)
				}
			}
		}
		look("before")
		before, _ := g[0].Stats(t.Context())
		var sent atomic.Int64
		for range 14 {
			f := newFoe(t, s.World, g[0], "11.99.0.1")
			ch, err := channel.Open(key.Place{Network: foeNet, Node: f.d.Node}, &f.d.KEM, time.Now())
			s.must(err)
			tokens := make(chan struct{}, 60)
			for range 60 {
				tokens <- struct{}{}
			}
			go func() {
				defer close(tokens)
				f.drain(func() { tokens <- struct{}{} })
			}()
			go func() {
				for range tokens {
					q := &wire.RecordGet{Day: address.Day(time.Now())}
					rand.Read(q.Name[:])
					r, err := ch.Seal(q)
					if err != nil {
						ch, _ = channel.Open(key.Place{Network: foeNet, Node: f.d.Node}, &f.d.KEM, time.Now())
						r, err = ch.Seal(q)
					}
					if err != nil {
						t.Error(err)
						return
					}
					ch.Done(r.N)
					sent.Add(1)
					if f.send(r) != nil {
						return
					}
				}
			}()
			t.Cleanup(func() { f.c.Close() })
		}
		time.Sleep(time.Second)
		look("under attack")
		time.Sleep(time.Second)
		after, _ := g[0].Stats(t.Context())
		if asked := after.DHT.Asked - before.DHT.Asked; sent.Load() < 2_000 || asked > 2_000 {
			t.Errorf("for %d requests of a stranger the gateway asked others %d times", sent.Load(), asked)
		}
	})
}
