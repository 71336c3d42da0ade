// Package forward brings sealed requests of clients to other gateways, and opens
// those that other gateways bring (docs/protocol/forward.md).
//
// Entry is the half that a client asks: it sends a wire.Forward on as a wire.Relay
// over the link to the gateway that the client names, and hands the answer down. It
// learns the client's account, the two gateways, sizes and times, and nothing of
// what is inside. It keeps nothing, so that a request that found no answer is simply
// repeated: it is the same bytes, and only one of them is under way at a time.
//
// Exit is the half that other gateways ask: it opens what was sealed for this one,
// hands the single request in it to its Guest, and seals the answer. It learns the
// request and the gateway that brought it, not who made it. A request that a Relay
// holds is none that would go on to somewhere else (channel.Carries): there are no
// loops.
//
// Neither has goroutines: everything happens on those of the links, but for
// Exit.Run, which turns the keys.
package forward
