package ui

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"fyne.io/fyne/v2"

	"zeroms/ui/model"
	"zeroms/ui/model/modeltest"
	"zeroms/ui/page"
	w "zeroms/ui/widget"
)

// finder is the system's chooser, which answers when the test wants it to.
type finder struct {
	*rig
	asked []asked
	got   []string // what pages were told
}

type asked struct {
	Choice
	ctx  context.Context
	done func(path string, err error)
}

// newFinder opens the window of a profile, on a system with a chooser.
func newFinder(t *testing.T, look model.Look) *finder {
	f := &finder{rig: newRig(t, modeltest.Options{Passphrase: "secret", Language: look.Language}, look)}
	f.cfg.Choose = func(ctx context.Context, c Choice, done func(string, error)) {
		f.asked = append(f.asked, asked{c, ctx, done})
	}
	f.enterWorld()
	return f
}

// open has a page ask for a picture.
func (f *finder) open() asked {
	f.t.Helper()
	before := len(f.asked)
	f.host.Files.Open("Choose", []string{".png", ".jpg"}, func(path string) { f.got = append(f.got, path) })
	if len(f.asked) != before+1 || f.boxes() != 0 {
		f.t.Fatalf("asked %d times, %d boxes of Fyne", len(f.asked)-before, f.boxes())
	}
	return f.asked[before]
}

// boxes is how many file boxes of Fyne there are.
func (f *finder) boxes() int { return len(f.window.Canvas().Overlays().List()) }

func TestSystemChooser(t *testing.T) {
	for language, want := range map[string][]string{"en": {"Open", "Pictures", "All files"}, "zh-Hans": {"打开", "图片", "所有文件"}} {
		f := newFinder(t, model.Look{Language: language})
		a := f.open()
		if a.Title != "Choose" || a.Accept != want[0] || a.Folder || a.Parent != "" || len(a.Filters) != 2 {
			t.Fatalf("asked for %+v", a.Choice)
		}
		if a.Filters[0].Name != want[1] || !slices.Equal(a.Filters[0].Endings, []string{".png", ".jpg"}) || a.Filters[1].Name != want[2] || a.Filters[1].Endings != nil {
			t.Errorf("filters %+v", a.Filters)
		}
		a.done("/home/alice/a.png", nil)
		a.done("/home/alice/b.png", nil)
		if !slices.Equal(f.got, []string{"/home/alice/a.png"}) || len(f.layers.open) != 0 || a.ctx.Err() == nil {
			t.Errorf("%q was chosen, %d layers stay", f.got, len(f.layers.open))
		}
		f.host.Files.Open("Choose", nil, func(string) {})
		if all := f.asked[1].Filters; all != nil {
			t.Errorf("filters %+v", all)
		}
	}
}

func TestSystemChooserIsCancelled(t *testing.T) {
	f := newFinder(t, model.Look{})
	a := f.open()
	a.done("", nil)
	if f.got != nil || f.boxes() != 0 || len(f.layers.open) != 0 || len(w.Texts(f.layers.notice)) != 0 {
		t.Errorf("cancelled: %q, %d boxes, %d layers, %q is said", f.got, f.boxes(), len(f.layers.open), w.Texts(f.layers.notice))
	}
}

// TestSystemWithoutChooser: Fyne's box is shown, and a file that is elsewhere told of.
func TestSystemWithoutChooser(t *testing.T) {
	f := newFinder(t, model.Look{})
	f.open().done("", errors.Join(ErrChooseAway, errors.New("no bus")))
	if f.boxes() != 1 || len(f.layers.open) != 0 {
		t.Fatalf("%d boxes, %d layers", f.boxes(), len(f.layers.open))
	}
	f.typeEscape()
	f.open().done("", ErrChooseElsewhere)
	if said := w.Texts(f.layers.notice); f.boxes() != 0 || len(said) == 0 {
		t.Errorf("%d boxes, %q is said", f.boxes(), said)
	}
	if f.got != nil {
		t.Errorf("%q was chosen", f.got)
	}
}

// TestLateChoice: what is chosen for a page that has gone is dropped, and so is Fyne's box.
func TestLateChoice(t *testing.T) {
	for name, end := range map[string]func(f *finder){
		"Esc":              func(f *finder) { f.typeEscape() },
		"a tap beside":     func(f *finder) { f.layers.open[0].object.(fyne.Tappable).Tapped(nil) },
		"the lock":         func(f *finder) { f.lock() },
		"locked for once":  func(f *finder) { f.lock(); f.unlock() },
		"another page":     func(f *finder) { navigator{f.App}.Open(page.Place{Kind: page.Card}) },
		"another link":     func(f *finder) { f.shell.open(page.Place{Kind: page.Add}) },
		"another look":     func(f *finder) { f.zoom(10) },
		"the engine's end": func(f *finder) { f.stopped(errors.New("the disk is full")) },
		"the end":          func(f *finder) { f.quit() },
		"the tray": func(f *finder) {
			settings := f.host.Profile.Notes.Settings()
			settings.Tray = true
			if err := f.host.Profile.Notes.SetSettings(f.t.Context(), settings); err != nil {
				f.t.Fatal(err)
			}
			f.close()
		},
	} {
		f := newFinder(t, model.Look{})
		f.shell.open(page.Place{Kind: page.Settings})
		a := f.open()
		if end(f); name != "another link" && a.ctx.Err() == nil {
			t.Errorf("%s: the chooser stays", name)
		}
		a.done("", ErrChooseAway)
		if a.done("/home/alice/a.png", nil); f.got != nil || f.boxes() != 0 {
			t.Errorf("%s: %q was chosen, %d boxes", name, f.got, f.boxes())
		}
	}
}

// TestOneChoiceAtOnce: a second one takes the place of the first.
func TestOneChoiceAtOnce(t *testing.T) {
	f := newFinder(t, model.Look{})
	first := f.open()
	second := f.open()
	if first.ctx.Err() == nil || second.ctx.Err() != nil || len(f.layers.open) != 1 {
		t.Fatal("there are two choosers")
	}
	first.done("/home/alice/first.png", nil)
	second.done("/home/alice/second.png", nil)
	if !slices.Equal(f.got, []string{"/home/alice/second.png"}) {
		t.Errorf("%q was chosen", f.got)
	}
}

// TestSystemChoosesFolders: where files are saved. Their name stays.
func TestSystemChoosesFolders(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	f := newFinder(t, model.Look{})
	folder := t.TempDir()
	f.host.Files.SavePath("Save", "card.png", func(path string) { f.got = append(f.got, path) })
	f.tap("save.folder")
	if len(f.asked) != 1 || !f.asked[0].Folder || f.asked[0].At == "" || f.asked[0].Filters != nil {
		t.Fatalf("asked for %+v", f.asked)
	}
	f.asked[0].done(folder, nil)
	if got := w.Find(f.layers.object, "save.path").(*w.Field).Text; got != filepath.Join(folder, "card.png") {
		t.Errorf("it proposes %q", got)
	}
	f.tap("save.folder")
	f.asked[1].done("", ErrChooseAway)
	if f.boxes() != 1 {
		t.Fatal("no dialog to choose folders")
	}
	f.typeEscape()
	if f.tap("save.ok"); !slices.Equal(f.got, []string{filepath.Join(folder, "card.png")}) {
		t.Errorf("%q was chosen", f.got)
	}
}
