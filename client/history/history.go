// Package history is the messages of all conversations: those that are in use
// in memory, all others in the store. What changed in a turn is collected into
// the turn's batch.
package history

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"math"
	"slices"

	"zeroms/client/profile"
	"zeroms/protocol/message"
)

// ErrNotFound is returned for a message that is nowhere.
var ErrNotFound = errors.New("client: the message is not in the history")

// Reader finds messages in the store by key or alias.
type Reader interface {
	Message(ctx context.Context, key []byte) (row profile.Row, ok bool, err error)
}

// History is the messages that somebody works with, and the way to all others.
type History struct {
	reader  Reader
	held    map[message.Short]*profile.Message // until Release
	changed map[message.Short]*profile.Message // to store with the turn
	fresh   []*profile.Message                 // of them the new ones
}

// New makes a History over what is stored.
func New(r Reader) *History {
	return &History{reader: r, held: map[message.Short]*profile.Message{}, changed: map[message.Short]*profile.Message{}}
}

// Find returns a message by its id.
func (h *History) Find(id message.ID) (*profile.Message, error) { return h.find(id.Short()) }

func (h *History) find(id message.Short) (*profile.Message, error) {
	if m := h.changed[id]; m != nil {
		return m, nil
	}
	if m := h.held[id]; m != nil {
		return m, nil
	}
	row, ok, err := h.reader.Message(context.Background(), id[:])
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, ErrNotFound
	}
	return profile.ParseMessage(row)
}

// Of returns the message of a device with this seq. Error: ErrNotFound, or what
// is wrong with the store.
func (h *History) Of(conv message.ConvID, p message.Party, seq uint32) (*profile.Message, error) {
	row, ok, err := h.reader.Message(context.Background(), profile.ChainKey(conv, p, seq))
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, ErrNotFound
	}
	m, err := profile.ParseMessage(row)
	if err != nil {
		return nil, err
	}
	if m.Conv != conv || m.Device != p.Device || m.Seq != seq {
		return nil, ErrNotFound
	}
	return h.find(m.ID.Short())
}

// Hold keeps a message in memory until Release.
func (h *History) Hold(m *profile.Message) { h.held[m.ID.Short()] = m }

// Release gives up a held message.
func (h *History) Release(id message.ID) { delete(h.held, id.Short()) }

// Add stores a new message with the turn.
func (h *History) Add(m *profile.Message) {
	h.Change(m)
	h.fresh = append(h.fresh, m)
}

// Change stores a changed message with the turn.
func (h *History) Change(m *profile.Message) { h.changed[m.ID.Short()] = m }

// Move gives a message a new place after one before it came in.
func (h *History) Move(to message.Move) error {
	m, err := h.Find(to.ID)
	if err == nil && m.Height != to.Height {
		m.Height = to.Height
		h.Change(m)
	}
	return err
}

// Collect returns the messages to store, new and changed ones, in display order.
func (h *History) Collect() (added, changed []*profile.Message) {
	isNew := map[*profile.Message]bool{}
	for _, m := range h.fresh {
		isNew[m] = true
	}
	for _, m := range h.changed {
		if !isNew[m] {
			changed = append(changed, m)
		}
	}
	slices.SortFunc(changed, func(a, b *profile.Message) int {
		return cmp.Or(cmp.Compare(a.Contact, b.Contact), cmp.Compare(a.Height, b.Height), bytes.Compare(a.ID[:], b.ID[:]))
	})
	added = h.fresh
	h.fresh = nil
	clear(h.changed)
	return added, changed
}

// Archive is what a conversation asks for messages that it no longer holds.
func (h *History) Archive(conv message.ConvID) message.Archive { return archive{h, conv} }

type archive struct {
	h    *History
	conv message.ConvID
}

// Height is the stored height of a message.
func (a archive) Height(id message.Short) (uint32, bool) {
	m, err := a.h.find(id)
	if err != nil || m.Conv != a.conv {
		return 0, false
	}
	return m.Height, true
}

// At is the stored message of a device with this seq.
func (a archive) At(p message.Party, seq uint32) (message.ID, bool) {
	row, ok, err := a.h.reader.Message(context.Background(), profile.ChainKey(a.conv, p, seq))
	if err != nil || !ok {
		return message.ID{}, false
	}
	m, err := profile.ParseMessage(row)
	if err != nil || m.Conv != a.conv || m.Device != p.Device || m.Seq != seq {
		return message.ID{}, false
	}
	return m.ID, true
}

// Pager reads messages from the store.
type Pager interface {
	Page(ctx context.Context, conv uint64, before uint32, n int) ([]profile.Row, error)
}

// Range asks for about N lines of a conversation with a height below Before.
type Range struct {
	Conv   uint64
	Before uint32
	N      int
}

// Lines reads the lines of a range, those of the kinds that are shown, in
// display order, and the height to go on from; more is false at the beginning
// of the conversation.
func Lines(ctx context.Context, p Pager, r Range) (lines []*profile.Message, next uint32, more bool, err error) {
	next = r.Before
	for more = true; more && len(lines) < r.N; {
		var found []*profile.Message
		if found, next, more, err = page(ctx, p, Range{Conv: r.Conv, Before: next, N: r.N}); err != nil {
			return nil, 0, false, err
		}
		lines = append(lines, found...)
	}
	slices.SortFunc(lines, inOrder)
	return lines, next, more, nil
}

// The sizes of the pages that Last reads: most conversations end with a line, or with
// a read mark after one.
const (
	firstPage = 2
	lastPage  = 256
)

// Last reads the newest line of a conversation; nil: it has none.
func Last(ctx context.Context, p Pager, conv uint64) (*profile.Message, error) {
	next := uint32(math.MaxUint32)
	for n := firstPage; ; n = min(2*n, lastPage) {
		lines, from, more, err := page(ctx, p, Range{Conv: conv, Before: next, N: n})
		if err != nil || len(lines) == 0 && !more {
			return nil, err
		}
		if len(lines) > 0 {
			return slices.MaxFunc(lines, inOrder), nil
		}
		next = from
	}
}

// page reads the lines of one page, in no order, and the height to go on from.
func page(ctx context.Context, p Pager, r Range) (lines []*profile.Message, next uint32, more bool, err error) {
	rows, err := p.Page(ctx, r.Conv, r.Before, r.N)
	if err != nil {
		return nil, 0, false, err
	}
	next = r.Before
	for _, row := range rows {
		m, err := profile.ParseMessage(row)
		if err != nil {
			return nil, 0, false, err
		}
		next = min(next, m.Height)
		if m.Shown() {
			lines = append(lines, m)
		}
	}
	return lines, next, len(rows) >= r.N, nil
}

// inOrder compares messages of a conversation by their places in the display order.
func inOrder(a, b *profile.Message) int {
	return cmp.Or(cmp.Compare(a.Height, b.Height), bytes.Compare(a.ID[:], b.ID[:]))
}
