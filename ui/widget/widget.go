// Package widget holds the basic widgets of the app, drawn as its design wants them on
// top of Fyne: texts, buttons, fields, rows, avatars, QR codes and the boxes around
// them. Import it as w.
//
// Lengths are those of the drawings and grow with the zoom. Everything here belongs to
// the screen's goroutine.
package widget

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"zeroms/ui/arrange"
	"zeroms/ui/theme"
)

// drawn is the renderer of a widget that is a list of objects.
type drawn struct {
	objects []fyne.CanvasObject
	layout  func(fyne.Size)
	min     func() fyne.Size
	refresh func()
}

func (d *drawn) Destroy()                     {}
func (d *drawn) Objects() []fyne.CanvasObject { return d.objects }
func (d *drawn) Layout(size fyne.Size)        { d.layout(size) }
func (d *drawn) MinSize() fyne.Size           { return d.min() }

func (d *drawn) Refresh() {
	if d.refresh != nil {
		d.refresh()
	}
	for _, object := range d.objects {
		object.Refresh()
	}
}

// place moves and resizes an object at once.
func place(object fyne.CanvasObject, x, y, width, height float32) {
	arrange.Place(object, x, y, width, height)
}

// visible reports whether an optional object is there to be laid out.
func visible(object fyne.CanvasObject) bool { return object != nil && object.Visible() }

// pressable is what everything shares that is pressed: the pointer above it, the
// keyboard's focus, and whether it can be used. The widget that embeds it calls
// ExtendBaseWidget.
type pressable struct {
	widget.BaseWidget
	id       string
	press    func()
	disabled bool
	hovered  bool
	focused  bool
	changed  func() // what it looks like changed
}

// ID is its name for drivers and tests.
func (p *pressable) ID() string { return p.id }

// SetID gives it another name.
func (p *pressable) SetID(id string) { p.id = id }

// Enable makes it usable.
func (p *pressable) Enable() { p.setDisabled(false) }

// Disable makes it unusable, and shows so.
func (p *pressable) Disable() { p.setDisabled(true) }

// Disabled reports whether it can't be used.
func (p *pressable) Disabled() bool { return p.disabled }

func (p *pressable) setDisabled(disabled bool) {
	if p.disabled != disabled {
		p.disabled = disabled
		p.redraw()
	}
}

// redraw shows another state: colours only, no layout.
func (p *pressable) redraw() {
	if p.changed != nil {
		p.changed()
	}
}

// Press does what tapping does.
func (p *pressable) Press() {
	if !p.disabled && p.press != nil {
		p.press()
	}
}

// Tapped is Fyne's.
func (p *pressable) Tapped(*fyne.PointEvent) { p.Press() }

// FocusGained is Fyne's.
func (p *pressable) FocusGained() {
	p.focused = true
	p.redraw()
}

// FocusLost is Fyne's.
func (p *pressable) FocusLost() {
	p.focused = false
	p.redraw()
}

// TypedRune is Fyne's.
func (p *pressable) TypedRune(rune) {}

// TypedKey is Fyne's: Enter and Space press.
func (p *pressable) TypedKey(k *fyne.KeyEvent) {
	switch k.Name {
	case fyne.KeyReturn, fyne.KeyEnter, fyne.KeySpace:
		p.Press()
	default:
		p.handOn(k)
	}
}

// handOn gives a key to the window: Fyne gives keys to what has the focus only.
func (p *pressable) handOn(k *fyne.KeyEvent) {
	for _, window := range fyne.CurrentApp().Driver().AllWindows() {
		focused, ok := window.Canvas().Focused().(interface{ itself() *pressable })
		if typed := window.Canvas().OnTypedKey(); ok && focused.itself() == p && typed != nil {
			typed(k)
			return
		}
	}
}

func (p *pressable) itself() *pressable { return p }

// MouseIn is Fyne's.
func (p *pressable) MouseIn(*desktop.MouseEvent) {
	p.hovered = true
	p.redraw()
}

// MouseMoved is Fyne's.
func (p *pressable) MouseMoved(*desktop.MouseEvent) {}

// MouseOut is Fyne's.
func (p *pressable) MouseOut() {
	p.hovered = false
	p.redraw()
}

// Cursor is Fyne's.
func (p *pressable) Cursor() desktop.Cursor {
	if p.disabled || p.press == nil {
		return desktop.DefaultCursor
	}
	return desktop.PointerCursor
}

// ring shows the keyboard's focus on a rectangle.
func ring(r *canvas.Rectangle, focused bool) {
	r.StrokeWidth = 0
	r.StrokeColor = nil
	if focused {
		r.StrokeWidth = theme.Px(1.5)
		r.StrokeColor = theme.Color(theme.Accent)
	}
}

// picture is an icon of a fixed side.
func picture(resource fyne.Resource) *canvas.Image {
	image := canvas.NewImageFromResource(resource)
	image.FillMode = canvas.ImageFillContain
	return image
}
