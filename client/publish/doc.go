// Package publish is the client's side of address records
// (docs/protocol/address.md): a Publisher makes the records of 30 days under
// each live address secret and sees to it that every home gateway has them, and
// a Search finds what a contact has published.
//
// Records are made for today and the 30 days after it, and left with every home:
// so a person who is away stays reachable. Each has the moments between which
// homes publish it, drawn when it is first made. When the leases or the device
// list change, all are made anew at once, today's first; every day the day in 30
// days is added. The same bytes go to all homes. A home is asked what it has
// whenever it comes up; what it lacks it gets, and what it has under a number
// that was not given here is outnumbered.
//
// What is kept (rows of a profile, like those of client/profile):
//
//	table 23  records: key A' 32, {1: 1, 2: day, 3: seq, 4: first, 5: last (unix minutes),
//	          6: made (unix minutes), 7: print bstr(16), 8: record bstr(1024, or 0 once retired)}
//	table 24  what homes have confirmed: key node key 32, {1: 1, 2: [* [name bstr(32), day, seq]]}
//	table 25  the newest record read of a person: key IK 32, {1: 1, 2: made (unix minutes), 3: n, 4: hash bstr(32)}
//
// The package is pure: plain structs driven by now, no goroutine, no clock. Its
// Host sends what it asks for once the rows of the turn are durable.
package publish
