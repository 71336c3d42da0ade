package session

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"zeroms/protocol/envelope"
	"zeroms/protocol/key"
)

// secrets are the keys of a state by name.
func secrets(s *Session) map[string][]byte {
	out := map[string][]byte{
		"RK": s.root[:], "DHs": s.dh.Bytes(), "NHKs": s.sendNext[:], "NHKr": s.recvNext.head[:],
	}
	if s.canSend {
		out["HKs"], out["CKs"] = s.sendHead[:], s.sendCK[:]
	}
	if s.recvNo > 0 {
		out["HKr"], out["CKr"] = s.recv.head[:], s.recvCK[:]
	}
	return out
}

// memory collects every key that a side ever had, and the message keys it used.
type memory map[string]string

func (m memory) note(s *Session) {
	for name, value := range secrets(s) {
		m[string(value)] = name
	}
}

// notePQ adds what heals the session; a step need not replace that.
func (m memory) notePQ(s *Session) {
	for _, value := range pqSecrets(s) {
		m[string(value)] = "post-quantum secret"
	}
}

// check holds the stored form against everything that should be gone.
func (m memory) check(t *testing.T, s *Session) {
	t.Helper()
	stored := s.Encode()
	live := map[string]bool{}
	for _, value := range secrets(s) {
		live[string(value)] = true
	}
	for _, value := range pqSecrets(s) {
		live[string(value)] = true
	}
	for value, name := range m {
		if !live[value] && bytes.Contains(stored, []byte(value)) {
			t.Fatalf("an erased %s is still stored", name)
		}
	}
}

// TestErasedKeysAreAbsent looks into the stored state after each step of a long
// talk for any key that was used or replaced before.
func TestErasedKeysAreAbsent(t *testing.T) {
	now := start()
	r := rand.New(rand.NewPCG(3, 3))
	a, b := newSide(now), newSide(now)
	a.initiate(t, b, now)
	b.deliver(t, a.send(t, "first", now), "first", now)
	gone := [2]memory{{}, {}}
	var late [2][]flying
	for n := range 300 {
		k := r.IntN(2)
		from, to := []*side{a, b}[k], []*side{b, a}[k]
		before := from.set.Sending()
		gone[k].note(before)
		gone[k].notePQ(before)
		if other := to.set.Sending(); n%10 == 9 && before.pq.ready == nil && other.pq.pending == nil && before.Confirmed() && other.Confirmed() {
			healQuietly(t, [2]*side{from, to}, [2]memory{gone[k], gone[1-k]}, now)
		}
		text := fmt.Sprint(n)
		env := from.send(t, text, now)
		after := from.set.Sending()
		if bytes.Equal(before.sendCK[:], after.sendCK[:]) {
			t.Fatal("sending left the chain key as it was")
		}
		mk := messageKey(before.sendCK)
		gone[k][string(mk[:])] = "mk"
		gone[k].check(t, after)
		if r.IntN(4) == 0 {
			late[1-k] = append(late[1-k], flying{text, env})
			continue
		}
		receiveAndCheck(t, to, flying{text, env}, gone[1-k], now)
		gone[1-k].notePQ(to.set.Sending())
		if len(late[1-k]) > 0 && r.IntN(3) == 0 {
			receiveAndCheck(t, to, late[1-k][0], gone[1-k], now)
			late[1-k] = late[1-k][1:]
		}
	}
	if len(a.healed)+len(b.healed) < 5 {
		t.Errorf("only %d and %d secrets were mixed in", len(a.healed), len(b.healed))
	}
	if len(gone[0]) < 400 || len(gone[1]) < 400 {
		t.Errorf("only %d and %d keys were followed", len(gone[0]), len(gone[1]))
	}
}

// healQuietly goes through an exchange beside the messages; the first side
// decapsulates.
func healQuietly(t *testing.T, sides [2]*side, gone [2]memory, now time.Time) {
	t.Helper()
	note := func() {
		for n, s := range sides {
			gone[n].notePQ(s.set.Sending())
			gone[n].check(t, s.set.Sending())
		}
	}
	k := sides[0].offer(t, now)
	note()
	c := sides[1].answer(t, k, now)
	note()
	sides[0].finish(t, c, now)
	note()
}

func receiveAndCheck(t *testing.T, to *side, f flying, gone memory, now time.Time) {
	t.Helper()
	before := to.set.Sending()
	gone.note(before)
	to.opened = map[[32]byte]bool{}
	to.deliver(t, f.env, f.text, now)
	after := to.set.Sending()
	for mk := range to.opened {
		gone[string(mk[:])] = "mk"
	}
	if after.recvNo > before.recvNo {
		was, is := secrets(before), secrets(after)
		for name, value := range was {
			if bytes.Equal(is[name], value) {
				t.Fatalf("a step left %s as it was", name)
			}
		}
	}
	gone.check(t, after)
}

// TestHandshakeSecretsAreAbsent: neither side keeps what the first keys were
// derived from.
func TestHandshakeSecretsAreAbsent(t *testing.T) {
	now := start()
	a, b := newSide(now), newSide(now)
	made := a.initiate(t, b, now)
	ephemeral := made.dh.Bytes()
	firstChain := made.sendCK
	pre := b.prekeys[0]
	hash := pre.object.Hash()
	r, err := pre.spk.Recipient(made.init.Enc[:], initInfo(hash, b.identity.Public(), pre.body.Device))
	if err != nil {
		t.Fatal(err)
	}
	exported, _ := r.Export(exporterSession, 32)
	k := deriveSession(exported, key.DoorSecret{}, made.th)
	b.deliver(t, a.send(t, "first", now), "first", now)
	a.deliver(t, b.send(t, "reply", now), "reply", now)
	for name, value := range map[string][]byte{"e_a": ephemeral, "RK": k.root[:], "CK": firstChain[:], "exported": exported,
		"ratchet_b": pre.ratchet.Bytes(), "SPK": pre.spk.Bytes()} {
		if bytes.Contains(a.set.Encode(), value) || bytes.Contains(b.set.Encode(), value) {
			t.Errorf("%s of the handshake is still stored", name)
		}
	}
	if bytes.Contains(a.set.Encode(), made.init.Enc[:100]) {
		t.Error("the init is stored although a reply came")
	}
}

// spy is a thief with a copy of a side's state who sees all envelopes.
type spy struct{ side }

func steal(t *testing.T, from *side) *spy {
	t.Helper()
	set, err := DecodeSet(from.set.Encode())
	if err != nil {
		t.Fatal(err)
	}
	s := &spy{side{identity: from.identity, device: from.device, set: new(Set), prekeys: from.prekeys,
		inits: map[[32]byte][32]byte{}, used: map[[32]byte]bool{}, opened: map[[32]byte]bool{}, healed: map[string]key.DHPublic{}}}
	s.adopt(set)
	return s
}

// TestPostCompromise steals a state. The thief reads on until the side it was
// stolen from made one new key and the peer answered to it; then never again.
func TestPostCompromise(t *testing.T) {
	now := start()
	a, b := pair(t, now)
	exchange(t, a, b, 3, now)
	thief := steal(t, b)

	env := a.send(t, "the thief reads this", now)
	b.deliver(t, env, "the thief reads this", now)
	if text, err := thief.receive(env, now); err != nil || text != "the thief reads this" {
		t.Fatalf("the copy is not good for anything: %v", err)
	}
	a.deliver(t, b.send(t, "with a new key", now), "with a new key", now)
	for n := range 10 {
		text := fmt.Sprint("healed ", n)
		env := a.send(t, text, now)
		if _, err := thief.receive(env, now); err == nil {
			t.Fatalf("the thief reads %q", text)
		}
		b.deliver(t, env, text, now)
		a.deliver(t, b.send(t, text, now), text, now)
	}
}

// TestForwardSecrecy keeps all envelopes of a day and steals the state after a
// round trip: none of them opens.
func TestForwardSecrecy(t *testing.T) {
	now := start()
	a, b := pair(t, now)
	var past [][]byte
	for n := range 20 {
		text := fmt.Sprint(n)
		toB := a.send(t, text, now)
		b.deliver(t, toB, text, now)
		toA := b.send(t, text, now)
		a.deliver(t, toA, text, now)
		past = append(past, toB, toA)
	}
	for _, from := range []*side{a, b} {
		thief := steal(t, from)
		thief.prekeys = nil
		for n, env := range past {
			if _, err := thief.receive(env, now); err == nil {
				t.Fatalf("a copy of today opens envelope %d of yesterday", n)
			}
			e, err := envelope.Parse(env)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range thief.set.All() {
				for name, value := range secrets(s) {
					for slot := range e.Tags() {
						if _, err := e.OpenBody(slot, [32]byte(value)); err == nil {
							t.Fatalf("%s opens envelope %d", name, n)
						}
					}
				}
			}
		}
	}
}

// TestStepsLeaveTheirStart: Send and Receive return another state and leave the
// one they started from as it was.
func TestStepsLeaveTheirStart(t *testing.T) {
	now := start()
	a, b := pair(t, now)
	for n := range 50 {
		sending := a.set.Sending()
		before := sending.Encode()
		first, slot, err := sending.Send(1, now)
		if err != nil || !bytes.Equal(sending.Encode(), before) || bytes.Equal(first.Encode(), before) {
			t.Fatalf("Send: %v", err)
		}
		if _, again, _ := sending.Send(1, now); again != slot {
			t.Fatal("the same state gives another slot")
		}
		lost := n%3 == 0
		env := a.send(t, "x", now)
		if lost {
			continue
		}
		receiving := b.set.Sending()
		before = receiving.Encode()
		e, _ := envelope.Parse(env)
		which, at, ok := receiving.Search(e.Tags(), TagsAhead)
		if !ok {
			t.Fatal("no tag matches")
		}
		hk, _ := receiving.HeaderKey(at)
		header, err := e.OpenHeader(which, at.I, hk)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			next, mk, err := receiving.Receive(at, header, now)
			if err != nil || mk != slot.MessageKey || !bytes.Equal(receiving.Encode(), before) || bytes.Equal(next.Encode(), before) {
				t.Fatalf("Receive: %v", err)
			}
		}
		b.deliver(t, env, "x", now)
		if n%5 == 0 {
			a.deliver(t, b.send(t, "y", now), "y", now)
		}
	}
}
