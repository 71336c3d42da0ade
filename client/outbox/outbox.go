// Package outbox is a delivery.Outbox with everything that has to survive: the
// envelopes that are on their way and the rows of all items. What changed in a
// turn is collected into the turn's batch.
package outbox

import (
	"time"

	"zeroms/client/delivery"
	"zeroms/client/profile"
	"zeroms/protocol/wire"
)

// Outbox is everything that some device has not acknowledged yet. The zero
// value is empty.
type Outbox struct {
	delivery.Outbox
	parcels map[uint64]*profile.Parcel // by item
	last    uint64
	put     map[uint64]profile.Row
	gone    []profile.Ref
}

// Queue adds a waiting item that brings a message along a lane, and returns it.
func (o *Outbox) Queue(m *profile.Message, l delivery.Lane) *delivery.Item {
	o.last++
	i := o.Add(delivery.Item{ID: o.last, Lane: l, Message: m.ID, State: delivery.Waiting})
	o.store(i)
	return i
}

// Parcel is the item's envelope, nil if it has none.
func (o *Outbox) Parcel(i *delivery.Item) *profile.Parcel { return o.parcels[i.ID] }

// Pack gives an item its envelope.
func (o *Outbox) Pack(i *delivery.Item, p *profile.Parcel, door bool) {
	if o.parcels == nil {
		o.parcels = map[uint64]*profile.Parcel{}
	}
	o.parcels[i.ID] = p
	i.Door = door
}

// Launch notes that the item's envelope was handed to a link.
func (o *Outbox) Launch(i *delivery.Item, now time.Time) {
	o.Outbox.Launch(i, now)
	o.store(i)
}

// Taken notes the custody of a gateway: the envelope is no longer needed here.
func (o *Outbox) Taken(i *delivery.Item, kept uint64) {
	o.Outbox.Taken(i, wire.Time(kept))
	delete(o.parcels, i.ID)
	o.store(i)
}

// GaveUp notes that the item failed for good.
func (o *Outbox) GaveUp(i *delivery.Item) {
	delete(o.parcels, i.ID)
	o.store(i)
}

// Again has an item sealed anew.
func (o *Outbox) Again(i *delivery.Item) {
	delete(o.parcels, i.ID)
	o.Outbox.Again(i)
	o.store(i)
}

// Finish removes an item that is delivered.
func (o *Outbox) Finish(i *delivery.Item) {
	o.Done(i.ID)
	delete(o.parcels, i.ID)
	delete(o.put, i.ID)
	o.gone = append(o.gone, profile.Ref{Table: profile.TableOutbox, Key: profile.Number(i.ID)})
}

func (o *Outbox) store(i *delivery.Item) {
	if o.put == nil {
		o.put = map[uint64]profile.Row{}
	}
	o.put[i.ID] = profile.ItemRow(i, o.parcels[i.ID])
}

// Restore takes the row of an item and returns it.
func (o *Outbox) Restore(r profile.Row) (*delivery.Item, error) {
	i, p, err := profile.ParseItem(r)
	if err != nil {
		return nil, err
	}
	o.last = max(o.last, i.ID)
	item := o.Add(i)
	if p != nil {
		o.Pack(item, p, i.Door)
	}
	return item, nil
}

// Collect returns the rows that the turn changed and erased.
func (o *Outbox) Collect() (put []profile.Row, gone []profile.Ref) {
	for _, r := range o.put {
		put = append(put, r)
	}
	gone = o.gone
	clear(o.put)
	o.gone = nil
	return put, gone
}
