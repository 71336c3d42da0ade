package account

import (
	"crypto/sha256"

	"zeroms/client/home"
	"zeroms/client/profile"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Register registers at a home every door that it lacks, and the profile. The
// drops of contacts are registered by RegisterDrop.
func (a *Account) Register(h *Home) {
	for _, k := range a.cards {
		a.registerDoor(h, k)
	}
	a.publish(h)
}

// RegisterDrop makes a contact's drop what it should be at every home that is
// up: there for an accepted contact, gone for a blocked one. It marks in the
// contact where it stands and calls done each time that changed.
func (a *Account) RegisterDrop(c *profile.Contact, done func()) {
	for _, h := range a.Homes() {
		if h.Up {
			a.registerDropAt(h, c, done)
		}
	}
}

func (a *Account) registerDropAt(h *Home, c *profile.Contact, done func()) {
	node := h.Address.Node
	drop, capability := c.Mine.Drop(node)
	switch {
	case c.State == profile.Accepted && !c.Registered[node]:
		put := &wire.DropPut{Object: a.object(h, wire.OpDropPut, drop, capability), Capability: [32]byte(capability.Bytes())}
		a.ask(h, drop, put, "a drop could not be registered", func() {
			if a.homes[node] == h {
				c.Registered[node] = true
				done()
				a.registerDropAt(h, c, done) // they may have been blocked meanwhile
			}
		})
	case c.State == profile.Blocked && c.Registered[node]:
		gone := &wire.DropDelete{Object: a.object(h, wire.OpDropDelete, drop, key.Capability{})}
		a.ask(h, drop, gone, "a drop could not be deleted", func() {
			delete(c.Registered, node)
			done()
			a.registerDropAt(h, c, done)
		})
	}
}

// ask sends a registration about a drop or door, one at a time for each. What
// failed is repeated by Register or RegisterDrop.
func (a *Account) ask(h *Home, drop key.DropID, p wire.Payload, failure string, done func()) {
	at := Place{h.Address.Node, drop}
	if a.registering[at] {
		return
	}
	a.registering[at] = true
	a.host.Ask(home.Request{To: h.Target(), Payload: p}, func(answer home.Answered) {
		delete(a.registering, at)
		if answer.Err != nil {
			a.log.Warn(failure, "error", answer.Err)
			a.host.RetrySoon()
			return
		}
		done()
	})
}

func (a *Account) object(h *Home, op uint8, drop key.DropID, capability key.Capability) wire.Object {
	body := wire.DropObject{Op: op, Account: h.Welcome.Tag, Drop: drop, Time: wire.Millis(a.host.Now())}
	if op != wire.OpDropDelete {
		body.CapabilityHash = capability.Hash()
	}
	return wire.Sign(h.login, key.ContextMailbox, body)
}

// doorOf is the door of a card at a home.
func (a *Account) doorOf(h *Home, k *Card) key.DropID {
	signer := key.ProfileSigner(a.Self.Identity, a.Self.Address, h.Place())
	return key.DoorOf(signer.Public(), k.Door.DoorKey(h.Address.Node))
}

// registerDoor makes a card's door at a home that is up what it should be:
// there, or gone if the card was revoked.
func (a *Account) registerDoor(h *Home, k *Card) {
	node := h.Address.Node
	if !h.Up || k.Doors[node] != k.Revoked {
		return
	}
	door, capability := a.doorOf(h, k), k.Door.Capability(node)
	if k.Revoked {
		gone := &wire.DropDelete{Object: a.object(h, wire.OpDropDelete, door, key.Capability{})}
		a.ask(h, door, gone, "a revoked card's door could not be closed", func() {
			delete(k.Doors, node)
			k.dirty = true
		})
		return
	}
	signer := key.ProfileSigner(a.Self.Identity, a.Self.Address, h.Place())
	account, number := a.Self.Seed.Mailbox(node).Public(), wire.Millis(a.host.Now())
	put := &wire.DoorPut{
		Object: a.object(h, wire.OpDoorPut, door, capability), Capability: [32]byte(capability.Bytes()),
		Profile: signer.Public(), X: k.Door.DoorKey(node), Number: number,
		Claim: signer.Sign(key.ContextDoorClaim, wire.DoorClaim(door, account, number)),
	}
	a.ask(h, door, put, "a card's door could not be registered", func() {
		k.Doors[node], k.dirty = true, true
		a.registerDoor(h, k) // it may have been revoked meanwhile
	})
}

// publish stores the profile blob at a home if what is there is outdated.
func (a *Account) publish(h *Home) {
	p := a.prekeys[len(a.prekeys)-1]
	id := p.ID()
	want := sha256.Sum256(key.Join(id[:], a.Self.Newest(), a.Fingerprint()))
	if !h.Up || h.publishing || h.Published == want {
		return
	}
	entries := a.Self.Entries
	blob, err := address.Seal(&address.Profile{
		Made: a.host.Now(), List: entries[max(0, len(entries)-address.MaxEntries):],
		Bundles: [][]byte{p.Bundle()}, Leases: a.Leases(),
	}, a.Self.User, a.Self.Address, h.Place(), a.Self.Signer)
	if err != nil {
		a.log.Error("the profile could not be sealed", "error", err)
		return
	}
	signer := key.ProfileSigner(a.Self.Identity, a.Self.Address, h.Place())
	account, number := a.Self.Seed.Mailbox(h.Address.Node).Public(), wire.Millis(a.host.Now())
	put := &wire.ProfilePut{
		Name: signer.Public(), Number: number, Blob: blob,
		Claim: signer.Sign(key.ContextProfileClaim, wire.ProfileClaim(account, number)),
	}
	h.publishing = true
	a.host.Ask(home.Request{To: h.Target(), Payload: put}, func(answer home.Answered) {
		h.publishing = false
		if answer.Err != nil {
			a.log.Warn("the profile could not be published", "error", answer.Err)
			a.host.RetrySoon()
			return
		}
		h.Published, h.dirty = want, true
	})
}
