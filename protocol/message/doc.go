// Package message is what people and their devices say to each other: signed,
// hash-chained messages, their bodies, and the state machine of one
// conversation that finds gaps and forks and gives every message its place
// (docs/protocol/message.md).
//
// Layout (deterministic CBOR; sizes in bytes):
//
//	message = [header bstr, sig bstr(64)]                                  at most 512
//	header  = {1: ver, 2: conv bstr(16), 3: device bstr(8), 4: seq, 5: prev bstr(32),
//	           6: tips [*8 [device bstr(8), seq, hash bstr(16)]], 7: time (ms), 8: kind,
//	           9: bodyhash bstr(32), 10: list n, 11: list hash bstr(16)}
//	sig     = Sign(DSK, "zms/1/message", header | IK_sender | IK_recipient)
//	id      = Hash("zms/1/id", header | sig)
//	bodyhash = SHA-256(salt 16 | body)
//	conv    = Hash("zms/1/conv-pair", smaller IK | larger IK)[:16]; Hash("zms/1/conv-self", IK)[:16]
//	prev    = id of the device's previous chained message in conv;
//	          the first: Hash("zms/1/first", H(list entry that added the device) | conv)
//
// Kinds 64 to 127 are side kinds: seq 0, prev zeros, no tips. All others are
// chained. One file holds one part: header.go the message, body.go and side.go
// the bodies, conversation.go the state and sending, accept.go receiving,
// chain.go one device's chain, gone.go what nobody has any more, order.go
// heights, marks.go acknowledgements, heads and read marks, snapshot.go storage.
//
// The package is pure: it has no clock, no goroutine and does no I/O.
package message
