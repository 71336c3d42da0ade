// Package backup is what brings a person back: the archive that zms exports,
// the safe that lies at each home gateway, and what a new device makes of
// either, or of the 24 words alone. docs/protocol/backup.md is the full text; in
// short (sizes in bytes, integers big-endian, `|` joins fixed fields):
//
//	archive   head | chunk | chunk | ...
//	head      "ZMSARCHIVE" 10 | version 1 | lock 1 | salt 32 | passes 4 | memory KiB 4 | lanes 1     53
//	          lock 0: the 24 words; the last three fields are zeros
//	          lock 1: a passphrase, stretched by Argon2id with the last three fields
//	key       lock 0: KDF("archive", backup key, salt)
//	          lock 1: KDF("archive", Argon2id(passphrase, salt), salt)
//	chunk     XChaCha20-Poly1305(key, zeros 15 | number 8 | last 1, up to 65,536 of content, aad = head)
//	content   record | record | ...
//	record    length 4 | type 1 | CBOR map
//
//	safe      nonce 24 | XChaCha20-Poly1305(cipher key, nonce, plaintext, aad = name 32)     16,384
//	plaintext length 4 | CBOR map | zeros
//
// Neither holds anything of the moment: no session, no prekey, no device
// secret, nothing of the outbox, and not the seed. Whoever is restored from them
// is a new device.
//
// Everything here is plain: it reads rows of a profile and makes rows of one;
// who calls it commits them, in one batch.
package backup
