// Package channel seals single requests for a gateway that somebody else brings
// there, and the answers to them (docs/protocol/forward.md): both halves, as plain
// state. Who carries the bytes learns the two ends' gateways, sizes and times; who
// opens them learns the request and not who made it.
//
//	info    = "zms/1/forward" | 0x00 | network 4 | node key 32 of the target
//	request = channel 16 | n 4 | encapsulation 1120 or nothing | sealed
//	          sealed = ChaCha20-Poly1305(kf, nonce 8 zeros | n, aad channel | node key)
//	answer  = channel 16 | n 4 | nonce 24 | sealed
//	          sealed = XChaCha20-Poly1305(kb, nonce, aad channel | n | node key)
//	plain   = one frame | zeros
//
// kf, kb and the channel's id are exports of one HPKE set-up to the target's KEM
// key. Encapsulation and sealed together have one of four sizes, an answer one of
// two that follows from its request's.
package channel
