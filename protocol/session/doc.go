// Package session makes and runs the sessions between two devices: the
// handshake that sets one up in a single message, the double ratchet with
// encrypted headers that gives every message a key of its own, and the
// post-quantum secrets that heal it (docs/protocol/session.md). It knows the
// keys of slots, not the envelopes that carry them (package envelope), and what
// heals as values, not the messages that carry it (package message).
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
//	root step    : KDF("root", DH | pq 0 or 32, salt RK, 96) = RK | CK | NHK
//	chain step   : mk = HMAC(CK, 0x01), CK = HMAC(CK, 0x02)
//	tag_i        = HMAC(KDF("tag", HK), i 4)[:8]
//	hk           = KDF("header", HK)
//	header 40    = dh 32 | pn 2 | pqid 2 | base 4
//
//	key          : th[:8], pqid, ek 1184 (ML-KEM-768)
//	ciphertext   : th[:8], pqid, SHA-256(ek)[:8], ct 1088, KDF("pq-confirm", secret)[:8]
//
// Healing: the side that offered a key takes the ciphertext (PQFinish), and the
// secret enters the root step of its next sending chain, all of whose headers
// name it in pqid. The other side, which has held the secret since PQAnswer,
// mixes it into the receiving root step of that chain. Each then erases it.
//
// Everything is functional: a step returns the next state and leaves the one it
// started from as it was. The owner verifies and stores the next state, and
// only then acts on it and forgets the old one.
package session
