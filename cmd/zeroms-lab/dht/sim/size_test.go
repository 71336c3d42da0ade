package sim

import (
	"testing"

	"zeroms/protocol/wire"
)

// TestSize: what is counted is what would be written.
func TestSize(t *testing.T) {
	item := func(record, stamp int, index uint8) wire.StoreItem {
		return wire.StoreItem{Record: make([]byte, record), Stamp: make([]byte, stamp), Index: index}
	}
	for _, p := range []wire.Payload{
		&wire.Ping{}, &wire.Pong{}, &wire.FindNode{}, &wire.FindValue{}, &wire.Nodes{},
		&wire.Nodes{Contacts: make([]byte, 59)}, &wire.Nodes{Contacts: make([]byte, 20*59)},
		&wire.Value{}, &wire.Value{Record: make([]byte, 1024), Contacts: make([]byte, 4*59)},
		&wire.Store{Items: []wire.StoreItem{item(1024, 12, 0), item(1024, 0, 1), item(4000, 12, 30)}},
		&wire.Store{Items: make([]wire.StoreItem, 32)},
		&wire.Stored{Codes: []uint16{0, 23, 24, 255, 256}}, &wire.Stored{Codes: make([]uint16, 32)},
		&wire.OK{}, wire.FailureOf(wire.ErrBusy),
	} {
		if got, want := Size(p), len(wire.AppendFrame(nil, frameID, p)); got != want {
			t.Errorf("%T: counted %d bytes, written %d", p, got, want)
		}
	}
}
