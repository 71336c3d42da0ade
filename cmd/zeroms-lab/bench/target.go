package bench

import (
	"errors"
	"fmt"
	"os"
	"time"

	"zeroms/cmd/zeroms-lab/bench/member"
	"zeroms/cmd/zeroms-lab/bench/meter"
	"zeroms/cmd/zeroms-lab/bench/process"
)

// target is a server under load: one that this program started, or one that runs
// already.
type target struct {
	pid     int
	dir     string           // "" if it runs already
	process *process.Process // nil if it runs already
	gateway *member.Gateway  // nil for peers
	lab     bool             // it takes the signals of a lab build
	profile string           // where it writes its CPU profile, "" if it does not
	started time.Duration    // from the start of the process until it was ready
	sync    time.Duration    // of a durable write in dir
}

// close ends the server if this program started it, and removes its directory.
func (t *target) close() {
	if t.process != nil {
		t.process.Stop()
	}
	if t.dir != "" {
		os.RemoveAll(t.dir)
	}
}

// failed is why the server ended by itself; nil while it runs.
func (t *target) failed() error {
	if t.process == nil {
		return nil
	}
	return t.process.Failed()
}

// span measures a server between two moments.
type span struct {
	target *target
	work   string
	began  time.Time
	cpu    time.Duration
}

// begin begins a span, and a CPU profile if one is wanted.
func (t *target) begin(work string) (*span, error) {
	if t.profile != "" {
		t.process.ToggleProfile()
	}
	cpu, err := meter.CPU(t.pid)
	if err != nil {
		return nil, errors.Join(err, t.failed())
	}
	return &span{t, work, time.Now(), cpu}, nil
}

// end is how long it took and how much CPU time of the server.
func (s *span) end() (wall, cpu time.Duration, err error) {
	now, err := meter.CPU(s.target.pid)
	wall = time.Since(s.began)
	return wall, now - s.cpu, errors.Join(err, s.target.keepProfile(s.work))
}

// profileWait is how long a profile may take to be written.
const profileWait = 5 * time.Second

// keepProfile ends the CPU profile and gives it the name of the work.
func (t *target) keepProfile(work string) error {
	if t.profile == "" {
		return nil
	}
	t.process.ToggleProfile()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(profileWait); time.Now().Before(deadline); <-tick.C {
		if _, err := os.Stat(t.profile); err == nil {
			return os.Rename(t.profile, t.profile+"."+work)
		}
	}
	return fmt.Errorf("the gateway did not write its CPU profile to %s", t.profile)
}

// collect lets a lab build collect its garbage and give the memory back; it
// reports whether it could.
func (t *target) collect() bool {
	return t.lab && t.process != nil && t.process.Collect()
}
