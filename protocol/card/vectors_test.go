package card

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

var update = flag.Bool("update", false, "write the vectors anew")

const vectorFile = "testdata/card.json"

// vectors is the content of testdata/card.json; bytes are hex.
type vectors struct {
	Cards     []cardVector    `json:"cards"`
	Addresses []addressVector `json:"addresses"`
	Refused   []refusal       `json:"refused"`
}

type cardVector struct {
	Name       string          `json:"name"`
	Public     bool            `json:"public"`
	FoundByKey bool            `json:"found_by_key"`
	User       string          `json:"user"`
	Address    string          `json:"address_secret"`
	Door       string          `json:"door_secret"`
	Gateways   []gatewayVector `json:"gateways"`
	Expires    uint16          `json:"expires_day"`
	CalledName string          `json:"called_name"`
	Bytes      string          `json:"bytes"`
	Text       string          `json:"text"`
	Link       string          `json:"link,omitempty"`
	DeepLink   string          `json:"deep_link"`
}

type gatewayVector struct {
	Hash  string `json:"hash"`
	Host  string `json:"host"`
	Port  uint16 `json:"port"`
	Plain bool   `json:"plain"`
}

type addressVector struct {
	Name    string `json:"name"`
	Node    string `json:"node"`
	Host    string `json:"host"`
	Port    uint16 `json:"port"`
	Invite  string `json:"invite,omitempty"`
	Network string `json:"network"`
	Plain   bool   `json:"plain"`
	Bytes   string `json:"bytes"`
	Text    string `json:"text"`
}

// refusal is a text that the parser of its kind refuses with the named error.
type refusal struct {
	Why   string `json:"why"`
	As    string `json:"as"` // card or address
	Text  string `json:"text"`
	Error string `json:"error"`
}

func vectorOfCard(t *testing.T, name string, c Card) cardVector {
	v := cardVector{Name: name, Public: c.Public, FoundByKey: c.FoundByKey, User: c.User.String(),
		Address: hex.EncodeToString(c.Address.Bytes()), Door: hex.EncodeToString(c.Door.Bytes()),
		Gateways: []gatewayVector{}, Expires: c.Expires, CalledName: c.Name, Text: text(t, c)}
	for _, g := range c.Gateways {
		v.Gateways = append(v.Gateways, gatewayVector{hex.EncodeToString(g.Hash[:]), g.Host, g.Port, g.Plain})
	}
	v.Bytes = hexOf(t, strings.TrimPrefix(v.Text, cardPrefix))
	v.Link, _ = c.Link()
	var err error
	v.DeepLink, err = c.DeepLink()
	must(t, err)
	return v
}

func vectorOfAddress(t *testing.T, name string, a Address) addressVector {
	v := addressVector{Name: name, Node: a.Node.String(), Host: a.Host, Port: a.Port, Network: string(a.Network[:]),
		Plain: a.Plain, Text: addressText(t, a)}
	if !a.Invite.IsZero() {
		v.Invite = hex.EncodeToString(a.Invite.Bytes())
	}
	v.Bytes = hexOf(t, strings.TrimPrefix(v.Text, addressPrefix))
	return v
}

func hexOf(t *testing.T, base32 string) string {
	b, err := key.ParseBase32(base32)
	must(t, err)
	return hex.EncodeToString(b)
}

func refusals(t *testing.T) []refusal {
	c, a := private(t), addresses(t)["invited"]
	body, s := c.encode(), text(t, c)
	changed := func(at int, value byte) string {
		b := bytes.Clone(body)
		b[at] = value
		return resealed(b)
	}
	return []refusal{
		{"one character wrong", "card", s[:50] + string('A'+(s[50]-'A'+1)%26) + s[51:], "check"},
		{"one character missing", "card", s[:len(s)-1], "malformed"},
		{"no prefix", "card", s[4:], "malformed"},
		{"version 2", "card", changed(0, 2), "version"},
		{"group flag", "card", changed(1, flagGroup), "version"},
		{"unknown flag", "card", changed(1, 0x10), "version"},
		{"public flag with a door secret", "card", changed(1, flagPublic), "value"},
		{"plain flag without a loopback gateway", "card", changed(1, flagPlain), "not-canonical"},
		{"a gateway more than there is", "card", changed(66, 2), "truncated"},
		{"five gateways", "card", changed(66, 5), "too-large"},
		{"host with an upper-case letter", "card", changed(84, 'G'), "value"},
		{"a byte too many", "card", resealed(append(bytes.Clone(body), 0)), "trailing-bytes"},
		{"identity key of small order", "card", resealed(append(append([]byte{1, 0, 1}, make([]byte, 31)...), body[34:]...)), "public-key"},
		{"a gateway address as a card", "card", addressText(t, a), "wrong-kind"},
		{"a device-link code as a card", "card", "ZMSLINK:AAAA", "wrong-kind"},
		{"a card as a gateway address", "address", s, "wrong-kind"},
		{"a card under the prefix of an address", "address", addressPrefix + s[4:], "check"},
		{"plain flag on a remote host", "address", resealedAddress(append([]byte{1, flagAddressPlain}, addresses(t)["public"].encode()[2:]...)), "value"},
		{"a network of zeros", "address", resealedAddress(append(addresses(t)["public"].encode()[:57], 0, 0, 0, 0)), "value"},
	}
}

func TestVectors(t *testing.T) {
	want := vectors{Refused: refusals(t)}
	for _, name := range slices.Sorted(maps.Keys(cards(t))) {
		want.Cards = append(want.Cards, vectorOfCard(t, name, cards(t)[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(addresses(t))) {
		want.Addresses = append(want.Addresses, vectorOfAddress(t, name, addresses(t)[name]))
	}
	written, err := json.MarshalIndent(want, "", "\t")
	must(t, err)
	written = append(written, '\n')
	if *update {
		must(t, os.WriteFile(vectorFile, written, 0o644))
	}
	stored, err := os.ReadFile(vectorFile)
	must(t, err)
	if !bytes.Equal(stored, written) {
		t.Fatalf("%s is not what the code makes; if the protocol changed on purpose, run the test with -update", vectorFile)
	}
}

// TestVectorsParse reads the stored vectors as another implementation would.
func TestVectorsParse(t *testing.T) {
	stored, err := os.ReadFile(vectorFile)
	must(t, err)
	var v vectors
	must(t, json.Unmarshal(stored, &v))
	if len(v.Cards) == 0 || len(v.Addresses) == 0 || len(v.Refused) == 0 {
		t.Fatal("vectors are missing")
	}
	for _, want := range v.Cards {
		for _, input := range []string{want.Text, want.Link, want.DeepLink} {
			if input == "" {
				continue
			}
			c, err := Parse(input)
			must(t, err)
			if c.Name != want.CalledName || c.Expires != want.Expires || c.User.String() != want.User || len(c.Gateways) != len(want.Gateways) {
				t.Fatalf("card %s is read as %v", want.Name, c)
			}
		}
	}
	for _, want := range v.Addresses {
		a, err := ParseAddress(want.Text)
		must(t, err)
		if a.Host != want.Host || a.Port != want.Port || a.Node.String() != want.Node || a.Plain != want.Plain {
			t.Fatalf("address %s is read as %v", want.Name, a)
		}
	}
	for _, r := range v.Refused {
		parse := func(s string) error { _, err := Parse(s); return err }
		if r.As == "address" {
			parse = func(s string) error { _, err := ParseAddress(s); return err }
		}
		var of *wire.Error
		if err := parse(r.Text); !errors.As(err, &of) || wire.Lookup(of.Code).Name != r.Error {
			t.Errorf("%s: got %v, want %s", r.Why, err, r.Error)
		}
	}
}

// TestDocument holds the worked examples of docs/protocol/card.md against the
// vectors: the hex of each block, line by line without the words behind it,
// and the text after it.
func TestDocument(t *testing.T) {
	document, err := os.ReadFile("../../docs/protocol/card.md")
	must(t, err)
	blocks := regexp.MustCompile("(?s)```hex\n(.*?)```\n+```text\n(.*?)\n```").FindAllStringSubmatch(string(document), -1)
	v := map[string]string{}
	for _, name := range []string{"private", "loopback-plain"} {
		of := vectorOfCard(t, name, cards(t)[name])
		v[of.Text] = of.Bytes
	}
	of := vectorOfAddress(t, "invited", addresses(t)["invited"])
	v[of.Text] = of.Bytes
	if len(blocks) != len(v) {
		t.Fatalf("%d worked examples in the document, want %d", len(blocks), len(v))
	}
	for _, block := range blocks {
		var octets strings.Builder
		for _, line := range strings.Split(strings.TrimSpace(block[1]), "\n") {
			hexadecimal, _, _ := strings.Cut(line, "  ")
			octets.WriteString(strings.ReplaceAll(hexadecimal, " ", ""))
		}
		code := strings.Join(strings.Fields(block[2]), "")
		if want, ok := v[code]; !ok || octets.String() != want {
			t.Errorf("a worked example differs from the vectors:\n%s\n%s", octets.String(), code)
		}
	}
}
