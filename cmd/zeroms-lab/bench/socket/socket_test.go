package socket_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"zeroms/cmd/zeroms-lab/bench/socket"
)

// serve runs a WebSocket server whose connections do serves, and connects to it.
func serve(t *testing.T, do func(*websocket.Conn)) *socket.Conn {
	t.Helper()
	upgrader := websocket.Upgrader{Subprotocols: []string{"test"}}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer ws.Close()
		do(ws)
	}))
	t.Cleanup(web.Close)
	c, err := socket.Dial(t.Context(), config(web.Listener.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func config(a net.Addr) socket.Config {
	return socket.Config{Addr: a.String(), Host: "test.invalid", Path: "/", Protocol: "test"}
}

func echo(ws *websocket.Conn) {
	for {
		kind, message, err := ws.ReadMessage()
		if err != nil || ws.WriteMessage(kind, message) != nil {
			return
		}
	}
}

// pattern is n bytes that differ.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7)
	}
	return b
}

func TestMessagesOfEverySizeComeBack(t *testing.T) {
	c := serve(t, echo)
	for _, size := range []int{0, 1, 125, 126, 1000, 4 << 10, 65535, 65536, 300_000, socket.MaxMessage, 3} {
		message := append(c.Begin(), pattern(size)...)
		if socket.Empty(message) != (size == 0) {
			t.Errorf("Empty of %d bytes", size)
		}
		if err := c.Flush(message); err != nil {
			t.Fatal(err)
		}
		got, err := c.Next()
		if err != nil || !bytes.Equal(got, pattern(size)) {
			t.Fatalf("%d bytes: %d came back, %v", size, len(got), err)
		}
	}
}

func TestManyMessagesInOneWrite(t *testing.T) {
	c := serve(t, echo)
	var out []byte
	for _, size := range []int{5, 126, 70_000} {
		out = socket.AppendMessage(out, pattern(size)[:2], pattern(size)[2:])
	}
	if err := c.Write(out); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{5, 126, 70_000} {
		if got, err := c.Next(); err != nil || !bytes.Equal(got, pattern(size)) {
			t.Fatalf("%d bytes: %d came back, %v", size, len(got), err)
		}
	}
}

func TestFragmentsAndPings(t *testing.T) {
	pong := make(chan string, 1)
	c := serve(t, func(ws *websocket.Conn) {
		ws.SetPongHandler(func(s string) error { pong <- s; return nil })
		if err := ws.WriteMessage(websocket.PingMessage, []byte("are you there")); err != nil {
			return
		}
		w, err := ws.NextWriter(websocket.BinaryMessage)
		if err != nil {
			return
		}
		for range 5 { // more than the writer's buffer each: several frames
			if _, err := w.Write(pattern(10_000)); err != nil {
				return
			}
		}
		if w.Close() == nil {
			echo(ws)
		}
	})
	got, err := c.Next()
	if want := bytes.Repeat(pattern(10_000), 5); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes came, %v; want %d", len(got), err, len(want))
	}
	if s := <-pong; s != "are you there" {
		t.Errorf("the pong says %q", s)
	}
}

func TestGoodbye(t *testing.T) {
	c := serve(t, func(ws *websocket.Conn) {
		ws.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""))
	})
	if _, err := c.Next(); !errors.Is(err, socket.ErrClosed) {
		t.Errorf("after a close frame: %v", err)
	}
}

// raw serves bytes behind a good answer to the upgrade.
func raw(t *testing.T, frames []byte) (*socket.Conn, error) {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		upgrader := websocket.Upgrader{Subprotocols: []string{"test"}}
		ws, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer ws.Close()
		ws.NetConn().Write(frames)
	}))
	t.Cleanup(web.Close)
	return socket.Dial(t.Context(), config(web.Listener.Addr()))
}

func TestServersThatBreakTheRules(t *testing.T) {
	for _, test := range []struct {
		name   string
		frames string
		want   error
	}{
		{"text", "\x81\x01a", socket.ErrBroken},
		{"masked", "\x82\x81\x00\x00\x00\x00a", socket.ErrBroken},
		{"extension", "\xc2\x01a", socket.ErrBroken},
		{"opcode", "\x83\x01a", socket.ErrBroken},
		{"large", "\x82\x7f\x00\x00\x00\x00\x00\x10\x00\x01", socket.ErrTooLarge},
		{"huge", "\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", socket.ErrTooLarge},
		{"end in the head", "\x82", io.EOF},
		{"end in the payload", "\x82\x05abc", io.EOF},
	} {
		c, err := raw(t, []byte(test.frames))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Next(); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
		c.Close()
	}
}

func TestFragmentsTogetherAreBounded(t *testing.T) {
	part := "\x02\x7f\x00\x00\x00\x00\x00\x08\x00\x00" + strings.Repeat("a", 512<<10)
	more := "\x00" + part[1:]
	c, err := raw(t, []byte(part+more+more))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Next(); !errors.Is(err, socket.ErrTooLarge) {
		t.Errorf("three fragments of 512 KiB: %v", err)
	}
}

func TestServersThatAreNone(t *testing.T) {
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	if _, err := socket.Dial(t.Context(), config(web.Listener.Addr())); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("a server without WebSocket: %v", err)
	}
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		upgrader := websocket.Upgrader{Subprotocols: []string{"other"}}
		if ws, err := upgrader.Upgrade(w, r, nil); err == nil {
			ws.Close()
		}
	}))
	defer other.Close()
	if _, err := socket.Dial(t.Context(), config(other.Listener.Addr())); err == nil || !strings.Contains(err.Error(), "does not speak") {
		t.Errorf("a server of another protocol: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := socket.Dial(ctx, config(web.Listener.Addr())); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that ended: %v", err)
	}
}

// FuzzNext: no bytes make the reader panic or hand out more than it may.
func FuzzNext(f *testing.F) {
	f.Add([]byte("\x82\x05hello\x89\x00\x02\x01a\x80\x01b"))
	f.Add([]byte("\x82\x7e\x00\x01a"))
	f.Add([]byte("\x82\x7f\x00\x00\x00\x00\x00\x00\x00\x01a"))
	f.Fuzz(func(t *testing.T, b []byte) {
		here, there := net.Pipe()
		go func() {
			defer there.Close()
			go io.Copy(io.Discard, there) // pongs
			there.Write(b)
		}()
		c := socket.Over(here)
		defer c.Close()
		for {
			message, err := c.Next()
			if err != nil {
				return
			}
			if len(message) > len(b) {
				t.Fatalf("%d bytes out of %d", len(message), len(b))
			}
		}
	})
}
