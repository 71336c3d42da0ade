package account

import (
	"crypto/sha256"
	"errors"
	"time"

	"zeroms/client/home"
	"zeroms/client/profile"
	"zeroms/client/view"
	"zeroms/protocol/address"
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

	login      key.LoginPrivate
	packed     *[address.LeaseSize]byte // the lease as an init carries it
	acked      wire.Position
	headed     bool          // a head came on this connection
	newest     wire.Position // of the newest head
	publishing bool
	dirty      bool
}

func newHome(h *profile.Home, now time.Time) *Home {
	return &Home{Home: h, Since: now, Problem: "connecting"}
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
	shown := h.Address
	shown.Invite = key.Invite{}
	text, _ := shown.Text()
	return view.Gateway{
		Node: h.Address.Node, Address: text, Host: h.Target().Endpoint.Addr(), Up: h.Up, Since: h.Since, Took: h.Took,
		Retry: h.Retry, Problem: h.Problem, Used: h.Welcome.Used, Quota: h.Welcome.Quota,
		Retention: time.Duration(h.Limits.Retention) * time.Second, Position: h.Position.Index(), Current: h.Current(),
	}
}

// connect starts the connection to a home.
func (a *Account) connect(h *Home) {
	node := h.Address.Node
	mk := a.Self.Seed.Mailbox(node)
	h.login = a.Self.Secret.Login(node)
	enrolment := wire.Enrolment{
		Op: wire.OpEnrol, Account: mk.Public(), Login: h.login.Public(),
		Cursor: a.Self.Secret.Cursor(node), Time: wire.Millis(a.host.Now()),
	}
	register := &wire.Register{Object: wire.Sign(mk, key.ContextEnrol, enrolment)}
	if !h.Address.Invite.IsZero() {
		register.Invite = h.Address.Invite.Bytes()
	}
	spec := home.Spec{Target: h.Target(), Login: h.login, Register: register}
	a.host.After(func(links *home.Pool) { links.Open(spec) })
}

func (a *Account) disconnect(h *Home) {
	t := h.Target()
	a.host.After(func(links *home.Pool) { links.Close(t) })
}

// Connected takes a successful login: the log goes on from its cursor.
func (a *Account) Connected(ev home.Connected) *Home {
	h := a.homes[ev.Gateway]
	if h == nil {
		return nil
	}
	h.Up, h.Since, h.Took, h.Retry = true, a.host.Now(), ev.Took, time.Time{}
	if h.Problem != problemHead {
		h.Problem = ""
	}
	h.Welcome, h.Limits, h.publishing, h.headed = ev.Welcome, ev.Limits, false, false
	// After a long absence the gateway has no rows left to push and moves the
	// cursor on by itself.
	fresh := a.host.Now().Sub(h.Heard) < rowsKept
	ahead := ev.Welcome.Cursor.Index() > h.Position.Index() && h.Position.Index() > 0
	h.Heard, h.dirty = a.host.Now(), true
	if ahead && fresh || ev.Welcome.Cursor == h.Position && h.R != ev.Welcome.R {
		a.distrust(h, problemCursor)
		return nil
	}
	if h.Position != ev.Welcome.Cursor || h.R != ev.Welcome.R {
		h.Position, h.R, h.dirty = ev.Welcome.Cursor, ev.Welcome.R, true
	}
	h.acked = ev.Welcome.Cursor
	a.pack(h, ev)
	a.Register(h)
	a.host.Changed(h)
	return h
}

// rowsKept is the least time for which a gateway keeps the rows of a log: the
// retention of 30 days and 37 more; a day is left for clocks that differ.
const rowsKept = 66 * 24 * time.Hour

// Problems of a home that is not trusted any more.
const (
	problemCursor = "the gateway says that this device acknowledged messages which it never got. If an older copy of this profile was put back, remove the gateway and add it again; else use another one"
	problemHead   = "the gateway signed another mailbox than it delivered; use another one"
)

// distrust ends the link to a home that contradicts itself. It is tried again,
// but nothing of it is acknowledged.
func (a *Account) distrust(h *Home, problem string) {
	a.log.Error("a gateway contradicts itself", "gateway", h.Address.Node.String(), "problem", problem)
	h.Up, h.Problem = false, problem
	t := h.Target()
	a.host.After(func(links *home.Pool) { links.Restart(t) })
	a.host.Changed(h)
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
}

// Packed is up to n leases in the fixed form of an init, of homes where has
// says that something stands.
func (a *Account) Packed(n int, has func(key.NodePublic) bool) (out [][address.LeaseSize]byte) {
	for _, h := range a.Homes() {
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
		if h.Problem != problemCursor && h.Problem != problemHead {
			h.Problem = ev.Err.Error()
		}
		a.host.Changed(h)
	}
}

// Pushed takes rows of a home's log in order and hands those with an envelope
// to receive. Each row extends the rolling head; a gap or a row that does not
// hash ends the connection, which starts over from what was acknowledged.
func (a *Account) Pushed(ev home.Pushed, receive func(h *Home, row *wire.Push)) {
	h := a.homes[ev.Gateway]
	if h == nil || !h.Up {
		return
	}
	for i := range ev.Rows {
		row := &ev.Rows[i]
		if row.Position.Index() != h.Position.Index()+1 || row.Position.Incarnation() < h.Position.Incarnation() ||
			len(row.Payload) > 0 && sha256.Sum256(row.Payload) != row.Hash || a.withheld(h, row) {
			a.log.Warn("the gateway's rows do not follow each other; connecting again", "gateway", ev.Gateway.String())
			h.Up = false
			t := h.Target()
			a.host.After(func(links *home.Pool) { links.Restart(t) })
			return
		}
		h.Position, h.R, h.dirty = row.Position, wire.NextHead(h.R, row.Row()), true
		if len(row.Payload) > 0 && (row.Kind == wire.RowEnvelope || row.Kind == wire.RowDoor) {
			receive(h, row)
		}
	}
}

// withheld reports whether a row lacks an envelope that the gateway still owes:
// to acknowledge it would sign for something that never came.
func (a *Account) withheld(h *Home, row *wire.Push) bool {
	if len(row.Payload) > 0 || row.Kind != wire.RowEnvelope && row.Kind != wire.RowDoor {
		return false
	}
	kept := time.Duration(min(h.Limits.Retention, uint64(wire.MaxRetention/time.Second))) * time.Second
	return a.host.Now().Before(wire.Time(row.Time).Add(kept - wire.ClockTolerance))
}

// Acknowledge tells every home, after the turn, how far its rows are durable here.
func (a *Account) Acknowledge() {
	for _, h := range a.Homes() {
		if !h.Up || h.acked == h.Position {
			continue
		}
		h.acked, h.Heard, h.dirty = h.Position, a.host.Now(), true
		x := wire.AckTranscript(h.Welcome.Tag, a.Self.Secret.Cursor(h.Address.Node), h.Position, h.R)
		ack := &wire.Ack{Upto: h.Position, R: h.R, Sig: h.login.Sign(key.ContextMailboxAck, x)}
		r := home.Request{To: h.Target(), Payload: ack}
		a.host.After(func(links *home.Pool) { links.Send(r) })
	}
}

// HeadSeen compares a signed head with the rows of this run: a head for the
// very position that was processed must hash alike.
func (a *Account) HeadSeen(ev home.Head) {
	h := a.homes[ev.Gateway]
	if h == nil {
		return
	}
	h.headed, h.newest = true, ev.Head.Position
	if ev.Head.Position == h.Position && ev.Head.R != h.R {
		a.distrust(h, problemHead)
	}
}
