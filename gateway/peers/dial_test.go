package peers_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/gateway/peers"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

func contactAt(at string, transports uint8) wire.Contact {
	c := wire.Contact{Addr: netip.MustParseAddrPort(at), Transports: transports}
	rand.Read(c.Node[:])
	return c
}

// dials counts those of both transports.
func (w *world) dials() int { return w.quic.count() + w.wss.count() }

// TestScope: nothing is sent to an address inside of a local network because somebody
// in a public one says so, whichever way it is spelled; nor to the gateway itself.
func TestScope(t *testing.T) {
	in(t, nil, func(w *world) {
		for _, at := range []string{
			"127.0.0.1:443", "10.1.2.3:443", "192.168.1.1:443", "169.254.169.254:80", "172.16.0.1:1", "100.64.0.1:1",
			"0.0.0.0:443", "224.0.0.1:443", "255.255.255.255:443", "[::1]:443", "[fe80::1]:443", "[fd00::1]:443",
			"[::ffff:127.0.0.1]:443", "[::ffff:10.0.0.1]:443", "[64:ff9b::a00:1]:443", "[2002:a00:1::]:443", "[ff02::1]:443",
			w.self.Addr.String(), "[::ffff:9.9.9.9]:443",
		} {
			if _, err := w.pool.Ask(w.t.Context(), contactAt(at, both), &wire.Ping{}); !errors.Is(err, wire.ErrScope) {
				t.Errorf("contact %s: %v", at, err)
			}
			to := netip.MustParseAddrPort(at)
			node := key.NewPrivate[key.Node]().Public()
			e := link.Endpoint{Host: to.Addr().String(), Port: to.Port(), Node: node[:]}
			if _, err := w.pool.AskAt(w.t.Context(), e, &wire.Ping{}); !errors.Is(err, wire.ErrScope) {
				t.Errorf("endpoint %s: %v", at, err)
			}
		}
		own := w.node.Public()
		for _, e := range []link.Endpoint{
			{Host: "8.8.8.8", Port: 443, Node: own[:]}, {Host: "localhost", Port: 443, Node: make([]byte, 32)},
			{Host: "printer", Port: 443, Node: make([]byte, 32)}, {Host: "nas.local", Port: 443, Node: make([]byte, 16)},
			{Host: "0x7f.1", Port: 443, Node: make([]byte, 32)}, {Host: "127.1", Port: 443, Node: make([]byte, 32)},
			{Host: "fe80::1%eth0", Port: 443, Node: make([]byte, 32)},
		} {
			if _, err := w.pool.AskAt(w.t.Context(), e, &wire.Ping{}); err == nil || errors.Is(err, wire.ErrBusy) {
				t.Errorf("%s: %v", e.Host, err)
			}
		}
		for _, e := range []link.Endpoint{{Host: "8.8.8.8", Port: 443}, {Host: "8.8.8.8", Port: 443, Node: make([]byte, 31)}, {Node: make([]byte, 32)}} {
			if _, err := w.pool.AskAt(w.t.Context(), e, &wire.Ping{}); err == nil {
				t.Errorf("%+v was dialled", e)
			}
		}
		if w.dials() != 0 {
			t.Errorf("dialled: %v %v", w.quic.hosts(), w.wss.hosts())
		}
		for _, name := range w.dns.questions() {
			if !slices.Contains([]string{"0x7f.1.", "127.1."}, name) {
				t.Errorf("%s was looked up", name)
			}
		}
	})
}

// TestVictim: a gateway that is fed with thousands of addresses of one victim sends
// it a few handshakes a minute, whether they differ by key, port or address in its
// network, or come as names.
func TestVictim(t *testing.T) {
	for name, c := range map[string]struct {
		at          func(i int) string
		first, more int // handshakes in the first minute, and in each further one
	}{
		"keys":     {func(int) string { return "8.8.8.8:443" }, 6, 2},
		"ports":    {func(i int) string { return fmt.Sprintf("8.8.8.8:%d", 1+i) }, 6, 2},
		"network":  {func(i int) string { return fmt.Sprintf("8.8.8.%d:%d", i%256, 1+i/256) }, 24, 8},
		"provider": {func(i int) string { return fmt.Sprintf("8.8.%d.%d:443", i/256%256, i%256) }, 96, 32},
		"v6":       {func(i int) string { return fmt.Sprintf("[2600:1:2:%x::%x]:443", i%200, i) }, 6, 2},
		"v6 site":  {func(i int) string { return fmt.Sprintf("[2600:1:2:%x::1]:443", i%0xffff) }, 24, 8},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, nil, func(w *world) {
				w.quic.silent = func(link.Endpoint) bool { return true }
				w.wss.silent = w.quic.silent
				feed := func(from, n int) {
					for i := from; i < from+n; i++ {
						c := contactAt(c.at(i), both)
						w.pool.Send(link.Endpoint{Host: c.Addr.Addr().String(), Port: c.Addr.Port(), Node: c.Node[:]}, &wire.Ping{}, func(wire.Payload, error) {})
						go func() {
							ctx, cancel := context.WithTimeout(context.Background(), time.Second)
							defer cancel()
							w.pool.Ask(ctx, c, &wire.Ping{})
						}()
						if i%100 == 0 {
							pass(590 * time.Millisecond) // 10,000 in a minute
						}
					}
				}
				feed(0, 10_000)
				pass(10 * time.Second)
				if n := w.dials(); n > c.first+c.more/3 || n == 0 {
					t.Errorf("%d handshakes in the first minute", n)
				}
				w.quic.hosts()
				w.wss.hosts()
				feed(10_000, 10_000)
				if n := w.dials(); n > c.more+c.more/3+1 {
					t.Errorf("%d handshakes in the next minute", n)
				}
			})
		})
	}
}

// TestVictimByName: names of one victim's address lead to it no more often, and not
// many of them are looked up.
func TestVictimByName(t *testing.T) {
	in(t, nil, func(w *world) {
		w.wss.silent = func(link.Endpoint) bool { return true }
		for i := range 10_000 {
			host := fmt.Sprintf("n%d.example.org", i)
			w.dns.name(host, netip.MustParseAddr("8.8.8.8"), netip.MustParseAddr("8.8.8.9"))
			node := contactAt("8.8.8.8:1", 0).Node
			w.pool.Send(link.Endpoint{Host: host, Port: uint16(1 + i), Node: node[:]}, &wire.Ping{}, func(wire.Payload, error) {})
			if i%100 == 0 {
				pass(590 * time.Millisecond)
			}
		}
		if n := w.dials(); n > 12 || n == 0 {
			t.Errorf("%d handshakes in a minute", n)
		}
		if n := len(w.dns.questions()); n > 64+480 {
			t.Errorf("%d names were looked up in a minute", n)
		}
	})
}

// TestOthersDuringAttack: addresses of nobody that come in by thousands keep neither
// those waiting who are asked for by clients nor those that are known.
func TestOthersDuringAttack(t *testing.T) {
	in(t, nil, func(w *world) {
		known, fresh := w.gateway("5.5.5.5:443", both), w.gateway("6.6.6.6:443", wire.TransportWSS)
		if _, err := w.pool.AskAt(w.t.Context(), known.endpoint(), &wire.Ping{}); err != nil {
			t.Fatal(err)
		}
		good := []string{"5.5.5.5", "6.6.6.6"}
		w.wss.silent = func(e link.Endpoint) bool { return !slices.Contains(good, e.Host) }
		w.quic.silent = w.wss.silent
		for i := range 6000 {
			c := contactAt(fmt.Sprintf("%d.%d.8.8:443", 30+i%50, i%250), both)
			go func() {
				ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
				defer cancel()
				w.pool.Ask(ctx, c, &wire.Ping{})
			}()
			if i%200 == 0 {
				pass(time.Second)
			}
		}
		if s := w.pool.Stats(); s.Withheld < 1000 || s.Dialled < 512 || s.Links != 1 {
			t.Errorf("that was no attack: %+v", s)
		}
		begun := time.Now()
		if _, err := w.pool.AskAt(w.t.Context(), fresh.endpoint(), &wire.Ping{}); err != nil {
			t.Error("a client's:", err)
		}
		w.net.ResetAll()
		if err := w.ping(known); err != nil {
			t.Error("a known one:", err)
		}
		if took := time.Since(begun); took != 0 {
			t.Errorf("it took %v", took)
		}
	})
}

// TestPause: a gateway that does not answer is left alone for a while, for longer
// each time; one that was there before is tried soon; one that calls is there.
func TestPause(t *testing.T) {
	in(t, nil, func(w *world) {
		c := contactAt("8.8.8.8:443", wire.TransportWSS)
		tries := []int{}
		for range 12 {
			before := w.dials()
			for range 60 {
				if _, err := w.pool.Ask(w.t.Context(), c, &wire.Ping{}); !errors.Is(err, wire.ErrUnreachable) {
					t.Fatal(err)
				}
				pass(time.Second)
			}
			tries = append(tries, w.dials()-before)
		}
		if want := []int{2, 1, 1, 0, 0, 1, 0, 0, 0, 0, 1, 0}; !slices.Equal(tries, want) {
			t.Errorf("tries a minute: %v, want %v", tries, want)
		}

		g := w.gateway("5.5.5.5:443", wire.TransportWSS)
		if err := w.ping(g); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		g.stop()
		<-g.done
		if err := w.ping(g); !errors.Is(err, wire.ErrUnreachable) {
			t.Fatal(err)
		}
		g.start(w)
		if err := w.ping(g); !errors.Is(err, wire.ErrUnreachable) {
			t.Errorf("at once: %v", err)
		}
		pass(500 * time.Millisecond)
		if err := w.ping(g); err != nil {
			t.Errorf("half a second later: %v", err)
		}
	})
}

// TestCallerIsThere: a gateway that opens a link to us from its address is dialled
// again without a pause.
func TestCallerIsThere(t *testing.T) {
	in(t, nil, func(w *world) {
		g := w.gateway("8.8.8.8:443", wire.TransportWSS)
		g.stop()
		<-g.done
		if err := w.ping(g); !errors.Is(err, wire.ErrUnreachable) {
			t.Fatal(err)
		}
		g.start(w)
		if err := w.ping(g); err == nil {
			t.Fatal("no pause")
		}
		from, err := w.accept(g.contact, g.node.Public(), "8.8.8.8")
		if err != nil || from.Caller().Source != g.contact.Addr.Addr() {
			t.Fatal(err)
		}
		if err := w.ping(g); err != nil {
			t.Error(err)
		}
	})
}

// TestRace: QUIC comes first, and WebSocket joins in when it does not answer.
func TestRace(t *testing.T) {
	in(t, nil, func(w *world) {
		for i, c := range []struct {
			transports       uint8
			quic, wss        time.Duration
			after            time.Duration
			byQUIC           bool
			quicDials, dials int
		}{
			{both, 10 * time.Millisecond, 0, 10 * time.Millisecond, true, 1, 0},
			{both, 290 * time.Millisecond, 0, 290 * time.Millisecond, true, 1, 0},
			{both, 310 * time.Millisecond, 50 * time.Millisecond, 310 * time.Millisecond, true, 1, 1},
			{both, time.Hour, 50 * time.Millisecond, 350 * time.Millisecond, false, 1, 1},
			{wire.TransportWSS, 0, 50 * time.Millisecond, 50 * time.Millisecond, false, 0, 1},
			{wire.TransportQUIC, time.Second, 0, time.Second, true, 1, 0},
		} {
			w.quic.over, w.wss.over = slowDialer{w.net.Dialer("self"), c.quic}, slowDialer{w.net.Dialer("self"), c.wss}
			g := w.gateway(fmt.Sprintf("8.8.%d.8:443", i), c.transports)
			before := w.pool.Stats()
			begun := time.Now()
			if err := w.ping(g); err != nil {
				t.Fatal(i, err)
			}
			if took := time.Since(begun); took != c.after {
				t.Errorf("%d took %v", i, took)
			}
			if q, d := len(w.quic.hosts()), len(w.wss.hosts()); q != c.quicDials || d != c.dials {
				t.Errorf("%d: %d and %d dials", i, q, d)
			}
			if byQUIC := w.pool.Stats().QUIC > before.QUIC; byQUIC != c.byQUIC {
				t.Errorf("%d: the wrong one won", i)
			}
			synctest.Wait()
			if g.links.Load() != 1 {
				t.Errorf("%d: %d links", i, g.links.Load())
			}
		}
	})
}

// TestNoUDP: a gateway that does not answer over UDP is asked over TCP for an hour;
// where nobody does, nobody is asked over UDP for a while.
func TestNoUDP(t *testing.T) {
	in(t, nil, func(w *world) {
		w.quic.silent = func(link.Endpoint) bool { return true }
		var all []*gateway
		for i := range 6 {
			g := w.gateway(fmt.Sprintf("8.8.%d.8:443", i), both)
			all = append(all, g)
			if err := w.ping(g); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(w.quic.hosts()); n != 3 || !w.pool.Stats().UDPBlocked {
			t.Errorf("%d dials over QUIC, %+v", n, w.pool.Stats())
		}
		pass(10 * time.Minute)
		w.quic.silent = nil
		w.wss.hosts()
		for _, g := range all {
			if err := w.ping(g); err != nil {
				t.Fatal(err)
			}
		}
		if q, s := len(w.quic.hosts()), len(w.wss.hosts()); q != 3 || s != 3 || w.pool.Stats().UDPBlocked {
			t.Errorf("%d dials over QUIC, %d over WebSocket", q, s)
		}
		pass(time.Hour)
		for _, g := range all {
			if err := w.ping(g); err != nil {
				t.Fatal(err)
			}
		}
		if q := len(w.quic.hosts()); q != 6 {
			t.Errorf("%d dials over QUIC an hour later", q)
		}
	})
}

// TestOnlyQUIC: a gateway that speaks only what this one does not is not reached.
func TestOnlyQUIC(t *testing.T) {
	in(t, func(c *peers.Config) { c.QUIC = nil }, func(w *world) {
		g := w.gateway("8.8.8.8:443", wire.TransportQUIC)
		if err := w.ping(g); !errors.Is(err, wire.ErrUnreachable) || w.dials() != 0 {
			t.Errorf("%v, %d dials", err, w.dials())
		}
	})
}

// TestNames: a name is looked up once, absolutely, and what is dialled is an address
// that was looked at.
func TestNames(t *testing.T) {
	in(t, nil, func(w *world) {
		g := w.gateway("8.8.8.8:443", wire.TransportWSS)
		node := g.node.Public()
		e := link.Endpoint{Host: "gw.example.org", Port: 443, Node: node[:]}
		ip := netip.MustParseAddr
		w.dns.name("gw.example.org", ip("10.0.0.1"), ip("::ffff:8.8.8.8"), ip("127.0.0.1"))
		if _, err := w.pool.AskAt(w.t.Context(), e, &wire.Ping{}); err != nil {
			t.Fatal(err)
		}
		if got := w.wss.hosts(); !slices.Equal(got, []string{"8.8.8.8"}) {
			t.Errorf("dialled %v", got)
		}
		// The name moves to an address inside once it was looked at.
		w.dns.name("gw.example.org", ip("127.0.0.1"))
		w.net.ResetAll()
		pass(30 * time.Second)
		if _, err := w.pool.AskAt(w.t.Context(), e, &wire.Ping{}); err != nil || !slices.Equal(w.wss.hosts(), []string{"8.8.8.8"}) {
			t.Errorf("within the minute: %v", err)
		}
		w.net.ResetAll()
		pass(2 * time.Minute)
		if _, err := w.pool.AskAt(w.t.Context(), e, &wire.Ping{}); !errors.Is(err, wire.ErrScope) {
			t.Errorf("a name of an inner address: %v", err)
		}
		if len(w.wss.hosts()) != 0 || len(w.dns.questions()) != 2 {
			t.Errorf("looked up %v", w.dns.questions())
		}
		e.Host = "nowhere.example.org"
		if _, err := w.pool.AskAt(w.t.Context(), e, &wire.Ping{}); !errors.Is(err, wire.ErrUnreachable) {
			t.Error(err)
		}
	})
}

// TestSecondAddress: a name with two addresses, of which one does not answer.
func TestSecondAddress(t *testing.T) {
	in(t, nil, func(w *world) {
		g := w.gateway("8.8.8.8:443", wire.TransportWSS)
		node := g.node.Public()
		w.dns.name("gw.example.org", netip.MustParseAddr("2600::1"), netip.MustParseAddr("8.8.8.8"), netip.MustParseAddr("8.8.8.9"))
		w.wss.silent = func(e link.Endpoint) bool { return e.Host == "2600::1" }
		begun := time.Now()
		if _, err := w.pool.AskAt(w.t.Context(), link.Endpoint{Host: "gw.example.org", Port: 443, Node: node[:]}, &wire.Ping{}); err != nil {
			t.Fatal(err)
		}
		if took, hosts := time.Since(begun), w.wss.hosts(); took != 300*time.Millisecond || len(hosts) != 2 {
			t.Errorf("%v after %v", hosts, took)
		}
		if _, err := w.pool.Ask(w.t.Context(), g.contact, &wire.Ping{}); err != nil || w.dials() != 0 {
			t.Errorf("by contact: %v, %d dials", err, w.dials())
		}
	})
}

// TestManyNames: names are looked up at a bounded rate.
func TestManyNames(t *testing.T) {
	in(t, nil, func(w *world) {
		for i := range 1000 {
			e := link.Endpoint{Host: fmt.Sprintf("n%d.example.org", i), Port: 443, Node: make([]byte, 32)}
			w.pool.AskAt(w.t.Context(), e, &wire.Ping{})
		}
		if n := len(w.dns.questions()); n > 64 {
			t.Errorf("%d names were looked up at once", n)
		}
	})
}

// TestQUICByDescriptor: an endpoint does not say what a gateway speaks; its descriptor
// does.
func TestQUICByDescriptor(t *testing.T) {
	in(t, nil, func(w *world) {
		g := w.gateway("8.8.8.8:443", both)
		g.hello = func(h *wire.ServerHello) { h.Descriptor = g.descriptor(t, time.Now()) }
		if _, err := w.pool.AskAt(w.t.Context(), g.endpoint(), &wire.Ping{}); err != nil || len(w.wss.hosts()) != 1 {
			t.Fatal(err)
		}
		pass(2 * time.Minute)
		if _, err := w.pool.AskAt(w.t.Context(), g.endpoint(), &wire.Ping{}); err != nil || len(w.quic.hosts()) != 1 {
			t.Errorf("%v, %d dials over WebSocket", err, w.wss.count())
		}
	})
}

// TestLAN: in a local network an address counts by itself, on one computer a port does.
func TestLAN(t *testing.T) {
	for _, c := range []struct {
		scope address.Scope
		at    func(i int) string
		most  int
	}{
		{address.LAN, func(i int) string { return fmt.Sprintf("192.168.1.9:%d", 1+i) }, 16},
		{address.Loopback, func(i int) string { return fmt.Sprintf("127.0.0.1:%d", 1+i) }, 200},
	} {
		in(t, func(p *peers.Config) { p.Params.Scope = c.scope }, func(w *world) {
			for i := range 200 {
				w.pool.Ask(w.t.Context(), contactAt(c.at(i), wire.TransportWSS), &wire.Ping{})
			}
			if w.dials() != c.most {
				t.Errorf("%v: %d dials", c.scope, w.dials())
			}
		})
	}
}
