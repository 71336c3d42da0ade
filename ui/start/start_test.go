package start_test

import (
	"errors"
	"testing"

	"fyne.io/fyne/v2"

	"zeroms/client"
	"zeroms/ui/model"
	"zeroms/ui/model/modeltest"
	"zeroms/ui/start"
	"zeroms/ui/words"
)

func emptyWorld(t *testing.T, language string) *modeltest.World {
	world := modeltest.New(t, modeltest.Options{Empty: true, Language: language})
	world.Door = model.DoorEmpty
	world.Neighbours = []model.Neighbour{
		{Address: modeltest.AddressOf("192.168.1.30", 7443), Open: true, Took: 1200000},
		{Address: modeltest.AddressOf("192.168.1.31", 7443), Took: 3000000},
	}
	return world
}

// looks are the ways in which every page is drawn.
func looks() map[string]model.Look {
	return map[string]model.Look{
		"en-light": {Language: words.English, Scheme: model.SchemeLight}, "en-dark": {Language: words.English, Scheme: model.SchemeDark},
		"zh-light": {Language: words.Chinese, Scheme: model.SchemeLight}, "zh-dark": {Language: words.Chinese, Scheme: model.SchemeDark},
	}
}

func sizes() map[string]fyne.Size {
	return map[string]fyne.Size{"wide": fyne.NewSize(1180, 740), "narrow": fyne.NewSize(420, 740)}
}

func TestPagesFit(t *testing.T) {
	for style, look := range looks() {
		for width, size := range sizes() {
			world := emptyWorld(t, look.Language)
			d := newDesk(t, world, look, size)
			name := func(step string) string { return "start-" + step + "-" + width + "-" + style }
			d.show(start.NewWelcome(d.host, world.NewDoor(), "", func(*model.Profile) {}))
			d.shot(name("1name"))
			d.write("start.name", "Lin Wei")
			d.tap("start.protect")
			d.shot(name("2protect"))
			d.tap("start.protect")
			d.tap("start.create")
			d.shot(name("3gateway"))
			d.tick()
			d.shot(name("4near"))
			d.tap("start.near.0")
			world.SetGateway(0, func(g *gatewayOf) { g.Up, g.Problem = false, "x [invite]" })
			d.tick()
			d.shot(name("5refused"))
			world.SetGateway(0, func(g *gatewayOf) { g.Problem = "link: no connection" })
			d.tick()
			d.tap("start.goon")
			d.shot(name("6waiting"))
			world.Up(0)
			d.tick()
			d.shot(name("6card"))
			d.tap("start.words")
			d.shot(name("7words"))
			d.tap("start.words.written")
			d.shot(name("8quiz"))

			world = emptyWorld(t, look.Language)
			d.use(world, size)
			d.show(start.NewWelcome(d.host, world.NewDoor(), "", func(*model.Profile) {}))
			d.tap("start.have")
			d.shot(name("9restore"))
			d.fill("start.phrase", modeltest.Phrase())
			d.shot(name("9restored"))

			d.show(start.NewLock(d.host, func(_ string, then func(error)) { then(errWrong) }))
			d.write("lock.pass", "something")
			d.tap("lock.open")
			d.shot(name("lock"))
			d.show(start.NewProblem(d.host, errWrong, func() {}))
			d.shot(name("problem"))
		}
	}
}

type gatewayOf = client.Gateway

var errWrong = errors.New("this passphrase does not open it; try again")
