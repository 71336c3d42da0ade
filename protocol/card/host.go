package card

import (
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"zeroms/protocol/wire"
)

const defaultPort = 443

// checkEndpoint holds host, port and TLS against the rules of
// docs/protocol/card.md, "Hosts".
func checkEndpoint(host string, port uint16, plain bool) error {
	if err := checkHost(host); err != nil {
		return err
	}
	if port == 0 {
		return wire.ErrValue.Because("a gateway's port is 1 to 65535")
	}
	if plain && !Loopback(host) {
		return wire.ErrValue.Because("only a gateway on this machine (localhost, 127.0.0.1, [::1]) may be without TLS")
	}
	return nil
}

// checkHost accepts the one canonical spelling of a host.
func checkHost(host string) error {
	if len(host) > MaxHost {
		return wire.ErrTooLarge.Because("a gateway's host has at most 249 bytes")
	}
	inner, bracketed := strings.CutPrefix(host, "[")
	if bracketed {
		inner, bracketed = strings.CutSuffix(inner, "]")
		ip, err := netip.ParseAddr(inner)
		if !bracketed || err != nil || !ip.Is6() || ip.Is4In6() || ip.Zone() != "" || ip.String() != inner || !dialable(ip) {
			return wire.ErrValue.Because("a gateway's IPv6 address stands in brackets, in its shortest lower-case form")
		}
		return nil
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is4() && dialable(ip) {
		return nil // netip takes only the canonical spelling of IPv4
	}
	if !isName(host) {
		return wire.ErrValue.Because("a gateway's host is a DNS name in lower case, an IPv4 address or an IPv6 address in brackets")
	}
	return nil
}

// dialable leaves out addresses that name no single machine.
func dialable(ip netip.Addr) bool {
	return !ip.IsUnspecified() && !ip.IsMulticast() && ip != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// isName accepts DNS host names (RFC 1123 section 2.1) in lower case without a
// final dot. A last label that is a number is refused: resolvers read "1.2.3",
// "127.0x1" and the like as IPv4 addresses.
func isName(host string) bool {
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if b := label[i]; (b < 'a' || b > 'z') && (b < '0' || b > '9') && b != '-' {
				return false
			}
		}
	}
	last := labels[len(labels)-1]
	return strings.Trim(last, "0123456789") != "" && !strings.HasPrefix(last, "0x")
}

// Loopback reports whether a canonical host is this machine by definition:
// localhost, 127.0.0.0/8 or [::1]. Other names are never loopback, whatever
// they resolve to.
func Loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	return err == nil && ip.IsLoopback()
}

func endpoint(host string, port uint16) string {
	return host + ":" + strconv.Itoa(int(port))
}

// shortEndpoint is host:port with ":443" left out.
func shortEndpoint(host string, port uint16) string {
	if port == defaultPort {
		return host
	}
	return endpoint(host, port)
}

// splitEndpoint is the inverse of shortEndpoint for canonical input; other
// spellings are found when the result is encoded again.
func splitEndpoint(short string) (host string, port uint16, err error) {
	colon := strings.LastIndexByte(short, ':')
	if colon < 0 || strings.HasSuffix(short, "]") {
		return short, defaultPort, nil
	}
	n, err := strconv.ParseUint(short[colon+1:], 10, 16)
	if err != nil {
		return "", 0, wire.ErrValue.Because("a gateway's port is 1 to 65535")
	}
	return short[:colon], uint16(n), nil
}

// CheckName reports why a name can't stand on a card: ErrTooLarge above
// MaxName bytes, else ErrValue for broken UTF-8, blanks around it, characters
// that control the display (line breaks, direction overrides) or nothing to
// see. The empty name is fine.
func CheckName(name string) error {
	if len(name) > MaxName {
		return wire.ErrTooLarge.Because("a name on a card has at most 64 bytes")
	}
	if !utf8.ValidString(name) || strings.TrimSpace(name) != name {
		return wire.ErrValue.Because("a name on a card is UTF-8 text without blanks around it")
	}
	visible := name == ""
	for _, r := range name {
		if controlsDisplay(r) {
			return wire.ErrValue.Because("a name on a card has no control characters, line breaks or direction overrides")
		}
		visible = visible || unicode.IsGraphic(r)
	}
	if !visible {
		return wire.ErrValue.Because("a name on a card has something to see")
	}
	return nil
}

// controlsDisplay matches control characters, line and paragraph separators,
// the marks, embeddings, overrides and isolates of bidirectional text, the byte order
// mark and the invisible tag characters. Joiners stay: scripts and emoji need them.
func controlsDisplay(r rune) bool {
	switch {
	case unicode.IsControl(r), unicode.In(r, unicode.Zl, unicode.Zp),
		r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069, r == 0x200E, r == 0x200F, r == 0x061C,
		r == 0xFEFF, r >= 0xE0000 && r <= 0xE007F:
		return true
	}
	return false
}
