package tui

import (
	"slices"

	tea "charm.land/bubbletea/v2"

	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/tui/edit"
	"zeroms/cmd/zms/tui/pages"
	"zeroms/cmd/zms/tui/timeline"
)

// talk is a conversation: what is written to it stays as long as the program
// runs, what is read only while it is open.
type talk struct {
	id     uint64
	editor edit.Editor
	line   *timeline.Timeline // nil: it is not open
	unread int                // when it was opened
	placed bool               // the reader was brought to the unread messages
}

// talk is the conversation with a contact.
func (m *Model) talk(id uint64) *talk {
	t := m.talks[id]
	if t == nil {
		t = &talk{id: id}
		m.talks[id] = t
	}
	return t
}

// openTalk shows a conversation.
func (m *Model) openTalk(id uint64) tea.Cmd {
	e := m.roster.Entry(id)
	if e == nil {
		return nil
	}
	m.focus = focusTalk
	m.roster.Select(id)
	if m.open != nil && m.open.id == id {
		return nil
	}
	m.closeTalk()
	t := m.talk(id)
	t.unread, t.placed = e.Contact.Unread, false
	t.line = timeline.New(e.Contact.Unread)
	m.open = t
	m.roster.Drafted(id, "")
	m.resize()
	return m.load(timeline.Tail)
}

// closeTalk leaves the conversation that is open.
func (m *Model) closeTalk() {
	if m.open == nil {
		return
	}
	draft := ""
	if !m.open.editor.Empty() {
		draft = m.open.editor.Text()
	}
	m.roster.Drafted(m.open.id, draft)
	m.open.line = nil
	m.open = nil
}

// load asks for a page of the open conversation.
func (m *Model) load(where timeline.Where) tea.Cmd {
	t, line := m.open, m.open.line
	line.Begin()
	at := pages.Bounds{Next: line.Next(), Last: line.Last(), Held: line.Held(), Ends: line.Ends(), Unread: t.unread}
	h := pages.History{Profile: m.cfg.Profile, Contact: t.id}
	return func() tea.Msg {
		page, err := h.Load(m.ctx, where, at)
		return pageMsg{line, where, page, err}
	}
}

// pageMsg brings a page.
type pageMsg struct {
	line  *timeline.Timeline // for which it was asked
	where timeline.Where
	page  timeline.Page
	err   error
}

func (m *Model) takePage(msg pageMsg) {
	if m.open == nil || m.open.line != msg.line {
		return
	}
	if msg.err != nil {
		msg.line.Abort()
		m.complain(msg.err)
		m.stalled = true
		return
	}
	m.stalled = false
	msg.line.Load(msg.page, msg.where)
	if !m.open.placed && msg.where == timeline.Tail {
		m.open.placed = true
		msg.line.ToUnread()
	}
}

// needed asks for pages that the reader comes close to.
func (m *Model) needed() tea.Cmd {
	if m.open == nil || m.stalled || m.height == 0 {
		return nil
	}
	switch {
	case m.open.line.NeedsOlder():
		return m.load(timeline.Older)
	case m.open.line.NeedsNewer():
		return m.load(timeline.Newer)
	}
	return nil
}

// jumpTop goes to the beginning of the conversation, jumpEnd to its end.
func (m *Model) jumpTop() tea.Cmd {
	switch line := m.open.line; {
	case line.Begins():
		line.Start()
	case !line.Loading():
		return m.load(timeline.Head)
	}
	return nil
}

func (m *Model) jumpEnd() tea.Cmd {
	switch line := m.open.line; {
	case line.Ends():
		line.End()
	case !line.Loading():
		return m.load(timeline.Tail)
	}
	return nil
}

// seen reports whether the user sees the end of the open conversation.
func (m *Model) seen() bool {
	return m.open != nil && m.box == nil && !m.blurred && m.height > 0 && (m.wide() || m.focus == focusTalk) &&
		!m.open.line.Loading() && m.open.line.AtEnd()
}

// markRead tells the profile that everything was seen, once each time.
func (m *Model) markRead() tea.Cmd {
	if !m.seen() || m.reading || m.stalled {
		return nil
	}
	e := m.roster.Entry(m.open.id)
	if e == nil || e.Contact.Unread == 0 || !m.open.placed {
		return nil
	}
	m.reading = true
	return m.ask(control.Request{Cmd: control.CmdRead, Contact: number(e.ID())}, func(rows []control.Row, err error) tea.Cmd {
		m.reading = false
		if err != nil {
			m.complain(err)
			m.stalled = true // until something else happens
			return nil
		}
		return m.takeRows(rows)
	})
}

// drafts are the contacts to whom something is written and not sent.
func (m *Model) drafts() []uint64 {
	var ids []uint64
	for id, t := range m.talks {
		if !t.editor.Empty() {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}
