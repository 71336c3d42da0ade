package selection

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// server is an X server with one clipboard, as far as this package speaks with one.
type server struct {
	owner  bool
	pieces map[string][]string // what the owner hands over, by target; several are sent piece by piece
	lies   string              // what it hands over whatever it is asked for, unless it has more to say
	mute   bool                // the owner never answers
	stalls bool                // nor goes on after the first piece
	noList bool                // it does not tell its targets
	refuse bool                // the server wants no connection

	net       net.Conn
	names     []string
	property  []byte
	kind      uint32
	queue     [][]byte // pieces still to come
	asked     []string // targets
	discarded int
}

// serve answers until the connection ends.
func (s *server) serve() {
	var head [12]byte
	if _, err := io.ReadFull(s.net, head[:]); err != nil {
		return
	}
	rest := (int(binary.LittleEndian.Uint16(head[6:]))+3)&^3 + (int(binary.LittleEndian.Uint16(head[8:]))+3)&^3
	if _, err := io.ReadFull(s.net, make([]byte, rest)); err != nil {
		return
	}
	out, written := make(chan []byte, 64), make(chan struct{}) // as a socket keeps some
	defer func() {
		close(out)
		<-written
	}()
	go func() {
		defer close(written)
		for b := range out {
			_, _ = s.net.Write(b)
		}
		s.net.Close()
	}()
	if out <- s.greeting(); s.refuse {
		return
	}
	for {
		var head [4]byte
		if _, err := io.ReadFull(s.net, head[:]); err != nil {
			return
		}
		body := make([]byte, 4*int(binary.LittleEndian.Uint16(head[2:]))-4)
		if _, err := io.ReadFull(s.net, body); err != nil {
			return
		}
		for _, b := range s.request(head[0], body) {
			out <- b
		}
	}
}

// greeting is the server's description of itself: root window 0x77, IDs from 0x400000.
func (s *server) greeting() []byte {
	const vendor = "tests"
	b := make([]byte, 32)
	binary.LittleEndian.PutUint32(b[4:], 0x400000)
	binary.LittleEndian.PutUint16(b[16:], uint16(len(vendor)))
	b[20], b[21] = 1, 2
	b = padded(append(b, vendor...))
	b = append(b, make([]byte, 16)...)
	b = append(binary.LittleEndian.AppendUint32(b, 0x77), make([]byte, 36)...)
	head := []byte{1, 0, 11, 0, 0, 0, 0, 0}
	if s.refuse {
		head[0] = 0
	}
	binary.LittleEndian.PutUint16(head[6:], uint16(len(b)/4))
	return append(head, b...)
}

func packet(code byte, at map[int]uint32) []byte {
	b := make([]byte, 32)
	b[0] = code
	for i, w := range at {
		binary.LittleEndian.PutUint32(b[i:], w)
	}
	return b
}

func (s *server) atom(name string) uint32 {
	if i := slices.Index(s.names, name); i >= 0 {
		return uint32(i + 1)
	}
	s.names = append(s.names, name)
	return uint32(len(s.names))
}

func (s *server) request(code byte, body []byte) [][]byte {
	word := func(i int) uint32 { return binary.LittleEndian.Uint32(body[4*i:]) }
	switch code {
	case internAtom:
		return [][]byte{packet(answered, map[int]uint32{8: s.atom(string(body[4 : 4+word(0)]))})}
	case getSelectionOwner:
		if s.owner {
			return [][]byte{packet(answered, map[int]uint32{8: 0x1234})}
		}
		return [][]byte{packet(answered, nil)}
	case convertSelection:
		return s.convert(word(1), word(2), word(3))
	case getProperty:
		return s.get(word(1), 4*int(word(4)))
	case deleteProperty:
		s.discarded++
		return s.next(word(1))
	}
	return nil
}

// list is what the owner offers.
func (s *server) list() string {
	var b []byte
	for target := range s.pieces {
		b = binary.LittleEndian.AppendUint32(b, s.atom(target))
	}
	return string(b)
}

// convert is the owner's answer.
func (s *server) convert(selection, target, property uint32) [][]byte {
	name := s.names[target-1]
	s.asked = append(s.asked, name)
	if s.mute {
		return nil
	}
	pieces, ok := s.pieces[name]
	switch {
	case name == "TARGETS" && !s.noList:
		pieces, ok = []string{s.list()}, true
	case !ok && s.lies != "":
		pieces, ok = []string{s.lies}, true
	}
	if !ok {
		return [][]byte{packet(selectionNotify|0x80, map[int]uint32{12: selection, 16: target})}
	}
	s.kind, s.property, s.queue = target, []byte(pieces[0]), nil
	if len(pieces) > 1 {
		s.kind, s.property = s.atom("INCR"), []byte{9, 0, 0, 0}
		for _, p := range pieces {
			s.queue = append(s.queue, []byte(p))
		}
		s.queue = append(s.queue, nil)
	}
	return [][]byte{
		packet(propertyNotify, map[int]uint32{8: property}),
		append(packet(genericEvent, map[int]uint32{4: 2}), make([]byte, 8)...), // as an extension tells something
		packet(selectionNotify|0x80, map[int]uint32{12: selection, 16: target, 20: property}),
	}
}

// get is a property's content, which is deleted if all of it was asked for.
func (s *server) get(property uint32, most int) [][]byte {
	content := s.property
	left := max(0, len(content)-most)
	content = content[:len(content)-left]
	head := packet(answered, map[int]uint32{4: uint32((len(content) + 3) / 4), 8: s.kind, 12: uint32(left), 16: uint32(len(content))})
	if head[1] = 8; s.kind == s.atom("INCR") {
		head[1] = 32
		binary.LittleEndian.PutUint32(head[16:], uint32(len(content)/4))
	}
	out := [][]byte{append(head, padded(slices.Clone(content))...)}
	if left == 0 {
		out = append(out, s.next(property)...)
	}
	return out
}

// next deletes a property, upon which the owner writes its next piece.
func (s *server) next(property uint32) [][]byte {
	gone := packet(propertyNotify, map[int]uint32{8: property})
	gone[16] = 1
	s.property, s.kind = nil, 0
	if len(s.queue) == 0 || s.stalls && len(s.queue) < 3 {
		return [][]byte{gone}
	}
	s.property, s.kind, s.queue = s.queue[0], s.atom("UTF8_STRING"), s.queue[1:]
	return [][]byte{gone, packet(propertyNotify, map[int]uint32{8: property})}
}

// ask reads from a server.
func ask(t *testing.T, s *server, w wish) ([]byte, error) {
	t.Helper()
	here, there := net.Pipe()
	s.net = there
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.serve()
	}()
	b, err := readFrom(t.Context(), here, nil, w)
	<-ended
	return b, err
}

func texts(limit int) wish { return wish{limit, textForms} }

func TestWhatIsOnTheClipboardIsRead(t *testing.T) {
	long := strings.Repeat("0123456789", 1000)
	for name, c := range map[string]struct {
		server server
		want   string
		asked  []string
	}{
		"nobody":        {server: server{}},
		"a text":        {server{owner: true, pieces: map[string][]string{"UTF8_STRING": {"hëllo"}, "STRING": {"h?llo"}}}, "hëllo", []string{"TARGETS", "UTF8_STRING"}},
		"ends with NUL": {server{owner: true, pieces: map[string][]string{"UTF8_STRING": {"hello\x00"}}}, "hello", []string{"TARGETS", "UTF8_STRING"}},
		"an old one":    {server{owner: true, pieces: map[string][]string{"STRING": {"h\xebllo"}}}, "hëllo", []string{"TARGETS", "STRING"}},
		"no list": {server{owner: true, noList: true, pieces: map[string][]string{"text/plain;charset=utf-8": {"hello"}}}, "hello",
			[]string{"TARGETS", "UTF8_STRING", "text/plain;charset=utf-8"}},
		"no text":   {server{owner: true, pieces: map[string][]string{"image/png": {"\x89PNG"}}, lies: "\x89PNG"}, "", []string{"TARGETS"}},
		"no text 2": {server{owner: true, pieces: map[string][]string{"UTF8_STRING": {"\x89PNG"}}}, "", []string{"TARGETS", "UTF8_STRING"}},
		"in pieces": {server{owner: true, pieces: map[string][]string{"UTF8_STRING": {long, long, "end"}}}, long + long + "end", []string{"TARGETS", "UTF8_STRING"}},
		"as long as it may be": {server{owner: true, pieces: map[string][]string{"UTF8_STRING": {strings.Repeat("x", 1<<16)}}},
			strings.Repeat("x", 1<<16), []string{"TARGETS", "UTF8_STRING"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ask(t, &c.server, texts(1<<16))
			if err != nil || string(got) != c.want {
				t.Errorf("%.40q of %d bytes: %v", got, len(got), err)
			}
			if !slices.Equal(c.server.asked, c.asked) {
				t.Errorf("the owner was asked for %q", c.server.asked)
			}
		})
	}
}

func TestPictureIsRead(t *testing.T) {
	const picture = "\x89PNG\r\n\x1a\n\x00\x00"
	s := server{owner: true, pieces: map[string][]string{"image/png": {picture}, "UTF8_STRING": {"a name"}}}
	if got, err := ask(t, &s, wish{100, pictureForms}); err != nil || string(got) != picture {
		t.Errorf("%q: %v", got, err)
	}
	s = server{owner: true, pieces: map[string][]string{"UTF8_STRING": {"a name"}}}
	if got, err := ask(t, &s, wish{100, pictureForms}); err != nil || got != nil {
		t.Errorf("no picture: %q: %v", got, err)
	}
}

// TestTooMuchIsRefused: what comes in pieces is taken to its end, as the owner serves
// nobody else before.
func TestTooMuchIsRefused(t *testing.T) {
	long := strings.Repeat("x", 1001)
	s := server{owner: true, pieces: map[string][]string{"UTF8_STRING": {long}}}
	if got, err := ask(t, &s, texts(1000)); !errors.Is(err, ErrLarge) || got != nil {
		t.Errorf("%d bytes: %v", len(got), err)
	}
	s = server{owner: true, pieces: map[string][]string{"UTF8_STRING": {long[:900], long[:900], long[:900]}}}
	if got, err := ask(t, &s, texts(1000)); !errors.Is(err, ErrLarge) || got != nil {
		t.Errorf("%d bytes: %v", len(got), err)
	}
	if len(s.queue) != 0 || s.discarded == 0 {
		t.Errorf("%d pieces are left, %d were thrown away", len(s.queue), s.discarded)
	}
	s = server{owner: true, pieces: map[string][]string{"STRING": {strings.Repeat("\xeb", 600)}}}
	if _, err := ask(t, &s, texts(1000)); !errors.Is(err, ErrLarge) {
		t.Errorf("a text that becomes too long: %v", err)
	}
}

func TestSilentOwnerIsNotWaitedForLong(t *testing.T) {
	for name, s := range map[string]*server{
		"never answers": {owner: true, mute: true},
		"stops midway":  {owner: true, stalls: true, pieces: map[string][]string{"UTF8_STRING": {"a", "b", "c"}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				if got, err := ask(t, s, texts(1000)); !errors.Is(err, ErrSilent) || got != nil {
					t.Errorf("%q: %v", got, err)
				}
				if took := time.Since(began); took != patience {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

func TestReadEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), patience/2)
		defer cancel()
		here, there := net.Pipe()
		s := server{owner: true, mute: true, net: there}
		go s.serve()
		if _, err := readFrom(ctx, here, nil, texts(1000)); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		synctest.Wait()
	})
}

func TestServerThatRefuses(t *testing.T) {
	if _, err := ask(t, &server{refuse: true}, texts(1000)); !errors.Is(err, ErrServer) {
		t.Error(err)
	}
	for _, display := range []string{"", ":", "nowhere", t.TempDir() + "/none:0"} {
		t.Setenv("DISPLAY", display)
		if _, err := Text(t.Context(), 100); !errors.Is(err, ErrServer) {
			t.Errorf("%q: %v", display, err)
		}
		if _, err := PNG(t.Context(), 100); !errors.Is(err, ErrServer) {
			t.Errorf("%q: %v", display, err)
		}
	}
}

// FuzzServer: whatever a server says ends in an answer or an error, and not in more than
// was asked for.
func FuzzServer(f *testing.F) {
	var s server
	greeting := s.greeting()
	f.Add(greeting)
	f.Add(append(slices.Clone(greeting), packet(answered, map[int]uint32{8: 5})...))
	f.Add(append(slices.Clone(greeting), packet(genericEvent, map[int]uint32{4: 1 << 30})...))
	talk := slices.Clone(greeting)
	for range wished + len(textForms) {
		talk = append(talk, packet(answered, map[int]uint32{8: 7})...)
	}
	talk = append(talk, packet(answered, map[int]uint32{8: 0x1234})...)
	talk = append(talk, packet(selectionNotify, map[int]uint32{12: 7, 16: 7, 20: 7})...)
	f.Add(append(talk, packet(answered, map[int]uint32{4: 1, 8: 7, 16: 4})...))
	f.Fuzz(func(t *testing.T, said []byte) {
		here, there := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, there) }()
		go func() {
			_, _ = there.Write(said)
			there.Close()
		}()
		if got, err := readFrom(t.Context(), here, nil, texts(64)); err == nil && len(got) > 64 {
			t.Errorf("%d bytes", len(got))
		}
	})
}
