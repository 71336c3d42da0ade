package link_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"

	"zeroms/protocol/link"
	"zeroms/protocol/wire"
	"zeroms/protocol/wire/jsonframe"
)

// rawText opens a WebSocket of JSON without this package's client.
func rawText(t *testing.T, g *gateway) (*websocket.Conn, link.Conn) {
	t.Helper()
	d := websocket.Dialer{Subprotocols: []string{jsonframe.Subprotocol}}
	c, _, err := d.DialContext(t.Context(), "ws://"+g.listener.Addr().String()+"/zms", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, <-g.accepted
}

func plain(c *link.ServerConfig) { c.Plain = true }

// receive receives frames until so many bytes have come.
func receive(t *testing.T, c link.Conn, size int) (all []byte, messages int) {
	t.Helper()
	for len(all) < size {
		m, err := c.Recv(t.Context())
		if err != nil {
			t.Fatalf("after %d of %d bytes: %v", len(all), size, err)
		}
		all = append(all, m...)
		messages++
	}
	return all, messages
}

// TestWhatIsSpokenIsNegotiated: a gateway speaks CBOR with whoever can, else JSON.
func TestWhatIsSpokenIsNegotiated(t *testing.T) {
	g := listen(t, plain)
	for _, c := range []struct {
		offered []string
		want    string
	}{
		{[]string{"zms.1.cbor"}, "zms.1.cbor"},
		{[]string{"zms.1.json"}, "zms.1.json"},
		{[]string{"zms.1.json", "zms.1.cbor"}, "zms.1.cbor"},
		{[]string{"zms.9.json", "zms.1.json"}, "zms.1.json"},
	} {
		d := websocket.Dialer{Subprotocols: c.offered}
		ws, _, err := d.DialContext(t.Context(), "ws://"+g.listener.Addr().String()+"/zms", nil)
		if err != nil {
			t.Fatal(err)
		}
		far := <-g.accepted
		if ws.Subprotocol() != c.want {
			t.Errorf("of %v %q was chosen", c.offered, ws.Subprotocol())
		}
		if err := far.Send(t.Context(), wire.AppendFrame(nil, 7, &wire.OK{})); err != nil {
			t.Fatal(err)
		}
		kind, m, err := ws.ReadMessage()
		if text := string(m) == `["ok",7,{}]`; err != nil || text != (c.want == "zms.1.json") || text != (kind == websocket.TextMessage) {
			t.Errorf("%s: %q of kind %d, %v", c.want, m, kind, err)
		}
		ws.Close()
	}
}

// TestJSONCarriesTheSameFrames: what goes in as CBOR comes out as the same bytes, both ways and over TLS.
func TestJSONCarriesTheSameFrames(t *testing.T) {
	near, far := listen(t, nil).dial(t, link.Config{JSON: true})
	if near.Binding() != far.Binding() || near.Binding() == ([32]byte{}) || near.Node().IsZero() || !far.Remote().IsLoopback() {
		t.Error("the link hides what it stands on")
	}
	var message []byte
	for i := range 2000 {
		message = wire.AppendFrame(message, uint64(i), wire.FailureOf(wire.ErrBusy.Because(strings.Repeat("x", i%100))))
	}
	large := wire.AppendFrame(nil, 1<<64-1, &wire.Submit{Envelope: bytes.Repeat([]byte{0xff}, wire.MaxEnvelope)})
	for _, m := range [][]byte{wire.AppendFrame(nil, 1, &wire.OK{}), message, large, slices.Concat(message, large, message)} {
		for _, way := range [][2]link.Conn{{near, far}, {far, near}} {
			sent := make(chan error, 1)
			go func() { sent <- way[0].Send(t.Context(), m) }()
			if got, _ := receive(t, way[1], len(m)); !bytes.Equal(got, m) {
				t.Fatalf("%d bytes came as others", len(m))
			}
			if err := <-sent; err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestJSONSendersDoNotMix: messages of several senders stay whole.
func TestJSONSendersDoNotMix(t *testing.T) {
	near, far := listen(t, nil).dial(t, link.Config{JSON: true})
	var all sync.WaitGroup
	size := 0
	for sender := range 4 {
		var message []byte
		for range 600 {
			message = wire.AppendFrame(message, uint64(sender), &wire.OK{})
		}
		size += len(message)
		all.Go(func() {
			if err := near.Send(t.Context(), message); err != nil {
				t.Error(err)
			}
		})
	}
	got, _ := receive(t, far, size)
	all.Wait()
	frames, err := wire.Frames(got)
	if err != nil {
		t.Fatal(err)
	}
	changes := 0
	for i := 1; i < len(frames); i++ {
		if frames[i].ID != frames[i-1].ID {
			changes++
		}
	}
	if len(frames) != 2400 || changes != 3 {
		t.Errorf("%d frames, and %d times the sender changes", len(frames), changes)
	}
}

// TestJSONIsReadPieceByPiece: a message of many frames is handed over in parts, so that whoever paces frames paces
// their reading too; a text is not larger than what a message may be.
func TestJSONIsReadPieceByPiece(t *testing.T) {
	g := listen(t, plain)
	c, far := rawText(t, g)
	far.LimitRead(128 << 10)
	text := strings.Repeat(`["head_get",1,{}]`+"\n", 7000) + `["head_get",2,{}]`
	if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		t.Fatal(err)
	}
	one := len(wire.AppendFrame(nil, 1, &wire.HeadGet{}))
	if got, messages := receive(t, far, 7001*one); len(got) != 7001*one || messages < 7001/16 {
		t.Errorf("%d bytes in %d parts", len(got), messages)
	}
	c, far = rawText(t, g)
	far.LimitRead(len(text) - 1)
	go c.WriteMessage(websocket.TextMessage, []byte(text))
	if _, err := far.Recv(t.Context()); !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("a text above the limit: %v", err)
	}
}

// TestBadTextIsAnsweredAndEndsTheLink: what stands in front of the fault is handed over, then the other side is told.
func TestBadTextIsAnsweredAndEndsTheLink(t *testing.T) {
	g := listen(t, plain)
	for _, bad := range []struct {
		text  string
		want  error
		whole int // frames in front of the fault
	}{
		{`["ok", 1,{}]`, wire.ErrNotCanonical, 0},
		{`["ok",1,{}]` + "\n" + `["ok",2,{}]` + "\n" + `["okay",3,{}]`, wire.ErrMalformed, 2},
		{strings.Repeat(`["ok",1,{}]`+"\n", 100), wire.ErrTruncated, 100},
		{"hello", wire.ErrMalformed, 0},
	} {
		c, far := rawText(t, g)
		if err := c.WriteMessage(websocket.TextMessage, []byte(bad.text)); err != nil {
			t.Fatal(err)
		}
		got := make(chan error, 1)
		frames := 0
		go func() {
			for {
				m, err := far.Recv(t.Context())
				if err != nil {
					got <- err
					return
				}
				some, _ := wire.Frames(m)
				frames += len(some)
			}
		}()
		kind, m, err := c.ReadMessage()
		if err != nil || kind != websocket.TextMessage {
			t.Fatalf("%q: the sender is told %q, %v", bad.text, m, err)
		}
		var failure wire.Failure
		message, err := jsonframe.CBOR(m, wire.MaxMessage)
		if err != nil {
			t.Fatal(err)
		}
		f, _, err := wire.NextFrame(message)
		if err != nil || f.ID != 0 || f.Decode(&failure) != nil || !errors.Is(failure.Err(), bad.want) || !strings.Contains(failure.Detail, fmt.Sprintf("frame %d", bad.whole+1)) {
			t.Errorf("%q: the sender is told %s", bad.text, m)
		}
		if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseNormalClosure) {
			t.Errorf("%q: then %v", bad.text, err)
		}
		if err := <-got; !errors.Is(err, bad.want) || frames != bad.whole {
			t.Errorf("%q: %d frames, then %v", bad.text, frames, err)
		}
		if err := far.Send(t.Context(), wire.AppendFrame(nil, 0, &wire.OK{})); !errors.Is(err, wire.ErrLinkClosed) {
			t.Errorf("%q: the link goes on: %v", bad.text, err)
		}
	}
}

func TestOnlyTextMessagesOnAJSONLink(t *testing.T) {
	c, far := rawText(t, listen(t, plain))
	c.WriteMessage(websocket.BinaryMessage, wire.AppendFrame(nil, 1, &wire.OK{}))
	if _, err := far.Recv(t.Context()); !errors.Is(err, wire.ErrUnexpected) {
		t.Errorf("binary: %v", err)
	}
	if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseUnsupportedData) {
		t.Errorf("the sender is told %v", err)
	}
}

// TestJSONSendRefusesWhatIsNoFrames: and the link stays.
func TestJSONSendRefusesWhatIsNoFrames(t *testing.T) {
	near, far := listen(t, nil).dial(t, link.Config{JSON: true})
	for _, c := range []struct {
		message []byte
		want    error
	}{
		{nil, wire.ErrTruncated},
		{make([]byte, wire.MaxMessage+1), wire.ErrTooLarge},
		{[]byte{0x00}, wire.ErrMalformed},
		{[]byte{0x83, 0x18, 0xfa, 0x01, 0xa0}, wire.ErrUnexpected},
		{[]byte{0x83, 0x14, 0x01, 0xa0}, wire.ErrNotCanonical},
	} {
		if err := near.Send(t.Context(), c.message); !errors.Is(err, c.want) {
			t.Errorf("%x: %v, want %v", c.message[:min(8, len(c.message))], err, c.want)
		}
	}
	ok := wire.AppendFrame(nil, 1, &wire.OK{})
	if err := near.Send(t.Context(), ok); err != nil {
		t.Fatal(err)
	}
	if m, err := far.Recv(t.Context()); err != nil || !bytes.Equal(m, ok) {
		t.Errorf("%x, %v", m, err)
	}
}

// TestContextEndsAJSONLink: as it does any link, also while frames are left of a message.
func TestContextEndsAJSONLink(t *testing.T) {
	near, far := listen(t, nil).dial(t, link.Config{JSON: true})
	if err := near.Send(t.Context(), bytes.Repeat(wire.AppendFrame(nil, 1, &wire.OK{}), 100)); err != nil {
		t.Fatal(err)
	}
	if _, err := far.Recv(t.Context()); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if m, err := far.Recv(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("%x, %v", m, err)
	}
	if _, err := near.Recv(t.Context()); !errors.Is(err, wire.ErrLinkClosed) {
		t.Errorf("the other end: %v", err)
	}
	if err := near.Send(ended, wire.AppendFrame(nil, 1, &wire.OK{})); err == nil {
		t.Error("sent after the end")
	}
}
