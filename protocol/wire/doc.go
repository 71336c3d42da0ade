// Package wire is the encoding that every ZeroMS link and object shares:
// strict deterministic CBOR, signed objects, frames, limits and the error
// table (docs/protocol/wire.md).
//
// Encoding. Everything is deterministic CBOR (RFC 8949 section 4.2.1): shortest
// heads, map keys in order, definite lengths. Decoding refuses whatever does
// not encode back to the same bytes, and so duplicate keys, indefinite lengths,
// tags, floats, unknown fields and trailing bytes.
//
// Signed object:
//
//	object = [body bstr, sig bstr(64)]        H(object) = SHA-256(body)
//
// The signature covers the very bytes of body; they are verified before they
// are decoded.
//
// Frame: [type uint, request id uint, payload map]. A WebSocket message (or one
// link message) is a CBOR sequence (RFC 8742) of frames. Frames that belong to
// no request carry id 0. One file of this package holds one family:
//
//	hello.go      1 client-hello    2 server-hello
//	login.go      3 register        4 login          5 welcome    6 enrolment
//	mailbox.go   10 drop-put       11 door-put      12 drop-delete
//	submit.go    20 submit         21 commit        22 refused
//	push.go      30 push           31 ack           32 head-get
//	state.go     33 state-get      34 state
//	profile.go   40 profile-put    41 profile-get   42 profile
//	answer.go    50 ok             51 error
//	dht.go       60 ping           61 pong           62 find-node  63 nodes
//	             64 find-value     65 value          66 store      67 stored
//	             68 reach          69 publish        70 published
//	             82 record-get     83 record         84 deposit-put
//	             85 deposits-get   86 deposits       87 descriptor-get
//	             88 descriptor     89 gateways-get   90 gateways
//	forward.go   71 relay          80 forward        81 forwarded
//
// contact.go holds how gateways name each other, 59 bytes. What the encoding leaves
// open, sizes and numbers, is checked by Check after decoding (check.go).
//
// work.go holds proofs of work: day 4 | nonce 8.
package wire
