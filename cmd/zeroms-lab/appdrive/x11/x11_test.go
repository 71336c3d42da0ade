package x11

import (
	"context"
	"encoding/binary"
	"errors"
	"image/color"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// target is the number of the window that files are dropped on.
const target = 77

// server is a display with one window, which answers as Xvfb does and takes files as
// GLFW does.
type server struct {
	conn    net.Conn
	seq     uint16
	atoms   map[string]uint32
	names   map[uint32]string
	source  uint32
	at      uint32 // where the files were last
	got     string // what was handed over
	refuses bool   // it takes no files
	silent  bool   // it answers nothing to what is dragged over it
}

// display starts a server and connects to it.
func display(t *testing.T, s *server) *Conn {
	t.Helper()
	near, far := net.Pipe()
	s.conn, s.atoms, s.names = far, map[string]uint32{}, map[uint32]string{}
	ended := make(chan error, 1)
	go func() { ended <- s.serve() }()
	t.Cleanup(func() {
		near.Close()
		if err := <-ended; err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrClosedPipe) {
			t.Error(err)
		}
	})
	c, err := open(t.Context(), near)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (s *server) serve() error {
	if _, err := io.ReadFull(s.conn, make([]byte, 12)); err != nil {
		return err
	}
	body := make([]byte, 32+4+8+40)
	binary.LittleEndian.PutUint32(body[4:], 0x200000)
	binary.LittleEndian.PutUint16(body[16:], 3) // "me!" and its padding
	body[20], body[21] = 1, 1
	binary.LittleEndian.PutUint32(body[44:], 5) // the root
	head := []byte{1, 0, 11, 0, 0, 0, byte(len(body) / 4), 0}
	if _, err := s.conn.Write(append(head, body...)); err != nil {
		return err
	}
	for {
		b := make([]byte, 4)
		if _, err := io.ReadFull(s.conn, b); err != nil {
			return err
		}
		b = append(b, make([]byte, 4*int(binary.LittleEndian.Uint16(b[2:]))-4)...)
		if _, err := io.ReadFull(s.conn, b[4:]); err != nil {
			return err
		}
		s.seq++
		if err := s.handle(b); err != nil {
			return err
		}
	}
}

func (s *server) packet(kind byte, rest ...uint32) error {
	p := make([]byte, packetSize)
	p[0] = kind
	binary.LittleEndian.PutUint16(p[2:], s.seq)
	for i, n := range rest {
		if 8+4*i > len(p) {
			p = append(p, 0, 0, 0, 0)
		}
		binary.LittleEndian.PutUint32(p[4+4*i:], n)
	}
	_, err := s.conn.Write(p)
	return err
}

func (s *server) handle(b []byte) error {
	field := func(i int) uint32 { return binary.LittleEndian.Uint32(b[4+4*i:]) }
	switch b[0] {
	case opInternAtom:
		name := string(b[8 : 8+field(0)])
		if s.atoms[name] == 0 {
			s.atoms[name] = uint32(100 + len(s.atoms))
			s.names[s.atoms[name]] = name
		}
		return s.packet(kindReply, 0, s.atoms[name])
	case opGetGeometry:
		if field(0) != target {
			return s.packet(kindError)
		}
		return s.packet(kindReply, 0, 5, 0, 2|1<<16) // 2 x 1 pixels
	case opGetImage:
		return s.packet(kindReply, 2, 0, 0, 0, 0, 0, 0, 0x00112233, 0xFF445566)
	case opTranslate:
		return s.packet(kindReply, 0, 0, 10|20<<16)
	case opChangeProperty:
		s.got = string(b[24 : 24+field(4)])
	case opSendEvent:
		return s.event(field(0), b[12:])
	}
	return nil
}

// event is one that was sent to the window.
func (s *server) event(to uint32, e []byte) error {
	field := func(i int) uint32 { return binary.LittleEndian.Uint32(e[4+4*i:]) }
	tell := func(name string, data ...uint32) error {
		return s.packet(kindClientMessage|fromClient, append([]uint32{s.source, s.atoms[name], target}, data...)...)
	}
	if to != target || s.silent {
		return nil
	}
	if e[0] == kindSelectionNotify {
		return tell("XdndFinished", uint32(len(s.got)))
	}
	switch s.names[field(1)] {
	case "XdndEnter":
		s.source = field(2)
	case "XdndPosition":
		s.at = field(4)
		if s.refuses {
			return tell("XdndStatus", 0)
		}
		return tell("XdndStatus", 1)
	case "XdndDrop":
		return s.packet(kindSelectionRequest, 0, s.source, target, s.atoms["XdndSelection"], s.atoms["text/uri-list"], s.atoms["XdndSelection"])
	}
	return nil
}

func TestPicture(t *testing.T) {
	c := display(t, &server{})
	if c.Root() != 5 {
		t.Errorf("the root is %d", c.Root())
	}
	m, err := c.Picture(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	if m.Rect.Dx() != 2 || m.Rect.Dy() != 1 || m.RGBAAt(0, 0) != (color.RGBA{0x11, 0x22, 0x33, 0xFF}) || m.RGBAAt(1, 0) != (color.RGBA{0x44, 0x55, 0x66, 0xFF}) {
		t.Errorf("%v %v", m.Rect, m.Pix)
	}
	if m, err := c.Picture(t.Context(), target+1); err == nil {
		t.Errorf("a window that is not there shows %v", m.Rect)
	}
	if _, err := c.Picture(t.Context(), target); err != nil {
		t.Errorf("after an error: %v", err)
	}
}

func TestDrop(t *testing.T) {
	s := &server{}
	c := display(t, s)
	if err := c.Drop(t.Context(), target, 300, 100, "/home/a/a card.png", "/b/二.png"); err != nil {
		t.Fatal(err)
	}
	if want := "file:///home/a/a%20card.png\r\nfile:///b/%E4%BA%8C.png\r\n"; s.got != want {
		t.Errorf("%q was dropped, want %q", s.got, want)
	}
	if s.at != 310<<16|120 {
		t.Errorf("dropped at %d, %d", s.at>>16, s.at&0xFFFF)
	}
}

func TestDropIsRefused(t *testing.T) {
	s := &server{refuses: true}
	if err := display(t, s).Drop(t.Context(), target, 1, 1, "/a"); !errors.Is(err, errRefused) || s.got != "" {
		t.Errorf("%v, %q", err, s.got)
	}
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Millisecond, io.ErrNoProgress)
	defer cancel()
	if err := display(t, &server{silent: true}).Drop(ctx, target, 1, 1, "/a"); !errors.Is(err, io.ErrNoProgress) {
		t.Error(err)
	}
}

func TestGreetingsThatAreNone(t *testing.T) {
	whole := make([]byte, 40)
	whole[20] = 1
	for n := range len(whole) - 4 {
		if err := new(Conn).greeted(whole[:n]); err == nil {
			t.Errorf("%d bytes are a greeting", n)
		}
	}
	if err := new(Conn).greeted(whole); err != nil {
		t.Error(err)
	}
	near, far := net.Pipe()
	go func() {
		_, _ = io.ReadFull(far, make([]byte, 12))
		_, _ = far.Write(append([]byte{0, 8, 11, 0, 0, 0, 2, 0}, "no entry"...))
	}()
	if _, err := open(t.Context(), near); err == nil || !strings.Contains(err.Error(), "no entry") {
		t.Error(err)
	}
}

func TestDecodeOfOtherPixels(t *testing.T) {
	if m, err := decode(make([]byte, 6), 2, 1); err == nil {
		t.Errorf("3 bytes for a pixel: %v", m.Rect)
	}
}
