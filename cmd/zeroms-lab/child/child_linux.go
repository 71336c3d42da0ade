package child

import "syscall"

// tied is how children are started: out of reach of the terminal's Ctrl-C, as this
// process ends them in their order, and killed by the system if this process ends
// without a chance to do that.
func tied() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
