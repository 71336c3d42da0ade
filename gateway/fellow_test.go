package gateway

import (
	"testing"

	"zeroms/gateway/overlay"
)

// TestWhatMayWaitForOtherGateways: answers that come all at once have room while
// little waits for all links, and no more than usual when much does.
func TestWhatMayWaitForOtherGateways(t *testing.T) {
	g := &Gateway{cfg: Config{Capacity: Capacity{}.Default()}}
	of := func(p phase, m *overlay.Member) int { return (&conn{gw: g, phase: p, member: m}).most() }
	usual := g.cfg.Capacity.Queue
	if of(guest, nil) != usual || of(member, nil) != usual {
		t.Error("a link that forwards nothing has more room than usual")
	}
	if got := of(fellow, nil); got != usual+overlay.FellowBytes {
		t.Errorf("%d bytes for another gateway", got)
	}
	if got := of(member, new(overlay.Member)); got != usual+overlay.MemberBytes {
		t.Errorf("%d bytes for a member who forwards", got)
	}
	g.queued.Store(int64(g.cfg.Capacity.Queues))
	if of(fellow, nil) != usual || of(member, new(overlay.Member)) != usual {
		t.Error("more room although everything that may wait is waiting")
	}
}

// TestOtherGatewaysShareMemory: however many links other gateways open and however
// little they read, what may wait for them stays below what may wait for all.
func TestOtherGatewaysShareMemory(t *testing.T) {
	g := &Gateway{cfg: Config{Capacity: Capacity{}.Default()}}
	const burden = 4 << 10
	var links []*conn
	for range 2000 {
		c := &conn{gw: g, phase: fellow}
		links = append(links, c)
		for c.mayFly(burden) {
			c.fly(burden)
		}
	}
	if all := int(g.flying.Load()); all > g.cfg.Capacity.Queues+len(links)*minRoom {
		t.Errorf("%d bytes may wait", all)
	}
	if links[0].flying < 1<<20 {
		t.Errorf("a link alone may have %d bytes", links[0].flying)
	}
	for _, c := range links {
		c.fly(-c.flying)
		if !c.mayFly(burden) {
			t.Fatal("a link that has nothing waiting may not ask")
		}
	}
	if g.flying.Load() != 0 {
		t.Error("it is never given back")
	}
}
