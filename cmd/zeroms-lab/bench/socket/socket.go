// Package socket is the client side of a WebSocket (RFC 6455) as lean as a load
// generator needs it, which shares its cores with the server that it measures:
// one buffer for reading, one for writing, and frames that are masked with the
// key zero. The server unmasks those like any other, so it does the same work;
// outside of measurements protocol/link is the way to a gateway.
package socket

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// Limits of what a server may send, in bytes.
const (
	// MaxMessage bounds one message.
	MaxMessage = 1 << 20
	maxAnswer  = 16 << 10 // the answer to the upgrade
	smallest   = 4 << 10  // of the reading buffer, which grows with what comes
)

// headRoom is what stands before the bytes of a message that is being written:
// the longest header of a client's frame.
const headRoom = 14

// Errors of a connection.
var (
	ErrTooLarge = errors.New("socket: the server's message is larger than 1 MiB")
	ErrBroken   = errors.New("socket: the server broke the rules of WebSocket")
	ErrClosed   = errors.New("socket: the server closed the connection")
)

// The opcodes of RFC 6455 section 5.2.
const (
	opMore   = 0x0
	opBinary = 0x2
	opClose  = 0x8
	opPing   = 0x9
	opPong   = 0xa
)

// Config says where the server is.
type Config struct {
	Addr     string // host:port
	Host     string // HTTP host
	Path     string
	Protocol string // subprotocol
	// TLS is nil for a plain connection.
	TLS *tls.Config
}

// Conn is one connection. One goroutine reads; writers take turns by a lock of
// their own.
type Conn struct {
	net   net.Conn
	state *tls.ConnectionState

	in       []byte // what was read and not handed out is in[from:to]
	from, to int
	joined   []byte // the parts of a message in several frames

	out []byte
}

// Dial connects and upgrades.
func Dial(ctx context.Context, c Config) (*Conn, error) {
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", c.Addr)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	defer stop()
	own := Over(raw)
	if c.TLS != nil {
		secure := tls.Client(raw, c.TLS)
		if err := secure.HandshakeContext(ctx); err != nil {
			raw.Close()
			return nil, err
		}
		state := secure.ConnectionState()
		own.net, own.state = secure, &state
	}
	if err := own.upgrade(c); err != nil {
		raw.Close()
		return nil, err
	}
	return own, nil
}

// Over is a connection that is upgraded already.
func Over(c net.Conn) *Conn { return &Conn{net: c, in: make([]byte, smallest)} }

// acceptKey is what RFC 6455 section 1.3 joins to the client's key.
const acceptKey = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

func (c *Conn) upgrade(cfg Config) error {
	var random [16]byte
	_, _ = rand.Read(random[:])
	nonce := base64.StdEncoding.EncodeToString(random[:])
	if _, err := fmt.Fprintf(c.net, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: %s\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: %s\r\n\r\n", cfg.Path, cfg.Host, nonce, cfg.Protocol); err != nil {
		return err
	}
	r := bufio.NewReader(&io.LimitedReader{R: c.net, N: maxAnswer})
	answer, err := http.ReadResponse(r, nil)
	if err != nil {
		return err
	}
	answer.Body.Close()
	sum := sha1.Sum([]byte(nonce + acceptKey))
	switch {
	case answer.StatusCode != http.StatusSwitchingProtocols:
		return fmt.Errorf("socket: the server answers %s instead of an upgrade", answer.Status)
	case answer.Header.Get("Sec-WebSocket-Accept") != base64.StdEncoding.EncodeToString(sum[:]),
		answer.Header.Get("Sec-WebSocket-Protocol") != cfg.Protocol:
		return fmt.Errorf("socket: the server does not speak %s", cfg.Protocol)
	}
	if early := r.Buffered(); early > 0 {
		b, _ := r.Peek(early)
		c.to = copy(c.in, b)
	}
	return nil
}

// TLS is the state of the TLS connection, nil without TLS.
func (c *Conn) TLS() *tls.ConnectionState { return c.state }

// SetReadDeadline bounds reads until it is set again; zero takes the bound away.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.net.SetReadDeadline(t) }

// Close ends the connection without a goodbye.
func (c *Conn) Close() error { return c.net.Close() }

// Next is the next message; its bytes are good until the next call. Errors:
// ErrTooLarge, ErrBroken, ErrClosed, the network's.
func (c *Conn) Next() ([]byte, error) {
	c.joined = c.joined[:0]
	for {
		final, op, payload, err := c.frame()
		switch {
		case err != nil:
			return nil, err
		case op == opPing:
			if err := c.control(opPong, payload); err != nil {
				return nil, err
			}
			continue
		case op == opPong:
			continue
		case op == opClose:
			return nil, ErrClosed
		case op != opMore && op != opBinary:
			return nil, ErrBroken
		case final && len(c.joined) == 0:
			return payload, nil
		}
		if c.joined = append(c.joined, payload...); len(c.joined) > MaxMessage {
			return nil, ErrTooLarge
		}
		if final {
			return c.joined, nil
		}
	}
}

// frame reads one frame.
func (c *Conn) frame() (final bool, op byte, payload []byte, err error) {
	if err := c.have(2); err != nil {
		return false, 0, nil, err
	}
	first, second := c.in[c.from], c.in[c.from+1]
	head, size := 2, uint64(second&0x7f)
	switch size {
	case 126:
		head = 4
	case 127:
		head = 10
	}
	if err := c.have(head); err != nil {
		return false, 0, nil, err
	}
	switch head {
	case 4:
		size = uint64(binary.BigEndian.Uint16(c.in[c.from+2:]))
	case 10:
		size = binary.BigEndian.Uint64(c.in[c.from+2:])
	}
	switch {
	case first&0x70 != 0 || second&0x80 != 0: // extensions, a masked server
		return false, 0, nil, ErrBroken
	case size > MaxMessage:
		return false, 0, nil, ErrTooLarge
	}
	if err := c.have(head + int(size)); err != nil {
		return false, 0, nil, err
	}
	payload = c.in[c.from+head : c.from+head+int(size)]
	c.from += head + int(size)
	return first&0x80 != 0, first & 0x0f, payload, nil
}

// have reads until n bytes are there.
func (c *Conn) have(n int) error {
	if c.to-c.from >= n {
		return nil
	}
	if c.from > 0 {
		c.to = copy(c.in, c.in[c.from:c.to])
		c.from = 0
	}
	for c.to < n {
		if c.to == len(c.in) || n > len(c.in) && c.to > len(c.in)/2 {
			c.in = append(c.in, make([]byte, len(c.in))...)
		}
		read, err := c.net.Read(c.in[c.to:])
		c.to += read
		if err != nil && c.to < n {
			return err
		}
	}
	return nil
}

// Begin is the beginning of a message: append its bytes to it and give it to
// Flush. The buffer is the connection's own.
func (c *Conn) Begin() []byte {
	if c.out == nil {
		c.out = make([]byte, headRoom, smallest)
	}
	return c.out[:headRoom]
}

// Empty reports whether nothing was appended to a message.
func Empty(message []byte) bool { return len(message) == headRoom }

// Flush sends a message that Begin began, in one write.
func (c *Conn) Flush(message []byte) error {
	c.out = message
	return c.write(message, opBinary)
}

// AppendMessage appends a whole message to bytes for Write, so that several go
// out in one write.
func AppendMessage(dst []byte, body ...[]byte) []byte {
	size := 0
	for _, b := range body {
		size += len(b)
	}
	switch {
	case size < 126:
		dst = append(dst, 0x80|opBinary, 0x80|byte(size))
	case size < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, 0x80|opBinary, 0x80|126), uint16(size))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 0x80|opBinary, 0x80|127), uint64(size))
	}
	dst = append(dst, 0, 0, 0, 0) // the key
	for _, b := range body {
		dst = append(dst, b...)
	}
	return dst
}

// Write writes messages that AppendMessage made.
func (c *Conn) Write(messages []byte) error {
	_, err := c.net.Write(messages)
	return err
}

func (c *Conn) control(op byte, payload []byte) error {
	return c.write(append(make([]byte, headRoom, headRoom+len(payload)), payload...), op)
}

func (c *Conn) write(message []byte, op byte) error {
	size := len(message) - headRoom
	at := headRoom - 4 // the key, which stays zero
	clear(message[at:headRoom])
	switch {
	case size < 126:
		at -= 2
		message[at+1] = 0x80 | byte(size)
	case size < 1<<16:
		at -= 4
		message[at+1] = 0x80 | 126
		binary.BigEndian.PutUint16(message[at+2:], uint16(size))
	default:
		at -= 10
		message[at+1] = 0x80 | 127
		binary.BigEndian.PutUint64(message[at+2:], uint64(size))
	}
	message[at] = 0x80 | op
	_, err := c.net.Write(message[at:])
	return err
}
