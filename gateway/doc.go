// Package gateway is the server side of a link: hello, login, limits and the
// way of every frame to the mailbox and back (docs/protocol/link.md).
//
// Goroutines. Each link has one reader, which is the goroutine that called
// ServeConn, and a writer only while something is queued for it. Run runs the
// mailbox and, when its context ends, the draining.
//
// A link is a guest until it logs in. Guests submit envelopes, read profiles,
// register and log in, at a bounded rate; everything else needs the login.
//
// What a link may cost. Input is taken as fast as it can be answered: beyond
// Limits.InFlight unanswered submissions the next is refused with wire.ErrBusy,
// beyond Capacity.Pending other requests the reader waits. So it does for a
// link's rates of bytes, a member's rate of frames, and while its peer does not
// read: a link may have waiting what is a fair part of Capacity.Queues, and one
// message that does not get out within Timing.Stall ends it. Pushes are not
// queued here, the writer pulls them when it has room.
//
// What many links may cost together. The bytes of unanswered requests come out of
// two pots, one for guests and one for members, of which everybody may have as
// much as he leaves free. Guests share allowances by source and by network, but
// each has a few frames of its own, so that a login always gets through; and when
// there are too many of them, one makes room.
//
// Log lines hold counts, never addresses, keys or drops.
package gateway
