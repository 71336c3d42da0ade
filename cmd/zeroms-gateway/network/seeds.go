package network

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"zeroms/protocol/card"
	"zeroms/protocol/link"
)

// seeds are the gateways to join the network by. A file or a text that is no
// address is the operator's mistake; a name that can't be looked up is not.
func (o *Options) seeds(ctx context.Context, s Setup) (out []link.Endpoint, err error) {
	add := func(from, text string) error {
		a, err := card.ParseAddress(text)
		switch {
		case err != nil:
			return fmt.Errorf("%s is no gateway's address (ZMSG:...): %w", from, err)
		case a.Network != s.At.Network:
			return fmt.Errorf("%s is a gateway of another network", from)
		case a.Plain:
			return fmt.Errorf("%s is a gateway without TLS, which is part of no network", from)
		case a.Node != s.Node.Public():
			out = append(out, link.Endpoint{Host: strings.Trim(a.Host, "[]"), Port: a.Port, Node: a.Node[:]})
		}
		return nil
	}
	for _, each := range o.Join {
		text := each
		if !strings.HasPrefix(strings.ToUpper(strings.TrimSpace(each)), "ZMSG:") {
			b, err := os.ReadFile(each)
			if err != nil {
				return nil, fmt.Errorf("--join %s is neither an address (ZMSG:...) nor a file with one: %w", each, err)
			}
			text = string(b)
		}
		if err := add("--join "+each, strings.TrimSpace(text)); err != nil {
			return nil, err
		}
	}
	for _, name := range o.JoinDNS {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		texts, err := net.DefaultResolver.LookupTXT(ctx, name)
		cancel()
		if err != nil {
			s.Log.Warn("gateways to join the network by could not be looked up", "name", name, "error", err)
			continue
		}
		for _, text := range texts {
			if !strings.HasPrefix(text, "ZMSG:") {
				continue
			}
			if err := add("a TXT record of "+name, text); err != nil {
				s.Log.Warn("left out", "error", err)
			}
		}
	}
	return out, nil
}
