package message

import (
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Limits of the bodies that repair and healing need.
const (
	MaxWants     = 32     // ranges in one nack or later
	MaxWanted    = 4096   // messages that these ranges name together
	MaxBridges   = 16     // ranges in one gone
	MaxAfter     = 86_400 // seconds that a later may put off
	MaxProof     = 1600   // bytes of custody's proof in a receipt
	PQKeySize    = 1184   // bytes of an ML-KEM-768 encapsulation key
	PQCipherSize = 1088   // bytes of an ML-KEM-768 ciphertext
	PQCheckSize  = 8      // bytes that name a session or a key, or confirm a secret
)

// Addressed is the body of a side message that names whom it is for: all but
// *Unknown.
type Addressed interface {
	Body
	// Addressee is the device addressed; zeros: all of the recipient's.
	Addressee() key.DeviceID
	// Once are random bytes that make two equal bodies different messages.
	Once() [NonceSize]byte
}

// Side is what the body of a side message begins with.
type Side struct {
	To    key.DeviceID    `cbor:"1,keyasint"` // zeros: all of the recipient's devices
	Nonce [NonceSize]byte `cbor:"2,keyasint"`
}

// Addressee is To.
func (s *Side) Addressee() key.DeviceID { return s.To }

// Once is Nonce.
func (s *Side) Once() [NonceSize]byte { return s.Nonce }

// Want is a range of one device's messages, both ends included.
type Want struct {
	_        struct{} `cbor:",toarray"`
	Device   key.DeviceID
	From, To uint32
}

// Reason is why messages are asked for.
type Reason uint8

// The reasons.
const (
	ReasonMissing Reason = 1 // they were never accepted
	ReasonBody    Reason = 2 // they were accepted header-only, and the body is asked for again
)

// Nack asks for messages again: 1 to MaxWants ranges of together at most
// MaxWanted messages, ascending by device and number. Heads are as in Heads.
type Nack struct {
	Side
	Wants  []Want `cbor:"3,keyasint"`
	Heads  []Head `cbor:"4,keyasint"`
	Reason Reason `cbor:"5,keyasint"`
}

// Kind is KindNack.
func (*Nack) Kind() Kind { return KindNack }

func (n *Nack) check() error {
	if n.Reason != ReasonMissing && n.Reason != ReasonBody {
		return wire.ErrValue.Because("reason of a nack")
	}
	if err := checkHeads(n.Heads); err != nil {
		return err
	}
	return checkWants(n.Wants)
}

func (n *Nack) encode() []byte { return wire.Marshal(n) }

func checkWants(wants []Want) error {
	if len(wants) == 0 || len(wants) > MaxWants {
		return wire.ErrValue.Because("number of wanted ranges")
	}
	total := uint64(0)
	for i, w := range wants {
		if w.From == 0 || w.To < w.From || (i > 0 && !follows(wants[i-1], w)) {
			return wire.ErrValue.Because("wanted range")
		}
		total += uint64(w.To-w.From) + 1
	}
	if total > MaxWanted {
		return wire.ErrValue.Because("more than 4,096 wanted messages")
	}
	return nil
}

// follows tells whether b stands after a in a body and overlaps it nowhere.
func follows(a, b Want) bool {
	return before(a.Device, b.Device) || a.Device == b.Device && a.To < b.From
}

// Gone says that messages exist no longer, not even their headers: 1 to
// MaxBridges ranges, ascending by device and number.
type Gone struct {
	Side
	Gone []Bridge `cbor:"3,keyasint"`
}

// Bridge is a range of one device's messages that are gone. ID is the id of
// the last of them, which the message To+1 names as its prev; not zeros.
type Bridge struct {
	_        struct{} `cbor:",toarray"`
	Device   key.DeviceID
	From, To uint32
	ID       ID
}

// Range is the range that is gone.
func (b Bridge) Range() Range { return Range{From: b.From, To: b.To} }

// Kind is KindGone.
func (*Gone) Kind() Kind { return KindGone }

func (g *Gone) check() error {
	if len(g.Gone) == 0 || len(g.Gone) > MaxBridges {
		return wire.ErrValue.Because("number of ranges that are gone")
	}
	var last Want
	for i, b := range g.Gone {
		w := Want{Device: b.Device, From: b.From, To: b.To}
		if b.From == 0 || b.To < b.From || b.ID == (ID{}) || (i > 0 && !follows(last, w)) {
			return wire.ErrValue.Because("range that is gone")
		}
		last = w
	}
	return nil
}

func (g *Gone) encode() []byte { return wire.Marshal(g) }

// Later says that messages that a nack asked for are answered only after
// After seconds, 1 to MaxAfter; Wants is as in Nack.
type Later struct {
	Side
	Wants []Want `cbor:"3,keyasint"`
	After uint32 `cbor:"4,keyasint"`
}

// Kind is KindLater.
func (*Later) Kind() Kind { return KindLater }

func (l *Later) check() error {
	if l.After == 0 || l.After > MaxAfter {
		return wire.ErrValue.Because("time of a later")
	}
	return checkWants(l.Wants)
}

func (l *Later) encode() []byte { return wire.Marshal(l) }

// Resync asks for a new init: the sender's ratchet with this device is lost.
type Resync struct{ Side }

// Kind is KindResync.
func (*Resync) Kind() Kind { return KindResync }

func (*Resync) check() error { return nil }

func (r *Resync) encode() []byte { return wire.Marshal(r) }

// Receipt hands over a gateway's statement that it took the envelope which
// carried the message Seq of the device Device. Proof is 1 to MaxProof bytes in
// the encoding of docs/protocol/custody.md, opaque here.
type Receipt struct {
	Side
	Device key.DeviceID `cbor:"3,keyasint"`
	Seq    uint32       `cbor:"4,keyasint"`
	Proof  []byte       `cbor:"5,keyasint"`
}

// Kind is KindReceipt.
func (*Receipt) Kind() Kind { return KindReceipt }

func (r *Receipt) check() error {
	if r.Seq == 0 || len(r.Proof) == 0 || len(r.Proof) > MaxProof {
		return wire.ErrValue.Because("receipt")
	}
	return nil
}

func (r *Receipt) encode() []byte { return wire.Marshal(r) }

// PQKey offers an ML-KEM-768 key to the session whose transcript hash begins
// with Session; PQID, not 0, is the name of the secret to come.
type PQKey struct {
	Side
	Session [PQCheckSize]byte `cbor:"3,keyasint"`
	PQID    uint16            `cbor:"4,keyasint"`
	Key     []byte            `cbor:"5,keyasint"` // PQKeySize bytes
}

// Kind is KindPQKey.
func (*PQKey) Kind() Kind { return KindPQKey }

func (p *PQKey) check() error {
	if p.PQID == 0 || len(p.Key) != PQKeySize {
		return wire.ErrValue.Because("post-quantum key")
	}
	return nil
}

func (p *PQKey) encode() []byte { return wire.Marshal(p) }

// PQCiphertext answers a PQKey: KeyHash is SHA-256(key)[:8], Confirm shows that
// its maker knows the secret.
type PQCiphertext struct {
	Side
	Session    [PQCheckSize]byte `cbor:"3,keyasint"`
	PQID       uint16            `cbor:"4,keyasint"`
	KeyHash    [PQCheckSize]byte `cbor:"5,keyasint"`
	Ciphertext []byte            `cbor:"6,keyasint"` // PQCipherSize bytes
	Confirm    [PQCheckSize]byte `cbor:"7,keyasint"`
}

// Kind is KindPQCiphertext.
func (*PQCiphertext) Kind() Kind { return KindPQCiphertext }

func (p *PQCiphertext) check() error {
	if p.PQID == 0 || len(p.Ciphertext) != PQCipherSize {
		return wire.ErrValue.Because("post-quantum ciphertext")
	}
	return nil
}

func (p *PQCiphertext) encode() []byte { return wire.Marshal(p) }
