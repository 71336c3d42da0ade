package netlab

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// kind is a kind of fault.
type kind string

// The kinds of faults.
const (
	killed kind = "kill"  // SIGKILL, and a start later
	drains kind = "drain" // SIGTERM, and a start later
	cutOff kind = "cut"   // nothing reaches the gateway or leaves it; without namespaces it is stopped
	halves kind = "split" // no gateway reaches one of the other half, people reach all
	moves  kind = "move"  // somebody with two homes drains one of them and takes another one
)

// fault is something that is to happen.
type fault struct {
	at, lasts time.Duration // since the beginning of the chat
	kind      kind
	gateways  []int // that it hits; of a split one half
	person    int   // who moves
}

// outage is a fault that happened.
type outage struct {
	fault
	began, ended time.Time // ended: when the gateways were ready again
}

// out reports whether a gateway was out.
func (o *outage) out(gateway int) bool {
	return (o.kind == killed || o.kind == drains || o.kind == cutOff) && slices.Contains(o.gateways, gateway)
}

// Times between and of faults.
const (
	firstFault  = 4 * time.Second
	quietEnd    = 8 * time.Second // before the end of the chat no fault begins
	leastPause  = 4 * time.Second
	mostPause   = 12 * time.Second
	leastOutage = 2 * time.Second
	mostOutage  = 12 * time.Second
	worstShare  = 3 // one gateway of so many is hit at once, or one
)

// schedule draws the faults of a run from its seed.
func schedule(c Config) []fault {
	random := rand.New(rand.NewPCG(c.Seed, 0x6e6574))
	deck := deckOf(c)
	movers := make([]int, 0, c.Users)
	for n := range c.Users {
		if homesOf(n) > 1 {
			movers = append(movers, n)
		}
	}
	shuffle(random, movers)
	busy := make([]time.Duration, c.Gateways) // until when a gateway is hit, with a pause behind
	var out []fault
	var left []kind // of the deck
	for at := firstFault; at < c.Lasts-quietEnd; at += leastPause + draw(random, mostPause-leastPause) {
		if len(left) == 0 {
			left = slices.Clone(deck)
			shuffle(random, left)
		}
		f := fault{at: at, lasts: leastOutage + draw(random, mostOutage-leastOutage), kind: left[0]}
		free := slices.DeleteFunc(numbers(c.Gateways), func(n int) bool { return busy[n] > at })
		switch {
		case f.kind == halves:
			f.gateways = random.Perm(c.Gateways)[:c.Gateways/2]
			slices.Sort(f.gateways)
		case f.kind == moves:
			f.lasts = 0
			if len(movers) == 0 {
				left = left[1:]
				continue
			}
			f.person, movers = movers[0], movers[1:]
		case c.Gateways-len(free) >= max(1, c.Gateways/worstShare):
			continue
		default:
			hit := free[random.IntN(len(free))]
			busy[hit] = at + f.lasts + mostPause
			f.gateways = []int{hit}
		}
		left, out = left[1:], append(out, f)
	}
	return out
}

// deckOf is one of each kind that a run can have.
func deckOf(c Config) []kind {
	deck := []kind{killed, drains, cutOff}
	if c.Isolated && c.Gateways > 1 {
		deck = append(deck, halves)
	}
	if c.Gateways > 2 {
		deck = append(deck, moves)
	}
	return deck
}

func numbers(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func shuffle[T any](random *rand.Rand, s []T) {
	random.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
}

func draw(random *rand.Rand, most time.Duration) time.Duration {
	return time.Duration(random.Int64N(int64(most) + 1)).Round(time.Millisecond)
}

// String tells what happens.
func (f fault) String() string {
	names := make([]string, len(f.gateways))
	for i, n := range f.gateways {
		names[i] = fmt.Sprint(n)
	}
	which := strings.Join(names, ", ")
	switch f.kind {
	case killed:
		return fmt.Sprintf("gateway %s is killed with -9", which)
	case drains:
		return fmt.Sprintf("gateway %s is told to drain and end", which)
	case cutOff:
		return fmt.Sprintf("gateway %s is cut off from everybody", which)
	case moves:
		return fmt.Sprintf("person %d drains a home and takes another one", f.person)
	}
	return fmt.Sprintf("gateways %s are parted from all others", which)
}

// runFaults makes the faults happen, each in its time, and waits for the end of all.
func (n *network) runFaults(ctx context.Context, began time.Time, faults []fault) ([]outage, error) {
	out := make([]outage, len(faults))
	failed := make([]error, len(faults))
	var all sync.WaitGroup
	for i, f := range faults {
		all.Go(func() {
			if !sleep(ctx, time.Until(began.Add(f.at))) {
				return
			}
			out[i] = outage{fault: f, began: time.Now()}
			failed[i] = n.happens(ctx, f)
			out[i].ended = time.Now()
		})
	}
	all.Wait()
	return slices.DeleteFunc(out, func(o outage) bool { return o.began.IsZero() }), errors.Join(failed...)
}

// happens is one fault, from its beginning to its end.
func (n *network) happens(ctx context.Context, f fault) error {
	if f.kind == moves {
		n.say("%s.", first(f.String()))
		return n.people[f.person].moves(ctx, n.gateways)
	}
	n.say("%s, for %.1f s.", first(f.String()), f.lasts.Seconds())
	if f.kind == halves {
		return n.parted(ctx, f)
	}
	g := n.gateways[f.gateways[0]]
	if f.kind == cutOff && n.space == nil {
		err := g.pause(true)
		sleep(ctx, f.lasts)
		return errors.Join(err, g.pause(false))
	}
	if f.kind == cutOff {
		return n.parted(ctx, f)
	}
	s := syscall.SIGKILL
	if f.kind == drains {
		s = syscall.SIGTERM
	}
	if err := g.end(ctx, s); err != nil {
		return err
	}
	sleep(ctx, f.lasts)
	if ctx.Err() != nil {
		return nil
	}
	if err := g.start(ctx, n.joinable(g.number)); err != nil {
		return err
	}
	n.say("Gateway %d runs again.", g.number)
	return nil
}

// parted loses packets between gateways for the time of a fault.
func (n *network) parted(ctx context.Context, f fault) (err error) {
	var pairs [][2]int
	for _, a := range f.gateways {
		for b := range n.gateways {
			if !slices.Contains(f.gateways, b) {
				pairs = append(pairs, [2]int{a, b})
			}
		}
		if f.kind == cutOff {
			pairs = append(pairs, [2]int{a, people})
		}
	}
	for _, p := range pairs {
		err = errors.Join(err, n.partings.begin(ctx, n.space, p))
	}
	sleep(ctx, f.lasts)
	for _, p := range pairs {
		err = errors.Join(err, n.partings.end(context.WithoutCancel(ctx), n.space, p))
	}
	return err
}

// partings counts the faults that part two, so that the last one that ends joins them.
type partings struct {
	mu   sync.Mutex
	many map[[2]int]int // guarded by mu
}

func (p *partings) begin(ctx context.Context, s *space, pair [2]int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.many == nil {
		p.many = map[[2]int]int{}
	}
	pair = ordered(pair)
	if p.many[pair]++; p.many[pair] > 1 {
		return nil
	}
	return s.part(ctx, pair[0], pair[1])
}

func (p *partings) end(ctx context.Context, s *space, pair [2]int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	pair = ordered(pair)
	if p.many[pair]--; p.many[pair] > 0 {
		return nil
	}
	return s.join(ctx, pair[0], pair[1])
}

func ordered(pair [2]int) [2]int { return [2]int{max(pair[0], pair[1]), min(pair[0], pair[1])} }

// first is a sentence with a capital letter.
func first(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// sleep waits; false if ctx ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
