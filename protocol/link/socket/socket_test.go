package socket

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"testing"
	"time"
)

// tcpPair is both ends of a connection on loopback.
func tcpPair(t *testing.T) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if near, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if far, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

// records are TLS records of all sizes, and where they end.
func records(random *rand.Rand) (all []byte, ends []int) {
	for _, size := range []int{0, 1, 2, 16, 300, 1200, 4 << 10, inputSize - 5, inputSize, 16640, 16640, 16640, 7, 65535, 1} {
		all = binary.BigEndian.AppendUint16(append(all, 23, 3, 3), uint16(size))
		for range size {
			all = append(all, byte(random.Uint32()))
		}
		ends = append(ends, len(all))
	}
	return all, ends
}

// Whatever TLS asks for, and however the bytes come, it gets no byte of the next
// record together with this one.
func TestASocketGivesOutOneRecordAtATime(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	all, ends := records(random)
	for round := range 30 {
		near, far := tcpPair(t)
		s := New(far, &Buffers{}, true)
		go func() {
			for left := all; len(left) > 0; {
				n := min(len(left), 1+rand.IntN([]int{3, 700, 40_000}[round%3]))
				near.Write(left[:n])
				left = left[n:]
			}
			near.Close()
		}()
		var got []byte
		for end := ends; ; {
			p := make([]byte, 1+random.IntN([]int{6, 600, 30_000}[round/3%3]))
			n, err := s.Read(p)
			got = append(got, p[:n]...)
			for len(end) > 0 && len(got) > end[0] {
				if len(got)-n < end[0] {
					t.Fatalf("round %d: %d bytes up to %d, although a record ends at %d", round, n, len(got), end[0])
				}
				end = end[1:]
			}
			if err != nil {
				if err != io.EOF || n > 0 {
					t.Fatalf("round %d: %v", round, err)
				}
				break
			}
			if n == 0 {
				t.Fatalf("round %d: nothing was read", round)
			}
		}
		if !bytes.Equal(got, all) {
			t.Fatalf("round %d: %d bytes of %d, or others", round, len(got), len(all))
		}
		if s.in != nil {
			t.Fatal("a buffer is held with nothing in it")
		}
	}
}

func TestASocketReadsEverything(t *testing.T) {
	near, far := tcpPair(t)
	s := New(far, &Buffers{}, false)
	all := make([]byte, 1<<20)
	for i := range all {
		all[i] = byte(i >> 8 * i)
	}
	go func() { near.Write(all); near.Close() }()
	var got []byte
	for {
		p := make([]byte, 1+rand.IntN(40_000))
		n, err := s.Read(p)
		got = append(got, p[:n]...)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(got, all) {
		t.Fatalf("%d bytes of %d, or others", len(got), len(all))
	}
}

// Nothing is held while a socket waits, and its deadline is set only then.
func TestWhatAWaitingSocketHolds(t *testing.T) {
	near, far := tcpPair(t)
	s := New(far, &Buffers{}, false)
	s.Expect(time.Hour, 1<<30)
	near.Write(make([]byte, 100))
	if n, err := s.Read(make([]byte, 60)); n != 60 || err != nil || s.in == nil {
		t.Fatalf("%d bytes, %v", n, err)
	}
	if n, err := s.Read(make([]byte, 60)); n != 40 || err != nil || s.in != nil {
		t.Fatalf("%d bytes, %v", n, err)
	}
	s.Received()
	s.Expect(20*time.Millisecond, 1<<30)
	if _, err := s.Read(make([]byte, 60)); !errors.Is(err, os.ErrDeadlineExceeded) || s.in != nil || !s.armed {
		t.Fatalf("nothing came: %v", err)
	}
	s.Received()
	got := make(chan error)
	go func() { _, err := s.Read(make([]byte, 1)); got <- err }()
	near.Write([]byte{1})
	if err := <-got; err != nil {
		t.Fatalf("after the deadline was lifted: %v", err)
	}
	s.Finally(time.Now())
	s.Expect(time.Hour, 1<<30)
	if _, err := s.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("a deadline for ever: %v", err)
	}
}

// written is a connection that keeps what is written to it.
type written struct {
	net.Conn
	parts [][]byte
}

func (w *written) Write(p []byte) (int, error) {
	w.parts = append(w.parts, bytes.Clone(p))
	return len(p), nil
}

func TestRecordsOfAMessageGoOutTogether(t *testing.T) {
	record := func(plain int) []byte { return make([]byte, plain+recordCost) }
	for name, test := range map[string]struct {
		hold    int
		records []int // plaintext
		parts   []int // bytes
	}{
		"one":                   {0, []int{100}, []int{122}},
		"one that is held":      {100, []int{100}, []int{122}},
		"three":                 {300, []int{100, 100, 100}, []int{366}},
		"and one afterwards":    {200, []int{100, 100, 50}, []int{244, 72}},
		"an alert between":      {200, []int{100, 2, 100}, []int{268}},
		"too many for a buffer": {100_000, slices.Repeat([]int{10_000}, 10), []int{60_132, 40_088}},
	} {
		t.Run(name, func(t *testing.T) {
			w := &written{}
			s := New(w, &Buffers{}, true)
			if test.hold > 0 {
				s.Hold(test.hold)
			}
			for _, n := range test.records {
				if m, err := s.Write(record(n)); err != nil || m != n+recordCost {
					t.Fatalf("%d bytes, %v", m, err)
				}
			}
			var parts []int
			for _, p := range w.parts {
				parts = append(parts, len(p))
			}
			if !slices.Equal(parts, test.parts) || s.out != nil || s.held != 0 {
				t.Errorf("parts of %v bytes, want %v; %d wait", parts, test.parts, s.held)
			}
		})
	}
}

func TestBuffersAreLargeEnough(t *testing.T) {
	b := &Buffers{}
	for _, n := range []int{0, 1, 4 << 10, 4<<10 + 1, inputSize, 65_537, 128 << 10, 200_000, bufferSizes[len(bufferSizes)-1]} {
		got := b.Get(n)
		if len(got.Bytes) < n || bufferSizes[got.class] != len(got.Bytes) {
			t.Errorf("%d: %d bytes of class %d", n, len(got.Bytes), got.class)
		}
		b.Put(got)
	}
}
