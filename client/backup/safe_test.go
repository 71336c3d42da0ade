package backup

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"zeroms/client/profile"
	"zeroms/protocol/address"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

func labPlace(n byte) key.Place { return key.Place{Network: card.NetworkLab, Node: node(n)} }

// crowd adds contacts that have answered.
func (w *world) crowd(n int) {
	for i := range n {
		c := w.contact(uint64(100+i), newPerson("").User, profile.Accepted)
		c.Called, c.Secret, c.Theirs = fmt.Sprintf("Contact %d", i), key.NewAddressSecret(), key.NewDropSecret()
		c.Leases = []profile.Gateway{profile.FromLease(address.Lease{Node: node(2), Host: "gateway.example.org", Port: 8443})}
		w.contacts = append(w.contacts, c)
	}
}

func TestSafeTakesTheNewestContacts(t *testing.T) {
	w := newWorld(t)
	w.crowd(300)
	s := must(NewSafe(w.members(t), at(500)))
	blob := s.Seal(w.alice.Seed, labPlace(1))
	if len(blob) != SafeSize || SafeSize != wire.MaxProfile {
		t.Fatalf("%d bytes", len(blob))
	}
	c, err := OpenSafe(blob, w.alice.Seed, labPlace(1), at(500))
	if err != nil {
		t.Fatal(err)
	}
	if s.Contacts < 50 || s.Contacts+s.More != 303 || len(c.Contacts) != s.Contacts || c.More != s.More {
		t.Errorf("%d contacts fit and %d do not; %d came back", s.Contacts, s.More, len(c.Contacts))
	}
	oldest := c.Contacts[0].Added
	for _, k := range c.Contacts {
		if k.Added.After(oldest) {
			t.Fatal("the newest contacts are not first")
		}
		oldest = k.Added
	}
	if newest := w.contacts[len(w.contacts)-1]; c.Contacts[0].User != newest.User {
		t.Error("the newest contact is missing")
	}
	t.Logf("%d contacts fit into a safe", s.Contacts)
}

// TestSafesShareNothing: two homes have nothing to compare, and one home can't
// tell one state from the next.
func TestSafesShareNothing(t *testing.T) {
	w := newWorld(t)
	s := must(NewSafe(w.members(t), at(60)))
	a, b, again := s.Seal(w.alice.Seed, labPlace(1)), s.Seal(w.alice.Seed, labPlace(2)), s.Seal(w.alice.Seed, labPlace(1))
	for name, other := range map[string][]byte{"another home's": b, "the next": again} {
		for n := 0; n+8 <= len(a); n += 8 {
			if bytes.Contains(other, a[n:n+8]) {
				t.Fatalf("%s safe shares bytes", name)
			}
		}
	}
	later := must(NewSafe(w.members(t), at(99)))
	if later.Digest() != s.Digest() {
		t.Error("the time alone makes a new safe")
	}
	w.contacts[0].Alias = "Robert"
	if must(NewSafe(w.members(t), at(99))).Digest() == s.Digest() {
		t.Error("a new name makes no new safe")
	}
}

func TestSafeIsRefused(t *testing.T) {
	w := newWorld(t)
	blob := must(NewSafe(w.members(t), at(60))).Seal(w.alice.Seed, labPlace(1))
	open := func(b []byte, seed key.Seed, at key.Place, now time.Time) error {
		_, err := OpenSafe(b, seed, at, now)
		return err
	}
	for name, c := range map[string]struct {
		err, want error
	}{
		"another's":         {open(blob, key.NewSeed(), labPlace(1), at(60)), ErrSafe},
		"at another home":   {open(blob, w.alice.Seed, labPlace(2), at(60)), ErrSafe},
		"cut":               {open(blob[:len(blob)-1], w.alice.Seed, labPlace(1), at(60)), ErrSafe},
		"of the future":     {open(blob, w.alice.Seed, labPlace(1), at(60-25*60)), wire.ErrClock},
		"nothing":           {open(nil, w.alice.Seed, labPlace(1), at(60)), ErrSafe},
		"of a later format": {open(sealPlain(w.alice.Seed, []byte{0xa1, 0x01, 0x02}), w.alice.Seed, labPlace(1), at(60)), ErrNewer},
		"garbage":           {open(sealPlain(w.alice.Seed, []byte{0xff}), w.alice.Seed, labPlace(1), at(60)), wire.ErrMalformed},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", name, c.err, c.want)
		}
	}
	for n := 0; n < len(blob); n += 101 {
		changed := bytes.Clone(blob)
		changed[n] ^= 0x80
		if err := open(changed, w.alice.Seed, labPlace(1), at(60)); !errors.Is(err, ErrSafe) {
			t.Fatalf("byte %d: %v", n, err)
		}
	}
}

// sealPlain seals any content as a safe.
func sealPlain(seed key.Seed, content []byte) []byte {
	return (&Safe{plain: content}).Seal(seed, labPlace(1))
}

// TestSafePadding: the plaintext has one form.
func TestSafePadding(t *testing.T) {
	w := newWorld(t)
	s := must(NewSafe(w.members(t), at(60)))
	plain := make([]byte, SafeSize-chacha20poly1305.NonceSizeX-chacha20poly1305.Overhead)
	binary.BigEndian.PutUint32(plain, uint32(len(s.plain)))
	copy(plain[safeLength:], s.plain)
	if _, err := parseSafe(plain); err != nil {
		t.Fatal(err)
	}
	for n := range len(s.plain) {
		short := bytes.Clone(plain)
		binary.BigEndian.PutUint32(short, uint32(n))
		if _, err := parseSafe(short); err == nil {
			t.Fatalf("%d of %d bytes are enough", n, len(s.plain))
		}
	}
	plain[len(plain)-1] = 1
	if _, err := parseSafe(plain); !errors.Is(err, wire.ErrTrailing) {
		t.Errorf("something behind the content: %v", err)
	}
	if _, err := parseSafe(plain[:3]); !errors.Is(err, wire.ErrTruncated) {
		t.Errorf("no length: %v", err)
	}
}

// TestSafeOfLongNames: also the largest owner leaves room.
func TestSafeOfLongNames(t *testing.T) {
	w := newWorld(t)
	m := w.members(t)
	for n := range byte(5) {
		m.Homes = append(m.Homes, &profile.Home{Address: card.Address{Node: node(20 + n), Host: strings.Repeat("a", 60) + ".example", Port: 443, Network: card.NetworkLab}, Added: at(1)})
	}
	for n := range 200 {
		m.Cards = append(m.Cards, profile.NewCard(at(int64(n))))
	}
	s, err := NewSafe(m, at(60))
	if err != nil || s.Contacts != 3 || s.More != 0 {
		t.Fatalf("%+v: %v", s, err)
	}
	c, err := OpenSafe(s.Seal(w.alice.Seed, labPlace(1)), w.alice.Seed, labPlace(1), at(60))
	if err != nil || len(c.Homes) != 6 || len(c.Cards) != safeCards {
		t.Errorf("%d homes, %d cards: %v", len(c.Homes), len(c.Cards), err)
	}
}

func FuzzSafe(f *testing.F) {
	w := newWorld(&testing.T{})
	s := must(NewSafe(Members{Self: w.alice.Self, Contacts: w.contacts}, at(60)))
	f.Add(append(binary.BigEndian.AppendUint32(nil, uint32(len(s.plain))), s.plain...))
	f.Fuzz(func(t *testing.T, plain []byte) {
		c, err := parseSafe(plain)
		if err != nil {
			return
		}
		if _, err := Restore(c, key.NewSeed(), "", at(90)); !errors.Is(err, ErrOther) {
			t.Fatalf("a safe of nobody's: %v", err)
		}
	})
}
