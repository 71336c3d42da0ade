package reach

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"zeroms/gateway/dht/contact"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

const minute = int64(time.Minute)

var times = Times{Proof: time.Hour, Retry: 10 * time.Minute, Nobody: 5 * time.Second}

// host has peers and remembers whom it asked.
type host struct {
	peers []*contact.Peer
	asked []*contact.Peer
	rand  *rand.Rand
}

func (h *host) round(r *Proof, now int64) {
	h.asked = append(h.asked, r.Round(now, slices.Clone(h.peers), h.rand, times)...)
}

func (h *host) answer(r *Proof, now int64, said ...Outcome) {
	for _, s := range said {
		p := h.asked[0]
		h.asked = append(h.asked[1:], r.Answered(now, Answer{p, s}, slices.Clone(h.peers), h.rand, times)...)
	}
}

func newHost(addrs ...string) *host {
	book := contact.NewBook(address.Parameters{Network: key.Network{'t'}, Scope: address.Public}, 64)
	h := &host{rand: rand.New(rand.NewPCG(1, 0))}
	for i, a := range addrs {
		c := wire.Contact{Addr: netip.MustParseAddrPort(a), Transports: 1}
		c.Node[0] = byte(i + 1)
		h.peers = append(h.peers, book.Peer(c))
	}
	return h
}

func many(count int) (addrs []string) {
	for i := range count {
		addrs = append(addrs, netip.AddrPortFrom(netip.AddrFrom4([4]byte{20, byte(i), 1, 1}), 1).String())
	}
	return addrs
}

// TestProof: three of however many prove it for an hour; who fails is replaced by
// another, eight in all.
func TestProof(t *testing.T) {
	h := newHost(many(12)...)
	var r Proof
	if _, ok := r.Due(); ok {
		t.Fatal("a round is due before anybody is known")
	}
	r.Begin(minute)
	if at, ok := r.Due(); !ok || at != minute {
		t.Fatal("no round is due")
	}
	h.round(&r, minute)
	if _, ok := r.Due(); ok || len(h.asked) != 3 {
		t.Fatalf("%d asked at once", len(h.asked))
	}
	stranger := newHost("99.1.1.1:1").peers[0]
	r.Answered(minute, Answer{stranger, Reached}, h.peers, h.rand, times)
	h.answer(&r, minute, Reached, Denied, Denied)
	if r.Proven || len(h.asked) != 2 {
		t.Fatalf("proven is %v, %d more are asked", r.Proven, len(h.asked))
	}
	h.answer(&r, minute, Denied, Reached, Reached)
	if !r.Proven || len(r.Confirmed) != 3 {
		t.Fatalf("proven is %v by %d", r.Proven, len(r.Confirmed))
	}
	if at, ok := r.Due(); !ok || at != 61*minute {
		t.Errorf("the next round is after %v", time.Duration(at-minute))
	}
	h.round(&r, 61*minute)
	for range Asks {
		if !r.Proven {
			t.Fatal("not proven before the round has ended")
		}
		h.answer(&r, 61*minute, Denied)
	}
	if r.Proven || len(h.asked) != 0 {
		t.Fatalf("proven is %v after eight failures", r.Proven)
	}
	if at, _ := r.Due(); at != 71*minute {
		t.Errorf("it tries again after %v", time.Duration(at-61*minute))
	}
	r.Begin(62 * minute)
	if at, _ := r.Due(); at != 62*minute {
		t.Error("Begin does not hurry where nothing is proven")
	}
}

// TestFew: where fewer are known, more than half of those who can say have to reach
// it, and more are asked in a minute; one owner is one.
func TestFew(t *testing.T) {
	for _, c := range []struct {
		addrs  []string
		said   []Outcome
		proven bool
	}{
		{[]string{"20.1.1.1:1", "20.1.1.2:1", "20.2.1.1:1"}, []Outcome{Reached, Reached}, true},
		{many(3), []Outcome{Reached, Reached, Denied}, true},
		{many(3), []Outcome{Reached, Denied, Denied}, false},
		{many(2), []Outcome{Reached, Denied}, false},
		{many(3), []Outcome{Reached, Unknown, Unknown}, true},
		{many(3), []Outcome{Denied, Unknown, Unknown}, false},
		{many(1), []Outcome{Reached}, true},
	} {
		h := newHost(c.addrs...)
		var r Proof
		r.Begin(minute)
		h.round(&r, minute)
		if len(h.asked) != len(c.said) {
			t.Fatalf("%d asked, want %d", len(h.asked), len(c.said))
		}
		h.answer(&r, minute, c.said...)
		wait := int64(times.Retry)
		if c.proven {
			wait = int64(more)
		}
		if at, ok := r.Due(); r.Proven != c.proven || !ok || at != minute+wait {
			t.Errorf("%v: proven is %v, the next round after %v", c.said, r.Proven, time.Duration(at-minute))
		}
	}
	nobody, r := &host{rand: rand.New(rand.NewPCG(1, 0))}, Proof{}
	nobody.round(&r, 3*minute)
	if at, ok := r.Due(); r.Proven || !ok || at != 3*minute+int64(times.Nobody) {
		t.Error("a round that asks nobody proves something, or is the last")
	}
}

// TestNobodySays: where nobody can say, what was proven lately stays so for a while.
func TestNobodySays(t *testing.T) {
	h := newHost(many(4)...)
	var r Proof
	h.round(&r, minute)
	h.answer(&r, minute, Reached, Reached, Reached)
	silence := func(now int64) {
		h.round(&r, now)
		for len(h.asked) > 0 {
			h.answer(&r, now, Unknown)
		}
	}
	silence(61 * minute)
	if !r.Proven {
		t.Error("one round without a word ends it")
	}
	silence(122 * minute)
	if r.Proven {
		t.Error("what was proven two hours ago still counts")
	}
	silence(132 * minute)
	if r.Proven {
		t.Error("silence proves something")
	}
}
