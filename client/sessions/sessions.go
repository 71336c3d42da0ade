// Package sessions joins ratchets and envelopes: it seals messages for a
// device and finds, among the sessions with all devices of all contacts, the
// one that opens an envelope. It is plain state without clock or I/O; what it
// changed since it was last asked is Stale and has to be stored with the turn.
package sessions

import (
	"errors"
	"time"

	"zeroms/client/delivery"
	"zeroms/client/profile"
	"zeroms/protocol/envelope"
	"zeroms/protocol/key"
	"zeroms/protocol/session"
	"zeroms/protocol/wire"
)

// ErrNotYet is returned for records that are too large for an envelope with an
// init at a front door: they wait until the recipient has answered.
var ErrNotYet = errors.New("sessions: too large before the first reply")

// ErrInitFirst is returned for records that are too large for an envelope with
// an init: a smaller one has to go ahead.
var ErrInitFirst = errors.New("sessions: an init has to go ahead")

// Lane is one device of one contact.
type Lane = delivery.Lane

// name names a session in the index of tags.
type name struct {
	lane Lane
	th   [32]byte
}

// Book is the sessions with all devices of all contacts.
type Book struct {
	of    map[uint64]map[key.DeviceID]*profile.Sessions
	tags  session.Index[name]
	inits map[[32]byte]Lane // H(enc) of the inits of all sessions
	stale map[Lane]struct{}
	gone  []profile.Ref
	deep  map[uint64]*delivery.Budget
}

// NewBook makes an empty Book.
func NewBook() *Book {
	return &Book{
		of: map[uint64]map[key.DeviceID]*profile.Sessions{}, inits: map[[32]byte]Lane{},
		stale: map[Lane]struct{}{}, deep: map[uint64]*delivery.Budget{},
	}
}

// Restore takes sessions that were stored.
func (b *Book) Restore(l Lane, s *profile.Sessions) {
	set := s.Set
	s.Set = new(session.Set)
	b.device(l, s)
	b.Put(l, set)
	delete(b.stale, l)
}

// Know makes sure that a device of a contact is in the Book.
func (b *Book) Know(l Lane) {
	if b.Get(l) == nil {
		b.device(l, &profile.Sessions{Set: new(session.Set)})
		b.stale[l] = struct{}{}
	}
}

func (b *Book) device(l Lane, s *profile.Sessions) {
	if b.of[l.Contact] == nil {
		b.of[l.Contact] = map[key.DeviceID]*profile.Sessions{}
	}
	b.of[l.Contact][l.Device] = s
}

// Get returns what is known of a device, nil if nothing is.
func (b *Book) Get(l Lane) *profile.Sessions { return b.of[l.Contact][l.Device] }

// Devices returns the known devices of a contact.
func (b *Book) Devices(contact uint64) []key.DeviceID {
	out := make([]key.DeviceID, 0, len(b.of[contact]))
	for id := range b.of[contact] {
		out = append(out, id)
	}
	return out
}

// Owner returns whose init this was, if its session is in the Book.
func (b *Book) Owner(in *session.InitMessage) (Lane, bool) {
	l, ok := b.inits[in.Hash()]
	return l, ok
}

// Put replaces the sessions with a device.
func (b *Book) Put(l Lane, set *session.Set) {
	b.Know(l)
	s := b.Get(l)
	for _, old := range s.Set.All() {
		if set.Find(old.ID()) == nil {
			b.tags.Remove(name{l, old.ID()})
			delete(b.inits, old.EncHash())
		}
	}
	for _, now := range set.All() {
		b.tags.Update(name{l, now.ID()}, now)
		b.inits[now.EncHash()] = l
	}
	s.Set = set
	b.stale[l] = struct{}{}
}

// Replace puts the next state of a session in its place. The session has to be
// one of the device's.
func (b *Book) Replace(l Lane, next *session.Session) {
	if set, err := b.Get(l).Set.Put(next); err == nil {
		b.Put(l, set)
	}
}

// Prune gives up sessions and keys whose time is over.
func (b *Book) Prune(now time.Time) {
	for contact, devices := range b.of {
		for id, s := range devices {
			if next := s.Set.Prune(now); next != s.Set {
				b.Put(Lane{Contact: contact, Device: id}, next)
			}
		}
	}
}

// Unbind notes that the last init can't be brought to where it was bound. Its
// session stays: the init may have arrived and only the receipt been lost.
func (b *Book) Unbind(l Lane) {
	b.Get(l).At = nil
	b.stale[l] = struct{}{}
}

// Unbound reports whether the session to send on repeats an init that can't be
// brought to where it was bound, so that a new one is due.
func (b *Book) Unbound(l Lane) bool {
	d := b.Get(l)
	s := d.Set.Sending()
	return s != nil && s.Init() != nil && d.At == nil
}

// InitTaken notes that an envelope with this init is in custody: if the session
// is the one to send on, larger messages may follow it.
func (b *Book) InitTaken(l Lane, in *session.InitMessage) {
	d := b.Get(l)
	if d == nil {
		return // forgotten meanwhile
	}
	if s := d.Set.Sending(); s != nil && s.EncHash() == in.Hash() && !d.Sent {
		d.Sent = true
		b.stale[l] = struct{}{}
	}
}

// Fits reports whether a record may ride along in an ordinary envelope to a
// contact without making it larger.
func (b *Book) Fits(contact uint64, records []envelope.Record, extra envelope.Record) bool {
	return envelope.Fits(records, extra, len(b.of[contact]))
}

// Forget removes a device that is no longer listed.
func (b *Book) Forget(l Lane) {
	if b.Get(l) == nil {
		return
	}
	b.Put(l, new(session.Set))
	delete(b.of[l.Contact], l.Device)
	delete(b.stale, l)
	b.gone = append(b.gone, profile.SessionsRef(l))
}

// Gone returns the rows to erase and forgets them.
func (b *Book) Gone() (refs []profile.Ref) {
	refs, b.gone = b.gone, nil
	return refs
}

// Stale returns the rows to store and forgets what changed.
func (b *Book) Stale() (rows []profile.Row) {
	for l := range b.stale {
		rows = append(rows, b.Get(l).Row(l))
	}
	clear(b.stale)
	return rows
}

// Start adds an own init, bound to one drop or door at one gateway.
func (b *Book) Start(l Lane, s *session.Session, at profile.Gateway, door bool, now time.Time) error {
	b.Know(l)
	d := b.Get(l)
	set, err := d.Set.Add(s, now)
	if err != nil {
		return err
	}
	d.At, d.Door, d.Sent = &at, door, false
	b.Put(l, set)
	return nil
}

// Letter is what Seal puts into an envelope.
type Letter struct {
	Records []envelope.Record
	// Base is the lowest seq of our chain that was ever addressed to the device.
	Base uint32
}

// Seal takes the next key of a session and packs a letter for its device: with
// the init while the session is unconfirmed, else without. Errors: ErrNotYet,
// ErrInitFirst, and those of sessions and envelopes; nothing changes then.
func (b *Book) Seal(l Lane, s *session.Session, letter Letter, now time.Time) ([]byte, error) {
	d, records, devices := b.Get(l), letter.Records, len(b.of[l.Contact])
	next, slot, err := s.Send(letter.Base, now)
	if err != nil {
		return nil, err
	}
	slots := []envelope.Slot{envelope.Slot(slot)}
	var env []byte
	if in := s.Init(); in != nil {
		head := envelope.Init(*in)
		env, err = envelope.PackInit(&head, records, slots[0])
		if errors.Is(err, wire.ErrTooLarge) {
			switch {
			case d.Door:
				return nil, ErrNotYet
			case !d.Sent:
				return nil, ErrInitFirst
			}
			env, err = envelope.Pack(records, slots, devices)
		}
	} else {
		env, err = envelope.Pack(records, slots, devices)
	}
	if err != nil {
		return nil, err
	}
	set, err := d.Set.Put(next)
	if err != nil {
		return nil, err
	}
	b.Put(l, set)
	return env, nil
}

// Opened is an envelope that a session opened. Nothing has changed yet: Keep
// moves the session on once the messages were accepted.
type Opened struct {
	// Lane is the device that sent it.
	Lane Lane
	// Base is the lowest seq of its chain that was ever addressed to us.
	Base    uint32
	Records []envelope.Record
	// Block is what an initiator hands over; nil in sessions that are known.
	Block *session.Block

	next *session.Session
	set  *session.Set
}

// unseal opens a slot at a place of a session's receiving chains.
func unseal(env *envelope.Envelope, slot int, s *session.Session, at session.Place, now time.Time) (*Opened, error) {
	hk, ok := s.HeaderKey(at)
	if !ok {
		return nil, wire.ErrReplayed
	}
	header, err := env.OpenHeader(slot, at.I, hk)
	if err != nil {
		return nil, err
	}
	next, mk, err := s.Receive(at, header, now)
	if err != nil {
		return nil, err
	}
	records, err := env.OpenBody(slot, mk)
	if err != nil {
		return nil, err
	}
	return &Opened{Base: session.ParseHeader(header).Base, Records: records, next: next}, nil
}

// Open opens an envelope, with or without init, by the sessions with one
// contact. Errors: wire.ErrOpen if none of them does, or what is wrong with it.
func (b *Book) Open(contact uint64, env *envelope.Envelope, now time.Time) (*Opened, error) {
	for slot, tag := range env.Tags() {
		for _, hit := range b.tags.Find(tag) {
			if hit.ID.lane.Contact != contact {
				continue
			}
			o, err := b.at(env, slot, hit.ID, hit.Place, now)
			if !errors.Is(err, wire.ErrOpen) {
				return o, err
			}
		}
	}
	return b.search(contact, env, now)
}

func (b *Book) at(env *envelope.Envelope, slot int, n name, at session.Place, now time.Time) (*Opened, error) {
	d := b.Get(n.lane)
	s := d.Set.Find(n.th)
	if s == nil {
		return nil, wire.ErrOpen
	}
	o, err := unseal(env, slot, s, at, now)
	if err != nil {
		return nil, err
	}
	o.Lane = n.lane
	o.set, err = d.Set.Put(o.next)
	return o, err
}

// search looks far ahead in the contact's sessions: what remains when many
// envelopes before this one were lost. It is allowed a few times an hour.
func (b *Book) search(contact uint64, env *envelope.Envelope, now time.Time) (*Opened, error) {
	if b.deep[contact] == nil {
		b.deep[contact] = new(delivery.Budget)
	}
	if !b.deep[contact].Take(now) {
		return nil, wire.ErrOpen
	}
	for id, d := range b.of[contact] {
		for _, s := range d.Set.All() {
			if slot, at, ok := s.Search(env.Tags(), session.MaxSearch); ok {
				return b.at(env, slot, name{Lane{Contact: contact, Device: id}, s.ID()}, at, now)
			}
		}
	}
	return nil, wire.ErrOpen
}

// Accept opens an envelope whose init is new. The caller finds out whose it is,
// sets Lane by Join and then goes on as with any other.
func Accept(env *envelope.Envelope, in *session.InitMessage, p session.AcceptParams, now time.Time) (*Opened, error) {
	s, block, err := session.Accept(p, in, now)
	if err != nil {
		return nil, err
	}
	slot, at, ok := s.Search(env.Tags(), session.MaxSearch)
	if !ok {
		return nil, wire.ErrOpen
	}
	o, err := unseal(env, slot, s, at, now)
	if err != nil {
		return nil, err
	}
	o.Block = block
	return o, nil
}

// Join finds the place of a new session among those with its device. Errors:
// those of session.Set.Add.
func (b *Book) Join(o *Opened, contact uint64, now time.Time) error {
	o.Lane = Lane{Contact: contact, Device: key.DeviceIDOf(o.Block.Device)}
	set := new(session.Set)
	if d := b.Get(o.Lane); d != nil {
		set = d.Set
	}
	var err error
	o.set, err = set.Add(o.next, now)
	return err
}

// Keep moves the session of an opened envelope on.
func (b *Book) Keep(o *Opened) { b.Put(o.Lane, o.set) }

// Session names the session that opened the envelope.
func (o *Opened) Session() [32]byte { return o.next.ID() }

// EncHash is H(enc) of the init behind an opened envelope's session.
func (o *Opened) EncHash() [32]byte { return o.next.EncHash() }
