package account

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"zeroms/client/profile"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// The address secret S finds the user's records and profiles. It is replaced to hide
// from whoever knows it and is no contact: holders of cards, removed and blocked
// people. For a time both work, so that contacts who are away learn the new one.

// overlapMost is for how long a replaced address secret works at most: whoever was
// away for so long has to be given a card again.
const overlapMost = 37 * 24 * time.Hour

// ErrOverlap is returned for a renewal while the address before the last one still
// works.
var ErrOverlap = errors.New("client: your address was renewed and the one before it still works")

// Renew replaces the address secret and makes a card that shows the new one. Cards
// made before work until EndOverlap. Errors: wire.ErrSetBack, ErrOverlap.
func (a *Account) Renew() (*Card, error) {
	switch {
	case a.Stopped():
		return nil, wire.ErrSetBack
	case a.Self.Overlaps():
		return nil, fmt.Errorf("%w: it can be renewed again once all contacts know the new one, on %s at the latest",
			ErrOverlap, a.Ends().UTC().Format(time.DateOnly))
	}
	for _, k := range a.cards {
		k.dirty = true // each is stored with the secret that it shows
	}
	former := a.Self.Address
	for _, h := range a.homes {
		h.replaced(former)
	}
	a.Self.Former, a.Self.Renewed, a.Self.Address = former, a.host.Now(), key.NewAddressSecret()
	a.put = append(a.put, a.Self.Row())
	k := a.AddCard()
	for _, h := range a.Homes() {
		a.publish(h)
	}
	return k, nil
}

// Ends is when the address secret before the present one works no more, at the
// latest; zero: it does not.
func (a *Account) Ends() time.Time {
	if !a.Self.Overlaps() {
		return time.Time{}
	}
	return a.Self.Renewed.Add(overlapMost)
}

// EndOverlap has the address secret before the present one work no more: its
// profiles, and the doors of the cards that show it, are deleted at every home.
func (a *Account) EndOverlap() {
	if !a.Self.Overlaps() {
		return
	}
	stopping := a.Stopping()
	a.Self.Former, a.Self.Renewed = key.AddressSecret{}, time.Time{}
	a.put = append(a.put, a.Self.Row())
	for _, k := range stopping {
		k.Revoked, k.dirty = true, true
	}
	for _, h := range a.Homes() {
		for _, k := range stopping {
			a.registerDoor(h, k)
		}
		a.publishOld(h)
	}
}

// Stopping are the cards that work no more once the overlap ends; without one, those
// that a renewal would end.
func (a *Account) Stopping() []*Card {
	ends := a.Self.Address
	if a.Self.Overlaps() {
		ends = a.Self.Former
	}
	return slices.DeleteFunc(a.Cards(), func(k *Card) bool { return k.Public || k.Revoked || !k.Address.Equal(ends.Bytes()) })
}

// Shows reports whether a card shows the present address secret, or is public.
func (a *Account) Shows(k *Card) bool { return k.Public || k.Address.Equal(a.Self.Address.Bytes()) }

// replaced notes that the profile at a home lies under a secret that is not the
// present one any more.
func (h *Home) replaced(secret key.AddressSecret) {
	if h.old(secret) == nil && h.Published != [32]byte{} {
		h.Old = append(h.Old, &profile.OldBlob{Secret: secret, Print: h.Published})
		h.Old = h.Old[max(0, len(h.Old)-profile.MaxOld):]
	}
	h.Published, h.dirty = [32]byte{}, true
}

// old is what is known of the profile at a home under a former secret.
func (h *Home) old(secret key.AddressSecret) *profile.OldBlob {
	for _, o := range h.Old {
		if o.Secret.Equal(secret.Bytes()) {
			return o
		}
	}
	return nil
}

// forget drops a profile that does not lie at the home any more.
func (h *Home) forget(o *profile.OldBlob) {
	h.Old = slices.DeleteFunc(slices.Clone(h.Old), func(k *profile.OldBlob) bool { return k == o })
	h.dirty = true
}

// publishOld makes what lies at a home under former secrets what it should be: the
// profile, as long as the secret works, and then nothing.
func (a *Account) publishOld(h *Home) {
	if a.Self.Overlaps() && h.old(a.Self.Former) == nil {
		h.Old, h.dirty = append(slices.Clone(h.Old), &profile.OldBlob{Secret: a.Self.Former}), true
	}
	for _, o := range h.Old {
		switch {
		case a.Self.Address.Equal(o.Secret.Bytes()): // of a gateway that was left and added again
			h.forget(o)
		case a.Self.Lives(o.Secret):
			a.publishAs(h, o.Secret, nil)
		case h.Up:
			a.store(h, a.signer(h, o.Secret), nil, func() { h.forget(o) })
		}
	}
}
