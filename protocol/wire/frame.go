package wire

import (
	"github.com/fxamacker/cbor/v2"
)

// Type is a frame's type.
type Type uint8

// The frame types, by family.
const (
	TypeClientHello Type = 1
	TypeServerHello Type = 2
	TypeRegister    Type = 3
	TypeLogin       Type = 4
	TypeWelcome     Type = 5
	TypeEnrolment   Type = 6
	TypeDropPut     Type = 10
	TypeDoorPut     Type = 11
	TypeDropDelete  Type = 12
	TypeSubmit      Type = 20
	TypeCommit      Type = 21
	TypeRefused     Type = 22
	TypePush        Type = 30
	TypeAck         Type = 31
	TypeHeadGet     Type = 32
	TypeStateGet    Type = 33
	TypeState       Type = 34
	TypeProfilePut  Type = 40
	TypeProfileGet  Type = 41
	TypeProfile     Type = 42
	TypeOK          Type = 50
	TypeError       Type = 51

	// between gateways
	TypePing      Type = 60
	TypePong      Type = 61
	TypeFindNode  Type = 62
	TypeNodes     Type = 63
	TypeFindValue Type = 64
	TypeValue     Type = 65
	TypeStore     Type = 66
	TypeStored    Type = 67
	TypeReach     Type = 68
	TypePublish   Type = 69
	TypePublished Type = 70
	TypeRelay     Type = 71

	// of channels, between clients and gateways, and what clients ask of the network
	TypeForward       Type = 80
	TypeForwarded     Type = 81
	TypeRecordGet     Type = 82
	TypeRecord        Type = 83
	TypeDepositPut    Type = 84
	TypeDepositsGet   Type = 85
	TypeDeposits      Type = 86
	TypeDescriptorGet Type = 87
	TypeDescriptor    Type = 88
	TypeGatewaysGet   Type = 89
	TypeGateways      Type = 90
)

// Subprotocol is the WebSocket subprotocol of this encoding.
const Subprotocol = "zms.1.cbor"

// Version is the protocol version; both hellos carry the range a side speaks.
//
//	1  the first version
const Version = 1

// Payload is the third element of a frame.
type Payload interface {
	// Type is the frame type that carries the payload.
	Type() Type
}

// Frame is one frame; Raw is its payload, decoded by Decode once the type is
// known. It may share the bytes that the frame was cut from; what Decode makes
// shares nothing.
type Frame struct {
	_    struct{} `cbor:",toarray"`
	Type Type
	ID   uint64
	Raw  cbor.RawMessage
}

// AppendFrame appends the frame [p.Type(), id, p] to dst. Every payload type
// keeps to MaxFrame by its own limits.
func AppendFrame(dst []byte, id uint64, p Payload) []byte {
	dst = appendHead(append(dst, majorArray<<5|3), majorUint, uint64(p.Type()))
	dst = appendHead(dst, majorUint, id)
	if h, ok := p.(handCoded); ok {
		return h.appendTo(dst)
	}
	return append(dst, Marshal(p)...)
}

// NextFrame cuts the first frame off a CBOR sequence. Its payload is checked
// when it is decoded. Errors: ErrTruncated, ErrTooLarge, ErrNotCanonical,
// ErrMalformed.
func NextFrame(b []byte) (f Frame, rest []byte, err error) {
	quick := reader{b: b[:min(len(b), MaxFrame)]}
	if f = quick.frame(); !quick.bad {
		return f, b[min(len(b), MaxFrame)-len(quick.b):], nil
	}
	return nextFrame(b)
}

// nextFrame is NextFrame without the short cut.
func nextFrame(b []byte) (f Frame, rest []byte, err error) {
	first := b[:min(len(b), MaxFrame)]
	rest, err = decMode.UnmarshalFirst(first, &f)
	if err != nil {
		if err = decodeError(err); err == ErrTruncated && len(b) > MaxFrame {
			err = ErrTooLarge
		}
		return Frame{}, nil, err
	}
	used := first[:len(first)-len(rest)]
	rest = b[len(used):]
	if len(f.Raw) == 0 || f.Raw[0]>>5 != 5 {
		return Frame{}, nil, ErrMalformed
	}
	if string(Marshal(f)) != string(used) {
		return Frame{}, nil, ErrNotCanonical
	}
	return f, rest, nil
}

// Decode decodes the payload strictly into p, whose type must be the frame's.
// Errors: ErrUnexpected, or Unmarshal's.
func (f Frame) Decode(p Payload) error {
	if p.Type() != f.Type {
		return ErrUnexpected
	}
	if parseByHand(f.Raw, p) {
		return nil
	}
	return Unmarshal(f.Raw, p, MaxFrame)
}

// Frames cuts a link message into its frames. Errors: NextFrame's, and
// ErrTruncated for an empty message.
func Frames(message []byte) ([]Frame, error) {
	if len(message) == 0 {
		return nil, ErrTruncated
	}
	if len(message) > MaxMessage {
		return nil, ErrTooLarge
	}
	var out []Frame
	for len(message) > 0 {
		f, rest, err := NextFrame(message)
		if err != nil {
			return nil, err
		}
		out, message = append(out, f), rest
	}
	return out, nil
}
