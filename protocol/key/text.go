package key

import (
	"bytes"
	"encoding/base32"
	"errors"
	"math/big"
	"strings"
)

// UserIDSize is the number of characters of a user ID's text.
const UserIDSize = 56

const userIDVersion = 1

// Errors of user ID texts.
var (
	ErrUserID        = errors.New("key: not a user ID: 56 letters and digits are expected; copy it again")
	ErrUserIDCheck   = errors.New("key: the user ID has a typing error; compare it with the original")
	ErrUserIDVersion = errors.New("key: the user ID is of a newer version; update ZeroMS")
)

// Base32 is RFC 4648 base32, upper case, without padding: the alphabet of every
// text form, which QR codes store in their alphanumeric mode.
func Base32(b []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b)
}

// ParseBase32 is strict: any other character, lower case included, and unused
// bits that are not zero are refused.
func ParseBase32(s string) ([]byte, error) {
	b, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(s)
	if err != nil || Base32(b) != s {
		return nil, errBase32
	}
	return b, nil
}

var errBase32 = errors.New("key: not base32")

// UserIDText is the user ID as 56 characters: base32 of IK 32 | check 2 | version 1.
func UserIDText(a IdentityPublic) string {
	check := userIDCheck(a, userIDVersion)
	return Base32(Join(a[:], check[:], []byte{userIDVersion}))
}

func userIDCheck(a IdentityPublic, version byte) (c [2]byte) {
	h := Hash(PrefixUserID, a[:], []byte{version})
	copy(c[:], h[:])
	return c
}

// ParseUserID reads a user ID text in either case; blanks around it are ignored.
func ParseUserID(text string) (a IdentityPublic, err error) {
	b, err := ParseBase32(strings.ToUpper(strings.TrimSpace(text)))
	if err != nil || len(b) != 35 {
		return a, ErrUserID
	}
	// The check covers the version, so a typing error there isn't taken for a newer version.
	if check := userIDCheck(IdentityPublic(b[:32]), b[34]); !bytes.Equal(check[:], b[32:34]) {
		return a, ErrUserIDCheck
	}
	if b[34] != userIDVersion {
		return a, ErrUserIDVersion
	}
	return ParsePublic[Identity](b[:32])
}

// SafetyNumber compares two identity keys by 60 digits in 12 groups of five:
// Hash("zms/1/safety-number", smaller | larger) as a big-endian number mod 10^60.
// Both sides see the same digits.
func SafetyNumber(a, b IdentityPublic) string {
	h := SafetyHash(a, b)
	n := new(big.Int).SetBytes(h[:])
	n.Mod(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(60), nil))
	digits := n.String()
	digits = strings.Repeat("0", 60-len(digits)) + digits
	groups := make([]string, 0, 12)
	for i := 0; i < 60; i += 5 {
		groups = append(groups, digits[i:i+5])
	}
	return strings.Join(groups, " ")
}

// SafetyHash is the full 32 bytes behind the safety number, compared by QR.
func SafetyHash(a, b IdentityPublic) [32]byte {
	if bytes.Compare(a[:], b[:]) > 0 {
		a, b = b, a
	}
	return Hash(PrefixSafety, a[:], b[:])
}
