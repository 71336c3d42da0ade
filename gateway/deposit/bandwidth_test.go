package deposit_test

import (
	"testing"

	"zeroms/protocol/wire"
)

// size is what a frame takes on a link.
func size(p wire.Payload) float64 { return float64(len(wire.AppendFrame(nil, 1<<20, p))) }

// What it costs a gateway to be one of 100,000, each home of users with 100 records:
// docs/protocol/deposit.md, "Bandwidth". Every byte is sent by one gateway and
// received by one, so what one record costs all of them is what each gateway sends,
// and receives, for each of its own.
func TestBandwidth(t *testing.T) {
	record, stamp, contacts := make([]byte, wire.RecordSize), make([]byte, wire.WorkSize), make([]byte, 20*wire.ContactSize)
	items := []wire.StoreItem{{Record: record, Stamp: stamp}}
	exchange := func(request, answer wire.Payload) float64 { return size(request) + size(answer) }

	publish := exchange(&wire.Publish{Items: items}, &wire.Published{Holders: []uint8{20}})
	store := exchange(&wire.Store{Items: items}, &wire.Stored{Codes: []uint16{0}})
	search := exchange(&wire.FindNode{}, &wire.Nodes{Contacts: contacts})
	miss := exchange(&wire.FindValue{}, &wire.Value{Contacts: contacts})
	hit := exchange(&wire.FindValue{}, &wire.Value{Record: record, Contacts: contacts})
	witness := exchange(&wire.RecordGet{Day: 21_000}, &wire.Record{Record: record})
	descriptor := exchange(&wire.Store{Items: []wire.StoreItem{{Record: make([]byte, 1900), Stamp: stamp}}}, &wire.Stored{Codes: []uint16{0}})

	const (
		records     = 100.0
		holders     = 20.0
		searched    = 58 - holders // of a store at 100,000 gateways, by the bound of network.md
		asked       = 9.0          // of a get
		guided      = 4.0          // of a search that begins with holders of the last store
		searchEvery = 12.0         // hours: in between searches are guided
		checkEvery  = 4.0          // stores
	)
	check := witness + (asked-1)*miss + hit
	searches := ((searchEvery-1)*guided + searched) / searchEvery * search
	hour := publish + holders*store + searches + check/checkEvery
	own := (holders*descriptor + searched*search) / 3600
	kbps := (records*hour/3600 + own) / 1000
	t.Logf("publish %.0f, store %.0f, searches %.0f, check %.0f; %.0f bytes a record and hour, %.3f KB/s", publish, store, searches, check, hour, kbps)
	if kbps > 1.0 {
		t.Errorf("%.3f KB/s each way, at most 1.0", kbps)
	}
	// A relay that searched each time would not do.
	if each := (records*(hour-searches+searched*search)/3600 + own) / 1000; each < 1.0 {
		t.Errorf("searching every time costs %.3f KB/s: nothing has to be remembered", each)
	}
	// A sweep: what a frame of 32 saves where a home has many records in a region.
	full := make([]wire.StoreItem, wire.MaxStores)
	for i := range full {
		full[i] = items[0]
	}
	swept := (exchange(&wire.Publish{Items: full}, &wire.Published{Holders: make([]uint8, len(full))}) +
		holders*exchange(&wire.Store{Items: full}, &wire.Stored{Codes: make([]uint16, len(full))}) + searched*search) / float64(len(full))
	if swept > 25_000 {
		t.Errorf("%.0f bytes a record in a full sweep with its search", swept)
	}
	t.Logf("in a sweep of %d: %.0f bytes a record with its search", len(full), swept)
	if size(&wire.Publish{Items: full}) > wire.MaxFrame {
		t.Error("a full sweep fits no frame")
	}
}
