package publisher

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// noon is the middle of the first day.
var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// event is a request that was sent.
type event struct {
	at   time.Time
	to   key.NodePublic
	ids  []int64 // stored
	wide bool
	get  *wire.RecordGet
}

// flight is an answer on its way.
type flight struct {
	at     time.Time
	id     uint64
	answer wire.Payload
	err    error
}

// world is a home with its disk, and the other gateways of its network.
type world struct {
	t   testing.TB
	cfg Config
	rnd *rand.Rand
	now time.Time
	p   *Publisher

	gateways []wire.Contact
	disk     map[int64]*kept
	flights  []flight
	events   []event
	stamps   map[int64]int
	latency  func() time.Duration

	// network is what is found: the bytes by name and day
	network map[wire.RecordGet][]byte
	relay   func(to key.NodePublic, p *wire.Publish) (wire.Payload, error) // nil: it does what it should
	witness func(to key.NodePublic, q *wire.RecordGet) (wire.Payload, error)
}

// kept is a record on the disk.
type kept struct {
	Record
	bytes  []byte
	loaded bool
}

func newWorld(t testing.TB, gateways int) *world {
	w := &world{
		t: t, rnd: rand.New(rand.NewPCG(3, 9)), now: noon, disk: map[int64]*kept{}, stamps: map[int64]int{},
		network: map[wire.RecordGet][]byte{},
	}
	w.latency = func() time.Duration { return time.Duration(20+w.rnd.IntN(2000)) * time.Millisecond }
	for i := range gateways {
		w.gateways = append(w.gateways, wire.Contact{
			Node: key.NodePublic{byte(i + 1), byte((i + 1) >> 8), 5}, Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, 1}), uint16(1000+i)),
			Transports: wire.TransportQUIC,
		})
	}
	w.cfg = Config{StampBits: 8, Sample: w.sample, Check: header, Rand: rand.New(rand.NewPCG(1, 2))}
	w.p = New(w.cfg)
	return w
}

// header reads what a record begins with; these have no signatures.
func header(b []byte) (h address.Header, err error) {
	if len(b) != wire.RecordSize || b[0] != 1 {
		return h, wire.ErrSignature
	}
	copy(h.Name[:], b[1:])
	h.Day, h.Seq = binary.BigEndian.Uint32(b[33:]), binary.BigEndian.Uint32(b[37:])
	return h, nil
}

func (w *world) sample(n int, not ...key.NodePublic) (out []wire.Contact) {
	for _, i := range w.rnd.Perm(len(w.gateways)) {
		if c := w.gateways[i]; len(out) < n && !slices.Contains(not, c.Node) {
			out = append(out, c)
		}
	}
	return out
}

func bytesOf(name [32]byte, day, seq uint32, salt byte) []byte {
	b := make([]byte, wire.RecordSize)
	b[0] = 1
	copy(b[1:], name[:])
	binary.BigEndian.PutUint32(b[33:], day)
	binary.BigEndian.PutUint32(b[37:], seq)
	b[41] = salt
	return b
}

// write puts a record on the disk: of a name on the day so many days from today.
func (w *world) write(id int64, name uint32, ahead int, seq uint32) *kept {
	day := address.Day(noon) + uint32(ahead)
	begin := time.Unix(int64(day)*86400, 0)
	k := &kept{Record: Record{
		ID: id, Name: sha256.Sum256(wire.Uint32(name)), Day: day, Seq: seq,
		First: begin.Add(-time.Duration(w.rnd.IntN(360)) * time.Minute), Last: begin.Add(24*time.Hour + time.Duration(w.rnd.IntN(360))*time.Minute),
	}}
	k.bytes = bytesOf(k.Name, day, seq, 0)
	k.Sum = sha256.Sum256(k.bytes)
	if was := w.disk[id]; was != nil {
		k.First, k.Last, k.loaded = was.First, was.Last, was.loaded
	}
	w.disk[id] = k
	return k
}

// until runs the world to a moment.
func (w *world) until(end time.Time) {
	for {
		for {
			s, ok := w.p.NextStamp()
			if !ok {
				break
			}
			k := w.disk[s.ID]
			if s.Day != k.Day || s.Place != address.Position(k.Name, 0, k.Day) {
				w.t.Fatal("a stamp for another place or day")
			}
			w.stamps[s.ID]++
			w.p.Stamped(s.ID, append(wire.Uint32(s.Day), wire.Uint64(uint64(s.ID))...))
		}
		asks, next := w.p.Advance(w.now)
		for _, a := range asks {
			w.send(a)
		}
		if len(asks) > 0 {
			continue // as the service does after it read the disk
		}
		soonest := -1
		for i := range w.flights {
			if soonest < 0 || w.flights[i].at.Before(w.flights[soonest].at) {
				soonest = i
			}
		}
		switch {
		case soonest >= 0 && (next.IsZero() || w.flights[soonest].at.Before(next)):
			f := w.flights[soonest]
			if f.at.After(end) {
				w.now = end
				return
			}
			w.flights = slices.Delete(w.flights, soonest, soonest+1)
			w.now = f.at
			w.p.Answered(w.now, f.id, f.answer, f.err)
		case next.IsZero() || next.After(end):
			w.now = end
			return
		default:
			if !next.After(w.now) {
				w.t.Fatalf("at %v it wants to be called at %v", w.now, next)
			}
			w.now = next
		}
	}
}

// send has a request done by the gateway that it is for.
func (w *world) send(a Ask) {
	f := flight{at: w.now.Add(w.latency()), id: a.ID}
	e := event{at: w.now, to: a.To.Node, get: a.Get}
	if a.Get != nil {
		f.answer, f.err = w.find(a)
	} else {
		var found []Bytes
		for _, id := range a.Records {
			if k := w.disk[id]; k != nil {
				found = append(found, Bytes{id, k.Seq, k.bytes})
				e.ids = append(e.ids, id)
			}
		}
		p := w.p.Publish(w.now, a.ID, found)
		if p == nil {
			return
		}
		if len(p.Items) == 0 || len(p.Items) > wire.MaxStores {
			w.t.Fatalf("%d records in one Publish", len(p.Items))
		}
		e.wide = p.Wide
		f.answer, f.err = w.publish(a.To.Node, p)
	}
	w.events = append(w.events, e)
	w.flights = append(w.flights, f)
}

func (w *world) publish(to key.NodePublic, p *wire.Publish) (wire.Payload, error) {
	if w.relay != nil {
		if answer, err := w.relay(to, p); answer != nil || err != nil {
			return answer, err
		}
	}
	out := &wire.Published{}
	for _, item := range p.Items {
		h, err := header(item.Record)
		if err != nil || len(item.Stamp) != wire.WorkSize || binary.BigEndian.Uint32(item.Stamp) != h.Day || item.Index != 0 {
			w.t.Fatalf("a record that no holder takes: %v, stamp %x", err, item.Stamp)
		}
		w.network[wire.RecordGet{Name: h.Name, Day: h.Day}] = item.Record
		out.Holders = append(out.Holders, 20)
	}
	return out, nil
}

func (w *world) find(a Ask) (wire.Payload, error) {
	if w.witness != nil {
		if answer, err := w.witness(a.To.Node, a.Get); answer != nil || err != nil {
			return answer, err
		}
	}
	if b := w.network[wire.RecordGet{Name: a.Get.Name, Day: a.Get.Day}]; b != nil {
		return &wire.Record{Record: b}, nil
	}
	return wire.FailureOf(wire.ErrNoRecord), nil
}

// add tells the publisher of a record that was deposited just now.
func (w *world) add(k *kept) {
	k.loaded = true
	w.p.Add(w.now, k.Record)
}

// load does what the service does every 10 minutes: it reads what becomes due.
func (w *world) load() {
	for _, id := range w.ids() {
		if k := w.disk[id]; !k.loaded && !k.First.After(w.now.Add(20*time.Minute)) {
			k.loaded = true
			w.p.Load(w.now, k.Record)
		}
	}
}

func (w *world) ids() (all []int64) {
	for id := range w.disk {
		all = append(all, id)
	}
	slices.Sort(all)
	return all
}

// live runs for a while, reading what becomes due.
func (w *world) live(for_ time.Duration) {
	for end := w.now.Add(for_); w.now.Before(end); {
		w.load()
		w.until(min10(w.now.Add(10*time.Minute), end))
	}
}

func min10(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// restart begins anew with what was kept, a while later.
func (w *world) restart(down time.Duration) {
	for _, r := range w.p.Changed(1 << 20) {
		if k := w.disk[r.ID]; k != nil && k.Seq == r.Seq {
			k.State = r.State
		}
	}
	w.now = w.now.Add(down)
	w.flights = nil
	w.p = New(w.cfg)
	for _, k := range w.disk {
		k.loaded = false
	}
}

// stores are the moments at which a record went to a relay, and to whom.
func (w *world) stores(id int64) (at []time.Time, to []key.NodePublic, wide []bool) {
	for _, e := range w.events {
		if slices.Contains(e.ids, id) {
			at, to, wide = append(at, e.at), append(to, e.to), append(wide, e.wide)
		}
	}
	return at, to, wide
}

// looks are the moments at which a witness was asked for a record, and who.
func (w *world) looks(id int64) (at []time.Time, to []key.NodePublic) {
	k := w.disk[id]
	for _, e := range w.events {
		if e.get != nil && e.get.Name == k.Name && e.get.Day == k.Day {
			at, to = append(at, e.at), append(to, e.to)
		}
	}
	return at, to
}

func distinct(all []key.NodePublic) int {
	seen := map[key.NodePublic]bool{}
	for _, n := range all {
		seen[n] = true
	}
	return len(seen)
}
