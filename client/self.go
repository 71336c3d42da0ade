package client

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"zeroms/client/home"
	"zeroms/client/profile"
	"zeroms/protocol/address"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/session"
	"zeroms/protocol/wire"
)

// ErrExists is returned when a profile already holds an identity.
var ErrExists = errors.New("client: this profile already holds an identity; use it, or choose another --profile folder")

// Create makes a new identity in an empty store: a seed, the first device, its
// device list and a first card. Errors: ErrExists, or what is wrong with the name.
func Create(ctx context.Context, s Store, name string, now time.Time) error {
	if err := card.CheckName(name); err != nil {
		return err
	}
	rows, err := s.Load(ctx)
	if err != nil {
		return err
	}
	if len(rows) > 0 {
		return ErrExists
	}
	self, err := profile.NewSelf(name, now)
	if err != nil {
		return err
	}
	return s.Commit(ctx, &Batch{Now: now, Put: []Row{self.Row(), profile.NewCard(now).Row()}})
}

// ownCard is a card that the user has given out.
type ownCard struct {
	*profile.Card
	dirty bool
}

// sortedCards returns the cards, oldest first.
func (e *engine) sortedCards() []*ownCard {
	out := make([]*ownCard, 0, len(e.cards))
	for _, k := range e.cards {
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b *ownCard) int {
		if c := a.Created.Compare(b.Created); c != 0 {
			return c
		}
		return slices.Compare(a.ID[:], b.ID[:])
	})
	return out
}

// describeCard shows a card with the gateways of now.
func (e *engine) describeCard(k *ownCard) (Card, error) {
	c := Card{ID: k.ID, Created: k.Created, Revoked: k.Revoked}
	if k.Revoked || len(e.order) == 0 {
		return c, nil
	}
	shown := card.Card{User: e.self.User, Address: e.self.Address, Door: k.Door, Name: e.self.Name}
	for _, n := range e.order[:min(len(e.order), card.MaxGateways)] {
		shown.Gateways = append(shown.Gateways, e.homes[n].Address.Gateway())
	}
	var err error
	c.Text, err = shown.Text()
	return c, err
}

// addCard makes a further card, with a door of its own.
func (e *engine) addCard() *ownCard {
	k := &ownCard{Card: profile.NewCard(e.now), dirty: true}
	e.cards[k.ID] = k
	e.indexCard(k)
	for _, n := range e.order {
		e.registerDoor(e.homes[n], k)
	}
	return k
}

// revokeCard closes the card's door at every home; contacts made through it stay.
func (e *engine) revokeCard(id key.CardID) error {
	k := e.cards[id]
	if k == nil {
		return fmt.Errorf("client: no card has the id %s; see card show", id)
	}
	k.Revoked, k.dirty = true, true
	for _, n := range e.order {
		e.closeDoor(e.homes[n], k)
	}
	return nil
}

// leases is where the user can be reached, as contacts are told.
func (e *engine) leases() []address.Lease {
	out := make([]address.Lease, 0, len(e.order))
	for _, n := range e.order {
		out = append(out, e.homes[n].Lease())
	}
	return out
}

// leaseBytes is a fingerprint of leases.
func leaseBytes(leases []address.Lease) []byte {
	var b []byte
	for _, l := range leases {
		b = append(b, l.Encode()...)
	}
	return b
}

// renewPrekeys erases prekeys whose time is over and makes a new one a week.
func (e *engine) renewPrekeys() {
	kept := e.prekeys[:0]
	for _, p := range e.prekeys {
		if e.now.Before(p.EraseAt()) {
			kept = append(kept, p)
			continue
		}
		id := p.ID()
		e.gone = append(e.gone, Ref{Table: profile.TablePrekey, Key: id[:]})
	}
	e.prekeys = kept
	if len(kept) > 0 && e.now.Before(kept[len(kept)-1].RenewAt()) {
		return
	}
	ref := e.self.List.Ref()
	p := session.NewPrekey(e.self.Signer, session.ListRef{N: ref.N, Hash: ref.Hash}, e.now)
	id := p.ID()
	e.prekeys = append(e.prekeys, p)
	e.put = append(e.put, Row{Table: profile.TablePrekey, Key: id[:], Data: p.Encode()})
}

// publish stores the profile blob at a home if what is there is outdated.
func (e *engine) publish(h *ownHome) {
	p := e.prekeys[len(e.prekeys)-1]
	id := p.ID()
	leases := e.leases()
	want := sha256.Sum256(key.Join(id[:], e.self.Newest(), leaseBytes(leases)))
	if !h.up || h.publishing || h.Published == want {
		return
	}
	entries := e.self.Entries
	blob, err := address.Seal(&address.Profile{
		Made: e.now, List: entries[max(0, len(entries)-address.MaxEntries):],
		Bundles: [][]byte{p.Bundle()}, Leases: leases,
	}, e.self.User, e.self.Address, h.Place(), e.self.Signer)
	if err != nil {
		e.log.Error("the profile could not be sealed", "error", err)
		return
	}
	signer := key.ProfileSigner(e.self.Identity, e.self.Address, h.Place())
	account, number := e.self.Seed.Mailbox(h.Address.Node).Public(), wire.Millis(e.now)
	h.publishing = true
	e.ask(h.target(), &wire.ProfilePut{
		Name: signer.Public(), Number: number, Blob: blob,
		Claim: signer.Sign(key.ContextProfileClaim, wire.ProfileClaim(account, number)),
	}, func(a home.Answered) {
		h.publishing = false
		if e.registered(a, "the profile could not be published") {
			h.Published, h.dirty = want, true
		}
	})
}
