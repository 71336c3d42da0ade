package model

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"zeroms/client"
	"zeroms/protocol/key"
)

// grouped is how long after another a message of the same sender belongs to it.
const grouped = 5 * time.Minute

// RowKind is what a row of a conversation is.
type RowKind uint8

// The kinds of rows.
const (
	RowDay    RowKind = iota // a new day begins
	RowUnread                // what was unread when the conversation was opened begins
	RowBubble                // a message
	RowGap                   // messages that are missing, or were
)

// RowKey names a row for as long as it is there, wherever it stands.
type RowKey struct {
	kind   RowKind
	id     client.MessageID
	day    int64
	device key.DeviceID
	from   uint32
}

// GapKind is what is known of missing messages.
type GapKind uint8

// The kinds of gaps.
const (
	GapNone    GapKind = iota
	GapMissing         // they did not come
	GapAsking          // their sender was asked for them
	GapLater           // and brings them later
	GapFilled          // they came
	GapLost            // their sender no longer has them
	GapProven          // a gateway lost them, and there is proof
)

// Row is a row of a conversation, as it is drawn.
type Row struct {
	Kind RowKind
	Key  RowKey
	// Text is harmless, and short enough to be drawn. Of a message that is Erased or
	// Unknown it is a sentence about that.
	Text string

	// Of a bubble:
	ID  client.MessageID
	Own bool
	// First and Last tell of its place among those of one sender within some minutes.
	First, Last     bool
	Erased, Unknown bool
	// Direct tells that a gateway that is no home saw where it came from.
	Direct bool
	Time   string
	State  Tick
	// Late tells that it came after messages that follow it; LateText says so.
	Late     bool
	LateText string
	// Hidden is how many characters of its text are left out; More says so on a button.
	Hidden int
	More   string

	// Of a gap:
	Gap GapKind
	// Evidence is what the button says that shows the proof; empty: there is none.
	Evidence string
}

// ChangeKind is what happened to rows.
type ChangeKind uint8

// The kinds of changes.
const (
	Reset    ChangeKind = iota // all rows are others; see Start for where to begin
	Inserted                   // rows came in
	Removed                    // rows went
	Updated                    // rows look different
)

// Change tells of N rows from At on.
type Change struct {
	Kind  ChangeKind
	At, N int
}

// row is what a Row is made of.
type row struct {
	key         RowKey
	msg         *client.Message // of a day its first one
	gap         *client.Gap
	ago         int64 // how many days ago a day is
	first, last bool
}

// redraw makes the rows anew and tells what that changes.
func (t *Timeline) redraw(fresh bool) {
	before := t.rows
	t.rows, t.spare = t.build(t.spare[:0]), before
	changes := []Change{{Kind: Reset, N: len(t.rows)}}
	if !fresh {
		changes = diff(before, t.rows)
	}
	if len(changes) > 0 && t.OnChange != nil {
		t.OnChange(changes)
	}
}

// build appends the rows of what is held.
func (t *Timeline) build(rows []row) []row {
	gaps := t.inSight()
	today := dayOf(t.d.Now())
	var midnight time.Time // after that day
	before := -1           // the bubble directly above
	for _, m := range t.msgs {
		for len(gaps) > 0 && gaps[0].Height <= m.Height {
			rows, before = append(rows, gapRow(gaps[0])), -1
			gaps = gaps[1:]
		}
		at := Moment(*m)
		if !at.Before(midnight) {
			day := dayOf(at)
			before = -1
			y, month, d := at.Local().Date()
			midnight = time.Date(y, month, d+1, 0, 0, 0, 0, time.Local)
			rows = append(rows, row{key: RowKey{kind: RowDay, day: day}, msg: m, ago: today - day})
		}
		if m.ID == t.divider {
			rows, before = append(rows, row{key: RowKey{kind: RowUnread}}), -1
		}
		r := row{key: RowKey{kind: RowBubble, id: m.ID}, msg: m, first: true, last: true}
		if before >= 0 && rows[before].msg.Outgoing == m.Outgoing && at.Sub(Moment(*rows[before].msg)).Abs() < grouped {
			rows[before].last, r.first = false, false
		}
		before = len(rows)
		rows = append(rows, r)
	}
	for _, g := range gaps {
		rows = append(rows, gapRow(g))
	}
	return rows
}

func gapRow(g client.Gap) row {
	return row{key: RowKey{kind: RowGap, device: g.Device, from: g.From}, gap: &g}
}

// inSight are the gaps that have their place among what is held, in display order.
func (t *Timeline) inSight() (gaps []client.Gap) {
	for _, g := range t.gaps {
		if n := len(t.msgs); n > 0 && (t.older && g.Height < t.msgs[0].Height || t.newer && g.Height > t.msgs[n-1].Height) {
			continue
		}
		gaps = append(gaps, g)
	}
	slices.SortStableFunc(gaps, func(a, b client.Gap) int { return cmp.Compare(a.Height, b.Height) })
	return gaps
}

// noteFilled keeps gaps that are filled now, to say so until the conversation is left.
func (t *Timeline) noteFilled(g client.Gap) {
	if gapKind(g) == GapFilled {
		t.gaps = withFilled(slices.DeleteFunc(t.gaps, func(o client.Gap) bool { return overlap(o, g) }), []client.Gap{g})
	}
}

// withFilled is gaps, and those of before that are filled.
func withFilled(gaps, before []client.Gap) []client.Gap {
	for _, g := range before {
		if gapKind(g) == GapFilled && !slices.ContainsFunc(gaps, func(o client.Gap) bool { return overlap(o, g) }) {
			gaps = append(gaps, g)
		}
	}
	return gaps
}

func overlap(a, b client.Gap) bool { return a.Device == b.Device && a.From <= b.To && b.From <= a.To }

// gapKind is what is known of a gap.
func gapKind(g client.Gap) GapKind {
	switch g.State {
	case client.GapAsking:
		return GapAsking
	case client.GapLater:
		return GapLater
	case client.GapFilled:
		return GapFilled
	case client.GapGone:
		return GapLost
	case client.GapProven:
		return GapProven
	}
	return GapMissing
}

// diff is what has to be done to rows to make others of them. Rows that stay keep their
// place as far as they keep their order.
func diff(before, after []row) (changes []Change) {
	from, to := 0, 0
	for from < min(len(before), len(after)) && before[from].key == after[from].key {
		from++
	}
	for to < min(len(before), len(after))-from && before[len(before)-1-to].key == after[len(after)-1-to].key {
		to++
	}
	old, now := before[from:len(before)-to], after[from:len(after)-to]
	place := map[RowKey]int{}
	if len(old) > 0 {
		for i := range now {
			place[now[i].key] = i
		}
	}
	note := func(kind ChangeKind, at, next int) {
		if n := len(changes); n > 0 && changes[n-1].Kind == kind && next == at {
			changes[n-1].N++
			return
		}
		changes = append(changes, Change{kind, at, 1})
	}
	end := func() int { // where the next row of the same change would be
		if len(changes) == 0 {
			return -1
		}
		if c := changes[len(changes)-1]; c.Kind != Removed {
			return c.At + c.N
		}
		return changes[len(changes)-1].At
	}
	stays, last, at := make([]*row, len(now)), -1, from
	for i := range old {
		if j, ok := place[old[i].key]; ok && j > last {
			stays[j], last = &old[i], j
			at++
			continue
		}
		note(Removed, at, end())
	}
	for j := range now {
		if stays[j] == nil {
			note(Inserted, from+j, end())
		}
	}
	for i := range after {
		var was *row
		switch {
		case i < from:
			was = &before[i]
		case i >= len(after)-to:
			was = &before[i-len(after)+len(before)]
		case stays[i-from] != nil:
			was = stays[i-from]
		default:
			continue
		}
		if !same(was, &after[i]) {
			note(Updated, i, end())
		}
	}
	return changes
}

// same reports whether two rows of one key look the same.
func same(a, b *row) bool {
	switch a.key.kind {
	case RowDay:
		return a.ago == b.ago
	case RowGap:
		return a.gap.State == b.gap.State && a.gap.To == b.gap.To
	}
	return a.msg == b.msg && a.first == b.first && a.last == b.last
}

// Len is the number of rows.
func (t *Timeline) Len() int { return len(t.rows) }

// Key names the i-th row.
func (t *Timeline) Key(i int) RowKey { return t.rows[i].key }

// Index is where a row stands, -1 if it is not there.
func (t *Timeline) Index(k RowKey) int {
	return slices.IndexFunc(t.rows, func(r row) bool { return r.key == k })
}

// Row is the i-th row.
func (t *Timeline) Row(i int) Row {
	r := &t.rows[i]
	out := Row{Kind: r.key.kind, Key: r.key}
	switch r.key.kind {
	case RowDay:
		out.Text = t.d.Words.Day(Moment(*r.msg), t.d.Now())
	case RowUnread:
		out.Text = t.d.Words.Say("talk.unread")
	case RowGap:
		t.drawGap(&out, *r.gap)
	case RowBubble:
		t.drawBubble(&out, r)
	}
	return out
}

func (t *Timeline) drawBubble(out *Row, r *row) {
	m := r.msg
	out.ID, out.Own, out.First, out.Last, out.Erased, out.Unknown = m.ID, m.Outgoing, r.first, r.last, m.Erased, m.Unknown
	out.Direct, out.State = m.Direct, TickOf(*m)
	out.Time = t.d.Words.Clock(Moment(*m))
	if out.Late = m.Late; m.Late {
		out.LateText = t.d.Words.Say("talk.late")
	}
	if out.Text = special(t.d.Words, *m); out.Text != "" {
		out.Unknown = !m.Erased
		return
	}
	shown := Text(m.Text, t.sizes[m.ID])
	if out.Text, out.Hidden = shown.Text, shown.Hidden; shown.Hidden > 0 {
		out.More = t.d.Words.Count("talk.more", shown.Hidden)
	}
}

func (t *Timeline) drawGap(out *Row, g client.Gap) {
	say := t.d.Words
	contact, _ := t.chats.Contact(t.id)
	name, n := NameOf(contact), g.Count()
	switch out.Gap = gapKind(g); out.Gap {
	case GapAsking:
		out.Text = say.Count("talk.gap.asking", n, "Name", name)
	case GapLater:
		out.Text = say.Count("talk.gap.later", n, "Name", name)
	case GapFilled:
		out.Text = say.Count("talk.gap.filled", n)
	case GapLost:
		out.Text = say.Count("talk.gap.lost", n, "Name", name)
	case GapProven:
		out.Text, out.Evidence = say.Count("talk.gap.proven", n), say.Say("talk.gap.evidence")
	default:
		out.Text = say.Count("talk.gap.missing", n)
	}
}

// More shows twice as much of a long text.
func (t *Timeline) More(k RowKey) {
	if i := t.Index(k); i >= 0 && k.kind == RowBubble {
		t.sizes[k.id]++
		if t.OnChange != nil {
			t.OnChange([]Change{{Updated, i, 1}})
		}
	}
}

// Copy is the text of a bubble, all of it and as it was written.
func (t *Timeline) Copy(k RowKey) string {
	if m := t.held[k.id]; m != nil && k.kind == RowBubble {
		return m.Text
	}
	return ""
}

// Message is the message of a bubble.
func (t *Timeline) Message(k RowKey) (client.Message, bool) {
	m := t.held[k.id]
	if m == nil || k.kind != RowBubble {
		return client.Message{}, false
	}
	return *m, true
}

// Loaded tells that rows were read, and Empty that there are none.
func (t *Timeline) Loaded() bool { return t.loaded }

// Empty tells that the conversation has no messages.
func (t *Timeline) Empty() bool { return t.loaded && len(t.msgs) == 0 }

// AtEnd tells that the newest message is among the rows.
func (t *Timeline) AtEnd() bool { return !t.newer }

// AtTop tells that the first message is among the rows.
func (t *Timeline) AtTop() bool { return !t.older }

// Start is the row to begin with after a Reset, in the upper part of the screen: the
// first unread one, or after Top the first of all. -1 is the end.
func (t *Timeline) Start() int {
	if t.atTop {
		return 0
	}
	return t.Index(RowKey{kind: RowUnread})
}

// Header is what stands above a conversation.
type Header struct {
	User key.IdentityPublic
	Name string
	// Line says what is known: "Verified · last delivery 0.8 ms".
	Line string
	// Problem is why nothing can be sent now, if so, in the engine's words: package people
	// has the user's.
	Problem                   string
	Verified, Muted, CanWrite bool
}

// Header is what stands above the conversation now.
func (t *Timeline) Header() Header {
	contact, _ := t.chats.Contact(t.id)
	say := t.d.Words
	h := Header{
		User: contact.User, Name: NameOf(contact), Problem: Preview(contact.Problem), Verified: contact.Verified, Muted: t.chats.Chat(t.id).Muted,
		CanWrite: contact.State == client.Accepted,
	}
	var parts []string
	if contact.Verified {
		parts = append(parts, say.Say("talk.verified"))
	} else {
		parts = append(parts, say.Say("talk.unverified"))
	}
	for _, m := range slices.Backward(t.msgs) {
		if m.Outgoing && !m.DeliveredAt.IsZero() {
			parts = append(parts, say.Say("talk.delivery", "Took", say.Took(max(m.DeliveredAt.Sub(m.Received), 0))))
			break
		}
	}
	h.Line = strings.Join(parts, " · ")
	return h
}
