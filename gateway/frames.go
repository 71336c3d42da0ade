package gateway

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"time"

	"zeroms/gateway/mailbox"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// transcript holds the hashes of both hello frames, which a login signs.
type transcript struct{ client, server [32]byte }

// message handles one link message. An error ends the link; requests that only
// fail themselves are answered.
func (c *conn) message(message []byte) *wire.Error {
	defer c.flush()
	for len(message) > 0 {
		f, rest, err := wire.NextFrame(message)
		if err != nil {
			return tableError(err)
		}
		if c.phase == greeting { // written by this goroutine only
			if err := c.hello(f, message[:len(message)-len(rest)]); err != nil {
				return err
			}
		} else if err := c.handle(f, len(message)-len(rest)); err != nil {
			return err
		}
		message = rest
	}
	return nil
}

// handle handles one frame of so many bytes after the hello.
func (c *conn) handle(f wire.Frame, size int) *wire.Error {
	if c.phase == fellow {
		return c.asked(f, size)
	}
	return c.frame(f, size)
}

// hello checks the other side's hello and answers it.
func (c *conn) hello(f wire.Frame, raw []byte) *wire.Error {
	var h wire.ClientHello
	if err := f.Decode(&h); err != nil {
		return tableError(err)
	}
	switch {
	case h.MinVersion > h.MaxVersion:
		return wire.ErrValue.Because("the version range is empty")
	case h.MinVersion > wire.Version || h.MaxVersion < wire.Version:
		return wire.ErrVersion
	case h.Network != c.gw.cfg.Network:
		return wire.ErrNetwork
	case !link.Pinned(c.gw.node, h.Node):
		return wire.ErrWrongNode
	}
	if err := wire.Check(&h); err != nil {
		return tableError(err)
	}
	if err := c.greet(&h); err != nil {
		return err
	}
	mine := &wire.ServerHello{
		Version: wire.Version, Network: c.gw.cfg.Network, Node: c.gw.node,
		Time: wire.Millis(time.Now()), Limits: c.gw.cfg.Limits,
	}
	rand.Read(mine.Random[:]) // never fails
	if o := c.gw.cfg.Overlay; o != nil {
		mine.Descriptor = o.Descriptor()
	}
	answer := wire.AppendFrame(nil, f.ID, mine)
	c.hellos = &transcript{sha256.Sum256(raw), sha256.Sum256(answer)}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.phase, c.heard = guest, time.Now()
	if c.fellow != nil {
		c.phase, c.hellos = fellow, nil
	}
	c.arm()
	c.enqueue(answer)
	c.runWriter()
	return nil
}

// decode reads a payload and checks the limits that its encoding leaves open.
func decode(f wire.Frame, p wire.Payload) error {
	if err := f.Decode(p); err != nil {
		return err
	}
	return wire.Check(p)
}

// frame handles one frame of so many bytes of a client.
func (c *conn) frame(f wire.Frame, size int) *wire.Error {
	if !c.pace(size) {
		return wire.ErrLinkClosed
	}
	if f.Type == wire.TypeAck {
		return c.ack(f)
	}
	if f.ID == 0 {
		return wire.ErrUnexpected.Because("a request without an id")
	}
	if c.inUse(f.ID) {
		return wire.ErrUnexpected.Because("a request id that is in use")
	}
	if err := c.allow(f); err != nil {
		if c.refused++; c.phase != member && c.refused >= c.gw.cfg.Capacity.GuestRefusals {
			return wire.ErrBusy
		}
		return c.refuse(f.ID, err)
	}
	c.refused = 0
	if f.Type == wire.TypeLogin {
		c.flush()
		return c.refuse(f.ID, c.login(f))
	}
	p := payloadOf(f.Type)
	if err := decode(f, p); err != nil {
		return c.refuse(f.ID, err)
	}
	if get, ok := p.(*wire.ProfileGet); ok {
		return c.refuse(f.ID, c.profile(f.ID, get))
	}
	switch err := c.begin(f, size); {
	case errors.Is(err, wire.ErrLinkClosed):
		return wire.ErrLinkClosed
	case err != nil:
		return c.refuse(f.ID, err)
	}
	c.dispatch(f.ID, p)
	return nil
}

// inUse reports whether a request with this id waits for its answer. Such a frame
// must not be answered either: the answer would settle the other request.
func (c *conn) inUse(id uint64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, twice := c.requests[id]
	return twice
}

// signatureCost is what a frame costs that makes the gateway check a key and a
// signature; any other costs 1.
const signatureCost = 8

// pay takes what a guest's frame costs, whatever it asks: tokens of its own and of
// each allowance that it shares with others, or a spare one if the others used
// those up.
func (c *conn) pay(now time.Time, t wire.Type) bool {
	n := 1
	if t == wire.TypeLogin || t == wire.TypeRegister {
		n = signatureCost
	}
	return c.rate.take(now, n) && (c.payShared(now, n) || c.spare.take(now, 1))
}

func (c *conn) payShared(now time.Time, n int) bool {
	s := c.source
	return (s == nil || s.rate.take(now, n) && s.network.rate.take(now, n)) && c.gw.all.take(now, n)
}

// allow reports why a request may not even be looked at: its type is none of a
// client's, it needs a login, it comes too fast, or the gateway is draining.
func (c *conn) allow(f wire.Frame) error {
	now := time.Now()
	if c.phase == guest && !c.pay(now, f.Type) {
		return wire.ErrBusy
	}
	switch f.Type {
	case wire.TypeRegister, wire.TypeLogin, wire.TypeSubmit, wire.TypeProfileGet:
	case wire.TypeEnrolment, wire.TypeDropPut, wire.TypeDoorPut, wire.TypeDropDelete,
		wire.TypeProfilePut, wire.TypeHeadGet, wire.TypeStateGet,
		wire.TypeForward, wire.TypeRecordGet, wire.TypeDepositPut, wire.TypeDepositsGet, wire.TypeDescriptorGet, wire.TypeGatewaysGet:
		if c.phase != member {
			return wire.ErrNotLoggedIn
		}
	default:
		return wire.ErrUnexpected
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.draining {
		return wire.ErrDraining
	}
	if f.Type == wire.TypeSubmit && c.submits >= int(c.gw.cfg.Limits.InFlight) ||
		f.Type == wire.TypeRegister && !c.gw.accounts.ready(now) {
		return wire.ErrBusy
	}
	c.heard = now
	return nil
}

// begin notes a request of so many bytes that the mailbox will answer, and waits
// while too many are waiting. Errors: ErrBusy if there is no memory for it,
// ErrLinkClosed if the link ends meanwhile.
func (c *conn) begin(f wire.Frame, size int) error {
	r := request{
		submit: f.Type == wire.TypeSubmit, register: f.Type == wire.TypeRegister,
		bytes: size, pot: &c.gw.memberFlight, share: &c.asMember,
	}
	if c.phase == guest {
		r.pot, r.share = &c.gw.guestFlight, &c.asGuest
		if c.source != nil {
			r.share = &c.source.flight
		}
	}
	ready := func() bool { return r.submit || len(c.requests)-c.submits < c.gw.cfg.Capacity.Pending }
	if !c.waitFor(ready) {
		return wire.ErrLinkClosed
	}
	if !r.pot.take(r.share, r.bytes) {
		return wire.ErrBusy
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.requests == nil {
		c.requests = make(map[uint64]request)
	}
	c.requests[f.ID] = r
	if r.submit {
		c.submits++
	}
	return nil
}

// waitFor stops reading until ready, which is called with mu held, says yes; false
// if the link ends meanwhile.
func (c *conn) waitFor(ready func() bool) bool {
	for {
		c.mu.Lock()
		is := ready()
		c.mu.Unlock()
		if is {
			return true
		}
		if c.gone.Load() {
			return false
		}
		c.flush()
		<-c.room
	}
}

// pace waits until the next frame, of so many bytes, may be looked at: while too
// much waits for the other side to read it, and while the rates that are waited
// for are used up. It is false if the link ends meanwhile.
func (c *conn) pace(size int) bool {
	if !c.waitFor(func() bool { return c.queued <= c.gw.room() }) {
		return false
	}
	now := time.Now()
	wait := c.bytes.wait(now, size)
	switch {
	case c.phase == member:
		wait = max(wait, c.rate.wait(now, 1))
	case size > smallFrame:
		wait = max(wait, c.gw.bytes.wait(now, size))
	}
	if wait == 0 {
		return !c.gone.Load()
	}
	c.flush()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return true
		case <-c.room:
			if c.gone.Load() {
				return false
			}
		}
	}
}

// payloadOf makes an empty payload of a request that allow lets through.
func payloadOf(t wire.Type) wire.Payload {
	switch t {
	case wire.TypeRegister:
		return &wire.Register{}
	case wire.TypeSubmit:
		return &wire.Submit{}
	case wire.TypeProfileGet:
		return &wire.ProfileGet{}
	case wire.TypeEnrolment:
		return &wire.EnrolmentChange{}
	case wire.TypeDropPut:
		return &wire.DropPut{}
	case wire.TypeDoorPut:
		return &wire.DoorPut{}
	case wire.TypeDropDelete:
		return &wire.DropDelete{}
	case wire.TypeProfilePut:
		return &wire.ProfilePut{}
	case wire.TypeStateGet:
		return &wire.StateGet{}
	case wire.TypeForward:
		return &wire.Forward{}
	case wire.TypeRecordGet:
		return &wire.RecordGet{}
	case wire.TypeDepositPut:
		return &wire.DepositPut{}
	case wire.TypeDepositsGet:
		return &wire.DepositsGet{}
	case wire.TypeDescriptorGet:
		return &wire.DescriptorGet{}
	case wire.TypeGatewaysGet:
		return &wire.GatewaysGet{}
	}
	return &wire.HeadGet{}
}

// dispatch hands a request to the mailbox, which answers through the Port.
// Submissions wait for flush: those of one message go to the mailbox together, and
// what they bring to a link leaves it together.
func (c *conn) dispatch(id uint64, p wire.Payload) {
	if _, submits := p.(*wire.Submit); !submits {
		c.flush()
	}
	switch p := p.(type) {
	case *wire.Register:
		c.gw.box.Register(id, p, c)
	case *wire.Submit:
		c.batch = append(c.batch, mailbox.Submission{ID: id, Submit: p})
	case *wire.EnrolmentChange:
		c.session.Enrol(id, p)
	case *wire.DropPut:
		c.session.DropPut(id, p)
	case *wire.DoorPut:
		c.session.DoorPut(id, p)
	case *wire.DropDelete:
		c.session.DropDelete(id, p)
	case *wire.ProfilePut:
		c.session.ProfilePut(id, p)
	case *wire.StateGet:
		c.session.StateGet(id, p)
	case *wire.HeadGet:
		c.session.HeadGet(id)
	default:
		c.wanted(id, p)
	}
}

// flush hands the submissions over that wait. It comes before anything that may
// take time.
func (c *conn) flush() {
	if len(c.batch) == 0 {
		return
	}
	c.gw.counters.submits.Add(int64(len(c.batch)))
	c.gw.box.Submit(c, c.batch...)
	c.batch = nil
}

// login checks that the login key's owner is at the other end of this very
// connection, and opens its session.
func (c *conn) login(f wire.Frame) error {
	var l wire.Login
	if err := f.Decode(&l); err != nil {
		return err
	}
	if c.phase == member {
		return wire.ErrUnexpected.Because("logged in already")
	}
	if err := l.Key.Check(); err != nil {
		c.gw.counters.rejected.Add(1)
		return wire.ErrPublicKey
	}
	x := wire.LoginTranscript(c.gw.node, c.link.Binding(), c.hellos.client, c.hellos.server)
	if !l.Key.Verify(key.ContextLogin, x, l.Sig) {
		c.gw.counters.rejected.Add(1)
		return wire.ErrSignature
	}
	return c.attach(f.ID, l.Key)
}

// attach opens the session. The mailbox may answer before it returns; that is
// held until the welcome stands in front of it.
func (c *conn) attach(id uint64, login key.LoginPublic) error {
	c.mu.Lock()
	c.holding = true
	c.mu.Unlock()
	session, welcome, err := c.gw.box.Attach(login, c)
	if err == nil {
		c.link.LimitRead(int(c.gw.cfg.Limits.Message))
		limits := &c.gw.cfg.Capacity
		c.rate = newBucket(limits.MemberBurst, limits.MemberRate)
		c.bytes = newBucket(2*limits.MemberBytes, limits.MemberBytes)
		c.gw.promote(c)
		c.gw.counters.logins.Add(1)
	} else {
		c.gw.counters.rejected.Add(1)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.session, c.phase, c.wake = session, member, true
		c.account = welcome.Tag
		c.hellos = nil
		if len(c.requests) == 0 {
			c.requests = nil // many a member only listens from here on
		}
		c.enqueue(wire.AppendFrame(nil, id, welcome))
	}
	for _, frame := range c.held {
		c.enqueue(frame)
	}
	c.held, c.holding = nil, false
	c.runWriter()
	return err
}

// ack takes an acknowledgement, the one frame that has no answer. A wrong one
// ends the link: gateway and device have to compare again.
func (c *conn) ack(f wire.Frame) *wire.Error {
	if c.phase != member {
		return wire.ErrNotLoggedIn
	}
	var a wire.Ack
	if err := f.Decode(&a); err != nil {
		return tableError(err)
	}
	if err := c.session.Ack(&a); err != nil {
		return c.ackFailed(tableError(err))
	}
	c.gw.counters.acks.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if bytes.Compare(a.Upto[:], c.newest[:]) >= 0 {
		c.owes = false
	}
	return nil
}

// ackFailed is the reason to end the link, or nil if the session had ended
// before and the acknowledgement counts for nothing.
func (c *conn) ackFailed(err *wire.Error) *wire.Error {
	switch err.Code {
	case wire.CodeAckMismatch, wire.CodeSignature:
		return err
	}
	c.sessionEnded(err)
	return nil
}

// profile answers a read of a profile blob.
func (c *conn) profile(id uint64, get *wire.ProfileGet) error {
	if err := get.Name.Check(); err != nil {
		return wire.ErrPublicKey
	}
	blob, err := c.gw.box.Profile(get.Name)
	if err != nil {
		return err
	}
	c.gw.counters.profiles.Add(1)
	c.Answer(id, blob)
	return nil
}

// refuse answers a request with its error; the link goes on. It returns nil.
func (c *conn) refuse(id uint64, err error) *wire.Error {
	if err == nil {
		return nil
	}
	if errors.Is(err, wire.ErrBusy) {
		c.gw.counters.busy.Add(1)
	}
	c.Answer(id, wire.FailureOf(err))
	return nil
}

// tableError is err as an error of the table.
func tableError(err error) *wire.Error {
	var e *wire.Error
	if errors.As(err, &e) {
		return e
	}
	return wire.ErrUnavailable
}
