package link_test

import (
	"errors"
	"testing"

	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// TestForeignNamesStayOutside: a name that somebody else gave does not lead a client to
// what listens in its own network; what the user chose does, and opens that network for
// the names of others. Addresses are the caller's affair.
func TestForeignNamesStayOutside(t *testing.T) {
	g := listenOn(t, "127.0.0.1:0")
	serveNames(t, "127.0.0.1", "::1")
	named := g.endpoint()
	named.Host = "gateway.test"
	foreign := named
	foreign.Foreign = true
	d := dialer(t, link.Config{})

	if _, err := d.Dial(t.Context(), foreign); !errors.Is(err, link.ErrInside) {
		t.Fatalf("a foreign name leads to this computer: %v", err)
	}
	wrong, another := named, key.NewPrivate[key.Node]().Public()
	wrong.Node = another[:]
	if _, err := d.Dial(t.Context(), wrong); !errors.Is(err, wire.ErrWrongNode) {
		t.Fatalf("a gateway with another key: %v", err)
	}
	if _, err := d.Dial(t.Context(), foreign); !errors.Is(err, link.ErrInside) {
		t.Fatalf("what has not proved to be the user's opens the network: %v", err)
	}
	literal := g.endpoint()
	literal.Foreign = true
	for _, e := range []link.Endpoint{literal, named, foreign} { // the user's own gateway is the second
		near, err := d.Dial(t.Context(), e)
		if err != nil {
			t.Fatalf("%s, foreign %v: %v", e, e.Foreign, err)
		}
		cut(near)
		<-g.accepted
	}
	select {
	case <-g.accepted:
		t.Error("something connected that was refused")
	default:
	}
}

// TestForeignNamesOfLocalNetworks: private addresses in all forms are refused, before
// anything is sent there.
func TestForeignNamesOfLocalNetworks(t *testing.T) {
	g := listenOn(t, "127.0.0.1:0")
	for _, c := range [][2]string{
		{"192.168.1.1", "fd00::1"}, {"169.254.1.1", "fe80::1"}, {"0.0.0.0", "::"}, {"10.0.0.1", "::ffff:127.0.0.1"},
		{"100.64.0.1", "64:ff9b::c0a8:101"}, {"127.0.0.1", "2002:c0a8:101::1"},
	} {
		serveNames(t, c[0], c[1])
		e := g.endpoint()
		e.Host, e.Foreign = "gateway.test", true
		if _, err := dialer(t, link.Config{}).Dial(t.Context(), e); !errors.Is(err, link.ErrInside) {
			t.Errorf("%s and %s: %v", c[0], c[1], err)
		}
	}
}
