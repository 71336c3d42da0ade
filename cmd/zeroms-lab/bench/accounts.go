package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"zeroms/cmd/zeroms-lab/bench/fill"
	"zeroms/cmd/zeroms-lab/bench/load"
	"zeroms/cmd/zeroms-lab/bench/member"
	"zeroms/cmd/zeroms-lab/bench/meter"
	"zeroms/gateway"
)

// throttled reports whether a member that sent so many frames since its login
// was read more slowly, as gateways do by default.
func throttled(frames int, since time.Duration) bool {
	limit := gateway.Capacity{}.Default()
	return float64(frames) > 0.97*(float64(limit.MemberBurst)+float64(limit.MemberRate)*since.Seconds())
}

// touched is how many accounts get an envelope in a row of one sender's flows.
const touched = 2_000

// crowd measures a gateway with many accounts: how long it takes to start, and
// what an account costs on the disk and in memory, once nobody came and once
// every one of them got an envelope.
func (c *Config) crowd(ctx context.Context, z *zeroms, secure bool) (err error) {
	dir, err := os.MkdirTemp(c.Dir, "zeroms-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	t, err := c.startGateway(ctx, dir, secure) // makes the directory
	if err != nil {
		return err
	}
	t.process.Stop()
	empty, err := meter.DiskOf(dir)
	if err != nil {
		return err
	}
	began := time.Now()
	accounts, err := fill.Accounts(ctx, filepath.Join(dir, databaseFile), t.gateway.Address.Node, c.Crowd, c.Contacts)
	if err != nil {
		return err
	}
	filled := time.Since(began)
	full, err := meter.DiskOf(dir)
	if err != nil {
		return err
	}
	began = time.Now()
	if t, err = c.startGateway(ctx, dir, secure); err != nil {
		return err
	}
	defer t.process.Stop()
	if err := c.measureDisk(t); err != nil {
		return err
	}
	w := load.New(ctx)
	defer w.Close()
	r := newResult(z, "accounts", secure)
	r.Accounts, r.Drops = len(accounts), len(accounts)*c.Contacts
	r.DiskKiBPerAccount = some(float64(full-empty) / float64(len(accounts)) / 1024)
	if err := z.crowd(w, t, r, accounts, began); err != nil {
		return fmt.Errorf("accounts: %w", err)
	}
	r.Note = fmt.Sprintf("%d accounts with %d drops each were written straight into the database in %.0f s; ready after %.2f s, the first login was served after %.2f s; "+
		"an account takes %.2f KiB on the disk, %.2f KiB of memory once it got an envelope; resident memory was %d MiB after the start and %.2f s of CPU went into it",
		r.Accounts, c.Contacts, filled.Seconds(), *r.StartS, *r.LoginS, *r.DiskKiBPerAccount, *r.KiBPerAccount, r.StartRSSKiB>>10, r.CPUSeconds)
	return c.report(t, r)
}

// crowd fills in what a gateway shows that just started.
func (z *zeroms) crowd(w *load.World, t *target, r *Result, accounts []*member.Account, began time.Time) error {
	l, err := z.dial(w, t)
	if err != nil {
		return err
	}
	if err := l.Login(w.Context, accounts[0]); err != nil {
		return err
	}
	r.StartS, r.LoginS = some(t.started.Seconds()), some(time.Since(began).Seconds())
	cpu, err := meter.CPU(t.pid)
	if err != nil {
		return err
	}
	r.CPUSeconds, r.Seconds = cpu.Seconds(), t.started.Seconds()
	before, _, err := z.config.settled(t, w)
	if err != nil {
		return err
	}
	r.StartRSSKiB = before.RSS
	if err := z.touch(w, t, accounts); err != nil {
		return err
	}
	after, _, err := z.config.settled(t, w)
	if err != nil {
		return err
	}
	r.KiBPerAccount = some(float64(after.Anonymous-before.Anonymous) / float64(len(accounts)))
	return nil
}

// touch sends each account an envelope, from a few senders.
func (z *zeroms) touch(w *load.World, t *target, accounts []*member.Account) error {
	for len(accounts) > 0 {
		n := min(len(accounts), touched)
		l, err := z.dial(w, t)
		if err != nil {
			return err
		}
		if err := l.Open(w.Context, member.NewAccount(t.gateway.Address.Node)); err != nil {
			return err
		}
		room := int(l.Limits.InFlight)
		for from := 0; from < n; from += room {
			if err := sendOne(l, accounts[from:min(from+room, n)]); err != nil {
				return err
			}
		}
		accounts = accounts[n:]
		l.Close()
	}
	return nil
}

// sendOne sends each of a few accounts one envelope and reads until all receipts
// are there.
func sendOne(l *member.Link, accounts []*member.Account) error {
	flows := make([]*member.Flow, len(accounts))
	for i, a := range accounts {
		flows[i] = member.NewFlow(member.FlowConfig{From: l, To: a, Room: 1, Away: true})
		if err := flows[i].Send(1); err != nil {
			return err
		}
	}
	for _, f := range flows {
		for f.Done() == 0 {
			if err := l.Step(); err != nil {
				return err
			}
		}
	}
	return nil
}
