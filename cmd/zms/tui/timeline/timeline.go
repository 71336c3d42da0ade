// Package timeline is one conversation as it is read: the messages and the gaps
// between them, in the order of the history. Of a long history it holds a
// window of some pages, and of that it lays out what is seen; pages come and go
// as the reader moves (NeedsOlder, NeedsNewer, Load).
package timeline

import (
	"cmp"
	"slices"
	"time"

	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/tui/look"
	"zeroms/cmd/zms/tui/text"
)

// The sizes of the window, in rows.
const (
	// PageRows is how many rows are asked for at a time.
	PageRows = 200
	// maxRows is how many are held; more can come in one page and with what
	// comes in live.
	maxRows = 1200
	// near is how close to the end of the window the reader is when more is wanted.
	near = 60
)

// item is a message or a gap, laid out if it was seen.
type item struct {
	message *control.Message
	gap     *control.Gap

	lines []string
	made  made // what the lines were made for
}

func (it *item) height() uint32 {
	if it.gap != nil {
		return it.gap.Height
	}
	return it.message.Height
}

// compare orders as the history does: a gap stands before the messages of its height.
func compare(a, b *item) int {
	if c := cmp.Compare(a.height(), b.height()); c != 0 {
		return c
	}
	switch {
	case a.gap != nil && b.gap != nil:
		return cmp.Or(cmp.Compare(a.gap.Device, b.gap.Device), cmp.Compare(a.gap.From, b.gap.From))
	case a.gap != nil:
		return -1
	case b.gap != nil:
		return 1
	}
	return cmp.Compare(a.message.ID, b.message.ID)
}

// Screen is what a timeline is drawn for.
type Screen struct {
	Width, Height int
	Theme         *look.Theme
	Ruler         text.Ruler
	// Name is what the contact is called, as it is printed.
	Name string
	// Zone is the time zone, Today the day there.
	Zone  *time.Location
	Today time.Time
}

// Page is a part of the history in its order.
type Page struct {
	Rows []control.Row
	// Next is the height below which the page before begins; More tells that
	// there is one.
	Next uint32
	More bool
}

// Where tells what a page is to the window.
type Where int

// The places of a page.
const (
	// Tail is the end of the history, Head its beginning: the window becomes the page.
	Tail Where = iota
	Head
	// Older and Newer rows join the window.
	Older
	Newer
	// Again is what the window held, read once more.
	Again
)

// Timeline is a window on one conversation. New makes one.
type Timeline struct {
	screen Screen
	items  []*item
	known  map[string]*item // messages by id

	older, newer bool   // the history goes on before, or behind, the window
	next         uint32 // Before of the page before
	top          uint32 // the greatest height that was heard of

	anchor *item // the lowest item that is seen; nil: there is none
	below  int   // how many of its lines are below the edge
	follow bool  // the end is seen, and stays so
	missed int   // messages of the contact that came below the edge

	unread int    // of so many the first unread one is not found yet
	marker string // id of the first unread message

	loading bool
	late    []control.Row // what came in while a page was on its way
}

// New makes an empty timeline of which so many messages are unread.
func New(unread int) *Timeline {
	return &Timeline{known: map[string]*item{}, unread: unread, follow: true}
}

// Empty reports whether nothing is held.
func (t *Timeline) Empty() bool { return len(t.items) == 0 }

// Loading reports whether a page is on its way.
func (t *Timeline) Loading() bool { return t.loading }

// Begin tells that a page was asked for.
func (t *Timeline) Begin() { t.loading, t.late = true, nil }

// Abort tells that the page does not come.
func (t *Timeline) Abort() { t.loading, t.late = false, nil }

// Load takes a page that came.
func (t *Timeline) Load(p Page, where Where) {
	seen := t.anchor
	switch where {
	case Tail, Head, Again:
		t.items, t.known = nil, map[string]*item{}
	}
	t.add(p.Rows)
	if where != Newer {
		t.older, t.next = p.More, p.Next
	}
	switch where {
	case Tail:
		t.newer = false
		t.end()
	case Head:
		t.older, t.newer = false, t.behind()
		t.anchor, t.below, t.follow = nil, 0, false
		t.begin()
	case Newer:
		t.newer = p.More
	case Again:
		t.find(seen)
	}
	t.seek()
	t.trim(where)
	late := t.late
	t.Abort()
	for _, row := range late {
		t.Take(row)
	}
}

// behind reports whether something is known to follow the window.
func (t *Timeline) behind() bool { return len(t.items) > 0 && t.Last() < t.top }

// add merges rows into the window.
func (t *Timeline) add(rows []control.Row) {
	for _, row := range rows {
		switch row := row.(type) {
		case *control.Message:
			t.top = max(t.top, row.Height)
			if old := t.known[row.ID]; old != nil {
				old.message, old.lines = row, nil
				continue
			}
			it := &item{message: row}
			t.known[row.ID] = it
			t.items = append(t.items, it)
		case *control.Gap:
			t.cutGaps(row)
			t.items = append(t.items, &item{gap: row})
		}
	}
	slices.SortFunc(t.items, compare)
	t.anchored()
}

// anchored makes sure that the anchor is held.
func (t *Timeline) anchored() {
	if t.anchor != nil && !slices.Contains(t.items, t.anchor) || t.anchor == nil && len(t.items) > 0 {
		t.find(t.anchor)
	}
}

// find goes to the item that stands where another one stood.
func (t *Timeline) find(old *item) {
	if old == nil || t.follow || len(t.items) == 0 {
		t.end()
		return
	}
	i, same := slices.BinarySearchFunc(t.items, old, compare)
	if i == len(t.items) {
		i--
	}
	if !same {
		t.below = 0
	}
	t.anchor = t.items[i]
}

// end goes to the end of the window.
func (t *Timeline) end() {
	t.anchor, t.below, t.follow = nil, 0, !t.newer
	if len(t.items) > 0 {
		t.anchor = t.items[len(t.items)-1]
	}
	if t.follow {
		t.missed = 0
	}
}

// trim lets go of what is far from the reader.
func (t *Timeline) trim(where Where) {
	excess := len(t.items) - maxRows
	if excess <= 0 || t.anchor == nil {
		return
	}
	at := slices.Index(t.items, t.anchor)
	if where == Older || !t.follow && at < len(t.items)/2 {
		keep := t.boundary(max(len(t.items)-excess, min(len(t.items), at+2*near)))
		t.forget(t.items[keep:])
		if keep < len(t.items) {
			t.newer, t.follow = true, false
		}
		t.items = slices.Clip(t.items[:keep])
		return
	}
	drop := t.boundary(min(excess, max(0, at-2*near)))
	if drop == 0 {
		return
	}
	t.forget(t.items[:drop])
	t.items = slices.Clone(t.items[drop:])
	t.older, t.next = true, t.items[0].height()
}

// boundary moves a place of the window to one between two heights, as pages
// hold all rows of a height.
func (t *Timeline) boundary(i int) int {
	for i > 0 && i < len(t.items) && t.items[i-1].height() == t.items[i].height() {
		i--
	}
	return i
}

func (t *Timeline) forget(items []*item) {
	for _, it := range items {
		if it.message != nil {
			delete(t.known, it.message.ID)
		}
	}
}

// Take follows what happens in the conversation.
func (t *Timeline) Take(row control.Row) {
	if t.loading {
		t.late = append(t.late, row)
	}
	switch row := row.(type) {
	case *control.Message:
		t.takeMessage(row)
	case *control.Gap:
		t.takeGap(row)
	case *control.Read:
		t.takeRead(row)
	}
}

func (t *Timeline) takeMessage(m *control.Message) {
	fresh := m.Type == control.TypeMessage
	t.top = max(t.top, m.Height)
	if old := t.known[m.ID]; old != nil {
		moved := old.message.Height != m.Height
		old.message, old.lines = m, nil
		if moved {
			slices.SortFunc(t.items, compare)
			if t.follow {
				t.end()
			}
		}
		return
	}
	if fresh && !m.Outgoing && !t.follow {
		t.missed++
	}
	if !t.within(m.Height) {
		t.newer = t.newer || m.Height > t.Last()
		return
	}
	it := &item{message: m}
	t.known[m.ID] = it
	t.insert(it)
}

// within reports whether a height belongs into the window.
func (t *Timeline) within(height uint32) bool {
	if len(t.items) == 0 {
		return !t.older && !t.newer
	}
	return (!t.older || height >= t.items[0].height()) && (!t.newer || height <= t.Last())
}

func (t *Timeline) insert(it *item) {
	i, _ := slices.BinarySearchFunc(t.items, it, compare)
	t.items = slices.Insert(t.items, i, it)
	if t.follow || t.anchor == nil {
		t.end()
	}
	if len(t.items) > maxRows+PageRows {
		t.trim(Newer)
	}
}

// takeGap puts the news about missing messages in the place of what was known.
func (t *Timeline) takeGap(g *control.Gap) {
	if at := t.cutGaps(g); g.Height == topHeight && at != 0 {
		moved := *g
		moved.Height = at
		g = &moved
	}
	if g.State == "filled" || !t.within(min(g.Height, max(t.Last(), 1))) {
		t.anchored()
		return
	}
	t.insert(&item{gap: g})
	t.anchored()
}

// topHeight is where a gap stands that is after all messages.
const topHeight = 1<<32 - 1

// cutGaps takes a range out of the gaps that are shown, and returns the height
// of one that was there.
func (t *Timeline) cutGaps(g *control.Gap) (height uint32) {
	var rest []*item
	t.items = slices.DeleteFunc(t.items, func(it *item) bool {
		old := it.gap
		if old == nil || old.Device != g.Device || old.To < g.From || old.From > g.To {
			return false
		}
		height = old.Height
		if old.From < g.From {
			rest = append(rest, part(old, old.From, g.From-1))
		}
		if old.To > g.To {
			rest = append(rest, part(old, g.To+1, old.To))
		}
		return true
	})
	if rest != nil {
		t.items = append(t.items, rest...)
		slices.SortFunc(t.items, compare)
	}
	return height
}

func part(g *control.Gap, from, to uint32) *item {
	p := *g
	p.From, p.To, p.Count = from, to, int(to-from)+1
	return &item{gap: &p}
}

// takeRead marks what a contact has read.
func (t *Timeline) takeRead(r *control.Read) {
	for _, it := range t.items {
		if m := it.message; m != nil && m.Outgoing && m.State == "delivered" && m.Seq <= r.Seq {
			read := *m
			read.State, read.Read = "read", r.At
			it.message, it.lines = &read, nil
		}
	}
}

// seek looks for the first unread message.
func (t *Timeline) seek() {
	if t.newer {
		t.unread = 0 // they can't be counted from the end any more
	}
	if t.unread == 0 {
		return
	}
	left := t.unread
	for _, it := range slices.Backward(t.items) {
		if m := it.message; m != nil && !m.Outgoing {
			if left--; left == 0 {
				t.marker, t.unread = m.ID, 0
				return
			}
		}
	}
	if !t.older && len(t.items) > 0 { // fewer than were told
		t.unread = 0
	}
}

// Unread sets the mark before the oldest of so many messages that came last.
func (t *Timeline) Unread(n int) {
	if n > 0 && t.marker == "" && !t.newer {
		t.unread = n
		t.seek()
	}
}

// Read takes the mark away.
func (t *Timeline) Read() { t.marker, t.unread = "", 0 }

// Marked reports whether there is a mark before unread messages in the window.
func (t *Timeline) Marked() bool { return t.marker != "" && t.known[t.marker] != nil }

// Missed is how many messages of the contact came in below what is seen.
func (t *Timeline) Missed() int { return t.missed }

// Next is the height below which the page before begins, Last the greatest
// height of the window, and Top that of the conversation as far as it is known.
func (t *Timeline) Next() uint32 { return t.next }

// Last is the greatest height of a message in the window.
func (t *Timeline) Last() uint32 {
	for _, it := range slices.Backward(t.items) {
		if it.message != nil {
			return it.message.Height
		}
	}
	return 0
}

// Top is the greatest height that was heard of.
func (t *Timeline) Top() uint32 { return t.top }

// Held is how many rows the window holds.
func (t *Timeline) Held() int { return len(t.items) }

// Ends reports whether the window holds the end of the conversation.
func (t *Timeline) Ends() bool { return !t.newer }

// Begins reports whether the window holds the beginning of the conversation.
func (t *Timeline) Begins() bool { return !t.older }
