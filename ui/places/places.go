// Package places holds the pages about where the user's messages live and how the app
// behaves: the gateways and the settings.
package places

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"

	"zeroms/ui/arrange"
	"zeroms/ui/page"
	"zeroms/ui/theme"
	w "zeroms/ui/widget"
)

// pageWidth is how wide the content of a page gets.
const pageWidth = 960

// sheet is a page with a header and content that scrolls below it.
type sheet struct {
	h      *page.Host
	header *w.Header
	list   *fyne.Container
	root   *fyne.Container
	scroll *container.Scroll
	frame  *margins
}

// newSheet makes one; width bounds the content.
func newSheet(h *page.Host, title string, width float32) sheet {
	s := sheet{h: h, header: w.NewHeader(title, ""), list: w.NewColumn(width)}
	s.header.OnBack = h.Nav.Back
	s.header.SetBackHint(h.Words.Say("places.back"))
	s.frame = &margins{}
	s.scroll = w.NewScroll(container.New(s.frame, s.list))
	s.root = container.NewStack(w.NewPlate(theme.Background), container.NewBorder(s.header, nil, nil, nil, s.scroll))
	return s
}

// put shows objects below each other.
func (s *sheet) put(objects ...fyne.CanvasObject) {
	s.list.Objects = objects
	s.relay()
}

// relay lays out anew what came or went.
func (s *sheet) relay() { s.root.Refresh() }

// Object is what is drawn.
func (s *sheet) Object() fyne.CanvasObject { return s.root }

// margins leaves 24 pixels around one object, or 12 where there is little room.
type margins struct {
	width   float32       // that it was laid out for
	widened func(float32) // is told another width before it is laid out for it; nil: nobody
}

const (
	wideMargin, narrowMargin = 24, 12
	littleRoom               = 520
)

func (*margins) of(width float32) float32 {
	if width > 0 && width < theme.Px(littleRoom) {
		return theme.Px(narrowMargin)
	}
	return theme.Px(wideMargin)
}

// Layout is Fyne's.
func (m *margins) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	if size.Width != m.width {
		if m.width = size.Width; m.widened != nil {
			m.widened(size.Width)
		}
	}
	side := m.of(size.Width)
	for _, o := range objects {
		o.Move(fyne.NewPos(side, side))
		o.Resize(fyne.NewSize(size.Width-2*side, size.Height-2*side))
	}
}

// MinSize is Fyne's.
func (*margins) MinSize(objects []fyne.CanvasObject) (size fyne.Size) {
	for _, o := range objects {
		size = size.Max(o.MinSize())
	}
	return size.AddWidthHeight(2*theme.Px(narrowMargin), 2*theme.Px(wideMargin))
}

// tailed gives the first object the width that the second one leaves, or puts the second
// below it where that is too little.
type tailed struct{ below bool }

func newTailed(body, tail fyne.CanvasObject) *fyne.Container {
	return container.New(&tailed{}, body, tail)
}

const (
	tailGap  = 12
	tailRoom = 110 // that the first object needs beside the second
)

// Layout is Fyne's.
func (t *tailed) Layout(o []fyne.CanvasObject, size fyne.Size) {
	tail := o[1].MinSize()
	left := size.Width - tail.Width - theme.Px(tailGap)
	if t.below = left < theme.Px(tailRoom); t.below {
		height := arrange.Under(o[0], size.Width)
		arrange.Place(o[0], 0, 0, size.Width, height)
		arrange.Place(o[1], 0, height+theme.Px(tailGap), min(tail.Width, size.Width), tail.Height)
		return
	}
	arrange.Place(o[0], 0, 0, left, size.Height)
	arrange.Place(o[1], size.Width-tail.Width, (size.Height-tail.Height)/2, tail.Width, tail.Height)
}

// MinSize is Fyne's.
func (t *tailed) MinSize(o []fyne.CanvasObject) fyne.Size {
	body, tail := o[0].MinSize(), o[1].MinSize()
	if t.below {
		return fyne.NewSize(max(body.Width, tail.Width), body.Height+theme.Px(tailGap)+tail.Height)
	}
	return fyne.NewSize(max(body.Width, tail.Width), max(body.Height, tail.Height))
}

// box is a panel with a title and content below it; shut puts a button into its corner
// that takes it away, nil: none.
func box(h *page.Host, title string, shut func(), content ...fyne.CanvasObject) fyne.CanvasObject {
	var top fyne.CanvasObject = w.NewText(title, w.Strong)
	if shut != nil { // the button is higher than the title, and its cross stands where the content ends
		button := w.NewIconButton("box.close", "close", h.Words.Say("places.close"), shut)
		top = container.New(arrange.Inset{Top: -10, Right: -10, Bottom: -10}, container.NewHBox(top, layout.NewSpacer(), button))
	}
	return w.NewPanel(w.NewStack(12, append([]fyne.CanvasObject{top}, content...)...))
}

// explained is the title of something with what it means below it.
func explained(title, text string) fyne.CanvasObject {
	return w.NewStack(2, w.NewText(title, w.Body), w.NewParagraph(text, w.Secondary))
}

// flat leaves out what a switch keeps free around its text for the pointer.
func flat(s *w.Switch) fyne.CanvasObject { return w.NewInset(0, -8, s) }

func (s *sheet) trouble() w.Trouble { return w.NewTrouble(s.relay) }
