// Package memlink is a network in memory: links with latency, jitter, resets
// and partitions between named hosts, for tests and simulated networks. It uses
// channels and timers only, so that everything in it works inside a bubble of
// testing/synctest.
//
// A link keeps what TCP promises: messages arrive whole, once and in order, or
// the link ends. Nothing is lost from the middle of it; the faults of a real
// network show as
//
//   - latency: every message takes Latency plus up to Jitter;
//   - a reset: both ends fail at once with wire.ErrLinkClosed and what was under
//     way is gone;
//   - a partition: nothing arrives and nothing fails, until Heal or a reset. A
//     sender waits once Window bytes are under way.
//
// The links' Binding is a hash of one random value of each side, so logins are
// bound to their link as they are over TLS; Node is the listener's key at the
// dialling end.
package memlink

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	mathrand "math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// Window is how many bytes one direction of a link holds before Send waits.
const Window = 1 << 20

// Backlog is how many links may wait at a listener for Accept.
const Backlog = 128

// Config shapes a network; its zero value is perfect and instant.
type Config struct {
	// Latency is the time a message takes one way, and half of what Dial takes.
	Latency time.Duration
	// Jitter is added to it, evenly distributed over 0..Jitter; order is kept.
	Jitter time.Duration
	// Reset is the probability, 0..1, that a message resets its link instead of
	// arriving.
	Reset float64
	// Seed fixes the jitter and the resets of every direction of every link, in
	// the order of the dials.
	Seed uint64
}

// Network is hosts and the links between them. Its methods may be called from
// any goroutine.
type Network struct {
	// static
	config Config

	mu        sync.Mutex
	random    *mathrand.Rand       // guarded by mu
	listeners map[string]*Listener // guarded by mu: by host
	pairs     map[*pair]struct{}   // guarded by mu: open links
	parted    map[[2]string]bool   // guarded by mu: partitioned hosts, names in order
	healed    chan struct{}        // guarded by mu: closed and replaced when parted shrinks
}

// New makes a network without hosts.
func New(c Config) *Network {
	return &Network{
		config:    c,
		random:    mathrand.New(mathrand.NewPCG(c.Seed, 0x7a6d73)),
		listeners: map[string]*Listener{},
		pairs:     map[*pair]struct{}{},
		parted:    map[[2]string]bool{},
		healed:    make(chan struct{}),
	}
}

// Listen makes host reachable under the node key. A second Listen of one host
// takes the place of the first, as a restarted gateway does.
func (n *Network) Listen(host string, node key.NodePublic) *Listener {
	l := &Listener{
		network: n, host: host, node: node,
		waiting: make(chan *conn, Backlog),
		closed:  make(chan struct{}),
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.listeners[host] = l
	return l
}

// Partition stops everything between two hosts, both ways, without an error.
// Links stay and dials wait.
func (n *Network) Partition(a, b string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.parted[names(a, b)] = true
}

// Heal ends the partition of two hosts; what waited goes on.
func (n *Network) Heal(a, b string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.parted, names(a, b))
	close(n.healed)
	n.healed = make(chan struct{})
}

// Reset ends every link between two hosts.
func (n *Network) Reset(a, b string) {
	want := names(a, b)
	n.reset(func(p *pair) bool { return p.names == want })
}

// ResetHost ends every link of a host.
func (n *Network) ResetHost(host string) {
	n.reset(func(p *pair) bool { return p.names[0] == host || p.names[1] == host })
}

// ResetAll ends every link of the network.
func (n *Network) ResetAll() { n.reset(func(*pair) bool { return true }) }

// Links is the number of open links.
func (n *Network) Links() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.pairs)
}

func (n *Network) reset(which func(*pair) bool) {
	n.mu.Lock()
	var hit []*pair
	for p := range n.pairs {
		if which(p) {
			hit = append(hit, p)
		}
	}
	n.mu.Unlock()
	for _, p := range hit {
		p.reset()
	}
}

func names(a, b string) [2]string {
	if b < a {
		a, b = b, a
	}
	return [2]string{a, b}
}

// barrier returns a channel that closes when hosts may talk again, or nil if
// they may now.
func (n *Network) barrier(hosts [2]string) <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.parted[hosts] {
		return n.healed
	}
	return nil
}

// draw decides what happens to one message.
func (c Config) draw(random *mathrand.Rand) (delay time.Duration, reset bool) {
	delay = c.Latency
	if c.Jitter > 0 {
		delay += time.Duration(random.Int64N(int64(c.Jitter) + 1))
	}
	return delay, c.Reset > 0 && random.Float64() < c.Reset
}

func (n *Network) remove(p *pair) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.pairs, p)
}

// Dialer opens links from one host.
type Dialer struct {
	network *Network
	host    string
	node    key.NodePublic // what it shows; zero: nothing
}

// Dialer returns the dialler of a host; the host's name only matters to
// Partition and Reset.
func (n *Network) Dialer(host string) *Dialer { return &Dialer{network: n, host: host} }

// As is the dialler of a gateway: it shows this node key as a certificate would.
func (d *Dialer) As(node key.NodePublic) *Dialer {
	return &Dialer{network: d.network, host: d.host, node: node}
}

// Dial opens a link to the listener whose host is e.Host; the port says nothing.
// Errors: wire.ErrLinkClosed if nobody listens, wire.ErrWrongNode if the
// listener's key is not the pinned one (a plain endpoint isn't checked), or
// ctx's error.
func (d *Dialer) Dial(ctx context.Context, e link.Endpoint) (link.Conn, error) {
	hosts := names(d.host, e.Host)
	if err := d.network.travel(ctx, hosts); err != nil {
		return nil, err
	}
	d.network.mu.Lock()
	l := d.network.listeners[e.Host]
	d.network.mu.Unlock()
	if l == nil || l.isClosed() {
		return nil, wire.ErrLinkClosed.Because("nobody listens there")
	}
	if !e.Plain && !link.Pinned(l.node, e.Node) {
		return nil, wire.ErrWrongNode
	}
	near, far := d.network.connect(hosts, l.node)
	far.node = d.node
	near.remote, far.remote = address(e.Host), address(d.host)
	select {
	case l.waiting <- far:
		if l.isClosed() { // it may have been emptied before
			near.pair.reset()
			return nil, wire.ErrLinkClosed.Because("nobody listens there")
		}
		return near, nil
	case <-ctx.Done():
		near.pair.reset()
		return nil, ctx.Err()
	case <-l.closed:
		near.pair.reset()
		return nil, wire.ErrLinkClosed.Because("nobody listens there")
	}
}

// address is a host whose name is an IP address; not valid otherwise.
func address(host string) netip.Addr {
	a, _ := netip.ParseAddr(host)
	return a
}

// travel takes the time of a packet there and one back, and waits for the end
// of a partition.
func (n *Network) travel(ctx context.Context, hosts [2]string) error {
	n.mu.Lock()
	there, _ := n.config.draw(n.random)
	back, _ := n.config.draw(n.random)
	n.mu.Unlock()
	timer := time.NewTimer(there + back)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		healed := n.barrier(hosts)
		if healed == nil {
			return ctx.Err()
		}
		select {
		case <-healed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// connect makes the two ends of a link.
func (n *Network) connect(hosts [2]string, node key.NodePublic) (near, far *conn) {
	var a, b [32]byte
	rand.Read(a[:]) // never fails
	rand.Read(b[:])
	p := &pair{network: n, names: hosts, binding: sha256.Sum256(key.Join([]byte("memlink"), a[:], b[:]))}
	n.mu.Lock()
	there := newPipe(p, mathrand.New(mathrand.NewPCG(n.config.Seed, n.random.Uint64())))
	back := newPipe(p, mathrand.New(mathrand.NewPCG(n.config.Seed, n.random.Uint64())))
	p.pipes = [2]*pipe{there, back}
	n.pairs[p] = struct{}{}
	n.mu.Unlock()
	near = newConn(p, back, there)
	near.node = node
	far = newConn(p, there, back)
	return near, far
}

// Listener takes the links to one host.
type Listener struct {
	// static
	network *Network
	host    string
	node    key.NodePublic
	waiting chan *conn

	closing sync.Once
	closed  chan struct{}
}

// Accept returns the next link; one that comes after the end of ctx is reset. Errors:
// wire.ErrLinkClosed after Close, or ctx's.
func (l *Listener) Accept(ctx context.Context) (link.Conn, error) {
	select {
	case c := <-l.waiting:
		if ctx.Err() != nil {
			c.pair.reset()
			return nil, ctx.Err()
		}
		return c, nil
	case <-l.closed:
		return nil, wire.ErrLinkClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Serve hands each link to handle in a goroutine of its own and closes it when
// handle returns. It returns when ctx ended or the listener was closed, and every
// handle has returned: link.Serve in memory.
func (l *Listener) Serve(ctx context.Context, handle func(link.Conn)) error {
	var all sync.WaitGroup
	defer all.Wait()
	defer l.Close()
	for {
		c, err := l.Accept(ctx)
		if err != nil {
			return nil
		}
		all.Go(func() {
			defer c.Close()
			handle(c)
		})
	}
}

// Close ends listening; links that exist stay, those that wait are reset.
func (l *Listener) Close() error {
	l.closing.Do(func() {
		close(l.closed)
		l.network.mu.Lock()
		if l.network.listeners[l.host] == l {
			delete(l.network.listeners, l.host)
		}
		l.network.mu.Unlock()
		for {
			select {
			case c := <-l.waiting:
				c.pair.reset()
			default:
				return
			}
		}
	})
	return nil
}

func (l *Listener) isClosed() bool {
	select {
	case <-l.closed:
		return true
	default:
		return false
	}
}
