package dht

import (
	"context"
	"fmt"
	"slices"
	"time"

	"zeroms/cmd/zeroms-lab/dht/sim"
	"zeroms/gateway/dht"
	"zeroms/protocol/wire"
)

// Scenario is one row: a network, what is wrong with it, and what it is asked for.
type Scenario struct {
	// Nodes is how many gateways there are, foes included.
	Nodes int
	// Classic runs Kademlia of 2002 instead of ours.
	Classic bool
	// Colluders is the share of gateways that are foes, of the kind Adversary; Stale
	// the share of contacts whose gateways left before the run began; Leave the share
	// of honest gateways that leave between store and get.
	Colluders, Stale, Leave float64
	Adversary               string
	// Sybils is how many gateways have places that were mined beside that of a record.
	// They collude.
	Sybils int
	// Keys is how many gets there are, each of a record of its own; with Sybils
	// getsOfSiege of each record.
	Keys int
	Seed uint64
	// Model is the network in between.
	Model sim.Model
	// AnyPace takes whatever pace lookups in one process have, by the clock: others may
	// be using this computer.
	AnyPace bool
	// Joined lets the gateways join one after another; otherwise their tables are
	// filled as that leaves them.
	Joined bool
	// Liveness spreads leaving over half an hour, and lets checks and repair go on for
	// as long until the gets begin. Tables that were filled are filled again as checks
	// would leave them.
	Liveness bool

	asleep bool // foes do nothing: what is asked of them must be missed
}

func (s Scenario) algorithm() dht.Algorithm {
	if s.Classic {
		return dht.Classic
	}
	return dht.Ours
}

// width is how many contacts an answer has.
func (s Scenario) width() int {
	if s.Classic {
		return 8
	}
	return dht.Width
}

// versions is how many versions of each record there are.
func (s Scenario) versions() int {
	if s.Adversary == replaying {
		return 2
	}
	return 1
}

// String names the scenario for people.
func (s Scenario) String() string {
	text := "healthy"
	switch {
	case s.Colluders > 0 && s.Stale > 0, s.Colluders > 0 && s.Leave > 0:
		text = fmt.Sprintf("%.0f %% %s, %.0f %% stale, %.0f %% leaving", 100*s.Colluders, s.Adversary, 100*s.Stale, 100*s.Leave)
	case s.Colluders > 0:
		text = fmt.Sprintf("%.0f %% %s", 100*s.Colluders, s.Adversary)
	case s.Stale > 0 || s.Leave > 0:
		text = fmt.Sprintf("%.0f %% stale, %.0f %% leaving", 100*s.Stale, 100*s.Leave)
	}
	if s.Sybils > 0 {
		if text += ", "; s.Colluders+s.Stale+s.Leave == 0 {
			text = ""
		}
		text += fmt.Sprintf("%d sybils at the key", s.Sybils)
	}
	if s.Liveness {
		text += ", liveness on"
	}
	if s.Model.Loss > 0 {
		text += fmt.Sprintf(", %g %% loss", 100*s.Model.Loss)
	}
	if s.warm() {
		text += ", connected"
	}
	return text
}

// got is how one get went.
type got struct {
	dht.Got
	key   int
	right bool
	took  time.Duration
}

// stored is how one store went.
type stored struct {
	dht.Stored
	early time.Duration
}

// outcome is what a run brought.
type outcome struct {
	gets   []got
	stores []stored
	// lines are what else is to be said, for people.
	lines []string
	// wrong is what foes brought about and must not.
	wrong []string
}

// run plays the scenario.
func (s Scenario) run(ctx context.Context) (*outcome, error) {
	if s.Sybils > 0 {
		return s.siege(ctx)
	}
	n, err := newNetwork(s)
	if err != nil {
		return nil, err
	}
	return n.play(ctx)
}

// play stores, lets gateways leave, and gets.
func (n *network) play(ctx context.Context) (*outcome, error) {
	o := &outcome{}
	last := n.versions() - 1
	n.ghost()
	for version := range last {
		n.storeAll(ctx, version)
	}
	n.wake()
	o.stores = n.storeAll(ctx, last)
	n.leave()
	if n.Liveness && n.Joined {
		o.lines = append(o.lines, fmt.Sprintf("%.1f %% of the contacts in tables do not answer", 100*n.stale()))
	}
	o.gets = n.getAll(ctx)
	n.after(o)
	return o, ctx.Err()
}

// ghost lets those go who are to stand in tables only.
func (n *network) ghost() {
	for _, h := range n.ghosts {
		n.World.Leave(h)
	}
}

// Pace of a run: so many operations a second in the whole network, and how long to
// wait for the last of them.
const (
	perSecond = 50
	patience  = 2 * time.Minute
)

// storeAll stores a version of every record, each through a gateway drawn at random.
func (n *network) storeAll(ctx context.Context, version int) []stored {
	out := make([]stored, len(n.lib.records))
	left := len(out)
	there := n.present()
	for i, r := range n.lib.records {
		h := there[n.Rand.IntN(len(there))]
		n.After(time.Duration(i)*time.Second/perSecond, func() {
			start := n.Now()
			n.Node(h).Put(n.Now(), dht.Put{Items: []wire.StoreItem{r.item(version)}}, func(s dht.Stored) {
				if out[i].early == 0 {
					out[i].early = n.Now().Sub(start)
				}
				if out[i].Stored = s; s.Final {
					left--
				}
			})
			n.Wake(h)
		})
	}
	n.RunWhile(func() bool { return left > 0 && ctx.Err() == nil }, time.Duration(len(out))*time.Second/perSecond+patience)
	return out
}

// leave lets a share of the honest gateways go.
func (n *network) leave() {
	there := slices.DeleteFunc(n.present(), func(h *sim.Host) bool { return h == n.victim })
	n.Rand.Shuffle(len(there), func(i, j int) { there[i], there[j] = there[j], there[i] })
	there = there[:int(n.Scenario.Leave*float64(len(there))+0.5)]
	if !n.Liveness || !n.Joined {
		for _, h := range there {
			n.World.Leave(h)
		}
		if n.Liveness {
			n.refill()
		}
		return
	}
	for i, h := range there {
		n.After(leaveFor*time.Duration(i)/time.Duration(len(there)), func() { n.World.Leave(h) })
	}
	n.Run(leaveFor + restFor)
}

// How long gateways keep leaving with liveness on, and how long checks then go on
// before the gets begin.
const (
	leaveFor = 30 * time.Minute
	restFor  = 30 * time.Minute
)

// getAll gets every record once, each through an honest gateway drawn at random.
func (n *network) getAll(ctx context.Context) []got {
	there := n.present()
	out := make([]got, len(n.lib.records))
	left := len(out)
	for i := range out {
		n.After(time.Duration(i)*time.Second/perSecond, func() {
			n.get(there[n.Rand.IntN(len(there))], i, func(g got) {
				out[i] = g
				left--
			})
		})
	}
	n.RunWhile(func() bool { return left > 0 && ctx.Err() == nil }, time.Duration(len(out))*time.Second/perSecond+patience)
	return out
}

// get gets one record through a gateway.
func (n *network) get(h *sim.Host, key int, done func(got)) {
	r, start := n.lib.records[key], n.Now()
	n.Node(h).Get(n.Now(), dht.Get{Name: r.name, Day: r.day, Fresh: n.versions() > 1}, func(g dht.Got) {
		newest := r.versions[len(r.versions)-1]
		done(got{Got: g, key: key, right: g.Err == nil && string(g.Item.Record) == string(newest), took: n.Now().Sub(start)})
	})
	n.Wake(h)
}
