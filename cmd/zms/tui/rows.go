package tui

import (
	tea "charm.land/bubbletea/v2"

	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/tui/roster"
	"zeroms/cmd/zms/tui/timeline"
)

// rowsMsg are rows about what happens in the profile, in their order.
type rowsMsg []control.Row

// endedMsg tells that the profile is followed no more.
type endedMsg struct{ err error }

// takeRows follows what happens.
func (m *Model) takeRows(rows []control.Row) tea.Cmd {
	again, ring, came, fresh := false, false, false, 0
	for _, row := range rows {
		switch row := row.(type) {
		case *control.Contact:
			m.roster.Put(row)
		case *control.Gateway:
			if row.Removed {
				delete(m.gateways, row.Node)
			} else {
				m.gateways[row.Node] = row
			}
		case *control.Ready, *control.Lagged:
			again = true
		case *control.Message:
			m.roster.Said(row)
			if row.Type == control.TypeMessage && !row.Outgoing {
				came = true
				ring = ring || !m.seen() || m.open.id != row.Contact
				if m.open != nil && m.open.id == row.Contact && !m.seen() {
					fresh++
				}
			}
			m.aboutOpen(row.Contact, row)
		case *control.Gap:
			m.aboutOpen(row.Contact, row)
		case *control.Read:
			m.roster.ReadUpto(row)
			m.aboutOpen(row.Contact, row)
		}
	}
	if fresh > 0 {
		m.open.line.Unread(fresh)
	}
	m.resize()
	var cmds []tea.Cmd
	if ring && m.bell {
		cmds = append(cmds, tea.Raw("\a"))
	}
	if again {
		cmds = append(cmds, m.reload())
	}
	if came {
		cmds = append(cmds, m.count())
	}
	return tea.Batch(cmds...)
}

// count reads how much is unread: a message that comes does not tell.
func (m *Model) count() tea.Cmd {
	if m.counting {
		m.countAgain = true
		return nil
	}
	m.counting, m.countAgain = true, false
	return func() tea.Msg {
		got, err := m.readContacts()
		return countMsg{got, err}
	}
}

// countMsg brings all contacts.
type countMsg struct {
	contacts []*control.Contact
	err      error
}

func (m *Model) takeCount(msg countMsg) tea.Cmd {
	m.counting = false
	if msg.err != nil {
		m.complain(msg.err)
		return nil
	}
	m.roster.Set(msg.contacts)
	m.resize()
	if m.countAgain {
		return m.count()
	}
	return nil
}

func (m *Model) aboutOpen(id uint64, row control.Row) {
	if m.open != nil && m.open.id == id {
		m.open.line.Take(row)
	}
}

// all is what a screen needs of the profile.
type all struct {
	contacts []*control.Contact
	gateways []control.Gateway
	status   *control.Status
}

// allMsg brings it.
type allMsg struct {
	all all
	err error
}

// readAll reads contacts, requests and gateways.
func (m *Model) readAll() (got all, err error) {
	if got.contacts, err = m.readContacts(); err != nil {
		return got, err
	}
	err = m.cfg.Profile.Ask(m.ctx, control.Request{Cmd: control.CmdStatus}, func(row control.Row) error {
		if s, ok := row.(*control.Status); ok {
			got.status, got.gateways = s, s.Gateways
		}
		return nil
	})
	return got, err
}

// readContacts reads everybody, those who ask included.
func (m *Model) readContacts() (all []*control.Contact, err error) {
	for _, cmd := range []string{control.CmdContacts, control.CmdRequests} {
		err = m.cfg.Profile.Ask(m.ctx, control.Request{Cmd: cmd}, func(row control.Row) error {
			if c, ok := row.(*control.Contact); ok {
				all = append(all, c)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (m *Model) takeAll(got all) {
	m.roster.Set(got.contacts)
	clear(m.gateways)
	for _, g := range got.gateways {
		m.gateways[g.Node] = &g
	}
	if got.status != nil {
		m.name, m.setBack = got.status.Name, got.status.SetBack
	}
}

// reload reads everything again: rows were lost, or another process owns the
// profile now.
func (m *Model) reload() tea.Cmd {
	return func() tea.Msg {
		got, err := m.readAll()
		return allMsg{got, err}
	}
}

func (m *Model) takeReload(msg allMsg) tea.Cmd {
	if msg.err != nil {
		m.complain(msg.err)
		return nil
	}
	m.takeAll(msg.all)
	m.resize()
	cmds := []tea.Cmd{m.preview()}
	if m.open != nil && !m.open.line.Loading() {
		where := timeline.Again
		if m.open.line.Empty() {
			where = timeline.Tail
		}
		cmds = append(cmds, m.load(where))
	}
	return tea.Batch(cmds...)
}

// previewBatch is how many last messages are read at a time.
const previewBatch = 24

// previewMsg brings the last messages of contacts, and whose are to be read next.
type previewMsg struct {
	last []*control.Message
	rest []uint64
}

// preview reads the last message with each contact.
func (m *Model) preview() tea.Cmd {
	var ids []uint64
	for _, e := range m.roster.All() {
		ids = append(ids, e.ID())
	}
	return m.previewOf(ids)
}

func (m *Model) previewOf(ids []uint64) tea.Cmd {
	if len(ids) == 0 {
		return nil
	}
	n := min(len(ids), previewBatch)
	ids, rest := ids[:n], ids[n:]
	return func() tea.Msg {
		msg := previewMsg{rest: rest}
		for _, id := range ids {
			r := control.Request{Cmd: control.CmdHistory, Contact: number(id), N: 1, Peek: true}
			err := m.cfg.Profile.Ask(m.ctx, r, func(row control.Row) error {
				if last, ok := row.(*control.Message); ok {
					msg.last = append(msg.last, last)
				}
				return nil
			})
			if err != nil { // only the list lacks something; what is open tells of errors
				msg.rest = nil
				return msg
			}
		}
		return msg
	}
}

func (m *Model) takePreview(msg previewMsg) tea.Cmd {
	for _, last := range msg.last {
		m.roster.Said(last)
	}
	return m.previewOf(msg.rest)
}

// takeEnd asks for a passphrase if that is what lacks, and else ends the program.
func (m *Model) takeEnd(err error) tea.Cmd {
	switch f := control.Explain(err); f.Name {
	case control.NameNeeds:
		m.show(newUnlock(""))
		return nil
	case "wrong-passphrase":
		m.show(newUnlock(f.Message))
		return nil
	}
	m.failed = err
	return tea.Quit
}

// accepted reports whether one can write to the contact of the open conversation.
func (m *Model) accepted() bool {
	e := m.openEntry()
	return e != nil && e.Contact.State == roster.Accepted
}

func (m *Model) openEntry() *roster.Entry {
	if m.open == nil {
		return nil
	}
	return m.roster.Entry(m.open.id)
}
