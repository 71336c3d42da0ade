// Package relay is what a gateway does in its network for the users of other
// gateways (docs/protocol/deposit.md). A home never stores or looks for its own
// users' records itself: it asks a relay to store them and later a witness whether
// they can be found, so that those who hold them don't learn whose home it is.
//
// Whoever asks spends little: one record of 1 KiB to publish makes this gateway
// look a region up and send the record to 20 others. So every gateway that asks has
// a budget, every network of them has one, and all together have one. They are
// counted in units of about one lookup. Nothing goes out that was not checked first:
// size, day, stamp and signature.
package relay
