// Package peer is the load on servers of other kinds, for comparison: MQTT 3.1.1
// with QoS 1 (any broker), and a bare WebSocket relay, whose server is here too.
// Messages have the size, the counters and the limits of flight of a gateway's
// (package member), and it is counted in the same way.
package peer

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"zeroms/cmd/zeroms-lab/bench/meter"
)

// Size is the size of the payloads, in bytes; the last 8 are the message's number.
const Size = 1 << 10

// writer writes messages of a flow to the sender's connection; flush sends what
// was written.
type writer interface {
	write(number uint32, payload []byte)
	flush() error
}

// Flow is messages from one connection to one recipient.
type Flow struct {
	out   writer
	born  time.Time
	room  int
	alone bool // nobody receives now

	mu sync.Mutex
	// guarded by mu
	payload   []byte
	sent      []time.Duration
	acked     []bool
	counts    meter.Counts
	most      int
	from      time.Duration
	sampling  bool
	first     uint32 // number of the first one without an acknowledgement
	delivered uint32 // number of the next one
}

func newFlow(out writer, room int, away bool) *Flow {
	f := &Flow{out: out, born: time.Now(), room: room, alone: away, payload: make([]byte, Size)}
	_, _ = rand.Read(f.payload)
	return f
}

// Send lets up to most messages in all go out, as far as there is room.
func (f *Flow) Send(most int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.most = most
	return f.fill(time.Now())
}

// SendNow sends one message, however many are on their way.
func (f *Flow) SendNow() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.append(time.Now())
	return f.out.flush()
}

// Stop lets nothing more go out.
func (f *Flow) Stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.most = len(f.sent)
}

// Sample begins to keep the times of what is sent from now on.
func (f *Flow) Sample() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sampling, f.from = true, time.Since(f.born)
}

// Counts reads how far the flow is.
func (f *Flow) Counts() meter.Counts {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.counts
	c.Sent = len(f.sent)
	return c
}

// Done is how many messages are done.
func (f *Flow) Done() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts.Done
}

// fill sends as much as there is room for; mu is held.
func (f *Flow) fill(now time.Time) error {
	n := min(f.room-(len(f.sent)-f.counts.Done), f.most-len(f.sent))
	if n <= 0 {
		return nil
	}
	for ; n > 0; n-- {
		f.append(now)
	}
	return f.out.flush()
}

func (f *Flow) append(now time.Time) {
	number := uint32(len(f.sent))
	f.stamp(number)
	f.sent = append(f.sent, now.Sub(f.born))
	f.acked = append(f.acked, false)
	f.out.write(number, f.payload)
}

func (f *Flow) stamp(number uint32) {
	binary.BigEndian.PutUint64(f.payload[Size-8:], uint64(number))
}

// ack takes the server's acknowledgement of a message.
func (f *Flow) ack(now time.Time, number uint32) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if number >= uint32(len(f.sent)) || f.acked[number] {
		return fmt.Errorf("message %d was acknowledged, which was not waiting for it", number)
	}
	f.acked[number] = true
	for f.first < uint32(len(f.acked)) && f.acked[f.first] {
		f.first++
	}
	f.counts.Custody++
	if f.alone || number < f.delivered {
		f.counts.Done++
	}
	if f.sampling && f.sent[number] >= f.from {
		f.counts.ToCustody = append(f.counts.ToCustody, now.Sub(f.born)-f.sent[number])
	}
	return nil
}

// oldest is the number of the first message without an acknowledgement.
func (f *Flow) oldest() uint32 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.first
}

// deliver takes a message of the recipient.
func (f *Flow) deliver(now time.Time, payload []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	number := f.delivered
	if number >= uint32(len(f.sent)) {
		return fmt.Errorf("a message came after the last one")
	}
	f.stamp(number)
	if !bytes.Equal(payload, f.payload) {
		return fmt.Errorf("message %d came otherwise than it was sent", number)
	}
	f.delivered++
	f.counts.Delivered++
	if f.acked[number] && !f.alone {
		f.counts.Done++
	}
	if f.sampling && f.sent[number] >= f.from {
		f.counts.ToPush = append(f.counts.ToPush, now.Sub(f.born)-f.sent[number])
	}
	return nil
}

// refill sends what there is room for.
func (f *Flow) refill(now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fill(now)
}
