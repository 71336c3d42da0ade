package netlab

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"zeroms/protocol/card"
)

// gateway is one zeroms-gateway, over all its processes.
type gateway struct {
	// static
	number  int
	dir     string
	program *program
	space   *space // nil: on loopback

	mu      sync.Mutex
	listen  string       // guarded by mu: host:port, known once it ran
	text    string       // guarded by mu: its address, ZMSG:...
	address card.Address // guarded by mu: the same
	process *process     // guarded by mu
}

// program is the gateway's, with the flags that this build of it knows.
type program struct {
	path  string
	flags string // what its help says
}

// newProgram asks a program for its flags, as builds differ in them.
func newProgram(ctx context.Context, path string) (*program, error) {
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, path, "run", "--help")
	cmd.Stdout, cmd.Stderr, cmd.Env = &said, &said, environment()
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s does not say how it is run: %w\n%s", path, err, said.String())
	}
	return &program{path, said.String()}, nil
}

// knows reports whether the program has a flag.
func (p *program) knows(flag string) bool { return strings.Contains(p.flags, " "+flag+" ") }

// command is how a gateway is started: the one place that knows its command line.
func (g *gateway) command(listen string, join []string) *exec.Cmd {
	network := []string{"--network", "lab"} // its addresses are loopback's
	if g.space != nil && g.program.knows("--scope") {
		network = []string{"--network", "nets", "--scope", "lan"}
	}
	args := append([]string{"run", "--data", g.dir, "--listen", listen, "--registration", "open", "--log-level", "warn"}, network...)
	if g.program.knows("--join") {
		for _, address := range join {
			args = append(args, "--join", address)
		}
	}
	if g.space != nil {
		return g.space.command(g.number, g.program.path, args...)
	}
	return exec.Command(g.program.path, args...)
}

func newGateway(number int, dir string, p *program, s *space) *gateway {
	g := &gateway{number: number, dir: filepath.Join(dir, fmt.Sprintf("gateway-%d", number)), program: p, space: s, listen: "127.0.0.1:0"}
	if s != nil {
		g.listen = s.host(number) + ":7443"
	}
	return g
}

// start starts it, on the address that it had before if it ran already, and waits
// until it says that it is ready.
func (g *gateway) start(ctx context.Context, join []string) error {
	ready := make(chan struct{})
	var text, listen string // owned by line until ready is closed
	line := func(said string) {
		switch {
		case listen != "":
		case strings.HasPrefix(said, "ZMSG:"):
			text = said
		case strings.HasPrefix(said, "ready "):
			listen, _, _ = strings.Cut(strings.TrimPrefix(said, "ready "), " ")
			close(ready)
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	p, err := runProcess(g.command(g.listen, join), line)
	if err != nil {
		return g.because(err)
	}
	g.process = p
	late := time.NewTimer(readyWait)
	defer late.Stop()
	select {
	case <-ready:
	case <-p.ended:
		return g.because(fmt.Errorf("it ended before it was ready: %w", p.failure()))
	case <-late.C:
		return g.because(fmt.Errorf("it did not say that it is ready within %s:\n%s", readyWait, p.stderr.String()))
	case <-ctx.Done():
		return g.because(context.Cause(ctx))
	}
	if g.text != "" && text != g.text {
		return g.because(fmt.Errorf("its address is %s, and was %s before", text, g.text))
	}
	g.text, g.listen = text, listen
	g.address, err = card.ParseAddress(text)
	return g.because(err)
}

func (g *gateway) because(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("gateway %d: %w", g.number, err)
}

// whereabouts are how others reach it; "" before it ran.
func (g *gateway) whereabouts() (string, card.Address) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.text, g.address
}

// end ends the process with a signal: SIGKILL as a crash would, SIGTERM for draining.
func (g *gateway) end(ctx context.Context, s syscall.Signal) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	err := g.process.end(ctx, s)
	if err == nil && s == syscall.SIGTERM && g.process.err != nil {
		err = fmt.Errorf("it did not drain well: %w", g.process.failure())
	}
	return g.because(err)
}

// pause stops the process, or lets it go on.
func (g *gateway) pause(stop bool) error {
	s := contSignal
	if stop {
		s = stopSignal
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.because(g.process.signal(s))
}

// health is an error if the process ended by itself.
func (g *gateway) health() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.because(g.process.failure())
}

// clear ends the process whatever state it is in.
func (g *gateway) clear() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.process != nil {
		g.process.clear()
	}
}
