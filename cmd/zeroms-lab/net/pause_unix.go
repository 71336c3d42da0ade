//go:build unix

package netlab

import "syscall"

// The signals that stop a process and let it go on.
const (
	stopSignal = syscall.SIGSTOP
	contSignal = syscall.SIGCONT
)
