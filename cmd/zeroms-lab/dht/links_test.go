package dht

import (
	"testing"

	"zeroms/cmd/zeroms-lab/dht/sim"
	"zeroms/gateway/dht"
	"zeroms/gateway/peers"
	"zeroms/gateway/peers/bounds"
)

// TestLinksAreTheRealOnes: what the simulator says of links between gateways is what
// gateway/peers does, and what the DHT is told of them.
func TestLinksAreTheRealOnes(t *testing.T) {
	type links struct {
		times [8]int64
		spent [4]bounds.Allowance
		known int
	}
	m, own := sim.Default(), func(a sim.Allowance) bounds.Allowance { return bounds.Allowance(a) }
	lab := links{
		[8]int64{int64(m.Idle), int64(m.Dial), int64(m.HeadStart), int64(m.Answer), int64(m.Pause), int64(m.PauseProven), int64(m.PauseMost), int64(m.Proven)},
		[4]bounds.Allowance{own(m.IP), own(m.Near), own(m.Far), own(m.All)}, m.Known,
	}
	p, c := peers.Timing{}.Default(), peers.Capacity{}.Default()
	real := links{
		[8]int64{int64(p.IdleAsk), int64(p.Dial), int64(p.HeadStart), int64(p.Answer), int64(p.Pause), int64(p.PauseProven), int64(p.PauseMost), int64(p.Proven)},
		[4]bounds.Allowance{c.DialsIP, c.DialsNear, c.DialsFar, c.DialsAll}, c.Known,
	}
	if lab != real {
		t.Errorf("links of the lab\n%+v are not those of gateways\n%+v", lab, real)
	}
	if told := (dht.Timing{}).Default(); told.Idle != p.IdleAsk || told.Request >= p.Answer {
		t.Errorf("the DHT takes links for closed after %v and gives requests up after %v; links: %v, %v", told.Idle, told.Request, p.IdleAsk, p.Answer)
	}
}
