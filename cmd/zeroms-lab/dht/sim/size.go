package sim

import "zeroms/protocol/wire"

// frameID is a request id of the usual length.
const frameID = 1000

// Size is how many bytes the frame of a payload takes, without anything that the
// transport adds. That is what wire.AppendFrame writes; the payloads that pass by
// millions are only counted.
func Size(p wire.Payload) int {
	n := 0
	switch p := p.(type) {
	case nil:
		return 0
	case *wire.Ping:
		n = 1
	case *wire.Pong:
		n = 2 + bytesSize(len(p.Seen))
	case *wire.FindNode:
		n = 2 + bytesSize(len(p.Target))
	case *wire.FindValue:
		n = 2 + bytesSize(len(p.Key))
	case *wire.Nodes:
		n = 2 + bytesSize(len(p.Contacts))
	case *wire.Value:
		n = 3 + bytesSize(len(p.Record)) + bytesSize(len(p.Contacts))
	case *wire.Store:
		n = 2 + headSize(uint64(len(p.Items)))
		for i := range p.Items {
			n += 4 + bytesSize(len(p.Items[i].Record)) + headSize(uint64(p.Items[i].Index)) + bytesSize(len(p.Items[i].Stamp))
		}
	case *wire.Stored:
		n = 2 + headSize(uint64(len(p.Codes)))
		for _, c := range p.Codes {
			n += headSize(uint64(c))
		}
	default:
		return len(wire.AppendFrame(nil, frameID, p))
	}
	return 1 + headSize(uint64(p.Type())) + headSize(frameID) + n
}

// bytesSize is the size of a byte string of n bytes with its head.
func bytesSize(n int) int { return headSize(uint64(n)) + n }

// headSize is the size of an item's head (RFC 8949 section 3.1).
func headSize(n uint64) int {
	switch {
	case n < 24:
		return 1
	case n < 1<<8:
		return 2
	case n < 1<<16:
		return 3
	case n < 1<<32:
		return 5
	}
	return 9
}
