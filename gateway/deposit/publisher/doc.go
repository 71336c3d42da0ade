// Package publisher decides when a home's deposited records are stored in the
// network, through whom, and who looks whether they can be found
// (docs/protocol/deposit.md). It is a plain state machine: it never looks at a
// clock, at a disk or at the network. Advance says what to do now and when to call
// again; what came of it is told with Answered and Stamped.
//
// A Publisher knows only the records that are due today, and not their bytes: those
// are read when they are sent.
//
// # What becomes of a record
//
//	Add -> its stamp is made -> its first moment comes
//	    -> store: one Publish to a relay
//	    -> check: 10..30 s later a RecordGet to a witness, which is another gateway
//	    -> 42..78 min later: store
//	    ... -> its last moment: forgotten
//
// If the relay can't be reached, or the witness finds nothing or something older, the
// record is stored again through another relay after 30 s, 1 min, 2 min ... 30 min; in
// the whole region of its place once nobody found it.
//
// Records of one day whose places share their first 10 bits form a group: they have
// one relay and one witness for that day and go out together when they may. In a
// small home every record so has a relay of its own; in a large one a relay sweeps
// a region at once.
package publisher
