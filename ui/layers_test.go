package ui

import (
	"context"
	"errors"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"zeroms/ui/model"
	"zeroms/ui/model/modeltest"
	"zeroms/ui/page"
	"zeroms/ui/start"
)

// typeEscape types Esc as the driver does: into what has the focus, else into the window.
func (r *rig) typeEscape() {
	ev := &fyne.KeyEvent{Name: fyne.KeyEscape}
	if focused := r.window.Canvas().Focused(); focused != nil {
		focused.TypedKey(ev)
		return
	}
	r.window.Canvas().OnTypedKey()(ev)
}

// TestEscapeTakesWhatLiesOnTop: file boxes lie above the app's own sheets, these above
// the pages.
func TestEscapeTakesWhatLiesOnTop(t *testing.T) {
	r := newRig(t, modeltest.Options{}, model.Look{}).enterWorld()
	over := r.window.Canvas().Overlays()
	r.shell.open(page.Place{Kind: page.Settings})
	r.host.Files.SavePath("Save", "a.txt", func(string) { t.Error("a path was chosen") })
	r.tap("save.folder")
	r.host.Files.Open("Choose", []string{".png"}, func(string) { t.Error("a file was chosen") })
	for _, want := range []struct {
		boxes, sheets int
		at            page.Kind
	}{{2, 1, page.Settings}, {1, 1, page.Settings}, {0, 1, page.Settings}, {0, 0, page.Settings}, {0, 0, page.Nothing}} {
		if n := len(over.List()); n != want.boxes || len(r.layers.open) != want.sheets || r.shell.at.Kind != want.at {
			t.Fatalf("%d boxes of Fyne, %d sheets, page %d; want %+v", n, len(r.layers.open), r.shell.at.Kind, want)
		}
		r.typeEscape()
	}
}

// TestEscapeInFrontOfALock: what lies over the page that stands alone goes, and nothing more.
func TestEscapeInFrontOfALock(t *testing.T) {
	r := newRig(t, modeltest.Options{Passphrase: "secret"}, model.Look{}).enterWorld()
	r.lock()
	r.host.Files.Open("Choose", nil, func(string) {})
	r.typeEscape()
	if r.window.Canvas().Overlays().Top() != nil || !r.locked {
		t.Error("the box stays, or the lock goes")
	}
}

// occupied is a profile that another process has.
type occupied struct{ error }

func (occupied) Holder() (string, int)     { return "ZeroMS", 4711 }
func (occupied) Silent() bool              { return true }
func (occupied) End(context.Context) error { return nil }

// TestAProfileThatAnotherProcessHas: that is shown, and the window goes on when it is free.
func TestAProfileThatAnotherProcessHas(t *testing.T) {
	r := newRig(t, modeltest.Options{}, model.Look{})
	var look []func()
	r.host.Every = func(_ time.Duration, f func()) func() {
		look = append(look, f)
		return func() {}
	}
	r.world.Fail("State", occupied{errors.New("another process has it")})
	r.begin()
	page := r.alone
	if _, ok := page.(*start.Held); !ok {
		t.Fatalf("%T is shown", page)
	}
	look[0]()
	if r.alone != page {
		t.Error("the page is another one at each look")
	}
	r.world.Fail("State", errors.New("the disk is gone"))
	look[0]()
	if _, ok := r.alone.(*start.Problem); !ok {
		t.Errorf("%T is shown", r.alone)
	}
	r.world.Fail("State", occupied{errors.New("another process has it")})
	r.begin()
	r.world.Fail("State", nil)
	r.world.Door = model.DoorReady
	look[len(look)-1]()
	(<-r.feeds).Close()
	if r.shell == nil || r.alone != nil {
		t.Error("it is free, and the window waits on")
	}
}

// TestAProfileThatWasSetBack: its notice asks, and has it go on as a device of its own;
// what goes wrong is said.
func TestAProfileThatWasSetBack(t *testing.T) {
	r := newRig(t, modeltest.Options{}, model.Look{}).enterWorld()
	r.world.SetBack()
	r.tap("list.setback")
	r.tap("ask.no")
	if r.world.Calls("Rejoin") != 0 {
		t.Fatal("it was not asked")
	}
	r.world.Fail("Rejoin", errors.New("the disk is full"))
	r.tap("list.setback")
	r.tap("ask.yes")
	if _, ok := r.alone.(*start.Problem); !ok || r.shell != nil || r.host.Profile != nil {
		t.Fatalf("%T is shown", r.alone)
	}
	r.world.Fail("Rejoin", nil)
	r.tap("problem.again")
	(<-r.feeds).Close()
	r.tap("list.row.0")
	id := r.shell.at.Contact
	test.Type(r.window.Canvas().Focused(), "not sent yet")
	r.tap("list.setback")
	r.tap("ask.yes")
	(<-r.feeds).Close()
	if r.shell == nil || r.alone != nil || r.world.Calls("Rejoin") != 2 {
		t.Fatal("it does not go on")
	}
	if _, there := r.controls()["list.setback"]; there {
		t.Error("the notice stays")
	}
	if draft := r.world.Profile().Notes.Chats()[id].Draft; draft != "not sent yet" {
		t.Errorf("the draft is %q", draft)
	}
}
