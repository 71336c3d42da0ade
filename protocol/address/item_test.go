package address

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

var lab = Parameters{Network: key.Network{'l', 'a', 'b', '1'}, Scope: Loopback, PuzzleBits: 4, StampBits: 8}

func stamped(t testing.TB, place key.NodeID, day uint32) []byte {
	t.Helper()
	stamp, _, ok := Stamp(place, lab.StampBits, day, 0, 1<<20)
	if !ok {
		t.Fatal("no stamp in a million tries")
	}
	return stamp
}

func (p lives) item(t testing.TB, r *Record, index uint8) wire.StoreItem {
	t.Helper()
	b := p.seal(t, r)
	name, err := key.RecordName(p.ik.Public(), p.s, p.network, r.Day)
	if err != nil {
		t.Fatal(err)
	}
	return wire.StoreItem{Record: b, Index: index, Stamp: stamped(t, Position(name, index, r.Day), Day(p.now))}
}

func TestPositions(t *testing.T) {
	name := key.BlindedPublic(node(5))
	day := uint32(20_370)
	seen := map[key.NodeID]bool{}
	for i := range uint8(Positions) {
		for _, d := range []uint32{day - 1, day, day + 1} {
			whole := key.Join([]byte("zms/1/position\x00"), name[:], []byte{0, 0, 0, i}, binary.BigEndian.AppendUint32(nil, d))
			if want := key.NodeID(sha256.Sum256(whole)); Position(name, i, d) != want || seen[want] {
				t.Errorf("position %d of day %d", i, d)
			}
			seen[Position(name, i, d)] = true
		}
	}
	at := key.Place{Network: lab.Network, Node: node(1)}
	whole := key.Join([]byte("zms/1/descriptor\x00lab1"), at.Node[:])
	if DescriptorPlace(at) != key.NodeID(sha256.Sum256(whole)) {
		t.Error("place of a descriptor")
	}
	if Day(time.Unix(86400*5-1, 0)) != 4 || Day(time.Unix(86400*5, 0)) != 5 || Day(time.Unix(-1, 0)) != 0 {
		t.Error("days")
	}
}

func TestHoldersCheckRecords(t *testing.T) {
	p := newPerson()
	for i := range uint8(Positions) {
		for _, off := range []int{-1, 0, 1} {
			r := p.record(1)
			r.Day, r.Seq = r.Day+uint32(off), 9
			item := p.item(t, r, i)
			got, err := CheckItem(item, lab, p.now)
			if err != nil {
				t.Fatalf("index %d, day %+d: %v", i, off, err)
			}
			name, _ := key.RecordName(p.ik.Public(), p.s, p.network, r.Day)
			if got.Place != Position(name, i, r.Day) || got.Class != ClassRecord || got.Index != i || got.Name != name || got.Day != r.Day ||
				got.Seq != 9 || got.Sum != sha256.Sum256(item.Record) || !bytes.Equal(got.Record, item.Record) || !got.Until.Equal(time.Unix(int64(r.Day+2)*86400, 0)) {
				t.Errorf("item %+v", got)
			}
			found, err := CheckValue(item.Record, got.Place, lab, p.now)
			if err != nil || found.Place != got.Place || found.Index != i || found.Sum != got.Sum {
				t.Errorf("found: %+v, %v", found, err)
			}
			if _, err := CheckValue(item.Record, key.NodeID{1}, lab, p.now); !errors.Is(err, wire.ErrWrongKind) {
				t.Errorf("found elsewhere: %v", err)
			}
		}
	}
}

func TestHoldersRefuseRecords(t *testing.T) {
	p := newPerson()
	r := p.record(1)
	good := p.item(t, r, 0)
	name, _ := key.RecordName(p.ik.Public(), p.s, p.network, r.Day)
	place := Position(name, 0, r.Day)
	easy := []byte(nil)
	for nonce := uint64(0); easy == nil; nonce++ {
		work := key.Join(wire.Uint32(r.Day), wire.Uint64(nonce))
		if n, _ := wire.WorkBits(wire.StampSubject(place), work, p.now); n < int(lab.StampBits) {
			easy = work
		}
	}
	later, earlier := p.record(1), p.record(1)
	later.Day += 2
	earlier.Day -= 2
	badSig := slices.Clone(good.Record)
	badSig[1023] ^= 1
	for what, test := range map[string]struct {
		item wire.StoreItem
		want error
	}{
		"no stamp":                     {wire.StoreItem{Record: good.Record}, wire.ErrStamp},
		"a short stamp":                {wire.StoreItem{Record: good.Record, Stamp: good.Stamp[:11]}, wire.ErrStamp},
		"an easy stamp":                {wire.StoreItem{Record: good.Record, Stamp: easy}, wire.ErrStamp},
		"the stamp of another place":   {wire.StoreItem{Record: good.Record, Index: 1, Stamp: good.Stamp}, wire.ErrStamp},
		"the stamp of two days ago":    {wire.StoreItem{Record: good.Record, Stamp: stamped(t, place, r.Day-2)}, wire.ErrStamp},
		"the stamp of in two days":     {wire.StoreItem{Record: good.Record, Stamp: stamped(t, place, r.Day+2)}, wire.ErrStamp},
		"the stamp of yesterday":       {wire.StoreItem{Record: good.Record, Stamp: stamped(t, place, r.Day-1)}, nil},
		"a third place":                {wire.StoreItem{Record: good.Record, Index: 2, Stamp: good.Stamp}, wire.ErrValue},
		"the day after tomorrow":       {p.item(t, later, 0), wire.ErrClock},
		"the day before yesterday":     {p.item(t, earlier, 0), wire.ErrClock},
		"nothing":                      {wire.StoreItem{}, wire.ErrTruncated},
		"a wrong signature":            {wire.StoreItem{Record: badSig, Stamp: good.Stamp}, wire.ErrSignature},
		"wrong signature and no stamp": {wire.StoreItem{Record: badSig}, wire.ErrStamp}, // the dear check comes last
	} {
		if _, err := CheckItem(test.item, lab, p.now); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", what, err, test.want)
		}
	}
	longer := append(slices.Clone(good.Record), 0)
	if _, err := CheckItem(wire.StoreItem{Record: longer, Stamp: good.Stamp}, lab, p.now); err == nil {
		t.Error("a record that is a byte longer is held")
	}
	free := lab
	free.StampBits = 0
	if _, err := CheckItem(wire.StoreItem{Record: good.Record}, free, p.now); err != nil {
		t.Errorf("a network without stamps: %v", err)
	}
}

func TestHoldersCheckDescriptors(t *testing.T) {
	s := newStation()
	b := s.seal(t, s.descriptor())
	place := s.descriptor().Place()
	item := wire.StoreItem{Record: b, Stamp: stamped(t, place, Day(s.now))}
	got, err := CheckItem(item, lab, s.now)
	if err != nil {
		t.Fatal(err)
	}
	if got.Place != place || got.Class != ClassDescriptor || got.Name != s.node.Public() || got.Made != wire.Millis(s.now) ||
		!got.Until.Equal(s.now.Add(7*24*time.Hour)) || got.Sum != sha256.Sum256(b) || !bytes.Equal(got.Record, b) {
		t.Errorf("item %+v", got)
	}
	if found, err := CheckValue(b, place, lab, s.now); err != nil || found.Sum != got.Sum {
		t.Errorf("found: %v", err)
	}
	if _, err := CheckValue(b, key.NodeID{}, lab, s.now); !errors.Is(err, wire.ErrWrongKind) {
		t.Errorf("found elsewhere: %v", err)
	}
	public := lab
	public.Scope = Public
	elsewhere := lab
	elsewhere.Network[0]++
	forged := wire.Object{Body: wire.Marshal(s.descriptor().body()), Sig: make([]byte, 64)}.Encode()
	for what, test := range map[string]struct {
		item wire.StoreItem
		p    Parameters
		now  time.Time
		want error
	}{
		"no stamp":        {wire.StoreItem{Record: b}, lab, s.now, wire.ErrStamp},
		"a second place":  {wire.StoreItem{Record: b, Index: 1, Stamp: item.Stamp}, lab, s.now, wire.ErrValue},
		"private address": {item, public, s.now, wire.ErrScope},
		"another network": {item, elsewhere, s.now, wire.ErrNetwork},
		"expired":         {wire.StoreItem{Record: b, Stamp: stamped(t, place, Day(s.now)+7)}, lab, s.now.Add(7 * 24 * time.Hour), wire.ErrExpired},
		"from the future": {wire.StoreItem{Record: b, Stamp: stamped(t, place, Day(s.now)-2)}, lab, s.now.Add(-25 * time.Hour), wire.ErrClock},
		"no signature":    {wire.StoreItem{Record: forged, Stamp: item.Stamp}, lab, s.now, wire.ErrSignature},
	} {
		if _, err := CheckItem(test.item, test.p, test.now); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", what, err, test.want)
		}
	}
}

func TestTheNewerStays(t *testing.T) {
	p := newPerson()
	check := func(seq uint32) Item {
		r := p.record(1)
		r.Seq = seq
		item, err := CheckItem(p.item(t, r, 0), lab, p.now)
		if err != nil {
			t.Fatal(err)
		}
		return item
	}
	one, again, two := check(1), check(1), check(2)
	if bytes.Compare(again.Sum[:], one.Sum[:]) < 0 {
		one, again = again, one // one has the lower hash
	}
	s := newStation()
	describe := func(after time.Duration, x uint64) Item {
		d := s.descriptor()
		d.Made, d.X = d.Made.Add(after), x
		d.Expires = d.Made.Add(time.Hour)
		b := s.seal(t, d)
		item, err := CheckItem(wire.StoreItem{Record: b, Stamp: stamped(t, d.Place(), Day(s.now))}, lab, s.now)
		if err != nil {
			t.Fatal(err)
		}
		return item
	}
	first, twin, later := describe(0, 1), describe(0, 2), describe(time.Millisecond, 1)
	if bytes.Compare(twin.Sum[:], first.Sum[:]) < 0 {
		first, twin = twin, first
	}
	for _, test := range []struct {
		what          string
		held, offered Item
		want          Verdict
	}{
		{"the same bytes", one, one, Refreshes}, {"a higher number", one, two, Replaces}, {"a lower number", two, one, Older},
		{"other bytes with the lower hash", again, one, Replaces}, {"other bytes with the higher hash", one, again, Older},
		{"the same descriptor", first, first, Refreshes}, {"a later descriptor", first, later, Replaces}, {"an earlier descriptor", later, first, Older},
		{"another descriptor of the moment, lower hash", twin, first, Replaces}, {"another descriptor of the moment, higher hash", first, twin, Older},
	} {
		if got := Supersedes(test.held, test.offered); got != test.want {
			t.Errorf("%s: %v, want %v", test.what, got, test.want)
		}
	}
}

// FuzzItem gives holders anything.
func FuzzItem(f *testing.F) {
	p, s := newPerson(), newStation()
	good := p.item(f, p.record(1), 0)
	f.Add(good.Record, uint8(0), good.Stamp)
	f.Add(good.Record, uint8(1), good.Stamp)
	f.Add(s.seal(f, s.descriptor()), uint8(0), stamped(f, s.descriptor().Place(), Day(s.now)))
	f.Add([]byte{}, uint8(0), []byte{})
	f.Fuzz(func(t *testing.T, record []byte, index uint8, stamp []byte) {
		item, err := CheckItem(wire.StoreItem{Record: record, Index: index, Stamp: stamp}, lab, p.now)
		if err != nil {
			return
		}
		if n, err := wire.WorkBits(wire.StampSubject(item.Place), stamp, p.now); err != nil || n < 8 {
			t.Error("an item without stamp")
		}
		if found, err := CheckValue(record, item.Place, lab, p.now); err != nil || found.Place != item.Place || Supersedes(item, found) != Refreshes {
			t.Errorf("held and not found: %v", err)
		}
	})
}

func BenchmarkCheckItem(b *testing.B) {
	p, s := newPerson(), newStation()
	record := p.item(b, p.record(3), 0)
	descriptor := wire.StoreItem{Record: s.seal(b, s.descriptor()), Stamp: stamped(b, s.descriptor().Place(), Day(s.now))}
	for name, item := range map[string]wire.StoreItem{"record": record, "descriptor": descriptor} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				if _, err := CheckItem(item, lab, p.now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkRecord(b *testing.B) {
	p := newPerson()
	r := p.record(3)
	sealed := p.seal(b, r)
	b.Run("seal", func(b *testing.B) {
		for range b.N {
			p.seal(b, r)
		}
	})
	b.Run("open", func(b *testing.B) {
		for range b.N {
			if _, err := p.open(sealed); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkStamp(b *testing.B) {
	for i := range b.N {
		if _, _, ok := Stamp(key.NodeID{1}, 16, uint32(i), 0, 1<<24); !ok {
			b.Fatal("no stamp")
		}
	}
}
