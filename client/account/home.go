package account

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"time"

	"zeroms/client/home"
	"zeroms/client/profile"
	"zeroms/client/view"
	"zeroms/protocol/address"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Home is a home gateway and its state in this run.
type Home struct {
	*profile.Home
	// Up tells whether the device is logged in; Since when that is so.
	Up    bool
	Since time.Time
	// Took is how long connecting and login took.
	Took time.Duration
	// Retry is when the next attempt to connect is made.
	Retry time.Time
	// Problem says why it is not up or can't be trusted.
	Problem string
	// Welcome and Limits are what the gateway said.
	Welcome wire.Welcome
	Limits  wire.Limits

	shown     string // its address without the invitation
	login     key.LoginPrivate
	spec      time.Time                // when the registration was signed
	packed    *[address.LeaseSize]byte // the lease as an init carries it
	confirmed bool                     // in this run the gateway named no later acknowledgement than ours
	caught    string                   // what it was found to do wrong in this run
	dirty     bool
	moved     bool // rows were processed that are to be stored before they are acknowledged

	// of this connection
	acked   wire.Position
	headed  bool          // a head came
	newest  wire.Position // of the newest head
	pending profile.Head  // the newest head, while its row has not come
	reached bool          // its row has come
	held    *hold
	cut     bool                       // rows were found to be lost
	storing map[key.ProfilePublic]bool // blobs that are being stored
}

func newHome(h *profile.Home, now time.Time) *Home {
	out := &Home{Home: h, Since: now, Problem: "connecting", storing: map[key.ProfilePublic]bool{}}
	if len(h.Packed) == address.LeaseSize {
		packed := [address.LeaseSize]byte(h.Packed)
		out.packed = &packed
	}
	out.move(h.Address)
	return out
}

// move gives the home an address.
func (h *Home) move(to card.Address) {
	h.Address = to
	to.Invite = key.Invite{}
	h.shown, _ = to.Text()
}

// Target is where the home is dialled.
func (h *Home) Target() home.Target {
	return home.Target{Endpoint: profile.FromLease(h.Lease()).Endpoint(), Network: h.Address.Network}
}

// Current reports whether everything that the home said to hold has come in.
func (h *Home) Current() bool {
	return h.Up && h.headed && h.Position.Index() >= h.newest.Index()
}

// Describe is the home as others see it.
func (h *Home) Describe() view.Gateway {
	return view.Gateway{
		Added: h.Added, Node: h.Address.Node, Address: h.shown, Host: h.Target().Endpoint.Addr(), Up: h.Up, Since: h.Since, Took: h.Took,
		Retry: h.Retry, Problem: h.Problem, Used: h.Welcome.Used, Quota: h.Welcome.Quota,
		Retention: time.Duration(h.Limits.Retention) * time.Second, Position: h.Position.Index(), Current: h.Current(),
		Draining: h.Draining, Ends: h.Ends,
	}
}

// connect starts the connection to a home, or renews what it registers with.
func (a *Account) connect(h *Home) {
	if a.Stopped() {
		h.Problem = wire.ErrSetBack.Error()
		return
	}
	node := h.Address.Node
	mk := a.Self.Seed.Mailbox(node)
	h.login, h.spec = a.Self.Secret.Login(node), a.host.Now()
	enrolment := wire.Enrolment{
		Op: wire.OpEnrol, Account: mk.Public(), Login: h.login.Public(),
		Cursor: a.Self.Secret.Cursor(node), Time: wire.Millis(a.host.Now()),
	}
	register := &wire.Register{Object: wire.Sign(mk, key.ContextEnrol, enrolment)}
	if !h.Address.Invite.IsZero() {
		register.Invite = h.Address.Invite.Bytes()
	}
	spec := home.Spec{Target: h.Target(), Login: h.login, Register: register}
	a.host.After(func(links Links) { links.Open(spec) })
}

func (a *Account) disconnect(h *Home) {
	t := h.Target()
	h.Up = false
	a.host.After(func(links Links) { links.Close(t) })
}

// Connected takes a successful login: the log goes on from its cursor, if that
// fits what was acknowledged.
func (a *Account) Connected(ev home.Connected) *Home {
	h := a.homes[ev.Gateway]
	if h == nil || a.Stopped() {
		return nil
	}
	now := a.host.Now()
	h.Up, h.Since, h.Took, h.Retry = true, now, ev.Took, time.Time{}
	h.Welcome, h.Limits = ev.Welcome, ev.Limits
	h.headed, h.pending, h.reached, h.held, h.cut = false, profile.Head{}, false, nil, false
	clear(h.storing)
	switch a.judge(h, &ev.Welcome) {
	case contradicts:
		a.distrust(h, problemCursor)
		return nil
	case ahead:
		a.stop(ev.Gateway)
		return nil
	case elsewhere:
		a.lost(h)
	}
	h.noteRetention(now)
	h.Heard, h.confirmed, h.dirty = now, true, true
	h.Position, h.R, h.acked = ev.Welcome.Cursor, ev.Welcome.R, ev.Welcome.Cursor
	if h.caught != problemHead {
		h.caught = ""
	}
	h.Problem = a.standing(h)
	a.pack(h, ev)
	a.removeFormer(h)
	a.Register(h)
	a.host.Changed(h)
	return h
}

// rowsOutlive is for how much longer than the envelopes a gateway keeps the rows
// of a log; a day is left for clocks that differ.
const rowsOutlive = 36 * 24 * time.Hour

// verdict is what a welcome says about the log and about this profile.
type verdict uint8

const (
	fits        verdict = iota
	contradicts         // the gateway says what can't be
	ahead               // this device has acknowledged more than this profile knows of
	elsewhere           // the log does not lead to where it was any more
)

// judge holds a welcome against what this profile has processed and signed.
func (a *Account) judge(h *Home, w *wire.Welcome) verdict {
	x := wire.AckTranscript(w.Tag, a.Self.Secret.Cursor(h.Address.Node), w.Cursor, w.R)
	signed := len(w.Sig) > 0
	if signed && !h.login.Public().Verify(key.ContextMailboxAck, x, w.Sig) {
		return contradicts
	}
	index, mine := w.Cursor.Index(), h.Position.Index()
	known, kept := a.logs[h.Address.Node].mark(index)
	switch {
	case signed && bytes.Compare(w.Cursor[:], h.Signed[:]) > 0:
		return ahead
	case w.Cursor == h.Position && w.R != h.R, kept && known.at == w.Cursor && known.r != w.R:
		return contradicts
	case mine == 0 || signed || w.Cursor == h.Position:
		return fits
	case index > mine || index == mine && w.Cursor.Incarnation() > h.Position.Incarnation():
		// Nobody acknowledged that, but after a long absence the oldest rows are
		// gone, and then the gateway begins with what it has.
		if a.host.Now().Sub(h.Heard) < h.retention()+rowsOutlive {
			return contradicts
		}
		a.log.Warn("a gateway has not kept all rows since this device was last there", "gateway", h.Address.Node.String())
	case kept && known.at != w.Cursor || h.Head.Known() && w.Cursor.Incarnation() > h.Head.Position.Incarnation():
		return elsewhere
	}
	return fits
}

// Problems of a home.
const (
	problemRows     = "the gateway's rows do not follow each other; if that goes on, use another one"
	problemCursor   = "the gateway says that this device acknowledged messages which it never got; use another one"
	problemHead     = "the gateway signed another mailbox than it delivered; use another one"
	problemWithheld = "the gateway does not hand out an envelope that it still has to keep; use another one"
	problemLost     = "the gateway lost a part of the mailbox, as after its restoration from a backup; what waited there is sent again"
)

// lostShown is how long it is told that a gateway lost rows.
const lostShown = 7 * 24 * time.Hour

// standing is what there is to say of a home that is up.
func (a *Account) standing(h *Home) string {
	if h.caught != "" {
		return h.caught
	}
	if p := a.clockProblem(h); p != "" {
		return p
	}
	if !h.Lost.IsZero() && a.host.Now().Sub(h.Lost) < lostShown {
		return problemLost
	}
	return ""
}

// distrust ends the link to a home that does what it must not. It is tried
// again, to begin with what was acknowledged.
func (a *Account) distrust(h *Home, problem string) {
	a.log.Error("the link to a gateway starts over", "gateway", h.Address.Node.String(), "problem", problem)
	h.Up, h.Problem, h.caught = false, problem, problem
	t := h.Target()
	a.host.After(func(links Links) { links.Restart(t) })
	a.host.Changed(h)
}

// Stopped reports whether this profile is an older copy of itself: it must not
// send or acknowledge anything any more.
func (a *Account) Stopped() bool { return !a.Self.SetBack.IsZero() }

// Confirmed reports whether in this run a home has shown that this profile is
// the newest state of the device: before, whatever is sealed may use keys that
// a later state has used already.
func (a *Account) Confirmed() bool {
	for _, h := range a.homes {
		if h.confirmed {
			return true
		}
	}
	return false
}

// stop ends all links for good.
func (a *Account) stop(shown key.NodePublic) {
	a.log.Error("this profile is an older copy of itself", "gateway", shown.String())
	a.Self.SetBack = a.host.Now()
	a.put = append(a.put, a.Self.Row())
	for _, h := range a.Homes() {
		a.disconnect(h)
		h.Problem, h.Retry = wire.ErrSetBack.Error(), time.Time{}
		a.host.Changed(h)
	}
	a.host.Report(SetBack{})
}

// pack makes the home's lease in the fixed form that an init carries; it holds
// an address, so a host name is the one that the link found.
func (a *Account) pack(h *Home, ev home.Connected) {
	l := h.Lease()
	packed, err := l.Encode52()
	if errors.Is(err, address.ErrNotPackable) && ev.Addr.IsValid() {
		l.Host = ev.Addr.String()
		packed, err = l.Encode52()
	}
	if err != nil {
		a.log.Warn("the gateway's address does not fit an init", "error", err)
		return
	}
	h.packed = &packed
	if !bytes.Equal(h.Packed, packed[:]) {
		h.Packed, h.dirty = packed[:], true
	}
}

// Packed is up to n leases in the fixed form of an init, of homes where has
// says that something stands.
func (a *Account) Packed(n int, has func(key.NodePublic) bool) (out [][address.LeaseSize]byte) {
	for _, h := range a.receiving() {
		if h.packed != nil && len(out) < n && has(h.Address.Node) {
			out = append(out, *h.packed)
		}
	}
	return out
}

// Disconnected notes why a home is not there.
func (a *Account) Disconnected(ev home.Disconnected) {
	for _, h := range a.homes {
		if key.GatewayHashOf(h.Address.Node) != ev.Gateway {
			continue
		}
		if h.Up {
			h.Since = a.host.Now()
		}
		h.Up, h.Retry = false, ev.Retry
		if h.caught == "" {
			h.Problem = ev.Err.Error()
			if p := a.clockProblem(h); p != "" && (errors.Is(ev.Err, wire.ErrExpired) || errors.Is(ev.Err, wire.ErrClock)) {
				h.Problem = p
			}
		}
		if a.host.Now().Sub(h.spec).Abs() > wire.ClockTolerance/2 {
			a.connect(h) // what it registers with is soon too old
		}
		a.host.Changed(h)
	}
}

// Pushed takes rows of a home's log in order and hands those with an envelope
// to receive. Each row extends the rolling head; a gap or a row that does not
// hash ends the connection, which starts over from what was acknowledged.
func (a *Account) Pushed(ev home.Pushed, receive func(h *Home, row *wire.Push)) {
	h := a.homes[ev.Gateway]
	if h == nil {
		return
	}
	for i := range ev.Rows {
		row := &ev.Rows[i]
		if !h.Up {
			return
		}
		if !follows(h, row) {
			a.distrust(h, problemRows)
			return
		}
		behind := mark{h.Position, h.R}
		switch found, until := a.owed(h, row); found {
		case withheld:
			a.distrust(h, problemWithheld)
			return
		case unsure:
			h.keep(behind, until)
		}
		r := wire.NextHead(h.R, row.Row())
		if !a.agrees(h, row, r) {
			a.distrust(h, problemHead)
			return
		}
		h.Position, h.R, h.moved = row.Position, r, true
		a.logs[ev.Gateway].follow(behind, row)
		if h.reached {
			a.confirm(h, h.pending)
			h.pending, h.reached = profile.Head{}, false
		}
		if len(row.Payload) > 0 && (row.Kind == wire.RowEnvelope || row.Kind == wire.RowDoor) {
			receive(h, row)
		}
	}
}

// follows reports whether a row stands where the next one has to: the indexes
// have no gap, and a later incarnation begins with a row that names its
// predecessor.
func follows(h *Home, row *wire.Push) bool {
	at := row.Position
	switch {
	case at.Index() != h.Position.Index()+1, at.Incarnation() < h.Position.Incarnation():
		return false
	case len(row.Payload) > 0 && sha256.Sum256(row.Payload) != row.Hash:
		return false
	case (at.Incarnation() > h.Position.Incarnation()) != (row.Kind == wire.RowStart):
		return false
	case row.Kind == wire.RowStart:
		return row.Hash == sha256.Sum256(key.Join(wire.Uint64(h.Position.Index()), h.R[:]))
	}
	return true
}

// Acknowledge tells every home, after the turn, how far its rows are durable here.
// Only now the place in the log has to be stored: rows above it are pushed again,
// and what was in them is recognised.
func (a *Account) Acknowledge() {
	for _, h := range a.Homes() {
		h.dirty = h.dirty || h.moved
		if !h.Up {
			continue
		}
		to := a.ready(h)
		if !h.Up || h.acked == to.at {
			continue
		}
		h.acked, h.Heard, h.dirty = to.at, a.host.Now(), true
		if bytes.Compare(to.at[:], h.Signed[:]) > 0 {
			h.Signed = to.at
		}
		x := wire.AckTranscript(h.Welcome.Tag, a.Self.Secret.Cursor(h.Address.Node), to.at, to.r)
		ack := &wire.Ack{Upto: to.at, R: to.r, Sig: h.login.Sign(key.ContextMailboxAck, x)}
		r := home.Request{To: h.Target(), Payload: ack}
		a.host.After(func(links Links) { links.Send(r) })
	}
}

// AskState asks a home for the signed state of a drop; what comes back is to be
// verified. Errors: ErrNoHome, wire.ErrLinkClosed while it is not up, the
// gateway's.
func (a *Account) AskState(node key.NodePublic, get *wire.StateGet, done func(*wire.State, error)) error {
	h := a.homes[node]
	switch {
	case h == nil:
		return ErrNoHome
	case !h.Up:
		return wire.ErrLinkClosed
	}
	a.host.Ask(home.Request{To: h.Target(), Payload: get}, func(answer home.Answered) {
		state, ok := answer.Payload.(*wire.State)
		switch {
		case answer.Err != nil:
			done(nil, answer.Err)
		case !ok:
			done(nil, wire.ErrUnexpected)
		default:
			done(state, nil)
		}
	})
	return nil
}

// Find looks an envelope up in the homes' logs by its SHA-256. ok is false if it
// did not come lately, or never.
func (a *Account) Find(envelope [32]byte) (node key.NodePublic, at wire.Position, ok bool) {
	for _, node := range a.order {
		l := a.logs[node]
		if at, ok := l.places[[16]byte(envelope[:])]; ok && [32]byte(l.row(at.Index())[33:]) == envelope {
			return node, at, true
		}
	}
	return node, at, false
}

// Rows are the rows of a home's log from one index to another, as they were
// followed; nil: not all of them are kept.
func (a *Account) Rows(node key.NodePublic, from, to uint64) *Extract {
	if l := a.logs[node]; l != nil {
		return l.extract(from, to)
	}
	return nil
}
