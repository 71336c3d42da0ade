package address

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

func node(i byte) key.NodePublic {
	return key.PrivateFromSeed[key.Node]([32]byte{0: i, 31: 3}).Public()
}

func TestLeaseRules(t *testing.T) {
	var tests = []struct {
		name string
		host string
		port uint16
		tls  error // with TLS
		ws   error // without
	}{
		{"IPv4", "192.0.2.7", 443, nil, wire.ErrValue},
		{"IPv6", "2001:db8::7", 443, nil, wire.ErrValue},
		{"name", "gw-1.example.org", 443, nil, wire.ErrValue},
		{"single label", "gateway", 8443, nil, wire.ErrValue},
		{"loopback IPv4", "127.0.0.1", 1, nil, nil},
		{"loopback IPv6", "::1", 65535, nil, nil},
		{"localhost", "localhost", 7000, nil, nil},
		{"name that begins like an address", "127.0.0.1.example", 443, nil, wire.ErrValue},
		{"port 0", "192.0.2.7", 0, wire.ErrValue, wire.ErrValue},
		{"no host", "", 443, wire.ErrValue, wire.ErrValue},
		{"upper case", "GW.example", 443, wire.ErrValue, wire.ErrValue},
		{"final dot", "gw.example.", 443, wire.ErrValue, wire.ErrValue},
		{"empty label", "gw..example", 443, wire.ErrValue, wire.ErrValue},
		{"leading hyphen", "-gw.example", 443, wire.ErrValue, wire.ErrValue},
		{"underscore", "g_w.example", 443, wire.ErrValue, wire.ErrValue},
		{"long label", strings.Repeat("a", 64) + ".example", 443, wire.ErrValue, wire.ErrValue},
		{"long name", strings.Repeat("a.", 126) + "aa", 443, wire.ErrValue, wire.ErrValue},
		{"longest name", strings.Repeat("a.", 126) + "a", 443, nil, wire.ErrValue},
		{"with port", "gw.example:443", 443, wire.ErrValue, wire.ErrValue},
		{"brackets", "[::1]", 443, wire.ErrValue, wire.ErrValue},
		{"address written long", "2001:db8:0:0:0:0:0:7", 443, wire.ErrValue, wire.ErrValue},
		{"mapped", "::ffff:192.0.2.7", 443, wire.ErrValue, wire.ErrValue},
		{"zone", "fe80::1%eth0", 443, wire.ErrValue, wire.ErrValue},
		{"unspecified", "0.0.0.0", 443, wire.ErrValue, wire.ErrValue},
		{"multicast", "ff02::1", 443, wire.ErrValue, wire.ErrValue},
		{"octal", "127.0.0.01", 443, wire.ErrValue, wire.ErrValue},
		{"number", "2130706433", 443, wire.ErrValue, wire.ErrValue},
		{"not ASCII", "gäteway.example", 443, wire.ErrValue, wire.ErrValue},
		{"line break", "gw.example\n", 443, wire.ErrValue, wire.ErrValue},
	}
	for _, test := range tests {
		for _, plain := range []bool{false, true} {
			want := test.tls
			if plain {
				want = test.ws
			}
			l := Lease{Node: node(1), Host: test.host, Port: test.port, Plain: plain}
			if err := l.Check(); !errors.Is(err, want) {
				t.Errorf("%s, plain %v: got %v, want %v", test.name, plain, err, want)
			}
			got, err := ParseLease(l.Encode())
			if !errors.Is(err, want) || (err == nil && got != l) {
				t.Errorf("%s, plain %v: parsed %+v, %v", test.name, plain, got, err)
			}
		}
	}
	bad := Lease{Node: key.NodePublic{1}, Host: "192.0.2.7", Port: 443}
	if _, err := ParseLease(bad.Encode()); !errors.Is(err, wire.ErrPublicKey) {
		t.Errorf("a gateway key of small order: %v", err)
	}
	if _, err := ParseLease(wire.Marshal(lease{Node: node(1), Host: "192.0.2.7", Port: 443, Flags: flagUsed})); !errors.Is(err, wire.ErrValue) {
		t.Errorf("the used bit outside of the fixed form: %v", err)
	}
}

func TestLeasesCutOrLongerAreRefused(t *testing.T) {
	whole := Lease{Node: node(1), Host: "gw.example", Port: 443}.Encode()
	for n := range whole {
		if _, err := ParseLease(whole[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes were accepted", n, len(whole))
		}
	}
	if _, err := ParseLease(append(slices.Clone(whole), 0)); !errors.Is(err, wire.ErrTrailing) {
		t.Errorf("a byte more: %v", err)
	}
}

func TestFixedForm(t *testing.T) {
	for _, l := range []Lease{
		{Node: node(1), Host: "192.0.2.7", Port: 443, Lapses: 30},
		{Node: node(2), Host: "2001:db8::7", Port: 8443, Lapses: 255},
		{Node: node(3), Host: "127.0.0.1", Port: 7000, Plain: true},
	} {
		b, err := l.Encode52()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Parse52(b[:]); err != nil || got != l {
			t.Errorf("%+v came back as %+v, %v", l, got, err)
		}
		for n := range b {
			if _, err := Parse52(b[:n]); !errors.Is(err, wire.ErrTruncated) {
				t.Fatalf("%d bytes: %v", n, err)
			}
		}
		if _, err := Parse52(append(b[:], 0)); !errors.Is(err, wire.ErrTrailing) {
			t.Errorf("53 bytes: %v", err)
		}
		for flags := range 256 {
			b[51] = byte(flags)
			got, err := Parse52(b[:])
			if ok := err == nil; ok != (flags == flagUsed || (flags == flagUsed|flagPlain && l.Plain)) || ok && got.Plain != (flags&flagPlain != 0) && !l.Plain {
				t.Errorf("flags %#x of %s: %v", flags, l.Host, err)
			}
		}
	}
	if _, err := (Lease{Node: node(1), Host: "gw.example", Port: 443}).Encode52(); err != ErrNotPackable {
		t.Errorf("a name in the fixed form: %v", err)
	}
	if _, err := (Lease{Node: node(1), Host: "192.0.2.7"}).Encode52(); !errors.Is(err, wire.ErrValue) || err == ErrNotPackable {
		t.Errorf("port 0: %v", err)
	}
	if _, err := Parse52(make([]byte, LeaseSize)); !errors.Is(err, wire.ErrValue) {
		t.Errorf("an empty slot: %v", err)
	}
}

func FuzzLease(f *testing.F) {
	f.Add(Lease{Node: node(1), Host: "gw.example", Port: 443}.Encode())
	f.Add(Lease{Node: node(1), Host: "::1", Port: 443, Plain: true}.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if l, err := ParseLease(b); err == nil && !bytes.Equal(l.Encode(), b) {
			t.Error("what parses does not encode to the same bytes")
		}
	})
}

func FuzzLease52(f *testing.F) {
	seed, _ := Lease{Node: node(1), Host: "192.0.2.7", Port: 443}.Encode52()
	f.Add(seed[:])
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := Parse52(b)
		if err != nil {
			return
		}
		if again, err := l.Encode52(); err != nil || !bytes.Equal(again[:], b) {
			t.Errorf("what parses does not encode to the same bytes: %v", err)
		}
	})
}
