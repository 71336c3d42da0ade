package desk

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"zeroms/client/home"
	"zeroms/cmd/zms/owner"
	"zeroms/protocol/address"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/link/lan"
	"zeroms/protocol/wire"
	"zeroms/ui/model"
)

// Bounds of what is found in a local network, where anybody can say anything.
const (
	probeWait = 5 * time.Second
	maxProbes = 64 // in one search
	atOnce    = 8
)

// nearby is model.Nearby.
type nearby struct{ p *owner.Profile }

// sighting is a gateway that somebody said to be there.
type sighting struct {
	network key.Network
	contact wire.Contact
}

// Find implements model.Nearby: it listens to what gateways of the local network, and
// of this computer, say of themselves, and connects to each of them to see whether it
// has the key that it says. Whether it takes people without an invitation is what it
// says under that key.
func (n nearby) Find(ctx context.Context, found func(model.Neighbour)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	network, chosen, err := n.network(ctx)
	if err != nil {
		return err
	}
	seen := make(chan sighting, maxProbes)
	searches, err := searchesOf(network, chosen, seen)
	if err != nil {
		return err
	}
	prober, err := newProber(n.p.Route.Proxy())
	if err != nil {
		return err
	}
	runFind(ctx, searches, prober, func() { prober.runAll(ctx, seen, found) })
	return nil
}

// runFind searches until ctx ends, and proves what is found.
func runFind(ctx context.Context, searches []*lan.Discovery, p *prober, prove func()) {
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { p.run(ctx) })
	for _, search := range searches {
		all.Go(func() { _ = search.Run(ctx) }) // it has no error
	}
	prove()
}

// network is where gateways are looked for: who has homes can have further ones in
// their network only, and everybody else chooses it with the first one.
func (n nearby) network(ctx context.Context) (network key.Network, chosen bool, err error) {
	gateways, err := n.p.Client.Gateways(ctx)
	if err != nil {
		return network, false, err
	}
	for _, g := range gateways {
		if a, err := card.ParseAddress(g.Address); err == nil {
			return a.Network, true, nil
		}
	}
	return network, false, nil
}

// searchesOf are the searches here and around: in one network, or in all of them if none
// is chosen.
func searchesOf(network key.Network, chosen bool, seen chan<- sighting) (all []*lan.Discovery, err error) {
	see := func(of key.Network, c wire.Contact) {
		select {
		case seen <- sighting{of, c}:
		default: // more than anybody has
		}
	}
	for _, scope := range []address.Scope{address.LAN, address.Loopback} {
		cfg := lan.Config{Scope: scope, Any: see}
		if chosen {
			cfg.Network, cfg.Any = network, nil
			cfg.Found = func(c wire.Contact) { see(network, c) }
		}
		search, err := lan.New(cfg)
		if err != nil {
			return nil, err
		}
		all = append(all, search)
	}
	return all, nil
}

// prober connects to gateways to see who they are.
type prober struct {
	pool *home.Pool
}

func newProber(proxy *link.Proxy) (*prober, error) {
	dialer, err := link.NewDialer(link.Config{Proxy: proxy})
	if err != nil {
		return nil, err
	}
	return &prober{home.New(home.Config{Dialer: dialer, Timing: home.Timing{}.Default(), Events: func(home.Event) {}})}, nil
}

func (p *prober) run(ctx context.Context) { _ = p.pool.Run(ctx) }

// runAll probes what is seen until ctx ends, and tells of each gateway that proved its
// key, once.
func (p *prober) runAll(ctx context.Context, seen <-chan sighting, found func(model.Neighbour)) {
	var probes sync.WaitGroup
	defer probes.Wait()
	var mu sync.Mutex
	known, tried := map[key.NodePublic]bool{}, 0
	places := make(chan struct{}, atOnce)
	for {
		var s sighting
		select {
		case <-ctx.Done():
			return
		case s = <-seen:
		}
		mu.Lock()
		skip := known[s.contact.Node] || tried >= maxProbes
		mu.Unlock()
		if skip {
			continue
		}
		tried++
		select {
		case <-ctx.Done():
			return
		case places <- struct{}{}:
		}
		probes.Go(func() {
			defer func() { <-places }()
			n, err := p.probe(ctx, s)
			if err != nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if !known[s.contact.Node] && ctx.Err() == nil {
				known[s.contact.Node] = true
				found(n)
			}
		})
	}
}

// errForeign: what was found is not where people in this network are.
var errForeign = errors.New("it is not an address of this network")

// probe has a gateway prove its key.
func (p *prober) probe(ctx context.Context, s sighting) (n model.Neighbour, err error) {
	ctx, cancel := context.WithTimeout(ctx, probeWait)
	defer cancel()
	at := s.contact.Addr
	if address.ScopeOf(at.Addr()) == 0 {
		return n, errForeign
	}
	n.Address = card.Address{Node: s.contact.Node, Host: hostOf(at.Addr()), Port: at.Port(), Network: s.network}
	if err := n.Address.Check(); err != nil {
		return n, err
	}
	said, err := p.pool.Probe(ctx, home.Target{
		Endpoint: link.Endpoint{Host: at.Addr().String(), Port: at.Port(), Node: s.contact.Node[:]}, Network: s.network,
	})
	if err != nil {
		return n, err
	}
	n.Took = said.Took
	n.Open = said.Descriptor != nil && said.Descriptor.Flags&(address.TakesAll|address.TakesWork) != 0
	return n, nil
}

// hostOf is an address as gateways' addresses write it.
func hostOf(ip netip.Addr) string {
	if ip.Is6() {
		return "[" + ip.String() + "]"
	}
	return ip.String()
}
