package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"zeroms/cmd/zeroms-lab/bench/load"
	"zeroms/cmd/zeroms-lab/bench/peer"
	"zeroms/cmd/zeroms-lab/bench/process"
)

// errNoTLS is for works that a peer is not measured with.
var errNoTLS = errors.New("peers are measured without TLS")

// mosquitto is the MQTT broker of that name.
type mosquitto struct {
	config  *Config
	program string
	addr    string
	away    []*peer.Flow
}

// mosquittoPlaces are where its program may be: some systems keep it where users
// have no path to.
var mosquittoPlaces = []string{"mosquitto", "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"}

// findMosquitto is its program, the first of the places that has one.
func findMosquitto(places ...string) (string, error) {
	for _, path := range places {
		if found, err := exec.LookPath(path); err == nil {
			return found, nil
		}
	}
	return "", errors.New("there is no mosquitto on this computer to compare with; install it (on Debian and Ubuntu: apt-get install mosquitto) or leave it out with --peers relay")
}

func (m *mosquitto) name() string { return "mosquitto" }

// mosquittoConf is what it runs with: on loopback, without limits of its own and
// without persistence; everything else has its default.
const mosquittoConf = `listener %d 127.0.0.1
allow_anonymous true
persistence false
max_inflight_messages 0
max_queued_messages 0
max_queued_bytes 0
max_connections -1
set_tcp_nodelay true
log_dest stderr
log_type error
log_type notice
log_type information
`

func (m *mosquitto) start(ctx context.Context, _ string, secure bool) (*target, error) {
	if secure {
		return nil, errNoTLS
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(m.config.Dir, "zeroms-bench-")
	if err != nil {
		return nil, err
	}
	m.addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	conf := filepath.Join(dir, "mosquitto.conf")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(conf, fmt.Appendf(nil, mosquittoConf, port), 0o644)); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	p, err := process.Run(ctx, exec.Command(m.program, "-c", conf), func(line string) bool { return strings.HasSuffix(line, " running") })
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return &target{pid: p.PID, dir: dir, process: p, started: p.Took}, nil
}

// freePort is a port of loopback that was free a moment ago.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// dial connects a client.
func (m *mosquitto) dial(w *load.World, client string, keep bool) (*peer.MQTT, error) {
	c, err := peer.DialMQTT(w.Context, m.addr, client, keep)
	if err != nil {
		return nil, err
	}
	return c, w.Own(c)
}

func (m *mosquitto) pairs(w *load.World, _ *target, n, room int) ([]load.Flow, error) {
	flows := make([]load.Flow, n)
	err := w.Each(n, func(i int) error {
		f, to, err := m.pair(w, i, min(room, 50_000), false)
		if err == nil {
			flows[i] = f
			w.Read(to)
		}
		return err
	})
	return flows, err
}

// pair connects a sender and a subscriber of topic i.
func (m *mosquitto) pair(w *load.World, i, room int, away bool) (*peer.Flow, *peer.MQTT, error) {
	topic := "bench/" + strconv.Itoa(i)
	to, err := m.dial(w, "to"+strconv.Itoa(i), away)
	if err != nil {
		return nil, nil, err
	}
	if err := to.Subscribe(topic); err != nil {
		return nil, nil, err
	}
	from, err := m.dial(w, "from"+strconv.Itoa(i), false)
	if err != nil {
		return nil, nil, err
	}
	f := from.Flow(topic, room, away)
	to.Receive(f)
	w.Read(from)
	return f, to, nil
}

func (m *mosquitto) absent(w *load.World, _ *target, n, room int) ([]load.Flow, error) {
	flows := make([]load.Flow, n)
	m.away = make([]*peer.Flow, n)
	err := w.Each(n, func(i int) error {
		f, to, err := m.pair(w, i, room, true)
		if err != nil {
			return err
		}
		flows[i], m.away[i] = f, f
		return to.Close()
	})
	return flows, err
}

func (m *mosquitto) come(w *load.World, _ *target, i, each int, finished func()) error {
	to, err := m.dial(w, "to"+strconv.Itoa(i), true)
	if err != nil {
		return err
	}
	f := m.away[i]
	to.Receive(f)
	w.ReadUntil(to, func() bool { return f.Counts().Delivered >= each }, func() error {
		err := to.Finish()
		if err == nil {
			finished()
		}
		return err
	})
	return nil
}

func (m *mosquitto) idle(w *load.World, _ *target, n int) error {
	return w.Each(n, func(i int) error {
		c, err := m.dial(w, "idle"+strconv.Itoa(i), false)
		if err == nil {
			err = c.Subscribe("bench/" + strconv.Itoa(i))
		}
		if err == nil {
			w.Read(c)
		}
		return err
	})
}

// relay is the bare WebSocket relay, a process of this very program.
type relay struct {
	config *Config
	addr   string
	names  atomic.Uint32
}

func (r *relay) name() string { return "relay" }

func (r *relay) start(ctx context.Context, _ string, secure bool) (*target, error) {
	if secure {
		return nil, errNoTLS
	}
	own, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p, err := process.Run(ctx, exec.Command(own, "bench", "relay"), func(line string) bool {
		addr, ok := strings.CutPrefix(line, "ready ")
		if ok {
			r.addr = addr
		}
		return ok
	})
	if err != nil {
		return nil, err
	}
	return &target{pid: p.PID, process: p, lab: true, started: p.Took}, nil
}

func (r *relay) dial(w *load.World) (*peer.Relay, uint32, error) {
	name := r.names.Add(1)
	c, err := peer.DialRelay(w.Context, r.addr, name)
	if err != nil {
		return nil, 0, err
	}
	return c, name, w.Own(c)
}

func (r *relay) pairs(w *load.World, _ *target, n, room int) ([]load.Flow, error) {
	flows := make([]load.Flow, n)
	err := w.Each(n, func(i int) error {
		to, name, err := r.dial(w)
		if err != nil {
			return err
		}
		from, _, err := r.dial(w)
		if err != nil {
			return err
		}
		f := from.Flow(name, room)
		to.Receive(f)
		flows[i] = f
		w.Read(from)
		w.Read(to)
		return nil
	})
	return flows, err
}

// errNoQueue: a bare relay keeps nothing for anybody.
var errNoQueue = errors.New("the relay has no queue")

func (r *relay) absent(*load.World, *target, int, int) ([]load.Flow, error) { return nil, errNoQueue }

func (r *relay) come(*load.World, *target, int, int, func()) error { return errNoQueue }

func (r *relay) idle(w *load.World, _ *target, n int) error {
	return w.Each(n, func(int) error {
		c, _, err := r.dial(w)
		if err == nil {
			w.Read(c)
		}
		return err
	})
}

// runPeers measures the other servers.
func (c *Config) runPeers(ctx context.Context) error {
	if err := c.check(); err != nil {
		return err
	}
	var all []system
	for _, name := range c.Peers {
		switch name {
		case "mosquitto":
			program, err := findMosquitto(mosquittoPlaces...)
			if err != nil {
				return err
			}
			all = append(all, &mosquitto{config: c, program: program})
		case "relay":
			all = append(all, &relay{config: c})
		default:
			return usage("there is no peer %q; there are mosquitto and relay", name)
		}
	}
	for _, work := range c.Works {
		if !slices.Contains(names[:5], work) {
			return usage("peers can't be measured with %q", work)
		}
	}
	if err := c.opening(); err != nil {
		return err
	}
	for _, s := range all {
		if err := c.works(ctx, s, false); err != nil {
			return err
		}
	}
	return c.machine("after")
}
