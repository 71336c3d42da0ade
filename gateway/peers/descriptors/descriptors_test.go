package descriptors_test

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"
	"time"

	"zeroms/gateway/peers/descriptors"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

var params = address.Parameters{Network: key.Network{'t', 'e', 's', 't'}, Scope: address.Public}

var start = time.Date(2031, 5, 1, 12, 0, 0, 0, time.UTC)

// made is a gateway's descriptor for a day.
func made(t *testing.T, node key.NodePrivate, at string, when time.Time) []byte {
	t.Helper()
	b, err := address.SealDescriptor(&address.Descriptor{
		X: 1, KEM: key.NewRelayPrivate().Public(), Addrs: []netip.AddrPort{netip.MustParseAddrPort(at)}, Transports: wire.TransportWSS,
		Network: params.Network, Made: when, Expires: when.Add(24 * time.Hour), Limits: wire.Limits{Frame: wire.MaxFrame},
	}, node)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestNewestIsKept: of a gateway's descriptors the newest counts, until it expires.
func TestNewestIsKept(t *testing.T) {
	c := descriptors.New(params, 8)
	node := key.NewPrivate[key.Node]()
	hash := key.GatewayHashOf(node.Public())
	older, newer := made(t, node, "8.8.8.8:443", start), made(t, node, "8.8.8.8:444", start.Add(time.Minute))
	now := start.Add(time.Hour)
	for _, object := range [][]byte{older, newer, older, newer} {
		d, err := c.Learn(now, object, node.Public(), false)
		if err != nil || d.Node != node.Public() {
			t.Fatal(err)
		}
	}
	if object, d := c.Get(now, hash); !bytes.Equal(object, newer) || d.Addrs[0].Port() != 444 || c.Len() != 1 {
		t.Errorf("%d are kept, this one: %+v", c.Len(), d)
	}
	if object, d := c.Get(now.Add(25*time.Hour), hash); object != nil || d != nil || c.Len() != 0 {
		t.Error("one that has expired is there")
	}
}

// TestRefused: nothing is kept that another gateway signed, that is for another
// network, another time or an address out of scope.
func TestRefused(t *testing.T) {
	c := descriptors.New(params, 8)
	node, other := key.NewPrivate[key.Node](), key.NewPrivate[key.Node]()
	good := made(t, node, "8.8.8.8:443", start)
	foreign := descriptors.New(address.Parameters{Network: key.Network{'o'}, Scope: address.Public}, 8)
	for name, err := range map[string]error{
		"another's":       second(c.Learn(start, good, other.Public(), true)),
		"of tomorrow":     second(c.Learn(start.Add(-48*time.Hour), good, node.Public(), true)),
		"expired":         second(c.Learn(start.Add(48*time.Hour), good, node.Public(), true)),
		"inner address":   second(c.Learn(start, made(t, node, "10.0.0.1:443", start), node.Public(), true)),
		"another network": second(foreign.Learn(start, good, node.Public(), true)),
		"no descriptor":   second(c.Learn(start, []byte("none"), node.Public(), true)),
	} {
		if err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
	if err := second(c.Learn(start, good, other.Public(), true)); !errors.Is(err, wire.ErrWrongNode) {
		t.Error(err)
	}
	if c.Len()+foreign.Len() != 0 {
		t.Errorf("%d were kept", c.Len()+foreign.Len())
	}
}

func second(_ *address.Descriptor, err error) error { return err }

// TestSample: only gateways that were reached are drawn, each of them at times, and
// what is kept is no part of somebody's buffer.
func TestSample(t *testing.T) {
	c := descriptors.New(params, 64)
	hearsay := key.NewPrivate[key.Node]()
	if _, err := c.Learn(start, made(t, hearsay, "7.7.7.7:443", start), hearsay.Public(), false); err != nil {
		t.Fatal(err)
	}
	if len(c.Sample(start, 8)) != 0 {
		t.Error("one that was never reached is drawn")
	}
	for range 4 {
		node := key.NewPrivate[key.Node]()
		object := made(t, node, "8.8.8.8:443", start)
		for _, reached := range []bool{false, true, false} { // what was reached stays so
			if _, err := c.Learn(start, object, node.Public(), reached); err != nil {
				t.Fatal(err)
			}
		}
		clear(object)
	}
	seen := map[string]bool{}
	for range 400 {
		some := c.Sample(start, 2)
		if len(some) != 2 || bytes.Equal(some[0], some[1]) {
			t.Fatalf("%d were drawn", len(some))
		}
		for _, object := range some {
			if _, err := address.OpenDescriptor(object, params.Network, start); err != nil {
				t.Fatal(err)
			}
			seen[string(object)] = true
		}
	}
	if len(seen) != 4 || len(c.Sample(start, 20)) != 4 || len(c.Sample(start.Add(48*time.Hour), 20)) != 0 {
		t.Errorf("%d of 4 were drawn", len(seen))
	}
}
