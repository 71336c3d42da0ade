package profile

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"zeroms/protocol/card"
	"zeroms/protocol/key"
)

// spellings are the ways in which bytes may end up in output.
func spellings(secret []byte) (out []string) {
	list := strings.Trim(fmt.Sprint(secret), "[]")
	var hexes []string
	for _, b := range secret {
		hexes = append(hexes, fmt.Sprintf("0x%x", b))
	}
	return []string{
		list, strings.ReplaceAll(list, " ", ","), strings.Join(hexes, ", "), hex.EncodeToString(secret), strings.ToUpper(hex.EncodeToString(secret)),
		base64.StdEncoding.EncodeToString(secret), base64.RawURLEncoding.EncodeToString(secret), key.Base32(secret), string(secret),
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	self, given, contact := must(NewSelf("Alice", at(0))), NewCard(at(0)), fullContact()
	self.Former, self.Renewed, given.Address = key.NewAddressSecret(), at(1), key.NewAddressSecret()
	home := Home{Address: card.Address{Node: node(2), Host: "gateway.example", Port: 1, Network: card.NetworkLab, Invite: key.NewInvite()}}
	old := OldBlob{Secret: key.NewAddressSecret()}
	home.Old = []*OldBlob{&old}
	parts := []struct {
		name    string
		values  []any
		secrets [][]byte
	}{
		{"self", []any{self, *self}, [][]byte{self.Seed.Bytes(), self.Secret.Bytes(), self.Address.Bytes(), self.Identity.Seed(), self.Signer.Seed()}},
		{"former address", []any{self, *self}, [][]byte{self.Former.Bytes()}},
		{"card", []any{given, *given}, [][]byte{given.Door.Bytes(), given.Address.Bytes()}},
		{"profile of before", []any{&old, old}, [][]byte{old.Secret.Bytes()}},
		{"contact", []any{&contact, contact}, [][]byte{contact.Secret.Bytes(), contact.Door.Bytes(), contact.Mine.Bytes(), contact.Theirs.Bytes()}},
		{"home", []any{&home, home}, [][]byte{home.Address.Invite.Bytes()}},
	}
	for _, p := range parts {
		var out bytes.Buffer
		for _, v := range p.values {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
				fmt.Fprintf(&out, verb+"\n", v)
			}
			slog.New(slog.NewTextHandler(&out, nil)).Info("t", "v", v)
			slog.New(slog.NewJSONHandler(&out, nil)).Info("t", "v", v)
		}
		if out.Len() < 100 {
			t.Fatalf("%s: nothing was printed", p.name)
		}
		for n, secret := range p.secrets {
			for _, s := range spellings(secret) {
				if strings.Contains(out.String(), s) {
					t.Errorf("%s: secret %d is printed as %q", p.name, n, s)
				}
			}
		}
	}
}
