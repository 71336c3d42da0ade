// Package reach is how a contact is reached: what their published profile and
// their inits say, checked against what is known of their device list, and the
// routes to their drop or the door of their card. It is plain functions over a
// contact; what follows from them is the engine's.
package reach

import (
	"errors"
	"slices"
	"time"

	"zeroms/client/profile"
	"zeroms/protocol/address"
	"zeroms/protocol/card"
	"zeroms/protocol/device"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
	"zeroms/protocol/session"
	"zeroms/protocol/wire"
)

// Source is where a profile was read.
type Source struct {
	key.Place
	// Seen is when the newest profile read there was made, in ms.
	Seen uint64
}

// Published is what a contact's profile says, verified.
type Published struct {
	// List is the contact's device list, followed up to the profile's newest entry.
	List *device.List
	// Bundles are usable prekey bundles by device, at least one.
	Bundles map[key.DeviceID]*session.Bundle
	// Leases are where the contact can be reached.
	Leases []profile.Gateway
	// Door is the secret of the public door and Bits the work it takes; zero: the
	// profile names none.
	Door key.DoorSecret
	Bits uint8
	// Made is when the profile was made, in ms.
	Made uint64
}

// ReadProfile opens and verifies the profile blob that the gateway at place
// holds of a contact; seen is when the newest profile read there was made, in
// ms. Errors: those of address.Open, wire.ErrStaleList for one that is older
// than seen or that names an older device list than is known, and what is wrong
// with the list, its signature or the bundles; wire.ErrNoProfile for one behind a
// public card that names no public door, while there is no other way.
func ReadProfile(c *profile.Contact, blob []byte, at Source, now time.Time) (*Published, error) {
	p, err := address.Open(blob, c.User, c.Secret, at.Place, now)
	if err != nil {
		return nil, err
	}
	if wire.Millis(p.Made) < at.Seen {
		return nil, wire.ErrStaleList.Because("the gateway shows an older profile than before")
	}
	list := known(c)
	before := list.Ref().N
	for n, b := range p.List {
		newest, err := follow(list, b)
		if err != nil {
			return nil, err
		}
		if n == len(p.List)-1 && newest < before {
			return nil, wire.ErrStaleList.Because("the profile names an older device list than is known")
		}
	}
	signer, ok := list.Device(p.Signer)
	if !ok || !list.Live(p.Signer) {
		return nil, wire.ErrStaleList.Because("the profile's signer is not listed")
	}
	if err := p.Verify(signer.DSK); err != nil {
		return nil, err
	}
	if c.Public && c.Theirs.IsZero() && p.Door.IsZero() {
		return nil, wire.ErrNoProfile.Because("it names no public door")
	}
	out := &Published{List: list, Made: wire.Millis(p.Made), Door: p.Door, Bits: p.Difficulty}
	for _, l := range p.Leases {
		out.Leases = append(out.Leases, profile.FromLease(l))
	}
	out.Bundles, err = bundles(list, p.Bundles, now)
	return out, err
}

// Announced are the gateways that a contact says to receive at now; what is wrong with
// those that can't be used is the error.
func Announced(b *message.Drops) (leases []profile.Gateway, wrong error) {
	for _, raw := range b.Leases {
		l, err := address.ParseLease(raw)
		if err != nil {
			wrong = errors.Join(wrong, err)
			continue
		}
		leases = append(leases, profile.FromLease(l))
	}
	return leases, wrong
}

// known is a copy of what is known of a contact's device list.
func known(c *profile.Contact) *device.List {
	if c.List == nil {
		return device.NewList(c.User)
	}
	return c.List.Clone()
}

// follow accepts an entry and returns its number; one older than what is known
// changes nothing.
func follow(list *device.List, encoded []byte) (n uint32, err error) {
	entry, err := device.ParseEntry(encoded)
	if err != nil {
		return 0, err
	}
	if _, err := list.Accept(entry); err != nil && !errors.Is(err, wire.ErrStaleList) {
		return 0, err
	}
	return entry.N, nil
}

// bundles verifies the bundles of a profile. One counts if its device is live
// and it names an entry of the list not older than the one that added the device.
func bundles(list *device.List, encoded [][]byte, now time.Time) (map[key.DeviceID]*session.Bundle, error) {
	out := map[key.DeviceID]*session.Bundle{}
	var last error = wire.ErrExpired.Because("the profile has no prekey")
	for _, b := range encoded {
		for _, d := range list.Devices() {
			bundle, err := session.ParseBundle(b, d.DSK, now)
			if err != nil {
				last = err
				continue
			}
			if _, ok := list.Vouches(d.ID, device.Ref{N: bundle.List.N, Hash: bundle.List.Hash}); !ok {
				last = wire.ErrStaleList.Because("a prekey names an unknown device list")
				continue
			}
			out[d.ID] = bundle
		}
	}
	if len(out) == 0 {
		return nil, last
	}
	return out, nil
}

// FollowInit checks the device list entry that came with an init: it must be
// the initiator's, list the signing device as live and not contradict what is
// known of the contact. It returns the list with it.
func FollowInit(c *profile.Contact, block *session.Block) (*device.List, error) {
	list := known(c)
	if _, err := follow(list, block.ListEntry); err != nil {
		return nil, err
	}
	id := key.DeviceIDOf(block.Device)
	if d, ok := list.Device(id); !ok || d.DSK != block.Device || !list.Live(id) {
		return nil, wire.ErrStaleList.Because("the sender's device is not listed")
	}
	return list, nil
}

// TakeHandover takes where an initiator wants to be answered, unless it is
// known already, and then perhaps in newer words.
func TakeHandover(c *profile.Contact, block *session.Block, scope Scope) {
	if !c.Theirs.IsZero() && len(c.Leases) > 0 && c.Theirs.Equal(block.Drop.Bytes()) {
		return
	}
	var leases []profile.Gateway
	for _, packed := range block.Leases {
		if l, err := address.Parse52(packed[:]); err == nil {
			leases = append(leases, profile.FromLease(l))
		}
	}
	if leases = Within(scope, leases); len(leases) > 0 {
		c.Theirs, c.Leases = block.Drop, leases
	}
}

// Seen is when the newest profile that was read at a gateway was made, in ms.
func Seen(c *profile.Contact, at key.GatewayHash) uint64 {
	for _, g := range slices.Concat(c.Gateways, c.Leases) {
		if g.Hash == at {
			return g.Made
		}
	}
	return 0
}

// Learn takes from a profile read at node where else its owner is: as further
// places of the card before they have answered, later as their leases. Behind a
// public card it is the profile that names the door.
func Learn(c *profile.Contact, node key.NodePublic, p *Published, scope Scope) {
	if c.Public && !p.Door.IsZero() {
		c.Door, c.Bits = p.Door, p.Bits
	}
	leases := Within(scope, p.Leases)
	for n := range leases {
		leases[n].Made = Seen(c, leases[n].Hash)
	}
	if !c.Theirs.IsZero() && len(leases) > 0 {
		c.Leases = leases
	}
	for _, g := range leases {
		same := func(k profile.Gateway) bool { return k.Hash == g.Hash }
		if !slices.ContainsFunc(c.Gateways, same) && len(c.Gateways) < address.MaxLeases {
			c.Gateways = append(c.Gateways, g)
		}
	}
	for _, all := range [][]profile.Gateway{c.Gateways, c.Leases} {
		for n := range all {
			if all[n].Hash == key.GatewayHashOf(node) {
				all[n].Key, all[n].Made = node[:], p.Made
			}
		}
	}
}

// Found takes the gateways that a contact's address record names; it reports whether
// anything is new in them. The record is newer than what did not work.
func Found(c *profile.Contact, gateways []profile.Gateway) (news bool) {
	known := &c.Gateways
	if !c.Theirs.IsZero() {
		known = &c.Leases
	}
	same := func(a, b profile.Gateway) bool { return a.Hash == b.Hash && a.Host == b.Host && a.Port == b.Port }
	for n := range gateways {
		gateways[n].Made = Seen(c, gateways[n].Hash)
	}
	if slices.EqualFunc(*known, gateways, same) {
		return false
	}
	*known, c.Turn = gateways, 0
	return true
}

// Route is where an envelope goes.
type Route struct {
	Gateway    profile.Gateway
	Drop       key.DropID
	Capability key.Capability
	Door       bool
	// Bits is the work that a public door takes, in zero bits; 0: none.
	Bits uint8
}

// ToDrop leads to the contact's drop at one of their gateways, the turn-th;
// nil if they have not told where they are.
func ToDrop(c *profile.Contact, turn int) *Route {
	if c.Theirs.IsZero() || len(c.Leases) == 0 {
		return nil
	}
	return DropAt(c, c.Leases[turn%len(c.Leases)])
}

// DropAt leads to the contact's drop at this gateway.
func DropAt(c *profile.Contact, g profile.Gateway) *Route {
	r := &Route{Gateway: g}
	r.Drop, r.Capability = c.Theirs.Drop(g.Node())
	return r
}

// ToDoor leads to the door of the card we have, at the gateway whose turn it
// is; nil without a card, before that gateway's key is known, and before the
// profile behind a public card was read.
func ToDoor(c *profile.Contact) *Route {
	if len(c.Gateways) == 0 || c.Door.IsZero() {
		return nil
	}
	g := c.Gateways[int(c.Turn%uint32(len(c.Gateways)))]
	if !g.Known() {
		return nil
	}
	return DoorAt(c, g)
}

// DoorAt leads to the door of the card we have at this gateway.
func DoorAt(c *profile.Contact, g profile.Gateway) *Route {
	node := g.Node()
	name, err := key.ProfileName(c.User, c.Secret, key.Place{Network: c.Network, Node: node})
	if err != nil {
		return nil
	}
	r := &Route{Gateway: g, Door: true, Drop: key.DoorOf(name, c.Door.DoorKey(node)), Capability: c.Door.Capability(node)}
	if c.Public {
		r.Bits = max(c.Bits, wire.MinDoorBits)
	}
	return r
}

// FromCard takes what a card says of reaching its owner, in place of what an
// older one said; gateways are those of the card that the user may be sent to.
func FromCard(c *profile.Contact, k *card.Card, gateways []profile.Gateway) {
	c.Secret, c.Door, c.Public, c.Bits, c.Turn, c.Gateways = k.Address, k.Door, k.Public, 0, 0, gateways
}
