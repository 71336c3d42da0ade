package backup

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"math"
	"slices"
	"time"

	"zeroms/client/delivery"
	"zeroms/client/profile"
	"zeroms/protocol/card"
	"zeroms/protocol/device"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
	"zeroms/protocol/wire"
)

// Restore is the rows of a new profile for the person of the seed on a new
// device, for one batch into an empty store. c is what an archive or safe
// knew; nil: nothing but the words. name is used if the backup knows none. The
// new device stands in a new entry of the device list, which removes the
// device that the backup was made on; it has no sessions and no prekeys, and
// chains of its own, which come after the history. What was on its way is
// marked as not delivered. Errors: ErrOther, what is wrong with the name, those
// of device.List.Restart.
func Restore(c *Content, seed key.Seed, name string, now time.Time) ([]profile.Row, error) {
	user := seed.Identity().Public()
	if c == nil {
		c = &Content{Owner: Owner{User: user, Created: now, Address: key.NewAddressSecret()}}
	}
	if c.Owner.User != user {
		return nil, ErrOther
	}
	if c.Owner.Name == "" {
		c.Owner.Name = name
	}
	if err := card.CheckName(c.Owner.Name); err != nil {
		return nil, err
	}
	list, err := c.Owner.list()
	if err != nil {
		return nil, err
	}
	self := &profile.Self{
		Seed: seed, Address: c.Owner.Address, Former: c.Owner.Former, Renewed: c.Owner.Renewed,
		Name: c.Owner.Name, Created: c.Owner.Created, Entries: c.Owner.Entries,
	}
	b, err := begin(self, list, c.Owner.Device, now)
	if err != nil {
		return nil, err
	}
	for _, k := range c.Cards {
		b.put(k.Row())
	}
	if !slices.ContainsFunc(c.Cards, func(k *profile.Card) bool { return !k.Revoked && (k.Public || k.Address.IsZero()) }) {
		b.put(profile.NewCard(now).Row())
	}
	for _, h := range c.Homes {
		h.Former = formerly(h.Former, h.Login)
		b.put(h.Row())
	}
	history := map[uint64][]*profile.Message{}
	for _, m := range c.Messages {
		settle(m)
		b.put(m.Row())
		history[m.Contact] = append(history[m.Contact], m)
	}
	for _, k := range c.Contacts {
		if err := b.contact(k, history[k.ID]); err != nil {
			return nil, err
		}
	}
	for _, e := range c.Evidence {
		b.put(e.Row())
	}
	return b.rows, nil
}

// formerly adds the login of a device that is replaced.
func formerly(all []profile.Login, l profile.Login) []profile.Login {
	if l.Key.IsZero() || slices.Contains(all, l) {
		return all
	}
	return append(slices.Clone(all), l)
}

// beginning builds the rows of a new device.
type beginning struct {
	self   *profile.Self
	origin [32]byte // H of the entry that added the device
	now    time.Time
	rows   []profile.Row
	items  uint64
}

// begin makes the new device: self is complete but for Secret, and for the
// entry that adds the device and removes old.
func begin(self *profile.Self, list *device.List, old key.DeviceID, now time.Time) (*beginning, error) {
	self.Secret = key.NewDeviceSecret()
	entry, err := list.Restart(self.Seed.Identity(), self.Secret.Signer(), []key.DeviceID{old}, now)
	if err != nil {
		return nil, err
	}
	self.Entries = append(slices.Clone(self.Entries), entry.Encode())
	row := self.Row()
	self, err = profile.ParseSelf(row)
	if err != nil {
		return nil, err
	}
	return &beginning{self: self, origin: entry.Hash(), now: now, rows: []profile.Row{row}}, nil
}

func (b *beginning) put(r profile.Row) { b.rows = append(b.rows, r) }

// contact adds a contact and their conversation: a new chain of the new device,
// which comes after the newest known message of every device. known are
// messages of the conversation, in any order.
func (b *beginning) contact(c *profile.Contact, known []*profile.Message) error {
	conv := b.conversation(c, known)
	if c.State != profile.Removed { // what stands of theirs is still to be deleted
		c.Registered = map[key.NodePublic]bool{}
	}
	c.Announced, c.Telling, c.Told, c.AckOwed = [32]byte{}, 0, [32]byte{}, false
	if c.State == profile.Accepted && c.Theirs.IsZero() {
		if err := b.greet(c, conv); err != nil {
			return err
		}
	}
	b.put(c.Row())
	b.put(c.ConversationRow(conv.Snapshot()))
	return nil
}

// conversation starts the new device's chain.
func (b *beginning) conversation(c *profile.Contact, known []*profile.Message) *message.Conversation {
	cfg := message.Config{Self: b.self.User, Peer: c.User, Device: b.self.Device, List: b.self.List.Ref(), Origin: b.origin}
	conv := message.New(cfg)
	past := make(archive, len(known))
	heads := map[message.Party]*profile.Message{}
	for _, m := range known {
		past[m.ID.Short()] = m
		if m.Outgoing && !left(m) {
			continue // others would miss it for ever if anything came after it
		}
		p := message.Party{User: m.User, Device: m.Device}
		if h := heads[p]; h == nil || m.Seq > h.Seq {
			heads[p] = m
		}
	}
	ordered := make([]*profile.Message, 0, len(heads))
	for _, m := range heads {
		ordered = append(ordered, m)
	}
	slices.SortFunc(ordered, func(x, y *profile.Message) int {
		return cmp.Or(cmp.Compare(x.Height, y.Height), bytes.Compare(x.ID[:], y.ID[:]))
	})
	for _, m := range ordered {
		// A head that does not verify is left out: then its device's next message
		// begins the chain, as for every new device.
		if signed, ok := b.verified(c, m); ok {
			_, _ = conv.Accept(signed, message.Arrival{Base: m.Seq}, past)
		}
	}
	return conv
}

// verified is a stored message with its signature checked.
func (b *beginning) verified(c *profile.Contact, m *profile.Message) (*message.Message, bool) {
	list, recipient := c.List, b.self.User
	if m.User == b.self.User {
		list, recipient = b.self.List, c.User
	}
	if list == nil {
		return nil, false
	}
	signer, ok := list.Device(m.Device)
	if !ok {
		return nil, false
	}
	signed, err := message.Parse(m.Signed)
	if err != nil || signed.Verify(signer.DSK, m.User, recipient) != nil {
		return nil, false
	}
	return signed, true
}

// archive is the messages of one conversation by their short ids.
type archive map[message.Short]*profile.Message

var _ message.Archive = archive{}

// Height is the stored height of a message.
func (a archive) Height(id message.Short) (uint32, bool) {
	if m := a[id]; m != nil {
		return m.Height, true
	}
	return 0, false
}

// At is the message of a device with this seq.
func (a archive) At(p message.Party, seq uint32) (message.ID, bool) {
	for _, m := range a {
		if m.User == p.User && m.Device == p.Device && m.Seq == seq {
			return m.ID, true
		}
	}
	return message.ID{}, false
}

// greet queues what sets up a session with a contact who has not answered yet:
// our name. All others are told where we are as soon as the new device runs,
// which sets up theirs.
func (b *beginning) greet(c *profile.Contact, conv *message.Conversation) error {
	body := &message.Name{Name: b.self.Name}
	encoded, err := message.EncodeBody(body)
	if err != nil {
		return err
	}
	var salt [message.SaltSize]byte
	_, _ = rand.Read(salt[:]) // never fails
	out, err := conv.Append(body.Kind(), encoded, salt, b.now, b.self.Signer)
	if err != nil {
		return err
	}
	signed, err := message.Parse(out.Signed)
	if err != nil {
		return err
	}
	m := profile.NewMessage(signed, profile.Content{User: b.self.User, Salt: salt, Body: encoded})
	m.Contact, m.Height, m.Outgoing, m.At = c.ID, out.Height, true, b.now
	m.Target(key.DeviceID{}).State = profile.Queued
	b.put(m.Row())
	b.items++
	b.put(profile.ItemRow(&delivery.Item{ID: b.items, Lane: delivery.Lane{Contact: c.ID}, Message: m.ID, State: delivery.Waiting}, nil))
	return nil
}

// left reports whether a gateway ever had an own message.
func left(m *profile.Message) bool {
	return slices.ContainsFunc(m.Targets, func(t profile.Target) bool {
		return t.State != profile.Queued && t.State != profile.Failed
	})
}

// settle marks what was never handed to a gateway as failed: the new device
// can't send what the old one signed. It reports whether that changed anything.
func settle(m *profile.Message) (changed bool) {
	for n := range m.Targets {
		if m.Targets[n].State == profile.Queued {
			m.Targets[n].State, changed = profile.Failed, true
		}
	}
	return changed
}

// Store is a profile that Import and Rejoin change. A *chat.DB is one.
type Store interface {
	Source
	// Message returns the message with this key.
	Message(ctx context.Context, key []byte) (row profile.Row, ok bool, err error)
	// Commit applies a batch as a whole.
	Commit(ctx context.Context, b *profile.Batch) error
}

// Rejoined tells what Rejoin did.
type Rejoined struct {
	// Device is the new device, Old the one that it replaces.
	Device, Old key.DeviceID
	// Contacts are told of the new device when the profile runs next.
	Contacts int
	// Dropped counts the messages that no gateway had taken: they are marked as
	// not delivered.
	Dropped int
}

// Rejoin gives an existing profile a new device of its own, in one batch:
// everything of the old device that another copy may have used goes (sessions,
// prekeys, what was on its way), and everything else stays. It is for a profile
// of which two copies ran, or an older copy was put back. Nothing else may use
// the store meanwhile. Errors: ErrNoOwner, those of s.
func Rejoin(ctx context.Context, s Store, now time.Time) (Rejoined, error) {
	rows, err := s.Load(ctx)
	if err != nil {
		return Rejoined{}, err
	}
	old, err := owner(rows)
	if err != nil {
		return Rejoined{}, err
	}
	self := &profile.Self{
		Seed: old.Seed, Address: old.Address, Former: old.Former, Renewed: old.Renewed,
		Name: old.Name, Created: old.Created, Entries: old.Entries,
	}
	b, err := begin(self, old.List, old.Device, now)
	if err != nil {
		return Rejoined{}, err
	}
	out := Rejoined{Device: b.self.Device, Old: old.Device}
	r := rejoining{ctx: ctx, store: s, old: old, b: b, out: &out, contacts: map[uint64]*profile.Contact{}, pending: map[message.ID]bool{}}
	for _, row := range rows {
		if err := r.row(row); err != nil {
			return Rejoined{}, err
		}
	}
	for _, row := range rows {
		if c := r.contacts[row.Conv]; row.Table == profile.TableConversation && c != nil {
			if _, err := c.ParseConversation(row); err != nil {
				return Rejoined{}, err
			}
		}
	}
	if err := r.finish(); err != nil {
		return Rejoined{}, err
	}
	return out, s.Commit(ctx, &profile.Batch{Now: now, Put: b.rows, Erase: r.erase})
}

// owner is the person of a profile's rows.
func owner(rows []profile.Row) (*profile.Self, error) {
	for _, r := range rows {
		if r.Table == profile.TableSelf {
			return profile.ParseSelf(r)
		}
	}
	return nil, ErrNoOwner
}

// rejoining is a Rejoin on its way.
type rejoining struct {
	ctx      context.Context
	store    Store
	old      *profile.Self
	b        *beginning
	out      *Rejoined
	contacts map[uint64]*profile.Contact
	pending  map[message.ID]bool // messages that no gateway had taken
	erase    []profile.Ref
}

// row takes one row of the old device.
func (r *rejoining) row(row profile.Row) error {
	switch row.Table {
	case profile.TableHome:
		h, err := profile.ParseHome(row)
		if err != nil {
			return err
		}
		// The new device has a cursor of its own, and publishes its own profile.
		// What the gateway signed stays known.
		h.Position, h.R, h.Signed, h.Heard = wire.Position{}, [32]byte{}, wire.Position{}, time.Time{}
		h.Published, h.Public, h.Safe, h.SafeAt = [32]byte{}, [32]byte{}, [32]byte{}, time.Time{}
		for _, o := range h.Old {
			o.Print = [32]byte{}
		}
		h.Former = formerly(h.Former, loginOf(r.old.Secret, h.Address.Node))
		r.b.put(h.Row())
	case profile.TableContact:
		c, err := profile.ParseContact(row)
		if err != nil {
			return err
		}
		r.contacts[c.ID] = &c
	case profile.TableOutbox:
		i, _, err := profile.ParseItem(row)
		if err != nil {
			return err
		}
		r.b.items = max(r.b.items, i.ID)
		if i.State != delivery.Custody {
			r.pending[i.Message] = true
		}
		r.erase = append(r.erase, profile.Ref{Table: row.Table, Key: row.Key})
	case profile.TablePrekey, profile.TableSession:
		r.erase = append(r.erase, profile.Ref{Table: row.Table, Key: row.Key})
	}
	return nil
}

// finish begins the conversations anew and settles what was on its way.
func (r *rejoining) finish() error {
	for id := range r.pending {
		row, ok, err := r.store.Message(r.ctx, profile.MessageKey(id))
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		m, err := profile.ParseMessage(row)
		if err != nil {
			return err
		}
		if settle(m) {
			r.b.put(m.Row())
			if m.Shown() {
				r.out.Dropped++
			}
		}
	}
	for _, c := range r.contacts {
		known, err := newest(r.ctx, r.store, c.ID)
		if err != nil {
			return err
		}
		if err := r.b.contact(c, known); err != nil {
			return err
		}
		if c.State == profile.Accepted {
			r.out.Contacts++
		}
	}
	return nil
}

// newest are the newest messages of a conversation: enough to hold the head of
// every device that still speaks.
func newest(ctx context.Context, s Source, conv uint64) (out []*profile.Message, err error) {
	rows, err := s.Page(ctx, conv, math.MaxUint32, pageSize)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		m, err := profile.ParseMessage(row)
		if err != nil {
			return nil, errors.Join(wire.ErrValue.Because("a message of the history"), err)
		}
		out = append(out, m)
	}
	return out, nil
}
