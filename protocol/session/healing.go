package session

import (
	"crypto/mlkem"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Sizes of what heals a session, in bytes.
const (
	PQKeySize        = mlkem.EncapsulationKeySize768 // 1184
	PQCiphertextSize = mlkem.CiphertextSize768       // 1088

	pqSeedSize   = mlkem.SeedSize      // 64, the stored form of a decapsulation key
	pqSecretSize = mlkem.SharedKeySize // 32
)

// When a side offers a key (docs/protocol/session.md, "Healing"). A turn is a
// root step; two come with each new chain of the peer.
const (
	PQInterval = day // since the last secret was mixed in, or the last own offer
	PQTurns    = 50
	PQTimeout  = 3 * day // an own key that nobody answered is erased

	// The responder waits half as long again, so that mostly one side offers.
	pqPatience = PQInterval / 2
	pqMore     = PQTurns / 2
)

// MaxPQID is the largest id of a post-quantum secret; the responder's largest
// is one less. After it a session takes no more, and a new init is due.
const MaxPQID = 65534

// PQKey is an encapsulation key of ML-KEM-768 that one side offers the other.
type PQKey struct {
	Session [8]byte // th[:8]
	ID      uint16  // initiator 2, 4, ...; responder 1, 3, ...
	Key     [PQKeySize]byte
}

// PQCiphertext answers a PQKey.
type PQCiphertext struct {
	Session    [8]byte // as in the key
	ID         uint16  // of the key
	KeyHash    [8]byte // SHA-256(key)[:8]
	Ciphertext [PQCiphertextSize]byte
	Confirm    [8]byte // KDF("pq-confirm", secret)[:8]
}

// healing is the post-quantum part of a session. What it points to never
// changes.
type healing struct {
	// The last event that makes the side wait again: the session's
	// confirmation, a secret mixed in by either side, an own offer.
	at    uint64 // ms; 0 before the confirmation
	chain uint32 // the receiving chain of that moment

	// own keys: this side decapsulates
	last  uint16              // id of the newest; 0 none yet
	own   *ownKey             // the newest, until it is answered or timed out
	ready *[pqSecretSize]byte // of the newest, for the next sending chain

	// the peer's keys: this side encapsulates
	peerLast uint16         // id of the newest; 0 none yet
	pending  *pendingSecret // of the newest, until a chain of the peer names it

	// what the headers of the two current chains name
	sendID uint16
	recvID uint16
}

// ownKey is a decapsulation key whose ciphertext did not come yet.
type ownKey struct {
	seed [pqSeedSize]byte
	made uint64 // ms
}

// pendingSecret is a secret that waits for the peer's chain. The answer stays
// with it: a repeated key must get the same one, as the peer may hold either.
type pendingSecret struct {
	secret     [pqSecretSize]byte
	keyHash    [8]byte
	ciphertext [PQCiphertextSize]byte
}

// pqIDOf reports whether the id is one of the initiator's, or of the responder's.
func pqIDOf(initiator bool, id uint16) bool {
	return id != 0 && id <= MaxPQID && (id%2 == 0) == initiator
}

// nextPQID is the id of the next own key, 0 if there is none left.
func (s *Session) nextPQID() uint16 {
	switch {
	case s.pq.last == 0 && s.initiator:
		return 2
	case s.pq.last == 0:
		return 1
	case s.pq.last > MaxPQID-2:
		return 0
	}
	return s.pq.last + 2
}

// apart is the time between a stored moment and now, whichever is earlier: a
// clock that was once wrong must not keep a key alive.
func apart(at uint64, now time.Time) time.Duration { return now.Sub(wire.Time(at)).Abs() }

// timedOut reports whether an own key has to be erased.
func (k *ownKey) timedOut(now time.Time) bool { return apart(k.made, now) >= PQTimeout }

// PQDue reports whether the side should offer a key with PQOffer: a day or 50
// turns (the responder: 36 hours or 75 turns) after the session was confirmed,
// a secret was mixed in or a key was offered, if the peer made a step since,
// and if no secret waits for the next sending chain. It is asked of the
// session that sends. Nothing is due in a session in which nobody speaks, for
// only steps heal.
func (s *Session) PQDue(now time.Time) bool {
	outstanding := s.pq.own != nil && !s.pq.own.timedOut(now)
	if !s.Confirmed() || s.pq.ready != nil || !outstanding && s.nextPQID() == 0 || s.recvNo == s.pq.chain {
		return false
	}
	interval, turns := PQInterval, uint32(PQTurns)
	if !s.initiator {
		interval, turns = interval+pqPatience, turns+pqMore
	}
	return apart(s.pq.at, now) >= interval || 2*uint64(s.recvNo-s.pq.chain) >= uint64(turns)
}

// PQOffer gives a key to send to the peer on this session: the outstanding one
// again, or a new one with the next id. Its private half stays in the state
// until PQFinish took the ciphertext, at most three days. Errors: ErrUnexpected
// before the session is confirmed, and while a secret waits for the next
// sending chain; ErrLimit after the last id.
func (s *Session) PQOffer(now time.Time) (*Session, PQKey, error) {
	switch {
	case !s.Confirmed():
		return nil, PQKey{}, wire.ErrUnexpected.Because("a post-quantum key before the session is confirmed")
	case s.pq.ready != nil:
		return nil, PQKey{}, wire.ErrUnexpected.Because("a post-quantum key while a secret waits")
	}
	next := *s
	next.dropOld(now)
	if next.pq.own == nil {
		id := s.nextPQID()
		if id == 0 {
			return nil, PQKey{}, wire.ErrLimit.Because("post-quantum keys of a session")
		}
		next.pq.last, next.pq.own = id, newOwnKey(now)
	}
	private, err := next.pq.own.private()
	if err != nil {
		return nil, PQKey{}, err
	}
	next.wait(now)
	k := PQKey{Session: s.shortID(), ID: next.pq.last}
	copy(k.Key[:], private.EncapsulationKey().Bytes())
	return &next, k, nil
}

// newOwnKey makes a decapsulation key from 64 random bytes, d | z of FIPS 203.
func newOwnKey(now time.Time) *ownKey {
	k := &ownKey{made: wire.Millis(now)}
	_, _ = rand.Read(k.seed[:]) // never fails
	return k
}

func (k *ownKey) private() (*mlkem.DecapsulationKey768, error) {
	private, err := mlkem.NewDecapsulationKey768(k.seed[:])
	if err != nil {
		return nil, wire.ErrValue.Because("own post-quantum key")
	}
	return private, nil
}

// PQAnswer answers a key that came on this session. The secret waits in the
// state for a chain of the peer whose headers name it. A repeated key gets the
// same answer until then. A key with a larger id replaces the secret of the one
// before: the peer makes it only after that one was mixed in, which the message
// with the key or an earlier one brought, or given up. Errors: ErrValue for
// another session's key or an id that is not the peer's, ErrReplayed for an id
// that was used before, ErrPublicKey, ErrUnexpected before the session is
// confirmed.
func (s *Session) PQAnswer(k PQKey, now time.Time) (*Session, PQCiphertext, error) {
	var none PQCiphertext
	switch {
	case !s.Confirmed():
		return nil, none, wire.ErrUnexpected.Because("a post-quantum key before the session is confirmed")
	case k.Session != s.shortID():
		return nil, none, wire.ErrValue.Because("post-quantum key of another session")
	case !pqIDOf(!s.initiator, k.ID):
		return nil, none, wire.ErrValue.Because("id of a post-quantum key")
	}
	next, hash := *s, short(k.Key[:])
	next.dropOld(now)
	if k.ID <= s.pq.peerLast {
		if p := s.pq.pending; p == nil || k.ID != s.pq.peerLast || hash != p.keyHash {
			return nil, none, wire.ErrReplayed.Because("id of a post-quantum key")
		}
		return &next, next.answer(), nil
	}
	public, err := mlkem.NewEncapsulationKey768(k.Key[:])
	if err != nil {
		return nil, none, wire.ErrPublicKey.Because("post-quantum key")
	}
	secret, ciphertext := public.Encapsulate()
	next.pq.peerLast = k.ID
	next.pq.pending = &pendingSecret{[pqSecretSize]byte(secret), hash, [PQCiphertextSize]byte(ciphertext)}
	return &next, next.answer(), nil
}

// answer is the answer to the peer's newest key.
func (s *Session) answer() PQCiphertext {
	p := s.pq.pending
	return PQCiphertext{Session: s.shortID(), ID: s.pq.peerLast, KeyHash: p.keyHash, Ciphertext: p.ciphertext, Confirm: pqConfirm(p.secret[:])}
}

// PQFinish takes the answer to the outstanding own key. The private key is
// erased and the secret enters the root step of the next sending chain, whose
// headers name it. Errors: ErrValue for another session's or key's answer,
// ErrReplayed if no own key with this id is outstanding (any more), ErrOpen if
// the confirmation is another one.
func (s *Session) PQFinish(c PQCiphertext, now time.Time) (*Session, error) {
	if c.Session != s.shortID() || !pqIDOf(s.initiator, c.ID) {
		return nil, wire.ErrValue.Because("post-quantum ciphertext of another session")
	}
	next := *s
	next.dropOld(now)
	if next.pq.own == nil || c.ID != next.pq.last {
		return nil, wire.ErrReplayed.Because("no own post-quantum key with this id waits")
	}
	private, err := next.pq.own.private()
	if err != nil {
		return nil, err
	}
	if short(private.EncapsulationKey().Bytes()) != c.KeyHash {
		return nil, wire.ErrValue.Because("post-quantum ciphertext for another key")
	}
	secret, err := private.Decapsulate(c.Ciphertext[:])
	if err != nil {
		return nil, wire.ErrOpen.Because("post-quantum ciphertext")
	}
	confirm := pqConfirm(secret)
	if subtle.ConstantTimeCompare(confirm[:], c.Confirm[:]) != 1 {
		return nil, wire.ErrOpen.Because("confirmation of a post-quantum secret")
	}
	ready := [pqSecretSize]byte(secret)
	next.pq.own, next.pq.ready = nil, &ready
	return &next, nil
}

// takePending is the secret that the headers of a new chain of the peer name,
// nothing for 0. It leaves the state.
func (s *Session) takePending(id uint16) ([]byte, error) {
	s.pq.recvID = id
	if id == 0 {
		return nil, nil
	}
	p := s.pq.pending
	if p == nil || id != s.pq.peerLast {
		return nil, wire.ErrOpen.Because("a post-quantum secret that is not known")
	}
	s.pq.pending = nil
	return p.secret[:], nil
}

// takeReady is the secret for a new sending chain, or nothing. It leaves the
// state, and the headers of the chain name it.
func (s *Session) takeReady() []byte {
	ready := s.pq.ready
	if ready == nil {
		s.pq.sendID = 0
		return nil
	}
	s.pq.ready, s.pq.sendID = nil, s.pq.last
	return ready[:]
}

// wait begins the wait for the next offer.
func (s *Session) wait(now time.Time) {
	s.pq.at, s.pq.chain = max(wire.Millis(now), 1), s.recvNo
}

// shortID names the session in what heals it: th[:8].
func (s *Session) shortID() [8]byte { return [8]byte(s.th[:8]) }

// short is SHA-256(b)[:8].
func short(b []byte) [8]byte {
	h := sha256.Sum256(b)
	return [8]byte(h[:8])
}

func pqConfirm(secret []byte) [8]byte {
	k := key.KDF32(key.LabelPQConfirm, secret)
	return [8]byte(k[:8])
}
