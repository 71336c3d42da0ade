package backup

import (
	"context"
	"time"

	"zeroms/client/profile"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Import brings what an archive knows into a profile that is there already, in
// one batch: contacts that are missing with their conversations, and messages
// that are missing. Whatever the profile knows itself stays as it is, so that
// nothing newer is lost, and a second import changes nothing. Cards come back
// only if they belong to the address secret that the profile uses, home gateways
// only if it has none. Nothing else may use the store meanwhile. Errors:
// ErrNoOwner, ErrOther, wire.ErrSetBack (the archive knows messages of this very
// device that the profile does not: Rejoin first), those of s.
func Import(ctx context.Context, s Store, c *Content, now time.Time) (Counts, error) {
	rows, err := s.Load(ctx)
	if err != nil {
		return Counts{}, err
	}
	self, err := owner(rows)
	if err != nil {
		return Counts{}, err
	}
	if self.User != c.Owner.User {
		return Counts{}, ErrOther
	}
	origin, _ := self.List.Origin(self.Device)
	i := importing{
		b:    &beginning{self: self, origin: origin, now: now},
		byID: map[uint64]uint64{}, users: map[key.IdentityPublic]uint64{}, cards: map[key.CardID]bool{}, faults: map[[16]byte]bool{},
	}
	for _, r := range rows {
		if err := i.row(r); err != nil {
			return Counts{}, err
		}
	}
	i.places(c)
	if err := i.people(ctx, s, c); err != nil {
		return Counts{}, err
	}
	if len(i.b.rows) == 0 {
		return Counts{}, nil
	}
	return i.counts, s.Commit(ctx, &profile.Batch{Now: now, Put: i.b.rows})
}

// importing is an Import on its way.
type importing struct {
	b      *beginning
	users  map[key.IdentityPublic]uint64 // contacts that are there
	byID   map[uint64]uint64             // number in the archive -> number here
	cards  map[key.CardID]bool
	faults map[[16]byte]bool
	homes  int
	last   uint64
	counts Counts
}

// row notes what is there already.
func (i *importing) row(r profile.Row) error {
	switch r.Table {
	case profile.TableCard:
		k, err := profile.ParseCard(r)
		if err != nil {
			return err
		}
		i.cards[k.ID] = true
	case profile.TableHome:
		h, err := profile.ParseHome(r)
		if err != nil {
			return err
		}
		if h.Removed.IsZero() {
			i.homes++
		}
	case profile.TableContact:
		c, err := profile.ParseContact(r)
		if err != nil {
			return err
		}
		i.users[c.User] = c.ID
		i.last = max(i.last, c.ID)
	case profile.TableEvidence:
		e, err := profile.ParseEvidence(r)
		if err != nil {
			return err
		}
		i.faults[e.ID] = true
	case profile.TableOutbox:
		item, _, err := profile.ParseItem(r)
		if err != nil {
			return err
		}
		i.b.items = max(i.b.items, item.ID)
	}
	return nil
}

// places takes cards and homes.
func (i *importing) places(c *Content) {
	if i.b.self.Address.Equal(c.Owner.Address.Bytes()) {
		for _, k := range c.Cards {
			if !i.cards[k.ID] && (k.Public || k.Revoked || k.Address.IsZero() || i.b.self.Lives(k.Address)) {
				i.counts.Cards++
				i.b.put(k.Row())
			}
		}
	}
	if i.homes == 0 {
		for _, h := range c.Homes {
			i.counts.Homes++
			i.b.put(h.Row())
		}
	}
}

// people takes contacts and messages.
func (i *importing) people(ctx context.Context, s Store, c *Content) error {
	history := map[uint64][]*profile.Message{}
	for _, m := range c.Messages {
		history[m.Contact] = append(history[m.Contact], m)
	}
	for _, k := range c.Contacts {
		from := k.ID
		to, known := i.users[k.User]
		if !known {
			i.last++
			to = i.last
		}
		i.byID[from] = to
		for _, m := range history[from] {
			m.Contact = to
			if err := i.message(ctx, s, m); err != nil {
				return err
			}
		}
		if known {
			continue
		}
		k.ID = to
		i.counts.Contacts++
		if err := i.b.contact(k, history[from]); err != nil {
			return err
		}
	}
	for _, e := range c.Evidence {
		if !i.faults[e.ID] {
			e.Contact = i.byID[e.Contact]
			i.counts.Evidence++
			i.b.put(e.Row())
		}
	}
	return nil
}

// message takes a message that is not there.
func (i *importing) message(ctx context.Context, s Store, m *profile.Message) error {
	_, there, err := s.Message(ctx, profile.MessageKey(m.ID))
	if err != nil || there {
		return err
	}
	if m.User == i.b.self.User && m.Device == i.b.self.Device {
		// This device wrote it and forgot: to go on would fork its chain.
		return wire.ErrSetBack
	}
	settle(m)
	i.counts.Messages++
	i.b.put(m.Row())
	return nil
}
