package places_test

import (
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"

	"zeroms/client"
	"zeroms/protocol/key"
	"zeroms/ui/model"
	"zeroms/ui/model/modeltest"
	"zeroms/ui/places"
	w "zeroms/ui/widget"
	"zeroms/ui/words"
)

// settingsPage is the page of the settings of a World, all of it in sight.
func settingsPage(t *testing.T, o modeltest.Options) (*desk, *modeltest.World) {
	t.Helper()
	world := modeltest.New(t, o)
	d := newDesk(t, world, model.Look{}, fyne.NewSize(860, 3400))
	p := places.NewSettings(d.host, "")
	t.Cleanup(p.Close)
	d.show(p)
	return d, world
}

func TestName(t *testing.T) {
	d, world := settingsPage(t, modeltest.Options{})
	if f := w.Find(d.window.Content(), "settings.name").(*w.Field); f.Text != "Mira" {
		t.Errorf("%q", f.Text)
	}
	d.write("settings.name", "Mira K")
	d.tap("settings.name.save")
	d.write("settings.name", "")
	d.tap("settings.name.save")
	d.says("A name is needed.")
	if world.Name() != "Mira K" || !slices.Contains(d.notices, "Saved.") {
		t.Errorf("%q, %q", world.Name(), d.notices)
	}
	d.tap("settings.id.copy")
	if d.copied != key.UserIDText(world.User()) {
		t.Errorf("%q", d.copied)
	}
}

func TestSettingsOpenAtTheWords(t *testing.T) {
	inSight := func(d *desk, id string) {
		d.t.Helper()
		for _, c := range w.Controls(d.window.Content()) {
			if c.ID == id {
				if c.Y < 56 || c.Y+c.H > 600 {
					d.t.Errorf("%s is out of sight, at %v", id, c.Y)
				}
				return
			}
		}
		d.t.Errorf("there is no %s", id)
	}
	open := func(o modeltest.Options, text string) *desk {
		d := newDesk(t, modeltest.New(t, o), model.Look{}, fyne.NewSize(860, 600))
		p := places.NewSettings(d.host, text)
		t.Cleanup(p.Close)
		d.show(p)
		return d
	}
	d := open(modeltest.Options{}, "words")
	inSight(d, "settings.words.hide")
	d.tap("settings.words.hide")
	d.says("Show the words")
	d = open(modeltest.Options{Passphrase: "correct horse"}, "words")
	inSight(d, "settings.words.pass")
	if f, ok := d.window.Canvas().Focused().(*w.Field); !ok || f.ID() != "settings.words.pass" {
		t.Errorf("the focus is on %v", d.window.Canvas().Focused())
	}
	d.write("settings.words.pass", "correct horse")
	d.tap("settings.words")
	inSight(d, "settings.words.hide")
	d = open(modeltest.Options{}, "")
	inSight(d, "settings.name")
	if d.has("settings.words.hide") {
		t.Error("the words are shown to who did not ask")
	}
}

func TestLook(t *testing.T) {
	d, _ := settingsPage(t, modeltest.Options{})
	d.tap("settings.scheme.2")
	d.tap("settings.language.2")
	d.tap("settings.zoom.4")
	want := []model.Look{{Scheme: model.SchemeDark}, {Language: words.Chinese}, {Zoom: 125}}
	if !slices.Equal(d.styled, want) {
		t.Errorf("%+v", d.styled)
	}
}

func TestSwitches(t *testing.T) {
	d, world := settingsPage(t, modeltest.Options{Passphrase: "a long passphrase"})
	d.tap("settings.notify.2")
	d.tap("settings.notify.sample")
	if !slices.Equal(d.notified, []string{"ZeroMS|New message"}) {
		t.Errorf("the sample is %q", d.notified)
	}
	if d.tap("settings.tray"); d.changed != 1 {
		t.Error("the window did not hear of the tray")
	}
	d.tap("settings.enter")
	d.tap("settings.read")
	d.tap("settings.lock.2")
	d.tap("settings.direct.2")
	want := model.Settings{Notify: model.NotifyBare, CtrlEnter: true, Quiet: true, LockAfter: 5}
	if got := world.Profile().Notes.Settings(); got != want {
		t.Errorf("%+v", got)
	}
	if got := world.Profile().Self.Direct(); got != client.Never {
		t.Errorf("%v", got)
	}
	d.says("Only your own gateways ever see your network address.")
	d.tap("settings.notify.3")
	if d.has("settings.notify.sample") {
		t.Error("a sample of nothing is offered")
	}
	world.Fail("SetSettings", errFails)
	d.tap("settings.read")
	if len(d.failed) != 1 || w.Find(d.window.Content(), "settings.read").(*w.Switch).On() {
		t.Error("a change that was not kept is shown")
	}
	d.tap("settings.lock.now")
	if d.locked != 1 {
		t.Errorf("locked %d times", d.locked)
	}
}

func TestPassphrase(t *testing.T) {
	d, world := settingsPage(t, modeltest.Options{})
	safe := world.Profile().Safe
	d.says("Locking needs a passphrase.")
	d.tap("settings.pass.set")
	d.write("settings.pass.new", "short")
	d.write("settings.pass.again", "short")
	d.tap("settings.pass.set")
	d.says("Too short")
	d.write("settings.pass.new", "long enough")
	d.write("settings.pass.again", "long enough")
	d.tap("settings.pass.set")
	if safe.CheckPassphrase(t.Context(), "long enough") != nil || !d.has("settings.lock.1") {
		t.Error("it was not set")
	}
	d.write("settings.pass.old", "wrong")
	d.write("settings.pass.new", "another one")
	d.write("settings.pass.again", "another one")
	d.tap("settings.pass.set")
	if safe.CheckPassphrase(t.Context(), "long enough") != nil {
		t.Error("it was changed without the old one")
	}
	d.write("settings.pass.old", "long enough")
	d.tap("settings.pass.set")
	if safe.CheckPassphrase(t.Context(), "another one") != nil {
		t.Error("it was not changed")
	}
	d.tap("settings.pass.remove")
	if !safe.Locked() {
		t.Error("it was removed without asking for it")
	}
	d.write("settings.pass.old", "another one")
	d.tap("settings.pass.remove")
	if safe.Locked() || !slices.Contains(d.notices, "The passphrase is removed.") {
		t.Errorf("%q", d.notices)
	}
}

func TestWords(t *testing.T) {
	all := strings.Fields(modeltest.Phrase())
	d, world := settingsPage(t, modeltest.Options{Passphrase: "a long passphrase"})
	d.tap("settings.words")
	d.write("settings.words.pass", "wrong")
	d.tap("settings.words")
	if d.has("settings.words.hide") {
		t.Error("the words are shown without the passphrase")
	}
	d.write("settings.words.pass", "a long passphrase")
	d.tap("settings.words")
	for _, word := range all {
		d.says(word)
	}
	d.tap("settings.words.hide")
	if !world.Profile().Notes.Settings().WordsSaved || strings.Contains(d.text(), all[0]+" ") {
		t.Error("the words are still there")
	}
}

func TestExport(t *testing.T) {
	d, world := settingsPage(t, modeltest.Options{})
	d.tap("settings.archive")
	d.says("Exported: 13 contacts")
	d.tap("settings.archive.key.1")
	d.tap("settings.archive")
	d.write("settings.archive.pass", "long enough")
	d.write("settings.archive.again", "long enouhg")
	d.tap("settings.archive")
	d.says("not the same")
	d.write("settings.archive.again", "long enough")
	world.Fail("Export", errFails)
	d.tap("settings.archive")
	d.says("it fails")
	if world.Calls("Export") != 2 {
		t.Errorf("%d exports", world.Calls("Export"))
	}
}

func TestNetworkAndRest(t *testing.T) {
	d, world := settingsPage(t, modeltest.Options{})
	world.Fail("SetProxy", errFails)
	d.write("settings.proxy", "nonsense")
	d.tap("settings.proxy.save")
	d.says("it fails")
	world.Fail("SetProxy", nil)
	d.write("settings.proxy", "socks5://127.0.0.1:9050")
	d.tap("settings.proxy.save")
	if url, _ := world.Profile().Self.Proxy(); url != "socks5://127.0.0.1:9050" || !slices.Contains(d.notices, "The proxy is saved.") {
		t.Errorf("%q, %q", url, d.notices)
	}
	d.tap("settings.diag")
	d.says("gateways: 3, 1 down")
	d.tap("settings.diag.copy")
	if !strings.Contains(d.copied, "ZeroMS in memory") {
		t.Errorf("%q", d.copied)
	}
	d.says("Apache License 2.0")
}

func TestRenew(t *testing.T) {
	d, world := settingsPage(t, modeltest.Options{})
	d.tap("settings.renew")
	if len(d.asked) != 1 || !strings.Contains(d.asked[0].Text, "cards stop working") || !strings.Contains(d.asked[0].Text, "can't be undone") {
		t.Fatalf("%+v", d.asked)
	}
	if !slices.Contains(d.notices, "Your address is renewed. There is a new card.") {
		t.Errorf("%q", d.notices)
	}
	d.tap("settings.renew")
	if len(d.asked) != 1 || !strings.Contains(d.notices[len(d.notices)-1], "have not heard of the new one") {
		t.Errorf("%q", d.notices)
	}
	world.Fail("Address", errFails)
	d.tap("settings.renew")
	if len(d.failed) != 1 {
		t.Errorf("%v", d.failed)
	}
}

// TestANameThatIsMissing: what others see instead is said, until there is one.
func TestANameThatIsMissing(t *testing.T) {
	world := modeltest.New(t, modeltest.Options{})
	if err := world.Profile().Self.SetName(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	d := newDesk(t, world, model.Look{}, fyne.NewSize(860, 3400))
	d.show(places.NewSettings(d.host, ""))
	d.says("You have no name yet. Others see " + key.UserIDText(world.User())[:8])
	d.write("settings.name", "Mira")
	d.tap("settings.name.save")
	d.says("What people see who have given you no name of their own.")
}
