package wire

import (
	"bytes"
	"net/netip"
	"testing"

	"zeroms/protocol/key"
)

// contact is a gateway at an IPv4 address, contact6 one at an IPv6 address.
func (k sampleKeys) contact() Contact {
	return Contact{Node: k.node().Public(), X: 0x0102030405060708, Addr: netip.MustParseAddrPort("192.0.2.7:4433"), Transports: TransportQUIC | TransportWSS}
}

func (k sampleKeys) contact6() Contact {
	return Contact{Node: key.NodePublic(count(0xc0, 32)), X: 1<<64 - 1, Addr: netip.MustParseAddrPort("[2001:db8::7]:443"), Transports: TransportWSS}
}

// descriptor is a signed object of the size that a small descriptor has; what is in it is another document's.
func (k sampleKeys) descriptor() []byte {
	return Sign(k.node(), key.ContextDescriptor, &OK{}).Encode()
}

func (k sampleKeys) contacts() []byte {
	return AppendContacts(nil, []Contact{k.contact(), k.contact6()})
}

// networkSamples are the frames between gateways, and of what clients ask of the network.
func networkSamples() []sample {
	var k sampleKeys
	place := key.NodeID(count(0x21, 32))
	items := []StoreItem{{count(0, 40), 0, k.work(StampSubject(place))}, {k.descriptor(), 1, nil}}
	relay := Relay{[16]byte(count(0x11, 16)), 70_000, count(5, 12), count(0, 40)}
	return []sample{
		{"ping", "dht", 30, &Ping{}, ""},
		{"pong", "dht", 30, &Pong{netip.MustParseAddr("192.0.2.9").As16()}, ""},
		{"find-node", "dht", 31, &FindNode{place}, ""},
		{"nodes", "dht", 31, &Nodes{k.contacts()}, "1"},
		{"nodes-none", "dht", 32, &Nodes{}, "1"},
		{"find-value", "dht", 33, &FindValue{place}, ""},
		{"value", "dht", 33, &Value{count(0, 40), k.contacts()}, "1 2"},
		{"value-none", "dht", 34, &Value{nil, k.contact().AppendTo(nil)}, "1 2"},
		{"store", "dht", 35, &Store{items}, "1/0/1 1/0/3 1/1/1 1/1/3"},
		{"stored", "dht", 35, &Stored{[]uint16{0, uint16(CodeStamp), uint16(CodeOlder)}}, ""},
		{"reach", "dht", 36, &Reach{[ContactSize]byte(k.contact().AppendTo(nil))}, ""},
		{"publish", "dht", 37, &Publish{items[:1], true}, "1/0/1 1/0/3"},
		{"published", "dht", 37, &Published{[]uint8{20, 0, 255}}, "1"},
		{"relay", "forward", 38, &relay, "6 7"},
		{"forward", "forward", 39, &Forward{k.node().Public(), "gw.example", 4433, relay}, "6 7"},
		{"forward-again", "forward", 40, &Forward{k.node().Public(), "[2001:db8::7]", 443, Relay{relay.Channel, 1, nil, count(0, 40)}}, "6 7"},
		{"forwarded", "forward", 39, &Forwarded{relay.Channel, 70_000, [24]byte(count(0x31, 24)), count(0, 40)}, "4"},
		{"record-get", "dht", 41, &RecordGet{[32]byte(count(0x41, 32)), 20_717, false}, ""},
		{"record-get-fresh", "dht", 41, &RecordGet{[32]byte(count(0x41, 32)), 20_717, true}, ""},
		{"record", "dht", 41, &Record{count(0, 40)}, "1"},
		{"deposit-put", "dht", 42, &DepositPut{[]Deposit{
			{[32]byte(count(0x41, 32)), 20_718, 29_832_981, 29_834_111, count(0, 40)}, {Name: [32]byte(count(0x42, 32)), Day: 20_719},
		}}, "1/0/5 1/1/5"},
		{"deposits-get", "dht", 43, &DepositsGet{}, ""},
		{"deposits", "dht", 43, &Deposits{[]Deposited{
			{[32]byte(count(0x41, 32)), 20_717, 3, 20, sampleTime, sampleTime + 20_000}, {Name: [32]byte(count(0x42, 32)), Day: 20_718, Seq: 1},
		}}, ""},
		{"descriptor-get", "dht", 44, &DescriptorGet{count(0xc0, 16), "gw.example", 4433}, "1"},
		{"descriptor-get-key", "dht", 45, &DescriptorGet{Node: count(0xc0, 32)}, "1"},
		{"descriptor", "dht", 44, &Descriptor{k.descriptor()}, "1"},
		{"gateways-get", "dht", 46, &GatewaysGet{20}, ""},
		{"gateways", "dht", 46, &Gateways{[][]byte{k.descriptor(), k.descriptor()}}, "1/0 1/1"},
	}
}

// TestForwardIsOneMap: the fields that a Forward shares with a Relay stand in the same map, under the same keys.
func TestForwardIsOneMap(t *testing.T) {
	f := sampleOf(t, "forward").payload.(*Forward)
	n, _ := parse(Marshal(f), "")
	if n.major != 5 || n.arg != 7 {
		t.Fatalf("%d items of major type %d", n.arg, n.major)
	}
	for i := range 7 {
		if key := n.kids[2*i]; key.major != 0 || key.arg != uint64(i+1) {
			t.Errorf("key %d is %d", i+1, key.arg)
		}
	}
	relay := Marshal(&f.Relay)
	if whole := Marshal(f); !bytes.HasSuffix(whole, relay[1:]) || relay[0] != 0xa4 {
		t.Errorf("the relay %x is not the end of %x", relay, whole)
	}
	var nested struct {
		Target key.NodePublic `cbor:"1,keyasint"`
		Host   string         `cbor:"2,keyasint"`
		Port   uint16         `cbor:"3,keyasint"`
		Relay  Relay          `cbor:"4,keyasint"`
	}
	nested.Relay = f.Relay
	fails(t, "a relay as a map of its own", decodeFrame(Marshal(Frame{Type: TypeForward, ID: 1, Raw: Marshal(&nested)}), new(Forward)), ErrMalformed)
}

// TestContact: both kinds of addresses, and none, travel and come back in their canonical form.
func TestContact(t *testing.T) {
	var k sampleKeys
	for _, c := range []Contact{k.contact(), k.contact6(), {Node: k.node().Public(), X: 9}, {}} {
		b := c.AppendTo([]byte{7})
		if len(b) != 1+ContactSize || b[0] != 7 {
			t.Fatalf("%d bytes", len(b))
		}
		got, err := ParseContact(b[1:])
		if err != nil || got != c {
			t.Errorf("%+v is read as %+v, %v", c, got, err)
		}
	}
	mapped := k.contact()
	mapped.Addr = netip.AddrPortFrom(netip.AddrFrom16(mapped.Addr.Addr().As16()), 4433)
	if got, err := ParseContact(mapped.AppendTo(nil)); err != nil || got != k.contact() || !got.Addr.Addr().Is4() {
		t.Errorf("a mapped address is read as %+v, %v", got, err)
	}
	zoned := k.contact6()
	zoned.Addr = netip.AddrPortFrom(zoned.Addr.Addr().WithZone("eth0"), 443)
	if got, err := ParseContact(zoned.AppendTo(nil)); err != nil || got != k.contact6() {
		t.Errorf("an address with a zone is read as %+v, %v", got, err)
	}
	network := key.Network{'t', 'e', 's', 't'}
	place := k.contact().Place(network)
	moved, other := k.contact(), k.contact()
	moved.Addr, other.X = netip.MustParseAddrPort("192.0.2.8:1"), 0
	if place != key.NodeIDOf(key.Place{Network: network, Node: k.node().Public()}, k.contact().X) || moved.Place(network) != place || other.Place(network) == place {
		t.Error("a place follows from the key and x, and from nothing else")
	}
}

func TestWrongContacts(t *testing.T) {
	valid := sampleKeys{}.contact().AppendTo(nil)
	for n := range valid {
		_, err := ParseContact(valid[:n])
		fails(t, "a prefix", err, ErrTruncated)
		if n > 0 {
			_, err = ParseContacts(append(bytes.Clone(valid), valid[:n]...), 2)
			fails(t, "a prefix behind another", err, ErrTruncated)
		}
	}
	_, err := ParseContact(append(bytes.Clone(valid), 0))
	fails(t, "a byte behind it", err, ErrTrailing)
	with := func(at int, b ...byte) []byte {
		out := bytes.Clone(valid)
		copy(out[at:], b)
		return out
	}
	for what, b := range map[string][]byte{
		"no transports": with(58, 0), "an unknown transport": with(58, 0x04), "an unknown one besides": with(58, 0x83), "no port": with(56, 0, 0),
		"no address": with(40, make([]byte, 16)...), "only transports": with(40, make([]byte, 18)...), "only an address": with(56, 0, 0, 0),
		"0.0.0.0": with(52, 0, 0, 0, 0), "0.0.0.0 without a port": with(52, 0, 0, 0, 0, 0, 0, 0),
	} {
		c, err := ParseContact(b)
		fails(t, what, err, ErrValue)
		if c != (Contact{}) {
			t.Errorf("%s: an error came with %+v", what, c)
		}
		_, err = ParseContacts(append(bytes.Clone(valid), b...), 2)
		fails(t, what+" behind another", err, ErrValue)
	}
	nowhere := Contact{Node: sampleKeys{}.node().Public()}.AppendTo(nil)
	_, err = ParseContacts(nowhere, 1)
	fails(t, "in an answer, one without address", err, ErrValue)
	three := bytes.Repeat(valid, 3)
	_, err = ParseContacts(three, 2)
	fails(t, "three of two", err, ErrTooLarge)
	if all, err := ParseContacts(three, 3); err != nil || len(all) != 3 || !bytes.Equal(AppendContacts(nil, all), three) {
		t.Errorf("%d contacts, %v", len(all), err)
	}
	if none, err := ParseContacts(nil, 0); err != nil || len(none) != 0 {
		t.Errorf("of no bytes %v, %v", none, err)
	}
}

// FuzzContacts: what is taken is written again as it was, and is reachable.
func FuzzContacts(f *testing.F) {
	var k sampleKeys
	f.Add(k.contacts())
	f.Add(k.contact().AppendTo(nil))
	f.Add(Contact{Node: k.node().Public()}.AppendTo(nil))
	f.Add(k.contacts()[:ContactSize+1])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseContact(b)
		if err == nil && !bytes.Equal(c.AppendTo(nil), b) {
			t.Errorf("%x is written again as %x", b, c.AppendTo(nil))
		}
		if err != nil {
			fails(t, "one", err, ErrTruncated, ErrTrailing, ErrValue)
		}
		all, err := ParseContacts(b, MaxContacts)
		if err != nil {
			fails(t, "many", err, ErrTruncated, ErrTooLarge, ErrValue)
			return
		}
		if len(all) > MaxContacts || !bytes.Equal(AppendContacts(nil, all), b) {
			t.Errorf("%x is written again as %x", b, AppendContacts(nil, all))
		}
		for _, c := range all {
			if a := c.Addr; !a.IsValid() || a.Port() == 0 || a.Addr().Is4In6() || a.Addr().IsUnspecified() || c.Transports == 0 {
				t.Errorf("%+v stands in an answer", c)
			}
		}
	})
}

func fill[T any](n int, v T) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = v
	}
	return out
}

// largest are the payloads that are as large as their checks allow.
func largest() map[string]Payload {
	record, descriptor, stamp := make([]byte, RecordSize), make([]byte, MaxDescriptor), make([]byte, WorkSize)
	records, descriptors := fill(MaxStores, StoreItem{record, 255, stamp}), fill(MaxStoreBytes/MaxDescriptor, StoreItem{descriptor, 255, stamp})
	mixed := append(fill(MaxStores-1, StoreItem{make([]byte, MaxStoreBytes/MaxStores), 255, stamp}), StoreItem{make([]byte, MaxStoreBytes/MaxStores), 255, stamp})
	contacts := make([]byte, MaxContacts*ContactSize)
	host := string(bytes.Repeat([]byte{'a'}, MaxHost))
	relay := Relay{N: 1<<32 - 1, Encapsulation: make([]byte, EncapsulationSize), Sealed: make([]byte, MaxSealed)}
	return map[string]Payload{
		"client-hello": &ClientHello{Node: make([]byte, 32), Gateway: make([]byte, ContactSize)}, "server-hello": &ServerHello{Descriptor: descriptor},
		"nodes": &Nodes{contacts}, "value": &Value{descriptor, contacts}, "store of records": &Store{records}, "store of descriptors": &Store{descriptors},
		"store of as much as may be": &Store{mixed}, "stored": &Stored{fill(MaxStores, uint16(65535))}, "publish": &Publish{records, true},
		"published": &Published{make([]byte, MaxStores)}, "record": &Record{record}, "descriptor-get": &DescriptorGet{make([]byte, 32), host, 65535},
		"descriptor": &Descriptor{descriptor}, "gateways-get": &GatewaysGet{MaxGateways}, "gateways": &Gateways{fill(MaxGateways, descriptor)},
		"deposit-put": &DepositPut{fill(MaxDeposits, Deposit{Day: 1<<32 - 1, First: 1<<32 - 1, Last: 1<<32 - 1, Record: record})},
		"deposits":    &Deposits{fill(MaxDeposited, Deposited{[32]byte{}, 1<<32 - 1, 1<<32 - 1, 255, 1<<64 - 1, 1<<64 - 1})},
		"relay":       &relay, "forward": &Forward{Host: host, Port: 65535, Relay: relay}, "forwarded": &Forwarded{N: 1<<32 - 1, Sealed: relay.Sealed},
	}
}

// TestLargestFits: what the checks allow fits into a frame, and is decoded and allowed again.
func TestLargestFits(t *testing.T) {
	for what, p := range largest() {
		if err := Check(p); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		b := AppendFrame(nil, 1<<64-1, p)
		if len(b) > MaxFrame {
			t.Errorf("%s: a frame of %d bytes", what, len(b))
		}
		again := sample{payload: p}.fresh()
		if err := decodeFrame(b, again); err != nil || Check(again) != nil {
			t.Errorf("%s: %v, %v", what, err, Check(again))
		}
	}
}

// TestChecks: one more than a limit, and what a kind does not have, is refused by name.
func TestChecks(t *testing.T) {
	record, descriptor, stamp := make([]byte, RecordSize), make([]byte, MaxDescriptor), make([]byte, WorkSize)
	relay := Relay{Sealed: []byte{1}}
	long := string(bytes.Repeat([]byte{'a'}, MaxHost+1))
	with := func(change func(*Relay)) *Relay {
		r := relay
		change(&r)
		return &r
	}
	for _, c := range []struct {
		what string
		p    Payload
		want error
	}{
		{"no key", &ClientHello{}, ErrValue}, {"a key of 33", &ClientHello{Node: make([]byte, 33)}, ErrTooLarge}, {"a key of 31", &ClientHello{Node: make([]byte, 31)}, ErrValue},
		{"a short contact", &ClientHello{Node: make([]byte, 16), Gateway: make([]byte, ContactSize-1)}, ErrValue},
		{"a long contact", &ClientHello{Node: make([]byte, 16), Gateway: make([]byte, ContactSize+1)}, ErrTooLarge},
		{"a long descriptor", &ServerHello{Descriptor: append(descriptor, 0)}, ErrTooLarge},
		{"41 contacts", &Nodes{make([]byte, (MaxContacts+1)*ContactSize)}, ErrTooLarge}, {"half a contact", &Nodes{make([]byte, 30)}, ErrValue},
		{"a long record", &Value{Record: append(descriptor, 0)}, ErrTooLarge}, {"41 contacts of a value", &Value{Contacts: make([]byte, (MaxContacts+1)*ContactSize)}, ErrTooLarge},
		{"nothing to store", &Store{}, ErrValue}, {"33 records", &Store{fill(MaxStores+1, StoreItem{record, 0, stamp})}, ErrTooLarge},
		{"no record", &Store{[]StoreItem{{nil, 0, stamp}}}, ErrValue}, {"too long a record", &Store{[]StoreItem{{append(descriptor, 0), 0, stamp}}}, ErrTooLarge},
		{"a stamp of 11", &Store{[]StoreItem{{record, 0, stamp[1:]}}}, ErrValue}, {"a stamp of 13", &Store{[]StoreItem{{record, 0, append(stamp, 0)}}}, ErrTooLarge},
		{"21 descriptors", &Store{fill(MaxStoreBytes/MaxDescriptor+1, StoreItem{descriptor, 0, stamp})}, ErrTooLarge},
		{"nothing to publish", &Publish{}, ErrValue}, {"33 to publish", &Publish{Items: fill(MaxStores+1, StoreItem{record, 0, stamp})}, ErrTooLarge},
		{"no codes", &Stored{}, ErrValue}, {"33 codes", &Stored{make([]uint16, MaxStores+1)}, ErrTooLarge},
		{"no holders", &Published{}, ErrValue}, {"33 holders", &Published{make([]uint8, MaxStores+1)}, ErrTooLarge},
		{"a record of 1023", &Record{record[1:]}, ErrValue}, {"a record of 1025", &Record{append(record, 0)}, ErrTooLarge}, {"an empty record", &Record{}, ErrValue},
		{"a hash and no host", &DescriptorGet{Node: make([]byte, 16)}, ErrValue}, {"no gateway", &DescriptorGet{Host: "a", Port: 1}, ErrValue},
		{"no port", &DescriptorGet{Node: make([]byte, 32), Host: "a"}, ErrValue}, {"no host", &DescriptorGet{Node: make([]byte, 32), Port: 1}, ErrValue},
		{"a host of 250", &DescriptorGet{Node: make([]byte, 32), Host: long, Port: 1}, ErrTooLarge},
		{"an empty descriptor", &Descriptor{}, ErrValue}, {"a descriptor of 4097", &Descriptor{append(descriptor, 0)}, ErrTooLarge},
		{"0 gateways", &GatewaysGet{}, ErrValue}, {"21 gateways", &GatewaysGet{MaxGateways + 1}, ErrTooLarge},
		{"21 descriptors of gateways", &Gateways{fill(MaxGateways+1, []byte{1})}, ErrTooLarge}, {"an empty one", &Gateways{[][]byte{{1}, {}}}, ErrValue},
		{"one of 4097", &Gateways{[][]byte{append(descriptor, 0)}}, ErrTooLarge},
		{"nothing to deposit", &DepositPut{}, ErrValue}, {"81 deposits", &DepositPut{make([]Deposit, MaxDeposits+1)}, ErrTooLarge},
		{"last before first", &DepositPut{[]Deposit{{First: 2, Last: 1}}}, ErrValue}, {"a deposit of 1023", &DepositPut{[]Deposit{{Record: record[1:]}}}, ErrValue},
		{"a deposit of 1025", &DepositPut{[]Deposit{{Record: append(record, 0)}}}, ErrTooLarge},
		{"1025 deposited", &Deposits{make([]Deposited, MaxDeposited+1)}, ErrTooLarge},
		{"nothing sealed", &Relay{}, ErrValue}, {"too much sealed", with(func(r *Relay) { r.Sealed = make([]byte, MaxSealed+1) }), ErrTooLarge},
		{"an encapsulation of 1119", with(func(r *Relay) { r.Encapsulation = make([]byte, EncapsulationSize-1) }), ErrValue},
		{"an encapsulation of 1121", with(func(r *Relay) { r.Encapsulation = make([]byte, EncapsulationSize+1) }), ErrTooLarge},
		{"to no host", &Forward{Port: 1, Relay: relay}, ErrValue}, {"to no port", &Forward{Host: "a", Relay: relay}, ErrValue},
		{"to a host of 250", &Forward{Host: long, Port: 1, Relay: relay}, ErrTooLarge}, {"to a host, and nothing", &Forward{Host: "a", Port: 1}, ErrValue},
		{"no answer", &Forwarded{}, ErrValue}, {"a long answer", &Forwarded{Sealed: make([]byte, MaxSealed+1)}, ErrTooLarge},
	} {
		fails(t, c.what, Check(c.p), c.want)
	}
	for what, p := range map[string]Payload{
		"no contacts": &Nodes{}, "no value": &Value{}, "no stamp": &Store{[]StoreItem{{Record: record}}}, "nothing deposited": &Deposits{}, "no gateways": &Gateways{},
		"a record that is taken back": &DepositPut{[]Deposit{{}}}, "a key without host": &DescriptorGet{Node: make([]byte, 32)}, "a type without limits": &Ping{},
		"a hello of a client": &ClientHello{Node: make([]byte, 16)}, "a hello without descriptor": &ServerHello{},
	} {
		if err := Check(p); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}
