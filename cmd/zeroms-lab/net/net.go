package netlab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"time"
)

// Config is what a run needs.
type Config struct {
	Gateways, Users int
	Lasts           time.Duration // of the chat
	Seed            uint64        // of homes, friends, letters and faults
	Pause           time.Duration // of a person between two letters, on average
	Program         string        // the path of zeroms-gateway
	Dir             string        // where the directory of the run is made; "": the system's for temporary files
	Named           bool          // cards name gateways: nobody has to be found by key
	Keep            bool          // leave that directory
	Isolated        bool          // in namespaces, in which this process stands already
	// Out takes the report, Told what happens meanwhile.
	Out, Told io.Writer
	JSON      bool

	script []fault // what goes wrong, in the place of what the seed draws
}

// Bounds of parts of a run.
const (
	setupWait  = 10 * time.Minute
	meetWait   = time.Minute     // until all gateways know each other, once they run
	settleWait = 2 * time.Minute // after the last fault, until everything has arrived
	toldWait   = time.Minute     // then, until all contacts of those who moved know it
	atOnce     = 6               // people who are made at once
	mostKnown  = 40              // gateways keep the nearest so many whatever else they know
)

// network is a run: gateways, people and what they wrote.
type network struct {
	// static
	config   Config
	dir      string
	began    time.Time
	space    *space // nil: on loopback
	gateways []*gateway
	people   []*person
	ledger   *ledger
	partings partings

	mu sync.Mutex // of the narrator
}

// Run plays the run and writes its report. Error: what could not be done, or the bounds
// that were missed. However it returns, no gateway is left running.
func Run(ctx context.Context, c Config) (err error) {
	dir, err := os.MkdirTemp(c.Dir, "zeroms-net-")
	if err != nil {
		return fmt.Errorf("no directory can be made for the run; name another place with --dir: %w", err)
	}
	n := &network{config: c, dir: dir, began: time.Now(), ledger: newLedger()}
	defer func() {
		if c.Keep {
			fmt.Fprintf(c.Told, "kept: %s\n", dir)
			return
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	defer func() { err = errors.Join(err, n.close()) }()
	setup, cancel := context.WithTimeoutCause(ctx, setupWait, fmt.Errorf("it took longer than %s", setupWait))
	defer cancel()
	if err := n.setUp(setup); err != nil {
		return fmt.Errorf("the network could not be set up: %w", err)
	}
	v, err := n.runChat(ctx)
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted; nothing of the run is left running")
	case err != nil:
		return err
	}
	if err := v.report(c.Out, c.JSON); err != nil {
		return err
	}
	return v.failure()
}

// say tells what happens now.
func (n *network) say(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	fmt.Fprintf(n.config.Told, "%7.2f s  %s\n", time.Since(n.began).Seconds(), fmt.Sprintf(format, args...))
}

// close ends everybody.
func (n *network) close() error {
	leaving := make([]func() error, len(n.people))
	for i, p := range n.people {
		leaving[i] = p.leave
	}
	err := runAll(len(leaving), leaving...)
	for _, g := range n.gateways {
		g.clear()
	}
	return err
}

// runAll does things, so many at once, and returns their errors.
func runAll(atOnce int, things ...func() error) error {
	turns := make(chan struct{}, max(atOnce, 1))
	failed := make([]error, len(things))
	var all sync.WaitGroup
	for i, do := range things {
		turns <- struct{}{}
		all.Go(func() {
			defer func() { <-turns }()
			failed[i] = do()
		})
	}
	all.Wait()
	return errors.Join(failed...)
}

func (n *network) setUp(ctx context.Context) error {
	if err := n.startGateways(ctx); err != nil {
		return err
	}
	if err := n.makePeople(ctx); err != nil {
		return err
	}
	return n.befriend(ctx)
}

// startGateways starts the first one alone, which all others join the network by.
func (n *network) startGateways(ctx context.Context) error {
	where := "on loopback: one that is cut off is stopped (SIGSTOP), and there are no splits"
	if n.config.Isolated {
		where = "in network namespaces of their own"
		var err error
		if n.space, err = newSpace(ctx, n.config.Gateways); err != nil {
			return err
		}
	}
	for number := range n.config.Gateways {
		n.gateways = append(n.gateways, newGateway(number, n.dir, n.config.Program, n.space))
	}
	if err := n.gateways[0].start(ctx, nil); err != nil {
		return err
	}
	var starts []func() error
	for _, g := range n.gateways[1:] {
		starts = append(starts, func() error { return g.start(ctx, n.joinable(g.number)) })
	}
	if err := runAll(atOnce, starts...); err != nil {
		return err
	}
	n.say("%d gateways run, %s.", len(n.gateways), where)
	return n.meet(ctx)
}

// meet waits until the gateways are one network: each knows all others, of which it was
// told three at most. Error: that they are not, after meetWait.
func (n *network) meet(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, meetWait, fmt.Errorf("waited for %s", meetWait))
	defer cancel()
	began, others := time.Now(), min(len(n.gateways)-1, mostKnown)
	var meetings []func() error
	for _, g := range n.gateways {
		meetings = append(meetings, func() error { return g.meet(ctx, others) })
	}
	if err := runAll(atOnce, meetings...); err != nil {
		return fmt.Errorf("the gateways are no network: %w", err)
	}
	n.say("Each knows %d others, %d ms later.", others, time.Since(began).Milliseconds())
	return nil
}

// joinable are addresses by which a gateway joins the network.
func (n *network) joinable(number int) (out []string) {
	for i := range min(3, len(n.gateways)) {
		if i == number {
			continue
		}
		if text, _ := n.gateways[i].whereabouts(); text != "" {
			out = append(out, text)
		}
	}
	return out
}

// homesOf is how many homes a person has, if there are so many gateways.
func homesOf(number int) int { return 1 + number%2 }

// makePeople gives everybody a home, and every second person another one.
func (n *network) makePeople(ctx context.Context) error {
	random := rand.New(rand.NewPCG(n.config.Seed, 0x686f6d65))
	n.people = make([]*person, 0, n.config.Users)
	var mu sync.Mutex
	var make []func() error
	for number := range n.config.Users {
		homes := []int{number % n.config.Gateways}
		if homesOf(number) > 1 && n.config.Gateways > 1 {
			homes = append(homes, (homes[0]+1+random.IntN(n.config.Gateways-1))%n.config.Gateways)
		}
		make = append(make, func() error {
			p, err := n.newPerson(ctx, number, homes)
			if err != nil {
				return err
			}
			mu.Lock()
			n.people = append(n.people, p)
			mu.Unlock()
			return p.settle(ctx, n.gateways)
		})
	}
	err := runAll(atOnce, make...)
	slices.SortFunc(n.people, func(a, b *person) int { return a.number - b.number })
	if err == nil {
		n.say("%d people have their homes: %d have one, %d two.", n.config.Users, (n.config.Users+1)/2, n.config.Users/2)
	}
	return err
}

// befriend has everybody exchange cards with the next one and with somebody else, and
// write a first letter to each.
func (n *network) befriend(ctx context.Context) error {
	random := rand.New(rand.NewPCG(n.config.Seed, 0x70616972))
	count := len(n.people)
	pairs := map[[2]int]bool{}
	for i := range count {
		for _, j := range []int{(i + 1) % count, (i + 1 + random.IntN(count-1)) % count} {
			pairs[[2]int{min(i, j), max(i, j)}] = true
		}
	}
	befriending := 0
	for i := range count {
		for j := i + 1; j < count; j++ {
			if !pairs[[2]int{i, j}] {
				continue
			}
			befriending++
			a, b := n.people[i], n.people[j]
			err := errors.Join(a.meets(ctx, b, n.config.Named), b.meets(ctx, a, n.config.Named))
			if err == nil {
				err = errors.Join(a.writes(ctx, j, 0), b.writes(ctx, i, 0))
			}
			if err != nil {
				return err
			}
		}
	}
	if err := n.ledger.await(ctx); err != nil {
		return fmt.Errorf("the first letters: %w", err)
	}
	which := "that name no gateway"
	if n.config.Named {
		which = "that name gateways"
	}
	n.say("%d pairs have exchanged cards %s, and first letters.", befriending, which)
	return nil
}

// runChat lets everybody write while faults happen, waits until everything has arrived and
// looks what that was.
func (n *network) runChat(ctx context.Context) (*verdict, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	began := time.Now()
	faults := n.config.script
	if faults == nil {
		faults = schedule(n.config)
	}
	var writing sync.WaitGroup
	for _, p := range n.people {
		writing.Go(func() {
			if err := n.runWriter(ctx, p, began.Add(n.config.Lasts)); err != nil {
				cancel(err)
			}
		})
	}
	outages, err := n.runFaults(ctx, began, faults)
	if err != nil {
		cancel(err)
	}
	writing.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	for _, g := range n.gateways {
		if err := g.health(); err != nil {
			return nil, err
		}
	}
	n.say("Nobody writes any more; what is under way may still arrive.")
	settling, done := context.WithTimeoutCause(ctx, settleWait, fmt.Errorf("waited for %s", settleWait))
	defer done()
	if err := n.ledger.await(settling); err != nil && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err := errors.Join(n.meet(ctx), n.tell(ctx, outages)); err != nil {
		return nil, err
	}
	return n.judge(ctx, began, outages)
}

// tell has everybody who moved write once more to all friends, whose answers say that
// they know, and waits until they do.
func (n *network) tell(ctx context.Context, outages []outage) error {
	var moved []*person
	for _, o := range outages {
		if o.kind == moves {
			moved = append(moved, n.people[o.person])
		}
	}
	for _, p := range moved {
		for other := range p.friends {
			if err := p.writes(ctx, other, 0); err != nil {
				return err
			}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, toldWait)
	defer cancel()
	_ = n.ledger.await(ctx) // the verdict counts what is missing
	for _, p := range moved {
		for {
			known, err := p.announced(ctx)
			if ctx.Err() != nil {
				return nil // the verdict counts those who are not known
			} else if err != nil {
				return err
			} else if known > 0 || !sleep(ctx, 50*time.Millisecond) {
				break
			}
		}
	}
	return nil
}

// runWriter has a person write letters to friends, of all sizes, until the end.
func (n *network) runWriter(ctx context.Context, p *person, end time.Time) error {
	random := rand.New(rand.NewPCG(n.config.Seed, uint64(p.number)))
	var friends []int
	for who := range p.friends {
		friends = append(friends, who)
	}
	slices.Sort(friends)
	for {
		pause := time.Duration(random.ExpFloat64() * float64(n.config.Pause))
		if time.Until(end) < pause || !sleep(ctx, pause) {
			return nil
		}
		size := 40 + random.IntN(200)
		if random.IntN(20) == 0 {
			size = 2000 + random.IntN(8000)
		}
		if err := p.writes(ctx, friends[random.IntN(len(friends))], size); err != nil {
			return err
		}
	}
}
