package link_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// Bits and opcodes of WebSocket frames (RFC 6455 section 5.2).
const (
	fin          = 0x80
	continuation = 0x0
	binaryFrame  = 0x2
	closeFrame   = 0x8
	pingFrame    = 0x9
	pongFrame    = 0xa
)

// masked appends a client's frame.
func masked(b []byte, first byte, payload []byte) []byte {
	b = append(b, first)
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	mask := [4]byte{1, 2, 3, 4}
	b = append(b, mask[:]...)
	for i, c := range payload {
		b = append(b, c^mask[i%4])
	}
	return b
}

// pattern is n bytes that tell where they stand.
func pattern(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i*7 + i>>8 + n)
	}
	return p
}

// byByte writes one byte at a time once it is told to.
type byByte struct {
	net.Conn
	slow bool
}

func (b *byByte) Write(p []byte) (int, error) {
	if !b.slow {
		return b.Conn.Write(p)
	}
	for i := range p {
		if _, err := b.Conn.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

// unruly is the dialling end of a link, of which the test writes every byte.
func unruly(t *testing.T, g *gateway, plain bool) (c *byByte, ws *websocket.Conn, far link.Conn) {
	t.Helper()
	tcp, err := net.Dial("tcp", g.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tcp.Close() })
	c = &byByte{Conn: tcp}
	ws = upgrade(t, c, plain)
	return c, ws, <-g.accepted
}

// eachWay runs a test without and with TLS.
func eachWay(t *testing.T, test func(t *testing.T, plain bool)) {
	t.Run("plain", func(t *testing.T) { test(t, true) })
	t.Run("TLS", func(t *testing.T) { test(t, false) })
}

func TestMessagesSplitAtEveryByte(t *testing.T) {
	eachWay(t, func(t *testing.T, plain bool) {
		g := listen(t, func(c *link.ServerConfig) { c.Plain = plain })
		c, ws, far := unruly(t, g, plain)
		c.slow = true
		sizes := []int{1, 125, 126, 257, 5000}
		sent := make(chan error, 1)
		go func() {
			for _, n := range sizes {
				if _, err := ws.NetConn().Write(masked(nil, fin|binaryFrame, pattern(n))); err != nil {
					sent <- err
					return
				}
			}
			sent <- nil
		}()
		for i, n := range sizes {
			read := far.Recv
			if i%2 == 1 {
				read = far.(link.Lender).Borrow
			}
			if m, err := read(t.Context()); err != nil || !bytes.Equal(m, pattern(n)) {
				t.Fatalf("%d bytes: got %d, %v", n, len(m), err)
			}
		}
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
	})
}

// Two halves of every length, so that each boundary is met by the end of what
// was read.
func TestMessagesSplitOnceAnywhere(t *testing.T) {
	eachWay(t, func(t *testing.T, plain bool) {
		g := listen(t, func(c *link.ServerConfig) { c.Plain = plain })
		_, ws, far := unruly(t, g, plain)
		one := masked(masked(nil, fin|binaryFrame, pattern(130)), fin|binaryFrame, pattern(3))
		got := make(chan []byte)
		go func() {
			defer close(got)
			for {
				m, err := link.Borrow(t.Context(), far)
				if err != nil {
					return
				}
				got <- bytes.Clone(m)
			}
		}()
		for at := 1; at < len(one); at++ {
			for _, part := range [][]byte{one[:at], one[at:]} {
				if _, err := ws.NetConn().Write(part); err != nil {
					t.Fatal(err)
				}
			}
			for _, n := range []int{130, 3} {
				if m := <-got; !bytes.Equal(m, pattern(n)) {
					t.Fatalf("split at %d: %d bytes and not %d", at, len(m), n)
				}
			}
		}
		ws.Close()
		if m, more := <-got; more {
			t.Errorf("%d bytes more", len(m))
		}
	})
}

func TestManyFramesInOneSegment(t *testing.T) {
	eachWay(t, func(t *testing.T, plain bool) {
		g := listen(t, func(c *link.ServerConfig) { c.Plain = plain })
		_, ws, far := unruly(t, g, plain)
		pongs := 0
		ws.SetPongHandler(func(text string) error {
			if text != "between" {
				t.Errorf("the pong says %q", text)
			}
			pongs++
			return nil
		})
		var all []byte
		var sizes []int
		for i := range 300 { // more than is read at once
			n := 1 + i*i%700
			sizes = append(sizes, n)
			switch i % 10 {
			case 3: // in fragments, one of them empty, with a ping between
				p := pattern(n)
				all = masked(all, binaryFrame, p[:n/2])
				all = masked(all, continuation, nil)
				all = masked(all, fin|pingFrame, []byte("between"))
				all = masked(all, fin|continuation, p[n/2:])
			case 7:
				all = masked(all, fin|pongFrame, nil)
				fallthrough
			default:
				all = masked(all, fin|binaryFrame, pattern(n))
			}
		}
		go ws.NetConn().Write(all)
		for i, n := range sizes {
			if m, err := link.Borrow(t.Context(), far); err != nil || !bytes.Equal(m, pattern(n)) {
				t.Fatalf("message %d of %d bytes: got %d, %v", i, n, len(m), err)
			}
		}
		if err := far.Send(t.Context(), []byte("done")); err != nil {
			t.Fatal(err)
		}
		if _, m, err := ws.ReadMessage(); err != nil || string(m) != "done" {
			t.Fatalf("%q, %v", m, err)
		}
		if pongs != 30 {
			t.Errorf("%d pings were answered, want 30", pongs)
		}
	})
}

// What is written in several parts arrives as one message, whatever is written
// between messages.
func TestPongsDoNotMixWithMessages(t *testing.T) {
	eachWay(t, func(t *testing.T, plain bool) {
		g := listen(t, func(c *link.ServerConfig) { c.Plain = plain })
		_, ws, far := unruly(t, g, plain)
		const pings = 60
		pongs := 0
		ws.SetPongHandler(func(string) error { pongs++; return nil })
		go func() { // who pings reads as well
			for range pings {
				ws.NetConn().Write(masked(nil, fin|pingFrame, []byte{9}))
			}
			ws.NetConn().Write(masked(nil, fin|binaryFrame, []byte{1}))
		}()
		over := make(chan error, 1)
		go func() {
			_, err := far.Recv(t.Context()) // which answers the pings
			over <- err
		}()
		sizes := []int{1, 1 << 10, 4 << 10, 4<<10 + 14, 5 << 10, 16 << 10, 64 << 10, 100_000, wire.MaxMessage}
		go func() {
			for _, n := range sizes {
				if err := far.Send(t.Context(), pattern(n)); err != nil {
					t.Error(err)
				}
			}
			if err := <-over; err != nil {
				t.Error(err)
			}
			if err := far.Send(t.Context(), []byte{0}); err != nil { // after all pongs
				t.Error(err)
			}
		}()
		for _, n := range append(sizes, 1) {
			_, m, err := ws.ReadMessage()
			if err != nil || len(m) != n || n > 1 && !bytes.Equal(m, pattern(n)) {
				t.Fatalf("%d bytes: got %d, %v", n, len(m), err)
			}
		}
		if pongs != pings {
			t.Errorf("%d pings were answered, want %d", pongs, pings)
		}
	})
}

func TestTheOtherSideCloses(t *testing.T) {
	eachWay(t, func(t *testing.T, plain bool) {
		g := listen(t, func(c *link.ServerConfig) { c.Plain = plain })
		_, ws, far := unruly(t, g, plain)
		both := masked(nil, fin|binaryFrame, []byte("last"))
		both = masked(both, fin|closeFrame, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""))
		if _, err := ws.NetConn().Write(both); err != nil {
			t.Fatal(err)
		}
		if m, err := far.Recv(t.Context()); err != nil || string(m) != "last" {
			t.Fatalf("%q, %v", m, err)
		}
		for range 2 {
			if _, err := far.Recv(t.Context()); !errors.Is(err, wire.ErrLinkClosed) {
				t.Fatalf("after the goodbye: %v", err)
			}
		}
		if _, _, err := ws.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
			t.Fatalf("the answer to the goodbye: %v", err)
		}
		if err := far.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestCloseSaysGoodbyeAndReadsOn(t *testing.T) {
	eachWay(t, func(t *testing.T, plain bool) {
		g := listen(t, func(c *link.ServerConfig) { c.Plain = plain })
		_, ws, far := unruly(t, g, plain)
		closed := make(chan error, 1)
		go func() { closed <- far.Close() }()
		if _, _, err := ws.NextReader(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
			t.Fatalf("the goodbye: %v", err) // it was answered by then
		}
		if err := <-closed; err != nil {
			t.Fatal(err)
		}
		if _, err := ws.NetConn().Read(make([]byte, 1)); err == nil {
			t.Error("the connection goes on")
		}
		if err := far.Send(t.Context(), []byte{1}); !errors.Is(err, wire.ErrLinkClosed) {
			t.Errorf("Send after Close: %v", err)
		}
	})
}

func TestAFloodOfPingsEndsTheLink(t *testing.T) {
	for name, op := range map[string]byte{"pings": pingFrame, "pongs": pongFrame} {
		t.Run(name, func(t *testing.T) {
			eachWay(t, func(t *testing.T, plain bool) {
				g := listen(t, func(c *link.ServerConfig) { c.Plain = plain })
				_, ws, far := unruly(t, g, plain)
				go ws.NetConn().Write(slices.Repeat(masked(nil, fin|op, []byte("are you there")), 10_000))
				if _, err := far.Recv(t.Context()); !errors.Is(err, wire.ErrUnexpected) {
					t.Fatalf("got %v", err)
				}
			})
		})
	}
}

// inBubble runs a test with a link in memory.
func inBubble(t *testing.T, stall time.Duration, test func(t *testing.T, near net.Conn, ws *websocket.Conn, far link.Conn)) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		f, accepted, served := newField(), make(chan link.Conn), make(chan error, 1)
		go func() {
			config := link.ServerConfig{Node: key.NewPrivate[key.Node](), Plain: true, Stall: stall}
			served <- link.Serve(ctx, f, config, func(c link.Conn) {
				accepted <- c
				<-ctx.Done()
			})
		}()
		near := f.dial(netip.MustParseAddr("192.0.2.1"))
		ws := upgrade(t, near, true)
		test(t, near, ws, <-accepted)
		near.Close()
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

func TestPingsNowAndThenAreAnswered(t *testing.T) {
	inBubble(t, 0, func(t *testing.T, near net.Conn, ws *websocket.Conn, far link.Conn) {
		go func() {
			for range 1000 {
				<-time.After(time.Second)
				near.Write(masked(nil, fin|pingFrame, nil))
			}
			near.Write(masked(nil, fin|binaryFrame, []byte("end")))
		}()
		pongs := 0
		ws.SetPongHandler(func(string) error { pongs++; return nil })
		go ws.NextReader()
		if m, err := far.Recv(t.Context()); err != nil || string(m) != "end" {
			t.Fatalf("%q, %v", m, err)
		}
		synctest.Wait()
		if pongs != 1000 {
			t.Errorf("%d pings were answered", pongs)
		}
	})
}

// A message that has begun must come; a link may be silent for ever.
func TestAMessageMayNotStop(t *testing.T) {
	const stall = 30 * time.Second
	inBubble(t, stall, func(t *testing.T, near net.Conn, ws *websocket.Conn, far link.Conn) {
		far.LimitRead(8 << 10) // a second at the slowest rate
		message := masked(nil, fin|binaryFrame, pattern(1000))
		go func() {
			for _, part := range [][]byte{message[:500], message[500:], message, message[:500]} {
				<-time.After(stall)
				near.Write(part)
			}
		}()
		for range 2 {
			if m, err := far.Recv(t.Context()); err != nil || len(m) != 1000 {
				t.Fatalf("%d bytes, %v", len(m), err)
			}
		}
		if _, err := far.Recv(t.Context()); !errors.Is(err, wire.ErrLinkClosed) {
			t.Fatalf("half a message: %v", err)
		}
	})
}

// The same on a real socket, where deadlines are set only when something is
// waited for.
func TestAMessageMayNotStopOnTCP(t *testing.T) {
	eachWay(t, func(t *testing.T, plain bool) {
		const stall = 100 * time.Millisecond
		g := listen(t, func(c *link.ServerConfig) { c.Plain, c.Stall = plain, stall })
		_, ws, far := unruly(t, g, plain)
		far.LimitRead(1 << 10)
		message := masked(nil, fin|binaryFrame, pattern(200))
		got := make(chan error)
		go func() {
			for {
				m, err := far.Recv(t.Context())
				if err == nil && len(m) != 200 {
					err = io.ErrUnexpectedEOF
				}
				got <- err
				if err != nil {
					return
				}
			}
		}()
		long := time.NewTicker(3 * stall)
		defer long.Stop()
		for range 2 { // the time between messages is nobody's
			ws.NetConn().Write(message[:100])
			ws.NetConn().Write(message[100:])
			if err := <-got; err != nil {
				t.Fatal(err)
			}
			<-long.C
		}
		ws.NetConn().Write(message[:100])
		begun := time.Now()
		if err := <-got; !errors.Is(err, wire.ErrLinkClosed) {
			t.Fatalf("half a message: %v", err)
		}
		if took := time.Since(begun); took < stall/2 {
			t.Errorf("it had %v", took)
		}
	})
}

// Empty fragments make no message, however fast they come.
func TestFragmentsWithoutEnd(t *testing.T) {
	g := listen(t, func(c *link.ServerConfig) { c.Plain, c.Stall = true, time.Hour })
	_, ws, far := unruly(t, g, true)
	far.LimitRead(1 << 10)
	go func() {
		ws.NetConn().Write(masked(nil, binaryFrame, []byte{1}))
		empty := slices.Repeat(masked(nil, continuation, nil), 1000)
		for {
			if _, err := ws.NetConn().Write(empty); err != nil {
				return
			}
		}
	}()
	if _, err := far.Recv(t.Context()); !errors.Is(err, wire.ErrLinkClosed) {
		t.Fatalf("got %v", err)
	}
}

func TestBorrowedMessagesAreTheLinksAgain(t *testing.T) {
	near, far := listen(t, nil).dial(t, link.Config{})
	go func() {
		for _, b := range []byte("abc") {
			near.Send(t.Context(), bytes.Repeat([]byte{b}, 10_000))
		}
	}()
	kept, err := far.Recv(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lent, err := link.Borrow(t.Context(), far)
	if err != nil || !bytes.Equal(lent, bytes.Repeat([]byte("b"), 10_000)) {
		t.Fatalf("%d bytes, %v", len(lent), err)
	}
	clear(lent) // it may be changed
	if m, err := link.Borrow(t.Context(), far); err != nil || !bytes.Equal(m, bytes.Repeat([]byte("c"), 10_000)) {
		t.Fatalf("%d bytes, %v", len(m), err)
	}
	if !bytes.Equal(kept, bytes.Repeat([]byte("a"), 10_000)) {
		t.Error("what Recv returned was lent to somebody else")
	}
}

func TestCutEndsALinkAtOnce(t *testing.T) {
	near, far := listen(t, nil).dial(t, link.Config{})
	got := make(chan error, 1)
	go func() { _, err := far.Recv(t.Context()); got <- err }()
	link.Cut(far)
	if err := <-got; !errors.Is(err, wire.ErrLinkClosed) {
		t.Errorf("who waits: %v", err)
	}
	if _, err := near.Recv(t.Context()); !errors.Is(err, wire.ErrLinkClosed) {
		t.Errorf("the other end: %v", err)
	}
}

// A context that ends between calls is nobody's business.
func TestContextsOfCallsThatAreOver(t *testing.T) {
	near, far := listen(t, nil).dial(t, link.Config{})
	for i := range 20 {
		ctx, cancel := context.WithCancel(t.Context())
		for range 3 {
			if err := near.Send(ctx, []byte{byte(i)}); err != nil {
				t.Fatal(err)
			}
			if m, err := far.Recv(ctx); err != nil || m[0] != byte(i) {
				t.Fatalf("%d: %v", i, err)
			}
		}
		cancel()
		if err := near.Send(ctx, []byte{1}); !errors.Is(err, context.Canceled) {
			t.Fatalf("an ended context: %v", err)
		}
	}
	if err := near.Send(context.Background(), []byte("more")); err != nil {
		t.Fatal(err)
	}
	if m, err := far.Recv(context.Background()); err != nil || string(m) != "more" {
		t.Fatalf("%q, %v", m, err)
	}
}

func TestContextEndsSend(t *testing.T) {
	eachWay(t, func(t *testing.T, plain bool) {
		g := listen(t, func(c *link.ServerConfig) { c.Plain = plain })
		_, _, far := unruly(t, g, plain) // it reads nothing
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		sent := make(chan error)
		var full int
		go func() {
			for {
				err := far.Send(ctx, make([]byte, wire.MaxMessage))
				sent <- err
				if err != nil {
					return
				}
			}
		}()
		for {
			select {
			case err := <-sent:
				if err != nil {
					if !errors.Is(err, context.Canceled) || full == 0 {
						t.Fatalf("after %d messages: %v", full, err)
					}
					if _, err := far.Recv(t.Context()); !errors.Is(err, wire.ErrLinkClosed) {
						t.Errorf("the link goes on: %v", err)
					}
					return
				}
				full++
			case <-time.After(300 * time.Millisecond): // the kernel takes no more
				cancel()
			}
		}
	})
}

// Serve waits for the handles, which run on after the request that they were.
func TestServeWaitsForItsHandles(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	begun, end, served := make(chan link.Conn), make(chan struct{}), make(chan error, 1)
	go func() {
		served <- link.Serve(ctx, l, link.ServerConfig{Plain: true}, func(c link.Conn) {
			begun <- c
			<-end
		})
	}()
	e := link.Endpoint{Host: "127.0.0.1", Port: uint16(l.Addr().(*net.TCPAddr).Port), Plain: true}
	near, err := dialer(t, link.Config{}).Dial(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	far := <-begun
	cancel()
	for {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			break // nobody listens any more
		}
		c.Close()
	}
	select {
	case err := <-served:
		t.Fatalf("Serve returned before a handle: %v", err)
	default:
	}
	if err := far.Send(t.Context(), []byte("still here")); err != nil {
		t.Fatal(err)
	}
	if m, err := near.Recv(t.Context()); err != nil || string(m) != "still here" {
		t.Fatalf("%q, %v", m, err)
	}
	close(end)
	if _, err := near.Recv(t.Context()); !errors.Is(err, wire.ErrLinkClosed) {
		t.Errorf("after the handle: %v", err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}
