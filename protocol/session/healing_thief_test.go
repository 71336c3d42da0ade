package session

import (
	"crypto/mlkem"
	"fmt"
	"testing"
	"time"

	"zeroms/protocol/envelope"
	"zeroms/protocol/key"
)

// quantum is a thief who copied one side's state, sees every envelope, and
// computes the private half of every X25519 key. It opens what those allow; of
// ML-KEM it has only the decapsulation keys that were in the copy.
type quantum struct {
	t        *testing.T
	own      int // the side that was robbed: 0 or 1
	root     [32]byte
	dh       [2]key.DHPublic // of the newest sending chain of each side
	next     [2][32]byte     // NHK of each side
	chains   [2][]*tapped    // sending chains of each side
	secrets  map[uint16][]byte
	seed     []byte // of a decapsulation key in the copy
	seedID   uint16
	privates map[key.DHPublic]key.DHPrivate
}

// tapped is a sending chain that the thief knows from an index on.
type tapped struct {
	head, ck [32]byte
	from     uint32
}

// rob copies the state of sides[own].
func rob(t *testing.T, sides [2]*side, own int) *quantum {
	t.Helper()
	s, err := DecodeSession(sides[own].set.Sending().Encode())
	if err != nil {
		t.Fatal(err)
	}
	q := &quantum{t: t, own: own, root: s.root, secrets: map[uint16][]byte{}, privates: map[key.DHPublic]key.DHPrivate{}}
	peer := 1 - own
	q.dh[own], q.dh[peer] = s.dhPublic, s.peerDH
	q.next[own], q.next[peer] = s.sendNext, s.recvNext.head
	q.chains[own] = []*tapped{{s.sendHead, s.sendCK, s.sendN}}
	q.chains[peer] = []*tapped{{s.recv.head, s.recvCK, s.recv.from}}
	if s.pq.ready != nil {
		q.secrets[s.pq.last] = s.pq.ready[:]
	}
	if s.pq.pending != nil {
		q.secrets[s.pq.peerLast] = s.pq.pending.secret[:]
	}
	if s.pq.own != nil {
		q.seed, q.seedID = s.pq.own.seed[:], s.pq.last
	}
	q.compute(sides)
	return q
}

// compute learns the private halves of all exchange keys there are.
func (q *quantum) compute(sides [2]*side) {
	for _, one := range sides {
		for _, s := range one.set.All() {
			q.privates[s.dhPublic] = s.dh
		}
	}
}

// find is the index of a chain's tag in the envelope.
func find(e *envelope.Envelope, head [32]byte, from uint32) (slot int, i uint32, ok bool) {
	for k, tag := range taggerOf(head).tags(from, 200) {
		for slot, have := range e.Tags() {
			if have == tag {
				return slot, from + uint32(k), true
			}
		}
	}
	return 0, 0, false
}

// open is the text of an envelope that the side sent, if the thief gets at it.
// headerOnly reports whether it got no further than the header.
func (q *quantum) open(from int, env []byte) (text string, headerOnly, ok bool) {
	e, err := envelope.Parse(env)
	if err != nil {
		q.t.Fatal(err)
	}
	for _, c := range q.chains[from] {
		if slot, i, found := find(e, c.head, c.from); found {
			text, ok := q.body(e, slot, c.ck, i-c.from)
			return text, !ok, ok
		}
	}
	slot, i, found := find(e, q.next[from], 0)
	if !found {
		return "", false, false
	}
	raw, err := e.OpenHeader(slot, i, headerKeyOf(q.next[from]))
	if err != nil {
		return "", false, false
	}
	h := ParseHeader(raw)
	private, known := q.privates[h.DH]
	if !known {
		q.t.Fatal("the thief was not given a private key")
	}
	shared, err := private.Shared(q.dh[1-from])
	if err != nil {
		q.t.Fatal(err)
	}
	for _, pq := range [][]byte{nil, q.secrets[h.PQ], make([]byte, 32)} {
		root, ck, next := rootStep(q.root, shared, pq)
		if text, ok = q.body(e, slot, ck, i); ok {
			q.chains[from] = append(q.chains[from], &tapped{q.next[from], ck, 0})
			q.root, q.dh[from], q.next[from] = root, h.DH, next
			return text, false, true
		}
	}
	return "", true, false
}

func (q *quantum) body(e *envelope.Envelope, slot int, ck [32]byte, steps uint32) (string, bool) {
	for range steps {
		ck = nextChainKey(ck)
	}
	records, err := e.OpenBody(slot, messageKey(ck))
	if err != nil {
		return "", false
	}
	text := string(records[0].Body)
	if _, c := parsePQ(text); c != nil && q.seed != nil && c.ID == q.seedID {
		private, err := mlkem.NewDecapsulationKey768(q.seed)
		if err != nil {
			q.t.Fatal(err)
		}
		if q.secrets[c.ID], err = private.Decapsulate(c.Ciphertext[:]); err != nil {
			q.t.Fatal(err)
		}
	}
	return text, true
}

// scene is two sides, and thieves who see all that they say.
type scene struct {
	t       *testing.T
	now     time.Time
	sides   [2]*side
	thieves []*quantum
	said    int
}

// say sends a text and returns for each thief whether it read it.
func (s *scene) say(from int, text string) (read []bool, header []bool) {
	s.t.Helper()
	env := s.sides[from].send(s.t, text, s.now)
	s.sides[1-from].deliver(s.t, env, text, s.now)
	for _, q := range s.thieves {
		q.compute(s.sides)
		got, headerOnly, ok := q.open(from, env)
		if ok && got != text {
			s.t.Fatal("a thief read something else")
		}
		read, header = append(read, ok), append(header, headerOnly)
	}
	s.said++
	return read, header
}

// expect sends a text that each thief reads, or not.
func (s *scene) expect(from int, text string, want ...bool) (header []bool) {
	s.t.Helper()
	text = fmt.Sprintf("%s (%d)", text, s.said)
	read, header := s.say(from, text)
	if fmt.Sprint(read) != fmt.Sprint(want) {
		s.t.Fatalf("%q is read by the thieves: %v, want %v", text, read, want)
	}
	return header
}

func newScene(t *testing.T) *scene {
	s := &scene{t: t, now: start()}
	s.sides[0], s.sides[1] = pair(t, s.now)
	exchange(t, s.sides[0], s.sides[1], 2, s.now)
	return s
}

// exchangeKeys lets a side offer a key, with every part said aloud. It returns
// what the thieves read of the answer.
func (s *scene) exchangeKeys(d int) (read []bool) {
	s.t.Helper()
	k := s.sides[d].offer(s.t, s.now)
	s.say(d, k.text(s.said))
	c := s.sides[1-d].answer(s.t, k, s.now)
	read, _ = s.say(1-d, c.text(s.said))
	s.sides[d].finish(s.t, c, s.now)
	return read
}

// TestQuantumThief: whoever copied a state before a healing, and computes every
// X25519 key made later, reads everything up to the first chain that names the
// secret and nothing from it on, but for the headers of this chain and of the
// peer's next one. That holds for both sides' copies and both sides' keys.
func TestQuantumThief(t *testing.T) {
	for _, d := range []int{0, 1} {
		s := newScene(t)
		if d == 1 {
			s.expect(0, "so that the responder's turn is not the first")
		}
		s.thieves = []*quantum{rob(t, s.sides, 0), rob(t, s.sides, 1)}
		for range 10 { // new X25519 keys alone do not shut out this thief
			s.expect(0, "before", true, true)
			s.expect(1, "before", true, true)
		}
		if read := s.exchangeKeys(d); !read[0] || !read[1] {
			t.Fatal("the thieves did not see the ciphertext: the test shows nothing")
		}
		s.expect(d, "the chain that was there", true, true)
		s.expect(1-d, "the peer's turn", true, true)
		for n := range 3 {
			if header := s.expect(d, "healed", false, false); !header[0] || !header[1] {
				t.Errorf("message %d of the healed chain: its headers belong to the chain before", n)
			}
		}
		for n := range 5 {
			if header := s.expect(1-d, "after", false, false); header[0] != (n == 0) || header[1] != (n == 0) {
				t.Errorf("the headers of the peer's chain %d: %v", n, header)
			}
			if header := s.expect(d, "after", false, false); header[0] || header[1] {
				t.Errorf("the headers of a chain after the healed one: %v", header)
			}
		}
	}
}

// TestThiefInsideAnExchange: a copy made while a key is outstanding, or a
// secret waits, follows through that healing and is shut out by the next.
func TestThiefInsideAnExchange(t *testing.T) {
	s := newScene(t)
	k := s.sides[0].offer(t, s.now)
	s.thieves = []*quantum{rob(t, s.sides, 0)} // holds the private key
	s.say(0, k.text(s.said))
	c := s.sides[1].answer(t, k, s.now)
	s.thieves = append(s.thieves, rob(t, s.sides, 1)) // holds the pending secret
	s.say(1, c.text(s.said))
	s.sides[0].finish(t, c, s.now)
	s.thieves = append(s.thieves, rob(t, s.sides, 0)) // holds the secret that waits
	for range 4 {
		s.expect(0, "not healed for them", true, true, true)
		s.expect(1, "not healed for them", true, true, true)
	}
	if len(s.sides[1].healed) != 1 {
		t.Fatal("no healing took place")
	}
	s.exchangeKeys(1)
	s.expect(1, "the chain that was there", true, true, true)
	s.expect(0, "the peer's turn", true, true, true)
	s.expect(1, "healed", false, false, false)
	s.expect(0, "healed", false, false, false)
	s.expect(1, "healed", false, false, false)
}

// TestLateThief: a copy made after messages were read opens none of them,
// whatever X25519 keys the thief computes; with a full copy it reads on, until
// the next healing.
func TestLateThief(t *testing.T) {
	s := newScene(t)
	var past [][]byte
	for n := range 12 {
		if n == 4 {
			s.exchangeKeys(0)
		}
		text := fmt.Sprint("past ", n)
		env := s.sides[n%2].send(t, text, s.now)
		s.sides[1-n%2].deliver(t, env, text, s.now)
		past = append(past, env)
	}
	s.exchangeKeys(1)
	for own := range s.sides {
		q := rob(t, s.sides, own)
		var found [][32]byte
		for _, b := range secrets(s.sides[own].set.Sending()) {
			found = append(found, [32]byte(b))
		}
		for _, b := range pqSecrets(s.sides[own].set.Sending()) {
			found = append(found, [32]byte(b))
		}
		for n, env := range past {
			if _, _, ok := q.open(n%2, env); ok {
				t.Fatalf("a copy of today opens envelope %d of yesterday", n)
			}
			e, _ := envelope.Parse(env)
			for _, k := range found {
				for slot := range e.Tags() {
					if _, ok := q.body(e, slot, k, 0); ok {
						t.Fatalf("a key of today opens envelope %d of yesterday", n)
					}
					if _, err := e.OpenBody(slot, k); err == nil {
						t.Fatalf("a key of today opens envelope %d of yesterday", n)
					}
				}
			}
		}
		s.thieves = append(s.thieves, q)
	}
	for range 3 {
		s.expect(0, "read on", true, true)
		s.expect(1, "read on", true, true)
	}
	s.exchangeKeys(0)
	s.expect(0, "the chain that was there", true, true)
	s.expect(1, "the peer's turn", true, true)
	s.expect(0, "healed", false, false)
	s.expect(1, "healed", false, false)
}

// pqSecrets are what heals a session, by pieces of 32 bytes.
func pqSecrets(s *Session) (out [][]byte) {
	if s.pq.own != nil {
		out = append(out, s.pq.own.seed[:32], s.pq.own.seed[32:])
	}
	if s.pq.ready != nil {
		out = append(out, s.pq.ready[:])
	}
	if s.pq.pending != nil {
		out = append(out, s.pq.pending.secret[:])
	}
	return out
}
