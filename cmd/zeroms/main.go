// Command zeroms is the desktop app.
//
//	zeroms                      open the window of the usual profile
//	zeroms --profile DIR        of the profile in DIR
//	zeroms zeroms:...           with a link, a card or a gateway's address
//	zeroms --trace FILE         write how long things take into FILE
//	zeroms --version            say which version this is
//
// The profile is the one of zms, which works beside the app. There is one window for
// each: a second start hands its link over to the first one and ends. The profile's
// directory holds, beside what is described in package chat:
//
//	desktop.json  how the window looks: language, colours, zoom, size
//	zeroms.sock   for further starts; zeroms.lock is held while the window is open
//	gateway/      the gateway inside of the app, if it was ever started
//
// Exit codes: 0 success, 1 failure, 2 wrong command line.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"zeroms/cmd/zeroms/chooser"
	"zeroms/cmd/zeroms/desk"
	"zeroms/cmd/zeroms/instance"
	"zeroms/cmd/zeroms/notice"
	"zeroms/cmd/zeroms/tray"
	"zeroms/protocol/link"
)

// The exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

func main() {
	beginAgain()
	os.Exit(execute(os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// options are the command line.
type options struct {
	profile string // a whole path
	trace   string
	link    string
	proxy   string
	display string // the X server
}

// errUsage is joined by what is wrong with the command line.
var errUsage = errors.New("see zeroms --help")

// execute runs the program and returns the exit code. SIGINT and SIGTERM end it.
func execute(args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	o, err := parse(args, getenv, stdout)
	if errors.Is(err, pflag.ErrHelp) {
		return exitOK
	}
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		err = o.open(ctx, stderr)
	}
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errUsage), errors.Is(err, instance.ErrText), errors.Is(err, link.ErrProxyAddress):
		fmt.Fprintln(stderr, "zeroms: "+err.Error())
		return exitUsage
	}
	fmt.Fprintln(stderr, "zeroms: "+err.Error())
	return exitFailure
}

// parse reads the command line. pflag.ErrHelp: everything was said.
func parse(args []string, getenv func(string) string, stdout io.Writer) (o options, err error) {
	flags := pflag.NewFlagSet("zeroms", pflag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.SortFlags = false
	flags.StringVar(&o.profile, "profile", "", "the profile's `DIR` (default: $ZMS_PROFILE, else zeroms in $XDG_DATA_HOME or ~/.local/share)")
	flags.StringVar(&o.trace, "trace", "", "write how long things take into `FILE`, one line of JSON each, and let tests see the window")
	version := flags.Bool("version", false, "say which version this is")
	help := flags.BoolP("help", "h", false, "say this")
	if err := flags.Parse(args); err != nil {
		return o, fmt.Errorf("%w; %w", err, errUsage)
	}
	switch {
	case *help:
		fmt.Fprintf(stdout, "zeroms [zeroms:LINK|CARD|ADDRESS]\n\nThe desktop app of ZeroMS.\n\n%s", flags.FlagUsages())
		return o, pflag.ErrHelp
	case *version:
		fmt.Fprintln(stdout, "zeroms", desk.BuildVersion())
		return o, pflag.ErrHelp
	case flags.NArg() > 1:
		return o, fmt.Errorf("one link, card or address can be opened at once, not %d; %w", flags.NArg(), errUsage)
	}
	o.link, o.proxy, o.display = flags.Arg(0), getenv("ZMS_PROXY"), getenv("DISPLAY")
	if err := instance.Check(o.link); err != nil {
		return o, err
	}
	o.profile, err = profileDir(o.profile, getenv)
	return o, err
}

// profileDir is the profile's directory, as zms has it.
func profileDir(said string, getenv func(string) string) (string, error) {
	dir := cmp.Or(said, getenv("ZMS_PROFILE"))
	if data := getenv("XDG_DATA_HOME"); dir == "" && filepath.IsAbs(data) {
		dir = filepath.Join(data, "zeroms")
	}
	if home := getenv("HOME"); dir == "" && home != "" {
		dir = filepath.Join(home, ".local", "share", "zeroms")
	}
	if dir == "" {
		return "", fmt.Errorf("there is no home directory; name the profile's directory with --profile DIR; %w", errUsage)
	}
	return filepath.Abs(dir)
}

// silence is how long a window that is open may take to answer until this start shows one
// that says so.
const silence = 3 * time.Second

// errScreen: there is no screen to open a window on.
var errScreen = errors.New("there is no screen here to open a window on (DISPLAY is not set); zms is for terminals")

// open opens the window, or hands the link over to the one that is open.
func (o options) open(ctx context.Context, stderr io.Writer) error {
	began := time.Now()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := o.runPlace(ctx)
	quiet := time.NewTimer(silence)
	defer quiet.Stop()
	select {
	case <-p.settled:
		if p.own == nil {
			return p.err
		}
	case <-quiet.C:
	}
	err := o.run(ctx, p, began, stderr)
	cancel()
	<-p.settled
	if p.own == nil {
		return errors.Join(err, p.err)
	}
	return errors.Join(err, p.own.Close())
}

// garbage is how much may lie about before it is collected, in percent of what is in use.
// Most of that are fonts, which stay, and little is made anew: the usual 100 would only
// hold 40 MB more.
const garbage = 25

// run shows the window until it is closed, and closes the profile then.
func (o options) run(ctx context.Context, at *place, began time.Time, stderr io.Writer) error {
	if o.display == "" && runtime.GOOS != "windows" && runtime.GOOS != "darwin" {
		return errScreen
	}
	debug.SetGCPercent(garbage)
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	door, err := desk.New(desk.Config{Dir: o.profile, Proxy: o.proxy, Version: desk.BuildVersion(), Log: log})
	if err != nil {
		return err
	}
	var traced *trace
	if o.trace != "" {
		if traced, err = openTrace(o.trace); err != nil {
			return fmt.Errorf("the trace can't be written: %w", err)
		}
		defer traced.close()
	}
	opened := make(chan string)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// What stands behind the window ends after it, so that it can keep its drafts.
	behind, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	notices, files, icon := notice.New(), chooser.New(), tray.New()
	w, err := newWindow(parts{
		door: door, gate: &gate{Desk: door, place: at}, look: look{o.profile}, link: o.link, opened: opened, usable: func() { takeSignals(cancel) },
		notify: notices.Show, choose: files.Choose, tray: icon, trace: traced, began: began, log: log,
	})
	if err != nil {
		return err
	}
	handler := instance.Handler{Open: func(text string) {
		select {
		case opened <- text:
		case <-behind.Done():
		}
	}}
	if traced != nil {
		handler.Controls, handler.Shot = w.Controls, w.Shot
	}
	ended := make(chan error, 5)
	go func() { notices.Run(behind); ended <- nil }()
	go func() { files.Run(behind); ended <- nil }()
	go func() { icon.Run(behind); ended <- nil }()
	go func() { ended <- at.serve(behind, cancel, handler) }()
	go func() { ended <- door.Run(behind) }()
	err = w.Run(ctx)
	end()
	return errors.Join(err, <-ended, <-ended, <-ended, <-ended, <-ended)
}

// takeSignals takes SIGINT and SIGTERM away from Fyne's driver, which would end the window
// in the middle of what it does: they have the app end as its user would. The second one
// ends the program as if nobody listened.
func takeSignals(told func()) {
	signal.Reset(os.Interrupt, syscall.SIGTERM)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, func() {
		stop()
		told()
	})
}
