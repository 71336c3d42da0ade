package overlay_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"zeroms/gateway/deposit"
	"zeroms/gateway/overlay"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// drawer is the deposits of a home with one record, which are read once it is open.
type drawer struct {
	nothing
	open   atomic.Bool
	of     deposit.Deposit
	record []byte
}

func (d *drawer) DepositsFrom(context.Context, deposit.Mark, uint32, int) ([]deposit.Deposit, error) {
	if !d.open.Load() {
		return nil, nil
	}
	return []deposit.Deposit{d.of}, nil
}

func (d *drawer) DepositRecords(context.Context, []int64) ([]deposit.Held, error) {
	return []deposit.Held{{ID: d.of.ID, Seq: d.of.Seq, Record: d.record}}, nil
}

// person is somebody whose records homes publish.
type person struct {
	key    key.IdentityPrivate
	secret key.AddressSecret
}

// home starts a gateway that a person left a record of today with.
func (w *world) home(host string, p person, seq uint32) (*node, *drawer) {
	w.t.Helper()
	day := address.Day(time.Now())
	b, err := address.SealRecord(&address.Record{Made: time.Now(), Day: day, Seq: seq}, p.key, p.secret, key.Network{'t', 'e', 's', 't'})
	if err != nil {
		w.t.Fatal(err)
	}
	h, err := address.ParseRecord(b)
	if err != nil {
		w.t.Fatal(err)
	}
	d := &drawer{record: b, of: deposit.Deposit{
		State: deposit.State{ID: 1, Seq: seq}, Name: h.Name, Day: day, First: day*1440 - 200, Last: day*1440 + 1500, Sum: deposit.Sum(b),
	}}
	w.with = func(c *overlay.Config) { c.Deposits = d }
	defer func() { w.with = nil }()
	return w.gateway(host), d
}

// TestNobodyTakesTheOlderOne: a home whose record is older than what another home of
// the person published is told so by its relay and a witness. It blames nobody, and
// does not try to store it everywhere.
func TestNobodyTakesTheOlderOne(t *testing.T) {
	in(t, func(w *world) {
		var relays []*node
		for i := range 5 {
			relays = append(relays, w.gateway(fmt.Sprintf("20.%d.0.1", i+1)))
		}
		p := person{key.NewPrivate[key.Identity](), key.NewAddressSecret()}
		newer, second := w.home("20.6.0.1", p, 2)
		older, first := w.home("20.7.0.1", p, 1)
		pass(10 * time.Minute)
		second.open.Store(true)
		pass(25 * time.Minute)
		if s := newer.state().Deposits; s.Stored != 1 || s.Verified == 0 || s.Refused+s.Unreached+s.Wide != 0 {
			t.Fatalf("the newer one: %+v", s)
		}
		first.open.Store(true)
		pass(25 * time.Minute)
		s := older.state().Deposits
		if s.Stored != 0 || s.Refused != 1 || s.Outdone != 1 || s.Unreached+s.Unwitness+s.Wide+s.Unverified != 0 {
			t.Errorf("the older one, which is answered with %v: %+v", wire.ErrOlder, s)
		}
		published := uint64(0)
		for _, n := range append(relays, newer, older) {
			published += n.state().Relay.Published
		}
		if published != 2 {
			t.Errorf("%d records were stored for others", published)
		}
	})
}
