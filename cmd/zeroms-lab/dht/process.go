package dht

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"zeroms/cmd/zeroms-lab/dht/sim"
	"zeroms/gateway/dht"
	"zeroms/protocol/wire"
)

// process is gateways of this process: the goroutines of dht.Service, requests and
// answers as frames in memory, the true clock, and every signature checked.
type process struct {
	hosts    []*sim.Host
	services []*dht.Service
	at       map[netip.AddrPort]int
	lib      *library
	began    time.Time
}

// memory carries requests from one gateway to the others.
type memory struct {
	*process
	from dht.Caller
}

// Ask implements dht.Transport.
func (m memory) Ask(ctx context.Context, to wire.Contact, request wire.Payload) (wire.Payload, error) {
	i, ok := m.at[to.Addr]
	if !ok || m.hosts[i].Contact.Node != to.Node {
		return nil, wire.ErrUnreachable
	}
	if _, reach := request.(*wire.Reach); reach {
		return &wire.OK{}, nil
	}
	request, err := again(request)
	if err != nil {
		return nil, err
	}
	answer := m.services[i].Serve(ctx, m.from, request)
	if answer == nil {
		return nil, wire.ErrUnreachable
	}
	return again(answer)
}

// again is a payload as it comes out of its frame.
func again(p wire.Payload) (wire.Payload, error) {
	f, rest, err := wire.NextFrame(wire.AppendFrame(nil, 1000, p))
	if err != nil || len(rest) > 0 {
		return nil, wire.ErrMalformed
	}
	var out wire.Payload
	switch p.(type) {
	case *wire.Ping:
		out = &wire.Ping{}
	case *wire.Pong:
		out = &wire.Pong{}
	case *wire.FindNode:
		out = &wire.FindNode{}
	case *wire.Nodes:
		out = &wire.Nodes{}
	case *wire.FindValue:
		out = &wire.FindValue{}
	case *wire.Value:
		out = &wire.Value{}
	case *wire.Store:
		out = &wire.Store{}
	case *wire.Stored:
		out = &wire.Stored{}
	case *wire.Failure:
		out = &wire.Failure{}
	case *wire.OK:
		out = &wire.OK{}
	default:
		return nil, wire.ErrUnexpected
	}
	return out, f.Decode(out)
}

// newProcess makes gateways that do not run yet.
func newProcess(nodes, keys int, seed uint64) (*process, error) {
	p := &process{at: map[netip.AddrPort]int{}, began: time.Now()}
	var err error
	if p.lib, err = newLibrary(keys, 1, seed, p.began); err != nil {
		return nil, err
	}
	w := sim.NewWorld(sim.Model{}, seed, p.began)
	for i := range nodes {
		h := w.Add(w.Draw())
		p.at[h.Contact.Addr] = i
		p.hosts = append(p.hosts, h)
	}
	p.services = make([]*dht.Service, nodes)
	timing := dht.Timing{}.Default()
	timing.Introduce = 5 * time.Millisecond // they meet in seconds, not in minutes
	for i, h := range p.hosts {
		node, err := dht.New(dht.Config{
			Self: h.Contact, Params: sim.Network(), Timing: timing, Limits: unlimited(),
			Rand: rand.New(rand.NewPCG(seed, uint64(i))),
		})
		if err != nil {
			return nil, err
		}
		p.services[i] = dht.NewService(node, memory{p, dht.Caller{Contact: h.Contact, Source: h.Source}}, slog.New(slog.DiscardHandler))
	}
	return p, nil
}

// unlimited are the default limits without rates: one process asks itself far more
// often than gateways ask each other.
func unlimited() dht.Limits {
	l := dht.Limits{}.Default()
	l.PeerRate, l.PeerBurst, l.SourceRate, l.SourceBurst = 1<<30, 1<<30, 1<<30, 1<<30
	return l
}

// runWith runs the gateways while work works.
func (p *process) runWith(ctx context.Context, work func(context.Context) error) error {
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	for _, s := range p.services {
		running.Go(func() { s.Run(ctx) })
	}
	err := work(ctx)
	stop()
	running.Wait()
	return err
}

// join brings the gateways together, twice, as the first ones met nobody, and stores
// the records.
func (p *process) join(ctx context.Context) error {
	for round := range 2 {
		for i, s := range p.services {
			there := len(p.services)
			if round == 0 {
				there = i
			}
			var known []wire.Contact
			for j := range min(there, 3) {
				known = append(known, p.hosts[(i*7+j)%there].Contact)
			}
			if err := s.Join(ctx, known); err != nil {
				return err
			}
		}
	}
	if err := p.settle(ctx); err != nil {
		return err
	}
	for i, r := range p.lib.records {
		if _, err := p.services[i%len(p.services)].Put(ctx, dht.Put{Items: []wire.StoreItem{r.item(0)}}); err != nil {
			return fmt.Errorf("record %d can't be stored: %w", i, err)
		}
	}
	return nil
}

// settleAtMost is how long gateways of one process may take to find each other.
const settleAtMost = time.Minute

// settle waits until every gateway knows enough others to find any place.
func (p *process) settle(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, settleAtMost)
	defer stop()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for _, s := range p.services {
		for {
			state, err := s.Stats(ctx)
			if err != nil {
				return err
			}
			if state.Serving && state.Table >= min(len(p.services)-1, dht.Siblings) {
				break
			}
			select {
			case <-ctx.Done():
				return errors.New("the gateways of one process did not find each other")
			case <-look.C:
			}
		}
	}
	return nil
}

// pace is how many lookups a second there were by the clock, and the share of the
// processors that others took meanwhile.
type pace struct{ perSecond, others float64 }

// runPaces has lookups go on several times and returns the fastest, as others on the
// computer only make it slower: leastPaces, and up to mostPaces while it is below
// enough; once, if nothing is aimed at. tried is how many there were.
func (p *process) runPaces(ctx context.Context, enough float64) (best pace, tried int, err error) {
	for tried == 0 || enough > 0 && (tried < leastPaces || tried < mostPaces && best.perSecond < enough) {
		tried++
		one, err := p.runLookups(ctx, lookupsAt, lookupsFor)
		if err != nil {
			return best, tried, err
		}
		if one.perSecond > best.perSecond {
			best = one
		}
	}
	return best, tried, nil
}

// runLookups gets records from everywhere for a while.
func (p *process) runLookups(ctx context.Context, at int, during time.Duration) (pace, error) {
	var done, wrong atomic.Int64
	start, before := time.Now(), cpuOfOthers()
	var workers sync.WaitGroup
	for w := range at {
		workers.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 1))
			for time.Since(start) < during && ctx.Err() == nil {
				record := p.lib.records[r.IntN(len(p.lib.records))]
				got, err := p.services[r.IntN(len(p.services))].Get(ctx, dht.Get{Name: record.name, Day: record.day})
				if err != nil || string(got.Item.Record) != string(record.versions[0]) {
					wrong.Add(1)
					continue
				}
				done.Add(1)
			}
		})
	}
	workers.Wait()
	took := time.Since(start)
	if n := wrong.Load(); n > 0 {
		return pace{}, fmt.Errorf("%d of %d lookups in one process found nothing", n, n+done.Load())
	}
	others := (cpuOfOthers() - before).Seconds() / took.Seconds() / float64(runtime.NumCPU())
	return pace{float64(done.Load()) / took.Seconds(), max(0, others)}, ctx.Err()
}

// Sizes of the measurement in one process.
const (
	processNodes = 100
	processKeys  = 500
	lookupsAt    = 16
	lookupsFor   = 2 * time.Second
	leastPaces   = 3
	mostPaces    = 10
)

// paceAim is the pace of lookups to reach; 0: whatever it is.
func (s Scenario) paceAim() float64 {
	if s.AnyPace {
		return 0
	}
	return paceBound.at[0]
}

// measureProcess is the row of gateways in one process, and what is to be said of it.
func measureProcess(ctx context.Context, s Scenario) (Row, []string, error) {
	var rate pace
	tried := 0
	p, err := newProcess(processNodes, processKeys, s.Seed)
	if err == nil {
		err = p.runWith(ctx, func(ctx context.Context) error {
			if err := p.join(ctx); err != nil {
				return err
			}
			rate, tried, err = p.runPaces(ctx, s.paceAim())
			return err
		})
	}
	if err != nil {
		return Row{}, nil, err
	}
	size, err := measureMemory(ctx, s.Seed)
	lines := []string{
		fmt.Sprintf("lookups a second are by the clock, the best of %d runs of %v; meanwhile others took %.0f %% of the processors", tried, lookupsFor, 100*rate.others),
		fmt.Sprintf("a table of a network of %d gateways takes %d bytes, with everything of the DHT but records", memoryNetwork, size),
	}
	return Row{
		Nodes: processNodes, Algorithm: ours, Keys: processKeys,
		LookupsPerS: round(rate.perSecond, 0), BytesPerNode: &size,
	}, lines, err
}

// Sizes of the measurement of memory: so many gateways, with the tables that they
// have in a network of so many.
const (
	memoryNodes   = 200
	memoryNetwork = 100_000
)

// measureMemory is the heap and the stacks of a running gateway's DHT that holds no
// records: its table is that of a large network.
func measureMemory(ctx context.Context, seed uint64) (int, error) {
	w := sim.NewWorld(sim.Model{}, seed, time.Now())
	var index sim.Index[*sim.Host]
	for range memoryNetwork {
		h := w.Draw()
		index = append(index, sim.Placed[*sim.Host]{ID: h.ID, Of: h})
	}
	index = sim.NewIndex(index)
	before := memoryInUse()
	p := &process{at: map[netip.AddrPort]int{}}
	r := rand.New(rand.NewPCG(seed, 2))
	for i := range memoryNodes {
		h := index[i*len(index)/memoryNodes].Of
		timing := dht.Timing{}.Default()
		timing.Young, timing.Healthy, timing.Walk, timing.Self, timing.Introduce = 0, 0, 0, 0, 0
		node, err := dht.New(dht.Config{Self: h.Contact, Params: sim.Network(), Timing: timing})
		if err != nil {
			return 0, err
		}
		index.Offers(h.ID, r, func(other *sim.Host) {
			if other != h {
				node.Adopt(time.Now(), other.Contact, 100*time.Millisecond)
			}
		})
		p.services = append(p.services, dht.NewService(node, memory{process: p}, slog.New(slog.DiscardHandler)))
	}
	size := 0
	err := p.runWith(ctx, func(ctx context.Context) error {
		for _, s := range p.services {
			if _, err := s.Stats(ctx); err != nil { // it runs
				return err
			}
		}
		size = int((memoryInUse() - before) / memoryNodes)
		return nil
	})
	runtime.KeepAlive(index)
	return size, err
}

// memoryInUse is what is live on the heap, and the stacks.
func memoryInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}
