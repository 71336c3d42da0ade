package query

import (
	"encoding/binary"
	"time"

	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Placed is one record of a Put at one of its places.
type Placed struct {
	wire.StoreItem
	// Of is its index in the Put.
	Of   int
	Item address.Item
}

// Check is what is checked of a record at a place: address.CheckValue.
type Check func(record []byte, place key.NodeID, now time.Time) (address.Item, error)

// Placed checks the items and says where they belong. Errors: wire.ErrValue for
// none, too many, or an index; those of check.
func (p *Put) Placed(network key.Network, now time.Time, check Check) ([]*Placed, error) {
	if len(p.Items) == 0 || len(p.Items) > wire.MaxStores {
		return nil, wire.ErrValue.Because("records to store")
	}
	var out []*Placed
	for i, it := range p.Items {
		place, err := placeOf(it.Record, network, now)
		switch {
		case err != nil:
			return nil, err
		case it.Index != 0:
			return nil, wire.ErrValue.Because("index of a record")
		}
		item, err := check(it.Record, place, now)
		if err != nil {
			return nil, err
		}
		out = append(out, &Placed{StoreItem: it, Of: i, Item: item})
	}
	return out, nil
}

// placeOf is where a record belongs; that it is sound is checked afterwards.
func placeOf(b []byte, network key.Network, now time.Time) (key.NodeID, error) {
	if len(b) == wire.RecordSize {
		return address.Position(key.BlindedPublic(b[1:33]), 0, binary.BigEndian.Uint32(b[33:37])), nil
	}
	d, err := address.OpenDescriptor(b, network, now)
	if err != nil {
		return key.NodeID{}, err
	}
	return d.Place(), nil
}

// Second is the address records among items at their second position; those that are
// there, and gateways' descriptors, have none.
func Second(items []*Placed) (others []*Placed) {
	for _, it := range items {
		if it.Item.Class != address.ClassRecord || it.Index != 0 {
			continue
		}
		other := *it
		other.Index, other.Stamp = 1, nil
		other.Item.Place, other.Item.Index = address.Position(it.Item.Name, 1, it.Item.Day), 1
		others = append(others, &other)
	}
	return others
}
