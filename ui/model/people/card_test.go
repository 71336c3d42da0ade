package people_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"zeroms/client"
	"zeroms/protocol/card"
	"zeroms/ui/model"
	"zeroms/ui/model/modeltest"
	"zeroms/ui/model/people"
)

func cardIn(t *testing.T, w *modeltest.World) (*people.Card, *screen) {
	t.Helper()
	s := &screen{}
	c := people.NewCard(w.Deps(), s.view())
	t.Cleanup(c.Close)
	c.Load()
	return c, s
}

func TestCardShowsTheNewestOne(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	c, s := cardIn(t, w)
	s.quiet(t)
	if !c.Ready || c.Homeless || c.Own == nil || c.Public == nil || len(c.Others) != 2 {
		t.Fatalf("own %v, public %v, %d others", c.Own, c.Public, len(c.Others))
	}
	if want := w.Now().Add(-48 * time.Hour); !c.Own.Created.Equal(want) || c.Own.Public {
		t.Errorf("the card shown is of %v", c.Own.Created)
	}
	parsed, err := card.Parse(c.Own.Text)
	if err != nil || parsed.User != w.User() {
		t.Fatalf("its text is another one's: %v", err)
	}
	if again, err := card.Parse(c.Own.Link); err != nil || again.User != w.User() || !strings.HasPrefix(c.Own.Link, "zeroms:c/ZMS:") {
		t.Errorf("the link leads elsewhere: %v", err)
	}
	if c.Own.Short != "ZMS:"+parsedGroups(c.Own.Text)+" …" {
		t.Errorf("the beginning of the code is %q", c.Own.Short)
	}
	if revoked := c.Others[0]; !revoked.Revoked || !revoked.Over || revoked.Works || revoked.Text != "" {
		t.Errorf("the newest other card is %v", revoked.Created)
	}
	if old := c.Others[1]; !old.Works || old.Over || old.Text == "" {
		t.Errorf("the oldest card works no more")
	}
}

func parsedGroups(text string) string {
	code := strings.TrimPrefix(text, "ZMS:")
	return code[:4] + " " + code[4:8] + " " + code[8:12]
}

func TestCardTellsToWhomItWasGiven(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	c, _ := cardIn(t, w)
	for _, name := range []string{"Lin Wei", "Émile"} {
		w.SetContact(w.ID(name), func(p *client.Contact) { p.Via = c.Own.ID })
	}
	w.SetContact(w.ID("Noor"), func(p *client.Contact) { p.Via, p.Name = c.Own.ID, "No\u202eor" })
	if !slices.Equal(c.Own.To, []string{"Lin Wei", "Émile", "Noor"}) {
		t.Errorf("given to %q", c.Own.To)
	}
	if len(c.Others[1].To) != 0 {
		t.Errorf("the older card counts people who only asked: %q", c.Others[1].To)
	}
}

func TestCardKinds(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{Empty: true})
	w.Profile().Homes.AddGateway(t.Context(), modeltest.AddressOf("gw.example.org", 443))
	hour := time.Hour
	w.AddCard(func(c *client.Card) { c.Created, c.Expires = w.Now().Add(-5*hour), w.Now().Add(-hour) })
	w.AddCard(func(c *client.Card) { c.Created, c.Former, c.Ends = w.Now().Add(-6*hour), true, w.Now().Add(hour) })
	w.AddCard(func(c *client.Card) { c.Created, c.Former = w.Now().Add(-7*hour), true })
	w.AddCard(func(c *client.Card) {
		c.Created, c.Public, c.Revoked, c.Text = w.Now().Add(-8*hour), true, true, ""
	})
	c, _ := cardIn(t, w)
	if c.Own == nil || w.Calls("NewCard") != 1 || c.Public != nil {
		t.Fatalf("%d cards made, public %v", w.Calls("NewCard"), c.Public)
	}
	for i, want := range []people.Handed{
		{Over: true, Expires: w.Now().Add(-hour)}, {Former: true, Expires: w.Now().Add(hour)}, {Former: true, Over: true}, {Public: true, Revoked: true, Over: true},
	} {
		got := c.Others[i]
		if got.Over != want.Over || got.Former != want.Former || got.Revoked != want.Revoked || got.Public != want.Public || !got.Expires.Equal(want.Expires) || got.Works {
			t.Errorf("card %d: over %v, former %v, revoked %v, public %v, expires %v, works %v", i, got.Over, got.Former, got.Revoked, got.Public, got.Expires, got.Works)
		}
		if got.Over && got.Text != "" {
			t.Errorf("card %d works no more and can be handed out", i)
		}
	}
}

func TestCardWithoutAGateway(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{Empty: true})
	c, s := cardIn(t, w)
	s.quiet(t)
	if !c.Homeless || c.Own != nil || w.Calls("NewCard") != 0 {
		t.Fatalf("homeless %v, %d cards made", c.Homeless, w.Calls("NewCard"))
	}
	if _, err := w.Profile().Homes.AddGateway(t.Context(), modeltest.AddressOf("gw.example.org", 443)); err != nil {
		t.Fatal(err)
	}
	if c.Homeless || c.Own == nil || c.File != "ZeroMS Mira" {
		t.Errorf("with a gateway there is no card; %q", c.File)
	}
}

func TestCardChanges(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	c, s := cardIn(t, w)
	first := c.Own.ID
	c.New()
	if c.Own.ID == first || len(c.Others) != 3 || !c.Others[0].Works {
		t.Errorf("a new card: %d others", len(c.Others))
	}
	c.Revoke(c.Own.ID)
	if c.Own == nil || c.Own.ID != first || !c.Others[0].Revoked {
		t.Error("the revoked card is still shown")
	}
	c.Revoke(c.Public.ID)
	if c.Public != nil {
		t.Error("the public card is still there")
	}
	c.MakePublic()
	if c.Public == nil || !c.Public.Works || !c.Public.Public {
		t.Error("no public card was made")
	}
	s.quiet(t)
	gone := errors.New("the disk is full")
	w.Fail("RevokeCard", gone)
	if c.Revoke(first); c.Working || len(s.failed) != 1 || !errors.Is(s.failed[0], gone) || c.Own.ID != first {
		t.Errorf("a failed revocation: %v", s.failed)
	}
}

func TestCardAsksOnceAtATime(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	c, _ := cardIn(t, w)
	w.Async.Hold = true
	c.New()
	c.New()
	if !c.Working {
		t.Error("not shown that a card is being made")
	}
	if w.Async.Release(); w.Calls("NewCard") != 1 {
		t.Errorf("%d cards were made", w.Calls("NewCard"))
	}
}

func TestCardPicture(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	c, s := cardIn(t, w)
	var picture []byte
	c.Draw(c.Own.Text, func(png []byte) { picture = png })
	s.quiet(t)
	if a, _ := addIn(t, w); picture == nil {
		t.Fatal("no picture")
	} else if a.Picture(picture); a.Trouble != w.Words.Say("people.add.own") {
		t.Errorf("the picture of one's card is read as %q", a.Trouble)
	}
}

func TestCardReach(t *testing.T) {
	for _, c := range []struct {
		hosts []string
		want  people.Reach
	}{
		{[]string{"gw.example.org"}, people.Everywhere},
		{[]string{"127.0.0.1"}, people.OwnComputer},
		{[]string{"127.0.0.1", "192.168.1.4"}, people.OwnNetwork},
		{[]string{"[fe80::1]"}, people.OwnNetwork},
		{[]string{"box.local", "127.0.0.1"}, people.OwnNetwork},
		{[]string{"192.168.1.4", "gw.example.org"}, people.Everywhere},
		{[]string{"gw.example.org", "127.0.0.1"}, people.Everywhere},
		{[]string{"8.8.8.8"}, people.Everywhere},
		{nil, people.Everywhere},
	} {
		w := modeltest.New(t, modeltest.Options{Empty: true})
		w.Profile().Homes.AddGateway(t.Context(), modeltest.AddressOf("gw.example.org", 443))
		w.AddCard(func(k *client.Card) {
			shown := modeltest.CardOf("Mira")
			shown.User, shown.Gateways = w.User(), nil
			for _, host := range c.hosts {
				shown.Gateways = append(shown.Gateways, modeltest.AddressOf(host, 443).Gateway())
			}
			k.Text = textOf(t, shown)
		})
		page, _ := cardIn(t, w)
		if page.Own.Reach != c.want {
			t.Errorf("%v: reach %d, want %d", c.hosts, page.Own.Reach, c.want)
		}
		if c.hosts == nil && !strings.HasPrefix(page.Own.Link, "zeroms:c/ZMS:") {
			t.Errorf("the link of a card without gateways is %q", page.Own.Link[:10])
		}
	}
}

func TestCardIsThereAgainAfterOneWasRevoked(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{Empty: true})
	if _, err := w.Profile().Homes.AddGateway(t.Context(), modeltest.AddressOf("gw.example.org", 443)); err != nil {
		t.Fatal(err)
	}
	c, s := cardIn(t, w)
	for range 3 { // revoked by somebody else: another one is made each time
		if err := w.Profile().Cards.RevokeCard(t.Context(), c.Own.ID); err != nil {
			t.Fatal(err)
		}
		if c.Load(); c.Own == nil {
			t.Fatal("no card after one was revoked")
		}
	}
	if n := w.Calls("NewCard"); n != 4 {
		t.Errorf("%d cards were made", n)
	}
	s.quiet(t)
}

// deadCards makes cards that do not work.
type deadCards struct {
	cards
	made int
}

type cards interface{ model.Cards }

func (d *deadCards) NewCard(context.Context) (client.Card, error) {
	d.made++
	return client.Card{}, nil
}

func TestCardIsNotMadeWithoutEnd(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{Empty: true})
	if _, err := w.Profile().Homes.AddGateway(t.Context(), modeltest.AddressOf("gw.example.org", 443)); err != nil {
		t.Fatal(err)
	}
	deps, dead, s := w.Deps(), &deadCards{cards: w.Profile().Cards}, &screen{}
	deps.Profile.Cards = dead
	c := people.NewCard(deps, s.view())
	defer c.Close()
	for range 3 {
		c.Load()
	}
	if dead.made != 1 || c.Own != nil {
		t.Errorf("%d cards were made", dead.made)
	}
}
