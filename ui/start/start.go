// Package start holds the pages before the window's own: the first minute, in which an
// identity, a gateway and a card come to be; a profile made anew from its 24 words; the
// lock; and what is shown if the profile can't be opened.
package start

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"zeroms/ui/page"
	"zeroms/ui/theme"
	w "zeroms/ui/widget"
)

// The widths of what stands in the middle.
const (
	panelWidth = 420
	wordsWidth = 560
	footWidth  = 720
	cardWidth  = 640
	stepWidth  = 460
	panelPad   = 28
)

// middle puts one object into the middle of the height, as wide as there is room.
type middle struct{ margin float32 }

// Layout is Fyne's.
func (m middle) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	side := theme.Px(m.margin)
	for _, o := range objects {
		width := size.Width - 2*side
		o.Resize(fyne.NewSize(width, o.MinSize().Height))
		height := o.MinSize().Height
		o.Resize(fyne.NewSize(width, height))
		o.Move(fyne.NewPos(side, max(side, (size.Height-height)/2)))
	}
}

// MinSize is Fyne's.
func (m middle) MinSize(objects []fyne.CanvasObject) (size fyne.Size) {
	for _, o := range objects {
		size = size.Max(o.MinSize())
	}
	return size.AddWidthHeight(2*theme.Px(m.margin), 2*theme.Px(m.margin))
}

// halves gives two objects half of the width each.
type halves struct{}

const halvesGap = 8

// Layout is Fyne's.
func (halves) Layout(o []fyne.CanvasObject, size fyne.Size) {
	half := (size.Width - theme.Px(halvesGap)) / 2
	for i, object := range o {
		object.Resize(fyne.NewSize(half, size.Height))
		object.Move(fyne.NewPos(float32(i)*(half+theme.Px(halvesGap)), 0))
	}
}

// MinSize is Fyne's.
func (halves) MinSize(o []fyne.CanvasObject) fyne.Size {
	least := o[0].MinSize().Max(o[1].MinSize())
	return fyne.NewSize(2*least.Width+theme.Px(halvesGap), least.Height)
}

// centred puts objects beside each other in the middle of the width, on as many lines as
// they need.
type centred struct {
	gap   float32
	width float32 // that it was laid out for
}

// lines are the objects of each line.
func (c *centred) lines(o []fyne.CanvasObject, width float32) (lines [][]fyne.CanvasObject) {
	x := float32(0)
	for _, object := range o {
		least := object.MinSize().Width
		if x > 0 && x+least > width+0.5 || len(lines) == 0 {
			lines, x = append(lines, nil), 0
		}
		last := len(lines) - 1
		lines[last] = append(lines[last], object)
		x += least + theme.Px(c.gap)
	}
	return lines
}

// Layout is Fyne's.
func (c *centred) Layout(o []fyne.CanvasObject, size fyne.Size) {
	c.width = size.Width
	y := float32(0)
	for _, line := range c.lines(o, size.Width) {
		whole, high := -theme.Px(c.gap), float32(0)
		for _, object := range line {
			whole += object.MinSize().Width + theme.Px(c.gap)
		}
		x := max(0, (size.Width-whole)/2)
		for _, object := range line {
			width := min(object.MinSize().Width, size.Width)
			object.Resize(fyne.NewSize(width, object.MinSize().Height))
			height := object.MinSize().Height
			object.Resize(fyne.NewSize(width, height))
			object.Move(fyne.NewPos(x, y))
			x += width + theme.Px(c.gap)
			high = max(high, height)
		}
		y += high
	}
}

// MinSize is Fyne's.
func (c *centred) MinSize(o []fyne.CanvasObject) (size fyne.Size) {
	width := c.width
	if width == 0 {
		width = theme.Px(footWidth)
	}
	for _, line := range c.lines(o, width) {
		high := float32(0)
		for _, object := range line {
			high = max(high, object.MinSize().Height)
		}
		size.Height += high
	}
	return size
}

// aside puts a second object to the right of a first, or below it where the first would
// have too little room.
type aside struct{ below bool }

// asideRoom is how wide the first has to be at least.
const asideRoom = 240

// Layout is Fyne's.
func (a *aside) Layout(o []fyne.CanvasObject, size fyne.Size) {
	tail := o[1].MinSize()
	width := size.Width - tail.Width - theme.Px(4)
	if a.below = width < theme.Px(asideRoom); a.below {
		width = size.Width
	}
	o[0].Resize(fyne.NewSize(width, o[0].MinSize().Height))
	height := o[0].MinSize().Height
	o[0].Resize(fyne.NewSize(width, height))
	o[0].Move(fyne.Position{})
	o[1].Resize(tail)
	if a.below {
		o[1].Move(fyne.NewPos(0, height+theme.Px(8)))
		return
	}
	o[1].Move(fyne.NewPos(size.Width-tail.Width, (size.Height-tail.Height)/2))
}

// MinSize is Fyne's.
func (a *aside) MinSize(o []fyne.CanvasObject) fyne.Size {
	first, tail := o[0].MinSize(), o[1].MinSize()
	if a.below {
		return fyne.NewSize(max(first.Width, tail.Width), first.Height+theme.Px(8)+tail.Height)
	}
	return fyne.NewSize(max(first.Width, tail.Width), max(first.Height, tail.Height))
}

// stage is a page that stands alone: one panel in the middle of the window, under the
// app's name, with something below it.
type stage struct {
	h     *page.Host
	root  *fyne.Container
	plate *w.Plate
	focus fyne.Focusable
	shown bool // it is in the window
}

func newStage(h *page.Host) stage {
	s := stage{h: h, plate: w.NewPlate(theme.Background)}
	s.root = container.NewStack(s.plate)
	return s
}

// brand is the app's name.
func brand() fyne.CanvasObject {
	second := w.NewText("零毫秒", w.Heading)
	second.SetColor(theme.Accent)
	return container.NewCenter(w.NewLine(8, w.NewText("ZeroMS", w.Heading), second))
}

// put shows a panel of a width with something below it; focus gets the keyboard.
func (s *stage) put(width float32, focus fyne.Focusable, content fyne.CanvasObject, below ...fyne.CanvasObject) {
	parts := []fyne.CanvasObject{brand(), w.NewColumn(width, w.NewPaddedPanel(panelPad, content))}
	parts = append(parts, below...)
	s.root.Objects = []fyne.CanvasObject{s.plate, w.NewScroll(container.New(middle{16}, w.NewStack(24, parts...)))}
	s.root.Refresh()
	if s.focus = focus; s.shown {
		s.Focus()
	}
}

// relay lays out anew what came or went.
func (s *stage) relay() { s.root.Refresh() }

// Object is what is drawn.
func (s *stage) Object() fyne.CanvasObject { return s.root }

// Narrow changes nothing: what stands in the middle is narrow.
func (s *stage) Narrow(bool) {}

// Focus puts the keyboard's focus where one types first. The window calls it when it
// shows the page.
func (s *stage) Focus() {
	s.shown = true
	if c := s.h.Window.Canvas(); c != nil && s.focus != nil {
		c.Focus(s.focus)
	}
}

// foot is a line of small print in the middle.
func foot(text string) fyne.CanvasObject {
	p := w.NewParagraph(text, w.Secondary)
	p.SetAlign(fyne.TextAlignCenter)
	return w.NewColumn(footWidth, p)
}

func (s *stage) trouble() w.Trouble { return w.NewTrouble(s.relay) }
