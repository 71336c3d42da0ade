package dispatch

import (
	"crypto/sha256"

	"zeroms/client/profile"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
)

// announcement is a fingerprint of what a contact must know to write to us.
func (d *Dispatcher) announcement(c *Contact) [32]byte {
	return sha256.Sum256(key.Join(c.Mine.Bytes(), d.account.Self.Address.Bytes(), d.account.Fingerprint()))
}

// needsAnnouncement reports whether the contact has to be told where we are.
// An init hands over enough to be answered; the rest follows the first answer.
func (d *Dispatcher) needsAnnouncement(c *Contact) bool {
	_, anywhere := d.account.Network()
	return c.State == profile.Accepted && (!c.Theirs.IsZero() || d.byName(c)) && anywhere && c.Announced != d.announcement(c)
}

// announce tells a contact of our drop and our gateways, once the drop is
// registered everywhere that is up.
func (d *Dispatcher) announce(c *Contact) {
	if !d.needsAnnouncement(c) || len(c.Registered) == 0 {
		return
	}
	for _, h := range d.account.Homes() {
		if h.Up && !c.Registered[h.Address.Node] {
			return
		}
	}
	body := &message.Drops{W: c.Mine, Address: d.account.Self.Address}
	for _, l := range d.account.Leases() {
		body.Leases = append(body.Leases, l.Encode())
	}
	m, err := d.Compose(c, body)
	c.Announced, c.Dirty = d.announcement(c), true // never twice, not even what can't be said
	if err != nil {
		d.log.Error("a contact could not be told of the gateways", "error", err)
		return
	}
	c.Telling = m.Seq
}

// Greet tells a contact what the user is called.
func (d *Dispatcher) Greet(c *Contact) error {
	_, err := d.Compose(c, &message.Name{Name: d.account.Self.Name})
	return err
}

// TellName tells all contacts what the user is called now. Others learn it when they
// are greeted.
func (d *Dispatcher) TellName() {
	for _, c := range d.contacts {
		if c.State != profile.Accepted {
			continue
		}
		if err := d.Greet(c); err != nil {
			d.log.Error("a contact could not be told of the new name", "error", err)
		}
	}
}

// told notes that a contact has acknowledged what they were told last, once all of
// their devices have.
func (d *Dispatcher) told(c *Contact) {
	if c.Telling == 0 {
		return
	}
	for _, id := range d.Devices(c) {
		if !c.Conv.Delivered(c.Party(id), c.Telling) {
			return
		}
	}
	c.Telling, c.Told, c.Dirty = 0, c.Announced, true
	d.host.Told(c)
}

// AllTold reports whether every contact who may write to one of our gateways has
// acknowledged where we receive now.
func (d *Dispatcher) AllTold() bool {
	for _, c := range d.contacts {
		if c.State == profile.Accepted && len(d.book.Devices(c.ID)) > 0 && c.Told != d.announcement(c) {
			return false
		}
	}
	return true
}

// setProblem notes why nothing can be sent to a contact.
func (d *Dispatcher) setProblem(c *Contact, problem string) {
	if c.Problem != problem {
		c.Problem = problem
		d.host.ContactChanged(c)
	}
}
