package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"zeroms/cmd/zeroms-lab/bench/fill"
	"zeroms/cmd/zeroms-lab/bench/load"
	"zeroms/cmd/zeroms-lab/bench/member"
	"zeroms/cmd/zeroms-lab/bench/process"
	"zeroms/protocol/card"
	"zeroms/protocol/wire"
)

// system is one kind of server, and how to load it.
type system interface {
	name() string
	// start starts a fresh server for a work.
	start(ctx context.Context, work string, secure bool) (*target, error)
	// pairs connects n pairs, of which one writes to the other.
	pairs(w *load.World, t *target, n, room int) ([]load.Flow, error)
	// absent connects n senders whose recipients are away.
	absent(w *load.World, t *target, n, room int) ([]load.Flow, error)
	// come connects the recipient of flow i; finished is called when it has taken
	// and acknowledged each messages.
	come(w *load.World, t *target, i, each int, finished func()) error
	// idle makes n connections that do nothing.
	idle(w *load.World, t *target, n int) error
}

// zeroms is a gateway.
type zeroms struct {
	config *Config
	stored []*member.Account // that the database was filled with
	away   []*member.Flow    // of absent
}

func (z *zeroms) name() string { return "zeroms" }

// start starts a gateway in a directory of its own; for works about many
// accounts those are in its database before.
func (z *zeroms) start(ctx context.Context, work string, secure bool) (*target, error) {
	c := z.config
	if c.running != nil {
		return c.running, nil
	}
	dir, err := os.MkdirTemp(c.Dir, "zeroms-bench-")
	if err != nil {
		return nil, err
	}
	t, err := z.startIn(ctx, dir, work, secure)
	if err != nil {
		os.RemoveAll(dir)
	}
	return t, err
}

func (z *zeroms) startIn(ctx context.Context, dir, work string, secure bool) (*target, error) {
	if work == "idle" {
		t, err := z.config.startGateway(ctx, dir, secure) // makes the directory
		if err != nil {
			return nil, err
		}
		t.process.Stop()
		if z.stored, err = fill.Accounts(ctx, filepath.Join(dir, databaseFile), t.gateway.Address.Node, z.config.Connections, 1); err != nil {
			return nil, err
		}
	}
	return z.config.startGateway(ctx, dir, secure)
}

// databaseFile is the database's name in a gateway's directory.
const databaseFile = "mailbox.db"

// startGateway starts a gateway with a directory, which is made unless it is one.
func (c *Config) startGateway(ctx context.Context, dir string, secure bool) (*target, error) {
	args := []string{"run", "--data", dir, "--listen", "127.0.0.1:0", "--network", "lab", "--registration", "open"}
	if !secure {
		args = append(args, "--plain")
	}
	t := &target{dir: dir, lab: process.IsLab(c.Program)}
	cmd := exec.Command(c.Program, args...)
	cmd.Env = os.Environ()
	if c.CPUProfile != "" {
		t.profile = c.CPUProfile + "." + tlsWord(secure)
		cmd.Env = append(cmd.Env, "ZEROMS_CPUPROFILE="+t.profile)
	}
	var text string
	p, err := process.Run(ctx, cmd, func(line string) bool {
		if strings.HasPrefix(line, "ZMSG:") {
			text = line
		}
		return strings.HasPrefix(line, "ready ")
	})
	if err != nil {
		return nil, err
	}
	t.process, t.pid, t.started = p, p.PID, p.Took
	address, err := card.ParseAddress(text)
	if err != nil {
		p.Stop()
		return nil, fmt.Errorf("the gateway printed no address: %w", err)
	}
	t.gateway = &member.Gateway{Address: address}
	return t, nil
}

func tlsWord(secure bool) string {
	if secure {
		return "tls"
	}
	return "plain"
}

// dial opens a link.
func (z *zeroms) dial(w *load.World, t *target) (*member.Link, error) {
	l, err := member.Dial(w.Context, t.gateway)
	if err != nil {
		return nil, err
	}
	l.Seen, l.Acking = w.Seen, member.Acking{Rows: z.config.AckRows, Delay: z.config.AckDelay}
	return l, w.Own(l)
}

// open opens n accounts and stays logged in with each.
func (z *zeroms) open(w *load.World, t *target, n int) ([]*member.Link, error) {
	links := make([]*member.Link, n)
	err := w.Each(n, func(i int) error {
		l, err := z.dial(w, t)
		if err != nil {
			return err
		}
		links[i] = l
		return l.Open(w.Context, member.NewAccount(t.gateway.Address.Node))
	})
	return links, err
}

func (z *zeroms) pairs(w *load.World, t *target, n, room int) ([]load.Flow, error) {
	links, err := z.open(w, t, 2*n)
	if err != nil {
		return nil, err
	}
	flows := make([]load.Flow, n)
	for i := range flows {
		from, to := links[2*i], links[2*i+1]
		f := member.NewFlow(member.FlowConfig{From: from, To: to.Account(), Room: min(room, int(from.Limits.InFlight))})
		f.Deliver(to)
		flows[i] = f
	}
	for _, l := range links {
		w.Read(l)
	}
	w.Acknowledge(links)
	return flows, nil
}

func (z *zeroms) absent(w *load.World, t *target, n, room int) ([]load.Flow, error) {
	links, err := z.open(w, t, 2*n)
	if err != nil {
		return nil, err
	}
	z.away = make([]*member.Flow, n)
	err = w.Each(n, func(i int) error {
		from, to := links[2*i], links[2*i+1]
		defer to.Close()
		if err := to.Finish(); err != nil {
			return err
		}
		z.away[i] = member.NewFlow(member.FlowConfig{From: from, To: to.Account(), Room: min(room, int(from.Limits.InFlight)), Away: true})
		return nil
	})
	if err != nil {
		return nil, err
	}
	flows := make([]load.Flow, n)
	for i := range flows {
		flows[i] = z.away[i]
		w.Read(links[2*i])
	}
	return flows, nil
}

func (z *zeroms) come(w *load.World, t *target, i, each int, finished func()) error {
	l, err := z.dial(w, t)
	if err != nil {
		return err
	}
	f := z.away[i]
	f.Deliver(l)
	if err := l.Login(w.Context, f.To()); err != nil {
		return err
	}
	w.ReadUntil(l, func() bool { return f.Counts().Delivered >= each }, func() error {
		err := l.Finish()
		if err == nil {
			finished()
		}
		return err
	})
	return nil
}

func (z *zeroms) idle(w *load.World, t *target, n int) error {
	accounts := z.stored
	if len(accounts) < n {
		var err error
		if accounts, err = z.devices(w, t, n); err != nil {
			return err
		}
	}
	links := make([]*member.Link, n)
	err := w.Each(n, func(i int) error {
		l, err := z.dial(w, t)
		if err != nil {
			return err
		}
		links[i] = l
		return l.Login(w.Context, accounts[i])
	})
	if err != nil {
		return err
	}
	for _, l := range links {
		w.Read(l)
	}
	w.Acknowledge(links)
	return nil
}

// devices opens accounts at a gateway that runs already, with as many devices
// each as it takes, until there are n devices.
func (z *zeroms) devices(w *load.World, t *target, n int) ([]*member.Account, error) {
	l, err := z.dial(w, t)
	if err != nil {
		return nil, err
	}
	each := int(l.Limits.Devices)
	l.Close()
	out := make([]*member.Account, (n+each-1)/each*each)
	err = w.Each(len(out)/each, func(i int) error {
		l, err := z.dial(w, t)
		if err != nil {
			return err
		}
		defer l.Close()
		first := member.NewAccount(t.gateway.Address.Node)
		if err := l.Open(w.Context, first); err != nil {
			return err
		}
		if err := l.Finish(); err != nil {
			return err
		}
		out[i*each] = first
		for j := range each - 1 {
			device := first.Device()
			if err := l.Ask(device.Enrol(), &wire.OK{}); err != nil {
				return err
			}
			out[i*each+j+1] = device
		}
		return nil
	})
	return out, err
}

// withServer runs something against a fresh server, or the one that runs already.
func (c *Config) withServer(ctx context.Context, s system, work string, secure bool, do func(t *target, w *load.World) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, workLimit, errWorkLimit)
	defer cancel()
	t, err := s.start(ctx, work, secure)
	if err != nil {
		return fmt.Errorf("%s: %w", work, err)
	}
	if t != c.running {
		defer t.close()
	}
	if err := c.measureDisk(t); err != nil {
		return err
	}
	w := load.New(ctx)
	defer w.Close()
	if err = do(t, w); err == nil {
		err = w.Failure()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("%s: %w", work, err), t.failed())
	}
	return nil
}

// workLimit is how long a work may take in all.
const workLimit = 15 * time.Minute

var errWorkLimit = errors.New("the work took more than 15 minutes")
