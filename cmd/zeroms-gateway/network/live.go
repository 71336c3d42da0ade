package network

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"zeroms/cmd/zeroms-gateway/control"
	"zeroms/gateway/status"
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
	self := n.Overlay.Contact()
	o := &control.Overlay{Scope: n.params.Scope.String(), LAN: n.options.LAN, QUIC: self.Transports&wire.TransportQUIC != 0, UDP: control.UDPBound}
	switch {
	case n.options.NoUDP:
		o.UDP = control.UDPOff
	case n.udp == nil:
		o.UDP = control.UDPInUse
	}
	if at := n.Overlay.At(); at.IsValid() {
		o.Address = at.String()
	} else {
		o.Advice = n.advice()
	}
	o.Stats, _ = n.Overlay.Stats(ctx) // zeros while it starts or ends
	return o
}

// Reading is the part of a gateway in its network as it is counted; zeros for a
// gateway that stands alone.
func (n *Network) Reading() (r status.Network) {
	if n == nil {
		return r
	}
	ctx, cancel := context.WithTimeout(context.Background(), asking)
	defer cancel()
	s, _ := n.Overlay.Stats(ctx) // what could be asked, while it starts or ends
	d, k, l, in, out, own := &s.DHT, &s.DHT.Shelf, &s.Links, &s.Exit, &s.Entry, &s.Deposits
	return status.Network{
		Serving: d.Serving, Known: int64(d.Table), Fresh: int64(d.Fresh), Stale: int64(d.Stale), Size: int64(d.Size + 0.5),
		Records: int64(k.Records), Descriptors: int64(k.Descriptors), Held: int64(k.Bytes),
		Added: int64(k.Added), Refreshed: int64(k.Refreshed), Replaced: int64(k.Replaced), PassedOn: int64(k.Repaired),
		Expired: int64(k.Expired), Evicted: int64(k.Evicted), OverRate: int64(k.OverRate), OverQuota: int64(k.OverQuota),
		Found: int64(d.Hits), Missed: int64(d.Gets - min(d.Hits, d.Gets)), Stores: int64(d.Puts),
		Answered: int64(d.Answered), Failed: int64(d.Failed), Served: int64(d.Served), Declined: int64(d.Refused),
		Suspicions: int64(d.Suspicions), WrongAnswers: int64(d.BadAnswers),
		Links: int64(l.Links), QUIC: l.QUIC, TCP: l.WSS, DialsFailed: l.Failed, Callers: l.Callers,
		SentOn: out.Forwarded, Local: out.Local, Unreached: out.Unreachable, Withheld: out.Refused,
		Opened: in.Relayed, Unopened: in.Unknown + in.Faulty, Throttled: in.Busy, Channels: int64(in.Channels),
		Deposits: int64(own.Records), Due: int64(own.Overdue), Lost: int64(own.Lost),
		Stored: int64(own.Stored), Refused: int64(own.Refused), Verified: int64(own.Verified), Unverified: int64(own.Unverified),
		RelayedStores: int64(s.Relay.Stored), RelayedGets: int64(s.Relay.Found), RelayedNot: int64(s.Relay.OverRate + s.Relay.Busy + s.Relay.Invalid),
	}
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
	quic := n.udp != nil
	if s, err := n.Overlay.Stats(ctx); err == nil && s.Links.UDPBlocked {
		quic = false
	}
	all := make([]control.Peer, 0, len(contacts))
	for _, c := range contacts {
		p := control.Peer{Node: c.Node.String(), Address: c.Addr.String(), QUIC: quic && c.Transports&wire.TransportQUIC != 0}
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
	over := "over QUIC and TCP"
	if !o.QUIC {
		over = "over TCP only"
	}
	place := "reached by others at " + o.Address + " " + over
	switch {
	case o.Address == "":
		place = "asks others only: its address is none of scope " + o.Scope
	case !o.DHT.Serving:
		place = "asks others only: none has reached it at " + o.Address + " yet"
	case o.DHT.Table == 0:
		place = "nobody has tried to reach it at " + o.Address + " yet"
	}
	known := "gateways " + o.Known() + "; "
	switch {
	case o.DHT.Table == 0 && o.LAN && o.Seeds == 0:
		known = "gateways none known: it is the first of its network, or no other of the local network was run with --lan; "
	case o.DHT.Table == 0:
		known = "gateways none known: it is the first of its network, or none to join by answers; "
	}
	return []string{
		known + place,
		fmt.Sprintf("held for others %d records and %d descriptors, %d KiB", o.DHT.Shelf.Records, o.DHT.Shelf.Descriptors, o.DHT.Shelf.Bytes>>10),
		fmt.Sprintf("published for own users %d times since the start, %d times found by others", o.Deposits.Stored, o.Deposits.Verified),
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
		b.WriteString("no other gateway is known that answers; name one with --join, or run all gateways of a local network with --lan\n")
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
