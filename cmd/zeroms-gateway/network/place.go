package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"zeroms/gateway/status"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Place is where a gateway listens and how others name that.
type Place struct {
	Listen string // host:port, port 0 for any
	Public string // host[:port], or empty: as Listen
	Plain  bool   // without TLS, on loopback only
	Status string // host:port for health and metrics, or empty: nobody may ask
}

// Check refuses what can't work before anything is opened.
func (p Place) Check() error {
	host, port, err := net.SplitHostPort(p.Listen)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil {
		return fmt.Errorf("--listen is HOST:PORT with a port from 0 to 65535, for example 127.0.0.1:7443 or :443, not %q", p.Listen)
	}
	if wildcard(host) && p.Public == "" {
		return errors.New("--listen on all addresses needs --public HOST:PORT too: the name or address by which others reach this gateway")
	}
	if p.Status != "" {
		if err := status.CheckAddress(p.Status); err != nil {
			return fmt.Errorf("--status-listen is HOST:PORT of this computer, for example 127.0.0.1:9464, not %q: %w", p.Status, err)
		}
	}
	if p.Plain && !card.Loopback(bracketed(host)) {
		return errors.New("--plain serves without TLS and is for this computer only; listen on 127.0.0.1 or leave --plain out")
	}
	// Whose key it is and which port is free changes nothing about it.
	_, err = p.Address(&net.TCPAddr{Port: 1}, key.NewPrivate[key.Node]().Public(), card.NetworkLab)
	return err
}

// Sockets are those of a Place.
type Sockets struct {
	Links  net.Listener
	Status net.Listener // nil: nobody may ask
}

// Open listens. Error: which address can't be listened on.
func (p Place) Open(ctx context.Context) (s Sockets, err error) {
	var config net.ListenConfig
	if s.Links, err = config.Listen(ctx, "tcp", p.Listen); err != nil {
		return s, fmt.Errorf("can't listen on %s; choose another address or port: %w", p.Listen, err)
	}
	if p.Status == "" {
		return s, nil
	}
	if s.Status, err = status.Listen(ctx, p.Status); err != nil {
		return s, fmt.Errorf("can't listen on %s for --status-listen; choose another port: %w", p.Status, err)
	}
	return s, nil
}

// Close closes what is open.
func (s Sockets) Close() {
	for _, l := range []net.Listener{s.Links, s.Status} {
		if l != nil {
			l.Close()
		}
	}
}

// Local reports whether only this computer can reach the gateway.
func (p Place) Local() bool {
	host, _, _ := net.SplitHostPort(p.Listen)
	return p.Public == "" && card.Loopback(bracketed(host))
}

// Address is the gateway's address once it listens on bound. Error: why --public or
// --listen names none.
func (p Place) Address(bound net.Addr, node key.NodePublic, network key.Network) (card.Address, error) {
	host, port, err := net.SplitHostPort(p.Listen)
	if err != nil {
		return card.Address{}, err
	}
	if tcp, ok := bound.(*net.TCPAddr); ok {
		port = strconv.Itoa(tcp.Port)
	}
	flag, said := "--listen", p.Listen
	if p.Public != "" {
		flag, said = "--public", p.Public
		host = p.Public
		if h, own, err := net.SplitHostPort(p.Public); err == nil {
			host, port = h, own
		}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return card.Address{}, fmt.Errorf("%s %q can't be a gateway's address: a port is 1 to 65535, not %q", flag, said, port)
	}
	a := card.Address{
		Node: node, Host: bracketed(strings.ToLower(host)), Port: uint16(n),
		Network: network, Plain: p.Plain,
	}
	if err := a.Check(); err != nil {
		why := err.Error()
		if of, ok := errors.AsType[*wire.Error](err); ok && of.Detail != "" {
			why = of.Detail // the sentence is about what another program made
		}
		return a, fmt.Errorf("%s %q can't be a gateway's address: %s", flag, said, why)
	}
	return a, nil
}

func wildcard(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip.IsUnspecified()
}

// bracketed is a host as addresses write it: IPv6 in brackets.
func bracketed(host string) string {
	if ip, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil && ip.Is6() {
		return "[" + ip.String() + "]"
	}
	return host
}
