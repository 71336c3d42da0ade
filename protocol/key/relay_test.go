package key

import (
	"bytes"
	"errors"
	"reflect"
	"sync"
	"testing"
)

// TestRelaySenderToRecipient: both sides of a context to a gateway export the
// same, and nobody else's context does.
func TestRelaySenderToRecipient(t *testing.T) {
	private := NewRelayPrivate()
	public := private.Public()
	if err := public.Check(); err != nil {
		t.Fatal(err)
	}
	enc, sender, err := public.Sender([]byte("info"))
	if err != nil || len(enc) != EncapsulatedSize {
		t.Fatalf("%d bytes, %v", len(enc), err)
	}
	recipient, err := private.Recipient(enc, []byte("info"))
	if err != nil {
		t.Fatal(err)
	}
	other := must(private.Recipient(enc, []byte("another info")))
	stranger := must(NewRelayPrivate().Recipient(enc, []byte("info")))
	seen := map[string]bool{}
	for label, n := range map[string]int{ExportForward: 32, ExportForwardBack: 32, ExportForwardID: 16} {
		want := must(sender.Export(label, n))
		if !bytes.Equal(want, must(recipient.Export(label, n))) {
			t.Errorf("the two sides export another %s", label)
		}
		if bytes.Equal(want, must(other.Export(label, n))) || bytes.Equal(want, must(stranger.Export(label, n))) || seen[string(want[:16])] {
			t.Errorf("%s is known elsewhere", label)
		}
		seen[string(want[:16])] = true
	}
	stored := must(RelayPrivateFrom(private.Bytes()))
	if again := stored.Public(); again != public {
		t.Error("a stored key comes back as another one")
	}
}

// TestRelayKeyInUse: one key, and copies of it, open contexts on many goroutines at once and
// stay what they are.
func TestRelayKeyInUse(t *testing.T) {
	private := must(RelayPrivateFrom(count(0xc1, 32)))
	public := private.Public()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			mine := private
			for range 4 {
				enc, sender, err := public.Sender([]byte("info"))
				if err != nil {
					t.Error(err)
					return
				}
				recipient, err := mine.Recipient(enc, []byte("info"))
				if err != nil || !bytes.Equal(must(sender.Export(ExportForward, 32)), must(recipient.Export(ExportForward, 32))) {
					t.Errorf("the two sides differ: %v", err)
				}
			}
		})
	}
	all.Wait()
	if private.Public() != public || !private.Equal(count(0xc1, 32)) || !reflect.DeepEqual(private, must(RelayPrivateFrom(count(0xc1, 32)))) {
		t.Error("the key is another one afterwards")
	}
}

// TestRelayKeyOfZeros: the zero value is the key of a seed of zeros.
func TestRelayKeyOfZeros(t *testing.T) {
	var zero RelayPrivate
	public := must(RelayPrivateFrom(make([]byte, 32))).Public()
	if zero.Public() != public || public != RelayPublic(PrekeyPrivate{}.Public()) {
		t.Error("the zero value has another public key")
	}
	enc, sender, err := public.Sender(nil)
	if err != nil {
		t.Fatal(err)
	}
	if x := must(zero.Recipient(enc, nil)); !bytes.Equal(must(x.Export("a", 16)), must(sender.Export("a", 16))) {
		t.Error("the zero value opens another context")
	}
}

func TestRelayKeysRefused(t *testing.T) {
	public := NewRelayPrivate().Public()
	enc, _, err := public.Sender(nil)
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(enc) {
		if n%97 == 0 || n == len(enc)-1 {
			if _, err := NewRelayPrivate().Recipient(enc[:n], nil); !errors.Is(err, ErrPrekey) {
				t.Errorf("an encapsulation of %d bytes: %v", n, err)
			}
		}
	}
	bad := public
	for i := range 8 { // coefficients out of range
		bad[i] = 0xff
	}
	if err := bad.Check(); !errors.Is(err, ErrPrekey) {
		t.Errorf("a coefficient out of range: %v", err)
	}
	if _, _, err := bad.Sender(nil); !errors.Is(err, ErrPrekey) {
		t.Errorf("a coefficient out of range: %v", err)
	}
	if _, err := RelayPrivateFrom(make([]byte, 31)); !errors.Is(err, ErrSecretSize) {
		t.Errorf("31 bytes: %v", err)
	}
}
