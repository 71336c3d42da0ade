package key

import (
	"bytes"
	"crypto/ed25519"
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
		blinded, err := BlindPublic(a, bk, ctx)
		if err != nil || !bytes.Equal(blinded[:], unhex(t, v.PkR)) {
			t.Errorf("vector %d: blinded key %v, %v", i, blinded, err)
		}
		signer := Blind(private, bk, ctx)
		if signer.Public() != blinded {
			t.Errorf("vector %d: the private key's public half is %v", i, signer.Public())
		}
		sig := signer.sign(message)
		if !bytes.Equal(sig, unhex(t, v.Signature)) {
			t.Errorf("vector %d: signature %x", i, sig)
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
// multiplications must give Tor's keys.
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
		if got := new(edwards25519.Point).ScalarBaseMult(secret).Bytes(); !bytes.Equal(got, unhex(t, file.Blinded[i])) {
			t.Errorf("key %d: the blinded secret belongs to another key", i)
		}
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

// asNode reads the key as a gateway's, which only a test has reason to.
func (p Public[R]) asNode() NodePublic { return NodePublic(p) }
