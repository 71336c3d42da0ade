// Package x11 is as much of the X protocol as it takes to look at a display and to drag
// files over it: pictures of windows, and the source's side of XDND
// (https://freedesktop.org/wiki/Specifications/XDND). It is for displays on this machine
// that ask for no authority, as Xvfb does when it is told of none.
//
// All numbers are little-endian. A request is
//
//	1 opcode   1 data   2 length in units of 4 bytes   then the rest
//
// and what the server sends comes in packets of 32 bytes, of which a reply may have more:
//
//	1 kind (0 error, 1 reply, else an event)   1 data   2 number of the request   4 units of 4 bytes beyond 32   24
package x11

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// The requests, events and atoms that are used, by their numbers in the X protocol.
const (
	opCreateWindow      = 1
	opDestroyWindow     = 4
	opGetGeometry       = 14
	opInternAtom        = 16
	opChangeProperty    = 18
	opSetSelectionOwner = 22
	opSendEvent         = 25
	opTranslate         = 40
	opGetImage          = 73

	kindError            = 0
	kindReply            = 1
	kindSelectionRequest = 30
	kindSelectionNotify  = 31
	kindClientMessage    = 33
	fromClient           = 0x80 // beside the kind of an event that a client sent
)

const (
	packetSize = 32
	maxReply   = 64 << 20 // bytes of the largest reply that is taken
	dialWait   = 5 * time.Second
)

// Conn is a connection to a display. It is used by one goroutine at a time.
type Conn struct {
	conn   net.Conn
	in     *bufio.Reader
	root   uint32
	next   uint32 // the number of the next window
	sent   uint16 // how many requests were sent
	events [][]byte
	atoms  map[string]uint32
}

// Dial connects to a display of this machine, for example ":7". Its calls end with ctx.
func Dial(ctx context.Context, display string) (*Conn, error) {
	number, _, _ := strings.Cut(strings.TrimPrefix(display, ":"), ".")
	d := net.Dialer{Timeout: dialWait}
	conn, err := d.DialContext(ctx, "unix", "/tmp/.X11-unix/X"+number)
	if err != nil {
		return nil, fmt.Errorf("display %s: %w", display, err)
	}
	c, err := open(ctx, conn)
	if err != nil {
		return nil, fmt.Errorf("display %s: %w", display, errors.Join(err, conn.Close()))
	}
	return c, nil
}

// Close ends the connection, and everything of it that the display has.
func (c *Conn) Close() error { return c.conn.Close() }

// open greets the server.
func open(ctx context.Context, conn net.Conn) (*Conn, error) {
	c := &Conn{conn: conn, in: bufio.NewReaderSize(conn, 1<<16), atoms: map[string]uint32{}}
	defer c.until(ctx)()
	if _, err := conn.Write([]byte{'l', 0, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0}); err != nil {
		return nil, err
	}
	var head [8]byte
	if _, err := io.ReadFull(c.in, head[:]); err != nil {
		return nil, err
	}
	body := make([]byte, 4*int(binary.LittleEndian.Uint16(head[6:])))
	if _, err := io.ReadFull(c.in, body); err != nil {
		return nil, err
	}
	if head[0] != 1 {
		return nil, fmt.Errorf("it refuses: %.200q", body)
	}
	return c, c.greeted(body)
}

// greeted reads what the server says of itself.
func (c *Conn) greeted(body []byte) error {
	if len(body) < 32 {
		return errShort
	}
	vendor, formats := int(binary.LittleEndian.Uint16(body[16:])), int(body[21])
	screen := 32 + (vendor+3)/4*4 + 8*formats
	if body[20] < 1 || len(body) < screen+4 {
		return errShort
	}
	c.next = binary.LittleEndian.Uint32(body[4:])
	c.root = binary.LittleEndian.Uint32(body[screen:])
	return nil
}

var errShort = errors.New("the answer is too short")

// Root is the window that fills the display.
func (c *Conn) Root() uint32 { return c.root }

// until has reads and writes fail once ctx ends; the function that it returns ends that.
func (c *Conn) until(ctx context.Context) (done func()) {
	_ = c.conn.SetDeadline(time.Time{})
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Unix(1, 0)) })
	return func() { stop() }
}

// request makes a request of whole units.
func request(op, data byte, rest ...uint32) []byte {
	b := []byte{op, data, 0, 0}
	for _, n := range rest {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	return b
}

// send sends a request, which becomes as long as it is.
func (c *Conn) send(b []byte) error {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	binary.LittleEndian.PutUint16(b[2:], uint16(len(b)/4))
	c.sent++
	_, err := c.conn.Write(b)
	return err
}

// ask sends a request and waits for the reply to it. What comes before that is kept for
// event. Error: the server's, with its number in the X protocol.
func (c *Conn) ask(b []byte) ([]byte, error) {
	if err := c.send(b); err != nil {
		return nil, err
	}
	for {
		p, err := c.packet()
		if err != nil {
			return nil, err
		}
		answers := binary.LittleEndian.Uint16(p[2:]) == c.sent
		switch {
		case p[0] == kindError:
			return nil, fmt.Errorf("the display answers error %d to request %d", p[1], p[10])
		case p[0] == kindReply && answers:
			return p, nil
		case p[0] != kindReply:
			c.events = append(c.events, p)
		}
	}
}

// event is the next event. Error: the server's.
func (c *Conn) event() ([]byte, error) {
	if len(c.events) > 0 {
		p := c.events[0]
		c.events = c.events[1:]
		return p, nil
	}
	for {
		p, err := c.packet()
		if err != nil {
			return nil, err
		}
		switch p[0] {
		case kindError:
			return nil, fmt.Errorf("the display answers error %d to request %d", p[1], p[10])
		case kindReply:
		default:
			return p, nil
		}
	}
}

// packet reads what the server sends next.
func (c *Conn) packet() ([]byte, error) {
	p := make([]byte, packetSize)
	if _, err := io.ReadFull(c.in, p); err != nil {
		return nil, err
	}
	if p[0] != kindReply {
		return p, nil
	}
	more := int64(binary.LittleEndian.Uint32(p[4:])) * 4
	if more > maxReply {
		return nil, errors.New("the display answers at too great length")
	}
	p = append(p, make([]byte, more)...)
	_, err := io.ReadFull(c.in, p[packetSize:])
	return p, err
}

// atom is the number of a name on this display.
func (c *Conn) atom(name string) (uint32, error) {
	if n, ok := c.atoms[name]; ok {
		return n, nil
	}
	p, err := c.ask(append(request(opInternAtom, 0, uint32(len(name))), name...))
	if err != nil {
		return 0, err
	}
	n := binary.LittleEndian.Uint32(p[8:])
	c.atoms[name] = n
	return n, nil
}
