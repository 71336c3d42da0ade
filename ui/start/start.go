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
