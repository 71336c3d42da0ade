package service

import (
	"testing"

	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
)

// TestLinksAreNamedAsGatewaysAre: by host, host:port, key or address; a link that knows only the hash is found by that.
func TestLinksAreNamedAsGatewaysAre(t *testing.T) {
	node := key.PrivateFromSeed[key.Node]([32]byte{1}).Public()
	other := key.PrivateFromSeed[key.Node]([32]byte{2}).Public()
	hash := key.GatewayHashOf(node)
	address := func(n key.NodePublic) string {
		text, err := (&card.Address{Node: n, Port: 443, Host: "gw.example", Network: key.Network{'t', 'e', 's', 't'}}).Text()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	whole := link.Endpoint{Host: "GW.example", Port: 443, Node: node[:]}
	hashed := link.Endpoint{Host: "2001:db8::1", Port: 443, Node: hash[:]}
	for _, c := range []struct {
		of   link.Endpoint
		what string
		want bool
	}{
		{whole, "", true}, {whole, "gw.example", true}, {whole, "GW.EXAMPLE:443", true}, {whole, "gw.example:444", false}, {whole, "gw", false},
		{whole, node.String(), true}, {whole, node.String()[:8], true}, {whole, node.String()[:7], false}, {whole, other.String(), false},
		{whole, address(node), true}, {whole, address(other), false},
		{hashed, "2001:db8::1", true}, {hashed, "[2001:db8::1]:443", true}, {hashed, address(node), true}, {hashed, address(other), false}, {hashed, node.String(), false},
	} {
		if got := leads(c.of, c.what); got != c.want {
			t.Errorf("%s is called %q: %v", c.of, c.what, got)
		}
	}
}
