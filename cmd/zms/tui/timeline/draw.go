package timeline

import (
	"fmt"
	"strings"
	"time"

	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/tui/look"
	"zeroms/cmd/zms/tui/text"
)

// The sizes of bubbles in cells.
const (
	// bubbleEdge is what a bubble needs beside its text: a bar and two blanks.
	bubbleEdge = 3
	widest     = 80
	// column is the most that a conversation is wide: what is further apart is
	// not read as one.
	column    = 124
	narrowest = 24
	// together is how long after each other messages still belong together.
	together = 5 * time.Minute
)

// made is what the lines of an item depend on besides the item.
type made struct {
	width  int
	theme  *look.Theme
	ruler  text.Ruler
	name   string
	day    string // the day that begins with it
	joined bool   // it follows one of the same side
	marked bool   // the unread messages begin with it
	newest bool   // it is the last own message
	first  bool   // of the window
}

func blank(n int) string { return text.Blank(n) }

// moment is the time of a message: when it came in, or was written.
func moment(m *control.Message) time.Time {
	if m.Outgoing {
		return m.Written
	}
	return m.Received
}

// lines are the lines of an item, each as wide as the screen.
func (t *Timeline) lines(i int) []string {
	it := t.items[i]
	want := t.wanted(i)
	if it.lines == nil || it.made != want {
		it.lines, it.made = t.draw(it, want), want
	}
	return it.lines
}

// wanted is what the lines of an item have to be made for.
func (t *Timeline) wanted(i int) made {
	s, it := t.screen, t.items[i]
	want := made{width: s.Width, theme: s.Theme, ruler: s.Ruler, name: s.Name, first: i == 0 && t.older}
	if it.message == nil {
		return want
	}
	want.marked = it.message.ID == t.marker
	want.newest = it.message.Outgoing && t.lastOwn(i)
	at := moment(it.message).In(s.Zone)
	want.day = t.day(at)
	for j := i - 1; j >= 0; j-- {
		before := t.items[j].message
		if before == nil {
			continue
		}
		then := moment(before).In(s.Zone)
		if then.YearDay() == at.YearDay() && then.Year() == at.Year() {
			want.day = ""
		}
		gap := at.Sub(then)
		want.joined = j == i-1 && want.day == "" && !want.marked && before.Outgoing == it.message.Outgoing &&
			gap < together && gap > -together
		break
	}
	return want
}

// lastOwn reports whether no own message follows one of the window's end.
func (t *Timeline) lastOwn(i int) bool {
	if t.newer {
		return false
	}
	for _, it := range t.items[i+1:] {
		if it.message != nil && it.message.Outgoing {
			return false
		}
	}
	return true
}

// day names a day.
func (t *Timeline) day(at time.Time) string {
	y, m, d := t.screen.Today.In(t.screen.Zone).Date()
	today := time.Date(y, m, d, 12, 0, 0, 0, t.screen.Zone)
	day := time.Date(at.Year(), at.Month(), at.Day(), 12, 0, 0, 0, t.screen.Zone)
	switch {
	case day.Equal(today):
		return "Today"
	case day.Equal(today.AddDate(0, 0, -1)):
		return "Yesterday"
	case day.Year() != today.Year():
		return day.Format("Monday, 2 January 2006")
	}
	return day.Format("Monday, 2 January")
}

func (t *Timeline) draw(it *item, want made) []string {
	var lines []string
	margin := max(0, want.width-column) / 2
	want.width -= 2 * margin
	if want.first {
		lines = append(lines, t.rule("earlier messages are being read", t.screen.Theme.Faint, want.width))
	}
	if want.day != "" {
		lines = append(lines, blank(want.width), t.rule(want.day, t.screen.Theme.Faint, want.width))
	}
	if want.marked {
		lines = append(lines, blank(want.width), t.rule("unread messages", t.screen.Theme.Unread, want.width))
	}
	if !want.joined {
		lines = append(lines, blank(want.width))
	}
	if it.gap != nil {
		lines = append(lines, t.drawGap(it.gap, want.width)...)
	} else {
		lines = append(lines, t.drawMessage(it.message, want)...)
	}
	for i := range lines {
		lines[i] = blank(margin) + lines[i] + blank(margin)
	}
	return lines
}

// rule is a word in the middle of a line across the screen.
func (t *Timeline) rule(word string, st look.Style, width int) string {
	s := t.screen
	shown, taken := s.Ruler.Fit(word, max(0, width-6))
	left := max(0, width-taken-4) / 2
	right := max(0, width-taken-4-left)
	line := func(n int) string { return s.Theme.Line.Render(strings.Repeat("─", n)) }
	return " " + line(left) + " " + st.Render(shown) + " " + line(right) + " "
}

// drawGap is a row about missing messages.
func (t *Timeline) drawGap(g *control.Gap, width int) []string {
	s := t.screen
	room := max(8, width-2)
	var lines []string
	for i, l := range s.Ruler.Wrap(t.gapText(g), max(4, room-4)) {
		lead := "  "
		if i == 0 {
			lead = "! "
		}
		lines = append(lines, " "+s.Theme.Gap.Render(" "+lead+l.Text+blank(room-4-l.Cells)+" ")+" ")
	}
	return lines
}

// manyMissing is above what anybody has written: somebody named messages that
// there never were.
const manyMissing = 100_000

// gapText says what is missing and what is done about it.
func (t *Timeline) gapText(g *control.Gap) string {
	who := t.screen.Name
	what, are, them := fmt.Sprintf("%d messages from %s", g.Count, who), "are", "them"
	switch {
	case g.Count == 1:
		what, are, them = "1 message from "+who, "is", "it"
	case g.Count > manyMissing:
		what = "Many messages from " + who
	}
	switch g.State {
	case "asking":
		return fmt.Sprintf("%s %s missing; asking %s for %s", what, are, who, them)
	case "later":
		return fmt.Sprintf("%s %s missing; promised for %s", what, are, t.when(g.Until))
	case "gone":
		return fmt.Sprintf("%s %s lost: the sender no longer has %s", what, are, them)
	case "lost-with-proof":
		return fmt.Sprintf("%s %s lost by a gateway, and there is proof (zms evidence export %s)", what, are, g.Gateway)
	}
	return fmt.Sprintf("%s %s missing and may still come", what, are)
}

// when is a time with its day, unless that is today.
func (t *Timeline) when(at time.Time) string {
	at = at.In(t.screen.Zone)
	clock := at.Format("15:04")
	if day := t.day(at); day != "Today" {
		return day + ", " + clock
	}
	return clock
}

// drawMessage is a bubble: the own ones at the right, those of others at the left.
func (t *Timeline) drawMessage(m *control.Message, want made) []string {
	s := t.screen
	style := s.Theme.Other
	if m.Outgoing {
		style = s.Theme.Own
	}
	room := max(1, want.width-2)
	inner := max(1, min(room, max(narrowest, room*4/5), widest)-bubbleEdge)
	rows := t.body(m, style, inner)
	meta, metaCells := t.meta(m, style, want.newest, inner)
	cells := metaCells
	for _, r := range rows {
		cells = max(cells, r.cells)
	}
	if last := rows[len(rows)-1]; last.cells+2+metaCells <= inner {
		cells = max(cells, last.cells+2+metaCells)
	} else {
		rows = append(rows, row{"", 0})
	}
	cells = min(cells, inner)
	lines := make([]string, len(rows))
	for i, r := range rows {
		pad := cells - r.cells
		line := r.text
		if i == len(rows)-1 {
			line += style.Text.Render(blank(pad-metaCells)) + meta
		} else {
			line += style.Text.Render(blank(pad))
		}
		line = style.Text.Render(" ") + line + style.Text.Render(" ")
		rest := want.width - cells - bubbleEdge - 1
		if m.Outgoing {
			lines[i] = blank(rest) + line + style.Side.Render("▐") + " "
		} else {
			lines[i] = " " + style.Side.Render("▌") + line + blank(rest)
		}
	}
	return lines
}

// row is one row of a bubble as it is printed.
type row struct {
	text  string
	cells int
}

// body is the text of a message, or what is said instead of it.
func (t *Timeline) body(m *control.Message, style look.Bubble, inner int) []row {
	var rows []row
	put := func(s string, st look.Style) {
		for _, l := range t.screen.Ruler.Wrap(s, inner) {
			rows = append(rows, row{st.Render(l.Text), l.Cells})
		}
	}
	if m.ReplyTo != "" {
		quote, cells := t.screen.Ruler.Fit("> "+t.quoted(m.ReplyTo), inner)
		rows = append(rows, row{style.Faint.Render(quote), cells})
	}
	switch {
	case m.Erased:
		put("(erased)", style.Faint)
	case m.Unknown:
		put("(a message of kind "+m.Kind+": it needs a newer version of zms)", style.Faint)
	case m.Kind != "text":
		put("("+m.Kind+")", style.Faint)
	default:
		put(m.Text, style.Text)
	}
	return rows
}

// quoted is the beginning of the message that another one answers.
func (t *Timeline) quoted(short string) string {
	for _, it := range t.items {
		if m := it.message; m != nil && strings.HasPrefix(m.ID, short) && m.Text != "" {
			first, _, _ := strings.Cut(m.Text, "\n")
			return first
		}
	}
	return "an earlier message"
}

// Marks of the states of an own message.
var marks = map[string]string{
	"queued": "○", "custody": "✓", "delivered": "✓✓", "read": "✓✓", "failed": "✗", "not-delivered": "✗",
}

// meta is what stands at the end of a bubble: the time, and how far an own
// message has come. The state is a word too if it is the newest one or went
// wrong. What does not fit is left out, the mark last.
func (t *Timeline) meta(m *control.Message, style look.Bubble, newest bool, room int) (string, int) {
	clock := moment(m).In(t.screen.Zone).Format("15:04")
	if m.Late && len("late ")+len(clock) <= room {
		clock = "late " + clock
	}
	if len(clock) > room {
		clock = ""
	}
	if !m.Outgoing {
		return style.Faint.Render(clock), len(clock)
	}
	state := m.State
	if len(m.Undelivered) > 0 && state != "failed" {
		state = "not-delivered"
	}
	mark, word, st := marks[state], "", style.Faint
	switch state {
	case "failed", "not-delivered":
		word, st = " "+strings.ReplaceAll(state, "-", " "), style.Alarm
	case "read":
		st = style.Accent
	}
	if newest && word == "" {
		word = " " + strings.Replace(state, "custody", "in custody", 1)
	}
	if m.Direct && state != "failed" && state != "not-delivered" {
		word += " directly"
	}
	ruler := t.screen.Ruler
	for _, try := range []struct{ clock, tail string }{{clock + " ", mark + word}, {clock + " ", mark}, {"", mark + word}, {"", mark}} {
		tail, taken := ruler.Fit(try.tail, 40)
		if taken += len(try.clock); taken <= room {
			return style.Faint.Render(try.clock) + st.Render(tail), taken
		}
	}
	return "", 0
}
