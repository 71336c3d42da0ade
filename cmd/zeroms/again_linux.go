package main

import (
	"os"
	"syscall"
)

// fyneCache is how long Fyne keeps pictures of texts that are not drawn any more, and the
// variable that it reads that from before main begins. Its own minute is 20 MB of
// conversations that were looked through.
const (
	fyneCache     = "FYNE_CACHE"
	fyneCacheTime = "15s"
)

// beginAgain has this program take its own place with what Fyne reads from the
// environment, once. It returns if that is there or can't be done, which only costs
// memory.
func beginAgain() {
	if _, set := os.LookupEnv(fyneCache); set {
		return
	}
	if os.Setenv(fyneCache, fyneCacheTime) == nil {
		_ = syscall.Exec("/proc/self/exe", os.Args, os.Environ())
	}
}
