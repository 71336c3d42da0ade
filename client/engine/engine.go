// Package engine is the state of one person's client and everything that
// changes it: identity, cards, contacts, conversations, sessions and gateways,
// and the way of a message from Send to the recipient's history and back.
//
// An Engine is a plain struct, driven by whoever owns it (package client): it
// takes inputs (commands, what gateways say, deadlines) between Begin and
// Settle, and Settle returns the turn: the rows to make durable, then the
// actions and events that may leave once they are.
//
//	Send: api.go -> dispatch.Compose ... submit -> Batch -> home.Pool -> gateway;
//	      the receipt comes back (dispatch), and the acknowledgement (receive.go)
//	receive: home.Pool -> rows of the mailbox (homes.go) -> sessions.Open ->
//	      message.Accept (receive.go) -> Batch -> ack to the gateway -> Event
package engine

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"zeroms/client/account"
	"zeroms/client/choice"
	"zeroms/client/delivery"
	"zeroms/client/dispatch"
	"zeroms/client/history"
	"zeroms/client/home"
	"zeroms/client/presence"
	"zeroms/client/profile"
	"zeroms/client/score"
	"zeroms/client/sessions"
	"zeroms/client/view"
	"zeroms/protocol/key"
)

// ErrNoSelf is returned for a profile without an identity.
var ErrNoSelf = errors.New("client: this profile holds no identity; run init first")

// lane is one device of one contact.
type lane = delivery.Lane

// alarmKind tells what a deadline is for.
type alarmKind uint8

const (
	alarmTidy     alarmKind = 1 // make erased rows unreadable
	alarmSweep    alarmKind = 2 // expire, renew prekeys and profiles
	alarmRegister alarmKind = 3 // a registration that failed is repeated
	alarmRepair   alarmKind = 4 // missing messages are asked for
	alarmRows     alarmKind = 5 // rows are acknowledged to their gateways
	alarmDrain    alarmKind = 6 // a drained gateway may be left, or an address works no more
	alarmPublish  alarmKind = 7 // address records are made or brought to homes
	alarmScores   alarmKind = 8 // what was measured of gateways is stored
)

// alarm is one deadline of the engine. What is to be sent has deadlines of its
// own (package dispatch).
type alarm struct {
	kind    alarmKind
	contact uint64
}

// Store is what an Engine reads from: a part of the client's Store.
type Store interface {
	history.Reader
	// Tidy makes what was erased before now unreadable on disk.
	Tidy(ctx context.Context, now time.Time) error
}

// Config is what an Engine needs. All of it is required.
type Config struct {
	Store Store
	Pool  *home.Pool
	// Scores is what the Pool measures of gateways.
	Scores *score.Table
	Timing Timing
	Log    *slog.Logger
}

// Timing holds the intervals of the engine.
type Timing struct {
	delivery.Timing
	Repair delivery.RepairTiming
}

// Engine is a person's client in memory. It is not for use by several goroutines.
type Engine struct {
	// static
	store  Store
	pool   *home.Pool
	log    *slog.Logger
	timing Timing

	// the profile
	account  *account.Account
	contacts map[uint64]*contact
	byUser   map[key.IdentityPublic]*contact
	seen     map[[16]byte]uint32 // envelope or init hash -> day
	book     *sessions.Book
	history  *history.History
	dispatch *dispatch.Dispatcher // with the outbox
	evidence map[[16]byte]*profile.Evidence

	presence *presence.Presence
	choice   *choice.Choice

	// indexes
	drops map[account.Place]*contact

	// this run
	alarms    delivery.Alarms[alarm]
	waiting   map[uint64]func(home.Answered)
	partings  map[key.GatewayHash]*parting
	lastToken uint64
	lastID    uint64
	ignored   uint64
	inquiries int // questions about receipts that are under way
	inquired  []inquiry
	answered  map[lane]time.Time // when a device's NACK was answered last
	unacked   int                // bytes of rows whose acknowledgement waits

	// this turn
	now     time.Time
	put     []profile.Row
	gone    []profile.Ref
	actions []func()
	events  []view.Event
}

// New makes an Engine that knows nothing; Load gives it a profile.
func New(cfg Config) *Engine {
	e := &Engine{
		store: cfg.Store, pool: cfg.Pool, log: cfg.Log, timing: cfg.Timing,
		contacts: map[uint64]*contact{}, byUser: map[key.IdentityPublic]*contact{},
		seen: map[[16]byte]uint32{}, book: sessions.NewBook(), evidence: map[[16]byte]*profile.Evidence{}, answered: map[lane]time.Time{},
		drops:   map[account.Place]*contact{},
		waiting: map[uint64]func(home.Answered){}, partings: map[key.GatewayHash]*parting{},
	}
	e.history = history.New(cfg.Store)
	e.account = account.New(host{e}, e.log)
	e.presence = presence.New(host{e}, e.account, e.log)
	e.choice = choice.New(host{e}, e.account, cfg.Scores)
	e.dispatch = dispatch.New(dispatch.Config{
		Host: host{e}, Account: e.account, Contacts: e.contacts, Book: e.book, History: e.history, Scores: cfg.Scores,
		Timing: e.timing.Timing, Repair: e.timing.Repair, Log: e.log,
	})
	return e
}

// Load takes the profile's rows, in any order, in the first turn, and opens the
// homes. Errors: ErrNoSelf, or what is wrong with a row.
func (e *Engine) Load(rows []profile.Row) error {
	if err := e.restore(rows); err != nil {
		return err
	}
	e.account.Start()
	e.movedTo()
	e.indexDrops()
	e.sweep()
	for _, c := range e.contacts {
		e.lookForGaps(c)
	}
	e.alarms.Sooner(alarm{kind: alarmTidy}, e.now.Add(e.timing.Tidy))
	e.alarms.Sooner(alarm{kind: alarmScores}, e.now.Add(choice.Every))
	e.dispatch.Start()
	return nil
}

// MaxInputs is how many inputs share one turn, and so one commit, at most.
const MaxInputs = 256

// Patience is how long what nobody waits for may wait for company: receipts,
// heads, and acknowledgements to gateways.
const Patience = 20 * time.Millisecond

// maxUnacked is how many bytes of envelopes are acknowledged at once in any case,
// so that the gateway's window for pushes never fills up.
const maxUnacked = 256 << 10

// Turn is what came of the inputs since Begin: the rows to make durable, and
// what may be done and told once they are. The actions never block.
type Turn struct {
	Batch   *profile.Batch
	Actions []func()
	Events  []view.Event
}

// Begin opens a turn.
func (e *Engine) Begin(now time.Time) { e.now = now }

// After adds an action to the turn: it runs once the turn is durable and must
// not block.
func (e *Engine) After(act func()) { e.actions = append(e.actions, act) }

// CatchUp has nothing wait for company in this turn, the last one.
func (e *Engine) CatchUp() {
	e.unacked = 0
	e.choice.Due()
}

// emit adds an event to the turn.
func (e *Engine) emit(ev view.Event) { e.events = append(e.events, ev) }

// Settle moves on whatever the inputs have made possible and ends the turn.
func (e *Engine) Settle() *Turn {
	if e.unacked == 0 || e.unacked >= maxUnacked {
		e.unacked = 0
		e.account.Acknowledge()
	}
	e.dispatch.Progress()
	e.publish()
	t := &Turn{Batch: e.collect()}
	if rewrites(t.Batch) {
		e.alarms.Sooner(alarm{kind: alarmTidy}, e.now.Add(e.timing.Tidy))
	}
	t.Actions, t.Events = e.actions, e.events
	e.actions, e.events = nil, nil
	return t
}

// Next returns when the engine wants a turn although nothing happens.
func (e *Engine) Next() (at time.Time, ok bool) {
	at, ok = e.alarms.Next()
	if sooner, armed := e.dispatch.Next(); armed && (!ok || sooner.Before(at)) {
		return sooner, true
	}
	return at, ok
}

// Ring does what deadlines were set for that have come.
func (e *Engine) Ring() {
	for _, a := range e.alarms.Due(e.now) {
		e.ring(a)
	}
	e.dispatch.Ring()
}

// indexDrops maps the drops at every home to whom they are for.
func (e *Engine) indexDrops() {
	clear(e.drops)
	for _, c := range e.contacts {
		e.indexContact(c)
	}
}

func (e *Engine) indexContact(c *contact) {
	for _, h := range e.account.Homes() {
		node := h.Address.Node
		drop, _ := c.Mine.Drop(node)
		e.drops[account.Place{Node: node, Drop: drop}] = c
	}
}

// ring does what a deadline was set for.
func (e *Engine) ring(a alarm) {
	switch a.kind {
	case alarmTidy:
		if err := e.store.Tidy(context.Background(), e.now); err != nil {
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
	case alarmRepair:
		if c := e.contacts[a.contact]; c != nil {
			e.askForMissing(c)
		}
	case alarmRows:
		e.unacked = 0
	case alarmDrain:
		e.drain()
		e.overlap()
	case alarmPublish:
		e.presence.Due()
	case alarmScores:
		e.choice.Due()
		e.alarms.Set(a, e.now.Add(choice.Every))
	}
}

// sweep renews and expires whatever time has come for.
func (e *Engine) sweep() {
	e.alarms.Set(alarm{kind: alarmSweep}, e.now.Add(e.timing.Sweep))
	e.account.Sweep()
	e.movedTo()
	e.drain()
	e.overlap()
	for hash, day := range e.seen {
		if day+seenDays < profile.Day(e.now) {
			delete(e.seen, hash)
			e.gone = append(e.gone, profile.Ref{Table: profile.TableSeen, Key: hash[:]})
		}
	}
	e.dispatch.Retain()
	for _, c := range e.contacts {
		e.forgetErased(c)
		if c.State == profile.Removed {
			e.presence.Forget(c.User) // it may have been looked for while they were removed
		}
	}
	e.book.Prune(e.now)
}
