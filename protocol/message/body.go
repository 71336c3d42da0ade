package message

import (
	"bytes"
	"strings"
	"unicode"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Limits of bodies.
const (
	MaxText    = 14_000 // bytes of UTF-8
	MaxName    = 64     // bytes of UTF-8
	MaxChains  = 16     // devices in one ack, heads or read body
	MaxHoles   = 16     // ranges of one device in an ack
	MaxLeases  = 16
	MaxLease   = 320 // bytes of one
	NonceSize  = 8
	maxCompact = 6 << 10 // bytes of any body but text
)

// Body is the content of a message of one kind: *Text, *Read, *Name, *Drops,
// one of the Addressed bodies of side messages, or *Unknown.
type Body interface {
	// Kind is the kind of message that carries the body.
	Kind() Kind
	check() error
	encode() []byte
}

// EncodeBody checks and encodes a body. Error: wire.ErrValue.
func EncodeBody(b Body) ([]byte, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	return b.encode(), nil
}

// ParseBody reads the body of a message of the given kind. A kind that this
// version does not know, and a body with fields that it does not know, become
// *Unknown: they are kept as they are and shown as "needs a newer version".
// Errors: those of wire.Unmarshal, wire.ErrValue.
func ParseBody(kind Kind, b []byte) (Body, error) {
	switch {
	case len(b) > MaxBody:
		return nil, wire.ErrTooLarge.Because("body")
	case len(b) == 0:
		return nil, wire.ErrTruncated.Because("body")
	}
	body, fields, err := parseKnown(kind, b)
	if body == nil || (err != nil && isNewer(b, fields)) {
		return &Unknown{Of: kind, Raw: b}, nil
	}
	if err == nil {
		err = body.check()
	}
	if err != nil {
		return nil, err
	}
	return body, nil
}

// parseKnown decodes a body of a known kind; fields is the number of fields
// that this version knows. The Body is nil for an unknown kind.
func parseKnown(kind Kind, b []byte) (body Body, fields uint64, err error) {
	switch kind {
	case KindText:
		return decodeBody[textFields](b, MaxText+64)
	case KindRead:
		return parseAs[Read](b, 1)
	case KindProfile:
		return parseAs[Name](b, 1)
	case KindDrops:
		return decodeBody[dropsFields](b, maxCompact)
	case KindAck:
		return parseAs[Ack](b, 3)
	case KindHeads:
		return parseAs[Heads](b, 3)
	case KindNack:
		return parseAs[Nack](b, 5)
	case KindGone:
		return parseAs[Gone](b, 3)
	case KindLater:
		return parseAs[Later](b, 4)
	case KindResync:
		return parseAs[Resync](b, 2)
	case KindReceipt:
		return parseAs[Receipt](b, 5)
	case KindPQKey:
		return parseAs[PQKey](b, 5)
	case KindPQCiphertext:
		return parseAs[PQCiphertext](b, 7)
	}
	return nil, 0, nil
}

// parseAs decodes a body whose CBOR form is the type itself.
func parseAs[B any, P interface {
	*B
	Body
}](b []byte, fields uint64) (Body, uint64, error) {
	p := P(new(B))
	err := wire.Unmarshal(b, p, maxCompact)
	return p, fields, err
}

// fieldSet is the CBOR form of a body that has another one in memory.
type fieldSet interface {
	textFields | dropsFields
	body() (b Body, fields uint64, err error)
}

func decodeBody[F fieldSet](b []byte, limit int) (Body, uint64, error) {
	var f F
	err := wire.Unmarshal(b, &f, limit)
	body, fields, invalid := f.body()
	if err == nil {
		err = invalid
	}
	return body, fields, err
}

// isNewer tells whether b is a well-formed body with a field above the known
// ones: it was made by a newer version.
func isNewer(b []byte, fields uint64) bool {
	var m map[uint64]any
	if wire.Unmarshal(b, &m, MaxBody) != nil {
		return false
	}
	for field := range m {
		if field > fields {
			return true
		}
	}
	return false
}

// Unknown is a body that needs a newer version.
type Unknown struct {
	Of  Kind
	Raw []byte
}

// Kind is the message's kind.
func (u *Unknown) Kind() Kind { return u.Of }

func (u *Unknown) check() error {
	if n := len(u.Raw); n == 0 || n > MaxBody {
		return wire.ErrValue.Because("size of a body")
	}
	return nil
}

func (u *Unknown) encode() []byte { return u.Raw }

// Text is a text message, 1 to MaxText bytes. ReplyTo names the message it
// answers; zeros: none.
type Text struct {
	Text    string
	ReplyTo Short
}

type textFields struct {
	Text    string `cbor:"1,keyasint"`
	ReplyTo []byte `cbor:"2,keyasint,omitempty"`
}

func (f textFields) body() (Body, uint64, error) {
	t := &Text{Text: f.Text}
	if n := copy(t.ReplyTo[:], f.ReplyTo); n != len(f.ReplyTo) || n != 0 && (n != len(t.ReplyTo) || t.ReplyTo == Short{}) {
		return t, 2, wire.ErrValue.Because("reply")
	}
	return t, 2, nil
}

// Kind is KindText.
func (*Text) Kind() Kind { return KindText }

func (t *Text) check() error {
	if t.Text == "" || len(t.Text) > MaxText || strings.ToValidUTF8(t.Text, "") != t.Text {
		return wire.ErrValue.Because("a text has 1 to 14,000 bytes of UTF-8")
	}
	return nil
}

func (t *Text) encode() []byte {
	f := textFields{Text: t.Text}
	if t.ReplyTo != (Short{}) {
		f.ReplyTo = t.ReplyTo[:]
	}
	return wire.Marshal(f)
}

// Mark says that everything up to Upto of one device's chain was read.
type Mark struct {
	_      struct{} `cbor:",toarray"`
	Device key.DeviceID
	Upto   uint32
}

// Read are read marks of the other side's devices, ascending by device, 1 to MaxChains.
type Read struct {
	Marks []Mark `cbor:"1,keyasint"`
}

// Kind is KindRead.
func (*Read) Kind() Kind { return KindRead }

func (r *Read) check() error {
	if len(r.Marks) == 0 || len(r.Marks) > MaxChains {
		return wire.ErrValue.Because("number of read marks")
	}
	for i, m := range r.Marks {
		if m.Upto == 0 || (i > 0 && !before(r.Marks[i-1].Device, m.Device)) {
			return wire.ErrValue.Because("read mark")
		}
	}
	return nil
}

func (r *Read) encode() []byte { return wire.Marshal(r) }

// before tells whether a stands before b in a body's order of devices.
func before(a, b key.DeviceID) bool { return bytes.Compare(a[:], b[:]) < 0 }

// Name is the name that the sender goes by, at most MaxName bytes without
// control characters, line breaks and marks of writing direction; empty: none.
// Its kind is profile.
type Name struct {
	Name string `cbor:"1,keyasint"`
}

// Kind is KindProfile.
func (*Name) Kind() Kind { return KindProfile }

func (n *Name) check() error {
	if len(n.Name) > MaxName || strings.ToValidUTF8(n.Name, "") != n.Name || strings.ContainsFunc(n.Name, controls) {
		return wire.ErrValue.Because("a name has at most 64 bytes of UTF-8")
	}
	return nil
}

// controls matches what would change the display of the text around a name:
// control characters, line and paragraph separators, and the marks, embeddings,
// overrides and isolates of bidirectional text.
func controls(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control)
}

func (n *Name) encode() []byte { return wire.Marshal(n) }

// Drops hands out the secret W of the drop that the sender reads, and the
// leases of its gateways in the encoding of docs/protocol/profile.md; they are
// opaque here. Address is the secret by which the reader finds and opens the
// sender's profile, as holders of the sender's card do.
type Drops struct {
	W       key.DropSecret
	Leases  [][]byte
	Address key.AddressSecret
}

type dropsFields struct {
	W       []byte   `cbor:"1,keyasint"`
	Leases  [][]byte `cbor:"2,keyasint"`
	Address []byte   `cbor:"3,keyasint"`
}

func (f dropsFields) body() (Body, uint64, error) {
	w, err := key.DropSecretFrom(f.W)
	if err != nil {
		err = wire.ErrValue.Because("drop secret")
	}
	address, invalid := key.AddressSecretFrom(f.Address)
	if err == nil && invalid != nil {
		err = wire.ErrValue.Because("address secret")
	}
	return &Drops{W: w, Leases: f.Leases, Address: address}, 3, err
}

// Kind is KindDrops.
func (*Drops) Kind() Kind { return KindDrops }

func (d *Drops) check() error {
	if d.W.IsZero() || len(d.Leases) > MaxLeases {
		return wire.ErrValue.Because("drops")
	}
	for _, l := range d.Leases {
		if len(l) == 0 || len(l) > MaxLease {
			return wire.ErrValue.Because("lease")
		}
	}
	return nil
}

func (d *Drops) encode() []byte {
	return wire.Marshal(dropsFields{d.W.Bytes(), d.Leases, d.Address.Bytes()})
}

// Range is the sequence numbers From to To, both included.
type Range struct {
	_        struct{} `cbor:",toarray"`
	From, To uint32
}

// apart tells whether ranges ascend from first on, stand apart from each
// other and end below limit.
func apart(ranges []Range, first, limit uint32) bool {
	next := uint64(first)
	for _, r := range ranges {
		if uint64(r.From) < next || r.To < r.From || r.To >= limit {
			return false
		}
		next = uint64(r.To) + 2
	}
	return true
}

// Received is the part of an ack that concerns one device's chain: everything
// from Base up to Upto was stored, but the holes.
type Received struct {
	_      struct{} `cbor:",toarray"`
	Device key.DeviceID
	Base   uint32
	Upto   uint32
	Holes  []Range // ascending, apart from each other, below Upto; at most MaxHoles
}

// Ack acknowledges what was received, ascending by device, 1 to MaxChains.
type Ack struct {
	Side
	Chains []Received `cbor:"3,keyasint"`
}

// Kind is KindAck.
func (*Ack) Kind() Kind { return KindAck }

func (a *Ack) check() error {
	if len(a.Chains) == 0 || len(a.Chains) > MaxChains {
		return wire.ErrValue.Because("number of chains")
	}
	for i, r := range a.Chains {
		if (i > 0 && !before(a.Chains[i-1].Device, r.Device)) || r.Base == 0 || r.Upto < r.Base || len(r.Holes) > MaxHoles {
			return wire.ErrValue.Because("acknowledged chain")
		}
		if !apart(r.Holes, r.Base, r.Upto) {
			return wire.ErrValue.Because("hole")
		}
	}
	return nil
}

func (a *Ack) encode() []byte { return wire.Marshal(a) }

// Head names the newest message of one device's chain.
type Head struct {
	_      struct{} `cbor:",toarray"`
	Device key.DeviceID
	Seq    uint32
	Hash   Short
}

// Heads are the newest messages of the sender's own devices, ascending by
// device, at most MaxChains; none if nothing was written yet.
type Heads struct {
	Side
	Heads []Head `cbor:"3,keyasint"`
}

// Kind is KindHeads.
func (*Heads) Kind() Kind { return KindHeads }

func (h *Heads) check() error { return checkHeads(h.Heads) }

func checkHeads(heads []Head) error {
	if len(heads) > MaxChains {
		return wire.ErrValue.Because("number of heads")
	}
	for i, head := range heads {
		if head.Seq == 0 || (i > 0 && !before(heads[i-1].Device, head.Device)) {
			return wire.ErrValue.Because("head")
		}
	}
	return nil
}

func (h *Heads) encode() []byte { return wire.Marshal(h) }
