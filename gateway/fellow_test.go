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

// TestOtherGatewaysShareMemory: one network of fellows does not take what all have.
func TestOtherGatewaysShareMemory(t *testing.T) {
	p := pot{size: Capacity{}.Default().FellowFlight}
	var one, other share
	taken := 0
	for p.take(&one, fellowCost) {
		taken += fellowCost
	}
	if taken > p.size/2+fellowCost || !p.take(&other, p.size/8) {
		t.Errorf("one source took %d of %d bytes", taken, p.size)
	}
	p.give(&one, taken)
	p.give(&other, p.size/8)
	if p.used != 0 {
		t.Errorf("%d bytes are never given back", p.used)
	}
}
