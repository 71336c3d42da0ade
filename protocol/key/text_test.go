package key

import (
	"errors"
	"math/big"
	"regexp"
	"strings"
	"testing"
)

const base32Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

func TestUserIDRoundTrip(t *testing.T) {
	for range 8 {
		a := NewPrivate[Identity]().Public()
		text := UserIDText(a)
		if len(text) != UserIDSize {
			t.Fatalf("%d characters", len(text))
		}
		for _, form := range []string{text, strings.ToLower(text), "  " + text + "\n", "\t" + text[:28] + strings.ToLower(text[28:])} {
			if got, err := ParseUserID(form); err != nil || got != a {
				t.Errorf("%q: %v", form, err)
			}
		}
	}
}

// TestUserIDTypos: every single wrong character and every two swapped ones are
// found, also where they change the version.
func TestUserIDTypos(t *testing.T) {
	text := UserIDText(newFixture().seed.Identity().Public())
	for i := range text {
		for _, c := range base32Alphabet {
			if byte(c) == text[i] {
				continue
			}
			if _, err := ParseUserID(text[:i] + string(c) + text[i+1:]); !errors.Is(err, ErrUserIDCheck) {
				t.Errorf("character %d as %c: %v", i+1, c, err)
			}
		}
		if i > 0 && text[i] != text[i-1] {
			if _, err := ParseUserID(text[:i-1] + text[i:i+1] + text[i-1:i] + text[i+1:]); !errors.Is(err, ErrUserIDCheck) {
				t.Errorf("characters %d and %d swapped: %v", i, i+1, err)
			}
		}
		for _, c := range []string{"0", "1", "8", "9", "=", "-", " ", "\n", "\r", "\x00", "Ä", "ß"} {
			if _, err := ParseUserID(text[:i] + c + text[i+1:]); !errors.Is(err, ErrUserID) {
				t.Errorf("character %d as %q: %v", i+1, c, err)
			}
		}
	}
}

func TestUserIDForms(t *testing.T) {
	a := newFixture().seed.Identity().Public()
	text := UserIDText(a)
	for n := range len(text) {
		if _, err := ParseUserID(text[:n]); !errors.Is(err, ErrUserID) {
			t.Errorf("%d characters: %v", n, err)
		}
	}
	for _, more := range []string{"A", "=", "AAAAAAAA", text, " " + text} {
		if _, err := ParseUserID(text + more); !errors.Is(err, ErrUserID) {
			t.Errorf("%q after it: %v", more, err)
		}
	}
	check := userIDCheck(a, 2)
	if _, err := ParseUserID(Base32(Join(a[:], check[:], []byte{2}))); !errors.Is(err, ErrUserIDVersion) {
		t.Errorf("version 2: %v", err)
	}
	small := IdentityPublic{1} // the neutral point
	if _, err := ParseUserID(UserIDText(small)); !errors.Is(err, ErrPublicKey) {
		t.Errorf("a key of small order: %v", err)
	}
}

func TestBase32(t *testing.T) {
	for n := range 41 {
		b := count(0xc1, n)
		back, err := ParseBase32(Base32(b))
		if err != nil || string(back) != string(b) {
			t.Errorf("%d bytes: %x, %v", n, back, err)
		}
	}
	for _, bad := range []string{"A", "AAA", "AAAAAA", "AB", "aa", "A=", "AA======", "AA\n", "\r\nAA", "A A", "A1", "ÄÄ"} {
		if b, err := ParseBase32(bad); err == nil {
			t.Errorf("%q was read as %x", bad, b)
		}
	}
}

func TestSafetyNumber(t *testing.T) {
	form := regexp.MustCompile(`^\d{5}( \d{5}){11}$`)
	modulus := new(big.Int).Exp(big.NewInt(10), big.NewInt(60), nil)
	seen := map[string]bool{}
	for range 32 {
		a, b := NewPrivate[Identity]().Public(), NewPrivate[Identity]().Public()
		number := SafetyNumber(a, b)
		if !form.MatchString(number) {
			t.Fatalf("%q is not 12 groups of five digits", number)
		}
		if SafetyNumber(b, a) != number || SafetyHash(a, b) != SafetyHash(b, a) {
			t.Error("the two sides see different numbers")
		}
		h := SafetyHash(a, b)
		digits, _ := new(big.Int).SetString(strings.ReplaceAll(number, " ", ""), 10)
		if digits.Cmp(new(big.Int).Mod(new(big.Int).SetBytes(h[:]), modulus)) != 0 {
			t.Error("the digits are not the hash modulo 10^60")
		}
		if seen[number] {
			t.Error("two pairs share a number")
		}
		seen[number] = true
	}
}

// FuzzUserID: what is read is a valid key, and its text is what was read.
func FuzzUserID(f *testing.F) {
	text := UserIDText(newFixture().seed.Identity().Public())
	for _, seed := range []string{text, strings.ToLower(text), " " + text, text[:55], text + "A", "", "ſ" + text[1:], strings.Repeat("A", 56)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ParseUserID(text)
		if err != nil {
			if a != (IdentityPublic{}) {
				t.Errorf("%v came with %v", err, a)
			}
			return
		}
		if a.Check() != nil || UserIDText(a) != strings.ToUpper(strings.TrimSpace(text)) {
			t.Errorf("%q was read as %s", text, UserIDText(a))
		}
	})
}

// FuzzPublicKey: an accepted key is the one encoding of a point of prime order.
func FuzzPublicKey(f *testing.F) {
	a := newFixture().seed.Identity().Public()
	f.Add(a[:])
	f.Add(make([]byte, 32))
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePublic[Node](b)
		if err != nil {
			return
		}
		if string(p[:]) != string(b) || p.Check() != nil {
			t.Errorf("%x was read as %v", b, p)
		}
		if blinded, err := BlindPublic[Profile](IdentityPublic(p), [32]byte{1}, ContextBlindProfile); err != nil || blinded.Check() != nil {
			t.Errorf("%x can't be blinded: %v", b, err)
		}
	})
}
