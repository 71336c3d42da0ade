package model

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"zeroms/client"
	"zeroms/protocol/key"
)

// ChatKind is what a row of the conversation list stands for.
type ChatKind uint8

// The kinds of rows of the list.
const (
	ChatPerson   ChatKind = iota
	ChatRequests          // everybody who wants to write
)

// ChatRow is a row of the conversation list, as it is drawn.
type ChatRow struct {
	Kind ChatKind
	ID   client.ContactID
	User key.IdentityPublic
	Name string
	// Lead stands before the preview: "Draft:" or "You:".
	Lead, Preview string
	When          string
	// State is that of the last own message while it is of interest: today's, or one
	// that did not arrive yet. Then there is no Lead.
	State                                    Tick
	Unread                                   int
	Muted, Pinned, Verified, Draft, Selected bool
}

// chat is what is known of a conversation.
type chat struct {
	contact client.Contact
	last    client.Message // without a conversation so far: the zero Message
	name    string         // as it is drawn
	folded  string         // as it is searched
}

// at is when something last happened.
func (c *chat) at() time.Time {
	if c.last.ID == (client.MessageID{}) {
		return c.contact.Added
	}
	return Moment(c.last)
}

// Chats is the conversation list: who is a contact, pinned ones first, then by the
// newest line, with one row for all requests among them. It reads everything once and
// then goes by events; counts of unread messages are read again after each batch of
// events that has to do with them, as the engine tells them with contacts only.
//
// Attachments, replies and edits will be told apart in preview; groups will be a kind
// of row.
type Chats struct {
	d         Deps
	stop      func()
	hear      map[int]func()
	nextHear  int
	all       map[client.ContactID]*chat
	kept      map[client.ContactID]Chat
	unkept    map[client.ContactID]Chat // of it what could not be kept: it is lost only with the app
	keeping   int                       // changes of it that are on their way
	order     []*chat                   // accepted ones, and the first of requests for all of them
	shown     []*chat                   // order, filtered
	requests  []*chat                   // newest first
	filter    string
	selected  client.ContactID
	marked    client.ContactID // whose row shows that it is selected
	loaded    bool
	counting  bool           // the counts of unread messages are being asked for
	recount   bool           // and have to be once more
	reading   bool           // everything is being read
	waiting   []client.Event // came meanwhile
	unsettled bool           // the order has to be made anew
	// OnError is told what went wrong.
	OnError func(error)
}

// NewChats makes the list and begins to read it. Close ends it.
func NewChats(d Deps) *Chats {
	c := &Chats{d: d, hear: map[int]func(){}, all: map[client.ContactID]*chat{}, kept: map[client.ContactID]Chat{}, unkept: map[client.ContactID]Chat{}}
	c.recall()
	c.stop = d.Feed.Listen(c.take)
	c.read()
	return c
}

// Close ends listening.
func (c *Chats) Close() {
	c.stop()
	clear(c.hear)
}

// Listen has f called whenever rows, totals or the selection changed.
func (c *Chats) Listen(f func()) (stop func()) {
	id := c.nextHear
	c.nextHear++
	c.hear[id] = f
	return func() { delete(c.hear, id) }
}

func (c *Chats) tell() {
	for id := range c.nextHear {
		if f := c.hear[id]; f != nil {
			f()
		}
	}
}

func (c *Chats) fail(err error) {
	if err != nil && c.OnError != nil {
		c.OnError(err)
	}
}

// read reads everything.
func (c *Chats) read() {
	if c.reading {
		return
	}
	c.reading = true
	c.d.Async.Do(func(ctx context.Context) func() {
		contacts, err := c.d.Profile.Talk.Contacts(ctx)
		var latest []client.Message
		if err == nil {
			latest, err = c.d.Profile.Talk.Latest(ctx)
		}
		return func() { c.fill(contacts, latest, err) }
	})
}

// fill takes what was read, and then what was told meanwhile: that may be older, but
// what made it old is told as well.
func (c *Chats) fill(contacts []client.Contact, latest []client.Message, err error) {
	waiting := c.waiting
	c.reading, c.waiting = false, nil
	if err != nil {
		c.fail(err)
		return
	}
	c.loaded = true
	clear(c.all)
	for i := range contacts {
		c.meet(contacts[i])
	}
	for i := range latest {
		if p := c.all[latest[i].Contact]; p != nil {
			p.last = latest[i]
		}
	}
	c.unsettled = true
	c.settle()
	c.tell()
	if len(waiting) > 0 {
		c.take(waiting)
	}
}

// Loaded tells that the list was read.
func (c *Chats) Loaded() bool { return c.loaded }

// meet takes what a contact is now.
func (c *Chats) meet(k client.Contact) *chat {
	p := c.all[k.ID]
	if p == nil {
		p = &chat{}
		c.all[k.ID] = p
	}
	if k.Name != p.contact.Name || p.name == "" {
		p.name = NameOf(k)
		p.folded = Fold(p.name)
	}
	p.contact = k
	return p
}

// NameOf is what a contact is shown as: their name, or the beginning of their user ID
// if nothing can be seen of that.
func NameOf(k client.Contact) string {
	if name := Name(k.Name); name != "" {
		return name
	}
	return key.UserIDText(k.User)[:8]
}

// take takes events in.
func (c *Chats) take(events []client.Event) {
	if !c.loaded {
		c.read()
	}
	if c.reading {
		c.waiting = append(c.waiting, events...)
		return
	}
	changed, counts := c.recall(), false
	for i, e := range events {
		switch e := e.(type) {
		case client.Lagged:
			c.waiting = append(c.waiting, events[i+1:]...)
			c.read()
			return
		case client.ContactChanged:
			c.meet(e.Contact)
			c.unsettled, changed, counts = true, true, true
		case client.MessageAdded:
			c.add(e.Message)
			changed, counts = true, counts || !e.Message.Outgoing
		case client.MessageChanged:
			changed = c.change(e.Message) || changed
		case client.ReadUpto:
			if p := c.all[e.Contact]; p != nil {
				before := p.last.State
				p.last = p.last.ReadBy(e.Seq, e.At)
				changed = changed || p.last.State != before
			}
		}
	}
	if counts {
		c.count()
	}
	if changed {
		c.settle()
		c.tell()
	}
}

// add takes a new message: its conversation goes up to its place, and no other row is
// touched.
func (c *Chats) add(m client.Message) {
	p := c.all[m.Contact]
	if p == nil {
		return // of somebody who was removed
	}
	if !m.Outgoing {
		p.contact.Unread++
	}
	if m.Height < p.last.Height {
		return
	}
	i := slices.Index(c.order, p)
	if i < 0 || c.unsettled || p.contact.State != client.Accepted {
		p.last, c.unsettled = m, true
		return
	}
	c.order = slices.Delete(c.order, i, i+1)
	p.last = m
	i, _ = slices.BinarySearchFunc(c.order, p, c.compare)
	c.order = slices.Insert(c.order, i, p)
}

func (c *Chats) change(m client.Message) bool {
	p := c.all[m.Contact]
	if p == nil || p.last.ID != m.ID {
		return false
	}
	p.last = m
	return true
}

// count reads the counts of unread messages.
func (c *Chats) count() {
	if c.counting {
		c.recount = true
		return
	}
	c.counting = true
	c.d.Async.Do(func(ctx context.Context) func() {
		contacts, err := c.d.Profile.Talk.Contacts(ctx)
		return func() { c.counted(contacts, err) }
	})
}

func (c *Chats) counted(contacts []client.Contact, err error) {
	again := c.recount
	c.counting, c.recount = false, false
	if err != nil {
		c.fail(err)
		return
	}
	changed := false
	for i := range contacts {
		if p := c.all[contacts[i].ID]; p != nil && p.contact.Unread != contacts[i].Unread {
			p.contact.Unread, changed = contacts[i].Unread, true
		}
	}
	if changed {
		c.tell()
	}
	if again {
		c.count()
	}
}

// compare puts pinned conversations first, then those of the newest lines.
func (c *Chats) compare(a, b *chat) int {
	if x, y := c.pinned(a), c.pinned(b); x != y {
		if x {
			return -1
		}
		return 1
	}
	return cmp.Or(b.at().Compare(a.at()), cmp.Compare(a.contact.ID, b.contact.ID))
}

func (c *Chats) pinned(p *chat) bool {
	return p.contact.State == client.Accepted && c.kept[p.contact.ID].Pinned
}

// settle makes the order anew, if it has to be, and what is shown of it.
func (c *Chats) settle() {
	if c.unsettled {
		c.unsettled = false
		c.order, c.requests = c.order[:0], c.requests[:0]
		for _, p := range c.all {
			switch p.contact.State {
			case client.Accepted:
				c.order = append(c.order, p)
			case client.Requested:
				c.requests = append(c.requests, p)
			}
		}
		slices.SortFunc(c.requests, c.compare)
		if len(c.requests) > 0 {
			c.order = append(c.order, c.requests[0])
		}
		slices.SortFunc(c.order, c.compare)
	}
	c.shown = c.shown[:0]
	for _, p := range c.order {
		if c.filter == "" || p.contact.State == client.Accepted && Matches(p.folded, c.filter) {
			c.shown = append(c.shown, p)
		}
	}
}

// Len is the number of rows.
func (c *Chats) Len() int { return len(c.shown) }

// Index is the row of a conversation, -1 if there is none.
func (c *Chats) Index(id client.ContactID) int {
	return slices.IndexFunc(c.shown, func(p *chat) bool { return p.contact.ID == id && p.contact.State == client.Accepted })
}

// Key tells the i-th row apart from others: its Kind and ID.
func (c *Chats) Key(i int) (ChatKind, client.ContactID) {
	if p := c.shown[i]; p.contact.State != client.Requested {
		return ChatPerson, p.contact.ID
	}
	return ChatRequests, 0
}

// Row is the i-th row.
func (c *Chats) Row(i int) ChatRow {
	p := c.shown[i]
	kept := c.kept[p.contact.ID]
	now := c.d.Now()
	r := ChatRow{
		ID: p.contact.ID, User: p.contact.User, Name: p.name, When: c.d.Words.When(p.at(), now), Unread: p.contact.Unread,
		Muted: kept.Muted, Pinned: kept.Pinned, Verified: p.contact.Verified, Selected: p.contact.ID == c.marked,
	}
	switch {
	case p.contact.State == client.Requested:
		r.Kind, r.ID, r.Unread, r.Verified, r.Selected = ChatRequests, 0, len(c.requests), false, false
		r.Name = c.d.Words.Say("talk.requests")
		r.Preview = c.d.Words.Count("talk.requests.people", len(c.requests))
	case kept.Draft != "":
		r.Draft, r.Lead, r.Preview = true, c.d.Words.Say("talk.draft"), Preview(kept.Draft)
	case p.last.ID != (client.MessageID{}):
		r.Preview = c.preview(p.last)
		if t := TickOf(p.last); t != TickNone {
			if t != TickDelivered && t != TickRead || SameDay(Moment(p.last), now) {
				r.State = t
			} else {
				r.Lead = c.d.Words.Say("talk.you")
			}
		}
	}
	return r
}

// preview is the first line of what a message says.
func (c *Chats) preview(m client.Message) string {
	return cmp.Or(special(c.d.Words, m), Preview(m.Text))
}

// Filter is what the rows are filtered by.
func (c *Chats) Filter() string { return c.filter }

// SetFilter shows only people whose names are found by a text, see Matches.
func (c *Chats) SetFilter(text string) {
	if text = strings.Join(strings.Fields(Fold(text)), " "); text != c.filter {
		c.filter = text
		c.settle()
		c.tell()
	}
}

// Selected is the conversation that is open, 0 if none is.
func (c *Chats) Selected() client.ContactID { return c.selected }

// Aim notes which conversation is about to be open; its row shows that with Select.
func (c *Chats) Aim(id client.ContactID) { c.selected = id }

// Select notes which conversation is open.
func (c *Chats) Select(id client.ContactID) {
	c.selected = id
	if c.recall() || c.marked != id {
		c.marked = id
		c.settle()
		c.tell()
	}
}

// Step is the conversation so many rows below the selected one, round at the ends;
// if none is selected, the first or the last one. ok is false if there is none.
func (c *Chats) Step(by int) (id client.ContactID, ok bool) {
	people := c.people()
	if len(people) == 0 {
		return 0, false
	}
	i := slices.Index(people, c.selected)
	switch {
	case i >= 0:
		i += by
	case by < 0:
		i = len(people) + by
	default:
		i = by - 1
	}
	return people[(i%len(people)+len(people))%len(people)], true
}

// Nth is the conversation of the i-th row, without that of requests.
func (c *Chats) Nth(i int) (id client.ContactID, ok bool) {
	if people := c.people(); i >= 0 && i < len(people) {
		return people[i], true
	}
	return 0, false
}

func (c *Chats) people() (ids []client.ContactID) {
	for _, p := range c.shown {
		if p.contact.State == client.Accepted {
			ids = append(ids, p.contact.ID)
		}
	}
	return ids
}

// Contact is somebody as last told, whatever their state.
func (c *Chats) Contact(id client.ContactID) (client.Contact, bool) {
	if p := c.all[id]; p != nil {
		return p.contact, true
	}
	return client.Contact{}, false
}

// Unread is the number of unread messages of people who are not muted.
func (c *Chats) Unread() (n int) {
	for _, p := range c.order {
		if p.contact.State == client.Accepted && !c.kept[p.contact.ID].Muted {
			n += p.contact.Unread
		}
	}
	return n
}

// Requests is the number of people who want to write.
func (c *Chats) Requests() int { return len(c.requests) }

// Chat is what is kept about a conversation.
func (c *Chats) Chat(id client.ContactID) Chat { return c.kept[id] }

// SetPinned has a conversation stand above others, or not.
func (c *Chats) SetPinned(id client.ContactID, pinned bool) {
	c.keep(id, func(k *Chat) { k.Pinned = pinned })
}

// SetMuted has a conversation bring no notifications, or again.
func (c *Chats) SetMuted(id client.ContactID, muted bool) {
	c.keep(id, func(k *Chat) { k.Muted = muted })
}

// SetDraft keeps what is written and not sent. It writes at once: a Composer says when.
func (c *Chats) SetDraft(id client.ContactID, draft string) {
	c.keep(id, func(k *Chat) { k.Draft = draft })
}

// recall takes what is kept as it is now: other pages change it too.
func (c *Chats) recall() (changed bool) {
	if c.keeping > 0 {
		return false
	}
	kept := map[client.ContactID]Chat{}
	maps.Copy(kept, c.d.Profile.Notes.Chats())
	maps.Copy(kept, c.unkept)
	if maps.Equal(kept, c.kept) {
		return false
	}
	c.kept, c.unsettled = kept, true
	return true
}

func (c *Chats) keep(id client.ContactID, change func(*Chat)) {
	c.recall()
	kept := c.kept[id]
	before := kept
	if change(&kept); kept == before {
		return
	}
	if c.kept[id] = kept; kept == (Chat{}) {
		delete(c.kept, id)
	}
	c.unsettled = c.unsettled || kept.Pinned != before.Pinned
	c.settle()
	c.tell()
	c.keeping++
	c.d.Async.Do(func(ctx context.Context) func() {
		err := c.d.Profile.Notes.SetChat(ctx, id, kept)
		return func() {
			c.keeping--
			if delete(c.unkept, id); err != nil {
				c.unkept[id] = kept
				c.fail(err)
			}
		}
	})
}
