package session

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// The texts that carry what heals a session; the number makes each unique.
const (
	keyText        = "pq-key"
	ciphertextText = "pq-ciphertext"
)

func (k PQKey) text(n int) string {
	return fmt.Sprintf("%s %d %x", keyText, n, key.Join(k.Session[:], wire.Uint32(uint32(k.ID)), k.Key[:]))
}

func (c PQCiphertext) text(n int) string {
	return fmt.Sprintf("%s %d %x", ciphertextText, n, key.Join(c.Session[:], wire.Uint32(uint32(c.ID)), c.KeyHash[:], c.Ciphertext[:], c.Confirm[:]))
}

// parsePQ is the key or ciphertext in a text, or neither.
func parsePQ(text string) (k *PQKey, c *PQCiphertext) {
	f := strings.Fields(text)
	if len(f) != 3 {
		return nil, nil
	}
	b, err := hex.DecodeString(f[2])
	if err != nil || len(b) < 12 {
		return nil, nil
	}
	session, id, rest := [8]byte(b), uint16(b[10])<<8|uint16(b[11]), b[12:]
	switch f[0] {
	case keyText:
		return &PQKey{session, id, [PQKeySize]byte(rest)}, nil
	case ciphertextText:
		return nil, &PQCiphertext{session, id, [8]byte(rest), [PQCiphertextSize]byte(rest[8:]), [8]byte(rest[8+PQCiphertextSize:])}
	}
	return nil, nil
}

// named is the session that a key or ciphertext names.
func (s *side) named(short [8]byte) *Session {
	for _, one := range s.set.All() {
		if one.shortID() == short {
			return one
		}
	}
	return nil
}

// healer lets two sides heal their sessions over a network that loses, repeats
// and reorders, and holds what it sees against the rules.
type healer struct {
	network
	keys        [2][]PQKey // that a side opened
	ciphertexts [2][]PQCiphertext
	chains      map[string]uint16 // session, side and ratchet key of a sending chain -> what it names
	named       map[string]bool   // session, side and id of a chain that was sent on
	last        map[string]uint16 // session and side -> the largest id offered
}

func newHealer(t *testing.T, seed int) *healer {
	h := &healer{chains: map[string]uint16{}, named: map[string]bool{}, last: map[string]uint16{}}
	h.network = network{t: t, r: rand.New(rand.NewPCG(uint64(seed), 2)), now: start(), got: map[string]int{}}
	h.sides = [2]*side{newSide(h.now), newSide(h.now)}
	h.network.opened = h.opened
	return h
}

// offer makes a key on the session that sends, due or not.
func (h *healer) offer(from int) {
	s := h.sides[from].set.Sending()
	next, k, err := s.PQOffer(h.now)
	if err != nil {
		if !errors.Is(err, wire.ErrUnexpected) || s.Confirmed() && s.pq.ready == nil {
			h.t.Fatalf("offering: %v", err)
		}
		return
	}
	name := fmt.Sprintf("%x %d", s.th, from)
	if again := s.pq.own != nil && !s.pq.own.timedOut(h.now); again != (k.ID == h.last[name]) || k.ID < h.last[name] ||
		(k.ID%2 == 0) != s.initiator {
		h.t.Fatalf("id %d after %d, repeated: %v, initiator: %v", k.ID, h.last[name], again, s.initiator)
	}
	h.last[name] = k.ID
	h.sides[from].put(h.t, next)
	h.say(from, next, k.text(h.sent))
}

func (h *healer) say(from int, on *Session, text string) {
	h.sent++
	h.post(from, on, text)
}

// opened does what the engine does with what came.
func (h *healer) opened(to int, text string) {
	k, c := parsePQ(text)
	switch {
	case k != nil:
		h.keys[to] = append(h.keys[to], *k)
		h.answer(to, *k)
	case c != nil:
		h.ciphertexts[to] = append(h.ciphertexts[to], *c)
		h.finish(to, *c)
	}
}

func (h *healer) answer(at int, k PQKey) {
	s := h.sides[at].named(k.Session)
	if s == nil {
		return
	}
	before := s.Encode()
	next, c, err := s.PQAnswer(k, h.now)
	switch {
	case err != nil && !errors.Is(err, wire.ErrReplayed):
		h.t.Fatalf("answering: %v", err)
	case k.ID > s.pq.peerLast && err != nil:
		h.t.Fatalf("a new key is refused: %v", err)
	case !bytes.Equal(s.Encode(), before):
		h.t.Fatal("answering changed the state it began from")
	case err != nil:
		return
	case k.ID == s.pq.peerLast && c != s.answer():
		h.t.Fatal("a repeated key got another answer")
	}
	h.sides[at].put(h.t, next)
	h.say(at, next, c.text(h.sent))
}

func (h *healer) finish(at int, c PQCiphertext) {
	s := h.sides[at].named(c.Session)
	if s == nil {
		return
	}
	next, err := s.PQFinish(c, h.now)
	if err != nil {
		if !errors.Is(err, wire.ErrReplayed) {
			h.t.Fatalf("finishing: %v", err)
		}
		return
	}
	h.sides[at].put(h.t, next)
}

// look holds the ids against the rules: one for each chain, none twice.
func (h *healer) look() {
	for k, side := range h.sides {
		for _, s := range side.set.All() {
			chain := fmt.Sprintf("%x %d %x", s.th, k, s.dhPublic)
			if id, known := h.chains[chain]; known && id != s.pq.sendID {
				h.t.Fatal("a chain names another secret than before")
			} else if !known && s.pq.sendID != 0 {
				name := fmt.Sprintf("%x %d %d", s.th, k, s.pq.sendID)
				if h.named[name] || !pqIDOf(s.initiator, s.pq.sendID) {
					h.t.Fatalf("id %d entered two chains, or is not the side's", s.pq.sendID)
				}
				h.named[name] = true
			}
			h.chains[chain] = s.pq.sendID
		}
	}
}

// count is the number of secrets that entered both sides' roots.
func (h *healer) count() int { return len(h.sides[0].healed) + len(h.sides[1].healed) }

func (h *healer) run(steps int) {
	for range steps {
		k := h.r.IntN(2)
		s := h.sides[k].set.Sending()
		switch n := h.r.IntN(20); {
		case n < 2:
			h.network.run(1) // now and then an init, or a restart
		case n < 5 && s != nil && (s.PQDue(h.now) || n == 4):
			h.offer(k)
		case n == 5 && len(h.keys[k]) > 0: // an old body again
			h.answer(k, h.keys[k][h.r.IntN(len(h.keys[k]))])
		case n == 6 && len(h.ciphertexts[k]) > 0:
			h.finish(k, h.ciphertexts[k][h.r.IntN(len(h.ciphertexts[k]))])
		case n == 7:
			h.now = h.now.Add(time.Duration(h.r.IntN(40)) * time.Hour)
		case n < 12:
			h.send(k)
		default:
			h.take(k)
		}
		h.look()
	}
}

// TestHealingRuns has two sides heal their sessions while what they say, and
// what heals, is lost, repeated and reordered, and inits come in between:
// whatever arrives opens, and the sides heal as soon as the network is good.
func TestHealingRuns(t *testing.T) {
	healed, runs := 0, 240
	if testing.Short() {
		runs = 60
	}
	for seed := range runs {
		h := newHealer(t, seed)
		h.run(60 + h.r.IntN(120))
		h.settle()
		count := h.count()
		healed += count
		h.good = true
		for round := 0; h.count() == count; round++ {
			if round == 12 {
				t.Fatalf("seed %d: nothing heals on a good network", seed)
			}
			h.now = h.now.Add(13 * time.Hour)
			for k, s := range h.sides {
				if s.set.Sending().PQDue(h.now) {
					h.offer(k)
				}
			}
			h.settle()
			h.look()
		}
		for _, s := range h.sides {
			for _, one := range s.set.All() {
				if one.pq.own != nil && one.pq.ready != nil || one.pq.pending != nil && one.pq.recvID == one.pq.peerLast {
					t.Fatal("a secret is there twice")
				}
			}
		}
	}
	if healed < 2*runs {
		t.Errorf("only %d secrets were mixed in in %d runs", healed, runs)
	}
}
