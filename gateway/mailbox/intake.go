package mailbox

import (
	"context"
	"time"

	"zeroms/gateway/mailbox/intake"
	"zeroms/protocol/wire"
)

// loadIntake makes sure that a.intake is there. While it is missing nobody adds
// envelopes to the account, so the Store has them all.
func (m *Mailbox) loadIntake(a *account) error {
	m.mu.Lock()
	now := time.Now()
	if a.intake != nil && now.Sub(a.intake.Made) > intakeFresh && !a.dirty && !a.inFlight {
		a.intake = nil // what left the window is dropped by reading it again
	}
	loaded := a.intake != nil
	m.mu.Unlock()
	if loaded {
		return nil
	}
	return m.exclusive(a, func() error {
		m.mu.Lock()
		loaded, floor := a.intake != nil, a.floor.Position.Index()
		m.mu.Unlock()
		if loaded {
			return nil
		}
		in := intake.New(now)
		r := RowRange{
			Account: a.tag, From: 1, MaxRows: intakePage, Bare: true,
			Since: wire.Millis(now.Add(-wire.DedupeWindow)),
		}
		for {
			rows, err := m.cfg.Store.Rows(context.Background(), r)
			if err != nil {
				return m.unavailable("read rows", err)
			}
			for i := range rows {
				in.Note(&rows[i].Push, rows[i].Origin, floor)
			}
			if len(rows) == 0 {
				break
			}
			r.From = rows[len(rows)-1].Position.Index() + 1
		}
		m.mu.Lock()
		a.intake = in
		m.mu.Unlock()
		return nil
	})
}
