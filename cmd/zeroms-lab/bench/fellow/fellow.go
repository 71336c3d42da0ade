// Package fellow is other gateways of a network, as light as a load needs them:
// hundreds of them in one process, each with a key, a place that solves the
// network's puzzle, and sockets of its own for QUIC and WebSocket. They answer what
// gateways ask each other (docs/protocol/dht.md) out of what all of them know
// together, dial back who wants to be reached, and look for nobody themselves.
package fellow

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/bits"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	quiclink "zeroms/protocol/link/quic"
	"zeroms/protocol/wire"
)

// Street is the network that fellows live in.
type Street struct {
	params address.Parameters

	mu  sync.Mutex
	all []*Fellow // guarded by mu
}

// NewStreet is without anybody yet. Error: nobody knows the network's parameters.
func NewStreet(n key.Network) (*Street, error) {
	p, known := address.ParametersOf(n)
	if !known {
		return nil, errors.New("fellow: a network without known parameters")
	}
	return &Street{params: p}, nil
}

// Fellow is one light gateway.
type Fellow struct {
	// Contact is how others know it.
	Contact wire.Contact

	street     *Street
	node       key.NodePrivate
	id         key.NodeID
	descriptor []byte
	tcp        net.Listener
	udp        *quiclink.Socket
	web        *link.Dialer
}

// tries bounds the places that are looked at for one fellow.
const tries = 1 << 28

// Move makes a fellow on 127.0.0.1 whose place has exactly so many first bits in
// common with another one: that decides which bucket of the other's table it fits.
func (s *Street) Move(near key.NodeID, common int) (*Fellow, error) {
	f := &Fellow{street: s, node: key.NewPrivate[key.Node]()}
	place := key.Place{Network: s.params.Network, Node: f.node.Public()}
	for x := uint64(0); ; x++ {
		if x == tries {
			return nil, fmt.Errorf("fellow: no place has %d bits in common with another one", common)
		}
		id := key.NodeIDOf(place, x)
		if commonBits(id, near) == common && address.Solved(id, s.params.PuzzleBits) {
			f.id, f.Contact.X = id, x
			break
		}
	}
	if err := f.open(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, f)
	return f, nil
}

// commonBits is how many first bits two places have in common.
func commonBits(a, b key.NodeID) (n int) {
	for i := range a {
		if x := a[i] ^ b[i]; x != 0 {
			return n + bits.LeadingZeros8(x)
		}
		n += 8
	}
	return n
}

// open opens the sockets, one port for both, and signs the descriptor.
func (f *Fellow) open() (err error) {
	if f.tcp, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	at := f.tcp.Addr().(*net.TCPAddr).AddrPort()
	udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		return errors.Join(err, f.tcp.Close())
	}
	if f.udp, err = quiclink.New(udp, quiclink.Config{Node: f.node, Network: f.street.params.Network}); err != nil {
		return errors.Join(err, f.tcp.Close(), udp.Close())
	}
	f.Contact.Node, f.Contact.Addr, f.Contact.Transports = f.node.Public(), at, wire.TransportQUIC|wire.TransportWSS
	if f.web, err = link.NewDialer(link.Config{Node: f.node}); err == nil {
		now := time.Now()
		f.descriptor, err = address.SealDescriptor(&address.Descriptor{
			Node: f.Contact.Node, X: f.Contact.X, KEM: key.NewRelayPrivate().Public(), Addrs: []netip.AddrPort{at}, Transports: f.Contact.Transports,
			Network: f.street.params.Network, Made: now, Expires: now.Add(24 * time.Hour),
			Limits: wire.Limits{Frame: wire.MaxFrame}, Flags: address.Serves,
		}, f.node)
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	return nil
}

// Close gives up the sockets of a fellow that does not serve.
func (f *Fellow) Close() error { return errors.Join(f.tcp.Close(), f.udp.Close()) }

// Endpoint is where the fellow is.
func (f *Fellow) Endpoint() link.Endpoint {
	return link.Endpoint{Host: f.Contact.Addr.Addr().String(), Port: f.Contact.Addr.Port(), Node: f.Contact.Node[:]}
}

// Serve answers until ctx ends, and closes the sockets.
func (f *Fellow) Serve(ctx context.Context) error {
	var both sync.WaitGroup
	var errs [2]error
	handle := func(c link.Conn) { f.serveLink(ctx, c) }
	both.Go(func() { errs[0] = link.Serve(ctx, f.tcp, link.ServerConfig{Node: f.node}, handle) })
	both.Go(func() { errs[1] = f.udp.Serve(ctx, handle) })
	both.Wait()
	return errors.Join(errs[:]...)
}

// serveLink answers what comes over one link.
func (f *Fellow) serveLink(ctx context.Context, c link.Conn) {
	defer context.AfterFunc(ctx, func() { link.Cut(c) })()
	defer link.Cut(c)
	for {
		message, err := link.Borrow(ctx, c)
		if err != nil {
			return
		}
		var out []byte
		for len(message) > 0 {
			var frame wire.Frame
			if frame, message, err = wire.NextFrame(message); err != nil {
				return
			}
			out = wire.AppendFrame(out, frame.ID, f.answer(ctx, frame, c))
		}
		if c.Send(ctx, out) != nil {
			return
		}
	}
}

// answer answers one request, and the hello.
func (f *Fellow) answer(ctx context.Context, frame wire.Frame, c link.Conn) wire.Payload {
	switch frame.Type {
	case wire.TypeClientHello:
		hello := &wire.ServerHello{
			Version: wire.Version, Network: f.street.params.Network, Node: f.Contact.Node, Time: wire.Millis(time.Now()), Descriptor: f.descriptor,
		}
		_, _ = rand.Read(hello.Random[:])
		return hello
	case wire.TypePing:
		pong := &wire.Pong{}
		if from := c.Remote(); from.IsValid() {
			pong.Seen = from.As16()
		}
		return pong
	case wire.TypeFindNode:
		var q wire.FindNode
		if frame.Decode(&q) == nil {
			return &wire.Nodes{Contacts: f.street.nearest(q.Target, f)}
		}
	case wire.TypeFindValue:
		var q wire.FindValue
		if frame.Decode(&q) == nil {
			return &wire.Value{Contacts: f.street.nearest(q.Key, f)}
		}
	case wire.TypeStore:
		var q wire.Store
		if frame.Decode(&q) == nil {
			return &wire.Stored{Codes: make([]uint16, len(q.Items))}
		}
	case wire.TypeReach:
		var q wire.Reach
		if frame.Decode(&q) == nil {
			return f.reach(ctx, &q, c)
		}
	}
	return wire.FailureOf(wire.ErrNotServing)
}

// named is how many contacts an answer has.
const named = 20

// nearest are the contacts nearest to a place that a fellow names, all but itself.
func (s *Street) nearest(to [32]byte, from *Fellow) (b []byte) {
	s.mu.Lock()
	all := slices.DeleteFunc(slices.Clone(s.all), func(f *Fellow) bool { return f == from })
	s.mu.Unlock()
	slices.SortFunc(all, func(a, b *Fellow) int {
		for i := range to {
			if x, y := a.id[i]^to[i], b.id[i]^to[i]; x != y {
				return int(x) - int(y)
			}
		}
		return 0
	})
	for _, f := range all[:min(len(all), named)] {
		b = f.Contact.AppendTo(b)
	}
	return b
}

// reach connects to whoever asks, over every transport that their contact names.
func (f *Fellow) reach(ctx context.Context, q *wire.Reach, c link.Conn) wire.Payload {
	to, err := wire.ParseContact(q.Contact[:])
	if err != nil || to.Node != c.Node() || to.Addr.Addr() != c.Remote() {
		return wire.FailureOf(wire.ErrScope)
	}
	for transport, dial := range map[uint8]func() (link.Conn, error){
		wire.TransportQUIC: func() (link.Conn, error) { return f.udp.Dial(ctx, to.Addr, to.Node[:]) },
		wire.TransportWSS: func() (link.Conn, error) {
			return f.web.Dial(ctx, link.Endpoint{Host: to.Addr.Addr().String(), Port: to.Addr.Port(), Node: to.Node[:]})
		},
	} {
		if to.Transports&transport == 0 {
			continue
		}
		back, err := dial()
		if err != nil {
			return wire.FailureOf(wire.ErrUnreachable)
		}
		link.Cut(back)
	}
	return &wire.OK{}
}

// Call is a link of a fellow to a gateway, which stays open until it is closed.
type Call struct {
	conn link.Conn
	next uint64
}

// Dial opens a link to a gateway, over QUIC or WebSocket.
func (f *Fellow) Dial(ctx context.Context, to link.Endpoint, quic bool) (link.Conn, error) {
	if !quic {
		return f.web.Dial(ctx, to)
	}
	ip, err := netip.ParseAddr(to.Host)
	if err != nil {
		return nil, err
	}
	return f.udp.Dial(ctx, netip.AddrPortFrom(ip, to.Port), to.Node)
}

// Greet says hello over a new link as gateways do, and asks something in the same
// message. Errors: what Ask says.
func (f *Fellow) Greet(ctx context.Context, c link.Conn, request, into wire.Payload) (*Call, error) {
	node := c.Node()
	hello := &wire.ClientHello{
		MinVersion: wire.Version, MaxVersion: wire.Version, Network: f.street.params.Network, Node: node[:], Gateway: f.Contact.AppendTo(nil),
	}
	_, _ = rand.Read(hello.Random[:])
	a := &Call{conn: c, next: 2}
	return a, a.ask(ctx, wire.AppendFrame(nil, 1, hello), request, into)
}

// Ask asks something and waits for its answer. Errors: the link's, and what the
// gateway refuses.
func (a *Call) Ask(ctx context.Context, request, into wire.Payload) error {
	return a.ask(ctx, nil, request, into)
}

func (a *Call) ask(ctx context.Context, before []byte, request, into wire.Payload) error {
	id := a.next
	a.next++
	if err := a.conn.Send(ctx, wire.AppendFrame(before, id, request)); err != nil {
		return err
	}
	for {
		message, err := link.Borrow(ctx, a.conn)
		if err != nil {
			return err
		}
		for len(message) > 0 {
			var frame wire.Frame
			if frame, message, err = wire.NextFrame(message); err != nil {
				return err
			}
			switch {
			case frame.Type == wire.TypeError:
				var failure wire.Failure
				if err := frame.Decode(&failure); err != nil {
					return err
				}
				return failure.Err()
			case frame.ID == id:
				return frame.Decode(into)
			}
		}
	}
}

// Close ends the link.
func (a *Call) Close() { link.Cut(a.conn) }
