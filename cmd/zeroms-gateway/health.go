package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"zeroms/cmd/zeroms-gateway/doctor"
	"zeroms/cmd/zeroms-gateway/folder"
	"zeroms/cmd/zeroms-gateway/machine"
	"zeroms/gateway"
	"zeroms/gateway/mailbox"
	"zeroms/gateway/status"
	"zeroms/protocol/wire"
	database "zeroms/store/mailbox"
)

// fresh is how long a commit proves that the next one would work too.
const fresh = 10 * time.Second

// observed is the database with an eye on its commits.
type observed struct {
	*database.DB
	status *status.Status // nil: nobody asks
	last   atomic.Int64   // the last commit that worked, unix ns

	probing sync.Mutex
}

// Commit implements mailbox.Store.
func (o *observed) Commit(ctx context.Context, b *mailbox.Batch) error {
	begin := time.Now()
	err := o.DB.Commit(ctx, b)
	now := time.Now()
	if err == nil {
		o.last.Store(now.UnixNano())
	}
	if o.status != nil {
		rows, bytes := 0, 0
		for i := range b.Accounts {
			rows += len(b.Accounts[i].Rows)
			for j := range b.Accounts[i].Rows {
				bytes += len(b.Accounts[i].Rows[j].Payload)
			}
		}
		o.status.Commit(now.Sub(begin), rows, bytes, err)
	}
	return err
}

// writes is nil if the database takes commits: one was made just now, or is tried.
func (o *observed) writes(ctx context.Context) error {
	o.probing.Lock()
	defer o.probing.Unlock()
	if time.Since(time.Unix(0, o.last.Load())) < fresh {
		return nil
	}
	err := o.Probe(ctx)
	if err == nil {
		o.last.Store(time.Now().UnixNano())
	}
	return err
}

// Why a gateway is not healthy; shown to whoever asks /healthz.
var (
	errStarting = errors.New("the gateway is starting; ask again in a moment")
	errStopping = errors.New("the gateway is shutting down; start it again if it should serve")
	errNoWrites = errors.New("the database takes nothing at the moment: look at the gateway's log, and whether the disk is full; it is tried again by itself")
)

// health is why the gateway does not do its work, nil if it does. Being busy is
// work.
func (p *parts) health(ctx context.Context) error {
	select {
	case <-p.box.Ready():
	default:
		return errStarting
	}
	_, _, err := p.box.Waiting()
	switch {
	case p.gateway.Draining() || errors.Is(err, wire.ErrDraining):
		return errStopping
	case errors.Is(err, wire.ErrUnavailable):
		return errNoWrites
	}
	if err := p.store.writes(ctx); err != nil {
		p.log.Warn("a trial commit failed", "err", err)
		return errNoWrites
	}
	return nil
}

// reading is everything that is counted.
func (p *parts) reading() status.Reading {
	s := p.gateway.Stats()
	answers, queued, _ := p.box.Waiting()
	r := status.Reading{
		Links: s.Links, Guests: s.Guests, LinksLimit: p.capacity.Conns,
		Accepted: s.Accepted, Refused: s.Refused, Slow: s.Slow, Silent: s.Silent, Faults: s.Faults, Evicted: s.Evicted,
		Logins: s.Logins, Rejected: s.Rejected, Submits: s.Submits, Pushes: s.Pushes, Acks: s.Acks, Profiles: s.Profiles,
		BytesIn: s.BytesIn, BytesOut: s.BytesOut, Refusals: p.gateway.Refusals(),
		LinkQueue: s.Waiting, CommitQueue: int64(queued), CommitAnswers: answers, Draining: p.gateway.Draining(),
		Network:  p.net.Reading(),
		Database: sizeOf(p.data.Path(folder.DatabaseFile)), Log: sizeOf(p.data.Path(folder.DatabaseFile) + "-wal"),
	}
	if disk, err := machine.DiskOf(p.data.Dir); err == nil {
		r.Free = int64(disk.Free)
	}
	return r
}

// sizeOf is a file's size in bytes, 0 if there is none.
func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// Open files beside connections: the database with its readers, sockets, the log,
// and what the runtime needs.
const otherFiles = 64

// filesFor is how many open files so many links need.
func filesFor(links int) uint64 {
	return uint64(gateway.Capacity{Conns: links}.Connections() + otherFiles)
}

// fit lowers the links that are served to what the system's limit of open files
// allows, and says so; a gateway with fewer links is better than none. With too few
// for any it refuses.
func (p *parts) fit() error {
	have, err := machine.OpenFiles(0)
	if errors.Is(err, machine.ErrUnknown) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("the limit of open files can't be read: %w", err)
	}
	asked := p.capacity.Conns
	need := filesFor(asked)
	if have >= need {
		return nil
	}
	for p.capacity.Conns > folder.LeastLinks && filesFor(p.capacity.Conns) > have {
		p.capacity.Conns -= max(1, p.capacity.Conns/64)
	}
	p.capacity.Conns = max(p.capacity.Conns, folder.LeastLinks)
	p.capacity.Guests = min(p.capacity.Guests, max(4, p.capacity.Conns/5))
	if filesFor(p.capacity.Conns) > have {
		return fmt.Errorf("this process may open %d files only, and even %d links need %d; %s", have, folder.LeastLinks, filesFor(folder.LeastLinks), doctor.RaiseFiles(need))
	}
	p.log.Warn("the limit of open files is too low: fewer links are served; "+doctor.RaiseFiles(need),
		"open_files", have, "needed", need, "links", p.capacity.Conns, "asked", asked)
	return nil
}

// watchdog tells the service manager again and again that the gateway answers.
func (p *parts) loopWatchdog(ctx context.Context) error {
	every := machine.Watchdog() / 3
	if every <= 0 {
		return nil
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		p.gateway.Stats() // both wait for their locks: they return, so nothing is stuck
		p.box.Waiting()
		p.tell("WATCHDOG=1")
	}
}

// tell tells the service manager; that it can't be told changes nothing.
func (p *parts) tell(state string) {
	if err := machine.Notify(state); err != nil && !errors.Is(err, fs.ErrNotExist) {
		p.log.Warn("the service manager was not told", "state", state, "err", err)
	}
}
