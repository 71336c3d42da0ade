//go:build !linux

package process

import (
	"os"
	"syscall"
)

// tied is how servers are started where the system can't be told to end them
// together with this process.
func tied() *syscall.SysProcAttr { return nil }

func toggleProfile(*os.Process) {}

func collect(*os.Process) bool { return false }

// ServeSignals does nothing where there are no such signals.
func ServeSignals() {}
