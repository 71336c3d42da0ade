// Package device is the list of a person's devices: a hash chain of entries,
// each signed by the identity key, that contacts follow (docs/protocol/device.md).
//
// Layout (deterministic CBOR; sizes in bytes):
//
//	entry = [body bstr, sig bstr(64), joins [* [id bstr(8), sig bstr(64)]]]      at most 864
//	body  = {1: user bstr(32), 2: n uint, 3: prev bstr(32), 4: time uint (ms),
//	         5: devices [1*8 {1: DSK bstr(32), 2: id bstr(8), 3: role uint, 4: added uint}],
//	         6: revoked [*8 {1: id bstr(8), 2: at uint}],
//	         7: next identity hash bstr(0 or 32)}
//	sig   = Sign(IK, "zms/1/device-list", body)
//	join  = Sign(DSK, "zms/1/device-join", user 32 | n 4 | prev 32 | DSK 32)
//	H(entry) = SHA-256(body);  reference = n, H(entry)[:16]
//
// n counts from 1 and prev is H of entry n-1, zeros at n = 1. An entry adds at
// most one device: the one whose added is n, and exactly that one joins.
//
// The package is pure: it has no clock and does no I/O.
package device
