package widget

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"zeroms/ui/arrange"
)

// NewStack puts objects below each other with a gap between them. Unlike Fyne's VBox it
// knows texts whose height depends on their width.
func NewStack(gap float32, objects ...fyne.CanvasObject) *fyne.Container {
	return arrange.NewStack(gap, objects...)
}

// NewLine puts objects beside each other with a gap between them, each in the middle of
// the height.
func NewLine(gap float32, objects ...fyne.CanvasObject) *fyne.Container {
	return arrange.NewLine(gap, objects...)
}

// NewLineRight is NewLine at the right end.
func NewLineRight(gap float32, objects ...fyne.CanvasObject) *fyne.Container {
	return arrange.NewLineRight(gap, objects...)
}

// NewFlow puts objects beside each other, and below where the width is used up: for
// buttons.
func NewFlow(gap float32, objects ...fyne.CanvasObject) *fyne.Container {
	return arrange.NewFlow(gap, objects...)
}

// NewInset leaves a space on the left and right of an object and another above and
// below.
func NewInset(sides, ends float32, object fyne.CanvasObject) *fyne.Container {
	return arrange.NewInset(sides, ends, object)
}

// NewColumn puts objects below each other, 16 pixels apart, in the middle of the width
// and no wider than maxWidth.
func NewColumn(maxWidth float32, objects ...fyne.CanvasObject) *fyne.Container {
	return arrange.NewColumn(maxWidth, objects...)
}

// NewScroll scrolls content up and down.
func NewScroll(content fyne.CanvasObject) *container.Scroll { return arrange.NewScroll(content) }
