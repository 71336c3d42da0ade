package peer

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// broker is as much of an MQTT broker as the driver uses: QoS 1 to one
// subscriber of a topic, and a queue while that one is away.
type broker struct {
	t *testing.T
	// change is called with each message that goes out and returns what is sent.
	change func(payload []byte) [][]byte

	mu     sync.Mutex
	topics map[string]*subscription
}

type subscription struct {
	client string
	conn   net.Conn
	queue  [][]byte
	next   uint16
}

func serveBroker(t *testing.T, change func([]byte) [][]byte) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &broker{t: t, change: change, topics: map[string]*subscription{}}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { defer c.Close(); b.serve(c) })
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return l.Addr().String()
}

func text(b []byte) (string, []byte) {
	n := int(binary.BigEndian.Uint16(b))
	return string(b[2 : 2+n]), b[2+n:]
}

func (b *broker) serve(c net.Conn) {
	var client string
	for r := bufio.NewReader(c); ; {
		kind, err := r.ReadByte()
		if err != nil {
			return
		}
		size, err := binary.ReadUvarint(r)
		if err != nil {
			return
		}
		body := make([]byte, size)
		if _, err := io.ReadFull(r, body); err != nil {
			return
		}
		b.mu.Lock()
		switch kind {
		case mqttConnect:
			_, rest := text(body)
			client, _ = text(rest[4:])
			c.Write([]byte{mqttConnack, 2, 0, 0})
			for topic, s := range b.topics {
				if s.client == client {
					s.conn = c
					b.send(topic)
				}
			}
		case mqttSubscribe:
			topic, _ := text(body[2:])
			b.topics[topic] = &subscription{client: client, conn: c}
			c.Write([]byte{mqttSuback, 3, body[0], body[1], 1})
		case mqttPing:
			c.Write([]byte{mqttPong, 0})
		case mqttPublish:
			topic, rest := text(body)
			b.topics[topic].queue = append(b.topics[topic].queue, b.change(rest[2:])...)
			b.send(topic)
			c.Write([]byte{mqttPuback, 2, rest[0], rest[1]})
		}
		b.mu.Unlock()
	}
}

func (b *broker) send(topic string) {
	s := b.topics[topic]
	for len(s.queue) > 0 {
		s.next++
		body := append(binary.BigEndian.AppendUint16(mqttText(nil, topic), s.next), s.queue[0]...)
		if _, err := s.conn.Write(mqttPacket(mqttPublish, body)); err != nil {
			return // it is away
		}
		s.queue = s.queue[1:]
	}
}

func honest(payload []byte) [][]byte { return [][]byte{payload} }

// runUntil steps a connection until a flow is where it should be.
func runUntil(t *testing.T, step func() error, holds func() bool) <-chan error {
	t.Helper()
	ended := make(chan error, 1)
	go func() {
		for !holds() {
			if err := step(); err != nil {
				ended <- err
				return
			}
		}
		ended <- nil
	}()
	return ended
}

func dialMQTT(t *testing.T, addr, client string, keep bool) *MQTT {
	t.Helper()
	c, err := DialMQTT(t.Context(), addr, client, keep)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestMQTTLive(t *testing.T) {
	addr := serveBroker(t, honest)
	to, from := dialMQTT(t, addr, "to", false), dialMQTT(t, addr, "from", false)
	if err := to.Subscribe("a/b"); err != nil {
		t.Fatal(err)
	}
	f := from.Flow("a/b", 7, false)
	to.Receive(f)
	f.Sample()
	const most = 70_000 // more than there are packet identifiers
	received := runUntil(t, to.Step, func() bool { return f.Counts().Delivered == most })
	acked := runUntil(t, from.Step, func() bool { return f.Counts().Custody == most })
	if err := f.Send(most); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(<-received, <-acked, to.Finish(), from.Finish()); err != nil {
		t.Fatal(err)
	}
	c := f.Counts()
	if c.Sent != most || c.Done != most || f.Done() != most || len(c.ToPush) != most || len(c.ToCustody) != most {
		t.Errorf("%d sent, %d done, %d and %d times", c.Sent, c.Done, len(c.ToPush), len(c.ToCustody))
	}
}

func TestMQTTAway(t *testing.T) {
	addr := serveBroker(t, honest)
	to, from := dialMQTT(t, addr, "to", true), dialMQTT(t, addr, "from", false)
	if err := to.Subscribe("a"); err != nil {
		t.Fatal(err)
	}
	to.Close()
	f := from.Flow("a", 10, true)
	acked := runUntil(t, from.Step, func() bool { return f.Counts().Done == 50 })
	if err := f.Send(50); err != nil {
		t.Fatal(err)
	}
	if err := <-acked; err != nil {
		t.Fatal(err)
	}
	to = dialMQTT(t, addr, "to", true)
	to.Receive(f)
	// The broker may have written to the connection that was closed; what it noticed
	// too late is lost, and counted so.
	received := runUntil(t, to.Step, func() bool { return f.Counts().Delivered > 0 })
	if err := <-received; err != nil && !strings.Contains(err.Error(), "otherwise than it was sent") {
		t.Fatal(err)
	}
}

func TestMQTTLies(t *testing.T) {
	for name, change := range map[string]func([]byte) [][]byte{
		"changed": func(b []byte) [][]byte { b[3] ^= 1; return [][]byte{b} },
		"twice":   func(b []byte) [][]byte { return [][]byte{b, b} },
	} {
		addr := serveBroker(t, change)
		to, from := dialMQTT(t, addr, "to", false), dialMQTT(t, addr, "from", false)
		if err := to.Subscribe("a"); err != nil {
			t.Fatal(err)
		}
		f := from.Flow("a", 2, false)
		to.Receive(f)
		received := runUntil(t, to.Step, func() bool { return false })
		if err := f.Send(2); err != nil {
			t.Fatal(err)
		}
		if err := <-received; err == nil || !strings.Contains(err.Error(), "message") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMQTTPackets(t *testing.T) {
	for _, test := range []struct {
		name, bytes string
		want        error
	}{
		{"a publication without a topic", "\x32\x01a", errMQTT},
		{"a topic beyond the packet", "\x32\x04\x00\x09ab", errMQTT},
		{"another packet", "\xd0\x00", errMQTT},
		{"a packet that is too large", "\x32\xff\xff\x7f" + strings.Repeat("a", mqttBuffer), errMQTT},
		{"an end", "\x32\x20abc", io.EOF},
	} {
		here, there := net.Pipe()
		go func() {
			defer there.Close()
			go io.Copy(io.Discard, there)
			there.Write([]byte(test.bytes))
		}()
		c := &MQTT{conn: here, in: make([]byte, 4<<10), receive: newFlow(nil, 1, false)}
		err := error(nil)
		for err == nil {
			err = c.Step()
		}
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
		here.Close()
	}
}

// FuzzMQTT: no bytes of a broker make the reader panic.
func FuzzMQTT(f *testing.F) {
	f.Add([]byte("\x40\x02\x00\x01\x32\x05\x00\x01a\x00\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		here, there := net.Pipe()
		go func() {
			defer there.Close()
			go io.Copy(io.Discard, there)
			there.Write(b)
		}()
		defer here.Close()
		c := &MQTT{conn: here, in: make([]byte, 4<<10)}
		c.Receive(c.Flow("a", 1, false))
		for c.Step() == nil {
		}
	})
}

func serveRelay(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- ServeRelay(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func TestRelayLive(t *testing.T) {
	addr := serveRelay(t)
	dial := func(name uint32) *Relay {
		c, err := DialRelay(t.Context(), addr, name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	to, from := dial(1), dial(2)
	f := from.Flow(1, 16)
	to.Receive(f)
	const most = 5000
	received := runUntil(t, to.Step, func() bool { return f.Counts().Delivered == most })
	acked := runUntil(t, from.Step, func() bool { return f.Counts().Custody == most })
	if err := errors.Join(f.SendNow(), f.Send(most)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(<-received, <-acked); err != nil {
		t.Fatal(err)
	}
	if c := f.Counts(); c.Done != most {
		t.Errorf("%d done", c.Done)
	}
}

func TestRelayFrames(t *testing.T) {
	whole := appendRelay(nil, relayMessage, 7, 1<<31, []byte("hello"))
	f, rest, err := nextRelay(append(whole, 'x'))
	if err != nil || string(rest) != "x" || f.kind != relayMessage || f.peer != 7 || f.number != 1<<31 || string(f.payload) != "hello" {
		t.Errorf("%+v, %q, %v", f, rest, err)
	}
	for n := range whole {
		if _, _, err := nextRelay(whole[:n]); !errors.Is(err, errRelay) {
			t.Errorf("the first %d bytes: %v", n, err)
		}
	}
}

// discard takes what a flow writes.
type discard struct{ failed error }

func (discard) write(uint32, []byte) {}

func (d discard) flush() error { return d.failed }

func TestFlow(t *testing.T) {
	now := time.Now()
	f := newFlow(discard{}, 2, false)
	if err := f.Send(5); err != nil || f.Counts().Sent != 2 {
		t.Fatalf("%+v, %v; want 2 sent: there is room for no more", f.Counts(), err)
	}
	payload := make([]byte, Size)
	copy(payload, f.payload)
	binary.BigEndian.PutUint64(payload[Size-8:], 0)
	if err := errors.Join(f.deliver(now, payload), f.refill(now)); err != nil || f.Counts().Sent != 2 {
		t.Fatalf("%+v, %v; want 2 sent: the first has no acknowledgement", f.Counts(), err)
	}
	if err := errors.Join(f.ack(now, 1), f.ack(now, 0), f.refill(now)); err != nil || f.Counts().Sent != 3 || f.Done() != 1 || f.oldest() != 2 {
		t.Fatalf("%+v, %v; want 3 sent and 1 done", f.Counts(), err)
	}
	if err := f.ack(now, 0); err == nil {
		t.Error("an acknowledgement came twice")
	}
	if err := f.ack(now, 3); err == nil {
		t.Error("an acknowledgement of nothing came")
	}
	if err := f.deliver(now, payload); err == nil {
		t.Error("a message came twice")
	}
	f.Stop()
	binary.BigEndian.PutUint64(payload[Size-8:], 1)
	if err := errors.Join(f.deliver(now, payload), f.refill(now)); err != nil || f.Counts().Sent != 3 {
		t.Errorf("%+v, %v; want nothing sent after Stop", f.Counts(), err)
	}
	broken := newFlow(discard{io.ErrClosedPipe}, 1, true)
	if err := broken.Send(1); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("%v", err)
	}
}
