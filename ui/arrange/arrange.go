// Package arrange lays objects out: below each other, beside each other, in columns. Unlike
// Fyne's layouts it knows texts whose height depends on their width. Lengths are those of
// the drawings and grow with the zoom.
package arrange

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"zeroms/ui/inspect"
	"zeroms/ui/theme"
)

// FirstWidth is what a text is measured for before it has a width.
const FirstWidth = 320

// stack puts objects below each other, each as wide as the stack, and asks for their
// heights only when they have that width.
type stack struct{ gap float32 }

func (s stack) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	y := float32(0)
	for _, object := range objects {
		if !object.Visible() {
			continue
		}
		height := Under(object, size.Width)
		object.Move(fyne.NewPos(0, y))
		y += height + theme.Px(s.gap)
	}
}

func (s stack) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var size fyne.Size
	n := 0
	for _, object := range objects {
		if !object.Visible() {
			continue
		}
		size.Width = max(size.Width, narrowest(object))
		size.Height += object.MinSize().Height
		n++
	}
	size.Height += float32(max(0, n-1)) * theme.Px(s.gap)
	return size
}

// NewStack puts objects below each other with a gap between them. Unlike Fyne's VBox it
// knows texts whose height depends on their width.
func NewStack(gap float32, objects ...fyne.CanvasObject) *fyne.Container {
	return container.New(stack{gap}, objects...)
}

// line puts objects beside each other at their least width, in the middle of the height.
type line struct {
	gap   float32
	right bool
}

func (l line) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	x := float32(0)
	if l.right {
		x = size.Width - l.MinSize(objects).Width
	}
	for _, object := range objects {
		if !object.Visible() {
			continue
		}
		least := object.MinSize()
		Place(object, x, (size.Height-least.Height)/2, least.Width, least.Height)
		x += least.Width + theme.Px(l.gap)
	}
}

func (l line) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var size fyne.Size
	n := 0
	for _, object := range objects {
		if !object.Visible() {
			continue
		}
		least := object.MinSize()
		size.Height = max(size.Height, least.Height)
		size.Width += least.Width
		n++
	}
	size.Width += float32(max(0, n-1)) * theme.Px(l.gap)
	return size
}

// NewLine puts objects beside each other with a gap between them, each in the middle of
// the height.
func NewLine(gap float32, objects ...fyne.CanvasObject) *fyne.Container {
	return container.New(line{gap: gap}, objects...)
}

// NewLineRight is NewLine at the right end.
func NewLineRight(gap float32, objects ...fyne.CanvasObject) *fyne.Container {
	return container.New(line{gap: gap, right: true}, objects...)
}

// Shrinker is an object that can be narrower than it wants to be where there is no room.
type Shrinker interface {
	// Narrowest is its width then.
	Narrowest() float32
}

// narrowest is the width that an object needs.
func narrowest(object fyne.CanvasObject) float32 {
	if s, ok := object.(Shrinker); ok {
		return s.Narrowest()
	}
	return object.MinSize().Width
}

// flow puts objects beside each other and into as many lines as they need.
type flow struct {
	gap   float32
	width *float32 // that it was laid out for
}

func (f flow) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	*f.width = size.Width
	f.put(objects, size.Width, true)
}

func (f flow) MinSize(objects []fyne.CanvasObject) fyne.Size {
	width := *f.width
	if width == 0 {
		width = theme.Px(FirstWidth)
	}
	widest := float32(0)
	for _, object := range objects {
		if object.Visible() {
			widest = max(widest, narrowest(object))
		}
	}
	return fyne.NewSize(widest, f.put(objects, width, false))
}

func (f flow) put(objects []fyne.CanvasObject, width float32, move bool) float32 {
	x, y, height := float32(0), float32(0), float32(0)
	for _, object := range objects {
		if !object.Visible() {
			continue
		}
		size := object.MinSize()
		if size.Width > width {
			if size.Width = max(width, narrowest(object)); move {
				size.Height = Under(object, size.Width)
			}
		}
		if x > 0 && x+size.Width > width+0.5 {
			x, y, height = 0, y+height+theme.Px(f.gap), 0
		}
		if move {
			Place(object, x, y, size.Width, size.Height)
		}
		x += size.Width + theme.Px(f.gap)
		height = max(height, size.Height)
	}
	return y + height
}

// NewFlow puts objects beside each other, and below where the width is used up: for
// buttons.
func NewFlow(gap float32, objects ...fyne.CanvasObject) *fyne.Container {
	return container.New(flow{gap, new(float32)}, objects...)
}

// Inset is a layout that leaves space around one object.
type Inset struct{ Top, Right, Bottom, Left float32 }

// Layout is fyne.Layout's.
func (i Inset) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	for _, object := range objects {
		Place(object, theme.Px(i.Left), theme.Px(i.Top), size.Width-theme.Px(i.Left+i.Right), size.Height-theme.Px(i.Top+i.Bottom))
	}
}

// MinSize is fyne.Layout's.
func (i Inset) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var size fyne.Size
	for _, object := range objects {
		size = size.Max(object.MinSize())
	}
	return size.AddWidthHeight(theme.Px(i.Left+i.Right), theme.Px(i.Top+i.Bottom))
}

// NewInset leaves a space on the left and right of an object and another above and
// below.
func NewInset(sides, ends float32, object fyne.CanvasObject) *fyne.Container {
	return container.New(Inset{ends, sides, ends, sides}, object)
}

// column is a stack in the middle, no wider than a most.
type column struct {
	most float32
	gap  float32
}

func (c column) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	width := min(size.Width, theme.Px(c.most))
	x := (size.Width - width) / 2
	stack{c.gap}.Layout(objects, fyne.NewSize(width, size.Height))
	for _, object := range objects {
		object.Move(object.Position().AddXY(x, 0))
	}
}

func (c column) MinSize(objects []fyne.CanvasObject) fyne.Size { return stack{c.gap}.MinSize(objects) }

// NewColumn puts objects below each other, 16 pixels apart, in the middle of the width
// and no wider than maxWidth.
func NewColumn(maxWidth float32, objects ...fyne.CanvasObject) *fyne.Container {
	return container.New(column{maxWidth, 16}, objects...)
}

// fit makes itself as high as its content needs at the width that it was given, so that
// a Scroll around it can scroll over all of it.
type fit struct {
	self   *fyne.Container
	scroll *container.Scroll
}

func (f *fit) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	inspect.Bare(f.scroll, true, true)
	for _, object := range objects {
		height := Under(object, size.Width)
		if height > size.Height {
			f.self.Resize(fyne.NewSize(size.Width, height)) // comes back here
			return
		}
		Place(object, 0, 0, size.Width, size.Height)
	}
}

// scrollLeast is the width that content which scrolls up and down gets in any case. What
// wants more has to do with what there is: beyond the edge nobody could get at it.
const scrollLeast = 160

func (f *fit) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var size fyne.Size
	for _, object := range objects {
		size = size.Max(object.MinSize())
	}
	size.Width = min(size.Width, theme.Px(scrollLeast))
	return size
}

// NewScroll scrolls content up and down.
func NewScroll(content fyne.CanvasObject) *container.Scroll {
	f := &fit{}
	f.self = &fyne.Container{Layout: f, Objects: []fyne.CanvasObject{content}}
	f.scroll = container.NewVScroll(f.self)
	return f.scroll
}

// Place moves and resizes an object at once.
func Place(object fyne.CanvasObject, x, y, width, height float32) {
	object.Move(fyne.NewPos(x, y))
	object.Resize(fyne.NewSize(width, height))
}

// Under is the height that an object takes at a width.
func Under(object fyne.CanvasObject, width float32) float32 {
	height := object.MinSize().Height
	object.Resize(fyne.NewSize(width, height))
	if now := object.MinSize().Height; now != height {
		height = now
		object.Resize(fyne.NewSize(width, height))
	}
	return height
}
