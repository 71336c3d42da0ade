package overlay_test

import (
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"zeroms/gateway/overlay"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// cache is what a gateway keeps of whom it met, from one run to the next.
type cache struct {
	mu       sync.Mutex
	contacts []wire.Contact // guarded by mu
	writes   int            // guarded by mu
}

// by makes the next gateways begin with it, and with nobody else.
func (c *cache) by(cfg *overlay.Config) {
	cfg.Save = func(contacts []wire.Contact) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.contacts = slices.Clone(contacts)
		c.writes++
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	cfg.Cached = slices.Clone(c.contacts)
}

// has checks whom it names.
func (c *cache) has(t *testing.T, when string, nodes ...*node) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	names := func(n *node) bool {
		return slices.ContainsFunc(c.contacts, func(k wire.Contact) bool { return k.Node == n.key.Public() })
	}
	for _, n := range nodes {
		if !names(n) {
			t.Errorf("%s %s is not kept", when, n.host)
		}
	}
	if len(c.contacts) != len(nodes) {
		t.Errorf("%s %d gateways are kept, want %d", when, len(c.contacts), len(nodes))
	}
}

// end stops a gateway and waits for its end.
func (n *node) end() {
	n.stop()
	n.ends.Wait()
}

// TestKept: whom a gateway met is kept within seconds and at the end, also who did not
// answer last and who is long gone; what is no news is not written.
func TestKept(t *testing.T) {
	in(t, func(w *world) {
		var kept cache
		one, three := w.gateway("20.1.0.1"), w.gateway("20.3.0.1")
		w.with = kept.by
		two := w.gateway("20.2.0.1")
		pass(20 * time.Second)
		kept.has(t, "20 s after the start", one, three)
		w.close(three.host, both)
		three.end()
		pass(10 * time.Minute)
		if s := two.state(); s.DHT.Table != 1 {
			t.Fatalf("it knows %d", s.DHT.Table)
		}
		before := kept.writes
		pass(3 * time.Hour)
		if kept.writes != before {
			t.Errorf("%d times the same was written", kept.writes-before)
		}
		w.close(one.host, both)
		one.end()
		pass(4 * time.Second)
		two.end()
		kept.has(t, "at the end", one, three)
		w.with, w.seed.Node = kept.by, nil // and nobody is named to it
		lonely := w.gateway("20.2.0.1")
		pass(20 * time.Minute)
		lonely.end()
		kept.has(t, "after a run without others", one, three)
	})
}

// TestKeptAtTheEnd: a gateway that ends while requests are on their way keeps whom it
// met, however soon it ends.
func TestKeptAtTheEnd(t *testing.T) {
	in(t, func(w *world) {
		one := w.gateway("20.1.0.1")
		for i := range 20 {
			var kept cache
			w.with = kept.by
			two := w.gateway("20.2.0.1")
			for two.state().DHT.Table == 0 {
				pass(time.Duration(i+1) * time.Millisecond)
			}
			two.end()
			kept.has(t, "at the end", one)
		}
	})
}

// TestOutage: gateways that reached nobody for hours, and to which nobody is named, find
// each other once their lines are up.
func TestOutage(t *testing.T) {
	in(t, func(w *world) {
		hosts := strings.Fields("20.1.0.1 20.2.0.1 20.3.0.1")
		var all []*node
		for _, host := range hosts {
			all = append(all, w.gateway(host))
			w.seed.Node = nil
			w.with = func(c *overlay.Config) { c.Cached = []wire.Contact{all[0].Contact()} }
			pass(30 * time.Second)
		}
		for _, host := range hosts {
			w.close(host, both)
		}
		pass(3 * time.Hour)
		for _, n := range all {
			if s := n.state(); !s.DHT.Cut {
				t.Fatalf("%s knows %d, %d of them silent", n.host, s.DHT.Table, s.DHT.Stale)
			}
		}
		for _, host := range hosts {
			w.close(host, 0)
		}
		// While nobody at all is reached attempts at an address are at most a minute apart, those
		// to enter the network two and a half. Nobody serves any more: each is asked by another
		// one, and then connected to by it.
		pass(5 * time.Minute)
		for _, n := range all {
			if s := n.state(); s.DHT.Table-s.DHT.Stale != 2 {
				t.Errorf("%s knows %d, %d of them silent", n.host, s.DHT.Table, s.DHT.Stale)
			}
		}
	})
}

// TestDeadCache: of those that a gateway begins with all but the last one are gone.
func TestDeadCache(t *testing.T) {
	in(t, func(w *world) {
		one := w.gateway("20.1.0.1")
		pass(time.Minute)
		w.seed.Node = nil
		w.with = func(c *overlay.Config) {
			for i := range 40 {
				gone := wire.Contact{Node: key.NewPrivate[key.Node]().Public(), X: 1, Transports: both}
				gone.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{30, byte(i), 0, 1}), 443)
				w.close(gone.Addr.Addr().String(), both)
				c.Cached = append(c.Cached, gone)
			}
			c.Cached = append(c.Cached, one.Contact())
		}
		two := w.gateway("20.2.0.1")
		pass(30 * time.Second)
		if s := two.state(); s.DHT.Table != 1 {
			t.Errorf("it knows %d after half a minute", s.DHT.Table)
		}
	})
}
