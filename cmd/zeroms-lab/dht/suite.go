package dht

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"zeroms/cmd/zeroms-lab/dht/sim"
	"zeroms/protocol/wire"
)

// job is one measurement.
type job struct {
	name string
	run  func(context.Context) (result, error)
	// alone: it is timed by the true clock, so nothing runs beside it.
	alone bool
	// beside: it has no bound, and stands beside those that have one.
	beside bool
}

// ending is how a job ended.
type ending struct {
	result
	err error
}

// runJobs runs jobs side by side, as many as there are processors, the first ones
// first, and those that run alone before all others. Each channel gets one ending.
func runJobs(ctx context.Context, jobs []job) []chan ending {
	ended, next := make([]chan ending, len(jobs)), make(chan int, len(jobs))
	for i, j := range jobs {
		if ended[i] = make(chan ending, 1); j.alone {
			next <- i
		}
	}
	alone := len(next)
	for i, j := range jobs {
		if !j.alone {
			next <- i
		}
	}
	close(next)
	one := func(i int) {
		r, err := result{}, ctx.Err()
		if err == nil {
			r, err = jobs[i].run(ctx)
		}
		ended[i] <- ending{r, err}
	}
	go func() {
		for range alone {
			one(<-next)
		}
		for range runtime.GOMAXPROCS(0) {
			go func() {
				for i := range next {
					one(i)
				}
			}()
		}
	}()
	return ended
}

// result is what a job found: a row, what else there is to say, and the bounds
// that were missed.
type result struct {
	row    *Row
	lines  []string
	missed []string
}

// failuresShown is how many failed gets are named.
const failuresShown = 20

// scenarioJob measures one scenario.
func scenarioJob(s Scenario) job {
	return job{name: s.String(), run: func(ctx context.Context) (result, error) {
		start := time.Now()
		o, err := s.run(ctx)
		if err != nil {
			return result{}, err
		}
		row := s.row(o)
		r := result{row: &row, lines: o.lines, missed: append(s.check(&row), o.wrong...)}
		r.lines = append(r.lines, s.failures(o)...)
		if len(s.bounds()) == 0 {
			r.lines = append(r.lines, "this row has no bound")
		}
		r.lines = append(r.lines, fmt.Sprintf("(%.1f s)", time.Since(start).Seconds()))
		return r, nil
	}}
}

// failures names the gets that did not bring the record.
func (s Scenario) failures(o *outcome) (lines []string) {
	failed := 0
	for _, g := range o.gets {
		if g.right {
			continue
		}
		if failed++; failed <= failuresShown {
			what := "brought a former version"
			if g.Err != nil {
				what = said(g.Err)
			}
			lines = append(lines, fmt.Sprintf("get of record %d, after %d tries, %d requests to %d gateways: %s", g.key, g.Tries, g.Messages, g.Contacted, what))
		}
	}
	if len(o.gets) > 0 {
		lines = append(lines, fmt.Sprintf("%d of %d gets failed", failed, len(o.gets)))
	}
	return lines
}

// said is the short name of an error.
func said(err error) string {
	var e *wire.Error
	if errors.As(err, &e) {
		return wire.Lookup(e.Code).Name
	}
	return err.Error()
}

// suite is all rows with a bound for this number of gateways, and those that they
// are compared with.
func (s Scenario) suite() []job {
	s.Colluders, s.Stale, s.Leave, s.Sybils, s.Adversary = 0, 0, 0, 0, colluding
	s.Liveness, s.Classic, s.Model = false, false, sim.Default()
	s.Model.Loss = 0
	load, live, siege, lossy := s, s, s, s
	load.Colluders, load.Stale, load.Leave = 0.2, 0.3, 0.3
	live.Colluders, live.Leave, live.Liveness = 0.3, 0.3, true
	siege.Sybils, siege.Joined = 45, false
	lossy.Model.Loss = 0.01
	cold := lossy
	lossy.Model.Idle = -1
	jobs := []job{scenarioJob(s), scenarioJob(load), scenarioJob(live), scenarioJob(siege)}
	if s.Nodes <= joinAtMost {
		jobs = append(jobs, scenarioJob(lossy), beside(cold), s.idleJob())
	}
	if s.Nodes <= 1000 {
		jobs = append(jobs, processJob(s))
	}
	if s.Nodes > joinAtMost {
		jobs = append(jobs, s.bandwidthJob())
	}
	for _, other := range []Scenario{s, load} {
		other.Classic = true
		jobs = append(jobs, beside(other))
	}
	return jobs
}

// beside is a scenario that is measured for comparison only.
func beside(s Scenario) job {
	j := scenarioJob(s)
	return job{name: j.name, beside: true, run: func(ctx context.Context) (result, error) {
		r, err := j.run(ctx)
		r.missed = nil
		return r, err
	}}
}

// processJob is the row of gateways in one process.
func processJob(s Scenario) job {
	return job{name: "in one process", alone: true, run: func(ctx context.Context) (result, error) {
		row, lines, err := measureProcess(ctx, s)
		r := result{row: &row, lines: lines}
		for _, b := range processBounds {
			if figure := b.of(&row); figure != nil {
				if miss := b.missed(row.Nodes, *figure); miss != "" {
					r.missed = append(r.missed, miss)
				}
			}
		}
		return r, err
	}}
}
