package address

import (
	"errors"
	"net/netip"
	"testing"

	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

func TestScopeOfAddresses(t *testing.T) {
	for text, want := range map[string]Scope{
		"8.8.8.8": Public, "1.1.1.1": Public, "223.255.255.255": Public, "9.255.255.255": Public, "11.0.0.0": Public,
		"100.63.255.255": Public, "100.128.0.0": Public, "172.15.255.255": Public, "172.32.0.0": Public, "192.0.1.0": Public,
		"::ffff:8.8.8.8": Public, "2a01:4f8::1": Public, "2001:4860:4860::8888": Public, "2001:200::1": Public, "2003::1": Public,

		"10.0.0.1": LAN, "10.255.255.255": LAN, "172.16.0.1": LAN, "172.31.255.255": LAN, "192.168.1.1": LAN,
		"100.64.0.0": LAN, "100.127.255.255": LAN, "169.254.169.254": LAN, "::ffff:10.0.0.1": LAN,
		"192.0.2.7": LAN, "198.51.100.7": LAN, "203.0.113.7": LAN, "198.18.0.1": LAN, "198.19.255.255": LAN,
		"fc00::1": LAN, "fdff::1": LAN, "2001:db8::7": LAN, "3fff::1": LAN, "2001:2::1": LAN,

		"127.0.0.1": Loopback, "127.255.255.255": Loopback, "::1": Loopback, "::ffff:127.0.0.1": Loopback,

		"0.0.0.0": nowhere, "0.1.2.3": nowhere, "::": nowhere, "192.0.0.8": nowhere, "192.88.99.1": nowhere,
		"224.0.0.1": nowhere, "239.255.255.255": nowhere, "240.0.0.1": nowhere, "255.255.255.255": nowhere,
		"ff02::1": nowhere, "fe80::1": nowhere, "fe80::1%eth0": nowhere, "fec0::1": nowhere, "::1.2.3.4": nowhere,
		"64:ff9b::8.8.8.8": nowhere, "64:ff9b:1::1": nowhere, "2002:808:808::1": nowhere, "2001::1": nowhere, "2001:10::1": nowhere,
		"100::1": nowhere, "5f00::1": nowhere, "4000::1": nowhere,
	} {
		a := netip.MustParseAddr(text)
		if got := ScopeOf(a); got != want {
			t.Errorf("%s is %v, want %v", text, got, want)
		}
		for _, s := range []Scope{Loopback, LAN, Public} {
			if got := s.Allows(a); got != (want != nowhere && want >= s) {
				t.Errorf("a network of scope %v, %s: %v", s, text, got)
			}
		}
		if Scope(0).Allows(a) {
			t.Errorf("no scope allows %s", text)
		}
	}
	if ScopeOf(netip.Addr{}) != nowhere || Public.Allows(netip.Addr{}) {
		t.Error("no address has a scope")
	}
}

func TestScopeOfHosts(t *testing.T) {
	for host, want := range map[string]Scope{
		"gw.example.org": Public, "8.8.8.8": Public, "2a01:4f8::1": Public, "localhost.example.org": Public,
		"gateway": LAN, "gw.local": LAN, "gw.home.arpa": LAN, "gw.lan": LAN, "gw.internal": LAN, "10.0.0.1": LAN,
		"localhost": Loopback, "gw.localhost": Loopback, "127.0.0.1": Loopback, "::1": Loopback,
		"": nowhere, "GW.example.org": nowhere, "gw.example.org.": nowhere, "::ffff:8.8.8.8": nowhere, "2a01:4f8:0::1": nowhere,
		"134744072": nowhere, "0x8.8.8.8": nowhere, "[::1]": nowhere, "fe80::1%eth0": nowhere, "gw.example:443": nowhere,
	} {
		if got := ScopeOfHost(host); got != want {
			t.Errorf("%q is %v, want %v", host, got, want)
		}
		for _, s := range []Scope{Loopback, LAN, Public} {
			if got := s.AllowsHost(host); got != (want != nowhere && want >= s) {
				t.Errorf("a network of scope %v, %q: %v", s, host, got)
			}
		}
	}
}

// TestGroupsCountOwners: what one owner has many of is one group, in whichever form it is written.
func TestGroupsCountOwners(t *testing.T) {
	at := netip.MustParseAddrPort
	for _, test := range []struct {
		scope      Scope
		a, b       string
		near, wide bool // one group
	}{
		{Public, "8.8.8.8:1", "8.8.8.255:2", true, true},
		{Public, "8.8.8.8:1", "8.8.9.8:1", false, true},
		{Public, "8.8.8.8:1", "8.9.8.8:1", false, false},
		{Public, "8.8.8.8:1", "[::ffff:8.8.8.9]:1", true, true},
		{Public, "[2a01:4f8:1::1]:1", "[2a01:4f8:1:ffff::2]:9", true, true},
		{Public, "[2a01:4f8:1::1]:1", "[2a01:4f8:2::1]:1", false, true},
		{Public, "[2a01:4f8:1::1]:1", "[2a01:4f9:1::1]:1", false, false},
		{Public, "0.0.0.1:1", "[::1]:1", false, false},
		{LAN, "10.0.0.1:1", "10.0.0.1:2", true, true},
		{LAN, "10.0.0.1:1", "10.0.0.2:1", false, false},
		{LAN, "[fd00::1]:1", "[fd00::1]:7", true, true},
		{Loopback, "127.0.0.1:1", "127.0.0.1:2", false, false},
		{Loopback, "127.0.0.1:1", "[::ffff:127.0.0.1]:1", true, true},
		{Loopback, "127.0.0.1:1", "127.0.0.2:1", false, false},
	} {
		a, b := at(test.a), at(test.b)
		if got := test.scope.Near(a) == test.scope.Near(b); got != test.near {
			t.Errorf("%v: %s and %s are near: %v", test.scope, a, b, got)
		}
		if got := test.scope.Far(a) == test.scope.Far(b); got != test.wide {
			t.Errorf("%v: %s and %s are of one wider group: %v", test.scope, a, b, got)
		}
	}
	if Public.Near(at("8.8.8.8:1")) == Public.Far(at("8.8.0.0:1")) {
		t.Error("a /24 is a /16")
	}
	if Public.Near(netip.AddrPort{}) != (Group{}) {
		t.Error("no address has a group")
	}
}

func TestScopeWords(t *testing.T) {
	for _, s := range []Scope{Loopback, LAN, Public} {
		if got, err := ParseScope(s.String()); err != nil || got != s {
			t.Errorf("%v came back as %v, %v", s, got, err)
		}
	}
	for _, word := range []string{"", "none", "PUBLIC", "internet"} {
		if _, err := ParseScope(word); !errors.Is(err, wire.ErrValue) {
			t.Errorf("%q: %v", word, err)
		}
	}
}

func TestNetworks(t *testing.T) {
	for n, want := range map[key.Network]Parameters{
		card.NetworkPublic: {card.NetworkPublic, Public, 10, 16},
		card.NetworkLab:    {card.NetworkLab, Loopback, 4, 8},
	} {
		p, known := ParametersOf(n)
		if !known || p != want || p.Check() != nil {
			t.Errorf("%s: %+v, %v", n, p, known)
		}
		p.PuzzleBits--
		if err := p.Check(); !errors.Is(err, wire.ErrValue) {
			t.Errorf("%s with an easier puzzle: %v", n, err)
		}
	}
	own := Parameters{key.Network{'o', 'w', 'n', '1'}, LAN, 0, 0}
	if _, known := ParametersOf(own.Network); known || own.Check() != nil {
		t.Error("the parameters of a network of one's own are one's own")
	}
	for what, change := range map[string]func(*Parameters){
		"no network": func(p *Parameters) { p.Network = key.Network{} }, "no scope": func(p *Parameters) { p.Scope = 0 },
		"another scope": func(p *Parameters) { p.Scope = 4 }, "a puzzle nobody solves": func(p *Parameters) { p.PuzzleBits = 25 },
		"a stamp nobody finds": func(p *Parameters) { p.StampBits = 33 },
	} {
		p := own
		change(&p)
		if err := p.Check(); !errors.Is(err, wire.ErrValue) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
