package model

import (
	"cmp"
	"time"

	"zeroms/client"
)

// Bounds of notifications.
const (
	noticeRest = 4 * time.Second // between two of one conversation
	noticeMost = 4               // conversations at once; more are summed up
)

// Notice is a notification of the system.
type Notice struct {
	// Contact is whose conversation it is about, 0 if it is about several.
	Contact     client.ContactID
	Title, Body string
}

// Notices decides which notifications are shown: by the user's choice of what they may
// say, none of muted conversations or of the one that the user looks at, one for each
// conversation and batch of events, and one for all if there are many. Messages that
// come within 4 s of a notification of their conversation are counted and bring none.
type Notices struct {
	d     Deps
	chats *Chats
	told  map[client.ContactID]client.Contact // with events: the list may hear them later
	said  map[client.ContactID]time.Time
	count map[client.ContactID]int // messages since the user looked
}

// NewNotices makes Notices.
func NewNotices(d Deps, chats *Chats) *Notices {
	return &Notices{d: d, chats: chats, told: map[client.ContactID]client.Contact{}, said: map[client.ContactID]time.Time{}, count: map[client.ContactID]int{}}
}

// Take is what is to be shown of events. talking is the conversation that is open, 0 if
// none is, and active tells that the user looks at the window.
func (n *Notices) Take(events []client.Event, talking client.ContactID, active bool) (shown []Notice) {
	how := n.d.Profile.Notes.Settings().Notify
	now := n.d.Now()
	if active && talking != 0 {
		delete(n.count, talking)
		delete(n.said, talking)
	}
	newest := map[client.ContactID]client.Message{}
	var order []client.ContactID
	total := 0
	for _, e := range events {
		if changed, ok := e.(client.ContactChanged); ok {
			n.told[changed.Contact.ID] = changed.Contact
		}
		added, ok := e.(client.MessageAdded)
		if !ok || !n.wanted(added.Message, how) || active && added.Message.Contact == talking {
			continue
		}
		id := added.Message.Contact
		n.count[id]++
		total++
		if _, known := newest[id]; !known && now.Sub(n.said[id]) >= noticeRest {
			order = append(order, id)
		}
		newest[id] = added.Message
	}
	if len(order) > noticeMost {
		for _, id := range order {
			n.said[id] = now
		}
		return []Notice{{Title: "ZeroMS", Body: n.d.Words.Count("talk.notice.many", total)}}
	}
	for _, id := range order {
		n.said[id] = now
		shown = append(shown, n.notice(newest[id], how))
	}
	return shown
}

// wanted reports whether a message may bring a notification at all.
func (n *Notices) wanted(m client.Message, how Notify) bool {
	contact := n.contact(m.Contact)
	return how != NotifyOff && !m.Outgoing && !n.chats.Chat(m.Contact).Muted &&
		(contact.State == client.Accepted || contact.State == client.Requested)
}

// contact is somebody as last told; the zero Contact is nobody.
func (n *Notices) contact(id client.ContactID) client.Contact {
	if c, ok := n.told[id]; ok {
		return c
	}
	c, _ := n.chats.Contact(id)
	return c
}

func (n *Notices) notice(m client.Message, how Notify) Notice {
	contact := n.contact(m.Contact)
	count, say := n.count[m.Contact], n.d.Words
	out := Notice{Contact: m.Contact, Title: "ZeroMS", Body: say.Count("talk.notice.new", count)}
	switch {
	case contact.State == client.Requested && how == NotifyBare:
		out.Body = say.Say("talk.notice.somebody")
	case contact.State == client.Requested:
		// What a stranger wrote is read where they can be refused.
		out.Body = say.Say("talk.notice.request", "Name", NameOf(contact))
	case how == NotifyBare:
	case how == NotifyText && count == 1:
		out.Title, out.Body = NameOf(contact), cmp.Or(special(say, m), Preview(m.Text))
	default:
		out.Title = NameOf(contact)
	}
	return out
}
