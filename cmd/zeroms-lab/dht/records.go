package dht

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"zeroms/cmd/zeroms-lab/dht/sim"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// record is one user's address record of one day, in its versions.
type record struct {
	name     key.BlindedPublic
	day      uint32
	versions [][]byte // the first has the number 1
}

// place is the record's i-th place.
func (r *record) place(i uint8) key.NodeID { return address.Position(r.name, i, r.day) }

// item is what is stored of a version.
func (r *record) item(version int) wire.StoreItem { return wire.StoreItem{Record: r.versions[version]} }

// library is all records of a run. Gateways ask it instead of checking the same
// signature again and again: it knows what it made, and checks the rest.
type library struct {
	records []*record
	known   map[key.BlindedPublic]map[uint32][]address.Item // by number: one for each place
	// forgeries counts the records of flooders, which nobody signed: it is as if the
	// foe had.
	forgeries uint64
}

// newLibrary makes n records of the day of now, each in some versions.
func newLibrary(n, versions int, seed uint64, now time.Time) (*library, error) {
	l := &library{known: map[key.BlindedPublic]map[uint32][]address.Item{}}
	for i := range n {
		if err := l.add(uint64(i), versions, seed, now); err != nil {
			return nil, fmt.Errorf("record %d: %w", i, err)
		}
	}
	return l, nil
}

func (l *library) add(i uint64, versions int, seed uint64, now time.Time) error {
	var own [32]byte
	binary.BigEndian.PutUint64(own[:], seed)
	binary.BigEndian.PutUint64(own[8:], i)
	user, params := key.PrivateFromSeed[key.Identity](own), sim.Network()
	r := &record{day: address.Day(now)}
	for seq := range uint32(versions) {
		sealed, err := address.SealRecord(&address.Record{Made: now, Day: r.day, Seq: seq + 1}, user, key.AddressSecret{}, params.Network)
		if err != nil {
			return err
		}
		r.versions = append(r.versions, sealed)
		item, err := address.CheckItem(wire.StoreItem{Record: sealed}, params, now)
		if err != nil {
			return err
		}
		r.name = item.Name
		for place := range uint8(address.Positions) {
			item.Index, item.Place = place, r.place(place)
			l.know(item)
		}
	}
	l.records = append(l.records, r)
	return nil
}

func (l *library) know(item address.Item) {
	name := key.BlindedPublic(item.Name)
	if l.known[name] == nil {
		l.known[name] = map[uint32][]address.Item{}
	}
	l.known[name][item.Seq] = append(l.known[name][item.Seq], item)
}

// find is the item of a record at one of its places, if the library made it.
func (l *library) find(b []byte, fits func(*address.Item) bool) (address.Item, bool) {
	h, ok := headerOf(b)
	if !ok {
		return address.Item{}, false
	}
	items := l.known[h.Name][h.Seq]
	for i := range items {
		if fits(&items[i]) && bytes.Equal(items[i].Record, b) {
			return items[i], true
		}
	}
	return address.Item{}, false
}

// headerOf reads name and number without checking anything.
func headerOf(b []byte) (h address.Header, ok bool) {
	if len(b) != wire.RecordSize {
		return h, false
	}
	h.Name = key.BlindedPublic(b[1:33])
	h.Day, h.Seq = binary.BigEndian.Uint32(b[33:]), binary.BigEndian.Uint32(b[37:])
	return h, true
}

// checkItem is address.CheckItem.
func (l *library) checkItem(item wire.StoreItem, now time.Time) (address.Item, error) {
	known, ok := l.find(item.Record, func(k *address.Item) bool { return k.Index == item.Index })
	if len(item.Record) == wire.RecordSize && item.Record[0] == forged {
		return forgedItem(item.Record, now), nil
	}
	if !ok {
		return address.CheckItem(item, sim.Network(), now)
	}
	return known, address.Header{Day: known.Day}.Current(now)
}

// checkValue is address.CheckValue.
func (l *library) checkValue(b []byte, place key.NodeID, now time.Time) (address.Item, error) {
	known, ok := l.find(b, func(k *address.Item) bool { return k.Place == place })
	if !ok {
		return address.CheckValue(b, place, sim.Network(), now)
	}
	return known, address.Header{Day: known.Day}.Current(now)
}

// forged marks a record that the lab's check takes for valid.
const forged = 0xff

// forge makes a record of a user drawn at random.
func (l *library) forge() wire.StoreItem {
	l.forgeries++
	b := make([]byte, wire.RecordSize)
	b[0] = forged
	name := key.Hash(key.PrefixPosition, binary.BigEndian.AppendUint64(nil, l.forgeries))
	copy(b[1:], name[:])
	return wire.StoreItem{Record: b}
}

func forgedItem(b []byte, now time.Time) address.Item {
	i := address.Item{
		Class: address.ClassRecord, Name: [32]byte(b[1:33]), Day: address.Day(now), Seq: 1,
		Until: now.Add(24 * time.Hour), Record: b, Sum: [32]byte(b[1:33]),
	}
	i.Place = address.Position(i.Name, 0, i.Day)
	return i
}
