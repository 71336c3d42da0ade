// Package quiclink carries links between gateways over QUIC version 1 (RFC 9000),
// under the Conn of package link (docs/protocol/link.md, "QUIC"). One UDP socket
// listens and dials.
//
// What a link looks like on the wire:
//
//	QUIC      no 0-RTT, no resumption, no datagrams, no keepalive; Retry under load
//	TLS 1.3   SNI "zms.invalid", ALPN "zms/1/" and the network in hex (8 digits)
//	          certificates at both ends, as package link has them: the dialling side
//	          pins the key before it shows its own
//	stream    one, bidirectional, opened by the dialling side with the byte 0x01;
//	          then messages both ways: length 4, big endian | 1..wire.MaxMessage bytes
//	end       FIN behind the last message; the error code of the connection is 0 for a
//	          goodbye, else a code of wire's error table
//
// The TLS exporter key.ExporterLogin (32 bytes, empty context) is the link's
// Binding.
package quiclink
