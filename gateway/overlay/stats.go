package overlay

import (
	"context"
	"net/netip"
	"time"

	"zeroms/gateway/deposit"
	"zeroms/gateway/deposit/relay"
	"zeroms/gateway/dht"
	"zeroms/gateway/forward"
	"zeroms/gateway/peers"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Stats are counts since the start and states of now. They name nobody.
type Stats struct {
	DHT      dht.Stats          `json:"dht"`
	Links    peers.Stats        `json:"links"`
	Entry    forward.EntryStats `json:"entry"`
	Exit     forward.ExitStats  `json:"exit"`
	Deposits deposit.Stats      `json:"deposits"`
	Relay    relay.Stats        `json:"relay"`
	Reached  Reached            `json:"reached"`
	// Seen is the address that most of the gateways that were asked last saw this one
	// come from; empty: they don't agree, or none was asked.
	Seen string `json:"seen,omitempty"`
	// Seeds is how many gateways were named to join by; Silent are those of them that
	// did not answer when they were asked last, HOST:PORT.
	Seeds  int      `json:"seeds"`
	Silent []string `json:"silent,omitempty"`
}

// Stats reads the counts of a running overlay. Errors: ctx's.
func (o *Overlay) Stats(ctx context.Context) (Stats, error) {
	table, err := o.dht.Stats(ctx)
	return Stats{
		DHT: table, Links: o.pool.Stats(), Entry: o.entry.Stats(), Exit: o.exit.Stats(),
		Deposits: o.deposits.Stats(), Relay: o.relay.Stats(), Reached: o.reachedNow(), Seen: o.seen.most(),
		Seeds: int(o.seeds.Load()), Silent: o.silentSeeds(),
	}, err
}

// RTT is the round trip to another gateway, if it was measured.
func (o *Overlay) RTT(node key.NodePublic) (time.Duration, bool) { return o.pool.RTT(node) }

// Neighbours are the gateways that this one knows, long-lived ones first. Errors:
// ctx's.
func (o *Overlay) Neighbours(ctx context.Context) ([]wire.Contact, error) { return o.dht.Contacts(ctx) }

// Contact is how this gateway names itself in the network: its address, if it has
// one there, and the transports that get through to it.
func (o *Overlay) Contact() wire.Contact { return o.dht.Self() }

// At is where others reach this gateway; not valid: they can't.
func (o *Overlay) At() netip.AddrPort { return o.at() }

// silentSeeds are the seeds that did not answer last.
func (o *Overlay) silentSeeds() []string {
	if silent := o.silent.Load(); silent != nil {
		return *silent
	}
	return nil
}
