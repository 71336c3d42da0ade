package dht

import (
	"context"
	"fmt"
	"time"

	"zeroms/cmd/zeroms-lab/dht/sim"
	"zeroms/gateway/dht"
	"zeroms/protocol/wire"
)

// What the transport adds to the bytes of frames, measured on links of
// protocol/link/quic over loopback (TestTransportCost): opening and closing a
// connection, and a request with its answer, both directions together.
const (
	greetingBytes = 8600
	exchangeBytes = 370
)

// idleFor is how long an idle network is watched, and idleKeys how many records it
// holds meanwhile.
const (
	idleFor  = time.Hour
	idleKeys = 300
)

// idleJob is what gateways say to each other while nobody asks for anything, and
// whether they find afterwards what they held.
func (s Scenario) idleJob() job {
	return job{name: "idle", run: func(ctx context.Context) (result, error) {
		s.Keys = min(s.Keys, idleKeys)
		n, err := newNetwork(s)
		if err != nil {
			return result{}, err
		}
		n.storeAll(ctx, 0)
		before := n.Tally
		n.Run(idleFor)
		r := n.idle(before)
		o := &outcome{gets: n.getAll(ctx)}
		r.lines = append(r.lines, s.failures(o)...)
		return r, ctx.Err()
	}}
}

func (n *network) idle(before sim.Tally) (r result) {
	each := func(bytes uint64) float64 { return float64(bytes) / float64(n.Nodes) / idleFor.Seconds() }
	sent, received := each(n.Tally.Sent-before.Sent), each(n.Tally.Received-before.Received)
	asks, greeted := uint64(n.Tally.Asks()-before.Asks()), uint64(n.Tally.Greeted-before.Greeted)
	fresh, table := 0, 0
	for _, h := range n.present() {
		stats := h.Node.Stats(n.Now())
		fresh, table = fresh+stats.Fresh, table+stats.Table
	}
	r.lines = []string{
		fmt.Sprintf("an idle gateway: %.1f B/s sent, %.1f B/s received; a request each %.1f s, a connection each %.1f s: about %.0f B/s of the transport beside it",
			sent, received, float64(n.Nodes)*idleFor.Seconds()/float64(max(asks, 1)), float64(n.Nodes)*idleFor.Seconds()/float64(max(greeted, 1)),
			each(2*(asks*exchangeBytes+greeted*greetingBytes))),
		fmt.Sprintf("a table has %.0f contacts, %.0f %% of them heard from in the last 15 min", float64(table)/float64(n.Nodes), 100*float64(fresh)/float64(max(table, 1))),
	}
	if miss := idleBound.missed(n.Nodes, *round(sent+received, 1)); miss != "" {
		r.missed = []string{miss}
	}
	return r
}

// What a gateway of the bandwidth row has to carry: so many records of its own
// users, each stored again every hour by the same relay and verified by a get.
const (
	recordsEach = 100
	storedEvery = time.Hour
)

// bandwidthJob is what a gateway carries when every gateway has users: the bytes
// that one record causes in an hour, measured, times the records.
func (s Scenario) bandwidthJob() job {
	return job{name: "bandwidth", run: func(ctx context.Context) (result, error) {
		s.Keys = min(s.Keys, 1000)
		n, err := newNetwork(s)
		if err != nil {
			return result{}, err
		}
		return n.bandwidth(ctx), ctx.Err()
	}}
}

func (n *network) bandwidth(ctx context.Context) (r result) {
	relays := make([]*sim.Host, len(n.lib.records))
	there := n.present()
	for i := range relays {
		relays[i] = there[n.Rand.IntN(len(there))]
	}
	bytes := func(work func()) float64 {
		before := n.Tally.Sent
		work()
		return float64(n.Tally.Sent-before) / float64(len(relays))
	}
	first := bytes(func() { n.storeThrough(ctx, relays) })
	n.Run(storedEvery - patience)
	again := bytes(func() { n.storeThrough(ctx, relays) })
	verified := bytes(func() { n.getAll(ctx) })
	per := func(each float64) float64 { return each * recordsEach / storedEvery.Seconds() / 1000 }
	formula := 20 * (recordsEach + 1) * float64(sim.Size(n.storeOfOne())) / storedEvery.Seconds() / 1000
	figure := per(again + verified)
	r.lines = []string{
		fmt.Sprintf("a record costs %.0f B to store, %.0f B to store again, %.0f B to verify, in all", first, again, verified),
		fmt.Sprintf("%d gateways with %d records each: %.2f KB/s each way; the stores alone, by I2P's formula with 20 holders instead of all: %.2f KB/s; full flood %.0f KB/s",
			n.Nodes, recordsEach, figure, formula, formula*float64(n.Nodes)/20),
	}
	if miss := bandwidthBound.missed(n.Nodes, *round(figure, 3)); miss != "" {
		r.missed = []string{miss}
	}
	return r
}

func (n *network) storeOfOne() *wire.Store {
	item := n.lib.records[0].item(0)
	item.Stamp = make([]byte, wire.WorkSize)
	return &wire.Store{Items: []wire.StoreItem{item}}
}

// storeThrough stores every record through its relay.
func (n *network) storeThrough(ctx context.Context, relays []*sim.Host) {
	left := len(relays)
	for i, h := range relays {
		n.After(time.Duration(i)*time.Second/perSecond, func() {
			n.Node(h).Put(n.Now(), dht.Put{Items: []wire.StoreItem{n.lib.records[i].item(0)}}, func(s dht.Stored) {
				if s.Final {
					left--
				}
			})
			n.Wake(h)
		})
	}
	n.RunWhile(func() bool { return left > 0 && ctx.Err() == nil }, time.Duration(len(relays))*time.Second/perSecond+patience)
}
