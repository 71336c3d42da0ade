package quiclink

import (
	"encoding/binary"
	"io"

	"zeroms/protocol/link/socket"
	"zeroms/protocol/wire"
)

const (
	// headerSize is what stands before a message: its size.
	headerSize = 4
	// together is how much of a message goes to the stream with its header, in bytes:
	// what the QUIC library copies at once, and sends in one packet.
	together = 1 << 10
)

// writeMessage writes a message behind its size.
func writeMessage(w io.Writer, buffers *socket.Buffers, message []byte) error {
	first := buffers.Get(headerSize + together)
	defer buffers.Put(first)
	binary.BigEndian.PutUint32(first.Bytes, uint32(len(message)))
	n := copy(first.Bytes[headerSize:headerSize+together], message)
	if _, err := w.Write(first.Bytes[:headerSize+n]); err != nil || n == len(message) {
		return err
	}
	_, err := w.Write(message[n:])
	return err
}

// begun is told when a message has begun, and then its size: 0 as long as its header
// is not complete. An error ends the reading.
type begun interface{ begun(size int) error }

// reader reads messages. What it lends, it has until the next one is read.
type reader struct {
	buffers *socket.Buffers
	header  [headerSize]byte
	lent    *socket.Buffer
}

// giveBack ends what read lent.
func (f *reader) giveBack() {
	if f.lent != nil {
		f.buffers.Put(f.lent)
		f.lent = nil
	}
}

// read returns the next message, which must not be longer than limit. Errors:
// wire.ErrTruncated for one of no bytes, wire.ErrTooLarge, both by the header; io.EOF
// where a message might begin, io.ErrUnexpectedEOF elsewhere; those of r and b.
func (f *reader) read(r io.Reader, limit int64, b begun) ([]byte, error) {
	f.giveBack()
	n, err := r.Read(f.header[:])
	if n > 0 && n < headerSize {
		if err := b.begun(0); err != nil {
			return nil, err
		}
		if _, err = io.ReadFull(r, f.header[n:]); err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
	} else if n == headerSize {
		err = nil // what comes behind it counts later
	}
	if err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(f.header[:])
	switch {
	case size == 0:
		return nil, wire.ErrTruncated
	case int64(size) > limit:
		return nil, wire.ErrTooLarge
	}
	if err := b.begun(int(size)); err != nil {
		return nil, err
	}
	return f.body(r, int(size))
}

// body reads so many bytes into a buffer that grows with what has arrived, never with
// what was announced.
func (f *reader) body(r io.Reader, size int) ([]byte, error) {
	f.lent = f.buffers.Get(1)
	for n := 0; ; {
		m, err := io.ReadFull(r, f.lent.Bytes[n:min(len(f.lent.Bytes), size)])
		n += m
		switch {
		case n == size:
			return f.lent.Bytes[:size], nil
		case err == io.EOF:
			return nil, io.ErrUnexpectedEOF
		case err != nil:
			return nil, err
		}
		larger := f.buffers.Get(n + 1)
		copy(larger.Bytes, f.lent.Bytes)
		f.buffers.Put(f.lent)
		f.lent = larger
	}
}
