package account

import (
	"crypto/sha256"
	"time"

	"zeroms/client/home"
	"zeroms/client/profile"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Register registers at a home every door that it lacks, and stores the profiles
// and the safe. The drops of contacts are registered by RegisterDrop.
func (a *Account) Register(h *Home) {
	for _, k := range a.cards {
		a.registerDoor(h, k)
	}
	a.publish(h)
	a.storeSafe(h)
}

// RegisterDrop makes a contact's drop what it should be at every home that is
// up: there for an accepted contact, gone for a blocked or removed one. It marks in the
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
			if now, _ := c.Mine.Drop(node); a.homes[node] == h && now == drop {
				c.Registered[node] = true
				done()
				a.registerDropAt(h, c, done) // they may have been blocked meanwhile
			}
		})
	case (c.State == profile.Blocked || c.State == profile.Removed) && c.Registered[node]:
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

// signer claims what belongs to holders of an address secret at a home.
func (a *Account) signer(h *Home, s key.AddressSecret) key.ProfilePrivate {
	return key.ProfileSigner(a.Self.Identity, s, h.Place())
}

// doorOf is the door of a card at a home.
func (a *Account) doorOf(h *Home, k *Card) key.DropID {
	return key.DoorOf(a.signer(h, k.Address).Public(), k.Door.DoorKey(h.Address.Node))
}

// registerDoor makes a card's door at a home that is up what it should be:
// there, or gone if the card was revoked. Whatever a public card shows follows.
func (a *Account) registerDoor(h *Home, k *Card) {
	node := h.Address.Node
	if !h.Up || k.Doors[node] != k.Revoked {
		a.publishCard(h, k)
		return
	}
	door, capability := a.doorOf(h, k), k.Door.Capability(node)
	if k.Revoked {
		gone := &wire.DropDelete{Object: a.object(h, wire.OpDropDelete, door, key.Capability{})}
		a.ask(h, door, gone, "a revoked card's door could not be closed", func() {
			delete(k.Doors, node)
			k.dirty = true
			a.publishCard(h, k)
		})
		return
	}
	signer := a.signer(h, k.Address)
	account, number := a.Self.Seed.Mailbox(node).Public(), wire.Millis(a.host.Now())
	put := &wire.DoorPut{
		Object: a.object(h, wire.OpDoorPut, door, capability), Capability: [32]byte(capability.Bytes()),
		Profile: signer.Public(), X: k.Door.DoorKey(node), Number: number,
		Claim: signer.Sign(key.ContextDoorClaim, wire.DoorClaim(door, account, number)), Bits: k.Bits,
	}
	a.ask(h, door, put, "a card's door could not be registered", func() {
		if a.homes[node] != h {
			return
		}
		if k.Bits == put.Bits {
			k.Doors[node], k.dirty = true, true
		}
		a.registerDoor(h, k) // it may have been revoked or changed meanwhile
	})
}

// publish stores the profile at a home if what is there is outdated.
func (a *Account) publish(h *Home) {
	a.publishAs(h, a.Self.Address, nil)
	a.publishOld(h)
	for _, k := range a.cards {
		a.publishCard(h, k)
	}
}

// publishCard makes what a public card shows at a home what it should be: a
// profile that names the door once that stands, nothing if the card was revoked.
func (a *Account) publishCard(h *Home, k *Card) {
	node := h.Address.Node
	switch {
	case !k.Public || !h.Up:
	case !k.Revoked && k.Doors[node]:
		a.publishAs(h, k.Address, k)
	case k.Revoked && k.Blobs[node]:
		a.store(h, a.signer(h, k.Address), nil, func() {
			delete(k.Blobs, node)
			h.Public, h.dirty, k.dirty = [32]byte{}, true, true
			a.registerDoor(h, k)
		})
	}
}

// publishAs stores the profile under an address secret, that of a public card if k is
// one.
func (a *Account) publishAs(h *Home, secret key.AddressSecret, k *Card) {
	prekey := a.prekeys[len(a.prekeys)-1]
	id := prekey.ID()
	parts := [][]byte{id[:], a.Self.Newest(), a.Fingerprint()}
	entries := a.Self.Entries
	p := &address.Profile{
		Made: a.host.Now(), List: entries[max(0, len(entries)-address.MaxEntries):],
		Bundles: [][]byte{prekey.Bundle()}, Leases: a.Leases(),
	}
	if k != nil {
		p.Door, p.Difficulty = k.Door, k.Bits
		parts = append(parts, k.ID[:], []byte{k.Bits})
	}
	want := sha256.Sum256(key.Join(parts...))
	if there := a.lies(h, secret, k); !h.Up || there == nil || *there == want {
		return
	}
	blob, err := address.Seal(p, a.Self.User, secret, h.Place(), a.Self.Signer)
	if err != nil {
		a.log.Error("the profile could not be sealed", "error", err)
		return
	}
	if k != nil {
		k.Blobs[h.Address.Node], k.dirty = true, true // from now on it may lie there
	}
	a.store(h, a.signer(h, secret), blob, func() {
		if there := a.lies(h, secret, k); there != nil {
			*there, h.dirty = want, true
		}
		if k != nil {
			a.registerDoor(h, k) // it may have been revoked meanwhile
		} else {
			a.publishOld(h) // the secret may have been replaced meanwhile
		}
	})
}

// lies is the fingerprint of the profile that lies at a home under an address secret;
// nil: none is to lie there.
func (a *Account) lies(h *Home, secret key.AddressSecret, k *Card) *[32]byte {
	switch {
	case k != nil:
		return &h.Public
	case a.Self.Address.Equal(secret.Bytes()):
		return &h.Published
	}
	if o := h.old(secret); o != nil {
		return &o.Print
	}
	return nil
}

// store puts a blob under a name at a home, one at a time for each name.
func (a *Account) store(h *Home, signer key.ProfilePrivate, blob []byte, done func()) {
	name := signer.Public()
	if h.storing[name] {
		return
	}
	account, number := a.Self.Seed.Mailbox(h.Address.Node).Public(), wire.Millis(a.host.Now())
	put := &wire.ProfilePut{
		Name: name, Number: number, Blob: blob,
		Claim: signer.Sign(key.ContextProfileClaim, wire.ProfileClaim(account, number)),
	}
	h.storing[name] = true
	a.host.Ask(home.Request{To: h.Target(), Payload: put}, func(answer home.Answered) {
		delete(h.storing, name)
		switch {
		case a.homes[h.Address.Node] != h:
		case answer.Err != nil:
			a.log.Warn("a profile could not be stored", "error", answer.Err)
			a.host.RetrySoon()
		default:
			done()
		}
	})
}

// safePause is the least time between two versions of the safe at a home.
const safePause = time.Hour

// storeSafe puts the safe at a home if its content changed, at most hourly.
func (a *Account) storeSafe(h *Home) {
	now := a.host.Now()
	if !h.Up || h.Safe != [32]byte{} && now.Sub(h.SafeAt).Abs() < safePause {
		return
	}
	s := a.host.Safe(h.Place(), h.Safe)
	if s == nil {
		return
	}
	a.store(h, s.Signer, s.Blob, func() { h.Safe, h.SafeAt, h.dirty = s.Print, now, true })
}
