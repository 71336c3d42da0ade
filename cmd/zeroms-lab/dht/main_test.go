package dht

import (
	"os"
	"runtime/debug"
	"testing"
)

// TestMain lets garbage gather, up to a bound: looking for it in networks of a thousand
// gateways took a fifth of the time.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(1 << 30)
	os.Exit(m.Run())
}
