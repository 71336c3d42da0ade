package widget

import (
	"fmt"

	"fyne.io/fyne/v2"

	"zeroms/ui/inspect"
)

// Named is a control that drivers and tests find by a fixed name.
type Named = inspect.Named

// Control is where a named control is: from the window's corner, in units of Fyne.
type Control = inspect.Control

// Controls are all visible named controls below root, with the part of each that can be
// seen.
func Controls(root fyne.CanvasObject) []Control { return inspect.Controls(root) }

// Find is the visible control of a name below root; nil: there is none.
func Find(root fyne.CanvasObject, id string) fyne.CanvasObject { return inspect.Find(root, id) }

// Texts are all texts that can be seen below root, in the order they are drawn.
func Texts(root fyne.CanvasObject) []string { return inspect.Texts(root) }

// Overflows tells which texts below root do not fit where they are: cut though they
// should not be, or outside of what shows them.
func Overflows(root fyne.CanvasObject) []string { return inspect.Overflows(root) }

// Misfit is inspect's: a text that is cut though it should not be.
func (t *Text) Misfit() string {
	if !t.isCut || t.Cut {
		return ""
	}
	return fmt.Sprintf("%q is cut: %q", t.full, t.line.Text)
}

// Misfit is inspect's: a text that is wider than its button.
func (b *Button) Misfit() string {
	widest := float32(0)
	for _, line := range b.text {
		widest = max(widest, line.MinSize().Width)
	}
	if widest <= b.Size().Width {
		return ""
	}
	return fmt.Sprintf("%q does not fit its button", b.full)
}
