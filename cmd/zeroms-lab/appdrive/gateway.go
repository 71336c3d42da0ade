package appdrive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"zeroms/cmd/zeroms-lab/child"
)

// Gateway is a zeroms-gateway on loopback, over all its processes. It takes nobody
// without an invitation.
type Gateway struct {
	// Name is what people call it, Program the path of zeroms-gateway, Dir its
	// directory.
	Name, Program, Dir string
	// Address is how others reach it (ZMSG:...), Listen its HOST:PORT: both are known
	// once it ran, and stay.
	Address, Listen string

	process *child.Child
	said    child.Output
}

// Start starts the gateway, on the port that it had before, and waits until it says
// that it is ready.
func (g *Gateway) Start(ctx context.Context) error {
	listen := g.Listen
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	before := len(g.said.All())
	cmd := exec.Command(g.Program, "run", "--data", g.Dir, "--listen", listen, "--network", "lab", "--registration", "invite")
	var err error
	if g.process, err = child.Run("gateway "+g.Name, cmd, &g.said); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startWait, errors.New("it is not ready in time"))
	defer cancel()
	return Until(ctx, 10*time.Millisecond, "gateway "+g.Name, func() (bool, error) {
		for _, line := range g.said.All()[before:] {
			if strings.HasPrefix(line, "ZMSG:") {
				g.Address = line
			}
			if where, ok := strings.CutPrefix(line, "ready "); ok {
				g.Listen, _, _ = strings.Cut(where, " ")
				return true, nil
			}
		}
		return false, g.process.Failure()
	})
}

// Invite is its address with an invitation for one more person.
func (g *Gateway) Invite(ctx context.Context) (string, error) {
	cmd := child.Command(ctx, g.Program, "invite", "--data", g.Dir)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("gateway %s gives no invitation: %w %s", g.Name, err, strings.TrimSpace(complaint.String()))
	}
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "ZMSG:") {
			return line, nil
		}
	}
	return "", fmt.Errorf("gateway %s printed no address: %.200q", g.Name, out)
}

// Kill ends the gateway as a crash would, Stop as the end of a session does. Error: it
// had ended by itself.
func (g *Gateway) Kill() error { return g.process.Kill() }

// Stop asks the gateway to end. Error: it does not, or not well.
func (g *Gateway) Stop() error {
	if g.process == nil {
		return nil
	}
	return g.process.Stop()
}
