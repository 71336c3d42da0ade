package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"zeroms/ui/theme"
)

// The widths of panes at 100 %.
const (
	listWidth    = 320
	detailsWidth = 300
	// narrowWidth is below which there is one pane only, besideWidth from which details
	// stand beside the conversation.
	narrowWidth = 720
	besideWidth = 1000
)

// panes lays out up to three panes: the list, the page, and what stands beside the
// page. In a narrow window one of them has all the room.
type panes struct {
	zoom               float32
	list, page, beside fyne.CanvasObject // nil: none
	lines              [2]*canvas.Rectangle
	box                *fyne.Container
	fits               func(narrow, beside bool) // told when the room changes
	narrow, wide       bool
	told               bool
}

func newPanes(zoom float32, fits func(narrow, beside bool)) *panes {
	p := &panes{zoom: zoom, fits: fits}
	for i := range p.lines {
		p.lines[i] = canvas.NewRectangle(theme.Color(theme.Line))
	}
	p.box = &fyne.Container{Layout: p}
	return p
}

// set shows these panes; any may be nil.
func (p *panes) set(list, page, beside fyne.CanvasObject) {
	p.list, p.page, p.beside = list, page, beside
	var objects []fyne.CanvasObject
	for _, o := range []fyne.CanvasObject{list, page, beside} {
		if o != nil {
			objects = append(objects, o)
		}
	}
	p.box.Objects = append(objects, p.lines[0], p.lines[1])
	p.Layout(nil, p.box.Size())
	canvas.Refresh(p.lines[0]) // has the window painted; all of the box would be made anew
}

// room tells how much there is for a size.
func (p *panes) room(size fyne.Size) (narrow, beside bool) {
	return size.Width < narrowWidth*p.zoom, size.Width >= besideWidth*p.zoom
}

// Layout is fyne.Layout's.
func (p *panes) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	narrow, wide := p.room(size)
	if size.Width > 0 && (!p.told || narrow != p.narrow || wide != p.wide) {
		p.told, p.narrow, p.wide = true, narrow, wide
		p.fits(narrow, wide) // sets the panes anew
	}
	for _, l := range p.lines {
		l.Hide()
	}
	if narrow {
		for _, o := range []fyne.CanvasObject{p.list, p.page, p.beside} {
			place(o, 0, size.Width, size.Height)
		}
		return
	}
	left, right := float32(0), size.Width
	if p.list != nil {
		left = listWidth * p.zoom
		place(p.list, 0, left, size.Height)
		p.rule(0, left, size.Height)
		left++
	}
	if p.beside != nil {
		right -= detailsWidth * p.zoom
		place(p.beside, right, size.Width-right, size.Height)
		right--
		p.rule(1, right, size.Height)
	}
	place(p.page, left, right-left, size.Height)
}

func (p *panes) rule(i int, x, height float32) {
	p.lines[i].Move(fyne.NewPos(x, 0))
	p.lines[i].Resize(fyne.NewSize(1, height))
	p.lines[i].Show()
}

func place(o fyne.CanvasObject, x, width, height float32) {
	if o == nil {
		return
	}
	o.Move(fyne.NewPos(x, 0))
	o.Resize(fyne.NewSize(width, height))
}

// MinSize is fyne.Layout's: what is there scrolls or cuts itself.
func (p *panes) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(360, 480) }
