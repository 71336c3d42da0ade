// Package address is what a person publishes at gateways so that contacts can
// reach them: the profile blob and the leases in it (docs/protocol/profile.md),
// and the address record; and what gateways say of themselves so that others
// reach them: descriptors, places, scopes and parameters of a network
// (docs/protocol/address.md).
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
// Layout of an address record (exactly 1024 bytes) and of a gateway's descriptor
// (at most 4096):
//
//	record     = version 1 | A' 32 | day 4 | seq 4 | nonce 24 | sealed 895 | sig 64
//	sealed     = XChaCha20-Poly1305(KDF("address-body", A | S, A'), nonce, plaintext, aad = the 65 before)
//	plaintext  = made 4 (minutes) | n 4 | H(entry) 32 | 16 x lease 52 | zeros 7
//	sig        = Sign(A', "zms/1/address", all before)
//	place      = Hash("zms/1/position", A' 32 | i 4 | day 4), i = 0 or 1
//	descriptor = [body bstr, sig bstr(64)], sig = Sign(node key, "zms/1/descriptor", body)
//	body       = {1: node key bstr(32), 2: x uint, 3: KEM key bstr(1216),
//	              4: addresses [*8 bstr(18)], 5: transports uint, 6: name tstr, 7: network bstr(4),
//	              8: made uint (ms), 9: expires uint (ms), 10: limits, 11: flags uint, 12: version uint}
//
// Device list entries and bundles are opaque here; whoever opens a profile
// checks them, finds the signer in the list and calls Verify. The package is
// pure: it has no clock and does no I/O.
package address
