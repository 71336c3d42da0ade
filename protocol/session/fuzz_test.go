package session

import (
	"bytes"
	"testing"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

func FuzzBlock(f *testing.F) {
	now := start()
	a, b := newSide(now), newSide(now)
	f.Add(openBlock(f, b, a.initiate(f, b, now).Init()))
	p := a.params(f, b, now)
	p.Leases, p.ListEntry, p.Door = []Lease{{1}, {2}}, make([]byte, MaxListEntry), key.NewDoorSecret()
	_, m, err := Initiate(p, now)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(openBlock(f, b, m))
	f.Fuzz(func(t *testing.T, raw []byte) {
		block, signed, err := parseBlock(raw)
		if err != nil {
			return
		}
		again := append(block.unsigned(), raw[signed:signed+key.SignatureSize]...)
		again = append(again, make([]byte, BlockSize-len(again))...)
		if !bytes.Equal(again, raw) || block.check() != nil {
			t.Fatal("a block that parses does not encode back")
		}
	})
}

func FuzzBundle(f *testing.F) {
	now := start()
	dsk := key.NewPrivate[key.Device]()
	p := NewPrekey(dsk, ListRef{N: 1}, now)
	f.Add(p.object.Body)
	f.Add(p.Bundle())
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = ParseBundle(b, dsk.Public(), now)
		signed := wire.Object{Body: b, Sig: dsk.Sign(key.ContextBundle, b)}
		got, err := ParseBundle(signed.Encode(), dsk.Public(), now)
		if err != nil {
			return
		}
		body, err := parseBundleBody(b)
		if err != nil || !bytes.Equal(wire.Marshal(body), b) || got.Hash() != signed.Hash() {
			t.Fatal("a bundle that parses does not encode back")
		}
		if _, _, err := got.SPK.Sender(nil); err != nil {
			_, _, err := Initiate(InitParams{Identity: key.NewPrivate[key.Identity]().Public(), Signer: key.NewPrivate[key.Device](), Bundle: got,
				Gen: 1, Drop: key.NewDropSecret(), ListEntry: []byte{1}}, now)
			if err == nil {
				t.Fatal("an unusable prekey makes a session")
			}
		}
	})
}

func FuzzDecodeSession(f *testing.F) {
	now := start()
	a, b := newSide(now), newSide(now)
	a.initiate(f, b, now)
	a.send(f, "lost", now)
	f.Add(a.set.Sending().Encode())
	b.deliver(f, a.send(f, "x", now), "x", now)
	f.Add(b.set.Sending().Encode())
	a.deliver(f, b.send(f, "y", now), "y", now)
	f.Add(a.set.Sending().Encode())
	f.Add(a.set.Encode())
	exchange(f, a, b, 1, now)
	k := a.offer(f, now)
	f.Add(a.set.Sending().Encode())
	c := b.answer(f, k, now)
	f.Add(b.set.Sending().Encode())
	a.finish(f, c, now)
	f.Add(a.set.Sending().Encode())
	exchange(f, a, b, 1, now)
	f.Add(a.set.Sending().Encode())
	f.Fuzz(func(t *testing.T, stored []byte) {
		if set, err := DecodeSet(stored); err == nil {
			if !bytes.Equal(set.Encode(), stored) {
				t.Fatal("a set that decodes does not encode back")
			}
			set.InitDue(now)
			set.Prune(now)
		}
		s, err := DecodeSession(stored)
		if err != nil {
			return
		}
		if !bytes.Equal(s.Encode(), stored) {
			t.Fatal("a session that decodes does not encode back")
		}
		decodes := func(next *Session, err error) {
			if err != nil {
				return
			}
			if _, err := DecodeSession(next.Encode()); err != nil {
				t.Fatalf("healing leads to a state that does not decode: %v", err)
			}
		}
		if next, mine, err := s.PQOffer(now); err == nil {
			decodes(next, nil)
			mine.ID ^= 1
			next, _, err = s.PQAnswer(mine, now)
			decodes(next, err)
		} else if s.PQDue(now) {
			t.Fatalf("a key is due and can't be offered: %v", err)
		}
		next, _, err := s.PQAnswer(PQKey{Session: s.shortID(), ID: s.pq.peerLast + 2, Key: k.Key}, now)
		decodes(next, err)
		next, err = s.PQFinish(c, now)
		decodes(next, err)
		decodes(s.Expire(now), nil)
		var x Index[int]
		x.Update(1, s)
		if next, slot, err := s.Send(0, now); err == nil {
			x.Update(1, next)
			for _, at := range []Place{{s.recvNo, s.recv.from + 3}, {s.recvNo + 1, 2}} {
				if next, _, err := s.Receive(at, slot.Header, now); err == nil {
					x.Update(1, next)
					if _, err := DecodeSession(next.Encode()); err != nil {
						t.Fatalf("a step leads to a state that does not decode: %v", err)
					}
				}
			}
		}
		x.Remove(1)
		if len(x.hits) != 0 || len(x.extra) != 0 {
			t.Fatal("the index keeps tags of a removed session")
		}
	})
}

// FuzzHealing gives a session keys and ciphertexts of any content: a refused
// one changes nothing, and one that is taken leads to a state that decodes.
func FuzzHealing(f *testing.F) {
	now := start()
	a, b := pair(f, now)
	exchange(f, a, b, 1, now)
	k := a.offer(f, now)
	c := b.answer(f, k, now)
	f.Add(k.ID, k.Key[:], c.Ciphertext[:], c.Confirm[:])
	f.Add(k.ID+2, c.Ciphertext[:], k.Key[:], c.Confirm[:])
	f.Fuzz(func(t *testing.T, id uint16, ek, ct, confirm []byte) {
		theirs := PQKey{Session: k.Session, ID: id}
		copy(theirs.Key[:], ek)
		before := b.set.Sending().Encode()
		next, answer, err := b.set.Sending().PQAnswer(theirs, now)
		if !bytes.Equal(b.set.Sending().Encode(), before) {
			t.Fatal("the state changed")
		}
		if err == nil {
			if _, err := DecodeSession(next.Encode()); err != nil || answer.Session != k.Session || answer.ID != id {
				t.Fatalf("a key was taken and the state does not decode: %v", err)
			}
		}
		wrong := PQCiphertext{Session: k.Session, ID: id, KeyHash: c.KeyHash}
		copy(wrong.Ciphertext[:], ct)
		copy(wrong.Confirm[:], confirm)
		before = a.set.Sending().Encode()
		done, err := a.set.Sending().PQFinish(wrong, now)
		if !bytes.Equal(a.set.Sending().Encode(), before) {
			t.Fatal("the state changed")
		}
		if (err == nil) != (wrong == c) {
			t.Fatalf("a ciphertext that is not the answer: %v", err)
		}
		if err == nil && (done.pq.own != nil || done.pq.ready == nil) {
			t.Fatal("the private key stays")
		}
	})
}
