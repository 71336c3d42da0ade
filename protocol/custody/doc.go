// Package custody is the evidence that a gateway hands out and that anyone can
// check: commit trees, custody receipts, log heads, drop heads, signed states of
// drops and refusals (docs/protocol/custody.md). Judge tells what several of them
// prove together (docs/protocol/evidence.md). It is pure: bytes in, bytes out.
//
// Layouts (sizes in bytes, integers big-endian):
//
//	receipt  = 0x01 | node key 32 | SHA-256(drop) 32 | D_0 32 | k 4 |
//	           SHA-256(env) 32 | D_k 32 | time 8 | kept until 8                   181
//	head     = 0x02 | account tag 32 | incarnation 4 | index 8 | R 32              77
//	leaf     = SHA-256(0x00 | receipt or head)              (RFC 6962 section 2.1)
//	node     = SHA-256(0x01 | left 32 | right 32)
//	commit   = Sign(node key, "zms/1/commit", root 32 | leaves 4 | time 8)
//	D_0      = Hash("zms/1/drop-start", SHA-256(drop) | account tag 32 | position 12)
//	D_k      = Hash("zms/1/drop-head", D_(k-1) | k 4 | SHA-256(env))
//	proof    = CBOR of a leaf, its place in the tree, time, signature and path     1365
//	name     = SHA-256(leaf | signature of the commit)
//	state    = Sign(node key, "zms/1/drop-state", body), acknowledgements beside it
//	refusal  = Sign(node key, "zms/1/refusal", body)
//
// A receipt with k = 0 and both D's zeros is a front door's: pending, it may be
// displaced. Times are milliseconds since 1970.
package custody
