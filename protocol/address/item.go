package address

import (
	"bytes"
	"crypto/sha256"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Class is a kind of what gateways hold for others.
type Class uint8

// The classes.
const (
	ClassRecord     Class = iota + 1 // an address record, wire.RecordSize bytes
	ClassDescriptor                  // a gateway's descriptor, at most wire.MaxDescriptor
)

// Item is something to hold at a place, checked.
type Item struct {
	// Place is where it belongs, as its Index-th place.
	Place key.NodeID
	Class Class
	Index uint8
	// Name is A' of a record, the node key of a descriptor.
	Name [32]byte
	// Day and Seq are a record's.
	Day, Seq uint32
	// Made is a descriptor's, in ms.
	Made uint64
	// Until is when nobody has a use for it any more: the end of the day after a
	// record's, or when a descriptor expires.
	Until time.Time
	// Record is the bytes, not copied, and Sum their SHA-256.
	Record []byte
	Sum    [32]byte
}

// CheckItem is all that a holder checks before it holds something: size, day,
// index and stamp, then signature and content. Whether the place is near enough,
// and what is held there already, are the holder's. Errors: wire.ErrStamp,
// wire.ErrClock, wire.ErrScope, wire.ErrValue for the index, and those of
// ParseRecord and OpenDescriptor.
func CheckItem(item wire.StoreItem, p Parameters, now time.Time) (Item, error) {
	if len(item.Record) > wire.RecordSize {
		return checkDescriptor(item.Record, p, now, func(place key.NodeID) error {
			if item.Index != 0 {
				return errIndex
			}
			return checkStamp(place, item.Stamp, p.StampBits, now)
		})
	}
	return checkRecord(item.Record, now, func(h Header) (uint8, error) {
		if item.Index >= Positions {
			return 0, errIndex
		}
		return item.Index, checkStamp(Position(h.Name, item.Index, h.Day), item.Stamp, p.StampBits, now)
	})
}

// CheckValue is what whoever looks something up checks of what was found at a
// place: that it belongs there, and all that CheckItem checks but the stamp.
// Errors: wire.ErrWrongKind for another place, and those of CheckItem.
func CheckValue(b []byte, place key.NodeID, p Parameters, now time.Time) (Item, error) {
	if len(b) > wire.RecordSize {
		return checkDescriptor(b, p, now, func(own key.NodeID) error {
			if own != place {
				return errPlace
			}
			return nil
		})
	}
	return checkRecord(b, now, func(h Header) (uint8, error) {
		for i := range uint8(Positions) {
			if Position(h.Name, i, h.Day) == place {
				return i, nil
			}
		}
		return 0, errPlace
	})
}

var (
	errIndex = wire.ErrValue.Because("index of a place")
	errPlace = wire.ErrWrongKind.Because("it belongs to another place")
)

// checkRecord checks a record; before its signature, which costs most, it calls
// first, which says as which of its places it counts.
func checkRecord(b []byte, now time.Time, first func(Header) (uint8, error)) (Item, error) {
	h, err := head(b)
	if err != nil {
		return Item{}, err
	}
	if err := h.Current(now); err != nil {
		return Item{}, err
	}
	i, err := first(h)
	if err != nil {
		return Item{}, err
	}
	if err := h.signedBy(b); err != nil {
		return Item{}, err
	}
	return Item{
		Place: Position(h.Name, i, h.Day), Class: ClassRecord, Index: i, Name: h.Name, Day: h.Day, Seq: h.Seq,
		Until: dayStart(h.Day).AddDate(0, 0, 2), Record: b, Sum: sha256.Sum256(b),
	}, nil
}

// checkDescriptor checks a descriptor; before its signature it calls first.
func checkDescriptor(b []byte, p Parameters, now time.Time, first func(key.NodeID) error) (Item, error) {
	d, o, err := parseDescriptor(b)
	if err != nil {
		return Item{}, err
	}
	if err := first(d.Place()); err != nil {
		return Item{}, err
	}
	if err := d.Within(p.Scope); err != nil {
		return Item{}, err
	}
	if err := d.verify(o, p.Network, now); err != nil {
		return Item{}, err
	}
	return Item{
		Place: d.Place(), Class: ClassDescriptor, Name: d.Node, Made: wire.Millis(d.Made), Until: d.Expires,
		Record: b, Sum: sha256.Sum256(b),
	}, nil
}

// Verdict is what to do with something offered for a place where something is held.
type Verdict uint8

// The verdicts.
const (
	Older     Verdict = iota // keep what is held: wire.ErrOlder
	Refreshes                // the same bytes: hold them longer
	Replaces                 // hold what is offered instead
)

// Supersedes compares two items of one class, place and name. A higher Seq, or a
// later Made of descriptors, replaces; of equal ones with other bytes the one
// with the lower SHA-256 stays, so that all holders end with the same.
func Supersedes(held, offered Item) Verdict {
	if held.Sum == offered.Sum {
		return Refreshes
	}
	was, is := uint64(held.Seq), uint64(offered.Seq)
	if held.Class == ClassDescriptor {
		was, is = held.Made, offered.Made
	}
	if is > was || is == was && bytes.Compare(offered.Sum[:], held.Sum[:]) < 0 {
		return Replaces
	}
	return Older
}
