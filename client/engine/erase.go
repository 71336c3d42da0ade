package engine

import (
	"zeroms/client/profile"
	"zeroms/protocol/message"
	"zeroms/protocol/wire"
)

// Erase erases the content of messages, own and others': texts and salts go at
// once, the signed headers stay as long as somebody may ask for them. It
// returns how many had content. Errors: history.ErrNotFound.
func (e *Engine) Erase(ids []message.ID) (n int, err error) {
	for _, id := range ids {
		m, err := e.history.Find(id)
		if err != nil {
			return n, err
		}
		if c := e.contacts[m.Contact]; c != nil && !m.Erased() {
			e.erase(c, m)
			n++
		}
	}
	return n, nil
}

func (e *Engine) erase(c *contact, m *profile.Message) {
	m.Erase()
	e.history.Change(m)
	e.alarms.Sooner(alarm{kind: alarmTidy}, e.now.Add(e.timing.Tidy))
	if !m.Outgoing {
		return
	}
	e.dispatch.Withdraw(m)
	c.Record.Erase(m.Device, m.Seq, e.now)
	c.RecordDirty = true
}

// forgetErased removes the headers of messages erased so long ago that nobody
// has to get them any more. The newest of a chain stays: the next one names it.
func (e *Engine) forgetErased(c *contact) {
	keep := c.Record.Erased[:0]
	for _, r := range c.Record.Erased {
		if e.now.Before(wire.Time(r.At).Add(e.timing.Repair.KeepMax)) {
			keep = append(keep, r)
			continue
		}
		newest := shelf{e, c}.Newest(r.Device)
		for seq := r.From; seq <= r.To && seq < newest; seq++ {
			if m, err := e.history.Of(c.Conv.ID(), message.Party{User: e.account.Self.User, Device: r.Device}, seq); err == nil && m.Erased() {
				e.gone = append(e.gone, profile.Ref{Table: profile.TableMessage, Key: profile.MessageKey(m.ID)})
			}
		}
		c.RecordDirty = true
	}
	c.Record.Erased = keep
}
