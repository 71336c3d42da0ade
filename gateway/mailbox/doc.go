// Package mailbox is a gateway's offline proxy: accounts, drops, front doors,
// the append-only log of each account, cursors and custody receipts
// (docs/protocol/mailbox.md).
//
// State. The Mailbox is the authority over every active account; it reads an
// account from the Store when it is first needed and lets it go when it is
// idle, so a start costs the same whatever the number of accounts. Requests
// change the state in memory at once, under one mutex that is never held across
// I/O, and join the pending batch. One committer goroutine makes a batch
// durable, signs one tree over its receipts and heads, and only then answers.
//
// Goroutines, all started and waited for by Run:
//
//	loopCommit   group commit, answers, recovery after a failed commit
//	loopSweep    expiry and compaction in the Store, letting idle accounts go
//
// Everything else runs on the goroutine of the link that calls.
//
// A failed commit. The outcome of a failed commit is known only to the disk.
// Everything in the batch and behind it is answered with wire.ErrUnavailable,
// the touched accounts are forgotten and their ports closed, and writing goes on
// under a new incarnation once the Store takes one; so no position is ever given
// to two rows, not even to unsigned ones.
package mailbox
