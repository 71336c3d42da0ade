package card

import (
	"strings"
	"unicode"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// The prefixes of the codes that people exchange.
const (
	cardPrefix    = "ZMS:"
	addressPrefix = "ZMSG:"
	devicePrefix  = "ZMSLINK:"
)

const deepLink = "zeroms:c/"

// maxInput bounds what Parse and ParseAddress look at, in bytes: the longest
// link with line breaks, many times over.
const maxInput = 8 << 10

// Text is the card as text, upper case, for a QR code or the clipboard. It
// holds the card's secrets. It fails as Check does.
func (c Card) Text() (string, error) {
	if err := c.Check(); err != nil {
		return "", err
	}
	return seal(cardPrefix, key.PrefixCard, c.encode()), nil
}

// Link is the card as a web link to its first gateway, https://host:port/c#text
// (http:// for a plain one). The text is the link's fragment, which browsers
// send to no server. It fails as Check does, and with ErrValue for a card
// without gateways.
func (c Card) Link() (string, error) {
	text, err := c.Text()
	if err != nil {
		return "", err
	}
	if len(c.Gateways) == 0 {
		return "", wire.ErrValue.Because("a web link needs a gateway, and this card names none")
	}
	g := c.Gateways[0]
	scheme := "https://"
	if g.Plain {
		scheme = "http://"
	}
	return scheme + shortEndpoint(g.Host, g.Port) + "/c#" + text, nil
}

// DeepLink is the card as a link that opens in the app, zeroms:c/text. It
// fails as Check does.
func (c Card) DeepLink() (string, error) {
	text, err := c.Text()
	if err != nil {
		return "", err
	}
	return deepLink + text, nil
}

// Parse reads a contact card from its text, its web link or its deep link, in
// either case; white space around and inside it is ignored, and a link may
// leave the prefix out. A gateway address, a device-link code or a bare user
// ID is refused with ErrWrongKind; other errors are ErrMalformed, ErrTruncated,
// ErrTrailing, ErrTooLarge, ErrCheck, ErrVersion, ErrPublicKey, ErrValue and
// ErrNotCanonical. Parse does not look at the expiry.
func Parse(anything string) (Card, error) {
	prefix, payload, err := scan(anything)
	if err != nil {
		return Card{}, err
	}
	if prefix != cardPrefix {
		return Card{}, wrongKind(prefix)
	}
	body, err := open(payload, key.PrefixCard, maxCard)
	if err != nil {
		return Card{}, err
	}
	return decode(body)
}

// scan finds which kind of code the input is and cuts the prefix or link off.
func scan(anything string) (prefix, payload string, err error) {
	if len(anything) > maxInput {
		return "", "", wire.ErrTooLarge
	}
	code := strings.Map(compact, anything)
	code, linked, err := cutLink(code)
	if err != nil {
		return "", "", err
	}
	for _, prefix := range [...]string{cardPrefix, addressPrefix, devicePrefix} {
		if payload, ok := strings.CutPrefix(code, prefix); ok {
			return prefix, payload, nil
		}
	}
	if linked {
		return cardPrefix, code, nil
	}
	if _, err := key.ParseUserID(code); err == nil {
		return "", "", wire.ErrWrongKind.Because("this is a user ID; ask for the whole contact card")
	}
	return "", "", wire.ErrMalformed.Because("a contact card begins with ZMS: and a gateway address with ZMSG:")
}

// compact drops white space and the invisible characters that mail programs
// and word processors put into long words, and raises ASCII letters. Other
// letters stay as they are: none of them may turn into a valid one.
func compact(r rune) rune {
	switch {
	case r >= 'a' && r <= 'z':
		return r - 'a' + 'A'
	case unicode.IsSpace(r), r == 0x00AD, r == 0x200B, r == 0x2060, r == 0xFEFF:
		return -1
	}
	return r
}

// cutLink takes the code out of a web link (any host, path /c) or deep link;
// the input is compact. What is no link is returned as it is.
func cutLink(s string) (code string, linked bool, err error) {
	if rest, ok := strings.CutPrefix(s, "ZEROMS:"); ok {
		code, ok = strings.CutPrefix(strings.TrimPrefix(rest, "//"), "C/")
		if !ok {
			return "", false, wire.ErrMalformed.Because("a link to a contact card begins with zeroms:c/")
		}
		return unescape(code), true, nil
	}
	rest, secure := strings.CutPrefix(s, "HTTPS://")
	if !secure {
		var plain bool
		if rest, plain = strings.CutPrefix(s, "HTTP://"); !plain {
			return s, false, nil
		}
	}
	page, code, _ := strings.Cut(rest, "#")
	page, _, _ = strings.Cut(page, "?") // some programs add a query when they share a link
	host, path, _ := strings.Cut(page, "/")
	if host == "" || code == "" || strings.TrimSuffix(path, "/") != "C" {
		return "", false, wire.ErrMalformed.Because("a web link to a contact card is https://, a gateway, /c# and the card's text")
	}
	return unescape(code), true, nil
}

// unescape undoes the one escape that programs apply to a text in a link.
func unescape(code string) string { return strings.Replace(code, "%3A", ":", 1) }

// wrongKind is the error for a code of another kind than the one asked for.
func wrongKind(prefix string) error {
	switch prefix {
	case cardPrefix:
		return wire.ErrWrongKind.Because("this is a contact card; add it under contacts")
	case addressPrefix:
		return wire.ErrWrongKind.Because("this is a gateway address; add it under gateways")
	}
	return wire.ErrWrongKind.Because("this is a device-link code; use it where a new device is linked")
}
