package desk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"zeroms/cmd/zms/control"
	"zeroms/store"
	"zeroms/store/chat"
	"zeroms/ui/model"
)

// lockName is the lock of a profile in its directory.
const lockName = "lock"

// helloWait is how long a process that holds the profile may take to say who it is.
const helloWait = time.Second

// How long a process may take to end: by itself, and once it is made to.
const (
	endWait  = 3 * time.Second
	killWait = 3 * time.Second
	endLook  = 50 * time.Millisecond
)

// ErrStays: a process that was told to end is still there.
var ErrStays = errors.New("it can't be ended; end it by the means of this computer")

// HeldError: another process has the profile, or its window.
type HeldError struct {
	// Owner is what it is: "agent" of zms, "app"; empty: it does not say.
	Owner string
	// PID is its process, 0 if that is not known.
	PID int

	silent bool
	lock   string // the file that it holds
}

var _ model.Held = (*HeldError)(nil)

// HeldByWindow is for a profile whose window another process has, which holds the file lock
// in dir and does not answer.
func HeldByWindow(dir, lock string, pid int) error {
	return &HeldError{Owner: ownerName, PID: pid, silent: true, lock: filepath.Join(dir, lock)}
}

// Holder implements model.Held.
func (e *HeldError) Holder() (name string, pid int) {
	switch e.Owner {
	case "":
	case ownerName:
		name = "ZeroMS"
	default:
		name = "zms " + e.Owner
	}
	return name, e.PID
}

// Silent implements model.Held.
func (e *HeldError) Silent() bool { return e.silent }

// End implements model.Held. Only a process that holds the lock yet is ended. Errors:
// ErrStays, those of the system.
func (e *HeldError) End(ctx context.Context) error {
	if e.PID <= 1 || e.PID == os.Getpid() {
		return ErrStays
	}
	for _, step := range []struct {
		signal os.Signal
		wait   time.Duration
	}{{syscall.SIGTERM, endWait}, {syscall.SIGKILL, killWait}} {
		if !e.holds() {
			return nil
		}
		other, err := os.FindProcess(e.PID)
		if err == nil {
			err = other.Signal(step.signal)
		}
		if err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
		if gone, err := e.awaitGone(ctx, step.wait); gone || err != nil {
			return err
		}
	}
	return ErrStays
}

// awaitGone waits for so long that the process lets go.
func (e *HeldError) awaitGone(ctx context.Context, most time.Duration) (gone bool, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, most, ErrStays)
	defer cancel()
	look := time.NewTicker(endLook)
	defer look.Stop()
	for e.holds() {
		select {
		case <-look.C:
		case <-ctx.Done():
			if cause := context.Cause(ctx); !errors.Is(cause, ErrStays) {
				return false, cause
			}
			return false, nil
		}
	}
	return true, nil
}

// holds reports whether the process holds the lock: it can't be had, and says so.
func (e *HeldError) holds() bool {
	f, err := os.OpenFile(e.lock, os.O_RDWR, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
		return false
	}
	return signedBy(e.lock) == e.PID
}

// Error names the process.
func (e *HeldError) Error() string {
	who := "another program"
	if e.Owner != "" {
		who = "zms " + e.Owner
	}
	if e.Owner == ownerName {
		who = "another window of ZeroMS"
	}
	if e.PID != 0 {
		who += fmt.Sprintf(" (process %d)", e.PID)
	}
	return who + " has this profile open; end it and try again"
}

// Unwrap is a Failure of the name control.NameLocked.
func (e *HeldError) Unwrap() error { return control.Fail(control.NameLocked, "%s", e.Error()) }

// args are what a translation of it names: who holds the profile, and the process.
func (e *HeldError) args() []any {
	who := "zms " + e.Owner
	if e.Owner == "" || e.Owner == ownerName {
		who = "ZeroMS"
	}
	if e.PID != 0 {
		who += " (" + strconv.Itoa(e.PID) + ")"
	}
	return []any{"Who", who}
}

// explained is why a profile could not be opened, with who has it if somebody has.
func (d *Desk) explained(ctx context.Context, err error) error {
	f := new(control.Failure)
	held := errors.As(err, &f) && f.Name == control.NameLocked || errors.Is(err, store.ErrLocked)
	switch {
	case errors.As(err, &f) && f.Name == control.NameNoProfile:
		return chat.ErrNoProfile
	case !held:
		return err
	}
	lock := filepath.Join(d.cfg.Dir, lockName)
	soon, cancel := context.WithTimeout(ctx, helloWait)
	defer cancel()
	if conn, err := control.Dial(soon, d.cfg.Dir); err == nil {
		defer conn.Close()
		return &HeldError{Owner: conn.Hello.Owner, PID: conn.Hello.PID, lock: lock}
	}
	return &HeldError{PID: signedBy(lock), silent: true, lock: lock}
}

// signedBy is the process that says in a lock that it holds it, 0 if none does.
func signedBy(lock string) int {
	text, err := os.ReadFile(lock)
	if err != nil || len(text) > 16 {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || n <= 0 {
		return 0
	}
	return n
}
