package wire

import "zeroms/protocol/key"

// ClientHello opens a link. Node is the gateway key that the client expects,
// 32 bytes, or the 16-byte gateway hash if it only knows a card.
type ClientHello struct {
	MinVersion uint16      `cbor:"1,keyasint"`
	MaxVersion uint16      `cbor:"2,keyasint"`
	Network    key.Network `cbor:"3,keyasint"`
	Random     [32]byte    `cbor:"4,keyasint"`
	Node       []byte      `cbor:"5,keyasint"`
	// Gateway is the caller's own Contact if it is a gateway (its node key is that
	// of its certificate), else it is absent.
	Gateway []byte `cbor:"6,keyasint,omitempty"`
}

// Type is TypeClientHello.
func (*ClientHello) Type() Type { return TypeClientHello }

// ServerHello answers it. Version is the one chosen; Time is the gateway's
// clock in ms.
type ServerHello struct {
	Version uint16         `cbor:"1,keyasint"`
	Network key.Network    `cbor:"2,keyasint"`
	Random  [32]byte       `cbor:"3,keyasint"`
	Node    key.NodePublic `cbor:"4,keyasint"`
	Time    uint64         `cbor:"5,keyasint"`
	Limits  Limits         `cbor:"6,keyasint"`
	// Descriptor is the gateway's signed descriptor (docs/protocol/address.md), at
	// most MaxDescriptor bytes; absent from one that has none.
	Descriptor []byte `cbor:"7,keyasint,omitempty"`
}

// Type is TypeServerHello.
func (*ServerHello) Type() Type { return TypeServerHello }

// LoginTranscript is what a login key signs under "zms/1/login": node key 32 |
// exporter 32 (zeros on ws:// loopback and memory links without TLS) | SHA-256
// of the client hello frame | SHA-256 of the server hello frame.
func LoginTranscript(node key.NodePublic, exporter, client, server [32]byte) []byte {
	return key.Join(node[:], exporter[:], client[:], server[:])
}
