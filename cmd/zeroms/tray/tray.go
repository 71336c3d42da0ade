// Package tray is the app's icon among those of the system, with its menu. Fyne has one
// too, but starts it before a window is shown or never, and who has a profile is known
// later.
package tray

import (
	"bytes"
	"context"
	"sync"

	"fyne.io/systray"

	"zeroms/ui"
)

// Tray is the icon; New makes it. It may be used from any goroutine.
type Tray struct {
	changed chan struct{} // something was wanted since Run looked

	mu    sync.Mutex
	icon  []byte
	lines [ui.TrayLines]ui.TrayLine

	// owned by Run
	shown []byte
	items [ui.TrayLines]*systray.MenuItem
}

// New makes a Tray that shows nothing yet.
func New() *Tray { return &Tray{changed: make(chan struct{}, 1)} }

// Show is ui.Tray's.
func (t *Tray) Show(icon []byte, lines [ui.TrayLines]ui.TrayLine) {
	t.mu.Lock()
	t.icon, t.lines = icon, lines
	t.mu.Unlock()
	select {
	case t.changed <- struct{}{}:
	default: // Run will look at this too
	}
}

// Run shows the icon once it is wanted, and does what its menu is clicked for, until ctx
// ends. The icon goes with the program.
func (t *Tray) Run(ctx context.Context) {
	for {
		var at int
		select {
		case <-ctx.Done():
			return
		case <-t.changed:
			t.show()
			continue
		case <-t.clicks(0):
		case <-t.clicks(1):
			at = 1
		case <-t.clicks(2):
			at = 2
		}
		t.mu.Lock()
		do := t.lines[at].Do
		t.mu.Unlock()
		do()
	}
}

// clicks are those on a line; nil: it is not shown yet.
func (t *Tray) clicks(line int) <-chan struct{} {
	if t.items[line] == nil {
		return nil
	}
	return t.items[line].ClickedCh
}

// show brings what is shown to what is wanted.
func (t *Tray) show() {
	t.mu.Lock()
	icon, lines := t.icon, t.lines
	t.mu.Unlock()
	if !bytes.Equal(icon, t.shown) {
		t.shown = icon
		systray.SetIcon(icon)
	}
	if t.items[0] != nil {
		for i, l := range lines {
			t.items[i].SetTitle(l.Text)
		}
		return
	}
	systray.SetTitle("ZeroMS") // some of those who show icons need one
	for i, l := range lines {
		if i == len(lines)-1 {
			systray.AddSeparator()
		}
		t.items[i] = systray.AddMenuItem(l.Text, "")
	}
	start, _ := systray.RunWithExternalLoop(nil, nil)
	start()
}
