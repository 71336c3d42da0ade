package choice

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/client/account"
	"zeroms/client/home"
	"zeroms/client/profile"
	"zeroms/client/score"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// bench is a host that performs nothing, and a user without homes.
type bench struct{ now time.Time }

func (b *bench) Now() time.Time                         { return b.now }
func (b *bench) Ask(home.Request, func(home.Answered))  {}
func (b *bench) After(func(account.Links))              {}
func (b *bench) Changed(*account.Home)                  {}
func (b *bench) RetrySoon()                             {}
func (b *bench) Report(account.Notice)                  {}
func (b *bench) Safe(key.Place, [32]byte) *account.Safe { return nil }
func start() time.Time                                  { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }
func newBench() *bench                                  { return &bench{now: start()} }
func (b *bench) choice(t *score.Table) *Choice {
	return New(b, account.New(b, slog.New(slog.DiscardHandler)), t)
}
func hash(n uint64) (g key.GatewayHash) { copy(g[:], profile.Number(n)); return g }
func costs(t *score.Table, g key.GatewayHash) (all [3]time.Duration) {
	for k := range all {
		all[k] = t.Cost(g, score.Kind(k), start())
	}
	return all
}

// fill makes a table of so many gateways, the first used last.
func fill(n uint64) *score.Table {
	table := score.New()
	for i := range n {
		at := start().Add(-time.Duration(i) * time.Minute)
		table.Took(hash(i), score.Connect, time.Duration(i+1)*time.Millisecond, at)
		table.Took(hash(i), score.Custody, time.Duration(i+1)*time.Microsecond, at)
		if i%3 == 0 {
			table.Trouble(hash(i), score.Lied, at)
		}
	}
	return table
}

// TestMeasurementsAreKept: what was measured comes back, only what changed is written again, the gateways used last are
// kept if there are too many, and what is not used any more goes.
func TestMeasurementsAreKept(t *testing.T) {
	b := newBench()
	table := fill(maxRows + 10)
	c := b.choice(table)
	if put, gone := c.Collect(); put != nil || gone != nil {
		t.Error("rows are written before they are due")
	}
	c.Due()
	put, gone := c.Collect()
	if len(put) != maxRows || len(gone) != 0 {
		t.Fatalf("%d rows, %d gone", len(put), len(gone))
	}
	c.Due()
	if put, gone := c.Collect(); len(put)+len(gone) != 0 {
		t.Errorf("%d rows are written again", len(put))
	}

	table2 := score.New()
	again := b.choice(table2)
	for _, r := range put {
		if ok, err := again.Restore(r); !ok || err != nil {
			t.Fatal(err)
		}
	}
	for i := range uint64(maxRows) {
		if got, want := costs(table2, hash(i)), costs(table, hash(i)); !near(got, want) {
			t.Fatalf("gateway %d costs %v, not %v", i, got, want)
		}
	}
	if ok, _ := again.Restore(profile.Row{Table: profile.TableHome}); ok {
		t.Error("a row of another table is taken")
	}
	b.now = b.now.Add(time.Hour)
	table2.Took(hash(3), score.Custody, time.Second, b.now)
	table2.Took(hash(9999), score.Custody, time.Second, b.now)
	again.Due()
	if put, gone := again.Collect(); len(put) != 2 || len(gone) != 1 || key.GatewayHash(gone[0].Key) != hash(maxRows-1) {
		t.Errorf("%d rows, %v gone", len(put), gone)
	}
	b.now = b.now.Add(keptFor + time.Minute)
	again.Due()
	if put, gone := again.Collect(); len(put) != 0 || len(gone) != maxRows {
		t.Errorf("%d rows, %d gone", len(put), len(gone))
	}
}

func near(a, b [3]time.Duration) bool {
	for k := range a {
		if (a[k] - b[k]).Abs() > time.Millisecond {
			return false
		}
	}
	return true
}

func TestDamagedRows(t *testing.T) {
	row := rowOf(fill(1).Rows()[0])
	for n := range row.Data {
		if _, err := parseRow(profile.Row{Table: row.Table, Key: row.Key, Data: row.Data[:n]}); err == nil {
			t.Errorf("the first %d bytes are a row", n)
		}
	}
	for name, r := range map[string]profile.Row{
		"trailing": {Key: row.Key, Data: append(slices.Clone(row.Data), 0)}, "key": {Key: row.Key[:15], Data: row.Data},
		"version": {Key: row.Key, Data: wire.Marshal(record{Version: 2})},
	} {
		if _, err := parseRow(r); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	// What no table gives is brought within bounds, and what is too much is skipped.
	wild := record{Version: 1, Used: 1 << 62}
	for range 9 {
		wild.Took = append(wild.Took, measured{Mean: 1 << 63, Deviation: 1<<64 - 1, Count: 1<<32 - 1, At: 1<<64 - 1})
		wild.Wrong = append(wild.Wrong, counted{N: 1<<64 - 1, At: 1<<64 - 1})
	}
	c := newBench().choice(score.New())
	if _, err := c.Restore(profile.Row{Table: profile.TableScore, Key: row.Key, Data: wire.Marshal(wild)}); err != nil {
		t.Fatal(err)
	}
	if cost := c.scores.Cost(key.GatewayHash(row.Key), score.Custody, start()); cost <= 0 {
		t.Errorf("it costs %v", cost)
	}
}

func FuzzRow(f *testing.F) {
	f.Add(rowOf(fill(1).Rows()[0]).Data)
	f.Fuzz(func(t *testing.T, data []byte) {
		g := hash(1)
		r, err := parseRow(profile.Row{Table: profile.TableScore, Key: g[:], Data: data})
		if err != nil {
			return
		}
		table := score.New()
		table.Restore(r)
		_ = table.Summary(g, start())
		once := rowOf(r)
		again, err := parseRow(once)
		if err != nil || !reflect.DeepEqual(rowOf(again), once) {
			t.Errorf("%v: a row changes when it is stored again", err)
		}
	})
}

// sealed is a gateway's descriptor; change makes it another one.
func sealed(t *testing.T, change func(d *address.Descriptor)) ([]byte, key.NodePublic) {
	t.Helper()
	node, kem := key.NewPrivate[key.Node](), key.NewRelayPrivate()
	d := &address.Descriptor{
		KEM: kem.Public(), Addrs: []netip.AddrPort{netip.MustParseAddrPort("11.1.0.1:443")}, Transports: wire.TransportWSS | wire.TransportQUIC,
		Network: key.Network{'t', 'e', 's', 't'}, Made: start(), Expires: start().Add(address.MaxDescriptorLife), Flags: address.TakesAll,
		Limits: wire.Limits{Retention: 3600, Quota: 7, RegisterBits: 9},
	}
	if change != nil {
		change(d)
	}
	b, err := address.SealDescriptor(d, node)
	if err != nil {
		t.Fatal(err)
	}
	return b, node.Public()
}

// TestOffersAreChecked: a descriptor counts if its signature, network and time hold, and the user may be sent there.
func TestOffersAreChecked(t *testing.T) {
	c := newBench().choice(score.New())
	network := key.Network{'t', 'e', 's', 't'}
	good, node := sealed(t, nil)
	named, _ := sealed(t, func(d *address.Descriptor) { d.Host, d.Port = "gw.example.org", 444 })
	two, _ := sealed(t, func(d *address.Descriptor) {
		d.Addrs = []netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:1"), netip.MustParseAddrPort("[2a00::1]:2")}
	})
	private, _ := sealed(t, func(d *address.Descriptor) { d.Addrs = []netip.AddrPort{netip.MustParseAddrPort("192.168.0.1:443")} })
	loopback, _ := sealed(t, func(d *address.Descriptor) { d.Addrs = []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:443")} })
	quic, _ := sealed(t, func(d *address.Descriptor) { d.Transports = wire.TransportQUIC })
	nowhere, _ := sealed(t, func(d *address.Descriptor) { d.Addrs, d.Transports = nil, 0 })
	foreign, _ := sealed(t, func(d *address.Descriptor) { d.Network[0]++ })
	old, _ := sealed(t, func(d *address.Descriptor) {
		d.Made, d.Expires = start().Add(-48*time.Hour), start().Add(-24*time.Hour)
	})
	forged := slices.Clone(good)
	forged[len(forged)-1] ^= 1
	got := c.offers(&wire.Gateways{Objects: [][]byte{nil, {1}, private, loopback, quic, nowhere, foreign, old, forged, good, good, named, two}}, network)
	var hosts []string
	for _, o := range got {
		hosts = append(hosts, o.Address.Endpoint())
	}
	if want := []string{"11.1.0.1:443", "gw.example.org:444", "[2a00::1]:2"}; !slices.Equal(hosts, want) {
		t.Fatalf("%v, want %v", hosts, want)
	}
	if o := got[0]; o.Address.Node != node || o.Retention != time.Hour || o.Quota != 7 || o.Bits != 9 || !o.Open() || !o.Address.Invite.IsZero() {
		t.Errorf("%+v", o)
	}
}

// TestOffersAreRanked: the better one first, another network before the same one again, what could not be reached and
// what takes the invited only at the end.
func TestOffersAreRanked(t *testing.T) {
	table := score.New()
	c := newBench().choice(table)
	var offers []Offer
	add := func(host string, ms int, change func(d *address.Descriptor)) key.NodePublic {
		b, node := sealed(t, func(d *address.Descriptor) {
			d.Addrs = []netip.AddrPort{netip.MustParseAddrPort(host)}
			d.Limits.Retention = uint64(wire.MaxRetention / time.Second)
			if change != nil {
				change(d)
			}
		})
		offers = append(offers, c.offers(&wire.Gateways{Objects: [][]byte{b}}, key.Network{'t', 'e', 's', 't'})...)
		table.Took(key.GatewayHashOf(node), score.Connect, time.Duration(ms)*time.Millisecond, start())
		return node
	}
	invited := add("11.9.0.1:443", 1, func(d *address.Descriptor) { d.Flags = address.TakesInvited })
	gone := add("11.8.0.1:443", 1, nil)
	offers[1].Problem = wire.ErrLinkClosed
	slow := add("11.3.0.1:443", 900, nil)
	best := add("11.1.0.1:443", 10, nil)
	same := add("11.1.0.2:443", 11, nil)
	other := add("11.2.0.1:443", 40, nil)
	short := add("11.4.0.1:443", 10, func(d *address.Descriptor) { d.Limits.Retention = 86400 })
	rand.Shuffle(len(offers), func(i, j int) { offers[i], offers[j] = offers[j], offers[i] })
	var got []key.NodePublic
	for _, o := range c.Rank(offers) {
		got = append(got, o.Address.Node)
		if o.Near != (o.Address.Node == same) || o.Points <= 0 {
			t.Errorf("%+v", o)
		}
	}
	if want := []key.NodePublic{best, other, slow, same, short, invited, gone}; !sameSet(got, want) || got[0] != best || got[1] != other || !slices.Equal(got[5:], want[5:]) ||
		slices.Index(got, same) < slices.Index(got, other) {
		t.Errorf("%x", got)
	}
	if left := c.Rank(nil); len(left) != 0 {
		t.Error(left)
	}
}

func sameSet(a, b []key.NodePublic) bool {
	for _, x := range a {
		if !slices.Contains(b, x) {
			return false
		}
	}
	return len(a) == len(b)
}

// table is a desk whose homes know what the test says.
type table struct {
	*Choice
	up     []key.NodePublic
	answer func(round int, node key.NodePublic) ([]Offer, error)
	probe  func(t home.Target) (*home.Probed, error)

	mu           sync.Mutex
	asks         int
	now, highest int // probes at once
	probed       int
}

func (d *table) Up(context.Context) ([]key.NodePublic, error) { return d.up, nil }
func (d *table) Ask(ctx context.Context, node key.NodePublic) ([]Offer, error) {
	d.asks++
	offers, err := d.answer((d.asks-1)/max(len(d.up), 1), node)
	if offers == nil && err == nil { // it says nothing
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return offers, err
}
func (d *table) Rank(_ context.Context, o []Offer) ([]Offer, error) { return d.Choice.Rank(o), nil }
func (d *table) Probe(ctx context.Context, t home.Target) (*home.Probed, error) {
	d.mu.Lock()
	d.now++
	d.probed++
	d.highest = max(d.highest, d.now)
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		d.now--
		d.mu.Unlock()
	}()
	said, err := d.probe(t)
	if said == nil && err == nil {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	<-time.After(100 * time.Millisecond)
	return said, err
}

func made(t *testing.T, c *Choice, n int, change func(*address.Descriptor)) (out []Offer) {
	for range n {
		b, _ := sealed(t, change)
		out = append(out, c.offers(&wire.Gateways{Objects: [][]byte{b}}, key.Network{'t', 'e', 's', 't'})...)
	}
	return out
}

// TestFind: homes are asked again while they know too few, those that fail are passed over, gateways are measured a few
// at a time, and what is measured goes before what others said.
func TestFind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newBench().choice(score.New())
		one, two := key.NewPrivate[key.Node]().Public(), key.NewPrivate[key.Node]().Public()
		found := made(t, c, 30, nil)
		d := &table{Choice: c, up: []key.NodePublic{one, two}}
		d.answer = func(round int, node key.NodePublic) ([]Offer, error) {
			if node == one {
				return nil, wire.ErrNotServing
			}
			return append([]Offer{}, found[:min(8*round, 30)]...), nil
		}
		d.probe = func(home.Target) (*home.Probed, error) {
			return &home.Probed{Took: time.Millisecond, Limits: wire.Limits{Retention: 7200, Quota: 1 << 40}}, nil
		}
		got, err := Find(t.Context(), d, Search{Count: 8})
		if err != nil || len(got) != 8 {
			t.Fatalf("%d, %v", len(got), err)
		}
		if d.probed != 16 || d.highest != atOnce || d.asks != 6 {
			t.Errorf("%d probes, %d at once, %d questions", d.probed, d.highest, d.asks)
		}
		if o := got[0]; o.Retention != 2*time.Hour || o.Took != time.Millisecond || o.Quota != 1<<40 {
			t.Errorf("%+v", o)
		}

		// Without measuring, and with a home that is silent.
		d.asks, d.probed = 0, 0
		d.answer = func(_ int, node key.NodePublic) ([]Offer, error) {
			if node == one {
				return nil, nil
			}
			return found, nil
		}
		began := time.Now()
		if got, err = Find(t.Context(), d, Search{Count: 99, Unseen: true}); err != nil || len(got) != 30 || d.probed != 0 || got[0].Took != 0 {
			t.Errorf("%d, %v, %d probes", len(got), err, d.probed)
		}
		if took := time.Since(began); took > rounds*(asking+pause) {
			t.Errorf("it took %v", took)
		}

		// Who says on the link that it takes the invited only does not count, unless that is wanted.
		d.answer = func(int, key.NodePublic) ([]Offer, error) { return found[:3], nil }
		d.probe = func(to home.Target) (*home.Probed, error) {
			if slices.Equal(to.Endpoint.Node, found[0].Address.Node[:]) {
				return nil, nil // silent
			}
			return &home.Probed{Took: time.Millisecond, Descriptor: &address.Descriptor{Flags: address.TakesInvited}}, nil
		}
		got, err = Find(t.Context(), d, Search{Count: 5})
		if err != nil || len(got) != 1 || got[0].Problem == nil || got[0].Took != 0 {
			t.Errorf("%+v, %v", got, err)
		}
		if got, err = Find(t.Context(), d, Search{Count: 5, Invited: true}); err != nil || len(got) != 3 {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// TestFindTellsWhyNot: no home, none that is in a network, none that knows others, and an end in the middle.
func TestFindTellsWhyNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newBench().choice(score.New())
		d := &table{Choice: c}
		find := func(want error) {
			t.Helper()
			if _, err := Find(t.Context(), d, Search{Count: 3}); !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
		}
		find(wire.ErrLinkClosed)
		d.up = []key.NodePublic{{1}, {2}}
		d.answer = func(int, key.NodePublic) ([]Offer, error) { return nil, wire.ErrNotServing }
		find(wire.ErrNotServing)
		d.answer = func(int, key.NodePublic) ([]Offer, error) { return nil, nil }
		find(wire.ErrLinkClosed)
		d.answer = func(int, key.NodePublic) ([]Offer, error) { return []Offer{}, nil }
		find(ErrNone)
		invited := made(t, c, 2, func(d *address.Descriptor) { d.Flags = address.TakesInvited })
		d.answer = func(int, key.NodePublic) ([]Offer, error) { return invited, nil }
		find(ErrNone)

		open := made(t, c, 9, nil)
		d.answer = func(int, key.NodePublic) ([]Offer, error) { return open, nil }
		d.probe = func(home.Target) (*home.Probed, error) { return nil, nil }
		ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
		defer cancel()
		began := time.Now()
		if _, err := Find(ctx, d, Search{Count: 3}); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 8*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}
