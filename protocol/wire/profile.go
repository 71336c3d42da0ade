package wire

import "zeroms/protocol/key"

// ProfilePut stores a profile blob of exactly 4 or 16 KiB under the name P_g; an
// empty one deletes what is there. The number is at most 24 h away from now.
// Claim is Sign(P_g, "zms/1/profile-claim", account key 32 | number 8). A
// higher number moves the name to this account; the same account may replace
// its blob under the same number. Answer: OK once durable, or Error.
type ProfilePut struct {
	Name   key.ProfilePublic `cbor:"1,keyasint"`
	Number uint64            `cbor:"2,keyasint"` // unix ms
	Claim  []byte            `cbor:"3,keyasint"`
	Blob   []byte            `cbor:"4,keyasint"`
}

// Type is TypeProfilePut.
func (*ProfilePut) Type() Type { return TypeProfilePut }

// ProfileClaim is what P_g signs to claim its name: account key 32 | number 8.
func ProfileClaim(account key.MailboxPublic, number uint64) []byte {
	return key.Join(account[:], Uint64(number))
}

// ProfileGet asks for a profile blob; it needs no login. Answer: Profile or
// Error with CodeNoProfile.
type ProfileGet struct {
	Name key.ProfilePublic `cbor:"1,keyasint"`
}

// Type is TypeProfileGet.
func (*ProfileGet) Type() Type { return TypeProfileGet }

// Profile answers a ProfileGet.
type Profile struct {
	Blob []byte `cbor:"1,keyasint"`
}

// Type is TypeProfile.
func (*Profile) Type() Type { return TypeProfile }
