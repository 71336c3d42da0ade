package lan

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Config says who looks for whom.
type Config struct {
	Network key.Network
	// Scope is address.LAN or address.Loopback: where is looked and told, and which
	// addresses are taken.
	Scope address.Scope
	// Self is the gateway's own contact: it is not found, and announced if Announce
	// says so.
	Self     wire.Contact
	Announce bool
	// Found gets what is found, each gateway again after ten minutes at the earliest.
	// It is called by Run and must not wait. nil: nobody is looked for.
	Found func(wire.Contact)
	// Any is Found for the gateways of all networks, each with the one that it says to
	// be of; for who has not chosen a network yet. Questions name none in any case, so
	// nobody learns which ones are looked for. Not together with Found.
	Any func(key.Network, wire.Contact)
	// Log gets what is wrong with the machine's networks; nil: nothing.
	Log *slog.Logger
}

// Discovery announces a gateway and looks for others.
type Discovery struct {
	cfg  Config
	open []func() (network, error) // of each family of addresses
}

// rescan is how often new networks are looked for.
const rescan = time.Minute

// New checks the configuration and opens nothing. Errors: wire.ErrScope for public
// networks, which have no neighbours; wire.ErrValue for nothing to do, and for
// announcing an address that is not of the scope.
func New(cfg Config) (*Discovery, error) {
	if cfg.Scope != address.LAN && cfg.Scope != address.Loopback {
		return nil, wire.ErrScope.Because("gateways find each other by multicast in local networks only")
	}
	switch {
	case !cfg.Announce && cfg.Found == nil && cfg.Any == nil:
		return nil, wire.ErrValue.Because("nothing is announced and nobody looked for")
	case cfg.Found != nil && cfg.Any != nil:
		return nil, wire.ErrValue.Because("one network is looked for, or all of them")
	}
	if a := cfg.Self.Addr; cfg.Announce && (!a.IsValid() || a.Port() == 0 || address.ScopeOf(a.Addr()) != cfg.Scope) {
		return nil, wire.ErrValue.Because("the address to announce is not one of this scope")
	}
	cfg.Self.Addr = netip.AddrPortFrom(address.Canonical(cfg.Self.Addr.Addr()), cfg.Self.Addr.Port())
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Discovery{cfg: cfg, open: []func() (network, error){
		func() (network, error) { return openV4(cfg.Scope) }, func() (network, error) { return openV6(cfg.Scope) },
	}}, nil
}

// network is the multicast group of one family of addresses on the machine's
// interfaces.
type network interface {
	// refresh joins interfaces that are new and reports whether there was one.
	refresh() (joined bool)
	// receive waits for a packet that was sent to the group on one of them, from the
	// port of the group. The bytes are the caller's. An error ends the network.
	receive() (packet []byte, source netip.Addr, err error)
	// askAll sends to the group on all interfaces.
	askAll(packet []byte)
	// tell sends to the group from an own address; false: there is none such here.
	tell(packet []byte, own netip.Addr) bool
	// close ends receive.
	close()
}

// packet is one that came.
type packet struct {
	bytes  []byte
	source netip.Addr
}

// waiting is how many packets may wait for being read; further ones are dropped.
const waiting = 16

// Run announces and looks until ctx ends, then tells the others that the gateway
// is gone. Machines without a network are waited for. It returns nil.
func (d *Discovery) Run(ctx context.Context) error {
	r := &running{
		d: d, state: newState(d.cfg, rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))),
		networks: make([]network, len(d.open)), packets: make(chan packet, waiting), ended: make(chan int, len(d.open)),
	}
	defer r.end()
	again := time.NewTicker(rescan)
	defer again.Stop()
	due := time.NewTimer(0)
	defer due.Stop()
	r.runNetworks(time.Now())
	for {
		if at := r.state.next(); !at.IsZero() {
			due.Reset(time.Until(at))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-again.C:
			r.runNetworks(time.Now())
		case p := <-r.packets:
			for _, m := range r.state.packet(time.Now(), p.bytes, p.source) {
				d.tell(m)
			}
		case i := <-r.ended:
			r.networks[i].close()
			r.networks[i] = nil // and opened again with the next search for networks
		case <-due.C:
			r.send(time.Now())
		}
	}
}

// tell hands on what was found.
func (d *Discovery) tell(m member) {
	if d.cfg.Any != nil {
		d.cfg.Any(m.network, m.contact)
		return
	}
	d.cfg.Found(m.contact)
}

// running is a Discovery at work.
type running struct {
	d        *Discovery
	state    *state
	networks []network // as in open; nil: it is not to be had
	packets  chan packet
	ended    chan int // of networks
	readers  sync.WaitGroup
	homeless bool // it was said that the own address is nowhere
}

// runNetworks opens what is to be had and not open, and starts anew if something is new.
func (r *running) runNetworks(now time.Time) {
	anew := false
	for i, n := range r.networks {
		if n == nil {
			var err error
			if n, err = r.d.open[i](); err != nil {
				r.d.cfg.Log.Debug("no multicast here", "err", err)
				continue
			}
			r.networks[i] = n
			r.readers.Go(func() { r.serve(i, n) })
		}
		anew = n.refresh() || anew
	}
	if anew {
		r.state.start(now)
	}
}

// serve reads a network to its end.
func (r *running) serve(i int, n network) {
	for {
		b, source, err := n.receive()
		if err != nil {
			r.ended <- i // there is room for one of each
			return
		}
		select {
		case r.packets <- packet{bytes: b, source: source}:
		default: // too many at once
		}
	}
}

func (r *running) send(now time.Time) {
	ask, tell := r.state.advance(now)
	if ask != nil {
		for _, n := range r.networks {
			if n != nil {
				n.askAll(ask)
			}
		}
	}
	if tell != nil && !r.tell(tell) && !r.homeless {
		r.homeless = true
		r.d.cfg.Log.Warn("the gateway's address is on no network of this machine that has multicast: it is not announced", "address", r.d.cfg.Self.Addr)
	}
}

func (r *running) tell(b []byte) (told bool) {
	for _, n := range r.networks {
		if n != nil && n.tell(b, r.d.cfg.Self.Addr.Addr()) {
			told = true
		}
	}
	return told
}

// end says goodbye and waits for all readers.
func (r *running) end() {
	if r.d.cfg.Announce {
		r.tell(announcement(r.d.cfg.Network, r.d.cfg.Self, true))
	}
	for _, n := range r.networks {
		if n != nil {
			n.close()
		}
	}
	r.readers.Wait()
}
