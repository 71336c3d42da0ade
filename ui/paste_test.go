package ui

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"zeroms/ui/model"
	"zeroms/ui/model/modeltest"
	"zeroms/ui/page"
	w "zeroms/ui/widget"
)

// owner is the program that has the clipboard, as PasteText and PasteImage see it: it
// answers when it is told to.
type owner struct {
	*rig
	asked   chan context.Context // it was asked
	answers chan any             // a text, a picture or an error
	posted  chan func()          // for the screen's goroutine, which is the test's
	timers  []func()             // that run, the newest last
}

// newOwner opens a window over a clipboard that answers when it is told to.
func newOwner(t *testing.T) *owner {
	o := &owner{rig: newRig(t, modeltest.Options{}, model.Look{}), asked: make(chan context.Context, 9), answers: make(chan any), posted: make(chan func(), 9)}
	o.texts.read = func(ctx context.Context) (string, error) { return read[string](o, ctx) }
	o.images.read = func(ctx context.Context) ([]byte, error) { return read[[]byte](o, ctx) }
	o.enterWorld()
	o.host.Async = beside{o.host.Async, o}
	o.host.Every = func(_ time.Duration, f func()) func() {
		o.timers = append(o.timers, f)
		at := len(o.timers) - 1
		return func() { o.timers[at] = nil }
	}
	return o
}

func read[T any](o *owner, ctx context.Context) (got T, err error) {
	o.asked <- ctx
	switch a := (<-o.answers).(type) {
	case error:
		return got, a
	case T:
		return a, nil
	}
	return got, errors.New("another thing was asked for")
}

// beside runs what is slow beside the test, as the app does.
type beside struct {
	model.Async
	o *owner
}

func (b beside) Slow(work func(context.Context) func()) {
	go func() {
		if then := work(b.o.t.Context()); then != nil {
			b.o.posted <- then
		}
	}()
}

// answer has the owner answer, and the screen take that.
func (o *owner) answer(a any) {
	o.t.Helper()
	o.answers <- a
	(<-o.posted)()
}

// late is the time that the owner may take, over.
func (o *owner) late() {
	for _, f := range o.timers {
		if f != nil {
			f()
		}
	}
}

// focus puts the keyboard's focus into a field and returns it.
func (o *owner) focus(id string) fyne.Focusable {
	o.t.Helper()
	f, ok := w.Find(o.layers.object, id).(fyne.Focusable)
	if !ok {
		o.t.Fatalf("there is no %s", id)
	}
	o.window.Canvas().Focus(f)
	return f
}

func (o *owner) written(id string) string {
	o.t.Helper()
	f, ok := w.Find(o.layers.object, id).(interface{ Written() string })
	if !ok {
		o.t.Fatalf("there is no %s", id)
	}
	return f.Written()
}

func ctrlV(f fyne.Focusable) {
	f.(fyne.Shortcutable).TypedShortcut(&fyne.ShortcutPaste{Clipboard: test.NewClipboard()})
}

// said reports whether the window says a text.
func (o *owner) said(text string) bool {
	return strings.Contains(strings.Join(w.Texts(o.layers.notice), " "), text)
}

func TestTypingGoesOnWhileTheClipboardIsRead(t *testing.T) {
	o := newOwner(t)
	search := o.focus("list.search")
	ctrlV(search)
	<-o.asked
	test.Type(search, "abc ")
	if got := o.written("list.search"); got != "abc " {
		t.Fatalf("while the owner is silent %q was typed", got)
	}
	o.answer("pasted")
	if got := o.written("list.search"); got != "abc pasted" {
		t.Errorf("it says %q", got)
	}
}

func TestOwnerThatHangsIsToldOf(t *testing.T) {
	o := newOwner(t)
	search := o.focus("list.search")
	ctrlV(search)
	ctx := <-o.asked
	if until, ok := ctx.Deadline(); !ok || time.Until(until) > textWait {
		t.Errorf("the clipboard is read until %v", until)
	}
	ctrlV(search) // impatience is no second look
	o.late()
	if !o.said("does not answer") {
		t.Errorf("it says %q", w.Texts(o.layers.notice))
	}
	ctrlV(search)
	<-o.asked
	o.answer("late")
	if got := o.written("list.search"); got != "" {
		t.Errorf("a late answer is %q", got)
	}
	o.answer("second")
	if got := o.written("list.search"); got != "second" {
		t.Errorf("the second time it is %q", got)
	}
	select {
	case <-o.asked:
		t.Error("the clipboard was read once too often")
	default:
	}
}

func TestPasteThatFailsIsExplained(t *testing.T) {
	for text, err := range map[string]error{
		"too much": ErrPasteLarge, "does not answer": ErrPasteSilent, "does not answer ": context.DeadlineExceeded,
	} {
		o := newOwner(t)
		ctrlV(o.focus("list.search"))
		<-o.asked
		if o.answer(err); !o.said(strings.TrimSpace(text)) {
			t.Errorf("%v: it says %q", err, w.Texts(o.layers.notice))
		}
	}
}

// TestOtherClipboardIsReadIfThereMustBe: Fyne's.
func TestOtherClipboardIsReadIfThereMustBe(t *testing.T) {
	o := newOwner(t)
	o.cfg.App.Clipboard().SetContent("of Fyne")
	ctrlV(o.focus("list.search"))
	<-o.asked
	if o.answer(ErrPasteAway); o.written("list.search") != "of Fyne" {
		t.Errorf("it says %q", o.written("list.search"))
	}
	var png []byte
	o.host.Files.PasteImage(func(b []byte) { png = append([]byte("called"), b...) })
	<-o.asked
	if o.answer(ErrPasteAway); string(png) != "called" {
		t.Errorf("the picture is %q", png)
	}
}

func TestWhatHasNoRoomIsToldOf(t *testing.T) {
	o := newOwner(t)
	ctrlV(o.focus("list.search"))
	<-o.asked
	o.answer(strings.Repeat("x", 5000))
	if got := len(o.written("list.search")); got != 3000 || !o.said("left out") {
		t.Errorf("%d bytes, and it says %q", got, w.Texts(o.layers.notice))
	}
}

// TestPasteForAPageThatIsGone: the answer comes when another conversation is shown.
func TestPasteForAPageThatIsGone(t *testing.T) {
	o := newOwner(t)
	o.tap("list.row.0")
	o.at(page.Chat)
	ctrlV(o.focus("composer.text"))
	<-o.asked
	first := o.shell.at.Contact
	o.tap("list.row.1")
	if o.shell.at.Contact == first {
		t.Fatal("the same conversation is shown")
	}
	o.answer("for the first one")
	for _, said := range w.Texts(o.layers.object) {
		if strings.Contains(said, "for the first one") {
			t.Errorf("it is shown: %q", said)
		}
	}
	ctrlV(o.focus("composer.text"))
	<-o.asked
	o.answer("for the second one")
	if all := strings.Join(w.Texts(o.layers.object), "|"); !strings.Contains(all, "for the second one") {
		t.Errorf("it is not shown: %q", all)
	}
}

// TestMenuOfAFieldPastes: Fyne's menu asks as keys do.
func TestMenuOfAFieldPastes(t *testing.T) {
	o := newOwner(t)
	search := o.focus("list.search")
	search.(fyne.SecondaryTappable).TappedSecondary(&fyne.PointEvent{Position: fyne.NewPos(20, 20)})
	over := o.window.Canvas().Overlays().Top()
	if over == nil {
		t.Fatal("there is no menu")
	}
	press(t, over, "Paste")
	<-o.asked
	o.answer("by the menu")
	if got := o.written("list.search"); got != "by the menu" {
		t.Errorf("it says %q", got)
	}
}

// press taps the item of a menu that says a text.
func press(t *testing.T, menu fyne.CanvasObject, text string) {
	t.Helper()
	for _, o := range test.LaidOutObjects(menu) {
		if item, ok := o.(fyne.Tappable); ok && strings.Join(w.Texts(o), "") == text {
			item.Tapped(&fyne.PointEvent{})
			return
		}
	}
	t.Fatalf("the menu has no %q: %q", text, w.Texts(menu))
}
