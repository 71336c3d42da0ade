package address

import (
	"crypto/rand"
	"encoding/binary"
	"math"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// recordVersion is the first byte of a record.
const recordVersion = 1

// Where the parts of a record begin, and the sizes of its plaintext.
const (
	recordName   = 1
	recordDay    = recordName + key.PublicSize
	recordSeq    = recordDay + 4
	recordNonce  = recordSeq + 4
	recordSealed = recordNonce + chacha20poly1305.NonceSizeX // 65: all before is authenticated with it
	recordSig    = wire.RecordSize - key.SignatureSize

	plainLeases = 4 + 4 + 32                        // made, n and hash of the list
	plainZeros  = plainLeases + MaxLeases*LeaseSize // where the last zeros begin
	plainSize   = plainZeros + 7                    // 879
)

// Record is what an address record tells holders of the card: at which gateways
// a person receives on one day, and which device list is the newest.
type Record struct {
	// Made is when it was made, to the minute; SealRecord and OpenRecord keep it in UTC.
	Made time.Time
	// Day is the day it is for (Day).
	Day uint32
	// Seq counts the records of that day, from 1 on: a higher one replaces a lower.
	Seq uint32
	// ListN and ListHash name the newest entry of the device list: n and H(entry).
	ListN    uint32
	ListHash [32]byte
	// Leases are at most MaxLeases, with IP addresses as hosts. A lease's Lapses
	// counts days from Day on.
	Leases []Lease
}

// Header is what holders of a record see and check.
type Header struct {
	// Name is A', which signed the record.
	Name key.BlindedPublic
	// Day and Seq are as in Record.
	Day, Seq uint32
}

// Current refuses a record that is not of today, yesterday or tomorrow: wire.ErrClock.
func (h Header) Current(now time.Time) error {
	if today := int64(Day(now)); int64(h.Day) < today-1 || int64(h.Day) > today+1 {
		return wire.ErrClock.Because("an address record of another day")
	}
	return nil
}

// head reads a record's header without looking at key and signature.
func head(b []byte) (h Header, err error) {
	switch {
	case len(b) < wire.RecordSize:
		return h, wire.ErrTruncated.Because("address record")
	case len(b) > wire.RecordSize:
		return h, wire.ErrTrailing.Because("address record")
	case b[0] != recordVersion:
		return h, wire.ErrVersion.Because("address record")
	}
	h = Header{
		Name: key.BlindedPublic(b[recordName:recordDay]),
		Day:  binary.BigEndian.Uint32(b[recordDay:]),
		Seq:  binary.BigEndian.Uint32(b[recordSeq:]),
	}
	if h.Seq == 0 {
		return h, wire.ErrValue.Because("address record without number")
	}
	return h, nil
}

// signedBy checks a record's name and signature.
func (h Header) signedBy(b []byte) error {
	if err := h.Name.Check(); err != nil {
		return wire.ErrPublicKey.Because("address record")
	}
	if !h.Name.Verify(key.ContextAddress, b[:recordSig], b[recordSig:]) {
		return wire.ErrSignature.Because("address record")
	}
	return nil
}

// ParseRecord checks what anybody can check of a record of whichever day: size,
// version, name, signature. Errors: wire.ErrTruncated, wire.ErrTrailing,
// wire.ErrVersion, wire.ErrValue, wire.ErrPublicKey, wire.ErrSignature.
func ParseRecord(b []byte) (Header, error) {
	h, err := head(b)
	if err == nil {
		err = h.signedBy(b)
	}
	if err != nil {
		return Header{}, err
	}
	return h, nil
}

// SealRecord signs the record with ik's blinded key of its day and encrypts it
// for holders of the address secret s: wire.RecordSize bytes. The leases stand in
// it in random order. Errors: wire.ErrValue, wire.ErrPublicKey, ErrNotPackable.
func SealRecord(r *Record, ik key.IdentityPrivate, s key.AddressSecret, n key.Network) ([]byte, error) {
	if r.Seq == 0 {
		return nil, wire.ErrValue.Because("address record without number")
	}
	plain, err := r.plain()
	if err != nil {
		return nil, err
	}
	signer := key.RecordSigner(ik, s, n, r.Day)
	name := signer.Public()
	b := make([]byte, recordSealed, wire.RecordSize)
	b[0] = recordVersion
	copy(b[recordName:], name[:])
	binary.BigEndian.PutUint32(b[recordDay:], r.Day)
	binary.BigEndian.PutUint32(b[recordSeq:], r.Seq)
	_, _ = rand.Read(b[recordNonce:]) // never fails
	k := key.RecordCipherKey(ik.Public(), s, name)
	aead, err := chacha20poly1305.NewX(k[:])
	if err != nil {
		return nil, err
	}
	b = aead.Seal(b, b[recordNonce:recordSealed], plain, b[:recordSealed])
	return append(b, signer.Sign(key.ContextAddress, b)...), nil
}

// plain is the record's plaintext.
func (r *Record) plain() ([]byte, error) {
	minutes := r.Made.Unix() / 60
	if r.Made.Unix() < 0 || minutes > math.MaxUint32 {
		return nil, wire.ErrValue.Because("time")
	}
	if len(r.Leases) > MaxLeases {
		return nil, wire.ErrValue.Because("number of leases")
	}
	b := make([]byte, 0, plainSize)
	b = binary.BigEndian.AppendUint32(b, uint32(minutes))
	b = binary.BigEndian.AppendUint32(b, r.ListN)
	b = append(b, r.ListHash[:]...)
	slots := make(map[[LeaseSize]byte]bool, len(r.Leases))
	for _, i := range shuffled(len(r.Leases)) {
		slot, err := r.Leases[i].Encode52()
		if err != nil {
			return nil, err
		}
		if slots[slot] {
			return nil, errTwice
		}
		slots[slot] = true
		b = append(b, slot[:]...)
	}
	return b[:plainSize], nil
}

var errTwice = wire.ErrValue.Because("a lease stands twice in the record")

// shuffled are the numbers below n in random order.
func shuffled(n int) []int {
	out := make([]int, n)
	for i := range out {
		j := uniform(i + 1)
		out[i], out[j] = out[j], i
	}
	return out
}

// uniform is a random number below n, which is at most MaxLeases.
func uniform(n int) int {
	var b [1]byte
	for {
		_, _ = rand.Read(b[:]) // never fails
		if limit := 256 - 256%n; int(b[0]) < limit {
			return int(b[0]) % n
		}
	}
}

// OpenRecord decrypts a record of the person a, for holders of the address secret
// s. That it is not older than one seen before, by Made or ListN, is the caller's
// to check. Errors: those of ParseRecord, wire.ErrClock (not of today, yesterday
// or tomorrow, or made more than a day after now), wire.ErrOpen (of somebody else,
// or under another secret or network), and for the content wire.ErrValue and
// wire.ErrPublicKey.
func OpenRecord(b []byte, a key.IdentityPublic, s key.AddressSecret, n key.Network, now time.Time) (*Record, error) {
	h, err := head(b)
	if err != nil {
		return nil, err
	}
	if err := h.Current(now); err != nil {
		return nil, err
	}
	name, err := key.RecordName(a, s, n, h.Day)
	if err != nil {
		return nil, wire.ErrPublicKey
	}
	if name != h.Name {
		return nil, wire.ErrOpen.Because("address record of somebody else")
	}
	if !h.Name.Verify(key.ContextAddress, b[:recordSig], b[recordSig:]) {
		return nil, wire.ErrSignature.Because("address record")
	}
	k := key.RecordCipherKey(a, s, name)
	aead, err := chacha20poly1305.NewX(k[:])
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, b[recordNonce:recordSealed], b[recordSealed:recordSig], b[:recordSealed])
	if err != nil {
		return nil, wire.ErrOpen.Because("address record")
	}
	r, err := parseRecord(plain)
	if err != nil {
		return nil, err
	}
	if r.Made.After(now.Add(wire.ClockTolerance)) {
		return nil, wire.ErrClock.Because("an address record from the future")
	}
	r.Day, r.Seq = h.Day, h.Seq
	return r, nil
}

// parseRecord reads a record's plaintext strictly: used slots, then zeros.
func parseRecord(b []byte) (*Record, error) {
	switch {
	case len(b) < plainSize:
		return nil, wire.ErrTruncated
	case len(b) > plainSize:
		return nil, wire.ErrTrailing
	}
	r := &Record{
		Made:     time.Unix(int64(binary.BigEndian.Uint32(b))*60, 0).UTC(),
		ListN:    binary.BigEndian.Uint32(b[4:]),
		ListHash: [32]byte(b[8:plainLeases]),
	}
	rest := b[plainLeases:]
	seen := make(map[[LeaseSize]byte]bool, MaxLeases)
	for len(r.Leases) < MaxLeases && rest[LeaseSize-1] != 0 {
		l, err := Parse52(rest[:LeaseSize])
		if err != nil {
			return nil, err
		}
		slot := [LeaseSize]byte(rest)
		if seen[slot] {
			return nil, errTwice
		}
		seen[slot] = true
		r.Leases, rest = append(r.Leases, l), rest[LeaseSize:]
	}
	for _, zero := range rest {
		if zero != 0 {
			return nil, wire.ErrValue.Because("unused slots of an address record")
		}
	}
	return r, nil
}
