package backup

import (
	"context"
	"time"

	"zeroms/client/profile"
	"zeroms/protocol/device"
	"zeroms/protocol/key"
)

// Owner is the person of a backup without any secret of their devices.
type Owner struct {
	User    key.IdentityPublic
	Name    string
	Created time.Time
	// Address is the secret by which holders of the person's cards find them.
	Address key.AddressSecret
	// Former is the one before it, while it still works; Renewed is since when. Zero:
	// there is none.
	Former  key.AddressSecret
	Renewed time.Time
	// Device is the device that made the backup.
	Device key.DeviceID
	// Entries are the person's own device list, oldest first; of a safe only the newest.
	Entries [][]byte
}

// Home is a home gateway, and what the device that made the backup is enrolled
// with there.
type Home struct {
	*profile.Home
	Login profile.Login
}

// loginOf is what a device is enrolled with.
func loginOf(secret key.DeviceSecret, at key.NodePublic) profile.Login {
	return profile.Login{Key: secret.Login(at).Public(), Cursor: secret.Cursor(at)}
}

// homeOf is a home of a person's device.
func homeOf(h *profile.Home, secret key.DeviceSecret) Home {
	return Home{Home: h, Login: loginOf(secret, h.Address.Node)}
}

// Content is what is kept of a person apart from the secrets of the moment.
type Content struct {
	// Made is when the backup was made, to the ms.
	Made     time.Time
	Owner    Owner
	Cards    []*profile.Card
	Homes    []Home
	Contacts []*profile.Contact
	// Messages are the history, none in a safe. Their Contact is a contact's ID.
	Messages []*profile.Message
	// Evidence are proven faults of gateways, none in a safe.
	Evidence []*profile.Evidence
	// More is how many contacts did not fit into a safe.
	More int
}

// Source is where a backup is made from. A *chat.Survey is one.
type Source interface {
	// Load returns the rows of the tables self, card, home, contact,
	// conversation and evidence; others are ignored.
	Load(ctx context.Context) ([]profile.Row, error)
	// Page returns messages as client.Store does.
	Page(ctx context.Context, conv uint64, before uint32, n int) ([]profile.Row, error)
}

// gather reads everything but the messages. Rows of people, cards and homes
// that can't be read are left out and counted: a backup of the rest is what
// their owner needs then.
func gather(rows []profile.Row, now time.Time) (c *Content, skipped int, err error) {
	c = &Content{Made: now}
	contacts := map[uint64]*profile.Contact{}
	var self *profile.Self
	for _, r := range rows {
		if r.Table == profile.TableSelf {
			if self, err = profile.ParseSelf(r); err != nil {
				return nil, 0, err
			}
		}
	}
	if self == nil {
		return nil, 0, ErrNoOwner
	}
	c.Owner = ownerOf(self)
	for _, r := range rows {
		if err := c.take(r, contacts, self); err != nil {
			skipped++
		}
	}
	for _, e := range c.Evidence {
		if contacts[e.Contact] == nil {
			e.Contact = 0
		}
	}
	for _, r := range rows {
		if k := contacts[r.Conv]; r.Table == profile.TableConversation && k != nil {
			if _, err := k.ParseConversation(r); err != nil {
				skipped++
			}
		}
	}
	return c, skipped, nil
}

func ownerOf(self *profile.Self) Owner {
	return Owner{
		User: self.User, Name: self.Name, Created: self.Created, Address: self.Address, Device: self.Device, Entries: self.Entries,
		Former: self.Former, Renewed: self.Renewed,
	}
}

// take takes the row of a card, home or contact.
func (c *Content) take(r profile.Row, contacts map[uint64]*profile.Contact, self *profile.Self) error {
	switch r.Table {
	case profile.TableCard:
		k, err := profile.ParseCard(r)
		if err != nil {
			return err
		}
		c.Cards = append(c.Cards, k)
	case profile.TableHome:
		h, err := profile.ParseHome(r)
		if err != nil {
			return err
		}
		if h.Removed.IsZero() {
			c.Homes = append(c.Homes, homeOf(h, self.Secret))
		}
	case profile.TableContact:
		k, err := profile.ParseContact(r)
		if err != nil {
			return err
		}
		contacts[k.ID] = &k
		c.Contacts = append(c.Contacts, &k)
	case profile.TableEvidence:
		e, err := profile.ParseEvidence(r)
		if err != nil {
			return err
		}
		if len(e.File)+1024 > maxRecord {
			return ErrTooLarge
		}
		c.Evidence = append(c.Evidence, e)
	}
	return nil
}

// list is what the backup knows of the person's device list.
func (o *Owner) list() (*device.List, error) {
	l := device.NewList(o.User)
	for _, b := range o.Entries {
		e, err := device.ParseEntry(b)
		if err != nil {
			return nil, err
		}
		if _, err := l.Accept(e); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// Join completes a backup by another one of the same person: what both know is
// taken from the newer, the history from c. Error: ErrOther.
func (c *Content) Join(o *Content) error {
	if c.Owner.User != o.Owner.User {
		return ErrOther
	}
	newer := o.Made.After(c.Made)
	if newer {
		entries := c.Owner.Entries
		c.Owner = o.Owner
		c.Owner.Entries = joinEntries(entries, o.Owner.Entries)
		c.Homes, c.Cards = o.Homes, o.Cards
	}
	last := uint64(0)
	byUser := map[key.IdentityPublic]*profile.Contact{}
	for _, k := range c.Contacts {
		byUser[k.User] = k
		last = max(last, k.ID)
	}
	for _, k := range o.Contacts {
		known := byUser[k.User]
		switch {
		case known == nil:
			last++
			k.ID = last
			c.Contacts = append(c.Contacts, k)
		case newer:
			list, id := known.List, known.ID
			*known = *k
			known.ID = id
			if known.List == nil {
				known.List = list
			}
		}
	}
	return nil
}

// joinEntries appends the entries that are not known, as long as they go on.
func joinEntries(entries, more [][]byte) [][]byte {
	newest := uint32(0)
	for _, b := range entries {
		if e, err := device.ParseEntry(b); err == nil {
			newest = max(newest, e.N)
		}
	}
	out := entries[:len(entries):len(entries)]
	for _, b := range more {
		if e, err := device.ParseEntry(b); err == nil && e.N > newest {
			out = append(out, b)
		}
	}
	return out
}
