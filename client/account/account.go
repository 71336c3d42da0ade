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
	// ErrLast is returned for draining the one home that receives.
	ErrLast = errors.New("client: this is the only gateway where you receive; add another one first (gateway add)")
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
	After(do func(links Links))
	// Changed reports a home whose state changed.
	Changed(h *Home)
	// RetrySoon has Register called again in a while.
	RetrySoon()
	// Report tells what has to be acted on. It may call back.
	Report(n Notice)
	// Safe is what the safe at a home is to be; nil if what is there, known by its
	// fingerprint, is still right.
	Safe(at key.Place, known [32]byte) *Safe
}

// Links are the connections to gateways; home.Pool is them.
type Links interface {
	// Open connects to a home gateway and stays with it until Close.
	Open(s home.Spec)
	// Close ends the connection to a home gateway for good.
	Close(t home.Target)
	// Restart ends a link that comes back after a pause.
	Restart(t home.Target)
	// Send hands over a request; its answer is of no interest.
	Send(r home.Request)
}

// Safe is the content of the safe at one home (docs/protocol/backup.md).
type Safe struct {
	// Signer names the safe and claims its place.
	Signer key.ProfilePrivate
	// Blob is what is stored: 4 or 16 KiB.
	Blob []byte
	// Print tells this content from others.
	Print [32]byte
}

// Account is the user with their cards, homes and prekeys.
type Account struct {
	// Self is the user; set before anything else.
	Self *profile.Self

	host        Host
	log         *slog.Logger
	cards       map[key.CardID]*Card
	homes       map[key.NodePublic]*Home
	order       []key.NodePublic                 // homes in the order of their addition
	past        map[key.NodePublic]*profile.Home // removed ones
	logs        map[key.NodePublic]*rowLog
	clocks      map[key.NodePublic]clock
	prekeys     []*session.Prekey // oldest first
	doors       map[Place]*Card
	registering map[Place]bool
	stored      map[key.NodePublic][]*profile.LogBlock // until Start
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
		past: map[key.NodePublic]*profile.Home{}, logs: map[key.NodePublic]*rowLog{}, clocks: map[key.NodePublic]clock{},
		doors: map[Place]*Card{}, registering: map[Place]bool{}, stored: map[key.NodePublic][]*profile.LogBlock{},
	}
}

// Restore takes a row of one of the tables self, card, home, prekey and log; the
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
			a.restoreHome(h)
		}
	case profile.TablePrekey:
		var p *session.Prekey
		if p, err = session.DecodePrekey(r.Data); err == nil {
			a.prekeys = append(a.prekeys, p)
		}
	case profile.TableLog:
		var b *profile.LogBlock
		if b, err = profile.ParseLogBlock(r); err == nil {
			a.stored[b.Node] = append(a.stored[b.Node], b)
		}
	default:
		return false, nil
	}
	return true, err
}

func (a *Account) restoreHome(h *profile.Home) {
	if !h.Removed.IsZero() {
		a.past[h.Address.Node] = h
		return
	}
	if now := a.host.Now(); h.Heard.After(now) {
		h.Heard = now // the clock was ahead then
	}
	a.homes[h.Address.Node] = newHome(h, a.host.Now())
	a.order = append(a.order, h.Address.Node)
}

// Start connects to all homes, once everything is restored.
func (a *Account) Start() {
	for node := range a.homes {
		a.logs[node] = newRowLog(node)
		a.logs[node].restore(a.stored[node])
	}
	a.stored = nil
	slices.SortFunc(a.order, func(x, y key.NodePublic) int {
		return cmp.Or(a.homes[x].Added.Compare(a.homes[y].Added), bytes.Compare(x[:], y[:]))
	})
	slices.SortFunc(a.prekeys, func(x, y *session.Prekey) int { return x.RenewAt().Compare(y.RenewAt()) })
	for _, k := range a.cards {
		if !k.Public && k.Address.IsZero() {
			k.Address = a.Self.Address
		}
	}
	a.indexDoors()
	for _, h := range a.Homes() {
		a.connect(h)
	}
}

// SetName changes what the user is called, on cards too.
func (a *Account) SetName(name string) {
	a.Self.Name = name
	a.put = append(a.put, a.Self.Row())
}

// Collect returns the rows that the turn changed and erased. How far the logs
// were followed waits until it is acknowledged, or another change of a home.
func (a *Account) Collect() (put []profile.Row, gone []profile.Ref) {
	for _, k := range a.cards {
		if k.dirty {
			a.put = append(a.put, k.Row())
			k.dirty = false
		}
	}
	for node, h := range a.homes {
		if h.moved && !h.dirty {
			continue
		}
		if h.dirty {
			a.put = append(a.put, h.Row())
			h.dirty, h.moved = false, false
		}
		put, gone := a.logs[node].collect()
		a.put, a.gone = append(a.put, put...), append(a.gone, gone...)
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
	for _, h := range a.receiving() {
		out = append(out, h.Lease())
	}
	return out
}

// Located is where the user receives, as far as it can stand in a record: by
// addresses, a name's as it was found when the home connected.
func (a *Account) Located() (out []address.Lease) {
	for _, h := range a.receiving() {
		packed, err := h.Lease().Encode52()
		if err != nil {
			if h.packed == nil {
				continue
			}
			packed = *h.packed
		}
		if l, err := address.Parse52(packed[:]); err == nil {
			out = append(out, l)
		}
	}
	return out
}

// Secrets are the address secrets by which the user can be found: of the cards, the
// one before it while that still works, and of the public card if there is one; that
// is zero if the key alone is enough.
func (a *Account) Secrets() []key.AddressSecret {
	out := []key.AddressSecret{a.Self.Address}
	if a.Self.Overlaps() {
		out = append(out, a.Self.Former)
	}
	if k := a.PublicCard(); k != nil {
		out = append(out, k.Address)
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

// AddHome makes a gateway a home, or gives a home a new address. One that was a
// home before goes on where it was. Errors: wire.ErrNetwork, wire.ErrSetBack,
// ErrTooMany, what is wrong with the address.
func (a *Account) AddHome(at card.Address) (*Home, error) {
	if err := at.Check(); err != nil {
		return nil, err
	}
	if network, ok := a.Network(); ok && network != at.Network {
		return nil, wire.ErrNetwork
	}
	now := a.host.Now()
	h, known := a.homes[at.Node]
	switch {
	case a.Stopped():
		return nil, wire.ErrSetBack
	case known:
		a.disconnect(h)
		h.move(at)
		h.Since, h.Problem, h.Retry = now, "connecting", time.Time{}
		h.Packed, h.packed = nil, nil
		a.undrain(h)
	case len(a.homes) >= MaxHomes:
		return nil, ErrTooMany
	default:
		kept := a.past[at.Node]
		if kept == nil {
			kept = &profile.Home{}
		}
		delete(a.past, at.Node)
		kept.Address, kept.Added, kept.Removed, kept.Lost = at, now, time.Time{}, time.Time{}
		kept.Draining, kept.Ends, kept.Packed = time.Time{}, time.Time{}, nil
		h = newHome(kept, now)
		a.homes[at.Node], a.logs[at.Node] = h, newRowLog(at.Node)
		a.order = append(a.order, at.Node)
		a.indexDoors()
	}
	h.dirty = true
	a.connect(h)
	a.host.Changed(h)
	return h, nil
}

// maxPast bounds the removed homes of which it is kept what was signed there.
const maxPast = 32

// RemoveHome ends a home. What was acknowledged there stays known: a later state
// of this profile would show by it, were the gateway added again. Errors:
// ErrNoHome.
func (a *Account) RemoveHome(node key.NodePublic) error {
	h, ok := a.homes[node]
	if !ok {
		return ErrNoHome
	}
	a.disconnect(h)
	delete(a.homes, node)
	a.order = slices.DeleteFunc(a.order, func(n key.NodePublic) bool { return n == node })
	a.bury(h)
	for _, k := range a.cards {
		delete(k.Doors, node)
		delete(k.Blobs, node)
		k.dirty = true
	}
	a.indexDoors()
	for _, other := range a.Homes() {
		a.publish(other)
	}
	return nil
}

// bury keeps of a removed home what it may be held against.
func (a *Account) bury(h *Home) {
	node := h.Address.Node
	a.logs[node].reset()
	_, gone := a.logs[node].collect()
	a.gone = append(a.gone, gone...)
	delete(a.logs, node)
	h.Removed, h.Address.Invite = a.host.Now(), key.Invite{}
	h.replaced(a.Self.Address) // it lies there until it is deleted, should the gateway be added again
	h.Published, h.Public, h.Safe, h.SafeAt = [32]byte{}, [32]byte{}, [32]byte{}, time.Time{}
	a.past[node] = h.Home
	a.put = append(a.put, h.Row())
	if len(a.past) <= maxPast {
		return
	}
	oldest := node
	for n, p := range a.past {
		if p.Removed.Before(a.past[oldest].Removed) {
			oldest = n
		}
	}
	delete(a.past, oldest)
	a.gone = append(a.gone, profile.Ref{Table: profile.TableHome, Key: oldest[:]})
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
		a.storeSafe(h)
	}
}
