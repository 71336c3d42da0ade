package netlab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// insideEnv tells a process that it stands in the namespaces already.
const insideEnv = "ZEROMS_LAB_INSIDE="

// bridge joins the gateways' namespaces and this process's, which is at 10.90.0.1.
const bridge = "zms0"

// nowhere is the link address of nobody.
const nowhere = "02:00:00:00:00:de"

// tied is how children are started: out of reach of the terminal's Ctrl-C, and killed
// by the system if this process ends without a chance to do that.
func tied() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// canIsolate says why namespaces can't be had here; nil if they can.
func canIsolate() error {
	if os.Geteuid() != 0 {
		return errors.New("only root can make network namespaces")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		return errors.New("the program ip (iproute2) is missing")
	}
	return nil
}

// inside reports whether this process stands in namespaces of its own.
func inside() bool { return os.Getenv(strings.TrimSuffix(insideEnv, "=")) != "" }

// isolate runs this program once more with the same arguments, in network and mount
// namespaces of its own: what is made in them ends with it.
func isolate(ctx context.Context, std files) error {
	own, err := os.Executable()
	if err != nil {
		return fmt.Errorf("this program can't be found: %w", err)
	}
	cmd := exec.CommandContext(ctx, own, os.Args[1:]...)
	cmd.Env = append(os.Environ(), insideEnv+"1")
	cmd.Stdout, cmd.Stderr = std.out, std.err
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS, Setpgid: true, Pdeathsig: syscall.SIGKILL,
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Minute
	var ended *exec.ExitError
	if err := cmd.Run(); errors.As(err, &ended) {
		return errInside
	} else if err != nil {
		return fmt.Errorf("network namespaces can't be made; try --partitions stop: %w", err)
	}
	return nil
}

// space is the network that the gateways are in.
type space struct{ gateways int }

// newSpace makes namespaces for so many gateways, joined by a bridge.
func newSpace(ctx context.Context, gateways int) (*space, error) {
	s := &space{gateways}
	const named = "/run/netns"
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return nil, fmt.Errorf("mount namespace: %w", err)
	}
	if err := os.MkdirAll(named, 0o755); err != nil {
		return nil, err
	}
	if err := syscall.Mount("tmpfs", named, "tmpfs", 0, ""); err != nil {
		return nil, fmt.Errorf("mount namespace: %w", err)
	}
	commands := []string{
		"link set lo up", "link add " + bridge + " type bridge", "addr add 10.90.0.1/16 dev " + bridge, "link set " + bridge + " up",
	}
	for n := range gateways {
		port, name := fmt.Sprintf("zmsv%d", n), s.name(n)
		commands = append(commands,
			"netns add "+name,
			"link add "+port+" type veth peer name eth0 netns "+name,
			"link set "+port+" master "+bridge+" up",
			"-n "+name+" link set lo up", "-n "+name+" link set eth0 up", "-n "+name+" addr add "+s.host(n)+"/16 dev eth0",
		)
	}
	for _, c := range commands {
		if err := s.ip(ctx, c); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *space) name(gateway int) string { return fmt.Sprintf("zms-gw%d", gateway) }

// host is the address of a gateway.
func (s *space) host(gateway int) string {
	return fmt.Sprintf("10.90.%d.%d", 1+gateway/200, 1+gateway%200)
}

// command is a program in the namespace of a gateway.
func (s *space) command(gateway int, program string, args ...string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", s.name(gateway), program}, args...)...)
}

// ip runs ip(8).
func (s *space) ip(ctx context.Context, args string) error {
	cmd := exec.CommandContext(ctx, "ip", strings.Fields(args)...)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", args, err, strings.TrimSpace(said.String()))
	}
	return nil
}

// part loses every packet between two gateways, or between a gateway and this process
// (people), both ways: each sends to a link address that nobody has. join ends it.
func (s *space) part(ctx context.Context, a, b int) error {
	return s.both(ctx, a, b, "neigh replace %s lladdr "+nowhere+" nud permanent dev %s")
}

func (s *space) join(ctx context.Context, a, b int) error {
	return s.both(ctx, a, b, "neigh del %s dev %s")
}

// people stands for this process where the number of a gateway is expected.
const people = -1

func (s *space) both(ctx context.Context, a, b int, change string) error {
	var err error
	for _, way := range [][2]int{{a, b}, {b, a}} {
		at, to := "-n "+s.name(way[0])+" ", "10.90.0.1"
		device := "eth0"
		if way[0] == people {
			at, device = "", bridge
		}
		if way[1] != people {
			to = s.host(way[1])
		}
		err = errors.Join(err, s.ip(ctx, at+fmt.Sprintf(change, to, device)))
	}
	return err
}
