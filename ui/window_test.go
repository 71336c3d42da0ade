package ui

import (
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"

	"zeroms/client"
	"zeroms/ui/model"
	"zeroms/ui/model/modeltest"
	"zeroms/ui/page"
	w "zeroms/ui/widget"
)

// rig is the app's window over a profile in memory.
type rig struct {
	*App
	t     *testing.T
	world *modeltest.World
	looks []model.Look // that were kept
}

// newRig opens the window of a profile.
func newRig(t *testing.T, o modeltest.Options, look model.Look) *rig {
	t.Helper()
	driver := test.NewTempApp(t)
	r := &rig{t: t, world: modeltest.New(t, o)}
	var err error
	r.App, err = New(Config{
		App: driver, Door: r.world.NewDoor(), Look: look, Version: "test",
		SaveLook: func(l model.Look) error {
			r.looks = append(r.looks, l)
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.host.Async, r.host.Feed, r.host.Now = r.world.Async, r.world.Feed, r.world.Now
	r.host.Every = func(time.Duration, func()) func() { return func() {} }
	r.active = true
	t.Cleanup(r.window.Close)
	return r
}

// enterWorld shows the world's profile.
func (r *rig) enterWorld() *rig {
	r.t.Helper()
	r.enter(r.world.Profile())
	(<-r.feeds).Close() // the world tells its Feed itself
	r.resize(1180, 740)
	return r
}

func (r *rig) resize(width, height float32) { r.window.Resize(fyne.NewSize(width, height)) }

// controls are the IDs of what can be seen, with where it is.
func (r *rig) controls() map[string]w.Control {
	out := map[string]w.Control{}
	for _, c := range w.Controls(r.layers.top()) {
		out[c.ID] = c
	}
	return out
}

// tap taps a control in its middle.
func (r *rig) tap(id string) {
	r.t.Helper()
	c, ok := r.controls()[id]
	if !ok {
		r.t.Fatalf("there is no %s; there are %v", id, keys(r.controls()))
	}
	test.TapCanvas(r.window.Canvas(), fyne.NewPos(c.X+c.W/2, c.Y+c.H/2))
}

func keys(m map[string]w.Control) (out []string) {
	for id := range m {
		out = append(out, id)
	}
	return out
}

// press presses a key of the window with modifiers.
func (r *rig) press(key fyne.KeyName, mod fyne.KeyModifier) {
	r.keys.TypedShortcut(&desktop.CustomShortcut{KeyName: key, Modifier: mod})
}

func (r *rig) at(kind page.Kind) {
	r.t.Helper()
	if r.shell.at.Kind != kind {
		r.t.Fatalf("the page is %d, not %d", r.shell.at.Kind, kind)
	}
}

func TestPanesFollowTheWidth(t *testing.T) {
	r := newRig(t, modeltest.Options{}, model.Look{}).enterWorld()
	r.tap("list.row.0")
	r.at(page.Chat)
	if c := r.controls(); c["composer.text"].ID == "" || c["list.row.0"].ID == "" {
		t.Errorf("a wide window shows list and conversation: %v", keys(c))
	}
	r.resize(420, 740)
	if c := r.controls(); c["composer.text"].ID == "" || c["list.row.0"].ID != "" {
		t.Errorf("a narrow window shows the conversation alone: %v", keys(c))
	}
	r.escape()
	if c := r.controls(); c["composer.text"].ID != "" || c["list.row.0"].ID == "" {
		t.Errorf("Esc leads to the list: %v", keys(c))
	}
}

func TestMenuLeadsToEveryPage(t *testing.T) {
	r := newRig(t, modeltest.Options{}, model.Look{}).enterWorld()
	for id, kind := range map[string]page.Kind{
		"menu.card": page.Card, "menu.add": page.Add, "menu.requests": page.Requests, "menu.gateways": page.Gateways, "menu.settings": page.Settings,
	} {
		r.tap("list.menu")
		r.tap(id)
		r.at(kind)
		if len(r.layers.open) != 0 {
			t.Error("the menu stays open")
		}
	}
	r.tap("list.menu")
	r.escape()
	if len(r.layers.open) != 0 {
		t.Error("Esc does not close the menu")
	}
	r.at(r.shell.at.Kind)
}

// TestEscapeWorksWhereverTheFocusIs: Fyne gives keys to what has the focus only.
func TestEscapeWorksWhereverTheFocusIs(t *testing.T) {
	r := newRig(t, modeltest.Options{}, model.Look{}).enterWorld()
	for n := range 12 {
		r.shell.before = nil
		r.shell.set(page.Place{Kind: page.Card})
		r.window.Canvas().Unfocus()
		for range n + 1 {
			r.window.Canvas().FocusNext()
		}
		focused := r.window.Canvas().Focused()
		if focused == nil {
			t.Fatal("nothing can have the focus")
		}
		if focused.TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape}); r.shell.at.Kind != page.Nothing {
			t.Errorf("Esc does nothing on %T", focused)
		}
	}
}

func TestShortcuts(t *testing.T) {
	const ctrl = fyne.KeyModifierShortcutDefault
	r := newRig(t, modeltest.Options{}, model.Look{}).enterWorld()
	r.press(fyne.Key1, ctrl)
	r.at(page.Chat)
	first := r.shell.at.Contact
	r.press(fyne.KeyTab, ctrl)
	r.at(page.Chat)
	if r.shell.at.Contact == first {
		t.Error("Ctrl+Tab stays at the conversation")
	}
	r.press(fyne.KeyTab, ctrl|fyne.KeyModifierShift)
	if r.shell.at.Contact != first {
		t.Error("Ctrl+Shift+Tab does not lead back")
	}
	r.press(fyne.KeyComma, ctrl)
	r.at(page.Settings)
	r.press(fyne.KeyN, ctrl)
	r.at(page.Add)
	r.press(fyne.KeyF, ctrl)
	if f, ok := r.window.Canvas().Focused().(w.Named); !ok || f.ID() != "list.search" {
		t.Errorf("Ctrl+F leads to %v", r.window.Canvas().Focused())
	}
}

func TestZoomIsKept(t *testing.T) {
	const ctrl = fyne.KeyModifierShortcutDefault
	r := newRig(t, modeltest.Options{}, model.Look{}).enterWorld()
	r.tap("list.row.0")
	before := r.controls()["list.row.0"].H
	r.press(fyne.KeyEqual, ctrl)
	if r.look.Zoom != 110 || len(r.looks) == 0 || r.looks[len(r.looks)-1].Zoom != 110 {
		t.Fatalf("%+v, kept %+v", r.look, r.looks)
	}
	if after := r.controls()["list.row.0"].H; after <= before {
		t.Errorf("rows of %v are %v high now", before, after)
	}
	r.at(page.Chat)
	for range 30 {
		r.press(fyne.KeyMinus, ctrl)
	}
	if r.look.Zoom != zoomLeast {
		t.Errorf("zoom %d", r.look.Zoom)
	}
	r.press(fyne.Key0, ctrl)
	if r.look.Zoom != 100 {
		t.Errorf("zoom %d", r.look.Zoom)
	}
}

func TestSwitcherFindsPeopleAndPages(t *testing.T) {
	r := newRig(t, modeltest.Options{}, model.Look{}).enterWorld()
	r.press(fyne.KeyK, fyne.KeyModifierShortcutDefault)
	test.Type(r.window.Canvas().Focused(), "lin")
	if _, ok := r.controls()["switcher.row.0"]; !ok {
		t.Fatalf("nothing is found: %v", keys(r.controls()))
	}
	r.window.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	r.at(page.Chat)
	if name := r.world.Contact(r.shell.at.Contact).Name; name != "Lin Wei" {
		t.Errorf("it leads to %s", name)
	}
	r.press(fyne.KeyK, fyne.KeyModifierShortcutDefault)
	test.Type(r.window.Canvas().Focused(), "gateways")
	r.window.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	r.at(page.Gateways)
	r.press(fyne.KeyK, fyne.KeyModifierShortcutDefault)
	r.window.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if len(r.layers.open) != 0 {
		t.Error("Esc does not close it")
	}
}

func TestLockHidesEverything(t *testing.T) {
	r := newRig(t, modeltest.Options{Passphrase: "battery"}, model.Look{}).enterWorld()
	r.tap("list.row.0")
	talk := r.shell.at
	r.lock()
	for id := range r.controls() {
		if strings.HasPrefix(id, "list.") || strings.HasPrefix(id, "composer.") {
			t.Errorf("%s can be reached behind the lock", id)
		}
	}
	r.press(fyne.KeyN, fyne.KeyModifierShortcutDefault)
	if !r.locked || r.shell.at != talk {
		t.Error("a key leads past the lock")
	}
	test.Type(r.window.Canvas().Focused(), "staple")
	r.window.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	if !r.locked {
		t.Fatal("another passphrase opens it")
	}
	r.opened("zeroms:c/ABC")
	if r.shell.at != talk {
		t.Error("a link leads past the lock")
	}
	field := r.window.Canvas().Focused()
	field.(fyne.Shortcutable).TypedShortcut(&fyne.ShortcutSelectAll{})
	test.Type(field, "battery")
	field.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	if r.locked {
		t.Fatal("the passphrase does not open it")
	}
	r.at(page.Add) // what the link was about
}

func TestLockTakesAPassphrase(t *testing.T) {
	r := newRig(t, modeltest.Options{}, model.Look{}).enterWorld()
	r.lock()
	if r.locked {
		t.Error("it locked without a passphrase")
	}
}

func TestLockAfterSomeTimeInTheBackground(t *testing.T) {
	r := newRig(t, modeltest.Options{Passphrase: "battery"}, model.Look{}).enterWorld()
	settings := r.world.Profile().Notes.Settings()
	settings.LockAfter = 5
	if err := r.world.Profile().Notes.SetSettings(t.Context(), settings); err != nil {
		t.Fatal(err)
	}
	r.setActive(false)
	r.lockIfAway()
	if r.locked {
		t.Error("it locks at once")
	}
	r.away = r.away.Add(-5 * time.Minute)
	r.lockIfAway()
	if !r.locked {
		t.Error("it does not lock")
	}
}

func TestNotificationsOfMessages(t *testing.T) {
	r := newRig(t, modeltest.Options{Passphrase: "battery"}, model.Look{}).enterWorld()
	bob, _ := r.shell.chats.Nth(1)
	r.setActive(false)
	test.AssertNotificationSent(t, fyne.NewNotification(r.world.Contact(bob).Name, "are you there?"), func() { r.world.Receive(bob, "are you there?") })
	r.lock()
	r.world.Pass(time.Minute)
	test.AssertNotificationSent(t, fyne.NewNotification("ZeroMS", "New message"), func() { r.world.Receive(bob, "secret") })
}

func TestTitleCountsUnread(t *testing.T) {
	r := newRig(t, modeltest.Options{}, model.Look{}).enterWorld()
	bob, _ := r.shell.chats.Nth(1)
	r.world.Receive(bob, "hello")
	if title := r.window.Title(); !strings.HasPrefix(title, "ZeroMS (") {
		t.Errorf("the title is %q", title)
	}
}

// TestEngineThatEndedIsShown: what was being written is there again once it goes on.
func TestEngineThatEndedIsShown(t *testing.T) {
	r := newRig(t, modeltest.Options{}, model.Look{}).enterWorld()
	r.tap("list.row.0")
	id := r.shell.at.Contact
	test.Type(r.window.Canvas().Focused(), "not sent yet")
	r.world.Fail("SetChat", client.ErrStopped)
	r.stopped(client.ErrStopped)
	if r.shell != nil || r.alone == nil {
		t.Fatal("the conversations are still shown")
	}
	if len(r.layers.notice.Objects) != 0 {
		t.Error("a line says the same again")
	}
	r.world.Fail("SetChat", nil)
	r.enterWorld()
	if draft := r.world.Profile().Notes.Chats()[id].Draft; draft != "not sent yet" {
		t.Errorf("the draft is %q", draft)
	}
}

// TestLinksFindTheirPage: at the start, handed over later, and behind the lock.
func TestLinksFindTheirPage(t *testing.T) {
	text, err := modeltest.CardOf("Zoe").DeepLink()
	if err != nil {
		t.Fatal(err)
	}
	filled := func(r *rig) {
		t.Helper()
		r.at(page.Add)
		if _, ok := r.controls()["add.go"]; !ok {
			t.Errorf("the page is empty: %v", keys(r.controls()))
		}
	}
	r := newRig(t, modeltest.Options{Passphrase: "battery"}, model.Look{})
	r.pending = text
	filled(r.enterWorld())
	r.shell.set(page.Place{})
	r.opened(text)
	filled(r)
	r.opened(text)
	filled(r)
	r.shell.set(page.Place{})
	r.lock()
	r.opened(text)
	r.unlock()
	filled(r)
}

func TestSaveNeverOverwrites(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	r := newRig(t, modeltest.Options{}, model.Look{}).enterWorld()
	dir := t.TempDir()
	there := filepath.Join(dir, "card.png")
	if err := os.WriteFile(there, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	var saved string
	r.host.Files.Save("Save", "card.png", []byte("new"), func(path string) { saved = path })
	field := r.window.Canvas().Focused()
	write := func(path string) {
		field.(fyne.Shortcutable).TypedShortcut(&fyne.ShortcutSelectAll{})
		test.Type(field, path)
		r.tap("save.ok")
	}
	write("card.png")
	write(there)
	write(filepath.Join(dir, "none", "card.png"))
	if b, _ := os.ReadFile(there); string(b) != "old" || saved != "" {
		t.Fatalf("%q, saved %q", b, saved)
	}
	write(filepath.Join(dir, "card-2.png"))
	if b, err := os.ReadFile(filepath.Join(dir, "card-2.png")); err != nil || string(b) != "new" || saved == "" {
		t.Errorf("%q, %v, saved %q", b, err, saved)
	}
}

func TestFileDialogsOpen(t *testing.T) {
	r := newRig(t, modeltest.Options{}, model.Look{}).enterWorld()
	over := r.window.Canvas().Overlays()
	r.host.Files.Open("Choose", []string{".png"}, func(string) {})
	if over.Top() == nil {
		t.Error("no dialog to open files")
	}
	files{r.App}.folder(func(string) {})
	if len(over.List()) != 2 {
		t.Error("no dialog to choose folders")
	}
	r.clear()
	if over.Top() != nil {
		t.Error("dialogs stay where everything is cleared away")
	}
}

// TestScreens draws every page in both languages, light and dark, wide and narrow, and
// looks for texts that are cut. With ZMS_SHOTS it writes the pictures there.
func TestScreens(t *testing.T) {
	places := map[string]page.Place{
		"main": {Kind: page.Chat, Contact: 1}, "contact": {Kind: page.Contact, Contact: 1}, "card": {Kind: page.Card}, "add": {Kind: page.Add},
		"requests": {Kind: page.Requests}, "gateways": {Kind: page.Gateways}, "settings": {Kind: page.Settings}, "empty": {},
	}
	for _, language := range []string{"en", "zh-Hans"} {
		for name, scheme := range map[string]model.Scheme{"light": model.SchemeLight, "dark": model.SchemeDark} {
			r := newRig(t, modeltest.Options{Language: language}, model.Look{Language: language, Scheme: scheme}).enterWorld()
			for what, at := range places {
				for _, width := range []float32{1180, 420} {
					r.resize(width, 740)
					r.shell.before = nil
					r.shell.set(at)
					for _, cut := range w.Overflows(r.layers.object) {
						t.Errorf("%s %s %s %v: %s", what, language, name, width, cut)
					}
					r.shot(strings.Join([]string{what, language, name, map[bool]string{true: "wide", false: "narrow"}[width > 1000]}, "-"))
				}
			}
		}
	}
}

// shot writes a picture of the window if somebody wants one.
func (r *rig) shot(name string) {
	dir := os.Getenv("ZMS_SHOTS")
	if dir == "" {
		return
	}
	f, err := os.Create(filepath.Join(dir, name+".png"))
	if err == nil {
		err = png.Encode(f, r.window.Canvas().Capture())
		f.Close()
	}
	if err != nil {
		r.t.Error(err)
	}
}
