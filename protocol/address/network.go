package address

import (
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Bounds of what an operator may choose for a network of their own, in zero bits.
const (
	MaxPuzzleBits = 24
	MaxStampBits  = 32
)

// Parameters are what all gateways of one network have to agree on.
type Parameters struct {
	// Network stands in hellos, in gateways' places and in records' keys.
	Network key.Network
	// Scope is which addresses it lives at.
	Scope Scope
	// PuzzleBits is how hard a place in the network is to get (Solved).
	PuzzleBits uint8
	// StampBits is the work on every record that a gateway is asked to hold.
	StampBits uint8
}

// networks are those that everybody knows.
var networks = []Parameters{
	{key.Network{'z', 'm', 's', '1'}, Public, 10, wire.StampBits},
	{key.Network{'l', 'a', 'b', '1'}, Loopback, 4, 8},
}

// ParametersOf are the parameters of a network that everybody knows: the public
// one and the lab's. Those of any other network its operators have to say.
func ParametersOf(n key.Network) (p Parameters, known bool) {
	for _, p := range networks {
		if p.Network == n {
			return p, true
		}
	}
	return Parameters{}, false
}

// Check refuses parameters that no network can have: wire.ErrValue, naming the
// one that is wrong.
func (p Parameters) Check() error {
	switch {
	case p.Network == key.Network{}:
		return wire.ErrValue.Because("a network needs an identifier")
	case p.Scope < Loopback || p.Scope > Public:
		return wire.ErrValue.Because("a network needs a scope: loopback, lan or public")
	case p.PuzzleBits > MaxPuzzleBits:
		return wire.ErrValue.Because("the puzzle of a network takes at most 24 bits")
	case p.StampBits > MaxStampBits:
		return wire.ErrValue.Because("the stamp of a network takes at most 32 bits")
	}
	if known, ok := ParametersOf(p.Network); ok && p != known {
		return wire.ErrValue.Because("this network has other parameters")
	}
	return nil
}
