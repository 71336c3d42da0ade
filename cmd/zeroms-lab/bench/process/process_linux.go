package process

import (
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// tied is how servers are started: out of reach of the terminal's Ctrl-C, and
// killed by the system if this process ends without a chance to end them.
func tied() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// toggleProfile begins or ends the CPU profile of a lab build.
func toggleProfile(p *os.Process) { _ = p.Signal(syscall.SIGUSR1) }

// collect lets a lab build collect its garbage.
func collect(p *os.Process) bool { return p.Signal(syscall.SIGUSR2) == nil }

// ServeSignals lets this process give its free memory back on SIGUSR2, as a lab
// build of the gateway does.
func ServeSignals() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR2)
	go func() {
		for range signals {
			debug.FreeOSMemory()
		}
	}()
}
