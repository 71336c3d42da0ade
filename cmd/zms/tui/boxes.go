package tui

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/report"
	"zeroms/cmd/zms/tui/edit"
	"zeroms/cmd/zms/tui/text"
	"zeroms/protocol/card"
)

// box is what lies over everything and takes all keys.
type box interface {
	// fit is called when the window or what is measured changed.
	fit(m *Model)
	key(m *Model, k tea.KeyPressMsg) tea.Cmd
	paste(m *Model, s string)
	// draw returns what is in it, for at most so many cells a line.
	draw(m *Model, cells int) content
	// hint names the keys that do something.
	hint() string
}

// content is what a box shows. Its lines may be more than there is room for.
type content struct {
	title string
	lines []string // as they are printed
	caret *tea.Position
}

// show lays a box over everything.
func (m *Model) show(b box) {
	m.box, m.boxTop = b, 0
	m.resize()
}

func (m *Model) closeBox() { m.box = nil }

// quiet is what most boxes have in common: they take no text.
type quiet struct{}

func (quiet) fit(*Model)           {}
func (quiet) paste(*Model, string) {}

// scroll handles the keys that every box has, and reports whether it was one.
func (m *Model) scroll(k tea.KeyPressMsg) bool {
	switch keyName(k) {
	case "esc":
		m.closeBox()
	case "up":
		m.boxTop--
	case "down":
		m.boxTop++
	case "pgup":
		m.boxTop -= m.height / 2
	case "pgdown", "space":
		m.boxTop += m.height / 2
	case "home":
		m.boxTop = 0
	case "end":
		m.boxTop = 1 << 20
	default:
		return false
	}
	return true
}

// para is a paragraph of a box.
func (m *Model) para(s string, cells int) []string {
	var lines []string
	for _, l := range m.ruler.Wrap(s, cells) {
		lines = append(lines, l.Text)
	}
	return lines
}

// qr is a code as lines; none if it is wider than there is room for. Without
// colours it is drawn in the terminal's own: light modules have to be light.
func (m *Model) qr(code string, cells int) []string {
	lines := strings.Split(strings.TrimSuffix(card.Terminal(code), "\n"), "\n")
	if ansi.StringWidth(lines[0]) > cells {
		return nil
	}
	if m.theme.Plain && m.dark {
		swap := strings.NewReplacer("█", " ", " ", "█", "▀", "▄", "▄", "▀")
		for i, l := range lines {
			lines[i] = swap.Replace(ansi.Strip(l))
		}
	}
	return lines
}

// cardBox shows a card of one's own.
type cardBox struct {
	quiet
	card *control.Card
}

func (m *Model) showCard() tea.Cmd {
	return m.ask(control.Request{Cmd: control.CmdCardShow}, func(rows []control.Row, err error) tea.Cmd {
		if err != nil {
			m.complain(err)
			return nil
		}
		for _, row := range rows {
			if c, ok := row.(*control.Card); ok {
				m.show(&cardBox{card: c})
			}
		}
		return nil
	})
}

func (b *cardBox) key(m *Model, k tea.KeyPressMsg) tea.Cmd {
	switch keyName(k) {
	case "c":
		m.tell("The card is in the clipboard, if the terminal allows it.")
		return tea.SetClipboard(b.card.Text)
	case "l":
		m.tell("The link is in the clipboard, if the terminal allows it.")
		return tea.SetClipboard(b.card.Link)
	case "q", "f2":
		m.closeBox()
	default:
		m.scroll(k)
	}
	return nil
}

func (b *cardBox) hint() string { return "c copy the card · l copy the link · Esc close" }

func (b *cardBox) draw(m *Model, cells int) content {
	c := content{title: "Your card"}
	words := m.para("Who has it can write to you first: hand it to people, do not publish it.", min(cells, 76))
	code, written := m.qr(b.card.Text, cells), m.para(b.card.Text, min(cells, 76))
	if need := len(words) + 1 + len(code) + 2; code == nil || need > m.bodyHeight() {
		side := ansi.StringWidth(strings.SplitN(card.Terminal(b.card.Text), "\n", 2)[0])
		small := fmt.Sprintf("The window is too small for the whole QR code, which needs %d x %d. Hand over the text:", side+6, side/2+7)
		words = append(words, "")
		words = append(words, m.para(small, min(cells, 76))...)
		words = append(words, "")
		c.lines = append(append(words, written...), "")
		c.lines = append(c.lines, code...)
		return c
	}
	c.lines = append(append(words, ""), code...)
	c.lines = append(c.lines, written...)
	return c
}

// safetyBox shows what two people compare.
type safetyBox struct {
	quiet
	safety *control.Safety
}

func (m *Model) showSafety(id uint64, change func(*control.Request)) tea.Cmd {
	r := control.Request{Cmd: control.CmdVerify, Contact: number(id)}
	change(&r)
	return m.ask(r, func(rows []control.Row, err error) tea.Cmd {
		if err != nil {
			m.complain(err)
			return nil
		}
		for _, row := range rows {
			if s, ok := row.(*control.Safety); ok {
				m.show(&safetyBox{safety: s})
			}
		}
		return nil
	})
}

func (b *safetyBox) key(m *Model, k tea.KeyPressMsg) tea.Cmd {
	switch keyName(k) {
	case "y":
		if !b.safety.Verified {
			return m.showSafety(b.safety.Contact, func(r *control.Request) { r.Yes = true })
		}
	case "u":
		if b.safety.Verified {
			return m.showSafety(b.safety.Contact, func(r *control.Request) { r.Undo = true })
		}
	case "q", "f4":
		m.closeBox()
	default:
		m.scroll(k)
	}
	return nil
}

func (b *safetyBox) hint() string {
	if b.safety.Verified {
		return "u take it back · Esc close"
	}
	return "y we see the same · Esc close"
}

func (b *safetyBox) draw(m *Model, cells int) content {
	name := m.nameOf(b.safety.Contact)
	c := content{title: "Safety number with " + name}
	state := m.theme.Alarm.Render("not verified")
	if b.safety.Verified {
		state = m.theme.Accent.Render("✓ verified")
	}
	c.lines = append(c.lines, state, "")
	for groups := strings.Fields(b.safety.Digits); len(groups) > 0; {
		n := min(4, len(groups))
		c.lines = append(c.lines, "    "+m.theme.Strong.Render(m.ruler.Clean(strings.Join(groups[:n], " "))))
		groups = groups[n:]
	}
	c.lines = append(c.lines, "")
	c.lines = append(c.lines, m.para(name+" sees the same digits and the same code if nobody stands in between. Compare them in a call or face to face.", min(cells, 60))...)
	c.lines = append(c.lines, "")
	c.lines = append(c.lines, m.qr(strings.ToUpper(b.safety.Code), cells)...)
	return c
}

// gatewayBox lists the gateways.
type gatewayBox struct{ quiet }

func (b gatewayBox) key(m *Model, k tea.KeyPressMsg) tea.Cmd {
	if keyName(k) == "q" || keyName(k) == "f5" {
		m.closeBox()
	} else {
		m.scroll(k)
	}
	return nil
}

func (b gatewayBox) hint() string { return "Esc close" }

func (b gatewayBox) draw(m *Model, cells int) content {
	c := content{title: "Your gateways"}
	cells = min(cells, 76)
	for _, g := range m.homes() {
		mark := m.theme.Alarm.Render("○ ")
		if g.Up {
			mark = m.theme.Accent.Render("● ")
		}
		host, _ := m.ruler.Fit(g.Host, cells-2)
		c.lines = append(c.lines, mark+m.theme.Strong.Render(host))
		for _, l := range m.para(gatewayState(g), cells-2) {
			c.lines = append(c.lines, "  "+m.theme.Faint.Render(l))
		}
		if g.Faults > 0 {
			c.lines = append(c.lines, m.para(fmt.Sprintf("  %d faults of it are proven: zms evidence export", g.Faults), cells)...)
		}
		c.lines = append(c.lines, "")
	}
	if len(m.gateways) == 0 {
		c.lines = append(c.lines, m.para("You have none, so nobody can reach you. Paste the address of one with F3.", cells)...)
	}
	return c
}

// gatewayState is how a gateway is doing, in a sentence.
func gatewayState(g *control.Gateway) string {
	switch {
	case g.Up:
		return fmt.Sprintf("connected since %s (in %d ms), %d of %d MiB used", report.Moment(g.Since), g.TookMS, g.Used>>20, g.Quota>>20)
	case g.Problem == "":
		return "connecting"
	case g.Retry.IsZero():
		return "not connected: " + g.Problem
	}
	return "not connected, tried again at " + g.Retry.Local().Format("15:04:05") + ": " + g.Problem
}

// confirmBox asks a question.
type confirmBox struct {
	quiet
	title, body string
	yes         func() tea.Cmd
}

func newConfirm(title, body string, yes func() tea.Cmd) *confirmBox {
	return &confirmBox{title: title, body: body, yes: yes}
}

func (b *confirmBox) key(m *Model, k tea.KeyPressMsg) tea.Cmd {
	switch keyName(k) {
	case "y", "Y":
		m.closeBox()
		return b.yes()
	case "n", "N", "esc", "q":
		m.closeBox()
	}
	return nil
}

func (b *confirmBox) hint() string { return "y yes · n no" }

func (b *confirmBox) draw(m *Model, cells int) content {
	return content{title: b.title, lines: m.para(b.body, min(cells, 56))}
}

// unlockBox asks for the passphrase, after the process that had the profile ended.
type unlockBox struct {
	editor edit.Editor
	wrong  string
}

func newUnlock(wrong string) *unlockBox { return &unlockBox{wrong: wrong} }

func (b *unlockBox) fit(m *Model)             { b.editor.Fit(m.ruler, 60) }
func (b *unlockBox) paste(_ *Model, s string) { b.editor.Insert(strings.TrimRight(s, "\r\n")) }

func (b *unlockBox) key(m *Model, k tea.KeyPressMsg) tea.Cmd {
	switch keyName(k) {
	case "esc":
		return tea.Quit
	case "enter":
		if b.editor.Text() == "" {
			return nil
		}
		m.cfg.Profile.Unlock(b.editor.Text())
		m.closeBox()
		select {
		case m.again <- struct{}{}:
		default:
		}
	default:
		typed(&b.editor, k)
	}
	return nil
}

func (b *unlockBox) hint() string { return "Enter unlock · Esc leave the chat" }

func (b *unlockBox) draw(m *Model, cells int) content {
	c := content{title: "The profile is locked"}
	c.lines = m.para("The process that held the profile has ended, and this one needs the passphrase to go on.", min(cells, 60))
	if b.wrong != "" {
		c.lines = append(c.lines, "")
		for _, l := range m.para(b.wrong, min(cells, 60)) {
			c.lines = append(c.lines, m.theme.Alarm.Render(l))
		}
	}
	dots := min(cells-4, len([]rune(b.editor.Text())))
	c.lines = append(c.lines, "", m.theme.Key.Render("› ")+strings.Repeat("•", dots)+text.Blank(min(cells, 60)-dots-2))
	c.caret = &tea.Position{X: 2 + dots, Y: len(c.lines) - 1}
	return c
}
