package quiclink

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"zeroms/protocol/link/socket"
	"zeroms/protocol/wire"
)

// sizes notes what a reader says about messages that have begun.
type sizes struct{ told []int }

func (s *sizes) begun(size int) error {
	s.told = append(s.told, size)
	return nil
}

// written is messages as they stand in a stream.
func written(t testing.TB, messages ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	var buffers socket.Buffers
	for _, m := range messages {
		if err := writeMessage(&b, &buffers, m); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func TestEveryPrefixOfAMessageFails(t *testing.T) {
	for _, size := range []int{1, 5, together, together + 1, 5000} {
		whole := written(t, bytes.Repeat([]byte{7}, size))
		if len(whole) != headerSize+size {
			t.Fatalf("%d bytes became %d", size, len(whole))
		}
		for n := range whole {
			f := reader{buffers: &socket.Buffers{}}
			_, err := f.read(bytes.NewReader(whole[:n]), wire.MaxMessage, &sizes{})
			want := io.ErrUnexpectedEOF
			if n == 0 {
				want = io.EOF
			}
			if err != want {
				t.Fatalf("%d of %d bytes: %v", n, len(whole), err)
			}
		}
	}
}

func TestMemoryGrowsWithWhatArrives(t *testing.T) {
	b := append(binary.BigEndian.AppendUint32(nil, wire.MaxMessage), make([]byte, 5000)...)
	f := reader{buffers: &socket.Buffers{}}
	if _, err := f.read(bytes.NewReader(b), wire.MaxMessage, &sizes{}); err != io.ErrUnexpectedEOF {
		t.Fatal(err)
	}
	if n := len(f.lent.Bytes); n > 16<<10 {
		t.Errorf("%d bytes for 5000 that came", n)
	}
}

func TestAReaderSaysWhenAMessageHasBegun(t *testing.T) {
	stream := written(t, []byte("one"), []byte("three"))
	for name, r := range map[string]io.Reader{"at once": bytes.NewReader(stream), "byte by byte": iotest.OneByteReader(bytes.NewReader(stream))} {
		want := []int{3, 5}
		if name != "at once" {
			want = []int{0, 3, 0, 5}
		}
		f, s := reader{buffers: &socket.Buffers{}}, &sizes{}
		for range 2 {
			if _, err := f.read(r, wire.MaxMessage, s); err != nil {
				t.Fatal(err)
			}
		}
		if len(s.told) != len(want) {
			t.Errorf("%s: %v", name, s.told)
		}
		for i := range want {
			if s.told[i] != want[i] {
				t.Errorf("%s: %v", name, s.told)
			}
		}
	}
	gone := errors.New("gone")
	f := reader{buffers: &socket.Buffers{}}
	if _, err := f.read(bytes.NewReader(stream), wire.MaxMessage, refusing{gone}); err != gone {
		t.Error(err)
	}
}

type refusing struct{ err error }

func (r refusing) begun(int) error { return r.err }

// FuzzFraming reads any bytes as a stream: what is taken as messages stands there
// exactly so, in whatever pieces it comes, and what is not is refused with the error
// for it.
func FuzzFraming(f *testing.F) {
	f.Add(written(f, []byte("a"), bytes.Repeat([]byte("b"), 3000)), uint32(1<<20), uint8(7))
	f.Add([]byte{0, 0, 0, 0}, uint32(10), uint8(1))
	f.Add([]byte{0, 0, 0, 3, 1, 2, 3, 0, 0}, uint32(3), uint8(2))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 1}, uint32(1<<20), uint8(0))
	f.Fuzz(func(t *testing.T, stream []byte, limit uint32, piece uint8) {
		limit = min(limit, wire.MaxMessage)
		var in io.Reader = bytes.NewReader(stream)
		if piece > 0 {
			in = &pieces{stream, int(piece)}
		}
		r := reader{buffers: &socket.Buffers{}}
		var again []byte
		for {
			m, err := r.read(in, int64(limit), &sizes{})
			rest := stream[len(again):]
			if err == nil {
				if len(m) == 0 || len(m) > int(limit) {
					t.Fatalf("a message of %d bytes", len(m))
				}
				again = append(again, written(t, m)...)
				if !bytes.HasPrefix(stream, again) {
					t.Fatal("the messages are not what came")
				}
				continue
			}
			if want := refusal(rest, limit); err != want {
				t.Fatalf("%v, want %v", err, want)
			}
			return
		}
	})
}

// refusal is the error for what does not begin with a whole message.
func refusal(rest []byte, limit uint32) error {
	if len(rest) == 0 {
		return io.EOF
	}
	if len(rest) < headerSize {
		return io.ErrUnexpectedEOF
	}
	switch size := binary.BigEndian.Uint32(rest); {
	case size == 0:
		return wire.ErrTruncated
	case size > limit:
		return wire.ErrTooLarge
	}
	return io.ErrUnexpectedEOF
}

// pieces hands out its bytes a few at a time.
type pieces struct {
	rest []byte
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.rest[:min(p.size, len(p.rest))])
	p.rest = p.rest[n:]
	return n, nil
}
