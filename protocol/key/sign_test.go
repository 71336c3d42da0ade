package key

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"math/big"
	"slices"
	"testing"

	"filippo.io/edwards25519"
)

// torsion is the eight points of small order in their canonical encodings, by
// multiples of a point of order 8.
func torsion(t *testing.T) []*edwards25519.Point {
	t.Helper()
	base := must(new(edwards25519.Point).SetBytes(unhex(t, "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")))
	points := []*edwards25519.Point{edwards25519.NewIdentityPoint()}
	for len(points) < 8 {
		points = append(points, new(edwards25519.Point).Add(points[len(points)-1], base))
	}
	if new(edwards25519.Point).Add(points[7], base).Equal(points[0]) != 1 || points[4].Equal(points[0]) == 1 {
		t.Fatal("the base of the torsion group is not of order 8")
	}
	return points
}

func refused(t *testing.T, what string, b []byte) {
	t.Helper()
	if _, err := ParsePublic[Identity](b); !errors.Is(err, ErrPublicKey) {
		t.Errorf("%s %x: ParsePublic said %v", what, b, err)
	}
	if len(b) != PublicSize {
		return
	}
	if err := (NodePublic(b)).Check(); !errors.Is(err, ErrPublicKey) {
		t.Errorf("%s %x: Check said %v", what, b, err)
	}
	if _, err := BlindPublic[Profile](IdentityPublic(b), [32]byte{1}, ContextBlindProfile); !errors.Is(err, ErrPublicKey) {
		t.Errorf("%s %x: BlindPublic said %v", what, b, err)
	}
}

func TestSmallOrderKeysRefused(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range torsion(t) {
		seen[string(p.Bytes())] = true
		refused(t, "small order", p.Bytes())
	}
	if len(seen) != 8 {
		t.Fatalf("%d points of small order, not 8", len(seen))
	}
}

func TestTorsionedKeysRefused(t *testing.T) {
	a := newFixture().seed.Identity().Public()
	if err := a.Check(); err != nil {
		t.Fatalf("the key itself: %v", err)
	}
	clean := must(new(edwards25519.Point).SetBytes(a[:]))
	for i, small := range torsion(t)[1:] {
		mixed := new(edwards25519.Point).Add(clean, small)
		refused(t, "torsioned", mixed.Bytes())
		// Eight times the mixed point is clean again: only the full check tells them apart.
		if eight := new(edwards25519.Point).MultByCofactor(mixed); IdentityPublic(eight.Bytes()).Check() != nil {
			t.Errorf("eight times torsion %d is refused", i+1)
		}
	}
}

// TestNonCanonicalKeysRefused tries all y from p to 2^255-1 with both signs,
// and the two points with x = 0 and the sign bit set.
func TestNonCanonicalKeysRefused(t *testing.T) {
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	encode := func(y *big.Int, sign byte) []byte {
		b := y.FillBytes(make([]byte, 32))
		slices.Reverse(b)
		b[31] |= sign << 7
		return b
	}
	decodable := 0
	for i := range int64(19) {
		for sign := range byte(2) {
			b := encode(new(big.Int).Add(p, big.NewInt(i)), sign)
			if _, err := new(edwards25519.Point).SetBytes(b); err == nil {
				decodable++
			}
			refused(t, "y not below p", b)
		}
	}
	if decodable == 0 {
		t.Error("no non-canonical encoding was a point: this test shows nothing")
	}
	refused(t, "minus zero", encode(big.NewInt(1), 1))
	refused(t, "minus zero", encode(new(big.Int).Sub(p, big.NewInt(1)), 1))
}

func TestOtherKeysRefused(t *testing.T) {
	for n := range 66 {
		if n != PublicSize {
			refused(t, "wrong length", make([]byte, n))
		}
	}
	refused(t, "not on the curve", append([]byte{2}, make([]byte, 31)...))
}

func TestParsePublic(t *testing.T) {
	k := NewPrivate[Mailbox]()
	want := k.Public()
	got, err := ParsePublic[Mailbox](want[:])
	if err != nil || got != want || got.IsZero() || (MailboxPublic{}).IsZero() != true {
		t.Fatalf("got %v, %v", got, err)
	}
}

func TestSignVerify(t *testing.T) {
	k := newFixture().seed.Identity()
	a, x := k.Public(), []byte("what is signed")
	sig := k.Sign(ContextDeviceList, x)
	if len(sig) != SignatureSize || !a.Verify(ContextDeviceList, x, sig) {
		t.Fatal("a good signature is refused")
	}
	if again := PrivateFromSeed[Identity]([32]byte(k.Seed())); again.Public() != a || again.IsZero() || !(IdentityPrivate{}).IsZero() {
		t.Error("the seed does not restore the key")
	}
	for i := range sig {
		bad := bytes.Clone(sig)
		bad[i] ^= 0x10
		if a.Verify(ContextDeviceList, x, bad) {
			t.Errorf("a signature with byte %d changed is good", i)
		}
	}
	for n := range sig {
		if a.Verify(ContextDeviceList, x, sig[:n]) {
			t.Errorf("%d bytes of a signature are good", n)
		}
	}
	if a.Verify(ContextDeviceList, x, append(bytes.Clone(sig), 0)) || a.Verify(ContextDeviceJoin, x, sig) ||
		a.Verify(ContextDeviceList, x[1:], sig) || newFixture().other.Public().Verify(ContextDeviceList, x, sig) {
		t.Error("a signature is good for something else")
	}
}

// TestWycheproofEd25519 runs Verify's own call over the raw messages of the vectors.
func TestWycheproofEd25519(t *testing.T) {
	var file struct {
		TestGroups []struct {
			PublicKey struct{ Pk string }
			Tests     []struct {
				TcID    int
				Comment string
				Msg     string
				Sig     string
				Result  string
			}
		}
	}
	published(t, "ed25519_test.json", &file)
	ran := 0
	for _, group := range file.TestGroups {
		pub, err := ParsePublic[Device](unhex(t, group.PublicKey.Pk))
		if err != nil {
			t.Errorf("key %s: %v", group.PublicKey.Pk, err)
			continue
		}
		for _, c := range group.Tests {
			ran++
			if got := pub.verify(unhex(t, c.Msg), unhex(t, c.Sig)); got != (c.Result == "valid") {
				t.Errorf("case %d (%s) is %s, Verify said %v", c.TcID, c.Comment, c.Result, got)
			}
		}
	}
	if ran < 100 {
		t.Fatalf("only %d cases ran", ran)
	}
}

func TestEd25519IsACopy(t *testing.T) {
	node := newFixture().node
	k := Ed25519(node)
	if !bytes.Equal(k.Public().(ed25519.PublicKey), bytesOf(node.Public())) {
		t.Fatal("the standard library's key has another public half")
	}
	clear(k)
	if !bytes.Equal(node.Seed(), count(0x80, 32)) {
		t.Error("clearing the copy cleared the key")
	}
}

// TestUnsetKeysDoNotSign: a key that was never set is a programming error, not a key of zeros.
func TestUnsetKeysDoNotSign(t *testing.T) {
	for what, sign := range map[string]func(){
		"identity": func() { IdentityPrivate{}.Sign(ContextDeviceList, nil) },
		"public":   func() { LoginPrivate{}.Public() },
		"seed":     func() { LoginPrivate{}.Seed() },
		"profile":  func() { ProfilePrivate{}.Sign(ContextProfileClaim, nil) },
		"tls":      func() { Ed25519(NodePrivate{}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: an unset key was used", what)
				}
			}()
			sign()
		}()
	}
}
