package network

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"zeroms/cmd/zeroms-gateway/control"
	"zeroms/cmd/zeroms-lab/bench/load"
	"zeroms/cmd/zeroms-lab/bench/member"
	"zeroms/cmd/zeroms-lab/bench/meter"
	"zeroms/cmd/zeroms-lab/bench/process"
	"zeroms/protocol/address"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
)

// meetWait is how long gateways may take to find each other.
const meetWait = 90 * time.Second

// house is one gateway, a process of its own.
type house struct {
	dir     string
	text    string // its address
	gateway *member.Gateway
	process *process.Process
	profile string // where it writes its CPU profile
}

// town is gateways that found each other.
type town struct {
	config *config
	dir    string
	houses []*house
	took   time.Duration // from the last one's start until all knew all
}

// withTown runs something with n gateways that know each other, and some users of
// theirs.
func (c *config) withTown(ctx context.Context, n int, do func(t *town, w *load.World) error) (err error) {
	dir, err := os.MkdirTemp(c.dir, "zeroms-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	t := &town{config: c, dir: dir}
	defer t.close()
	w := load.New(ctx)
	defer w.Close()
	if n > 0 {
		if err := t.settle(ctx, w, n); err != nil {
			return err
		}
	}
	if err = do(t, w); err == nil {
		err = w.Failure()
	}
	for i, h := range t.houses {
		if failed := h.process.Failed(); failed != nil {
			err = errors.Join(err, fmt.Errorf("gateway %d: %w", i+1, failed))
		}
	}
	return err
}

// settle starts n gateways; all are told of the first one only.
func (t *town) settle(ctx context.Context, w *load.World, n int) error {
	first, err := t.start(ctx, "1")
	if err != nil {
		return err
	}
	t.houses = append(make([]*house, 0, n), first)
	others := make([]*house, n-1)
	err = w.Each(len(others), func(i int) (err error) {
		others[i], err = t.start(ctx, fmt.Sprint(i+2), "--join", first.text)
		return err
	})
	for _, h := range others {
		if h != nil {
			t.houses = append(t.houses, h)
		}
	}
	if err != nil {
		return err
	}
	began := time.Now()
	for _, h := range t.houses {
		if err := h.meets(w, n-1); err != nil {
			return err
		}
	}
	t.took = time.Since(began)
	return nil
}

// start starts a gateway of the lab's network.
func (t *town) start(ctx context.Context, name string, more ...string) (*house, error) {
	h := &house{dir: filepath.Join(t.dir, name)}
	args := append([]string{"run", "--data", h.dir, "--listen", "127.0.0.1:0", "--network", "lab", "--registration", "open"}, more...)
	if t.config.noUDP {
		args = append(args, "--no-udp")
	}
	cmd := exec.Command(t.config.program, args...)
	cmd.Env = os.Environ()
	if t.config.profile != "" {
		h.profile = t.config.profile + "." + name
		cmd.Env = append(cmd.Env, "ZEROMS_CPUPROFILE="+h.profile)
	}
	return h, h.run(ctx, cmd)
}

// run starts the process and reads its address.
func (h *house) run(ctx context.Context, cmd *exec.Cmd) error {
	p, err := process.Run(ctx, cmd, func(line string) bool {
		if strings.HasPrefix(line, "ZMSG:") {
			h.text = line
		}
		return strings.HasPrefix(line, "ready ")
	})
	if err != nil {
		return err
	}
	h.process = p
	a, err := card.ParseAddress(h.text)
	if err != nil {
		p.Stop()
		return fmt.Errorf("the gateway printed no address: %w", err)
	}
	h.gateway = &member.Gateway{Address: a}
	return nil
}

// close ends all gateways.
func (t *town) close() { t.runEnds() }

func (t *town) runEnds() {
	var all sync.WaitGroup
	for _, h := range t.houses {
		all.Go(h.process.Stop)
	}
	all.Wait()
}

// meets waits until the gateway knows so many others and they have reached it.
func (h *house) meets(w *load.World, others int) error {
	known := 0
	err := w.Until(meetWait, 50*time.Millisecond, func() bool {
		l, err := control.Ask(w.Context, h.dir)
		if err != nil || l.Overlay == nil {
			return false
		}
		known = l.Overlay.DHT.Table
		return l.Overlay.DHT.Serving && known >= others
	})
	if err != nil {
		return fmt.Errorf("a gateway knows %d of %d others: %w", known, others, err)
	}
	return nil
}

// stats are what the gateway tells of its part in the network.
func (h *house) stats(ctx context.Context) (*control.Overlay, error) {
	l, err := control.Ask(ctx, h.dir)
	if err == nil && l.Overlay == nil {
		err = errors.New("the gateway is part of no network")
	}
	return l.Overlay, err
}

// endpoint is where the gateway is, as other gateways are told.
func (h *house) endpoint() link.Endpoint {
	a := &h.gateway.Address
	return link.Endpoint{Host: a.Host, Port: a.Port, Node: a.Node[:]}
}

// place is the gateway in its network.
func (h *house) place() key.Place {
	return key.Place{Network: h.gateway.Address.Network, Node: h.gateway.Address.Node}
}

// member opens an account and stays logged in with it.
func (h *house) member(w *load.World) (*member.Link, error) {
	l, err := h.dial(w)
	if err != nil {
		return nil, err
	}
	return l, l.Open(w.Context, member.NewAccount(h.gateway.Address.Node))
}

// dial opens a link whose rows are acknowledged one by one.
func (h *house) dial(w *load.World) (*member.Link, error) {
	l, err := member.Dial(w.Context, h.gateway)
	if err != nil {
		return nil, err
	}
	l.Seen, l.Acking = w.Seen, member.Acking{Rows: 1}
	return l, w.Own(l)
}

// channel opens a channel to another gateway, whose descriptor a link to it brought.
func (h *house) channel(descriptor []byte) (*member.Channel, error) {
	d, err := address.OpenDescriptor(descriptor, h.gateway.Address.Network, time.Now())
	if err != nil {
		return nil, fmt.Errorf("the gateway's descriptor: %w", err)
	}
	return member.OpenChannel(h.endpoint(), h.place(), &d.KEM)
}

// cpu is the CPU time that a gateway took so far.
func (h *house) cpu() (time.Duration, error) { return meter.CPU(h.process.PID) }
