package places_test

import (
	"errors"
	"testing"
	"time"

	"fyne.io/fyne/v2"

	"zeroms/client"
	"zeroms/ui/model"
	"zeroms/ui/model/modeltest"
	"zeroms/ui/places"
	"zeroms/ui/words"
)

var errFails = errors.New("it fails")

// looks are the ways in which every page is drawn.
func looks() map[string]model.Look {
	return map[string]model.Look{
		"en-light": {Language: words.English, Scheme: model.SchemeLight}, "en-dark": {Language: words.English, Scheme: model.SchemeDark},
		"zh-light": {Language: words.Chinese, Scheme: model.SchemeLight}, "zh-dark": {Language: words.Chinese, Scheme: model.SchemeDark},
	}
}

func sizes() map[string]fyne.Size {
	return map[string]fyne.Size{"wide": fyne.NewSize(860, 740), "narrow": fyne.NewSize(420, 740)}
}

// drawn is a World with the gateways of the drawing.
func drawn(t *testing.T, language string) *modeltest.World {
	world := modeltest.New(t, modeltest.Options{Language: language})
	world.SetGateway(0, func(g *client.Gateway) { g.Taken, g.Held = 1204, 0 })
	world.SetGateway(1, func(g *client.Gateway) {
		g.Draining, g.Ends, g.Seen.Custody = modeltest.Noon(), time.Date(2026, 12, 4, 9, 0, 0, 0, time.UTC), 41*time.Millisecond
	})
	return world
}

func TestPagesFit(t *testing.T) {
	for style, look := range looks() {
		for width, size := range sizes() {
			name := func(step string) string { return "places-" + step + "-" + width + "-" + style }
			world := drawn(t, look.Language)
			d := newDesk(t, world, look, size)
			d.show(places.NewGateways(d.host, ""))
			d.shot(name("1gateways"))
			d.tap("gateway.gw.linwei.example")
			d.shot(name("2open"))
			d.tap("gateway.gw.linwei.example")
			d.tap("gateways.scan")
			d.tap("gateways.run")
			d.shot(name("3add"))
			d.tap("inside.start")
			d.shot(name("4inside"))

			world = modeltest.New(t, modeltest.Options{Language: look.Language, Empty: true})
			d.use(world, size)
			d.show(places.NewGateways(d.host, ""))
			d.shot(name("5empty"))

			world = drawn(t, look.Language)
			d.use(world, fyne.NewSize(size.Width, 1400))
			d.show(places.NewGateways(d.host, ""))
			d.tap("gateways.find")
			d.tap("find.0")
			d.shot(name("6find"))

			for locked, pass := range map[string]string{"open": "", "locked": "a long passphrase"} {
				world := modeltest.New(t, modeltest.Options{Language: look.Language, Passphrase: pass})
				d.use(world, fyne.NewSize(size.Width, 3200))
				d.show(places.NewSettings(d.host, ""))
				if pass == "" {
					d.tap("settings.words")
					d.tap("settings.diag")
					d.tap("settings.archive")
				} else {
					d.tap("settings.archive.key.1")
				}
				d.shot(name("7settings-" + locked))
			}
		}
	}
}
