// Package link carries messages between a client and a gateway, or between two
// gateways: WebSocket over TLS 1.3 (docs/protocol/link.md). A link message is a
// CBOR sequence of frames (package wire); this package does not look into it,
// but where the other side speaks JSON (json.go, docs/protocol/json.md).
//
// What a link looks like on the wire:
//
//	TCP       keepalive probes after 55 s of silence, sent by the side that dialled
//	TLS 1.3   SNI "zms.invalid", ALPN "http/1.1", no tickets, no 0-RTT
//	          certificate: X.509 v3, self-signed by the gateway's Ed25519 node key,
//	          pinned by that key (32 bytes) or its gateway hash (16 bytes)
//	HTTP/1.1  GET /zms, Host zms.invalid, Sec-WebSocket-Protocol zms.1.cbor, or zms.1.json
//	WebSocket binary messages of 1..wire.MaxMessage bytes, no extensions
//
// The TLS exporter key.ExporterLogin (32 bytes, empty context) is the link's
// Binding: equal at both ends and different for every connection. Without TLS,
// which is possible on the loopback interface only, it is all zeros.
//
// Package memlink is the same in memory, for tests and simulated networks.
package link
