package choice

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"zeroms/client/home"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Bounds of a search.
const (
	// MaxCount is how many gateways are looked for at most.
	MaxCount = 40
	// rounds is how often the homes are asked, and pause the time in between: one that
	// does not know enough gateways meets some meanwhile.
	rounds = 4
	pause  = 1500 * time.Millisecond
	// asking is how long a home may take to answer.
	asking = 5 * time.Second
	// probing is how long a gateway may take to connect and say hello, and atOnce how
	// many are measured at a time.
	probing = 6 * time.Second
	atOnce  = 4
)

// ErrNone is returned if the homes name no gateway that would do.
var ErrNone = errors.New("client: your gateways know no other one that you could use; try again in a while")

// Desk is what a search is made with. Its methods wait; any goroutine may call them.
type Desk interface {
	// Up are the homes that are connected.
	Up(ctx context.Context) ([]key.NodePublic, error)
	// Ask asks a home for other gateways, as Choice.Ask does.
	Ask(ctx context.Context, node key.NodePublic) ([]Offer, error)
	// Probe measures a gateway.
	Probe(ctx context.Context, t home.Target) (*home.Probed, error)
	// Rank puts offers in order, as Choice.Rank does.
	Rank(ctx context.Context, offers []Offer) ([]Offer, error)
}

// Search is what is looked for.
type Search struct {
	// Count is how many offers are wanted, 1..MaxCount.
	Count int
	// Invited wants those too that take people by invitation only.
	Invited bool
	// Unseen leaves the gateways alone: they are not connected to.
	Unseen bool
}

// Find asks the homes for gateways of the network, measures them and returns the best,
// best first. Errors: ErrNone, wire.ErrLinkClosed if no home is connected,
// wire.ErrNotServing if none is part of a network.
func Find(ctx context.Context, d Desk, s Search) ([]Offer, error) {
	s.Count = min(max(s.Count, 1), MaxCount)
	offers, err := gather(ctx, d, s)
	if err != nil {
		return nil, err
	}
	if !s.Unseen {
		runProbes(ctx, d, offers)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	// What a gateway says itself may be something else than what was said of it.
	offers = slices.DeleteFunc(offers, func(o Offer) bool { return !s.wants(&o) })
	if len(offers) == 0 {
		return nil, ErrNone
	}
	if offers, err = d.Rank(ctx, offers); err != nil {
		return nil, err
	}
	return offers[:min(len(offers), s.Count)], nil
}

func (s Search) wants(o *Offer) bool {
	return o.Open() || s.Invited && o.Flags&address.TakesInvited != 0
}

// gather asks the homes until they have named enough gateways, or nothing new.
func gather(ctx context.Context, d Desk, s Search) ([]Offer, error) {
	found := map[key.NodePublic]Offer{}
	enough := min(2*s.Count, MaxCount)
	var reason error
	for round := range rounds {
		up, err := d.Up(ctx)
		switch {
		case err != nil:
			return nil, err
		case len(up) == 0 && reason == nil:
			reason = wire.ErrLinkClosed.Because("none of your gateways is connected")
		}
		asked, before := false, len(found)
		for _, node := range up {
			offers, err := askOne(ctx, d, node)
			switch {
			case ctx.Err() != nil:
				return nil, ctx.Err()
			case err != nil && reason == nil:
				reason = err
			case err == nil:
				asked = true
			}
			for _, o := range offers {
				if s.wants(&o) && len(found) < MaxCount {
					found[o.Address.Node] = o
				}
			}
		}
		switch {
		case !asked && len(found) == 0:
			return nil, reason
		case !asked, len(found) >= enough, round > 0 && len(found) == before && before > 0, round == rounds-1:
			return values(found), nil
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		case <-timer.C:
		}
	}
	return values(found), nil
}

func values(found map[key.NodePublic]Offer) []Offer { return slices.Collect(maps.Values(found)) }

func askOne(ctx context.Context, d Desk, node key.NodePublic) ([]Offer, error) {
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	offers, err := d.Ask(ctx, node)
	if errors.Is(err, context.DeadlineExceeded) {
		err = wire.ErrLinkClosed.Because("your gateway does not answer")
	}
	return offers, err
}

// runProbes measures gateways, a few at a time.
func runProbes(ctx context.Context, d Desk, offers []Offer) {
	next := make(chan *Offer)
	var working sync.WaitGroup
	for range min(atOnce, len(offers)) {
		working.Add(1)
		go func() {
			defer working.Done()
			for o := range next {
				o.probe(ctx, d)
			}
		}()
	}
	for n := range offers {
		next <- &offers[n]
	}
	close(next)
	working.Wait()
}

// probe measures a gateway.
func (o *Offer) probe(ctx context.Context, d Desk) {
	ctx, cancel := context.WithTimeout(ctx, probing)
	defer cancel()
	said, err := d.Probe(ctx, o.target())
	if err != nil {
		o.Problem = err
		return
	}
	o.take(said)
}
