package dht_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"zeroms/gateway/dht"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// TestFoePuzzles: somebody at one address who names places that were never solved,
// all near ours, keeps an honest gateway from being asked.
func TestFoePuzzles(t *testing.T) {
	params := address.Parameters{Network: key.Network{'t', 'e', 's', 't'}, Scope: address.Public, PuzzleBits: 10}
	honest := map[key.NodeID]bool{}
	self := wire.Contact{Node: key.NewPrivate[key.Node]().Public(), X: 1, Addr: netip.MustParseAddrPort("11.0.0.1:443"), Transports: wire.TransportWSS}
	n, err := dht.New(dht.Config{Self: self, Params: params, Solved: func(id key.NodeID) bool { return honest[id] }})
	if err != nil {
		t.Fatal(err)
	}
	me := self.Place(params.Network)
	near := func(c *wire.Contact, bits int) { // as cheap as hashing
		for x := uint64(0); ; x++ {
			c.X = x
			if id := c.Place(params.Network); binary.BigEndian.Uint64(id[:])^binary.BigEndian.Uint64(me[:]) < 1<<(64-bits) {
				return
			}
		}
	}
	now := time.Unix(1_800_000_000, 0)
	pinged := map[key.NodePublic]time.Duration{}
	begun := map[key.NodePublic]time.Time{}
	serve := func(c wire.Contact) {
		n.Serve(now, dht.Caller{Contact: c, Source: c.Addr.Addr()}, &wire.Ping{})
	}
	turn := func() {
		asks, _ := n.Advance(now)
		asks = slices.Clone(asks)
		for _, a := range asks {
			if honest[a.To.Place(params.Network)] {
				if _, done := pinged[a.To.Node]; !done {
					pinged[a.To.Node] = now.Sub(begun[a.To.Node])
				}
				n.Answered(now, a.ID, &wire.Pong{}, nil)
			} else {
				n.Answered(now, a.ID, nil, wire.ErrUnreachable)
			}
		}
	}
	join := func(i int) {
		c := wire.Contact{Node: key.PrivateFromSeed[key.Node]([32]byte{byte(i), byte(i >> 8), 7}).Public(), X: 5, Addr: netip.MustParseAddrPort(fmt.Sprintf("12.%d.0.1:443", i)), Transports: wire.TransportWSS}
		honest[c.Place(params.Network)] = true
		begun[c.Node] = now
		serve(c)
	}
	run := func(attack bool, first int) (waited time.Duration, never int) {
		evil := 0
		for second := range 60 {
			if second%6 == 0 {
				join(first + second/6)
			}
			for range 20 { // 50 ms
				if attack { // forty links a second, each with a fresh key
					for range 2 {
						evil++
						c := foe(evil)
						near(&c, 9)
						serve(c)
					}
				}
				turn()
				now = now.Add(50 * time.Millisecond)
			}
		}
		for i := range 10 {
			node := key.PrivateFromSeed[key.Node]([32]byte{byte(first + i), byte((first + i) >> 8), 7}).Public()
			if d, ok := pinged[node]; ok {
				waited = max(waited, d)
			} else {
				never++
			}
		}
		return waited, never
	}
	if waited, never := run(false, 1); never > 0 || waited > time.Second {
		t.Errorf("without an attack %d of 10 gateways were never asked, others after %v", never, waited)
	}
	if waited, never := run(true, 30); never > 1 || waited > 30*time.Second {
		t.Errorf("under attack %d of 10 gateways were never asked, others after %v; %d puzzles were checked", never, waited, n.Stats(now).PuzzleChecks)
	}
}

// foe is one of the names of somebody at one address.
func foe(n int) wire.Contact {
	return wire.Contact{
		Node: key.PrivateFromSeed[key.Node]([32]byte{byte(n), byte(n >> 8), byte(n >> 16), 9}).Public(),
		Addr: netip.AddrPortFrom(netip.MustParseAddr("9.9.9.9"), uint16(1000+n%60000)), Transports: wire.TransportWSS,
	}
}
