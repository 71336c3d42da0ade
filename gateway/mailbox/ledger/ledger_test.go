package ledger

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"zeroms/protocol/wire"
)

func envelope(size int, at uint64) Row {
	payload := bytes.Repeat([]byte{byte(at)}, size)
	return Row{Push: wire.Push{Kind: wire.RowEnvelope, Hash: sha256.Sum256(payload), Time: at, Payload: payload}, Kept: at + 100}
}

func TestAppendChainsRowsAndBeginsIncarnations(t *testing.T) {
	var l Log
	var r [32]byte
	var total uint64
	incarnations := []uint32{5, 5, 9, 9, 9}
	for i, incarnation := range incarnations {
		next := l.Next(incarnation)
		row := l.Append(incarnation, envelope(10, uint64(i+1)))
		if row.Position != next || row.Time != uint64(i+1) {
			t.Errorf("row %d stands at %x, not %x", i, row.Position, next)
		}
	}
	rows := l.From(1)
	if len(rows) != len(incarnations)+2 || l.Len() != uint64(len(rows)) {
		t.Fatalf("%d rows", len(rows))
	}
	for i := range rows {
		row := &rows[i]
		r, total = wire.NextHead(r, row.Row()), total+uint64(len(row.Payload))
		if row.R != r || row.Total != total || row.Position.Index() != uint64(i+1) {
			t.Errorf("row %d: %+v", i+1, row.Mark())
		}
	}
	start := rows[3]
	if start.Kind != wire.RowStart || !bytes.Equal(start.Payload[:8], wire.Uint64(3)) || [32]byte(start.Payload[8:]) != rows[2].R ||
		start.Time != rows[4].Time {
		t.Errorf("the start row of incarnation 9: %+v", start)
	}
	if l.Head != rows[6].Mark() {
		t.Error("the head is not the newest row")
	}
}

func TestTakeLeavesOutWhatEverybodyPassed(t *testing.T) {
	var l Log
	for i := range uint64(4) {
		l.Append(5, envelope(10, i+1)) // rows 2 to 5
	}
	l.Raise(l.Find(3).Mark())
	l.Raise(l.Find(2).Mark()) // never back
	if l.Floor.Index() != 3 || l.Waiting() != 20 {
		t.Errorf("floor %d, %d bytes waiting", l.Floor.Index(), l.Waiting())
	}
	u := l.Take()
	if len(u.Rows) != 5 || u.Before != (Mark{}) {
		t.Fatalf("%d rows after %+v", len(u.Rows), u.Before)
	}
	for i, kept := range []bool{true, false, false, true, true} { // the start row is the owner's
		if (len(u.Rows[i].Payload) > 0) != kept || u.Rows[i].Size == 0 {
			t.Errorf("row %d: %d bytes", i+1, len(u.Rows[i].Payload))
		}
	}
	if len(l.Find(3).Payload) == 0 {
		t.Error("the row in memory lost its payload too")
	}
	if again := l.Take(); len(again.Rows) != 0 || again.Before != l.Head {
		t.Errorf("%d rows a second time", len(again.Rows))
	}
}

func TestDisplace(t *testing.T) {
	var l Log
	l.Append(5, envelope(10, 1))
	l.Append(5, envelope(10, 2))
	l.Take()
	l.Append(5, envelope(10, 3))
	head := l.Head
	l.Displace(2) // with a commit that runs
	l.Displace(4) // not even that
	u := l.Take()
	if len(u.Displaced) != 1 || u.Displaced[0] != 2 || len(u.Rows) != 1 || !u.Rows[0].Displaced || u.Rows[0].Payload != nil || u.Rows[0].Size != 10 {
		t.Errorf("%+v", u)
	}
	for index, gone := range map[uint64]bool{2: true, 3: false, 4: true} {
		if row := l.Find(index); row.Displaced != gone || (len(row.Payload) == 0) != gone {
			t.Errorf("row %d: %+v", index, row)
		}
	}
	if l.Head != head {
		t.Error("displacing changed the log")
	}
	l.Durable = l.Head
	l.Trim(l.Head.Index(), 0)
	l.Displace(3) // on the disk only
	if u := l.Take(); len(u.Displaced) != 1 || u.Displaced[0] != 3 {
		t.Errorf("%+v", u)
	}
	if !l.Displacing() {
		t.Error("the disk may still have the row as it was")
	}
	if l.Settle(l.Head); l.Displacing() {
		t.Error("the disk knows")
	}
}

// Rows without payload count too: what was displaced and the owner's objects.
func TestRowsCountBesideTheirPayloads(t *testing.T) {
	var l Log
	for i := range uint64(100) {
		l.Append(5, envelope(1000, i+1))
	}
	if full := l.Bytes(); full < 100*1000 {
		t.Errorf("%d bytes", full)
	}
	for i := range uint64(100) {
		l.Displace(i + 2)
	}
	if bare := l.Bytes(); bare < 100*300 || bare > 250*1000 {
		t.Errorf("%d bytes of rows without payload", bare)
	}
	l.Take()
	l.Settle(l.Head)
	if l.Trim(0, 10*rowBytes); len(l.tail) != 10 {
		t.Errorf("%d rows are left of what takes too much", len(l.tail))
	}
	if l.Trim(0, 0); l.Bytes() != 0 || l.Find(101) != nil {
		t.Errorf("%d bytes of nothing", l.Bytes())
	}
}

func TestTrim(t *testing.T) {
	var l Log
	for i := range uint64(6) {
		l.Append(5, envelope(10, i+1))
	}
	l.Durable = l.Find(5).Mark()
	l.Trim(3, 1<<20)
	if l.Find(3) != nil || l.Find(4) == nil || l.From(8) != nil || len(l.From(5)) != 3 {
		t.Error("not exactly what is durable and not needed was let go")
	}
	l.Trim(3, 2*(rowBytes+10)) // too much for a slow link: it reads the rest from the disk
	if l.Find(5) != nil || l.Find(6) == nil {
		t.Error("the limit does not count, or what is not durable was let go")
	}
	l.Durable = l.Head
	l.Trim(7, 1<<20)
	if l.Find(7) != nil || l.From(7) != nil {
		t.Error("something is left")
	}
}
