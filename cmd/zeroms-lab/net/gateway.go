package netlab

import (
	"context"
	"encoding/json"
	"errors"
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
	program string // the path of zeroms-gateway
	space   *space // nil: on loopback

	mu      sync.Mutex
	listen  string       // guarded by mu: host:port, known once it ran
	text    string       // guarded by mu: its address, ZMSG:...
	address card.Address // guarded by mu: the same
	process *process     // guarded by mu
}

// command is how a gateway is started.
func (g *gateway) command(listen string, join []string) *exec.Cmd {
	network := []string{"--network", "lab"} // its addresses are loopback's
	if g.space != nil {
		network = []string{"--network", "nets", "--scope", "lan"}
	}
	args := append([]string{"run", "--data", g.dir, "--listen", listen, "--registration", "open", "--log-level", "warn"}, network...)
	for _, address := range join {
		args = append(args, "--join", address)
	}
	if g.space != nil {
		return g.space.command(g.number, g.program, args...)
	}
	return exec.Command(g.program, args...)
}

// knows is how many other gateways it says that it knows.
func (g *gateway) knows(ctx context.Context) (int, error) {
	cmd := exec.CommandContext(ctx, g.program, "peers", "--data", g.dir, "--json")
	cmd.Env = environment()
	said, err := cmd.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(failed.Stderr)))
	}
	if err != nil {
		return 0, g.because(err)
	}
	var known []struct{}
	err = json.Unmarshal(said, &known)
	return len(known), g.because(err)
}

// meet waits until it knows so many others. Error: with how many it knows once ctx ends.
func (g *gateway) meet(ctx context.Context, others int) error {
	known := 0
	for {
		n, err := g.knows(ctx)
		if err == nil {
			known = n
		}
		switch {
		case known >= others:
			return nil
		case ctx.Err() == nil && err != nil:
			return err
		case !sleep(ctx, 50*time.Millisecond):
			return g.because(fmt.Errorf("it knows %d of the %d other gateways: %w", known, others, context.Cause(ctx)))
		}
	}
}

func newGateway(number int, dir string, program string, s *space) *gateway {
	g := &gateway{number: number, dir: filepath.Join(dir, fmt.Sprintf("gateway-%d", number)), program: program, space: s, listen: "127.0.0.1:0"}
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
