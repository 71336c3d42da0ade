package wire

import (
	"encoding/binary"
	"math"
	"unicode/utf8"
)

// The frames that travel with every message (submit, commit, push, ack, and those
// that forward one) are coded here by hand: a tenth of the time that reflection takes. The bytes are
// Marshal's. Reading takes a short cut only: what does not look exactly as
// expected goes to Unmarshal, which says what is wrong with it.

// handCoded is a payload with code of its own.
type handCoded interface {
	// appendTo appends what Marshal makes of it.
	appendTo(dst []byte) []byte
}

var (
	_ handCoded = (*Submit)(nil)
	_ handCoded = (*Commit)(nil)
	_ handCoded = (*Push)(nil)
	_ handCoded = (*Ack)(nil)
	_ handCoded = (*Forward)(nil)
	_ handCoded = (*Relay)(nil)
	_ handCoded = (*Forwarded)(nil)
)

// parseByHand decodes a payload that has code of its own and looks as expected.
func parseByHand(raw []byte, p Payload) bool {
	if len(raw) > MaxFrame {
		return false
	}
	r := reader{b: raw}
	switch p := p.(type) { // no interface: r stays on the stack
	case *Submit:
		p.parse(&r)
	case *Commit:
		p.parse(&r)
	case *Push:
		p.parse(&r)
	case *Ack:
		p.parse(&r)
	case *Forward:
		p.parse(&r)
	case *Relay:
		r.field(majorMap<<5 | 4)
		p.parse(&r)
	case *Forwarded:
		p.parse(&r)
	default:
		return false
	}
	return r.done()
}

// Major types of CBOR (RFC 8949 section 3.1).
const (
	majorUint   = 0
	majorBytes  = 2
	majorText   = 3
	majorArray  = 4
	majorMap    = 5
	majorSimple = 7
)

// The two values of major type 7 that are taken.
const (
	cborFalse = 0xf4
	cborTrue  = 0xf5
)

// appendHead appends the shortest head of an item.
func appendHead(dst []byte, major byte, n uint64) []byte {
	major <<= 5
	switch {
	case n < 24:
		return append(dst, major|byte(n))
	case n <= math.MaxUint8:
		return append(dst, major|24, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, major|25), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, major|27), n)
}

func appendBytes(dst, b []byte) []byte {
	return append(appendHead(dst, majorBytes, uint64(len(b))), b...)
}

// reader walks over deterministic CBOR. Once something is not what was expected
// it is bad, and everything that it returns is zero.
type reader struct {
	b   []byte
	bad bool
}

// done reports whether everything was as expected and nothing is left.
func (r *reader) done() bool { return !r.bad && len(r.b) == 0 }

// head reads a head of this major type in its shortest form and returns its
// argument, which must not exceed most.
func (r *reader) head(major byte, most uint64) uint64 {
	if len(r.b) == 0 || r.b[0]>>5 != major {
		r.bad = true
		return 0
	}
	n, size := uint64(r.b[0]&31), 1
	if n >= 24 {
		size += 1 << (n - 24)
		if n > 27 || len(r.b) < size {
			r.bad = true
			return 0
		}
		least := [...]uint64{24, 1 << 8, 1 << 16, 1 << 32}[n-24]
		n = 0
		for _, c := range r.b[1:size] {
			n = n<<8 | uint64(c)
		}
		if n < least {
			r.bad = true
		}
	}
	if n > most || r.bad {
		r.bad = true
		return 0
	}
	r.b = r.b[size:]
	return n
}

// field reads the key of a map.
func (r *reader) field(key byte) {
	if len(r.b) == 0 || r.b[0] != key {
		r.bad = true
		return
	}
	r.b = r.b[1:]
}

// count reads the head of an array whose elements take at least size bytes each.
func (r *reader) count(size int) int {
	n := r.head(majorArray, MaxElements)
	if n*uint64(size) > uint64(len(r.b)) {
		r.bad = true
		return 0
	}
	return int(n)
}

// bytes reads a byte string; the result shares the reader's bytes.
func (r *reader) bytes() []byte {
	n := r.head(majorBytes, math.MaxInt32)
	if uint64(len(r.b)) < n || r.bad {
		r.bad = true
		return nil
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}

// text reads a text string.
func (r *reader) text() string {
	n := r.head(majorText, math.MaxInt32)
	if uint64(len(r.b)) < n || !utf8.Valid(r.b[:min(n, uint64(len(r.b)))]) {
		r.bad = true
	}
	if r.bad {
		return ""
	}
	out := string(r.b[:n])
	r.b = r.b[n:]
	return out
}

// copied reads a byte string of its own memory.
func (r *reader) copied() []byte {
	b := r.bytes()
	if r.bad {
		return nil
	}
	return append(make([]byte, 0, len(b)), b...)
}

// fixed reads a byte string of exactly dst's size.
func (r *reader) fixed(dst []byte) {
	b := r.bytes()
	if len(b) != len(dst) {
		r.bad = true
		return
	}
	copy(dst, b)
}

func (r *reader) uint(most uint64) uint64 { return r.head(majorUint, most) }

// skip passes over one item of unsigned numbers, byte strings, text, false, true,
// arrays and maps in their shortest forms, at most depth levels of them in each
// other.
func (r *reader) skip(depth int) {
	if len(r.b) == 0 || depth == 0 {
		r.bad = true
		return
	}
	switch major := r.b[0] >> 5; major {
	case majorUint:
		r.uint(math.MaxUint64)
	case majorBytes:
		r.bytes()
	case majorText:
		r.text()
	case majorSimple:
		if r.b[0] != cborFalse && r.b[0] != cborTrue {
			r.bad = true
			return
		}
		r.b = r.b[1:]
	case majorArray, majorMap:
		n := r.head(major, MaxElements)
		if major == majorMap {
			n *= 2
		}
		for ; n > 0 && !r.bad; n-- {
			r.skip(depth - 1)
		}
	default:
		r.bad = true
	}
}

// frame cuts off a frame whose payload is a map that skip takes.
func (r *reader) frame() (f Frame) {
	if len(r.b) == 0 || r.b[0] != majorArray<<5|3 {
		r.bad = true
		return f
	}
	r.b = r.b[1:]
	f.Type, f.ID = Type(r.uint(math.MaxUint8)), r.uint(math.MaxUint64)
	whole := r.b
	if len(whole) == 0 || whole[0]>>5 != majorMap {
		r.bad = true
	}
	if !r.bad {
		r.skip(MaxNesting - 2)
	}
	if r.bad {
		return Frame{}
	}
	n := len(whole) - len(r.b)
	f.Raw = whole[:n:n]
	return f
}

func (s *Submit) appendTo(dst []byte) []byte {
	dst = appendBytes(append(dst, majorMap<<5|4, 1), s.Drop[:])
	dst = appendBytes(append(dst, 2), s.MAC[:])
	dst = appendBytes(append(dst, 3), s.Envelope)
	return appendBytes(append(dst, 4), s.Work)
}

func (s *Submit) parse(r *reader) {
	r.field(majorMap<<5 | 4)
	r.field(1)
	r.fixed(s.Drop[:])
	r.field(2)
	r.fixed(s.MAC[:])
	r.field(3)
	s.Envelope = r.copied()
	r.field(4)
	s.Work = r.copied()
}

func (p *Push) appendTo(dst []byte) []byte {
	dst = appendBytes(append(dst, majorMap<<5|8, 1), p.Position[:])
	dst = appendHead(append(dst, 2), majorUint, uint64(p.Kind))
	dst = appendBytes(append(dst, 3), p.Drop[:])
	dst = appendHead(append(dst, 4), majorUint, uint64(p.K))
	dst = appendBytes(append(dst, 5), p.Hash[:])
	dst = appendBytes(append(dst, 6), p.D[:])
	dst = appendHead(append(dst, 7), majorUint, p.Time)
	return appendBytes(append(dst, 8), p.Payload)
}

func (p *Push) parse(r *reader) {
	r.field(majorMap<<5 | 8)
	r.field(1)
	r.fixed(p.Position[:])
	r.field(2)
	p.Kind = uint8(r.uint(math.MaxUint8))
	r.field(3)
	r.fixed(p.Drop[:])
	r.field(4)
	p.K = uint32(r.uint(math.MaxUint32))
	r.field(5)
	r.fixed(p.Hash[:])
	r.field(6)
	r.fixed(p.D[:])
	r.field(7)
	p.Time = r.uint(math.MaxUint64)
	r.field(8)
	p.Payload = r.copied()
}

func (a *Ack) appendTo(dst []byte) []byte {
	dst = appendBytes(append(dst, majorMap<<5|3, 1), a.Upto[:])
	dst = appendBytes(append(dst, 2), a.R[:])
	return appendBytes(append(dst, 3), a.Sig)
}

func (a *Ack) parse(r *reader) {
	r.field(majorMap<<5 | 3)
	r.field(1)
	r.fixed(a.Upto[:])
	r.field(2)
	r.fixed(a.R[:])
	r.field(3)
	a.Sig = r.copied()
}

func (c *Commit) appendTo(dst []byte) []byte {
	dst = appendHead(append(dst, majorMap<<5|5, 1), majorUint, uint64(c.Leaves))
	dst = appendHead(append(dst, 2), majorUint, c.Time)
	dst = appendBytes(append(dst, 3), c.Sig)
	dst = appendHead(append(dst, 4), majorArray, uint64(len(c.Path)))
	for i := range c.Path {
		dst = appendBytes(dst, c.Path[i][:])
	}
	dst = appendHead(append(dst, 5), majorArray, uint64(len(c.Items)))
	for i := range c.Items {
		item := &c.Items[i]
		dst = appendHead(append(dst, majorArray<<5|3), majorUint, item.ID)
		dst = appendHead(dst, majorUint, uint64(item.Index))
		dst = appendBytes(dst, item.Leaf)
	}
	return dst
}

func (c *Commit) parse(r *reader) {
	r.field(majorMap<<5 | 5)
	r.field(1)
	c.Leaves = uint32(r.uint(math.MaxUint32))
	r.field(2)
	c.Time = r.uint(math.MaxUint64)
	r.field(3)
	c.Sig = r.copied()
	r.field(4)
	c.Path = make([][32]byte, r.count(1+32))
	for i := range c.Path {
		r.fixed(c.Path[i][:])
	}
	r.field(5)
	c.Items = make([]CommitItem, r.count(1+1+1+1))
	for i := range c.Items {
		item := &c.Items[i]
		r.field(majorArray<<5 | 3)
		item.ID = r.uint(math.MaxUint64)
		item.Index = uint32(r.uint(math.MaxUint32))
		item.Leaf = r.copied()
	}
}

func (p *Forward) appendTo(dst []byte) []byte {
	dst = appendBytes(append(dst, majorMap<<5|7, 1), p.Target[:])
	dst = append(appendHead(append(dst, 2), majorText, uint64(len(p.Host))), p.Host...)
	dst = appendHead(append(dst, 3), majorUint, uint64(p.Port))
	return p.Relay.appendFields(dst)
}

func (p *Forward) parse(r *reader) {
	r.field(majorMap<<5 | 7)
	r.field(1)
	r.fixed(p.Target[:])
	r.field(2)
	p.Host = r.text()
	r.field(3)
	p.Port = uint16(r.uint(math.MaxUint16))
	p.Relay.parse(r)
}

func (p *Relay) appendTo(dst []byte) []byte { return p.appendFields(append(dst, majorMap<<5|4)) }

// appendFields appends the fields 4 to 7, which a Forward has too.
func (p *Relay) appendFields(dst []byte) []byte {
	dst = appendBytes(append(dst, 4), p.Channel[:])
	dst = appendHead(append(dst, 5), majorUint, uint64(p.N))
	dst = appendBytes(append(dst, 6), p.Encapsulation)
	return appendBytes(append(dst, 7), p.Sealed)
}

// parse reads the fields 4 to 7.
func (p *Relay) parse(r *reader) {
	r.field(4)
	r.fixed(p.Channel[:])
	r.field(5)
	p.N = uint32(r.uint(math.MaxUint32))
	r.field(6)
	p.Encapsulation = r.copied()
	r.field(7)
	p.Sealed = r.copied()
}

func (p *Forwarded) appendTo(dst []byte) []byte {
	dst = appendBytes(append(dst, majorMap<<5|4, 1), p.Channel[:])
	dst = appendHead(append(dst, 2), majorUint, uint64(p.N))
	dst = appendBytes(append(dst, 3), p.Nonce[:])
	return appendBytes(append(dst, 4), p.Sealed)
}

func (p *Forwarded) parse(r *reader) {
	r.field(majorMap<<5 | 4)
	r.field(1)
	r.fixed(p.Channel[:])
	r.field(2)
	p.N = uint32(r.uint(math.MaxUint32))
	r.field(3)
	r.fixed(p.Nonce[:])
	r.field(4)
	p.Sealed = r.copied()
}
