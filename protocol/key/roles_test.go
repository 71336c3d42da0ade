package key

import (
	"bytes"
	"crypto/sha256"
	"testing"
)

// TestGatewaysShareNothing: what two gateways see of one person has nothing to compare.
func TestGatewaysShareNothing(t *testing.T) {
	f := newFixture()
	view := func(g NodePublic) map[string][]byte {
		drop, capability := f.drop.Drop(g)
		doorKey, cursor := f.door.DoorKey(g), f.device.Cursor(g)
		place := Place{Network: f.at.Network, Node: g}
		name := must(ProfileName(f.seed.Identity().Public(), f.address, place))
		door, tag := DoorOf(name, doorKey), AccountTagOf(f.seed.Mailbox(g).Public())
		hash, doorHash := capability.Hash(), f.door.Capability(g).Hash()
		return map[string][]byte{
			"account": bytesOf(f.seed.Mailbox(g).Public()), "tag": tag[:], "login": bytesOf(f.device.Login(g).Public()),
			"cursor": cursor[:], "drop": drop[:], "capability": capability.Bytes(), "capability hash": hash[:],
			"profile": name[:], "door": door[:], "door key": doorKey[:],
			"door capability": f.door.Capability(g).Bytes(), "door capability hash": doorHash[:],
		}
	}
	here, there := view(f.at.Node), view(NewPrivate[Node]().Public())
	for what, a := range here {
		for other, b := range there {
			for n := 8; n <= len(a); n++ {
				if bytes.Contains(b, a[n-8:n]) {
					t.Errorf("%s here and %s there share the bytes %x", what, other, a[n-8:n])
				}
			}
		}
	}
}

func TestDoors(t *testing.T) {
	f := newFixture()
	g := f.at.Node
	x := f.door.DoorKey(g)
	name := must(ProfileName(f.seed.Identity().Public(), f.address, f.at))
	whole := sha256.Sum256(Join([]byte("zms/1/door\x00"), name[:], x[:]))
	if door := DoorOf(name, x); !bytes.Equal(door[:], whole[:16]) {
		t.Errorf("the door is %v", door)
	}
	if bytes.Equal(f.door.Capability(g).Bytes(), x[:]) {
		t.Error("the door's public part is its capability")
	}
	other := must(DoorSecretFrom(count(1, 16)))
	if other.DoorKey(g) == x || other.CardID() == f.door.CardID() {
		t.Error("two cards share a door")
	}
	if (DoorSecret{}).CardID() != (CardID{}) || f.door.CardID() == (CardID{}) {
		t.Error("card id: zeros stand for no door secret and for nothing else")
	}
}

func TestAuthenticate(t *testing.T) {
	f := newFixture()
	drop, capability := f.drop.Drop(f.at.Node)
	envelope := sha256.Sum256([]byte("envelope"))
	mac := capability.Authenticate(drop, envelope)
	full := MAC(capability.Bytes(), drop[:], envelope[:])
	if !bytes.Equal(mac[:], full[:16]) {
		t.Errorf("the proof is %x", mac)
	}
	if other := capability.Authenticate(drop, sha256.Sum256(nil)); other == mac {
		t.Error("the proof does not cover the envelope")
	}
	if other := capability.Authenticate(DropID{1}, envelope); other == mac {
		t.Error("the proof does not cover the drop")
	}
	if capability.Hash() != sha256.Sum256(capability.Bytes()) {
		t.Error("the capability's hash is not SHA-256 of it")
	}
}

func TestIDs(t *testing.T) {
	dsk := newFixture().device.Signer().Public()
	h := sha256.Sum256(dsk[:])
	id := DeviceIDOf(dsk)
	if !bytes.Equal(id[:], h[:8]) {
		t.Errorf("device id %v", id)
	}
	if id.String() != ownFile(t)["device-id"] || (DropID{0xab}).String() != "ab000000000000000000000000000000" ||
		(CardID{1}).String() != "0100000000000000" || dsk.String() != ownFile(t)["device-key"] {
		t.Error("ids are not printed in hex")
	}
}

// TestRolesDiffer: one seed and one device secret give unrelated keys to each role.
func TestRolesDiffer(t *testing.T) {
	f := newFixture()
	g := f.at.Node
	seen := map[string]string{}
	for what, seed := range map[string][]byte{
		"identity": f.seed.Identity().Seed(), "mailbox": f.seed.Mailbox(g).Seed(),
		"device": f.device.Signer().Seed(), "login": f.device.Login(g).Seed(),
		"seed": f.seed.Bytes(), "device secret": f.device.Bytes(),
	} {
		if other, taken := seen[string(seed)]; taken {
			t.Errorf("%s and %s are one key", what, other)
		}
		seen[string(seed)] = what
	}
}
