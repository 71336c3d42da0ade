package relay

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"testing"
	"time"

	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

var params = address.Parameters{Network: key.Network{'t', 'e', 's', 't'}, Scope: address.Loopback, StampBits: 4}

// network is a DHT that counts what it is asked for.
type network struct {
	mu      sync.Mutex
	stored  int
	wide    int
	found   int
	holders func(items []wire.StoreItem) ([]uint8, error)
	record  []byte
	hold    chan struct{} // nil: it answers at once
	begun   chan struct{} // gets one for each request that is held
}

func (n *network) Publish(ctx context.Context, items []wire.StoreItem, wide bool) ([]uint8, error) {
	n.mu.Lock()
	n.stored += len(items)
	if wide {
		n.wide += len(items)
	}
	hold := n.hold
	n.mu.Unlock()
	if hold != nil {
		n.begun <- struct{}{}
		<-hold
	}
	if n.holders != nil {
		return n.holders(items)
	}
	return bytes.Repeat([]byte{20}, len(items)), nil
}

func (n *network) Find(ctx context.Context, q *wire.RecordGet) ([]byte, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.found++
	if n.record == nil {
		return nil, wire.ErrNoRecord
	}
	return n.record, nil
}

// item is a record of somebody for today, with its stamp.
func item(t testing.TB) wire.StoreItem {
	t.Helper()
	ik := key.NewPrivate[key.Identity]()
	day := address.Day(noon)
	b, err := address.SealRecord(&address.Record{Made: noon, Day: day, Seq: 1}, ik, key.AddressSecret{}, params.Network)
	if err != nil {
		t.Fatal(err)
	}
	h, err := address.ParseRecord(b)
	if err != nil {
		t.Fatal(err)
	}
	stamp, _, ok := address.Stamp(address.Position(h.Name, 0, day), params.StampBits, day, 0, 1<<20)
	if !ok {
		t.Fatal("no stamp")
	}
	return wire.StoreItem{Record: b, Stamp: stamp}
}

func peer(n int) Peer {
	p := Peer{}
	binary.BigEndian.PutUint32(p.Node[:], uint32(n)+1)
	binary.BigEndian.PutUint32(p.Group[:], uint32(n)/100+1) // a hundred gateways in one network
	return p
}

func TestWhatARelayDoes(t *testing.T) {
	n := &network{}
	r := New(Config{Params: params, Network: n})
	one, two := item(t), item(t)
	n.holders = func(items []wire.StoreItem) ([]uint8, error) { return []uint8{17, 0}, nil }
	got, err := r.Publish(t.Context(), noon, peer(1), &wire.Publish{Items: []wire.StoreItem{one, two}, Wide: true})
	if err != nil || !bytes.Equal(got.Holders, []uint8{17, 0}) || n.wide != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	q := &wire.RecordGet{Day: address.Day(noon)}
	if _, err := r.Record(t.Context(), noon, peer(1), q); !errors.Is(err, wire.ErrNoRecord) {
		t.Errorf("%v", err)
	}
	n.record = one.Record
	if got, err := r.Record(t.Context(), noon, peer(1), q); err != nil || !bytes.Equal(got.Record, one.Record) {
		t.Errorf("%v", err)
	}
	if s := r.Stats(); s.Published != 2 || s.Stored != 1 || s.Found != 1 || s.Missed != 1 || s.AtOnce != 0 {
		t.Errorf("%+v", s)
	}
	n.holders = func(items []wire.StoreItem) ([]uint8, error) { return nil, wire.ErrUnreachable }
	if _, err := r.Publish(t.Context(), noon, peer(1), &wire.Publish{Items: []wire.StoreItem{one}}); !errors.Is(err, wire.ErrUnreachable) {
		t.Errorf("%v", err)
	}
	n.holders = func(items []wire.StoreItem) ([]uint8, error) { return []uint8{1, 2, 3}, nil }
	if _, err := r.Publish(t.Context(), noon, peer(1), &wire.Publish{Items: []wire.StoreItem{one}}); err == nil {
		t.Error("an answer for other records is taken")
	}
}

// Nothing reaches the network that was not checked.
func TestWhatARelayRefuses(t *testing.T) {
	good := item(t)
	with := func(change func(*wire.StoreItem)) []wire.StoreItem {
		bad := wire.StoreItem{Record: bytes.Clone(good.Record), Stamp: bytes.Clone(good.Stamp)}
		change(&bad)
		return []wire.StoreItem{good, bad}
	}
	for _, c := range []struct {
		what  string
		items []wire.StoreItem
		now   time.Time
		want  error
	}{
		{"nothing", nil, noon, wire.ErrValue},
		{"too much", make([]wire.StoreItem, wire.MaxStores+1), noon, wire.ErrValue},
		{"another position", with(func(i *wire.StoreItem) { i.Index = 1 }), noon, wire.ErrValue},
		{"a descriptor", with(func(i *wire.StoreItem) { i.Record = make([]byte, 2000) }), noon, wire.ErrValue},
		{"half a record", with(func(i *wire.StoreItem) { i.Record = i.Record[:500] }), noon, wire.ErrValue},
		{"a changed record", with(func(i *wire.StoreItem) { i.Record[500] ^= 1 }), noon, wire.ErrSignature},
		{"no stamp", with(func(i *wire.StoreItem) { i.Stamp = nil }), noon, wire.ErrStamp},
		{"another day", []wire.StoreItem{good}, noon.Add(72 * time.Hour), wire.ErrClock},
	} {
		n := &network{}
		r := New(Config{Params: params, Network: n})
		if _, err := r.Publish(t.Context(), c.now, peer(1), &wire.Publish{Items: c.items}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.what, err, c.want)
		}
		if s := r.Stats(); n.stored != 0 || s.Invalid != 1 || s.AtOnce != 0 {
			t.Errorf("%s: %d reached the network, %+v", c.what, n.stored, s)
		}
	}
	n := &network{}
	r := New(Config{Params: params, Network: n})
	for _, days := range []int{-2, 2, 1000} {
		q := &wire.RecordGet{Day: uint32(int(address.Day(noon)) + days)}
		if _, err := r.Record(t.Context(), noon, peer(1), q); !errors.Is(err, wire.ErrClock) || n.found != 0 {
			t.Errorf("a record in %d days: %v", days, err)
		}
	}
}

// trusting checks nothing: floods of records that are valid.
func trusting(n *network) *Relay {
	r := New(Config{Params: params, Network: n, Check: func(wire.StoreItem, time.Time) (address.Item, error) { return address.Item{}, nil }})
	return r
}

// A gateway that asks too much is refused, and no other one pays for it; a network
// full of them gets what two have, and all networks together what we can bear.
func TestNobodyIsAnAmplifier(t *testing.T) {
	record := make([]byte, wire.RecordSize)
	run := func(from func(i int) Peer, wide bool) (stored int, r *Relay) {
		n := &network{}
		r = trusting(n)
		i := 0
		for at := time.Duration(0); at < time.Hour; at += 25 * time.Millisecond {
			_, err := r.Publish(t.Context(), noon.Add(at), from(i), &wire.Publish{Items: []wire.StoreItem{{Record: record}}, Wide: wide})
			if err != nil && !errors.Is(err, wire.ErrLimit) {
				t.Fatal(err)
			}
			i++
		}
		return n.stored, r
	}
	for _, c := range []struct {
		who     string
		from    func(i int) Peer
		wide    bool
		atMost  int // records in an hour
		another bool
	}{
		{"one gateway", func(int) Peer { return peer(1) }, false, 60*80 + 134, true},
		{"one gateway, widely", func(int) Peer { return peer(1) }, true, 60*24 + 40, true},
		{"one network", func(i int) Peer { return peer(i % 100) }, false, 60*160 + 267, true},
		{"many networks", func(i int) Peer { return peer(i * 100) }, false, 60*800 + 1334, false},
	} {
		stored, r := run(c.from, c.wide)
		if stored > c.atMost+1 || stored < c.atMost*9/10 {
			t.Errorf("%s has %d records stored in an hour, at most %d", c.who, stored, c.atMost)
		}
		_, err := r.Publish(t.Context(), noon.Add(time.Hour), peer(100_000), &wire.Publish{Items: []wire.StoreItem{{Record: record}}})
		if (err == nil) != c.another {
			t.Errorf("%s: another one gets %v", c.who, err)
		}
		if len(r.peers.known) > r.cfg.Capacity.Remembered || len(r.groups.known) > r.cfg.Capacity.Remembered {
			t.Errorf("%s: %d gateways and %d networks are remembered", c.who, len(r.peers.known), len(r.groups.known))
		}
	}
}

// Lookups count too, less than stores.
func TestLookupsHaveABudget(t *testing.T) {
	n := &network{record: make([]byte, wire.RecordSize)}
	r := New(Config{Params: params, Network: n})
	fresh := 0
	for range 1000 {
		if _, err := r.Record(t.Context(), noon, peer(1), &wire.RecordGet{Day: address.Day(noon), Fresh: true}); err == nil {
			fresh++
		}
	}
	if fresh != 200 {
		t.Errorf("%d of the newest at once", fresh)
	}
	if _, err := r.Record(t.Context(), noon.Add(time.Second/4), peer(1), &wire.RecordGet{Day: address.Day(noon)}); err != nil {
		t.Errorf("a quarter of a second later: %v", err)
	}
	if s := r.Stats(); s.Found != 201 || s.OverRate != 800 {
		t.Errorf("%+v", s)
	}
}

// Requests that wait for the network are bounded, for one gateway and for all.
func TestRequestsAtOnce(t *testing.T) {
	n := &network{hold: make(chan struct{}), begun: make(chan struct{}, 1)}
	r := trusting(n)
	record := make([]byte, wire.RecordSize)
	publish := func(from Peer) error {
		_, err := r.Publish(context.Background(), noon, from, &wire.Publish{Items: []wire.StoreItem{{Record: record}}})
		return err
	}
	var wg sync.WaitGroup
	for i := range 8 {
		for range 16 {
			wg.Go(func() {
				if err := publish(peer(i * 100)); err != nil {
					t.Error(err)
				}
			})
		}
		for range 16 {
			<-n.begun
		}
		if err := publish(peer(i * 100)); !errors.Is(err, wire.ErrBusy) {
			t.Errorf("one more of gateway %d: %v", i, err)
		}
	}
	if err := publish(peer(9000)); !errors.Is(err, wire.ErrBusy) {
		t.Errorf("one more of another gateway: %v", err)
	}
	close(n.hold)
	wg.Wait()
	n.hold = nil
	if err := publish(peer(0)); err != nil || r.Stats().AtOnce != 0 || len(r.busy) != 0 {
		t.Errorf("afterwards: %v, %+v", err, r.Stats())
	}
}

// Budgets that are whole again are forgotten; when too many are not, new ones wait.
func TestBudgetsAreBounded(t *testing.T) {
	b := newBudgets[int](10, 60, 100)
	for i := range 100 {
		b.of(i, noon).left = 0
	}
	if b.of(1000, noon) != nil {
		t.Error("one more is remembered")
	}
	if b.of(5, noon) == nil {
		t.Error("a known one is forgotten")
	}
	if b.of(1000, noon.Add(10*time.Second)) == nil || len(b.known) != 1 {
		t.Errorf("%d are remembered", len(b.known))
	}
	// A clock that is set back gives nothing, and takes nothing.
	one := b.of(1000, noon)
	one.left = 3
	if b.of(1000, noon.Add(-time.Hour)).left != 3 || b.of(1000, noon.Add(-time.Hour+time.Second)).left != 4 {
		t.Errorf("%v are left", one.left)
	}
}
