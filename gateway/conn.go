package gateway

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"zeroms/gateway/mailbox"
	"zeroms/gateway/overlay"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// phase is how far a link has come.
type phase uint8

const (
	greeting phase = iota // no hello yet
	guest                 // no login yet
	member
	fellow // another gateway
)

// conn is one link: its reader's state, its queue and its one timer.
type conn struct {
	// static
	gw   *Gateway
	link link.Conn
	room chan struct{} // a request was answered, something was written, or the link was cut off
	came time.Time

	until context.Context // its end drains the link; set before the link is served

	// owned by the reader
	hellos  *transcript          // nil before, and after the login
	source  *source              // nil if the address says nothing; set before reading begins
	rate    bucket               // of its frames, as a guest or as a member
	spare   bucket               // of them, while it is a guest
	bytes   bucket               // of their bytes
	refused int                  // frames in a row, while it is a guest
	batch   []mailbox.Submission // of the message that is being read
	fellow  *overlay.Fellow      // the other gateway; nil: a client
	account key.AccountTag       // of this member

	asGuest, asMember share // of the gateway's memory for requests

	gone atomic.Bool // the link was cut off, or is done with

	mu sync.Mutex
	// guarded by mu
	phase    phase
	member   *overlay.Member // as the network counts it; nil: asked nothing yet; the reader's to set
	session  *mailbox.Session
	queue    [][]byte // frames to write
	queued   int      // bytes in queue and of the message that is being written
	sending  int      // bytes of that message; 0: none is
	flying   int      // bytes that requests of another gateway may yet bring into queue
	sendBy   time.Time
	held     [][]byte // answers that wait for the welcome in front of them
	holding  bool
	wake     bool               // pushes may be waiting
	requests map[uint64]request // without an answer; nil: none
	submits  int                // of them
	heard    time.Time          // the last message that counts
	newest   wire.Position      // of what was pushed
	owes     bool               // its acknowledgement is missing
	pushed   time.Time          // when owes became true
	draining bool               // ends once all requests are answered
	ending   bool               // ends once the queue is written
	closeBy  time.Time          // when draining or ending is cut short
	writing  bool               // a writer runs
	written  chan struct{}      // closed when that writer ends
	dead     bool               // nothing is queued any more
	timer    *time.Timer
	armed    time.Time // when it goes off; zero: it does not
}

// request is one that waits for its answer, and the memory that it takes.
type request struct {
	submit, register, fellow bool

	size  int // of the frame, of another gateway's
	bytes int // for a pot, or of c.flying
	pot   *pot
	share *share
}

func newConn(g *Gateway, l link.Conn) *conn {
	now, limits := time.Now(), &g.cfg.Capacity
	c := &conn{
		gw: g, link: l,
		room:  make(chan struct{}, 1),
		rate:  newBucket(limits.GuestBurst, limits.GuestRate),
		spare: newBucket(limits.SpareBurst, limits.SpareRate),
		bytes: newBucket(2*limits.GuestBytes, limits.GuestBytes),
		came:  now,
		heard: now,
	}
	l.LimitRead(min(limits.GuestMessage, int(g.cfg.Limits.Message)))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.armed = now.Add(g.cfg.Timing.Hello)
	c.timer = time.AfterFunc(g.cfg.Timing.Hello, c.expire)
	return c
}

// serve reads until the link ends, by itself or by end.
func (c *conn) serve() {
	for {
		message, err := link.Borrow(context.Background(), c.link)
		if err != nil {
			if !c.gone.Load() && !errors.Is(err, wire.ErrLinkClosed) {
				c.gw.counters.faults.Add(1)
			}
			c.cut()
			break
		}
		c.gw.counters.bytesIn.Add(int64(len(message)))
		if c.hear() {
			break
		}
		if err := c.message(message); err != nil {
			if !c.gone.Load() {
				c.gw.counters.faults.Add(1)
			}
			c.end(err)
			break
		}
	}
	c.await()
}

// hear notes a message; it reports whether the link is ending. Without login only
// what allow lets through counts as heard: saying nothing to the purpose must not
// hold a place.
func (c *conn) hear() (ending bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.phase == member || c.phase == fellow {
		c.heard = time.Now()
	}
	return c.ending
}

func (c *conn) lastHeard() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.heard
}

// await waits for the writer, which ends by itself or when the link is cut off; nothing is
// queued afterwards unless the link is ending and its writer has not begun.
func (c *conn) await() {
	for {
		c.mu.Lock()
		if !c.writing {
			c.dead = true
			c.discard()
			c.mu.Unlock()
			return
		}
		written := c.written
		c.mu.Unlock()
		<-written
	}
}

// release gives back what the link holds.
func (c *conn) release() {
	c.mu.Lock()
	c.dead = true
	c.discard()
	session := c.session
	c.timer.Stop()
	c.mu.Unlock()
	c.gone.Store(true) // the link says goodbye in Close
	if session != nil {
		session.Detach()
	}
}

// cut ends the link at once.
func (c *conn) cut() {
	if !c.gone.Swap(true) {
		link.Cut(c.link)
		c.signal()
	}
}

// end queues the reason as a failure without request, and closes the link once
// everything queued was written or Timing.Flush has passed.
func (c *conn) end(reason *wire.Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending || c.dead {
		return
	}
	c.ending = true
	c.closing(reason)
}

// drain tells the other side that the gateway ends, and closes the link once
// every request has its answer.
func (c *conn) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending || c.draining || c.dead {
		return
	}
	c.draining = true
	c.closing(wire.ErrDraining)
}

// closing sets the time by which the link must be gone; mu is held.
func (c *conn) closing(reason *wire.Error) {
	if c.closeBy.IsZero() {
		c.closeBy = time.Now().Add(c.gw.cfg.Timing.Flush)
	}
	c.enqueue(wire.AppendFrame(nil, 0, wire.FailureOf(reason)))
	c.arm()
	c.runWriter()
}

// deadline is when the link ends unless something happens; zero is never. mu is
// held.
func (c *conn) deadline() time.Time {
	at := c.patience()
	if c.sending > 0 && (at.IsZero() || c.sendBy.Before(at)) {
		return c.sendBy
	}
	return at
}

// patience is when the link ends unless something is heard, or the end of its
// ending; mu is held.
func (c *conn) patience() time.Time {
	t := &c.gw.cfg.Timing
	switch {
	case !c.closeBy.IsZero():
		return c.closeBy
	case c.phase == greeting:
		return c.heard.Add(t.Hello)
	case c.phase == guest:
		return c.heard.Add(t.GuestIdle)
	case c.phase == fellow && len(c.requests) == 0:
		return c.heard.Add(t.FellowIdle)
	case c.owes:
		since := c.heard
		if c.pushed.After(since) {
			since = c.pushed
		}
		return since.Add(t.AckDue)
	}
	return time.Time{}
}

// arm sets the timer to the deadline, unless it goes off earlier; mu is held. A
// deadline that only moves later needs no arm, expire looks again.
func (c *conn) arm() {
	at := c.deadline()
	if !at.IsZero() && (c.armed.IsZero() || at.Before(c.armed)) {
		c.armed = at
		c.timer.Reset(max(0, time.Until(at)))
	}
}

// expire is the timer's: it ends the link if the deadline has come.
func (c *conn) expire() {
	c.mu.Lock()
	c.armed = time.Time{}
	at := c.deadline()
	if at.IsZero() || c.dead {
		c.mu.Unlock()
		return
	}
	if time.Until(at) > 0 {
		c.arm()
		c.mu.Unlock()
		return
	}
	over, phase := !c.closeBy.IsZero() || c.stalled(), c.phase
	c.mu.Unlock()
	if over {
		c.cut()
		return
	}
	c.gw.counters.silent.Add(1)
	switch phase {
	case greeting:
		c.end(wire.ErrUnexpected.Because("no hello in time"))
	case guest:
		c.end(wire.ErrLinkClosed.Because("idle without login"))
	case fellow:
		c.end(wire.ErrLinkClosed.Because("idle"))
	default:
		c.end(wire.ErrLinkClosed.Because("no acknowledgement"))
	}
}
