package ui

import "fyne.io/fyne/v2"

// post runs a function on the screen's goroutine, in order with others. It must not
// be called there.
func post(f func()) { fyne.Do(f) }
