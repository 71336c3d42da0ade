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
// beyond Capacity.Pending other requests the reader waits. Output waits in a
// queue of at most Capacity.Queue bytes; a peer that lets it fill is cut off.
// Pushes are not queued here, the writer pulls them when it has room.
//
// Log lines hold counts, never addresses, keys or drops.
package gateway
