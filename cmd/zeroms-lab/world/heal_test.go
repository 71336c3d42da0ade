package world_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/client"
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

// TestFullMailboxIsSaidAndGoesOnByItself: what does not fit waits at the sender,
// who is told so, and goes out when the recipient has made room.
func TestFullMailboxIsSaidAndGoesOnByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTalkers(t, world.Config{Links: memlink.Config{Latency: 20 * time.Millisecond}, Quota: 20 << 10})
		pause(time.Minute)
		w.must(w.bob.Stop())
		for i := range 40 {
			w.send(w.alice, w.ab, fmt.Sprint(i))
		}
		pause(10 * time.Minute)
		waiting := 0
		for _, m := range w.messages(w.alice, w.ab) {
			if m.State == client.Queued {
				waiting++
			}
		}
		if waiting < 15 || waiting > 35 {
			t.Errorf("%d of 40 messages wait for room", waiting)
		}
		if p := w.contact(w.alice, w.ab).Problem; !strings.Contains(p, "full") {
			t.Errorf("alice is told %q", p)
		}
		w.must(w.bob.Start())
		w.eventually("bob has everything", func() bool { return w.complete(40) })
		w.eventually("alice is told nothing any more", func() bool { return w.contact(w.alice, w.ab).Problem == "" })
	})
}
