package people_test

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"

	"zeroms/client"
	"zeroms/protocol/card"
	"zeroms/ui/model"
	"zeroms/ui/model/modeltest"
	"zeroms/ui/page"
	"zeroms/ui/people"
	"zeroms/ui/words"
)

// scene is a page in a state that it is looked at in.
type scene struct {
	name  string
	world modeltest.Options
	open  func(d *desk) page.Page
	then  func(d *desk)
}

// scenes are all pages in the states that they are looked at in.
var scenes = []scene{
	{name: "card", open: givenCard},
	{name: "card-homeless", world: modeltest.Options{Empty: true}, open: func(d *desk) page.Page { return people.NewCard(d.host) }},
	{name: "card-first", world: modeltest.Options{Empty: true}, open: firstCard},
	{name: "add", open: func(d *desk) page.Page { return people.NewAdd(d.host, "") }},
	{name: "add-person", open: func(d *desk) page.Page { return people.NewAdd(d.host, textOf(d.t, modeltest.CardOf("Wendelin"))) }},
	{name: "add-known", open: func(d *desk) page.Page { return people.NewAdd(d.host, textOf(d.t, modeltest.CardOf("Lin Wei"))) }},
	{name: "add-gateway", open: func(d *desk) page.Page { return people.NewAdd(d.host, gatewayText(d.t)) }},
	{name: "add-own", open: func(d *desk) page.Page { return people.NewAdd(d.host, own(d.t, d.world)) }},
	{name: "requests", open: func(d *desk) page.Page { return people.NewRequests(d.host) }},
	{name: "requests-empty", world: modeltest.Options{Empty: true}, open: func(d *desk) page.Page { return people.NewRequests(d.host) }},
	{name: "contact", open: func(d *desk) page.Page { return people.NewContact(d.host, d.world.ID("Lin Wei")) }},
	{name: "contact-problem", open: troubled},
	{name: "contact-mismatch", open: func(d *desk) page.Page { return people.NewContact(d.host, d.world.ID("Noor")) }, then: mismatch},
	{name: "contact-gone", open: func(d *desk) page.Page { return people.NewContact(d.host, 4711) }},
}

func givenCard(d *desk) page.Page {
	d.world.AddCard(nil)
	all, err := d.host.Profile.Cards.Cards(d.t.Context())
	if err != nil {
		d.t.Fatal(err)
	}
	for _, name := range []string{"Lin Wei", "Émile", "Борис"} {
		d.world.SetContact(d.world.ID(name), func(c *client.Contact) { c.Via = all[len(all)-1].ID })
	}
	return people.NewCard(d.host)
}

func firstCard(d *desk) page.Page {
	if _, err := d.host.Profile.Homes.AddGateway(d.t.Context(), modeltest.AddressOf("gw.example.org", 443)); err != nil {
		d.t.Fatal(err)
	}
	d.world.AddCard(func(c *client.Card) {
		k := modeltest.CardOf("Mira")
		k.User = d.world.User()
		k.Gateways = []card.Gateway{modeltest.AddressOf("192.168.1.30", 7443).Gateway()}
		c.Text = textOf(d.t, k)
	})
	return people.NewCard(d.host)
}

func troubled(d *desk) page.Page {
	id := d.world.ID("Борис")
	d.world.SetContact(id, func(c *client.Contact) {
		c.Problem, c.Answered, c.Alias, c.Name = "message: the device was frozen", false, "Boris from the workshop", "Boris from the workshop"
	})
	d.world.SetGap(client.Gap{Contact: id, From: 2, To: 4, State: 5})
	return people.NewContact(d.host, id)
}

func mismatch(d *desk) {
	d.clipPNG = safetyOf(d, "Lin Wei")
	d.tap("safety.paste")
}

// TestPagesFit draws every page in both languages, light and dark, wide and narrow, and
// looks for texts that do not fit.
func TestPagesFit(t *testing.T) {
	for _, l := range looks() {
		t.Run(l.name, func(t *testing.T) {
			app := newApp(t, l)
			for _, s := range scenes {
				for _, language := range []string{words.English, words.Chinese} {
					name := s.name + "-" + l.name + "-" + strings.ToLower(language[:2])
					t.Run(name, func(t *testing.T) { s.draw(t, app, l, language, name) })
				}
			}
		})
	}
}

func (s scene) draw(t *testing.T, app fyne.App, l look, language, name string) {
	options := s.world
	options.Language = language
	d := sitIn(t, app, modeltest.New(t, options), l)
	d.open(s.open(d), l)
	if s.then != nil {
		s.then(d)
	}
	d.fits()
	d.inside(l)
	d.quiet()
	d.shot(name)
}

func looks() []look {
	all := []look{wide, narrow}
	for _, l := range []look{wide, narrow} {
		l.name, l.scheme = l.name+"-dark", model.SchemeDark
		all = append(all, l)
	}
	large := narrow
	large.name, large.zoom = "large", 140
	huge := large
	huge.name, huge.zoom, huge.size = "huge", 150, fyne.NewSize(400, 740)
	return append(all, large, huge)
}
