package start_test

import (
	"image/png"
	"os"
	"path/filepath"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"zeroms/ui/model"
	"zeroms/ui/model/modeltest"
	"zeroms/ui/page"
	"zeroms/ui/theme"
	w "zeroms/ui/widget"
)

// desk is a window in memory, as a page sees it.
type desk struct {
	t      *testing.T
	app    fyne.App
	host   *page.Host
	window fyne.Window
	look   model.Look

	ticks   []func()
	notices []string
	failed  []error
	sheets  []fyne.CanvasObject
	copied  string
	paste   string
	image   []byte
	chosen  string // by Files.Open
	saved   map[string][]byte
	asked   []page.Question
	locked  int
	styled  []model.Look
}

// newDesk makes a window of a size for a World.
func newDesk(t *testing.T, world *modeltest.World, look model.Look, size fyne.Size) *desk {
	t.Helper()
	app := test.NewTempApp(t)
	app.Settings().SetTheme(theme.New(look))
	d := &desk{t: t, look: look, saved: map[string][]byte{}, app: app, window: test.NewTempWindow(t, nil)}
	d.window.SetPadded(false)
	d.use(world, size)
	return d
}

// use shows another World in the same window.
func (d *desk) use(world *modeltest.World, size fyne.Size) {
	d.ticks = nil
	d.window.Resize(size)
	d.host = &page.Host{
		App: d.app, Window: d.window, Words: world.Words, Async: world.Async, Feed: world.Feed, Nav: nav{d}, Say: sayer{d}, Files: files{d}, Now: world.Now,
		Every: func(_ time.Duration, f func()) func() {
			at := len(d.ticks)
			d.ticks = append(d.ticks, f)
			return func() {
				if at < len(d.ticks) {
					d.ticks[at] = nil
				}
			}
		},
	}
}

// show shows a page.
func (d *desk) show(p page.Page) {
	d.window.SetContent(w.NewLayer(p.Object()))
	d.window.Resize(d.window.Canvas().Size())
	p.Narrow(d.window.Canvas().Size().Width < 720)
	if f, ok := p.(page.Focuser); ok {
		f.Focus()
	}
}

// tick is a moment in which all clocks strike.
func (d *desk) tick() {
	for _, f := range append([]func(){}, d.ticks...) {
		if f != nil {
			f()
		}
	}
}

// tap taps a control, which has to be there.
func (d *desk) tap(id string) {
	d.t.Helper()
	o := w.Find(d.window.Content(), id)
	if o == nil {
		d.t.Fatalf("%s is not to be seen; there are %v", id, w.Controls(d.window.Content()))
	}
	test.Tap(o.(fyne.Tappable))
}

// write types into a field, in place of what was in it.
func (d *desk) write(id, text string) {
	d.t.Helper()
	o := w.Find(d.window.Content(), id)
	if o == nil {
		d.t.Fatalf("%s is not to be seen; there are %v", id, w.Controls(d.window.Content()))
	}
	f := o.(*w.Field)
	f.SetText("")
	test.Type(f, text)
}

// fill puts a text into a field at once.
func (d *desk) fill(id, text string) {
	d.t.Helper()
	o := w.Find(d.window.Content(), id)
	if o == nil {
		d.t.Fatalf("%s is not to be seen", id)
	}
	o.(*w.Field).SetText(text)
}

// has reports whether a control is to be seen.
func (d *desk) has(id string) bool { return w.Find(d.window.Content(), id) != nil }

// text is all that can be read.
func (d *desk) text() (all string) {
	for _, line := range w.Texts(d.window.Content()) {
		all += line + " "
	}
	return all
}

// shot checks that no text is cut, and keeps a picture where ZMS_SHOTS says.
func (d *desk) shot(name string) {
	d.t.Helper()
	for _, cut := range w.Overflows(d.window.Content()) {
		d.t.Errorf("%s: %s", name, cut)
	}
	dir := os.Getenv("ZMS_SHOTS")
	if dir == "" {
		return
	}
	f, err := os.Create(filepath.Join(dir, name+".png"))
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, d.window.Canvas().Capture()); err != nil {
		d.t.Fatal(err)
	}
}

type nav struct{ *desk }

func (n nav) Open(page.Place)      {}
func (n nav) Back()                {}
func (n nav) Chats() *model.Chats  { return nil }
func (n nav) Lock()                { n.locked++ }
func (n nav) Look() model.Look     { return n.look }
func (n nav) Restyle(l model.Look) { n.styled = append(n.styled, l) }

type sayer struct{ *desk }

func (s sayer) Notice(text string) { s.notices = append(s.notices, text) }

func (s sayer) Ask(q page.Question) {
	s.asked = append(s.asked, q)
	q.Then()
}

func (s sayer) Fail(err error) {
	if err != nil {
		s.failed = append(s.failed, err)
	}
}

func (s sayer) Show(_ string, content fyne.CanvasObject) func() {
	s.sheets = append(s.sheets, content)
	return func() {}
}

type files struct{ *desk }

func (f files) Open(_ string, _ []string, then func(string)) { then(f.chosen) }

func (f files) Save(_, name string, content []byte, then func(string)) {
	f.saved[name] = content
	then(name)
}

func (f files) SavePath(_, name string, then func(string)) { then(filepath.Join(f.t.TempDir(), name)) }
func (f files) Copy(text string)                           { f.copied = text }
func (f files) Paste(then func(string))                    { then(f.paste) }
func (f files) PasteImage(then func([]byte))               { then(f.image) }
