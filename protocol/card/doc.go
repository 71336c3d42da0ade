// Package card holds what people hand to each other outside of ZeroMS: the
// contact card and the gateway address, as text, link and QR code, and the
// reading of a QR code from a picture (docs/protocol/card.md).
//
// Contact card (sizes in bytes, integers big-endian, `|` joins fields):
//
//	ver 1 | flags 1 | IK 32 | address secret 16 | door secret 16 |
//	n 1 | n x {gateway hash 16 | host len 1, host:port} |
//	expiry day 2 | name len 1, name | check 4
//
//	flags  0x01 public (door secret all zeros)   0x02 found by key (address secret all zeros)
//	       0x04 group (refused)                  0x08 loopback gateways speak ws:// without TLS
//	check  Hash("zms/1/card", all before)[:4]
//	text   "ZMS:" base32(card)
//	link   "https://" host:port "/c#" text       deep link "zeroms:c/" text
//
// Gateway address:
//
//	ver 1 | flags 1 | node key 32 | port 2 | host len 1, host | invite 0 or 16 | network 4 | check 4
//
//	flags  0x01 invite present                   0x02 ws:// without TLS (loopback only)
//	check  Hash("zms/1/gateway", all before)[:4]
//	text   "ZMSG:" base32(address)
//
// host:port leaves ":443" out. Each value has exactly one encoding: what parses
// encodes back to the same bytes. Cards and addresses carry secrets, so
// printing or logging one shows none of them; Text is the explicit way out.
package card
