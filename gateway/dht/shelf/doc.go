// Package shelf keeps the records that a gateway holds for its network
// (docs/protocol/dht.md): address records of 1 KiB and descriptors of up to 4 KiB,
// in memory. A record is held for three hours from the last time that it was
// stored. Its home has it stored again every hour, so a shelf need not outlive the
// process: after a restart it fills again within the hour, while 19 other gateways
// hold the same.
//
// # Who may fill it
//
// Everybody may ask a gateway to hold something, so what matters is what a flood
// leaves of other people's records:
//
//   - A source, which is a /24 of IPv4 or a /48 of IPv6 (address.Scope.Near), stores
//     64 records a minute. Admit counts that before any signature is checked.
//   - A source owns at most 1/16 of the shelf. Once it does, a nearer record takes
//     the place of its own farthest one, and a farther one is refused.
//   - A full shelf takes from whoever owns most, and of theirs the farthest. A new
//     record is no exception: if that is the new one, it is refused.
//
// A record belongs to the source that brought it first, whoever stores it again:
// else a flooder could take others' records over and then push them out of a share
// of its own.
//
// # Cost
//
// Everything but Learned is O(log n), and nothing has a timer of its own. A record
// of 1024 bytes takes about 1.3 KiB. Nothing depends on chance or on the order of a
// map: the same calls do the same. Time runs only forwards in here: a clock that is
// set back makes no record live longer.
package shelf
