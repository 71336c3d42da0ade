package mailbox

import (
	"context"
	"time"

	"zeroms/gateway/mailbox/door"
	"zeroms/gateway/mailbox/intake"
	"zeroms/protocol/wire"
)

// loading is the key under which long intakes are read, one at a time in the
// gateway: each may be large.
type loading struct{}

// loadIntake reads a.intake and a.waiting, and then runs place while both are
// there; mu is held for place. While they are missing nobody adds envelopes to the
// account, and none is being displaced, so the Store and what is on its way to it
// have them all.
func (m *Mailbox) loadIntake(a *account, place func() error) error {
	return m.exclusive.Do(a, func() error {
		now := time.Now()
		m.mu.Lock()
		in, waiting, floor := intake.New(now), door.NewWaiting(), a.log.Floor.Index()
		loaded := a.intake != nil
		m.mu.Unlock()
		r := RowRange{
			Account: a.tag, From: 1, MaxRows: intakePage, Bare: true,
			Since: wire.Millis(now.Add(-wire.DedupeWindow)),
		}
		page := func() (more bool, err error) {
			m.mu.Lock()
			durable := a.log.Durable.Index()
			m.mu.Unlock()
			rows, err := m.cfg.Store.Rows(context.Background(), r)
			if err != nil {
				return false, m.unavailable("read rows", err)
			}
			for i := range rows {
				note(in, waiting, &rows[i], floor)
				r.From = rows[i].Position.Index() + 1
			}
			m.mu.Lock()
			defer m.unlock()
			if len(rows) == r.MaxRows || a.log.Durable.Index() != durable {
				return true, nil
			}
			for _, row := range a.log.From(max(r.From, durable+1)) {
				note(in, waiting, &row, floor)
			}
			a.intake, a.waiting = in, waiting
			m.touch(a)
			return false, place()
		}
		if loaded {
			m.mu.Lock()
			defer m.unlock()
			return place()
		}
		more, err := page()
		if !more || err != nil {
			return err
		}
		return m.exclusive.Do(loading{}, func() error {
			for more && err == nil {
				more, err = page()
			}
			return err
		})
	})
}

// note adds an envelope's row to what submissions are checked against; one that
// was displaced is as if it had never come.
func note(in *intake.Intake, waiting *door.Waiting, row *Row, floor uint64) {
	if row.Displaced {
		return
	}
	in.Note(&row.Push)
	if index := row.Position.Index(); row.Kind == wire.RowDoor && index > floor {
		waiting.Note(row.Drop, door.Entry{
			Index: index, Envelope: row.Hash, Encapsulation: row.Origin, Bits: row.Bits,
		})
	}
}
