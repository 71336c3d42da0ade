package key

import (
	"bytes"
	"encoding/hex"
	"testing"
)

// TestSafeKeys: the keys of the safe are fixed by seed and gateway, and nothing
// of them follows from what others know.
func TestSafeKeys(t *testing.T) {
	f := newFixture()
	signer := SafeSigner(f.seed, f.at)
	cipher, archive := SafeCipherKey(f.seed, f.at), ArchiveKey(f.seed, count(0, 16))
	stretched := ArchivePassphraseKey([32]byte(count(0x10, 32)), count(0, 16))
	for name, got := range map[string]struct {
		b    []byte
		want string
	}{
		"name":       {bytesOf(signer.Public()), wantSafeName},
		"cipher key": {cipher[:], wantSafeCipher},
		"archive":    {archive[:], wantArchive},
		"passphrase": {stretched[:], wantArchivePassphrase},
	} {
		if hex.EncodeToString(got.b) != got.want {
			t.Errorf("%s: %x, want %s", name, got.b, got.want)
		}
	}
	if err := signer.Public().Check(); err != nil {
		t.Errorf("the name is no key: %v", err)
	}
	if !signer.Public().Verify(ContextProfileClaim, []byte("claim"), signer.Sign(ContextProfileClaim, []byte("claim"))) {
		t.Error("the name's claim does not verify")
	}
	other := f.at
	other.Node = f.node.Public()
	other.Network[0]++
	seeds := []ProfilePublic{signer.Public(), SafeSigner(f.seed, other).Public(), SafeSigner(NewSeed(), f.at).Public(), ProfileSigner(f.seed.Identity(), AddressSecret{}, f.at).Public(), must(ProfileName(f.seed.Identity().Public(), f.address, f.at))}
	for i := range seeds {
		for j := range seeds[:i] {
			if seeds[i] == seeds[j] {
				t.Errorf("names %d and %d are equal", i, j)
			}
		}
	}
	if SafeCipherKey(f.seed, other) == cipher || SafeCipherKey(NewSeed(), f.at) == cipher || ArchiveKey(f.seed, count(1, 16)) == archive {
		t.Error("a key does not depend on its gateway, seed or salt")
	}
	if bytes.Equal(cipher[:], archive[:]) {
		t.Error("two uses share a key")
	}
}

// From an independent computation (Python: hmac, hashlib and a plain Ed25519).
const (
	wantSafeName          = "312f725c9be0db89af1e915fec45712d9989a90e7515da5fe1d368e5c33c1391"
	wantSafeCipher        = "8012c325d2d65bb4fa1074f2235646f1544a56a8c517d964db996ab80bfa5fb2"
	wantArchive           = "d23e5d60e16f8ccb46178daf35c82541a1f49d43ed6c44c9fab11e87b0dcd8cf"
	wantArchivePassphrase = "453e4248b768a1b09b0a2ea2575426f5bb7d4599063657d51b681b5852f1db34"
)
