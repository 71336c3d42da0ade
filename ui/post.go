package ui

import (
	"time"

	"fyne.io/fyne/v2"
)

// post runs a function on the screen's goroutine, in order with others. It must not be
// called there. Once the app has ended it does nothing: Fyne would then run the function
// where it is called.
func (a *App) post(f func()) {
	if a.screen.Put(f) {
		fyne.Do(a.screen.Step)
	}
}

// pulse is called in each frame after Fyne has taken what the system tells, and before it
// draws, as its animations are.
func (a *App) pulse() *fyne.Animation {
	return &fyne.Animation{
		Duration: time.Hour, RepeatCount: fyne.AnimationRepeatForever, Tick: func(float32) { a.screen.Frame(a.active) },
	}
}
