package custody

import (
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// MaxRefusal bounds the body of a refusal, in bytes.
const MaxRefusal = 256

// Refuse signs a refusal; Node is filled in.
func Refuse(r wire.Refusal, node key.NodePrivate) wire.Object {
	r.Node = node.Public()
	return wire.Sign(node, key.ContextRefusal, r)
}

// VerifyRefusal checks a refusal by the gateway node. Errors: wire.ErrTooLarge,
// ErrSignature, Unmarshal's, ErrWrongNode for a body that names another
// gateway, ErrValue for a code other than CodeQuota, CodeDoorFull and CodeWork,
// and for bits that do not go with it: none for a quota, at most
// wire.MaxWorkBits, and some for work.
func VerifyRefusal(o wire.Object, node key.NodePublic) (*wire.Refusal, error) {
	if len(o.Body) > MaxRefusal {
		return nil, wire.ErrTooLarge
	}
	var r wire.Refusal
	if err := wire.Verify(o, node, key.ContextRefusal, &r); err != nil {
		return nil, err
	}
	switch {
	case r.Node != node:
		return nil, wire.ErrWrongNode
	case r.Code == wire.CodeQuota && r.Bits == 0:
	case r.Code == wire.CodeDoorFull && r.Bits <= wire.MaxWorkBits:
	case r.Code == wire.CodeWork && r.Bits > 0 && r.Bits <= wire.MaxWorkBits:
	default:
		return nil, wire.ErrValue
	}
	return &r, nil
}
