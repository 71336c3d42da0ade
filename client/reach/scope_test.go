package reach

import (
	"testing"

	"zeroms/client/profile"
)

func TestScopeOfHosts(t *testing.T) {
	for host, want := range map[string]Scope{
		"gateway.example": Public, "198.51.100.7": Public, "2001:db8::1": Public,
		"10.1.2.3": Local, "192.168.0.1": Local, "172.16.5.5": Local, "169.254.1.1": Local, "fe80::1": Local, "fd00::1": Local,
		"224.0.0.1": Local, "::ffff:10.0.0.1": Local,
		"127.0.0.1": Loopback, "127.9.9.9": Loopback, "localhost": Loopback, "::1": Loopback, "::ffff:127.0.0.1": Loopback, "0.0.0.0": Loopback, "::": Loopback,
	} {
		if got := ScopeOf(host); got != want {
			t.Errorf("%s has scope %d, want %d", host, got, want)
		}
	}
}

func TestNobodyIsSentIntoALocalNetworkByOthers(t *testing.T) {
	all := []profile.Gateway{{Host: "gateway.example"}, {Host: "10.0.0.1"}, {Host: "127.0.0.1", Plain: true}}
	for scope, want := range map[Scope]int{Public: 1, Local: 2, Loopback: 3} {
		if got := Within(scope, all); len(got) != want || got[0].Host != "gateway.example" {
			t.Errorf("scope %d: %v", scope, got)
		}
	}
	if all[2].Host != "127.0.0.1" {
		t.Error("Within changed its argument")
	}
}
