// Package address is what a person publishes at gateways so that contacts can
// reach them: the profile blob and the leases in it (docs/protocol/profile.md).
//
// Layout of a profile blob (exactly 4096 or 16384 bytes; sizes in bytes):
//
//	blob      = nonce 24 | XChaCha20-Poly1305(key, nonce, plaintext, aad = P_g 32)
//	key       = KDF("profile-key", A | S, P_g)
//	plaintext = content length 4 | content | zeros
//	content   = {1: made uint (ms), 2: list [1*5 bstr], 3: bundles [*8 bstr],
//	             4: door secret bstr(0 or 16), 5: difficulty uint, 6: leases [*16 lease],
//	             7: signer bstr(8), 8: sig bstr(64)}                    deterministic CBOR
//	lease     = {1: node key bstr(32), 2: host tstr, 3: port uint, 4: flags uint}
//	sig       = Sign(DSK, "zms/1/profile-blob", content without field 8)
//
// A lease also has a fixed form of 52 bytes:
//
//	node key 32 | address 16 (IPv6, or IPv4 mapped) | port 2 | lapses 1 | flags 1
//
// Device list entries and bundles are opaque here; whoever opens a profile
// checks them, finds the signer in the list and calls Verify. The package is
// pure: it has no clock and does no I/O.
package address
