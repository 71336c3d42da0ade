// Package dispatch brings messages to the devices of contacts, in one straight
// line (send.go):
//
//	Compose -> queue -> pump -> route -> pack -> submit -> submitted
//
// Compose signs and chains a message and queues an item for each device. Every
// device of a contact is a lane. Progress pumps the lanes that something has
// woken: route finds a session and an address or starts what is missing (fetch.go,
// initiate), pack seals an envelope, submit hands it to the links after the turn,
// and submitted takes the gateway's answer. Beside that line go the messages
// that are about messages (side.go): acknowledgements (acks.go), our heads alone
// (heads.go), new sessions for lost ratchets (renew.go) and post-quantum keys
// (heal.go). An item stays until its device acknowledges it or Retain gives it up.
//
// A Dispatcher is plain state for one goroutine: its Host tells the time and
// sends, and what changed is collected with the turn.
package dispatch

import (
	"log/slog"
	"time"

	"zeroms/client/account"
	"zeroms/client/delivery"
	"zeroms/client/history"
	"zeroms/client/home"
	"zeroms/client/outbox"
	"zeroms/client/profile"
	"zeroms/client/score"
	"zeroms/client/sessions"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Lane is one device of one contact; the zero device stands for those that are
// not known yet, and for what goes to all.
type Lane = delivery.Lane

// alarmKind tells what a deadline is for.
type alarmKind uint8

const (
	alarmWrite  alarmKind = 1 // no home confirmed the profile in time
	alarmAck    alarmKind = 2 // an acknowledgement leaves alone
	alarmAnswer alarmKind = 3 // an init is answered
	alarmLane   alarmKind = 4 // something is repeated
	alarmFetch  alarmKind = 5 // a profile is fetched again
	alarmMoved  alarmKind = 6 // a contact may have moved: their profile is read again

	alarmSilence alarmKind = 7 // the answer to a submission is overdue
	alarmSeek    alarmKind = 8 // a contact is looked for in the network
)

// alarm is one deadline of a lane.
type alarm struct {
	kind alarmKind
	lane Lane
}

// Host performs what a Dispatcher decides.
type Host interface {
	// Now is the time of the turn.
	Now() time.Time
	// Ask sends a request after the turn; its answer comes back into the loop.
	Ask(r home.Request, done func(home.Answered))
	// ContactChanged reports a contact whose state changed.
	ContactChanged(c *Contact)
	// Told reports a contact who has acknowledged where the user receives.
	Told(c *Contact)
	// Seek finds where a contact receives by what they published in the network;
	// done is called in the loop.
	Seek(c *Contact, done func(leases []profile.Gateway, err error))
	// Renewed tells that there is a new session with a device: what it was asked
	// for in vain may be asked for again.
	Renewed(c *Contact, device key.DeviceID)
}

// Config is what a Dispatcher needs. All of it is required.
type Config struct {
	Host Host
	// Account is the user, with the homes and drops that contacts are told of.
	Account *account.Account
	// Contacts is everyone, by number. Its owner adds and removes them.
	Contacts map[uint64]*Contact
	Book     *sessions.Book
	History  *history.History
	// Scores is what was measured of gateways.
	Scores *score.Table
	Timing delivery.Timing
	Repair delivery.RepairTiming
	Log    *slog.Logger
}

// Dispatcher brings messages to the devices of contacts.
type Dispatcher struct {
	// static
	host   Host
	log    *slog.Logger
	timing delivery.Timing
	repair delivery.RepairTiming

	// the profile
	account  *account.Account
	contacts map[uint64]*Contact
	book     *sessions.Book
	history  *history.History
	outbox   outbox.Outbox

	// this run
	since  time.Time // of the run
	alarms delivery.Alarms[alarm]
	awake  map[Lane]struct{} // lanes to look at in this turn

	outages map[key.GatewayHash]*outage
	scores  *score.Table
	took    map[key.GatewayHash]int // messages that came into custody
	holding holding
}

// New makes a Dispatcher with nothing to send; Restore gives it its items.
func New(cfg Config) *Dispatcher {
	return &Dispatcher{
		host: cfg.Host, log: cfg.Log, timing: cfg.Timing, repair: cfg.Repair,
		account: cfg.Account, contacts: cfg.Contacts, book: cfg.Book, history: cfg.History,
		awake: map[Lane]struct{}{}, outages: map[key.GatewayHash]*outage{}, scores: cfg.Scores, took: map[key.GatewayHash]int{},
	}
}

// now is the time of the turn.
func (d *Dispatcher) now() time.Time { return d.host.Now() }

// Restore takes the row of an item. Its contact has to be there. Errors: what is
// wrong with the row or its message.
func (d *Dispatcher) Restore(r profile.Row) error {
	i, err := d.outbox.Restore(r)
	if err != nil {
		return err
	}
	if d.contacts[i.Lane.Contact] == nil {
		return wire.ErrValue.Because("an outbox row without its contact")
	}
	m, err := d.history.Find(i.Message)
	if err == nil {
		d.history.Hold(m)
	}
	return err
}

// Start takes everything up again that was under way when the last run ended.
func (d *Dispatcher) Start() {
	d.since = d.now()
	d.alarms.Set(alarm{kind: alarmWrite}, d.now().Add(confirmWait))
	for _, c := range d.contacts {
		if c.AckOwed {
			d.WantAck(c)
		}
	}
	d.rewatchHeads()
	d.meetAgain()
	d.WakeAll()
}

// Collect returns the rows of items that the turn changed and erased.
func (d *Dispatcher) Collect() (put []profile.Row, gone []profile.Ref) { return d.outbox.Collect() }

// Count counts the items in a state.
func (d *Dispatcher) Count(s delivery.State) int { return d.outbox.Count(s) }

// Next returns when a deadline comes.
func (d *Dispatcher) Next() (time.Time, bool) { return d.alarms.Next() }

// Ring does what deadlines were set for that have come.
func (d *Dispatcher) Ring() {
	for _, a := range d.alarms.Due(d.now()) {
		d.ring(a)
	}
}

func (d *Dispatcher) ring(a alarm) {
	if a.kind == alarmWrite {
		d.WakeAll()
		return
	}
	c := d.contacts[a.lane.Contact]
	switch {
	case c == nil:
	case a.kind == alarmSilence:
		d.silent(c, a.lane)
	case a.kind == alarmSeek:
		d.Wake(c)
	case a.kind != alarmMoved:
		if a.kind == alarmAnswer {
			c.answerDue[a.lane.Device] = true
		}
		d.Wake(c)
	case c.State == profile.Accepted:
		d.fetchProfile(c)
	}
}

// Wake has every lane of a contact looked at in this turn.
func (d *Dispatcher) Wake(c *Contact) {
	for _, id := range d.book.Devices(c.ID) {
		d.awake[Lane{Contact: c.ID, Device: id}] = struct{}{}
	}
	d.awake[Lane{Contact: c.ID}] = struct{}{}
}

// WakeAll has every lane looked at that may have something to send.
func (d *Dispatcher) WakeAll() {
	for _, l := range d.outbox.Lanes() {
		d.awake[l] = struct{}{}
	}
	for _, c := range d.contacts {
		if d.needsAnnouncement(c) {
			d.Wake(c)
		}
		for _, id := range d.book.Devices(c.ID) {
			l := Lane{Contact: c.ID, Device: id}
			if r := c.resyncs[id]; r != nil && r.Wanted() || c.State == profile.Accepted && d.unheralded(l) {
				d.awake[l] = struct{}{}
			}
		}
	}
}

// Hurry ends every pause of what is to be sent: the network is back.
func (d *Dispatcher) Hurry() {
	d.outbox.Hurry()
	clear(d.outages)
}

// NewDoor follows a card of a contact that was read: their profile may be
// fetched at once, and an init for another door can't be used any more.
func (d *Dispatcher) NewDoor(c *Contact) {
	c.fetch.Reset()
	for _, id := range d.book.Devices(c.ID) {
		d.book.Unbind(Lane{Contact: c.ID, Device: id})
	}
}

// Readdressed follows new addresses of a contact: what has failed is tried again
// there.
func (d *Dispatcher) Readdressed(c *Contact) {
	c.leaseTurn = 0
	d.outbox.Revive()
	d.Wake(c)
}

// confirmWait is how long after the start nothing is sealed unless a home gateway
// has shown that this profile is the newest state of the device. A copy that was
// set back would use keys and places of messages a second time.
const confirmWait = time.Minute

// MayWrite reports whether envelopes may be sealed.
func (d *Dispatcher) MayWrite() bool {
	return !d.account.Stopped() && (d.account.Confirmed() || d.now().Sub(d.since) >= confirmWait)
}

// Progress moves on whatever this turn has made possible: announcements,
// envelopes, acknowledgements.
func (d *Dispatcher) Progress() {
	for len(d.awake) > 0 {
		lanes := d.awake
		d.awake = map[Lane]struct{}{}
		for l := range lanes {
			if c := d.contacts[l.Contact]; c != nil {
				d.pump(c, l)
			}
		}
	}
}
