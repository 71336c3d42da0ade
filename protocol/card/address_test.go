package card

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

func TestAddressRoundTrip(t *testing.T) {
	for name, a := range addresses(t) {
		t.Run(name, func(t *testing.T) {
			s := addressText(t, a)
			for _, variant := range []string{s, strings.ToLower(s), " \n" + s[:9] + "\r\n\t" + s[9:] + "\n"} {
				again, err := ParseAddress(variant)
				must(t, err)
				if addressText(t, again) != s || again.Endpoint() != a.Endpoint() || again.Node != a.Node ||
					again.Network != a.Network || again.Plain != a.Plain || !again.Invite.Equal(a.Invite.Bytes()) {
					t.Fatalf("the parsed address differs: %v", again)
				}
			}
		})
	}
}

func TestAddressGateway(t *testing.T) {
	a := addresses(t)["lab"]
	want := Gateway{Hash: key.GatewayHashOf(a.Node), Host: "127.0.0.1", Port: 7001, Plain: true}
	if a.Gateway() != want {
		t.Fatalf("got %+v, want %+v", a.Gateway(), want)
	}
	c := private(t)
	c.Gateways = nil
	for _, a := range addresses(t) {
		if a.Invite.IsZero() || a.Plain {
			c.Gateways = append(c.Gateways, a.Gateway())
		}
	}
	again, err := Parse(text(t, c))
	must(t, err)
	for i, g := range c.Gateways {
		if again.Gateways[i] != g {
			t.Fatalf("on a card the gateway became %+v, want %+v", again.Gateways[i], g)
		}
	}
}

func TestAddressCanonical(t *testing.T) {
	all := addresses(t)
	base, invited, lab := all["public"].encode(), all["invited"].encode(), all["lab"].encode()
	const nodeKey, port, hostLength, host = 2, 34, 36, 37
	set := func(b []byte, at int, values ...byte) []byte {
		b = bytes.Clone(b)
		copy(b[at:], values)
		return b
	}
	hosted := func(name string) []byte {
		b := append(bytes.Clone(base[:hostLength]), byte(len(name)))
		return append(append(b, name...), "zms1"...)
	}
	tests := map[string]struct {
		body []byte
		want *wire.Error
	}{
		"version 2":              {set(base, 0, 2), wire.ErrVersion},
		"unknown flag":           {set(base, 1, 0x04), wire.ErrVersion},
		"unknown flag 80":        {set(base, 1, 0x80), wire.ErrVersion},
		"plain and remote":       {set(base, 1, flagAddressPlain), wire.ErrValue},
		"key of small order":     {set(base, nodeKey, append([]byte{1}, make([]byte, 31)...)...), wire.ErrPublicKey},
		"port 0":                 {set(base, port, 0, 0), wire.ErrValue},
		"host too short for it":  {set(base, hostLength, 19), wire.ErrTrailing},
		"host upper case":        {set(base, host, 'G'), wire.ErrValue},
		"no host":                {hosted(""), wire.ErrValue},
		"host of 250 bytes":      {hosted(strings.Repeat("a.", 125)), wire.ErrTooLarge},
		"no network":             {set(base, len(base)-4, 0, 0, 0, 0), wire.ErrValue},
		"invite of zeros":        {set(invited, len(invited)-20, make([]byte, 16)...), wire.ErrNotCanonical},
		"invite without flag":    {set(invited, 1, 0), wire.ErrTrailing},
		"flag without invite":    {set(base, 1, flagInvite), wire.ErrTruncated},
		"trailing byte":          {append(bytes.Clone(base), 0), wire.ErrTrailing},
		"plain moved to 10.x":    {set(lab, host, []byte("10.0.0.01")...), wire.ErrValue},
		"plain moved to 128.0.0": {set(lab, host, []byte("128.0.0.1")...), wire.ErrValue},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := ParseAddress(resealedAddress(test.body))
			wants(t, err, test.want)
		})
	}
}

func TestAddressCheck(t *testing.T) {
	with := func(change func(*Address)) Address { a := addresses(t)["public"]; change(&a); return a }
	tests := map[string]struct {
		address Address
		want    *wire.Error
	}{
		"no key":           {with(func(a *Address) { a.Node = key.NodePublic{} }), wire.ErrPublicKey},
		"no network":       {with(func(a *Address) { a.Network = key.Network{} }), wire.ErrValue},
		"no host":          {with(func(a *Address) { a.Host = "" }), wire.ErrValue},
		"no port":          {with(func(a *Address) { a.Port = 0 }), wire.ErrValue},
		"plain and remote": {with(func(a *Address) { a.Plain = true }), wire.ErrValue},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s, err := test.address.Text()
			wants(t, err, test.want)
			if s != "" {
				t.Fatal("a refused address was written")
			}
		})
	}
}

func TestAddressPrefixesAndTypingErrors(t *testing.T) {
	for _, a := range addresses(t) {
		s, body := addressText(t, a), a.encode()
		for n := range len(s) {
			if _, err := ParseAddress(s[:n]); err == nil {
				t.Fatalf("the first %d characters parse", n)
			}
			for _, wrong := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567018 ") {
				if wrong == s[n] {
					continue
				}
				_, err := ParseAddress(s[:n] + string(wrong) + s[n+1:])
				// "ZMSG:" with a blank for its G is the prefix of a card.
				if !errors.Is(err, wire.ErrCheck) && !errors.Is(err, wire.ErrMalformed) &&
					(n != 3 || !errors.Is(err, wire.ErrWrongKind)) {
					t.Fatalf("%c instead of %c at %d: %v", wrong, s[n], n, err)
				}
			}
		}
		for n := 2; n < len(body); n++ {
			_, err := ParseAddress(resealedAddress(body[:n]))
			wants(t, err, wire.ErrTruncated)
		}
		for _, more := range []string{"A", "AAAAAAAA", s} {
			if _, err := ParseAddress(s + more); err == nil {
				t.Fatal("a text with more behind it parses")
			}
		}
	}
}

func TestLongestAddress(t *testing.T) {
	a := addresses(t)["invited"]
	a.Host = strings.Repeat("a.", 124) + "a"
	if n := len(a.encode()) + checkSize; n != maxAddress {
		t.Fatalf("the longest address has %d bytes, maxAddress is %d", n, maxAddress)
	}
	_, err := ParseAddress(addressText(t, a))
	must(t, err)
}
