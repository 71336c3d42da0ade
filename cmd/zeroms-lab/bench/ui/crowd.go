package ui

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"zeroms/client/profile"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
	"zeroms/protocol/wire"
	"zeroms/store/chat"
)

// Crowd says what a generated profile holds.
type Crowd struct {
	// Messages are shared out among Conversations as in life: the n-th one has about
	// 1/n of what the first one has, and each has one at least.
	Messages, Conversations int
	// Seed chooses texts and times; the keys are always new.
	Seed uint64
	// Now is when the newest message was written.
	Now time.Time
}

// owner is what the generated profile's user is called.
const owner = "Lin Yue"

// layout changes with what is generated, so that no older profile is taken for one.
const layout = 2

// batchRows is how many rows are committed together.
const batchRows = 4000

// shares is how many messages each conversation has, the longest one first.
func (c Crowd) shares() []int {
	var sum float64
	for n := range c.Conversations {
		sum += 1 / float64(n+1)
	}
	out := make([]int, c.Conversations)
	left := c.Messages
	for n := range out {
		out[n] = max(1, int(float64(c.Messages)/sum/float64(n+1)))
		left -= out[n]
	}
	out[0] = max(1, out[0]+left)
	return out
}

// check finds a crowd that there can't be.
func (c Crowd) check() error {
	if c.Conversations < 1 || c.Messages < c.Conversations {
		return fmt.Errorf("%d messages in %d conversations: there must be one in each at least", c.Messages, c.Conversations)
	}
	return nil
}

// Generate makes a profile without a passphrase and without a gateway in a new
// directory: every message is signed by the device that wrote it and stands in its
// chain, everything of the user's own was read by the other side, and everything of
// the others is acknowledged. Nobody's device list is kept, as the engine would look
// for those people, who are nowhere. Errors: those of package chat and of the protocol.
func (c Crowd) Generate(ctx context.Context, dir string) (err error) {
	if err := c.check(); err != nil {
		return err
	}
	db, err := chat.Create(ctx, dir, chat.NoPassphrase())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	self, err := profile.NewSelf(owner, c.Now.AddDate(-3, 0, 0))
	if err != nil {
		return err
	}
	w := &writer{db: db, now: c.Now}
	if err := w.put(ctx, self.Row(), profile.NewCard(self.Created).Row()); err != nil {
		return err
	}
	for n, messages := range c.shares() {
		t, err := newTalk(self, n, c)
		if err != nil {
			return err
		}
		if err := t.hold(ctx, messages, w); err != nil {
			return fmt.Errorf("conversation %d: %w", n+1, err)
		}
	}
	return w.flush(ctx)
}

// Cached is the directory below dir with the profile of a crowd, which is generated
// there unless it was before. Nobody may open it: copy it.
func (c Crowd) Cached(ctx context.Context, dir string) (string, error) {
	at := filepath.Join(dir, fmt.Sprintf("profile%d-%d-%d-%d", layout, c.Messages, c.Conversations, c.Seed))
	if chat.Exists(at) {
		return at, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	fresh, err := os.MkdirTemp(dir, "new-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(fresh)
	if err := c.Generate(ctx, filepath.Join(fresh, "profile")); err != nil {
		return "", err
	}
	return at, os.Rename(filepath.Join(fresh, "profile"), at)
}

// writer collects rows into large commits.
type writer struct {
	db   *chat.DB
	now  time.Time
	rows []profile.Row
}

func (w *writer) put(ctx context.Context, rows ...profile.Row) error {
	if w.rows = append(w.rows, rows...); len(w.rows) < batchRows {
		return nil
	}
	return w.flush(ctx)
}

func (w *writer) flush(ctx context.Context) error {
	if len(w.rows) == 0 {
		return nil
	}
	err := w.db.Commit(ctx, &profile.Batch{Now: w.now, Put: w.rows})
	w.rows = w.rows[:0]
	return err
}

// end is one side of a conversation: a device, and what it knows.
type end struct {
	self    *profile.Self
	conv    *message.Conversation
	heights map[message.Short]uint32
	ids     map[place]message.ID
}

// place is a message's place in the chain of a device.
type place struct {
	by  message.Party
	seq uint32
}

// Height is the Archive's.
func (e *end) Height(id message.Short) (uint32, bool) {
	h, ok := e.heights[id]
	return h, ok
}

// At is the Archive's.
func (e *end) At(by message.Party, seq uint32) (message.ID, bool) {
	id, ok := e.ids[place{by, seq}]
	return id, ok
}

func newEnd(self, other *profile.Self) *end {
	return &end{
		self: self, heights: map[message.Short]uint32{}, ids: map[place]message.ID{},
		conv: message.New(message.Config{Self: self.User, Peer: other.User, Device: self.Device, List: self.List.Ref(), Origin: origin(self)}),
	}
}

// origin is H of the entry that added a person's only device.
func origin(s *profile.Self) [32]byte {
	o, _ := s.List.Origin(s.Device)
	return o
}

func (e *end) party() message.Party { return message.Party{User: e.self.User, Device: e.self.Device} }

// note is what the end has stored.
func (e *end) note(by message.Party, seq, height uint32, id message.ID) {
	e.heights[id.Short()], e.ids[place{by, seq}] = height, id
}

// talk is a conversation while it is made.
type talk struct {
	contact    profile.Contact
	own, other *end
	dice       *mathrand.Rand
	newest     time.Time // when its last message was written
}

// newTalk makes the n-th conversation, with somebody new.
func newTalk(self *profile.Self, n int, c Crowd) (*talk, error) {
	name := nameOf(n)
	other, err := profile.NewSelf(name, self.Created)
	if err != nil {
		return nil, err
	}
	t := &talk{
		contact: profile.NewContact(other.User, self.Created), own: newEnd(self, other), other: newEnd(other, self),
		dice: mathrand.New(mathrand.NewPCG(c.Seed, uint64(n))), newest: c.Now.Add(-time.Duration(n*n) * 40 * time.Second),
	}
	t.contact.ID, t.contact.Called, t.contact.State = uint64(n+1), name, profile.Accepted
	t.contact.Verified = n%5 == 0
	t.contact.Network = key.Network{'l', 'a', 'b', 0}
	return t, nil
}

// hold writes the messages of the conversation, then the contact.
func (t *talk) hold(ctx context.Context, messages int, w *writer) error {
	times := t.times(messages)
	outgoing := false
	for _, at := range times {
		if t.dice.IntN(3) > 0 { // people answer, but write several lines too
			outgoing = !outgoing
		}
		from, to := t.other, t.own
		if outgoing {
			from, to = t.own, t.other
		}
		m, err := t.say(from, to, at)
		if err != nil {
			return err
		}
		if err := w.put(ctx, m.Row()); err != nil {
			return err
		}
	}
	if err := t.settle(); err != nil {
		return err
	}
	return w.put(ctx, t.contact.Row(), t.contact.ConversationRow(t.own.conv.Snapshot()))
}

// times are when the messages were written, ascending: bursts within minutes, and
// hours or days between them.
func (t *talk) times(n int) []time.Time {
	out := make([]time.Time, n)
	at := t.newest
	for i := n - 1; i >= 0; i-- {
		out[i] = at
		pause := time.Duration(5+t.dice.IntN(90)) * time.Second
		if t.dice.IntN(12) == 0 {
			pause = time.Duration(1+t.dice.IntN(30)) * time.Hour / 4
		}
		at = at.Add(-pause)
	}
	return out
}

// say has one end write a text and the other take it; it returns the message as
// the own end keeps it.
func (t *talk) say(from, to *end, at time.Time) (*profile.Message, error) {
	body, err := message.EncodeBody(&message.Text{Text: textOf(t.dice)})
	if err != nil {
		return nil, err
	}
	var salt [message.SaltSize]byte
	_, _ = rand.Read(salt[:])
	base := from.conv.Address(to.party(), 0)
	out, err := from.conv.Append(message.KindText, body, salt, at, from.self.Signer)
	if err != nil {
		return nil, err
	}
	from.conv.Address(to.party(), out.Seq)
	from.note(from.party(), out.Seq, out.Height, out.ID)
	took, err := to.conv.Accept(out.Message, message.Arrival{Base: base, Origin: origin(from.self)}, to)
	if err != nil {
		return nil, err
	}
	to.note(from.party(), took.Seq, took.Height, took.ID)
	m := profile.NewMessage(out.Message, profile.Content{User: from.self.User, Salt: salt, Body: body})
	m.Contact, m.At = t.contact.ID, at
	if m.Outgoing = from == t.own; !m.Outgoing {
		m.Height, m.Gateway, m.At = took.Height, at.Add(12*time.Millisecond), at.Add(20*time.Millisecond)
		return m, nil
	}
	m.Height = out.Height
	m.Targets = []profile.Target{{
		Device: to.self.Device, State: profile.Delivered, Size: uint32(700 + len(body)),
		Submitted: wire.Millis(at.Add(2 * time.Millisecond)), Custody: wire.Millis(at.Add(9 * time.Millisecond)),
		Until: wire.Millis(at.AddDate(0, 0, 30)), Delivered: wire.Millis(at.Add(25 * time.Millisecond)),
	}}
	return m, nil
}

// settle has both ends acknowledge and read everything.
func (t *talk) settle() error {
	for _, way := range [][2]*end{{t.own, t.other}, {t.other, t.own}} {
		from, to := way[0], way[1]
		if ack, _ := from.conv.Ack(to.self.Device, [message.NonceSize]byte{1}); ack != nil {
			to.conv.Acked(from.party(), ack)
		}
		from.conv.MarkRead(to.party(), ^uint32(0))
		if marks := from.conv.ReadMarks(); marks != nil {
			to.conv.NoteRead(from.party(), marks)
		}
	}
	t.contact.ReadAt = t.newest
	if gaps := t.own.conv.Gaps(); len(gaps) > 0 {
		return fmt.Errorf("%d gaps in what was just made", len(gaps))
	}
	return nil
}
