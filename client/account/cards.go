package account

import (
	"cmp"
	"fmt"
	"slices"

	"zeroms/client/profile"
	"zeroms/client/view"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/session"
	"zeroms/protocol/wire"
)

// Cards returns the cards, oldest first.
func (a *Account) Cards() []*Card {
	out := make([]*Card, 0, len(a.cards))
	for _, k := range a.cards {
		out = append(out, k)
	}
	slices.SortFunc(out, func(x, y *Card) int {
		return cmp.Or(x.Created.Compare(y.Created), slices.Compare(x.ID[:], y.ID[:]))
	})
	return out
}

// AddCard makes a further card, with a door of its own.
func (a *Account) AddCard() *Card { return a.giveOut(profile.NewCard(a.host.Now())) }

func (a *Account) giveOut(c *profile.Card) *Card {
	k := &Card{Card: c, dirty: true}
	if !k.Public {
		k.Address = a.Self.Address
	}
	a.cards[k.ID] = k
	a.indexDoors()
	for _, h := range a.Homes() {
		a.registerDoor(h, k)
	}
	return k
}

// PublicCard is the card for everybody, nil if there is none.
func (a *Account) PublicCard() *Card {
	for _, k := range a.cards {
		if k.Public && !k.Revoked {
			return k
		}
	}
	return nil
}

// MakePublic makes the card for everybody, or changes the work that its door
// takes: so many zero bits, 0 for the least. There is at most one. With byKey its
// owner is found by the user ID alone: a card that is not like that is revoked.
// Errors: wire.ErrValue for more or less work than a door may ask for.
func (a *Account) MakePublic(bits uint8, byKey bool) (*Card, error) {
	if bits == 0 {
		bits = wire.MinDoorBits
	}
	if bits < wire.MinDoorBits || bits > wire.MaxWorkBits {
		return nil, wire.ErrValue.Because(fmt.Sprintf("a public door takes work of %d to %d bits", wire.MinDoorBits, wire.MaxWorkBits))
	}
	k := a.PublicCard()
	if k != nil && byKey && !k.ByKey() {
		if err := a.RevokeCard(k.ID); err != nil {
			return nil, err
		}
		k = nil
	}
	switch {
	case k == nil:
		made := profile.NewPublicCard(bits, a.host.Now())
		if byKey {
			made.Address = key.AddressSecret{}
		}
		return a.giveOut(made), nil
	case k.Bits != bits:
		k.Bits, k.dirty = bits, true
		clear(k.Doors)
		for _, h := range a.Homes() {
			a.registerDoor(h, k)
		}
	}
	return k, nil
}

// RevokeCard closes a card's door at every home, and makes what a public card
// shows unreadable; contacts made through it stay.
func (a *Account) RevokeCard(id key.CardID) error {
	k := a.cards[id]
	if k == nil {
		return fmt.Errorf("client: no card has the id %s; see card show --list", id)
	}
	k.Revoked, k.dirty = true, true
	for _, h := range a.Homes() {
		a.registerDoor(h, k)
	}
	return nil
}

// CardText is the code of a card, with the gateways of now if it is to name any;
// empty if it is revoked or there is no gateway.
func (a *Account) CardText(k *Card, named bool) (string, error) {
	if k.Revoked || len(a.order) == 0 {
		return "", nil
	}
	shown := card.Card{User: a.Self.User, Address: k.Address, FoundByKey: k.ByKey(), Door: k.Door, Name: a.Self.Name}
	if k.Public {
		shown.Public, shown.Door = true, key.DoorSecret{}
	}
	var homes []*Home
	if named {
		homes = a.receiving()
	}
	for _, h := range homes[:min(len(homes), card.MaxGateways)] {
		shown.Gateways = append(shown.Gateways, h.Address.Gateway())
	}
	return shown.Text()
}

// NewestCard is the newest private card that works and goes on to; it is made if
// there is none.
func (a *Account) NewestCard() *Card {
	for _, k := range slices.Backward(a.Cards()) {
		if !k.Revoked && !k.Public && a.Shows(k) {
			return k
		}
	}
	return a.AddCard()
}

// Describe is a card as others see it, with the gateways of now.
func (a *Account) Describe(k *Card) (view.Card, error) {
	c := view.Card{ID: k.ID, Created: k.Created, Revoked: k.Revoked, Public: k.Public, ByKey: k.ByKey(), Former: !a.Shows(k)}
	if c.Former && !k.Revoked {
		c.Ends = a.Ends()
	}
	var err error
	if c.Text, err = a.CardText(k, true); err == nil {
		c.Bare, err = a.CardText(k, false)
	}
	return c, err
}

// DescribeAll is Describe of several.
func (a *Account) DescribeAll(cards []*Card) (out []view.Card, err error) {
	for _, k := range cards {
		c, err := a.Describe(k)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// Door is the card whose door stands at a place, nil if there is none.
func (a *Account) Door(at Place) *Card { return a.doors[at] }

func (a *Account) indexDoors() {
	clear(a.doors)
	for _, k := range a.cards {
		for node, h := range a.homes {
			a.doors[Place{node, a.doorOf(h, k)}] = k
		}
	}
}

// AcceptParams is what inits are opened with; k is the card at whose door one
// lay, nil at a contact's drop.
func (a *Account) AcceptParams(k *Card) session.AcceptParams {
	return session.AcceptParams{
		Identity: a.Self.User, Device: a.Self.Signer.Public(), Prekeys: a.prekeys,
		Door: func(id key.CardID) (d key.DoorSecret, ok bool) {
			if k == nil || k.ID != id {
				return d, false
			}
			return k.Door, true
		},
	}
}
