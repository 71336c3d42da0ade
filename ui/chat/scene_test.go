package chat

import (
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"

	"zeroms/ui/model"
	"zeroms/ui/model/modeltest"
	"zeroms/ui/page"
	"zeroms/ui/theme"
	w "zeroms/ui/widget"
)

// scene is a window over a World.
type scene struct {
	t      testing.TB
	world  *modeltest.World
	host   *page.Host
	window fyne.Window
	chats  *model.Chats
	look   model.Look
	opened []page.Place
	backs  int
	said   []string
	failed []error
	asked  []page.Question
	copied string
	saved  map[string][]byte
	timers []func()
	traced []string
}

// newScene makes a window that shows nothing yet.
func newScene(t testing.TB, o modeltest.Options, look model.Look) *scene {
	t.Helper()
	app := test.NewTempApp(t)
	if look.Scheme == model.SchemeSystem {
		look.Scheme = model.SchemeLight
	}
	o.Language = look.Language
	s := &scene{t: t, world: modeltest.New(t, o), look: look, saved: map[string][]byte{}}
	app.Settings().SetTheme(theme.New(look))
	s.window = test.NewTempWindow(t, container.NewStack())
	s.window.SetPadded(false)
	d := s.world.Deps()
	s.host = &page.Host{
		App: app, Window: s.window, Words: d.Words, Async: d.Async, Feed: d.Feed, Profile: d.Profile, Nav: s, Say: s, Files: files{s}, Now: d.Now,
		Every: func(_ time.Duration, f func()) func() {
			s.timers = append(s.timers, f)
			i := len(s.timers) - 1
			return func() { s.timers[i] = nil }
		},
		Active: func() bool { return true },
		Trace:  func(what string, _ time.Time) { s.traced = append(s.traced, what) },
	}
	s.chats = model.NewChats(d)
	t.Cleanup(s.chats.Close)
	return s
}

// bare takes Fyne's own test theme, so that a golden does not hang on the fonts that the
// computer has.
func (s *scene) bare() { s.host.App.Settings().SetTheme(test.Theme()) }

// tick lets timers run once.
func (s *scene) tick() {
	for _, f := range slices.Clone(s.timers) {
		if f != nil {
			f()
		}
	}
}

func (s *scene) show(o fyne.CanvasObject, width, height float32) {
	s.window.SetContent(container.NewStack(w.NewPlate(theme.Background), o))
	s.window.Resize(fyne.NewSize(width, height))
}

// find is the control of a name.
func (s *scene) find(id string) fyne.CanvasObject {
	s.t.Helper()
	o := w.Find(s.window.Content(), id)
	if o == nil {
		s.t.Fatalf("there is no %q; there are %v", id, s.controls())
	}
	return o
}

func (s *scene) controls() (ids []string) {
	for _, c := range w.Controls(s.window.Content()) {
		ids = append(ids, c.ID)
	}
	return ids
}

// tap presses the control of a name.
func (s *scene) tap(id string) {
	s.t.Helper()
	test.Tap(s.find(id).(fyne.Tappable))
}

// texts is everything that can be read on the window.
func (s *scene) texts() string { return strings.Join(w.Texts(s.window.Content()), "\n") }

func (s *scene) reads(text string) {
	s.t.Helper()
	if !strings.Contains(s.texts(), text) {
		s.t.Errorf("nobody can read %q; there is:\n%s", text, s.texts())
	}
}

func (s *scene) readsNot(text string) {
	s.t.Helper()
	if strings.Contains(s.texts(), text) {
		s.t.Errorf("%q can be read", text)
	}
}

// choose presses an item of the menu that is open.
func (s *scene) choose(label string) {
	s.t.Helper()
	top := s.window.Canvas().Overlays().Top()
	if top == nil {
		s.t.Fatal("no menu is open")
	}
	var labels []string
	for _, o := range test.LaidOutObjects(top) {
		menu, ok := o.(*widget.PopUpMenu)
		if !ok {
			continue
		}
		for _, item := range menu.Items {
			tappable, ok := item.(fyne.Tappable)
			if !ok {
				continue
			}
			name := strings.Join(w.Texts(item), "")
			if labels = append(labels, name); name == label {
				tappable.Tapped(&fyne.PointEvent{})
				return
			}
		}
	}
	s.t.Fatalf("the menu has no %q but %q", label, labels)
}

// shoot writes a picture of the window if somebody wants to look.
func (s *scene) shoot(name string) {
	s.t.Helper()
	if problems := w.Overflows(s.window.Content()); len(problems) > 0 {
		s.t.Errorf("%s: %s", name, strings.Join(problems, "\n"))
	}
	dir := os.Getenv("ZMS_SHOTS")
	if dir == "" {
		return
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		s.t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(dir, name+".png"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer file.Close()
	if err := png.Encode(file, s.window.Canvas().Capture()); err != nil {
		s.t.Fatal(err)
	}
}

// files are the Files of a scene.
type files struct{ *scene }

func (s files) Open(string, []string, func(string)) {}

// The Navigator, Sayer and Files of the scene.

func (s *scene) Open(p page.Place)      { s.opened = append(s.opened, p) }
func (s *scene) Back()                  { s.backs++ }
func (s *scene) Chats() *model.Chats    { return s.chats }
func (s *scene) Lock()                  {}
func (s *scene) Restyle(model.Look)     {}
func (s *scene) Look() model.Look       { return s.look }
func (s *scene) Notice(text string)     { s.said = append(s.said, text) }
func (s *scene) Ask(q page.Question)    { s.asked = append(s.asked, q) }
func (s files) Copy(text string)        { s.copied = text }
func (s files) Paste(then func(string)) { then("") }
func (s files) PasteImage(func([]byte)) {}
func (s *scene) Fail(err error) {
	if err != nil {
		s.failed = append(s.failed, err)
	}
}
func (s *scene) Show(string, fyne.CanvasObject) func() { return func() {} }

func (s files) SavePath(string, string, func(string)) {}
func (s files) Save(_, name string, content []byte, then func(string)) {
	s.saved[name] = content
	then("/home/mira/" + name)
}

// open is the place that was opened last.
func (s *scene) place() page.Place {
	if len(s.opened) == 0 {
		return page.Place{}
	}
	return s.opened[len(s.opened)-1]
}

// looks are what every screen is drawn in.
func looks() map[string]model.Look {
	all := map[string]model.Look{}
	for _, language := range []string{"en", "zh-Hans"} {
		for name, scheme := range map[string]model.Scheme{"light": model.SchemeLight, "dark": model.SchemeDark} {
			all[fmt.Sprintf("%s-%s", name, language)] = model.Look{Language: language, Scheme: scheme}
		}
	}
	return all
}
