package story

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"zeroms/cmd/zeroms-lab/appdrive"
	"zeroms/cmd/zeroms-lab/appdrive/bus"
)

// Config is what a story needs.
type Config struct {
	// App, Gateway and Zms are the paths of the programs zeroms, zeroms-gateway and zms.
	App, Gateway, Zms string
	// Out is the directory for pictures.
	Out string
	// Keep leaves the profiles and gateways in place.
	Keep bool
	// Print takes the steps and their times.
	Print io.Writer
}

// The windows of a story, in pixels.
const (
	windowWidth  = 1180
	windowHeight = 740
	narrowWidth  = 420
)

// errFailed is returned when a step failed, which was told.
var errFailed = failed{errors.New("the story failed")}

type failed struct{ error }

// Silent marks the error as one that needs no words.
func (failed) Silent() {}

// sayTime is how long a complaint may take.
const sayTime = 300 * time.Millisecond

// errTooSlow ends a step that takes longer than it may.
var errTooSlow = errors.New("it takes too long")

// stage is where a story plays: a directory, displays, gateways and people.
type stage struct {
	Config
	dir      string
	began    time.Time
	pictures int
	gateways []*appdrive.Gateway
	people   []*person
}

// person is somebody with a window on a desktop.
type person struct {
	*appdrive.App
	zms        appdrive.Zms
	desktop    *bus.Bus
	complaints int // how many of the app's were told
}

func newStage(c Config) (*stage, error) {
	dir, err := os.MkdirTemp("", "zeroms-app-")
	if err != nil {
		return nil, fmt.Errorf("a temporary directory can't be made; set TMPDIR to a place where that is possible: %w", err)
	}
	out, err := filepath.Abs(c.Out)
	if err == nil {
		err = os.MkdirAll(out, 0o755)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	c.Out = out
	return &stage{Config: c, dir: dir, began: time.Now()}, nil
}

// gateway is a gateway of the stage that does not run yet.
func (s *stage) gateway(name string) *appdrive.Gateway {
	g := &appdrive.Gateway{Name: name, Program: s.Config.Gateway, Dir: filepath.Join(s.dir, "gateway-"+name)}
	s.gateways = append(s.gateways, g)
	return g
}

// runPerson is somebody with a display and a desktop of their own, whose app does not
// run yet.
func (s *stage) runPerson(ctx context.Context, name string) (*person, error) {
	d, err := appdrive.RunDisplay(ctx, windowWidth, windowHeight)
	if err != nil {
		return nil, err
	}
	at := filepath.Join(s.dir, strings.ToLower(name))
	p := &person{App: &appdrive.App{
		Name: name, Program: s.App, Profile: filepath.Join(at, "profile"), Home: filepath.Join(at, "home"), Trace: filepath.Join(at, "trace"),
		Display: d, Width: windowWidth, Height: windowHeight,
	}}
	s.people = append(s.people, p)
	if p.desktop, err = bus.Run(ctx, filepath.Join(at, "desktop")); err != nil {
		return nil, err
	}
	p.Bus = p.desktop.Address
	p.zms = appdrive.Zms{Program: s.Zms, Profile: p.Profile}
	return p, os.MkdirAll(p.Home, 0o700)
}

// close ends everything that runs and removes the directory.
func (s *stage) close() error {
	for _, p := range s.people {
		_ = p.Stop()
		p.Display.Close()
		if p.desktop != nil {
			p.desktop.Close()
		}
	}
	for _, g := range s.gateways {
		_ = g.Stop()
	}
	if s.Keep {
		fmt.Fprintf(s.Print, "kept: %s\n", s.dir)
		return nil
	}
	return os.RemoveAll(s.dir)
}

// picture takes one of somebody's window, once it has come to rest.
func (s *stage) picture(ctx context.Context, p *person, name string) error {
	if _, err := p.Rest(ctx); err != nil {
		return err
	}
	s.pictures++
	return p.Shot(ctx, filepath.Join(s.Out, fmt.Sprintf("%02d-%s.png", s.pictures, name)))
}

// step is a part of the story with a bound.
type step struct {
	what string
	most time.Duration
	play func(ctx context.Context) error
}

// perform plays the steps one after another until one can't be played to its end, and
// prints them with their times. Error: errFailed, or that ctx ended.
func (s *stage) perform(ctx context.Context, steps []step) error {
	passed := 0
	for n, next := range steps {
		began := time.Now()
		err := s.play(ctx, next)
		if err == nil {
			passed++
			fmt.Fprintf(s.Print, "ok    %6.1f s  %s\n", time.Since(began).Seconds(), next.what)
			continue
		}
		if ctx.Err() != nil {
			return errors.New("interrupted; nothing of the story is left running")
		}
		fmt.Fprintf(s.Print, "FAIL  %6.1f s  %s: %s\n", time.Since(began).Seconds(), next.what, strings.ReplaceAll(err.Error(), "\n", "\n  "))
		if errors.Is(err, errComplaint) {
			continue // the app goes on, so the story can too
		}
		s.witness()
		for _, missed := range steps[n+1:] {
			fmt.Fprintf(s.Print, "not played      %s\n", missed.what)
		}
		break
	}
	fmt.Fprintf(s.Print, "pictures are in %s; %.0f s\n%d passed, %d failed\n", s.Out, time.Since(s.began).Seconds(), passed, len(steps)-passed)
	if passed < len(steps) {
		return errFailed
	}
	return nil
}

// play plays one step within its bound, and looks at what the apps said.
func (s *stage) play(ctx context.Context, next step) error {
	bounded, cancel := context.WithTimeoutCause(ctx, next.most, errTooSlow)
	defer cancel()
	err := next.play(bounded)
	if errors.Is(context.Cause(bounded), errTooSlow) && err != nil {
		err = fmt.Errorf("not at its end after %s: %w", next.most, err)
	}
	if err == nil {
		err = appdrive.Pause(ctx, sayTime) // a complaint has several lines
	}
	if err != nil {
		return err
	}
	return s.complaints()
}

// errComplaint is returned when everything went well but for what an app said.
var errComplaint = errors.New("it should have nothing to complain about")

// complaints are those of both apps that were not told yet.
func (s *stage) complaints() error {
	var told []string
	for _, p := range s.people {
		all := p.Complaints()
		for _, c := range all[min(p.complaints, len(all)):] {
			told = append(told, p.Name+"'s app says: "+c)
		}
		p.complaints = len(all)
	}
	if len(told) == 0 {
		return nil
	}
	return fmt.Errorf("%w:\n%s", errComplaint, strings.Join(told, "\n"))
}

// witnessWait is how long all of witness may take.
const witnessWait = 20 * time.Second

// witness takes a last picture of every window, and keeps what each app said: of one
// that does not answer, what its goroutines are at too.
func (s *stage) witness() {
	ctx, cancel := context.WithTimeout(context.Background(), witnessWait)
	defer cancel()
	for _, p := range s.people {
		s.pictures++
		file := filepath.Join(s.Out, fmt.Sprintf("%02d-failed-%s", s.pictures, strings.ToLower(p.Name)))
		if err := p.Display.Shot(ctx, file+".png"); err == nil {
			fmt.Fprintf(s.Print, "      %s's window: %s.png\n", p.Name, file)
		}
		if _, err := p.Screen(ctx); err != nil {
			p.Confess()
		}
		if err := os.WriteFile(file+".txt", []byte(p.Output()+"\n"), 0o644); err == nil {
			fmt.Fprintf(s.Print, "      what %s's app said: %s.txt\n", p.Name, file)
		}
	}
}
