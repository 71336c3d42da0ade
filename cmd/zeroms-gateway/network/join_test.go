package network

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"zeroms/protocol/address"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
)

// today is when the cards of these tests are read.
var today = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// entry is a card's entry for some gateway.
func entry(host string, plain bool) card.Gateway {
	return card.Address{Node: key.NewPrivate[key.Node]().Public(), Host: host, Port: 443, Plain: plain}.Gateway()
}

// cardOf is a private card with these gateways.
func cardOf(gateways ...card.Gateway) card.Card {
	return card.Card{User: key.NewPrivate[key.Identity]().Public(), Address: key.NewAddressSecret(), Door: key.NewDoorSecret(), Gateways: gateways}
}

// text is what one of a card's writers writes.
func text(t *testing.T, write func() (string, error)) string {
	t.Helper()
	s, err := write()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// files writes files and returns where they are.
type files struct {
	t   *testing.T
	dir string
}

func (f files) with(name string, content []byte) string {
	f.t.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		f.t.Fatal(err)
	}
	return path
}

// picture is one of a QR code; without a text it shows none.
func picture(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	if text == "" {
		if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 50, 50))); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	p, err := card.EncodePNG(text, 600)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// leaks reports whether an error shows so much of a code that it could be a secret of
// 16 bytes, which is 26 letters.
func leaks(code, said string) bool {
	said, code = strings.ToUpper(said), code[strings.LastIndexAny(code, ":/#")+1:]
	for at := 0; at+mostShown < len(code); at++ {
		if strings.Contains(said, strings.ToUpper(code[at:at+mostShown+1])) {
			return true
		}
	}
	return false
}

// TestJoinByCard: a card in any of its forms names its gateways by the hashes of their
// keys, but those without TLS.
func TestJoinByCard(t *testing.T) {
	six, name, plain := entry("[2001:db8::7]", false), entry("gw.example.org", false), entry("127.0.0.1", true)
	c := cardOf(six, plain, name)
	c.Expires, c.Name = card.Day(today), "Zoë 🙂"
	public := card.Card{User: c.User, Public: true, FoundByKey: true, Gateways: c.Gateways}
	in := files{t, t.TempDir()}
	whole := text(t, c.Text)
	var folded strings.Builder
	for line := range slices.Chunk([]byte(whole), 40) {
		fmt.Fprintf(&folded, "%s\r\n", line)
	}
	for form, value := range map[string]string{
		"text":            whole,
		"lower case":      strings.ToLower(whole),
		"lines":           folded.String(),
		"invisible":       "\ufeff \u200b" + whole,
		"link":            text(t, c.Link),
		"deep link":       text(t, c.DeepLink),
		"LINK":            strings.ToUpper(text(t, c.Link)),
		"public":          text(t, public.Text),
		"file":            in.with("card", []byte(whole)),
		"file of a link":  in.with("link.txt", []byte("\ufeff"+text(t, c.Link)+"\n")),
		"file with lines": in.with("lines", []byte(folded.String())),
		"picture":         in.with("zms", picture(t, whole)),
		"another name":    in.with("ZMS.card", picture(t, text(t, c.DeepLink))),
	} {
		got, err := joinBy(value, today)
		if err != nil {
			t.Errorf("%s: %v", form, err)
			continue
		}
		if got.network != (key.Network{}) || len(got.gateways) != 2 {
			t.Errorf("%s: %+v", form, got)
			continue
		}
		first, second := got.gateways[0], got.gateways[1]
		if first.Host != "2001:db8::7" || first.Port != 443 || string(first.Node) != string(six.Hash[:]) ||
			second.Addr() != "gw.example.org:443" || string(second.Node) != string(name.Hash[:]) || first.Plain || second.Plain {
			t.Errorf("%s: %+v", form, got.gateways)
		}
	}
	if got, err := joinBy(whole, today.AddDate(0, 0, 1)); err != nil || len(got.gateways) != 2 || got.lastDay != today.UTC().Format(time.DateOnly) {
		t.Errorf("a card that has expired: %+v, %v", got, err)
	}
	address := gatewayAt(t, "192.0.2.1", card.NetworkLab, false)
	got, err := joinBy(in.with("address.png", picture(t, address)), today)
	if err != nil || got.network != card.NetworkLab || len(got.gateways) != 1 || got.gateways[0].Addr() != "192.0.2.1:443" {
		t.Errorf("a picture of an address: %+v, %v", got, err)
	}
}

// TestJoinByNone: what names no gateway is refused in words that say why, and that
// show nothing of a card's secrets.
func TestJoinByNone(t *testing.T) {
	in := files{t, t.TempDir()}
	good := cardOf(entry("192.0.2.1", false))
	whole, user := text(t, good.Text), key.UserIDText(good.User)
	for value, want := range map[string]string{
		"":                         "is neither a gateway's address (ZMSG:...), a contact card (ZMS:...) nor a file with one: no such file",
		"nowhere":                  `--join "nowhere" is neither`,
		in.dir:                     "is a directory",
		user:                       "is neither",
		"\x00":                     "is neither",
		whole[4:]:                  "nor a file with one: ", // without the prefix it could be a file
		whole[:3] + whole[4:]:      "nor a file with one: ",
		text(t, cardOf().Text):     "this card names no gateways; ask for one that does, or give the address of a gateway (ZMSG:...)",
		text(t, cardOf().DeepLink): "this card names no gateways",
		text(t, cardOf(entry("127.0.0.1", true)).Text):   "the gateways of this card serve without TLS and are part of no network",
		gatewayAt(t, "127.0.0.1", card.NetworkLab, true): "that gateway serves without TLS",
		"ZMS:":                    "it is no gateway's address (ZMSG:...) and no contact card (ZMS:...)",
		"ZMSLINK:AAAA":            "this is a device-link code",
		"https://gw.example.org/": "a web link to a contact card is",
		"zeroms:x/" + whole:       "a link to a contact card begins with zeroms:c/",
		strings.Replace(text(t, good.Link), "/c#", "/d#", 1): "a web link to a contact card is",
		"ZMSG:" + whole[4:]:                                         "it is no gateway's address",
		in.with("empty", nil):                                       "what the file holds is no gateway's address",
		in.with("words", []byte("ask Alice")):                       "what the file holds is no gateway's address",
		in.with("user", []byte(user)):                               "this is a user ID",
		in.with("bare.png", picture(t, text(t, cardOf().Text))):     "this card names no gateways",
		in.with("blank.png", picture(t, "")):                        "No QR code was found",
		in.with("other.png", picture(t, "https://example.org")):     "what the file holds is no gateway's address",
		in.with("broken.png", picture(t, whole)[:300]):              "damaged or incomplete",
		in.with("short.png", []byte("\x89PNG")):                     "not a picture that can be read",
		in.with("long", []byte(whole+strings.Repeat(" ", maxCode))): "too-large",
		in.with("two", []byte(whole+"\n"+whole)):                    "what the file holds is no",
	} {
		got, err := joinBy(value, today)
		switch {
		case err == nil || len(got.gateways) > 0:
			t.Errorf("%q: it is taken: %+v", value, got)
		case !strings.Contains(err.Error(), want):
			t.Errorf("%q: %v, want %q", value, err, want)
		case leaks(value, err.Error()) || leaks(whole, err.Error()):
			t.Errorf("the error shows a card: %v", err)
		}
	}
}

// TestJoinByDamage: no part of a card or an address is one, and none with a wrong
// character or more behind it; nor is what package card knows to be refused.
func TestJoinByDamage(t *testing.T) {
	c := cardOf(entry("192.0.2.1", false))
	a := card.Address{Node: key.NewPrivate[key.Node]().Public(), Host: "192.0.2.1", Port: 443, Network: card.NetworkLab, Invite: key.NewInvite()}
	for _, whole := range []string{text(t, c.Text), text(t, c.Link), text(t, c.DeepLink), text(t, a.Text)} {
		if _, err := joinBy(whole, today); err != nil {
			t.Fatal(err)
		}
		damaged := []string{whole + "A", whole + whole, whole + "=", whole + "AAAAAAAA"}
		for n := range whole {
			damaged = append(damaged, whole[:n])
		}
		for at := strings.LastIndex(whole, ":") + 1; at < len(whole); at++ {
			other := "A"
			if whole[at] == 'A' {
				other = "B"
			}
			damaged = append(damaged, whole[:at]+other+whole[at+1:])
		}
		for _, value := range damaged {
			if got, err := joinBy(value, today); err == nil || leaks(whole, err.Error()) {
				t.Errorf("%q: %+v, %v", value, got, err)
			}
		}
	}
	known, err := os.ReadFile("../../../protocol/card/testdata/card.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct {
		Refused []struct{ Text, As, Error string }
	}
	if err := json.Unmarshal(known, &vectors); err != nil || len(vectors.Refused) == 0 {
		t.Fatal(err)
	}
	in := files{t, t.TempDir()}
	for _, v := range vectors.Refused {
		if v.Error == "wrong-kind" && v.Text != "ZMSLINK:AAAA" {
			continue // a card where an address was asked for, and the reverse
		}
		for _, value := range []string{v.Text, in.with("refused", []byte(v.Text))} {
			if _, err := joinBy(value, today); err == nil || leaks(v.Text, err.Error()) {
				t.Errorf("%q: %v", value, err)
			}
		}
	}
}

// TestShown: names of files stand in errors as they are, codes of any spelling don't.
func TestShown(t *testing.T) {
	for _, name := range []string{"", "gw.example.org:443", "/etc/zeroms/join.address", "two/address", `C:\cards\a "b".png`, "ZMSG:AAAA"} {
		if got := shown(name); got != fmt.Sprintf("%q", name) {
			t.Errorf("%q: %s", name, got)
		}
	}
	whole := text(t, cardOf().Text)
	spaced := strings.Join(strings.SplitAfter(whole, ""), " ")
	for _, code := range []string{whole, strings.ToLower(whole), whole[10:], "a card: " + whole, spaced, strings.ReplaceAll(spaced, " ", "\u200b")} {
		got, err := strconv.Unquote(shown(code))
		begin, cut := strings.CutSuffix(got, "...")
		if err != nil || !cut || len(strings.Fields(begin)) > 8 || len(begin) > 40 || leaks(whole, begin) {
			t.Errorf("%q: %s, %v", code, got, err)
		}
	}
}

// TestSeeds: addresses and cards stand beside each other; a gateway that two of them
// name is asked once, and the gateway itself never.
func TestSeeds(t *testing.T) {
	own, other := key.NewPrivate[key.Node](), key.NewPrivate[key.Node]()
	at := card.Address{Node: own.Public(), Host: "192.0.2.9", Port: 443, Network: card.NetworkLab}
	there := card.Address{Node: other.Public(), Host: "192.0.2.1", Port: 443, Network: card.NetworkLab}
	moved := there
	moved.Port = 8443
	further := entry("further.example.org", false)
	first := text(t, cardOf(at.Gateway(), there.Gateway(), moved.Gateway()).Text)
	second := files{t, t.TempDir()}.with("card", []byte(text(t, cardOf(further, there.Gateway()).Link)))
	var o Options
	flags := pflag.NewFlagSet("run", pflag.ContinueOnError)
	o.Flags(flags)
	folded := first[:50] + "\n" + first[50:]
	if err := flags.Parse([]string{"--join", folded, "--join=" + text(t, there.Text), "--join", second, "--join", text(t, at.Text)}); err != nil {
		t.Fatal(err)
	}
	if err := o.Check(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(second); err != nil { // a pipe can be read once only
		t.Fatal(err)
	}
	s := Setup{Node: own, At: at, Bound: &net.TCPAddr{}}
	found, err := o.seeds(s, address.LAN)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range found {
		all = append(all, e.Addr())
	}
	if got := strings.Join(all, " "); got != "192.0.2.1:443 192.0.2.1:8443 further.example.org:443" {
		t.Errorf("found %s", got)
	}
	if hash := key.GatewayHashOf(other.Public()); string(found[0].Node) != string(hash[:]) {
		t.Errorf("pinned by %x", found[0].Node)
	}
	alone := Options{Join: []string{text(t, cardOf(at.Gateway()).Text)}}
	if found, err := alone.seeds(s, address.Public); err != nil || len(found) != 0 {
		t.Errorf("a card of its own user: %v, %v", found, err)
	}
	bad := Options{Join: []string{first, text(t, cardOf().Text)}}
	if _, err := bad.seeds(s, address.Public); !errors.Is(err, ErrUse) || !strings.Contains(err.Error(), "names no gateways") || bad.Check() == nil {
		t.Errorf("beside a good one: %v", err)
	}
}
