package gateway

import (
	"context"
	"slices"
	"time"

	"zeroms/gateway/mailbox"
	"zeroms/gateway/overlay"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// coalesced is up to how many bytes frames that wait share one message.
const coalesced = 64 << 10

// pushHead is what a frame of a push takes at most beside its payload.
const pushHead = 160

// frameCost is what a frame that waits costs beside its bytes.
const frameCost = 64

// minRoom is what may wait for every link, however much waits for others.
const minRoom = 4 << 10

// The mailbox answers and wakes a link through this side of it.
var _ mailbox.Port = (*conn)(nil)

// Answer implements mailbox.Port: it queues a frame and settles the requests
// that it answers.
func (c *conn) Answer(id uint64, p wire.Payload) {
	frame := wire.AppendFrame(make([]byte, 0, largest(p)), id, p)
	c.gw.counters.refuse(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	if commit, ok := p.(*wire.Commit); ok {
		for i := range commit.Items {
			c.settle(commit.Items[i].ID)
		}
	}
	if _, ok := p.(*wire.OK); ok && c.requests[id].register {
		c.gw.accounts.take(time.Now(), 1)
	}
	c.settle(id)
	if c.dead {
		return
	}
	if c.holding {
		c.held = append(c.held, frame)
		return
	}
	c.enqueue(frame)
	c.runWriter()
}

// largest is what the frame of an answer may take that is large and frequent; 0 for all
// others, whose size shows as they are written.
func largest(p wire.Payload) int {
	if f, ok := p.(*wire.Forwarded); ok {
		return len(f.Sealed) + 96
	}
	return 0
}

// Wake implements mailbox.Port: the writer pulls pushes.
func (c *conn) Wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wake = true
	c.runWriter()
}

// Close implements mailbox.Port.
func (c *conn) Close(reason *wire.Error) { c.end(reason) }

// settle forgets a request that has its answer; mu is held.
func (c *conn) settle(id uint64) {
	r, ok := c.requests[id]
	if !ok {
		return
	}
	delete(c.requests, id)
	if r.fellow {
		c.fly(-r.bytes)
		c.fellow.End(r.size)
		c.arm()
	} else {
		r.pot.give(r.share, r.bytes)
	}
	if r.submit {
		c.submits--
	}
	c.signal()
}

// signal lets the reader look again at what it waits for.
func (c *conn) signal() {
	select {
	case c.room <- struct{}{}:
	default:
	}
}

// room is how much may wait for a link before it is read no more: a part of what
// is free for all links. Who reads its answers has next to nothing waiting.
func (g *Gateway) room() int {
	free := g.cfg.Capacity.Queues - int(g.queued.Load())
	return max(minRoom, min(free/4, g.cfg.Capacity.Queue/2))
}

// weigh counts bytes that wait, or do no longer; mu is held.
func (c *conn) weigh(n int) {
	c.queued += n
	c.gw.queued.Add(int64(n))
}

// discard forgets everything that waits; mu is held.
func (c *conn) discard() {
	c.queue, c.held, c.sending = nil, nil, 0
	c.weigh(-c.queued)
}

// enqueue appends a frame, unless so much waits that the other side can't be
// reading; mu is held.
func (c *conn) enqueue(frame []byte) {
	if c.dead {
		return
	}
	c.queue = append(c.queue, frame)
	c.weigh(len(frame) + frameCost)
	if c.queued > c.most() {
		c.gw.counters.slow.Add(1)
		c.dead = true
		c.discard()
		c.cut()
	}
}

// most is how much may wait for this link: what it may have asked for can come all at
// once, as long as not too much waits for all links. mu is held.
func (c *conn) most() int {
	more := 0
	switch {
	case c.phase == fellow:
		more = overlay.FellowBytes
	case c.phase == member && c.member != nil:
		more = overlay.MemberBytes
	}
	free := c.gw.cfg.Capacity.Queues - int(c.gw.queued.Load())
	return c.gw.cfg.Capacity.Queue + max(0, min(more, free))
}

// runWriter starts the writer if there is something to do and none runs; mu is
// held.
func (c *conn) runWriter() {
	if c.writing || c.dead || !c.busy() {
		return
	}
	c.writing = true
	c.written = make(chan struct{})
	go c.loopWrite(c.written)
}

// busy reports whether a writer has something to do; mu is held.
func (c *conn) busy() bool {
	return len(c.queue) > 0 || c.pulls() || c.over()
}

// pulls reports whether pushes may be waiting and are wanted; mu is held.
func (c *conn) pulls() bool {
	return c.wake && c.session != nil && !c.draining && !c.ending
}

// over reports whether everything was said that will be; mu is held.
func (c *conn) over() bool {
	return c.ending || c.draining && len(c.requests) == 0
}

// loopWrite writes until nothing waits. The last one closes the link.
func (c *conn) loopWrite(written chan struct{}) {
	defer close(written)
	for {
		message, more := c.next()
		if message != nil {
			c.gw.counters.bytesOut.Add(int64(len(message)))
			if err := c.link.Send(context.Background(), message); err != nil {
				c.stopWriting()
				return
			}
			c.sent()
		}
		if !more {
			return
		}
	}
}

// next is the message to write now, if there is one. more is false when the
// writer has ended.
func (c *conn) next() (message []byte, more bool) {
	c.mu.Lock()
	switch {
	case c.dead:
		c.writing = false
	case len(c.queue) > 0:
		message, more = c.dequeue(), true
		c.begun(len(message))
	case c.pulls():
		c.wake = false
		session := c.session
		c.mu.Unlock()
		return c.pull(session), true
	case c.over():
		c.mu.Unlock()
		c.link.Close()
		c.stopWriting()
		return nil, false
	default:
		c.writing = false
	}
	c.mu.Unlock()
	return message, more
}

// dequeue takes frames for one message; mu is held.
func (c *conn) dequeue() []byte {
	n, size := 1, len(c.queue[0])
	for n < len(c.queue) && size+len(c.queue[n]) <= coalesced {
		size += len(c.queue[n])
		n++
	}
	message := c.queue[0]
	if n > 1 {
		message = slices.Concat(c.queue[:n]...)
	}
	clear(c.queue[:n])
	c.queue = c.queue[n:]
	c.weigh(-size - n*frameCost)
	if len(c.queue) == 0 {
		c.queue = nil
	}
	return message
}

// begun notes that a message of so many bytes is being written; mu is held.
func (c *conn) begun(size int) {
	c.weigh(size)
	c.sending = size
	c.sendBy = time.Now().Add(c.gw.cfg.Timing.Stall + time.Duration(size)*time.Second/link.SlowestRate)
	c.arm()
}

// sent notes that it was written.
func (c *conn) sent() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.weigh(-c.sending)
	c.sending = 0
	c.signal()
}

// stalled reports whether the message that is being written takes too long; mu
// is held.
func (c *conn) stalled() bool { return c.sending > 0 && !time.Now().Before(c.sendBy) }

// pull makes a message of the pushes that are due; nil if there are none.
func (c *conn) pull(session *mailbox.Session) []byte {
	pushes, err := session.Pull(min(coalesced, c.gw.room()))
	if err != nil {
		c.sessionEnded(tableError(err))
	}
	if len(pushes) == 0 {
		return nil
	}
	size := 0
	for i := range pushes {
		size += pushHead + len(pushes[i].Payload)
	}
	message := make([]byte, 0, size)
	for i := range pushes {
		message = wire.AppendFrame(message, 0, &pushes[i])
	}
	c.gw.counters.pushes.Add(int64(len(pushes)))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wake = true // there may be more
	c.newest = pushes[len(pushes)-1].Position
	c.begun(len(message))
	if !c.owes {
		c.owes, c.pushed = true, time.Now()
		c.arm()
	}
	return message
}

// sessionEnded is for errors of the session. If the mailbox has ended it, the
// mailbox also calls Close, once what was asked is answered; an error of the
// store ends the link here.
func (c *conn) sessionEnded(err *wire.Error) {
	switch err.Code {
	case wire.CodeLinkClosed, wire.CodeLogin, wire.CodeClosed, wire.CodeDraining:
	default:
		c.end(err)
	}
}

// stopWriting ends the link: nothing can be written any more.
func (c *conn) stopWriting() {
	c.mu.Lock()
	if c.stalled() {
		c.gw.counters.slow.Add(1)
	}
	c.writing, c.dead = false, true
	c.discard()
	c.mu.Unlock()
	c.cut()
}
