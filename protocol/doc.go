// Package protocol is the map of the ZeroMS protocol: what clients and gateways
// share. It holds no code; every layer is a package beside this file and a
// document in docs/protocol.
//
//	layer     package    document                        knows
//	keys      key        keys.md                         primitives only
//	encoding  wire       wire.md                         key
//	cards     card       card.md                         key, wire; QR codes
//	devices   device     device.md                       key, wire
//	addresses address    address.md, profile.md          key, wire
//	messages  message    message.md                      key, wire, device
//	sessions  session    session.md                      key, wire, device
//	envelopes envelope   envelope.md                     key, wire
//	mailbox   custody    custody.md, mailbox.md          key, wire
//	channels  channel    forward.md                      key, wire
//	links     link       link.md, dht.md                 key, wire; WebSocket, QUIC
//
// All packages but link are pure: no goroutine, no clock, no I/O. What a client
// does with them is docs/protocol/client.md; how it keeps things, at-rest.md. What
// gateways do for each other, the network of them that finds every user by key, is
// dht.md: its frames are in wire, its records in address, its code in the gateway.
//
// Version history (wire.Version, in both hellos):
//
//	1  the first version
//
// Limits, in bytes unless said otherwise; each package names its own as well:
//
//	link message            1 MiB     frame               96 KiB
//	envelope                1, 4, 16, 64 KiB              init envelope        4 KiB
//	text                    14,000    message (signed)    512
//	device list entry       864       devices a user      8
//	profile blob            4, 16 KiB leases              16
//	address record          1 KiB     gateway descriptor  4 KiB
//	contact of a gateway    59        contacts an answer  40
//	records a store         32, of 80 KiB together        records a deposit  80
//	forwarded request       an envelope's size + 1,280    channel  24 hours
//	text before the reply   what fits an init envelope, 1,591 with everything
//	retention at a gateway  30 days   dedupe              32 days
//	bundle valid, renewed   37 days, every 7              prekey erased  after 69 days
//	skipped message keys    2,000 a session, 32 days      tags looked for ahead  64, 1,100
//	clock tolerance         24 hours
package protocol
