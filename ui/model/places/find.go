package places

import (
	"context"
	"errors"
	"strings"

	"zeroms/client"
	"zeroms/ui/model"
)

// wanted is how many gateways of the network are looked for.
const wanted = 8

// Offer is a gateway of the network that could be a home, as it is shown.
type Offer struct {
	Host, About, Latency, Problem string
	// Chosen is the user's.
	Chosen bool
}

// Finder looks for gateways in the network, through those that the user has.
type Finder struct {
	deps    model.Deps
	changed func()
	found   []client.Offer
	offers  []Offer
	busy    bool
	cancel  context.CancelFunc
	closed  bool
}

// NewFinder makes a Finder; changed is called with each change of what it shows.
func NewFinder(d model.Deps, changed func()) *Finder { return &Finder{deps: d, changed: changed} }

// Busy tells that something is going on: a search, or the move.
func (f *Finder) Busy() bool { return f.busy }

// Offers are what was found, the best first.
func (f *Finder) Offers() []Offer { return f.offers }

// Chosen counts what the user has chosen.
func (f *Finder) Chosen() (n int) {
	for _, o := range f.offers {
		if o.Chosen {
			n++
		}
	}
	return n
}

// Choose takes an offer, or leaves it.
func (f *Finder) Choose(i int, chosen bool) {
	f.offers[i].Chosen = chosen && f.found[i].Problem == nil
	f.changed()
}

// Close gives up what is going on.
func (f *Finder) Close() {
	f.closed = true
	if f.cancel != nil {
		f.cancel()
	}
}

// slow does something that can be given up.
func (f *Finder) slow(work func(context.Context) func()) {
	ctx, cancel := context.WithCancel(context.Background())
	f.busy, f.cancel = true, cancel
	f.changed()
	f.deps.Async.Slow(func(all context.Context) func() {
		ended := context.AfterFunc(all, cancel)
		then := work(ctx)
		ended()
		return func() {
			cancel()
			if f.busy = false; !f.closed {
				then()
				f.changed()
			}
		}
	})
}

// Find asks the network and measures; it takes seconds.
func (f *Finder) Find(then func(error)) {
	f.slow(func(ctx context.Context) func() {
		found, err := f.deps.Profile.Homes.FindGateways(ctx, client.Search{Count: wanted})
		return func() {
			f.found, f.offers = found, make([]Offer, 0, len(found))
			for _, o := range found {
				f.offers = append(f.offers, f.offer(o))
			}
			then(err)
		}
	})
}

func (f *Finder) offer(o client.Offer) Offer {
	w := f.deps.Words
	out := Offer{Host: shortHost(o.Address.Endpoint()), Latency: "—"}
	if o.Took > 0 {
		out.Latency = w.Took(o.Took)
	}
	var parts []string
	if o.Retention > 0 {
		parts = append(parts, w.Say("places.keeps", "Time", w.Took(o.Retention)))
	}
	if o.Quota > 0 {
		parts = append(parts, w.Say("places.room", "Quota", w.Bytes(o.Quota)))
	}
	if o.Bits > 0 {
		parts = append(parts, w.Say("places.takes.work"))
	}
	if o.Near {
		parts = append(parts, w.Say("places.near"))
	}
	out.About = strings.Join(parts, " · ")
	if o.Problem != nil {
		out.Problem = Problem(w, o.Problem.Error())
	}
	return out
}

// Use makes what was chosen homes; it waits until they are connected. The text says
// what became of it.
func (f *Finder) Use(then func(said string, err error)) {
	var chosen []client.Offer
	for i, o := range f.offers {
		if o.Chosen {
			chosen = append(chosen, f.found[i])
		}
	}
	f.slow(func(ctx context.Context) func() {
		// With so many wanted every chosen one is tried, and none is drained unasked.
		used, err := f.deps.Profile.Homes.UseGateways(ctx, 1<<20, chosen)
		return func() {
			if errors.Is(err, context.Canceled) {
				err = nil
			}
			then(f.said(used), err)
		}
	})
}

// said is what became of the chosen ones.
func (f *Finder) said(u client.Used) string {
	w := f.deps.Words
	switch added, refused := len(u.Added), len(u.Refused); {
	case refused == 0:
		return w.Count("places.used.all", added)
	case added == 0:
		return w.Say("places.used.none", "Why", Problem(w, u.Refused[0].Problem.Error()))
	default:
		return w.Say("places.used.some", "Added", w.Number(added), "Refused", w.Number(refused))
	}
}
