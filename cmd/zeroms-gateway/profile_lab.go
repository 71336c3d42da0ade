//go:build lab && linux

package main

import (
	"os"
	"os/signal"
	"runtime/debug"
	"runtime/pprof"
	"syscall"
)

// profileVariable names the file for the CPU profile of a lab build.
const profileVariable = "ZEROMS_CPUPROFILE"

// A lab build takes two signals more than others, for measurements: SIGUSR1
// begins and ends a CPU profile, which stands in the file that ZEROMS_CPUPROFILE
// names once it is complete; SIGUSR2 collects garbage and gives free memory back
// to the system.
func init() {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2)
	runLab(signals)
}

func runLab(signals <-chan os.Signal) {
	go func() {
		var profile *os.File
		for s := range signals {
			switch {
			case s == syscall.SIGUSR2:
				debug.FreeOSMemory()
			case profile != nil:
				endProfile(profile)
				profile = nil
			default:
				profile = beginProfile(os.Getenv(profileVariable))
			}
		}
	}()
}

// beginProfile is the file that the profile goes to; nil if there is none.
func beginProfile(name string) *os.File {
	if name == "" {
		return nil
	}
	f, err := os.OpenFile(name+".part", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil
	}
	if pprof.StartCPUProfile(f) != nil {
		f.Close()
		return nil
	}
	return f
}

func endProfile(f *os.File) {
	pprof.StopCPUProfile()
	if f.Close() == nil {
		_ = os.Rename(f.Name(), os.Getenv(profileVariable))
	}
}
