package places_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
	"zeroms/ui/model"
	"zeroms/ui/model/places"
	"zeroms/ui/words"
)

func english(t *testing.T) *words.Words {
	t.Helper()
	w, err := words.New(words.English)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func address(t *testing.T) (card.Address, string) {
	t.Helper()
	a := card.Address{
		Node: key.PrivateFromSeed[key.Node]([32]byte{7}).Public(), Host: "gw.linden.example", Port: 443, Network: card.NetworkPublic,
	}
	text, err := a.Text()
	if err != nil {
		t.Fatal(err)
	}
	return a, text
}

func TestReadText(t *testing.T) {
	a, text := address(t)
	own := card.Card{User: key.PrivateFromSeed[key.Identity]([32]byte{3}).Public(), Address: key.NewAddressSecret(), Door: key.NewDoorSecret(), Name: "Mira"}
	ofCard, err := own.Text()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text          string
		address, card bool
	}{
		"address":           {text: text, address: true},
		"lower case":        {text: strings.ToLower(text), address: true},
		"in lines":          {text: "  " + text[:20] + "\n" + text[20:] + "\n", address: true},
		"link":              {text: "zeroms:" + text, address: true},
		"link with slashes": {text: "ZEROMS://" + text, address: true},
		"card":              {text: ofCard, card: true},
		"words":             {text: "hello"},
		"nothing":           {},
		"cut off":           {text: text[:len(text)-3]},
		"mistyped":          {text: strings.Replace(text, text[12:13], "7", 1) + "A"},
		"far too long":      {text: strings.Repeat("A", 1<<20)},
		"lines and no code": {text: strings.Repeat("\n", 32<<10)},
	} {
		got, err := places.ReadText(c.text)
		switch {
		case c.address && (err != nil || got.Address.Node != a.Node || got.Address.Endpoint() != a.Endpoint() || got.Card != ""):
			t.Errorf("%s: %v, %v", name, got.Address, err)
		case c.card && (err != nil || got.Card != ofCard):
			t.Errorf("%s: %v", name, err)
		case !c.address && !c.card && err == nil:
			t.Errorf("%s was read as %v", name, got.Address)
		}
	}
}

func TestReadFile(t *testing.T) {
	a, text := address(t)
	picture, err := card.EncodePNG(text, 600)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, path := range []string{write("code.png", picture), write("code.txt", []byte(text+"\n"))} {
		if got, err := places.ReadFile(path); err != nil || got.Address.Node != a.Node {
			t.Errorf("%s: %v, %v", filepath.Base(path), got.Address, err)
		}
	}
	for _, path := range []string{
		write("cut.png", picture[:len(picture)/2]), write("noise", bytes.Repeat([]byte{0, 0xff, 7}, 1000)), write("empty", nil),
		filepath.Join(dir, "nowhere"),
	} {
		if got, err := places.ReadFile(path); err == nil {
			t.Errorf("%s was read as %v", filepath.Base(path), got.Address)
		}
	}
}

func TestReadNoFile(t *testing.T) {
	for _, path := range []string{os.DevNull, t.TempDir()} {
		if _, err := places.ReadFile(path); !errors.Is(err, wire.ErrImage) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestProblem(t *testing.T) {
	w := english(t)
	for said, want := range map[string]struct {
		says  string
		final bool
	}{
		"":           {},
		"connecting": {},
		"The gateway has another key than its address says. [wrong-gateway-key]": {"not the one", true},
		"By invitation only. [invite: used up]":                                  {"invitation", true},
		"The other side belongs to another network. [network]":                   {"another network", true},
		"The account was closed. [closed]":                                       {"does not know you", true},
		"The gateway is busy. [busy]":                                            {"busy", false},
		"The clocks differ. [clock]":                                             {"computer's clock", false},
		"link: no connection to the gateway at gw.example:443; check the address: dial tcp: connection refused":            {"does not answer", false},
		"link: no connection to the gateway at [::1]:7443 through the proxy at 127.0.0.1:9050: refused":                    {"proxy", false},
		"link: what answers at gw.example:443 is not a ZeroMS gateway; check host and port: bad handshake":                 {"not a ZeroMS gateway", true},
		"the gateway's rows do not follow each other; if that goes on, use another one":                                    {"must not do", false},
		"the gateway's clock is wrong by more than a day; tell its operator, or use another one":                           {"Its clock", false},
		"the gateway lost a part of the mailbox, as after its restoration from a backup; what waited there is sent again":  {"sent again", false},
		"This profile is an older copy of itself: a newer state of it has been in use since. Give it a device. [set-back]": {"older copy", true},
		"something nobody has thought of": {"does not answer", false},
		"The connection to the gateway was lost; it is made again. [link-closed: started over]": {"does not answer", false},
	} {
		got := places.Problem(w, said)
		if want.says == "" && got != "" || !strings.Contains(got, want.says) {
			t.Errorf("%q: %q", said, got)
		}
		if places.Final(said) != want.final {
			t.Errorf("%q: final is %v", said, !want.final)
		}
	}
}

func TestNameProblem(t *testing.T) {
	w := english(t)
	for name, good := range map[string]bool{
		"Lin Wei": true, "林薇": true, " Mira ": true, "": false, "  ": false, "a\u202eb": false, "a\nb": false, strings.Repeat("x", 65): false, "\xff": false,
	} {
		if got := places.NameProblem(w, name); got == "" != good {
			t.Errorf("%q: %q", name, got)
		}
	}
}

func TestPassphrase(t *testing.T) {
	w := english(t)
	for _, c := range []struct {
		p    places.Passphrase
		says string
	}{
		{places.Passphrase{}, ""},
		{places.Passphrase{First: "long enough", Again: "long enough"}, ""},
		{places.Passphrase{First: "一二三四五六七八", Again: "一二三四五六七八"}, ""},
		{places.Passphrase{First: "short", Again: "short"}, "Too short"},
		{places.Passphrase{First: "long enough", Again: "long enouhg"}, "not the same"},
		{places.Passphrase{Again: "long enough"}, "Too short"},
	} {
		if got := c.p.Problem(w); c.says == "" && got != "" || !strings.Contains(got, c.says) {
			t.Errorf("%d and %d characters: %q", len(c.p.First), len(c.p.Again), got)
		}
	}
}

func TestNearest(t *testing.T) {
	for value, want := range map[int]int{0: 0, 80: 0, 100: 2, 104: 2, 250: 7, 120: 4} {
		if got := places.Nearest(places.Zooms(), value); got != want {
			t.Errorf("%d percent: %d", value, places.Zooms()[got])
		}
	}
	for value, want := range map[uint16]int{0: 0, 5: 2, 30: 3, 1000: 4} {
		if got := places.Nearest(places.Minutes(), value); got != want {
			t.Errorf("%d minutes: %d", value, places.Minutes()[got])
		}
	}
}

func TestReach(t *testing.T) {
	w := english(t)
	for says, s := range map[string]model.InsideState{
		"Only this computer":      {Running: true, Reach: []string{"127.0.0.1:7443"}},
		"192.168.1.5:7443, 10.":   {Running: true, Open: true, Reach: []string{"192.168.1.5:7443", "10.0.0.1:7443"}},
		"Anyone on your local":    {Open: true},
		"address, 203.0.113.5:74": {Running: true, Open: true, Public: true, Reach: []string{"203.0.113.5:7443"}},
	} {
		if got := places.Reach(w, s); !strings.Contains(got, says) {
			t.Errorf("%+v: %q", s, got)
		}
	}
}

// TestNetworkOf: the public network needs no name; others have theirs, whatever bytes
// somebody says.
func TestNetworkOf(t *testing.T) {
	for network, want := range map[key.Network]string{
		card.NetworkPublic: "", card.NetworkLab: "lab", {'n', 'o', '0', 'r'}: "no0r", {'A', 'b', 'c', 'd'}: "41626364",
		{0xe2, 0x80, 0xae, 'x'}: "e280ae78", {'\n', 'a', 'b', 'c'}: "0a616263",
	} {
		if got := places.NetworkOf(card.Address{Network: network}); got != want {
			t.Errorf("%q is called %q, not %q", network[:], got, want)
		}
	}
}
