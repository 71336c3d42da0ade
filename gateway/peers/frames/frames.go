// Package frames is what gateways ask each other: which answer belongs to a request,
// and what it costs.
package frames

import (
	"zeroms/protocol/channel"
	"zeroms/protocol/wire"
)

// AnswerTo is the type that answers a request, besides wire.TypeError.
func AnswerTo(request wire.Type) wire.Type {
	switch request {
	case wire.TypePing:
		return wire.TypePong
	case wire.TypeFindNode:
		return wire.TypeNodes
	case wire.TypeFindValue:
		return wire.TypeValue
	case wire.TypeStore:
		return wire.TypeStored
	case wire.TypePublish:
		return wire.TypePublished
	case wire.TypeRelay:
		return wire.TypeForwarded
	case wire.TypeRecordGet:
		return wire.TypeRecord
	case wire.TypeDescriptorGet:
		return wire.TypeDescriptor
	case wire.TypeGatewaysGet:
		return wire.TypeGateways
	}
	return wire.TypeOK
}

// emptyAnswer makes the payload of an answer.
func emptyAnswer(t wire.Type) wire.Payload {
	switch t {
	case wire.TypePong:
		return &wire.Pong{}
	case wire.TypeNodes:
		return &wire.Nodes{}
	case wire.TypeValue:
		return &wire.Value{}
	case wire.TypeStored:
		return &wire.Stored{}
	case wire.TypePublished:
		return &wire.Published{}
	case wire.TypeForwarded:
		return &wire.Forwarded{}
	case wire.TypeRecord:
		return &wire.Record{}
	case wire.TypeDescriptor:
		return &wire.Descriptor{}
	case wire.TypeGateways:
		return &wire.Gateways{}
	case wire.TypeError:
		return &wire.Failure{}
	}
	return &wire.OK{}
}

// Answer decodes an answer of the type that is expected, or a Failure. Errors:
// wire.ErrUnexpected for another type, those of Decode and wire.Check.
func Answer(f wire.Frame, expected wire.Type) (wire.Payload, error) {
	if f.Type != expected && f.Type != wire.TypeError {
		return nil, wire.ErrUnexpected
	}
	p := emptyAnswer(f.Type)
	if err := f.Decode(p); err != nil {
		return nil, err
	}
	return p, wire.Check(p)
}

// Request decodes a request that gateways send each other. Errors:
// wire.ErrUnexpected for another type, those of Decode and wire.Check.
func Request(f wire.Frame) (wire.Payload, error) {
	p := emptyRequest(f.Type)
	if p == nil {
		return nil, wire.ErrUnexpected
	}
	if err := f.Decode(p); err != nil {
		return nil, err
	}
	return p, wire.Check(p)
}

func emptyRequest(t wire.Type) wire.Payload {
	switch t {
	case wire.TypePing:
		return &wire.Ping{}
	case wire.TypeFindNode:
		return &wire.FindNode{}
	case wire.TypeFindValue:
		return &wire.FindValue{}
	case wire.TypeStore:
		return &wire.Store{}
	case wire.TypeReach:
		return &wire.Reach{}
	case wire.TypePublish:
		return &wire.Publish{}
	case wire.TypeRelay:
		return &wire.Relay{}
	case wire.TypeRecordGet:
		return &wire.RecordGet{}
	case wire.TypeDescriptorGet:
		return &wire.DescriptorGet{}
	case wire.TypeGatewaysGet:
		return &wire.GatewaysGet{}
	}
	return nil
}

// Work is what a request of a gateway costs of its Work: nothing if it only looks
// into memory, more the more traffic or computing it makes.
func Work(t wire.Type) (work int, known bool) {
	switch t {
	case wire.TypePing, wire.TypeRelay:
		return 0, true
	case wire.TypeFindNode, wire.TypeFindValue:
		return 1, true
	case wire.TypeStore:
		return 8, true
	case wire.TypeRecordGet, wire.TypeDescriptorGet, wire.TypeGatewaysGet:
		return 32, true
	case wire.TypePublish, wire.TypeReach:
		return 64, true
	}
	return 0, false
}

// Quick reports whether a request is answered from memory, so that its time is the
// link's.
func Quick(t wire.Type) bool {
	return t == wire.TypePing || t == wire.TypeFindNode || t == wire.TypeFindValue
}

// frameHead is what a frame takes at most beside the bytes that Size counts.
const frameHead = 160

// Size is an upper bound of a request's frame, in bytes.
func Size(p wire.Payload) int {
	n := frameHead
	switch p := p.(type) {
	case *wire.Relay:
		n += len(p.Encapsulation) + len(p.Sealed)
	case *wire.Store:
		n += itemsSize(p.Items)
	case *wire.Publish:
		n += itemsSize(p.Items)
	case *wire.DescriptorGet:
		n += len(p.Host)
	}
	return n
}

func itemsSize(items []wire.StoreItem) (n int) {
	for i := range items {
		n += len(items[i].Record) + len(items[i].Stamp) + 16
	}
	return n
}

// largeAnswers are the sizes of frames with a Relay of the class that has large
// answers, from and to.
const (
	largeAnswersFrom = 4<<10 + wire.ForwardPadding
	largeAnswersTo   = largeAnswersFrom + frameHead
)

// LeastBurden is what the least request counts for: enough for most answers.
const LeastBurden = 4 << 10

// Burden is what a request of a frame of so many bytes counts for among those under
// way: its size or that of its answer, whichever is larger, since all answers may
// come at once. It follows from the size alone: only relays are as large as relays.
func Burden(size int) int {
	if size >= largeAnswersFrom && size <= largeAnswersTo {
		return channel.AnswerLarge + frameHead
	}
	return max(size, LeastBurden)
}
