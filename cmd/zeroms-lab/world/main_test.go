package world_test

import (
	"os"
	"runtime/debug"
	"testing"
)

// TestMain lets garbage gather, up to a bound: worlds come and go by the hundred, and
// looking for what is left of them took a fifth of the time. Gateways that are processes
// of their own collect as ever.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(1 << 30)
	os.Exit(m.Run())
}
