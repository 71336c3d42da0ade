package network

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"zeroms/cmd/zeroms-gateway/control"
	"zeroms/protocol/wire"
)

// asking bounds how long a report waits for the running parts.
const asking = 2 * time.Second

// Live is what status tells of the network; nil for a gateway that stands alone.
func (n *Network) Live(ctx context.Context) *control.Overlay {
	if n == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	o := &control.Overlay{Scope: n.params.Scope.String(), QUIC: n.udp != nil}
	if n.Contact.Addr.IsValid() {
		o.Address = n.Contact.Addr.String()
	}
	o.Stats, _ = n.Overlay.Stats(ctx) // zeros while it starts or ends
	return o
}

// errAlone: there is nothing to tell.
var errAlone = errors.New("the gateway stands alone: it is no part of a network (--alone, or --plain)")

// Peers are the gateways that this one knows.
func (n *Network) Peers(ctx context.Context) ([]control.Peer, error) {
	if n == nil {
		return nil, errAlone
	}
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	contacts, err := n.Overlay.Neighbours(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]control.Peer, 0, len(contacts))
	for _, c := range contacts {
		p := control.Peer{Node: c.Node.String(), Address: c.Addr.String(), QUIC: c.Transports&wire.TransportQUIC != 0}
		if rtt, known := n.Overlay.RTT(c.Node); known {
			p.RTTMS = float64(rtt.Microseconds()) / 1000
		}
		all = append(all, p)
	}
	return all, nil
}

// Lines are the lines of status about the network.
func Lines(o *control.Overlay) []string {
	if o == nil {
		return []string{"part of no network"}
	}
	place := "asks others only: nobody has reached it at " + o.Address
	switch {
	case o.DHT.Serving:
		place = "reached by others at " + o.Address
	case o.Address == "":
		place = "asks others only: its address is none of the network's"
	}
	quic := "QUIC and TCP"
	if !o.QUIC {
		quic = "TCP only"
	}
	return []string{
		fmt.Sprintf("gateways %d known of about %.0f; %s, %s", o.DHT.Table, o.DHT.Size, place, quic),
		fmt.Sprintf("records held for others %d and %d descriptors, %d KiB", o.DHT.Shelf.Records, o.DHT.Shelf.Descriptors, o.DHT.Shelf.Bytes>>10),
		fmt.Sprintf("of own users published today %d, %d of them found by others", o.Deposits.Stored, o.Deposits.Verified),
	}
}

// PrintPeers writes the known gateways for people.
func PrintPeers(w io.Writer, all []control.Peer) error {
	var b strings.Builder
	for _, p := range all {
		over := "tcp"
		if p.QUIC {
			over = "quic"
		}
		rtt := "      -"
		if p.RTTMS > 0 {
			rtt = fmt.Sprintf("%7.1f", p.RTTMS)
		}
		fmt.Fprintf(&b, "%s  %-4s %s ms  %s\n", p.Node[:16], over, rtt, p.Address)
	}
	if len(all) == 0 {
		b.WriteString("no other gateway is known; name one with --join\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// PrintDHT writes the counts of the network for people.
func PrintDHT(w io.Writer, o *control.Overlay, since time.Time) error {
	if o == nil {
		return errAlone
	}
	d, up := &o.DHT, max(time.Since(since), time.Second).Seconds()
	lines := append(Lines(o),
		fmt.Sprintf("table %d in %d buckets, %d nearest, %d in reserve; %d seen lately, %d failed last", d.Table, d.Buckets, d.Siblings, d.Replacements, d.Fresh, d.Stale),
		fmt.Sprintf("asked %d (%.2f a second), %d answered, %d failed; served %d (%.2f a second), %d refused", d.Asked, float64(d.Asked)/up, d.Answered, d.Failed, d.Served, float64(d.Served)/up, d.Refused),
		fmt.Sprintf("lookups of records %d, %d found; stores %d; suspicions %d; wrong answers %d", d.Gets, d.Hits, d.Puts, d.Suspicions, d.BadAnswers),
		fmt.Sprintf("shelf: %d added, %d refreshed, %d replaced, %d passed on, %d expired, %d evicted, %d over rate, %d over quota",
			d.Shelf.Added, d.Shelf.Refreshed, d.Shelf.Replaced, d.Shelf.Repaired, d.Shelf.Expired, d.Shelf.Evicted, d.Shelf.OverRate, d.Shelf.OverQuota))
	_, err := io.WriteString(w, strings.Join(lines, "\n")+"\n")
	return err
}
