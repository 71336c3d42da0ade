package chat

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"zeroms/client/profile"
	"zeroms/store"
)

// Survey reads one state of a profile, whatever is committed meanwhile, and
// goes on where a row does not verify: for backups, and to tell what is damaged.
// It never reads prekeys, sessions or the outbox. It is used by one goroutine,
// until the function it was given to returns.
type Survey struct {
	view    *store.View
	keys    *keys
	damaged []*Damage
}

// Survey calls f with the profile's present state. Until f returns Tidy waits.
// Errors: store.ErrClosed, ErrDamaged (the file itself), the context's, and f's.
func (db *DB) Survey(ctx context.Context, f func(*Survey) error) error {
	err := db.sql.Read(ctx, func(v *store.View) error { return f(&Survey{view: v, keys: db.keys}) })
	if err != nil {
		return fmt.Errorf("survey: %w", translate(err))
	}
	return nil
}

// Load returns the rows that verify of all tables but seen envelopes, messages,
// prekeys, sessions and outbox.
func (s *Survey) Load(context.Context) ([]profile.Row, error) {
	list, err := readStored(s.view, classRecord, "ORDER BY r.tbl, r.id")
	if err != nil {
		return nil, err
	}
	return s.open(list), nil
}

// open opens what verifies, and notes the rest.
func (s *Survey) open(list []stored) (out []profile.Row) {
	for i := range list {
		rows, err := openAll(nil, list[i:i+1], s.keys.slots)
		if d := new(Damage); errors.As(err, &d) {
			if !slices.ContainsFunc(s.damaged, func(k *Damage) bool { return *k == *d }) {
				s.damaged = append(s.damaged, d)
			}
			continue
		}
		out = append(out, rows...)
	}
	return out
}

// Page is DB.Page without the messages that do not verify. It ends with an
// empty page only if nothing is left below.
func (s *Survey) Page(_ context.Context, conv uint64, before uint32, n int) (out []profile.Row, err error) {
	for len(out) == 0 {
		list, err := readPage(s.view, conv, before, n)
		if err != nil || len(list) == 0 {
			return nil, err
		}
		out = s.open(list)
		before = list[len(list)-1].height
	}
	return out, nil
}

// Damaged are the rows that did not verify so far.
func (s *Survey) Damaged() []*Damage { return s.damaged }

// Check reads every row of the profile and returns those that do not verify or
// that can't be read. Errors: store.ErrClosed, ErrDamaged (the file itself), the
// context's.
func (db *DB) Check(ctx context.Context) ([]*Damage, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	var out []*Damage
	err := db.sql.Read(ctx, func(v *store.View) error {
		for _, c := range []class{classRecord, classEphemeral, classMessage} {
			key := db.keys.slots
			if c == classEphemeral {
				key = db.daily.slots
			}
			list, err := readStored(v, c, "ORDER BY r.tbl, r.id")
			if err != nil {
				return err
			}
			out = append(out, examine(list, key)...)
		}
		_, err := db.loadSeen(v, nil)
		if d := new(Damage); errors.As(err, &d) {
			out, err = append(out, d), nil
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("check: %w", translate(err))
	}
	return out, nil
}

// examine opens every row and has the client read it.
func examine(list []stored, class *macer) (out []*Damage) {
	for i := range list {
		rows, err := openAll(nil, list[i:i+1], class)
		if d := new(Damage); errors.As(err, &d) {
			out = append(out, d)
			continue
		}
		if err := parse(rows[0]); err != nil {
			d := list[i].damage()
			d.Reason = err
			out = append(out, d)
		}
	}
	return out
}

// parse reads a row as the client does.
func parse(r profile.Row) (err error) {
	switch r.Table {
	case profile.TableSelf:
		_, err = profile.ParseSelf(r)
	case profile.TableCard:
		_, err = profile.ParseCard(r)
	case profile.TableHome:
		_, err = profile.ParseHome(r)
	case profile.TableContact:
		_, err = profile.ParseContact(r)
	case profile.TableConversation:
		_, err = new(profile.Contact).ParseConversation(r)
	case profile.TableMessage:
		_, err = profile.ParseMessage(r)
	case profile.TableSession:
		_, _, err = profile.ParseSessions(r)
	case profile.TableOutbox:
		_, _, err = profile.ParseItem(r)
	case profile.TableRepair:
		_, err = profile.ParseRepair(r)
	case profile.TableEvidence:
		_, err = profile.ParseEvidence(r)
	case profile.TableLog:
		_, err = profile.ParseLogBlock(r)
	}
	return err
}
