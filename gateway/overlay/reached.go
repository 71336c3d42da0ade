package overlay

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"zeroms/protocol/wire"
)

// Reached says over what other gateways connect to this one: "yes", "no", or empty
// where nobody could say.
type Reached struct {
	TCP string `json:"tcp,omitempty"`
	UDP string `json:"udp,omitempty"`
}

const (
	yes = "yes"
	no  = "no"
)

// askedBack is how many gateways are asked for one transport.
const askedBack = 3

// reachedNow is what is known of it.
func (o *Overlay) reachedNow() Reached {
	if r := o.reached.Load(); r != nil {
		return *r
	}
	return Reached{}
}

// loopReach finds out over which transports others reach this gateway, where they
// do not over all that it speaks, and names those only: who has opened TCP and not
// UDP takes part all the same.
func (o *Overlay) loopReach(ctx context.Context) error {
	t := &o.cfg.Timing
	wait := t.Probe
	pause := time.NewTimer(wait)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-pause.C:
		}
		serving, full := o.dht.Serving(), o.dht.Self().Transports == o.cfg.Transports
		switch {
		case !o.at().IsValid(): // nobody could
		case serving && full && o.knowsSome(ctx):
			o.noteReached(o.reachedBy(o.cfg.Transports, 0))
			wait = t.Probe
		case serving && full: // nobody is there who could say
			wait = t.Probe
		default:
			o.probe(ctx)
			wait = min(2*wait, t.ProbeMost)
		}
		pause.Reset(wait)
	}
}

func (o *Overlay) knowsSome(ctx context.Context) bool {
	s, err := o.dht.Stats(ctx)
	return err == nil && s.Table > 0
}

// reachedBy is what transports that were tried and did or did not get through are.
func (o *Overlay) reachedBy(through, failed uint8) Reached {
	word := func(via uint8) string {
		switch {
		case through&via != 0:
			return yes
		case failed&via != 0:
			return no
		}
		return ""
	}
	return Reached{TCP: word(wire.TransportWSS), UDP: word(wire.TransportQUIC)}
}

// probe asks some gateways to connect back over one transport at a time, and has
// the table name those that work.
func (o *Overlay) probe(ctx context.Context) {
	some, err := o.dht.Sample(ctx, askedBack)
	if err != nil || len(some) == 0 {
		return
	}
	var through, failed uint8
	for _, via := range []uint8{wire.TransportWSS, wire.TransportQUIC} {
		if o.cfg.Transports&via == 0 {
			continue
		}
		switch reached, told := o.askBack(ctx, some, via); {
		case reached:
			through |= via
		case told:
			failed |= via
		}
	}
	o.noteReached(o.reachedBy(through, failed))
	if through == 0 || through == o.dht.Self().Transports && o.dht.Serving() {
		return
	}
	// A new address has to be proved at once, whatever came of the last attempt. Both
	// fail when ctx has ended; a busy table is told next time.
	if o.dht.SetAddr(ctx, netip.AddrPort{}, 0) == nil {
		_ = o.dht.SetAddr(ctx, o.at(), through)
	}
}

// askBack asks gateways to connect back over one transport until one has; told says
// that one could not.
func (o *Overlay) askBack(ctx context.Context, some []wire.Contact, via uint8) (reached, told bool) {
	self := o.dht.Self()
	self.Addr, self.Transports = o.at(), via
	request := &wire.Reach{}
	copy(request.Contact[:], self.AppendTo(nil))
	for _, each := range some {
		answer, err := o.pool.Ask(ctx, each, request)
		if err != nil {
			continue
		}
		switch answer := answer.(type) {
		case *wire.OK:
			return true, told
		case *wire.Failure:
			told = told || errors.Is(answer.Err(), wire.ErrUnreachable)
		}
	}
	return false, told
}

// noteReached keeps what was found out, and says what to do about it if it is news.
func (o *Overlay) noteReached(r Reached) {
	if before := o.reached.Swap(&r); before != nil && *before == r {
		return
	}
	port := o.at().Port()
	switch {
	case r.TCP == yes && r.UDP == no:
		o.log.Warn("other gateways reach this one over TCP only; open the UDP port of the same number too", "port", port)
	case r.TCP == no && r.UDP == yes:
		o.log.Warn("other gateways reach this one over UDP only, and its users not at all; open the TCP port", "port", port)
	case r.TCP == no:
		o.log.Warn("no other gateway can connect to this one: it takes part by asking others only; open or forward the TCP and the UDP port",
			"port", port, "address", o.at().Addr(), "seen_by_others_at", o.seen.most())
	case r.TCP == yes:
		o.log.Info("other gateways reach this one", "udp", r.UDP == yes)
	}
}
