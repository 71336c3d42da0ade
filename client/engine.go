package client

import (
	"context"
	"log/slog"
	"time"

	"zeroms/client/account"
	"zeroms/client/delivery"
	"zeroms/client/history"
	"zeroms/client/home"
	"zeroms/client/outbox"
	"zeroms/client/profile"
	"zeroms/client/sessions"
	"zeroms/protocol/key"
)

// lane is one device of one contact.
type lane = delivery.Lane

// alarmKind tells what a deadline is for.
type alarmKind uint8

const (
	alarmTidy     alarmKind = 1 // make erased rows unreadable
	alarmSweep    alarmKind = 2 // expire, renew prekeys and profiles
	alarmAck      alarmKind = 3 // an acknowledgement leaves alone
	alarmAnswer   alarmKind = 4 // an init is answered
	alarmLane     alarmKind = 5 // something is repeated
	alarmFetch    alarmKind = 6 // a profile is fetched again
	alarmRegister alarmKind = 7 // a registration that failed is repeated
	alarmMoved    alarmKind = 8 // a contact may have moved: their profile is read again
)

// alarm is one deadline of the engine.
type alarm struct {
	kind alarmKind
	lane lane
}

// engine is all that the loop owns.
type engine struct {
	// static
	client *Client
	pool   *home.Pool
	log    *slog.Logger
	timing delivery.Timing

	// owned by loop: the profile
	account  *account.Account
	contacts map[uint64]*contact
	byUser   map[key.IdentityPublic]*contact
	seen     map[[16]byte]uint32 // envelope or init hash -> day
	book     *sessions.Book
	outbox   outbox.Outbox
	history  *history.History

	// owned by loop: indexes
	drops map[account.Place]*contact

	// owned by loop: this run
	alarms    delivery.Alarms[alarm]
	waiting   map[uint64]func(home.Answered)
	lastToken uint64
	lastID    uint64
	ignored   uint64

	// owned by loop: this turn
	now     time.Time
	put     []profile.Row
	gone    []profile.Ref
	awake   map[lane]struct{} // lanes to look at
	actions []func()
	events  []Event
}

func newEngine(c *Client) *engine {
	e := &engine{
		client: c, log: c.cfg.Log, timing: c.cfg.Delivery,
		contacts: map[uint64]*contact{}, byUser: map[key.IdentityPublic]*contact{},
		seen: map[[16]byte]uint32{}, book: sessions.NewBook(),
		drops:   map[account.Place]*contact{},
		waiting: map[uint64]func(home.Answered){},
		awake:   map[lane]struct{}{},
	}
	e.history = history.New(c.cfg.Store)
	e.account = account.New(host{e}, e.log)
	e.pool = home.New(home.Config{
		Dialer: c.cfg.Dialer, Resolve: c.cfg.Resolve, Timing: c.cfg.Links,
		Events: c.linkEvent,
	})
	return e
}

// load builds the engine from the store and opens the homes.
func load(ctx context.Context, c *Client) (*engine, error) {
	rows, err := c.cfg.Store.Load(ctx)
	if err != nil {
		return nil, err
	}
	e := newEngine(c)
	e.begin()
	if err := e.restore(ctx, rows); err != nil {
		return nil, err
	}
	e.account.Start()
	e.indexDrops()
	e.sweep()
	for _, c := range e.contacts {
		if c.AckOwed {
			e.wantAck(c)
		}
	}
	e.alarms.Sooner(alarm{kind: alarmTidy}, e.now.Add(e.timing.Tidy))
	e.wakeAll()
	return e, nil
}

// indexDrops maps the drops at every home to whom they are for.
func (e *engine) indexDrops() {
	clear(e.drops)
	for _, c := range e.contacts {
		e.indexContact(c)
	}
}

func (e *engine) indexContact(c *contact) {
	for _, h := range e.account.Homes() {
		node := h.Address.Node
		drop, _ := c.Mine.Drop(node)
		e.drops[account.Place{Node: node, Drop: drop}] = c
	}
}

// wake has every lane of a contact looked at in this turn.
func (e *engine) wake(c *contact) {
	for _, id := range e.book.Devices(c.ID) {
		e.awake[lane{Contact: c.ID, Device: id}] = struct{}{}
	}
	e.awake[lane{Contact: c.ID}] = struct{}{}
}

// wakeAll has every lane looked at that may have something to send.
func (e *engine) wakeAll() {
	for _, l := range e.outbox.Lanes() {
		e.awake[l] = struct{}{}
	}
	for _, c := range e.contacts {
		if e.needsAnnouncement(c) {
			e.wake(c)
		}
	}
}

// ring does what a deadline was set for.
func (e *engine) ring(a alarm) {
	switch a.kind {
	case alarmTidy:
		if err := e.client.cfg.Store.Tidy(context.Background(), e.now); err != nil {
			e.log.Warn("erased rows could not be made unreadable yet", "error", err)
			e.alarms.Sooner(a, e.now.Add(e.timing.Tidy))
		}
	case alarmSweep:
		e.sweep()
	case alarmRegister:
		for _, h := range e.account.Homes() {
			e.account.Register(h)
		}
		e.registerDrops()
	case alarmMoved:
		if c := e.contacts[a.lane.Contact]; c != nil && c.State == Accepted {
			e.fetchProfile(c)
		}
	case alarmAck, alarmAnswer, alarmLane, alarmFetch:
		if c := e.contacts[a.lane.Contact]; c != nil {
			if a.kind == alarmAnswer {
				c.answerDue[a.lane.Device] = true
			}
			e.wake(c)
		}
	}
}

// progress moves on whatever this turn has made possible: announcements,
// envelopes, acknowledgements.
func (e *engine) progress() {
	e.account.Acknowledge()
	for len(e.awake) > 0 {
		lanes := e.awake
		e.awake = map[lane]struct{}{}
		for l := range lanes {
			if c := e.contacts[l.Contact]; c != nil {
				e.pump(c, l)
			}
		}
	}
}

// sweep renews and expires whatever time has come for.
func (e *engine) sweep() {
	e.alarms.Set(alarm{kind: alarmSweep}, e.now.Add(e.timing.Sweep))
	e.account.Sweep()
	for hash, day := range e.seen {
		if day+seenDays < profile.Day(e.now) {
			delete(e.seen, hash)
			e.gone = append(e.gone, profile.Ref{Table: profile.TableSeen, Key: hash[:]})
		}
	}
	for _, i := range e.outbox.Expired(e.now) {
		e.again(i)
	}
	e.book.Prune(e.now)
}
