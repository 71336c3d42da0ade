package modeltest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"zeroms/client"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
)

// ErrNoMessage is returned for a message that is nowhere.
var ErrNoMessage = errors.New("modeltest: no such message")

// page is the most messages that one call of History returns.
const page = 10_000

// talk is model.Talk.
type talk struct{ *World }

func (w *World) person(id client.ContactID) *person {
	i := slices.IndexFunc(w.people, func(p *person) bool { return p.ID == id })
	if i < 0 {
		panic(fmt.Sprint("modeltest: no contact ", id))
	}
	return w.people[i]
}

func (w *World) known(id client.ContactID) (*person, error) {
	for _, p := range w.people {
		if p.ID == id {
			return p, nil
		}
	}
	return nil, client.ErrNoContact
}

// ID is the number of the contact of that name; it panics if there is none.
func (w *World) ID(name string) client.ContactID {
	for _, p := range w.people {
		if p.Name == name {
			return p.ID
		}
	}
	panic("modeltest: nobody is called " + name)
}

// Contact is a contact as it is now.
func (w *World) Contact(id client.ContactID) client.Contact { return w.person(id).Contact }

// Message is a message as it is now.
func (w *World) Message(id client.MessageID) (client.Message, bool) {
	_, m, ok := w.find(id)
	return m, ok
}

// Told is how many read marks a contact was sent.
func (w *World) Told(id client.ContactID) int { return w.told[id] }

// Meet adds a contact and tells it.
func (w *World) Meet(name string, change func(*client.Contact)) client.ContactID {
	p := w.join(name)
	if change != nil {
		change(&p.Contact)
	}
	w.Tell(client.ContactChanged{Contact: p.Contact})
	return p.ID
}

// Stranger has somebody ask to write.
func (w *World) Stranger(name, text string) client.ContactID {
	id := w.Meet(name, func(c *client.Contact) { c.State = client.Requested })
	w.Receive(id, text)
	return id
}

// SetContact changes a contact and tells it.
func (w *World) SetContact(id client.ContactID, change func(*client.Contact)) {
	p := w.person(id)
	change(&p.Contact)
	w.Tell(client.ContactChanged{Contact: p.Contact})
}

// join adds an accepted contact.
func (w *World) join(name string) *person {
	id := client.ContactID(len(w.people) + 1)
	p := &person{
		Contact: client.Contact{
			ID: id, User: userOf(name), Name: name, Called: name, State: client.Accepted, Answered: true, Added: w.now.Add(-20 * 24 * time.Hour),
		},
		lines: map[uint32]client.Message{}, beside: map[uint32][]client.Message{}, device: key.DeviceID(hash("computer of " + name)[:8]),
	}
	w.people = append(w.people, p)
	return p
}

// Contacts is model.Talk's.
func (w talk) Contacts(context.Context) (all []client.Contact, err error) {
	for _, p := range w.people {
		if p.State != client.Removed {
			all = append(all, p.Contact)
		}
	}
	return all, w.enter("Contacts")
}

// Latest is model.Talk's.
func (w talk) Latest(context.Context) (all []client.Message, err error) {
	for _, p := range w.people {
		if m, ok := w.at(p, p.height); ok {
			all = append(all, m)
		}
	}
	return all, w.enter("Latest")
}

// History is model.Talk's.
func (w talk) History(_ context.Context, id client.ContactID, before uint32, n int) (lines []client.Message, next uint32, more bool, err error) {
	p, err := w.known(id)
	if err = cmp.Or(w.enter("History"), err); err != nil {
		return nil, 0, false, err
	}
	next = before
	h := min(before, p.height+1)
	for ; h > 1 && len(lines) < min(n, page); h-- {
		if m, ok := w.at(p, h-1); ok {
			lines = append(append(lines, m), p.beside[h-1]...)
			next = m.Height
		}
	}
	slices.Reverse(lines)
	return lines, next, h > 1, nil
}

// Gaps is model.Talk's.
func (w talk) Gaps(_ context.Context, id client.ContactID) ([]client.Gap, error) {
	p, err := w.known(id)
	if err = cmp.Or(w.enter("Gaps"), err); err != nil {
		return nil, err
	}
	return slices.Clone(p.gaps), nil
}

// Send is model.Talk's.
func (w talk) Send(_ context.Context, to client.ContactID, text string) (client.Message, error) {
	p, err := w.known(to)
	err = cmp.Or(w.enter("Send"), err)
	switch {
	case err != nil:
	case len(text) > 14_000:
		err = client.ErrTooLong
	case p.State == client.Blocked:
		err = client.ErrBlocked
	case p.State == client.Requested:
		err = client.ErrRequest
	}
	if err != nil {
		return client.Message{}, err
	}
	return w.ReceiveLine(to, Line{Own: true, Text: text, State: client.Queued}), nil
}

// MarkRead is model.Talk's.
func (w talk) MarkRead(_ context.Context, id client.ContactID, tell bool) error {
	p, err := w.known(id)
	if err = cmp.Or(w.enter("MarkRead"), err); err != nil {
		return err
	}
	if tell {
		w.told[id]++
	}
	if p.Unread > 0 {
		w.SetContact(id, func(c *client.Contact) { c.Unread = 0 })
	}
	return nil
}

// Subscribe is model.Talk's: of a client that never runs, as a World tells its Feed
// itself.
func (w talk) Subscribe() *client.Subscription { return client.New(client.Config{}).Subscribe() }

// people is model.People.
type people struct{ *World }

// Add is model.People's.
func (w people) Add(_ context.Context, k card.Card, alias string) (client.Contact, error) {
	if err := w.enter("Add"); err != nil {
		return client.Contact{}, err
	}
	if k.User == w.self {
		return client.Contact{}, client.ErrOwnCard
	}
	for _, p := range w.people {
		if p.User == k.User {
			w.SetContact(p.ID, func(c *client.Contact) { c.State = client.Accepted })
			return p.Contact, nil
		}
	}
	p := w.join(cmp.Or(alias, k.Name, key.UserIDText(k.User)[:8]))
	p.User, p.Called, p.Alias, p.Answered = k.User, k.Name, alias, false
	w.Tell(client.ContactChanged{Contact: p.Contact})
	return p.Contact, nil
}

// edit changes a contact for a method of model.People.
func (w people) edit(method string, id client.ContactID, change func(*client.Contact)) (client.Contact, error) {
	p, err := w.known(id)
	if err = cmp.Or(w.enter(method), err); err != nil {
		return client.Contact{}, err
	}
	w.SetContact(id, change)
	return p.Contact, nil
}

// Accept is model.People's.
func (w people) Accept(_ context.Context, id client.ContactID) (client.Contact, error) {
	return w.edit("Accept", id, func(c *client.Contact) { c.State = client.Accepted })
}

// Block is model.People's.
func (w people) Block(_ context.Context, id client.ContactID) error {
	_, err := w.edit("Block", id, func(c *client.Contact) { c.State = client.Blocked })
	return err
}

// Remove is model.People's.
func (w people) Remove(_ context.Context, id client.ContactID, erase bool) (client.Contact, error) {
	c, err := w.edit("Remove", id, func(c *client.Contact) { c.State = client.Removed })
	if p := w.person(id); err == nil && erase {
		p.made, p.height = 0, 0
		clear(p.lines)
	}
	return c, err
}

// Verify is model.People's.
func (w people) Verify(_ context.Context, id client.ContactID, verified bool) error {
	_, err := w.edit("Verify", id, func(c *client.Contact) { c.Verified = verified })
	return err
}

// Rename is model.People's.
func (w people) Rename(_ context.Context, id client.ContactID, alias string) (client.Contact, error) {
	if err := card.CheckName(alias); err != nil {
		return client.Contact{}, err
	}
	return w.edit("Rename", id, func(c *client.Contact) {
		c.Alias = alias
		c.Name = cmp.Or(alias, c.Called, key.UserIDText(c.User)[:8])
	})
}

// SafetyNumber is model.People's.
func (w people) SafetyNumber(_ context.Context, id client.ContactID) (digits string, hash [32]byte, err error) {
	p, err := w.known(id)
	if err = cmp.Or(w.enter("SafetyNumber"), err); err != nil {
		return "", hash, err
	}
	return key.SafetyNumber(w.self, p.User), key.SafetyHash(w.self, p.User), nil
}

// proof is model.Proof.
type proof struct{ *World }

// Details is model.Proof's.
func (w proof) Details(_ context.Context, id client.MessageID) (client.Details, error) {
	p, m, ok := w.find(id)
	if err := w.enter("Details"); err != nil || !ok {
		return client.Details{}, cmp.Or(err, ErrNoMessage)
	}
	signer := p.Name
	if m.Outgoing {
		signer = w.name
	}
	d := client.Details{
		Message: m, Signer: key.PrivateFromSeed[key.Device]([32]byte(hash("device of " + signer))).Public(), Valid: true, Signed: 148, Content: len(m.Text) + 8,
		Receipt: !m.Custody.IsZero(),
	}
	if m.Height > 1 {
		d.Previous = idOf(m.Contact, m.Height-1)
	}
	copy(d.Signature[:], strings.Repeat(string(id[:16]), 4))
	if m.Outgoing {
		d.Ways = []client.Way{{
			Device: p.device, State: m.State, Holder: m.Holder, Host: "gw.linwei.example:443", Submitted: m.Submitted, Custody: m.Custody, Until: m.Until,
			Delivered: m.DeliveredAt, Size: m.Size, Receipt: d.Receipt,
		}}
	}
	return d, nil
}

// EvidenceOf is model.Proof's.
func (w proof) EvidenceOf(_ context.Context, id client.MessageID) ([]byte, error) {
	if err := w.enter("EvidenceOf"); err != nil {
		return nil, err
	}
	return []byte("evidence of " + id.String()), nil
}

// Agreement is model.Proof's: all but the newest two messages.
func (w proof) Agreement(_ context.Context, id client.ContactID) (client.Agreement, error) {
	p, err := w.known(id)
	if err = cmp.Or(w.enter("Agreement"), err); err != nil || p.height < 3 {
		return client.Agreement{}, err
	}
	return client.Agreement{Ours: p.mine, Theirs: p.theirs, Height: p.height - 2, Messages: int(p.height - 2), At: w.now.Add(-time.Minute)}, nil
}

// Erase is model.Proof's.
func (w proof) Erase(_ context.Context, id client.MessageID) error {
	_, _, ok := w.find(id)
	if err := w.enter("Erase"); err != nil || !ok {
		return cmp.Or(err, ErrNoMessage)
	}
	w.Change(id, func(m *client.Message) { m.Erased, m.Text = true, "" })
	return nil
}
