package network

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
	tableWait  = 3 * time.Minute        // for the table to be full
	watchTime  = 10 * time.Second       // everything is there, and nothing is done
	sampleTick = 200 * time.Millisecond // between two looks at the memory
	callTick   = 4 * time.Second        // between two calls of a light gateway
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

// memory measures what a gateway takes that has many users and knows many others.
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
		began, err := meter.MemoryOf(h.process.PID)
		if err != nil {
			return err
		}
		if err := m.introduce(all); err != nil {
			return err
		}
		known := m.most
		if err := m.login(accounts); err != nil {
			return err
		}
		users := m.most
		if err := m.watch(); err != nil {
			return err
		}
		return m.report(began.RSS, known, users, len(all))
	})
}

// memory is a gateway whose memory is watched.
type memory struct {
	config *config
	w      *load.World
	house  *house
	most   int // KiB, resident
	last   int
	links  int // to others, that were open at most
	table  int
}

// look notes the memory of now, and what is open to others.
func (m *memory) look() error {
	now, err := meter.MemoryOf(m.house.process.PID)
	if err != nil {
		return err
	}
	m.last, m.most = now.RSS, max(m.most, now.RSS)
	o, err := m.house.stats(m.w.Context)
	if err != nil {
		return err
	}
	m.links, m.table = max(m.links, o.Links.Links), o.DHT.Table
	return nil
}

// introduce has every light gateway call the one that is measured, over a link that
// stays open, and again now and then until all are in its table.
func (m *memory) introduce(all []*fellow.Fellow) error {
	to := m.house.endpoint()
	calls := make([]*fellow.Call, len(all))
	err := m.w.Each(len(all), func(i int) error {
		c, err := all[i].Dial(m.w.Context, to, true)
		if err == nil {
			calls[i], err = all[i].Greet(m.w.Context, c, &wire.Ping{}, &wire.Pong{})
		}
		if err != nil {
			return fmt.Errorf("a light gateway's link: %w", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(tableWait); m.table < len(all); {
		err := m.w.Until(callTick, sampleTick, func() bool {
			m.w.Fail(m.look())
			return m.table >= len(all)
		})
		if err != nil && !errors.Is(err, load.ErrLate) {
			return err
		}
		if time.Now().After(deadline) {
			if m.table >= len(all)*9/10 {
				return nil // the row says how many there are
			}
			return fmt.Errorf("%d of %d contacts are in the table: %w", m.table, len(all), load.ErrLate)
		}
		if err := m.w.Each(len(calls), func(i int) error { return calls[i].Ask(m.w.Context, &wire.Ping{}, &wire.Pong{}) }); err != nil {
			return err
		}
	}
	return nil
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

// watch looks on for a while.
func (m *memory) watch() error {
	time := min(watchTime, seconds(m.config.seconds*3))
	err := m.w.Until(time, sampleTick, func() bool {
		m.w.Fail(m.look())
		return false
	})
	if errors.Is(err, load.ErrLate) {
		return nil
	}
	return err
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// report writes the row.
func (m *memory) report(began, known, users, all int) error {
	o, err := m.house.stats(m.w.Context)
	if err != nil {
		return err
	}
	steady := m.last
	r := &Row{
		Work: "memory", Figure: float64(m.most) / 1024, Unit: "MiB resident", Count: m.config.users,
		Details: map[string]float64{
			"contacts": float64(o.DHT.Table), "links_out_most": float64(m.links), "links_out_now": float64(o.Links.Links), "links_in": float64(all),
			"start_mib": float64(began) / 1024, "contacts_mib": float64(known) / 1024, "users_mib": float64(users) / 1024, "steady_mib": float64(steady) / 1024,
		},
	}
	if m.house.process.Collect() && m.w.Pause(min(2*time.Second, seconds(m.config.seconds))) == nil {
		if err := m.look(); err != nil {
			return err
		}
		r.Details["collected_mib"] = float64(m.last) / 1024
	}
	r.Note = fmt.Sprintf("the most that was seen from the start on; %d users are logged in over TLS, %d light gateways in the load's process hold a QUIC link each to the gateway, "+
		"and it has as many to them as it keeps open; collected_mib is after a collection of garbage", m.config.users, all)
	return m.config.out.row(r.below(100))
}
