package sim

import (
	"time"

	"zeroms/protocol/wire"
)

// Foe is how a gateway misbehaves towards others. What it does by itself it does
// with World.After and World.Ask.
type Foe interface {
	// Greet lets a handshake with self succeed (nil) or fail as the transport of the
	// other side reports it: wire.ErrUnreachable, ErrNetwork, ErrWrongNode.
	Greet(w *World, self, from *Host) error
	// Reply answers a request.
	Reply(w *World, self *Host, c Call) Reply
}

// Call is a request that a foe may answer.
type Call struct {
	From    *Host
	Request wire.Payload
	// Honest is what the gateway's own code answers; it is not called unless the foe
	// does. Only for hosts with a Node.
	Honest func() wire.Payload
}

// Reply is a foe's answer. Neither Payload nor Err: there is none.
type Reply struct {
	Payload wire.Payload
	After   time.Duration
	// Err is what the asker's transport reports instead of an answer, as after bytes
	// that break the protocol.
	Err error
}
