package dispatch

import (
	"time"

	"zeroms/client/delivery"
	"zeroms/client/profile"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
	"zeroms/protocol/session"
)

// Contact is one person and the state of reaching them in this run.
type Contact struct {
	profile.Contact
	// Conv is the conversation with them.
	Conv *message.Conversation
	// Problem tells why nothing can be sent to them; empty: nothing is known to be wrong.
	Problem string
	// Repair knows what is missing of theirs and asks for it in time; Answers
	// bounds what they get of ours again; Record is what was done so far.
	Repair  delivery.Repair
	Answers delivery.AnswerBudget
	Record  profile.Repair
	// Dirty, ConvDirty and RecordDirty tell that the turn has changed the contact,
	// the conversation with what belongs to its row, or the record of its repair.
	Dirty, ConvDirty, RecordDirty bool

	// finding them
	bundles   map[key.DeviceID]*session.Bundle // fetched, not used yet
	refused   bool                             // the newest answer to what was sent: there is no such drop or door
	fetching  bool
	fetch     delivery.Backoff
	seeking   bool
	seek      delivery.Backoff
	leaseTurn int

	// what goes along or alone
	acks      delivery.Acks
	ackTurn   uint64            // counts what was to be acknowledged
	riders    map[uint64]uint64 // by item: ackTurn of the acknowledgement that rides on it
	receipts  map[uint64][]byte // by item: the receipt that goes along, of the gateway that lost it
	answerDue map[key.DeviceID]bool
	knocking  map[key.DeviceID]bool
	heads     map[key.DeviceID]*delivery.HeadsAlone
	resyncs   map[key.DeviceID]*delivery.Resync
}

// NewContact is a contact with nothing under way. Conv is still missing.
func NewContact(p profile.Contact) *Contact {
	return &Contact{
		Contact: p, Record: profile.Repair{Contact: p.ID},
		bundles: map[key.DeviceID]*session.Bundle{}, riders: map[uint64]uint64{}, receipts: map[uint64][]byte{},
		answerDue: map[key.DeviceID]bool{}, knocking: map[key.DeviceID]bool{},
		heads: map[key.DeviceID]*delivery.HeadsAlone{}, resyncs: map[key.DeviceID]*delivery.Resync{},
	}
}

// Party is one device of the contact.
func (c *Contact) Party(id key.DeviceID) message.Party {
	return message.Party{User: c.User, Device: id}
}

// Stale returns the rows to store and forgets what changed.
func (c *Contact) Stale() (rows []profile.Row) {
	if c.Dirty {
		rows = append(rows, c.Row())
	}
	if c.ConvDirty {
		rows = append(rows, c.ConversationRow(c.Conv.Snapshot()))
	}
	if c.RecordDirty {
		rows = append(rows, c.repairRow())
	}
	c.Dirty, c.ConvDirty, c.RecordDirty = false, false, false
	return rows
}

// headsOf is what watches over the newest own message to a device.
func (c *Contact) headsOf(id key.DeviceID) *delivery.HeadsAlone {
	if c.heads[id] == nil {
		c.heads[id] = new(delivery.HeadsAlone)
	}
	return c.heads[id]
}

// resyncOf limits the new sessions with a device whose ratchet was lost.
func (c *Contact) resyncOf(id key.DeviceID) *delivery.Resync {
	if c.resyncs[id] == nil {
		c.resyncs[id] = new(delivery.Resync)
	}
	return c.resyncs[id]
}

// CancelResync gives up a new session with a device that is not needed any more:
// what was missing came.
func (c *Contact) CancelResync(id key.DeviceID) {
	if r := c.resyncs[id]; r != nil && r.Wanted() {
		r.Cancel()
		c.RecordDirty = true
	}
}

// repairRow is the record of the conversation's repair with its limiters.
func (c *Contact) repairRow() profile.Row {
	c.Record.Contact, c.Record.Budget, c.Record.Renewals = c.ID, c.Answers.Encode(), nil
	for id, r := range c.resyncs {
		c.Record.Renewals = append(c.Record.Renewals, profile.Renewal{Device: id, State: r.Encode()})
	}
	return c.Record.Row()
}

// RestoreRepair takes what was done before this run. Errors: what is wrong with
// the record.
func (c *Contact) RestoreRepair(record *profile.Repair) (err error) {
	c.Record = *record
	if len(record.Budget) > 0 {
		b, err := delivery.ParseAnswerBudget(record.Budget)
		if err != nil {
			return err
		}
		c.Answers = *b
	}
	for _, x := range record.Renewals {
		if c.resyncs[x.Device], err = delivery.ParseResync(x.State); err != nil {
			return err
		}
	}
	for _, l := range record.Lost {
		c.Repair.Lost([]message.Gap{{From: c.Party(l.Device), Range: message.Range{From: l.From, To: l.To}}}, time.UnixMilli(int64(l.At)))
	}
	return nil
}
