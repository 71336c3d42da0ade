package link

import (
	"bufio"
	"encoding/binary"
	"net"
	"slices"

	"zeroms/protocol/link/socket"
)

// stream is what the WebSocket library reads from and writes to: TLS or a TCP
// connection, and below it a socket. The library may write a frame in two parts;
// the stream sends them as one.
type stream struct {
	net.Conn
	// static
	socket *socket.Conn
	sealed bool          // Conn is TLS
	record int           // what is written to TLS at once, bytes; 0: no bound
	above  *bufio.Reader // the library's; nil: unknown
	up     bool          // what is written is frames; set before links are used

	more bool // owned by the reader: TLS may have decrypted more than was taken

	// owned by the writer
	left  int    // what is missing of the frame that is being written, bytes
	first []byte // its first part, which the library leaves alone until the last
}

func newStream(over net.Conn, below *socket.Conn) *stream {
	return &stream{Conn: over, socket: below, sealed: below.Records()}
}

// Read implements net.Conn.
func (s *stream) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	s.more = s.sealed && n == len(p)
	return n, err
}

// await waits until something has come, if nothing is there. It is only to wait
// with little on the stack, so it need not wait if it does not know.
func (s *stream) await() error {
	if s.above == nil || s.above.Buffered() > 0 || s.more {
		return nil
	}
	return s.socket.Fill()
}

// Write implements net.Conn.
func (s *stream) Write(p []byte) (int, error) {
	if !s.up {
		return s.Conn.Write(p)
	}
	begins := s.left == 0
	if begins {
		s.left = frameSize(p)
	}
	s.left -= len(p)
	switch {
	case s.left < 0: // no frame after all
		s.left = 0
		return s.Conn.Write(p)
	case s.sealed:
		return s.seal(p, begins)
	case s.left > 0 && begins:
		s.first = p
		return len(p), nil
	case s.first != nil:
		both := net.Buffers{s.first, p}
		s.first = nil
		_, err := both.WriteTo(s.socket.Conn)
		return len(p), err
	}
	return s.Conn.Write(p)
}

// seal writes a part of a frame through TLS. All its records go out together.
func (s *stream) seal(p []byte, begins bool) (int, error) {
	if size := len(p) + s.left; begins && size > oneRecord {
		s.socket.Hold(size)
	}
	if s.record == 0 {
		return s.Conn.Write(p)
	}
	written := 0
	for part := range slices.Chunk(p, s.record) {
		n, err := s.Conn.Write(part)
		written += n
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// dialledRecord is what a dialling side puts into a TLS record, in bytes. The
// buffer of the other side's crypto/tls grows to the largest record and stays, and
// a gateway has very many of them: with what is read beside a record, this one
// fits into 8 KiB.
const dialledRecord = 7 << 10

// oneRecord is what TLS surely puts into one record, in bytes.
const oneRecord = 1 << 10

// frameSize is the size of the WebSocket frame that begins with p, header
// included (RFC 6455 section 5.2); -1 if that is none.
func frameSize(p []byte) int {
	if len(p) < 2 {
		return -1
	}
	size := 2
	if p[1]&0x80 != 0 {
		size += 4
	}
	switch n := int(p[1] & 0x7f); {
	case n < 126:
		return size + n
	case n == 126 && len(p) >= 4:
		return size + 2 + int(binary.BigEndian.Uint16(p[2:]))
	case n == 127 && len(p) >= 10:
		return size + 8 + int(binary.BigEndian.Uint64(p[2:]))
	}
	return -1
}
