// Package account is the user's side of their home gateways: what stands there
// under the user's account (drops, front doors, the profile with its prekeys),
// how far each home's log was processed, and the cards that were given out. It
// is a plain state machine: a Host performs what it decides, after the turn's
// batch is durable.
package account

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"zeroms/client/home"
	"zeroms/client/profile"
	"zeroms/client/reach"
	"zeroms/protocol/address"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/session"
	"zeroms/protocol/wire"
)

// MaxHomes bounds the home gateways of a profile.
const MaxHomes = 5

// Errors of accounts.
var (
	// ErrNoHome is returned for a gateway that is not one of the user's.
	ErrNoHome = errors.New("client: this is not one of your gateways; see gateway list")
	// ErrTooMany is returned for one gateway more than MaxHomes.
	ErrTooMany = fmt.Errorf("client: a profile has at most %d home gateways; remove one first", MaxHomes)
)

// Host performs what an Account decides.
type Host interface {
	// Now is the time of the turn.
	Now() time.Time
	// Ask sends a request after the turn; its answer comes back into the loop.
	Ask(r home.Request, done func(home.Answered))
	// After does something with the links after the turn.
	After(do func(links *home.Pool))
	// Changed reports a home whose state changed.
	Changed(h *Home)
	// RetrySoon has Register called again in a while.
	RetrySoon()
}

// Account is the user with their cards, homes and prekeys.
type Account struct {
	// Self is the user; set before anything else.
	Self *profile.Self

	host        Host
	log         *slog.Logger
	cards       map[key.CardID]*Card
	homes       map[key.NodePublic]*Home
	order       []key.NodePublic  // homes in the order of their addition
	prekeys     []*session.Prekey // oldest first
	doors       map[Place]*Card
	registering map[Place]bool
	put         []profile.Row
	gone        []profile.Ref
}

// Place is a drop or door at one gateway.
type Place struct {
	Node key.NodePublic
	Drop key.DropID
}

// Card is a card that was given out.
type Card struct {
	*profile.Card
	dirty bool
}

// New makes an account without anything in it.
func New(host Host, log *slog.Logger) *Account {
	return &Account{
		host: host, log: log, cards: map[key.CardID]*Card{}, homes: map[key.NodePublic]*Home{},
		doors: map[Place]*Card{}, registering: map[Place]bool{},
	}
}

// Restore takes a row of one of the tables self, card, home and prekey; the
// owner's comes first. ok is false for rows of other tables.
func (a *Account) Restore(r profile.Row) (ok bool, err error) {
	switch r.Table {
	case profile.TableSelf:
		a.Self, err = profile.ParseSelf(r)
	case profile.TableCard:
		var k *profile.Card
		if k, err = profile.ParseCard(r); err == nil {
			a.cards[k.ID] = &Card{Card: k}
		}
	case profile.TableHome:
		var h *profile.Home
		if h, err = profile.ParseHome(r); err == nil {
			a.homes[h.Address.Node] = newHome(h, a.host.Now())
			a.order = append(a.order, h.Address.Node)
		}
	case profile.TablePrekey:
		var p *session.Prekey
		if p, err = session.DecodePrekey(r.Data); err == nil {
			a.prekeys = append(a.prekeys, p)
		}
	default:
		return false, nil
	}
	return true, err
}

// Start connects to all homes, once everything is restored.
func (a *Account) Start() {
	slices.SortFunc(a.order, func(x, y key.NodePublic) int {
		return cmp.Or(a.homes[x].Added.Compare(a.homes[y].Added), bytes.Compare(x[:], y[:]))
	})
	slices.SortFunc(a.prekeys, func(x, y *session.Prekey) int { return x.RenewAt().Compare(y.RenewAt()) })
	a.indexDoors()
	for _, h := range a.Homes() {
		a.connect(h)
	}
}

// Collect returns the rows that the turn changed and erased.
func (a *Account) Collect() (put []profile.Row, gone []profile.Ref) {
	for _, k := range a.cards {
		if k.dirty {
			a.put = append(a.put, k.Row())
			k.dirty = false
		}
	}
	for _, h := range a.homes {
		if h.dirty {
			a.put = append(a.put, h.Row())
			h.dirty = false
		}
	}
	put, gone = a.put, a.gone
	a.put, a.gone = nil, nil
	return put, gone
}

// Homes returns the home gateways in the order of their addition.
func (a *Account) Homes() []*Home {
	out := make([]*Home, 0, len(a.order))
	for _, n := range a.order {
		out = append(out, a.homes[n])
	}
	return out
}

// Home returns the home with this key, nil if there is none.
func (a *Account) Home(node key.NodePublic) *Home { return a.homes[node] }

// Network is the network of the homes; ok is false without any.
func (a *Account) Network() (n key.Network, ok bool) {
	if len(a.order) == 0 {
		return n, false
	}
	return a.homes[a.order[0]].Address.Network, true
}

// Scope is the widest scope of the homes.
func (a *Account) Scope() (s reach.Scope) {
	for _, h := range a.homes {
		s = max(s, reach.ScopeOf(h.Target().Endpoint.Host))
	}
	return s
}

// Leases is where the user can be reached, as contacts are told.
func (a *Account) Leases() []address.Lease {
	out := make([]address.Lease, 0, len(a.order))
	for _, h := range a.Homes() {
		out = append(out, h.Lease())
	}
	return out
}

// Fingerprint changes whenever contacts have to be told of new gateways.
func (a *Account) Fingerprint() (b []byte) {
	for _, l := range a.Leases() {
		b = append(b, l.Encode()...)
	}
	return b
}

// AddHome makes a gateway a home, or gives a home a new address. Errors:
// wire.ErrNetwork, ErrTooMany, what is wrong with the address.
func (a *Account) AddHome(at card.Address) (*Home, error) {
	if err := at.Check(); err != nil {
		return nil, err
	}
	if network, ok := a.Network(); ok && network != at.Network {
		return nil, wire.ErrNetwork
	}
	h, known := a.homes[at.Node]
	switch {
	case known:
		a.disconnect(h)
		h.Address, h.Up, h.Since, h.Problem, h.Retry = at, false, a.host.Now(), "connecting", time.Time{}
	case len(a.homes) >= MaxHomes:
		return nil, ErrTooMany
	default:
		h = newHome(&profile.Home{Address: at, Added: a.host.Now()}, a.host.Now())
		a.homes[at.Node] = h
		a.order = append(a.order, at.Node)
		a.indexDoors()
	}
	h.dirty = true
	a.connect(h)
	a.host.Changed(h)
	return h, nil
}

// RemoveHome ends a home. Errors: ErrNoHome.
func (a *Account) RemoveHome(node key.NodePublic) error {
	h, ok := a.homes[node]
	if !ok {
		return ErrNoHome
	}
	a.disconnect(h)
	delete(a.homes, node)
	a.order = slices.DeleteFunc(a.order, func(n key.NodePublic) bool { return n == node })
	a.gone = append(a.gone, profile.Ref{Table: profile.TableHome, Key: node[:]})
	for _, k := range a.cards {
		delete(k.Doors, node)
		k.dirty = true
	}
	a.indexDoors()
	for _, other := range a.Homes() {
		a.publish(other)
	}
	return nil
}

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
func (a *Account) AddCard() *Card {
	k := &Card{Card: profile.NewCard(a.host.Now()), dirty: true}
	a.cards[k.ID] = k
	a.indexDoors()
	for _, h := range a.Homes() {
		a.registerDoor(h, k)
	}
	return k
}

// RevokeCard closes a card's door at every home; contacts made through it stay.
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

// CardText is the code of a card with the gateways of now; empty if it is
// revoked or there is no gateway.
func (a *Account) CardText(k *Card) (string, error) {
	if k.Revoked || len(a.order) == 0 {
		return "", nil
	}
	shown := card.Card{User: a.Self.User, Address: a.Self.Address, Door: k.Door, Name: a.Self.Name}
	for _, h := range a.Homes()[:min(len(a.order), card.MaxGateways)] {
		shown.Gateways = append(shown.Gateways, h.Address.Gateway())
	}
	return shown.Text()
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

// Sweep erases prekeys whose time is over, makes a new one a week, and
// publishes what is outdated.
func (a *Account) Sweep() {
	now := a.host.Now()
	kept := a.prekeys[:0]
	for _, p := range a.prekeys {
		if now.Before(p.EraseAt()) {
			kept = append(kept, p)
			continue
		}
		id := p.ID()
		a.gone = append(a.gone, profile.Ref{Table: profile.TablePrekey, Key: id[:]})
	}
	a.prekeys = kept
	if len(kept) == 0 || !now.Before(kept[len(kept)-1].RenewAt()) {
		ref := a.Self.List.Ref()
		p := session.NewPrekey(a.Self.Signer, session.ListRef{N: ref.N, Hash: ref.Hash}, now)
		id := p.ID()
		a.prekeys = append(a.prekeys, p)
		a.put = append(a.put, profile.Row{Table: profile.TablePrekey, Key: id[:], Data: p.Encode()})
	}
	for _, h := range a.Homes() {
		a.publish(h)
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
