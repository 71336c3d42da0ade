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
	flying       atomic.Int64 // bytes that other gateways' requests may yet bring into queues
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
	g := &Gateway{
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
	}
	if cfg.Overlay != nil {
		cfg.Overlay.Serve(guests{g})
	}
	return g, nil
}

// Run runs the mailbox until ctx ends. Then every link is told that the gateway
// is draining, gets the answers to what it has asked, and is closed; after
// Timing.Flush the rest is cut off. Run returns when no link is left and the
// mailbox has committed everything; its error is the mailbox's.
func (g *Gateway) Run(ctx context.Context) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	inner, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	parts := []func(context.Context) error{g.box.Run}
	if g.cfg.Overlay != nil {
		parts = append(parts, g.cfg.Overlay.Run)
	}
	ended := make(chan error, len(parts))
	for _, part := range parts {
		go func() {
			err := part(inner)
			if err == nil && inner.Err() == nil {
				err = errors.New("gateway: a part of it ended by itself; look at the log and start the gateway again")
			}
			end()
			ended <- err
		}()
	}
	g.watch(ctx)
	g.drain()
	stop()
	var err error
	for range parts {
		err = errors.Join(err, <-ended)
	}
	g.log.Info("gateway stopped", "stats", g.Stats())
	return err
}

// watch logs counts until ctx ends.
func (g *Gateway) watch(ctx context.Context) {
	report := time.NewTicker(g.cfg.Timing.Report)
	defer report.Stop()
	var last Stats
	for {
		select {
		case <-ctx.Done():
			return
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
		MaxConns:    g.cfg.Capacity.Connections(),
		MaxStarting: g.cfg.Capacity.SourceStarting,
	}
	if g.cfg.LogAddresses {
		config.Log = slog.NewLogLogger(g.log.Handler(), slog.LevelDebug)
	}
	defer context.AfterFunc(ctx, func() { g.drainUntil(ctx) })()
	return link.Serve(ctx, l, config, func(c link.Conn) { g.serveLink(ctx, c) })
}

// ServeBy serves the links that accept hands out until ctx ends; it returns when
// accept does, which waits for them.
func (g *Gateway) ServeBy(ctx context.Context, accept func(context.Context, func(link.Conn)) error) error {
	defer context.AfterFunc(ctx, func() { g.drainUntil(ctx) })()
	return accept(ctx, func(c link.Conn) { g.serveLink(ctx, c) })
}

// ServeConn serves one link until it ends, and closes it. When ctx ends, the
// link is drained.
func (g *Gateway) ServeConn(ctx context.Context, l link.Conn) {
	defer context.AfterFunc(ctx, func() { g.drainUntil(ctx) })()
	g.serveLink(ctx, l)
}

// serveLink serves a link that drainUntil(ctx) drains. A link that waits stands on
// this stack: it is as flat as it can be.
func (g *Gateway) serveLink(ctx context.Context, l link.Conn) {
	c := newConn(g, l)
	c.until = ctx
	if g.enter(c) {
		c.serve()
	}
	g.finish(c)
}

// enter admits a link, or ends it with the reason why not.
func (g *Gateway) enter(c *conn) bool {
	if err := g.admit(c); err != nil {
		g.counters.refused.Add(1)
		g.logLink(c.link, "link refused", "reason", wire.Lookup(err.Code).Name)
		c.end(err)
		c.await()
		return false
	}
	if c.until.Err() != nil { // perhaps before drainUntil could see it
		c.drain()
	}
	g.logLink(c.link, "link begins")
	return true
}

// finish closes a link and gives back what it holds.
func (g *Gateway) finish(c *conn) {
	if g.leave(c) {
		g.logLink(c.link, "link ended", "seconds", int(time.Since(c.came).Seconds()), "member", c.phase == member)
	}
	c.release()
	c.link.Close()
}

// drainUntil drains the links that are served until ctx ends.
func (g *Gateway) drainUntil(ctx context.Context) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for c := range g.links {
		if c.until == ctx {
			c.drain()
		}
	}
}

// logLink logs what becomes of a link; whose it is only if the operator asked for it.
func (g *Gateway) logLink(l link.Conn, message string, about ...any) {
	if !g.log.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	if g.cfg.LogAddresses {
		about = append(about, "addr", l.Remote())
	}
	g.log.Debug("gateway: "+message, about...)
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

// leave forgets a link; false: it was never admitted.
func (g *Gateway) leave(c *conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, admitted := g.links[c]; !admitted {
		return false
	}
	delete(g.links, c)
	g.unlodge(c)
	if g.draining && len(g.links) == 0 {
		close(g.empty)
	}
	return true
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
