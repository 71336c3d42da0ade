package owner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"zeroms/client/profile"
	"zeroms/cmd/zms/kept"
	"zeroms/cmd/zms/service"
	"zeroms/protocol/link"
)

// Via is how links are made whatever the profile keeps: through a proxy, or
// directly if that is nil.
type Via struct{ Proxy *link.Proxy }

// ParseVia reads "direct" or the URL of a proxy; nothing is no Via. Error:
// link.ErrProxyAddress.
func ParseVia(text string) (*Via, error) {
	switch text {
	case "":
		return nil, nil
	case service.Direct:
		return &Via{}, nil
	}
	p, err := link.ParseProxy(text)
	if err != nil {
		return nil, err
	}
	return &Via{Proxy: p}, nil
}

// Rows are what a new profile keeps of it.
func (v Via) Rows() []profile.Row {
	if v.Proxy == nil {
		return nil
	}
	return []profile.Row{kept.ProxyRow(v.Proxy)}
}

// text is the Via as hello tells it: empty for direct links.
func (v *Via) text() string {
	if v.Proxy == nil {
		return ""
	}
	return v.Proxy.String()
}

// words is the same for people.
func words(proxy string) string {
	if proxy == "" {
		return "directly"
	}
	return "through " + proxy
}

// errMoved ends what was begun by another way than the one of now.
var errMoved = errors.New("links go another way now")

// errClosed is why a link ended that this side closed.
var errClosed = errors.New("it was closed here")

// route makes links by the way that the profile keeps, or this process was told
// to. It makes none before it knows which: nothing goes directly for a moment.
type route struct {
	// static
	override *Via
	chosen   chan struct{} // closed once the way is known
	log      *slog.Logger

	once    sync.Once
	mu      sync.Mutex
	proxy   *link.Proxy            // guarded by mu
	dialer  *link.Dialer           // guarded by mu
	current context.Context        // guarded by mu: until the way changes
	leave   context.CancelFunc     // guarded by mu
	links   map[*followed]struct{} // guarded by mu
}

var _ service.Route = (*route)(nil)

func newRoute(override *Via) *route {
	return &route{override: override, chosen: make(chan struct{}), log: slog.New(slog.DiscardHandler), links: map[*followed]struct{}{}}
}

// Use takes the proxy that the profile keeps, nil for none. If that changes the
// way, links that exist and attempts end. Error: link.ErrProxyAddress.
func (r *route) Use(p *link.Proxy) error {
	if r.override != nil {
		p = r.override.Proxy
	}
	dialer, err := link.NewDialer(link.Config{Proxy: p})
	if err != nil {
		return fmt.Errorf("connections can't be made: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.dialer != nil && same(r.proxy, p) {
		return nil
	}
	if r.leave != nil {
		r.leave()
	}
	r.proxy, r.dialer = p, dialer
	r.current, r.leave = context.WithCancel(context.Background())
	for l := range r.links {
		delete(r.links, l)
		l.cut()
	}
	r.once.Do(func() { close(r.chosen) })
	return nil
}

func same(a, b *link.Proxy) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

// Proxy is what links go through; nil: they are made directly.
func (r *route) Proxy() *link.Proxy {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.dialer == nil && r.override != nil {
		return r.override.Proxy
	}
	return r.proxy
}

// Override is what this process was told.
func (r *route) Override() (*link.Proxy, bool) {
	if r.override == nil {
		return nil, false
	}
	return r.override.Proxy, true
}

// way is how links are made now.
func (r *route) way(ctx context.Context) (dialer *link.Dialer, current context.Context, err error) {
	select {
	case <-r.chosen:
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dialer, r.current, nil
}

// Dial opens a link, which ends when links go another way.
func (r *route) Dial(ctx context.Context, e link.Endpoint) (link.Conn, error) {
	began := time.Now()
	l, err := r.dial(ctx, e)
	switch {
	case err == nil:
		r.log.Debug("connected to a gateway", "gateway", e.Addr(), "took", time.Since(began).Round(time.Millisecond))
		return l, nil
	case ctx.Err() == nil:
		r.log.Warn("a gateway can't be reached", "gateway", e.Addr(), "error", err)
	}
	return nil, err
}

func (r *route) dial(ctx context.Context, e link.Endpoint) (*followed, error) {
	dialer, current, err := r.way(ctx)
	if err != nil {
		return nil, err
	}
	dialing, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(current, cancel)()
	conn, err := dialer.Dial(dialing, e)
	if err != nil {
		if current.Err() != nil && ctx.Err() == nil {
			err = errMoved
		}
		return nil, err
	}
	l := &followed{Conn: conn, route: r, gateway: e.Addr()}
	r.mu.Lock()
	defer r.mu.Unlock()
	if current.Err() != nil {
		l.cut()
		return nil, errMoved
	}
	r.links[l] = struct{}{}
	return l, nil
}

// Resolve finds the addresses of a gateway, through the proxy if there is one.
func (r *route) Resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	dialer, _, err := r.way(ctx)
	if err != nil {
		return nil, err
	}
	return dialer.Resolve(ctx, host)
}

// followed is a link that its route knows.
type followed struct {
	link.Conn
	route   *route
	gateway string
	ending  sync.Once
}

// Recv returns the next message. Every error ends the link.
func (l *followed) Recv(ctx context.Context) ([]byte, error) {
	b, err := l.Conn.Recv(ctx)
	if err != nil {
		l.ended(err)
	}
	return b, err
}

// ended notes why the link ended.
func (l *followed) ended(why error) {
	l.ending.Do(func() { l.route.log.Info("a link to a gateway ended", "gateway", l.gateway, "reason", why) })
}

// Close ends the link.
func (l *followed) Close() error {
	l.route.mu.Lock()
	delete(l.route.links, l)
	l.route.mu.Unlock()
	l.ended(errClosed)
	return l.Conn.Close()
}

// cut ends the link at once, without a goodbye by the old way: the end of its
// context ends a link whatever it does.
func (l *followed) cut() {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_, _ = l.Conn.Recv(ended)
}
