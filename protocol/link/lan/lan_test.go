package lan

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

var test = key.Network{'t', 'e', 's', 't'}

// gateway is number n, at an address.
func gateway(n byte, at string) wire.Contact {
	return wire.Contact{
		Node: key.PrivateFromSeed[key.Node]([32]byte{n}).Public(), X: uint64(n), Addr: netip.MustParseAddrPort(at), Transports: wire.TransportQUIC,
	}
}

// segment is a local network in memory: what one says, all hear, the speaker too.
type segment struct {
	mu      sync.Mutex
	hosts   []*host
	packets [][]byte
}

// host is a machine in a segment, or one family's socket of it.
type host struct {
	in    *segment
	ip    netip.Addr
	heard chan packet
	over  chan struct{}
	known bool
}

func (s *segment) host(ip string) *host {
	h := &host{in: s, ip: netip.MustParseAddr(ip), heard: make(chan packet, 100), over: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hosts = append(s.hosts, h)
	return h
}

func (s *segment) say(b []byte, source netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.packets = append(s.packets, bytes.Clone(b))
	for _, h := range s.hosts {
		select {
		case h.heard <- packet{bytes.Clone(b), source}:
		default:
		}
	}
}

// said is how many packets were sent so far.
func (s *segment) said() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.packets)
}

func (h *host) refresh() bool { known := h.known; h.known = true; return !known }
func (h *host) receive() ([]byte, netip.Addr, error) {
	select {
	case p := <-h.heard:
		return p.bytes, p.source, nil
	case <-h.over:
		return nil, netip.Addr{}, net.ErrClosed
	}
}
func (h *host) askAll(b []byte) { h.in.say(b, h.ip) }
func (h *host) tell(b []byte, own netip.Addr) bool {
	if own == h.ip {
		h.in.say(b, own)
	}
	return own == h.ip
}
func (h *host) close() { close(h.over) }

// finds collects what a Discovery finds.
type finds struct {
	mu  sync.Mutex
	all []wire.Contact
}

func (f *finds) add(c wire.Contact) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = append(f.all, c)
}

func (f *finds) list() []wire.Contact {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.all)
}

// runIn runs a Discovery at a host until the function it returns is called.
func runIn(t *testing.T, cfg Config, h *host) (stop func()) {
	t.Helper()
	d, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	d.open = []func() (network, error){func() (network, error) { return h, nil }}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// TestTheyFindEachOther: in a local network, within two seconds, those of one network and no others; and again later, not sooner.
func TestTheyFindEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seg := new(segment)
		a, b, foreign := gateway(1, "192.168.1.1:4433"), gateway(2, "192.168.1.2:4433"), gateway(3, "192.168.1.3:4433")
		var byA, byB, byForeign, byGuest finds
		for _, c := range []struct {
			self wire.Contact
			net  key.Network
			by   *finds
		}{{a, test, &byA}, {b, test, &byB}, {foreign, key.Network{'x'}, &byForeign}} {
			stop := runIn(t, Config{Network: c.net, Scope: address.LAN, Self: c.self, Announce: true, Found: c.by.add}, seg.host(c.self.Addr.Addr().String()))
			defer stop()
		}
		time.Sleep(2 * time.Second) // of the test's clock
		guest := runIn(t, Config{Network: test, Scope: address.LAN, Found: byGuest.add}, seg.host("192.168.1.9"))
		defer guest()
		time.Sleep(2 * time.Second)
		if !slices.Equal(byA.list(), []wire.Contact{b}) || !slices.Equal(byB.list(), []wire.Contact{a}) || len(byForeign.list()) != 0 {
			t.Errorf("a found %v, b %v, the foreign one %v", byA.list(), byB.list(), byForeign.list())
		}
		if got := byGuest.list(); len(got) != 2 || !slices.Contains(got, a) || !slices.Contains(got, b) {
			t.Errorf("who announces nothing found %v", got)
		}
		before := seg.said()
		time.Sleep(8 * time.Minute)
		if n := seg.said() - before; n > 60 {
			t.Errorf("%d packets in eight minutes", n)
		}
		if len(byA.list()) != 1 {
			t.Errorf("found again within ten minutes: %v", byA.list())
		}
		time.Sleep(3 * time.Hour)
		if got := byA.list(); len(got) < 2 || len(got) > 1+3*6+1 || got[1] != b {
			t.Errorf("in three hours found %d times", len(got))
		}
	})
}

// TestAnswersAtMostOnceASecond: however many ask, and from wherever they say they come.
func TestAnswersAtMostOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seg := new(segment)
		self := gateway(1, "192.168.1.1:4433")
		stop := runIn(t, Config{Network: test, Scope: address.LAN, Self: self, Announce: true}, seg.host("192.168.1.1"))
		time.Sleep(10 * time.Second)
		before := seg.said()
		if before != starting {
			t.Errorf("%d packets unasked", before)
		}
		ask := question(nil)
		for range 100 { // in ten seconds
			seg.say(ask, netip.MustParseAddr("8.8.8.8"))
			time.Sleep(100 * time.Millisecond)
		}
		if answers := seg.said() - before - 100; answers < 9 || answers > 11 {
			t.Errorf("%d answers in ten seconds", answers)
		}
		time.Sleep(time.Minute)
		before = seg.said()
		seg.say(question([]known{{self.Node, time.Hour}}), netip.MustParseAddr("192.168.1.7"))
		time.Sleep(time.Minute)
		if n := seg.said() - before - 1; n != 0 {
			t.Errorf("%d answers to who knows", n)
		}
		seg.say(question([]known{{self.Node, time.Minute}, {gateway(2, "10.0.0.1:1").Node, time.Hour}}), netip.MustParseAddr("192.168.1.7"))
		time.Sleep(time.Minute)
		if n := seg.said() - before - 2; n != 1 {
			t.Errorf("%d answers to who will forget soon", n)
		}
		stop()
		last := seg.packets[len(seg.packets)-1]
		if !bytes.Equal(last, announcement(test, self, true)) {
			t.Error("no goodbye")
		}
	})
}

// TestANetworkThatEnds is opened again.
func TestANetworkThatEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seg := new(segment)
		var got finds
		d, err := New(Config{Network: test, Scope: address.LAN, Found: got.add})
		if err != nil {
			t.Fatal(err)
		}
		opened := make(chan *host, 10)
		failing := true
		d.open = []func() (network, error){
			func() (network, error) {
				if failing = !failing; !failing {
					return nil, errors.New("not now")
				}
				h := seg.host("192.168.1.9")
				opened <- h
				return h, nil
			},
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- d.Run(ctx) }()
		first := <-opened
		synctest.Wait()
		first.over <- struct{}{} // its receive fails, as if the machine had taken it away
		(<-opened).in.say(announcement(test, gateway(1, "192.168.1.1:1"), false), netip.MustParseAddr("192.168.1.1"))
		time.Sleep(time.Second)
		if len(got.list()) != 1 {
			t.Errorf("found %v", got.list())
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestRealMulticast: two on this computer, over its sockets; over a segment in memory where it has no multicast.
func TestRealMulticast(t *testing.T) {
	a, b := gateway(1, "127.0.0.1:4433"), gateway(2, "127.0.0.1:4434")
	probe, err := openV4(address.Loopback)
	real := err == nil
	if real {
		probe.close()
	}
	t.Logf("real sockets: %t, %v", real, err)
	seg := new(segment)
	found := make(chan [2]wire.Contact, 100)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	for _, self := range []wire.Contact{a, b} {
		d, err := New(Config{Network: test, Scope: address.Loopback, Self: self, Announce: true, Found: func(c wire.Contact) { found <- [2]wire.Contact{self, c} }})
		if err != nil {
			t.Fatal(err)
		}
		if !real {
			d.open = []func() (network, error){func() (network, error) { return seg.host("127.0.0.1"), nil }}
		}
		all.Go(func() {
			if err := d.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	for by := map[wire.Contact]bool{}; len(by) < 2; {
		select {
		case f := <-found:
			if f != [2]wire.Contact{a, b} && f != [2]wire.Contact{b, a} {
				continue // another one on this computer
			}
			by[f[0]] = true
		case <-ctx.Done():
			t.Fatalf("after 20 s only %d found the other; real sockets: %t", len(by), real)
		}
	}
}

// TestHomeless: an address that is on none of the machine's networks is not announced, and that is said once.
func TestHomeless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		seg := new(segment)
		cfg := Config{Network: test, Scope: address.LAN, Self: gateway(1, "192.168.1.1:4433"), Announce: true, Log: slog.New(slog.NewTextHandler(&log, nil))}
		stop := runIn(t, cfg, seg.host("192.168.7.7"))
		time.Sleep(time.Minute)
		stop()
		if seg.said() != 0 || strings.Count(log.String(), "it is not announced") != 1 {
			t.Errorf("%d packets; %s", seg.said(), &log)
		}
	})
}

func TestWrongConfigs(t *testing.T) {
	found := func(wire.Contact) {}
	lan, local := gateway(1, "192.168.1.1:4433"), gateway(1, "127.0.0.1:4433")
	for what, c := range map[string]struct {
		cfg  Config
		want error
	}{
		"public":                       {Config{Scope: address.Public, Found: found}, wire.ErrScope},
		"no scope":                     {Config{Found: found}, wire.ErrScope},
		"nothing to do":                {Config{Scope: address.LAN}, wire.ErrValue},
		"one network and all":          {Config{Scope: address.LAN, Found: found, Any: func(key.Network, wire.Contact) {}}, wire.ErrValue},
		"no address":                   {Config{Scope: address.LAN, Announce: true}, wire.ErrValue},
		"a public address":             {Config{Scope: address.LAN, Announce: true, Self: gateway(1, "8.8.8.8:1")}, wire.ErrValue},
		"loopback in a local network":  {Config{Scope: address.LAN, Announce: true, Self: local}, wire.ErrValue},
		"a local network on loopback":  {Config{Scope: address.Loopback, Announce: true, Self: lan}, wire.ErrValue},
		"an address that needs a zone": {Config{Scope: address.LAN, Announce: true, Self: gateway(1, "[fe80::1]:1")}, wire.ErrValue},
	} {
		if _, err := New(c.cfg); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, cfg := range []Config{{Scope: address.LAN, Found: found}, {Scope: address.LAN, Announce: true, Self: lan}, {Scope: address.Loopback, Announce: true, Self: local}} {
		if _, err := New(cfg); err != nil {
			t.Error(err)
		}
	}
}

// TestAllNetworks: who has not chosen a network finds the gateways of all of them, each
// with its own, and asks like everybody else.
func TestAllNetworks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seg := new(segment)
		own := key.Network{'n', 'o', 'o', 'r'}
		want := []member{{test, gateway(1, "192.168.1.1:4433")}, {own, gateway(2, "192.168.1.2:4433")}}
		for _, m := range want {
			defer runIn(t, Config{Network: m.network, Scope: address.LAN, Self: m.contact, Announce: true}, seg.host(m.contact.Addr.Addr().String()))()
		}
		time.Sleep(10 * time.Second)
		before := seg.said()
		var mu sync.Mutex
		var got []member
		defer runIn(t, Config{Scope: address.LAN, Any: func(n key.Network, c wire.Contact) {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, member{n, c})
		}}, seg.host("192.168.1.9"))()
		time.Sleep(500 * time.Millisecond)
		mu.Lock()
		defer mu.Unlock()
		slices.SortFunc(got, func(a, b member) int { return int(a.contact.X) - int(b.contact.X) })
		if !slices.Equal(got, want) {
			t.Errorf("found %+v", got)
		}
		if asked := seg.packets[before]; !bytes.Equal(asked, question(nil)) {
			t.Errorf("the question is another one: %q", asked)
		}
	})
}

// TestNetworksOfOneGateway: it is handed on again if it says to be of another one, and
// texts that name none are not.
func TestNetworksOfOneGateway(t *testing.T) {
	s := newState(Config{Scope: address.LAN, Any: func(key.Network, wire.Contact) {}}, rand.New(rand.NewPCG(1, 2)))
	now, c := time.Unix(1_790_000_000, 0), gateway(1, "192.168.1.1:4433")
	for _, n := range []key.Network{test, {'x'}} {
		for i, want := range []int{1, 0} {
			if got := s.packet(now, announcement(n, c, false), c.Addr.Addr()); len(got) != want || want == 1 && got[0] != (member{n, c}) {
				t.Errorf("of %q, time %d: found %v", n[:], i, got)
			}
		}
	}
	good := text(test, c)
	if m, ok := parseText(good); !ok || m != (member{test, c}) {
		t.Errorf("%v is %+v", good, m)
	}
	for _, net := range []string{"", "net", "net=", "net=00000000", "net=7465737", "net=746573745", "net=7465737Z", "net=746573 4", "net=7A6D7331"} {
		if m, ok := parseText([]string{good[0], net, good[2]}); ok {
			t.Errorf("%q is the network %q", net, m.network[:])
		}
	}
}

// hearing is the state of somebody who looks for others.
func hearing(scope address.Scope) *state {
	return newState(Config{Network: test, Scope: scope, Self: gateway(200, "192.168.1.200:1"), Found: func(wire.Contact) {}}, rand.New(rand.NewPCG(1, 2)))
}

// TestWhatIsNotTaken: who speaks for another address, or of another scope, network or name, is not found.
func TestWhatIsNotTaken(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	good := gateway(1, "192.168.1.1:4433")
	at := good.Addr.Addr()
	if got := hearing(address.LAN).packet(now, announcement(test, good, false), at); !slices.Equal(got, []member{{test, good}}) {
		t.Fatalf("found %v", got)
	}
	named := announcement(test, good, false)
	other := bytes.ReplaceAll(named, []byte(label(good.Node)), []byte(label(gateway(2, "1.1.1.1:1").Node)))
	public, local := gateway(1, "8.8.8.8:4433"), gateway(1, "127.0.0.1:4433")
	for what, c := range map[string]struct {
		packet []byte
		source netip.Addr
	}{
		"from another address": {named, netip.MustParseAddr("192.168.1.2")}, "from nowhere": {named, netip.Addr{}},
		"of another network":    {announcement(key.Network{'x'}, good, false), at},
		"a goodbye":             {announcement(test, good, true), at},
		"under another name":    {other, at},
		"a public address":      {announcement(test, public, false), public.Addr.Addr()},
		"loopback":              {announcement(test, local, false), local.Addr.Addr()},
		"ourselves":             {announcement(test, gateway(200, "192.168.1.200:1"), false), netip.MustParseAddr("192.168.1.200")},
		"a question":            {question([]known{{good.Node, time.Hour}}), at},
		"nothing":               {nil, at},
		"an error":              {append([]byte{0, 0, 0x84, 3}, named[4:]...), at},
		"another kind of query": {append([]byte{0, 0, 0xa8, 0}, named[4:]...), at},
	} {
		if got := hearing(address.LAN).packet(now, c.packet, c.source); len(got) != 0 {
			t.Errorf("%s: found %v", what, got)
		}
	}
	if got := hearing(address.Loopback).packet(now, announcement(test, local, false), netip.MustParseAddr("127.0.0.2")); len(got) != 1 {
		t.Errorf("on this computer found %v", got)
	}
}

// TestFloods: packets, gateways of one address, those handed on and those remembered are bounded.
func TestFloods(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	s := hearing(address.LAN)
	found := 0
	for i := range 1000 {
		c := gateway(byte(i%150), "192.168.1.1:4433")
		found += len(s.packet(now, announcement(test, c, false), c.Addr.Addr()))
	}
	if found != perAddress {
		t.Errorf("%d gateways of one address", found)
	}
	s = hearing(address.LAN)
	found = 0
	for i := range 10_000 {
		now = now.Add(10 * time.Millisecond)
		c := gateway(byte(i%150), "10.0.0.0:4433")
		c.Node[31] ^= byte(i >> 8) // names follow the key
		c.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 1)
		found += len(s.packet(now, announcement(test, c, false), c.Addr.Addr()))
	}
	if found > foundAtOnce+101 || found < 100 {
		t.Errorf("%d gateways in 100 s", found)
	}
	if len(s.found) > maxFound {
		t.Errorf("%d remembered", len(s.found))
	}
	for i := range 1000 { // slowly
		now = now.Add(2 * time.Second)
		c := gateway(1, "10.0.0.0:4433")
		c.Node[0], c.Node[1] = byte(i), byte(i>>8)
		c.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 1)
		if got := s.packet(now, announcement(test, c, false), c.Addr.Addr()); len(got) != 1 {
			t.Fatalf("slowly, number %d is not found", i)
		}
	}
	if len(s.found) != maxFound || len(s.known(now)) != maxFound {
		t.Errorf("%d remembered, %d known", len(s.found), len(s.known(now)))
	}
	if q := question(s.known(now)); len(q) > 600 {
		t.Errorf("a question of %d bytes", len(q))
	}
}

// TestNames: they keep to the rules for names of services and hosts.
func TestNames(t *testing.T) {
	name := strings.TrimPrefix(strings.TrimSuffix(Service, "._udp"), "_")
	if len(name) > 15 || name != strings.ToLower(name) || strings.Contains(name, "--") || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz") != "" {
		t.Errorf("%q is no name of a service (RFC 6335 section 5.1)", name)
	}
	c := gateway(1, "192.168.1.1:4433")
	if l := label(c.Node); len(l) != 20 || len(l) > 63 {
		t.Errorf("the label %q", l)
	}
	for _, s := range text(test, c) {
		if len(s) > 255 {
			t.Errorf("a text of %d bytes", len(s))
		}
	}
	for _, c := range []wire.Contact{c, gateway(1, "[fd00::1]:4433")} {
		if b := announcement(test, c, false); len(b) > 512 {
			t.Errorf("an announcement of %d bytes", len(b))
		}
	}
}

func FuzzListen(f *testing.F) {
	me := gateway(1, "192.168.1.1:4433")
	f.Add(announcement(test, me, false))
	f.Add(announcement(test, gateway(2, "[fd00::1]:1"), false))
	f.Add(question(nil))
	f.Add(question([]known{{me.Node, time.Hour}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		heard := listen(b, &me)
		if len(heard.members) > maxRecords || heard.asks && len(heard.members) > 0 {
			t.Errorf("%+v", heard)
		}
		for _, m := range heard.members {
			again := listen(announcement(m.network, m.contact, false), nil)
			if !slices.Equal(again.members, []member{m}) {
				t.Errorf("%+v is announced as %+v", m, again.members)
			}
		}
	})
}

// TestDocument: the names, texts and bounds in the document are the code's.
func TestDocument(t *testing.T) {
	b, err := os.ReadFile("../../../docs/protocol/link.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "\n## Gateways of a local network\n")
	section, _, _ := strings.Cut(rest, "\n## ")
	c := wire.Contact{Node: key.PrivateFromSeed[key.Node]([32]byte(bytes.Repeat([]byte{1}, 32))).Public(), X: 7, Addr: netip.MustParseAddrPort("192.168.1.20:4433"), Transports: wire.TransportQUIC | wire.TransportWSS}
	zms1 := key.Network{'z', 'm', 's', '1'}
	lines := []string{
		service + "  PTR  " + instanceOf(c.Node), instanceOf(c.Node) + "  SRV  0 0 4433 " + hostOf(c.Node), hostOf(c.Node) + "  A  192.168.1.20",
		`"` + strings.Join(text(zms1, c), `" "`) + `"`,
		fmt.Sprintf("| packets read | %d at once, %d a second |", packetsAtOnce, packetsASecond),
		fmt.Sprintf("| gateways handed on | %d at once, 1 a second; the same one after %d minutes |", foundAtOnce, foundAgainAfter/time.Minute),
		fmt.Sprintf("| gateways remembered | %d; of one address %d, on loopback %d |", maxFound, perAddress, perLoopback),
		fmt.Sprintf("| records of a packet that are looked at | %d |", maxRecords), fmt.Sprintf("| interfaces | %d |", maxInterfaces),
		fmt.Sprintf("| time to live | %d s for SRV, A and AAAA, %d s for PTR and TXT |", hostTTL, otherTTL),
	}
	for _, line := range lines {
		if !strings.Contains(section, line) {
			t.Errorf("the document lacks %s", line)
		}
	}
}
