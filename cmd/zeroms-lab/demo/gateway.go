package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"zeroms/cmd/zeroms-lab/child"
)

// gateway is one zeroms-gateway, over all its processes.
type gateway struct {
	stage   *stage
	name    string
	dir     string
	address string // ZMSG:..., known once it ran
	listen  string // host:port, known once it ran
	hash    string // how messages name their holder, known once it is a home
	process *child.Child
	join    *gateway // whom it is told of; nil: nobody
}

func (s *stage) gateway(name string) *gateway {
	return &gateway{stage: s, name: name, dir: filepath.Join(s.dir, name), listen: "127.0.0.1:0"}
}

// start starts it, on the port that it had before if it ran already, and waits
// until it says that it is ready.
func (g *gateway) start(ctx context.Context) error {
	ready := make(chan struct{})
	var address, listen string // owned by line until ready is closed
	line := func(b []byte) {
		text := string(b)
		switch {
		case listen != "":
		case strings.HasPrefix(text, "ZMSG:"):
			address = text
		case strings.HasPrefix(text, "ready "):
			listen, _, _ = strings.Cut(strings.TrimPrefix(text, "ready "), " ")
			close(ready)
		}
	}
	cmd := exec.Command(g.stage.config.Gateway, "run", "--data", g.dir, "--listen", g.listen, "--network", "lab")
	if g.join != nil {
		cmd.Args = append(cmd.Args, "--join", g.join.address)
	}
	var err error
	if g.process, err = g.stage.runChild("gateway "+g.name, cmd, line); err != nil {
		return err
	}
	select {
	case <-ready:
	case <-g.process.Ended():
		return fmt.Errorf("gateway %s was not ready: %s", g.name, g.process.State())
	case <-ctx.Done():
		return fmt.Errorf("gateway %s did not say that it is ready: %w", g.name, context.Cause(ctx))
	}
	if g.address != "" && (address != g.address || listen != g.listen) {
		return fmt.Errorf("gateway %s has another address than before: %s instead of %s", g.name, listen, g.listen)
	}
	g.address, g.listen = address, listen
	return nil
}

// meet waits until the gateway knows so many others.
func (g *gateway) meet(ctx context.Context, others int) error {
	for {
		var known []struct{}
		cmd := child.Command(ctx, g.stage.config.Gateway, "peers", "--data", g.dir, "--json")
		out, err := cmd.Output()
		if err == nil {
			err = json.Unmarshal(out, &known)
		}
		if err == nil && len(known) >= others {
			return nil
		}
		timer := time.NewTimer(20 * time.Millisecond)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("gateway %s knows %d of %d others (%v): %w", g.name, len(known), others, err, context.Cause(ctx))
		}
	}
}
