package reach

import (
	"net/netip"
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
}

func (h *host) Reachers() []*contact.Peer         { return append([]*contact.Peer(nil), h.peers...) }
func (h *host) Pick(count int) int                { return count / 2 }
func (h *host) AskReach(_ int64, p *contact.Peer) { h.asked = append(h.asked, p) }
func (h *host) answer(r *Proof, now int64, yes ...bool) {
	for _, reached := range yes {
		p := h.asked[0]
		h.asked = h.asked[1:]
		r.Answered(now, p, reached, h, times)
	}
}

func newHost(addrs ...string) *host {
	book := contact.NewBook(address.Parameters{Network: key.Network{'t'}, Scope: address.Public}, 64)
	h := &host{}
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
	r.Round(minute, h, times)
	if _, ok := r.Due(); ok || len(h.asked) != 3 {
		t.Fatalf("%d asked at once", len(h.asked))
	}
	stranger := newHost("99.1.1.1:1").peers[0]
	r.Answered(minute, stranger, true, h, times)
	h.answer(&r, minute, true, false, false)
	if r.Proven || len(h.asked) != 2 {
		t.Fatalf("proven is %v, %d more are asked", r.Proven, len(h.asked))
	}
	h.answer(&r, minute, false, true, true)
	if !r.Proven || len(r.Confirmed) != 3 {
		t.Fatalf("proven is %v by %d", r.Proven, len(r.Confirmed))
	}
	if at, ok := r.Due(); !ok || at != 61*minute {
		t.Errorf("the next round is after %v", time.Duration(at-minute))
	}
	r.Round(61*minute, h, times)
	for range Asks {
		if !r.Proven {
			t.Fatal("not proven before the round has ended")
		}
		h.answer(&r, 61*minute, false)
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

// TestFew: where fewer are known, all of them have to reach it, and more are asked
// in a minute; one owner is one.
func TestFew(t *testing.T) {
	h := newHost("20.1.1.1:1", "20.1.1.2:1", "20.2.1.1:1")
	var r Proof
	r.Begin(minute)
	r.Round(minute, h, times)
	if len(h.asked) != 2 {
		t.Fatalf("%d asked of two owners", len(h.asked))
	}
	h.answer(&r, minute, true, true)
	if at, _ := r.Due(); !r.Proven || at != 2*minute {
		t.Errorf("proven is %v, the next round after %v", r.Proven, time.Duration(at-minute))
	}
	r.Round(2*minute, h, times)
	h.answer(&r, 2*minute, true, false)
	if r.Proven {
		t.Error("one of two is enough")
	}
	nobody := &host{}
	r.Round(3*minute, nobody, times)
	if at, ok := r.Due(); r.Proven || !ok || at != 3*minute+int64(times.Nobody) {
		t.Error("a round that asks nobody proves something, or is the last")
	}
}
