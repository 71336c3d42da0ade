// Package sim runs a network of gateways on a virtual clock: the machines of
// gateway/dht itself, and in between them messages that take time, get lost, meet
// gateways that are gone, or gateways that misbehave (Foe). The same seed gives the
// same run, to the last message. Nothing here is for concurrent use.
package sim

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"zeroms/gateway/dht"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// World is the network and its clock.
type World struct {
	Model Model
	// Rand decides about everything that is not a gateway's own decision.
	Rand *rand.Rand
	// Hosts are all that ever were, in the order in which they came.
	Hosts []*Host
	// Tally sums up what all hosts did.
	Tally Tally
	// Failed counts requests that ended without an answer, by their error.
	Failed map[error]int
	// Build, if set, makes the Node of a gateway that has none yet.
	Build func(h *Host)
	// Refused, if set, hears of every handshake that came to nothing.
	Refused func(from *Host, at netip.AddrPort)

	began time.Time
	clock int64 // ns since began
	queue queue
	at    map[netip.AddrPort]*Host
	free  []*call
}

// NewWorld is a world without gateways, at a moment.
func NewWorld(m Model, seed uint64, began time.Time) *World {
	return &World{
		Model:  m,
		Rand:   rand.New(rand.NewPCG(seed, 0x7a6d73)),
		Failed: map[error]int{},
		began:  began,
		at:     map[netip.AddrPort]*Host{},
	}
}

// Now is the virtual time.
func (w *World) Now() time.Time { return w.began.Add(time.Duration(w.clock)) }

// Host is one gateway.
type Host struct {
	// Index is its number in World.Hosts.
	Index int
	// Contact is what it says about itself; ID its place.
	Contact wire.Contact
	ID      key.NodeID
	// Node runs it. nil: World.Build makes it when it is needed first, or it has a Foe
	// that needs none.
	Node *dht.Node
	// Foe changes how it answers; nil: it is honest.
	Foe Foe
	// Source is where its messages come from.
	Source netip.Addr
	// Skew is how far its clock is ahead.
	Skew time.Duration
	Tally

	up    bool
	due   int64 // when it will be called at the latest; 0: not before something happens
	links map[*Host]link
	pause map[route]pause
	spent spending
}

// Tally counts what a gateway did.
type Tally struct {
	Asked    [256]uint32 // requests sent, by frame type
	Sent     uint64      // bytes of frames
	Received uint64
	Greeted  uint32 // connections that it opened
	Refused  uint32 // connections that it tried in vain
}

// Asks is how many requests were sent in all.
func (t *Tally) Asks() (n int) {
	for _, asked := range t.Asked {
		n += int(asked)
	}
	return n
}

// Add puts a gateway into the world. It is up; Listen makes it reachable.
func (w *World) Add(h *Host) *Host {
	h.Index, h.up = len(w.Hosts), true
	if !h.Source.IsValid() {
		h.Source = h.Contact.Addr.Addr()
	}
	w.Hosts = append(w.Hosts, h)
	return h
}

// Listen makes a gateway answer at an address.
func (w *World) Listen(h *Host, at netip.AddrPort) { w.at[at] = h }

// Hide makes a gateway's address one at which nobody answers.
func (w *World) Hide(h *Host) { delete(w.at, h.Contact.Addr) }

// Answers reports whether somebody is reached at an address.
func (w *World) Answers(at netip.AddrPort) bool {
	h := w.at[at]
	return h != nil && h.up
}

// Up reports whether a gateway is there.
func (h *Host) Up() bool { return h.up }

// Leave ends a gateway without a word.
func (w *World) Leave(h *Host) { h.up, h.links, h.pause, h.spent = false, nil, nil, spending{} }

// Return brings back a gateway that left, as it was.
func (w *World) Return(h *Host) {
	h.up = true
	w.Wake(h)
}

// After calls run once so much time has passed.
func (w *World) After(d time.Duration, run func()) {
	w.queue.push(event{at: w.clock + int64(d), kind: kindRun, run: run})
}

// Run lets so much time pass.
func (w *World) Run(d time.Duration) { w.RunUntil(w.clock+int64(d), nil) }

// RunWhile goes on until goOn says no, or nothing is left to happen, or max passed.
func (w *World) RunWhile(goOn func() bool, max time.Duration) {
	w.RunUntil(w.clock+int64(max), goOn)
}

// RunUntil is the loop: it ends at a moment, ns since the beginning, or when goOn
// says no. Then the clock stands at that moment, or at the last event.
func (w *World) RunUntil(end int64, goOn func() bool) {
	for len(w.queue.events) > 0 && w.queue.events[0].at <= end {
		if goOn != nil && !goOn() {
			return
		}
		e := w.queue.pop()
		w.clock = e.at
		switch e.kind {
		case kindArrive:
			w.arrive(e.call)
		case kindEnd:
			w.end(e.call)
		case kindDue:
			if e.host.due == e.at {
				e.host.due = 0
				w.Wake(e.host)
			}
		case kindRun:
			e.run()
		}
	}
	if goOn == nil || goOn() {
		w.clock = max(w.clock, end)
	}
}

// Wake lets a gateway do what is due: after every call to its Node that may have
// left it something to send.
func (w *World) Wake(h *Host) {
	if !h.up || h.Node == nil {
		return
	}
	asks, next := h.Node.Advance(w.Local(h))
	for i := range asks {
		w.ask(h, asks[i].ID, asks[i].To, asks[i].Payload, nil)
	}
	if next.IsZero() {
		return
	}
	due := max(int64(next.Add(-h.Skew).Sub(w.began)), w.clock+1)
	if h.due == 0 || due < h.due {
		h.due = due
		w.queue.push(event{at: due, kind: kindDue, host: h})
	}
}

// Node is the machine of a gateway.
func (w *World) Node(h *Host) *dht.Node {
	if h.Node == nil {
		w.Build(h)
	}
	return h.Node
}

// Local is what a gateway's own clock says.
func (w *World) Local(h *Host) time.Time { return w.Now().Add(h.Skew) }
