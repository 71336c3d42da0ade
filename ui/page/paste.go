package page

import "fyne.io/fyne/v2"

// Paster reads the clipboard for what is written into. The content of a window gives it
// (Pastes).
type Paster interface {
	// PasteInto reads the clipboard's text away from the screen's goroutine and hands it
	// to then, if o is still shown by then. then tells whether all of it had room.
	PasteInto(o fyne.CanvasObject, then func(text string) (whole bool))
}

// Paste has the clipboard's text handed to then, to be written into o: at once or later,
// or never, if o is gone by then or if there is no answer; of that the user is told by the
// window. Fyne itself reads the clipboard on the screen's goroutine, and waits there for
// as long as the program takes that has put something on it. This is done with c only
// where no window of the app is around o.
func Paste(o fyne.CanvasObject, c fyne.Clipboard, then func(text string) (whole bool)) {
	if over := fyne.CurrentApp().Driver().CanvasForObject(o); over != nil {
		if content, ok := over.Content().(interface{ Pastes() Paster }); ok && content.Pastes() != nil {
			content.Pastes().PasteInto(o, then)
			return
		}
	}
	then(c.Content())
}
