package ui

import "fyne.io/fyne/v2"

// post runs a function on the screen's goroutine, in order with others. It must not be
// called there. Once the app has ended it does nothing: Fyne would then run the function
// where it is called.
func (a *App) post(f func()) {
	if a.ended.Load() {
		return
	}
	fyne.Do(func() {
		if !a.ended.Load() {
			f()
		}
	})
}
