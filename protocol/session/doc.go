// Package session makes and runs the sessions between two devices: the
// handshake that sets one up in a single message, and the double ratchet with
// encrypted headers that gives every message a key of its own
// (docs/protocol/session.md). It knows the keys of slots, not the envelopes
// that carry them (package envelope).
//
// Layouts (sizes in bytes, `|` joins fixed fields, integers big-endian):
//
//	bundle       = signed by DSK_b: {suite, device, SPK 1216, SPK id 8, ratchet_b 32,
//	               created, expires, list n, list hash 16}
//	(enc, S)     = HPKE.NewSender(SPK_b, "zms/1/init" | 0x00 | H(bundle) | IK_b | dev_b)
//	th           = Hash("zms/1/th", suite 1 | gen 4 | flags 1 | IK_a | dev_a 8 | DSK_a |
//	               IK_b | dev_b 8 | DSK_b | H(bundle) | enc | e_a)
//	session 96   = KDF("session", S.Export("zms/1/session", 32) | door secret 16 or zeros,
//	               salt th) = RK | HKa | NHKb
//	block 1200   = IK_a 32 | DSK_a 32 | e_a 32 | gen 4 | flags 1 | card id 8 | W 32 |
//	               count 1 | count x lease 52 | length 2 | list entry | sig 64 | zeros
//	sig          = Sign(DSK_a, "zms/1/init", th | SHA-256(block before sig))
//	sealed 1216  = S.Seal(aad H(bundle), block)
//
//	root step    : KDF("root", DH | pq, salt RK, 96) = RK | CK | NHK
//	chain step   : mk = HMAC(CK, 0x01), CK = HMAC(CK, 0x02)
//	tag_i        = HMAC(KDF("tag", HK), i 4)[:8]
//	hk           = KDF("header", HK)
//	header 40    = dh 32 | pn 2 | pqid 2 | base 4
//
// Everything is functional: a step returns the next state and leaves the one it
// started from as it was. The owner verifies and stores the next state, and
// only then acts on it and forgets the old one.
package session
