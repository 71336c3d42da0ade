package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/tui/edit"
	"zeroms/cmd/zms/tui/text"
	"zeroms/protocol/card"
)

// addBox takes a card, a link or the address of a gateway.
type addBox struct {
	code, name edit.Editor
	naming     bool // the caret is in the name
	busy       bool
}

func (b *addBox) fit(m *Model) {
	cells := max(4, min(70, m.width-8))
	b.code.Fit(m.ruler, cells)
	b.name.Fit(m.ruler, cells)
}

func (b *addBox) editor() *edit.Editor {
	if b.naming {
		return &b.name
	}
	return &b.code
}

func (b *addBox) paste(m *Model, s string) {
	if !b.editor().Insert(strings.TrimSpace(s)) {
		m.tell("What was pasted is too long for a card.")
	}
}

func (b *addBox) key(m *Model, k tea.KeyPressMsg) tea.Cmd {
	switch keyName(k) {
	case "esc":
		m.closeBox()
	case "tab", "shift+tab", "up", "down":
		b.naming = !b.naming
	case "enter":
		return b.add(m)
	default:
		typed(b.editor(), k)
	}
	return nil
}

// add adds what was pasted.
func (b *addBox) add(m *Model) tea.Cmd {
	code := strings.Join(strings.Fields(b.code.Text()), "")
	if code == "" || b.busy {
		return nil
	}
	r := control.Request{Cmd: control.CmdAdd, Card: code, Name: strings.TrimSpace(b.name.Text())}
	if _, err := card.ParseAddress(code); err == nil {
		r = control.Request{Cmd: control.CmdGatewayAdd, Gateway: code}
	}
	b.busy = true
	return m.ask(r, func(rows []control.Row, err error) tea.Cmd {
		b.busy = false
		if err != nil {
			m.complain(err)
			return nil
		}
		if m.box == b {
			m.closeBox()
		}
		cmd := m.takeRows(rows)
		for _, row := range rows {
			switch row := row.(type) {
			case *control.Contact:
				m.tell("%s is one of your contacts now. Write to them.", m.nameOf(row.ID))
				return tea.Batch(cmd, m.openTalk(row.ID))
			case *control.Gateway:
				m.tell("The gateway %s was added.", m.ruler.Clean(row.Host))
			}
		}
		return cmd
	})
}

func (b *addBox) hint() string { return "Enter add · Tab next field · Esc close" }

func (b *addBox) draw(m *Model, cells int) content {
	cells = max(4, min(cells, 70))
	c := content{title: "Add somebody"}
	c.lines = m.para("Paste a card or its link. The address of a gateway (ZMSG:...) is taken too.", cells)
	field := func(label string, e *edit.Editor, rows int, here bool) {
		st := m.theme.Faint
		if here {
			st = m.theme.Key
		}
		c.lines = append(c.lines, "", st.Render(label))
		v := e.View(rows)
		for i, row := range v.Rows {
			c.lines = append(c.lines, row+text.Blank(cells-m.ruler.Width(row)))
			if here && i == v.Y {
				c.caret = &tea.Position{X: v.X, Y: len(c.lines) - 1}
			}
		}
		c.lines = append(c.lines, m.theme.Line.Render(strings.Repeat("─", cells)))
	}
	field("Card or link", &b.code, 4, !b.naming)
	field("What to call them (optional)", &b.name, 1, b.naming)
	return c
}
