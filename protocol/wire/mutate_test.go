package wire

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// node is one CBOR item of a well-formed frame, so that a test can write one item of it wrong.
type node struct {
	major byte
	arg   uint64
	text  []byte  // of byte and text strings
	kids  []*node // of lists, and keys and values of maps in turn
	path  string  // keys and indexes below the payload; "" is the payload, "-" the frame's own items
	key   bool
	raw   []byte // stands for the item if set
}

// parse reads one item of a valid encoding.
func parse(b []byte, path string) (*node, []byte) {
	n := &node{major: b[0] >> 5, arg: uint64(b[0] & 31), path: path}
	size := 0
	if n.arg >= 24 {
		size = 1 << (n.arg - 24)
		n.arg = binary.BigEndian.Uint64(append(make([]byte, 8-size), b[1:1+size]...))
	}
	b = b[1+size:]
	child := func(path string) *node {
		var kid *node
		kid, b = parse(b, path)
		n.kids = append(n.kids, kid)
		return kid
	}
	switch n.major {
	case 2, 3:
		n.text, b = b[:n.arg], b[n.arg:]
	case 4:
		for i := range n.arg {
			child(strings.TrimPrefix(path+"/"+strconv.FormatUint(i, 10), "/"))
		}
	case 5:
		for range n.arg {
			k := child(path)
			k.key = true
			child(strings.TrimPrefix(path+"/"+strconv.FormatUint(k.arg, 10), "/"))
		}
	}
	return n, b
}

// parseFrame reads a frame; the paths begin at its payload.
func parseFrame(b []byte) *node {
	frame, _ := parse(b, "-")
	frame.kids[0].path, frame.kids[1].path = "-", "-"
	frame.kids[2], _ = parse(frame.kids[2].encode(), "")
	return frame
}

// head writes a head with 0, 1, 2, 4 or 8 bytes of argument, or the shortest for size -1.
func head(major byte, arg uint64, size int) []byte {
	if size < 0 {
		size = 0
		for _, fits := range []struct {
			above uint64
			size  int
		}{{23, 1}, {0xff, 2}, {0xffff, 4}, {0xffffffff, 8}} {
			if arg > fits.above {
				size = fits.size
			}
		}
	}
	if size == 0 {
		return []byte{major<<5 | byte(arg)}
	}
	info := map[int]byte{1: 24, 2: 25, 4: 26, 8: 27}[size]
	return append([]byte{major<<5 | info}, binary.BigEndian.AppendUint64(nil, arg)[8-size:]...)
}

func (n *node) content() []byte {
	out := slices.Clone(n.text)
	for _, kid := range n.kids {
		out = append(out, kid.encode()...)
	}
	return out
}

func (n *node) encode() []byte {
	if n.raw != nil {
		return n.raw
	}
	return append(head(n.major, n.arg, -1), n.content()...)
}

func (n *node) all() []*node {
	out := []*node{n}
	for _, kid := range n.kids {
		out = append(out, kid.all()...)
	}
	return out
}

// wrong is one way to write an item that must not be accepted.
type wrong struct {
	what string
	raw  []byte
	want []error
}

// wrongs are the variants of one item. Those of the frame's own three items may
// also fail as the other error, because the frame is cut before they are judged.
// Of the payload's fields, those at the optional paths may be missing.
func (n *node) wrongs(optional map[string]bool) []wrong {
	var out []wrong
	add := func(what string, raw []byte, want ...error) {
		if n.path == "-" {
			want = []error{ErrMalformed, ErrNotCanonical, ErrTruncated}
		}
		out = append(out, wrong{what, raw, want})
	}
	short := len(head(n.major, n.arg, -1)) - 1
	for _, size := range []int{1, 2, 4, 8} {
		if size > short {
			want := ErrNotCanonical
			if n.major == 7 {
				want = ErrMalformed // a simple value that must not be, or a float
			}
			add(fmt.Sprintf("head with %d bytes", size), append(head(n.major, n.arg, size), n.content()...), want)
		}
	}
	self := append(head(n.major, n.arg, -1), n.content()...)
	switch n.major {
	case 2, 3:
		add("indefinite length", slices.Concat([]byte{n.major<<5 | 31}, self, []byte{0xff}), ErrMalformed)
	case 4, 5:
		add("indefinite length", slices.Concat([]byte{n.major<<5 | 31}, n.content(), []byte{0xff}), ErrMalformed)
	}
	for what, item := range map[string][]byte{
		"null": {0xf6}, "undefined": {0xf7}, "false": {0xf4}, "float": {0xf9, 0x3c, 0}, "simple value": {0xf0},
		"tagged": append([]byte{0xc1}, self...), "negative": {0x20}, "big negative": append([]byte{0x3b}, make([]byte, 8)...),
	} {
		if n.key && what == "false" || n.key && what == "float" || n.key && strings.Contains(what, "negative") {
			continue // below: keys
		}
		if n.major == 7 && what == "false" {
			continue // it is one
		}
		if what == "big negative" {
			add(what, item, ErrMalformed, ErrNotCanonical)
			continue
		}
		add(what, item, ErrMalformed)
	}
	for _, kind := range []byte{0x00, 0x40, 0x60, 0x80, 0xa0} {
		if kind>>5 != n.major {
			add(fmt.Sprintf("item of major type %d", kind>>5), []byte{kind}, ErrMalformed, ErrNotCanonical)
		}
	}
	if n.key {
		for _, k := range []string{"\xf5", "\xf9\x00\x00", "\x20", "\x61\x31", "\x41\x01", "\x80", "\x18\x63", "\x1b\xff\xff\xff\xff\xff\xff\xff\xff"} {
			add(fmt.Sprintf("key %x", k), []byte(k), ErrMalformed)
		}
	}
	return append(out, n.wrongMaps(optional)...)
}

// wrongMaps are the variants of a map's set of keys.
func (n *node) wrongMaps(optional map[string]bool) []wrong {
	if n.major != 5 {
		return nil
	}
	pair := func(i int) []byte { return append(n.kids[i].encode(), n.kids[i+1].encode()...) }
	build := func(count int, parts ...[]byte) []byte {
		return append(head(5, uint64(count), -1), slices.Concat(parts...)...)
	}
	var pairs [][]byte
	for i := 0; i < len(n.kids); i += 2 {
		pairs = append(pairs, pair(i))
	}
	out := []wrong{
		{"unknown field", build(len(pairs)+1, append(slices.Clone(pairs), []byte{0x18, 0x63, 0x00})...), []error{ErrMalformed}},
		{"unknown field 0", build(len(pairs)+1, append([][]byte{{0x00, 0x00}}, pairs...)...), []error{ErrMalformed}},
		{"unknown text field", build(len(pairs)+1, append(slices.Clone(pairs), []byte{0x61, 0x78, 0x00})...), []error{ErrMalformed}},
	}
	for i := range pairs {
		if !optional[n.kids[2*i+1].path] {
			out = append(out, wrong{"missing field", build(len(pairs)-1, slices.Delete(slices.Clone(pairs), i, i+1)...), []error{ErrNotCanonical}})
		}
		out = append(out,
			wrong{"double field", build(len(pairs)+1, slices.Insert(slices.Clone(pairs), i, pairs[i])...), []error{ErrMalformed}})
		if i > 0 {
			swapped := slices.Clone(pairs)
			swapped[i], swapped[i-1] = swapped[i-1], swapped[i]
			out = append(out, wrong{"fields out of order", build(len(pairs), swapped...), []error{ErrNotCanonical}})
		}
	}
	return out
}

// decodeFrame cuts and decodes one frame that stands alone.
func decodeFrame(b []byte, p Payload) error {
	f, rest, err := NextFrame(b)
	switch {
	case err != nil:
		return err
	case len(rest) > 0:
		return ErrTrailing
	}
	return f.Decode(p)
}

// TestWrongFrames writes every item of every frame in every wrong way.
func TestWrongFrames(t *testing.T) {
	tried := 0
	for _, s := range samples() {
		frame := parseFrame(s.frame())
		optional := map[string]bool{}
		for _, path := range strings.Fields(s.variable) {
			if path, ok := strings.CutSuffix(path, "?"); ok {
				optional[path] = true
			}
		}
		if err := decodeFrame(frame.encode(), s.fresh()); err != nil {
			t.Fatalf("%s, unchanged: %v", s.name, err)
		}
		for _, n := range frame.all() {
			for _, w := range n.wrongs(optional) {
				n.raw = w.raw
				b := frame.encode()
				n.raw = nil
				tried++
				fails(t, fmt.Sprintf("%s, %q: %s (%x)", s.name, n.path, w.what, w.raw[:min(12, len(w.raw))]), decodeFrame(b, s.fresh()), w.want...)
			}
		}
	}
	if tried < 2000 {
		t.Errorf("only %d variants were tried", tried)
	}
}

// TestLengths changes the length of every byte string. Fixed ones are refused,
// and which ones are open is said by the samples.
func TestLengths(t *testing.T) {
	for _, s := range samples() {
		open := map[string]bool{}
		frame := parseFrame(s.frame())
		for _, n := range frame.all() {
			if n.major != 2 {
				continue
			}
			for _, text := range [][]byte{append(slices.Clone(n.text), 0), n.text[:max(len(n.text), 1)-1], {}, append(slices.Clone(n.text), n.text...)} {
				if len(text) == len(n.text) {
					continue
				}
				n.raw = append(head(2, uint64(len(text)), -1), text...)
				b := frame.encode()
				n.raw = nil
				if err := decodeFrame(b, s.fresh()); err == nil {
					open[n.path] = true
				} else {
					fails(t, s.name+" "+n.path, err, ErrNotCanonical)
				}
			}
		}
		want := strings.Fields(s.variable)
		if len(open) != len(want) {
			t.Errorf("%s: byte strings of open length are %v, not %v", s.name, open, want)
		}
		for _, path := range want {
			if !open[strings.TrimSuffix(path, "?")] {
				t.Errorf("%s: the length of %s is fixed", s.name, path)
			}
		}
	}
}

// TestNumbers puts the largest number of 64 bits everywhere: it is taken where 64 bits are, and nowhere cut.
func TestNumbers(t *testing.T) {
	for _, s := range samples() {
		frame := parseFrame(s.frame())
		for _, n := range frame.all() {
			if n.major != 0 || n.key {
				continue
			}
			n.raw = head(0, 1<<64-1, -1)
			b := frame.encode()
			n.raw = nil
			if err := decodeFrame(b, s.fresh()); err != nil {
				fails(t, s.name+" "+n.path, err, ErrMalformed)
			}
		}
	}
	var f Failure
	fails(t, "code of 17 bits", Unmarshal(unhex(t, "a2011a000100000260"), &f, MaxFrame), ErrMalformed)
}
