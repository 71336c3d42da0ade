package publish

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"zeroms/client/profile"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

var network = key.Network{'l', 'a', 'b', '1'}

// gate is a home gateway as the client sees it.
type gate struct {
	node    key.NodePublic
	up      bool
	held    map[key.BlindedPublic]wire.Deposit
	refuse  error // the answer to everything
	lie     func(*wire.Deposits)
	puts    int
	biggest int
}

func seqOf(t *testing.T, d wire.Deposit) uint32 {
	t.Helper()
	if len(d.Record) != wire.RecordSize {
		t.Fatalf("a record of %d bytes", len(d.Record))
	}
	return binary.BigEndian.Uint32(d.Record[37:])
}

// world is one person with their homes, and a store that a crash leaves behind.
type world struct {
	t     *testing.T
	now   time.Time
	want  Wanted
	gates map[key.NodePublic]*gate
	p     *Publisher
	rows  map[string]profile.Row
	queue []ask
	next  time.Time
	given map[string][]byte // name and seq -> the one record that ever had them
	crash func(where string) bool
	asked bool // the last turn had answers
}

type ask struct {
	node key.NodePublic
	p    wire.Payload
	done func(wire.Payload, error)
}

func (w *world) Ask(node key.NodePublic, p wire.Payload, done func(wire.Payload, error)) {
	w.queue = append(w.queue, ask{node, p, done})
}

func node(i byte) key.NodePublic {
	return key.PrivateFromSeed[key.Node]([32]byte{0: i, 31: 3}).Public()
}

func lease(i byte) Lease {
	return Lease{Lease: address.Lease{Node: node(i), Host: fmt.Sprintf("192.0.2.%d", i), Port: 443}}
}

func newWorld(t *testing.T, homes int) *world {
	w := &world{
		t: t, now: time.Unix(20_370*86400+12*3600, 0), gates: map[key.NodePublic]*gate{},
		rows: map[string]profile.Row{}, given: map[string][]byte{}, crash: func(string) bool { return false },
		want: Wanted{
			Identity: key.PrivateFromSeed[key.Identity]([32]byte{1, 31: 1}), Network: network,
			Secrets: []key.AddressSecret{key.NewAddressSecret()}, ListN: 1, ListHash: [32]byte{1},
		},
	}
	for i := range homes {
		w.addHome(byte(i + 1))
	}
	w.start()
	w.run()
	return w
}

func (w *world) addHome(i byte) *gate {
	g := &gate{node: node(i), up: true, held: map[key.BlindedPublic]wire.Deposit{}}
	w.gates[g.node] = g
	w.want.Homes = append(w.want.Homes, g.node)
	w.want.Leases = append(w.want.Leases, lease(i))
	return g
}

// start is the start of the process: from the rows of the store.
func (w *world) start() {
	w.t.Helper()
	w.p, w.queue, w.next = New(w), nil, time.Time{}
	for _, r := range w.rows {
		if ok, err := w.p.Restore(r); !ok || err != nil {
			w.t.Fatalf("restoring a row: %v, %v", ok, err)
		}
	}
	w.set()
	for n, g := range w.gates {
		if g.up {
			w.p.Up(n)
		}
	}
}

func (w *world) set() {
	w.t.Helper()
	if err := w.p.Set(w.want); err != nil {
		w.t.Fatal(err)
	}
}

// commit makes the turn's rows durable.
func (w *world) commit() {
	put, gone := w.p.Collect()
	for _, r := range put {
		w.rows[fmt.Sprintf("%d/%x", r.Table, r.Key)] = r
	}
	for _, r := range gone {
		delete(w.rows, fmt.Sprintf("%d/%x", r.Table, r.Key))
	}
}

// turn is one turn of the loop: state, store, links. False: the process died.
func (w *world) turn() bool {
	w.next = w.p.Turn(w.now)
	if w.crash("before the commit") {
		return false
	}
	w.commit()
	if w.crash("before the links") {
		return false
	}
	asks := w.queue
	w.queue, w.asked = nil, len(w.queue) > 0
	for _, a := range asks {
		answer, err := w.answer(a)
		if w.crash("before the answer") {
			return false
		}
		a.done(answer, err)
	}
	return true
}

// run takes turns until nothing is due now. False: the process died.
func (w *world) run() bool {
	w.t.Helper()
	for n := 0; ; n++ {
		if n == 1000 {
			w.t.Fatal("it never comes to rest")
		}
		if !w.turn() {
			return false
		}
		if !w.asked && (w.next.IsZero() || w.next.After(w.now)) {
			return true
		}
	}
}

// pass lets time go by, waking the Publisher when it asked for it.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	for end := w.now.Add(d); ; {
		if w.next.IsZero() || w.next.After(end) {
			w.now = end
			w.run()
			return
		}
		w.now = w.next
		w.run()
	}
}

// answer is what a gateway says.
func (w *world) answer(a ask) (wire.Payload, error) {
	g := w.gates[a.node]
	switch {
	case g == nil || !g.up:
		return nil, wire.ErrLinkClosed
	case g.refuse != nil:
		return nil, g.refuse
	}
	if _, ok := a.p.(*wire.DepositsGet); ok {
		out := &wire.Deposits{}
		for name, d := range g.held {
			out.Items = append(out.Items, wire.Deposited{Name: name, Day: d.Day, Seq: seqOf(w.t, d), Holders: 20, Stored: 1000, Verified: 2000})
		}
		if g.lie != nil {
			g.lie(out)
		}
		return out, nil
	}
	put := a.p.(*wire.DepositPut)
	g.puts++
	g.biggest = max(g.biggest, len(put.Items))
	today := address.Day(w.now)
	for _, d := range put.Items {
		if len(d.Record) == 0 {
			continue
		}
		at := fmt.Sprintf("%x/%d", d.Name, seqOf(w.t, d))
		if bytes.Equal(w.given[at], d.Record) {
			continue
		}
		h, err := address.ParseRecord(d.Record)
		if err != nil || h.Name != d.Name || h.Day != d.Day || d.Day > today+31 || d.Day+1 < today || d.First >= d.Last {
			w.t.Fatalf("deposit of day %d on day %d, %d to %d, record %+v: %v", d.Day, today, d.First, d.Last, h, err)
		}
		if w.given[at] != nil {
			w.t.Fatalf("two records of day %d have the number %d", d.Day, h.Seq)
		}
		w.given[at] = d.Record
	}
	for _, d := range put.Items {
		if len(d.Record) == 0 {
			continue
		}
		if old, ok := g.held[d.Name]; ok && (seqOf(w.t, old) > seqOf(w.t, d) || seqOf(w.t, old) == seqOf(w.t, d) && !bytes.Equal(old.Record, d.Record)) {
			return nil, wire.ErrOlder
		}
	}
	for _, d := range put.Items {
		if len(d.Record) == 0 {
			delete(g.held, d.Name)
		} else {
			g.held[d.Name] = d
		}
	}
	maps.DeleteFunc(g.held, func(_ key.BlindedPublic, d wire.Deposit) bool { return d.Day+1 < today })
	days := map[uint32]int{}
	for _, d := range g.held {
		if days[d.Day]++; days[d.Day] > 4 {
			w.t.Fatalf("%d records of one day", days[d.Day])
		}
	}
	if len(g.held) > 96 {
		w.t.Fatalf("%d records of one account", len(g.held))
	}
	return &wire.OK{}, nil
}

// drop takes a home's link away.
func (w *world) drop(g *gate) {
	g.up = false
	w.p.Down(g.node)
}

func (w *world) raise(g *gate) {
	g.up = true
	w.p.Up(g.node)
	w.run()
}

// reads is what a contact with the secret s finds of a day at a home.
func (w *world) reads(g *gate, s key.AddressSecret, day uint32) *address.Record {
	w.t.Helper()
	user := w.want.Identity.Public()
	name, err := key.RecordName(user, s, network, day)
	if err != nil {
		w.t.Fatal(err)
	}
	d, ok := g.held[name]
	if !ok {
		return nil
	}
	r, err := address.OpenRecord(d.Record, user, s, network, maxTime(w.now, time.Unix(int64(day)*86400, 0)))
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// full asserts that a home has exactly the right records of today and the 30 days
// after it under every secret, all up to date.
func (w *world) full(g *gate) {
	w.t.Helper()
	today := address.Day(w.now)
	for _, s := range w.want.Secrets {
		for d := today; d <= w.p.lastDay(w.now); d++ {
			r := w.reads(g, s, d)
			if r == nil {
				w.t.Fatalf("day +%d is missing", d-today)
			}
			if r.ListN != w.want.ListN || r.ListHash != w.want.ListHash || !w.named(r) {
				w.t.Fatalf("day +%d says %+v", d-today, r)
			}
		}
	}
	if last := w.p.lastDay(w.now); last < today+Ahead-1 || last > today+Ahead {
		w.t.Fatalf("%d days ahead", last-today)
	}
}

// named reports whether a record names just the leases wanted for its day.
func (w *world) named(r *address.Record) bool {
	var want, got []string
	for _, l := range w.want.Leases {
		if l.Ends.IsZero() || l.Ends.After(time.Unix(int64(r.Day)*86400, 0)) {
			want = append(want, l.Host)
		}
	}
	for _, l := range r.Leases {
		got = append(got, l.Host)
	}
	slices.Sort(want)
	slices.Sort(got)
	return slices.Equal(want, got)
}

func (w *world) all() (out []*gate) {
	for _, n := range w.want.Homes {
		out = append(out, w.gates[n])
	}
	return out
}

// random is reproducible.
func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 5)) }
