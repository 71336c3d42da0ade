package chat

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"

	"zeroms/ui/page"
	"zeroms/ui/theme"
)

// TypedRune writes a character.
func (e *editor) TypedRune(r rune) {
	begun := e.now()
	e.insert(string(r), true)
	e.edited()
	if e.typed != nil {
		e.typed(begun)
	}
}

// KeyDown and KeyUp know whether Shift is held.
func (e *editor) KeyDown(k *fyne.KeyEvent) { e.held(k, true) }

// KeyUp is KeyDown's other half.
func (e *editor) KeyUp(k *fyne.KeyEvent) { e.held(k, false) }

func (e *editor) held(k *fyne.KeyEvent, down bool) {
	if k.Name == desktop.KeyShiftLeft || k.Name == desktop.KeyShiftRight {
		e.shift = down
	}
}

// TypedKey is a key without Ctrl.
func (e *editor) TypedKey(k *fyne.KeyEvent) {
	switch k.Name {
	case fyne.KeyReturn, fyne.KeyEnter:
		e.pressEnter(false, e.shift)
	case fyne.KeyBackspace:
		e.delete(e.before(e.caret))
		e.edited()
	case fyne.KeyDelete:
		e.delete(e.after(e.caret))
		e.edited()
	case fyne.KeyLeft, fyne.KeyRight, fyne.KeyHome, fyne.KeyEnd, fyne.KeyUp, fyne.KeyDown:
		e.walk(k.Name, e.shift)
	default:
		e.handOn(k)
	}
}

// handOn gives a key to the window, which would have it if nothing had the focus.
func (e *editor) handOn(k *fyne.KeyEvent) {
	if e.key != nil && e.key(k.Name) {
		return
	}
	page.HandOn(e, k)
}

func (e *editor) pressEnter(ctrl, shift bool) {
	if e.enter != nil && e.enter(ctrl, shift) {
		return
	}
	e.insert("\n", false)
	e.edited()
}

// walk moves the caret; hold selects on the way.
func (e *editor) walk(name fyne.KeyName, hold bool) {
	from, to := e.selected()
	line := e.lines[e.lineAt(e.caret)]
	switch {
	case name == fyne.KeyUp || name == fyne.KeyDown:
		e.climb(name == fyne.KeyUp, hold)
		return
	case name == fyne.KeyLeft && from < to && !hold:
		e.move(from, false)
	case name == fyne.KeyRight && from < to && !hold:
		e.move(to, false)
	case name == fyne.KeyLeft:
		e.move(e.before(e.caret), hold)
	case name == fyne.KeyRight:
		e.move(e.after(e.caret), hold)
	case name == fyne.KeyHome:
		e.move(line.From, hold)
	case name == fyne.KeyEnd:
		e.move(e.placeAt(e.width*2, (float32(e.lineAt(e.caret))+0.5)*e.measure.Height()), hold)
	}
	e.moved()
}

// climb moves the caret a line up or down.
func (e *editor) climb(up, hold bool) {
	row := e.lineAt(e.caret)
	if e.goal < 0 {
		e.goal = e.x(e.lines[row], e.caret)
	}
	next := row + 1
	if up {
		next = row - 1
	}
	switch {
	case next < 0:
		e.move(0, hold)
	case next >= len(e.lines):
		e.move(len(e.text), hold)
	default:
		e.move(e.placeAt(e.goal, (float32(next)+0.5)*e.measure.Height()), hold)
	}
	e.show()
}

// TypedShortcut is a key with Ctrl; what an editor does not know goes to the window.
func (e *editor) TypedShortcut(s fyne.Shortcut) {
	switch s := s.(type) {
	case *fyne.ShortcutCopy:
		e.copyTo(s.Clipboard)
	case *fyne.ShortcutCut:
		e.cutTo(s.Clipboard)
	case *fyne.ShortcutPaste:
		e.pasteFrom(s.Clipboard)
	case *fyne.ShortcutSelectAll:
		e.selectAll()
	case *fyne.ShortcutUndo:
		if e.undo() {
			e.edited()
		}
	case *fyne.ShortcutRedo:
		if e.redo() {
			e.edited()
		}
	case *desktop.CustomShortcut:
		if !e.custom(s) {
			e.shortcutOn(s)
		}
	default:
		e.shortcutOn(s)
	}
}

func (e *editor) shortcutOn(s fyne.Shortcut) {
	if c, ok := fyne.CurrentApp().Driver().CanvasForObject(e).(fyne.Shortcutable); ok {
		c.TypedShortcut(s)
	}
}

// custom is a key with Ctrl that an editor knows.
func (e *editor) custom(s *desktop.CustomShortcut) bool {
	const ctrl, shift = fyne.KeyModifierShortcutDefault, fyne.KeyModifierShift
	if s.Modifier&^shift != ctrl {
		return false
	}
	hold := s.Modifier&shift != 0
	switch s.KeyName {
	case fyne.KeyReturn, fyne.KeyEnter:
		e.pressEnter(true, hold)
	case fyne.KeyLeft:
		e.move(e.wordBefore(e.caret), hold)
		e.moved()
	case fyne.KeyRight:
		e.move(e.wordAfter(e.caret), hold)
		e.moved()
	case fyne.KeyHome:
		e.move(0, hold)
		e.moved()
	case fyne.KeyEnd:
		e.move(len(e.text), hold)
		e.moved()
	case fyne.KeyBackspace:
		e.delete(e.wordBefore(e.caret))
		e.edited()
	case fyne.KeyDelete:
		e.delete(e.wordAfter(e.caret))
		e.edited()
	case fyne.KeyZ:
		if hold && e.redo() {
			e.edited()
		}
		return hold
	default:
		return false
	}
	return true
}

func (e *editor) copyTo(c fyne.Clipboard) {
	if s := e.selection(); s != "" {
		c.SetContent(s)
	}
}

func (e *editor) cutTo(c fyne.Clipboard) {
	if s := e.selection(); s != "" {
		c.SetContent(s)
		e.delete(e.caret)
		e.edited()
	}
}

func (e *editor) pasteFrom(c fyne.Clipboard) {
	page.Paste(e, c, func(s string) (whole bool) {
		if s == "" {
			return true
		}
		whole = e.insert(s, false)
		e.edited()
		return whole
	})
}

func (e *editor) selectAll() {
	e.move(0, false)
	e.move(len(e.text), true)
	e.show()
}

// at is the place in the text under a point of the editor.
func (e *editor) at(p fyne.Position) int {
	return e.placeAt(p.X-theme.Px(editorSide), p.Y-theme.Px(editorOver)+e.scroll)
}

// MouseDown puts the caret somewhere; twice selects a word, three times everything.
func (e *editor) MouseDown(m *desktop.MouseEvent) {
	e.focus()
	if m.Button == desktop.MouseButtonSecondary {
		return
	}
	now := e.now()
	if now.Sub(e.clicked) > clickAgain {
		e.clicks = 0
	}
	e.clicked = now
	e.clicks++
	switch e.clicks {
	case 1:
		e.move(e.at(m.Position), m.Modifier&fyne.KeyModifierShift != 0)
	case 2:
		e.selectWord(e.at(m.Position))
	default:
		e.selectAll()
	}
	e.moved()
}

// MouseUp is MouseDown's other half.
func (e *editor) MouseUp(*desktop.MouseEvent) {}

// Tapped asks for the keyboard.
func (e *editor) Tapped(*fyne.PointEvent) { e.focus() }

// TappedSecondary asks for the menu.
func (e *editor) TappedSecondary(p *fyne.PointEvent) {
	e.focus()
	if e.menu != nil {
		e.menu(p.AbsolutePosition)
	}
}

// Dragged selects.
func (e *editor) Dragged(d *fyne.DragEvent) {
	e.clicks = 0
	e.move(e.at(d.Position), true)
	e.moved()
}

// DragEnd ends that.
func (e *editor) DragEnd() {}
