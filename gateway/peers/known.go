package peers

import (
	"net/netip"
	"time"

	"zeroms/protocol/key"
)

// known is what was learnt of a gateway that proved its key to us.
type known struct {
	good   netip.AddrPort // where it did so last
	proved time.Time      // when
	noUDP  time.Time      // until when QUIC is left aside for it
	rtt    time.Duration  // smoothed; 0: not measured
}

// route is a gateway at an address.
type route struct {
	hash key.GatewayHash
	addr netip.AddrPort
}

// failure is the pause of a route that did not lead to the gateway.
type failure struct {
	pause time.Duration
	until time.Time
}

// next is the failure after f.
func (f failure) next(now time.Time, proven bool, t *Timing) failure {
	pause, most := t.Pause, t.PauseMost
	if proven {
		pause, most = t.PauseProven, t.PauseMost/10
	}
	pause = min(max(2*f.pause, pause), most)
	return failure{pause, now.Add(pause)}
}
