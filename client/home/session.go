package home

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"net/netip"
	"time"

	"zeroms/client/forward"
	"zeroms/client/score"
	"zeroms/protocol/address"
	"zeroms/protocol/custody"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// pending is a request that was sent and has no answer yet.
type pending struct {
	request Request
	sent    time.Time
	want    wire.Type // of its answer, beside errors and refusals
	counts  bool      // against the gateway's limit of unanswered submissions
}

// submits reports whether a receipt is to come.
func (p *pending) submits() bool {
	_, ok := p.request.Payload.(*wire.Submit)
	return ok
}

// session is one connection after its dial. The reading goroutine hands whole
// messages to serve, which owns everything else.
type session struct {
	// static after hello and login
	peer    *peer
	target  Target
	conn    link.Conn
	node    key.NodePublic
	limits  wire.Limits
	clock   time.Duration // the gateway's less our own
	client  [32]byte      // SHA-256 of our hello frame
	server  [32]byte      // SHA-256 of the gateway's
	welcome wire.Welcome
	home    bool
	// descriptor is the gateway's own; nil: it has none, or none that holds.
	descriptor *address.Descriptor

	// owned by serve
	next    uint64
	pending map[uint64]pending
	submits int
	rest    []byte    // frames that came behind the welcome in one message
	heard   time.Time // when the last message came
	// owed is since when a request for another gateway went without an answer on a
	// link that was silent; zero: there is none.
	owed time.Time
}

// hello exchanges the hellos and checks that the gateway is the pinned one.
func (s *session) hello(ctx context.Context) error {
	mine := &wire.ClientHello{
		MinVersion: wire.Version, MaxVersion: wire.Version,
		Network: s.target.Network, Node: s.target.Endpoint.Node,
	}
	_, _ = rand.Read(mine.Random[:])
	out := wire.AppendFrame(nil, 0, mine)
	s.client = sha256.Sum256(out)
	if err := s.conn.Send(ctx, out); err != nil {
		return err
	}
	message, err := s.conn.Recv(ctx)
	if err != nil {
		return err
	}
	f, rest, err := wire.NextFrame(message)
	if err != nil {
		return err
	}
	s.server = sha256.Sum256(message[:len(message)-len(rest)])
	var theirs wire.ServerHello
	if err := s.expect(f, &theirs); err != nil {
		return err
	}
	if err := wire.Check(&theirs); err != nil {
		return err
	}
	if len(rest) > 0 {
		return wire.ErrUnexpected
	}
	return s.adopt(&theirs)
}

func (s *session) adopt(h *wire.ServerHello) error {
	if h.Version != wire.Version {
		return wire.ErrVersion
	}
	if h.Network != s.target.Network {
		return wire.ErrNetwork
	}
	if err := h.Node.Check(); err != nil {
		return wire.ErrPublicKey
	}
	proven := s.conn.Node()
	if !proven.IsZero() && proven != h.Node || key.GatewayHashOf(h.Node) != s.target.Hash() {
		return wire.ErrWrongNode
	}
	s.node, s.limits, s.clock = h.Node, h.Limits, time.Until(wire.Time(h.Time))
	// One that does not hold is as good as none: a gateway with a wrong clock, or a
	// device with one, has to go on.
	if d, err := forward.DescriptorOf(h.Descriptor, s.target, time.Now()); err == nil {
		s.descriptor = d
		s.peer.pool.forward.Learn(d)
	}
	return nil
}

// expect decodes a frame as the payload wanted; an error frame becomes its error.
func (s *session) expect(f wire.Frame, p wire.Payload) error {
	s.peer.told = false
	if f.Type == wire.TypeError {
		var failure wire.Failure
		if err := f.Decode(&failure); err != nil {
			return err
		}
		s.peer.told = true
		return failure.Err()
	}
	return f.Decode(p)
}

// login logs the device in, opening the account first if the gateway does not
// know the key.
func (s *session) login(ctx context.Context, spec *Spec) error {
	err := s.tryLogin(ctx, spec)
	if e, ok := err.(*wire.Error); ok && e.Code == wire.CodeLogin && spec.Register != nil {
		if err := s.register(ctx, spec); err != nil {
			return err
		}
		err = s.tryLogin(ctx, spec)
	}
	if err == nil && !spec.owns(s.welcome.Tag) {
		err = wire.ErrUnexpected.Because("a welcome to another account")
	}
	return err
}

// register opens the account, with an invitation or with work if the gateway
// asks for one of them.
func (s *session) register(ctx context.Context, spec *Spec) error {
	request, err := s.peer.registration(spec, s.node, s.limits.RegisterBits)
	if err != nil {
		return err
	}
	if err := s.ask(ctx, request, &wire.OK{}); err != nil {
		s.peer.toll = toll{} // whatever was wrong, the same work does not mend it
		return err
	}
	return nil
}

func (s *session) tryLogin(ctx context.Context, spec *Spec) error {
	x := wire.LoginTranscript(s.node, s.conn.Binding(), s.client, s.server)
	request := &wire.Login{Key: spec.Login.Public(), Sig: spec.Login.Sign(key.ContextLogin, x)}
	if err := s.ask(ctx, request, &s.welcome); err != nil {
		return err
	}
	s.home = true
	return nil
}

// ask sends one request and waits for its answer; frames behind it in the same
// message are kept for serve.
func (s *session) ask(ctx context.Context, request, answer wire.Payload) error {
	s.next++
	if err := s.conn.Send(ctx, wire.AppendFrame(nil, s.next, request)); err != nil {
		return err
	}
	message, err := s.conn.Recv(ctx)
	if err != nil {
		return err
	}
	f, rest, err := wire.NextFrame(message)
	if err != nil {
		return err
	}
	if f.ID != s.next && (f.ID != 0 || f.Type != wire.TypeError) {
		return wire.ErrUnexpected
	}
	s.rest = rest
	return s.expect(f, answer)
}

// announce reports the login, with the gateway's address where it can be found.
func (s *session) announce(ctx context.Context, began time.Time) {
	cfg := s.peer.pool.cfg
	e := Connected{Gateway: s.node, Welcome: s.welcome, Limits: s.limits, Took: time.Since(began), Descriptor: s.descriptor}
	if addr, err := netip.ParseAddr(s.target.Endpoint.Host); err == nil {
		e.Addr = addr
	} else if cfg.Resolve != nil {
		if found, err := cfg.Resolve(ctx, s.target.Endpoint.Host); err == nil && len(found) > 0 {
			e.Addr = found[0].Unmap()
		}
	}
	cfg.Events(e)
}

// serve moves requests out and answers and pushes in until the link ends. It
// returns nil if the end was wanted: the role changed or a guest became idle.
func (s *session) serve(ctx context.Context) error {
	reading, cancel := context.WithCancel(ctx)
	incoming := make(chan []byte)
	failed := make(chan error, 1)
	go s.runRead(reading, incoming, failed)
	defer func() { cancel(); _ = s.conn.Close(); <-failed }()
	if err := s.message(s.rest); err != nil {
		return err
	}
	s.rest = nil
	timing := s.peer.pool.cfg.Timing
	every := min(timing.Answer, timing.GuestIdle, timing.Forward) / 4
	tick, ticks := time.NewTicker(every), true
	defer tick.Stop()
	busy := time.Now()
	for {
		sent, err := s.flush(ctx)
		if err != nil {
			return err
		}
		if sent {
			busy = time.Now()
		}
		if s.barred() {
			s.peer.displace()
			if len(s.pending) == 0 {
				return nil
			}
		}
		ticks = s.watch(tick, every, ticks)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-failed:
			failed <- err
			return err
		case message := <-incoming:
			s.hears(time.Now())
			if err := s.message(message); err != nil {
				return err
			}
		case <-s.peer.wake:
			if s.peer.over() {
				return nil
			}
		case now := <-tick.C:
			if s.overdue(now, timing) {
				return errSilent
			}
			if !s.home && len(s.pending) == 0 && now.Sub(busy) >= timing.GuestIdle && s.peer.waiting() == 0 {
				return nil
			}
		}
	}
}

// hears notes that something came.
func (s *session) hears(now time.Time) {
	s.heard = now
	if s.home {
		s.peer.heard.Store(now.UnixNano())
	}
}

// barred reports whether the link is one that the setting has come to forbid: nothing
// more goes over it, and it ends when what it was sent has its answer.
func (s *session) barred() bool { return !s.home && !s.peer.pool.mayVisit(s.target) }

// runRead receives messages until the link ends; its last word goes to failed.
func (s *session) runRead(ctx context.Context, incoming chan<- []byte, failed chan<- error) {
	for {
		message, err := s.conn.Recv(ctx)
		if err != nil {
			failed <- err
			return
		}
		select {
		case incoming <- message:
		case <-ctx.Done():
			failed <- ctx.Err()
			return
		}
	}
}

// errSilent ends a link whose gateway leaves requests without an answer.
var errSilent = wire.ErrLinkClosed.Because("the gateway does not answer")

// watch lets the tick go only while it may find anything, so that a home's link
// without requests wakes nobody. ticks is whether it goes, and so is its answer.
func (s *session) watch(tick *time.Ticker, every time.Duration, ticks bool) bool {
	needed := !s.home || len(s.pending) > 0 || !s.owed.IsZero()
	switch {
	case needed && !ticks:
		tick.Reset(every)
	case ticks && !needed:
		tick.Stop()
	}
	return needed
}

// overdue reports whether the gateway leaves requests without an answer. One for
// another gateway is answered here when its time is over, since that may be the
// other one's fault; only if nothing at all comes any more is the link at fault too.
func (s *session) overdue(now time.Time, limit Timing) bool {
	for id, p := range s.pending {
		age := now.Sub(p.sent)
		switch {
		case p.request.back == nil && age > limit.Answer:
			s.peer.since = p.sent
			return true
		case p.request.back != nil && age > limit.Forward:
			s.settle(id)
			if s.owed.IsZero() || p.sent.Before(s.owed) {
				s.owed = p.sent
			}
			if s.heard.Before(p.sent) && s.peer.pool.witnessed(s.peer, p.sent) {
				s.peer.pool.scores.Trouble(s.peer.hash, score.Silent, now)
			}
			s.tell(p, Answered{Err: forward.ErrSilent})
		}
	}
	if s.heard.After(s.owed) {
		s.owed = time.Time{}
	}
	if s.owed.IsZero() || now.Sub(s.owed) <= limit.Answer {
		return false
	}
	s.peer.since = s.owed
	return true
}

// flush writes waiting requests, several in one message, within the gateway's
// limit of unanswered submissions.
func (s *session) flush(ctx context.Context) (sent bool, err error) {
	for {
		room := max(int(s.limits.InFlight), 1) - s.submits
		if room <= 0 || s.barred() {
			return sent, nil
		}
		batch := s.peer.batch(min(room, maxBatch))
		if len(batch) == 0 {
			return sent, nil
		}
		for _, message := range s.pack(batch) {
			if err := s.send(ctx, message); err != nil {
				return sent, err
			}
			sent = true
		}
	}
}

// send writes a message. A gateway that takes it as slowly as it may answer is
// as good as dead.
func (s *session) send(ctx context.Context, message []byte) error {
	ctx, cancel := context.WithTimeout(ctx, s.peer.pool.cfg.Timing.Answer)
	defer cancel()
	return s.conn.Send(ctx, message)
}

// pack notes all requests of a batch, so that none is lost if the link ends
// while they are sent, and puts their frames into messages.
func (s *session) pack(batch []Request) (messages [][]byte) {
	var out []byte
	most := min(maxCoalesced, int64(s.limits.Message))
	for _, r := range batch {
		if r.Payload == nil {
			r.Payload = r.Make(s.node)
		}
		if r.Payload == nil {
			s.tell(pending{request: r}, Answered{Err: errCannotMake})
			continue
		}
		frame := wire.AppendFrame(nil, s.await(r), r.Payload)
		if len(out) > 0 && int64(len(out)+len(frame)) > most {
			messages, out = append(messages, out), nil
		}
		out = append(out, frame...)
	}
	if len(out) > 0 {
		messages = append(messages, out)
	}
	return messages
}

// await notes a request and returns its id. All are answered, whether or not somebody
// wants to know, but acknowledgements.
func (s *session) await(r Request) uint64 {
	if r.Payload.Type() == wire.TypeAck {
		return 0
	}
	s.next++
	p := pending{request: r, sent: time.Now(), want: answerTo(r.Payload.Type())}
	if t := r.Payload.Type(); t == wire.TypeSubmit || t == wire.TypeForward {
		p.counts = true
		s.submits++
	}
	s.pending[s.next] = p
	return s.next
}

// answerTo is the type of the answer to a request, beside errors and refusals.
func answerTo(t wire.Type) wire.Type {
	switch t {
	case wire.TypeSubmit, wire.TypeHeadGet:
		return wire.TypeCommit
	case wire.TypeStateGet:
		return wire.TypeState
	case wire.TypeProfileGet:
		return wire.TypeProfile
	case wire.TypeForward:
		return wire.TypeForwarded
	case wire.TypeRecordGet:
		return wire.TypeRecord
	case wire.TypeDescriptorGet:
		return wire.TypeDescriptor
	case wire.TypeGatewaysGet:
		return wire.TypeGateways
	case wire.TypeDepositsGet:
		return wire.TypeDeposits
	}
	return wire.TypeOK
}

// settle removes a request that has its answer.
func (s *session) settle(id uint64) (pending, bool) {
	p, ok := s.pending[id]
	if ok {
		delete(s.pending, id)
		if p.counts {
			s.submits--
		}
	}
	return p, ok
}

// tell hands over the answer to a request.
func (s *session) tell(p pending, a Answered) {
	a.Gateway, a.Way = s.node, Directly
	if s.home {
		a.Way = ByHome
	}
	s.peer.pool.tell(p.request, a)
}

// abandon answers whatever is left with err.
func (s *session) abandon(err error) {
	for id := range s.pending {
		p, _ := s.settle(id)
		s.tell(p, Answered{Err: unanswered(err)})
	}
}

// message handles the frames of a message one by one: a list of them would
// take ten times the memory of the smallest ones. Pushes in a row are one event.
func (s *session) message(message []byte) error {
	e := Pushed{Gateway: s.node}
	for len(message) > 0 {
		f, rest, err := wire.NextFrame(message)
		if err != nil {
			return err
		}
		message = rest
		if f.Type == wire.TypePush && s.home {
			var row wire.Push
			if err := f.Decode(&row); err != nil {
				return err
			}
			e.Rows = append(e.Rows, row)
			continue
		}
		s.report(&e)
		if err := s.frame(f); err != nil {
			return err
		}
	}
	s.report(&e)
	return nil
}

// report hands over the rows collected so far.
func (s *session) report(e *Pushed) {
	if len(e.Rows) > 0 {
		s.peer.pool.cfg.Events(*e)
		e.Rows = nil
	}
}

// frame handles one frame that is not a home's push.
func (s *session) frame(f wire.Frame) error {
	switch f.Type {
	case wire.TypeCommit:
		var c wire.Commit
		if err := f.Decode(&c); err != nil {
			return err
		}
		return s.commit(&c)
	case wire.TypeRefused:
		return s.refused(f)
	case wire.TypeError:
		var failure wire.Failure
		if err := f.Decode(&failure); err != nil {
			return err
		}
		if f.ID == 0 {
			s.peer.told = true
			return failure.Err()
		}
		if p, ok := s.settle(f.ID); ok {
			s.refusedTo(failure.Code)
			s.tell(p, Answered{Err: failure.Err()})
		}
		return nil
	}
	if p := plainAnswer(f.Type); p != nil {
		return s.plain(f, p)
	}
	return wire.ErrUnexpected
}

// plainAnswer is what a frame is decoded into that answers a request and needs no
// further judgement; nil for all others.
func plainAnswer(t wire.Type) wire.Payload {
	switch t {
	case wire.TypeOK:
		return &wire.OK{}
	case wire.TypeProfile:
		return &wire.Profile{}
	case wire.TypeState:
		return &wire.State{}
	case wire.TypeForwarded:
		return &wire.Forwarded{}
	case wire.TypeRecord:
		return &wire.Record{}
	case wire.TypeDescriptor:
		return &wire.Descriptor{}
	case wire.TypeGateways:
		return &wire.Gateways{}
	case wire.TypeDeposits:
		return &wire.Deposits{}
	}
	return nil
}

// refusedTo notes that the gateway was not able to do something.
func (s *session) refusedTo(code wire.Code) {
	switch code {
	case wire.CodeBusy, wire.CodeLimit, wire.CodeUnavailable:
		s.peer.pool.scores.Trouble(s.peer.hash, score.Refused, time.Now())
	}
}

// awaited finds the request that an answer of this type is for; nil if there is
// none. Errors: ErrUnexpected for a request that another type answers. The
// request stays, so that the end of the link is its answer.
func (s *session) awaited(id uint64, t wire.Type) (*pending, error) {
	p, ok := s.pending[id]
	switch {
	case !ok:
		return nil, nil
	case p.want != t:
		return nil, wire.ErrUnexpected
	}
	return &p, nil
}

func (s *session) plain(f wire.Frame, p wire.Payload) error {
	if err := f.Decode(p); err != nil {
		return err
	}
	if err := wire.Check(p); err != nil {
		return err
	}
	q, err := s.awaited(f.ID, f.Type)
	switch {
	case q != nil:
		s.settle(f.ID)
		s.tell(*q, Answered{Payload: p})
	case err == nil && s.home && f.Type == wire.TypeForwarded:
		// Too late for who asked, but it shows that the home brings requests again.
		s.peer.pool.scores.Back(s.peer.hash, time.Now())
	}
	return err
}

// refused takes a signed refusal if it names our submission.
func (s *session) refused(f wire.Frame) error {
	r, body, err := openRefusal(f, s.node)
	if err != nil {
		return err
	}
	q, err := s.awaited(f.ID, wire.TypeCommit)
	if q == nil {
		return err
	}
	a, more, err := q.request.refusal(r, body)
	if err != nil {
		return err
	}
	s.settle(f.ID)
	if more != nil {
		s.peer.pool.Send(*more)
		return nil
	}
	s.tell(*q, a)
	return nil
}

// commit checks the signature once and then every leaf: receipts must name
// exactly what was submitted, heads the account that is logged in.
func (s *session) commit(c *wire.Commit) error {
	if err := custody.Verify(c, s.node); err != nil {
		return err
	}
	for n, item := range c.Items {
		q, err := s.awaited(item.ID, wire.TypeCommit)
		if err != nil {
			return err
		}
		if head, err := custody.ParseHead(item.Leaf); err == nil {
			if err := s.head(c, n, head, q); err != nil {
				return err
			}
			continue
		}
		receipt, err := custody.ParseReceipt(item.Leaf)
		switch {
		case err != nil:
			return err
		case q == nil:
			continue
		}
		a, err := q.request.receipt(c, n, receipt)
		if err != nil {
			return err
		}
		s.settle(item.ID)
		s.peer.pool.scores.Took(s.peer.hash, score.Custody, time.Since(q.sent), time.Now())
		s.tell(*q, a)
	}
	return nil
}

// head takes a signed head, which q asked for if it is not nil.
func (s *session) head(c *wire.Commit, n int, head *custody.Head, q *pending) error {
	if !s.home || head.Account != s.welcome.Tag || q != nil && q.submits() {
		return wire.ErrUnexpected
	}
	proof, err := proofOf(c, n)
	if err != nil {
		return err
	}
	s.peer.pool.cfg.Events(Head{Gateway: s.node, Head: *head, Time: c.Time, Proof: proof})
	if q != nil {
		s.settle(c.Items[n].ID)
		s.tell(*q, Answered{Payload: c})
	}
	return nil
}
