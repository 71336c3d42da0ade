package tui

import (
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"

	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/tui/edit"
	"zeroms/cmd/zms/tui/roster"
)

// keyName is how keys are called here: a letter by itself, others by their name
// with modifiers. Text that an input method wrote has no name.
func keyName(k tea.KeyPressMsg) string {
	switch {
	case k.Text == " ":
		return "space"
	case k.Text != "" && utf8.RuneCountInString(k.Text) == 1:
		return k.Text
	case k.Text != "":
		return ""
	}
	return k.Keystroke()
}

// binding is what some keys do. The help is made of them.
type binding struct {
	keys []string
	help string // the keys as people read them; empty: they stand with those before
	does string
	do   func(m *Model) tea.Cmd
}

// find is what a key does; nil: nothing here.
func find(all []binding, name string) func(*Model) tea.Cmd {
	for _, b := range all {
		for _, k := range b.keys {
			if k == name && b.do != nil {
				return b.do
			}
		}
	}
	return nil
}

func silent(f func(m *Model)) func(*Model) tea.Cmd {
	return func(m *Model) tea.Cmd {
		f(m)
		return nil
	}
}

// everywhere are keys that always do the same.
func everywhere() []binding {
	return []binding{
		{[]string{"f1", "ctrl+g"}, "F1, Ctrl+G", "this help (in the list also ?)", silent(func(m *Model) { m.show(&helpBox{}) })},
		{[]string{"f2"}, "F2", "your own card, with its QR code", (*Model).showCard},
		{[]string{"f3"}, "F3", "add a contact: paste a card, a link, or a gateway's address", silent(func(m *Model) { m.show(&addBox{}) })},
		{[]string{"f4"}, "F4", "the safety number with this contact", (*Model).keySafety},
		{[]string{"f5"}, "F5", "your gateways", silent(func(m *Model) { m.show(gatewayBox{}) })},
		{[]string{"ctrl+f"}, "Ctrl+F", "find a contact", silent((*Model).startSearch)},
		{[]string{"alt+down", "ctrl+n"}, "Alt+Down, Ctrl+N", "the next conversation", func(m *Model) tea.Cmd { return m.neighbour(1) }},
		{[]string{"alt+up", "ctrl+p"}, "Alt+Up, Ctrl+P", "the one before", func(m *Model) tea.Cmd { return m.neighbour(-1) }},
		{[]string{"tab", "shift+tab"}, "Tab", "to the list and back", silent((*Model).otherPane)},
		{[]string{"f6"}, "F6", "the mouse: for the chat, or for the terminal to select text", silent((*Model).toggleMouse)},
		{[]string{"f7"}, "F7", "the bell on or off", silent((*Model).toggleBell)},
		{[]string{"ctrl+l"}, "Ctrl+L", "draw the screen again", func(*Model) tea.Cmd { return tea.ClearScreen }},
		{[]string{"ctrl+q", "ctrl+c"}, "Ctrl+Q, Ctrl+C", "leave the chat", (*Model).quit},
	}
}

// reading are keys of a conversation.
func reading() []binding {
	return []binding{
		{[]string{"pgup"}, "PgUp, PgDn", "a page up or down", func(m *Model) tea.Cmd { return m.scrollBy(1 - m.lineHeight()) }},
		{[]string{"pgdown"}, "", "", func(m *Model) tea.Cmd { return m.scrollBy(m.lineHeight() - 1) }},
		{[]string{"shift+up", "ctrl+up"}, "Shift+Up, Shift+Down", "a line up or down", func(m *Model) tea.Cmd { return m.scrollBy(-1) }},
		{[]string{"shift+down", "ctrl+down"}, "", "", func(m *Model) tea.Cmd { return m.scrollBy(1) }},
		{[]string{"ctrl+home", "alt+home", "alt+<"}, "Ctrl+Home, Alt+Home", "to the beginning of the conversation", (*Model).jumpTop},
		{[]string{"ctrl+end", "alt+end", "alt+>"}, "Ctrl+End, Alt+End", "to its end", (*Model).jumpEnd},
		{[]string{"alt+u"}, "Alt+U", "to the first unread message", silent((*Model).jumpUnread)},
		{[]string{"esc"}, "Esc", "to the list", silent(func(m *Model) { m.focus = focusList })},
	}
}

// composing are keys of the text that is being written.
func composing() []binding {
	return []binding{
		{[]string{"enter"}, "Enter", "send", (*Model).submit},
		{[]string{"alt+enter", "ctrl+j", "shift+enter", "ctrl+enter"}, "Alt+Enter, Ctrl+J", "a new line", silent(func(m *Model) { m.write("\n") })},
		{nil, "Left, Right, Home, End", "move; with Ctrl by words", nil},
		{nil, "Ctrl+W, Ctrl+U, Ctrl+K", "cut the word, the line before, the line behind; Ctrl+Y puts it back", nil},
	}
}

// asked are keys of a conversation in which nothing can be written.
func asked() []binding {
	return []binding{
		{[]string{"a"}, "a", "accept", func(m *Model) tea.Cmd { return m.accept(m.open.id) }},
		{[]string{"b"}, "b", "block", func(m *Model) tea.Cmd { return m.block(m.open.id) }},
		{[]string{"?"}, "", "", silent(func(m *Model) { m.show(&helpBox{}) })},
		{[]string{"q"}, "", "", (*Model).quit},
	}
}

// listing are keys of the list.
func listing() []binding {
	on := func(f func(m *Model, e *roster.Entry) tea.Cmd) func(*Model) tea.Cmd {
		return func(m *Model) tea.Cmd {
			if e := m.roster.Selected(); e != nil {
				return f(m, e)
			}
			return nil
		}
	}
	move := func(by func(m *Model) int) func(*Model) tea.Cmd {
		return silent(func(m *Model) { m.roster.Move(by(m)) })
	}
	return []binding{
		{[]string{"up", "k"}, "Up, Down", "select a contact", move(func(*Model) int { return -1 })},
		{[]string{"down", "j"}, "", "", move(func(*Model) int { return 1 })},
		{[]string{"pgup"}, "", "", move(func(m *Model) int { return -m.height / 2 / roster.RowsEach })},
		{[]string{"pgdown"}, "", "", move(func(m *Model) int { return m.height / 2 / roster.RowsEach })},
		{[]string{"home"}, "", "", move(func(m *Model) int { return -m.roster.Len() })},
		{[]string{"end"}, "", "", move(func(m *Model) int { return m.roster.Len() })},
		{[]string{"enter", "right"}, "Enter", "open the conversation", on(func(m *Model, e *roster.Entry) tea.Cmd { return m.openTalk(e.ID()) })},
		{[]string{"/"}, "/", "find a contact by name, number or user ID", silent((*Model).startSearch)},
		{[]string{"a"}, "a", "accept somebody who asks, or who is blocked", on((*Model).keyAccept)},
		{[]string{"b"}, "b", "block the contact", on(func(m *Model, e *roster.Entry) tea.Cmd { return m.block(e.ID()) })},
		{[]string{"n"}, "n, c, v, g", "as F3, F2, F4, F5", silent(func(m *Model) { m.show(&addBox{}) })},
		{[]string{"c"}, "", "", (*Model).showCard},
		{[]string{"v"}, "", "", (*Model).keySafety},
		{[]string{"g"}, "", "", silent(func(m *Model) { m.show(gatewayBox{}) })},
		{[]string{"esc"}, "Esc", "end the search; back to the conversation", silent((*Model).leaveList)},
		{[]string{"?"}, "", "", silent(func(m *Model) { m.show(&helpBox{}) })},
		{[]string{"q"}, "q", "leave the chat", (*Model).quit},
	}
}

// key does what a key does where the user is.
func (m *Model) key(k tea.KeyPressMsg) tea.Cmd {
	name := keyName(k)
	if m.box != nil {
		if name == "ctrl+c" || name == "ctrl+q" {
			m.closeBox()
			return m.quit()
		}
		return m.box.key(m, k)
	}
	if do := find(everywhere(), name); do != nil {
		return do(m)
	}
	switch m.focus {
	case focusSearch:
		return m.keySearch(k)
	case focusList:
		if do := find(listing(), name); do != nil {
			return do(m)
		}
	case focusTalk:
		return m.keyTalk(k)
	}
	return nil
}

func (m *Model) keyTalk(k tea.KeyPressMsg) tea.Cmd {
	name := keyName(k)
	if m.open == nil {
		m.focus = focusList
		return nil
	}
	if do := find(reading(), name); do != nil {
		return do(m)
	}
	if !m.accepted() {
		if do := find(asked(), name); do != nil {
			return do(m)
		}
		return nil
	}
	if do := find(composing(), name); do != nil {
		return do(m)
	}
	switch {
	case name == "up" && !m.open.editor.Up() && m.open.editor.Text() == "":
		return m.scrollBy(-1)
	case name == "down" && !m.open.editor.Down() && m.open.editor.Text() == "":
		return m.scrollBy(1)
	case name != "up" && name != "down" && !typed(&m.open.editor, k):
		m.tooLong()
	}
	return nil
}

func (m *Model) tooLong() { m.tell("The text is far too long for a message.") }

// write puts something into the text that is being written.
func (m *Model) write(s string) {
	if !m.open.editor.Insert(s) {
		m.tooLong()
	}
}

// typed does what a key does in a text. It reports whether there was room.
func typed(e *edit.Editor, k tea.KeyPressMsg) bool {
	moves := map[string]func(){
		"left": e.Left, "right": e.Right, "ctrl+left": e.WordLeft, "ctrl+right": e.WordRight, "alt+left": e.WordLeft, "alt+right": e.WordRight,
		"alt+b": e.WordLeft, "alt+f": e.WordRight, "home": e.LineStart, "end": e.LineEnd, "ctrl+a": e.LineStart, "ctrl+e": e.LineEnd,
		"ctrl+b": e.Left, "backspace": e.Backspace, "ctrl+h": e.Backspace, "shift+backspace": e.Backspace, "delete": e.Delete, "ctrl+d": e.Delete,
		"ctrl+w": e.CutWord, "alt+backspace": e.CutWord, "ctrl+backspace": e.CutWord, "alt+d": e.CutWordRight, "ctrl+delete": e.CutWordRight,
		"ctrl+u": e.CutToStart, "ctrl+k": e.CutToEnd,
	}
	name := keyName(k)
	if name == "ctrl+y" {
		return e.Yank()
	}
	if move := moves[name]; move != nil {
		move()
		return true
	}
	return k.Text == "" || e.Insert(k.Text)
}

// keySearch is a key in the search of the list.
func (m *Model) keySearch(k tea.KeyPressMsg) tea.Cmd {
	switch keyName(k) {
	case "esc":
		m.endSearch()
		m.focus = focusList
	case "up":
		m.roster.Move(-1)
	case "down":
		m.roster.Move(1)
	case "enter":
		e := m.roster.Selected()
		m.endSearch()
		m.focus = focusList
		if e != nil {
			return m.openTalk(e.ID())
		}
	default:
		typed(&m.search, k)
		m.roster.Find(m.search.Text())
	}
	return nil
}

func (m *Model) startSearch() {
	m.endSearch()
	m.focus = focusSearch
}

func (m *Model) endSearch() {
	m.search.Set("")
	m.roster.Find("")
}

// leaveList goes back to the conversation that is open.
func (m *Model) leaveList() {
	m.endSearch()
	if m.open != nil && m.wide() {
		m.focus = focusTalk
	}
}

func (m *Model) otherPane() {
	if m.focus != focusTalk && m.open != nil {
		m.endSearch()
		m.focus = focusTalk
	} else {
		m.focus = focusList
	}
}

// neighbour opens the conversation before or behind the open one in the list.
func (m *Model) neighbour(by int) tea.Cmd {
	if m.open != nil {
		m.roster.Select(m.open.id)
		m.roster.Move(by)
	}
	if e := m.roster.Selected(); e != nil {
		return m.openTalk(e.ID())
	}
	return nil
}

func (m *Model) keyAccept(e *roster.Entry) tea.Cmd {
	if e.Contact.State == roster.Accepted {
		m.tell("%s is one of your contacts already.", m.nameOf(e.ID()))
		return nil
	}
	return m.accept(e.ID())
}

// keySafety shows the safety number with whom the user looks at.
func (m *Model) keySafety() tea.Cmd {
	e := m.roster.Selected()
	if m.focus == focusTalk || e == nil {
		e = m.openEntry()
	}
	if e == nil {
		m.tell("Select a contact first.")
		return nil
	}
	return m.showSafety(e.ID(), func(*control.Request) {})
}

// scrollBy moves the conversation by lines, down if positive.
func (m *Model) scrollBy(lines int) tea.Cmd {
	if m.open == nil {
		return nil
	}
	m.open.line.Up(-lines)
	m.open.line.Down(lines)
	return nil
}

func (m *Model) jumpUnread() {
	if !m.open.line.ToUnread() {
		m.tell("There are no unread messages here.")
	}
}

func (m *Model) toggleMouse() {
	if m.mouse = !m.mouse; m.mouse {
		m.tell("The mouse scrolls and opens conversations.")
	} else {
		m.tell("The mouse selects text, as the terminal does it. F6 gives it back to the chat.")
	}
}

func (m *Model) toggleBell() {
	if m.bell = !m.bell; m.bell {
		m.tell("The bell rings when a message comes.")
	} else {
		m.tell("The bell is off.")
	}
}

// paste takes a text from the clipboard. Its line feeds send nothing.
func (m *Model) paste(s string) {
	m.notice = ""
	switch {
	case m.box != nil:
		m.box.paste(m, s)
	case m.focus == focusSearch:
		m.search.Insert(s)
		m.roster.Find(m.search.Text())
	case m.focus == focusTalk && m.accepted():
		m.write(s)
	case m.focus == focusTalk:
		m.tell("Nothing can be written here.")
	default:
		m.tell("Open a conversation first, then paste. F3 takes cards and links.")
	}
}
