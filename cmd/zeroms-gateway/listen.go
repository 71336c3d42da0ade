package main

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

// place is where a gateway listens and how others name that.
type place struct {
	listen string // host:port, port 0 for any
	public string // host[:port], or empty: as listen
	plain  bool
	status string // host:port for health and metrics, or empty: nobody may ask
}

// check refuses what can't work before anything is opened.
func (p place) check() error {
	host, _, err := net.SplitHostPort(p.listen)
	if err != nil {
		return usageError{fmt.Errorf("--listen is HOST:PORT, for example 127.0.0.1:7443 or :443, not %q", p.listen)}
	}
	if wildcard(host) && p.public == "" {
		return usageError{errors.New("--listen on all addresses needs --public HOST:PORT too: the name or address by which others reach this gateway")}
	}
	if p.status != "" {
		if err := status.CheckAddress(p.status); err != nil {
			return usageError{fmt.Errorf("--status-listen is HOST:PORT of this computer, for example 127.0.0.1:9464, not %q: %w", p.status, err)}
		}
	}
	if p.plain && !card.Loopback(bracketed(host)) {
		return usageError{errors.New("--plain serves without TLS and is for this computer only; listen on 127.0.0.1 or leave --plain out")}
	}
	return nil
}

// local reports whether only this computer can reach the gateway.
func (p place) local() bool {
	host, _, _ := net.SplitHostPort(p.listen)
	return p.public == "" && card.Loopback(bracketed(host))
}

// address is the gateway's address once it listens on bound.
func (p place) address(bound net.Addr, node key.NodePublic, network key.Network) (card.Address, error) {
	host, port, err := net.SplitHostPort(p.listen)
	if err != nil {
		return card.Address{}, err
	}
	if tcp, ok := bound.(*net.TCPAddr); ok {
		port = strconv.Itoa(tcp.Port)
	}
	if p.public != "" {
		host = p.public
		if h, own, err := net.SplitHostPort(p.public); err == nil {
			host, port = h, own
		}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return card.Address{}, usageError{fmt.Errorf("a port is 1 to 65535, not %q", port)}
	}
	a := card.Address{
		Node: node, Host: bracketed(strings.ToLower(host)), Port: uint16(n),
		Network: network, Plain: p.plain,
	}
	if err := a.Check(); err != nil {
		return a, usageError{fmt.Errorf("%q can't be a gateway's address: %w", host, err)}
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
