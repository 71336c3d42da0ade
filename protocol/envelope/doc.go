// Package envelope packs and opens envelopes: the sealed bytes of exactly four
// sizes that travel through gateways (docs/protocol/envelope.md). It does not
// know what it carries, nor where the keys of a slot come from; package session
// makes them.
//
// Ordinary envelope, 1, 4, 16 or 64 KiB (sizes in bytes, integers big-endian):
//
//	0x01 1 | slots 1 | commit 32 | slots x slot 112 | AEAD(body) rest
//	slot  = tag 8 | sealed header 40+16 | wrapped CEK 32+16
//
// with 2 or 4 slots at 1 KiB and 16 above; slots that nobody needs are random.
//
// Init envelope, always 4096, for one device:
//
//	0x81 1 | hint 8 | enc 1120 | sealed 1216 | commit 32 | slot 112 | AEAD(body) 1607
//
// Keys, from a random 32-byte content key CEK (AEAD is ChaCha20-Poly1305, RFC 8439):
//
//	commit        = KDF("commit", CEK)
//	AEAD(body)    = key KDF("body", CEK), nonce zeros,      aad all bytes before
//	sealed header = key hk,               nonce 8 zeros | i, aad commit
//	wrapped CEK   = key KDF("wrap", mk),  nonce zeros,      aad tag | sealed header | commit
//
// Body, before sealing: one to four records, then zeros up to the size.
//
//	record = message length 2 | message | salt 16 | body length 4 | body
//
// A record with body length 0 has a salt of zeros and is header-only.
package envelope
