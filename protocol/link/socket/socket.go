package socket

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Conn is the TCP connection below a link, or what takes its place. It holds a buffer only while there
// is something in it, not while it waits; and it sets deadlines only when there
// is something to wait for.
//
// Below TLS it gives out no byte of a record before the one in front of it was
// taken, and not together with it. So crypto/tls, whose buffer grows and stays,
// never has to keep more than one record.
type Conn struct {
	net.Conn
	// static
	raw     syscall.RawConn // nil: it can't be asked without waiting, and Conn is read
	readOne func(fd uintptr) bool
	buffers *Buffers
	records bool // TLS is above

	// owned by the reader
	in       *Buffer // what was read and not taken; nil: nothing
	from, to int     // where it stands in there
	into     []byte  // where to read to instead of a buffer
	count    int     // how much was read
	failed   error   // why not
	header   [recordHeader]byte
	have     int // bytes of header that were given out
	rest     int // of the record's body, bytes
	allowed  time.Duration
	reads    int // since allowed was set
	left     int // bytes that may still be read for what is expected
	armed    bool

	holding atomic.Int64 // plaintext whose records are to go out together, bytes; not above 0: none

	// owned by the writer, of whom TLS lets one in at a time
	out  *Buffer // records that wait; nil: none
	held int     // bytes in out

	writeBy atomic.Int64 // the deadline of writing, Unix nanoseconds; 0: none

	mu    sync.Mutex
	final bool // guarded by mu: the deadline of reading stays as it is
}

// recordHeader is the size of the header of a TLS record: type, version, length
// of the body (RFC 8446 section 5.1).
const recordHeader = 5

// patientReads is how often one message is read for before its deadline is set
// although something was always there: a message may be of empty fragments.
const patientReads = 16

// New makes a Conn of a connection; records says that TLS 1.3 is above.
func New(c net.Conn, b *Buffers, records bool) *Conn {
	s := &Conn{Conn: c, buffers: b, records: records}
	if over, ok := c.(syscall.Conn); ok && rawReads {
		if raw, err := over.SyscallConn(); err == nil {
			s.raw, s.readOne = raw, s.readWithoutWaiting
		}
	}
	return s
}

// errTooMuch: more came than what was expected may take.
var errTooMuch = errors.New("socket: too much was read for one message")

// Read reads at least one byte. There is one reader at a time.
func (s *Conn) Read(p []byte) (int, error) {
	if s.raw == nil {
		s.arm()
		return s.Conn.Read(p)
	}
	if s.rest > 0 {
		p = p[:min(len(p), s.rest)]
	}
	if s.in == nil && len(p) >= inputSize && (s.rest > 0 || !s.records) {
		err := s.read(p)
		if s.records {
			s.rest -= s.count
		}
		return s.count, err
	}
	if err := s.Fill(); err != nil {
		return 0, err
	}
	if s.records {
		return s.takeOfRecord(p), nil
	}
	return s.take(p), nil
}

// Records reports whether TLS is above.
func (s *Conn) Records() bool { return s.records }

// Buffers is where its memory is lent from.
func (s *Conn) Buffers() *Buffers { return s.buffers }

// Fill waits until there is something to read; it does not if that can't be done
// without a buffer.
func (s *Conn) Fill() error {
	if s.in != nil || s.raw == nil {
		return nil
	}
	return s.read(nil)
}

// read reads into p, or into a buffer if that is nil.
func (s *Conn) read(p []byte) error {
	if s.reads++; s.reads >= patientReads {
		s.arm()
	}
	s.into, s.count, s.failed = p, 0, nil
	err := s.raw.Read(s.readOne)
	s.into = nil
	if err == nil {
		err = s.failed
	}
	if s.left -= s.count; err == nil && s.allowed > 0 && s.left < 0 {
		err = errTooMuch
	}
	return err
}

// readWithoutWaiting is read's part for the descriptor; false: there is nothing.
func (s *Conn) readWithoutWaiting(fd uintptr) bool {
	p := s.into
	var b *Buffer
	if p == nil {
		b = s.buffers.Get(inputSize)
		p = b.Bytes
	}
	n, err, there := readDescriptor(fd, p)
	if b != nil {
		if n > 0 {
			s.in, s.from, s.to = b, 0, n
		} else {
			s.buffers.Put(b)
		}
	}
	if !there {
		s.arm()
		return false
	}
	s.count, s.failed = n, err
	return true
}

// take takes what was read.
func (s *Conn) take(p []byte) int {
	n := copy(p, s.in.Bytes[s.from:s.to])
	if s.from += n; s.from == s.to {
		s.buffers.Put(s.in)
		s.in = nil
	}
	return n
}

// takeOfRecord takes what was read, up to the end of the record.
func (s *Conn) takeOfRecord(p []byte) (n int) {
	if s.rest == 0 {
		n = s.take(p[:min(len(p), recordHeader-s.have)])
		s.have += copy(s.header[s.have:], p[:n])
		if s.have < recordHeader {
			return n
		}
		s.have, s.rest = 0, int(s.header[3])<<8|int(s.header[4])
	}
	if s.in != nil && s.rest > 0 && len(p) > n {
		more := s.take(p[n:min(len(p), n+s.rest)])
		s.rest -= more
		n += more
	}
	return n
}

// Expect bounds the time until Received, from the moment on when there is
// something to wait for, and what is read until then, in bytes: a message of any
// size may be of empty fragments without end.
func (s *Conn) Expect(d time.Duration, bytes int) { s.allowed, s.reads, s.left = d, 0, bytes }

// Received lifts the bound.
func (s *Conn) Received() {
	s.allowed = 0
	if s.armed {
		s.armed = false
		s.setReadDeadline(time.Time{})
	}
}

// arm sets the deadline of what is expected.
func (s *Conn) arm() {
	if s.allowed > 0 && !s.armed {
		s.armed = true
		s.setReadDeadline(time.Now().Add(s.allowed))
	}
}

func (s *Conn) setReadDeadline(t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.final {
		s.Conn.SetReadDeadline(t)
	}
}

// Finally sets the deadline of reading for ever.
func (s *Conn) Finally(t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.final = true
	s.Conn.SetReadDeadline(t)
}

// SetWriteDeadline implements net.Conn; setting the same again costs nothing.
func (s *Conn) SetWriteDeadline(t time.Time) error {
	by := int64(0)
	if !t.IsZero() {
		by = t.UnixNano()
	}
	if s.writeBy.Swap(by) == by {
		return nil
	}
	return s.Conn.SetWriteDeadline(t)
}

// SetDeadline implements net.Conn.
func (s *Conn) SetDeadline(t time.Time) error {
	if err := s.Conn.SetReadDeadline(t); err != nil {
		return err
	}
	return s.SetWriteDeadline(t)
}

// Hold lets the records of so many bytes of plaintext wait for the last of them,
// as far as a buffer has room: the next ones that TLS writes.
func (s *Conn) Hold(plain int) { s.holding.Store(int64(plain)) }

const (
	// maxHeld is how much waits for the last record, in bytes.
	maxHeld = 64 << 10
	// recordCost is what TLS 1.3 adds to what a record carries: its header, the type
	// of its content, and a tag of 16 bytes (RFC 8446 section 5.2).
	recordCost = recordHeader + 1 + 16
)

// Write implements net.Conn. TLS calls it once for each record.
func (s *Conn) Write(p []byte) (int, error) {
	if s.holding.Load() <= 0 {
		return s.Conn.Write(p)
	}
	// Records of no message, like an alert, count as well: then less waits.
	rest := s.holding.Add(int64(recordCost - len(p)))
	if s.out == nil && rest > 0 {
		s.out = s.buffers.Get(min(len(p)+int(rest)+2*recordCost, maxHeld))
	}
	if s.out == nil {
		return s.Conn.Write(p)
	}
	if s.held+len(p) > len(s.out.Bytes) {
		if err := s.release(); err != nil {
			return 0, err
		}
	}
	if len(p) > len(s.out.Bytes) {
		return s.Conn.Write(p)
	}
	s.held += copy(s.out.Bytes[s.held:], p)
	if rest > 0 {
		return len(p), nil
	}
	err := s.release()
	s.buffers.Put(s.out)
	s.out = nil
	return len(p), err
}

// release writes what waits.
func (s *Conn) release() error {
	held := s.held
	s.held = 0
	if held == 0 {
		return nil
	}
	_, err := s.Conn.Write(s.out.Bytes[:held])
	return err
}
