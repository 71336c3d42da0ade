package appdrive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"zeroms/cmd/zeroms-lab/child"
)

// How long an app may take.
const (
	startWait   = 20 * time.Second
	lookEvery   = 50 * time.Millisecond
	spanWait    = 10 * time.Second
	resizeEvery = 150 * time.Millisecond
)

// App is the desktop app with one profile on one display, over all its processes.
type App struct {
	// Name is what people call it, for example "Alice".
	Name string
	// Program is the path of zeroms, Profile the profile's directory, Home that of
	// everything else that the app keeps, and of files that it opens.
	Program, Profile, Home string
	// Trace is the file that it writes its times to.
	Trace string
	// Display is where its window is; Width and Height are its size in pixels.
	Display       *Display
	Width, Height int
	// Args are further arguments.
	Args []string
	// Bus is the address of the session bus; empty: there is none.
	Bus string

	process *child.Child
	said    child.Output
	window  string // the number of its window
}

// Started is when the process began, and Usable how long it took until the window
// could be used, by the trace.
type Started struct {
	At     time.Time
	Usable time.Duration
}

// Start starts the app and puts its window where it belongs, with the focus. It
// returns once the app answers and says that its window can be used.
func (a *App) Start(ctx context.Context) (s Started, err error) {
	for _, dir := range []string{a.Home, filepath.Join(a.Home, ".cache"), filepath.Join(a.Home, ".config")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return s, err
		}
	}
	before, err := a.Spans("start")
	if err != nil {
		return s, err
	}
	cmd := exec.Command(a.Program, append([]string{"--profile", a.Profile, "--trace", a.Trace}, a.Args...)...)
	cmd.Env = a.env()
	s.At = time.Now()
	if a.process, err = child.Run(a.Name+"'s app", cmd, &a.said); err != nil {
		return s, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startWait, errors.New("the window can't be used in time"))
	defer cancel()
	err = Until(ctx, 10*time.Millisecond, a.Name+"'s app has no window yet", func() (bool, error) {
		if err := a.process.Failure(); err != nil {
			return false, err
		}
		spans, err := a.Spans("start")
		if err != nil || len(spans) == len(before) {
			return false, err
		}
		s.Usable = spans[len(spans)-1].Took()
		return true, nil
	})
	if err != nil {
		return s, a.failed(err)
	}
	return s, a.place(ctx)
}

// env is the environment of the app: a home of its own, no other settings, a system
// that speaks English and, where no bus says so, is light, painting in software, and
// never the machine's own session bus.
func (a *App) env() []string {
	var out []string
	for _, v := range a.Display.env() {
		name, _, _ := strings.Cut(v, "=")
		switch {
		case name == "HOME", name == "DBUS_SESSION_BUS_ADDRESS", name == "LANG", name == "LANGUAGE", strings.HasPrefix(name, "LC_"), strings.HasPrefix(name, "XDG_"), strings.HasPrefix(name, "FYNE_"):
		default:
			out = append(out, v)
		}
	}
	out = append(out, "HOME="+a.Home, "XDG_RUNTIME_DIR="+a.Home, "LANG=en_US.UTF-8", "LC_CTYPE=C.UTF-8", "LIBGL_ALWAYS_SOFTWARE=1")
	if a.Bus != "" {
		return append(out, "DBUS_SESSION_BUS_ADDRESS="+a.Bus)
	}
	return append(out, "FYNE_THEME=light", "DBUS_SESSION_BUS_ADDRESS=unix:path="+filepath.Join(a.Home, "no-bus"))
}

// place finds the window, moves it into the corner and gives it its size and the focus.
func (a *App) place(ctx context.Context) error {
	err := Until(ctx, lookEvery, a.Name+"'s app shows no window", func() (bool, error) {
		if err := a.process.Failure(); err != nil {
			return false, err
		}
		numbers, err := a.windows(ctx)
		if err != nil || len(numbers) == 0 {
			return false, err
		}
		a.window = numbers[len(numbers)-1]
		return true, nil
	})
	if err != nil {
		return a.failed(err)
	}
	// The mouse lies in a corner, so that nothing looks as if it was pointed at.
	if _, err := a.Display.Xdotool(ctx, "windowmove", a.window, "0", "0", "mousemove", fmt.Sprint(a.Display.Width-1), fmt.Sprint(a.Display.Height-1)); err != nil {
		return err
	}
	if err := a.Resize(ctx, a.Width, a.Height); err != nil {
		return err
	}
	return a.Focus(ctx)
}

// Resize gives the window another size and waits until the app has it. It asks again:
// at its start the app may set a size of its own a moment later.
func (a *App) Resize(ctx context.Context, width, height int) error {
	a.Width, a.Height = width, height
	ctx, cancel := context.WithTimeoutCause(ctx, showWait, errSize)
	defer cancel()
	return Until(ctx, resizeEvery, fmt.Sprintf("%s's window does not become %d x %d", a.Name, width, height), func() (bool, error) {
		s, err := a.Screen(ctx)
		if err != nil || int(s.Width+0.5) == width && int(s.Height+0.5) == height {
			return err == nil, err
		}
		_, err = a.Display.Xdotool(ctx, "windowsize", a.window, fmt.Sprint(width), fmt.Sprint(height))
		return false, err
	})
}

var errSize = errors.New("it keeps another size")

// Visible reports whether the window is on the screen.
func (a *App) Visible(ctx context.Context) (bool, error) {
	numbers, err := a.windows(ctx)
	return len(numbers) > 0, err
}

// windows are the numbers of those of the app's windows that are on the screen.
func (a *App) windows(ctx context.Context) ([]string, error) {
	out, err := a.Display.Xdotool(ctx, "search", "--onlyvisible", "--pid", fmt.Sprint(a.PID()))
	if err != nil {
		return nil, context.Cause(ctx) // it ends with a failure while there is none
	}
	return strings.Fields(out), nil
}

// Return waits until the window, which was not on the screen, is there again, and puts
// it where it belongs, with the focus.
func (a *App) Return(ctx context.Context) error { return a.place(ctx) }

// Focus gives the window the keyboard.
func (a *App) Focus(ctx context.Context) error {
	_, err := a.Display.Xdotool(ctx, "windowfocus", a.window)
	return err
}

// PID is the number of the app's process.
func (a *App) PID() int { return a.process.PID() }

// Screen asks the app what it shows.
func (a *App) Screen(ctx context.Context) (*Screen, error) {
	var s Screen
	err := ask(ctx, a.Profile, map[string]bool{"controls": true}, &s)
	if err != nil {
		err = a.failed(fmt.Errorf("%s's app can't be asked what it shows: %w", a.Name, err))
	}
	return &s, err
}

// Spans are those of a name in the trace, over all runs of the app.
func (a *App) Spans(what string) (out []Span, err error) {
	all, err := ReadTrace(a.Trace)
	for _, s := range all {
		if s.What == what {
			out = append(out, s)
		}
	}
	return out, err
}

// Await waits some seconds until the trace has so many spans of a name, and returns
// all of them. Error: they do not come.
func (a *App) Await(ctx context.Context, what string, n int) (spans []Span, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, spanWait, errNoSpan)
	defer cancel()
	err = Until(ctx, 20*time.Millisecond, fmt.Sprintf("the trace has %s less than %d times", what, n), func() (bool, error) {
		spans, err = a.Spans(what)
		return len(spans) >= n, err
	})
	return spans, err
}

var errNoSpan = errors.New("what was done is not traced in time")

// failed is err, or how the app ended if it did.
func (a *App) failed(err error) error {
	if a.process == nil {
		return errors.Join(err, errNever)
	}
	return cmp.Or(a.process.Failure(), err)
}

var errNever = errors.New("it was not started")

// Kill ends the app as a crash would, Stop as the end of a session does. Error: it had
// ended by itself.
func (a *App) Kill() error { return a.process.Kill() }

// Stop asks the app to end and waits until it has. Error: it does not, or not well.
func (a *App) Stop() error {
	if a.process == nil {
		return nil
	}
	return a.process.Stop()
}

// Confess ends an app that does not answer, with a dump of what its goroutines are at.
func (a *App) Confess() {
	if a.process != nil {
		a.process.Confess()
	}
}

// Running reports whether the app was started and has not ended.
func (a *App) Running() bool { return a.process != nil && a.process.Alive() }

// Ended waits until the app has ended, which it was asked to by its window. Error: it
// does not, or not well.
func (a *App) Ended(ctx context.Context) error {
	select {
	case <-a.process.Ended():
		return a.process.Farewell()
	case <-ctx.Done():
		return fmt.Errorf("%s's app does not end: %w", a.Name, context.Cause(ctx))
	}
}

// Complaints are the lines of the app's output that must not be there.
func (a *App) Complaints() []string { return Complaints(a.said.All(), a.Bus != "") }

// Output is everything that the app said, over all its runs.
func (a *App) Output() string { return strings.Join(a.said.All(), "\n") }
