package delivery

import (
	"cmp"
	"slices"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// State is where an item of the outbox stands.
type State uint8

// The states of an item.
const (
	// Waiting items have no envelope: there is no session, no address, or the
	// lane's window is full.
	Waiting State = 1
	// Sending items have an envelope that no gateway has confirmed.
	Sending State = 2
	// Custody items are in a gateway's custody and not acknowledged by the device.
	Custody State = 3
	// Failed items were refused for good.
	Failed State = 4
)

// Lane is one device of one contact; items of a lane leave in order.
type Lane struct {
	Contact uint64
	Device  key.DeviceID
}

// Item is one message for one device.
type Item struct {
	// ID orders the items of a lane.
	ID   uint64
	Lane Lane
	// Message is the id of the chained message that is delivered.
	Message [32]byte
	State   State
	// Door tells that the envelope went to a front door.
	Door bool
	// Until is, in Custody, when the gateway will have erased it.
	Until time.Time
	// Retry paces repetitions of the same envelope.
	Retry Backoff
	// flying tells that a submission is on its way on some link, launched since when.
	flying   bool
	launched time.Time
}

// Launched is when the submission left that is on its way.
func (i *Item) Launched() time.Time { return i.launched }

// Flying reports whether a submission is on its way and unanswered.
func (i *Item) Flying() bool { return i.flying }

// Windows of a lane.
const (
	// WindowDrop is how many envelopes of a lane may be without custody.
	WindowDrop = 64
	// WindowDoor is how many may lie at a front door before the first reply.
	WindowDoor = wire.DoorPerInit
)

// Outbox holds everything that some device has not acknowledged yet. The zero
// value is ready. It is not durable: its owner stores the items.
type Outbox struct {
	items   map[uint64]*Item
	lanes   map[Lane]*laneItems
	message map[[32]byte][]uint64
}

// laneItems is the items of a lane. What is in custody, which may be thousands
// while a device is away, costs nothing when others are sent.
type laneItems struct {
	all, waiting, sending sortedItems
}

// of is the items in a state, nil for those that are not kept apart.
func (l *laneItems) of(s State) *sortedItems {
	switch s {
	case Waiting:
		return &l.waiting
	case Sending:
		return &l.sending
	}
	return nil
}

// sortedItems is items in the order of their IDs.
type sortedItems []*Item

func (s sortedItems) search(id uint64) (at int, found bool) {
	return slices.BinarySearchFunc(s, id, func(x *Item, id uint64) int { return cmp.Compare(x.ID, id) })
}

func (s *sortedItems) add(i *Item) {
	if at, found := s.search(i.ID); !found {
		*s = slices.Insert(*s, at, i)
	}
}

func (s *sortedItems) remove(i *Item) {
	if at, found := s.search(i.ID); found {
		*s = slices.Delete(*s, at, at+1)
	}
}

// become changes the state of an item.
func (o *Outbox) become(i *Item, s State) {
	l := o.lanes[i.Lane]
	if l == nil || o.items[i.ID] != i {
		i.State = s
		return
	}
	if list := l.of(i.State); list != nil {
		list.remove(i)
	}
	if i.State = s; l.of(s) != nil {
		l.of(s).add(i)
	}
}

// lane is the items of a lane; a lane without any has an empty one.
func (o *Outbox) lane(l Lane) *laneItems {
	if items := o.lanes[l]; items != nil {
		return items
	}
	return new(laneItems)
}

// Add takes an item; restored ones are never flying.
func (o *Outbox) Add(i Item) *Item {
	if o.items == nil {
		o.items, o.lanes, o.message = map[uint64]*Item{}, map[Lane]*laneItems{}, map[[32]byte][]uint64{}
	}
	n := &i
	n.flying = false
	o.items[n.ID] = n
	if o.lanes[n.Lane] == nil {
		o.lanes[n.Lane] = new(laneItems)
	}
	o.lanes[n.Lane].all.add(n)
	o.become(n, n.State)
	o.message[n.Message] = append(o.message[n.Message], n.ID)
	return n
}

// Get returns an item, or nil.
func (o *Outbox) Get(id uint64) *Item { return o.items[id] }

// Revive has everything that failed tried once more: new addresses are known.
func (o *Outbox) Revive() {
	for _, i := range o.items {
		if i.State == Failed {
			i.Retry = Backoff{}
			o.become(i, Waiting)
		}
	}
}

// Hurry ends every pause: the network is back.
func (o *Outbox) Hurry() {
	for _, i := range o.items {
		i.Retry.Until = time.Time{}
	}
}

// Holds reports whether any item of the message is left.
func (o *Outbox) Holds(message [32]byte) bool { return len(o.message[message]) > 0 }

// Empty reports whether nothing of a lane needs an envelope.
func (o *Outbox) Empty(l Lane) bool { return len(o.lane(l).waiting) == 0 }

// Count is the number of items in a state.
func (o *Outbox) Count(s State) (n int) {
	for _, i := range o.items {
		if i.State == s {
			n++
		}
	}
	return n
}

// Len is the number of items.
func (o *Outbox) Len() int { return len(o.items) }

// Lanes returns the lanes that hold items, in a stable order.
func (o *Outbox) Lanes() []Lane {
	out := make([]Lane, 0, len(o.lanes))
	for l := range o.lanes {
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b Lane) int {
		if a.Contact != b.Contact {
			return cmp.Compare(a.Contact, b.Contact)
		}
		return slices.Compare(a.Device[:], b.Device[:])
	})
	return out
}

// Of returns the items of a lane in order.
func (o *Outbox) Of(l Lane) []*Item { return o.lane(l).all }

// Find returns the item that brings the message to the device, or nil.
func (o *Outbox) Find(message [32]byte, device key.DeviceID) *Item {
	for _, id := range o.message[message] {
		if i := o.items[id]; i.Lane.Device == device {
			return i
		}
	}
	return nil
}

// Next returns the first waiting item of a lane if its window has room and its
// pause is over. At a door everything that lies there counts, elsewhere what
// has no custody yet, behind the item too: an item that has to be sent again
// waits in front of others that are under way.
func (o *Outbox) Next(l Lane, door bool, now time.Time) *Item {
	lane := o.lane(l)
	open, window := len(lane.sending), WindowDrop
	if door {
		window = WindowDoor
		for _, i := range lane.all {
			if i.State == Custody && i.Door {
				open++
			}
		}
	}
	if len(lane.waiting) == 0 || open >= window || !lane.waiting[0].Retry.Ready(now) {
		return nil
	}
	return lane.waiting[0]
}

// Repeat returns the items of a lane whose envelope must be submitted (again) now.
func (o *Outbox) Repeat(l Lane, now time.Time) (out []*Item) {
	for _, i := range o.lane(l).sending {
		if !i.flying && i.Retry.Ready(now) {
			out = append(out, i)
		}
	}
	return out
}

// Flying returns the items of a lane whose submission is on its way.
func (o *Outbox) Flying(l Lane) (out []*Item) {
	for _, i := range o.lane(l).sending {
		if i.flying {
			out = append(out, i)
		}
	}
	return out
}

// Deadline returns when the pause of an item of the lane is over next. Of those
// that wait only the first counts: the others leave behind it.
func (o *Outbox) Deadline(l Lane, now time.Time) (at time.Time, ok bool) {
	lane := o.lane(l)
	look := func(i *Item) {
		if !i.flying && i.Retry.Until.After(now) && (!ok || i.Retry.Until.Before(at)) {
			at, ok = i.Retry.Until, true
		}
	}
	for _, i := range lane.sending {
		look(i)
	}
	if len(lane.waiting) > 0 {
		look(lane.waiting[0])
	}
	return at, ok
}

// Launch notes that the item's envelope was handed to a link at now.
func (o *Outbox) Launch(i *Item, now time.Time) {
	o.become(i, Sending)
	i.flying, i.launched = true, now
}

// Taken notes the custody of a gateway until the given time.
func (o *Outbox) Taken(i *Item, until time.Time) {
	if i.State == Sending {
		i.Until = until
		o.become(i, Custody)
	}
	i.flying = false
	i.Retry.Reset()
}

// Advice tells what follows from a failed submission.
type Advice uint8

// The kinds of Advice.
const (
	// RepeatLater: the same envelope is repeated after a pause.
	RepeatLater Advice = 1
	// Reroute: the address no longer works; a new envelope goes elsewhere.
	Reroute Advice = 2
	// GiveUp: no repetition can help.
	GiveUp Advice = 3
)

// rerouteAfter is the number of unreachable attempts after which another
// address is tried.
const rerouteAfter = 4

// giveUpAfter is the number of failures at which a refusal for good is believed.
const giveUpAfter = 8

// Missed notes a failed submission and says what follows.
func (o *Outbox) Missed(i *Item, err *wire.Error, now time.Time, t Timing) Advice {
	i.flying = false
	if i.State != Sending {
		return RepeatLater
	}
	i.Retry.Fail(now, t.RetryMin, t.RetryMax)
	switch wire.Lookup(err.Code).Retry {
	case wire.Refresh:
		return Reroute
	case wire.Never:
		// One gateway's word does not end a message: others are tried first.
		if i.Retry.Failures < giveUpAfter {
			return Reroute
		}
		o.become(i, Failed)
		return GiveUp
	}
	if i.Retry.Failures%rerouteAfter == 0 {
		return Reroute
	}
	return RepeatLater
}

// Again puts an item back to Waiting: it needs a new envelope. Its pause stays.
func (o *Outbox) Again(i *Item) {
	o.become(i, Waiting)
	i.flying, i.Door = false, false
}

// Done removes an item.
func (o *Outbox) Done(id uint64) {
	i := o.items[id]
	if i == nil {
		return
	}
	delete(o.items, id)
	lane := o.lanes[i.Lane]
	lane.all.remove(i)
	if list := lane.of(i.State); list != nil {
		list.remove(i)
	}
	if len(lane.all) == 0 {
		delete(o.lanes, i.Lane)
	}
	ids := slices.DeleteFunc(o.message[i.Message], func(x uint64) bool { return x == id })
	if len(ids) > 0 {
		o.message[i.Message] = ids
	} else {
		delete(o.message, i.Message)
	}
}

// Expired returns the items whose custody ended before now without an
// acknowledgement; they are sent again.
func (o *Outbox) Expired(now time.Time) (out []*Item) {
	for _, i := range o.items {
		if i.State == Custody && !i.Until.After(now) {
			out = append(out, i)
		}
	}
	slices.SortFunc(out, func(a, b *Item) int { return cmp.Compare(a.ID, b.ID) })
	return out
}
