package bounds

import (
	"net/netip"
	"sync"
	"time"

	"zeroms/protocol/address"
)

// Paces is how fast others may ask over their links: each so many frames and bytes a
// second, and those of one neighbourhood together no more than one. What a relay
// brings is a stranger's submission as much as what a guest sends, and keys and links,
// which cost nothing, must not bring more of them. It is safe for concurrent use.
type Paces struct {
	// static
	frames, bytes float64 // a second

	mu   sync.Mutex
	near Recent[address.Group, *pace] // guarded by mu
}

// NewPaces remembers so many neighbourhoods; frames and bytes are those of a second.
func NewPaces(size, frames, bytes int) *Paces {
	return &Paces{frames: float64(frames), bytes: float64(bytes), near: NewRecent[address.Group, *pace](size)}
}

// Pace is how fast one link may ask. It is safe for concurrent use.
type Pace struct{ own, near *pace } // near: nil if it is not known

// pace counts what comes.
type pace struct {
	mu            sync.Mutex
	frames, bytes Rate // guarded by mu
}

// Link is the Pace of a new link from an address, with the port that the other side
// names; the address is not valid: it is not known.
func (p *Paces) Link(from netip.AddrPort) *Pace {
	link := &Pace{own: p.fresh()}
	if !from.Addr().IsValid() {
		return link
	}
	group := address.ScopeOf(from.Addr()).Near(from)
	p.mu.Lock()
	defer p.mu.Unlock()
	var there bool
	if link.near, there = p.near.Get(group); !there {
		link.near = p.fresh()
		p.near.Put(group, link.near)
	}
	return link
}

func (p *Paces) fresh() *pace {
	return &pace{frames: Rate{PerSecond: p.frames}, bytes: Rate{PerSecond: p.bytes}}
}

// wait counts a frame of so many bytes and returns after how long it is within the
// rates.
func (q *pace) wait(now time.Time, size int) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	return max(q.frames.Wait(now, 1), q.bytes.Wait(now, size))
}

// leastPause is for how long a link waits at least; until so much is owed it goes on.
const leastPause = 2 * time.Millisecond

// Await counts a frame of so many bytes and returns when it is within the rates. False:
// over was closed meanwhile.
func (p *Pace) Await(now time.Time, size int, over <-chan struct{}) bool {
	wait := p.own.wait(now, size)
	if p.near != nil {
		wait = max(wait, p.near.wait(now, size))
	}
	if wait < leastPause {
		return true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-over:
		return false
	}
}
