package bot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"zeroms/cmd/zms/control"
)

// How a bot is ended that was told to by closing what it reads.
const (
	// termWait is how long it may take before it is sent SIGTERM.
	termWait = 10 * time.Second
	// killWait is how long it may take after that before it is killed.
	killWait = 5 * time.Second
	// restWait is how long what it wrote is read after its end, if a child of its
	// keeps the pipe open.
	restWait = 2 * time.Second
)

// Program is the process of a bot.
type Program struct {
	// Words are its command line, Env its environment, Stderr where it complains.
	Words  []string
	Env    []string
	Stderr io.Writer

	term, kill time.Duration // 0: termWait, killWait
}

// secrets are variables that are for zms and nobody else.
var secrets = []string{"ZMS_PASSPHRASE=", "ZMS_NEW_PASSPHRASE=", "ZMS_ARCHIVE_PASSPHRASE="}

// Environment is that of a bot: the environment without passphrases, and where
// the profile is, so that the bot may call zms itself.
func Environment(environment []string, profile string) []string {
	out := slices.DeleteFunc(slices.Clone(environment), func(v string) bool {
		return strings.HasPrefix(v, "ZMS_PROFILE=") || slices.ContainsFunc(secrets, func(s string) bool { return strings.HasPrefix(v, s) })
	})
	return append(out, "ZMS_PROFILE="+profile)
}

// Run runs the bot as a process in a group of its own until it ends, or ctx does:
// then what it reads is closed, and if it does not end it is sent SIGTERM and
// SIGKILL. Errors: those of Serve, a Failure of the name NameUsage if there is no
// such program, and one of the name NameBot if it ended with another exit code
// than 0 or was killed without being told to end.
func (b *Bot) Run(ctx context.Context, p Program) error {
	cmd := exec.Command(p.Words[0], p.Words[1:]...)
	cmd.Env, cmd.Stderr = p.Env, p.Stderr
	cmd.WaitDelay = restWait
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, inWriter, err := os.Pipe()
	if err != nil {
		return err
	}
	defer in.Close()
	outReader, out, err := os.Pipe()
	if err != nil {
		return errors.Join(err, inWriter.Close())
	}
	defer out.Close()
	cmd.Stdin, cmd.Stdout = outReader, inWriter
	err = cmd.Start()
	_, _ = outReader.Close(), inWriter.Close()
	if err != nil {
		return control.Usage("the program can't be run; check its name and its mode: %v", err)
	}
	b.grace = or(p.term, termWait) + or(p.kill, killWait) + restWait
	r := &running{cmd: cmd, gone: make(chan struct{}), served: make(chan struct{}), term: or(p.term, termWait), kill: or(p.kill, killWait)}
	go r.runWait(in)
	ending := make(chan struct{})
	go func() {
		defer close(ending)
		r.runEnding(ctx)
	}()
	err = b.Serve(ctx, in, out)
	_ = out.Close()
	close(r.served)
	<-ending
	if err != nil || ctx.Err() != nil {
		return err
	}
	return verdict(filepath.Base(p.Words[0]), r.exit)
}

// running is the process of a bot that was started.
type running struct {
	cmd    *exec.Cmd
	served chan struct{} // closed when nobody listens to it any more
	gone   chan struct{} // closed after its end
	exit   error         // set before gone is closed

	term, kill time.Duration
}

// runWait waits for the end of the process, and then no longer than restWait for
// the end of what it wrote.
func (r *running) runWait(in *os.File) {
	r.exit = r.cmd.Wait()
	_ = in.SetReadDeadline(time.Now().Add(restWait))
	close(r.gone)
}

// runEnding waits for the end of the process, and helps if it was told to end and
// does not: everything in its group is sent SIGTERM, then SIGKILL.
func (r *running) runEnding(ctx context.Context) {
	select {
	case <-r.gone:
		return
	case <-r.served:
	case <-ctx.Done():
	}
	for _, step := range []struct {
		wait   time.Duration
		signal syscall.Signal
	}{{r.term, syscall.SIGTERM}, {r.kill, syscall.SIGKILL}} {
		late := time.NewTimer(step.wait)
		select {
		case <-r.gone:
			late.Stop()
			return
		case <-late.C:
			_ = syscall.Kill(-r.cmd.Process.Pid, step.signal)
		}
	}
	<-r.gone
}

// verdict is how a bot ended that nobody told to.
func verdict(name string, exit error) error {
	if exit == nil {
		return nil
	}
	how := exit.Error()
	if e := new(exec.ExitError); errors.As(exit, &e) {
		how = fmt.Sprintf("ended with the exit code %d", e.ExitCode())
		if status, ok := e.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			how = fmt.Sprintf("was ended by a signal (%s)", status.Signal())
		}
	}
	return control.Fail(control.NameBot, "the bot %s %s; what it had not done is handed over again when it runs next", name, how)
}
