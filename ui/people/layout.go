package people

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"zeroms/ui/theme"
	w "zeroms/ui/widget"
)

// fitted gives an object a width and the height that it then needs.
func fitted(object fyne.CanvasObject, width float32) float32 {
	object.Resize(fyne.NewSize(width, object.MinSize().Height))
	height := object.MinSize().Height
	object.Resize(fyne.NewSize(width, height))
	return height
}

// middle puts one object into the middle of the height, while there is room.
type middle struct{}

func (middle) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	for _, object := range objects {
		height := fitted(object, size.Width)
		object.Move(fyne.NewPos(0, max(0, (size.Height-height)/2)))
	}
}

func (middle) MinSize(objects []fyne.CanvasObject) fyne.Size {
	var size fyne.Size
	for _, object := range objects {
		size = size.Max(object.MinSize())
	}
	return size
}

func inMiddle(object fyne.CanvasObject) *fyne.Container { return container.New(middle{}, object) }

// beside puts two objects beside each other, both in the middle of the height, or below
// each other where there is no room for that: the first, which is a square, with its
// least size or as much of it as there is room for, the second with what is left, down
// to a least.
type beside struct {
	gap, least float32
	now        *besides
}

// besides is how they were laid out.
type besides struct {
	wide bool
	side float32 // of the first one
}

func newBeside(gap, least float32, first, second fyne.CanvasObject) *fyne.Container {
	return container.New(beside{gap, least, &besides{side: first.MinSize().Width}}, first, second)
}

func (b beside) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	first, second := objects[0], objects[1]
	gap, side := theme.Px(b.gap), first.MinSize().Width
	if b.now.wide = size.Width >= side+gap+theme.Px(b.least); b.now.wide {
		b.now.side = side
		height := fitted(second, size.Width-side-gap)
		whole := max(size.Height, side)
		first.Resize(fyne.NewSquareSize(side))
		first.Move(fyne.NewPos(0, (whole-side)/2))
		second.Move(fyne.NewPos(side+gap, max(0, (whole-height)/2)))
		return
	}
	side = min(side, size.Width)
	b.now.side = side
	first.Resize(fyne.NewSquareSize(side))
	first.Move(fyne.NewPos((size.Width-side)/2, 0))
	fitted(second, size.Width)
	second.Move(fyne.NewPos(0, side+gap))
}

func (b beside) MinSize(objects []fyne.CanvasObject) fyne.Size {
	second := objects[1].MinSize()
	if b.now.wide {
		return fyne.NewSize(second.Width, max(b.now.side, second.Height))
	}
	return fyne.NewSize(second.Width, b.now.side+theme.Px(b.gap)+second.Height)
}

// ended puts something at the right end of an object, which gets the width that is left.
type ended struct{ gap float32 }

func newEnded(gap float32, object, end fyne.CanvasObject) *fyne.Container {
	return container.New(ended{gap}, object, end)
}

func (e ended) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	width := size.Width
	if end := objects[1]; end.Visible() {
		least := end.MinSize()
		width -= least.Width + theme.Px(e.gap)
		end.Resize(least)
		end.Move(fyne.NewPos(size.Width-least.Width, (size.Height-least.Height)/2))
	}
	height := fitted(objects[0], width)
	objects[0].Move(fyne.NewPos(0, (size.Height-height)/2))
}

func (e ended) MinSize(objects []fyne.CanvasObject) fyne.Size {
	size := objects[0].MinSize()
	if end := objects[1]; end.Visible() {
		least := end.MinSize()
		size = fyne.NewSize(size.Width+theme.Px(e.gap)+least.Width, max(size.Height, least.Height))
	}
	return size
}

// roomy is the least width that a field or a name keeps beside something else.
const roomy = 130

// wrapped is ended, and puts the end below the object where that leaves it too little
// width.
type wrapped struct {
	gap   float32
	below *bool
}

func newWrapped(gap float32, object, end fyne.CanvasObject) *fyne.Container {
	return container.New(wrapped{gap, new(bool)}, object, end)
}

func (x wrapped) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	end := objects[1].MinSize()
	if *x.below = objects[1].Visible() && size.Width-end.Width-theme.Px(x.gap) < theme.Px(roomy); !*x.below {
		ended{x.gap}.Layout(objects, size)
		return
	}
	height := fitted(objects[0], size.Width)
	objects[0].Move(fyne.NewPos(0, 0))
	objects[1].Resize(fyne.NewSize(min(end.Width, size.Width), end.Height))
	objects[1].Move(fyne.NewPos(0, height+theme.Px(x.gap)))
}

func (x wrapped) MinSize(objects []fyne.CanvasObject) fyne.Size {
	size, end := objects[0].MinSize(), objects[1].MinSize()
	switch {
	case !objects[1].Visible():
		return size
	case *x.below:
		return fyne.NewSize(max(size.Width, end.Width), size.Height+theme.Px(x.gap)+end.Height)
	}
	return fyne.NewSize(max(size.Width, end.Width), max(size.Height, end.Height))
}

// wrappedBegun is begun, and puts the object below the start where there is too little
// width beside it.
type wrappedBegun struct {
	gap   float32
	below *bool
}

func newWrappedBegun(gap float32, start, object fyne.CanvasObject) *fyne.Container {
	return container.New(wrappedBegun{gap, new(bool)}, start, object)
}

func (x wrappedBegun) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	least := objects[0].MinSize()
	if *x.below = size.Width-least.Width-theme.Px(x.gap) < theme.Px(roomy); !*x.below {
		begun{x.gap}.Layout(objects, size)
		return
	}
	objects[0].Resize(least)
	objects[0].Move(fyne.NewPos(0, 0))
	fitted(objects[1], size.Width)
	objects[1].Move(fyne.NewPos(0, least.Height+theme.Px(x.gap)))
}

func (x wrappedBegun) MinSize(objects []fyne.CanvasObject) fyne.Size {
	one, two := objects[0].MinSize(), objects[1].MinSize()
	height := max(one.Height, two.Height)
	if *x.below {
		height = one.Height + theme.Px(x.gap) + two.Height
	}
	return fyne.NewSize(max(one.Width, two.Width), height)
}

// margins leaves space around a page: 24 pixels, and on the sides 12 where there is
// little room.
type margins struct{}

const (
	wideMargin, narrowMargin = 24, 12
	littleRoom               = 520
)

func newMargins(object fyne.CanvasObject) *fyne.Container { return container.New(margins{}, object) }

func (margins) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	side, end := theme.Px(wideMargin), theme.Px(wideMargin)
	if size.Width < theme.Px(littleRoom) {
		side = theme.Px(narrowMargin)
	}
	for _, o := range objects {
		o.Resize(fyne.NewSize(size.Width-2*side, size.Height-2*end))
		o.Move(fyne.NewPos(side, end))
	}
}

func (margins) MinSize(objects []fyne.CanvasObject) (size fyne.Size) {
	for _, o := range objects {
		size = size.Max(o.MinSize())
	}
	return size.AddWidthHeight(2*theme.Px(narrowMargin), 2*theme.Px(wideMargin))
}

// begun puts something before an object, which gets the width that is left; both at the
// top.
type begun struct{ gap float32 }

func newBegun(gap float32, start, object fyne.CanvasObject) *fyne.Container {
	return container.New(begun{gap}, start, object)
}

func (b begun) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	least := objects[0].MinSize()
	objects[0].Resize(least)
	left := least.Width + theme.Px(b.gap)
	height := fitted(objects[1], size.Width-left)
	whole := max(height, least.Height)
	objects[0].Move(fyne.NewPos(0, 0))
	objects[1].Move(fyne.NewPos(left, (whole-height)/2))
}

func (b begun) MinSize(objects []fyne.CanvasObject) fyne.Size {
	one, two := objects[0].MinSize(), objects[1].MinSize()
	return fyne.NewSize(one.Width+theme.Px(b.gap)+two.Width, max(one.Height, two.Height))
}

// grid puts objects of one size into rows of so many columns, or of half as many where
// there is no room, in the middle of the width.
type grid struct {
	columns int
	gap     float32
	now     *int
}

func newGrid(columns int, gap float32, objects ...fyne.CanvasObject) *fyne.Container {
	now := columns
	return container.New(grid{columns, gap, &now}, objects...)
}

func (g grid) cell(objects []fyne.CanvasObject) (cell fyne.Size) {
	for _, object := range objects {
		cell = cell.Max(object.MinSize())
	}
	return cell
}

func (g grid) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	cell, gap := g.cell(objects), theme.Px(g.gap)
	for *g.now = g.columns; *g.now > 1 && float32(*g.now)*(cell.Width+gap)-gap > size.Width+0.5; {
		*g.now /= 2
	}
	left := max(0, size.Width-float32(*g.now)*(cell.Width+gap)+gap) / 2
	for i, object := range objects {
		object.Resize(cell)
		object.Move(fyne.NewPos(left+float32(i%*g.now)*(cell.Width+gap), float32(i / *g.now)*(cell.Height+gap/2)))
	}
}

func (g grid) MinSize(objects []fyne.CanvasObject) fyne.Size {
	cell, gap := g.cell(objects), theme.Px(g.gap)
	rows := (len(objects) + *g.now - 1) / *g.now
	return fyne.NewSize(cell.Width, float32(rows)*(cell.Height+gap/2)-gap/2)
}

// titled puts a mark right behind a text, which is cut before the mark is pushed out.
type titled struct{ gap float32 }

func newTitled(gap float32, text, mark fyne.CanvasObject) *fyne.Container {
	return container.New(titled{gap}, text, mark)
}

func (t titled) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	text, mark := objects[0], objects[1]
	room := size.Width
	side := mark.MinSize()
	if mark.Visible() {
		room -= side.Width + theme.Px(t.gap)
	}
	width := min(room, wanted(text))
	height := text.MinSize().Height
	text.Resize(fyne.NewSize(width, height))
	text.Move(fyne.NewPos(0, (size.Height-height)/2))
	mark.Resize(side)
	mark.Move(fyne.NewPos(width+theme.Px(t.gap), (size.Height-side.Height)/2))
}

func (t titled) MinSize(objects []fyne.CanvasObject) fyne.Size {
	text, mark := objects[0].MinSize(), objects[1].MinSize()
	return fyne.NewSize(text.Width+mark.Width+theme.Px(t.gap), max(text.Height, mark.Height))
}

// wanted is the width that a line of text has when it is not cut.
func wanted(object fyne.CanvasObject) float32 {
	text, ok := object.(*w.Text)
	if !ok {
		return object.MinSize().Width
	}
	return fyne.MeasureText(text.Text(), theme.Size(theme.SizeTitle), fyne.TextStyle{Bold: true}).Width + 1
}
