package ui

import (
	"errors"
	"fmt"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/test"

	"zeroms/ui/inspect"
	"zeroms/ui/model"
	"zeroms/ui/model/modeltest"
	"zeroms/ui/page"
	"zeroms/ui/start"
	w "zeroms/ui/widget"
)

// beyond are the objects that end beyond a width, without those around them.
func beyond(o fyne.CanvasObject, x, width float32) (found []string) {
	if o == nil || !o.Visible() || o.Size().Height < 1 {
		return nil
	}
	if _, sideways := o.(*container.Scroll); sideways && o.(*container.Scroll).Direction != container.ScrollVerticalOnly {
		return nil // a field: its text scrolls
	}
	for _, child := range inspect.Children(o) {
		found = append(found, beyond(child, x+child.Position().X, width)...)
	}
	if end := x + o.Size().Width; len(found) == 0 && end > width+1 {
		found = append(found, fmt.Sprintf("%T ends at %v: %q", o, end, w.Texts(o)))
	}
	return found
}

// covered are the controls that lie over each other in the header of a page.
func covered(controls map[string]w.Control, ids ...string) (found []string) {
	back := controls["back"]
	for _, id := range ids {
		c, there := controls[id]
		if there && c.X < back.X+back.W && back.X < c.X+c.W && c.Y < back.Y+back.H && back.Y < c.Y+c.H {
			found = append(found, id+" lies over the way back")
		}
	}
	return found
}

// TestLargeTextsInANarrowWindow: at 200 % a window of 420 pixels has as much room as one of
// 210, and yet nothing is cut off.
func TestLargeTextsInANarrowWindow(t *testing.T) {
	places := map[string]page.Place{
		"list": {}, "chat": {Kind: page.Chat, Contact: 1}, "contact": {Kind: page.Contact, Contact: 1}, "card": {Kind: page.Card}, "add": {Kind: page.Add},
		"requests": {Kind: page.Requests}, "gateways": {Kind: page.Gateways}, "settings": {Kind: page.Settings},
	}
	for _, language := range []string{"en", "zh-Hans"} {
		for _, zoom := range []int{150, 200} {
			r := newRig(t, modeltest.Options{Language: language, Passphrase: "secret"}, model.Look{Language: language, Zoom: zoom}).enterWorld()
			for what, at := range places {
				r.resize(420, 5000) // all of the page is laid out and looked at
				r.shell.before = nil
				r.shell.set(at)
				if at.Kind == page.Gateways {
					r.tap("gateway.gw.linwei.example") // its facts, and what can be done with it
				}
				trouble := append(w.Overflows(r.layers.object), beyond(r.layers.object, 0, 420)...)
				for _, cut := range append(trouble, covered(r.controls(), "gateways.scan", "gateways.run")...) {
					t.Errorf("%s %s %d %%: %s", what, language, zoom, cut)
				}
				r.resize(420, 740)
				r.shot(fmt.Sprintf("zoom-%s-%s-%d", what, language, zoom))
			}
		}
	}
}

// TestLargeTextsGetSmallAgain: what stood below each other stands beside each other again
// once there is room.
func TestLargeTextsGetSmallAgain(t *testing.T) {
	r := newRig(t, modeltest.Options{}, model.Look{Zoom: 200}).enterWorld()
	r.resize(420, 740)
	r.shell.set(page.Place{Kind: page.Gateways})
	inHeader := func() bool { return r.controls()["gateways.run"].Y < 2*56 }
	if inHeader() {
		t.Error("the header is crowded")
	}
	r.resize(800, 740)
	if !inHeader() {
		t.Error("the header has room and stays empty")
	}
	r.resize(420, 740)
	if inHeader() {
		t.Error("the header is crowded again")
	}
	r.tap("gateways.scan")
	if r.controls()["gateways.address"].ID == "" {
		t.Errorf("the way to add one does nothing: %v", keys(r.controls()))
	}
}

// TestLargeTextsBeforeAProfile: the same for the pages that stand alone.
func TestLargeTextsBeforeAProfile(t *testing.T) {
	for _, language := range []string{"en", "zh-Hans"} {
		for _, zoom := range []int{150, 200} {
			r := newRig(t, modeltest.Options{Language: language, Empty: true}, model.Look{Language: language, Zoom: zoom})
			r.world.Door = model.DoorEmpty
			look := func(what string) {
				t.Helper()
				r.resize(420, 4000)
				for _, cut := range append(w.Overflows(r.layers.object), beyond(r.layers.object, 0, 420)...) {
					t.Errorf("%s %s %d %%: %s", what, language, zoom, cut)
				}
				r.resize(420, 740)
				r.shot(fmt.Sprintf("zoom-start-%s-%s-%d", what, language, zoom))
				r.resize(420, 4000)
			}
			r.resize(420, 4000)
			r.greet(model.DoorEmpty, nil)
			look("name")
			r.tap("start.protect")
			look("protect")
			r.tap("start.have")
			look("restore")
			r.tap("start.back")
			r.tap("start.protect")
			test.Type(w.Find(r.layers.object, "start.name").(fyne.Focusable), "Mira")
			r.tap("start.create")
			look("gateway")
			r.tap("start.later")
			look("card")
			r.tap("start.words")
			look("words")
			r.tap("start.words.written")
			look("quiz")
			r.greet(model.DoorLocked, nil)
			look("lock")
			r.refuse(errors.New("the disk is gone"))
			look("problem")
			r.refuse(occupied{errors.New("another process has it")})
			look("held")
			r.showAlone(start.NewRejoining(r.host))
			look("rejoining")
		}
	}
}
