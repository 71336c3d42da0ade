package people_test

import (
	"errors"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"zeroms/client"
	"zeroms/protocol/card"
	"zeroms/ui/model/modeltest"
	"zeroms/ui/page"
	"zeroms/ui/people"
	w "zeroms/ui/widget"
)

func TestCardHandsItOut(t *testing.T) {
	world := modeltest.New(t, modeltest.Options{})
	d := sit(t, world)
	d.open(givenCard(d), wide)
	say := world.Words.Say
	d.must(say("people.card.heading"))
	d.must("ZMS:")
	d.must(world.Words.Count("people.card.given", 3))
	d.must("Lin Wei, Émile, Борис")

	d.tap("card.copy")
	d.tap("card.text")
	if len(d.copied) != 2 || !strings.HasPrefix(d.copied[0], "zeroms:c/") || !strings.HasPrefix(d.copied[1], "ZMS:") {
		t.Fatalf("%d texts were copied", len(d.copied))
	}
	for _, text := range d.copied {
		if k, err := card.Parse(text); err != nil || k.User != world.User() {
			t.Errorf("what was copied is no card of the user: %v", err)
		}
	}
	if len(d.notices) != 2 || d.notices[0] != say("people.card.copied") {
		t.Errorf("told %q", d.notices)
	}
	d.tap("card.save")
	content := d.saved["ZeroMS Mira.png"]
	add := sit(t, world)
	add.clipPNG = content
	add.open(people.NewAdd(add.host, ""), wide)
	add.tap("add.paste")
	add.must(say("people.add.own"))
	d.quiet()
}

func TestCardShownBig(t *testing.T) {
	world := modeltest.New(t, modeltest.Options{})
	for _, l := range []look{wide, narrow} {
		d := sitIn(t, newApp(t, l), world, l)
		d.open(givenCard(d), l)
		over := d.window.Canvas()
		for name, end := range map[string]func(fyne.CanvasObject){
			"Escape": func(fyne.CanvasObject) { over.Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape}) },
			"a tap":  func(o fyne.CanvasObject) { test.Tap(o.(fyne.Tappable)) },
		} {
			d.tap("card.big")
			shown := over.Overlays().Top()
			if shown == nil || shown.Size() != over.Size() {
				t.Fatalf("the code does not take the whole window")
			}
			d.shot("card-big-" + l.name)
			if over.Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyA}); over.Overlays().Top() == nil {
				t.Error("closed by any key")
			}
			if end(shown); over.Overlays().Top() != nil {
				t.Errorf("not closed by %s", name)
			}
		}
	}
}

func TestCardClosedTakesTheCodeAway(t *testing.T) {
	world := modeltest.New(t, modeltest.Options{})
	d := sit(t, world)
	d.open(givenCard(d), wide)
	d.tap("card.big")
	if d.page.Close(); d.window.Canvas().Overlays().Top() != nil {
		t.Error("the code stays over the window when its page is gone")
	}
	d.page.Close()
}

func TestCardRevokeAndNew(t *testing.T) {
	world := modeltest.New(t, modeltest.Options{})
	d := sit(t, world)
	d.open(givenCard(d), wide)
	d.tap("card.revoke")
	if world.Calls("RevokeCard") != 0 || len(d.asked) != 1 || !d.asked[0].Danger || d.asked[0].Text != world.Words.Say("people.card.revokeText") {
		t.Fatalf("not asked before revoking: %+v", d.asked)
	}
	d.yes()
	if world.Calls("RevokeCard") != 1 {
		t.Error("not revoked")
	}
	d.must(world.Words.Say("people.card.givenNone"))
	d.must(world.Words.Say("people.card.revoked"))
	d.tap("card.new")
	if d.yes(); world.Calls("NewCard") != 1 {
		t.Errorf("%d cards were made", world.Calls("NewCard"))
	}
	d.tap("card.public.copy")
	if k, err := card.Parse(d.copied[0]); err != nil || k.User != world.User() {
		t.Errorf("the public card: %v", err)
	}
	d.tap("card.public.revoke")
	if d.asked[0].Text != world.Words.Say("people.card.revokePublicText") {
		t.Errorf("asked %q", d.asked[0].Text)
	}
	d.yes()
	d.tap("card.public.make")
	if world.Calls("PublicCard") != 1 || !d.has("card.public.save") {
		t.Error("no public card was made")
	}
	before := world.Calls("RevokeCard")
	d.window.Resize(fyne.NewSize(860, 2400))
	d.tap("card.other.2.revoke")
	if d.yes(); world.Calls("RevokeCard") != before+1 {
		t.Error("another card was not revoked")
	}
	d.quiet()
	world.Fail("RevokeCard", errors.New("the disk is full"))
	d.tap("card.revoke")
	if d.yes(); len(d.failures) != 1 {
		t.Errorf("failures: %v", d.failures)
	}
}

func TestCardWithoutAGateway(t *testing.T) {
	world := modeltest.New(t, modeltest.Options{Empty: true})
	d := sit(t, world)
	d.open(people.NewCard(d.host), wide)
	d.must(world.Words.Say("people.card.homeless"))
	d.tap("card.gateway")
	if d.last().Kind != page.Gateways {
		t.Errorf("opened %+v", d.last())
	}
	if _, err := d.host.Profile.Homes.AddGateway(t.Context(), modeltest.AddressOf("gw.example.org", 443)); err != nil {
		t.Fatal(err)
	}
	if !d.has("card.copy") {
		t.Error("no card once there is a gateway")
	}
	d.quiet()
}

func TestCardOfALocalGateway(t *testing.T) {
	world := modeltest.New(t, modeltest.Options{Empty: true})
	d := sit(t, world)
	d.open(firstCard(d), wide)
	d.must(world.Words.Say("people.card.network"))
	d.tap("card.gateways")
	if d.last().Kind != page.Gateways {
		t.Errorf("opened %+v", d.last())
	}
}

func TestCardHeader(t *testing.T) {
	world := modeltest.New(t, modeltest.Options{})
	d := sit(t, world)
	d.open(givenCard(d), wide)
	if d.has("back") || d.has("header") {
		t.Error("a wide window shows a way back")
	}
	d.page.Narrow(true)
	d.tap("back")
	if d.backs != 1 {
		t.Errorf("went back %d times", d.backs)
	}
}

func TestCardIsNoSecretOnTheScreen(t *testing.T) {
	world := modeltest.New(t, modeltest.Options{})
	d := sit(t, world)
	d.open(givenCard(d), wide)
	d.tap("card.text")
	code := strings.TrimPrefix(d.copied[0], "ZMS:")
	shown := strings.Join(w.Texts(d.root()), " ")
	for i := 12; i+16 < len(code); i += 16 {
		if strings.Contains(strings.ReplaceAll(shown, " ", ""), code[i:i+16]) {
			t.Fatal("a secret part of the code stands on the screen as text")
		}
	}
	world.SetContact(world.ID("Noor"), func(c *client.Contact) { c.Name = "Nora" }) // drawn anew without a fault
	d.quiet()
}
