package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"zeroms/gateway/mailbox"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// Gateway serves links. Its methods are safe for concurrent use.
type Gateway struct {
	// static
	cfg  Config
	node key.NodePublic
	box  *mailbox.Mailbox
	log  *slog.Logger

	counters     counters
	all, bytes   bucket       // frames, and bytes of large ones, of all guests
	accounts     bucket       // new ones
	guestFlight  pot          // requests of guests without an answer
	memberFlight pot          // those of members
	queued       atomic.Int64 // bytes that wait for slow readers

	mu sync.Mutex
	// guarded by mu; taken before a link's mu, never after
	links    map[*conn]struct{}
	guests   map[*conn]struct{}       // those without login that count as guests
	sources  map[netip.Prefix]*source // of guests
	networks map[netip.Prefix]*source // of sources
	draining bool
	empty    chan struct{} // closed when draining and no link is left
}

// New checks the configuration and starts nothing.
func New(cfg Config) (*Gateway, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg.Timing, cfg.Capacity = cfg.Timing.Default(), cfg.Capacity.Default()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Gateway{
		cfg: cfg, node: cfg.Node.Public(), box: cfg.Mailbox, log: cfg.Log,
		all:          newBucket(cfg.Capacity.AllBurst, cfg.Capacity.AllRate),
		bytes:        newBucket(2*cfg.Capacity.AllBytes, cfg.Capacity.AllBytes),
		accounts:     newBucket(cfg.Capacity.AccountBurst, cfg.Capacity.AccountRate),
		guestFlight:  pot{size: cfg.Capacity.GuestFlight},
		memberFlight: pot{size: cfg.Capacity.MemberFlight},
		links:        map[*conn]struct{}{},
		guests:       map[*conn]struct{}{},
		sources:      map[netip.Prefix]*source{},
		networks:     map[netip.Prefix]*source{},
		empty:        make(chan struct{}),
	}, nil
}

// Run runs the mailbox until ctx ends. Then every link is told that the gateway
// is draining, gets the answers to what it has asked, and is closed; after
// Timing.Flush the rest is cut off. Run returns when no link is left and the
// mailbox has committed everything; its error is the mailbox's.
func (g *Gateway) Run(ctx context.Context) error {
	boxing, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	boxed := make(chan error, 1)
	go func() { boxed <- g.box.Run(boxing) }()
	ended, err := g.watch(ctx, boxed)
	g.drain()
	stop()
	if !ended {
		err = <-boxed
	}
	g.log.Info("gateway stopped", "stats", g.Stats())
	return err
}

// watch waits for the end of ctx or of the mailbox, which must not come first.
func (g *Gateway) watch(ctx context.Context, boxed <-chan error) (ended bool, err error) {
	report := time.NewTicker(g.cfg.Timing.Report)
	defer report.Stop()
	var last Stats
	for {
		select {
		case <-ctx.Done():
			return false, nil
		case err := <-boxed:
			if err == nil {
				err = errors.New("gateway: the mailbox ended by itself; look at the log and start the gateway again")
			}
			return true, err
		case <-report.C:
			if now := g.Stats(); now != last {
				last = now
				g.log.Info("gateway", "stats", now)
			}
		}
	}
}

// Serve accepts links on l until ctx ends: TLS with the node's certificate, or
// plain on loopback. It returns when every link has ended; l is closed then.
func (g *Gateway) Serve(ctx context.Context, l net.Listener, plain bool) error {
	config := link.ServerConfig{
		Node: g.cfg.Node, Plain: plain,
		// Some more than there may be links, so that the refused ones learn why.
		MaxConns:    g.cfg.Capacity.Conns + g.cfg.Capacity.Conns/8 + 16,
		MaxStarting: g.cfg.Capacity.SourceStarting,
	}
	return link.Serve(ctx, l, config, func(c link.Conn) { g.ServeConn(ctx, c) })
}

// ServeConn serves one link until it ends, and closes it. When ctx ends, the
// link is drained.
func (g *Gateway) ServeConn(ctx context.Context, l link.Conn) {
	defer l.Close()
	c := newConn(g, l)
	defer c.release()
	if err := g.admit(c); err != nil {
		g.counters.refused.Add(1)
		c.end(err)
		c.await()
		return
	}
	defer g.leave(c)
	defer context.AfterFunc(ctx, c.drain)()
	c.serve()
}

// admit takes a new link, or says why not: wire.ErrDraining, wire.ErrBusy.
func (g *Gateway) admit(c *conn) *wire.Error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.draining:
		return wire.ErrDraining
	case !g.roomFor(c.link.Remote()):
		return wire.ErrBusy
	}
	g.links[c] = struct{}{}
	g.lodge(c)
	g.counters.accepted.Add(1)
	return nil
}

// promote counts a link as a guest no longer: it has logged in.
func (g *Gateway) promote(c *conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.unlodge(c)
}

func (g *Gateway) leave(c *conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.links, c)
	g.unlodge(c)
	if g.draining && len(g.links) == 0 {
		close(g.empty)
	}
}

// drain ends every link as Run says and waits for them.
func (g *Gateway) drain() {
	g.mu.Lock()
	g.draining = true
	if len(g.links) == 0 {
		close(g.empty)
	}
	for c := range g.links {
		c.drain()
	}
	g.mu.Unlock()
	<-g.empty
}
