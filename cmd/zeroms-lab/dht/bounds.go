package dht

import (
	"fmt"
	"slices"
	"time"
)

// bound is one figure that our algorithm has to keep, by the size of the network:
// up to 1,000, up to 10,000 and up to 100,000 gateways. 0: none is set.
type bound struct {
	name  string
	unit  string
	least bool // the figure must not be below, else not above
	at    [3]float64
	of    func(r *Row) *float64
}

// The bounds of docs/performance.md, "The gateway network".
var (
	healthyBounds = []bound{
		{"get, healthy: success", "", true, [3]float64{0.999, 0.999, 0.999}, func(r *Row) *float64 { return r.GetSuccess }},
		{"get, healthy: mean messages", "", false, [3]float64{4, 6, 9}, func(r *Row) *float64 { return r.GetMessages }},
		{"get, healthy: p99 of rounds", "", false, [3]float64{3, 4, 5}, func(r *Row) *float64 { return float(r.GetRoundsP99) }},
		{"store: contacts in all", "", false, [3]float64{48, 52, 58}, func(r *Row) *float64 { return r.StoreContacts }},
		{"store: contacts until 4 acknowledgements", "", false, [3]float64{12, 14, 18}, func(r *Row) *float64 { return r.ContactsToFour }},
	}
	timeBounds = []bound{
		{"get at 50 ms +- 20, 1 % loss, connections open: p50", " ms", false, [3]float64{150, 200, 0}, func(r *Row) *float64 { return r.GetMsP50 }},
		{"get at 50 ms +- 20, 1 % loss, connections open: p99", " ms", false, [3]float64{700, 900, 0}, func(r *Row) *float64 { return r.GetMsP99 }},
	}
	loadBounds = []bound{
		{"get success under 20 % colluders, 30 % stale, 30 % leaving", "", true, [3]float64{0.999, 0.999, 0.995}, func(r *Row) *float64 { return r.GetSuccess }},
	}
	livenessBounds = []bound{
		{"get success under 30 % colluders, 30 % leaving, liveness on", "", true, [3]float64{0.999, 0.995, 0.995}, func(r *Row) *float64 { return r.GetSuccess }},
	}
	sybilBounds = []bound{
		{"get success with 45 sybils at the key", "", true, [3]float64{0.9, 0.9, 0.9}, func(r *Row) *float64 { return r.GetSuccess }},
	}
	paceBound     = bound{"lookups a second in one process", "", true, [3]float64{3000, 0, 0}, func(r *Row) *float64 { return r.LookupsPerS }}
	processBounds = []bound{
		paceBound,
		{"heap and stack of a gateway's DHT", " bytes", false, [3]float64{128 << 10, 0, 0}, func(r *Row) *float64 { return float(r.BytesPerNode) }},
	}
	idleBound      = bound{"idle traffic of a gateway", " B/s", false, [3]float64{40, 40, 40}, nil}
	bandwidthBound = bound{"bandwidth of a gateway each way, 100,000 gateways with 100 records each", " KB/s", false, [3]float64{0, 0, 1}, nil}
)

func float(x *int) *float64 {
	if x == nil {
		return nil
	}
	f := float64(*x)
	return &f
}

// missed says what figure does not keep to the bound, "" if it does.
func (b *bound) missed(nodes int, figure float64) string {
	limit := b.at[column(nodes)]
	switch {
	case limit == 0, b.least && figure >= limit, !b.least && figure <= limit:
		return ""
	case b.least:
		return fmt.Sprintf("%s at %d gateways: %v%s, at least %v%s are asked for", b.name, nodes, figure, b.unit, limit, b.unit)
	}
	return fmt.Sprintf("%s at %d gateways: %v%s, at most %v%s are allowed", b.name, nodes, figure, b.unit, limit, b.unit)
}

// column is the column of the bounds that a network is held against.
func column(nodes int) int {
	switch {
	case nodes <= 1000:
		return 0
	case nodes <= 10_000:
		return 1
	}
	return 2
}

// bounds are those that a scenario is held against: those of a row of the table
// that is at least as hostile. That of sybils is for sybils alone: among other foes, or
// with contacts that left or leave, there is none.
func (s Scenario) bounds() []bound {
	within := func(colluders, stale, leave float64) bool {
		return s.Colluders <= colluders && s.Stale <= stale && s.Leave <= leave
	}
	m := s.Model
	plain := s.Adversary == "" || s.Adversary == colluding
	switch {
	case s.Classic, !plain && s.Colluders > 0, s.Sybils > 45, m.Loss > 0.01, m.Latency > 50*time.Millisecond, m.Jitter > 20*time.Millisecond:
		return nil
	case s.Sybils > 0 && within(0, 0, 0):
		return sybilBounds
	case s.Sybils > 0:
		return nil
	case within(0, 0, 0) && s.warm():
		return slices.Concat(healthyBounds, timeBounds)
	case within(0, 0, 0):
		return healthyBounds
	case within(0.2, 0.3, 0.3):
		return loadBounds
	case within(0.3, 0, 0.3) && s.Liveness:
		return livenessBounds
	}
	return nil
}

// warm reports whether all connections are open, which the bounds of times are for.
func (s Scenario) warm() bool { return s.Model.Idle < 0 }

// check returns what a row misses.
func (s Scenario) check(r *Row) (missed []string) {
	for _, b := range s.bounds() {
		if figure := b.of(r); figure != nil {
			if miss := b.missed(s.Nodes, *figure); miss != "" {
				missed = append(missed, miss)
			}
		}
	}
	return missed
}
