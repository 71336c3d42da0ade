package people

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"zeroms/client"
	"zeroms/protocol/key"
	"zeroms/ui/model"
)

// By is by which card somebody came.
type By uint8

// The cards.
const (
	ByUnknown By = iota
	ByCard       // one of the user's
	ByPublic     // the one for everybody
	ByOver       // one that was revoked or renewed since
)

// Request is somebody who wants to write.
type Request struct {
	ID   client.ContactID
	User key.IdentityPublic
	// Name is what they call themselves, which proves nothing; Key is the beginning of
	// their user ID, which does.
	Name, Key string
	// First is what they wrote first, empty if that is no text; At is when it came.
	First string
	At    time.Time
	By    By
	Made  time.Time // the card
	// Working tells that the answer is on its way.
	Working bool
}

// MaxRequests is how many requests are shown at once, the newest.
const MaxRequests = 50

// firstLines is how many lines of a request are looked at for its first text: a
// stranger's mailbox holds no more before they are accepted.
const firstLines = 16

// Requests is the page of strangers who want to write.
type Requests struct {
	base
	Ready bool
	// All are the newest requests, newest first; More is how many there are besides.
	All  []Request
	More int

	working map[client.ContactID]bool
}

// NewRequests makes a Requests.
func NewRequests(d model.Deps, view View) *Requests {
	r := &Requests{base: base{deps: d, view: view}, working: map[client.ContactID]bool{}}
	r.listen(func(events []client.Event) {
		for _, e := range events {
			switch e := e.(type) {
			case client.ContactChanged, client.Lagged:
				r.Load()
				return
			case client.MessageAdded:
				if r.has(e.Message.Contact) {
					r.Load()
					return
				}
			}
		}
	})
	return r
}

// Close ends the model.
func (r *Requests) Close() { r.close() }

func (r *Requests) has(id client.ContactID) bool {
	return slices.ContainsFunc(r.All, func(q Request) bool { return q.ID == id })
}

// Load reads the requests.
func (r *Requests) Load() {
	p := r.deps.Profile
	r.read(func(ctx context.Context) (func(), error) {
		all, err := p.Talk.Contacts(ctx)
		if err != nil {
			return nil, err
		}
		cards, err := p.Cards.Cards(ctx)
		if err != nil {
			return nil, err
		}
		all = slices.DeleteFunc(slices.Clone(all), func(c client.Contact) bool { return c.State != client.Requested })
		slices.SortFunc(all, func(x, y client.Contact) int { return cmp.Or(y.Added.Compare(x.Added), cmp.Compare(y.ID, x.ID)) })
		shown := all[:min(len(all), MaxRequests)]
		requests := make([]Request, 0, len(shown))
		for _, c := range shown {
			q := request(c, cards)
			if err := q.listen(ctx, p.Talk); err != nil {
				return nil, err
			}
			requests = append(requests, q)
		}
		return func() {
			for i := range requests {
				requests[i].Working = r.working[requests[i].ID]
			}
			r.Ready, r.All, r.More = true, requests, len(all)-len(shown)
		}, nil
	})
}

func request(c client.Contact, cards []client.Card) Request {
	q := Request{ID: c.ID, User: c.User, Name: model.Name(c.Called), At: c.Added}
	q.Key = key.UserIDText(c.User)[:8]
	for _, k := range cards {
		if k.ID != c.Via || c.Via == (key.CardID{}) {
			continue
		}
		q.Made = k.Created
		switch {
		case k.Revoked || k.Former:
			q.By = ByOver
		case k.Public:
			q.By = ByPublic
		default:
			q.By = ByCard
		}
	}
	return q
}

// listen finds what a stranger wrote first.
func (q *Request) listen(ctx context.Context, talk model.Talk) error {
	page, _, _, err := talk.History(ctx, q.ID, client.Top, firstLines)
	if err != nil {
		return err
	}
	for _, m := range page {
		if !m.Outgoing && m.Text != "" {
			q.First, q.At = preview(m.Text), m.Received
			return nil
		}
	}
	return nil
}

// Bounds of what is shown of a stranger's first message.
const (
	previewRunes = 280
	previewLines = 5
)

func preview(text string) string {
	safe := model.Text(text, 0)
	lines := strings.SplitN(safe.Text, "\n", previewLines+1)
	short := strings.Join(lines[:min(len(lines), previewLines)], "\n")
	if runes := []rune(short); len(runes) > previewRunes {
		short = string(runes[:previewRunes])
	}
	if len(short) < len(safe.Text) || safe.Hidden > 0 {
		short += "…"
	}
	return short
}

// Accept lets somebody write; opened is told whose conversation to open.
func (r *Requests) Accept(id client.ContactID, opened func(client.ContactID)) {
	r.answer(id, func(ctx context.Context) error {
		_, err := r.deps.Profile.People.Accept(ctx, id)
		return err
	}, func() { opened(id) })
}

// Block refuses somebody, now and later.
func (r *Requests) Block(id client.ContactID) {
	r.answer(id, func(ctx context.Context) error { return r.deps.Profile.People.Block(ctx, id) }, r.Load)
}

func (r *Requests) answer(id client.ContactID, work func(ctx context.Context) error, then func()) {
	if r.working[id] {
		return
	}
	r.mark(id, true)
	r.deps.Async.Do(func(ctx context.Context) func() {
		err := work(ctx)
		return func() {
			r.mark(id, false)
			r.ended(err, then)
		}
	})
}

func (r *Requests) mark(id client.ContactID, working bool) {
	r.working[id] = working
	for i := range r.All {
		if r.All[i].ID == id {
			r.All[i].Working = working
		}
	}
	r.changed()
}
