package dht

import (
	"net/netip"
	"slices"
	"time"

	"zeroms/gateway/dht/contact"
	"zeroms/gateway/dht/limit"
	"zeroms/gateway/dht/query"
	"zeroms/gateway/dht/shelf"
	"zeroms/gateway/dht/table"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Serve answers a request of another gateway: Ping, FindNode, FindValue, Store.
// An error is a *wire.Failure: CodeBusy over the rate of the gateway or of its
// group of addresses, CodeNotServing as long as the node takes no part,
// CodeTooLarge, CodeUnexpected for any other request.
func (n *Node) Serve(now time.Time, from Caller, request wire.Payload) wire.Payload {
	n.now = now.UnixNano()
	caller := n.book.Peer(from.Contact)
	group := n.sourceGroup(from, caller)
	l := &n.config.Limits
	rates := limit.Rates{Peer: l.PeerRate, PeerBurst: l.PeerBurst, Source: l.SourceRate, SourceBurst: l.SourceBurst}
	if !n.served.Allow(n.now, from.Contact.Node[:], group[:], rates, n.rand) {
		return n.refuse(wire.CodeBusy)
	}
	n.meet(caller, from)
	if _, ok := request.(*wire.Ping); ok {
		n.stats.Served++
		return &wire.Pong{Seen: seen(from.Source)}
	}
	if !n.Serving() {
		return n.refuse(wire.CodeNotServing)
	}
	switch r := request.(type) {
	case *wire.FindNode:
		n.stats.Served++
		return &wire.Nodes{Contacts: n.nearest(r.Target, caller, from)}
	case *wire.FindValue:
		n.stats.Served++
		v := &wire.Value{Contacts: n.nearest(r.Key, caller, from)}
		if held, ok := n.shelf.Get(now, r.Key); ok {
			v.Record = held.Bytes
		}
		return v
	case *wire.Store:
		if len(r.Items) == 0 || len(r.Items) > wire.MaxStores {
			return n.refuse(wire.CodeTooLarge)
		}
		n.stats.Served++
		return n.hold(now, group, r)
	}
	return n.refuse(wire.CodeUnexpected)
}

func (n *Node) refuse(code wire.Code) *wire.Failure {
	n.stats.Refused++
	return &wire.Failure{Code: code}
}

// seen is an address as a Pong says it.
func seen(a netip.Addr) (b [16]byte) {
	if a.IsValid() {
		b = address.Canonical(a).As16()
	}
	return b
}

// sourceGroup is the group of addresses that a caller's requests and records
// count for: that of where it comes from.
func (n *Node) sourceGroup(from Caller, p *contact.Peer) address.Group {
	if !from.Source.IsValid() || p.Addr.Addr() == from.Source {
		return p.Near
	}
	return n.config.Params.Scope.Near(netip.AddrPortFrom(from.Source, from.Contact.Addr.Port()))
}

// meet notes a caller that comes from the address that it claims: a contact of the
// table is alive, or is asked where it says that it is now; another may become one.
func (n *Node) meet(p *contact.Peer, from Caller) {
	if p.Scope == 0 || address.Canonical(from.Source) != p.Addr.Addr() || n.table.Heard(n.now, p) {
		return
	}
	moved := n.table.Find(p) != nil
	if !moved && (!n.table.Wants(p) || slices.Contains(n.keep.wanted, p)) {
		return
	}
	group := n.sourceGroup(from, p)
	switch {
	case !n.met.Meet(n.now, group[:], n.rand):
	case moved:
		n.ask(n.now, p, &wire.Ping{}, probe{})
	default:
		n.keep.want(n, p)
	}
}

// nearest is the contacts of an answer: heard from lately, few of one owner, none
// that the caller has no use for.
func (n *Node) nearest(target key.NodeID, caller *contact.Peer, from Caller) []byte {
	var room [Width]*contact.Peer
	scope := caller.Scope
	if scope == 0 && from.Source.IsValid() {
		scope = address.ScopeOf(from.Source)
	}
	q := table.Query{
		Target: target, Count: n.policy.Width, Since: n.now - int64(n.config.Timing.Seen),
		Near: n.policy.Table.BucketNear, Without: caller.ID, Scope: scope,
	}
	peers := n.table.Nearest(&q, room[:0])
	b := make([]byte, 0, len(peers)*wire.ContactSize)
	for _, p := range peers {
		b = p.AppendTo(b)
	}
	return b
}

// hold puts records onto the shelf: rate, then stamp and signature, then what the
// shelf holds already.
func (n *Node) hold(now time.Time, group address.Group, r *wire.Store) *wire.Stored {
	s := &wire.Stored{Codes: make([]uint16, len(r.Items))}
	for i := range r.Items {
		err := n.shelf.Admit(now, group)
		if err == nil {
			var item address.Item
			if item, err = n.config.Check(r.Items[i], now); err == nil {
				_, err = n.shelf.Put(now, group, shelf.Offer{Item: item, Stamp: r.Items[i].Stamp})
			}
		}
		s.Codes[i] = uint16(query.CodeOf(err))
	}
	n.willExpire(now)
	return s
}
