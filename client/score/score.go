// Package score keeps what this client has seen of gateways itself: how long they
// took, and how often they refused, were silent, could not be reached or lied. Out
// of that it says what a gateway costs, in expected waiting time, and which homes
// to choose. Everything fades with time, and nothing of it is told to or taken from
// anybody: there is no reputation but one's own experience.
//
// A Table does no I/O and takes the time as a value; its methods may be called from
// any goroutine.
package score

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"sync"
	"time"

	"zeroms/protocol/key"
)

// Kind is something that takes a gateway time.
type Kind uint8

// The kinds of waiting.
const (
	Connect Kind = iota // connecting, hello and login
	Custody             // from a submission to its receipt
	Forward             // from a request for another gateway to that one's answer
	kinds
)

// Trouble is something that a gateway did wrong.
type Trouble uint8

// The kinds of trouble, from the lightest to the gravest.
const (
	Refused     Trouble = iota // busy, at a limit, unable to store
	Unreachable                // no link came up, or it broke
	Silent                     // an answer did not come in its time
	Lied                       // something that no honest gateway sends: a wrong key, signature or receipt
	troubles
)

// What a trouble costs when it is new, and when half of that is forgotten.
var (
	price    = [troubles]time.Duration{Refused: 250 * time.Millisecond, Unreachable: time.Second, Silent: time.Second, Lied: time.Minute}
	halfLife = [troubles]time.Duration{Refused: time.Hour, Unreachable: time.Hour, Silent: time.Hour, Lied: 7 * 24 * time.Hour}
)

const (
	// unknown is what is expected of a gateway that was never used: somewhat worse
	// than a usual one, so that good experience is preferred and bad is not.
	unknown = 250 * time.Millisecond
	// forgetting is when a measured time counts half, the other half being unknown.
	forgetting = 24 * time.Hour
	// gain is the weight of the newest of many measurements.
	gain = 0.2
	// most bounds how many troubles of a kind count.
	most = 100
	// maxGateways bounds the table.
	maxGateways = 4096
)

// gateway is what was seen of one.
type gateway struct {
	took  [kinds]estimate
	wrong [troubles]fading
	used  time.Time
}

// estimate is a running mean and mean deviation.
type estimate struct {
	mean, deviation time.Duration
	count           uint32
	at              time.Time
}

func (e *estimate) add(d time.Duration, now time.Time) {
	e.count++
	weight := max(gain, 1/float64(e.count))
	off := d - e.mean
	if e.count > 1 {
		e.deviation += time.Duration(weight * float64(off.Abs()-e.deviation))
	}
	e.mean += time.Duration(weight * float64(off))
	e.at = now
}

// expected is what it will take, by this measure: the mean and twice the
// deviation, between which and unknown it moves with time.
func (e *estimate) expected(now time.Time) time.Duration {
	if e.count == 0 {
		return unknown
	}
	seen := float64(e.mean + 2*e.deviation)
	return unknown + time.Duration((seen-float64(unknown))*left(now.Sub(e.at), forgetting))
}

// fading is a count that halves again and again.
type fading struct {
	n  float64
	at time.Time
}

func (f *fading) now(now time.Time, half time.Duration) float64 {
	return f.n * left(now.Sub(f.at), half)
}

func (f *fading) add(now time.Time, half time.Duration) {
	f.n, f.at = min(f.now(now, half)+1, most), now
}

// left is what remains of one after so long.
func left(age, half time.Duration) float64 {
	return math.Exp2(-max(age, 0).Seconds() / half.Seconds())
}

// Table is what this client has seen.
type Table struct {
	mu       sync.Mutex
	gateways map[key.GatewayHash]*gateway // guarded by mu
}

// New makes an empty Table.
func New() *Table { return &Table{gateways: map[key.GatewayHash]*gateway{}} }

// Took notes that something took a gateway so long. Trouble of the lighter kinds
// is forgiven by half: what works again is used again.
func (t *Table) Took(g key.GatewayHash, k Kind, d time.Duration, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if k >= kinds {
		return
	}
	x := t.of(g, now)
	x.took[k].add(max(d, 0), now)
	if k != Connect {
		for _, light := range []Trouble{Refused, Unreachable, Silent} {
			x.wrong[light].n /= 2
		}
	}
}

// Trouble notes something that a gateway did wrong.
func (t *Table) Trouble(g key.GatewayHash, what Trouble, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if what < troubles {
		t.of(g, now).wrong[what].add(now, halfLife[what])
	}
}

// of is the gateway's entry; when the table is full the one that was unused for
// longest goes.
func (t *Table) of(g key.GatewayHash, now time.Time) *gateway {
	x := t.gateways[g]
	if x == nil {
		if len(t.gateways) >= maxGateways {
			t.forgetOldest()
		}
		x = &gateway{}
		t.gateways[g] = x
	}
	x.used = now
	return x
}

func (t *Table) forgetOldest() {
	var oldest key.GatewayHash
	var at time.Time
	for g, x := range t.gateways {
		if at.IsZero() || x.used.Before(at) {
			oldest, at = g, x.used
		}
	}
	delete(t.gateways, oldest)
}

// Summary is what is shown of a gateway.
type Summary struct {
	// Connect, Custody and Forward are the expected times; 0: never measured.
	Connect, Custody, Forward time.Duration
	// Refused, Unreachable, Silent and Lied are how often that happened of late: an
	// event counts 1 when it is new and half an hour or, a lie, a week later.
	Refused, Unreachable, Silent, Lied float64
	// Points sum it up: 100 is best, 50 is half a second of expected waiting, 0 is
	// useless.
	Points int
}

// Summary is what was seen of a gateway.
func (t *Table) Summary(g key.GatewayHash, now time.Time) (s Summary) {
	t.mu.Lock()
	defer t.mu.Unlock()
	x := t.gateways[g]
	if x == nil {
		x = &gateway{}
	}
	for k, to := range map[Kind]*time.Duration{Connect: &s.Connect, Custody: &s.Custody, Forward: &s.Forward} {
		if x.took[k].count > 0 {
			*to = x.took[k].mean
		}
	}
	for what, to := range map[Trouble]*float64{Refused: &s.Refused, Unreachable: &s.Unreachable, Silent: &s.Silent, Lied: &s.Lied} {
		*to = x.wrong[what].now(now, halfLife[what])
	}
	waiting := (x.cost(Connect, now) + x.cost(Custody, now)) / 2
	s.Points = int(math.Round(100 / (1 + waiting.Seconds()/0.5)))
	return s
}

// Cost is how long the gateway is expected to keep one waiting, troubles included.
func (t *Table) Cost(g key.GatewayHash, k Kind, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.cost(g, k, now)
}

func (t *Table) cost(g key.GatewayHash, k Kind, now time.Time) time.Duration {
	x := t.gateways[g]
	if x == nil || k >= kinds {
		return unknown
	}
	return x.cost(k, now)
}

func (x *gateway) cost(k Kind, now time.Time) time.Duration {
	cost := x.took[k].expected(now)
	for what := range x.wrong {
		cost += time.Duration(x.wrong[what].now(now, halfLife[what]) * float64(price[what]))
	}
	return cost
}

// Order sorts gateways by their cost, the cheapest first: the order in which homes,
// or the leases of a recipient, are submitted to.
func (t *Table) Order(gateways []key.GatewayHash, k Kind, now time.Time) []key.GatewayHash {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := slices.Clone(gateways)
	slices.SortStableFunc(out, func(a, b key.GatewayHash) int { return cmp.Compare(t.cost(a, k, now), t.cost(b, k, now)) })
	return out
}

// Row is what a Table knows of one gateway, for keeping it between two runs.
type Row struct {
	Gateway key.GatewayHash
	Used    time.Time
	Took    [kinds]Measured
	Wrong   [troubles]Counted
}

// Measured is an estimate of a Row.
type Measured struct {
	Mean, Deviation time.Duration
	Count           uint32
	At              time.Time
}

// Counted is a fading count of a Row.
type Counted struct {
	N  float64
	At time.Time
}

// Rows is the whole table, by gateway.
func (t *Table) Rows() (rows []Row) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for g, x := range t.gateways {
		r := Row{Gateway: g, Used: x.used}
		for k, e := range x.took {
			r.Took[k] = Measured{e.mean, e.deviation, e.count, e.at}
		}
		for what, f := range x.wrong {
			r.Wrong[what] = Counted{f.n, f.at}
		}
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b Row) int { return bytes.Compare(a.Gateway[:], b.Gateway[:]) })
	return rows
}

// Restore takes a kept row in place of what is known of its gateway. Values that no
// Table gives are brought within bounds.
func (t *Table) Restore(r Row) {
	t.mu.Lock()
	defer t.mu.Unlock()
	x := t.of(r.Gateway, r.Used)
	for k, m := range r.Took {
		x.took[k] = estimate{max(m.Mean, 0), max(m.Deviation, 0), m.Count, m.At}
	}
	for what, c := range r.Wrong {
		if x.wrong[what] = (fading{}); c.N > 0 {
			x.wrong[what] = fading{min(c.N, most), c.At}
		}
	}
}
