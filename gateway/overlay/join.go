package overlay

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"zeroms/gateway/dht"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// Meet has gateways tried that were found some other way, as on the local network.
func (o *Overlay) Meet(contacts []wire.Contact) {
	select {
	case o.met <- contacts:
	default: // those that wait will do
	}
}

// loopMeet enters the network: by the contacts of the last run, then by the seeds,
// again and again while nobody is known or nobody answers. The contacts of the last run
// and those of this one are tried again by the DHT itself.
func (o *Overlay) loopMeet(ctx context.Context) error {
	if len(o.cfg.Cached) > 0 {
		if err := o.dht.Join(ctx, o.cfg.Cached); err != nil {
			return nil // ctx has ended
		}
	}
	pause, wait := time.NewTimer(0), o.cfg.Timing.Join
	defer pause.Stop()
	alone := true
	for {
		select {
		case <-ctx.Done():
			return nil
		case contacts := <-o.met:
			if o.dht.Join(ctx, contacts) != nil {
				return nil
			}
		case <-pause.C:
			s, err := o.dht.Stats(ctx)
			if err == nil && alone != s.Cut {
				alone = s.Cut
				o.tellAlone(s)
			}
			if err == nil && s.Cut {
				o.runSeeds(ctx)
				pause.Reset(about(wait))
				wait = min(2*wait, o.cfg.Timing.JoinMost)
				continue
			}
			wait = o.cfg.Timing.Join
			pause.Reset(wait)
		}
	}
}

// about is a time around d, so that not all gateways try at once.
func about(d time.Duration) time.Duration { return d*3/4 + rand.N(d/2+1) }

// tellAlone says that others are known now, or none any more.
func (o *Overlay) tellAlone(s dht.Stats) {
	if !s.Cut {
		o.log.Info("the gateway has found its network", "gateways", s.Table)
		signal(o.found)
		return
	}
	o.log.Warn("no other gateway answers any more; those that were known and those that were named are asked again and again", "named", o.seeds.Load())
}

// runSeeds asks all seeds at once for their descriptors, which name their contacts: one
// that is silent keeps nobody waiting.
func (o *Overlay) runSeeds(ctx context.Context) {
	seeds := o.cfg.Seeds
	if o.cfg.Named != nil {
		seeds = append(slices.Clip(seeds), o.cfg.Named(ctx)...)
	}
	o.seeds.Store(int64(len(seeds)))
	var asked sync.WaitGroup
	var first sync.Once
	found, failed := make([]wire.Contact, len(seeds)), make([]error, len(seeds))
	for i, seed := range seeds {
		asked.Go(func() {
			if found[i], failed[i] = o.introduce(ctx, seed); failed[i] == nil {
				first.Do(func() { _ = o.dht.Join(ctx, found[i:i+1]) }) // fails when ctx has ended
			}
		})
	}
	asked.Wait()
	var silent []string
	for i, err := range failed {
		if err != nil && ctx.Err() == nil {
			silent = append(silent, seeds[i].Addr())
			what := "a gateway to join the network by did not answer; it is tried again"
			if errors.Is(err, wire.ErrScope) {
				what = "a gateway to join the network by is at a place that this network does not connect to; its name is looked up again"
			}
			o.log.Warn(what, "gateway", seeds[i].Addr(), "error", err)
		}
	}
	o.silent.Store(&silent)
	found = slices.DeleteFunc(found, func(c wire.Contact) bool { return !c.Addr.IsValid() })
	if len(found) > 1 { // the others too
		_ = o.dht.Join(ctx, found)
	}
}

// seedTime bounds the introduction of one gateway: its name is looked up, it is
// dialled and asked.
const seedTime = 20 * time.Second

// introduce is the contact of the gateway at an endpoint.
func (o *Overlay) introduce(ctx context.Context, e link.Endpoint) (wire.Contact, error) {
	ctx, cancel := context.WithTimeout(ctx, seedTime)
	defer cancel()
	answer, err := o.pool.AskAt(ctx, e, &wire.Ping{})
	if err != nil {
		return wire.Contact{}, err
	}
	if refusal, ok := answer.(*wire.Failure); ok {
		return wire.Contact{}, refusal.Err()
	}
	d, ok := o.pool.DescriptorAt(e)
	if !ok {
		return wire.Contact{}, wire.ErrNotServing.Because("it stands alone")
	}
	c := d.Contact()
	if c.Addr.IsValid() {
		return c, nil
	}
	// It does not serve, or not yet, as where all of a network start at once. It has
	// just answered where it was asked; what it speaks is tried there.
	c.Addr, err = o.locate(ctx, e)
	if c.Transports = wire.TransportWSS; o.cfg.QUIC != nil {
		c.Transports |= wire.TransportQUIC
	}
	return c, err
}

// locate is the address of an endpoint, in the network's scope. Error:
// wire.ErrUnreachable.
func (o *Overlay) locate(ctx context.Context, e link.Endpoint) (netip.AddrPort, error) {
	var all []netip.Addr
	if ip, err := netip.ParseAddr(e.Host); err == nil {
		all = []netip.Addr{ip}
	} else {
		names := o.cfg.Resolver
		if names == nil {
			names = net.DefaultResolver
		}
		all, _ = names.LookupNetIP(ctx, "ip", e.Host)
	}
	for _, ip := range all {
		if ip = address.Canonical(ip); o.cfg.Params.Scope.Allows(ip) {
			return netip.AddrPortFrom(ip, e.Port), nil
		}
	}
	return netip.AddrPort{}, wire.ErrUnreachable.Because("no address in the scope of the network")
}

// firstSave is when the contacts are kept first, after the start and after others were
// found: a computer that is switched off soon knows them when it is back. It doubles up
// to Timing.Save.
const firstSave = 5 * time.Second

// leastSaved is how many contacts are kept at least, if ever so many were known: of
// those that this run did not meet, the first that earlier ones did.
const leastSaved = 64

// loopTend signs the descriptor anew in time and stores it in the network, shows
// others our address once they have proved that it can be reached, and keeps the
// contacts.
func (o *Overlay) loopTend(ctx context.Context) error {
	t := &o.cfg.Timing
	wait := min(firstSave, t.Save)
	look, seal, save := time.NewTicker(t.Look), time.NewTicker(t.Seal), time.NewTimer(wait)
	defer look.Stop()
	defer seal.Stop()
	defer save.Stop()
	var shown wire.Contact
	if len(o.cfg.Cached)+len(o.cfg.Seeds) == 0 && o.cfg.Named == nil { // the first of its network serves at once
		o.present()
	}
	for {
		var again bool
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
			now := o.present()
			again, shown = now != shown, now
		case <-seal.C:
			again = true
		case <-o.rotated:
			again = true
		case <-save.C:
			o.save()
			wait = min(2*wait, t.Save)
			save.Reset(wait)
		case <-o.found:
			wait = min(firstSave, t.Save)
			save.Reset(wait)
		}
		if again {
			o.show(shown.Addr.IsValid())
		}
	}
}

// show tells others what this gateway is now.
func (o *Overlay) show(serving bool) {
	o.showing.Lock()
	o.sign()
	o.showing.Unlock()
	if !serving {
		return
	}
	item := wire.StoreItem{Record: o.Descriptor()}
	o.run(runner{places: o.own}, func(p wire.Payload) {
		if f, failed := p.(*wire.Failure); failed {
			o.log.Warn("the gateway's descriptor could not be stored in the network; it is tried again", "error", f.Err())
		}
	}, func(ctx context.Context) (wire.Payload, error) {
		_, err := o.dht.Put(ctx, dht.Put{Items: []wire.StoreItem{item}})
		return &wire.OK{}, err
	})
}

// save keeps whom to begin with next time, if that is news. Who was kept before is
// forgotten only for others: a network that is down comes back.
func (o *Overlay) save() {
	if o.cfg.Save == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(o.lifetime()), time.Second)
	defer cancel()
	contacts, err := o.dht.Met(ctx)
	if err != nil || len(contacts) == 0 {
		return
	}
	met := make(map[key.NodePublic]bool, len(contacts))
	for _, c := range contacts {
		met[c.Node] = true
	}
	for _, c := range o.cfg.Cached {
		if len(contacts) < leastSaved && !met[c.Node] {
			contacts = append(contacts, c)
		}
	}
	if slices.Equal(contacts, o.saved) {
		return
	}
	if err := o.cfg.Save(contacts); err != nil {
		o.log.Warn("the gateways that are known could not be kept; it is tried again", "error", err)
		return
	}
	o.saved = contacts
}
