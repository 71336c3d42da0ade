//go:build !ci

package main

import (
	"time"

	"github.com/go-gl/glfw/v3.4/glfw"
)

// idle is how the screen's goroutine waits for what the system tells the window, and how
// it is woken. It is GLFW that Fyne's driver asks too: what comes meanwhile goes to the
// same callbacks as when Fyne asks.
func idle() (wait func(most time.Duration), wake func()) {
	return func(most time.Duration) { glfw.WaitEventsTimeout(most.Seconds()) }, glfw.PostEmptyEvent
}
