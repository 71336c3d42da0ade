package wire

import "zeroms/protocol/key"

// Forward is a sealed request for another gateway, through the one that is asked
// (docs/protocol/forward.md). Sealed holds one frame, padded. Answer: Forwarded,
// or Error of the entry (CodeUnreachable, CodeScope, CodeNotServing, CodeBusy) or
// of the exit (CodeNoChannel, CodeBusy, CodeOpen).
type Forward struct {
	// Target is the gateway that opens it, Host and Port where that is reached.
	Target key.NodePublic `cbor:"1,keyasint"`
	Host   string         `cbor:"2,keyasint"`
	Port   uint16         `cbor:"3,keyasint"`
	Relay
}

// Type is TypeForward.
func (*Forward) Type() Type { return TypeForward }

// Relay is what the entry hands to the exit. The bytes for one Channel and N are
// always the same.
type Relay struct {
	Channel [ChannelIDSize]byte `cbor:"4,keyasint"`
	N       uint32              `cbor:"5,keyasint"`
	// Encapsulation opens the channel: EncapsulationSize bytes, or empty once the
	// exit has answered on it.
	Encapsulation []byte `cbor:"6,keyasint"`
	Sealed        []byte `cbor:"7,keyasint"`
}

// Type is TypeRelay.
func (*Relay) Type() Type { return TypeRelay }

// Forwarded is the exit's answer, sealed for the sender: XChaCha20-Poly1305 with
// a random nonce.
type Forwarded struct {
	Channel [ChannelIDSize]byte `cbor:"1,keyasint"`
	N       uint32              `cbor:"2,keyasint"`
	Nonce   [24]byte            `cbor:"3,keyasint"`
	Sealed  []byte              `cbor:"4,keyasint"`
}

// Type is TypeForwarded.
func (*Forwarded) Type() Type { return TypeForwarded }
