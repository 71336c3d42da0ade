package start_test

import (
	"errors"
	"testing"

	"zeroms/ui/model"
	"zeroms/ui/model/modeltest"
	"zeroms/ui/start"
	"zeroms/ui/words"
)

// restored is a first minute in which the words alone came back.
func restored(t *testing.T, name string) *welcome {
	t.Helper()
	m := newWelcome(t, emptyWorld(t, words.English), "")
	m.tap("start.have")
	m.fill("start.phrase", modeltest.Phrase())
	m.fill("start.restore.name", name)
	m.tap("start.restore")
	return m
}

// TestRestoredWithoutAName: it is asked for, and told to the profile.
func TestRestoredWithoutAName(t *testing.T) {
	m := restored(t, " ")
	m.says("What is your name?")
	m.tap("start.named.do")
	m.says("A name is needed.")
	m.write("start.named", "Lin\u202eWei")
	m.tap("start.named.do")
	m.says("can't be shown")
	m.write("start.named", " Lin Wei ")
	m.world.Fail("SetName", errors.New("the disk is full"))
	m.tap("start.named.do")
	m.says("the disk is full")
	m.world.Fail("SetName", nil)
	m.page.Restyle()
	m.tap("start.named.do")
	m.says("Choose a gateway")
	if m.world.Name() != "Lin Wei" {
		t.Errorf("the name is %q", m.world.Name())
	}
}

// TestRestoredWithAName: who gave one, or had one saved, is not asked.
func TestRestoredWithAName(t *testing.T) {
	m := restored(t, "Lin Wei")
	m.says("Choose a gateway")
	if m.world.Name() != "Lin Wei" {
		t.Errorf("the name is %q", m.world.Name())
	}
}

func TestNamedFits(t *testing.T) {
	for style, look := range looks() {
		for width, size := range sizes() {
			world := emptyWorld(t, look.Language)
			d := newDesk(t, world, look, size)
			d.show(start.NewWelcome(d.host, world.NewDoor(), "", func(*model.Profile) {}))
			d.tap("start.have")
			d.fill("start.phrase", modeltest.Phrase())
			d.tap("start.restore")
			d.shot("start-named-" + width + "-" + style)
		}
	}
}

func TestRejoiningFits(t *testing.T) {
	for style, look := range looks() {
		for width, size := range sizes() {
			d := newDesk(t, emptyWorld(t, look.Language), look, size)
			d.show(start.NewRejoining(d.host))
			d.shot("start-rejoining-" + width + "-" + style)
		}
	}
}
