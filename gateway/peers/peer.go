package peers

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"zeroms/gateway/peers/frames"
	"zeroms/protocol/address"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// Limits of a link.
const (
	coalesced   = 64 << 10  // up to how many bytes requests that wait share a message
	beforeHello = 64        // requests that go out before the gateway's hello
	mostWaiting = 1024      // requests that wait because the link is not open yet, or InFlight are under way
	mostMessage = 128 << 10 // bytes of a message that is read
	smallCall   = 512       // bytes of a request that may be sent twice

	shortLink = 2 * time.Second // a link that ends sooner is a failure
)

// call is one request that waits for its answer.
type call struct {
	to      target
	request wire.Payload    // nil: it waits for the hello only
	ctx     context.Context // nil: nobody gives up on it
	done    func(wire.Payload, error)
	answer  wire.Type
	size    int  // an upper bound of its frame's, in bytes
	burden  int  // what it counts for
	again   bool // it was asked before, over a link that ended
	sent    time.Time
	due     time.Time
}

// over reports whether nobody waits for the call any more.
func (c *call) over() bool { return c.ctx != nil && c.ctx.Err() != nil }

// peer is a link to another gateway, or the attempt to open one.
type peer struct {
	// static
	pool   *Pool
	to     target
	class  int           // of the attempt
	relief bool          // it stands beside one over QUIC
	back   chan struct{} // the gateway has called

	mu sync.Mutex
	// guarded by mu
	conn    link.Conn // nil: being opened
	greeted bool      // its hello has come
	// described is what the gateway says of itself; nil: nothing.
	described *address.Descriptor
	beside    *target          // where one over TCP may stand beside it; nil: nowhere
	relieved  time.Time        // when that was tried last
	heir      *peer            // whose requests wait until those here are answered
	held      bool             // requests wait for those of another link
	gone      bool             // nothing is taken any more
	retired   bool             // it ends when nobody waits for it
	leaves    bool             // the gateway shuts down
	reason    error            // why it was cut by our own will
	calls     map[uint64]*call // sent
	last      uint64           // request id that was given; the hello has helloID
	late      int              // calls that nobody waits for any more, and without an answer
	flying    int              // bytes of calls
	waiting   []*call          // not yet sent
	bytes     int              // of calls and waiting
	outbox    []*[]byte        // messages to write
	writing   bool
	used      time.Time // when something was asked last
	kept      bool      // not only contacts were asked
	heard     time.Time // when something came last
	timer     *time.Timer
	armed     time.Time // when it goes off; zero: it does not
}

// helloID is the request id of the hello, the first of a link.
const helloID = 1

func newPeer(p *Pool, to *target, class int) *peer {
	l := &peer{
		pool: p, to: *to, class: class, used: time.Now(), calls: map[uint64]*call{}, last: helloID,
		back: make(chan struct{}, 1),
	}
	l.to.pin = bytes.Clone(to.pin) // it may be a part of a request
	return l
}

// open reports whether something can be asked over the link.
func (l *peer) open() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.gone && !l.retired
}

// lastUsed is when something was asked last, and whether somebody waits.
func (l *peer) lastUsed() (at time.Time, busy bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.used, l.conn == nil || l.owes()
}

// awaited is owes.
func (l *peer) awaited() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.owes()
}

// owes reports whether somebody waits for an answer; mu is held.
func (l *peer) owes() bool { return len(l.calls)+len(l.waiting) > 0 }

// errGreeted says that there is nothing to wait for.
var errGreeted = errors.New("peers: the hello is there")

// add takes a call, unless the link has ended meanwhile. Errors: wire.ErrBusy,
// wire.ErrWrongNode if the link's gateway is not the one that the target pins, and
// errGreeted.
func (l *peer) add(c *call) (taken bool, err error) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.gone || l.retired:
		return false, nil
	case l.conn != nil && !link.Pinned(l.conn.Node(), c.to.pin):
		return false, wire.ErrWrongNode
	case l.elsewhere(c):
		return false, errElsewhere
	case c.request == nil && l.greeted:
		return false, errGreeted
	}
	free := l.pool.cfg.Capacity.Waiting - int(l.pool.unsettled.Load())
	if len(l.waiting) >= mostWaiting || c.burden > free || l.bytes > 0 && l.bytes+c.burden > free {
		return false, wire.ErrBusy
	}
	l.weigh(c.burden)
	l.used, l.kept = now, l.kept || !c.to.strict
	c.due = now.Add(l.pool.cfg.Timing.Answer)
	if len(l.waiting) == 0 && l.room(c) {
		l.send(now, c)
		l.arm(c.due)
		l.runWriter()
		l.runRelief(now)
	} else {
		l.waiting = append(l.waiting, c)
	}
	return true, nil
}

// errElsewhere: the gateway itself says that it has another place in the network than
// the contact that was asked. Who hands such contacts out moves others about.
var errElsewhere = wire.ErrWrongNode.Because("another place in the network")

// elsewhere reports whether a call is for a contact of another place than the
// gateway's own; mu is held.
func (l *peer) elsewhere(c *call) bool {
	return c.to.strict && l.described != nil && l.described.X != c.to.x
}

// weigh counts bytes of calls; mu is held.
func (l *peer) weigh(n int) {
	l.bytes += n
	l.pool.unsettled.Add(int64(n))
}

// room reports whether a call may be sent now; mu is held.
func (l *peer) room(c *call) bool {
	most := beforeHello
	if l.greeted {
		most = InFlight
	}
	return l.conn != nil && !l.held && c.request != nil && len(l.calls) < most && (l.flying == 0 || l.flying+c.burden <= InFlightBytes)
}

// send writes a call into the outbox; mu is held.
func (l *peer) send(now time.Time, c *call) {
	l.last++
	l.calls[l.last] = c
	l.flying += c.burden
	c.sent = now
	l.enqueue(l.last, c.request, c.size)
}

// enqueue appends a frame to the last message that waits, or to a new one; mu is
// held.
func (l *peer) enqueue(id uint64, p wire.Payload, size int) {
	n := len(l.outbox)
	if n == 0 || len(*l.outbox[n-1])+size > coalesced {
		l.outbox = append(l.outbox, l.pool.messages.Get().(*[]byte))
		n++
	}
	last := l.outbox[n-1]
	*last = wire.AppendFrame(*last, id, p)
}

// pump sends calls that wait, as many as may be under way; mu is held.
func (l *peer) pump() {
	now, n := time.Now(), 0
	for n < len(l.waiting) && l.room(l.waiting[n]) {
		l.send(now, l.waiting[n])
		l.arm(l.waiting[n].due)
		l.waiting[n] = nil
		n++
	}
	if l.waiting = l.waiting[n:]; len(l.waiting) == 0 {
		l.waiting = nil
	}
	l.runWriter()
}

// runWriter starts the writer if something waits and none runs; mu is held.
func (l *peer) runWriter() {
	if l.writing || l.gone || len(l.outbox) == 0 {
		return
	}
	l.writing = true
	l.pool.running.Add(1)
	go l.loopWrite(l.conn)
}

// loopWrite writes until nothing waits.
func (l *peer) loopWrite(c link.Conn) {
	defer l.pool.running.Done()
	for {
		message := l.next()
		if message == nil {
			return
		}
		err := c.Send(context.Background(), *message)
		l.pool.counters.bytesOut.Add(int64(len(*message)))
		if cap(*message) <= 2*coalesced {
			*message = (*message)[:0]
			l.pool.messages.Put(message)
		}
		if err != nil {
			l.cut(nil)
		}
	}
}

// next is the message to write now, nil if the writer has ended.
func (l *peer) next() *[]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone || len(l.outbox) == 0 {
		l.writing, l.outbox = false, nil
		return nil
	}
	message := l.outbox[0]
	l.outbox[0] = nil
	l.outbox = l.outbox[1:]
	return message
}

// serve reads what comes over an open link until it ends, and returns why.
func (l *peer) serve(c link.Conn) error {
	for {
		message, err := link.Borrow(context.Background(), c)
		if err != nil {
			return err
		}
		l.pool.counters.bytesIn.Add(int64(len(message)))
		if err := l.message(message); err != nil {
			return err
		}
	}
}

// message takes the frames of a message. An error ends the link.
func (l *peer) message(message []byte) error {
	now := time.Now()
	l.mu.Lock()
	l.heard = now
	l.mu.Unlock()
	for len(message) > 0 {
		f, rest, err := wire.NextFrame(message)
		if err != nil {
			return err
		}
		if err := l.frame(now, f); err != nil {
			return err
		}
		message = rest
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pump()
	return nil
}

// frame takes the hello or an answer.
func (l *peer) frame(now time.Time, f wire.Frame) error {
	switch {
	case f.ID == 0 && f.Type == wire.TypeError:
		return l.dismissed(f)
	case f.ID == helloID:
		return l.greet(f)
	}
	c, elsewhere, err := l.settle(f.ID)
	switch {
	case c == nil || err != nil:
		return err
	case elsewhere:
		c.done(nil, errElsewhere)
		return nil
	}
	answer, err := frames.Answer(f, c.answer)
	if err != nil {
		c.done(nil, wire.ErrUnexpected)
		return err
	}
	if frames.Quick(c.request.Type()) {
		l.pool.measured(l.to.hash, now.Sub(c.sent))
	}
	if reason, failed := answer.(*wire.Failure); failed && reason.Code == wire.CodeDraining && !c.to.strict && l.pool.repeat(c) {
		return nil
	}
	l.pool.counters.answered.Add(1)
	c.done(answer, nil)
	return nil
}

// dismissed takes the gateway's reason why the link is about to end. One that is
// shutting down still answers what it was asked.
func (l *peer) dismissed(f wire.Frame) error {
	var reason wire.Failure
	if err := f.Decode(&reason); err != nil {
		return err
	}
	switch reason.Code {
	case wire.CodeDraining:
		l.mu.Lock()
		l.leaves = true
		l.mu.Unlock()
		l.retire()
		return nil
	case wire.CodeNetwork, wire.CodeVersion, wire.CodeWrongNode:
		return &wire.Error{Code: reason.Code}
	}
	return wire.ErrUnreachable.Because("it ended the link: " + wire.Lookup(reason.Code).Name)
}

// settle takes the call with this id out of those under way; nil if nobody waits
// for it any more. Error: wire.ErrUnexpected for an id that was never given, for a
// second answer, and for answers before the hello.
func (l *peer) settle(id uint64) (c *call, elsewhere bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if id <= helloID || id > l.last || !l.greeted {
		return nil, false, wire.ErrUnexpected
	}
	c = l.calls[id]
	switch {
	case c != nil:
		l.forget(id, c)
		return c, l.elsewhere(c), nil
	case l.late == 0:
		return nil, false, wire.ErrUnexpected
	}
	l.late--
	return nil, false, nil
}

// forget takes a call out of those under way; mu is held.
func (l *peer) forget(id uint64, c *call) {
	delete(l.calls, id)
	l.flying -= c.burden
	l.weigh(-c.burden)
	l.pass()
	if l.retired && !l.owes() {
		l.arm(time.Now())
	}
}

// greet takes the gateway's hello.
func (l *peer) greet(f wire.Frame) error {
	l.mu.Lock()
	twice, node := l.greeted, l.conn.Node()
	l.mu.Unlock()
	if twice {
		return wire.ErrUnexpected.Because("a second hello")
	}
	described, err := l.pool.hello(f, node)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.greeted, l.described = true, described
	var greeted []*call
	for i, c := range l.waiting {
		if c.request == nil {
			greeted = append(greeted, c)
			l.waiting[i] = nil
		}
	}
	l.waiting = slices.DeleteFunc(l.waiting, func(c *call) bool { return c == nil })
	l.mu.Unlock()
	for _, c := range greeted {
		c.done(nil, nil)
	}
	return nil
}

// begin makes an open link of the attempt: it says hello, and what waited goes with
// it. False: the pool has ended, or the link was cut meanwhile.
func (l *peer) begin(c link.Conn, hello *wire.ClientHello) bool {
	c.LimitRead(mostMessage)
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone {
		return false
	}
	l.conn, l.heard, l.used = c, now, now
	l.armed = now.Add(l.pool.cfg.Timing.Answer)
	l.timer = time.AfterFunc(l.pool.cfg.Timing.Answer, l.expire)
	l.enqueue(helloID, hello, 0)
	l.pump()
	return true
}

// failed reports whether a link that was open for so long was none that one opens
// again at once: it ended before its hello, in silence, or soon and not by our own
// will; and whether the hello had come.
func (l *peer) failed(lasted time.Duration) (failed, greeted bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.greeted || errors.Is(l.reason, wire.ErrUnreachable) || lasted < shortLink && l.reason == nil, l.greeted
}

// retire has the link end as soon as nobody waits for it.
func (l *peer) retire() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.retired = true
	if l.conn != nil && !l.owes() {
		l.arm(time.Now())
	}
}

// cut ends the link at once.
func (l *peer) cut(reason error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stop(reason)
}

// stop is cut; mu is held.
func (l *peer) stop(reason error) {
	if l.gone {
		return
	}
	l.gone, l.reason = true, reason
	if l.conn != nil {
		link.Cut(l.conn)
	}
}

// arm has the timer go off at that time, unless it does earlier; mu is held.
func (l *peer) arm(at time.Time) {
	if l.timer != nil && (l.armed.IsZero() || at.Before(l.armed)) {
		l.armed = at
		l.timer.Reset(max(0, time.Until(at)))
	}
}

// expire is the timer's: it gives calls up whose time is over, and ends a link that
// is silent or that nobody uses.
func (l *peer) expire() {
	now := time.Now()
	l.mu.Lock()
	l.armed = time.Time{}
	late, silent := l.overdue(now)
	switch {
	case l.gone:
	case silent:
		l.stop(wire.ErrUnreachable.Because("it does not answer"))
	case !l.owes() && (l.retired || !now.Before(l.used.Add(l.idle()))):
		l.stop(wire.ErrLinkClosed)
	default:
		l.pump()
		l.arm(l.deadline())
	}
	l.mu.Unlock()
	for _, c := range late {
		l.pool.counters.late.Add(1)
		c.done(nil, wire.ErrUnreachable.Because("no answer"))
	}
}

// overdue takes the calls out whose time is over. The link is silent if nothing has
// come since one of them was sent; mu is held.
func (l *peer) overdue(now time.Time) (late []*call, silent bool) {
	for id, c := range l.calls {
		if !now.Before(c.due) {
			silent = silent || !l.heard.After(c.sent)
			late = append(late, c)
			l.late++
			l.forget(id, c)
		}
	}
	l.waiting = slices.DeleteFunc(l.waiting, func(c *call) bool {
		if now.Before(c.due) {
			return false
		}
		l.weigh(-c.burden)
		late = append(late, c)
		return true
	})
	return late, silent || !l.greeted
}

// idle is how long the link stays open without requests; mu is held.
func (l *peer) idle() time.Duration {
	if l.kept || l.relief {
		return l.pool.cfg.Timing.Idle
	}
	return l.pool.cfg.Timing.IdleAsk
}

// deadline is when a call is overdue next, or the link idle; mu is held.
func (l *peer) deadline() time.Time {
	next := l.used.Add(l.idle())
	if l.owes() {
		next = l.used.Add(l.pool.cfg.Timing.Answer)
	}
	for _, c := range l.calls {
		if c.due.Before(next) {
			next = c.due
		}
	}
	return next
}

// end takes everything from a link that is no more, and tells what waited. On a link
// that broke, calls that were not sent yet, and small ones, are asked once more over
// a new one; the bytes of others are not spent twice, unless the gateway shut down or
// had not even said hello: it has done nothing of them.
func (l *peer) end(err error) {
	l.mu.Lock()
	if l.gone && l.reason != nil {
		err = l.reason
	}
	l.gone = true
	l.pass()
	if l.timer != nil {
		l.timer.Stop()
	}
	calls := l.waiting
	for _, c := range l.calls {
		calls = append(calls, c)
	}
	broke, undone := errors.Is(err, wire.ErrLinkClosed), !l.greeted || l.leaves
	l.calls, l.waiting, l.outbox, l.flying = nil, nil, nil, 0
	l.weigh(-l.bytes)
	l.mu.Unlock()
	for _, c := range calls {
		cheap := c.sent.IsZero() || c.size <= smallCall
		if broke && (undone && !c.to.strict || l.greeted && cheap) && l.pool.repeat(c) {
			continue
		}
		c.done(nil, linkError(err))
	}
}

// repeat asks a call once more, over another link; false: it was repeated before, or
// nobody waits for it any more.
func (p *Pool) repeat(c *call) bool {
	if c.again || c.over() {
		return false
	}
	c.again = true
	p.counters.retried.Add(1)
	p.dispatch(c)
	return true
}

// linkError is why a link ended, as who asked is told: how it broke the protocol
// says nothing to others.
func linkError(err error) error {
	for _, known := range []*wire.Error{
		wire.ErrUnreachable, wire.ErrScope, wire.ErrBusy, wire.ErrWrongNode, wire.ErrNetwork, wire.ErrVersion, wire.ErrDraining,
	} {
		if errors.Is(err, known) {
			return err
		}
	}
	if errors.Is(err, wire.ErrLinkClosed) {
		return wire.ErrUnreachable
	}
	return wire.ErrUnexpected
}
