package backup

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"zeroms/client/profile"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// SafeSize is the size of every safe, that of a large profile blob.
const SafeSize = wire.MaxProfile

const (
	safeLength = 4 // the length before the content
	safeRoom   = SafeSize - chacha20poly1305.NonceSizeX - chacha20poly1305.Overhead - safeLength
	safePlaces = 2 // gateways kept of a contact
)

// safeRecord is the content of a safe.
type safeRecord struct {
	Version  uint8           `cbor:"1,keyasint"`
	Owner    ownerRecord     `cbor:"2,keyasint"`
	Homes    []homeRecord    `cbor:"3,keyasint"`
	Cards    []cardRecord    `cbor:"4,keyasint"`
	Contacts []contactRecord `cbor:"5,keyasint"` // the newest first
	More     uint32          `cbor:"6,keyasint"` // contacts that did not fit
}

// Safe is what lies in the safes of a person's homes; each home gets the same
// under a name and key of its own.
type Safe struct {
	plain  []byte
	digest [32]byte
	// Contacts is how many contacts fit.
	Contacts int
	// More is how many did not: the oldest ones.
	More int
}

// Members are what a safe is made of; nothing in it is changed.
type Members struct {
	Self     *profile.Self
	Cards    []*profile.Card
	Homes    []*profile.Home
	Contacts []*profile.Contact
}

// NewSafe packs as much as fits: the person, their homes, their cards that
// work, and of the accepted and blocked contacts the newest ones. Strangers who
// wait for a decision are left out.
func NewSafe(m Members, now time.Time) (*Safe, error) {
	c := Content{Made: now, Owner: ownerOf(m.Self)}
	c.Owner.Entries = [][]byte{m.Self.Newest()}
	r := safeRecord{Version: version, Owner: c.ownerRecord()}
	for _, h := range m.Homes {
		if !h.Removed.IsZero() {
			continue
		}
		rec, err := recordOfHome(homeOf(h, m.Self.Secret))
		if err != nil {
			return nil, err
		}
		r.Homes = append(r.Homes, rec)
	}
	for _, k := range m.Cards {
		if !k.Revoked {
			r.Cards = append(r.Cards, recordOfCard(k, m.Self.Address))
		}
	}
	slices.SortFunc(r.Homes, func(a, b homeRecord) int {
		return cmp.Or(cmp.Compare(a.Added, b.Added), cmp.Compare(a.Address, b.Address))
	})
	slices.SortFunc(r.Cards, func(a, b cardRecord) int {
		return cmp.Or(cmp.Compare(a.Created, b.Created), slices.Compare(a.Door, b.Door))
	})
	r.Cards = r.Cards[max(0, len(r.Cards)-safeCards):]
	return r.pack(m.Contacts)
}

// safeCards bounds the cards of a safe, of some 30 bytes each.
const safeCards = 64

// pack fills the room with contacts.
func (r *safeRecord) pack(all []*profile.Contact) (*Safe, error) {
	var kept []*profile.Contact
	for _, c := range all {
		if c.State == profile.Accepted || c.State == profile.Blocked {
			kept = append(kept, c)
		}
	}
	slices.SortFunc(kept, func(a, b *profile.Contact) int {
		return cmp.Or(b.Added.Compare(a.Added), cmp.Compare(b.ID, a.ID))
	})
	// The head of a list and the number of what is left out take up to 5 bytes more each.
	room := safeRoom - len(wire.Marshal(r)) - 10
	for n, c := range kept {
		rec := brief(c)
		size := len(wire.Marshal(rec))
		if size > room {
			r.More = uint32(len(kept) - n)
			break
		}
		room -= size
		r.Contacts = append(r.Contacts, rec)
	}
	plain := wire.Marshal(r)
	if len(plain) > safeRoom {
		return nil, wire.ErrTooLarge.Because("safe")
	}
	timeless := *r
	timeless.Owner.Made = 0
	return &Safe{plain: plain, digest: sha256.Sum256(wire.Marshal(timeless)), Contacts: len(r.Contacts), More: int(r.More)}, nil
}

// brief is a contact without what can be asked for again.
func brief(c *profile.Contact) contactRecord {
	k := *c
	k.List, k.NameAt, k.DropsAt, k.Unread, k.ReadAt, k.Waiting = nil, profile.Place{}, profile.Place{}, 0, time.Time{}, 0
	k.Gateways = fewest(c.Gateways)
	k.Leases = fewest(c.Leases)
	return recordOfContact(&k)
}

// fewest are the first gateways, without when their profile was read.
func fewest(all []profile.Gateway) []profile.Gateway {
	out := slices.Clone(all[:min(len(all), safePlaces)])
	for n := range out {
		out[n].Made = 0
	}
	return out
}

// Digest changes when there is something new to put into the safes.
func (s *Safe) Digest() [32]byte { return s.digest }

// Seal is the blob for the home at a place, SafeSize bytes. It is put there as
// a profile under the name key.SafeSigner(seed, at).Public().
func (s *Safe) Seal(seed key.Seed, at key.Place) []byte {
	plain := make([]byte, SafeSize-chacha20poly1305.NonceSizeX-chacha20poly1305.Overhead)
	binary.BigEndian.PutUint32(plain, uint32(len(s.plain)))
	copy(plain[safeLength:], s.plain)
	defer clear(plain)
	name := key.SafeSigner(seed, at).Public()
	nonce := make([]byte, chacha20poly1305.NonceSizeX, SafeSize)
	_, _ = rand.Read(nonce) // never fails
	return aeadOf(key.SafeCipherKey(seed, at)).Seal(nonce, nonce, plain, name[:])
}

// OpenSafe opens what the gateway at a place keeps under the safe's name.
// Errors: ErrSafe, ErrNewer, ErrOther, wire.ErrClock (made more than a day after
// now), and what is wrong with the content.
func OpenSafe(blob []byte, seed key.Seed, at key.Place, now time.Time) (*Content, error) {
	if len(blob) != SafeSize {
		return nil, ErrSafe
	}
	name := key.SafeSigner(seed, at).Public()
	nonce, sealed := blob[:chacha20poly1305.NonceSizeX], blob[chacha20poly1305.NonceSizeX:]
	plain, err := aeadOf(key.SafeCipherKey(seed, at)).Open(nil, nonce, sealed, name[:])
	if err != nil {
		return nil, ErrSafe
	}
	c, err := parseSafe(plain)
	if err != nil {
		return nil, err
	}
	if c.Owner.User != seed.Identity().Public() {
		return nil, ErrOther
	}
	if c.Made.After(now.Add(wire.ClockTolerance)) {
		return nil, wire.ErrClock
	}
	return c, nil
}

// parseSafe reads the plaintext of a safe: length 4 | content | zeros.
func parseSafe(plain []byte) (*Content, error) {
	if len(plain) < safeLength {
		return nil, wire.ErrTruncated
	}
	n, rest := binary.BigEndian.Uint32(plain), plain[safeLength:]
	if uint64(n) > uint64(len(rest)) {
		return nil, wire.ErrTruncated
	}
	for _, b := range rest[n:] {
		if b != 0 {
			return nil, wire.ErrTrailing
		}
	}
	if n > 2 && rest[0]>>5 == 5 && rest[1] == 1 && rest[2] > version && rest[2] < 24 {
		return nil, ErrNewer
	}
	var r safeRecord
	if err := wire.Unmarshal(rest[:n], &r, SafeSize); err != nil {
		return nil, err
	}
	if r.Version != version {
		return nil, wire.ErrVersion.Because("safe")
	}
	return r.content()
}

// content checks a safe like the records of an archive.
func (r *safeRecord) content() (*Content, error) {
	c, err := r.Owner.content()
	if err != nil {
		return nil, err
	}
	in := recordReader{
		content: c, contacts: map[uint64]*profile.Contact{}, users: map[key.IdentityPublic]bool{},
		cards: map[key.CardID]bool{}, homes: map[key.NodePublic]bool{},
	}
	for i := range r.Homes {
		if err := in.home(&r.Homes[i]); err != nil {
			return nil, err
		}
	}
	for i := range r.Cards {
		if err := in.card(&r.Cards[i]); err != nil {
			return nil, err
		}
	}
	for i := range r.Contacts {
		if err := in.contact(&r.Contacts[i]); err != nil {
			return nil, err
		}
	}
	c.More = int(r.More)
	return c, nil
}

// SafeAt is the place of the safe at a gateway with this address.
func SafeAt(a card.Address) key.Place { return key.Place{Network: a.Network, Node: a.Node} }
