package world_test

import (
	"context"
	"crypto/sha256"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/client"
	"zeroms/cmd/zeroms-lab/world"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// hush is a link on which nothing gets through, but what is submitted is counted.
type hush struct {
	link.Conn
	h *hushed
}

type hushed struct {
	mu    sync.Mutex
	on    bool
	spare string // a host that is not hushed
	who   string
	all   int
	sent  map[[32]byte]int
}

func (c *hush) Send(ctx context.Context, m []byte) error {
	c.h.mu.Lock()
	frames, _ := wire.Frames(m)
	for _, f := range frames {
		var p wire.Submit
		if c.h.on && f.Type == wire.TypeSubmit && f.Decode(&p) == nil {
			c.h.all++
			c.h.sent[sha256.Sum256(p.Envelope)]++
			m = nil
		}
	}
	c.h.mu.Unlock()
	if m == nil {
		return nil
	}
	return c.Conn.Send(ctx, m)
}

// TestFoeSilentLeases: a contact all of whose gateways take requests and never answer
// has a bounded number of envelopes made for one message, and gets it when they do.
func TestFoeSilentLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hushed{sent: map[[32]byte]int{}}
		v := &visits{seen: map[[2]string]int{}, bend: func(host string, to link.Endpoint, c link.Conn) link.Conn {
			h.mu.Lock()
			defer h.mu.Unlock()
			if to.Host == h.spare || host != h.who {
				return c
			}
			return &hush{c, h}
		}}
		s := newStage(t, world.Config{Wrap: v.wrap, Mailbox: quiet()})
		at := s.gateway()
		h.spare = at.Host
		var theirs []*world.Gateway
		for range 3 {
			theirs = append(theirs, s.gateway())
		}
		alice, bob := s.person("alice", at), s.person("bob", theirs...)
		h.mu.Lock()
		h.who = alice.Host()
		h.mu.Unlock()
		s.up(alice, at)
		for _, g := range theirs {
			s.up(bob, g)
		}
		ab, ba := s.add(alice, bob), s.add(bob, alice)
		s.send(alice, ab, "hello")
		s.state(alice, ab, "hello", client.Delivered)
		s.send(bob, ba, "hi")
		s.state(bob, ba, "hi", client.Delivered)
		pause(10 * time.Minute)
		h.mu.Lock()
		h.on = true
		h.mu.Unlock()
		s.must(bob.Stop())
		s.send(alice, ab, "into silence")
		for _, after := range []struct {
			wait time.Duration
			most int
		}{{time.Hour, 30}, {23 * time.Hour, 250}} {
			pause(after.wait)
			h.mu.Lock()
			if n := len(h.sent); n == 0 || n > after.most {
				t.Errorf("%d envelopes were made for one message, in %d submissions", n, h.all)
			}
			h.mu.Unlock()
		}
		h.mu.Lock()
		h.on = false
		h.mu.Unlock()
		s.must(bob.Start())
		s.wait(time.Hour, "delivery", func() bool { return s.line(alice, ab, "into silence").State == client.Delivered })
		s.within(5*time.Minute, alice, ab, "and on")
		s.within(5*time.Minute, bob, ba, "and back")
	})
}
