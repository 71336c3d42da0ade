// Package frames codes the frames of a measurement by hand: what a load
// generator sends and reads thousands of times a second must cost it little, as
// it shares its cores with the gateway. The bytes are those of protocol/wire,
// and tests hold them against it; all other frames go through protocol/wire.
package frames

import (
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"errors"
	"hash"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// ErrForm is a frame that has another form than protocol/wire gives it.
var ErrForm = errors.New("frames: the gateway sent a frame in another form than docs/protocol/wire.md gives it")

// The major types of CBOR (RFC 8949 section 3.1).
const (
	majorUint  = 0
	majorBytes = 2
	majorArray = 4
	majorMap   = 5
)

// AppendHead appends the head of a CBOR item.
func AppendHead(dst []byte, major byte, n uint64) []byte {
	m := major << 5
	switch {
	case n < 24:
		return append(dst, m|byte(n))
	case n < 1<<8:
		return append(dst, m|24, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, m|25), uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32(append(dst, m|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, m|27), n)
}

func appendFrame(dst []byte, t wire.Type, id uint64) []byte {
	return AppendHead(AppendHead(append(dst, majorArray<<5|3), majorUint, uint64(t)), majorUint, id)
}

func appendField(dst []byte, number byte, b []byte) []byte {
	return append(AppendHead(append(dst, number), majorBytes, uint64(len(b))), b...)
}

// AppendSubmit appends a wire.Submit without work.
func AppendSubmit(dst []byte, id uint64, drop key.DropID, mac [16]byte, envelope []byte) []byte {
	dst = append(appendFrame(dst, wire.TypeSubmit, id), majorMap<<5|4)
	dst = appendField(dst, 1, drop[:])
	dst = appendField(dst, 2, mac[:])
	dst = appendField(dst, 3, envelope)
	return append(dst, 4, majorBytes<<5)
}

// AppendAck appends a wire.Ack.
func AppendAck(dst []byte, upto wire.Position, r [32]byte, sig []byte) []byte {
	dst = append(appendFrame(dst, wire.TypeAck, 0), majorMap<<5|3)
	dst = appendField(dst, 1, upto[:])
	dst = appendField(dst, 2, r[:])
	return appendField(dst, 3, sig)
}

// reader reads CBOR items; after the first wrong one ok is false.
type reader struct {
	b  []byte
	ok bool
}

func (r *reader) head(major byte) uint64 {
	if !r.ok || len(r.b) == 0 || r.b[0]>>5 != major {
		r.ok = false
		return 0
	}
	info := r.b[0] & 31
	if info < 24 {
		r.b = r.b[1:]
		return uint64(info)
	}
	if info > 27 || len(r.b) < 1+1<<(info-24) {
		r.ok = false
		return 0
	}
	var n uint64
	switch info {
	case 24:
		n, r.b = uint64(r.b[1]), r.b[2:]
	case 25:
		n, r.b = uint64(binary.BigEndian.Uint16(r.b[1:])), r.b[3:]
	case 26:
		n, r.b = uint64(binary.BigEndian.Uint32(r.b[1:])), r.b[5:]
	case 27:
		n, r.b = binary.BigEndian.Uint64(r.b[1:]), r.b[9:]
	}
	return n
}

// bytes reads a byte string; its bytes stay the message's.
func (r *reader) bytes() []byte {
	n := r.head(majorBytes)
	if !r.ok || uint64(len(r.b)) < n {
		r.ok = false
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) fixed(dst []byte) {
	b := r.bytes()
	if len(b) != len(dst) {
		r.ok = false
		return
	}
	copy(dst, b)
}

// field reads a map key.
func (r *reader) field(number uint64) {
	if r.head(majorUint) != number {
		r.ok = false
	}
}

func (r *reader) count(major byte, n uint64) {
	if r.head(major) != n {
		r.ok = false
	}
}

// Peek is the type of the first frame of a message. Error: ErrForm.
func Peek(message []byte) (wire.Type, error) {
	r := reader{message, true}
	r.count(majorArray, 3)
	t := r.head(majorUint)
	if !r.ok || t > 255 {
		return 0, ErrForm
	}
	return wire.Type(t), nil
}

// begin reads up to the payload's fields.
func begin(message []byte, t wire.Type, fields uint64) (r reader, id uint64) {
	r = reader{message, true}
	r.count(majorArray, 3)
	r.count(majorUint, uint64(t))
	id = r.head(majorUint)
	r.count(majorMap, fields)
	return r, id
}

// Push reads a wire.Push; its Payload stays the message's. Error: ErrForm.
func Push(message []byte, p *wire.Push) (rest []byte, err error) {
	r, _ := begin(message, wire.TypePush, 8)
	r.field(1)
	r.fixed(p.Position[:])
	r.field(2)
	p.Kind = uint8(r.head(majorUint))
	r.field(3)
	r.fixed(p.Drop[:])
	r.field(4)
	p.K = uint32(r.head(majorUint))
	r.field(5)
	r.fixed(p.Hash[:])
	r.field(6)
	r.fixed(p.D[:])
	r.field(7)
	p.Time = r.head(majorUint)
	r.field(8)
	p.Payload = r.bytes()
	if !r.ok {
		return nil, ErrForm
	}
	return r.b, nil
}

// Commit is a wire.Commit whose byte strings stay the message's.
type Commit struct {
	Leaves uint32
	Time   uint64
	Sig    []byte
	Path   [][]byte
	Items  []Item
}

// Item is a wire.CommitItem.
type Item struct {
	ID    uint64
	Index uint32
	Leaf  []byte
}

// ReadCommit reads a wire.Commit into c, whose slices are used again. Error: ErrForm.
func ReadCommit(message []byte, c *Commit) (rest []byte, err error) {
	r, _ := begin(message, wire.TypeCommit, 5)
	r.field(1)
	c.Leaves = uint32(r.head(majorUint))
	r.field(2)
	c.Time = r.head(majorUint)
	r.field(3)
	c.Sig = r.bytes()
	r.field(4)
	c.Path, c.Items = c.Path[:0], c.Items[:0]
	for n := r.head(majorArray); n > 0 && r.ok; n-- {
		c.Path = append(c.Path, r.bytes())
	}
	r.field(5)
	for n := r.head(majorArray); n > 0 && r.ok; n-- {
		r.count(majorArray, 3)
		c.Items = append(c.Items, Item{ID: r.head(majorUint), Index: uint32(r.head(majorUint)), Leaf: r.bytes()})
	}
	if !r.ok {
		return nil, ErrForm
	}
	return r.b, nil
}

// Wire is c as protocol/custody checks it.
func (c *Commit) Wire() (*wire.Commit, error) {
	out := &wire.Commit{Leaves: c.Leaves, Time: c.Time, Sig: c.Sig}
	for _, h := range c.Path {
		if len(h) != 32 {
			return nil, ErrForm
		}
		out.Path = append(out.Path, [32]byte(h))
	}
	for _, item := range c.Items {
		out.Items = append(out.Items, wire.CommitItem{ID: item.ID, Index: item.Index, Leaf: item.Leaf})
	}
	return out, nil
}

// Hasher is SHA-256 that goes on from a beginning which was hashed once.
type Hasher struct {
	h     hash.Hash
	state []byte
}

// NewHasher hashes a beginning.
func NewHasher(beginning []byte) *Hasher {
	h := sha256.New()
	h.Write(beginning)
	state, err := h.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		panic("frames: SHA-256 shows no state: " + err.Error())
	}
	return &Hasher{h, state}
}

// Sum is SHA-256 of the beginning and the rest.
func (s *Hasher) Sum(out *[32]byte, rest ...[]byte) {
	if err := s.h.(encoding.BinaryUnmarshaler).UnmarshalBinary(s.state); err != nil {
		panic("frames: SHA-256 takes no state: " + err.Error())
	}
	for _, b := range rest {
		s.h.Write(b)
	}
	s.h.Sum(out[:0])
}

// MAC authenticates envelopes for one drop as key.Capability does, from hashes
// of the key that were made once.
type MAC struct {
	drop         key.DropID
	inner, outer *Hasher
}

// NewMAC is for submissions to a drop.
func NewMAC(c key.Capability, drop key.DropID) *MAC {
	var ipad, opad [sha256.BlockSize]byte
	for i := range ipad {
		ipad[i], opad[i] = 0x36, 0x5c
	}
	for i, b := range c.Bytes() { // 32 bytes, less than a block
		ipad[i] ^= b
		opad[i] ^= b
	}
	return &MAC{drop, NewHasher(ipad[:]), NewHasher(opad[:])}
}

// Sum is the mac of an envelope.
func (m *MAC) Sum(envelope *[32]byte) (mac [16]byte) {
	var sum [32]byte
	m.inner.Sum(&sum, m.drop[:], envelope[:])
	m.outer.Sum(&sum, sum[:])
	return [16]byte(sum[:16])
}

// Head is the rolling head of a log (wire.NextHead) and the buffer to compute it
// without allocating.
type Head struct {
	R   [32]byte
	buf []byte
}

// NewHead begins at r.
func NewHead(r [32]byte) *Head {
	return &Head{R: r, buf: make([]byte, 0, len(key.PrefixMailboxHead)+1+32+wire.RowSize)}
}

// Next goes on over a row.
func (h *Head) Next(p *wire.Push) {
	b := append(h.buf[:0], key.PrefixMailboxHead...)
	b = append(append(b, 0), h.R[:]...)
	b = append(append(b, p.Position[:]...), p.Kind)
	b = append(b, p.Drop[:]...)
	b = binary.BigEndian.AppendUint32(b, p.K)
	b = append(b, p.Hash[:]...)
	b = append(b, p.D[:]...)
	b = binary.BigEndian.AppendUint64(b, p.Time)
	h.R = sha256.Sum256(b)
}
