package key

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"testing"

	"filippo.io/edwards25519"
)

// TestBlindingCFRG: draft-irtf-cfrg-signature-key-blinding, keys and signatures byte for byte.
func TestBlindingCFRG(t *testing.T) {
	var file struct {
		Vectors []struct{ SkS, PkS, Bk, PkR, Message, Context, Signature string }
	}
	published(t, "blinding_cfrg.json", &file)
	for i, v := range file.Vectors {
		private := PrivateFromSeed[Identity]([32]byte(unhex(t, v.SkS)))
		a := private.Public()
		if !bytes.Equal(a[:], unhex(t, v.PkS)) {
			t.Fatalf("vector %d: public key %v", i, a)
		}
		bk, ctx, message := [32]byte(unhex(t, v.Bk)), Context(unhex(t, v.Context)), unhex(t, v.Message)
		blinded, err := BlindPublic[Profile](a, bk, ctx)
		if err != nil || !bytes.Equal(blinded[:], unhex(t, v.PkR)) {
			t.Errorf("vector %d: blinded key %v, %v", i, blinded, err)
		}
		signer := Blind[Profile](private, bk, ctx)
		if signer.Public() != blinded {
			t.Errorf("vector %d: the private key's public half is %v", i, signer.Public())
		}
		sig := signer.sign(message)
		if !bytes.Equal(sig, unhex(t, v.Signature)) {
			t.Errorf("vector %d: signature %x", i, sig)
		}
		if record, err := BlindPublic[Blinded](a, bk, ctx); err != nil || record != BlindedPublic(blinded) ||
			!bytes.Equal(Blind[Blinded](private, bk, ctx).sign(message), sig) {
			t.Errorf("vector %d: the role changes the key or the signature: %v, %v", i, record, err)
		}
		if !ed25519.Verify(blinded[:], message, sig) || !blinded.verify(message, sig) {
			t.Errorf("vector %d: the signature does not verify", i)
		}
	}
	if len(file.Vectors) != 4 {
		t.Fatalf("%d vectors, not 4", len(file.Vectors))
	}
}

// TestBlindingTor: Tor blinds with a pruned factor; the same point and scalar
// multiplications must give Tor's keys, and the blinded secret signs for them.
func TestBlindingTor(t *testing.T) {
	var file struct {
		Secrets  []string `json:"expanded_seckeys"`
		Publics  []string `json:"pubkeys"`
		Params   []string `json:"params"`
		Blinded  []string `json:"blinded_pubkeys"`
		BlindedS []string `json:"blinded_seckeys"`
	}
	published(t, "blinding_tor.json", &file)
	for i := range file.Publics {
		point, err := decodePoint(unhex(t, file.Publics[i]))
		if err != nil {
			t.Fatalf("key %d: %v", i, err)
		}
		s := must(new(edwards25519.Scalar).SetBytesWithClamping(unhex(t, file.Params[i])))
		if got := new(edwards25519.Point).ScalarMult(s, point).Bytes(); !bytes.Equal(got, unhex(t, file.Blinded[i])) {
			t.Errorf("key %d: blinded public key %x", i, got)
		}
		base := must(new(edwards25519.Scalar).SetBytesWithClamping(unhex(t, file.Secrets[i])[:32]))
		secret := new(edwards25519.Scalar).Multiply(base, s)
		if !bytes.Equal(secret.Bytes(), unhex(t, file.BlindedS[i])[:32]) {
			t.Errorf("key %d: blinded secret scalar differs", i)
		}
		private := ProfilePrivate{scalar: hide(*secret), prefix: hide([64]byte(Join(unhex(t, file.BlindedS[i])[32:], make([]byte, 32)))), public: ProfilePublic(unhex(t, file.Blinded[i]))}
		if !ed25519.Verify(unhex(t, file.Blinded[i]), []byte("message"), private.sign([]byte("message"))) || private.public.Check() != nil {
			t.Errorf("key %d: the blinded secret does not sign for its key", i)
		}
		if got := new(edwards25519.Point).ScalarBaseMult(secret).Bytes(); !bytes.Equal(got, unhex(t, file.Blinded[i])) {
			t.Errorf("key %d: the blinded secret belongs to another key", i)
		}
	}
	if file.Blinded[0][:8] != "1fc1fa44" {
		t.Errorf("the file holds a superseded form: its first key begins with %s", file.Blinded[0][:8])
	}
	if len(file.Publics) != 10 {
		t.Fatalf("%d keys, not 10", len(file.Publics))
	}
}

func TestProfileNames(t *testing.T) {
	f := newFixture()
	ik := f.seed.Identity()
	a := ik.Public()
	name := must(ProfileName(a, f.address, f.at))
	if err := name.Check(); err != nil {
		t.Errorf("a profile's name is not a valid key: %v", err)
	}
	signer := ProfileSigner(ik, f.address, f.at)
	sig := signer.Sign(ContextProfileClaim, []byte("claim"))
	if signer.Public() != name || !name.Verify(ContextProfileClaim, []byte("claim"), sig) {
		t.Error("the signer does not belong to the name")
	}
	if name.Verify(ContextDoorClaim, []byte("claim"), sig) || a.Verify(ContextProfileClaim, []byte("claim"), sig) {
		t.Error("a claim is good for something else")
	}
	elsewhere, otherNetwork := f.at, f.at
	elsewhere.Node = f.other.Public().asNode()
	otherNetwork.Network[0]++
	seen := map[ProfilePublic]string{name: "this place"}
	for what, p := range map[string]ProfilePublic{
		"another gateway": must(ProfileName(a, f.address, elsewhere)),
		"another network": must(ProfileName(a, f.address, otherNetwork)),
		"another secret":  must(ProfileName(a, must(AddressSecretFrom(count(1, 16))), f.at)),
		"no secret":       must(ProfileName(a, AddressSecret{}, f.at)),
		"another person":  must(ProfileName(f.other.Public(), f.address, f.at)),
	} {
		if other, taken := seen[p]; taken {
			t.Errorf("%s and %s share the name %v", what, other, p)
		}
		seen[p] = what
	}
	if ProfileCipherKey(a, f.address, name) == ProfileCipherKey(a, AddressSecret{}, name) {
		t.Error("the cipher key does not depend on the address secret")
	}
}

// TestRecordNames: A' depends on everything that it is made of, signs for
// itself only, and two of them are of no use without the card.
func TestRecordNames(t *testing.T) {
	f := newFixture()
	ik := f.seed.Identity()
	a, day := ik.Public(), uint32(20_000)
	name := must(RecordName(a, f.address, f.at.Network, day))
	if err := name.Check(); err != nil {
		t.Errorf("a record's name is not a valid key: %v", err)
	}
	signer := RecordSigner(ik, f.address, f.at.Network, day)
	sig := signer.Sign(ContextAddress, []byte("record"))
	if signer.Public() != name || !name.Verify(ContextAddress, []byte("record"), sig) {
		t.Error("the signer does not belong to the name")
	}
	if name.Verify(ContextProfileClaim, []byte("record"), sig) || a.Verify(ContextAddress, []byte("record"), sig) {
		t.Error("a record's signature is good for something else")
	}
	otherNetwork := f.at.Network
	otherNetwork[0]++
	seen := map[BlindedPublic]string{name: "this day", BlindedPublic(a): "the identity key"}
	for what, p := range map[string]BlindedPublic{
		"the day before":  must(RecordName(a, f.address, f.at.Network, day-1)),
		"the next day":    must(RecordName(a, f.address, f.at.Network, day+1)),
		"another network": must(RecordName(a, f.address, otherNetwork, day)),
		"another secret":  must(RecordName(a, must(AddressSecretFrom(count(1, 16))), f.at.Network, day)),
		"no secret":       must(RecordName(a, AddressSecret{}, f.at.Network, day)),
		"another person":  must(RecordName(f.other.Public(), f.address, f.at.Network, day)),
		"the profile":     BlindedPublic(must(ProfileName(a, f.address, f.at))),
	} {
		if other, taken := seen[p]; taken {
			t.Errorf("%s and %s share the name %v", what, other, p)
		}
		seen[p] = what
	}
	open := RecordSigner(ik, AddressSecret{}, f.at.Network, day)
	if open.Public() != must(RecordName(a, must(AddressSecretFrom(make([]byte, 16))), f.at.Network, day)) {
		t.Error("sixteen zeros are not the absent secret")
	}
	if RecordCipherKey(a, f.address, name) == RecordCipherKey(a, AddressSecret{}, name) {
		t.Error("the cipher key does not depend on the address secret")
	}
	if RecordCipherKey(a, f.address, name) == ProfileCipherKey(a, f.address, ProfilePublic(name)) {
		t.Error("records and profiles share a cipher key")
	}
	if _, err := RecordName(IdentityPublic{}, f.address, f.at.Network, day); !errors.Is(err, ErrPublicKey) {
		t.Errorf("a name of no key: %v", err)
	}
}

// TestTwoDaysHaveNoRelation: what an observer of many names who lacks the cards
// can compute of them. A relation that is the same for all people, or that comes
// from anything they can see, would link two days of one person.
func TestTwoDaysHaveNoRelation(t *testing.T) {
	const people, day = 24, 20_000
	network := Network{'t', 'e', 's', 't'}
	decode := func(p BlindedPublic) *edwards25519.Point { return must(new(edwards25519.Point).SetBytes(p[:])) }
	first, second := make([]BlindedPublic, people), make([]BlindedPublic, people)
	known := make([]IdentityPublic, people)
	for i := range people {
		seed, s := NewSeed(), NewAddressSecret()
		if i < 4 {
			s = AddressSecret{} // found by key alone
		}
		known[i] = seed.Identity().Public()
		first[i], second[i] = must(RecordName(known[i], s, network, day)), must(RecordName(known[i], s, network, day+1))
	}
	seen := map[string]string{}
	note := func(p *edwards25519.Point, what string) {
		at := string(p.Bytes())
		if other, taken := seen[at]; taken {
			t.Errorf("%s is %s", what, other)
		}
		seen[at] = what
	}
	// Factors without A and S: those of an empty secret, of zeros, and of the name
	// itself taken for a person.
	factors := func(name BlindedPublic, d uint32) map[string]*edwards25519.Scalar {
		out := map[string]*edwards25519.Scalar{}
		for what, secret := range map[string][]byte{"nothing": nil, "zeros": make([]byte, 48), "the name": name[:], "the name and no secret": Join(name[:], make([]byte, 16))} {
			bk := KDF32(LabelBlind, secret, network[:], []byte{0, 0, byte(d >> 8), byte(d)})
			out[what], _ = blindFactor(bk, ContextAddress)
		}
		return out
	}
	for i := range people {
		a, b := decode(first[i]), decode(second[i])
		note(a, fmt.Sprintf("name %d", i))
		note(b, fmt.Sprintf("the next name of %d", i))
		note(new(edwards25519.Point).Negate(a), fmt.Sprintf("minus name %d", i))
		note(new(edwards25519.Point).Negate(b), fmt.Sprintf("minus the next name of %d", i))
		note(new(edwards25519.Point).Subtract(b, a), fmt.Sprintf("the step of %d", i))
		note(new(edwards25519.Point).Add(b, a), fmt.Sprintf("the sum of %d", i))
		note(new(edwards25519.Point).MultByCofactor(a), fmt.Sprintf("eight times name %d", i))
		note(new(edwards25519.Point).MultByCofactor(b), fmt.Sprintf("eight times the next name of %d", i))
		today, tomorrow := factors(first[i], day), factors(first[i], day+1)
		for what := range today {
			step := new(edwards25519.Scalar).Multiply(tomorrow[what], new(edwards25519.Scalar).Invert(today[what]))
			note(new(edwards25519.Point).ScalarMult(step, a), fmt.Sprintf("name %d moved on by the factors of %s", i, what))
			note(new(edwards25519.Point).ScalarMult(new(edwards25519.Scalar).Invert(today[what]), a), fmt.Sprintf("name %d without the factor of %s", i, what))
		}
		note(must(new(edwards25519.Point).SetBytes(known[i][:])), fmt.Sprintf("identity key %d", i))
	}
	// The ratio of two factors, once known, moves this person's name and no other's.
	ratio := func(i int, s AddressSecret) *edwards25519.Scalar {
		one, _ := blindFactor(recordFactor(known[i], s, network, day), ContextAddress)
		two, _ := blindFactor(recordFactor(known[i], s, network, day+1), ContextAddress)
		return new(edwards25519.Scalar).Multiply(two, new(edwards25519.Scalar).Invert(one))
	}
	step := ratio(0, AddressSecret{})
	for i := range people {
		moved := BlindedPublic(new(edwards25519.Point).ScalarMult(step, decode(first[i])).Bytes())
		if (moved == second[i]) != (i == 0) {
			t.Errorf("the factors of person 0 move the name of person %d: %v", i, moved == second[i])
		}
	}
}

// asNode reads the key as a gateway's, which only a test has reason to.
func (p Public[R]) asNode() NodePublic { return NodePublic(p) }
