package page

import "fyne.io/fyne/v2"

// HandOn gives a key that an object has no use for to the window that the object is in:
// Fyne gives keys to what has the focus only.
func HandOn(o fyne.CanvasObject, k *fyne.KeyEvent) {
	if c := fyne.CurrentApp().Driver().CanvasForObject(o); c != nil && c.OnTypedKey() != nil {
		c.OnTypedKey()(k)
	}
}
