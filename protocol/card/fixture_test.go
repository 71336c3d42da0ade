package card

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// sixteen is 16 bytes that count up from first.
func sixteen(first byte) []byte {
	b := make([]byte, 16)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

func seeded(b byte) (s [32]byte) {
	for i := range s {
		s[i] = b
	}
	return s
}

func user() key.IdentityPublic { return key.PrivateFromSeed[key.Identity](seeded(1)).Public() }

func node(n byte) key.NodePublic { return key.PrivateFromSeed[key.Node](seeded(n)).Public() }

func hash(n byte) key.GatewayHash { return key.GatewayHashOf(node(n)) }

func addressSecret(t testing.TB) key.AddressSecret {
	t.Helper()
	s, err := key.AddressSecretFrom(sixteen(0x10))
	must(t, err)
	return s
}

func doorSecret(t testing.TB) key.DoorSecret {
	t.Helper()
	s, err := key.DoorSecretFrom(sixteen(0x20))
	must(t, err)
	return s
}

func invite(t testing.TB) key.Invite {
	t.Helper()
	s, err := key.InviteFrom(sixteen(0x30))
	must(t, err)
	return s
}

// private is the card of the worked example: one gateway with a host of 20
// bytes, no expiry, no name.
func private(t testing.TB) Card {
	return Card{
		User:     user(),
		Address:  addressSecret(t),
		Door:     doorSecret(t),
		Gateways: []Gateway{{Hash: hash(2), Host: "gateway7.example.net", Port: 443}},
	}
}

// cards are valid cards of every shape, by name.
func cards(t testing.TB) map[string]Card {
	full := private(t)
	full.Gateways = []Gateway{
		{Hash: hash(2), Host: "gateway7.example.net", Port: 443},
		{Hash: hash(3), Host: "198.51.100.7", Port: 8443},
		{Hash: hash(4), Host: "[2001:db8::7]", Port: 443},
		{Hash: hash(5), Host: "xn--bcher-kva.example", Port: 65535},
	}
	full.Expires = Day(time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC))
	full.Name = "Zoë 🙂 李"
	public := private(t)
	public.Public, public.Door = true, key.DoorSecret{}
	byKey := private(t)
	byKey.FoundByKey, byKey.Address = true, key.AddressSecret{}
	open := public
	open.FoundByKey, open.Address, open.Gateways = true, key.AddressSecret{}, nil
	lab := private(t)
	lab.Gateways = []Gateway{
		{Hash: hash(2), Host: "127.0.0.1", Port: 7001, Plain: true},
		{Hash: hash(3), Host: "[::1]", Port: 7002, Plain: true},
		{Hash: hash(4), Host: "gateway7.example.net", Port: 443},
	}
	loopbackTLS := private(t)
	loopbackTLS.Gateways = []Gateway{{Hash: hash(2), Host: "localhost", Port: 7001}}
	return map[string]Card{
		"private": private(t), "full": full, "public": public, "found-by-key": byKey,
		"public-found-by-key-without-gateway": open, "loopback-plain": lab, "loopback-tls": loopbackTLS,
	}
}

// addresses are valid gateway addresses of every shape, by name.
func addresses(t testing.TB) map[string]Address {
	plain := Address{Node: node(2), Host: "gateway7.example.net", Port: 443, Network: NetworkPublic}
	invited := plain
	invited.Invite = invite(t)
	return map[string]Address{
		"public":  plain,
		"invited": invited,
		"ipv6":    {Node: node(3), Host: "[2001:db8::7]", Port: 8443, Network: NetworkPublic},
		"lab":     {Node: node(4), Host: "127.0.0.1", Port: 7001, Network: NetworkLab, Plain: true, Invite: invite(t)},
	}
}

func text(t testing.TB, c Card) string {
	t.Helper()
	s, err := c.Text()
	must(t, err)
	return s
}

func addressText(t testing.TB, a Address) string {
	t.Helper()
	s, err := a.Text()
	must(t, err)
	return s
}

// resealed is a text over changed bytes with the right check: only the rules
// for its content can refuse it.
func resealed(body []byte) string {
	return seal(cardPrefix, key.PrefixCard, bytes.Clone(body))
}

func resealedAddress(body []byte) string {
	return seal(addressPrefix, key.PrefixGateway, bytes.Clone(body))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wants(t testing.TB, err error, want *wire.Error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
}
