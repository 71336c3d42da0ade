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
