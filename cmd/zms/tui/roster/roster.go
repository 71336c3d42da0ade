// Package roster is the list of contacts: who is in it and in what order, what
// is said about each on two lines, which one is selected, and the search.
package roster

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/tui/look"
	"zeroms/cmd/zms/tui/text"
)

// The states of a contact.
const (
	Request  = "request"
	Accepted = "accepted"
	Blocked  = "blocked"
	Removed  = "removed"
)

// RowsEach is how many lines a contact takes.
const RowsEach = 2

// Entry is one contact in the list.
type Entry struct {
	Contact *control.Contact
	Last    *control.Message // the last message with them, if it is known
	Draft   string           // what is written to them and not sent
}

// ID is the contact's number.
func (e *Entry) ID() uint64 { return e.Contact.ID }

// Name is what a contact is called, as it is printed.
func Name(r text.Ruler, c *control.Contact) string {
	return cmp.Or(r.Clean(strings.TrimSpace(c.Name)), fmt.Sprintf("#%d", c.ID))
}

// active is when something last happened with a contact.
func (e *Entry) active() time.Time {
	if e.Last == nil {
		return e.Contact.Added
	}
	if e.Last.Outgoing {
		return e.Last.Written
	}
	return e.Last.Received
}

// Roster is the list. Its zero value is empty.
type Roster struct {
	all      map[uint64]*Entry
	seen     []*Entry // in order, those that the search finds
	stale    bool     // seen has to be made again
	filter   string
	selected uint64
	top      int // the first one on the screen
}

// Set replaces who is in the list; what is known about them stays.
func (r *Roster) Set(contacts []*control.Contact) {
	old := r.all
	r.all = map[uint64]*Entry{}
	for _, c := range contacts {
		e := old[c.ID]
		if e == nil {
			e = &Entry{}
		}
		e.Contact = c
		r.all[c.ID] = e
	}
	r.order()
}

// Put takes a new or changed contact.
func (r *Roster) Put(c *control.Contact) {
	if r.all == nil {
		r.all = map[uint64]*Entry{}
	}
	if e := r.all[c.ID]; c.State == Removed {
		delete(r.all, c.ID)
	} else if e != nil {
		e.Contact = c
	} else {
		r.all[c.ID] = &Entry{Contact: c}
	}
	r.order()
}

// Said takes a message, which may be the last one with its contact.
func (r *Roster) Said(m *control.Message) {
	e := r.all[m.Contact]
	if e == nil {
		return
	}
	if e.Last == nil || m.Height > e.Last.Height || m.Height == e.Last.Height && m.ID >= e.Last.ID {
		moved := e.Last == nil || e.Last.ID != m.ID
		if e.Last = m; moved {
			r.order()
		}
	}
}

// ReadUpto takes that a contact has read.
func (r *Roster) ReadUpto(read *control.Read) {
	if e := r.all[read.Contact]; e != nil && e.Last != nil && e.Last.Outgoing && e.Last.State == "delivered" && e.Last.Seq <= read.Seq {
		m := *e.Last
		m.State = "read"
		e.Last = &m
	}
}

// Drafted remembers what is written to a contact and not sent.
func (r *Roster) Drafted(id uint64, draft string) {
	if e := r.all[id]; e != nil {
		e.Draft = draft
	}
}

// rank puts requests first and blocked contacts last.
func rank(e *Entry) int {
	switch e.Contact.State {
	case Request:
		return 0
	case Blocked:
		return 2
	}
	return 1
}

// order has the list made again when it is looked at next: many messages may
// come in before that.
func (r *Roster) order() { r.stale = true }

func (r *Roster) list() []*Entry {
	if !r.stale {
		return r.seen
	}
	r.stale, r.seen = false, r.seen[:0]
	for _, e := range r.all {
		if r.found(e) {
			r.seen = append(r.seen, e)
		}
	}
	slices.SortFunc(r.seen, func(a, b *Entry) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), b.active().Compare(a.active()), cmp.Compare(a.ID(), b.ID()))
	})
	if r.place() < 0 && len(r.seen) > 0 {
		r.selected = r.seen[0].ID()
	}
	return r.seen
}

// found reports whether the search finds a contact: by a part of the name, the
// number, or the beginning of the user ID.
func (r *Roster) found(e *Entry) bool {
	if r.filter == "" {
		return true
	}
	want, name := strings.ToLower(r.filter), strings.ToLower(e.Contact.Name)
	return strings.Contains(name, want) || strings.TrimPrefix(want, "#") == fmt.Sprint(e.ID()) ||
		len(want) >= 4 && strings.HasPrefix(strings.ToLower(e.Contact.User), want)
}

// Find shows only those whom the search finds; everybody if it is empty.
func (r *Roster) Find(what string) {
	r.filter = strings.TrimSpace(what)
	r.order()
	if all := r.list(); r.filter != "" && len(all) > 0 {
		r.selected = all[0].ID()
	}
}

// Entry is the contact of a number; nil if there is none.
func (r *Roster) Entry(id uint64) *Entry { return r.all[id] }

// All are the contacts in their order, as far as the search finds them.
func (r *Roster) All() []*Entry { return r.list() }

// Len is how many contacts there are, found or not.
func (r *Roster) Len() int { return len(r.all) }

// Unread is how many messages are unread, of contacts that are not blocked.
func (r *Roster) Unread() (n int) {
	for _, e := range r.all {
		if e.Contact.State != Blocked {
			n += e.Contact.Unread
		}
	}
	return n
}

func (r *Roster) place() int {
	return slices.IndexFunc(r.seen, func(e *Entry) bool { return e.ID() == r.selected })
}

// Selected is the contact that is selected; nil if nobody is found.
func (r *Roster) Selected() *Entry {
	all := r.list()
	if i := r.place(); i >= 0 {
		return all[i]
	}
	return nil
}

// Select selects a contact.
func (r *Roster) Select(id uint64) { r.selected = id }

// Move selects the contact that stands so many further down.
func (r *Roster) Move(by int) {
	if all := r.list(); len(all) > 0 {
		r.selected = all[max(0, min(len(all)-1, max(0, r.place())+by))].ID()
	}
}

// Screen is what a list is drawn for.
type Screen struct {
	Width, Height int
	Theme         *look.Theme
	Ruler         text.Ruler
	Zone          *time.Location
	Today         time.Time
	Open          uint64 // the contact whose conversation is open
	Focused       bool   // keys go to the list
}

// View draws the list.
func (r *Roster) View(s Screen) []string {
	fits := max(1, s.Height/RowsEach)
	r.list()
	if i := r.place(); i >= 0 {
		r.top = max(i-fits+1, min(r.top, i))
	}
	r.top = max(0, min(r.top, len(r.seen)-fits))
	var lines []string
	for _, e := range r.seen[r.top:min(len(r.seen), r.top+fits)] {
		lines = append(lines, r.draw(s, e)...)
	}
	if len(r.seen) == 0 && r.filter != "" {
		lines = append(lines, s.Theme.Faint.Render(s.Ruler.Pad("  nobody is called so", s.Width)))
	}
	for len(lines) < s.Height {
		lines = append(lines, text.Blank(s.Width))
	}
	return lines[:s.Height]
}

// At is the contact on a line of the view; nil if there is none.
func (r *Roster) At(y int) *Entry {
	if all, i := r.list(), r.top+y/RowsEach; y >= 0 && i < len(all) {
		return all[i]
	}
	return nil
}

// draw is the two lines of a contact.
func (r *Roster) draw(s Screen, e *Entry) []string {
	th := s.Theme
	plain, faint, accent, alarm := th.Text, th.Faint, th.Accent, th.Alarm
	bar := " "
	if e.ID() == s.Open {
		bar = th.Bar.Render("▌")
	}
	if e.ID() == r.selected && (s.Focused || s.Open == 0) {
		plain, faint, accent, alarm = th.Selected, th.SelectedFaint, th.SelectedFaint, th.SelectedFaint
		if bar == " " {
			bar = th.Bar.Render("▎")
		}
	}
	at := when(e.active().In(s.Zone), s.Today.In(s.Zone))
	if e.Contact.State != Accepted && e.Last == nil {
		at = ""
	}
	room := s.Width - 2 // the bar, and a blank at the end
	name, cells := s.Ruler.Fit(Name(s.Ruler, e.Contact), max(1, room-len(at)-3))
	bold := plain.Bold(e.Contact.Unread > 0 || e.Contact.State == Request)
	mark := ""
	if e.Contact.Verified {
		mark = " ✓"
	}
	first := bold.Render(name) + accent.Render(mark) +
		plain.Render(text.Blank(room-cells-s.Ruler.Width(mark)-len(at))) + faint.Render(at) + plain.Render(" ")

	badge, badgeCells := "", 0
	if n := e.Contact.Unread; n > 0 && e.Contact.State != Blocked {
		count := fmt.Sprintf(" %d ", n)
		if n > 999 {
			count = " 999+ "
		}
		badge, badgeCells = plain.Render(" ")+th.Badge.Render(count), len(count)
	}
	said, st := r.said(e), faint
	switch {
	case e.Draft != "":
		said, st = "Draft: "+e.Draft, alarm
	case e.Contact.State == Request:
		said, st = "wants to talk", accent
	case e.Contact.State == Blocked:
		said = "blocked"
	}
	if badge == "" {
		badgeCells = -1
	}
	second := st.Render(s.Ruler.Pad(strings.ReplaceAll(said, "\n", " "), max(0, room-badgeCells-1))) + badge + plain.Render(" ")
	return []string{bar + first, bar + second}
}

// said is the last message with a contact on one line.
func (r *Roster) said(e *Entry) string {
	m := e.Last
	switch {
	case m == nil && e.Contact.Problem != "":
		return e.Contact.Problem
	case m == nil:
		return ""
	case m.Erased:
		return "(erased)"
	case m.Kind != "text" || m.Unknown:
		return "(" + m.Kind + ")"
	case m.Outgoing:
		return "You: " + m.Text
	}
	return m.Text
}

// when is a time in few letters: today's with the clock, others' with the day.
func when(at, now time.Time) string {
	days := int(time.Date(now.Year(), now.Month(), now.Day(), 12, 0, 0, 0, time.UTC).
		Sub(time.Date(at.Year(), at.Month(), at.Day(), 12, 0, 0, 0, time.UTC)).Hours() / 24)
	switch {
	case days == 0:
		return at.Format("15:04")
	case days > 0 && days < 7:
		return at.Format("Mon")
	case at.Year() == now.Year():
		return at.Format("2 Jan")
	}
	return at.Format("2006")
}
