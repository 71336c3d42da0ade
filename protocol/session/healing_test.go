package session

import (
	"bytes"
	"crypto/mlkem"
	"errors"
	"fmt"
	"testing"
	"time"

	"zeroms/protocol/envelope"
	"zeroms/protocol/wire"
)

// offer, answer and finish are the three acts of a healing, each stored and
// read back.
func (s *side) offer(t testing.TB, now time.Time) PQKey {
	t.Helper()
	next, k, err := s.set.Sending().PQOffer(now)
	if err != nil {
		t.Fatal(err)
	}
	s.keep(t, next)
	return k
}

func (s *side) answer(t testing.TB, k PQKey, now time.Time) PQCiphertext {
	t.Helper()
	next, c, err := s.set.Sending().PQAnswer(k, now)
	if err != nil {
		t.Fatal(err)
	}
	s.keep(t, next)
	return c
}

func (s *side) finish(t testing.TB, c PQCiphertext, now time.Time) {
	t.Helper()
	next, err := s.set.Sending().PQFinish(c, now)
	if err != nil {
		t.Fatal(err)
	}
	s.keep(t, next)
}

// keep stores a state and goes on with what comes back from storage.
func (s *side) keep(t testing.TB, next *Session) {
	t.Helper()
	stored := next.Encode()
	again, err := DecodeSession(stored)
	if err != nil || !bytes.Equal(again.Encode(), stored) {
		t.Fatalf("a stored session is another one when it comes back: %v", err)
	}
	if len(stored) > MaxState {
		t.Fatalf("a state of %d bytes", len(stored))
	}
	s.put(t, again)
}

// heal takes both sides through one healing in which a decapsulates, up to the
// chain that names the secret.
func heal(t testing.TB, a, b *side, now time.Time) (id uint16) {
	t.Helper()
	k := a.offer(t, now)
	b.deliver(t, a.send(t, k.text(0), now), k.text(0), now)
	c := b.answer(t, k, now)
	a.deliver(t, b.send(t, c.text(0), now), c.text(0), now)
	a.finish(t, c, now)
	exchange(t, a, b, 1, now)
	b.deliver(t, a.send(t, "healed", now), "healed", now)
	return k.ID
}

// pqidOf is what the headers of the sending chain name.
func (s *side) pqidOf(t testing.TB, now time.Time) uint16 {
	t.Helper()
	_, slot, err := s.set.Sending().Send(0, now)
	if err != nil {
		t.Fatal(err)
	}
	return ParseHeader(slot.Header).PQ
}

// TestWhoMixesInWhen goes through a healing step by step, from either side.
func TestWhoMixesInWhen(t *testing.T) {
	for _, initiatorOffers := range []bool{true, false} {
		now := start()
		a, b := pair(t, now)
		want := uint16(2)
		if !initiatorOffers {
			exchange(t, a, b, 1, now)
			a, b, want = b, a, 1
		}
		b.deliver(t, a.send(t, "before", now), "before", now)
		k := a.offer(t, now)
		if k.ID != want || k.Session != a.set.Sending().shortID() {
			t.Fatalf("id %d", k.ID)
		}
		c := b.answer(t, k, now)
		a.finish(t, c, now)
		if a.pqidOf(t, now) != 0 || b.pqidOf(t, now) != 0 {
			t.Fatal("a chain that was there before names the secret")
		}
		a.deliver(t, b.send(t, "next turn", now), "next turn", now)
		if s := a.set.Sending(); s.pq.ready != nil || s.pq.sendID != want {
			t.Fatal("the next sending chain does not name the secret")
		}
		var envs [][]byte
		for n := range 5 {
			if got := a.pqidOf(t, now); got != want {
				t.Fatalf("message %d of the chain names %d", n, got)
			}
			envs = append(envs, a.send(t, fmt.Sprint(n), now))
		}
		if b.set.Sending().pq.pending == nil {
			t.Fatal("the secret went before it was needed")
		}
		for _, n := range []int{3, 1, 4, 0, 2} { // any message begins the chain
			b.deliver(t, envs[n], fmt.Sprint(n), now)
			if b.set.Sending().pq.pending != nil {
				t.Fatal("the secret stayed after it was used")
			}
		}
		if b.pqidOf(t, now) != 0 {
			t.Fatal("the other side's next chain names the secret too")
		}
		a.deliver(t, b.send(t, "x", now), "x", now)
		if a.pqidOf(t, now) != 0 {
			t.Fatal("a second chain names the secret")
		}
		exchange(t, a, b, 3, now)
	}
}

// TestBothHealAtOnce: two exchanges that cross do not touch each other.
func TestBothHealAtOnce(t *testing.T) {
	now := start()
	a, b := pair(t, now)
	exchange(t, a, b, 1, now)
	ka, kb := a.offer(t, now), b.offer(t, now)
	if ka.ID != 2 || kb.ID != 1 {
		t.Fatalf("ids %d and %d", ka.ID, kb.ID)
	}
	cb, ca := a.answer(t, kb, now), b.answer(t, ka, now)
	a.finish(t, ca, now)
	b.finish(t, cb, now)
	late := a.send(t, "late", now)
	b.deliver(t, a.send(t, "1", now), "1", now)
	if b.pqidOf(t, now) != 1 {
		t.Fatal("the responder's secret is not in its next chain")
	}
	a.deliver(t, b.send(t, "2", now), "2", now)
	if a.pqidOf(t, now) != 2 {
		t.Fatal("the initiator's secret is not in its next chain")
	}
	b.deliver(t, a.send(t, "3", now), "3", now)
	b.deliver(t, late, "late", now)
	exchange(t, a, b, 3, now)
	for _, s := range []*side{a, b} {
		if p := s.set.Sending().pq; p.own != nil || p.ready != nil || p.pending != nil || p.sendID != 0 || p.recvID != 0 {
			t.Fatal("something is left of two healings")
		}
	}
	if id := heal(t, a, b, now); id != 4 {
		t.Errorf("the initiator's second id is %d", id)
	}
	if id := heal(t, b, a, now); id != 3 {
		t.Errorf("the responder's second id is %d", id)
	}
}

// TestLossIsRepaired loses each part of an exchange in turn.
func TestLossIsRepaired(t *testing.T) {
	now := start()
	a, b := pair(t, now)
	lost := a.offer(t, now)
	now = now.Add(PQInterval)
	exchange(t, a, b, 1, now)
	if !a.set.Sending().PQDue(now) {
		t.Fatal("a key that is not answered is not due again")
	}
	again := a.offer(t, now)
	if again != lost {
		t.Fatal("the outstanding key is offered as another one")
	}
	first := b.answer(t, again, now) // lost
	if second := b.answer(t, again, now); second != first {
		t.Fatal("a repeated key got another answer")
	}
	now = now.Add(PQInterval)
	exchange(t, a, b, 1, now)
	if third := b.answer(t, a.offer(t, now), now); third != first {
		t.Fatal("a repeated key got another answer a day later")
	}
	// All of it came too late: the key timed out, and the next one heals.
	now = start().Add(PQTimeout)
	if _, err := a.set.Sending().PQFinish(first, now); !errors.Is(err, wire.ErrReplayed) {
		t.Fatalf("a ciphertext after three days: %v", err)
	}
	before := b.set.Sending().pq.pending
	next := a.offer(t, now)
	if next.ID != lost.ID+2 || next.Key == lost.Key {
		t.Fatal("a key that timed out is offered again")
	}
	c := b.answer(t, next, now)
	if b.set.Sending().pq.pending.secret == before.secret {
		t.Fatal("the secret of the key that timed out stays")
	}
	a.finish(t, c, now)
	exchange(t, a, b, 3, now)
	if len(b.healed) != 1 {
		t.Fatal("the second key does not heal")
	}
}

func TestWhenAKeyIsDue(t *testing.T) {
	now := start()
	a, b := newSide(now), newSide(now)
	a.initiate(t, b, now)
	if a.set.Sending().PQDue(now.Add(10 * day)) {
		t.Fatal("due before the session is confirmed")
	}
	if _, _, err := a.set.Sending().PQOffer(now); !errors.Is(err, wire.ErrUnexpected) {
		t.Fatalf("offering before the session is confirmed: %v", err)
	}
	if _, _, err := a.set.Sending().PQAnswer(PQKey{Session: a.set.Sending().shortID(), ID: 1}, now); !errors.Is(err, wire.ErrUnexpected) {
		t.Fatalf("answering before the session is confirmed: %v", err)
	}
	b.deliver(t, a.send(t, "first", now), "first", now)
	a.deliver(t, b.send(t, "second", now), "second", now)
	due := func(after time.Duration) string {
		return fmt.Sprint(a.set.Sending().PQDue(now.Add(after)), b.set.Sending().PQDue(now.Add(after)))
	}
	if got := due(100 * day); got != "false false" {
		t.Fatalf("without a step since the session was confirmed: %s", got)
	}
	exchange(t, a, b, 1, now)
	for after, want := range map[time.Duration]string{
		0: "false false", PQInterval - time.Millisecond: "false false", PQInterval: "true false",
		PQInterval + pqPatience - time.Millisecond: "true false", PQInterval + pqPatience: "true true",
		-PQInterval: "true false", // a clock that was set back
	} {
		if got := due(after); got != want {
			t.Errorf("after %v: %s, want %s", after, got, want)
		}
	}
	for n := range 60 {
		turns := 2 * (n + 1)
		if want := fmt.Sprint(turns >= PQTurns, turns >= PQTurns+pqMore); due(0) != want {
			t.Errorf("after %d turns: %s, want %s", turns, due(0), want)
		}
		exchange(t, a, b, 1, now)
	}
	k := a.offer(t, now)
	if got := due(0); got != "false true" {
		t.Errorf("after an offer: %s", got)
	}
	a.finish(t, b.answer(t, k, now), now)
	if a.set.Sending().PQDue(now.Add(10 * day)) {
		t.Error("due while a secret waits")
	}
	if _, _, err := a.set.Sending().PQOffer(now); !errors.Is(err, wire.ErrUnexpected) {
		t.Errorf("offering while a secret waits: %v", err)
	}
	exchange(t, a, b, 2, now)
	if got := due(10 * day); got != "true false" || len(b.healed) != 1 {
		t.Errorf("without a step since the responder mixed the secret in: %s", got)
	}
	exchange(t, a, b, 1, now)
	if got := due(0); got != "false false" {
		t.Errorf("after a healing: %s", got)
	}
	if got := due(PQInterval + pqPatience); got != "true true" {
		t.Errorf("a day and a half after a healing: %s", got)
	}
}

// TestOwnKeyTimesOut: every way that a state moves on erases the private key
// after three days, and a clock that was once ahead does not keep it.
func TestOwnKeyTimesOut(t *testing.T) {
	now := start()
	a, b := pair(t, now)
	a.offer(t, now)
	s := a.set.Sending()
	seed := s.pq.own.seed[:]
	env := b.send(t, "x", now)
	e, _ := envelope.Parse(env)
	slot, at, _ := s.Search(e.Tags(), TagsAhead)
	hk, _ := s.HeaderKey(at)
	header, err := e.OpenHeader(slot, at.I, hk)
	if err != nil {
		t.Fatal(err)
	}
	for name, step := range map[string]func(time.Time) *Session{
		"Send":    func(now time.Time) *Session { next, _, _ := s.Send(0, now); return next },
		"Receive": func(now time.Time) *Session { next, _, _ := s.Receive(at, header, now); return next },
		"Expire":  s.Expire,
		"Prune":   func(now time.Time) *Session { return a.set.Prune(now).Find(s.th) },
		"PQOffer": func(now time.Time) *Session { next, _, _ := s.PQOffer(now); return next },
	} {
		for after, kept := range map[time.Duration]bool{PQTimeout - time.Millisecond: true, PQTimeout: false, -PQTimeout: false, -time.Minute: true} {
			if got := bytes.Contains(step(now.Add(after)).Encode(), seed); got != kept {
				t.Errorf("%s after %v: the private key is there: %v", name, after, got)
			}
		}
	}
	if s.Expire(now.Add(PQTimeout-time.Millisecond)) != s || a.set.Prune(now.Add(PQTimeout-time.Millisecond)) != a.set {
		t.Error("another state although nothing expired")
	}
}

// TestSecretsOfAHealingAreErased looks for each secret in both stored states.
func TestSecretsOfAHealingAreErased(t *testing.T) {
	now := start()
	a, b := pair(t, now)
	exchange(t, a, b, 1, now)
	k := a.offer(t, now)
	seed := a.set.Sending().pq.own.seed
	c := b.answer(t, k, now)
	private, err := mlkem.NewDecapsulationKey768(seed[:])
	if err != nil {
		t.Fatal(err)
	}
	secret, err := private.Decapsulate(c.Ciphertext[:])
	if err != nil {
		t.Fatal(err)
	}
	holds := func(what []byte) string {
		return fmt.Sprint(bytes.Contains(a.set.Encode(), what), bytes.Contains(b.set.Encode(), what))
	}
	look := func(when, wantSeed, wantSecret string) {
		t.Helper()
		if holds(seed[:]) != wantSeed || holds(secret) != wantSecret {
			t.Errorf("%s: private key %s, secret %s", when, holds(seed[:]), holds(secret))
		}
	}
	look("answered", "true false", "false true")
	a.finish(t, c, now)
	look("finished", "false false", "true true")
	b.deliver(t, a.send(t, "x", now), "x", now)
	a.deliver(t, b.send(t, "y", now), "y", now)
	look("in the sending chain", "false false", "false true")
	b.deliver(t, a.send(t, "z", now), "z", now)
	look("in both roots", "false false", "false false")
	if bytes.Contains(b.set.Encode(), c.Ciphertext[:]) || bytes.Contains(b.set.Encode(), c.Confirm[:]) {
		t.Error("the answer stays after it was used")
	}
}

func TestKeysThatAreRefused(t *testing.T) {
	now := start()
	a, b := pair(t, now)
	k := a.offer(t, now)
	bad := k.Key
	copy(bad[:], bytes.Repeat([]byte{255}, 3)) // coefficients beyond q
	for name, c := range map[string]struct {
		change func(*PQKey)
		want   error
	}{
		"another session":    {func(k *PQKey) { k.Session[7] ^= 1 }, wire.ErrValue},
		"id 0":               {func(k *PQKey) { k.ID = 0 }, wire.ErrValue},
		"an id of our own":   {func(k *PQKey) { k.ID = 3 }, wire.ErrValue},
		"an id of nobody":    {func(k *PQKey) { k.ID = 65535 }, wire.ErrValue},
		"an unreduced key":   {func(k *PQKey) { k.Key = bad }, wire.ErrPublicKey},
		"no key":             {func(k *PQKey) { copy(k.Key[:], bytes.Repeat([]byte{0xff}, PQKeySize)) }, wire.ErrPublicKey},
		"a key like another": {func(*PQKey) {}, nil},
	} {
		changed := k
		c.change(&changed)
		before := b.snapshot()
		if _, _, err := b.set.Sending().PQAnswer(changed, now); !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if b.snapshot() != before {
			t.Errorf("%s: the state changed", name)
		}
	}
	later := k
	later.ID = 8
	b.answer(t, later, now)
	for id, want := range map[uint16]error{2: wire.ErrReplayed, 6: wire.ErrReplayed, 8: nil} {
		repeated := k
		repeated.ID = id
		if _, _, err := b.set.Sending().PQAnswer(repeated, now); !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("id %d after 8: %v", id, err)
		}
	}
	later.Key[0] ^= 1
	if _, _, err := b.set.Sending().PQAnswer(later, now); !errors.Is(err, wire.ErrReplayed) {
		t.Errorf("another key under one id: %v", err)
	}
	if id := heal(t, b, a, now); id != 1 {
		t.Fatalf("id %d", id)
	}
	used := b.offer(t, now)
	used.ID = 1
	if _, _, err := a.set.Sending().PQAnswer(used, now); !errors.Is(err, wire.ErrReplayed) {
		t.Errorf("a key under an id that was mixed in: %v", err)
	}
}

func TestCiphertextsThatAreRefused(t *testing.T) {
	now := start()
	a, b := pair(t, now)
	k := a.offer(t, now)
	good := b.answer(t, k, now)
	for name, c := range map[string]struct {
		change func(*PQCiphertext)
		want   error
	}{
		"another session":       {func(c *PQCiphertext) { c.Session[0] ^= 1 }, wire.ErrValue},
		"id 0":                  {func(c *PQCiphertext) { c.ID = 0 }, wire.ErrValue},
		"the peer's id":         {func(c *PQCiphertext) { c.ID = 1 }, wire.ErrValue},
		"an id that was not":    {func(c *PQCiphertext) { c.ID = 4 }, wire.ErrReplayed},
		"another key":           {func(c *PQCiphertext) { c.KeyHash[0] ^= 1 }, wire.ErrValue},
		"another confirmation":  {func(c *PQCiphertext) { c.Confirm[7] ^= 1 }, wire.ErrOpen},
		"another ciphertext":    {func(c *PQCiphertext) { c.Ciphertext[500] ^= 1 }, wire.ErrOpen},
		"a ciphertext of zeros": {func(c *PQCiphertext) { c.Ciphertext = [PQCiphertextSize]byte{} }, wire.ErrOpen},
	} {
		changed := good
		c.change(&changed)
		before := a.snapshot()
		if _, err := a.set.Sending().PQFinish(changed, now); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if a.snapshot() != before {
			t.Errorf("%s: the state changed", name)
		}
	}
	a.finish(t, good, now)
	if _, err := a.set.Sending().PQFinish(good, now); !errors.Is(err, wire.ErrReplayed) {
		t.Errorf("the same again: %v", err)
	}
	if _, err := b.set.Sending().PQFinish(good, now); !errors.Is(err, wire.ErrValue) {
		t.Errorf("back to the one who made it: %v", err)
	}
}

// TestUnknownSecret: a chain that names a secret nobody offered, or one that
// was used, opens nothing and changes nothing, and the session goes on.
func TestUnknownSecret(t *testing.T) {
	now := start()
	a, b := pair(t, now)
	refuse := func(ids ...uint16) {
		t.Helper()
		before := b.snapshot()
		for _, id := range ids {
			env := forge(t, a, now, func(h *Header) { h.PQ = id })
			if _, err := b.receive(env, now); !errors.Is(err, wire.ErrOpen) && !errors.Is(err, errNothing) {
				t.Errorf("pqid %d: %v", id, err)
			}
			s := b.set.Sending()
			_, slot, _ := a.set.Sending().Send(0, now)
			h := ParseHeader(slot.Header)
			h.PQ = id
			if _, _, err := s.Receive(Place{s.recvNo + 1, slot.I}, h.Encode(), now); !errors.Is(err, wire.ErrOpen) {
				t.Errorf("pqid %d: %v", id, err)
			}
		}
		if b.snapshot() != before {
			t.Error("an unknown secret changed the state")
		}
	}
	refuse(1, 2, 3, 4, 65534, 65535)
	k := a.offer(t, now)
	refuse(1, 2, 4) // not answered
	c := b.answer(t, k, now)
	refuse(1, 4)
	// Known, but not what the sender used: the keys are others.
	before := b.snapshot()
	if _, err := b.receive(forge(t, a, now, func(h *Header) { h.PQ = 2 }), now); err == nil {
		t.Error("a message opens with a secret that its sender did not use")
	}
	if b.snapshot() != before {
		t.Error("it changed the state")
	}
	a.finish(t, c, now)
	exchange(t, a, b, 3, now)
	if len(b.healed) != 1 {
		t.Fatal("the session did not go on")
	}
	refuse(2) // used
	exchange(t, a, b, 1, now)

	// The very first chain of a session.
	fresh := newSide(now)
	fresh.initiate(t, b, now)
	made, _, err := Accept(b.acceptParams(), fresh.set.Sending().Init(), now)
	if err != nil {
		t.Fatal(err)
	}
	_, slot, _ := fresh.set.Sending().Send(0, now)
	h := ParseHeader(slot.Header)
	h.PQ = 2
	if _, _, err := made.Receive(Place{1, 0}, h.Encode(), now); !errors.Is(err, wire.ErrOpen) {
		t.Errorf("a secret in the first chain: %v", err)
	}
}

// TestIDsEnd: no id is used twice, and after the last one the session is
// replaced.
func TestIDsEnd(t *testing.T) {
	now := start()
	for _, initiatorOffers := range []bool{true, false} {
		a, b := pair(t, now)
		last := uint16(65534)
		if !initiatorOffers {
			exchange(t, a, b, 1, now)
			a, b, last = b, a, 65533
		}
		exchange(t, a, b, 1, now)
		s := *a.set.Sending()
		s.pq.last = last - 4
		a.keep(t, &s)
		for _, want := range []uint16{last - 2, last} {
			if a.set.Sending().NeedsInit() || a.set.InitDue(now) {
				t.Fatal("a new init is due with ids left")
			}
			if id := heal(t, a, b, now); id != want {
				t.Fatalf("id %d, want %d", id, want)
			}
			exchange(t, b, a, 1, now)
		}
		if _, _, err := a.set.Sending().PQOffer(now); !errors.Is(err, wire.ErrLimit) {
			t.Fatalf("after the last id: %v", err)
		}
		if !a.set.Sending().NeedsInit() || !a.set.InitDue(now) || a.set.Sending().PQDue(now.Add(10*day)) {
			t.Fatal("no init is due after the last id")
		}
		exchange(t, a, b, 2, now)
		if id := heal(t, b, a, now); pqIDOf(a.set.Sending().initiator, id) {
			t.Fatalf("the other side has no ids of its own: %d", id)
		}
	}
}

// TestStoredHealing cuts and lengthens the stored form at every stage.
func TestStoredHealing(t *testing.T) {
	now := start()
	a, b := pair(t, now)
	exchange(t, a, b, 1, now)
	check := func(s *side) {
		t.Helper()
		s.keep(t, s.set.Sending())
		encoded := s.set.Sending().Encode()
		refuseCut(t, encoded, func(b []byte) error { _, err := DecodeSession(b); return err })
		if _, err := DecodeSet(s.set.Encode()); err != nil {
			t.Fatal(err)
		}
	}
	k := a.offer(t, now)
	check(a)
	c := b.answer(t, k, now)
	check(b)
	a.finish(t, c, now)
	check(a)
	exchange(t, a, b, 1, now)
	check(a)
	b.deliver(t, a.send(t, "x", now), "x", now)
	check(b)
	if n := len(b.set.Sending().Encode()); n > 1024 {
		t.Errorf("a session at rest takes %d bytes", n)
	}
}

func TestDecodeRefusesHealing(t *testing.T) {
	now := start()
	a, b := pair(t, now)
	exchange(t, a, b, 1, now)
	a.answer(t, b.offer(t, now), now)
	a.offer(t, now)
	valid := a.set.Sending().Encode() // own key 2, pending 1
	for name, change := range map[string]func(*sessionState){
		"no time":                   func(s *sessionState) { s.PQ.At = 0 },
		"no chain":                  func(s *sessionState) { s.PQ.Chain = 0 },
		"a chain to come":           func(s *sessionState) { s.PQ.Chain = s.RecvNo + 1 },
		"the peer's id":             func(s *sessionState) { s.PQ.Last = 3 },
		"an own id of the peer":     func(s *sessionState) { s.PQ.PeerLast = 2 },
		"a key without id":          func(s *sessionState) { s.PQ.Last = 0 },
		"a secret without id":       func(s *sessionState) { s.PQ.PeerLast = 0 },
		"half a key":                func(s *sessionState) { s.PQ.Own = s.PQ.Own[:32] },
		"half a secret":             func(s *sessionState) { s.PQ.Pending = s.PQ.Pending[:1000] },
		"a time without key":        func(s *sessionState) { s.PQ.Own = nil },
		"key and secret":            func(s *sessionState) { s.PQ.Ready = make([]byte, 32) },
		"a short secret":            func(s *sessionState) { s.PQ.Own, s.PQ.Made, s.PQ.Ready = nil, 0, make([]byte, 31) },
		"a chain that names a key":  func(s *sessionState) { s.PQ.SendID = 2 },
		"a chain beyond the keys":   func(s *sessionState) { s.PQ.SendID = 4 },
		"a chain of the peer's id":  func(s *sessionState) { s.PQ.SendID = 1 },
		"a chain of a secret":       func(s *sessionState) { s.PQ.RecvID = 1 },
		"a chain beyond the peer's": func(s *sessionState) { s.PQ.RecvID = 3 },
		"a chain of an own id":      func(s *sessionState) { s.PQ.RecvID = 2 },
	} {
		var st sessionState
		if err := wire.Unmarshal(valid, &st, MaxState); err != nil {
			t.Fatal(err)
		}
		change(&st)
		if _, err := DecodeSession(wire.Marshal(st)); !errors.Is(err, wire.ErrValue) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := newSide(now)
	c.initiate(t, a, now)
	var st sessionState
	if err := wire.Unmarshal(c.set.Sending().Encode(), &st, MaxState); err != nil {
		t.Fatal(err)
	}
	st.PQ.Last, st.PQ.PeerLast = 2, 1
	if _, err := DecodeSession(wire.Marshal(st)); !errors.Is(err, wire.ErrValue) {
		t.Errorf("keys before the first reply: %v", err)
	}
}
