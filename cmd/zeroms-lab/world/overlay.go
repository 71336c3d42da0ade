package world

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"zeroms/gateway"
	"zeroms/gateway/mailbox"
	"zeroms/gateway/overlay"
	"zeroms/protocol/address"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// overlay is a gateway's part in the network of the world's gateways: places are
// given away, addresses are public ones, and links are in memory.
func (g *Gateway) overlay() (*overlay.Overlay, error) {
	addr := netip.AddrPortFrom(netip.MustParseAddr(g.Host), 443)
	cfg := overlay.Config{
		Node: g.node, X: 1, Params: g.world.params(), Addr: addr, Transports: wire.TransportWSS,
		Limits: gateway.DefaultLimits(), Takes: address.TakesAll,
		Cached: g.known.get(), Save: g.known.set,
		WSS:  g.world.Net.Dialer(g.Host).As(g.node.Public()),
		Keys: &g.keys, Deposits: g.db, Log: g.world.cfg.Log.With("gateway", g.Host),
	}
	if g.world.cfg.Registration == mailbox.ByWork {
		cfg.Takes = address.TakesWork
	}
	for _, other := range g.world.seeds {
		if other != g {
			node := other.node.Public()
			cfg.Seeds = append(cfg.Seeds, link.Endpoint{Host: other.Host, Port: 443, Node: node[:]})
		}
	}
	return overlay.New(cfg, time.Now())
}

// params are those of a network of public addresses without puzzles.
func (w *World) params() address.Parameters {
	return address.Parameters{Network: w.network(), Scope: address.Public}
}

// keyFile is where a gateway keeps the keys of channels.
type keyFile struct {
	mu sync.Mutex
	b  []byte // guarded by mu
}

// Load implements forward.Keys.
func (k *keyFile) Load() ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.b, nil
}

// Save implements forward.Keys.
func (k *keyFile) Save(b []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.b = append([]byte(nil), b...)
	return nil
}

// knownFile is where a gateway keeps whom it knew.
type knownFile struct {
	mu sync.Mutex
	c  []wire.Contact // guarded by mu
}

func (k *knownFile) get() []wire.Contact {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.c
}

func (k *knownFile) set(c []wire.Contact) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.c = append([]wire.Contact(nil), c...)
	return nil
}

// Stats are the overlay's counts.
func (g *Gateway) Stats(ctx context.Context) (overlay.Stats, error) { return g.over.Stats(ctx) }

// Neighbours is how many other gateways a running gateway of the network knows.
func (g *Gateway) Neighbours(ctx context.Context) (int, error) {
	if g.over == nil {
		return 0, errors.New("world: the gateway stands alone")
	}
	s, err := g.over.Stats(ctx)
	return s.DHT.Table, err
}
