package forward

import (
	"errors"
	"slices"
	"time"

	"zeroms/client/score"
	"zeroms/protocol/channel"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// trip is one request on its way to a gateway that is no home.
type trip struct {
	r       Request
	hash    key.GatewayHash // of the target
	legs    []*leg          // without an answer
	tried   map[key.GatewayHash]bool
	kept    *leg      // what a link lost, for the same home's next one
	spare   *leg      // what a home could not bring to the target, for once more
	spared  bool      // that was done
	until   time.Time // when waiting for a home ends; zero: it did not wait yet
	second  bool      // a second home was asked besides
	renewed int       // new channels in place of one that the target did not know
	reread  bool      // the descriptor was read anew
	err     error     // why the last home did not bring it there
	busy    error     // likewise, if it is to be tried again later in the same way
	over    bool
}

// leg is one attempt to bring a request to its target through one home.
type leg struct {
	trip  *trip
	entry *entry
	line  *line
	relay *wire.Relay
	sent  time.Time
	late  bool // another home was asked besides; counted by its entry
}

// isLate notes that an attempt has no answer yet.
func (l *leg) isLate() {
	if !l.late {
		l.late = true
		l.entry.late++
	}
}

// excuse takes that back.
func (l *leg) excuse() {
	if l.late {
		l.late = false
		l.entry.late--
	}
}

// lineKey is what a channel serves.
type lineKey struct {
	entry, target key.GatewayHash
	network       key.Network
	drop          key.DropID
}

// line is a channel as far as a home is used for it.
type line struct {
	key    lineKey
	once   bool // for one request only
	at     key.Place
	sender *channel.Sender
	legs   int
	used   time.Time
}

// begin takes a request.
func (f *Forwarder) begin(r Request) {
	t := &trip{r: r, hash: r.To.Hash(), tried: map[key.GatewayHash]bool{}}
	if f.direct == Always {
		f.cfg.Carrier.Straight(r)
		return
	}
	f.trips[t] = struct{}{}
	if r.Payload != nil && !channel.Carries(r.Payload.Type()) {
		t.err = errNoWay
		f.giveUp(t)
		return
	}
	f.advance(t)
}

// lone reports whether a request has its channel to itself: an init, which is what
// doors take, and whatever is no submission.
func (t *trip) lone() bool {
	s, ok := t.r.Payload.(*wire.Submit)
	return !ok || len(s.Work) > 0 || len(s.Envelope) > 0 && s.Envelope[0] == initEnvelope
}

// initEnvelope is the first byte of an envelope that sets up a session
// (docs/protocol/envelope.md).
const initEnvelope = 0x81

// lineKey is the channel that a request can share with others; that of a lone one
// is nobody's.
func (t *trip) lineKey(e *entry) lineKey {
	k := lineKey{entry: e.hash, target: t.hash, network: t.r.To.Network}
	if s, ok := t.r.Payload.(*wire.Submit); ok && !t.lone() {
		k.drop = s.Drop
		return k
	}
	return lineKey{}
}

// advance finds the next way for a request of which nothing is on its way.
func (f *Forwarder) advance(t *trip) {
	now := time.Now()
	if f.entries[t.hash] != nil { // the target has become a home
		f.end(t)
		f.cfg.Carrier.Straight(t.r)
		return
	}
	if l := t.kept; l != nil && l.entry.state == isUp && !l.line.sender.Expired(now) {
		t.kept = nil
		f.launch(l, now)
		return
	}
	if e := f.choose(t); e != nil {
		f.through(t, e)
		return
	}
	if f.mayWait(t) && (t.until.IsZero() || now.Before(t.until)) {
		f.stall(t, now)
		return
	}
	f.giveUp(t)
}

// through seals a request for its target and hands it to a home, as soon as the
// target's descriptor is known and the home has room.
func (f *Forwarder) through(t *trip, e *entry) {
	now := time.Now()
	d := f.descriptor(t, e, now)
	if d == nil {
		return // it is being asked for, and goes on from there
	}
	if t.r.Payload == nil {
		t.r.Payload, t.r.Make = t.r.Make(d.Node), nil
	}
	switch {
	case t.r.Payload == nil:
		f.fail(t, errNotMade)
		return
	case !channel.Carries(t.r.Payload.Type()):
		t.err = errNoWay
		f.giveUp(t)
		return
	case !e.room(t.hash):
		e.waiting = append(e.waiting, t)
		return
	}
	n, err := f.line(t, e, d, now)
	if err != nil {
		f.forget(t, d)
		t.err, t.tried[e.hash] = err, true
		if len(t.legs) == 0 {
			f.advance(t)
		}
		return
	}
	relay, err := n.sender.Seal(t.r.Payload)
	if err != nil {
		f.fail(t, err)
		return
	}
	f.launch(&leg{trip: t, entry: e, line: n, relay: relay}, now)
}

// launch sends an attempt, or sends it once more.
func (f *Forwarder) launch(l *leg, now time.Time) {
	t, e := l.trip, l.entry
	if t.kept != nil {
		t.kept.drop()
		t.kept = nil
	}
	t.legs, t.tried[e.hash] = append(t.legs, l), true
	e.under++
	e.to[t.hash]++
	l.line.legs++
	l.sent, l.line.used = now, now
	to := t.r.To.Endpoint
	sealed := &wire.Forward{Target: l.line.at.Node, Host: to.Host, Port: to.Port, Relay: *l.relay}
	f.cfg.Carrier.ByHome(e.target, sealed, func(p wire.Payload, err error) { f.post(func() { f.came(l, p, err) }) })
}

// came takes what became of an attempt.
func (f *Forwarder) came(l *leg, p wire.Payload, err error) {
	t, e := l.trip, l.entry
	l.excuse()
	e.under--
	if e.to[t.hash]--; e.to[t.hash] == 0 {
		delete(e.to, t.hash)
	}
	l.line.legs--
	t.legs = slices.DeleteFunc(t.legs, func(o *leg) bool { return o == l })
	answer, ok := p.(*wire.Forwarded)
	switch {
	case err == nil && ok:
		f.answered(l, answer)
	case t.over:
		l.drop()
	case err == nil:
		f.failed(l, wire.ErrUnexpected)
	default:
		f.failed(l, err)
	}
	f.next(e)
}

// next gives the room that an answer left to the oldest requests that fit.
func (f *Forwarder) next(e *entry) {
	for {
		i := slices.IndexFunc(e.waiting, func(t *trip) bool { return t.over || e.room(t.hash) })
		if i < 0 {
			return
		}
		t := e.waiting[i]
		e.waiting = slices.Delete(e.waiting, i, i+1)
		f.again([]*trip{t})
	}
}

// drop ends the wait for an attempt's answer.
func (l *leg) drop() { l.line.sender.Done(l.relay.N) }

// failed takes note of why an attempt failed and finds another way, if no other
// attempt of the request is on its way.
func (f *Forwarder) failed(l *leg, err error) {
	t, e := l.trip, l.entry
	code := wire.CodeUnavailable
	if x := new(wire.Error); errors.As(err, &x) {
		code = x.Code
	}
	alone := len(t.legs) == 0
	if code == wire.CodeLinkClosed && e.state != isUp {
		f.cutOff(l, err, alone)
		return
	}
	t.err = err
	if code == wire.CodeUnreachable && !t.spared && err != error(ErrSilent) {
		// Its link to the target may have ended just now.
		t.keep(l)
		if alone {
			f.advance(t)
		}
		return
	}
	l.drop()
	switch {
	case code == wire.CodeNoChannel && len(l.relay.Encapsulation) == 0 && t.renewed < maxRenewals:
		t.renewed++
		f.retry(l, alone)
		return
	case code == wire.CodeOpen && !t.reread:
		t.reread = true
		f.forget(t, nil)
		f.retry(l, alone)
		return
	case code == wire.CodeBusy, code == wire.CodeLimit:
		t.busy = err
		f.cfg.Scores.Trouble(e.hash, score.Refused, time.Now())
	}
	if alone {
		f.advance(t)
	}
}

// cutOff takes note that the link to a home ended under an attempt. The home may
// have the request again when it is back, in the very same bytes if no other one took
// it meanwhile.
func (f *Forwarder) cutOff(l *leg, err error, alone bool) {
	t, now := l.trip, time.Now()
	if t.until.IsZero() {
		t.until = now.Add(f.cfg.Timing.Entry)
	}
	if now.Before(t.until) {
		delete(t.tried, l.entry.hash)
	}
	t.err = err
	if !alone {
		l.drop()
		return
	}
	t.kept = l
	f.advance(t)
}

// keep sets an attempt aside for once more.
func (t *trip) keep(l *leg) {
	if t.spare != nil {
		t.spare.drop()
	}
	t.spare = l
}

// retry has an attempt made anew through the same home, in another channel.
func (f *Forwarder) retry(l *leg, alone bool) {
	f.discard(l.line)
	switch {
	case !alone:
	case l.entry.state == isUp:
		delete(l.trip.tried, l.entry.hash)
		f.through(l.trip, l.entry)
	default:
		f.advance(l.trip)
	}
}

// answered opens an answer.
func (f *Forwarder) answered(l *leg, in *wire.Forwarded) {
	t := l.trip
	err := channel.CheckAnswer(l.relay, in)
	var frame wire.Frame
	if err == nil {
		frame, err = l.line.sender.Answer(in)
	} else {
		err = wire.ErrOpen
	}
	now := time.Now()
	damaged := errors.Is(err, wire.ErrOpen)
	if damaged {
		// It may be the home's doing or the target's.
		f.cfg.Scores.Trouble(l.entry.hash, score.Unreachable, now)
	} else {
		f.cfg.Scores.Took(l.entry.hash, score.Forward, now.Sub(l.sent), now)
		for _, o := range t.legs {
			if o.late && o.entry != l.entry { // asked earlier for the very same: the target is not what is slow
				f.cfg.Scores.Trouble(o.entry.hash, score.Silent, now)
			}
		}
	}
	switch {
	case t.over:
		l.drop()
		return
	case damaged:
		f.failed(l, errGarbled)
		return
	}
	l.drop()
	way := Way{Target: l.line.at.Node, Entry: l.entry.hash}
	if err == nil {
		f.end(t)
		err = f.cfg.Carrier.Opened(t.r, way, frame)
	}
	if err != nil {
		// The target sealed this itself: it is as if a link to it had ended.
		f.discard(l.line)
		f.cfg.Scores.Trouble(t.hash, score.Lied, now)
		f.end(t)
		f.cfg.Carrier.Failed(t.r, way, faulty(err))
	}
}

// faulty is what a request is told whose target sealed what no gateway says.
func faulty(err error) error {
	var e *wire.Error
	if !errors.As(err, &e) {
		return wire.ErrLinkClosed
	}
	return wire.ErrLinkClosed.Because(wire.Lookup(e.Code).Name)
}

// giveUp ends the search for a home: what one could not bring to the target it tries
// once more, and then the request goes directly, if that is allowed. One that a home or the target is too busy for never does: it only has to wait.
func (f *Forwarder) giveUp(t *trip) {
	now := time.Now()
	if l := t.spare; l != nil && t.busy == nil && l.entry.state == isUp && !l.line.sender.Expired(now) {
		t.spare, t.spared = nil, true
		f.launch(l, now)
		return
	}
	switch {
	case t.busy != nil:
		f.fail(t, t.busy)
	case f.direct != Never:
		f.end(t)
		f.cfg.Carrier.Straight(t.r)
	case t.err != nil:
		f.fail(t, t.err)
	default:
		f.fail(t, errNoEntry)
	}
}

// end forgets a request; attempts that are on their way are ignored.
func (f *Forwarder) end(t *trip) {
	t.over = true
	delete(f.trips, t)
	for _, l := range []*leg{t.kept, t.spare} {
		if l != nil {
			l.drop()
		}
	}
	t.kept, t.spare = nil, nil
}

// fail answers a request with why it was not brought to its target.
func (f *Forwarder) fail(t *trip, err error) {
	f.end(t)
	f.cfg.Carrier.Failed(t.r, Way{}, err)
}
