package tui

import (
	tea "charm.land/bubbletea/v2"
)

// wheelLines is how far one step of the wheel goes.
const wheelLines = 3

// onMouse scrolls what is under the pointer, and opens conversations.
func (m *Model) onMouse(msg tea.MouseMsg) tea.Cmd {
	at := msg.Mouse()
	switch msg := msg.(type) {
	case tea.MouseWheelMsg:
		by := wheelLines
		switch msg.Button {
		case tea.MouseWheelUp:
			by = -wheelLines
		case tea.MouseWheelDown:
		default:
			return nil
		}
		switch {
		case m.box != nil:
			m.boxTop += by
		case m.inList(at.X):
			m.roster.Move(by / wheelLines)
		default:
			return m.scrollBy(by)
		}
	case tea.MouseClickMsg:
		if msg.Button == tea.MouseLeft && m.box == nil {
			m.notice = ""
			cmd := m.click(at.X, at.Y)
			m.resize()
			return cmd
		}
	}
	return nil
}

// inList reports whether a column belongs to the list.
func (m *Model) inList(x int) bool {
	if m.wide() {
		return x < m.listWidth()
	}
	return m.focus != focusTalk
}

func (m *Model) click(x, y int) tea.Cmd {
	if !m.inList(x) {
		if m.open != nil {
			m.focus = focusTalk
		}
		return nil
	}
	if e := m.roster.At(y - m.listTop()); e != nil && y < m.listTop()+m.listRows() {
		m.endSearch()
		return m.openTalk(e.ID())
	}
	return nil
}
