package quiclink

import (
	"errors"
	"net"
	"sync/atomic"
	"syscall"
)

// socketBuffer is how much the kernel is asked to hold of datagrams in each
// direction, in bytes. It gives what its administrator allows, which may be less.
const socketBuffer = 4 << 20

// quietConn is a UDP socket with buffers that are set as well as can be. The QUIC
// library looks whether it got the size that it wanted, and writes to the process's
// stderr if not; so it is not let near the socket's file before both are set.
type quietConn struct {
	*net.UDPConn
	set atomic.Bool // both buffers are
}

var errBuffers = errors.New("link: buffers are set by size alone")

// SetReadBuffer sets the size that fits, whatever is asked for.
func (c *quietConn) SetReadBuffer(int) error { return c.UDPConn.SetReadBuffer(socketBuffer) }

// SetWriteBuffer sets the size that fits; the library does this last.
func (c *quietConn) SetWriteBuffer(int) error {
	c.set.Store(true)
	return c.UDPConn.SetWriteBuffer(socketBuffer)
}

// SyscallConn is the socket's file, once its buffers are set.
func (c *quietConn) SyscallConn() (syscall.RawConn, error) {
	if !c.set.Load() {
		return nil, errBuffers
	}
	return c.UDPConn.SyscallConn()
}
