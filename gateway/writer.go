package gateway

import (
	"slices"
	"time"

	"zeroms/gateway/mailbox"
	"zeroms/protocol/wire"
)

// coalesced is up to how many bytes frames that wait share one message.
const coalesced = 64 << 10

// The mailbox answers and wakes a link through this side of it.
var _ mailbox.Port = (*conn)(nil)

// Answer implements mailbox.Port: it queues a frame and settles the requests
// that it answers.
func (c *conn) Answer(id uint64, p wire.Payload) {
	frame := wire.AppendFrame(nil, id, p)
	c.mu.Lock()
	defer c.mu.Unlock()
	if commit, ok := p.(*wire.Commit); ok {
		for i := range commit.Items {
			c.settle(commit.Items[i].ID)
		}
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
	submit, ok := c.requests[id]
	if !ok {
		return
	}
	delete(c.requests, id)
	if submit {
		c.submits--
	}
	select {
	case c.room <- struct{}{}:
	default:
	}
}

// enqueue appends a frame, unless so much waits that the other side can't be
// reading; mu is held.
func (c *conn) enqueue(frame []byte) {
	c.queue = append(c.queue, frame)
	c.queued += len(frame)
	if c.queued > c.gw.cfg.Capacity.Queue {
		c.gw.counters.slow.Add(1)
		c.dead = true
		c.queue, c.queued = nil, 0
		c.cut()
	}
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
			if err := c.link.Send(c.ctx, message); err != nil {
				c.stopWriting()
				return
			}
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
	c.queued -= size
	if len(c.queue) == 0 {
		c.queue = nil
	}
	return message
}

// pull makes a message of the pushes that are due; nil if there are none.
func (c *conn) pull(session *mailbox.Session) []byte {
	pushes, err := session.Pull(coalesced)
	if err != nil {
		c.sessionEnded(tableError(err))
	}
	if len(pushes) == 0 {
		return nil
	}
	var message []byte
	for i := range pushes {
		message = wire.AppendFrame(message, 0, &pushes[i])
	}
	c.gw.counters.pushes.Add(int64(len(pushes)))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wake = true // there may be more
	c.newest = pushes[len(pushes)-1].Position
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
	c.writing, c.dead = false, true
	c.queue, c.held, c.queued = nil, nil, 0
	c.mu.Unlock()
	c.cut()
}
