package places_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/storage"

	"zeroms/client"
	"zeroms/protocol/card"
	"zeroms/ui/model"
	"zeroms/ui/model/modeltest"
	"zeroms/ui/places"
	w "zeroms/ui/widget"
)

var wide = fyne.NewSize(860, 1200)

// says fails the test unless a text can be read.
func (d *desk) says(text string) {
	d.t.Helper()
	if !strings.Contains(flat(d.text()), flat(text)) {
		d.t.Errorf("%q is not to be read in %q", text, d.text())
	}
}

// flat is a text without its line breaks.
func flat(text string) string { return strings.Join(strings.Fields(text), " ") }

// gatewaysPage is the page of the gateways of a World.
func gatewaysPage(t *testing.T, world *modeltest.World, text string) (*desk, *places.Gateways) {
	t.Helper()
	d := newDesk(t, world, model.Look{}, wide)
	p := places.NewGateways(d.host, text)
	t.Cleanup(p.Close)
	d.show(p)
	return d, p
}

func hosts(t *testing.T, world *modeltest.World) (out []string) {
	t.Helper()
	all, err := world.Profile().Homes.Gateways(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range all {
		out = append(out, g.Host)
	}
	return out
}

func addressText(t *testing.T, host string) string {
	t.Helper()
	text, err := modeltest.AddressOf(host, 443).Text()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestGatewaysFollow(t *testing.T) {
	world := drawn(t, "")
	d, page := gatewaysPage(t, world, "")
	d.says("0.4 ms")
	d.says("1,204 taken into custody, none waiting")
	d.says("draining until 4 December")
	d.says("It does not answer. Next try in 8 s.")
	d.says("Nobody who writes to you can tell")
	world.Down(0, "The gateway has another key. [wrong-gateway-key]")
	d.says("not the one in its address")
	world.Up(0)
	if strings.Contains(d.text(), "not the one in its address") {
		t.Error("what is over is still said")
	}
	world.SetGateway(0, func(g *client.Gateway) { g.Taken, g.Held = 1205, 1 })
	d.says("1,205 taken into custody, 1 waiting")
	page.Close()
	world.SetGateway(0, func(g *client.Gateway) { g.Taken, g.Held = 9, 0 })
	d.says("1,205 taken into custody, 1 waiting")
}

func TestGatewayActions(t *testing.T) {
	world := modeltest.New(t, modeltest.Options{})
	d, _ := gatewaysPage(t, world, "")
	at := func(what string) string { return "gateway.gw.linwei.example." + what }
	if d.has(at("drain")) {
		t.Error("actions are shown before one asks")
	}
	d.tap("gateway.gw.linwei.example")
	d.says("for 8 days, at 16 gateways")
	d.tap(at("copy"))
	if a, err := card.ParseAddress(d.copied); err != nil || a.Host != "gw.linwei.example" || !a.Invite.IsZero() {
		t.Errorf("%v", err)
	}
	d.tap(at("drain"))
	d.says("draining until")
	d.tap(at("return"))
	if d.has(at("return")) || !d.has(at("drain")) {
		t.Error("it still drains")
	}
	d.tap(at("remove"))
	if got := hosts(t, world); slices.Contains(got, "gw.linwei.example:443") || d.has("gateway.gw.linwei.example") {
		t.Errorf("%v", got)
	}
	d.tap("gateway.home.mira.example.evidence")
	if len(d.saved) != 1 || !strings.Contains(string(d.saved["evidence-home.mira.example.zms"]), "evidence against") {
		t.Errorf("%v", d.saved)
	}
	world.Fail("RemoveGateway", errFails)
	d.tap("gateway.gw.example.org")
	d.tap("gateway.gw.example.org.remove")
	if len(d.failed) != 1 || !d.has("gateway.gw.example.org") {
		t.Errorf("%v", d.failed)
	}
}

func TestLastGatewayIsGuarded(t *testing.T) {
	world := modeltest.New(t, modeltest.Options{Empty: true})
	if _, err := world.Profile().Homes.AddGateway(t.Context(), modeltest.AddressOf("gw.linden.example", 443)); err != nil {
		t.Fatal(err)
	}
	d, _ := gatewaysPage(t, world, "")
	d.tap("gateway.gw.linden.example")
	if d.has("gateway.gw.linden.example.drain") {
		t.Error("the last one can't be drained")
	}
	d.tap("gateway.gw.linden.example.remove")
	if len(d.asked) != 1 || !strings.Contains(d.asked[0].Text, "only gateway") || !d.asked[0].Danger {
		t.Errorf("%+v", d.asked)
	}
	d.says("No gateway yet")
}

func TestAddGateway(t *testing.T) {
	picture, err := card.EncodePNG(addressText(t, "gw.linden.example"), 600)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "code.png")
	if err := os.WriteFile(file, picture, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, give := range map[string]func(*desk, *places.Gateways){
		"typed": func(d *desk, _ *places.Gateways) {
			d.tap("gateways.scan")
			d.write("gateways.address", addressText(t, "gw.linden.example"))
			d.tap("gateways.add")
		},
		"pasted": func(d *desk, _ *places.Gateways) {
			d.paste = addressText(t, "gw.linden.example")
			d.tap("gateways.scan")
			d.tap("gateways.paste")
		},
		"picture in the clipboard": func(d *desk, _ *places.Gateways) {
			d.image = picture
			d.tap("gateways.scan")
			d.tap("gateways.paste")
		},
		"picture": func(d *desk, _ *places.Gateways) {
			d.chosen = file
			d.tap("gateways.scan")
			d.tap("gateways.picture")
		},
		"dropped": func(_ *desk, p *places.Gateways) { p.Drop([]fyne.URI{storage.NewFileURI(file)}) },
	} {
		world := modeltest.New(t, modeltest.Options{})
		d, p := gatewaysPage(t, world, "")
		give(d, p)
		if got := hosts(t, world); !slices.Contains(got, "gw.linden.example:443") || !d.has("gateway.gw.linden.example") || d.has("gateways.address") {
			t.Errorf("%s: %v", name, got)
		}
	}
	d, _ := gatewaysPage(t, modeltest.New(t, modeltest.Options{}), addressText(t, "gw.opened.example"))
	d.tap("gateways.add")
	d.says("gw.opened.example")
}

func TestWrongAddress(t *testing.T) {
	world := modeltest.New(t, modeltest.Options{})
	d, _ := gatewaysPage(t, world, "")
	d.tap("gateways.scan")
	d.tap("gateways.paste")
	d.says("neither text nor a picture")
	text, err := modeltest.CardOf("Émile").Text()
	if err != nil {
		t.Fatal(err)
	}
	d.paste = text
	d.tap("gateways.paste")
	d.says("This is a contact card")
	d.write("gateways.address", "hello")
	if strings.Contains(d.text(), "contact card") {
		t.Error("what is over is still said")
	}
	d.tap("gateways.add")
	world.Fail("AddGateway", errFails)
	d.write("gateways.address", addressText(t, "gw.linden.example"))
	d.tap("gateways.add")
	d.says("it fails")
	d.tap("box.close")
	if d.has("gateways.address") || len(hosts(t, world)) != 3 {
		t.Errorf("%v", hosts(t, world))
	}
}

func TestInside(t *testing.T) {
	world := modeltest.New(t, modeltest.Options{})
	d, _ := gatewaysPage(t, world, "")
	d.tap("gateways.run")
	d.says("Anyone on your local network can reach it.")
	d.tap("inside.reach.0")
	d.says("Only this computer can reach it.")
	d.tap("inside.reach.1")
	d.tap("inside.start")
	d.says("It serves 1 person.")
	d.says("192.168.1.20:7443")
	d.tap("inside.invite")
	if len(d.sheets) != 1 {
		t.Fatal("no invitation is shown")
	}
	test := w.Find(d.sheets[0], "inside.invite.copy").(*w.Button)
	test.Press()
	if a, err := card.ParseAddress(d.copied); err != nil || a.Invite.IsZero() {
		t.Errorf("%v", err)
	}
	d.tap("inside.stop")
	if world.Profile().Inside.State().Running || d.has("inside.stop") {
		t.Error("it runs on")
	}
	world.Fail("Start", errFails)
	d.tap("gateways.run")
	d.tap("inside.start")
	if len(d.failed) != 1 || !d.has("inside.start") {
		t.Errorf("%v", d.failed)
	}
	world.SetInside(model.InsideState{Problem: "the port is taken"})
	d.tick()
	d.says("It does not run: the port is taken")
}

func TestFindMore(t *testing.T) {
	world := modeltest.New(t, modeltest.Options{})
	d, _ := gatewaysPage(t, world, "")
	world.Async.Hold = true
	d.tap("gateways.find")
	d.says("measuring the ones they know")
	world.Async.Release()
	d.says("relay.example.net")
	d.tap("find.use")
	d.tap("find.0")
	d.tap("find.1")
	d.tap("find.1")
	d.tap("find.use")
	if got := hosts(t, world); len(got) != 4 || got[3] != "relay.example.net:443" || !slices.Contains(d.notices, "1 gateway added.") {
		t.Errorf("%v, %q", got, d.notices)
	}
	world.Offers = nil
	d.tap("gateways.find")
	d.says("Search again")
	world.Fail("FindGateways", errFails)
	d.tap("find.again")
	d.says("it fails")
	d.tap("box.close")
	if !d.has("gateways.find") {
		t.Error("it can't be found again")
	}
}

// TestCardsFollowTheWidth: where the page gets narrow, a card's lines stand below each
// other, and beside each other again where there is room.
func TestCardsFollowTheWidth(t *testing.T) {
	d, _ := gatewaysPage(t, drawn(t, ""), "")
	height := func() float32 {
		for _, c := range w.Controls(d.window.Content()) {
			if c.ID == "gateway.gw.linwei.example" {
				return c.H
			}
		}
		t.Fatal("the gateway is not shown")
		return 0
	}
	wideHigh := height()
	for _, c := range []struct {
		width float32
		below bool
	}{{599, true}, {860, false}, {420, true}, {601, false}} {
		d.window.Resize(fyne.NewSize(c.width, 740))
		if below := height() < wideHigh; below != c.below { // the row has its title only
			t.Errorf("at %v the row is %v high, with room %v", c.width, height(), wideHigh)
		}
		d.says("1,204 taken into custody, none waiting")
		for _, cut := range w.Overflows(d.window.Content()) {
			t.Errorf("at %v: %s", c.width, cut)
		}
	}
}
