//go:build ci

package main

import "time"

// idle is nothing: without a screen there is nothing to wait for.
func idle() (wait func(most time.Duration), wake func()) { return nil, nil }
