package network

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
)

// scheme begins an address as text.
const scheme = "ZMSG:"

// maxAddress bounds a file with an address, in bytes.
const maxAddress = 4 << 10

// joinBy reads a value of --join: an address, or a file with one. Errors: why it is
// neither.
func joinBy(value string) (card.Address, error) {
	text, shown := strings.TrimSpace(value), "it"
	if len(text) < len(scheme) || !strings.EqualFold(text[:len(scheme)], scheme) {
		b, err := readSome(value)
		if err != nil {
			return card.Address{}, fmt.Errorf("--join %q is neither a gateway's address (%s...) nor a file with one: %w", value, scheme, err)
		}
		text, shown = strings.TrimSpace(string(b)), "what the file holds"
	}
	a, err := card.ParseAddress(text)
	switch {
	case err != nil:
		return a, fmt.Errorf("--join %q: %s is no gateway's address (%s...); copy it again, whole: %w", value, shown, scheme, err)
	case a.Plain:
		return a, fmt.Errorf("--join %q: that gateway serves without TLS and is part of no network", value)
	}
	return a, nil
}

// readSome reads a small file.
func readSome(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxAddress))
}

// seeds are the gateways of --join; one's own address is none. Error: ErrUse.
func (o *Options) seeds(s Setup) (out []link.Endpoint, err error) {
	for _, each := range o.Join {
		a, err := joinBy(each)
		if err != nil {
			return nil, useError{err}
		}
		if a.Network != s.At.Network {
			return nil, wrongUse("--join %q: that gateway is of the network %q, this one of %q", each, networkName(a.Network), networkName(s.At.Network))
		}
		if a.Node != s.Node.Public() {
			out = append(out, endpoint(a))
		}
	}
	return out, nil
}

func endpoint(a card.Address) link.Endpoint {
	return link.Endpoint{Host: strings.Trim(a.Host, "[]"), Port: a.Port, Node: a.Node[:]}
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
func (o *Options) named(ctx context.Context, s Setup) (out []link.Endpoint) {
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
			out = append(out, endpoint(a))
		}
		if len(out) == before {
			s.Log.Warn("no TXT record of a name is the address of a gateway of this network", "name", name, "records", len(texts))
		}
	}
	return out
}
