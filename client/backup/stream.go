package backup

import (
	"bufio"
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"

	"zeroms/protocol/key"
)

// Sizes in bytes.
const (
	magic      = "ZMSARCHIVE"
	version    = 1
	lockWords  = 0
	lockPhrase = 1
	saltSize   = 32
	headSize   = len(magic) + 2 + saltSize + 4 + 4 + 1 // 53
	chunkSize  = 64 << 10
	sealedSize = chunkSize + chacha20poly1305.Overhead
	maxChunks  = 1 << 16 // 4 GiB
)

// cost is what Argon2id (RFC 9106) is asked to spend.
type cost struct {
	passes, memoryKiB uint32
	lanes             uint8
}

// usual is what new archives ask for: 256 MiB, about a second of a desktop's
// core. An archive lies where others may take a copy and try for years.
func usual() cost { return cost{passes: 4, memoryKiB: 256 << 10, lanes: 1} }

// bounded reports whether the cost of a file may be spent at all.
func (c cost) bounded() bool {
	return c.passes >= 1 && c.passes <= 16 && c.lanes >= 1 && c.lanes <= 4 &&
		c.memoryKiB >= 8*uint32(c.lanes) && c.memoryKiB <= 1<<20
}

// Lock is what a new archive can be opened with: the 24 words, or a passphrase.
type Lock struct {
	seed       key.Seed
	passphrase func() string // nil: the words; a function, so that no print shows it
	cost       cost
}

// WithWords locks an archive with the owner's 24 words.
func WithWords(seed key.Seed) Lock { return Lock{seed: seed} }

// WithPassphrase locks an archive with a passphrase, which is taken byte by byte.
func WithPassphrase(text string) Lock {
	return Lock{passphrase: func() string { return text }, cost: usual()}
}

// Keys open an archive, whichever of them it asks for.
type Keys struct {
	// Seed is the owner's.
	Seed key.Seed
	// Passphrase is called if the archive has one.
	Passphrase func() (string, error)
}

// head is the beginning of an archive.
type head struct {
	lock byte
	salt [saltSize]byte
	cost cost // zeros with lockWords
}

func (h *head) encode() []byte {
	b := append([]byte(magic), version, h.lock)
	b = append(b, h.salt[:]...)
	b = binary.BigEndian.AppendUint32(b, h.cost.passes)
	b = binary.BigEndian.AppendUint32(b, h.cost.memoryKiB)
	return append(b, h.cost.lanes)
}

// parseHead reads a head. The cost is within bounds then. Errors: ErrNotArchive,
// ErrNewer, ErrChanged.
func parseHead(b []byte) (*head, error) {
	if len(b) < len(magic)+1 || string(b[:len(magic)]) != magic {
		return nil, ErrNotArchive
	}
	switch v := b[len(magic)]; {
	case v == 0:
		return nil, ErrNotArchive
	case v > version:
		return nil, ErrNewer
	case len(b) < headSize:
		return nil, ErrChanged
	}
	h := &head{lock: b[len(magic)+1]}
	rest := b[len(magic)+2:]
	copy(h.salt[:], rest)
	rest = rest[saltSize:]
	h.cost = cost{binary.BigEndian.Uint32(rest), binary.BigEndian.Uint32(rest[4:]), rest[8]}
	switch {
	case h.lock == lockWords && h.cost == cost{}, h.lock == lockPhrase && h.cost.bounded():
		return h, nil
	}
	return nil, ErrChanged
}

// aeadOf is the cipher of an archive under a key.
func aeadOf(k [32]byte) cipher.AEAD {
	a, err := chacha20poly1305.NewX(k[:])
	if err != nil {
		panic("backup: a cipher key must have 32 bytes") // it is an array of 32
	}
	return a
}

func (h *head) byPassphrase(text string) cipher.AEAD {
	stretched := argon2.IDKey([]byte(text), h.salt[:], h.cost.passes, h.cost.memoryKiB, h.cost.lanes, 32)
	defer clear(stretched)
	return aeadOf(key.ArchivePassphraseKey([32]byte(stretched), h.salt[:]))
}

// nonce is zeros 15 | number 8 | last 1. The key is the file's own.
func nonce(number uint64, last bool) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 15, chacha20poly1305.NonceSizeX), number)
	if last {
		return append(b, 1)
	}
	return append(b, 0)
}

// writer seals what is written to it in chunks. Close writes the last one.
type writer struct {
	to     io.Writer
	aead   cipher.AEAD
	head   []byte
	buffer []byte
	number uint64
}

// newWriter writes the head. Errors: ErrEmptyPassphrase, those of to.
func newWriter(to io.Writer, l Lock) (*writer, error) {
	h := head{lock: lockWords}
	_, _ = rand.Read(h.salt[:]) // never fails
	w := &writer{to: to, buffer: make([]byte, 0, chunkSize)}
	if l.passphrase == nil {
		w.aead = aeadOf(key.ArchiveKey(l.seed, h.salt[:]))
	} else {
		if l.passphrase() == "" {
			return nil, ErrEmptyPassphrase
		}
		h.lock, h.cost = lockPhrase, l.cost
		w.aead = h.byPassphrase(l.passphrase())
	}
	w.head = h.encode()
	_, err := to.Write(w.head)
	return w, err
}

// Write takes more of the content.
func (w *writer) Write(b []byte) (n int, err error) {
	for len(b) > 0 {
		if len(w.buffer) == chunkSize { // never the last chunk: more follows
			if err := w.flush(false); err != nil {
				return n, err
			}
		}
		took := min(len(b), chunkSize-len(w.buffer))
		w.buffer = append(w.buffer, b[:took]...)
		b, n = b[took:], n+took
	}
	return n, nil
}

func (w *writer) flush(last bool) error {
	if w.number == maxChunks {
		return ErrTooLarge
	}
	sealed := w.aead.Seal(nil, nonce(w.number, last), w.buffer, w.head)
	w.number++
	w.buffer = w.buffer[:0]
	_, err := w.to.Write(sealed)
	return err
}

// Close writes the last chunk; it does not close what is written to.
func (w *writer) Close() error { return w.flush(true) }

// reader opens an archive chunk by chunk. Nothing that it hands out may be used
// before io.EOF came: only then the whole file is known to be there.
type reader struct {
	from    *bufio.Reader
	aead    cipher.AEAD
	head    []byte
	wrong   error // of a first chunk that does not open
	content bytes.Reader
	number  uint64
	done    bool
}

// newReader reads the head and finds the key. Errors: ErrNotArchive, ErrNewer,
// ErrChanged, ErrEmptyPassphrase, those of from and of k.
func newReader(from io.Reader, k Keys) (*reader, error) {
	r := &reader{from: bufio.NewReaderSize(from, sealedSize+1), head: make([]byte, headSize)}
	n, err := io.ReadFull(r.from, r.head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	h, err := parseHead(r.head[:n])
	if err != nil {
		return nil, err
	}
	if h.lock == lockWords {
		r.aead, r.wrong = aeadOf(key.ArchiveKey(k.Seed, h.salt[:])), ErrWords
		return r, nil
	}
	text, err := k.Passphrase()
	if err != nil {
		return nil, err
	}
	if text == "" {
		return nil, ErrEmptyPassphrase
	}
	r.aead, r.wrong = h.byPassphrase(text), ErrPassphrase
	return r, nil
}

// Read hands out opened content. Errors: ErrWords, ErrPassphrase, ErrChanged,
// ErrTooLarge, those of the file.
func (r *reader) Read(b []byte) (int, error) {
	for r.content.Len() == 0 {
		if r.done {
			return 0, io.EOF
		}
		if err := r.next(); err != nil {
			return 0, err
		}
	}
	return r.content.Read(b)
}

// next opens one chunk. It is the last if the file ends behind it.
func (r *reader) next() error {
	if r.number == maxChunks {
		return ErrTooLarge
	}
	sealed := make([]byte, sealedSize)
	n, err := io.ReadFull(r.from, sealed)
	last := false
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		last = true
	case err != nil:
		return err
	default:
		_, err := r.from.Peek(1)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		last = err != nil
	}
	plain, err := r.aead.Open(nil, nonce(r.number, last), sealed[:n], r.head)
	if err != nil && r.number == 0 && !r.opens(sealed[:n], !last) {
		return r.wrong
	}
	if err != nil || len(plain) == 0 {
		return ErrChanged
	}
	r.number, r.done = r.number+1, last
	r.content.Reset(plain)
	return nil
}

// opens tells a wrong key from a file that was cut behind its first chunk, or
// had something put behind its only one.
func (r *reader) opens(sealed []byte, last bool) bool {
	_, err := r.aead.Open(nil, nonce(0, last), sealed, r.head)
	return err == nil
}
