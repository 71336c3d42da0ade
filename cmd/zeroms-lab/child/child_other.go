//go:build !linux

package child

import "syscall"

// tied is how children are started where the system can't be told to end them
// together with this process.
func tied() *syscall.SysProcAttr { return nil }
