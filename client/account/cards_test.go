package account_test

import (
	"errors"
	"testing"
	"time"

	"zeroms/client/account"
	"zeroms/client/home"
	"zeroms/client/profile"
	"zeroms/client/reach"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// place is the gateway in its network.
func (g *gate) place() key.Place {
	return key.Place{Network: g.address().Network, Node: g.node.Public()}
}

// reader is somebody who has a card.
func reader(t *testing.T, text string) (*profile.Contact, card.Card) {
	t.Helper()
	k, err := card.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	c := profile.NewContact(k.User, time.Now())
	var gateways []profile.Gateway
	for _, g := range k.Gateways {
		gateways = append(gateways, profile.FromCard(g))
	}
	reach.FromCard(&c, &k, gateways)
	c.Network = key.Network{'t', 'e', 's', 't'}
	return &c, k
}

// public makes a public card and answers what that takes.
func public(b *bench, bits uint8) (*account.Card, string) {
	b.t.Helper()
	k, err := b.account.MakePublic(bits, false)
	if err != nil {
		b.t.Fatal(err)
	}
	text, err := b.account.CardText(k, true)
	if err != nil || text == "" {
		b.t.Fatalf("card text %q: %v", text, err)
	}
	return k, text
}

// A card by key alone says that its owner is found without an address secret, named
// gateways or not, and takes the place of the public card before.
func TestAPublicCardByKeyAlone(t *testing.T) {
	b, _ := up(t, 1)
	before, _ := public(b, 0)
	k, err := b.account.MakePublic(0, true)
	if err != nil {
		t.Fatal(err)
	}
	if !before.Revoked || b.account.PublicCard() != k {
		t.Error("the card before goes on")
	}
	for _, named := range []bool{true, false} {
		text, err := b.account.CardText(k, named)
		if err != nil {
			t.Fatal(err)
		}
		_, read := reader(t, text)
		if !read.FoundByKey || !read.Public || !read.Address.IsZero() || len(read.Gateways) > 0 != named {
			t.Errorf("named %v: %+v", named, read)
		}
	}
	all, err := b.account.DescribeAll(b.account.Cards())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.ByKey != (c.ID == k.ID) || c.Revoked != (c.ID == before.ID) {
			t.Errorf("card %s is described as by key %v, revoked %v", c.ID, c.ByKey, c.Revoked)
		}
	}
}

func TestAPublicCardLeadsToItsDoor(t *testing.T) {
	b, g := up(t, 1)
	k, text := public(b, 0)
	if !k.Public || k.Bits != wire.MinDoorBits || b.account.PublicCard() != k {
		t.Fatalf("card %+v", k.Card)
	}
	doors := requests[*wire.DoorPut](b)
	if len(doors) != 1 || doors[0].Bits != wire.MinDoorBits || len(requests[*wire.ProfilePut](b)) != 0 {
		t.Fatalf("asked for %d doors, the first %+v", len(doors), doors)
	}
	b.asks[0].done(home.Answered{Payload: &wire.OK{}})
	blobs := requests[*wire.ProfilePut](b)
	if len(blobs) != 1 {
		t.Fatal("the profile does not follow its door")
	}
	c, shown := reader(t, text)
	if !shown.Public || !shown.Door.IsZero() || shown.Address.IsZero() || shown.Address.Equal(b.account.Self.Address.Bytes()) {
		t.Errorf("the card shows %+v", shown)
	}
	if reach.ToDoor(c) != nil {
		t.Error("there is a way before the profile was read")
	}
	name, err := key.ProfileName(c.User, c.Secret, g.place())
	if err != nil || name != blobs[0].Name {
		t.Fatalf("the profile has another name: %v", err)
	}
	source := reach.Source{Place: g.place()}
	p, err := reach.ReadProfile(c, blobs[0].Blob, source, b.now)
	if err != nil {
		t.Fatal(err)
	}
	reach.Learn(c, g.node.Public(), p, reach.Public)
	r := reach.ToDoor(c)
	if r == nil || r.Drop != key.DropID(wireDoor(t, doors[0])) || r.Bits != wire.MinDoorBits || !r.Door {
		t.Fatalf("route %+v", r)
	}
	if got := b.account.Door(account.Place{Node: g.node.Public(), Drop: r.Drop}); got != k {
		t.Error("what lies there is for no card")
	}
	if d, ok := b.account.AcceptParams(k).Door(c.Door.CardID()); !ok || !d.Equal(c.Door.Bytes()) {
		t.Error("an init made with the door of the profile can't be opened")
	}
	if capability := [32]byte(r.Capability.Bytes()); capability != doors[0].Capability {
		t.Error("another capability")
	}
	// Private cards lead past it.
	for _, other := range b.account.Cards() {
		if other.Public {
			continue
		}
		text, err := b.account.CardText(other, true)
		if err != nil {
			t.Fatal(err)
		}
		if c, _ := reader(t, text); c.Public || c.Door.IsZero() {
			t.Error("a private card is public")
		}
	}
}

// wireDoor is the door that a registration is about.
func wireDoor(t *testing.T, p *wire.DoorPut) key.DropID {
	t.Helper()
	var o wire.DropObject
	if err := wire.Unmarshal(p.Object.Body, &o, wire.MaxObject); err != nil {
		t.Fatal(err)
	}
	return o.Drop
}

func TestAPublicCardIsOneAndChanges(t *testing.T) {
	b, _ := up(t, 1)
	for _, bits := range []uint8{1, 19, 41, 255} {
		if _, err := b.account.MakePublic(bits, false); !errors.Is(err, wire.ErrValue) {
			t.Errorf("%d bits: %v", bits, err)
		}
	}
	k, text := public(b, 22)
	b.answerAll()
	b.turn()
	b.start()
	k2, text2 := public(b, 22)
	if text2 != text || k2.ID != k.ID || len(b.account.Cards()) != 2 {
		t.Fatal("it is another card after a restart")
	}
	again, _ := public(b, 24)
	if again.ID != k.ID || again.Bits != 24 {
		t.Error("the work did not change")
	}
}

func TestTheWorkOfADoorChanges(t *testing.T) {
	b, _ := up(t, 1)
	public(b, 20)
	first := b.asks[0]
	b.asks = nil
	public(b, 23) // while the first registration is on its way
	if len(b.asks) != 0 {
		t.Error("two registrations of one door at once")
	}
	first.done(home.Answered{Payload: &wire.OK{}})
	doors := requests[*wire.DoorPut](b)
	if len(doors) != 1 || doors[0].Bits != 23 {
		t.Fatalf("registered %+v", doors)
	}
	b.answerAll()
	public(b, 21)
	b.answerAll()
	if len(b.asks) != 0 {
		t.Errorf("asked for %+v", b.asks)
	}
}

func TestARevokedPublicCardShowsNothing(t *testing.T) {
	b, g := up(t, 1)
	k, text := public(b, 0)
	b.answerAll()
	b.turn()
	if err := b.account.RevokeCard(k.ID); err != nil {
		t.Fatal(err)
	}
	if b.account.PublicCard() != nil {
		t.Error("it is still there")
	}
	if len(requests[*wire.DropDelete](b)) != 1 {
		t.Fatalf("asked for %+v", b.asks)
	}
	b.asks[0].done(home.Answered{Payload: &wire.OK{}})
	blobs := requests[*wire.ProfilePut](b)
	c, _ := reader(t, text)
	name, _ := key.ProfileName(c.User, c.Secret, g.place())
	if len(blobs) != 1 || blobs[0].Name != name || len(blobs[0].Blob) != 0 {
		t.Fatalf("%d blobs", len(blobs))
	}
	b.answerAll()
	b.turn()
	b.start()
	g.connect()
	for _, p := range requests[*wire.ProfilePut](b) {
		if p.Name == name {
			t.Error("it is stored once more")
		}
	}
	b.answerAll()
	next, other := public(b, 0)
	if c2, _ := reader(t, other); next.ID == k.ID || c2.Secret.Equal(c.Secret.Bytes()) {
		t.Error("the next public card is the old one")
	}
	b.answerAll()
}

// TestRevokedBeforeItStood: the card is gone while its profile is on its way.
func TestRevokedBeforeItStood(t *testing.T) {
	b, _ := up(t, 1)
	k, _ := public(b, 0)
	b.asks[0].done(home.Answered{Payload: &wire.OK{}})
	b.asks = b.asks[1:]
	profilePut := b.asks[0]
	b.asks = nil
	if err := b.account.RevokeCard(k.ID); err != nil {
		t.Fatal(err)
	}
	b.answerAll()
	profilePut.done(home.Answered{Payload: &wire.OK{}})
	if n := len(requests[*wire.ProfilePut](b)); n != 1 {
		t.Errorf("%d blobs are stored in its place", n)
	}
	b.answerAll()
	if len(k.Blobs) != 0 || len(k.Doors) != 0 {
		t.Errorf("left: %d blobs, %d doors", len(k.Blobs), len(k.Doors))
	}
}

func TestBothProfilesAreRenewed(t *testing.T) {
	b, g := up(t, 1)
	public(b, 0)
	b.answerAll()
	b.turn()
	b.now = b.now.Add(8 * day) // a new prekey
	b.account.Sweep()
	if n := len(requests[*wire.ProfilePut](b)); n != 2 {
		t.Errorf("%d profiles are renewed", n)
	}
	b.answerAll()
	second := b.gate()
	second.connect()
	b.answerAll()
	if n := len(g.home().Published); n == 0 {
		t.Fatal("nothing published")
	}
	if g.home().Public == [32]byte{} || second.home().Public == [32]byte{} {
		t.Error("a home lacks the public profile")
	}
}

func TestAClosedDoorIsToldAsSuch(t *testing.T) {
	b, g := up(t, 1)
	_, text := public(b, 0)
	b.answerAll()
	c, _ := reader(t, text)
	// The blob of the private cards, sealed for this reader, names no door.
	private := profile.NewContact(b.account.Self.User, b.now)
	private.Secret = b.account.Self.Address
	b.now = b.now.Add(8 * day)
	b.account.Sweep()
	name, _ := key.ProfileName(private.User, private.Secret, g.place())
	for _, p := range requests[*wire.ProfilePut](b) {
		if p.Name != name {
			continue
		}
		if _, err := reach.ReadProfile(&private, p.Blob, reach.Source{Place: g.place()}, b.now); err != nil {
			t.Errorf("the private profile: %v", err)
		}
		private.Public = true
		if _, err := reach.ReadProfile(&private, p.Blob, reach.Source{Place: g.place()}, b.now); !errors.Is(err, wire.ErrNoProfile) {
			t.Errorf("a profile without a public door: %v", err)
		}
		private.Theirs = key.NewDropSecret()
		if _, err := reach.ReadProfile(&private, p.Blob, reach.Source{Place: g.place()}, b.now); err != nil {
			t.Errorf("once they have answered: %v", err)
		}
		return
	}
	t.Error("no private profile", c.Public)
}

func TestTheSafe(t *testing.T) {
	b, g := up(t, 1)
	stored := func() int {
		name := key.SafeSigner(b.account.Self.Seed, g.place()).Public()
		n := 0
		for _, p := range requests[*wire.ProfilePut](b) {
			if p.Name == name && string(p.Blob) == string(b.safe.Blob) && name.Verify(key.ContextProfileClaim,
				wire.ProfileClaim(b.account.Self.Seed.Mailbox(g.node.Public()).Public(), p.Number), p.Claim) {
				n++
			}
		}
		return n
	}
	b.safe = &account.Safe{Blob: []byte("one"), Print: [32]byte{1}}
	g.disconnect()
	g.connect()
	if stored() != 1 {
		t.Fatal("it is not stored with the registration")
	}
	b.account.Register(g.home())
	if stored() != 1 {
		t.Error("twice at once")
	}
	b.answerAll()
	b.turn()
	b.safe = &account.Safe{Blob: []byte("two"), Print: [32]byte{2}}
	b.now = b.now.Add(59 * time.Minute)
	b.account.Sweep()
	if stored() != 0 {
		t.Error("again within an hour")
	}
	b.now = b.now.Add(time.Minute)
	b.account.Sweep()
	if stored() != 1 {
		t.Error("not after an hour")
	}
	b.answerAll()
	b.turn()
	b.start()
	b.now = b.now.Add(2 * time.Hour)
	g.connect()
	if stored() != 0 {
		t.Error("the same once more")
	}
}
