package client

import (
	"context"
	"log/slog"
	"time"

	"zeroms/client/delivery"
	"zeroms/client/home"
	"zeroms/client/profile"
	"zeroms/client/sessions"
	"zeroms/protocol/key"
	"zeroms/protocol/session"
)

// dropAt names a drop or door at one gateway.
type dropAt struct {
	node key.NodePublic
	drop key.DropID
}

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
	self     *profile.Self
	cards    map[key.CardID]*ownCard
	homes    map[key.NodePublic]*ownHome
	order    []key.NodePublic // homes in the order of their addition
	contacts map[uint64]*contact
	byUser   map[key.IdentityPublic]*contact
	prekeys  []*session.Prekey   // oldest first
	seen     map[[16]byte]uint32 // envelope or init hash -> day
	book     *sessions.Book
	outbox   delivery.Outbox
	parcels  map[uint64]*profile.Parcel // by item of the outbox

	// owned by loop: indexes
	drops  map[dropAt]*contact
	doors  map[dropAt]*ownCard
	recent map[[16]byte]*profile.Message // messages of the outbox

	// owned by loop: this run
	alarms    delivery.Alarms[alarm]
	waiting   map[uint64]func(home.Answered)
	lastToken uint64
	lastItem  uint64
	lastID    uint64
	ignored   uint64

	// owned by loop: this turn
	now     time.Time
	put     []Row
	gone    []Ref
	changed map[[16]byte]*profile.Message // messages to store
	fresh   []*profile.Message            // of them those to report as new
	awake   map[lane]struct{}             // lanes to look at
	ackDue  map[*ownHome]struct{}
	actions []func()
	events  []Event
}

func newEngine(c *Client) *engine {
	e := &engine{
		client: c, log: c.cfg.Log, timing: c.cfg.Delivery,
		cards: map[key.CardID]*ownCard{}, homes: map[key.NodePublic]*ownHome{},
		contacts: map[uint64]*contact{}, byUser: map[key.IdentityPublic]*contact{},
		seen: map[[16]byte]uint32{}, book: sessions.NewBook(), parcels: map[uint64]*profile.Parcel{},
		drops: map[dropAt]*contact{}, doors: map[dropAt]*ownCard{}, recent: map[[16]byte]*profile.Message{},
		waiting: map[uint64]func(home.Answered){}, changed: map[[16]byte]*profile.Message{},
		awake: map[lane]struct{}{}, ackDue: map[*ownHome]struct{}{},
	}
	e.pool = home.New(home.Config{
		Dialer: c.cfg.Dialer, Resolve: c.cfg.Resolve, Timing: c.cfg.Links,
		Events: func(ev home.Event) { c.push(func(e *engine) { e.linkEvent(ev) }) },
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
	e.indexDrops()
	for _, n := range e.order {
		e.openHome(e.homes[n])
	}
	e.sweep()
	e.wakeAll()
	return e, nil
}

// indexDrops maps the drops and doors at every home to whom they are for.
func (e *engine) indexDrops() {
	clear(e.drops)
	clear(e.doors)
	for _, c := range e.contacts {
		e.indexContact(c)
	}
	for _, k := range e.cards {
		e.indexCard(k)
	}
}

func (e *engine) indexContact(c *contact) {
	for node := range e.homes {
		drop, _ := c.Mine.Drop(node)
		e.drops[dropAt{node, drop}] = c
	}
}

func (e *engine) indexCard(k *ownCard) {
	for node, h := range e.homes {
		e.doors[dropAt{node, e.doorOf(h, k)}] = k
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
		for _, n := range e.order {
			e.register(e.homes[n])
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
	for h := range e.ackDue {
		e.acknowledge(h)
	}
	clear(e.ackDue)
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
	e.renewPrekeys()
	for _, n := range e.order {
		e.publish(e.homes[n])
	}
	for hash, day := range e.seen {
		if day+seenDays < profile.Day(e.now) {
			delete(e.seen, hash)
			e.gone = append(e.gone, Ref{Table: profile.TableSeen, Key: hash[:]})
		}
	}
	for _, i := range e.outbox.Expired(e.now) {
		e.again(i)
	}
	e.book.Prune(e.now)
}
