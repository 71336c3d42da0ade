// Package deposit is what a home gateway does for the address records of its own
// users (docs/protocol/deposit.md): it takes the records of the coming weeks, keeps
// them on the disk, and has each published on its day, so that people can be found
// while all their devices are away.
//
// The Service checks and keeps; when something is published and through whom is
// decided by package publisher, which knows only the records of the day. Their bytes
// are read when they are sent, so an account that is closed or a record that is taken
// back is published no more, and 50,000 accounts cost memory for one record each.
// Package relay is the other side: what a gateway does for the users of others.
//
// Goroutines, all started and waited for by Run:
//
//	loopPublish  asks the publisher what is due and sends it, each request in a
//	             goroutine of its own
//	loopStamp    computes stamps
//	loopKeep     reads what becomes due, and keeps states
package deposit
