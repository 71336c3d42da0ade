package world_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/cmd/zeroms-lab/world"
	"zeroms/gateway/mailbox"
	"zeroms/protocol/envelope"
	"zeroms/protocol/link/memlink"
)

// TestConversationsHealByThemselves: while people talk their devices exchange a
// post-quantum key about once a day, in envelopes like others, and nothing is lost.
func TestConversationsHealByThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tap := new(wiretap)
		w := newTalkers(t, world.Config{Links: memlink.Config{Latency: 20 * time.Millisecond}, Wrap: tap.wrap, Mailbox: quiet()})
		large := func() (n int) {
			for _, p := range tap.all() {
				if len(p.Envelope) == envelope.Size4 && !envelope.IsInit(p.Envelope) {
					n++
				}
			}
			return n
		}
		before := large()
		for i := range 24 {
			w.send(w.alice, w.ab, fmt.Sprint("a", i))
			pause(time.Hour)
			w.send(w.bob, w.ba, fmt.Sprint("b", i))
			pause(2 * time.Hour)
		}
		if !w.complete(48) {
			t.Error("something is missing")
		}
		// Three days: two or three exchanges of a key and a ciphertext.
		if n := large() - before; n < 4 || n > 8 {
			t.Errorf("%d envelopes of the size of a key", n)
		}
	})
}

// TestAccountForWork: a gateway that takes new people for work and not by
// invitation.
func TestAccountForWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{Registration: mailbox.ByWork, RegisterBits: 12})
		g := s.gateway()
		alice, bob := s.person("alice", g), s.person("bob", g)
		s.up(alice, g)
		s.up(bob, g)
		ab, ba := s.add(alice, bob), s.add(bob, alice)
		s.send(alice, ab, "hello")
		s.see(bob, ba, "hello")
	})
}
