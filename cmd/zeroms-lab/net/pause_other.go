//go:build !unix

package netlab

import "syscall"

// There are no signals that stop a process here: os.Process refuses these two.
const (
	stopSignal = syscall.SIGTRAP
	contSignal = syscall.SIGTRAP
)
