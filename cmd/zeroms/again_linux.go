package main

import (
	"cmp"
	"os"
	"strings"
	"syscall"
)

// beginAgain has this program take its own place with what is read from the environment
// before main begins, once. It returns if that is there or can't be done, which only costs
// memory.
func beginAgain() {
	const mark = "FYNE_CACHE"
	if _, set := os.LookupEnv(mark); set {
		return
	}
	if _, set := os.LookupEnv("MALLOC_ARENA_MAX"); !set {
		// glibc keeps memory apart for each thread, and the renderer has some.
		os.Setenv("MALLOC_ARENA_MAX", "2")
	}
	if locale := cmp.Or(os.Getenv("LC_ALL"), os.Getenv("LC_MESSAGES"), os.Getenv("LANG")); strings.HasPrefix(locale, "C.") && os.Getenv("LANGUAGE") == "" {
		os.Setenv("LANGUAGE", "en") // C.UTF-8 is no language for Fyne, which complains
	}
	// How long Fyne keeps pictures of texts that are not drawn any more. Its own minute is
	// 20 MB of conversations that were looked through.
	if os.Setenv(mark, "15s") == nil {
		_ = syscall.Exec("/proc/self/exe", os.Args, os.Environ())
	}
}
