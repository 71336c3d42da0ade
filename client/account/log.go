package account

import (
	"bytes"
	"slices"

	"zeroms/client/profile"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// logRows bounds the rows that are kept of each home's log.
const logRows = 4096

// mark is a place in a log: a position and the rolling head there.
type mark struct {
	at wire.Position
	r  [32]byte
}

// logBlock is a block that may have to be stored.
type logBlock struct {
	*profile.LogBlock
	dirty bool
}

func (b *logBlock) len() int              { return len(b.Rows) / wire.RowSize }
func (b *logBlock) row(n int) []byte      { return b.Rows[n*wire.RowSize:][:wire.RowSize] }
func (b *logBlock) first() (index uint64) { return b.Before.Index() + 1 }

// after is the mark behind the first n rows.
func (b *logBlock) after(n int) mark {
	m := mark{b.Before, b.LogBlock.R}
	for i := range n {
		m = mark{wire.Position(b.row(i)), wire.NextHead(m.r, b.row(i))}
	}
	return m
}

// rowLog is the newest rows of one home's log as they were followed, each
// extending the one before.
type rowLog struct {
	node   key.NodePublic
	blocks []*logBlock // oldest first; each begins where the one before it ends
	end    mark        // behind the newest row, if there are blocks
	places map[[16]byte]wire.Position
	gone   []profile.Ref
}

func newRowLog(node key.NodePublic) *rowLog {
	return &rowLog{node: node, places: map[[16]byte]wire.Position{}}
}

// restore takes the stored blocks in any order; what does not join the newest
// ones is dropped.
func (l *rowLog) restore(blocks []*profile.LogBlock) {
	slices.SortFunc(blocks, func(a, b *profile.LogBlock) int {
		return bytes.Compare(wire.Uint64(a.Before.Index()), wire.Uint64(b.Before.Index()))
	})
	for _, b := range blocks {
		next := &logBlock{LogBlock: b}
		if len(l.blocks) > 0 && l.end != next.after(0) {
			l.reset()
		}
		l.blocks = append(l.blocks, next)
		l.end = next.after(next.len())
		l.index(next, 0)
	}
}

// index notes where the envelopes of a block lie, from its n-th row on.
func (l *rowLog) index(b *logBlock, n int) {
	for ; n < b.len(); n++ {
		if row := b.row(n); row[12] == wire.RowEnvelope || row[12] == wire.RowDoor {
			l.places[[16]byte(row[33:])] = wire.Position(row)
		}
	}
}

// follow notes a row behind a mark. Rows that come once more change nothing;
// others in their place replace them and whatever followed.
func (l *rowLog) follow(behind mark, p *wire.Push) {
	row := p.Row()
	if len(l.blocks) > 0 && behind != l.end {
		known, ok := l.mark(behind.at.Index())
		switch {
		case !ok || known != behind:
			l.reset()
		case bytes.Equal(l.row(p.Position.Index()), row):
			return
		default:
			l.cut(p.Position.Index())
		}
	}
	if n := len(l.blocks); n == 0 || l.blocks[n-1].len() >= profile.BlockRows {
		l.blocks = append(l.blocks, &logBlock{LogBlock: &profile.LogBlock{Node: l.node, Before: behind.at, R: behind.r}})
	}
	b := l.blocks[len(l.blocks)-1]
	b.Rows, b.dirty = append(b.Rows, row...), true
	l.end = mark{p.Position, wire.NextHead(behind.r, row)}
	l.index(b, b.len()-1)
	if len(l.blocks) > logRows/profile.BlockRows {
		l.drop(0, 1)
	}
}

// block finds the block of a row; nil: it is not kept.
func (l *rowLog) block(index uint64) *logBlock {
	if len(l.blocks) == 0 || index > l.end.at.Index() || index < l.blocks[0].first() {
		return nil
	}
	n, _ := slices.BinarySearchFunc(l.blocks, index, func(b *logBlock, i uint64) int {
		if b.first() <= i {
			return -1
		}
		return 1
	})
	return l.blocks[n-1]
}

// row is the row with this index, nil if it is not kept.
func (l *rowLog) row(index uint64) []byte {
	b := l.block(index)
	if b == nil {
		return nil
	}
	return b.row(int(index - b.first()))
}

// mark is the mark behind the row with this index, if that is known.
func (l *rowLog) mark(index uint64) (m mark, ok bool) {
	if b := l.block(index); b != nil {
		return b.after(int(index-b.first()) + 1), true
	}
	if len(l.blocks) > 0 && index == l.blocks[0].Before.Index() {
		return l.blocks[0].after(0), true
	}
	return m, false
}

// cut drops the row with this index and all that follow.
func (l *rowLog) cut(index uint64) {
	b := l.block(index)
	if b == nil {
		return
	}
	n := slices.Index(l.blocks, b)
	keep := int(index - b.first())
	l.forget(b, keep)
	if keep > 0 {
		b.Rows, b.dirty = b.Rows[:keep*wire.RowSize:keep*wire.RowSize], true
		n++
	}
	l.end = b.after(keep)
	l.drop(n, len(l.blocks))
}

func (l *rowLog) reset() { l.drop(0, len(l.blocks)) }

// drop erases whole blocks.
func (l *rowLog) drop(from, to int) {
	for _, b := range l.blocks[from:to] {
		l.forget(b, 0)
		l.gone = append(l.gone, b.Ref())
	}
	l.blocks = slices.Delete(l.blocks, from, to)
}

// forget takes the rows of a block out of the index, from its n-th on.
func (l *rowLog) forget(b *logBlock, n int) {
	for ; n < b.len(); n++ {
		if row := b.row(n); l.places[[16]byte(row[33:])] == wire.Position(row) {
			delete(l.places, [16]byte(row[33:]))
		}
	}
}

// collect returns what has to be stored and erased.
func (l *rowLog) collect() (put []profile.Row, gone []profile.Ref) {
	for _, b := range l.blocks {
		if b.dirty {
			put = append(put, b.Row())
			b.dirty = false
		}
	}
	for _, ref := range l.gone {
		if !slices.ContainsFunc(put, func(r profile.Row) bool { return bytes.Equal(r.Key, ref.Key) }) {
			gone = append(gone, ref)
		}
	}
	l.gone = nil
	return put, gone
}

// Extract is rows of a home's log that follow each other.
type Extract struct {
	// Before is the row before the first one, R the rolling head there.
	Before wire.Position
	R      [32]byte
	// Rows are wire.RowSize bytes each.
	Rows []byte
}

// extract is the rows from one index to another; nil: not all are kept.
func (l *rowLog) extract(from, to uint64) *Extract {
	before, ok := l.mark(from - 1)
	if !ok || from > to || l.row(to) == nil {
		return nil
	}
	out := &Extract{Before: before.at, R: before.r}
	for i := from; i <= to; i++ {
		out.Rows = append(out.Rows, l.row(i)...)
	}
	return out
}
