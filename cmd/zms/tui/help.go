package tui

import (
	tea "charm.land/bubbletea/v2"
)

// helpBox lists the keys and the signs.
type helpBox struct{ quiet }

func (b *helpBox) key(m *Model, k tea.KeyPressMsg) tea.Cmd {
	switch keyName(k) {
	case "q", "?", "f1", "ctrl+g":
		m.closeBox()
	default:
		m.scroll(k)
	}
	return nil
}

// keysCells is how wide the column of the keys is.
const keysCells = 26

// section is one part of the help.
type section struct {
	title    string
	bindings []binding
}

// sections are all keys there are.
func sections() []section {
	return []section{
		{"Everywhere", everywhere()},
		{"Writing", composing()},
		{"In a conversation", reading()},
		{"Where nothing can be written yet", asked()},
		{"In the list", listing()},
	}
}

// Keys is a table of what the keys do, for the documentation: rows of a title,
// or of keys and what they do.
func Keys() [][2]string {
	var rows [][2]string
	for _, s := range sections() {
		rows = append(rows, [2]string{s.title, ""})
		for _, b := range s.bindings {
			if b.help != "" {
				rows = append(rows, [2]string{b.help, b.does})
			}
		}
	}
	return rows
}

// signs are the marks at the end of own messages.
var signs = [][2]string{
	{"○", "queued: here, and not yet at a gateway"},
	{"✓", "in custody: a gateway signed that it keeps it"},
	{"✓✓", "delivered; bright: read"},
	{"✗", "failed, or not delivered in time"},
}

func (b *helpBox) hint() string { return "Up, Down scroll · Esc close" }

func (b *helpBox) draw(m *Model, cells int) content {
	c := content{title: "Help"}
	column := min(keysCells, cells/2)
	cells = min(cells, 92)
	put := func(left, right string) {
		for i, l := range m.ruler.Wrap(right, cells-column) {
			if i > 0 {
				left = ""
			}
			c.lines = append(c.lines, m.theme.Key.Render(m.ruler.Pad(left, column))+l.Text)
		}
	}
	for i, row := range Keys() {
		if row[1] == "" {
			if i > 0 {
				c.lines = append(c.lines, "")
			}
			c.lines = append(c.lines, m.theme.Strong.Render(row[0]))
			continue
		}
		put(row[0], row[1])
	}
	c.lines = append(c.lines, "", m.theme.Strong.Render("Your messages"))
	for _, s := range signs {
		put(s[0], s[1])
	}
	return c
}
