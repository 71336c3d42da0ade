// Package peers is a gateway's links to other gateways (docs/protocol/link.md):
// the pool of those that it opened, its part of those that others opened, and the
// answers that need such a link: dial-back and descriptors.
//
// A link carries requests in one direction, from who opened it. The pool keeps at
// most one to a gateway at an address, opens it when something is asked, and closes
// it when nothing was for a while. Requests that wait share one message, as answers do in
// package gateway.
//
// Goroutines. A link has one, which dials and then reads, and a writer only while
// something waits to be written. Run waits for all of them.
//
// What goes to an address that proved nothing yet is TLS handshakes, and only a few:
// attempts are counted by address and by the networks it stands in, those that
// proved the pinned key are given back, and after a failure there is a pause. So a
// gateway that is fed with thousands of addresses of somebody else sends him next
// to nothing. An address that others name is tried only if it is in the network's
// scope; a name is resolved once, and what is dialled is the address that was
// looked at.
//
// QUIC comes first where a gateway says that it speaks it; WebSocket over TLS joins
// in when it does not answer within Timing.HeadStart. Where UDP does not get
// through that is remembered, for the gateway and for all of them.
package peers
