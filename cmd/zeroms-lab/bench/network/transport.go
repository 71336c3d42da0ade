package network

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"time"

	"zeroms/cmd/zeroms-lab/bench/fellow"
	"zeroms/cmd/zeroms-lab/bench/load"
	"zeroms/cmd/zeroms-lab/bench/meter"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// streetSize is how many contacts the gateway of transport knows: more than an
// answer holds.
const streetSize = 24

// counted is how many cold links are counted byte by byte, some how many requests on
// one that is open.
const (
	counted = 8
	some    = 40
)

// transport measures what one request between gateways costs: FindNode and its
// answer of 20 contacts, over a link of its own and over one that is open.
func (c *config) transport(ctx context.Context) error {
	return c.withTown(ctx, 0, func(t *town, w *load.World) error {
		h, id, err := t.stand(w.Context, "1")
		if err != nil {
			return err
		}
		all, err := neighbours(w, h, id, streetSize)
		if err != nil {
			return err
		}
		join, err := h.joins(all[1])
		if err != nil {
			return err
		}
		if err := t.again(w.Context, h, join); err != nil {
			return err
		}
		t.houses = append(t.houses, h)
		if err := h.meets(w, streetSize*9/10); err != nil {
			return err
		}
		for _, quic := range []bool{true, false} {
			k := &carriage{config: c, w: w, house: h, all: all, quic: quic}
			if err := errors.Join(k.cold(), k.warm()); err != nil {
				return err
			}
		}
		return nil
	})
}

// carriage is one transport.
type carriage struct {
	config *config
	w      *load.World
	house  *house
	all    []*fellow.Fellow
	next   int // of them
	quic   bool
}

// from is who asks next: all in turn, as a gateway answers 50 requests a second of
// one other and 200 at once.
func (k *carriage) from() *fellow.Fellow {
	k.next++
	return k.all[k.next%len(k.all)]
}

func (k *carriage) name() string {
	if k.quic {
		return "quic"
	}
	return "wss"
}

// once opens a link to an endpoint, asks once and ends the link.
func (k *carriage) once(to link.Endpoint) error {
	a, err := k.open(to)
	if err != nil {
		return err
	}
	a.Close()
	return nil
}

// open opens a link and asks once.
func (k *carriage) open(to link.Endpoint) (*fellow.Call, error) {
	from := k.from()
	c, err := from.Dial(k.w.Context, to, k.quic)
	if err != nil {
		return nil, err
	}
	a, err := from.Greet(k.w.Context, c, find(), &wire.Nodes{})
	if err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}

// find asks for a place that nobody asked for before.
func find() *wire.FindNode {
	q := &wire.FindNode{}
	_, _ = rand.Read(q.Target[:])
	return q
}

// span is CPU time of gateway and load.
type span struct {
	pid, own time.Duration
}

func (k *carriage) span() (s span, err error) {
	if s.pid, err = meter.Ran(k.house.process.PID); err == nil {
		s.own, err = meter.Ran(os.Getpid())
	}
	return s, err
}

// measure does something so many times and makes a row of it.
func (k *carriage) measure(work string, n int, do func() error) (*Row, error) {
	before, err := k.span()
	if err != nil {
		return nil, err
	}
	took := make([]time.Duration, n)
	for i := range took {
		began := time.Now()
		if err := do(); err != nil {
			return nil, fmt.Errorf("%s, request %d: %w", work, i+1, err)
		}
		took[i] = time.Since(began)
	}
	after, err := k.span()
	if err != nil {
		return nil, err
	}
	r := &Row{Work: work, Unit: "bytes a request"}
	r.times(took)
	each := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(n) }
	r.Details = map[string]float64{"served_cpu_us": each(after.pid - before.pid), "asking_cpu_us": each(after.own - before.own)}
	return r, nil
}

// cold measures requests over links of their own.
func (k *carriage) cold() error {
	work := k.name() + "-cold"
	r, err := k.measure(work, k.config.coldOnes, func() error { return k.once(k.house.endpoint()) })
	if err != nil {
		return err
	}
	n, err := k.count(func(to link.Endpoint) error {
		for range counted {
			if err := k.once(to); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.bytes(n, counted)
	r.Note = "FindNode and an answer of 20 contacts over a link that is opened for it and closed; bytes on the wire both ways, with the headers of IPv4 and UDP, or TCP without options"
	return k.config.row(r)
}

// rest waits until every fellow may ask so many times more.
func (k *carriage) rest(each int) error { return k.w.Pause(time.Duration(each) * time.Second / 50) }

// warm measures requests over links that are open.
func (k *carriage) warm() error {
	work := k.name() + "-warm"
	calls := make([]*fellow.Call, len(k.all))
	for i := range calls {
		a, err := k.open(k.house.endpoint())
		if err != nil {
			return err
		}
		defer a.Close()
		calls[i] = a
	}
	if err := k.rest(k.config.requests/len(k.all) + some); err != nil {
		return err
	}
	turn := 0
	r, err := k.measure(work, k.config.requests, func() error {
		turn++
		return calls[turn%len(calls)].Ask(k.w.Context, find(), &wire.Nodes{})
	})
	if err != nil {
		return err
	}
	n, err := k.count(func(to link.Endpoint) error {
		a, err := k.open(to)
		if err != nil {
			return err
		}
		defer a.Close()
		for range some {
			if err := a.Ask(k.w.Context, find(), &wire.Nodes{}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	first, err := k.count(k.once)
	if err != nil {
		return err
	}
	n.bytes, n.packets = n.bytes-first.bytes, n.packets-first.packets
	r.bytes(n, some)
	r.Note = "the same over links that are open, one after the other"
	return k.config.row(r)
}

// bytes fills in what went over the wire for n requests.
func (r *Row) bytes(t traffic, n int) {
	r.Figure = float64(t.bytes) / float64(n)
	r.Details["packets"] = float64(t.packets) / float64(n)
}

// count has something done through a carrier that counts what passes.
func (k *carriage) count(do func(to link.Endpoint) error) (traffic, error) {
	return k.runCounter(func(port uint16) error {
		to := k.house.endpoint()
		to.Port = port
		return do(to)
	})
}
