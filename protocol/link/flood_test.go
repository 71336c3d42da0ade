package link_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/gorilla/websocket"

	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// field is a listener in memory whose connections come from wherever they say.
type field struct {
	come  chan net.Conn
	ended chan struct{}
	once  sync.Once
	open  atomic.Int64 // accepted and not closed
	most  atomic.Int64 // that were open at once
}

func newField() *field {
	return &field{come: make(chan net.Conn), ended: make(chan struct{})}
}

func (f *field) Accept() (net.Conn, error) {
	select {
	case c := <-f.come:
		if n := f.open.Add(1); n > f.most.Load() {
			f.most.Store(n)
		}
		return c, nil
	case <-f.ended:
		return nil, net.ErrClosed
	}
}

func (f *field) Close() error {
	f.once.Do(func() { close(f.ended) })
	return nil
}

func (f *field) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

// dial is a connection from an address.
func (f *field) dial(from netip.Addr) net.Conn {
	near, far := net.Pipe()
	f.come <- &fieldConn{Conn: far, field: f, from: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 9))}
	return near
}

type fieldConn struct {
	net.Conn
	field *field
	from  net.Addr
	once  sync.Once
}

func (c *fieldConn) RemoteAddr() net.Addr { return c.from }

func (c *fieldConn) Close() error {
	c.once.Do(func() { c.field.open.Add(-1) })
	return c.Conn.Close()
}

// pressed has something happen before each byte that is read or written.
type pressed struct {
	net.Conn
	before func()
}

func (p pressed) Read(b []byte) (int, error)  { p.before(); return p.Conn.Read(b) }
func (p pressed) Write(b []byte) (int, error) { p.before(); return p.Conn.Write(b) }

// upgrade makes a link of a connection.
func upgrade(t *testing.T, over net.Conn, plain bool) *websocket.Conn {
	t.Helper()
	if !plain {
		over = tls.Client(over, &tls.Config{
			InsecureSkipVerify: true, ServerName: link.SNI, NextProtos: []string{link.ALPN}, MinVersion: tls.VersionTLS13,
		})
	}
	d := websocket.Dialer{
		NetDialContext: func(context.Context, string, string) (net.Conn, error) { return over, nil },
		Subprotocols:   []string{wire.Subprotocol},
	}
	ws, _, err := d.DialContext(t.Context(), "ws://"+link.SNI+link.Path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return ws
}

// siege is strangers who open connections: from so many networks so many sources
// each, in turn, and so many before each step of the others.
type siege struct {
	plain                   bool
	networks, sources, each int
	does                    func(net.Conn) // with each; nil: nothing
}

// Strangers hold every place and take every one that becomes free; others come in
// nevertheless, and who has a link keeps it.
func TestOthersComeInWhileStrangersHoldEverything(t *testing.T) {
	nonsense := func(c net.Conn) {
		go io.Copy(io.Discard, c)
		go io.WriteString(c, "nonsense\r\n\r\n") // HTTP lets it wait for half a second after the answer
	}
	for name, s := range map[string]siege{
		"TLS":                 {false, 20, 20, 40, nil},
		"one network":         {true, 1, 200, 200, nil},
		"many networks":       {true, 177, 1, 200, nil},
		"many sources":        {true, 40, 200, 200, nil},
		"requests for others": {true, 40, 4, 40, nonsense},
	} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, s.run) })
	}
}

// strangers returns what lets n more of them come.
func (s siege) strangers(f *field) (more func(n int)) {
	i := 0
	return func(n int) {
		for range n {
			network, source := i%s.networks, i/s.networks%s.sources
			c := f.dial(netip.AddrFrom4([4]byte{198, 0, byte(network), byte(source)}))
			if s.does != nil {
				s.does(c)
			}
			i++
		}
	}
}

// besieged is a link of somebody else.
type besieged struct {
	near *websocket.Conn
	far  link.Conn
}

func (s siege) run(t *testing.T) {
	const places, members = 400, 40
	ctx, cancel := context.WithCancel(t.Context())
	f, served := newField(), make(chan error, 1)
	accepted := make(chan link.Conn, 1)
	go func() {
		config := link.ServerConfig{Node: key.NewPrivate[key.Node](), Plain: s.plain, MaxConns: places, MaxStarting: 64}
		served <- link.Serve(ctx, f, config, func(c link.Conn) {
			accepted <- c
			<-ctx.Done()
		})
	}()
	var links []besieged
	for i := range members { // among them some of the strangers' networks
		ws := upgrade(t, f.dial(netip.AddrFrom4([4]byte{198, 0, byte(i), 250})), s.plain)
		links = append(links, besieged{ws, <-accepted})
	}
	more := s.strangers(f)
	more(3 * places)
	synctest.Wait()
	if n := f.open.Load(); n > places {
		t.Errorf("%d are open", n)
	}
	for _, from := range []string{"203.0.113.7", "127.0.0.1", "2001:db8::1"} {
		c := pressed{f.dial(netip.MustParseAddr(from)), func() { more(s.each); synctest.Wait() }}
		links = append(links, besieged{upgrade(t, c, s.plain), <-accepted})
	}
	for i, l := range links {
		go l.near.WriteMessage(websocket.BinaryMessage, []byte{byte(i)})
		if m, err := l.far.Recv(t.Context()); err != nil || m[0] != byte(i) {
			t.Errorf("link %d: %v", i, err)
		}
	}
	if most := f.most.Load(); most > places+1 {
		t.Errorf("%d were open at once", most)
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if n := f.open.Load(); n != 0 {
		t.Errorf("%d are open after the end", n)
	}
}
