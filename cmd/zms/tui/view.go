package tui

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"zeroms/cmd/zms/tui/look"
	"zeroms/cmd/zms/tui/roster"
	"zeroms/cmd/zms/tui/text"
)

// The sizes of the window, in cells.
const (
	// wideFrom is from where on the list and a conversation stand side by side.
	wideFrom = 60
	// smallest is what is needed to show anything.
	smallestWidth, smallestHeight = 20, 7
	listMin, listMax              = 24, 42
	noticeRows                    = 4
	listHead, talkHead            = 2, 2
)

func (m *Model) wide() bool { return m.width >= wideFrom }

func (m *Model) listWidth() int {
	if !m.wide() {
		return m.width
	}
	return max(listMin, min(listMax, m.width*3/10))
}

func (m *Model) talkWidth() int {
	if !m.wide() {
		return m.width
	}
	return m.width - m.listWidth() - 1
}

// bodyHeight is what the panes have: all but the status at the bottom.
func (m *Model) bodyHeight() int { return max(0, m.height-len(m.status())) }

func (m *Model) listTop() int  { return listHead }
func (m *Model) listRows() int { return max(0, m.bodyHeight()-listHead-len(m.homeLines())) }

// lineHeight is what the timeline has.
func (m *Model) lineHeight() int {
	return max(0, m.bodyHeight()-talkHead-1-m.composerRows())
}

func (m *Model) composerRows() int {
	if m.open == nil || !m.accepted() {
		return 1
	}
	return max(1, min(m.open.editor.Height(), m.bodyHeight()/3))
}

// View draws the screen.
func (m *Model) View() tea.View {
	v := tea.View{AltScreen: true, ReportFocus: true, WindowTitle: "zms chat"}
	if n := m.roster.Unread(); n > 0 {
		v.WindowTitle = fmt.Sprintf("(%d) zms chat", n)
	}
	if m.mouse {
		v.MouseMode = tea.MouseModeCellMotion
	}
	if m.width < smallestWidth || m.height < smallestHeight {
		v.SetContent("Make the window larger.")
		return v
	}
	lines, caret := m.body()
	lines = append(lines, m.status()...)
	for i, l := range lines {
		lines[i] = m.exact(l)
	}
	v.SetContent(strings.Join(lines, "\n"))
	if caret != nil {
		v.Cursor = tea.NewCursor(caret.X, caret.Y)
		v.Cursor.Shape = tea.CursorBar
	}
	return v
}

// exact makes sure that a line neither breaks nor lacks something at its end.
func (m *Model) exact(line string) string {
	switch w := m.ruler.Width(line); {
	case w > m.width:
		return m.ruler.Truncate(line, m.width)
	case w < m.width:
		return line + text.Blank(m.width-w)
	}
	return line
}

// body is everything above the status, and where the caret is.
func (m *Model) body() ([]string, *tea.Position) {
	switch {
	case m.box != nil:
		return m.drawBox()
	case !m.wide() && m.focus == focusTalk && m.open != nil:
		return m.talkPane()
	case !m.wide():
		return m.listPane()
	}
	list, caret := m.listPane()
	talk, inTalk := m.talkPane()
	if inTalk != nil && caret == nil {
		caret = &tea.Position{X: inTalk.X + m.listWidth() + 1, Y: inTalk.Y}
	}
	bar := m.theme.Line.Render("│")
	lines := make([]string, len(list))
	for i := range lines {
		lines[i] = list[i] + bar + talk[i]
	}
	return lines, caret
}

// pad makes a styled line as wide as a pane.
func (m *Model) pad(line string, cells int) string {
	return line + text.Blank(cells-m.ruler.Width(line))
}

// listPane is the list of contacts with the search above and the gateways below.
func (m *Model) listPane() ([]string, *tea.Position) {
	w := m.listWidth()
	head := " " + m.theme.Accent.Bold(true).Render("ZeroMS")
	if m.name != "" {
		name, _ := m.ruler.Fit(m.name, w-10)
		head += m.theme.Faint.Render("  " + name)
	}
	lines := []string{m.pad(head, w)}
	var caret *tea.Position
	if m.focus == focusSearch {
		v := m.search.View(1)
		lines = append(lines, m.pad(m.theme.Key.Render(" / ")+v.Rows[0], w))
		caret = &tea.Position{X: min(w-1, 3+v.X), Y: 1}
	} else {
		lines = append(lines, m.theme.Line.Render(strings.Repeat("─", w)))
	}
	homes := m.homeLines()
	open := uint64(0)
	if m.open != nil {
		open = m.open.id
	}
	lines = append(lines, m.roster.View(roster.Screen{
		Width: w, Height: m.listRows(), Theme: m.theme, Ruler: m.ruler, Zone: m.cfg.Zone, Today: m.cfg.Now(),
		Open: open, Focused: m.focus != focusTalk,
	})...)
	return append(lines, homes...)[:m.bodyHeight()], caret
}

// homeLines tell how the gateways are doing.
func (m *Model) homeLines() []string {
	w := m.listWidth()
	fit := func(st look.Style, s string) string { return st.Render(m.ruler.Pad(" "+s, w)) }
	if m.setBack {
		return []string{fit(m.theme.Alarm, "older copy of the profile:"), fit(m.theme.Alarm, "leave and use zms rejoin")}
	}
	connected, problem := 0, ""
	for _, g := range m.homes() {
		if g.Up {
			connected++
		} else {
			problem = g.Problem
		}
	}
	switch {
	case len(m.gateways) == 0:
		return []string{fit(m.theme.Alarm, "○ no gateway yet: F3")}
	case connected == len(m.gateways) && connected == 1:
		return []string{fit(m.theme.Faint, "● connected")}
	case connected == len(m.gateways):
		return []string{fit(m.theme.Faint, fmt.Sprintf("● %d gateways connected", connected))}
	case connected > 0:
		return []string{fit(m.theme.Faint, fmt.Sprintf("● %d of %d gateways connected", connected, len(m.gateways)))}
	case problem == "":
		return []string{fit(m.theme.Faint, "○ connecting ...")}
	}
	return []string{fit(m.theme.Alarm, "○ not connected (F5)"), fit(m.theme.Faint, "  "+problem)}
}

// talkPane is the conversation that is open.
func (m *Model) talkPane() ([]string, *tea.Position) {
	w := m.talkWidth()
	e := m.openEntry()
	if e == nil {
		return m.welcome(), nil
	}
	lines := []string{m.pad(m.talkTitle(e), w), m.underTitle(e)}
	timeline := m.open.line.View()
	if m.open.line.Empty() && len(timeline) > 0 {
		word := "No messages yet."
		if m.open.line.Loading() {
			word = "Reading ..."
		}
		timeline[len(timeline)-1] = m.middle(m.theme.Faint, word, w)
	}
	lines = append(lines, timeline...)
	lines = append(lines, m.overComposer())
	rows, caret := m.composer(e)
	if caret != nil {
		caret.Y += len(lines)
	}
	return append(lines, rows...), caret
}

// talkTitle is who is talked to.
func (m *Model) talkTitle(e *roster.Entry) string {
	back, mark := " ", ""
	if !m.wide() {
		back = " ‹ "
	}
	if e.Contact.Verified {
		mark = " ✓ verified"
	}
	switch e.Contact.State {
	case roster.Request:
		mark += "  wants to talk to you"
	case roster.Blocked:
		mark += "  blocked"
	}
	mark, taken := m.ruler.Fit(mark, max(0, m.talkWidth()-8))
	name, _ := m.ruler.Fit(roster.Name(m.ruler, e.Contact), max(4, m.talkWidth()-m.ruler.Width(back)-taken-1))
	st := m.theme.Accent
	if e.Contact.State != roster.Accepted {
		st = m.theme.Alarm
	}
	return m.theme.Faint.Render(back) + m.theme.Strong.Render(name) + st.Render(mark)
}

// underTitle is a line, or why nothing reaches the contact at the moment.
func (m *Model) underTitle(e *roster.Entry) string {
	w := m.talkWidth()
	if e.Contact.Problem == "" {
		return m.theme.Line.Render(strings.Repeat("─", w))
	}
	return m.theme.Alarm.Render(m.ruler.Pad(" "+e.Contact.Problem, w))
}

// middle is a word in the middle of a line.
func (m *Model) middle(st look.Style, word string, w int) string {
	shown, cells := m.ruler.Fit(word, max(0, w-2))
	left := (w - cells) / 2
	return text.Blank(left) + st.Render(shown) + text.Blank(w-cells-left)
}

// welcome is what stands where no conversation is open.
func (m *Model) welcome() []string {
	w, h := m.talkWidth(), m.bodyHeight()
	say := []string{"Choose a conversation with Up, Down and Enter."}
	switch {
	case len(m.gateways) == 0:
		say = []string{"You have no gateway yet, so nobody can reach you.", "Press F3 and paste the address of one."}
	case m.roster.Len() == 0:
		say = []string{"Nobody is here yet.", "F2 shows your card: hand it to somebody.", "F3 adds somebody: paste their card or its link."}
	}
	say = append(say, "", "F1 shows all keys.")
	lines := make([]string, 0, h)
	for range max(0, (h-len(say))/2) {
		lines = append(lines, text.Blank(w))
	}
	for _, s := range say {
		for _, l := range m.ruler.Wrap(s, max(8, w-4)) {
			lines = append(lines, m.middle(m.theme.Faint, l.Text, w))
		}
	}
	for len(lines) < h {
		lines = append(lines, text.Blank(w))
	}
	return lines[:h]
}

// overComposer is a line, in which stands what is below what is seen.
func (m *Model) overComposer() string {
	w := m.talkWidth()
	word := ""
	switch line := m.open.line; {
	case line.Missed() == 1:
		word = " ↓ 1 new message (Ctrl+End) "
	case line.Missed() > 1:
		word = fmt.Sprintf(" ↓ %d new messages (Ctrl+End) ", line.Missed())
	case !line.AtEnd() && !line.Empty():
		above, below := line.Share()
		word = fmt.Sprintf(" %.0f %% (Ctrl+End: newest) ", 100*above/max(0.0001, above+below))
	}
	word, taken := m.ruler.Fit(word, max(0, w-4))
	rule := func(n int) string { return m.theme.Line.Render(strings.Repeat("─", max(0, n))) }
	return rule(w-taken-2) + m.theme.Unread.Render(word) + rule(2)
}

// composer is where one writes, or what can be done instead.
func (m *Model) composer(e *roster.Entry) ([]string, *tea.Position) {
	w := m.talkWidth()
	name := roster.Name(m.ruler, e.Contact)
	switch e.Contact.State {
	case roster.Request:
		return []string{m.offer(w, "Do you want to talk to "+name+"?", "a", "accept", "b", "block")}, nil
	case roster.Blocked:
		return []string{m.offer(w, name+" is blocked.", "a", "accept again")}, nil
	}
	v := m.open.editor.View(m.composerRows())
	var rows []string
	for i, row := range v.Rows {
		lead := "  "
		switch {
		case i == 0 && !v.Above:
			lead = "› "
		case i == 0:
			lead = "↑ "
		case i == len(v.Rows)-1 && v.Below:
			lead = "↓ "
		}
		rows = append(rows, m.pad(m.theme.Key.Render(lead)+row, w))
	}
	if m.open.editor.Text() == "" {
		hint, _ := m.ruler.Fit("Write a message", w-2)
		rows[0] = m.pad(m.theme.Key.Render("› ")+m.theme.Faint.Render(hint), w)
	}
	if m.focus != focusTalk {
		return rows, nil
	}
	return rows, &tea.Position{X: 2 + v.X, Y: v.Y}
}

// offer is a sentence and the keys that answer it.
func (m *Model) offer(w int, sentence string, keys ...string) string {
	tail, cells := "", 0
	for i := 0; i+1 < len(keys); i += 2 {
		tail += "  " + m.theme.Key.Render(keys[i]) + " " + keys[i+1]
		cells += 3 + len(keys[i]) + len(keys[i+1])
	}
	shown, _ := m.ruler.Fit(sentence, max(4, w-cells-1))
	return m.pad(" "+shown+tail, w)
}

// status is the last line, or lines if there is something to tell.
func (m *Model) status() []string {
	if m.notice != "" {
		st := m.theme.Accent
		if m.alarm {
			st = m.theme.Alarm
		}
		var lines []string
		for _, l := range m.ruler.Wrap(m.notice, max(8, m.width-2)) {
			if len(lines) < noticeRows {
				lines = append(lines, " "+st.Render(l.Text))
			}
		}
		return lines
	}
	return []string{m.theme.Faint.Render(m.ruler.Pad(" "+m.hint(), m.width))}
}

// hint names the keys that matter where the user is.
func (m *Model) hint() string {
	switch {
	case m.box != nil:
		return m.box.hint()
	case m.focus == focusSearch:
		return "Type a name · Enter open · Esc end"
	case m.focus == focusTalk && m.open != nil && !m.accepted():
		return "a accept · b block · Tab list · F1 help"
	case m.focus == focusTalk && m.open != nil && !m.wide():
		return "Enter send · Esc list · F1 help"
	case m.focus == focusTalk && m.open != nil:
		return "Enter send · Alt+Enter new line · PgUp back · Tab list · F1 help · Ctrl+Q leave"
	case !m.wide():
		return "Enter open · n add · c card · ? help"
	}
	return "Enter open · / find · n add · c your card · v safety number · ? help · q leave"
}

// drawBox is the box in the middle.
func (m *Model) drawBox() ([]string, *tea.Position) {
	h := m.bodyHeight()
	c := m.box.draw(m, max(8, m.width-6))
	inner := m.ruler.Width(c.title) + 2
	for _, l := range c.lines {
		inner = max(inner, m.ruler.Width(l))
	}
	inner = min(inner, max(8, m.width-6))
	rows := max(1, min(len(c.lines), h-2))
	if c.caret != nil { // it has to be seen
		m.boxTop = max(c.caret.Y-rows+1, min(m.boxTop, c.caret.Y))
	}
	m.boxTop = max(0, min(m.boxTop, len(c.lines)-rows))
	left, top := (m.width-inner-6)/2, max(0, (h-rows-2)/2)
	edge := m.theme.Line.Render
	margin := text.Blank(left + 1)
	title, taken := m.ruler.Fit(c.title, max(0, inner-2))
	lines := make([]string, top, h)
	lines = append(lines, margin+edge("╭─ ")+m.theme.Strong.Render(title)+edge(" "+strings.Repeat("─", max(0, inner-1-taken))+"╮"))
	for _, l := range c.lines[m.boxTop : m.boxTop+rows] {
		lines = append(lines, margin+edge("│ ")+m.pad(l, inner)+edge(" │"))
	}
	foot := ""
	if m.boxTop+rows < len(c.lines) {
		foot = " more: Down "
	}
	lines = append(lines, margin+edge("╰"+strings.Repeat("─", max(0, inner+2-len(foot))))+m.theme.Faint.Render(foot)+edge("╯"))
	for len(lines) < h {
		lines = append(lines, "")
	}
	var caret *tea.Position
	if c.caret != nil {
		caret = &tea.Position{X: left + 3 + c.caret.X, Y: top + 1 + c.caret.Y - m.boxTop}
	}
	return lines[:h], caret
}
