package model

import (
	"context"
	"slices"

	"zeroms/client"
)

// What is read and kept of a conversation.
const (
	pageLines = 200  // are read at once
	maxHeld   = 3000 // messages are kept; the farther ones are given up, and read again
)

// Timeline is one conversation as it is drawn: rows for messages, days, gaps and the
// place up to which it was read. It holds a part of the history without holes, at most
// 3,000 messages: first the newest page, and as many more as it takes to have all that
// is unread. Older and Newer make it grow at an end, and give up what is too much at
// the other one; Top and Bottom go to the ends of the conversation.
//
// Events that come while something is read wait for it: what was read may be newer than
// they are, but then what made it so is told as well.
//
// Replies and reactions will be fields of Row, attachments a part of a bubble's row, and
// edits another text of it: the identity of rows stays that of the message.
type Timeline struct {
	d        Deps
	chats    *Chats
	id       client.ContactID
	stop     func()
	unlisten func()

	msgs  []*client.Message // in display order; a message that changes gets a new pointer
	held  map[client.MessageID]*client.Message
	gaps  []client.Gap
	rows  []row
	spare []row                    // those of before, to be used again
	sizes map[client.MessageID]int // how often more of a text was asked for

	next         uint32 // where older ones go on
	older, newer bool   // there are some
	unread       int    // messages to be found above for the divider
	divider      client.MessageID
	atTop        bool // Top was asked for
	loaded       bool
	closed       bool
	reading      bool
	waiting      []client.Event // came meanwhile
	asking       bool           // gaps are being asked for
	again        bool           // and have to be once more
	marking      bool           // MarkRead is on its way

	// OnChange is told which rows changed; each index holds after the changes before it.
	OnChange func([]Change)
	// OnHeader is told that the Header changed.
	OnHeader func()
	// OnError is told what went wrong.
	OnError func(error)
}

// NewTimeline makes the timeline of a conversation; Open begins to read it.
func NewTimeline(d Deps, chats *Chats, id client.ContactID) *Timeline {
	return &Timeline{d: d, chats: chats, id: id, held: map[client.MessageID]*client.Message{}, sizes: map[client.MessageID]int{}, stop: func() {}, unlisten: func() {}}
}

// span is a part of the history that was read, and the gaps.
type span struct {
	lines        []client.Message
	next         uint32
	older, newer bool
	gaps         []client.Gap
}

// Open reads the newest messages, those that are unread among them, and follows what
// happens from then on.
func (t *Timeline) Open() {
	t.stop = t.d.Feed.Listen(t.take)
	t.unlisten = t.chats.Listen(t.tellHeader)
	contact, _ := t.chats.Contact(t.id)
	t.unread = contact.Unread
	unread := t.unread
	t.read(func(ctx context.Context) (span, error) {
		s, err := t.newest(ctx, pageLines)
		for err == nil && s.older && len(s.lines) < maxHeld && incoming(s.lines) < unread {
			var more span
			if more, err = t.before(ctx, s.next, pageLines); err == nil {
				s.lines, s.next, s.older = append(more.lines, s.lines...), more.next, more.older
			}
		}
		return s, err
	}, func(s span) { t.replace(s, true) })
}

// Close ends it. What is unread then begins anew with the next Timeline.
func (t *Timeline) Close() {
	t.closed = true
	t.stop()
	t.unlisten()
}

func incoming(lines []client.Message) (n int) {
	for i := range lines {
		if !lines[i].Outgoing {
			n++
		}
	}
	return n
}

func (t *Timeline) fail(err error) {
	if err != nil && t.OnError != nil && !t.closed {
		t.OnError(err)
	}
}

func (t *Timeline) tellHeader() {
	if t.OnHeader != nil && !t.closed {
		t.OnHeader()
	}
}

// read reads a part of the history and hands it to apply. Only one read is on its way
// at any time.
func (t *Timeline) read(work func(ctx context.Context) (span, error), apply func(span)) {
	if t.reading || t.closed {
		return
	}
	t.reading = true
	t.d.Async.Do(func(ctx context.Context) func() {
		s, err := work(ctx)
		return func() {
			waiting := t.waiting
			t.reading, t.waiting = false, nil
			if t.closed {
				return
			}
			if err != nil {
				t.fail(err)
			} else {
				apply(s)
			}
			if len(waiting) > 0 {
				t.take(waiting)
			}
		}
	})
}

// before reads n lines before a height.
func (t *Timeline) before(ctx context.Context, height uint32, n int) (s span, err error) {
	s.lines, s.next, s.older, err = t.d.Profile.Talk.History(ctx, t.id, height, n)
	return s, err
}

// newest reads the newest n lines, and the gaps.
func (t *Timeline) newest(ctx context.Context, n int) (s span, err error) {
	if s, err = t.before(ctx, client.Top, n); err == nil {
		s.gaps, err = t.d.Profile.Talk.Gaps(ctx, t.id)
	}
	return s, err
}

// after reads about a page of lines after a height. The engine reads backwards only, so
// it is asked for what is below a place further down; where heights leap, that is moved
// on until there is something.
func (t *Timeline) after(ctx context.Context, height uint32) (s span, err error) {
	last, err := t.before(ctx, client.Top, 1)
	if err != nil || len(last.lines) == 0 {
		return span{}, err
	}
	newest := last.lines[len(last.lines)-1].Height
	for step := uint64(pageLines); ; step *= 4 {
		s = span{newer: uint64(newest) > uint64(height)+step}
		below := uint32(client.Top)
		if s.newer {
			below = uint32(uint64(height) + step + 1)
		}
		for more := true; more && below > height+1; {
			part, err := t.before(ctx, below, pageLines)
			if err != nil {
				return span{}, err
			}
			i := slices.IndexFunc(part.lines, func(m client.Message) bool { return m.Height > height })
			if i < 0 {
				break
			}
			s.lines = append(part.lines[i:], s.lines...)
			below, more = part.next, part.older && i == 0
		}
		if len(s.lines) > 0 || !s.newer {
			return s, nil
		}
	}
}

// Older reads what stands before the first row, if that is not the beginning.
func (t *Timeline) Older() {
	if !t.older || !t.loaded {
		return
	}
	from := t.next
	t.read(func(ctx context.Context) (span, error) { return t.before(ctx, from, pageLines) }, func(s span) {
		t.next, t.older = s.next, s.older
		t.join(s.lines)
		if cut := t.boundary(maxHeld); cut < len(t.msgs) {
			t.drop(cut, len(t.msgs))
			t.newer = true
		}
		t.findDivider()
		t.redraw(false)
	})
}

// Newer reads what stands after the last row, if that is not the end.
func (t *Timeline) Newer() {
	if !t.newer || !t.loaded {
		return
	}
	top := t.msgs[len(t.msgs)-1].Height
	t.read(func(ctx context.Context) (span, error) { return t.after(ctx, top) }, func(s span) {
		t.newer = s.newer
		t.join(s.lines)
		t.trimTop(maxHeld)
		t.redraw(false)
	})
}

// Bottom goes to the newest messages.
func (t *Timeline) Bottom() {
	if t.newer {
		t.read(func(ctx context.Context) (span, error) { return t.newest(ctx, pageLines) }, func(s span) {
			t.atTop = false
			t.replace(s, true)
		})
	}
}

// Top goes to the beginning of the conversation.
func (t *Timeline) Top() {
	if t.older {
		t.read(func(ctx context.Context) (span, error) {
			s, err := t.after(ctx, 0)
			if err == nil {
				s.gaps, err = t.d.Profile.Talk.Gaps(ctx, t.id)
			}
			return s, err
		}, func(s span) {
			t.atTop = true
			t.replace(s, true)
		})
	}
}

// reload reads what is held once more.
func (t *Timeline) reload() {
	n, below := max(len(t.msgs), pageLines), uint32(client.Top)
	newer := t.newer && len(t.msgs) > 0
	if newer {
		below = t.msgs[len(t.msgs)-1].Height + 1
	}
	t.read(func(ctx context.Context) (span, error) {
		s, err := t.before(ctx, below, n)
		if s.newer = newer; err == nil {
			s.gaps, err = t.d.Profile.Talk.Gaps(ctx, t.id)
		}
		return s, err
	}, func(s span) { t.replace(s, false) })
}

// replace holds nothing but what was read.
func (t *Timeline) replace(s span, fresh bool) {
	t.drop(0, len(t.msgs))
	t.next, t.older, t.newer, t.loaded = s.next, s.older, s.newer, true
	t.join(s.lines)
	t.gaps = withFilled(s.gaps, t.gaps)
	t.findDivider()
	t.redraw(fresh)
	t.tellHeader()
}

// findDivider looks for the first unread message: the one that has as many others after
// it as are unread. What is not held yet is looked for when it is.
func (t *Timeline) findDivider() {
	if t.unread == 0 || t.newer {
		return
	}
	n := t.unread
	for _, m := range slices.Backward(t.msgs) {
		if m.Outgoing {
			continue
		}
		if n--; n == 0 {
			t.divider, t.unread = m.ID, 0
			return
		}
	}
}

// join takes messages in; those that are held already are replaced.
func (t *Timeline) join(lines []client.Message) {
	for i := range lines {
		m := lines[i]
		if old := t.held[m.ID]; old != nil {
			t.remove(old)
		}
		t.held[m.ID] = &m
		if n := len(t.msgs); n == 0 || compareMessages(t.msgs[n-1], &m) < 0 {
			t.msgs = append(t.msgs, &m)
			continue
		}
		at, _ := slices.BinarySearchFunc(t.msgs, &m, compareMessages)
		t.msgs = slices.Insert(t.msgs, at, &m)
	}
}

func (t *Timeline) remove(m *client.Message) {
	if at, ok := slices.BinarySearchFunc(t.msgs, m, compareMessages); ok {
		t.msgs = slices.Delete(t.msgs, at, at+1)
	}
	delete(t.held, m.ID)
}

func (t *Timeline) drop(from, to int) {
	for _, m := range t.msgs[from:to] {
		delete(t.held, m.ID)
	}
	t.msgs = slices.Delete(t.msgs, from, to)
}

// boundary is the place nearest above the n-th message where the messages of a height
// are not torn apart.
func (t *Timeline) boundary(n int) int {
	if n >= len(t.msgs) {
		return len(t.msgs)
	}
	for n > 0 && t.msgs[n-1].Height == t.msgs[n].Height {
		n--
	}
	return n
}

// trimTop gives the oldest messages up, so that about n remain.
func (t *Timeline) trimTop(n int) {
	if cut := t.boundary(max(len(t.msgs)-n, 0)); cut > 0 && cut < len(t.msgs) {
		t.next, t.older = t.msgs[cut].Height, true
		t.drop(0, cut)
	}
}

// take takes events in.
func (t *Timeline) take(events []client.Event) {
	if t.reading {
		t.waiting = append(t.waiting, events...)
		return
	}
	if !t.loaded {
		return // it could not be read
	}
	var changed, header bool
	for i, e := range events {
		switch e := e.(type) {
		case client.Lagged:
			t.waiting = append(t.waiting, events[i+1:]...)
			t.reload()
			return
		case client.MessageAdded:
			changed = t.put(e.Message) || changed
		case client.MessageChanged:
			changed = t.put(e.Message) || changed
			header = header || e.Message.Contact == t.id && e.Message.Outgoing
		case client.ReadUpto:
			changed = e.Contact == t.id && t.readUpto(e) || changed
		case client.GapChanged:
			if e.Gap.Contact == t.id {
				t.noteFilled(e.Gap)
				t.askGaps()
				changed = true
			}
		}
	}
	if changed {
		t.trimTop(2 * maxHeld)
		t.redraw(false)
	}
	if header {
		t.tellHeader()
	}
}

// put takes a message in if its place is among those that are held.
func (t *Timeline) put(m client.Message) bool {
	if m.Contact != t.id {
		return false
	}
	old := t.held[m.ID]
	if old != nil {
		t.remove(old)
	}
	if n := len(t.msgs); n > 0 && (t.older && m.Height < t.msgs[0].Height || t.newer && m.Height > t.msgs[n-1].Height) {
		return old != nil
	}
	t.join([]client.Message{m})
	return true
}

func (t *Timeline) readUpto(e client.ReadUpto) (changed bool) {
	for i, m := range t.msgs {
		if read := m.ReadBy(e.Seq, e.At); read.State != m.State {
			t.msgs[i], t.held[m.ID] = &read, &read
			changed = true
		}
	}
	return changed
}

// askGaps reads the gaps.
func (t *Timeline) askGaps() {
	if t.asking {
		t.again = true
		return
	}
	t.asking = true
	t.d.Async.Do(func(ctx context.Context) func() {
		gaps, err := t.d.Profile.Talk.Gaps(ctx, t.id)
		return func() {
			again := t.again
			t.asking, t.again = false, false
			switch {
			case t.closed:
				return
			case err != nil:
				t.fail(err)
			default:
				t.gaps = withFilled(gaps, t.gaps)
				t.redraw(false)
			}
			if again {
				t.askGaps()
			}
		}
	})
}

// Seen tells the engine, and by the user's choice the contact, that all was read. It is
// called whenever the newest messages are in sight, and does nothing if all is read.
func (t *Timeline) Seen() {
	contact, _ := t.chats.Contact(t.id)
	if contact.Unread == 0 || t.marking || t.newer || !t.loaded || t.closed {
		return
	}
	t.marking = true
	tell := !t.d.Profile.Notes.Settings().Quiet
	t.d.Async.Do(func(ctx context.Context) func() {
		err := t.d.Profile.Talk.MarkRead(ctx, t.id, tell)
		return func() {
			t.marking = false
			t.fail(err)
		}
	})
}

// Evidence hands the file that proves a loss to then, with the host of the gateway that
// it convicts, or the beginning of its key if it is none of the user's any more. Nothing
// happens for other rows than those of proven losses.
func (t *Timeline) Evidence(k RowKey, then func(host string, file []byte)) {
	i := t.Index(k)
	if i < 0 || k.kind != RowGap || gapKind(*t.rows[i].gap) != GapProven {
		return
	}
	node := t.rows[i].gap.Gateway
	t.d.Async.Do(func(ctx context.Context) func() {
		file, err := t.d.Profile.Homes.EvidenceAgainst(ctx, node)
		host := node.String()[:nodeDigits]
		if all, failed := t.d.Profile.Homes.Gateways(ctx); failed == nil {
			if at := slices.IndexFunc(all, func(g client.Gateway) bool { return g.Node == node }); at >= 0 {
				host = all[at].Host
			}
		}
		return func() {
			if t.fail(err); err == nil {
				then(host, file)
			}
		}
	})
}

// nodeDigits is how much of a gateway's key stands for its name, in hex digits.
const nodeDigits = 16

// Erase erases the content of a message here.
func (t *Timeline) Erase(k RowKey) {
	if k.kind != RowBubble {
		return
	}
	t.d.Async.Do(func(ctx context.Context) func() {
		err := t.d.Profile.Proof.Erase(ctx, k.id)
		return func() { t.fail(err) }
	})
}
