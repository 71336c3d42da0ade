package link

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
)

// fromAddr is a connection that only comes from somewhere.
type fromAddr struct {
	net.Conn
	addr netip.Addr
}

// RemoteAddr is where it comes from.
func (f fromAddr) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(f.addr, 9))
}

// Close does nothing: there is no connection.
func (f fromAddr) Close() error { return nil }

func from(addr string) net.Conn { return fromAddr{addr: netip.MustParseAddr(addr)} }

// follow adds a connection and says which one had to go, by its number in all.
func follow(t *testing.T, ta *tally, all *[]*countedConn, addr string) int {
	t.Helper()
	own, victim := ta.add(from(addr))
	if own == nil {
		t.Fatalf("no place for %s", addr)
	}
	*all = append(*all, own)
	for i, c := range *all {
		if c == victim {
			victim.Close()
			return i
		}
	}
	return -1
}

func TestWhoGivesWay(t *testing.T) {
	for name, test := range map[string]struct {
		max, each int
		from      []string
		goes      []int // for each; -1 is nobody
	}{
		"the oldest of a source": {0, 2,
			[]string{"192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.1"}, []int{-1, -1, -1, 0, 1}},
		"in a network the fullest source": {0, 2, []string{
			"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5", "192.0.2.6", "192.0.2.6", "192.0.2.7",
			"192.0.2.8", "192.0.2.9", "192.0.3.1"}, []int{-1, -1, -1, -1, -1, -1, -1, -1, 5, 0, -1}},
		"of all the fullest source of the fullest network": {6, 8, []string{
			"192.0.2.1", "192.0.2.1", "192.0.3.1", "192.0.3.1", "192.0.3.2", "192.0.4.1", "192.0.5.1", "192.0.6.1"},
			[]int{-1, -1, -1, -1, -1, -1, 2, 0}},
		"of equals the one that came first": {3, 8, []string{
			"192.0.2.1", "192.0.3.1", "2001:db8::1", "192.0.5.1", "2001:db8:1::1"}, []int{-1, -1, -1, 0, 1}},
		"those of no source are one": {4, 2, []string{
			"127.0.0.1", "10.0.0.1", "192.168.0.1", "192.0.2.1", "192.0.3.1", "10.0.0.1", "192.0.4.1"},
			[]int{-1, -1, -1, -1, 0, 1, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			ta := newTally(test.max, test.each)
			var all []*countedConn
			for i, addr := range test.from {
				if goes := follow(t, ta, &all, addr); goes != test.goes[i] {
					t.Errorf("%d, %s: %d goes and not %d", i, addr, goes, test.goes[i])
				}
			}
		})
	}
}

func TestLinksNeverGiveWay(t *testing.T) {
	ta := newTally(2, 1)
	var all []*countedConn
	for range 2 {
		follow(t, ta, &all, "192.0.2.1")
		ta.linked(all[len(all)-1])
	}
	if own, victim := ta.add(from("192.0.3.1")); own != nil || victim != nil {
		t.Error("there was a place beside two links")
	}
	ta.leaving(all[1]) // it waits for the goodbye only
	if goes := follow(t, ta, &all, "192.0.3.1"); goes != 1 {
		t.Errorf("%d goes and not the link that has ended", goes)
	}
	ta.leaving(all[1])
	ta.linked(all[1])
	if ta.open != 2 || ta.evicted != 0 {
		t.Errorf("%d open, %d evicted", ta.open, ta.evicted)
	}
	all[0].Close()
	all[0].Close()
	ta.leaving(all[0])
	if ta.open != 1 || ta.all.count != 1 {
		t.Errorf("%d open, %d starting", ta.open, ta.all.count)
	}
}

// What was closed to make room and is not yet released is bounded: newcomers wait.
func TestNewcomersWaitWhileVictimsAreServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const places = 80
		ta := newTally(places, 0)
		var victims []*countedConn
		added := 0
		stop := false
		go func() {
			for !stop {
				if _, victim := ta.add(from("192.0.2.1")); victim != nil {
					victims = append(victims, victim)
				}
				added++
			}
		}()
		synctest.Wait()
		const spare = evictedSpare + places/8 + 1
		if added != places+spare || len(victims) != spare {
			t.Errorf("%d were added, %d gave way", added, len(victims))
		}
		victims[0].Close()
		synctest.Wait()
		if added != places+spare+1 {
			t.Errorf("%d were added after one was released", added)
		}
		stop = true
		victims[1].Close()
		synctest.Wait()
	})
}

// TestTallyAgreesWithACount compares with plain counting, whatever happens.
func TestTallyAgreesWithACount(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const places, each = 60, 4
	ta := newTally(places, each)
	open := map[*countedConn]bool{} // true: it is starting
	pick := func() *countedConn {
		for c := range open {
			return c
		}
		return nil
	}
	for step := range 20_000 {
		switch c := pick(); random.IntN(6) {
		case 0:
			if c != nil {
				c.Close()
				delete(open, c)
			}
		case 1:
			if c != nil && len(open) < places/2 {
				ta.linked(c)
				open[c] = false
			}
		case 2:
			if c != nil {
				ta.leaving(c)
				open[c] = true
			}
		default:
			addr := netip.AddrFrom4([4]byte{192, 0, byte(random.IntN(8)), byte(random.IntN(10))})
			own, victim := ta.add(fromAddr{addr: addr})
			if victim != nil {
				if !open[victim] {
					t.Fatalf("step %d: a link gave way", step)
				}
				delete(open, victim)
				victim.Close()
			}
			open[own] = true
		}
		check(t, ta, open)
	}
	for c := range open {
		c.Close()
	}
	if ta.open+ta.evicted+ta.all.count+len(ta.sources)+len(ta.networks)+len(ta.all.parts) != 0 {
		t.Errorf("something is left: %d open, %d sources, %d networks", ta.open, len(ta.sources), len(ta.networks))
	}
}

func check(t *testing.T, ta *tally, open map[*countedConn]bool) {
	t.Helper()
	sources, networks, starting := map[netip.Prefix]int{}, map[netip.Prefix]int{}, 0
	for c, is := range open {
		if is {
			sources[c.source]++
			networks[NetworkOf(c.source)]++
			starting++
		}
	}
	if len(open) != ta.open || starting != ta.all.count || len(sources) != len(ta.sources) || len(networks) != len(ta.networks) {
		t.Fatalf("%d open, %d starting, counted %d, %d", len(open), starting, ta.open, ta.all.count)
	}
	most := 0
	for prefix, n := range networks {
		if ta.networks[prefix].count != n {
			t.Fatalf("network %v: %d, counted %d", prefix, n, ta.networks[prefix].count)
		}
		most = max(most, n)
	}
	for prefix, n := range sources {
		if s := ta.sources[prefix]; s.count != n || s.conns.Len() != n {
			t.Fatalf("source %v: %d, counted %d", prefix, n, s.count)
		}
	}
	if starting == 0 {
		return
	}
	first := ta.all.oldest()
	network := NetworkOf(first.source)
	if networks[network] != most {
		t.Fatalf("one of a network with %d goes, another has %d", networks[network], most)
	}
	for source, n := range sources {
		if NetworkOf(source) == network && n > sources[first.source] {
			t.Fatalf("one of a source with %d goes, another has %d", sources[first.source], n)
		}
	}
}
