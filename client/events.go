package client

import (
	"time"

	"zeroms/protocol/key"
)

// Event tells what changed. It is one of MessageAdded, MessageChanged,
// ContactChanged,
// GatewayChanged, GatewayRemoved, ReadUpto and Lagged; events leave in the order of the
// turns that made them, after those turns are durable.
type Event interface{ clientEvent() }

// MessageAdded reports a message new in the history, own ones included.
type MessageAdded struct{ Message Message }

// MessageChanged reports a new state or place of a known message.
type MessageChanged struct{ Message Message }

// ContactChanged reports a new or changed contact, requests included.
type ContactChanged struct{ Contact Contact }

// GatewayChanged reports a home gateway that came, went or changed its state.
type GatewayChanged struct{ Gateway Gateway }

// GatewayRemoved reports a home gateway that is a home no more.
type GatewayRemoved struct{ Node key.NodePublic }

// ReadUpto reports that a contact has read our messages up to Seq.
type ReadUpto struct {
	Contact ContactID
	Seq     uint32
	At      time.Time
}

// Lagged tells a subscriber that it was too slow and that events were dropped:
// what it shows must be read again.
type Lagged struct{}

func (MessageAdded) clientEvent()   {}
func (MessageChanged) clientEvent() {}
func (ContactChanged) clientEvent() {}
func (GatewayChanged) clientEvent() {}
func (GatewayRemoved) clientEvent() {}
func (ReadUpto) clientEvent()       {}
func (Lagged) clientEvent()         {}

// subscriptionSize bounds the events that wait for one subscriber. When it
// overflows, all of them are dropped and one Lagged takes their place.
const subscriptionSize = 4096

// Subscription receives events on C, which is closed when the client stops.
type Subscription struct {
	// C delivers the events.
	C      <-chan Event
	queue  chan Event
	client *Client
	closed bool // guarded by client.mu
}

// Subscribe starts receiving events. The caller must keep reading or Close.
func (c *Client) Subscribe() *Subscription {
	q := make(chan Event, subscriptionSize)
	s := &Subscription{C: q, queue: q, client: c}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.subs == nil {
		s.close()
		return s
	}
	c.subs[s] = struct{}{}
	return s
}

// Close ends the subscription and closes C.
func (s *Subscription) Close() {
	s.client.mu.Lock()
	defer s.client.mu.Unlock()
	delete(s.client.subs, s)
	s.close()
}

// close closes the queue once; client.mu is held.
func (s *Subscription) close() {
	if !s.closed {
		s.closed = true
		close(s.queue)
	}
}

// emit hands the events of a turn to every subscriber without waiting.
func (c *Client) emit(events []Event) {
	if len(events) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for s := range c.subs {
		for _, ev := range events {
			s.offer(ev)
		}
	}
}

func (s *Subscription) offer(ev Event) {
	select {
	case s.queue <- ev:
		return
	default:
	}
	for {
		select {
		case <-s.queue:
		default:
			s.queue <- Lagged{}
			return
		}
	}
}
