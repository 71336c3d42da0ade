package overlay

import (
	"context"
	"slices"
	"time"

	"zeroms/gateway/dht"
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
// again and again while nobody is known.
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
			if err == nil && alone != (s.Table == 0) {
				alone = s.Table == 0
				o.tellAlone(s.Table)
			}
			if err == nil && s.Table == 0 {
				o.joinSeeds(ctx)
				pause.Reset(wait)
				wait = min(2*wait, o.cfg.Timing.JoinMost)
				continue
			}
			wait = o.cfg.Timing.Join
			pause.Reset(wait)
		}
	}
}

// tellAlone says that others are known now, or none any more.
func (o *Overlay) tellAlone(known int) {
	if known > 0 {
		o.log.Info("the gateway has found its network", "gateways", known)
		return
	}
	o.log.Warn("no other gateway answers any more; those that were named are asked again and again", "named", o.seeds.Load())
}

// joinSeeds asks each seed for its descriptor, which names its contact.
func (o *Overlay) joinSeeds(ctx context.Context) {
	var found []wire.Contact
	var silent []string
	seeds := o.cfg.Seeds
	if o.cfg.Named != nil {
		seeds = append(slices.Clip(seeds), o.cfg.Named(ctx)...)
	}
	o.seeds.Store(int64(len(seeds)))
	for _, seed := range seeds {
		c, err := o.introduce(ctx, seed)
		if err != nil {
			if ctx.Err() == nil {
				silent = append(silent, seed.Addr())
				o.log.Warn("a gateway to join the network by did not answer; it is tried again", "gateway", seed.Addr(), "error", err)
			}
			continue
		}
		found = append(found, c)
	}
	o.silent.Store(&silent)
	if len(found) > 0 {
		_ = o.dht.Join(ctx, found) // fails when ctx has ended
	}
}

// introduce is the contact of the gateway at an endpoint.
func (o *Overlay) introduce(ctx context.Context, e link.Endpoint) (wire.Contact, error) {
	ctx, cancel := context.WithTimeout(ctx, runTime)
	defer cancel()
	answer, err := o.pool.AskAt(ctx, e, &wire.Ping{})
	if err != nil {
		return wire.Contact{}, err
	}
	if refusal, ok := answer.(*wire.Failure); ok {
		return wire.Contact{}, refusal.Err()
	}
	d, err := o.descriptorOf(e)
	if err != nil {
		return wire.Contact{}, err
	}
	return d, nil
}

// descriptorOf is the contact that the descriptor of a gateway names which has just
// greeted us.
func (o *Overlay) descriptorOf(e link.Endpoint) (wire.Contact, error) {
	d, ok := o.pool.DescriptorAt(e)
	switch {
	case !ok:
		return wire.Contact{}, wire.ErrNotServing.Because("it stands alone")
	case !d.Contact().Addr.IsValid():
		return wire.Contact{}, wire.ErrNotServing.Because("its descriptor names no address")
	}
	return d.Contact(), nil
}

// firstSave is when the contacts are kept first: a computer that is switched off
// soon knows them when it is back.
const firstSave = time.Minute

// loopTend signs the descriptor anew in time and stores it in the network, shows
// others our address once they have proved that it can be reached, and keeps the
// contacts.
func (o *Overlay) loopTend(ctx context.Context) error {
	t := &o.cfg.Timing
	look, seal, save := time.NewTicker(t.Look), time.NewTicker(t.Seal), time.NewTimer(min(firstSave, t.Save))
	defer look.Stop()
	defer seal.Stop()
	defer save.Stop()
	var shown wire.Contact
	for {
		var again bool
		select {
		case <-ctx.Done():
			o.save()
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
			save.Reset(t.Save)
		}
		if again {
			o.show(ctx, shown.Addr.IsValid())
		}
	}
}

// show tells others what this gateway is now.
func (o *Overlay) show(ctx context.Context, serving bool) {
	if err := o.seal(time.Now()); err != nil {
		o.log.Error("the gateway's descriptor could not be made", "error", err)
		return
	}
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

// save keeps the contacts that are known.
func (o *Overlay) save() {
	if o.cfg.Save == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(o.lifetime()), time.Second)
	defer cancel()
	contacts, err := o.dht.Contacts(ctx)
	if err != nil || len(contacts) == 0 {
		return
	}
	if err := o.cfg.Save(contacts); err != nil {
		o.log.Warn("the gateways that are known could not be kept", "error", err)
	}
}
