package arrange

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"zeroms/ui/theme"
)

// middle puts one object into the middle, no wider than a most, and at the top if it is
// higher than there is room.
type middle struct{ most float32 }

func (l middle) Layout(o []fyne.CanvasObject, size fyne.Size) {
	width := min(theme.Px(l.most), size.Width-theme.Px(32))
	height := Under(o[0], width)
	o[0].Move(fyne.NewPos((size.Width-width)/2, max(0, size.Height-height)/2))
}

func (middle) MinSize(o []fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(0, o[0].MinSize().Height)
}

// NewMiddle puts an object into the middle, no wider than maxWidth.
func NewMiddle(maxWidth float32, object fyne.CanvasObject) *fyne.Container {
	return container.New(middle{maxWidth}, object)
}

// strip lays a text, a button and a small button over their ground; where that is narrow,
// the button below the text.
type strip struct{}

func (strip) Layout(o []fyne.CanvasObject, size fyne.Size) {
	Place(o[0], 0, 0, size.Width, size.Height)
	side, left, button := theme.Px(32), theme.Px(16), o[2].MinSize()
	right := size.Width - theme.Px(4) - side
	below := size.Height
	if crowded(o, size.Width) {
		below -= button.Height - theme.Px(10)
		Place(o[2], left-theme.Px(12), size.Height-button.Height-theme.Px(2), button.Width, button.Height)
	} else {
		right -= button.Width
		Place(o[2], right, (size.Height-button.Height)/2, button.Width, button.Height)
	}
	Place(o[3], size.Width-theme.Px(4)-side, (below-side)/2, side, side)
	height := Under(o[1], max(theme.Px(40), right-left))
	o[1].Move(fyne.NewPos(left, (below-height)/2))
}

// crowded tells that the text has too little room beside the button.
func crowded(o []fyne.CanvasObject, width float32) bool {
	return width > 0 && width-o[2].MinSize().Width < theme.Px(162)
}

func (strip) MinSize(o []fyne.CanvasObject) fyne.Size {
	high := max(o[1].MinSize().Height+theme.Px(20), o[2].MinSize().Height, theme.Px(40))
	if crowded(o, o[0].Size().Width) {
		high += o[2].MinSize().Height - theme.Px(10)
	}
	return fyne.NewSize(theme.Px(160), high)
}

// NewStrip lays a text, a button without a ground of its own, and a small button at the
// right end over a ground.
func NewStrip(ground, text, button, small fyne.CanvasObject) *fyne.Container {
	return container.New(strip{}, ground, text, button, small)
}

// step lays out a mark, a title with a value at its right end, and a line below.
type step struct{}

func (step) Layout(o []fyne.CanvasObject, size fyne.Size) {
	dot, left := theme.Px(10), theme.Px(20)
	value := o[2].MinSize()
	Place(o[0], 0, (value.Height-dot)/2, dot, dot)
	Place(o[2], size.Width-value.Width, 0, value.Width, value.Height)
	high := Under(o[1], max(0, size.Width-left-value.Width-theme.Px(8)))
	o[1].Move(fyne.NewPos(left, 0))
	if o[3].Visible() {
		Under(o[3], size.Width-left)
		o[3].Move(fyne.NewPos(left, high))
	}
}

func (step) MinSize(o []fyne.CanvasObject) fyne.Size {
	high := o[1].MinSize().Height
	if o[3].Visible() {
		high += o[3].MinSize().Height
	}
	return fyne.NewSize(theme.Px(120), high)
}

// NewStep puts a mark before a title, a value at the right end of that, and a line below,
// which may be hidden.
func NewStep(mark, title, value, line fyne.CanvasObject) *fyne.Container {
	return container.New(step{}, mark, title, value, line)
}

// aside lays an object out with a mark at its right end.
type aside struct{ side float32 }

func (l aside) Layout(o []fyne.CanvasObject, size fyne.Size) {
	side := theme.Px(l.side)
	Place(o[1], size.Width-side, (size.Height-side)/2, side, side)
	Under(o[0], max(0, size.Width-side-theme.Px(8)))
	o[0].Move(fyne.Position{})
}

func (l aside) MinSize(o []fyne.CanvasObject) fyne.Size {
	return o[0].MinSize().AddWidthHeight(theme.Px(l.side+8), 0)
}

// NewAside puts a mark of a side at the right end of an object.
func NewAside(side float32, object, mark fyne.CanvasObject) *fyne.Container {
	return container.New(aside{side}, object, mark)
}
