package inspect

import (
	_ "unsafe" // for go:linkname

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
)

// Renderer is how Fyne draws a widget. Fyne tells it to nobody but its own tests
// (fyne/v2/test.WidgetRenderer), and these bring a whole test app into a program.
//
//go:linkname Renderer fyne.io/fyne/v2/internal/cache.Renderer
func Renderer(fyne.Widget) fyne.WidgetRenderer

// Children are the objects that an object is drawn of.
func Children(object fyne.CanvasObject) []fyne.CanvasObject {
	switch o := object.(type) {
	case *fyne.Container:
		return o.Objects
	case fyne.Widget:
		if renderer := Renderer(o); renderer != nil {
			return renderer.Objects()
		}
	}
	return nil
}

// textOf is the text that an object draws by itself.
func textOf(object fyne.CanvasObject) string {
	if text, ok := object.(*canvas.Text); ok {
		return text.Text
	}
	return ""
}

// Bare takes the shadows from a scroller of Fyne, and what else is not kept of its bars:
// its renderer has the content, four shadows, and the bars on the right and below.
func Bare(scroller fyne.Widget, right, below bool) {
	renderer, ok := Renderer(scroller).(interface {
		Objects() []fyne.CanvasObject
		SetObjects([]fyne.CanvasObject)
	})
	if !ok {
		return
	}
	objects := renderer.Objects()
	if len(objects) != 7 { // it is bare already
		return
	}
	left := objects[:1:1]
	if right {
		left = append(left, objects[5])
	}
	if below {
		left = append(left, objects[6])
	}
	renderer.SetObjects(left)
}
