// Package inspect looks at what a window shows: where its named controls are, for
// drivers, and which texts do not fit, for tests.
package inspect

import (
	"fmt"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
)

// Named is a control that drivers and tests find by a fixed name.
type Named interface{ ID() string }

// Misfit is a widget that knows whether its text fits.
type Misfit interface {
	// Misfit tells what does not fit; empty: all does.
	Misfit() string
}

// Control is where a named control is: from the window's corner, in units of Fyne.
type Control struct {
	ID         string
	X, Y, W, H float32
	Focused    bool   // the keyboard writes into it
	Text       string // what is written in a field that is no secret
}

// Writable is a control that is written into.
type Writable interface {
	// Written is what is seen of it.
	Written() string
}

// area is what can be seen of an object.
type area struct{ left, top, right, bottom float32 }

func (a area) within(b area) area {
	return area{max(a.left, b.left), max(a.top, b.top), min(a.right, b.right), min(a.bottom, b.bottom)}
}

func (a area) empty() bool { return a.right-a.left < 1 || a.bottom-a.top < 1 }

// seen is an object with where it is and how much of it can be seen.
type seen struct {
	object   fyne.CanvasObject
	at, view area
	field    bool // it is in a field, where a text may be longer than what is seen
}

// walk calls visit for all visible objects below and including root.
func walk(root fyne.CanvasObject, visit func(seen)) {
	if root == nil {
		return
	}
	at := fyne.CurrentApp().Driver().AbsolutePositionForObject(root)
	size := root.Size()
	view := area{at.X, at.Y, at.X + size.Width, at.Y + size.Height}
	step(root, at, seen{view: view}, visit)
}

func step(object fyne.CanvasObject, at fyne.Position, above seen, visit func(seen)) {
	if object == nil || !object.Visible() {
		return
	}
	size := object.Size()
	here := area{at.X, at.Y, at.X + size.Width, at.Y + size.Height}
	now := seen{object, here, here.within(above.view), above.field}
	visit(now)
	below := seen{view: above.view, field: above.field}
	if _, scrolls := object.(*container.Scroll); scrolls {
		below.view = now.view
	}
	if _, ok := object.(fyne.Tabbable); ok {
		below = seen{view: now.view, field: true}
	}
	for _, child := range Children(object) {
		if child != nil {
			step(child, at.Add(child.Position()), below, visit)
		}
	}
}

// Controls are all visible named controls below root, with the part of each that can be
// seen.
func Controls(root fyne.CanvasObject) []Control {
	var focused fyne.Focusable
	if root != nil {
		if over := fyne.CurrentApp().Driver().CanvasForObject(root); over != nil {
			focused = over.Focused()
		}
	}
	var found []Control
	walk(root, func(s seen) {
		named, ok := s.object.(Named)
		if !ok || named.ID() == "" || s.view.empty() {
			return
		}
		v := s.view
		control := Control{ID: named.ID(), X: v.left, Y: v.top, W: v.right - v.left, H: v.bottom - v.top}
		if focus, ok := s.object.(fyne.Focusable); ok {
			control.Focused = focus == focused
		}
		if field, ok := s.object.(Writable); ok {
			control.Text = field.Written()
		}
		found = append(found, control)
	})
	return found
}

// Find is the visible control of a name below root; nil: there is none.
func Find(root fyne.CanvasObject, id string) fyne.CanvasObject {
	var found fyne.CanvasObject
	walk(root, func(s seen) {
		if named, ok := s.object.(Named); ok && named.ID() == id && found == nil {
			found = s.object
		}
	})
	return found
}

// Texts are all texts that can be seen below root, in the order they are drawn.
func Texts(root fyne.CanvasObject) []string {
	var found []string
	walk(root, func(s seen) {
		if text := textOf(s.object); text != "" && !s.view.empty() {
			found = append(found, text)
		}
	})
	return found
}

// Overflows tells which texts below root do not fit where they are: cut though they
// should not be, or outside of what shows them.
func Overflows(root fyne.CanvasObject) []string {
	var found []string
	walk(root, func(s seen) {
		if object, ok := s.object.(Misfit); ok {
			if problem := object.Misfit(); problem != "" {
				found = append(found, problem)
			}
		}
		text := textOf(s.object)
		if text == "" || s.field {
			return
		}
		width := s.object.MinSize().Width
		if beyond := max(s.at.left+width, s.at.right) - s.view.right; beyond > 1 && !s.view.empty() || s.at.left < s.view.left-1 {
			found = append(found, fmt.Sprintf("%q goes beyond its place", text))
		}
	})
	return found
}
