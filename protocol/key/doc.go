// Package key holds one Go type per key role of the ZeroMS protocol and
// everything that is derived from keys alone: the key derivation function,
// the signature and hash contexts, user IDs as text, recovery phrases, safety
// numbers, mailbox and door credentials and blinded profile names.
//
// Layouts (docs/protocol/keys.md; sizes in bytes, `|` joins fixed fields):
//
//	KDF(label, ikm, ctx, salt, L) = HKDF-SHA256(ikm, salt, "zms/1/" label | 0x00 | ctx, L)
//	Sign(key, ctx, x)             = Ed25519(key, ctx | 0x00 | SHA-256(x))          64
//	Hash(ctx, x)                  = SHA-256(ctx | 0x00 | x)                        32
//	user ID text                  = base32(IK 32 | check 2 | version 1)            56 characters
//	device id                     = SHA-256(DSK public)[:8]
//	gateway hash                  = Hash("zms/1/node-key", node key)[:16]
//	account tag                   = Hash("zms/1/account", MK)                      32
//
// Private and secret types cannot be printed, logged, marshalled or compared
// with ==; Bytes hands out the raw value for sealed storage and nothing else.
// A public key that came from outside is only ever built by ParsePublic, which
// refuses encodings that are non-canonical, of small order or carry torsion.
package key
