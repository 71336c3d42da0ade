package card

import (
	"strings"
	"testing"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

func TestLinks(t *testing.T) {
	c := private(t)
	s := text(t, c)
	link, err := c.Link()
	must(t, err)
	if want := "https://gateway7.example.net/c#" + s; link != want {
		t.Fatalf("link %s, want %s", link, want)
	}
	deep, err := c.DeepLink()
	must(t, err)
	if want := "zeroms:c/" + s; deep != want {
		t.Fatalf("deep link %s, want %s", deep, want)
	}
	lab, err := cards(t)["loopback-plain"].Link()
	must(t, err)
	if !strings.HasPrefix(lab, "http://127.0.0.1:7001/c#ZMS:") {
		t.Fatalf("plain link %s", lab[:40])
	}
	c.Gateways = nil
	_, err = c.Link()
	wants(t, err, wire.ErrValue)
	_, err = c.DeepLink()
	must(t, err)
}

func TestParseAcceptsWhatPeoplePaste(t *testing.T) {
	s := text(t, private(t))
	bare := strings.TrimPrefix(s, "ZMS:")
	var wrapped strings.Builder
	for i, r := range s {
		if i%40 == 39 {
			wrapped.WriteString("\r\n")
		}
		wrapped.WriteRune(r)
	}
	inputs := map[string]string{
		"text":                   s,
		"lower case":             strings.ToLower(s),
		"white space around":     " \t\n" + s + "\r\n\u00a0",
		"line breaks inside":     wrapped.String(),
		"blanks in groups":       strings.Join(strings.SplitAfter(s, "A"), " "),
		"zero-width spaces":      strings.Join(strings.SplitAfter(s, "A"), "\u200b"),
		"soft hyphens":           strings.Join(strings.SplitAfter(s, "A"), "\u00ad"),
		"byte order mark":        "\ufeff" + s,
		"web link":               "https://gateway7.example.net/c#" + s,
		"web link of another":    "https://other.example:8443/c#" + s,
		"web link, bare":         "https://other.example/c#" + bare,
		"web link, lower case":   strings.ToLower("https://other.example/c#" + s),
		"web link, upper case":   "HTTPS://OTHER.EXAMPLE/C#" + s,
		"web link, escaped":      "https://other.example/c#" + strings.Replace(s, ":", "%3a", 1),
		"web link, slash":        "https://other.example/c/#" + s,
		"web link, with a query": "https://other.example/c?utm_source=x#" + s,
		"web link, broken":       "https://other.example/\nc#" + s[:50] + "\n" + s[50:],
		"plain web link":         "http://localhost:7001/c#" + s,
		"IPv6 web link":          "https://[2001:db8::7]:8443/c#" + s,
		"deep link":              "zeroms:c/" + s,
		"deep link, bare":        "zeroms:c/" + bare,
		"deep link, slashes":     "zeroms://c/" + s,
		"deep link, escaped":     "zeroms:c/" + strings.Replace(s, ":", "%3A", 1),
	}
	for name, input := range inputs {
		t.Run(name, func(t *testing.T) {
			c, err := Parse(input)
			must(t, err)
			if text(t, c) != s {
				t.Fatal("another card was read")
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	s := text(t, private(t))
	bare := strings.TrimPrefix(s, "ZMS:")
	address := addressText(t, addresses(t)["invited"])
	tests := map[string]struct {
		input string
		want  *wire.Error
	}{
		"nothing":               {"", wire.ErrMalformed},
		"blanks":                {" \n\t ", wire.ErrMalformed},
		"prefix alone":          {"ZMS:", wire.ErrTruncated},
		"bare outside a link":   {bare, wire.ErrMalformed},
		"words before":          {"My card: " + s, wire.ErrMalformed},
		"twice":                 {s + s, wire.ErrMalformed},
		"padding":               {s + "==", wire.ErrMalformed},
		"full-width letters":    {strings.Replace(s, "Z", "Ｚ", 1), wire.ErrMalformed},
		"long s":                {strings.Replace(s, "S", "ſ", 1), wire.ErrMalformed},
		"NUL":                   {s[:30] + "\x00" + s[30:], wire.ErrMalformed},
		"not UTF-8":             {s[:30] + "\xff" + s[30:], wire.ErrMalformed},
		"huge":                  {strings.Repeat(" ", maxInput) + s, wire.ErrTooLarge},
		"long code":             {"ZMS:" + strings.Repeat("A", 4000), wire.ErrTooLarge},
		"other page":            {"https://other.example/d#" + s, wire.ErrMalformed},
		"deeper page":           {"https://other.example/x/c#" + s, wire.ErrMalformed},
		"no page":               {"https://other.example#" + s, wire.ErrMalformed},
		"no host":               {"https:///c#" + s, wire.ErrMalformed},
		"no fragment":           {"https://other.example/c" + s, wire.ErrMalformed},
		"empty fragment":        {"https://other.example/c#", wire.ErrMalformed},
		"other scheme":          {"ftp://other.example/c#" + s, wire.ErrMalformed},
		"other deep link":       {"zeroms:x/" + s, wire.ErrMalformed},
		"empty deep link":       {"zeroms:c/", wire.ErrTruncated},
		"gateway address":       {address, wire.ErrWrongKind},
		"gateway address, link": {"https://other.example/c#" + address, wire.ErrWrongKind},
		"broken address":        {"zmsg:xyz", wire.ErrWrongKind},
		"device-link code":      {"ZMSLINK:ABCDEFGH", wire.ErrWrongKind},
		"device-link, lower":    {"zmslink:abcdefgh", wire.ErrWrongKind},
		"user ID":               {key.UserIDText(user()), wire.ErrWrongKind},
		"address check":         {"ZMS:" + strings.TrimPrefix(address, "ZMSG:"), wire.ErrCheck},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Parse(test.input)
			wants(t, err, test.want)
		})
	}
}

func TestParseAddressRefusesOtherKinds(t *testing.T) {
	c := private(t)
	s := text(t, c)
	link, err := c.Link()
	must(t, err)
	for _, input := range []string{s, strings.ToLower(s), link, "zeroms:c/" + s, "ZMSLINK:ABCD", key.UserIDText(user())} {
		_, err := ParseAddress(input)
		wants(t, err, wire.ErrWrongKind)
	}
	_, err = ParseAddress("ZMSG:" + strings.TrimPrefix(s, "ZMS:"))
	wants(t, err, wire.ErrCheck)
	for _, input := range []string{"", "gateway7.example.net:443", "ZMSG"} {
		_, err := ParseAddress(input)
		wants(t, err, wire.ErrMalformed)
	}
}

// TestErrorsSayNoSecret looks at the details of every refusal of a damaged card.
func TestErrorsSayNoSecret(t *testing.T) {
	s := text(t, private(t))
	for i := 4; i < len(s); i++ {
		_, err := Parse(s[:i] + "0" + s[i+1:])
		if err == nil {
			t.Fatal("a damaged card parses")
		}
		for at := 60; at+8 < len(s); at += 8 {
			if strings.Contains(err.Error(), s[at:at+8]) {
				t.Fatalf("the error quotes the card: %v", err)
			}
		}
	}
}
