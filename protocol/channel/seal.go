package channel

import (
	"bytes"
	"crypto/cipher"
	"encoding/binary"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Life is how long a channel is used, from its set-up on: each end counts by its
// own clock.
const Life = 24 * time.Hour

// Limits of a channel.
const (
	// Ahead is how many requests may follow the oldest one that is still open,
	// that one included.
	Ahead = 64
	// Window is how many n, from the highest seen downwards, the target's end
	// remembers the bytes of.
	Window = 128
	// MaxRequests is how many requests one channel takes.
	MaxRequests = 1 << 16
)

// RequestID is the request id of the one frame inside a request. Answers carry it
// too; a Commit has the id 0 and one item with this id.
const RequestID = 1

// info is what the set-up is bound to: "zms/1/forward" | 0x00 | network 4 | node
// key 32.
func info(to key.Place) []byte {
	return key.Join([]byte(key.PrefixForwardInfo), []byte{0}, to.Network[:], to.Node[:])
}

// exporter is either end of an HPKE set-up.
type exporter interface {
	Export(exporterContext string, length int) ([]byte, error)
}

// ends is what both ends of a channel share.
type ends struct {
	id      [wire.ChannelIDSize]byte
	beside  [wire.ChannelIDSize + len(key.NodePublic{})]byte // channel 16 | node key 32 of the target
	ciphers *ciphers
	made    time.Time
	nonce   [chacha20poly1305.NonceSize]byte // of the request that is at work
}

// ciphers hold the channel's secrets, as long as the channel is there. They stand two
// pointers away from its ends: fmt walks past one when it is handed an end.
type ciphers struct {
	forward  cipher.AEAD // with kf
	backward cipher.AEAD // with kb
}

// shared takes what a set-up gives. It fails only if the exports do.
func shared(to key.Place, x exporter, now time.Time) (e ends, err error) {
	kf, err1 := x.Export(key.ExportForward, chacha20poly1305.KeySize)
	kb, err2 := x.Export(key.ExportForwardBack, chacha20poly1305.KeySize)
	id, err3 := x.Export(key.ExportForwardID, wire.ChannelIDSize)
	if err1 != nil || err2 != nil || err3 != nil {
		return ends{}, wire.ErrOpen
	}
	e = ends{made: now, ciphers: &ciphers{}}
	copy(e.id[:], id)
	copy(e.beside[:], id)
	copy(e.beside[wire.ChannelIDSize:], to.Node[:])
	if e.ciphers.forward, err = chacha20poly1305.New(kf); err == nil {
		e.ciphers.backward, err = chacha20poly1305.NewX(kb)
	}
	clear(kf) // the ciphers have copies
	clear(kb)
	return e, err
}

// ID is the channel's id.
func (e *ends) ID() [wire.ChannelIDSize]byte { return e.id }

// Expired reports whether the channel's time is over.
func (e *ends) Expired(now time.Time) bool { return now.Sub(e.made) >= Life }

// requests is what seals request n, with its nonce, until the next call, and what is
// authenticated beside it.
func (e *ends) requests(n uint32) (a cipher.AEAD, nonce, aad []byte) {
	binary.BigEndian.PutUint32(e.nonce[len(e.nonce)-4:], n)
	return e.ciphers.forward, e.nonce[:], e.beside[:]
}

// besideAnswer is what is authenticated beside an answer: channel 16 | n 4 | node
// key 32 of the target.
type besideAnswer [wire.ChannelIDSize + 4 + len(key.NodePublic{})]byte

// answers is what seals the answer to request n, with what is authenticated beside
// it, which is written to aad.
func (e *ends) answers(n uint32, aad *besideAnswer) (cipher.AEAD, []byte) {
	b := append(aad[:0], e.id[:]...)
	b = binary.BigEndian.AppendUint32(b, n)
	return e.ciphers.backward, append(b, e.beside[len(e.id):]...)
}

// padded is a frame and zeros up to size bytes, with room for sealing them in
// place. Error: wire.ErrTooLarge if the frame is longer.
func padded(size int, id uint64, p wire.Payload) ([]byte, error) {
	plain := wire.AppendFrame(make([]byte, 0, size+overhead), id, p)
	if len(plain) > size {
		return nil, wire.ErrTooLarge
	}
	return plain[:size], nil
}

// unpadded is the frame that stands before nothing but zeros. Errors: those of
// wire.NextFrame, wire.ErrMalformed for other bytes behind it.
func unpadded(plain []byte) (wire.Frame, error) {
	f, rest, err := wire.NextFrame(plain)
	if err != nil {
		return wire.Frame{}, err
	}
	if n := len(rest); n > 0 && (rest[0] != 0 || !bytes.Equal(rest[1:], rest[:n-1])) { // each as the one before
		return wire.Frame{}, wire.ErrMalformed.Because("padding that is not zeros")
	}
	return f, nil
}
