package ledger

import (
	"sort"

	"zeroms/protocol/wire"
)

// Bounds of one Hand.
const (
	// MaxRows is how many rows it takes at most.
	MaxRows = 1024
	// rowOverhead is what a push costs of the window and the budget beside its payload.
	rowOverhead = 160
)

// Window is what a link was handed and has not acknowledged.
type Window struct {
	// At is the index of the newest row handed out.
	At uint64

	sent  []sentRow
	bytes int
}

// sentRow is a row that was handed out and is not acknowledged.
type sentRow struct {
	Mark
	bytes int
}

// Room is how many bytes a window of this size still takes, at most budget. open:
// one row may come in any case, or there is room.
func (w *Window) Room(size, budget int) (room int, open bool) {
	room = min(budget, size-w.bytes)
	return room, room > 0 || len(w.sent) == 0
}

// Hand turns rows into pushes while there is room, at least one if nothing is
// unacknowledged or the row fits. Envelopes up to floor are owed to nobody and
// come without payload; rows up to At were handed out before.
func (w *Window) Hand(rows []Row, floor uint64, room int) (pushes []wire.Push) {
	for len(rows) > 0 && rows[0].Position.Index() <= w.At {
		rows = rows[1:]
	}
	for i := range rows {
		row := &rows[i]
		push := row.Push
		if Envelope(row.Kind) && row.Position.Index() <= floor {
			push.Payload = nil
		}
		cost := len(push.Payload) + rowOverhead
		if cost > room && len(w.sent) > 0 || len(pushes) == MaxRows {
			break
		}
		room -= cost
		if pushes == nil {
			pushes = make([]wire.Push, 0, min(len(rows)-i, MaxRows, 64))
		}
		pushes = append(pushes, push)
		w.sent = append(w.sent, sentRow{row.Mark(), cost})
		w.bytes += cost
		w.At = row.Position.Index()
	}
	return pushes
}

// Bytes is about how much memory it takes.
func (w *Window) Bytes() int { return 128 * len(w.sent) }

// Find returns the row with this index if it waits for its acknowledgement.
func (w *Window) Find(index uint64) *Mark {
	i := sort.Search(len(w.sent), func(i int) bool { return w.sent[i].Index() >= index })
	if i < len(w.sent) && w.sent[i].Index() == index {
		mark := w.sent[i].Mark
		return &mark
	}
	return nil
}

// Pass notes that everything up to an index is acknowledged.
func (w *Window) Pass(index uint64) {
	n := 0
	for n < len(w.sent) && w.sent[n].Index() <= index {
		w.bytes -= w.sent[n].bytes
		n++
	}
	w.sent = w.sent[n:]
	w.At = max(w.At, index)
}
