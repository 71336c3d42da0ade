package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"

	"zeroms/ui/page"
)

// zoomStep and the bounds of the zoom are in percent.
const (
	zoomStep  = 10
	zoomLeast = 80
	zoomMost  = 200
)

// shortcuts makes the keys of the window work.
func (a *App) shortcuts() {
	const ctrl, shift = fyne.KeyModifierShortcutDefault, fyne.KeyModifierShift
	on := func(key fyne.KeyName, mod fyne.KeyModifier, do func()) {
		short := &desktop.CustomShortcut{KeyName: key, Modifier: mod}
		a.keys.AddShortcut(short, func(fyne.Shortcut) { do() })
		a.window.Canvas().AddShortcut(short, a.keys.TypedShortcut)
	}
	inside := func(do func(*shell)) func() {
		return func() {
			if a.shell != nil && !a.locked {
				do(a.shell)
			}
		}
	}
	open := func(kind page.Kind) func() {
		return inside(func(s *shell) { navigator{a}.Open(page.Place{Kind: kind}) })
	}
	on(fyne.KeyK, ctrl, inside(func(*shell) { a.showSwitcher() }))
	on(fyne.KeyF, ctrl, inside(func(s *shell) { s.filter() }))
	on(fyne.KeyN, ctrl, open(page.Add))
	on(fyne.KeyComma, ctrl, open(page.Settings))
	on(fyne.KeyL, ctrl, a.lock)
	on(fyne.KeyQ, ctrl, a.quit)
	on(fyne.KeyW, ctrl, a.close)
	on(fyne.KeyTab, ctrl, inside(func(s *shell) { s.step(1) }))
	on(fyne.KeyTab, ctrl|shift, inside(func(s *shell) { s.step(-1) }))
	on(fyne.KeyPageDown, ctrl, inside(func(s *shell) { s.step(1) }))
	on(fyne.KeyPageUp, ctrl, inside(func(s *shell) { s.step(-1) }))
	for i, key := range []fyne.KeyName{fyne.Key1, fyne.Key2, fyne.Key3, fyne.Key4, fyne.Key5, fyne.Key6, fyne.Key7, fyne.Key8, fyne.Key9} {
		on(key, ctrl, inside(func(s *shell) { s.nth(i) }))
	}
	for _, key := range []fyne.KeyName{fyne.KeyEqual, fyne.KeyPlus} {
		on(key, ctrl, func() { a.zoom(zoomStep) })
		on(key, ctrl|shift, func() { a.zoom(zoomStep) })
	}
	on(fyne.KeyMinus, ctrl, func() { a.zoom(-zoomStep) })
	on(fyne.Key0, ctrl, func() { a.zoom(0) })
	a.window.Canvas().SetOnTypedKey(a.typed)
}

// typed takes keys that nothing with the focus took.
func (a *App) typed(e *fyne.KeyEvent) {
	if e.Name == fyne.KeyEscape {
		a.escape()
	}
}

// escape closes what lies on top, else leads back.
func (a *App) escape() {
	if a.dismiss() || a.layers.close() || a.shell == nil || a.locked {
		return
	}
	a.shell.back()
}

// dismiss takes the topmost away of what Fyne laid over the window: its file boxes, menus
// and hints; false if there is none. These stand above all layers.
func (a *App) dismiss() bool {
	over := a.window.Canvas().Overlays()
	top := over.Top()
	if top != nil {
		over.Remove(top)
	}
	return top != nil
}

// zoom makes texts larger or smaller, by percent; 0 leads back to 100.
func (a *App) zoom(by int) {
	look := a.look
	if look.Zoom == 0 {
		look.Zoom = 100
	}
	look.Zoom = min(max(look.Zoom+by, zoomLeast), zoomMost)
	if by == 0 {
		look.Zoom = 100
	}
	if look.Zoom != a.look.Zoom {
		a.restyle(look)
	}
}

// filter puts the focus into the search field of the list.
func (s *shell) filter() {
	if s.panes.narrow && s.page != nil {
		s.before = nil
		s.set(page.Place{})
	}
	s.list.Filter()
}

// step goes to the conversation below or above.
func (s *shell) step(by int) {
	if id, ok := s.chats.Step(by); ok {
		navigator{s.app}.Open(page.Place{Kind: page.Chat, Contact: id})
	}
}

// nth goes to the conversation at a place of the list.
func (s *shell) nth(i int) {
	if id, ok := s.chats.Nth(i); ok {
		navigator{s.app}.Open(page.Place{Kind: page.Chat, Contact: id})
	}
}
