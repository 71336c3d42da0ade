package timeline

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"zeroms/ui/theme"
)

// The scroll bar takes barWidth; its thumb is barThin wide, barThick under the pointer,
// and at least barShort long.
const (
	barWidth = 12
	barThin  = 4
	barThick = 8
	barShort = 32
)

// bar is a scroll bar that knows parts only, no lengths.
type bar struct {
	widget.BaseWidget
	moved    func(part float32)
	size, at float32
	over     bool
	grip     float32 // where the thumb was taken hold of; negative: it was not
	thumb    *canvas.Rectangle
}

func newBar(moved func(part float32)) *bar {
	b := &bar{moved: moved, size: 1, grip: -1, thumb: canvas.NewRectangle(theme.Color(theme.Secondary))}
	b.ExtendBaseWidget(b)
	return b
}

// set tells which part is seen.
func (b *bar) set(size, at float32) {
	if size != b.size || at != b.at {
		b.size, b.at = size, at
		b.layout()
	}
}

// thumbed is where the thumb begins and how long it is.
func (b *bar) thumbed() (y, length float32) {
	track := b.Size().Height - 8
	length = max(barShort, track*b.size)
	return 4 + (track-length)*b.at, length
}

func (b *bar) layout() {
	if b.size >= 1 || b.Size().Height < 2*barShort {
		b.thumb.Hide()
		return
	}
	width := float32(barThin)
	if b.over || b.grip >= 0 {
		width = barThick
	}
	y, length := b.thumbed()
	b.thumb.CornerRadius = width / 2
	b.thumb.Move(fyne.NewPos(barWidth-width-2, y))
	b.thumb.Resize(fyne.NewSize(width, length))
	b.thumb.Show()
}

// Dragged moves the thumb.
func (b *bar) Dragged(e *fyne.DragEvent) {
	y, length := b.thumbed()
	if b.grip < 0 {
		b.grip = max(0, min(e.Position.Y-e.Dragged.DY-y, length))
	}
	b.to(e.Position.Y - b.grip)
}

// DragEnd lets go of it.
func (b *bar) DragEnd() {
	b.grip = -1
	b.Refresh()
}

// Tapped goes to a place.
func (b *bar) Tapped(e *fyne.PointEvent) {
	y, length := b.thumbed()
	if e.Position.Y < y || e.Position.Y > y+length {
		b.to(e.Position.Y - length/2)
	}
}

// to moves the top of the thumb.
func (b *bar) to(y float32) {
	_, length := b.thumbed()
	room := b.Size().Height - 8 - length
	if b.size < 1 && room > 0 {
		b.moved(max(0, min((y-4)/room, 1)))
	}
}

// MouseIn makes the thumb easier to grasp.
func (b *bar) MouseIn(*desktop.MouseEvent) {
	b.over = true
	b.Refresh()
}

// MouseMoved is not needed.
func (b *bar) MouseMoved(*desktop.MouseEvent) {}

// MouseOut makes it thin again.
func (b *bar) MouseOut() {
	b.over = false
	b.Refresh()
}

// Refresh draws it with the colours of now.
func (b *bar) Refresh() {
	b.thumb.FillColor = translucent(theme.Color(theme.Secondary), 0x50)
	if b.over || b.grip >= 0 {
		b.thumb.FillColor = translucent(theme.Color(theme.Secondary), 0xa0)
	}
	b.layout()
	b.thumb.Refresh()
}

// CreateRenderer is widget.Widget's.
func (b *bar) CreateRenderer() fyne.WidgetRenderer {
	b.Refresh()
	return &plainRenderer{objects: []fyne.CanvasObject{b.thumb}, layout: func(fyne.Size) { b.layout() }}
}

// plainRenderer draws a widget that moves its objects itself.
type plainRenderer struct {
	objects []fyne.CanvasObject
	layout  func(fyne.Size)
	min     fyne.Size
	refresh func()
}

func (r *plainRenderer) Destroy()           {}
func (r *plainRenderer) MinSize() fyne.Size { return r.min }
func (r *plainRenderer) Layout(s fyne.Size) {
	if r.layout != nil {
		r.layout(s)
	}
}

func (r *plainRenderer) Refresh() {
	if r.refresh != nil {
		r.refresh()
	}
}
func (r *plainRenderer) Objects() []fyne.CanvasObject { return r.objects }

// translucent is a colour with another opacity.
func translucent(c color.Color, alpha uint8) color.Color {
	r, g, b, _ := c.RGBA()
	return color.NRGBA{R: uint8(r >> 8), G: uint8(g >> 8), B: uint8(b >> 8), A: alpha}
}
