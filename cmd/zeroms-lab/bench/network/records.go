package network

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"zeroms/cmd/zeroms-lab/bench/load"
	"zeroms/cmd/zeroms-lab/bench/member"
	"zeroms/cmd/zeroms-lab/bench/meter"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// enough is how many gateways hold a record that counts as published.
const enough = 4

// Waiting for one record, and the pause between two, which homes answer for with
// stamps of which they make 20 a second.
const (
	publishWait = 20 * time.Second
	publishTick = time.Millisecond
	publishRest = 20 * time.Millisecond
)

// published is a record in the network.
type published struct {
	name key.BlindedPublic
	day  uint32
	home int
	b    []byte
}

// newRecord makes the record of a user who is new in the world.
func newRecord(network key.Network, home *house, at int, now time.Time) (*published, error) {
	ik, s := key.NewPrivate[key.Identity](), key.NewAddressSecret()
	r := &address.Record{Made: now, Day: address.Day(now), Seq: 1, ListN: 1, Leases: []address.Lease{home.lease()}}
	_, _ = rand.Read(r.ListHash[:])
	b, err := address.SealRecord(r, ik, s, network)
	if err != nil {
		return nil, err
	}
	name, err := key.RecordName(ik.Public(), s, network, r.Day)
	return &published{name, r.Day, at, b}, err
}

// lease is what a record says of a home.
func (h *house) lease() address.Lease {
	a := &h.gateway.Address
	return address.Lease{Node: a.Node, Host: a.Host, Port: a.Port, Lapses: 7}
}

// records measures how long it takes to publish the record of a user and to get it.
func (c *config) records(ctx context.Context) error {
	return c.withTown(ctx, c.gateways, func(t *town, w *load.World) error {
		links := make([]*member.Link, len(t.houses))
		all, err := t.publish(w, links)
		if err != nil {
			return err
		}
		for _, fresh := range []bool{false, true} {
			if err := t.get(w, links, all, fresh); err != nil {
				return err
			}
		}
		return nil
	})
}

// recordsEach is how many records one account leaves: a gateway takes four names a
// day of one.
const recordsEach = 4

// publish deposits records with all homes in turn, one after the other.
func (t *town) publish(w *load.World, links []*member.Link) (all []*published, err error) {
	var took, stored []time.Duration
	for i := range t.config.publishes {
		at := i % len(t.houses)
		if i/len(t.houses)%recordsEach == 0 {
			if links[at] != nil {
				links[at].Close()
			}
			if links[at], err = t.houses[at].member(w); err != nil {
				return nil, err
			}
		}
		p, err := newRecord(t.houses[at].place().Network, t.houses[at], at, time.Now())
		if err != nil {
			return nil, err
		}
		durable, held, err := p.deposit(w, links[at])
		if err != nil {
			return nil, fmt.Errorf("record %d: %w", i+1, err)
		}
		all, took, stored = append(all, p), append(took, held), append(stored, durable)
		if err := w.Pause(publishRest); err != nil {
			return nil, err
		}
	}
	r := &Row{Work: "publish", Unit: "ms p50"}
	r.times(took)
	r.Figure = *r.P50
	r.Details = map[string]float64{
		"durable_p50_ms": ms(meter.Quantile(stored, 0.5)), "met_s": t.took.Seconds(), "stamp16_ms": stampTime(),
	}
	r.Note = fmt.Sprintf("%d gateways; from DepositPut until the home says that %d or more hold the record, through a relay that is asked for it; "+
		"the stamp of the lab's network is 8 bits, of the public one 16 (stamp16_ms)", len(t.houses), enough)
	return all, t.config.row(r.below(50))
}

// deposit leaves a record with a home: how long until that was durable there, and
// until enough gateways hold it.
func (p *published) deposit(w *load.World, l *member.Link) (durable, held time.Duration, err error) {
	began := time.Now()
	minute := uint32(began.Unix() / 60)
	put := &wire.DepositPut{Items: []wire.Deposit{{Name: p.name, Day: p.day, First: minute, Last: (p.day + 1) * 24 * 60, Record: p.b}}}
	if err := l.Ask(put, &wire.OK{}); err != nil {
		return 0, 0, fmt.Errorf("it can't be deposited: %w", err)
	}
	durable = time.Since(began)
	for {
		var d wire.Deposits
		if err := l.Ask(&wire.DepositsGet{}, &d); err != nil {
			return 0, 0, err
		}
		for _, item := range d.Items {
			if item.Name == p.name && item.Holders >= enough {
				return durable, time.Since(began), nil
			}
		}
		if time.Since(began) > publishWait {
			return 0, 0, fmt.Errorf("it is held by fewer than %d gateways: %w", enough, load.ErrLate)
		}
		if err := w.Pause(publishTick); err != nil {
			return 0, 0, err
		}
	}
}

// stampTime is how long a stamp of the public network takes on this computer, in ms:
// the mean of some.
func stampTime() float64 {
	const some = 16
	began := time.Now()
	for range some {
		var place key.NodeID
		_, _ = rand.Read(place[:])
		_, _, _ = address.Stamp(place, 16, address.Day(began), 0, 1<<24)
	}
	return ms(time.Since(began) / some)
}

// get asks all homes in turn for records that others published.
func (t *town) get(w *load.World, links []*member.Link, all []*published, fresh bool) error {
	before, err := t.lookups(w)
	if err != nil {
		return err
	}
	var took []time.Duration
	for i := range t.config.gets {
		p := all[i%len(all)]
		at := (p.home + 1 + i/len(all)%(len(links)-1)) % len(links) // never the home of that user
		if links[at] == nil {
			if links[at], err = t.houses[at].member(w); err != nil {
				return err
			}
		}
		l := links[at]
		began := time.Now()
		var found wire.Record
		if err := l.Ask(&wire.RecordGet{Name: p.name, Day: p.day, Fresh: fresh}, &found); err != nil {
			return fmt.Errorf("record %d can't be got: %w", i+1, err)
		}
		took = append(took, time.Since(began))
		if !bytes.Equal(found.Record, p.b) {
			return errors.New("a home gave another record than was published")
		}
	}
	after, err := t.lookups(w)
	if err != nil {
		return err
	}
	r := &Row{Work: "get", Unit: "ms p50"}
	r.Note = "RecordGet of a client at a home that the user does not have; with 20 holders of a record and fewer gateways each one holds it itself"
	if fresh {
		r.Work, r.Note = "get-fresh", "the same, and the home asks others for a newer copy"
	}
	r.times(took)
	r.Figure = *r.P50
	r.Details = map[string]float64{"requests_each": float64(after-before) / float64(max(len(took), 1))}
	return t.config.row(r.below(20))
}

// lookups is how many requests all gateways sent so far, of any kind.
func (t *town) lookups(w *load.World) (asked uint64, err error) {
	for _, h := range t.houses {
		o, err := h.stats(w.Context)
		if err != nil {
			return 0, err
		}
		asked += o.DHT.Asked
	}
	return asked, nil
}
