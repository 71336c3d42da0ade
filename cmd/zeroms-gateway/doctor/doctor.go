// Package doctor looks for what keeps a gateway from working well: its address,
// port, network, clock, disk, limits, key and database. Every finding says what is so and
// what to do about it.
package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"

	"zeroms/cmd/zeroms-gateway/control"
	"zeroms/cmd/zeroms-gateway/machine"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
)

// Level is how bad a finding is.
type Level string

// The levels.
const (
	OK      Level = "ok"
	Warning Level = "warning"
	Problem Level = "problem"
)

// Finding is one thing that was looked at.
type Finding struct {
	Check string `json:"check"` // address, port, network, clock, disk, limits, key, backup or database
	Level Level  `json:"level"`
	Text  string `json:"text"`         // what is so
	Do    string `json:"do,omitempty"` // what to do about it; empty if it is well
}

// Subject is the gateway that is looked at.
type Subject struct {
	Dir           string
	Key, Database string // paths of files
	// Node is the key that the file holds; KeyError says why it holds none.
	Node     key.NodePublic
	KeyError error
	// Address is the one of the last run; nil: it never ran.
	Address *card.Address
	// Listen is HOST:PORT where it listens, or will.
	Listen string
	// Pid is the process that runs, 0 if none does.
	Pid int
	// Silent says that a process runs but does not answer; Pid is 0 if its number is not
	// known. nil: it answered, or none runs.
	Silent *control.SilentError
	// Overlay is the part in its network of the process that runs; nil: it has none.
	Overlay *control.Overlay
	// NetworkError says why what is kept of the network can't be read; nil: it can.
	NetworkError error
	// Links are to be served; OpenFiles is how many files that takes, Memory how many
	// bytes at worst.
	Links     int
	OpenFiles uint64
	Memory    uint64
	// Backup is when the last backup was made; zero: none is known.
	Backup time.Time
}

// Machine is what the findings are taken from.
type Machine struct {
	Now          func() time.Time
	Resolve      func(ctx context.Context, host string) ([]netip.Addr, error)
	Addresses    func() ([]netip.Addr, error)
	Dial         func(ctx context.Context, e link.Endpoint) error // nil: the pinned gateway answers
	Bind         func(ctx context.Context, address string) error  // nil: it can be listened on
	Synchronised func() (bool, error)
	Disk         func(dir string) (machine.Disk, error)
	SyncTime     func(dir string) (time.Duration, error)
	OpenFiles    func(pid int) (uint64, error)
	Memory       func() (uint64, error)
	Stat         func(path string) (machine.File, error)
}

// This is this computer.
func This() Machine {
	return Machine{
		Now: time.Now,
		Resolve: func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		},
		Addresses: machine.Addresses, Dial: dial, Bind: bind, Synchronised: machine.Synchronised,
		Disk: machine.DiskOf, SyncTime: machine.SyncTime, OpenFiles: machine.OpenFiles, Memory: machine.Memory, Stat: machine.Stat,
	}
}

// dialTimeout bounds the way to one's own address and back.
const dialTimeout = 8 * time.Second

// dial opens a link as a client does, and closes it.
func dial(ctx context.Context, e link.Endpoint) error {
	dialer, err := link.NewDialer(link.Config{Timeout: dialTimeout})
	if err != nil {
		return err
	}
	c, err := dialer.Dial(ctx, e)
	if err != nil {
		return err
	}
	return c.Close()
}

func bind(ctx context.Context, address string) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return l.Close()
}

// doctor collects findings.
type doctor struct {
	Subject
	Machine
	found []Finding
}

// Examine looks at everything. It changes nothing; to measure the disk it makes a
// file and removes it.
func Examine(ctx context.Context, s Subject, m Machine) []Finding {
	d := &doctor{Subject: s, Machine: m}
	own := d.address(ctx)
	d.port(ctx, own)
	d.network()
	d.clock(ctx)
	d.disk()
	d.limits()
	d.key()
	d.backup()
	d.database(ctx)
	return d.found
}

func (d *doctor) add(check string, level Level, text, do string) {
	d.found = append(d.found, Finding{Check: check, Level: level, Text: text, Do: do})
}

// Print writes findings for people, or as one line of JSON each.
func Print(w io.Writer, found []Finding, asJSON bool) error {
	lines := json.NewEncoder(w)
	for _, f := range found {
		if asJSON {
			if err := lines.Encode(f); err != nil {
				return err
			}
			continue
		}
		text := fmt.Sprintf("%-8s %-9s %s\n", f.Level, f.Check, f.Text)
		if f.Do != "" {
			text += fmt.Sprintf("%18s -> %s\n", "", f.Do)
		}
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
	}
	return nil
}

// Problems counts those among findings.
func Problems(all []Finding) (n int) {
	for _, f := range all {
		if f.Level == Problem {
			n++
		}
	}
	return n
}
