package network

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"time"

	"zeroms/cmd/zeroms-lab/bench/fellow"
	"zeroms/cmd/zeroms-lab/bench/fill"
	"zeroms/cmd/zeroms-lab/bench/load"
	"zeroms/cmd/zeroms-lab/bench/member"
	"zeroms/cmd/zeroms-lab/bench/meter"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Names of what is in a gateway's directory (docs/operations.md).
const (
	databaseFile = "mailbox.db"
	networkFile  = "network.json"
)

// Waiting of memory.
const (
	tableWait  = 5 * time.Minute        // for the table to be full
	tableLull  = 30 * time.Second       // the same, if nobody was added for so long and nearly all are there
	calmTime   = time.Minute            // until links that nobody uses have ended
	watchTime  = 10 * time.Second       // then
	sampleTick = 200 * time.Millisecond // between two looks at the memory
	comeTick   = time.Second            // between two requests of others
	meetTick   = 200 * time.Millisecond // the same, until they are known
	linksIn    = 20                     // as gateways keep such links for 20 s
	bucket     = 20                     // contacts that a bucket of the table takes
)

// stand starts a gateway, which gets a key and a place, ends it, and returns it
// with its place among others.
func (t *town) stand(ctx context.Context, name string) (*house, key.NodeID, error) {
	h, err := t.start(ctx, name)
	if err != nil {
		return nil, key.NodeID{}, err
	}
	h.process.Stop()
	b, err := os.ReadFile(filepath.Join(h.dir, networkFile))
	if err != nil {
		return nil, key.NodeID{}, err
	}
	var kept struct {
		X uint64 `json:"x"`
	}
	if err := json.Unmarshal(b, &kept); err != nil {
		return nil, key.NodeID{}, fmt.Errorf("%s: %w", networkFile, err)
	}
	return h, key.NodeIDOf(h.place(), kept.X), nil
}

// again starts a gateway once more, told of another one.
func (t *town) again(ctx context.Context, h *house, join string) error {
	cmd := exec.Command(t.config.program, "run", "--data", h.dir, "--listen", "127.0.0.1:0", "--network", "lab", "--join", join)
	cmd.Env = os.Environ()
	return h.run(ctx, cmd)
}

// neighbours makes n light gateways that fill the buckets of a table, the far ones
// first, as in a network of n/20 doublings; they serve until the world ends.
func neighbours(w *load.World, h *house, id key.NodeID, n int) ([]*fellow.Fellow, error) {
	s, err := fellow.NewStreet(h.place().Network)
	if err != nil {
		return nil, err
	}
	all := make([]*fellow.Fellow, n)
	err = w.Each(n, func(i int) (err error) {
		if all[i], err = s.Move(id, i/bucket); err == nil {
			w.Host(all[i].Serve)
		}
		return err
	})
	return all, err
}

// address is the light gateway's as operators name one.
func (h *house) joins(f *fellow.Fellow) (string, error) {
	a := h.gateway.Address
	a.Node, a.Port = f.Contact.Node, f.Contact.Addr.Port()
	return a.Text()
}

// memory measures what a gateway takes that has many users and gets to know many
// others.
func (c *config) memory(ctx context.Context) error {
	return c.withTown(ctx, 0, func(t *town, w *load.World) error {
		h, id, err := t.stand(w.Context, "1")
		if err != nil {
			return err
		}
		accounts, err := fill.Accounts(w.Context, filepath.Join(h.dir, databaseFile), h.gateway.Address.Node, c.users, 1)
		if err != nil {
			return err
		}
		all, err := neighbours(w, h, id, c.contacts)
		if err != nil {
			return err
		}
		join, err := h.joins(all[0])
		if err != nil {
			return err
		}
		if err := t.again(w.Context, h, join); err != nil {
			return err
		}
		t.houses = append(t.houses, h)
		m := &memory{config: c, w: w, house: h}
		if err := m.look(); err != nil {
			return err
		}
		began := m.most
		if err := m.login(accounts); err != nil {
			return err
		}
		users := m.most
		w.Host(func(ctx context.Context) error { return m.callIn(ctx, all) })
		if err := errors.Join(m.meet(len(all)), m.watch()); err != nil {
			return err
		}
		return m.report(began, users)
	})
}

// memory is a gateway whose memory is watched.
type memory struct {
	config *config
	w      *load.World
	house  *house
	most   int // KiB, resident
	last   int
	calm   int // the most of the last while
	links  int // to others, that were open at most
	table  int
	in     atomic.Int64 // links of others that are open
	met    atomic.Bool  // the table is full
}

// look notes the memory of now, and what is open to others.
func (m *memory) look() error {
	now, err := meter.MemoryOf(m.house.process.PID)
	if err != nil {
		return err
	}
	m.last, m.most, m.calm = now.RSS, max(m.most, now.RSS), max(m.calm, now.RSS)
	o, err := m.house.stats(m.w.Context)
	if err != nil {
		return err
	}
	m.links, m.table = max(m.links, o.Links.Links), o.DHT.Table
	return nil
}

// callIn has the light gateways ask the one that is measured in turn, over links
// that they close when they were not used for as long as gateways keep such: one each
// second, and faster until all are known, with links that last shorter in turn.
func (m *memory) callIn(ctx context.Context, all []*fellow.Fellow) error {
	to := m.house.endpoint()
	var open []*fellow.Call
	defer func() {
		for _, c := range open {
			c.Close()
		}
	}()
	for i := 0; ; i++ {
		from := all[i%len(all)]
		c, err := from.Dial(ctx, to, true)
		if err != nil {
			return err
		}
		a, err := from.Greet(ctx, c, &wire.Ping{}, &wire.Pong{})
		open = append(open, a)
		if err != nil {
			return err
		}
		if len(open) > linksIn {
			open[0].Close()
			open = open[1:]
		}
		m.in.Store(int64(len(open)))
		pause := meetTick
		if m.met.Load() {
			pause = comeTick
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
	}
}

// meet waits until the gateway knows all the others, or nearly all and nobody is added.
func (m *memory) meet(all int) error {
	known, since := 0, time.Now()
	err := m.w.Until(tableWait, sampleTick, func() bool {
		m.w.Fail(m.look())
		if m.table > known {
			known, since = m.table, time.Now()
		}
		return m.table >= all || m.table >= all*9/10 && time.Since(since) >= tableLull
	})
	m.met.Store(true)
	if err != nil {
		return fmt.Errorf("%d of %d contacts are in the table: %w", m.table, all, err)
	}
	return nil // the row says how many there are
}

// login connects all users.
func (m *memory) login(accounts []*member.Account) error {
	links := make([]*member.Link, len(accounts))
	err := m.w.Each(len(accounts), func(i int) error {
		l, err := m.house.dial(m.w)
		if err != nil {
			return err
		}
		links[i] = l
		return l.Login(m.w.Context, accounts[i])
	})
	if err != nil {
		return err
	}
	for _, l := range links {
		m.w.Read(l)
	}
	return m.look()
}

// watch lets the links that nobody uses end, and looks on then for a while.
func (m *memory) watch() error {
	for _, each := range []time.Duration{m.calmTime(), min(watchTime, m.calmTime())} {
		m.calm = 0
		err := m.w.Until(each, sampleTick, func() bool {
			m.w.Fail(m.look())
			return false
		})
		if !errors.Is(err, load.ErrLate) {
			return err
		}
	}
	return nil
}

// calmTime is as long as the command line's seconds allow.
func (m *memory) calmTime() time.Duration { return min(calmTime, seconds(m.config.seconds*15)) }

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// report writes the row.
func (m *memory) report(began, users int) error {
	o, err := m.house.stats(m.w.Context)
	if err != nil {
		return err
	}
	mb := func(kib int) float64 { return float64(kib) * 1024 / 1e6 }
	r := &Row{
		Work: "memory", Figure: mb(m.most), Unit: "MB resident", Count: m.config.users,
		Details: map[string]float64{
			"contacts": float64(o.DHT.Table), "links_out_most": float64(m.links), "links_out": float64(o.Links.Links), "links_in": float64(m.in.Load()),
			"start_mb": mb(began), "users_mb": mb(users), "calm_mb": mb(m.calm),
		},
	}
	if m.house.process.Collect() && m.w.Pause(min(2*time.Second, seconds(m.config.seconds))) == nil {
		if err := m.look(); err != nil {
			return err
		}
		r.Details["collected_mb"] = mb(m.last)
	}
	r.Note = fmt.Sprintf("the most that was seen from the start on; %d users are connected over TLS while the gateway gets to know %d light gateways in the load's process, over QUIC; "+
		"its own links are as many as it keeps open, theirs as many as such that ask once a second and keep a link for 20 s; "+
		"calm_mb is the most in 10 s, %v after it got to know the last one, collected_mb after a collection of garbage",
		m.config.users, m.config.contacts, m.calmTime())
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} { // the gateway has them from here
		if value := os.Getenv(name); value != "" {
			r.Note += fmt.Sprintf("; %s=%s", name, value)
		}
	}
	return m.config.row(r.below(100))
}
