package modeltest

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"zeroms/client"
	"zeroms/protocol/key"
)

// person is a contact and the conversation with them. The first made messages are
// made when they are read; those that came since, and those that were changed, are
// in lines.
type person struct {
	client.Contact
	made   uint32
	lines  map[uint32]client.Message
	beside map[uint32][]client.Message // further ones of a height
	height uint32                      // of the newest
	gaps   []client.Gap
	read   uint32
	readAt time.Time
	mine   uint32 // seq of the newest own message
	theirs uint32 // of theirs
	device key.DeviceID
}

// said are the texts of messages that are made.
var said = []string{
	"Did the second gateway come up again?", "Yes, since this morning.", "好的，今晚八点见。", "The train is late, start without me.",
	"Here is the address of the one at home.", "Держится у двух шлюзов", "I read it twice and still like it.\nThe last part is the best one.", "ok",
	"网关已经换好了，延迟不到一毫秒。", "Tomorrow at noon then, at the usual place behind the station. Bring the small antenna if you still have it.", "Merci, le passage est à 18 h 04", "👍",
}

// idOf is the id of the message at a height: where it is stands in its end.
func idOf(conv client.ContactID, height uint32) (id client.MessageID) {
	h := hash(fmt.Sprint("message ", conv, " ", height))
	copy(id[:], h[:20])
	binary.BigEndian.PutUint64(id[20:], conv)
	binary.BigEndian.PutUint32(id[28:], height)
	return id
}

// at is the message at a height.
func (w *World) at(p *person, height uint32) (client.Message, bool) {
	m, ok := p.lines[height]
	switch {
	case ok:
	case height > 0 && height <= p.made:
		m = w.make(p, height)
	default:
		return m, false
	}
	return m.ReadBy(p.read, p.readAt), true
}

// make makes one of the messages that were there from the beginning: the newest two
// hours ago, 40 seconds and now and then some hours between two of them.
func (w *World) make(p *person, height uint32) client.Message {
	back := p.made - height
	at := w.now.Truncate(time.Hour).Add(-2*time.Hour - time.Duration(p.ID)*time.Minute - time.Duration(back)*40*time.Second - time.Duration(back/25)*5*time.Hour)
	m := client.Message{
		ID: idOf(p.ID, height), Contact: p.ID, Kind: 1, Height: height, Seq: (height + 1) / 2, Outgoing: (height/3)%2 == 1,
		Text: said[(uint64(height)*7+p.ID)%uint64(len(said))], Written: at, Received: at, Size: 1024,
	}
	return w.sent(p, m, client.Delivered)
}

// sent fills in what is known of a message in a state; an incoming one has none.
func (w *World) sent(p *person, m client.Message, s client.MessageState) client.Message {
	if !m.Outgoing {
		m.Device, m.Gateway = p.device, m.Received.Add(-300*time.Microsecond)
		return m
	}
	m.Device, m.State = w.device, s
	if s == client.InCustody || s == client.Delivered || s == client.Read || s == client.NotDelivered {
		m.Submitted, m.Custody = m.Written.Add(100*time.Microsecond), m.Written.Add(400*time.Microsecond)
		m.Until, m.Holder = m.Custody.Add(30*24*time.Hour), key.GatewayHash(hash("gw.linwei.example")[:16])
	}
	switch s {
	case client.Delivered, client.Read:
		m.DeliveredAt = m.Written.Add(800 * time.Microsecond)
	case client.NotDelivered:
		m.Undelivered = []key.DeviceID{p.device}
	}
	if s == client.Read {
		m.ReadAt = m.Written.Add(3 * time.Minute)
	}
	return m
}

// Line is a message to be put into a World.
type Line struct {
	Own  bool
	Text string
	// Ago is how long ago it was written.
	Ago time.Duration
	// State is that of an own message; 0: delivered.
	State client.MessageState
	// Change changes what else is to be different; nil: nothing.
	Change func(*client.Message)
}

// Put adds a message without telling anybody, as if it had been there before.
func (w *World) Put(id client.ContactID, l Line) client.Message {
	p := w.person(id)
	at := w.now.Add(-l.Ago)
	p.height++
	m := client.Message{ID: idOf(id, p.height), Contact: id, Kind: 1, Height: p.height, Outgoing: l.Own, Text: l.Text, Written: at, Received: at, Size: 1024}
	if l.Own {
		p.mine++
		m.Seq = p.mine
	} else {
		p.theirs++
		m.Seq = p.theirs
	}
	if l.State == 0 {
		l.State = client.Delivered
	}
	m = w.sent(p, m, l.State)
	if l.Change != nil {
		l.Change(&m)
	}
	p.lines[m.Height] = m
	return m
}

// Leap adds an incoming message at a height above the newest, or at that of the newest
// beside it, without telling anybody. One that stands beside another does not change.
func (w *World) Leap(id client.ContactID, height uint32, text string) client.Message {
	p := w.person(id)
	if height > p.height {
		p.height = height - 1
		return w.Put(id, Line{Text: text})
	}
	p.theirs++
	m := client.Message{ID: client.MessageID(hash(text)), Contact: id, Kind: 1, Height: p.height, Seq: p.theirs, Text: text, Written: w.now, Received: w.now, Device: p.device, Size: 1024}
	p.beside[m.Height] = append(p.beside[m.Height], m)
	return m
}

// Receive has a message come in.
func (w *World) Receive(id client.ContactID, text string) client.Message {
	return w.ReceiveLine(id, Line{Text: text})
}

// ReceiveLine has a message come in, or be written by the user.
func (w *World) ReceiveLine(id client.ContactID, l Line) client.Message {
	m := w.Put(id, l)
	if !m.Outgoing {
		w.person(id).Unread++
	}
	w.Tell(client.MessageAdded{Message: m})
	return m
}

// Late has a message come in that stands above the newest n.
func (w *World) Late(id client.ContactID, text string, n int) client.Message {
	p := w.person(id)
	at := p.height - uint32(n) + 1
	var moved []client.Event
	for h := p.height; h >= at; h-- {
		m, _ := w.at(p, h)
		m.Height++
		p.lines[m.Height] = m
		moved = append(moved, client.MessageChanged{Message: m})
	}
	p.height++
	p.theirs++
	m := client.Message{ID: client.MessageID(hash("late " + text)), Contact: id, Kind: 1, Height: at, Seq: p.theirs, Text: text, Written: w.now.Add(-time.Minute), Received: w.now, Late: true, Device: p.device, Size: 1024}
	p.lines[at] = m
	p.Unread++
	w.Tell(append([]client.Event{client.MessageAdded{Message: m}}, moved...)...)
	return m
}

// Advance brings an own message into another state.
func (w *World) Advance(id client.MessageID, s client.MessageState) client.Message {
	return w.Change(id, func(m *client.Message) { *m = w.sent(w.person(m.Contact), *m, s) })
}

// Change changes a message and tells it.
func (w *World) Change(id client.MessageID, change func(*client.Message)) client.Message {
	p, m, ok := w.find(id)
	if !ok {
		panic("modeltest: no such message")
	}
	change(&m)
	p.lines[m.Height] = m
	w.Tell(client.MessageChanged{Message: m})
	return m
}

// Read has a contact read everything.
func (w *World) Read(id client.ContactID) {
	p := w.person(id)
	p.read, p.readAt = max(p.mine, (p.made+1)/2), w.now
	w.Tell(client.ReadUpto{Contact: id, Seq: p.read, At: w.now})
}

// SetGap puts a gap in the place of those that it overlaps. GapFilled takes them away,
// and that they were there is told all the same.
func (w *World) SetGap(g client.Gap) {
	p := w.person(g.Contact)
	if g.Device == (key.DeviceID{}) {
		g.Device = p.device
	}
	p.gaps = slices.DeleteFunc(p.gaps, func(o client.Gap) bool {
		return o.Device == g.Device && o.From <= g.To && g.From <= o.To
	})
	if g.State != client.GapFilled {
		p.gaps = append(p.gaps, g)
	}
	w.Tell(client.GapChanged{Gap: g})
}

// find is a message by its id.
func (w *World) find(id client.MessageID) (*person, client.Message, bool) {
	for _, p := range w.people {
		for _, m := range p.lines {
			if m.ID == id {
				return p, m.ReadBy(p.read, p.readAt), true
			}
		}
		if conv, height := binary.BigEndian.Uint64(id[20:]), binary.BigEndian.Uint32(id[28:]); conv == p.ID {
			if m, ok := w.at(p, height); ok && m.ID == id {
				return p, m, true
			}
		}
	}
	return nil, client.Message{}, false
}
