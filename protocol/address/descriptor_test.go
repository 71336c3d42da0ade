package address

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// station is a gateway whose descriptors the tests make.
type station struct {
	node    key.NodePrivate
	kem     key.RelayPrivate
	network key.Network
	now     time.Time
}

func newStation() station {
	kem, _ := key.RelayPrivateFrom(bytes.Repeat([]byte{9}, 32))
	return station{key.PrivateFromSeed[key.Node]([32]byte{0: 1, 31: 3}), kem, key.Network{'l', 'a', 'b', '1'}, made}
}

func (s station) descriptor() *Descriptor {
	return &Descriptor{
		Node: s.node.Public(), X: 0x0102030405060708, KEM: s.kem.Public(),
		Addrs:      []netip.AddrPort{netip.MustParseAddrPort("203.0.113.7:443"), netip.MustParseAddrPort("[2001:db8::7]:443")},
		Transports: wire.TransportQUIC | wire.TransportWSS, Host: "gw.example.org", Port: 8443,
		Network: s.network, Made: s.now, Expires: s.now.Add(MaxDescriptorLife),
		Limits: wire.Limits{Frame: 96 << 10, Message: 1 << 20, InFlight: 64, PushWindow: 1 << 20, Retention: 30 * 86400, Quota: 256 << 20, Drops: 4096, Doors: 64, Devices: 8, Profiles: 4},
		Flags:  TakesInvited | Forwards | Serves,
	}
}

func (s station) seal(t testing.TB, d *Descriptor) []byte {
	t.Helper()
	b, err := SealDescriptor(d, s.node)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (s station) open(b []byte) (*Descriptor, error) { return OpenDescriptor(b, s.network, s.now) }

// signed is a descriptor of any body.
func (s station) signed(w descriptor) []byte {
	return wire.Sign(s.node, key.ContextDescriptor, w).Encode()
}

func TestDescriptorsComeBack(t *testing.T) {
	s := newStation()
	full := s.descriptor()
	for i := range 6 {
		full.Addrs = append(full.Addrs, netip.MustParseAddrPort(fmt.Sprintf("[2001:db8::%d]:%d", i+100, 65535-i)))
	}
	full.Host = strings.Repeat("a.", 126) + "a"
	hidden := s.descriptor()
	hidden.Addrs, hidden.Host, hidden.Port, hidden.Transports, hidden.Flags = nil, "", 0, 0, TakesAll
	named := s.descriptor()
	named.Addrs, named.Flags = nil, Forwards
	for what, want := range map[string]*Descriptor{"usual": s.descriptor(), "full": full, "that nobody reaches": hidden, "with a name only": named} {
		b := s.seal(t, want)
		if len(b) > wire.MaxDescriptor {
			t.Errorf("%s: %d bytes", what, len(b))
		}
		got, err := s.open(b)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v came back as %+v", what, want, got)
		}
	}
	d := s.descriptor()
	want := wire.Contact{Node: d.Node, X: d.X, Addr: d.Addrs[0], Transports: 3}
	if d.Contact() != want || d.ID() != want.Place(s.network) || d.Place() != DescriptorPlace(key.Place{Network: s.network, Node: d.Node}) {
		t.Errorf("contact %+v", d.Contact())
	}
	if c := hidden.Contact(); c.Addr.IsValid() || c.Transports != 0 {
		t.Errorf("the contact of one that nobody reaches: %+v", c)
	}
	if c, err := wire.ParseContact(d.Contact().AppendTo(nil)); err != nil || c != want {
		t.Errorf("the contact on the wire: %+v, %v", c, err)
	}
}

func TestDescriptorRules(t *testing.T) {
	s := newStation()
	at := netip.MustParseAddrPort
	for what, change := range map[string]func(*Descriptor){
		"no network":                   func(d *Descriptor) { d.Network = key.Network{} },
		"unknown transports":           func(d *Descriptor) { d.Transports |= 4 },
		"addresses without transports": func(d *Descriptor) { d.Transports = 0 },
		"transports without addresses": func(d *Descriptor) { d.Addrs, d.Host, d.Port, d.Flags = nil, "", 0, 0 },
		"serving without address":      func(d *Descriptor) { d.Addrs = nil },
		"unknown flags":                func(d *Descriptor) { d.Flags |= 1 << 5 },
		"expired before it was made":   func(d *Descriptor) { d.Expires = d.Made },
		"a life of more than a week":   func(d *Descriptor) { d.Expires = d.Expires.Add(time.Millisecond) },
		"port 0 of the name":           func(d *Descriptor) { d.Port = 0 },
		"a port without name":          func(d *Descriptor) { d.Host = "" },
		"a name in capitals":           func(d *Descriptor) { d.Host = "GW.example" },
		"an address as name":           func(d *Descriptor) { d.Host = "127.0.0.1" },
		"port 0":                       func(d *Descriptor) { d.Addrs[0] = at("203.0.113.7:0") },
		"no address":                   func(d *Descriptor) { d.Addrs[0] = netip.AddrPort{} },
		"a mapped address":             func(d *Descriptor) { d.Addrs[0] = at("[::ffff:203.0.113.7]:443") },
		"an address with zone":         func(d *Descriptor) { d.Addrs[0] = at("[2001:db8::1%eth0]:443") },
		"the unspecified address":      func(d *Descriptor) { d.Addrs[0] = at("0.0.0.0:443") },
		"multicast":                    func(d *Descriptor) { d.Addrs[0] = at("224.0.0.1:443") },
		"another spelling of IPv4":     func(d *Descriptor) { d.Addrs[0] = at("[64:ff9b::7]:443") },
		"an address twice":             func(d *Descriptor) { d.Addrs[1] = d.Addrs[0] },
		"nine addresses": func(d *Descriptor) {
			d.Addrs = nil
			for i := range 9 {
				d.Addrs = append(d.Addrs, at(fmt.Sprintf("203.0.113.%d:443", i)))
			}
		},
	} {
		d := s.descriptor()
		change(d)
		if _, err := SealDescriptor(d, s.node); !errors.Is(err, wire.ErrValue) {
			t.Errorf("%s is sealed: %v", what, err)
		}
		d = s.descriptor()
		change(d)
		if _, err := s.open(s.signed(d.body())); err == nil && what != "a mapped address" && what != "an address with zone" && what != "a port without name" {
			t.Errorf("%s is opened", what)
		}
	}
	d := s.descriptor()
	for i := range d.KEM[:8] {
		d.KEM[i] = 0xff
	}
	if _, err := SealDescriptor(d, s.node); !errors.Is(err, wire.ErrPublicKey) {
		t.Errorf("a KEM key out of range: %v", err)
	}
	if _, err := s.open(s.signed(d.body())); !errors.Is(err, wire.ErrPublicKey) {
		t.Errorf("a KEM key out of range: %v", err)
	}
}

func TestDescriptorBodies(t *testing.T) {
	s := newStation()
	for what, test := range map[string]struct {
		change func(*descriptor)
		want   error
	}{
		"another version":          {func(w *descriptor) { w.Version = 2 }, wire.ErrVersion},
		"a name without port":      {func(w *descriptor) { w.Host = "gw.example" }, wire.ErrValue},
		"a name with a port of 6":  {func(w *descriptor) { w.Host = "gw.example:065535" }, wire.ErrValue},
		"a name with a large port": {func(w *descriptor) { w.Host = "gw.example:65536" }, wire.ErrValue},
		"a name with port +1":      {func(w *descriptor) { w.Host = "gw.example:+1" }, wire.ErrValue},
		"a name with port 0":       {func(w *descriptor) { w.Host = "gw.example:0" }, wire.ErrValue},
		"a port alone":             {func(w *descriptor) { w.Host = ":443" }, wire.ErrValue},
		"brackets":                 {func(w *descriptor) { w.Host = "[::1]:443" }, wire.ErrValue},
		"nine addresses":           {func(w *descriptor) { w.Addrs = slices.Repeat(w.Addrs[:1], 9) }, wire.ErrValue},
		"another network":          {func(w *descriptor) { w.Network[0]++ }, wire.ErrNetwork},
		"made tomorrow":            {func(w *descriptor) { w.Made += 25 * 3600e3; w.Expires += 25 * 3600e3 }, wire.ErrClock},
		"made in year 10000":       {func(w *descriptor) { w.Made, w.Expires = 1<<60, 1<<60+1 }, wire.ErrValue},
		"expired":                  {func(w *descriptor) { w.Made, w.Expires = w.Made-2, w.Made }, wire.ErrExpired},
		"another gateway":          {func(w *descriptor) { w.Node = node(2) }, wire.ErrSignature},
		"no gateway":               {func(w *descriptor) { w.Node = key.NodePublic{} }, wire.ErrPublicKey},
	} {
		w := s.descriptor().body()
		test.change(&w)
		if _, err := s.open(s.signed(w)); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", what, err, test.want)
		}
	}
	o := wire.Sign(s.node, key.ContextCommit, s.descriptor().body())
	if _, err := s.open(o.Encode()); !errors.Is(err, wire.ErrSignature) {
		t.Errorf("a signature of another kind of object: %v", err)
	}
	long := append(s.seal(t, s.descriptor()), make([]byte, 4096)...)
	if _, err := s.open(long); !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("%d bytes: %v", len(long), err)
	}
}

func TestDescriptorsCutLongerOrChanged(t *testing.T) {
	s := newStation()
	b := s.seal(t, s.descriptor())
	for n := range b {
		if _, err := s.open(b[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes were accepted", n, len(b))
		}
	}
	if _, err := s.open(append(slices.Clone(b), 0)); !errors.Is(err, wire.ErrTrailing) {
		t.Errorf("a byte more: %v", err)
	}
	for i := range b {
		changed := slices.Clone(b)
		changed[i] ^= 1 << (i % 8)
		if _, err := s.open(changed); err == nil {
			t.Fatalf("byte %d may be changed", i)
		}
	}
}

func TestDescriptorsStayInTheirScope(t *testing.T) {
	s := newStation()
	for _, test := range []struct {
		addr, host string
		narrowest  Scope
	}{
		{"8.8.8.8:443", "gw.example.org", Public}, {"8.8.8.8:443", "", Public},
		{"8.8.8.8:443", "gw.local", LAN}, {"10.0.0.1:443", "gw.example.org", LAN}, {"203.0.113.7:443", "", LAN},
		{"127.0.0.1:443", "gw.example.org", Loopback}, {"8.8.8.8:443", "localhost", Loopback},
	} {
		d := s.descriptor()
		d.Addrs, d.Host = []netip.AddrPort{netip.MustParseAddrPort("1.1.1.1:1"), netip.MustParseAddrPort(test.addr)}, test.host
		for _, scope := range []Scope{Loopback, LAN, Public} {
			want := error(nil)
			if scope > test.narrowest {
				want = wire.ErrScope
			}
			if err := d.Within(scope); !errors.Is(err, want) {
				t.Errorf("%s, %s in a network of scope %v: %v", test.addr, test.host, scope, err)
			}
		}
	}
}

func FuzzDescriptor(f *testing.F) {
	s := newStation()
	f.Add(s.seal(f, s.descriptor()))
	d := s.descriptor()
	d.Addrs, d.Host, d.Port, d.Transports, d.Flags = nil, "", 0, 0, 0
	f.Add(s.seal(f, d))
	f.Add(wire.Marshal(d.body()))
	f.Fuzz(func(t *testing.T, b []byte) {
		// Nobody signs what a fuzzer makes: bodies are tried too.
		d, o, err := parseDescriptor(b)
		if err != nil {
			b = wire.Object{Body: b, Sig: make([]byte, key.SignatureSize)}.Encode()
			if d, o, err = parseDescriptor(b); err != nil {
				return
			}
		}
		again := wire.Object{Body: wire.Marshal(d.body()), Sig: o.Sig}
		if !bytes.Equal(again.Encode(), b) {
			t.Error("what parses does not encode to the same bytes")
		}
		_ = d.Within(Public)
		if opened, err := s.open(b); err == nil && opened.Node != s.node.Public() {
			t.Error("a descriptor that its gateway did not sign")
		}
	})
}
