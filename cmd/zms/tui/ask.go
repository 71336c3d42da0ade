package tui

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"zeroms/cmd/zms/control"
	"zeroms/protocol/message"
)

// answerMsg brings the answer of a request to what waits for it.
type answerMsg struct {
	rows []control.Row
	err  error
	then func([]control.Row, error) tea.Cmd
}

// number is a contact as requests name them.
func number(id uint64) string { return strconv.FormatUint(id, 10) }

// ask makes a request and goes on with its answer.
func (m *Model) ask(r control.Request, then func([]control.Row, error) tea.Cmd) tea.Cmd {
	return func() tea.Msg {
		msg := answerMsg{then: then}
		msg.err = m.cfg.Profile.Ask(m.ctx, r, func(row control.Row) error {
			msg.rows = append(msg.rows, row)
			return nil
		})
		return msg
	}
}

// do makes a request whose answer is about what is on the screen anyway.
func (m *Model) do(r control.Request, done string) tea.Cmd {
	return m.ask(r, func(rows []control.Row, err error) tea.Cmd {
		if err != nil {
			m.complain(err)
			return nil
		}
		if done != "" {
			m.tell("%s", done)
		}
		return m.takeRows(rows)
	})
}

// submit sends what is written in the open conversation.
func (m *Model) submit() tea.Cmd {
	t := m.open
	text := strings.TrimRight(t.editor.Text(), " \t\n")
	if strings.TrimSpace(text) == "" {
		return nil
	}
	if over := len(text) - message.MaxText; over > 0 {
		m.tell("The message is %d bytes too long; send it in parts.", over)
		m.alarm = true
		return nil
	}
	t.editor.Set("")
	t.line.Read()
	m.outbox = append(m.outbox, outgoing{t.id, text})
	return tea.Batch(m.jumpEnd(), m.sendNext())
}

// sendNext hands the next message to the profile. One at a time, so that they
// keep their order.
func (m *Model) sendNext() tea.Cmd {
	if m.sending || len(m.outbox) == 0 {
		return nil
	}
	m.sending = true
	out := m.outbox[0]
	r := control.Request{Cmd: control.CmdSend, Contact: number(out.to), Text: out.text}
	return m.ask(r, func(rows []control.Row, err error) tea.Cmd {
		m.sending = false
		if err != nil {
			m.unsent(out.to, err)
			return m.sendNext()
		}
		m.outbox = m.outbox[1:]
		return tea.Batch(m.takeRows(rows), m.sendNext())
	})
}

// unsent gives back what could not be sent to a contact.
func (m *Model) unsent(to uint64, err error) {
	var texts []string
	m.outbox = slices.DeleteFunc(m.outbox, func(o outgoing) bool {
		if o.to == to {
			texts = append(texts, o.text)
		}
		return o.to == to
	})
	t := m.talk(to)
	if draft := t.editor.Text(); draft != "" {
		texts = append(texts, draft)
	}
	t.editor.Set(strings.Join(texts, "\n"))
	if m.open != t {
		m.roster.Drafted(to, t.editor.Text())
	}
	m.complain(err)
	if f := new(control.Failure); errors.As(err, &f) && f.Name == control.NameStopped {
		m.notice = "The process that held the profile has ended. Look whether the message is above before you send it again."
	}
}

// accept takes a request, or a blocked contact back.
func (m *Model) accept(id uint64) tea.Cmd {
	return m.do(control.Request{Cmd: control.CmdAccept, Contact: number(id)}, m.nameOf(id)+" is one of your contacts now.")
}

// block asks whether a contact is to be blocked.
func (m *Model) block(id uint64) tea.Cmd {
	name := m.nameOf(id)
	m.show(newConfirm("Block "+name+"?",
		"Nothing that "+name+" writes will reach you any more. You can accept them again later.",
		func() tea.Cmd {
			return m.do(control.Request{Cmd: control.CmdBlock, Contact: number(id)}, name+" is blocked.")
		}))
	return nil
}

// quit leaves the chat, unless something would be lost.
func (m *Model) quit() tea.Cmd {
	drafts := m.drafts()
	if len(drafts) == 0 && len(m.outbox) == 0 {
		return tea.Quit
	}
	var names []string
	for _, id := range drafts {
		names = append(names, m.nameOf(id))
	}
	what := "Something is still being sent."
	if len(names) > 0 {
		what = "There is unsent text to " + strings.Join(names, ", ") + ". It is not kept."
	}
	m.show(newConfirm("Leave the chat?", what, func() tea.Cmd { return tea.Quit }))
	return nil
}
