package selection

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"
)

// Codes of the protocol: of requests, of what the server sends, and of what a window
// wants to hear.
const (
	createWindow      = 1
	internAtom        = 16
	deleteProperty    = 19
	getProperty       = 20
	getSelectionOwner = 23
	convertSelection  = 24

	answered        = 1
	propertyNotify  = 28
	selectionNotify = 31
	genericEvent    = 35

	valueOfEvents  = 1 << 11
	propertyChange = 1 << 22
)

// Bounds of what a server says besides content, in bytes: its description of itself, and
// the rest of an event.
const (
	maxSetup = 1 << 20
	maxEvent = 1 << 16
)

// conn is a connection to an X server.
type conn struct {
	net    net.Conn
	in     *bufio.Reader
	stop   func() bool // ends what ends the connection with ctx
	root   uint32
	own    uint32  // ID of the window of this connection
	events []event // that came before an answer
}

// event is what happened to the selection or to a property.
type event struct {
	code                        byte
	selection, target, property uint32
	deleted                     bool
}

// connect connects with the server that the environment names.
func connect(ctx context.Context, e settings) (n net.Conn, secret []byte, err error) {
	d, err := parseDisplay(e.display)
	if err != nil {
		return nil, nil, err
	}
	if n, err = d.dial(ctx); err != nil {
		return nil, nil, err
	}
	return n, e.cookie(d, n.RemoteAddr()), nil
}

// speak speaks with a server until ctx ends; secret may be empty. It closes n if it fails.
func speak(ctx context.Context, n net.Conn, secret []byte) (*conn, error) {
	c := &conn{net: n, in: bufio.NewReaderSize(n, 64<<10)}
	c.stop = context.AfterFunc(ctx, func() { _ = n.Close() })
	if err := c.setup(secret); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *conn) close() {
	c.stop()
	_ = c.net.Close() // everything was read, or never will be
}

// patient grants the other side some more time.
func (c *conn) patient() { _ = c.net.SetDeadline(time.Now().Add(patience)) }

// setup introduces itself.
func (c *conn) setup(secret []byte) error {
	name := ""
	if len(secret) > 0 {
		name = cookieName
	}
	b := []byte{'l', 0, 11, 0, 0, 0}
	b = binary.LittleEndian.AppendUint16(b, uint16(len(name)))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(secret)))
	b = append(b, 0, 0)
	b = padded(append(b, name...))
	b = padded(append(b, secret...))
	c.patient()
	if _, err := c.net.Write(b); err != nil {
		return err
	}
	var head [8]byte
	if _, err := io.ReadFull(c.in, head[:]); err != nil {
		return err
	}
	rest, err := c.bytes(4*int(binary.LittleEndian.Uint16(head[6:])), maxSetup)
	if err != nil {
		return err
	}
	if head[0] != 1 {
		return fmt.Errorf("the server refuses: %w", errProtocol)
	}
	return c.described(rest)
}

// described takes what is needed out of the server's description of itself: which IDs are
// this connection's, and the root window of the first screen.
func (c *conn) described(b []byte) error {
	const fixed, format = 32, 8
	if len(b) < fixed {
		return errProtocol
	}
	vendor, formats, screens := int(binary.LittleEndian.Uint16(b[16:])), int(b[21]), b[20]
	at := fixed + (vendor+3)&^3 + format*formats
	if screens == 0 || len(b) < at+4 {
		return errProtocol
	}
	c.own, c.root = binary.LittleEndian.Uint32(b[4:])|1, binary.LittleEndian.Uint32(b[at:])
	return nil
}

// bytes reads so many, if that is not too much.
func (c *conn) bytes(n, limit int) ([]byte, error) {
	if n > limit {
		return nil, errProtocol
	}
	b := make([]byte, n)
	_, err := io.ReadFull(c.in, b)
	return b, err
}

// padded fills up to a multiple of 4 bytes.
func padded(b []byte) []byte { return append(b, make([]byte, -len(b)&3)...) }

// request is a request without its length, which send fills in: its code, a byte that
// belongs to it, and words of 4 bytes.
func request(code, detail byte, words ...uint32) []byte {
	b := []byte{code, detail, 0, 0}
	for _, w := range words {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return b
}

// send sends a request. It has the other side some more time.
func (c *conn) send(b []byte) error {
	binary.LittleEndian.PutUint16(b[2:], uint16(len(b)/4))
	c.patient()
	_, err := c.net.Write(b)
	return err
}

// atoms are the numbers of names.
func (c *conn) atoms(names []string) ([]uint32, error) {
	for _, name := range names {
		if err := c.send(padded(append(request(internAtom, 0, uint32(len(name))), name...))); err != nil {
			return nil, err
		}
	}
	var all []uint32
	for range names {
		head, err := c.answer()
		if err != nil {
			return nil, err
		}
		all = append(all, binary.LittleEndian.Uint32(head[8:]))
	}
	return all, nil
}

// owner is the window of who has a selection; 0: nobody.
func (c *conn) owner(selection uint32) (uint32, error) {
	if err := c.send(request(getSelectionOwner, 0, selection)); err != nil {
		return 0, err
	}
	head, err := c.answer()
	return binary.LittleEndian.Uint32(head[8:]), err
}

// window makes the window of this connection, of 1x1 pixel, which nobody sees.
func (c *conn) window() error {
	return c.send(request(createWindow, 0, c.own, c.root, 0, 1|1<<16, 0, 0, valueOfEvents, propertyChange))
}

// convert asks the owner of a selection to write it into a property.
func (c *conn) convert(selection, target, property uint32) error {
	return c.send(request(convertSelection, 0, c.own, selection, target, property, 0))
}

// discard deletes a property unread.
func (c *conn) discard(property uint32) error {
	return c.send(request(deleteProperty, 0, c.own, property))
}

// take reads a property and deletes it. Error: ErrLarge, which leaves it there.
func (c *conn) take(property uint32, limit int) (kind uint32, content []byte, err error) {
	words := uint32(limit/4 + 1)
	if err := c.send(request(getProperty, 1, c.own, property, 0, 0, words)); err != nil {
		return 0, nil, err
	}
	head, err := c.answer()
	if err != nil {
		return 0, nil, err
	}
	size := int(binary.LittleEndian.Uint32(head[4:]))
	left, items := binary.LittleEndian.Uint32(head[12:]), int(binary.LittleEndian.Uint32(head[16:]))
	kind, items = binary.LittleEndian.Uint32(head[8:]), items*int(head[1])/8
	if size > int(words) || items > 4*size {
		return 0, nil, errProtocol
	}
	content, err = c.bytes(4*size, 4*size)
	if err != nil {
		return 0, nil, err
	}
	if left > 0 || items > limit {
		return 0, nil, ErrLarge
	}
	return kind, content[:items], nil
}

// answer is the head of the next answer, of 32 bytes; events before it are kept.
func (c *conn) answer() (head [32]byte, err error) {
	for {
		if head, err = c.head(); err != nil || head[0] == answered {
			return head, err
		}
		if err := c.keep(head); err != nil {
			return head, err
		}
	}
}

// event is the next event, which may have been kept.
func (c *conn) event() (event, error) {
	c.patient()
	for len(c.events) == 0 {
		head, err := c.head()
		if err != nil {
			return event{}, err
		}
		if head[0] == answered { // to nothing that was asked
			return event{}, errProtocol
		}
		if err := c.keep(head); err != nil {
			return event{}, err
		}
	}
	e := c.events[0]
	c.events = c.events[1:]
	return e, nil
}

// head reads the beginning of whatever the server says.
func (c *conn) head() (head [32]byte, err error) {
	_, err = io.ReadFull(c.in, head[:])
	if err == nil && head[0] == 0 {
		err = fmt.Errorf("error %d: %w", head[1], errProtocol)
	}
	return head, err
}

// keep notes an event that matters.
func (c *conn) keep(head [32]byte) error {
	word := func(at int) uint32 { return binary.LittleEndian.Uint32(head[at:]) }
	if head[0] == genericEvent { // longer than others, and never from other programs
		_, err := c.bytes(4*int(word(4)), maxEvent)
		return err
	}
	switch code := head[0] &^ 0x80; code { // the highest bit: another program has sent it
	case selectionNotify:
		c.events = append(c.events, event{code: code, selection: word(12), target: word(16), property: word(20)})
	case propertyNotify:
		c.events = append(c.events, event{code: code, property: word(8), deleted: head[16] == 1})
	}
	return nil
}
