package network

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"zeroms/protocol/address"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// codes are how addresses, cards and links to cards begin, and codes of other kinds;
// what begins otherwise is the name of a file.
var codes = []string{"ZMSG:", "ZMS:", "ZMSLINK:", "ZEROMS:", "HTTPS://", "HTTP://"}

// pictures are the first bytes of those that can hold a QR code.
var pictures = []string{"\x89PNG", "\xff\xd8\xff"}

// maxCode bounds a file with an address or a card as text, in bytes. A picture has a
// bound of its own.
const maxCode = 8 << 10

// introduction is what one value of --join names.
type introduction struct {
	value    string          // as errors show it
	network  key.Network     // of the gateways; zeros: not known, since a card names none
	gateways []link.Endpoint // pinned by their key, or by its hash as cards have it
	lastDay  string          // of a card that has expired, 2026-02-28; else empty
}

// joinBy reads a value of --join: the address of a gateway, a contact card or a link
// to one, or a file with one of them as text or as picture of its QR code. A card has
// to name a gateway that can be part of a network; that it has expired at now is noted
// and no more: its gateways are as good as before, and a gateway that is started again
// years later must not fail over it. Errors: why it is none of them. They don't show
// cards and invites.
func joinBy(value string, now time.Time) (introduction, error) {
	in := introduction{value: shown(value)}
	text, what := value, "it"
	if !isCode(value) {
		var err error
		if text, err = readCode(value); err != nil {
			return in, fmt.Errorf("--join %s is neither a gateway's address (ZMSG:...), a contact card (ZMS:...) nor a file with one: %w", in.value, err)
		}
		what = "what the file holds"
	}
	a, err := card.ParseAddress(text)
	if err == nil {
		err = in.byAddress(a)
		return in, err
	}
	if errors.Is(err, wire.ErrWrongKind) {
		var c card.Card
		if c, err = card.Parse(text); err == nil {
			err = in.byCard(c, now)
			return in, err
		}
	}
	return in, fmt.Errorf("--join %s: %s is no gateway's address (ZMSG:...) and no contact card (ZMS:...): %w", in.value, what, err)
}

// byAddress takes the gateway of an address.
func (in *introduction) byAddress(a card.Address) error {
	if a.Plain {
		return fmt.Errorf("--join %s: that gateway serves without TLS and is part of no network", in.value)
	}
	in.network, in.gateways = a.Network, []link.Endpoint{endpoint(a)}
	return nil
}

// byCard takes the gateways of a card; its secrets are left where they are.
func (in *introduction) byCard(c card.Card, now time.Time) error {
	const other = "or give the address of a gateway (ZMSG:...)"
	if len(c.Gateways) == 0 {
		return fmt.Errorf("--join %s: this card names no gateways; ask for one that does, %s", in.value, other)
	}
	if c.Expired(now) {
		in.lastDay = time.Unix(int64(c.Expires)*24*60*60, 0).UTC().Format(time.DateOnly)
	}
	for _, g := range c.Gateways {
		if !g.Plain {
			in.gateways = append(in.gateways, link.Endpoint{Host: strings.Trim(g.Host, "[]"), Port: g.Port, Node: g.Hash[:]})
		}
	}
	if len(in.gateways) == 0 {
		return fmt.Errorf("--join %s: the gateways of this card serve without TLS and are part of no network; ask for another card, %s", in.value, other)
	}
	return nil
}

// isCode reports whether a value is the code itself.
func isCode(value string) bool {
	text := strings.ToUpper(strings.TrimLeftFunc(value, func(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) }))
	return slices.ContainsFunc(codes, func(begin string) bool { return strings.HasPrefix(text, begin) })
}

// readCode reads a file with a code, as text or as picture.
func readCode(path string) (string, error) {
	text, err := readFile(path)
	if named, ok := errors.AsType[*fs.PathError](err); ok {
		err = named.Err // the name stands there already, if it may be shown
	}
	return text, err
}

func readFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	r := bufio.NewReader(f)
	head, err := r.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	for _, begin := range pictures {
		if strings.HasPrefix(string(head), begin) {
			return card.DecodeImage(r)
		}
	}
	text, err := io.ReadAll(io.LimitReader(r, maxCode+1))
	return string(text), err
}

// mostShown is the longest run of letters and digits that an error shows of a value.
// A secret of a card or an invite has 26 of them.
const mostShown = 24

// shown is a value as errors show it, in quotes: a file's name, or how a code begins.
// Blanks and invisible characters count for nothing: they may stand inside of codes.
func shown(value string) string {
	run, begin := 0, 0
	for at, r := range value {
		switch {
		case r <= unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			if run++; run == 1 {
				begin = at
			}
		case r > ' ' && r <= unicode.MaxASCII:
			run = 0
		}
		if run > mostShown {
			return strconv.Quote(value[:begin+8] + "...")
		}
	}
	return strconv.Quote(value)
}

// introduce reads the values of --join, once: a file may be a pipe.
func (o *Options) introduce(now time.Time) error {
	if len(o.introduced) == len(o.Join) {
		return nil
	}
	all := make([]introduction, len(o.Join))
	for i, value := range o.Join {
		var err error
		if all[i], err = joinBy(value, now); err != nil {
			return err
		}
	}
	o.introduced = all
	return nil
}

// kinds are the addresses that a network of a scope uses.
var kinds = map[address.Scope]string{
	address.Loopback: "an address of this computer, or any other",
	address.LAN:      "an address of the local network, or a public one",
	address.Public:   "a public address",
}

// joinsFit refuses gateways of another network, and a value of --join all of whose
// gateways are at hosts that a network of this scope never connects to. Error: ErrUse.
func (o *Options) joinsFit(p address.Parameters) error {
	if err := o.introduce(time.Now()); err != nil {
		return useError{err}
	}
	for _, in := range o.introduced {
		if in.network != (key.Network{}) && in.network != p.Network {
			return wrongUse("--join %s: that gateway is of the network %q, this one of %q", in.value, networkName(in.network), networkName(p.Network))
		}
		if !slices.ContainsFunc(in.gateways, func(e link.Endpoint) bool { return p.Scope.AllowsHost(e.Host) }) {
			return wrongUse("--join %s: in scope %s a gateway has %s, and %s is none; give a gateway that has one, or run all gateways of a network of your own with another --scope",
				in.value, p.Scope, kinds[p.Scope], in.gateways[0].Addr())
		}
	}
	return nil
}

// outside is logged of a gateway that is named and that the network can't have.
const outside = "a gateway to join the network by is outside of the network's scope and is not asked"

// seeds are the gateways of --join that a network of this scope connects to; one's own
// address is none. Error: ErrUse.
func (o *Options) seeds(s Setup, scope address.Scope) (out []link.Endpoint, err error) {
	if err := o.introduce(time.Now()); err != nil {
		return nil, useError{err}
	}
	for _, in := range o.introduced {
		if in.lastDay != "" {
			s.Log.Warn("a card of --join has expired; its gateways are asked all the same", "value", in.value, "lastDay", in.lastDay)
		}
		for _, e := range in.gateways {
			if hashOf(e) == key.GatewayHashOf(s.Node.Public()) {
				continue
			}
			if !scope.AllowsHost(e.Host) {
				s.Log.Warn(outside, "gateway", e.Addr(), "scope", scope.String())
				continue
			}
			same := func(other link.Endpoint) bool {
				return other.Addr() == e.Addr() && hashOf(other) == hashOf(e)
			}
			if !slices.ContainsFunc(out, same) {
				out = append(out, e)
			}
		}
	}
	return out, nil
}

// hashOf is the hash of the key that pins an endpoint.
func hashOf(e link.Endpoint) key.GatewayHash {
	if len(e.Node) == key.PublicSize {
		return key.GatewayHashOf(key.NodePublic(e.Node))
	}
	return key.GatewayHash(e.Node)
}

func endpoint(a card.Address) link.Endpoint {
	return link.Endpoint{Host: strings.Trim(a.Host, "[]"), Port: a.Port, Node: a.Node[:]}
}

// Named is an attribute of a log in which a network stands as --network has it: the
// parts of a gateway know its four bytes only and write them in hex.
func Named(_ []string, a slog.Attr) slog.Attr {
	var n key.Network
	if a.Key != "network" || len(a.Value.String()) != hex.EncodedLen(len(n)) {
		return a
	}
	if _, err := hex.Decode(n[:], []byte(a.Value.String())); err != nil {
		return a
	}
	return slog.String(a.Key, networkName(n))
}

// networkName is a network as --network has it.
func networkName(n key.Network) string {
	switch n {
	case card.NetworkPublic:
		return "public"
	case card.NetworkLab:
		return "lab"
	}
	return string(n[:])
}

// mostNamed bounds the gateways that one name stands for.
const mostNamed = 16

// named are the gateways of --join-dns. What can't be looked up, or is wrong there,
// is left out and tried again the next time.
func (o *Options) named(ctx context.Context, s Setup, scope address.Scope) (out []link.Endpoint) {
	for _, name := range o.JoinDNS {
		limited, cancel := context.WithTimeout(ctx, lookingUp)
		texts, err := s.resolver().LookupTXT(limited, strings.TrimSuffix(name, ".")+".")
		cancel()
		if err != nil {
			if ctx.Err() == nil {
				s.Log.Warn("gateways to join the network by could not be looked up; it is tried again", "name", name, "error", err)
			}
			continue
		}
		before := len(out)
		for _, text := range texts[:min(len(texts), 4*mostNamed)] {
			a, err := card.ParseAddress(strings.TrimSpace(text))
			if err != nil || a.Plain || a.Network != s.At.Network || a.Node == s.Node.Public() || len(out)-before == mostNamed {
				continue // a name may have records for other programs, and other networks
			}
			e := endpoint(a)
			if !scope.AllowsHost(e.Host) {
				s.Log.Warn(outside, "gateway", e.Addr(), "scope", scope.String())
				continue
			}
			out = append(out, e)
		}
		if len(out) == before {
			s.Log.Warn("no TXT record of a name is the address of a gateway of this network", "name", name, "records", len(texts))
		}
	}
	return out
}
