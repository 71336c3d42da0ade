// Package chat keeps a client's profile in a directory: an SQLite database whose
// personal content is sealed, the file with the profile key, and a lock. DB is
// a client.Store. docs/protocol/at-rest.md is the full text; in short (sizes in
// bytes, integers big-endian, `|` joins fixed fields):
//
//	lock                  who owns the directory
//	profile.key           "ZMSPKEY" | version 1 | mode 1 | profile key 32                          mode 0
//	                      ... | passes 4 | memory KiB 4 | lanes 1 | salt 16 | nonce 24 | key 32+16  mode 1
//	profile.db            SQLite with -wal and -shm; tables record, ephemeral, message, seen, slot, day, meta
//
//	sub-key(label)        HKDF-SHA256(profile key, info = label)                 labels.go
//	row hash 16           HMAC-SHA256(sub-key "hash", table 1 | row key)[:16]
//	aad 33                table 1 | row hash 16 | conv 8 | height 4 | flags 4
//	payload               row key length 1 | row key | data
//	stored data           nonce 24 | XChaCha20-Poly1305(cipher key, nonce, payload, aad)
//	cipher key            HMAC-SHA256(sub-key "row", slot 32)     record, message
//	                      HMAC-SHA256(daily key, slot 32)         ephemeral
//	                      sub-key "seen"                          seen
//	wrapped daily key 72  nonce 24 | XChaCha20-Poly1305(sub-key "day", nonce, daily key 32, "day" | day 8)
//
// # Erasing
//
// secure_delete overwrites what is deleted, but not the copies that SQLite
// leaves in the free part of a page when it moves rows to another page. What
// makes an erased row unreadable is therefore its slot: 32 random bytes, new
// with every write of the row, in a table whose rows are all of one size, only
// appended and only overwritten in place, so that SQLite never moves them.
// Emptying the WAL (Tidy, Close) removes the slot's last copy. The daily key
// lies alone in its table for the same reason.
package chat
