package session

import (
	"testing"

	"zeroms/protocol/envelope"
)

func BenchmarkSendPack(b *testing.B) {
	now := start()
	alice, _ := pair(b, now)
	s, records := alice.set.Sending(), textRecord("a text of the usual length, about sixty bytes or somewhat more")
	for b.Loop() {
		next, slot, err := s.Send(0, now)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := envelope.Pack(records, []envelope.Slot{envelope.Slot(slot)}, 1); err != nil {
			b.Fatal(err)
		}
		s = next
	}
}

// receiveOnce takes one envelope from the index to its records.
func receiveOnce(b *testing.B, at *side, env []byte) *Session {
	e, err := envelope.Parse(env)
	if err != nil {
		b.Fatal(err)
	}
	slot, hits := 0, []Hit[[32]byte](nil)
	for n, tag := range e.Tags() {
		if found := at.index.Find(tag); len(found) > 0 {
			slot, hits = n, found
		}
	}
	if len(hits) != 1 {
		b.Fatal("no slot matches")
	}
	s := at.set.Find(hits[0].ID)
	hk, _ := s.HeaderKey(hits[0].Place)
	header, err := e.OpenHeader(slot, hits[0].I, hk)
	if err != nil {
		b.Fatal(err)
	}
	next, mk, err := s.Receive(hits[0].Place, header, start())
	if err != nil {
		b.Fatal(err)
	}
	if _, err := e.OpenBody(slot, mk); err != nil {
		b.Fatal(err)
	}
	return next
}

func BenchmarkParseReceiveOpen(b *testing.B) {
	now := start()
	alice, bob := pair(b, now)
	bob.deliver(b, alice.send(b, "begin the chain", now), "begin the chain", now)
	env := alice.send(b, "next", now)
	for b.Loop() {
		receiveOnce(b, bob, env)
	}
}

func BenchmarkParseReceiveOpenWithStep(b *testing.B) {
	now := start()
	alice, bob := pair(b, now)
	env := alice.send(b, "first of a chain", now)
	for b.Loop() {
		receiveOnce(b, bob, env)
	}
}

func BenchmarkIndexUpdate(b *testing.B) {
	now := start()
	alice, bob := pair(b, now)
	bob.deliver(b, alice.send(b, "begin the chain", now), "begin the chain", now)
	before := bob.set.Sending()
	after := receiveOnce(b, bob, alice.send(b, "next", now))
	var x Index[int]
	x.Update(1, before)
	for b.Loop() {
		x.Update(1, after)
		x.Update(1, before)
	}
}

func BenchmarkInitiate(b *testing.B) {
	now := start()
	alice, bob := newSide(now), newSide(now)
	p := alice.params(b, bob, now)
	for b.Loop() {
		if _, _, err := Initiate(p, now); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAccept(b *testing.B) {
	now := start()
	alice, bob := newSide(now), newSide(now)
	m := alice.initiate(b, bob, now).Init()
	for b.Loop() {
		if _, _, err := Accept(bob.acceptParams(), m, now); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeDecode(b *testing.B) {
	_, bob := pair(b, start())
	s := bob.set.Sending()
	for b.Loop() {
		if _, err := DecodeSession(s.Encode()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHealing(b *testing.B) {
	now := start()
	alice, bob := pair(b, now)
	exchange(b, alice, bob, 1, now)
	from, to := alice.set.Sending(), bob.set.Sending()
	for b.Loop() {
		offered, k, err := from.PQOffer(now)
		if err != nil {
			b.Fatal(err)
		}
		_, c, err := to.PQAnswer(k, now)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := offered.PQFinish(c, now); err != nil {
			b.Fatal(err)
		}
	}
}
