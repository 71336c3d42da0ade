package people_test

import (
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/storage"
	"fyne.io/fyne/v2/test"

	"zeroms/ui/model"
	"zeroms/ui/model/modeltest"
	"zeroms/ui/page"
	"zeroms/ui/theme"
	w "zeroms/ui/widget"
)

// desk is a window with one page, and what that asked of it.
type desk struct {
	t      *testing.T
	world  *modeltest.World
	host   *page.Host
	window fyne.Window
	page   page.Page

	opened   []page.Place
	backs    int
	notices  []string
	failures []error
	asked    []page.Question
	box      fyne.CanvasObject // laid over the window; nil: none
	copied   []string
	saved    map[string][]byte
	choose   string // the file that the user chooses
	clip     string
	clipPNG  []byte
}

// look is how a page is drawn.
type look struct {
	name   string
	scheme model.Scheme
	size   fyne.Size
	narrow bool
	zoom   int // percent
}

// wide and narrow are the two widths of the pane that pages stand in.
var (
	wide   = look{name: "wide", scheme: model.SchemeLight, size: fyne.NewSize(860, 740)}
	narrow = look{name: "narrow", scheme: model.SchemeLight, size: fyne.NewSize(420, 740), narrow: true}
)

// sit makes a desk for a world.
func sit(t *testing.T, world *modeltest.World) *desk {
	t.Helper()
	return sitIn(t, newApp(t, wide), world, wide)
}

// newApp makes an app that looks like that.
func newApp(t *testing.T, l look) fyne.App {
	app := test.NewTempApp(t)
	app.Settings().SetTheme(theme.New(model.Look{Scheme: l.scheme, Zoom: l.zoom}))
	return app
}

// sitIn makes a desk for a world in an app.
func sitIn(t *testing.T, app fyne.App, world *modeltest.World, l look) *desk {
	t.Helper()
	d := &desk{t: t, world: world, saved: map[string][]byte{}}
	d.window = test.NewTempWindow(t, container.NewStack())
	d.window.SetPadded(false)
	d.window.Resize(l.size)
	d.host = &page.Host{
		App: app, Window: d.window, Words: world.Words, Async: world.Async, Feed: world.Feed, Profile: world.Profile(),
		Nav: d, Say: d, Files: files{d}, Now: world.Now, Every: func(time.Duration, func()) func() { return func() {} },
	}
	return d
}

// open shows a page.
func (d *desk) open(p page.Page, l look) {
	d.t.Helper()
	d.page = p
	d.t.Cleanup(p.Close)
	p.Narrow(l.narrow)
	d.window.SetContent(p.Object())
	d.window.Resize(l.size)
}

// root is what is shown: the box over the window, if there is one.
func (d *desk) root() fyne.CanvasObject {
	if d.box != nil {
		return d.box
	}
	return d.page.Object()
}

// control is a control that can be seen.
func (d *desk) control(id string) fyne.CanvasObject {
	d.t.Helper()
	found := w.Find(d.root(), id)
	if found == nil {
		d.t.Fatalf("there is no %s; there are %v", id, d.ids())
	}
	return found
}

func (d *desk) ids() (ids []string) {
	for _, c := range w.Controls(d.root()) {
		ids = append(ids, c.ID)
	}
	return ids
}

// tap presses a control.
func (d *desk) tap(id string) {
	d.t.Helper()
	test.Tap(d.control(id).(fyne.Tappable))
}

// write types into a field, in the place of what is there.
func (d *desk) write(id, text string) {
	d.t.Helper()
	field := d.control(id).(*w.Field)
	field.SetText("")
	test.Type(field, text)
}

// has reports whether a control is there and can be used.
func (d *desk) has(id string) bool {
	found := w.Find(d.root(), id)
	if d, ok := found.(fyne.Disableable); ok && d.Disabled() {
		return false
	}
	return found != nil
}

// says reports whether a text is shown, however it is broken into lines.
func (d *desk) says(text string) bool {
	squeeze := func(s string) string { return strings.Join(strings.Fields(s), "") }
	return strings.Contains(squeeze(strings.Join(w.Texts(d.root()), "")), squeeze(text))
}

// must fails the test unless a text is shown.
func (d *desk) must(text string) {
	d.t.Helper()
	if text == "" || !d.says(text) {
		d.t.Errorf("%q is not shown, but %q", text, w.Texts(d.root()))
	}
}

// quiet fails the test if something was shown as failed.
func (d *desk) quiet() {
	d.t.Helper()
	for _, err := range d.failures {
		d.t.Error("shown as failed:", err)
	}
}

// last is the place that was opened last.
func (d *desk) last() page.Place {
	if len(d.opened) == 0 {
		return page.Place{}
	}
	return d.opened[len(d.opened)-1]
}

// yes answers the question that was asked.
func (d *desk) yes() {
	d.t.Helper()
	if len(d.asked) == 0 {
		d.t.Fatal("nothing was asked")
	}
	q := d.asked[len(d.asked)-1]
	if q.Title == "" || q.Text == "" || q.Yes == "" {
		d.t.Errorf("a question without words: %+v", q)
	}
	d.asked = nil
	q.Then()
}

// drop drops a file on the window.
func (d *desk) drop(path string) {
	d.page.(page.Dropper).Drop([]fyne.URI{storage.NewFileURI(path)})
}

// The desk is a page.Navigator.

func (d *desk) Open(p page.Place)         { d.opened = append(d.opened, p) }
func (d *desk) Back()                     { d.backs++ }
func (d *desk) Chats() *model.Chats       { return nil }
func (d *desk) Lock()                     {}
func (d *desk) Restyle(model.Look)        {}
func (d *desk) Look() model.Look          { return model.Look{} }
func (d *desk) Notice(text string)        { d.notices = append(d.notices, text) }
func (d *desk) Fail(err error)            { d.failures = append(d.failures, err) }
func (d *desk) Ask(q page.Question)       { d.asked = append(d.asked, q) }
func (d *desk) Copy(text string)          { d.copied = append(d.copied, text) }
func (d *desk) Paste(f func(string))      { f(d.clip) }
func (d *desk) PasteImage(f func([]byte)) { f(d.clipPNG) }

func (d *desk) Show(_ string, content fyne.CanvasObject) func() {
	d.box = content
	d.window.Canvas().Overlays().Add(content)
	content.Resize(fyne.NewSize(360, content.MinSize().Height))
	return func() {
		d.window.Canvas().Overlays().Remove(content)
		d.box = nil
	}
}

type files struct{ *desk }

func (f files) Open(_ string, extensions []string, then func(string)) {
	if !slices.Contains(extensions, filepath.Ext(f.choose)) {
		f.t.Errorf("%s can't be chosen", f.choose)
	}
	then(f.choose)
}

func (f files) Save(_, name string, content []byte, then func(string)) {
	f.saved[name] = content
	then(name)
}

func (f files) SavePath(_, name string, then func(string)) { then(name) }

// fits fails the test for each text that does not fit where it is. What is written into
// a field scrolls in it.
func (d *desk) fits() {
	d.t.Helper()
	written := ""
	if field, ok := w.Find(d.page.Object(), "add.text").(*w.Field); ok {
		written = strconv.Quote(field.Text)
	}
	for _, text := range w.Overflows(d.page.Object()) {
		if written == "" || !strings.HasPrefix(text, written) {
			d.t.Error(text)
		}
	}
}

// inside fails the test if something stands beyond the window's right edge.
func (d *desk) inside(l look) {
	d.t.Helper()
	if least := d.page.Object().MinSize().Width; least > l.size.Width {
		d.t.Errorf("the page is at least %v wide", least)
	}
	for _, c := range w.Controls(d.page.Object()) {
		if c.X < 0 || c.X+c.W > l.size.Width {
			d.t.Errorf("%s goes from %v to %v", c.ID, c.X, c.X+c.W)
		}
	}
}

// shot writes what is shown as a picture, to be looked at.
func (d *desk) shot(name string) {
	d.t.Helper()
	dir := os.Getenv("ZMS_SHOTS")
	if dir == "" {
		return
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		d.t.Fatal(err)
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
