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
	Unreachable                // no link came up, or it broke; part of an outage
	Silent                     // an answer did not come in its time; part of an outage
	Lied                       // something that no honest gateway sends: a wrong key, signature or receipt
	troubles
)

// What a trouble costs when it is new, when half of that is forgotten, and how many
// of a kind count at most.
var (
	price    = [troubles]time.Duration{Refused: 250 * time.Millisecond, Unreachable: time.Second, Silent: time.Second, Lied: time.Minute}
	halfLife = [troubles]time.Duration{Refused: time.Hour, Unreachable: time.Hour, Silent: time.Hour, Lied: 7 * 24 * time.Hour}
	most     = [troubles]float64{Refused: 8, Unreachable: 4, Silent: 4, Lied: 100}
)

const (
	// unknown is what is expected of a gateway that was never used: somewhat worse
	// than a usual one, so that good experience is preferred and bad is not.
	unknown = 250 * time.Millisecond
	// forgetting is when a measured time counts half, the other half being unknown.
	forgetting = 24 * time.Hour
	// gain is the weight of the newest of many measurements.
	gain = 0.2
	// forgiving is when half of an outage is forgotten once the gateway answers again.
	forgiving = 30 * time.Second
	// failing is what has to be left of an outage for the gateway to come last.
	failing = 0.25
	// maxGateways bounds the table.
	maxGateways = 4096
)

// gateway is what was seen of one.
type gateway struct {
	took  [kinds]estimate
	wrong [troubles]fading
	used  time.Time
	// out says that there is an outage: since a trouble of kind as nothing took the
	// gateway any time. All troubles of an outage are one.
	out bool
	as  Trouble
}

// estimate is a running mean and mean deviation.
type estimate struct {
	mean, deviation time.Duration
	count           uint32
	at              time.Time
}

// add takes a measurement, within bounds: a single one that is out of all proportion, as
// after a pause of this computer or of the network, says little.
func (e *estimate) add(d time.Duration, now time.Time) {
	if e.count > 0 {
		d = min(d, 4*e.mean+unknown)
	}
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

// wrongs is how much of a trouble is remembered.
func (x *gateway) wrongs(what Trouble, now time.Time) float64 {
	half := halfLife[what]
	if outage(what) && !x.out {
		half = forgiving
	}
	return x.wrong[what].now(now, half)
}

// outage reports whether a trouble is one that lasts until the gateway answers.
func outage(what Trouble) bool { return what == Unreachable || what == Silent }

// trouble notes a trouble. One more of an outage only keeps that fresh.
func (x *gateway) trouble(what Trouble, now time.Time) {
	f, more := &x.wrong[what], 1.0
	if outage(what) && x.out {
		f, more = &x.wrong[x.as], 0
		what = x.as
	}
	f.n, f.at = min(max(x.wrongs(what, now)+more, 1), most[what]), now
	if outage(what) {
		x.out, x.as = true, what
	}
}

// back ends an outage: from now on it is forgotten soon.
func (x *gateway) back(now time.Time) {
	if !x.out {
		return
	}
	for _, what := range []Trouble{Unreachable, Silent} {
		x.wrong[what] = fading{x.wrongs(what, now), now}
	}
	x.out = false
}

// failing reports whether nothing came of the gateway since its last trouble, which
// was not long ago.
func (x *gateway) failing(now time.Time) bool { return x.out && x.wrongs(x.as, now) >= failing }

// Took notes that something took a gateway so long, which ends an outage. Trouble of
// the lighter kinds is forgiven by half: what works again is used again.
func (t *Table) Took(g key.GatewayHash, k Kind, d time.Duration, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if k >= kinds {
		return
	}
	x := t.of(g, now)
	x.back(now)
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
		t.of(g, now).trouble(what, now)
	}
}

// Back notes that a gateway answers again, though not how long that took it.
func (t *Table) Back(g key.GatewayHash, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if x := t.gateways[g]; x != nil {
		x.back(now)
	}
}

// Answered is when a gateway last did something for which it was waited; zero: never.
func (t *Table) Answered(g key.GatewayHash) (at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if x := t.gateways[g]; x != nil {
		for _, e := range x.took {
			if e.at.After(at) {
				at = e.at
			}
		}
	}
	return at
}

// Failing reports whether a gateway could not be reached, or was silent, and has not
// answered since; for two hours, then it is worth another try.
func (t *Table) Failing(g key.GatewayHash, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failing(g, now)
}

func (t *Table) failing(g key.GatewayHash, now time.Time) bool {
	x := t.gateways[g]
	return x != nil && x.failing(now)
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
	// Refused, Unreachable, Silent and Lied are how often that happened of late: a
	// refusal counts 1 when it is new and half an hour later, a lie half a week later,
	// an outage half 30 seconds after its end.
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
		*to = x.wrongs(what, now)
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
	for what := range troubles {
		cost += time.Duration(x.wrongs(what, now) * float64(price[what]))
	}
	return cost
}

// Order sorts gateways by their cost, the cheapest first and those that are failing
// behind all others: the order in which the leases of a recipient are submitted to.
func (t *Table) Order(gateways []key.GatewayHash, k Kind, now time.Time) []key.GatewayHash {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := slices.Clone(gateways)
	slices.SortStableFunc(out, func(a, b key.GatewayHash) int {
		switch x, y := t.failing(a, now), t.failing(b, now); {
		case x && !y:
			return 1
		case y && !x:
			return -1
		}
		return cmp.Compare(t.cost(a, k, now), t.cost(b, k, now))
	})
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
	var answered time.Time
	for k, m := range r.Took {
		if m.At.After(answered) {
			answered = m.At
		}
		x.took[k] = estimate{max(m.Mean, 0), max(m.Deviation, 0), m.Count, m.At}
	}
	x.out = false
	for n, c := range r.Wrong {
		what := Trouble(n)
		if x.wrong[what] = (fading{}); c.N > 0 {
			x.wrong[what] = fading{min(c.N, most[what]), c.At}
		}
		if outage(what) && c.N > 0 && c.At.After(answered) {
			x.out, x.as, answered = true, what, c.At
		}
	}
}
