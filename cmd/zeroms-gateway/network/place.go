package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"zeroms/gateway/status"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
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
	host, _, err := net.SplitHostPort(p.Listen)
	if err != nil {
		return fmt.Errorf("--listen is HOST:PORT, for example 127.0.0.1:7443 or :443, not %q", p.Listen)
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
	return nil
}

// Local reports whether only this computer can reach the gateway.
func (p Place) Local() bool {
	host, _, _ := net.SplitHostPort(p.Listen)
	return p.Public == "" && card.Loopback(bracketed(host))
}

// Address is the gateway's address once it listens on bound.
func (p Place) Address(bound net.Addr, node key.NodePublic, network key.Network) (card.Address, error) {
	host, port, err := net.SplitHostPort(p.Listen)
	if err != nil {
		return card.Address{}, err
	}
	if tcp, ok := bound.(*net.TCPAddr); ok {
		port = strconv.Itoa(tcp.Port)
	}
	if p.Public != "" {
		host = p.Public
		if h, own, err := net.SplitHostPort(p.Public); err == nil {
			host, port = h, own
		}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return card.Address{}, fmt.Errorf("a port is 1 to 65535, not %q", port)
	}
	a := card.Address{
		Node: node, Host: bracketed(strings.ToLower(host)), Port: uint16(n),
		Network: network, Plain: p.Plain,
	}
	if err := a.Check(); err != nil {
		return a, fmt.Errorf("%q can't be a gateway's address: %w", host, err)
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
