package publish

import (
	"bytes"
	"crypto/sha256"
	"math"
	"slices"
	"time"

	"zeroms/client/profile"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// record is one that was made.
type record struct {
	name        key.BlindedPublic
	day, seq    uint32
	first, last uint32 // unix minutes
	made        uint32 // unix minutes
	print       [16]byte
	bytes       []byte // none once it is retired: homes are to take it back
}

func (r *record) retired() bool { return len(r.bytes) == 0 }

// over is when nobody publishes it any more.
func (r *record) over() time.Time { return time.Unix(int64(r.last)*minute, 0) }

// deposit is what a home gets for it.
func (r *record) deposit() wire.Deposit {
	d := wire.Deposit{Name: r.name, Day: r.day}
	if !r.retired() {
		d.First, d.Last, d.Record = r.first, r.last, r.bytes
	}
	return d
}

// lapses is how many days after a record's day a lease holds whose end is not
// known: as long as records made now are published.
const lapses = Ahead

// line is a lease as it is wanted.
type line struct {
	lease address.Lease
	last  int64 // the last day on which it holds, if its end is known
	known bool
	print []byte // the same as long as the lease is
}

func newLine(l Lease) (line, error) {
	out := line{lease: l.Lease, known: !l.Ends.IsZero()}
	out.lease.Lapses = 0
	slot, err := out.lease.Encode52()
	if err != nil {
		return line{}, err
	}
	if out.known {
		out.last = l.Ends.Add(-time.Second).Unix() / 86400 // the day that has begun and is not over then
	}
	out.print = append(append(slot[:], wire.Uint64(uint64(out.last))...), b2i(out.known))
	return out, nil
}

func b2i(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// content is what a record of a day says, and a print of it that changes with
// what it says.
func (p *Publisher) content(d uint32) (slots []address.Lease, print [16]byte) {
	parts := make([][]byte, 0, len(p.lines)+2)
	for _, l := range p.lines {
		slot := l.lease
		slot.Lapses = lapses
		if l.known {
			if l.last < int64(d) {
				continue
			}
			slot.Lapses = uint8(min(l.last-int64(d), math.MaxUint8))
		}
		parts, slots = append(parts, l.print), append(slots, slot)
	}
	slices.SortFunc(parts, bytes.Compare)
	parts = append(parts, wire.Uint32(p.want.ListN), p.want.ListHash[:])
	sum := sha256.Sum256(key.Join(parts...))
	return slots, [16]byte(sum[:])
}

// seal makes a record of a day under a secret, or the next one of that day.
func (p *Publisher) seal(s *secret, d uint32, slots []address.Lease, print [16]byte, now time.Time) {
	name := p.name(s, d)
	r := p.records[name]
	if r == nil {
		start := int64(d) * 24 * 60
		span := int64(drawWithin / time.Minute)
		r = &record{
			name: name, day: d, first: uint32(max(start-span+int64(draw(drawWithin)/time.Minute), 0)),
			last: uint32(start + 24*60 + 1 + int64(draw(drawWithin)/time.Minute)),
		}
	}
	next := *r
	next.seq, next.print, next.made = max(r.seq, p.floor[name].seq)+1, print, p.moment(now)
	b, err := address.SealRecord(&address.Record{
		Made: time.Unix(int64(next.made)*minute, 0), Day: d, Seq: next.seq,
		ListN: p.want.ListN, ListHash: p.want.ListHash, Leases: slots,
	}, p.want.Identity, s.s, p.want.Network)
	if err != nil {
		return // Set has tried the leases, and nothing else can fail
	}
	next.bytes = b
	p.records[name] = &next
	p.put = append(p.put, next.row())
}

// moment is when a record is made: never before one that was made earlier, since
// readers refuse what looks older, unless the clock was wrong by more than a day.
func (p *Publisher) moment(now time.Time) uint32 {
	at := uint32(min(max(now.Unix(), 0)/minute, math.MaxUint32))
	latest := at + uint32(wire.ClockTolerance/time.Minute)
	newest := at
	for _, r := range p.records {
		if r.made > newest && r.made <= latest {
			newest = r.made
		}
	}
	return newest
}

// budget bounds how many records are made: homes bound how many they take.
type budget struct {
	left int
	at   time.Time // of the last refill; zero: it was never filled
}

const (
	budgetMost  = 320
	budgetEvery = 45 * time.Second
)

// fill adds what was earned since the last time.
func (b *budget) fill(now time.Time) {
	earned := int64(budgetMost)
	if !b.at.IsZero() && !now.Before(b.at) {
		earned = int64(now.Sub(b.at) / budgetEvery)
	}
	if earned == 0 {
		return
	}
	if b.left = int(min(int64(b.left)+earned, budgetMost)); b.left == budgetMost {
		b.at = now
	} else {
		b.at = b.at.Add(time.Duration(earned) * budgetEvery)
	}
}

// take takes one, if there is one.
func (b *budget) take() bool {
	if b.left == 0 {
		return false
	}
	b.left--
	return true
}

// next is when there is one again.
func (b *budget) next(now time.Time) time.Time {
	if at := b.at.Add(budgetEvery); at.After(now) {
		return at
	}
	return now
}

// The tables of what is kept.
const (
	TableRecord profile.Table = 23 // records that were made
	TableHeld   profile.Table = 24 // what homes have confirmed
	TableRead   profile.Table = 25 // the newest record read of a person
)

const (
	version = 1
	maxRow  = 64 << 10
)

type recordRow struct {
	Version uint8    `cbor:"1,keyasint"`
	Day     uint32   `cbor:"2,keyasint"`
	Seq     uint32   `cbor:"3,keyasint"`
	First   uint32   `cbor:"4,keyasint"`
	Last    uint32   `cbor:"5,keyasint"`
	Made    uint32   `cbor:"6,keyasint"`
	Print   [16]byte `cbor:"7,keyasint"`
	Record  []byte   `cbor:"8,keyasint"`
}

func (r *record) row() profile.Row {
	return profile.Row{Table: TableRecord, Key: r.name[:], Data: wire.Marshal(recordRow{
		version, r.day, r.seq, r.first, r.last, r.made, r.print, r.bytes,
	})}
}

func parseRecord(row profile.Row) (*record, error) {
	var r recordRow
	if err := parse(row.Data, &r, &r.Version); err != nil {
		return nil, err
	}
	if len(row.Key) != key.PublicSize || len(r.Record) != 0 && len(r.Record) != wire.RecordSize {
		return nil, wire.ErrValue.Because("a record of one's own")
	}
	return &record{
		name: key.BlindedPublic(row.Key), day: r.Day, seq: r.Seq, first: r.First, last: r.Last,
		made: r.Made, print: r.Print, bytes: r.Record,
	}, nil
}

// parse reads a row's data. Errors: wire.ErrVersion for one of a later version,
// wire.ErrValue, and those of wire.Unmarshal.
func parse(b []byte, into any, v *uint8) error {
	// A map's first key is 1 and its value the version; a later one may have fields
	// that this one does not know.
	if len(b) > 2 && b[0]>>5 == 5 && b[1] == 1 && b[2] > version && b[2] <= 24 {
		return wire.ErrVersion.Because("this profile was written by a newer version of ZeroMS")
	}
	if err := wire.Unmarshal(b, into, maxRow); err != nil {
		return err
	}
	if *v != version {
		return wire.ErrValue.Because("the version of a row")
	}
	return nil
}
