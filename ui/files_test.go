package ui

import (
	"os"
	"path/filepath"
	"testing"

	w "zeroms/ui/widget"
)

// TestDiskIsNotWaitedFor: where a file is saved is looked up beside the screen.
func TestDiskIsNotWaitedFor(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	if err := os.WriteFile(filepath.Join(home, "card.png"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o := newOwner(t)
	take := func() { (<-o.posted)() }
	path := func() *w.Field {
		f, ok := w.Find(o.layers.object, "save.path").(*w.Field)
		if !ok {
			t.Fatal("there is no field")
		}
		return f
	}
	var chosen []string
	open := func() { o.host.Files.SavePath("Save", "card.png", func(path string) { chosen = append(chosen, path) }) }

	open()
	if got := path().Text; got != "" {
		t.Errorf("before the disk has answered it says %q", got)
	}
	if take(); path().Text != filepath.Join(home, "card-2.png") {
		t.Errorf("it proposes %q", path().Text)
	}
	o.tap("save.ok")
	o.tap("save.cancel") // before the disk answers
	if take(); len(chosen) != 0 {
		t.Errorf("what was cancelled is saved as %q", chosen)
	}

	open()
	path().SetText(filepath.Join(home, "mine.png"))
	if take(); path().Text != filepath.Join(home, "mine.png") {
		t.Errorf("what was written became %q", path().Text)
	}
	for _, wrong := range []string{"mine.png", filepath.Join(home, "card.png"), filepath.Join(home, "none", "mine.png")} {
		path().SetText(wrong)
		o.tap("save.ok")
		if take(); len(chosen) != 0 {
			t.Fatalf("%q is taken", wrong)
		}
	}
	path().SetText(filepath.Join(home, "mine.png"))
	o.tap("save.ok")
	if take(); len(chosen) != 1 || chosen[0] != filepath.Join(home, "mine.png") {
		t.Errorf("%q was chosen", chosen)
	}
}
