// Package world is whole networks in one process: real clients and real
// gateways with their real databases, joined by memory links. Tests run it
// inside a bubble of testing/synctest, where hours pass in milliseconds, and
// break what they like: links, processes, disks.
package world

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"zeroms/client"
	"zeroms/client/delivery"
	"zeroms/client/home"
	"zeroms/gateway"
	"zeroms/gateway/mailbox"
	"zeroms/gateway/overlay"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/link/memlink"
	"zeroms/store/chat"
	gatewaystore "zeroms/store/mailbox"
)

// Config shapes a world; its zero value is a perfect network.
type Config struct {
	// Dir is where the databases lie.
	Dir string
	// Links is the network between them.
	Links memlink.Config
	// Delivery replaces the clients' intervals; zero: the product's.
	Delivery delivery.Timing
	// Repair replaces the intervals of repair; zero: the product's.
	Repair delivery.RepairTiming
	// Registration is the gateways' policy for new accounts.
	Registration mailbox.Registration
	// RegisterBits is the work that mailbox.ByWork takes.
	RegisterBits uint8
	// Quota is how many bytes an account may have waiting; 0: the product's.
	Quota uint64
	// Mailbox replaces the gateways' intervals; zero fields: the product's, but ten
	// minutes between two sweeps, which are most of the work of quiet days.
	Mailbox mailbox.Timing
	// Wrap stands between the person of a host and the network; nil: nothing does.
	Wrap func(host string, d home.Dialer) home.Dialer
	// Overlay makes the gateways one network, in which each is met by the first one.
	Overlay bool
	// Crook makes every gateway dishonest; its zero value leaves them honest.
	Crook Crook
	// Log receives what clients and gateways log; nil: nothing.
	Log *slog.Logger
}

// World is the people, the gateways and the network between them.
type World struct {
	// Net is the network, to break links in.
	Net *memlink.Network

	cfg   Config
	hosts int
	seeds []*Gateway // of the network
}

// New makes an empty world.
func New(cfg Config) *World {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Mailbox.Sweep == 0 {
		cfg.Mailbox.Sweep = 10 * time.Minute
	}
	return &World{Net: memlink.New(cfg.Links), cfg: cfg}
}

// network is what the world's gateways belong to.
func (w *World) network() key.Network {
	if w.cfg.Overlay {
		return key.Network{'t', 's', 't', '1'}
	}
	return card.NetworkLab
}

// process is something that runs until it is stopped.
type process struct {
	cancel context.CancelFunc
	done   chan struct{}
	err    error // valid once done
}

func (p *process) runIn(work func(ctx context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel, p.done = cancel, make(chan struct{})
	go func() {
		defer close(p.done)
		p.err = work(ctx)
	}()
}

func (p *process) stop() error {
	p.cancel()
	<-p.done
	return p.err
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Gateway is a gateway of the world with its own disk.
type Gateway struct {
	// Host is its name on the network.
	Host string
	// Disk fails when it is told to.
	Disk *Failpoint
	// Alone keeps it out of its network when it starts next: it forwards nothing.
	Alone bool

	world *World
	node  key.NodePrivate
	dir   string
	run   *process
	db    *gatewaystore.DB
	crook *crook // nil: honest
	over  *overlay.Overlay
	keys  keyFile
	known knownFile
}

// NewGateway makes a gateway that is not running yet.
func (w *World) NewGateway() *Gateway {
	w.hosts++
	host := fmt.Sprintf("198.51.100.%d", w.hosts)
	if w.cfg.Overlay { // nobody takes an address of documents for one of a gateway
		host = fmt.Sprintf("11.%d.0.1", w.hosts)
	}
	g := &Gateway{
		Host: host, Disk: new(Failpoint), world: w, node: key.NewPrivate[key.Node](),
		dir: filepath.Join(w.cfg.Dir, "gateway-"+host),
	}
	if c := w.cfg.Crook; c != (Crook{}) {
		c.Seed += uint64(w.hosts)
		g.crook = newCrook(c, g.node)
	}
	if w.cfg.Overlay && len(w.seeds) < 2 {
		w.seeds = append(w.seeds, g)
	}
	return g
}

// Address is how clients name the gateway.
func (g *Gateway) Address() card.Address {
	return card.Address{Node: g.node.Public(), Host: g.Host, Port: 443, Network: g.world.network()}
}

// Path is the gateway's database.
func (g *Gateway) Path() string { return filepath.Join(g.dir, "mailbox.db") }

// Start opens the gateway's disk and lets it serve.
func (g *Gateway) Start() error {
	ctx := context.Background()
	if err := os.MkdirAll(g.dir, 0o700); err != nil {
		return err
	}
	db, err := gatewaystore.Open(ctx, g.Path())
	if err != nil {
		return err
	}
	g.db = db
	g.Disk.mend()
	limits := gateway.DefaultLimits()
	limits.RegisterBits = g.world.cfg.RegisterBits
	if g.world.cfg.Quota > 0 {
		limits.Quota = g.world.cfg.Quota
	}
	box, err := mailbox.New(mailbox.Config{
		Node: g.node, Network: g.world.network(), Limits: limits, Registration: g.world.cfg.Registration, RegisterBits: g.world.cfg.RegisterBits,
		Timing: g.world.cfg.Mailbox, Store: failingMailbox{db, g.Disk}, Log: g.world.cfg.Log,
	})
	if err != nil {
		return errors.Join(err, db.Close())
	}
	cfg := gateway.Config{Node: g.node, Network: g.world.network(), Limits: limits, Mailbox: box, Log: g.world.cfg.Log}
	if g.over = nil; g.world.cfg.Overlay && !g.Alone {
		if g.over, err = g.overlay(); err != nil {
			return errors.Join(err, db.Close())
		}
		cfg.Overlay = g.over
	}
	gw, err := gateway.New(cfg)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	listener := g.world.Net.Listen(g.Host, g.node.Public())
	g.run = new(process)
	g.run.runIn(func(ctx context.Context) error { return g.runGateway(ctx, listener, gw) })
	return nil
}

// runGateway serves every link that comes until ctx ends.
func (g *Gateway) runGateway(ctx context.Context, listener *memlink.Listener, gw *gateway.Gateway) error {
	var serving sync.WaitGroup
	serving.Add(1)
	go func() {
		defer serving.Done()
		_ = listener.Serve(ctx, func(conn link.Conn) { g.serve(ctx, gw, conn) })
	}()
	err := gw.Run(ctx)
	_ = listener.Close()
	serving.Wait()
	return err
}

// serve serves one link, honestly or not.
func (g *Gateway) serve(ctx context.Context, gw *gateway.Gateway, conn link.Conn) {
	if g.crook == nil {
		gw.ServeConn(ctx, conn)
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	crooked := newCrookedConn(conn, g.crook)
	var reading sync.WaitGroup
	reading.Add(1)
	go func() {
		defer reading.Done()
		crooked.runRead(ctx)
	}()
	gw.ServeConn(ctx, crooked)
	cancel()
	reading.Wait()
}

// Stop drains the gateway as SIGTERM does.
func (g *Gateway) Stop() error {
	err := g.run.stop()
	return errors.Join(err, g.db.Close())
}

// Kill ends the gateway as kill -9 does: from now on nothing reaches its disk
// and nothing its links.
func (g *Gateway) Kill() error {
	g.Disk.Break()
	g.world.Net.ResetHost(g.Host)
	_ = g.run.stop()
	return g.db.Close()
}

// Person is a client of the world with its own disk.
type Person struct {
	// Name is what they call themselves.
	Name string
	// Client is the engine while it runs.
	Client *client.Client
	// Disk fails when it is told to.
	Disk *Failpoint

	world *World
	dir   string
	run   *process
	db    *chat.DB
}

// NewPerson makes an identity; its client is not running yet.
func (w *World) NewPerson(name string) (*Person, error) {
	w.hosts++
	p := &Person{Name: name, Disk: new(Failpoint), world: w, dir: filepath.Join(w.cfg.Dir, "person-"+name)}
	ctx := context.Background()
	db, err := chat.Create(ctx, p.dir, chat.NoPassphrase())
	if err != nil {
		return nil, err
	}
	return p, errors.Join(client.Create(ctx, db, name, time.Now()), db.Close())
}

// Dir is where the person's profile lies.
func (p *Person) Dir() string { return p.dir }

// Host is the person's name on the network, for partitions and resets.
func (p *Person) Host() string { return "person-" + p.Name }

// Start opens the person's disk and runs their client.
func (p *Person) Start() error {
	db, err := chat.Open(context.Background(), p.dir, chat.NoPassphrase())
	if err != nil {
		return err
	}
	p.db = db
	p.Disk.mend()
	p.Client = client.New(client.Config{
		Store: failingStore{db, p.Disk}, Dialer: p.world.dialer(p.Host()), Delivery: p.world.cfg.Delivery, Repair: p.world.cfg.Repair,
		Log: p.world.cfg.Log.With("who", p.Name),
	})
	p.run = new(process)
	p.run.runIn(p.Client.Run)
	return nil
}

// Stop ends the client in an orderly way.
func (p *Person) Stop() error {
	err := p.run.stop()
	return errors.Join(err, p.db.Close())
}

// Kill ends the client as kill -9 does.
func (p *Person) Kill() error {
	p.Disk.Break()
	_ = p.run.stop()
	return p.db.Close()
}

// Ended reports whether the client ended by itself, as it does when its disk
// fails.
func (p *Person) Ended() bool { return p.run.ended() }

// Err is why the client ended by itself; valid once Ended.
func (p *Person) Err() error { return p.run.err }
