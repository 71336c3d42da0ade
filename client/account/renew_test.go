package account_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"zeroms/client/account"
	"zeroms/client/home"
	"zeroms/client/profile"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// kept is what a gateway holds for the user after all it was asked for.
type kept struct {
	t        *testing.T
	profiles map[key.ProfilePublic][]byte
	doors    map[key.DropID]bool
}

func newKept(t *testing.T) *kept {
	return &kept{t, map[key.ProfilePublic][]byte{}, map[key.DropID]bool{}}
}

// take answers every request with OK, as a gateway that does what it is asked for.
func (k *kept) take(b *bench) {
	k.t.Helper()
	for len(b.asks) > 0 {
		r := b.asks[0]
		b.asks = b.asks[1:]
		k.do(r.Payload)
		r.done(home.Answered{Payload: &wire.OK{}})
	}
	b.turn()
}

func (k *kept) do(p wire.Payload) {
	object := func(o wire.Object) (out wire.DropObject) {
		if err := wire.Unmarshal(o.Body, &out, wire.MaxObject); err != nil {
			k.t.Fatal(err)
		}
		return out
	}
	switch p := p.(type) {
	case *wire.ProfilePut:
		if k.profiles[p.Name] = p.Blob; len(p.Blob) == 0 {
			delete(k.profiles, p.Name)
		}
	case *wire.DoorPut:
		k.doors[object(p.Object).Drop] = true
	case *wire.DropDelete:
		delete(k.doors, object(p.Object).Drop)
	}
}

// finds reports what whoever has a card finds at the gateway: the profile, and the
// door that the card opens.
func (k *kept) finds(g *gate, text string) (profile, door bool) {
	k.t.Helper()
	c, err := card.Parse(text)
	if err != nil {
		k.t.Fatal(err)
	}
	name, err := key.ProfileName(c.User, c.Address, g.place())
	if err != nil {
		k.t.Fatal(err)
	}
	return len(k.profiles[name]) > 0, k.doors[key.DoorOf(name, c.Door.DoorKey(g.node.Public()))]
}

func (k *kept) shows(g *gate, text, when string, want bool) {
	k.t.Helper()
	if profile, door := k.finds(g, text); profile != want || door != want {
		k.t.Errorf("%s: the profile is there: %v, the door: %v; both should be %v", when, profile, door, want)
	}
}

// text is the code of the newest card.
func (b *bench) text() string {
	b.t.Helper()
	text, err := b.account.CardText(b.account.NewestCard(), true)
	if err != nil || text == "" {
		b.t.Fatalf("card %q: %v", text, err)
	}
	return text
}

// again loads the profile anew and connects the gateway.
func (b *bench) again(g *gate) {
	b.start()
	g.connect()
}

func renewable(t *testing.T) (*bench, *gate, *kept) {
	b := newBench(t)
	k := newKept(t)
	g := b.gate()
	g.connect()
	k.take(b)
	return b, g, k
}

func TestARenewedAddressWorksBesideTheOneBefore(t *testing.T) {
	b, g, k := renewable(t)
	old := b.text()
	k.shows(g, old, "at first", true)
	stopping := b.account.Stopping()
	b.now = b.now.Add(day)
	made, err := b.account.Renew()
	if err != nil || len(stopping) != 1 {
		t.Fatalf("%d cards stop: %v", len(stopping), err)
	}
	b.turn()
	b.again(g) // as after a crash before anything was asked for
	fresh := b.text()
	if fresh == old || b.account.NewestCard().ID != made.ID {
		t.Fatal("the newest card shows the old address")
	}
	k.take(b)
	k.shows(g, old, "in the overlap", true)
	k.shows(g, fresh, "in the overlap", true)
	if n := len(b.account.Secrets()); n != 2 || len(k.profiles) != 2 {
		t.Errorf("%d secrets, %d profiles", n, len(k.profiles))
	}
	if shown, err := b.account.Describe(b.account.Stopping()[0]); err != nil || !shown.Former || !shown.Ends.Equal(b.now.Add(37*day)) || shown.Text != old {
		t.Errorf("the card that stops: %+v, %v", shown, err)
	}

	// Both profiles follow what changes.
	before := map[key.ProfilePublic]string{}
	for name, blob := range k.profiles {
		before[name] = string(blob)
	}
	b.now = b.now.Add(8 * day)
	b.account.Sweep()
	k.take(b)
	for name, blob := range k.profiles {
		if before[name] == string(blob) {
			t.Error("a profile was not renewed")
		}
	}

	b.account.EndOverlap()
	b.turn()
	b.again(g)
	k.take(b)
	k.shows(g, old, "afterwards", false)
	k.shows(g, fresh, "afterwards", true)
	if len(k.profiles) != 1 || len(k.doors) != 1 || len(b.account.Secrets()) != 1 || !b.account.Ends().IsZero() {
		t.Errorf("%d profiles, %d doors, %d secrets are left", len(k.profiles), len(k.doors), len(b.account.Secrets()))
	}
	b.again(g)
	if len(b.asks) != 0 {
		t.Errorf("asked again for %+v", b.asks)
	}
	if all := b.account.Cards(); len(all) != 2 || !all[0].Revoked || all[1].Revoked || b.account.Shows(all[0]) {
		t.Errorf("cards %+v", all)
	}
}

func TestAnAddressIsRenewedOnceAtATime(t *testing.T) {
	b, g, k := renewable(t)
	if _, err := b.account.Renew(); err != nil {
		t.Fatal(err)
	}
	b.turn()
	secret := b.account.Self.Address
	b.again(g)
	_, err := b.account.Renew()
	if !errors.Is(err, account.ErrOverlap) || !strings.Contains(err.Error(), b.now.Add(37*day).UTC().Format("2006-01-02")) {
		t.Fatalf("a second one: %v", err)
	}
	if !b.account.Self.Address.Equal(secret.Bytes()) {
		t.Fatal("it changed all the same")
	}
	b.account.EndOverlap()
	if _, err := b.account.Renew(); err != nil {
		t.Fatal(err)
	}
	k.take(b)
	if len(k.profiles) != 2 {
		t.Errorf("%d profiles", len(k.profiles))
	}
}

func TestAGatewayThatWasAwayForgetsTheFormerAddress(t *testing.T) {
	b, g, k := renewable(t)
	old := b.text()
	g.disconnect()
	if _, err := b.account.Renew(); err != nil {
		t.Fatal(err)
	}
	b.account.EndOverlap()
	b.turn()
	b.start()
	if _, err := b.account.Renew(); err != nil { // and once more, while it is still away
		t.Fatal(err)
	}
	b.account.EndOverlap()
	b.turn()
	if len(b.asks) != 0 {
		t.Fatalf("asked for %+v of a gateway that is away", b.asks)
	}
	b.again(g)
	k.take(b)
	k.shows(g, old, "afterwards", false)
	k.shows(g, b.text(), "afterwards", true)
	if len(k.profiles) != 1 || len(k.doors) != 1 || len(g.home().Old) != 0 {
		t.Errorf("%d profiles and %d doors are left, %d are remembered", len(k.profiles), len(k.doors), len(g.home().Old))
	}
}

func TestAProfileOnItsWayWhenTheAddressChanges(t *testing.T) {
	b := newBench(t)
	k := newKept(t)
	g := b.gate()
	g.connect() // everything is asked for and nothing answered
	old := b.text()
	if _, err := b.account.Renew(); err != nil {
		t.Fatal(err)
	}
	k.take(b)
	k.shows(g, old, "in the overlap", true)
	k.shows(g, b.text(), "in the overlap", true)

	// The same with its end.
	b.now = b.now.Add(8 * day)
	b.account.Sweep()
	b.account.EndOverlap()
	k.take(b)
	k.shows(g, old, "afterwards", false)
	k.shows(g, b.text(), "afterwards", true)
}

func TestAGatewayThatWasLeftIsCleanedWhenItComesBack(t *testing.T) {
	b, g, k := renewable(t)
	other := b.gate()
	other.connect()
	k.take(b)
	old := b.text()
	if err := b.account.RemoveHome(g.node.Public()); err != nil {
		t.Fatal(err)
	}
	if _, err := b.account.Renew(); err != nil {
		t.Fatal(err)
	}
	b.account.EndOverlap()
	k.take(b)
	b.start()
	if _, err := b.account.AddHome(g.address()); err != nil {
		t.Fatal(err)
	}
	g.connect()
	other.connect()
	k.take(b)
	if there, _ := k.finds(g, old); there {
		t.Error("it still shows the profile of the time before")
	}
	k.shows(g, b.text(), "of now", true)
}

func TestThePublicCardOutlivesARenewal(t *testing.T) {
	b, g, k := renewable(t)
	_, text := public(b, 0)
	k.take(b)
	if _, err := b.account.Renew(); err != nil {
		t.Fatal(err)
	}
	b.account.EndOverlap()
	k.take(b)
	c, _ := card.Parse(text)
	name, _ := key.ProfileName(c.User, c.Address, g.place())
	if len(k.profiles[name]) == 0 || b.account.PublicCard() == nil {
		t.Error("the public card's profile is gone")
	}
}

func TestTheAddressOfANamedGatewayIsKnownAfterAStart(t *testing.T) {
	b := newBench(t)
	g := b.gate()
	if len(b.account.Located()) != 0 {
		t.Fatal("the address of a name is known before anybody looked")
	}
	at := netip.MustParseAddr("203.0.113.7")
	b.account.Connected(home.Connected{Gateway: g.node.Public(), Welcome: g.welcome(), Limits: g.limits, Addr: at})
	b.turn()
	b.start()
	if got := b.account.Located(); len(got) != 1 || got[0].Host != at.String() {
		t.Fatalf("after a start the gateway is at %+v", got)
	}
	moved := g.address()
	moved.Host = "elsewhere.example"
	if _, err := b.account.AddHome(moved); err != nil {
		t.Fatal(err)
	}
	if len(b.account.Located()) != 0 {
		t.Error("a new name has the address of the old one")
	}
	b.turn()
	b.start()
	if len(b.account.Located()) != 0 {
		t.Error("it has it again after a start")
	}
}

// The address of a home is shown as it is now, and without what lets others in.
func TestAHomesAddressIsShownWithoutItsInvitation(t *testing.T) {
	b := newBench(t)
	g := b.gate()
	check := func(want card.Address) {
		t.Helper()
		text, err := want.Text()
		if err != nil {
			t.Fatal(err)
		}
		if got := g.home().Describe().Address; got != text {
			t.Errorf("shown is %s, not %s", got, text)
		}
	}
	check(g.address())
	moved := g.address()
	moved.Host, moved.Invite = "elsewhere.example", key.NewInvite()
	if _, err := b.account.AddHome(moved); err != nil {
		t.Fatal(err)
	}
	moved.Invite = key.Invite{}
	check(moved)
	b.turn()
	b.start()
	check(moved)
}

func TestTheDropOfARemovedContactIsDeletedEverywhere(t *testing.T) {
	b, g, _ := renewable(t)
	away := b.gate()
	away.connect()
	b.answerAll()
	c := profile.NewContact(key.NewSeed().Identity().Public(), b.now)
	c.State = profile.Accepted
	b.account.RegisterDrop(&c, func() {})
	b.answerAll()
	if len(c.Registered) != 2 {
		t.Fatalf("registered at %d", len(c.Registered))
	}
	away.disconnect()
	c.Remove(false)
	b.account.RegisterDrop(&c, func() {})
	b.answerAll()
	if len(c.Registered) != 1 || c.Registered[g.node.Public()] {
		t.Fatalf("still registered at %v", c.Registered)
	}
	away.connect()
	b.account.RegisterDrop(&c, func() {})
	if n := len(requests[*wire.DropDelete](b)); n != 1 {
		t.Fatalf("%d deletions", n)
	}
	b.answerAll()
	if len(c.Registered) != 0 {
		t.Error("it still stands somewhere")
	}

	// One who comes back has another drop: what was on its way for the old one changes nothing.
	c.State = profile.Accepted
	b.account.RegisterDrop(&c, func() {})
	late := b.asks
	b.asks = nil
	c.Mine = key.NewDropSecret()
	for _, r := range late {
		r.done(home.Answered{Payload: &wire.OK{}})
	}
	if len(c.Registered) != 0 {
		t.Error("the old drop counts as the new one")
	}
}
