package quiclink

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"testing"
)

func from(t *testing.T, ip string) net.Addr {
	t.Helper()
	return net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(ip), 9))
}

// comes asks for a place and returns what gives it back; nil if it was refused.
func comes(t *testing.T, e *entrance, ip string, proved bool) (leave func(), g *guest) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ctx, err := e.admit(ctx, from(t, ip), proved)
	if err != nil {
		cancel()
		return nil, nil
	}
	g = ctx.Value(guestKey{}).(*guest)
	return func() { cancel(); g.leave() }, g
}

func TestASourceHasSoManyStartingConnections(t *testing.T) {
	e := newEntrance(0, 3)
	var leave func()
	var first *guest
	for i := range 3 {
		done, g := comes(t, e, "192.0.2.1", true)
		if done == nil {
			t.Fatalf("number %d was refused", i)
		}
		if i == 0 {
			first = g
		}
		leave = done
	}
	if done, _ := comes(t, e, "192.0.2.1", true); done != nil {
		t.Fatal("a fourth was taken")
	}
	if done, _ := comes(t, e, "::ffff:192.0.2.1", true); done != nil {
		t.Fatal("a fourth was taken, spelled as IPv6")
	}
	if done, _ := comes(t, e, "192.0.2.2", true); done == nil {
		t.Fatal("another source was refused")
	}
	leave()
	if done, _ := comes(t, e, "192.0.2.1", true); done == nil {
		t.Fatal("the place did not become free")
	}
	first.becomesLink()
	if done, _ := comes(t, e, "192.0.2.1", true); done == nil {
		t.Fatal("a link still counts as starting")
	}
}

func TestANetworkHasFourTimesAsMany(t *testing.T) {
	e := newEntrance(0, 3)
	taken := 0
	for i := range 20 {
		if done, _ := comes(t, e, fmt.Sprintf("192.0.2.%d", i+1), true); done != nil {
			taken++
		}
	}
	if taken != 12 {
		t.Errorf("%d of one network were taken", taken)
	}
	if done, _ := comes(t, e, "198.51.100.1", true); done == nil {
		t.Error("another network was refused")
	}
}

// Anybody can write anybody's address on a datagram.
func TestAddressesThatNobodyProvedCountForNoSource(t *testing.T) {
	e := newEntrance(0, 3)
	var all []func()
	for !e.crowded(nil) {
		done, _ := comes(t, e, "192.0.2.1", false)
		if done == nil {
			t.Fatal("refused")
		}
		all = append(all, done)
	}
	if len(all) != maxUnproved {
		t.Errorf("crowded after %d", len(all))
	}
	for range 3 {
		if done, _ := comes(t, e, "192.0.2.1", true); done == nil {
			t.Fatal("whoever proved the address was refused")
		}
	}
	all[0]()
	if e.crowded(nil) {
		t.Error("it is crowded still")
	}
}

// Whoever has very many sources leaves some places to others.
func TestPlacesBecomeScarceBeforeTheyEnd(t *testing.T) {
	e := newEntrance(0, 16)
	var all []func()
	for i := range 1000 {
		for range 16 {
			if done, _ := comes(t, e, fmt.Sprintf("198.%d.%d.1", i/250, i%250), true); done != nil {
				all = append(all, done)
			}
		}
		if i == 16 {
			if done, _ := comes(t, e, "203.0.113.7", true); done == nil {
				t.Error("17 sources took everything")
			} else {
				done()
			}
		}
	}
	if len(all) != maxStarting {
		t.Errorf("%d are starting", len(all))
	}
	for _, done := range all {
		done()
	}
	if e.open != 0 || e.proved != 0 || len(e.sources)+len(e.networks) != 0 {
		t.Errorf("what stays: %d open, %d starting, %d sources, %d networks", e.open, e.proved, len(e.sources), len(e.networks))
	}
}

func TestLinksCountForTheBoundOfAll(t *testing.T) {
	e := newEntrance(2, 0)
	_, g := comes(t, e, "127.0.0.1", false)
	g.becomesLink()
	leave, _ := comes(t, e, "127.0.0.1", true)
	if done, _ := comes(t, e, "127.0.0.1", true); done != nil {
		t.Fatal("a third was taken")
	}
	leave()
	leave() // once is enough
	if e.open != 1 {
		t.Errorf("%d are open", e.open)
	}
}
