package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	w "zeroms/ui/widget"
)

// layers is the window's content: the pages, what lies over them (boxes, the menu),
// and the line of a notice.
type layers struct {
	object *w.Layer
	body   *fyne.Container
	boxes  *fyne.Container
	notice *fyne.Container
	open   []*layer // the topmost last
}

// layer is one thing over the pages.
type layer struct {
	object fyne.CanvasObject
	closed func() // told when it goes; may be nil
}

func newLayers(p *painted) *layers {
	l := &layers{
		body: container.NewStack(), boxes: container.NewStack(), notice: container.NewStack(),
	}
	all := container.NewStack(l.body, l.boxes, l.notice) // the driver has cleared the window in the theme's background
	if p != nil {
		all.Add(container.NewWithoutLayout(p.raster))
	}
	l.object = w.NewLayer(all)
	return l
}

// show shows pages in place of those before.
func (l *layers) show(o fyne.CanvasObject) {
	l.body.Objects = []fyne.CanvasObject{o}
	l.body.Refresh()
}

// restyle is told that colours and sizes are others now. What lies over the pages goes.
func (l *layers) restyle() { l.clear() }

// push lays something over everything; pop takes it away again.
func (l *layers) push(o fyne.CanvasObject, closed func()) (pop func()) {
	one := &layer{object: o, closed: closed}
	l.open = append(l.open, one)
	l.draw()
	return func() { l.remove(one) }
}

func (l *layers) remove(one *layer) {
	for i, o := range l.open {
		if o == one {
			l.open = append(l.open[:i:i], l.open[i+1:]...)
			l.draw()
			if one.closed != nil {
				one.closed()
			}
			return
		}
	}
}

// close takes the topmost away; false if there is none.
func (l *layers) close() bool {
	if len(l.open) == 0 {
		return false
	}
	l.remove(l.open[len(l.open)-1])
	return true
}

// top is what can be reached: the topmost thing over the pages, or else these.
func (l *layers) top() fyne.CanvasObject {
	if n := len(l.open); n > 0 {
		return l.open[n-1].object
	}
	return l.body
}

// clear takes everything away.
func (l *layers) clear() {
	for l.close() {
	}
}

func (l *layers) draw() {
	l.boxes.Objects = l.boxes.Objects[:0]
	for _, o := range l.open {
		l.boxes.Objects = append(l.boxes.Objects, o.object)
	}
	l.boxes.Refresh()
}
