package backup

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"zeroms/client/profile"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
	"zeroms/protocol/wire"
)

// The types of records, in the order in which they stand.
const (
	typeOwner   = 1
	typeCard    = 2
	typeHome    = 3
	typeContact = 4
	typeMessage = 5
	typeFault   = 6
	typeEnd     = 7
)

// maxRecord bounds a record in bytes: a contact with their device list takes
// some 20 KiB, a message some 20 KiB, a file of evidence more.
const maxRecord = 1 << 20

// pageSize is how many messages are read at once.
const pageSize = 256

// Counts tells what is in a backup, or what came of one.
type Counts struct {
	Cards, Homes, Contacts, Messages, Evidence int
	// Skipped is what could not be read where the backup was made.
	Skipped int
}

// Export writes an archive of what s holds. What can't be read there is left
// out and counted. Errors: ErrNoOwner, ErrEmptyPassphrase, ErrTooLarge, those of
// s and w.
func Export(ctx context.Context, s Source, w io.Writer, l Lock, now time.Time) (Counts, error) {
	rows, err := s.Load(ctx)
	if err != nil {
		return Counts{}, err
	}
	c, skipped, err := gather(rows, now)
	if err != nil {
		return Counts{}, err
	}
	sealed, err := newWriter(w, l)
	if err != nil {
		return Counts{}, err
	}
	out := recordWriter{to: sealed, counts: Counts{Skipped: skipped}}
	if err := out.people(c); err != nil {
		return Counts{}, err
	}
	for _, k := range c.Contacts {
		if err := out.history(ctx, s, k.ID); err != nil {
			return Counts{}, err
		}
	}
	for _, e := range c.Evidence {
		out.counts.Evidence++
		if err := out.write(typeFault, recordOfEvidence(e)); err != nil {
			return Counts{}, err
		}
	}
	n := out.counts
	end := endRecord{
		Cards: uint64(n.Cards), Homes: uint64(n.Homes), Contacts: uint64(n.Contacts), Messages: uint64(n.Messages),
		Evidence: uint64(n.Evidence), Skipped: uint64(n.Skipped),
	}
	if err := out.write(typeEnd, end); err != nil {
		return Counts{}, err
	}
	return n, sealed.Close()
}

// recordWriter writes records and counts them.
type recordWriter struct {
	to     io.Writer
	counts Counts
}

func (w *recordWriter) write(kind byte, record any) error {
	b := wire.Marshal(record)
	if len(b) > maxRecord {
		return wire.ErrTooLarge.Because("a record of an archive")
	}
	_, err := w.to.Write(append(append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), kind), b...))
	return err
}

// people writes everything but the history.
func (w *recordWriter) people(c *Content) error {
	if err := w.write(typeOwner, c.ownerRecord()); err != nil {
		return err
	}
	for _, k := range c.Cards {
		w.counts.Cards++
		if err := w.write(typeCard, recordOfCard(k, c.Owner.Address)); err != nil {
			return err
		}
	}
	for _, h := range c.Homes {
		w.counts.Homes++
		r, err := recordOfHome(h)
		if err != nil {
			return err
		}
		if err := w.write(typeHome, r); err != nil {
			return err
		}
	}
	for _, k := range c.Contacts {
		w.counts.Contacts++
		if err := w.write(typeContact, recordOfContact(k)); err != nil {
			return err
		}
	}
	return nil
}

// history writes the messages of a conversation, the newest first.
func (w *recordWriter) history(ctx context.Context, s Source, conv uint64) error {
	return pages(ctx, s, conv, func(r profile.Row) error {
		m, err := profile.ParseMessage(r)
		if err != nil {
			w.counts.Skipped++
			return nil
		}
		w.counts.Messages++
		return w.write(typeMessage, recordOfMessage(m))
	})
}

// pages calls f with every message of a conversation, from the highest down.
func pages(ctx context.Context, s Source, conv uint64, f func(profile.Row) error) error {
	for before := uint32(math.MaxUint32); before > 0; {
		rows, err := s.Page(ctx, conv, before, pageSize)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return nil
		}
		for _, r := range rows {
			before = min(before, r.Height)
			if err := f(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// Read opens an archive and returns all of it, or nothing. Errors: ErrNotArchive,
// ErrNewer, ErrWords, ErrPassphrase, ErrChanged, ErrTooLarge, ErrEmptyPassphrase,
// and those of from and of k.
func Read(from io.Reader, k Keys) (*Content, Counts, error) {
	sealed, err := newReader(from, k)
	if err != nil {
		return nil, Counts{}, err
	}
	in := recordReader{from: sealed}
	c, counts, err := in.all()
	if err != nil {
		return nil, Counts{}, err
	}
	return c, counts, nil
}

// recordReader reads records and checks how they belong together.
type recordReader struct {
	from     io.Reader
	last     byte // the type of the record before
	content  *Content
	contacts map[uint64]*profile.Contact
	users    map[key.IdentityPublic]bool
	cards    map[key.CardID]bool
	homes    map[key.NodePublic]bool
	known    map[message.ID]bool
	counts   Counts
}

func (r *recordReader) all() (*Content, Counts, error) {
	r.contacts, r.users, r.known = map[uint64]*profile.Contact{}, map[key.IdentityPublic]bool{}, map[message.ID]bool{}
	r.cards, r.homes = map[key.CardID]bool{}, map[key.NodePublic]bool{}
	for r.last != typeEnd {
		kind, b, err := r.record()
		if err != nil {
			return nil, Counts{}, err
		}
		// Owner first, once; the others in the order of their types; one end.
		if kind < r.last || (r.last == 0) != (kind == typeOwner) {
			return nil, Counts{}, ErrChanged
		}
		r.last = kind
		if err := r.take(kind, b); err != nil {
			return nil, Counts{}, damaged(err)
		}
	}
	var more [1]byte
	if n, err := io.ReadFull(r.from, more[:]); n != 0 || !errors.Is(err, io.EOF) {
		return nil, Counts{}, damaged(err)
	}
	return r.content, r.counts, nil
}

// damaged is ErrChanged with what makes no sense.
func damaged(err error) error {
	if err == nil || errors.Is(err, ErrChanged) {
		return ErrChanged
	}
	return fmt.Errorf("%w (%v)", ErrChanged, err)
}

// record reads the next record.
func (r *recordReader) record() (kind byte, b []byte, err error) {
	var front [5]byte
	if _, err := io.ReadFull(r.from, front[:]); err != nil {
		return 0, nil, ended(err)
	}
	n := binary.BigEndian.Uint32(front[:])
	if n > maxRecord {
		return 0, nil, ErrChanged
	}
	var buffer bytes.Buffer // grows with what is there, not with what is promised
	if _, err := io.CopyN(&buffer, r.from, int64(n)); err != nil {
		return 0, nil, ended(err)
	}
	return front[4], buffer.Bytes(), nil
}

// ended is ErrChanged for a content that ends in the middle.
func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrChanged
	}
	return err
}

// take takes one record.
func (r *recordReader) take(kind byte, b []byte) error {
	switch kind {
	case typeOwner:
		return decode(b, func(o *ownerRecord) (err error) {
			r.content, err = o.content()
			return err
		})
	case typeCard:
		return decode(b, r.card)
	case typeHome:
		return decode(b, r.home)
	case typeContact:
		return decode(b, r.contact)
	case typeMessage:
		return decode(b, r.message)
	case typeFault:
		return decode(b, r.evidence)
	case typeEnd:
		return decode(b, r.end)
	}
	return ErrChanged
}

// decode reads a record's fields and hands them to f.
func decode[R any](b []byte, f func(*R) error) error {
	var record R
	if err := wire.Unmarshal(b, &record, maxRecord); err != nil {
		return err
	}
	return f(&record)
}

func (r *recordReader) card(record *cardRecord) error {
	k, err := record.card()
	if err != nil {
		return err
	}
	if r.cards[k.ID] {
		return wire.ErrValue.Because("two records of one card")
	}
	r.cards[k.ID] = true
	r.counts.Cards++
	r.content.Cards = append(r.content.Cards, k)
	return nil
}

func (r *recordReader) home(record *homeRecord) error {
	h, err := record.home()
	if err != nil {
		return err
	}
	if r.homes[h.Address.Node] {
		return wire.ErrValue.Because("two records of one gateway")
	}
	r.homes[h.Address.Node] = true
	r.counts.Homes++
	r.content.Homes = append(r.content.Homes, h)
	return nil
}

func (r *recordReader) contact(record *contactRecord) error {
	k, err := record.contact()
	if err != nil {
		return err
	}
	if r.contacts[k.ID] != nil || r.users[k.User] || k.User == r.content.Owner.User {
		return wire.ErrValue.Because("two records of one contact")
	}
	r.contacts[k.ID], r.users[k.User] = k, true
	r.counts.Contacts++
	r.content.Contacts = append(r.content.Contacts, k)
	return nil
}

// message takes a message of the owner's conversation with a contact. The same
// one twice, which moved while the archive was written, counts once.
func (r *recordReader) message(record *messageRecord) error {
	m, err := record.message()
	if err != nil {
		return err
	}
	k, owner := r.contacts[m.Contact], r.content.Owner.User
	if k == nil || m.Conv != message.ConvPair(owner, k.User) || m.User != k.User && m.User != owner || m.Outgoing != (m.User == owner) || m.Kind.Side() {
		return wire.ErrValue.Because("a message of nobody's conversation")
	}
	r.counts.Messages++
	if !r.known[m.ID] {
		r.known[m.ID] = true
		r.content.Messages = append(r.content.Messages, m)
	}
	return nil
}

// evidence takes a proven fault of a gateway.
func (r *recordReader) evidence(record *evidenceRecord) error {
	e := record.evidence()
	if e.Contact != 0 && r.contacts[e.Contact] == nil {
		return wire.ErrValue.Because("evidence about nobody")
	}
	r.counts.Evidence++
	r.content.Evidence = append(r.content.Evidence, e)
	return nil
}

func (r *recordReader) end(record *endRecord) error {
	r.counts.Skipped = int(min(record.Skipped, math.MaxInt32))
	n := r.counts
	if record.Cards != uint64(n.Cards) || record.Homes != uint64(n.Homes) || record.Contacts != uint64(n.Contacts) || record.Messages != uint64(n.Messages) || record.Evidence != uint64(n.Evidence) {
		return wire.ErrValue.Because("the number of records")
	}
	r.counts.Messages = len(r.content.Messages)
	return nil
}
