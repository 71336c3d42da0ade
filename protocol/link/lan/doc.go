// Package lan lets the gateways of one network find each other in a local
// network, or on one computer, without any list, and people the gateways of any
// network: DNS-based service discovery
// (RFC 6763) over multicast DNS (RFC 6762). docs/protocol/link.md, "Gateways of a
// local network", has the layout.
//
//	_zeroms._udp.local.                 PTR  zms-<16 hex>._zeroms._udp.local.
//	zms-<16 hex>._zeroms._udp.local.    SRV  port, zms-<16 hex>.local.
//	zms-<16 hex>._zeroms._udp.local.    TXT  txtvers=1 net=<8 hex> c=<contact>
//	zms-<16 hex>.local.                 A or AAAA
//
// The hex digits are the first 8 bytes of the gateway's hash (key.GatewayHashOf),
// net is the network and c the 59 bytes of a wire.Contact as base64url without
// padding. Only c is read: the other records are for the tools of the system.
//
// What is found is a hint and no more: whoever uses it makes the gateway prove
// its key. Everything that arrives is hostile. A packet speaks only for the
// address it comes from; packets, gateways of one address, gateways in memory and
// those handed on are bounded. Nothing is sent to whom a packet names, only to the
// group, and at most once a second.
package lan
