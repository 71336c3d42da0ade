//go:build unix

package socket

import (
	"io"
	"net"
	"os"
	"syscall"
)

// rawReads says that a descriptor can be read without waiting.
const rawReads = true

// readDescriptor reads a TCP connection that does not block. there is false if
// nothing has come; io.EOF is the end.
func readDescriptor(fd uintptr, p []byte) (n int, err error, there bool) {
	for {
		n, err = syscall.Read(int(fd), p)
		switch {
		case n > 0:
			return n, nil, true
		case err == nil:
			return 0, io.EOF, true
		case err == syscall.EAGAIN:
			return 0, nil, false
		case err != syscall.EINTR:
			return 0, &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", err)}, true
		}
	}
}
