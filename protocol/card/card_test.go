package card

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	qrcode "github.com/skip2/go-qrcode"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

func TestCardRoundTrip(t *testing.T) {
	for name, c := range cards(t) {
		t.Run(name, func(t *testing.T) {
			first := text(t, c)
			again, err := Parse(first)
			must(t, err)
			if text(t, again) != first {
				t.Fatal("the parsed card has another text")
			}
			if again.Public != c.Public || again.FoundByKey != c.FoundByKey || again.User != c.User ||
				again.Expires != c.Expires || again.Name != c.Name || len(again.Gateways) != len(c.Gateways) ||
				!again.Address.Equal(c.Address.Bytes()) || !again.Door.Equal(c.Door.Bytes()) {
				t.Fatalf("the parsed card differs: %+v", again)
			}
			for i, g := range c.Gateways {
				if again.Gateways[i] != g {
					t.Fatalf("gateway %d is %+v, want %+v", i, again.Gateways[i], g)
				}
			}
		})
	}
}

// TestCardSize holds protocol.md 2 to its word: 182 characters and QR version
// 8 with one 20-byte host.
func TestCardSize(t *testing.T) {
	s := text(t, private(t))
	if len(s) != 182 {
		t.Fatalf("the text has %d characters, want 182", len(s))
	}
	code, err := qrcode.New(s, qrcode.Medium)
	must(t, err)
	if code.VersionNumber != 8 {
		t.Fatalf("QR version %d, want 8", code.VersionNumber)
	}
}

func TestLongestCard(t *testing.T) {
	c := private(t)
	label := strings.Repeat("a", 62)
	host := strings.Join([]string{label, label, label, strings.Repeat("b", MaxHost-3*63)}, ".")
	c.Gateways = nil
	for n := range byte(MaxGateways) {
		c.Gateways = append(c.Gateways, Gateway{Hash: hash(2 + n), Host: host, Port: 65535})
	}
	c.Expires, c.Name = 65535, strings.Repeat("n", MaxName)
	if n := len(c.encode()) + checkSize; n != maxCard {
		t.Fatalf("the longest card has %d bytes, maxCard is %d", n, maxCard)
	}
	_, err := Parse(text(t, c))
	must(t, err)
	for _, draw := range []func() (string, error){c.Text, c.Link, c.DeepLink} {
		s, err := draw()
		must(t, err)
		_, err = EncodePNG(s, 1000)
		must(t, err)
	}
}

func TestCardCheck(t *testing.T) {
	good := private(t)
	g := good.Gateways[0]
	with := func(change func(*Card)) Card { c := private(t); change(&c); return c }
	gateways := func(list ...Gateway) Card { return with(func(c *Card) { c.Gateways = list }) }
	tests := map[string]struct {
		card Card
		want *wire.Error
	}{
		"no user":                  {with(func(c *Card) { c.User = key.IdentityPublic{} }), wire.ErrPublicKey},
		"user of small order":      {with(func(c *Card) { c.User = key.IdentityPublic{1} }), wire.ErrPublicKey},
		"door secret forgotten":    {with(func(c *Card) { c.Door = key.DoorSecret{} }), wire.ErrValue},
		"public with door secret":  {with(func(c *Card) { c.Public = true }), wire.ErrValue},
		"address secret forgotten": {with(func(c *Card) { c.Address = key.AddressSecret{} }), wire.ErrValue},
		"found by key with secret": {with(func(c *Card) { c.FoundByKey = true }), wire.ErrValue},
		"five gateways": {gateways(g, Gateway{hash(3), "b", 1, false}, Gateway{hash(3), "c", 1, false},
			Gateway{hash(3), "d", 1, false}, Gateway{hash(3), "e", 1, false}), wire.ErrTooLarge},
		"gateway twice":    {gateways(g, g), wire.ErrValue},
		"gateway no hash":  {gateways(Gateway{Host: "a.example", Port: 443}), wire.ErrValue},
		"gateway no port":  {gateways(Gateway{Hash: hash(2), Host: "a.example"}), wire.ErrValue},
		"gateway no host":  {gateways(Gateway{Hash: hash(2), Port: 443}), wire.ErrValue},
		"plain and remote": {gateways(Gateway{hash(2), "a.example", 80, true}), wire.ErrValue},
		"plain and TLS on loopback": {gateways(Gateway{hash(2), "localhost", 80, true},
			Gateway{hash(3), "127.0.0.1", 443, false}), wire.ErrValue},
		"long name": {with(func(c *Card) { c.Name = strings.Repeat("x", 65) }), wire.ErrTooLarge},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for _, write := range []func() (string, error){test.card.Text, test.card.Link, test.card.DeepLink} {
				s, err := write()
				wants(t, err, test.want)
				if s != "" {
					t.Fatal("a refused card was written")
				}
			}
		})
	}
}

// TestCardCanonical changes valid bytes, seals them with the right check, and
// wants each refused for its own reason.
func TestCardCanonical(t *testing.T) {
	base := private(t).encode()
	lab := cards(t)["loopback-plain"].encode()
	const user, address, door, count, hostLength = 2, 34, 50, 66, 83
	set := func(b []byte, at int, values ...byte) []byte {
		b = bytes.Clone(b)
		copy(b[at:], values)
		return b
	}
	hosted := func(host string) []byte {
		b := append(bytes.Clone(base[:hostLength]), byte(len(host)))
		return append(append(b, host...), 0, 0, 0)
	}
	named := func(name string) []byte {
		b := append(bytes.Clone(base[:len(base)-1]), byte(len(name)))
		return append(b, name...)
	}
	zeros := make([]byte, 16)
	tests := map[string]struct {
		body []byte
		want *wire.Error
	}{
		"version 0":                 {set(base, 0, 0), wire.ErrVersion},
		"version 2":                 {set(base, 0, 2), wire.ErrVersion},
		"group":                     {set(base, 1, flagGroup), wire.ErrVersion},
		"unknown flag":              {set(base, 1, 0x10), wire.ErrVersion},
		"unknown flag 80":           {set(base, 1, 0x80), wire.ErrVersion},
		"plain without loopback":    {set(base, 1, flagPlain), wire.ErrNotCanonical},
		"public with door":          {set(base, 1, flagPublic), wire.ErrValue},
		"private without door":      {set(base, door, zeros...), wire.ErrValue},
		"found by key, secret":      {set(base, 1, flagFoundByKey), wire.ErrValue},
		"no secret, not by key":     {set(base, address, zeros...), wire.ErrValue},
		"identity not canonical":    {set(base, user, bytes.Repeat([]byte{0xFF}, 32)...), wire.ErrPublicKey},
		"identity of small order":   {set(base, user, append([]byte{1}, make([]byte, 31)...)...), wire.ErrPublicKey},
		"five gateways":             {set(base, count, 5), wire.ErrTooLarge},
		"255 gateways":              {set(base, count, 255), wire.ErrTooLarge},
		"two gateways, one there":   {set(base, count, 2), wire.ErrTruncated},
		"no gateway, one there":     {set(base, count, 0), wire.ErrTruncated},
		"no host":                   {hosted(""), wire.ErrValue},
		"port 443 written":          {hosted("a.example:443"), wire.ErrNotCanonical},
		"port 0":                    {hosted("a.example:0"), wire.ErrValue},
		"port with zeros":           {hosted("a.example:080"), wire.ErrNotCanonical},
		"port with sign":            {hosted("a.example:+80"), wire.ErrValue},
		"port too large":            {hosted("a.example:65536"), wire.ErrValue},
		"port empty":                {hosted("a.example:"), wire.ErrValue},
		"upper case":                {hosted("A.example"), wire.ErrValue},
		"IPv6 without brackets":     {hosted("2001:db8::7"), wire.ErrValue},
		"host with path":            {hosted("a.example/x"), wire.ErrValue},
		"host with user":            {hosted("u@a.example"), wire.ErrValue},
		"host of 250 bytes":         {hosted(strings.Repeat("a.", 125)), wire.ErrTooLarge},
		"name with blank":           {named(" x"), wire.ErrValue},
		"name with line break":      {named("x\ny"), wire.ErrValue},
		"name not UTF-8":            {named("\xff"), wire.ErrValue},
		"name too long":             {named(strings.Repeat("x", 65)), wire.ErrTooLarge},
		"name shorter than it says": {set(base, len(base)-1, 3), wire.ErrTruncated},
		"trailing byte":             {append(bytes.Clone(base), 0), wire.ErrTrailing},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(resealed(test.body))
			wants(t, err, test.want)
		})
	}
	c, err := Parse(resealed(set(lab, 1, 0)))
	must(t, err)
	if c.Gateways[0].Plain {
		t.Fatal("without the flag a loopback gateway uses TLS")
	}
}

func TestCardPrefixes(t *testing.T) {
	for name, c := range cards(t) {
		t.Run(name, func(t *testing.T) {
			s := text(t, c)
			for n := range len(s) {
				if _, err := Parse(s[:n]); err == nil {
					t.Fatalf("the first %d characters parse", n)
				}
			}
			body := c.encode()
			for n := 2; n < len(body); n++ {
				_, err := Parse(resealed(body[:n]))
				wants(t, err, wire.ErrTruncated)
			}
			for n := range 2 {
				if _, err := Parse(resealed(body[:n])); err == nil {
					t.Fatalf("%d bytes parse", n)
				}
			}
			for _, more := range []string{"A", "AA", "AAAAAAAA", "=", ":", s} {
				if _, err := Parse(s + more); err == nil {
					t.Fatalf("the text with %d more characters parses", len(more))
				}
			}
		})
	}
}

func TestEveryTypingError(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567018 9:-"
	for _, c := range cards(t) {
		s := text(t, c)
		for i := range s {
			for _, wrong := range []byte(alphabet) {
				if wrong == s[i] {
					continue
				}
				_, err := Parse(s[:i] + string(wrong) + s[i+1:])
				if !errors.Is(err, wire.ErrCheck) && !errors.Is(err, wire.ErrMalformed) {
					t.Fatalf("%c instead of %c at %d: %v", wrong, s[i], i, err)
				}
			}
			if i > 0 && s[i] != s[i-1] {
				_, err := Parse(s[:i-1] + s[i:i+1] + s[i-1:i] + s[i+1:])
				if !errors.Is(err, wire.ErrCheck) && !errors.Is(err, wire.ErrMalformed) {
					t.Fatalf("characters %d and %d swapped: %v", i-1, i, err)
				}
			}
		}
	}
}

func TestExpired(t *testing.T) {
	c := private(t)
	last := time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)
	if c.Expired(last.AddDate(1000, 0, 0)) {
		t.Fatal("a card without expiry expired")
	}
	c.Expires = Day(last)
	for at, want := range map[time.Time]bool{
		last.Add(-time.Second):     false,
		last:                       false,
		last.Add(24*time.Hour - 1): false,
		last.Add(24 * time.Hour):   true,
		last.AddDate(500, 0, 0):    true,
		time.Date(1969, 1, 1, 0, 0, 0, 0, last.Location()): false,
	} {
		if c.Expired(at) != want {
			t.Fatalf("at %v expired is %v", at, !want)
		}
	}
	east := time.FixedZone("east", 14*60*60)
	if c.Expired(time.Date(2027, 3, 2, 13, 59, 0, 0, east)) {
		t.Fatal("the day ends by UTC, not by local time")
	}
}

func TestDay(t *testing.T) {
	for at, want := range map[time.Time]uint16{
		time.Unix(0, 0):           0,
		time.Unix(86399, 0):       0,
		time.Unix(86400, 0):       1,
		time.Unix(-1, 0):          0,
		time.Unix(1<<40, 0):       65535,
		time.Unix(65535*86400, 0): 65535,
	} {
		if got := Day(at); got != want {
			t.Fatalf("Day(%v) = %d, want %d", at, got, want)
		}
	}
}

// TestPrintingShowsNoSecret prints cards and addresses in every way a log or
// an error might.
func TestPrintingShowsNoSecret(t *testing.T) {
	c, a := private(t), addresses(t)["invited"]
	c.Name = "Confidential Name"
	secrets := []string{c.Name}
	for _, b := range [][]byte{c.Address.Bytes(), c.Door.Bytes(), a.Invite.Bytes()} {
		secrets = append(secrets, fmt.Sprintf("%x", b), fmt.Sprintf("%X", b), fmt.Sprintf("%v", b)[1:10], string(b), key.Base32(b)[:20])
	}
	secrets = append(secrets, text(t, c)[100:], addressText(t, a)[80:])
	var out bytes.Buffer
	for _, v := range []any{c, &c, a, &a, []Card{c}, []Address{a}, struct{ C Card }{c}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
		if b, err := json.Marshal(v); err == nil {
			t.Fatalf("%T became JSON: %d bytes", v, len(b))
		}
	}
	for _, secret := range secrets {
		if strings.Contains(out.String(), secret) {
			t.Fatalf("a secret was printed:\n%s", out.String())
		}
	}
	if want := fmt.Sprintf("card of %x with 1 gateways", c.User[:4]); c.String() != want || fmt.Sprint(c) != want {
		t.Fatalf("a card prints as %q", c)
	}
}
