package start

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"zeroms/client"
	"zeroms/protocol/card"
	"zeroms/ui/model"
)

// Minute is the first minute: it makes a profile, finds it a gateway, and has a card.
type Minute struct {
	door  model.Door
	async model.Async
	now   func() time.Time

	// Profile is the new profile, once it is there.
	Profile *model.Profile
	// Busy tells that it is being made.
	Busy bool
	// Near are the gateways of the local network, in the order in which they answered.
	Near []model.Neighbour
	// Join is the gateway that is becoming a home; nil: none.
	Join *Join

	search *search
}

// NewMinute makes a Minute.
func NewMinute(door model.Door, async model.Async, now func() time.Time) *Minute {
	return &Minute{door: door, async: async, now: now}
}

// Create makes an identity.
func (m *Minute) Create(name, passphrase string, then func(error)) {
	name = strings.TrimSpace(name)
	m.open(then, func(ctx context.Context) (*model.Profile, error) { return m.door.Create(ctx, name, passphrase) })
}

// Restore makes a profile anew.
func (m *Minute) Restore(r model.Restoration, then func(error)) {
	r.Name = strings.TrimSpace(r.Name)
	m.open(func(err error) {
		if err != nil {
			then(err)
			return
		}
		m.SaveWords(then) // who has just typed them has them
	}, func(ctx context.Context) (*model.Profile, error) { return m.door.Restore(ctx, r) })
}

func (m *Minute) open(then func(error), enter func(context.Context) (*model.Profile, error)) {
	if m.Busy {
		return
	}
	m.Busy = true
	m.async.Slow(func(ctx context.Context) func() {
		p, err := enter(ctx)
		return func() {
			m.Busy = false
			if err == nil {
				m.Profile = p
			}
			then(err)
		}
	})
}

// Words are the 24 words of the new profile.
func (m *Minute) Words(passphrase string, then func([]string, error)) {
	safe := m.Profile.Safe
	m.async.Slow(func(ctx context.Context) func() {
		all, err := safe.Words(ctx, passphrase)
		return func() { then(all, err) }
	})
}

// SaveWords notes that the user has the 24 words.
func (m *Minute) SaveWords(then func(error)) {
	notes := m.Profile.Notes
	m.async.Do(func(ctx context.Context) func() {
		s := notes.Settings()
		s.WordsSaved = true
		err := notes.SetSettings(ctx, s)
		return func() { then(err) }
	})
}

// Name is what others see the user as; empty: nothing that came back has told.
func (m *Minute) Name(then func(string, error)) {
	self := m.Profile.Self
	m.async.Do(func(ctx context.Context) func() {
		status, err := self.Status(ctx)
		return func() { then(status.Name, err) }
	})
}

// SetName changes what others see the user as.
func (m *Minute) SetName(name string, then func(error)) {
	name = strings.TrimSpace(name)
	self := m.Profile.Self
	m.async.Do(func(ctx context.Context) func() {
		err := self.SetName(ctx, name)
		return func() { then(err) }
	})
}

// Came is what a profile that was made anew has.
type Came struct{ Contacts, Talks, Gateways int }

// Came counts what came back.
func (m *Minute) Came(then func(Came, error)) {
	p := m.Profile
	m.async.Do(func(ctx context.Context) func() {
		people, err := p.Talk.Contacts(ctx)
		if err != nil {
			return func() { then(Came{}, err) }
		}
		talks, err := p.Talk.Latest(ctx)
		if err != nil {
			return func() { then(Came{}, err) }
		}
		homes, err := p.Homes.Gateways(ctx)
		return func() { then(Came{len(people), len(talks), len(homes)}, err) }
	})
}

// Card is the user's card.
type Card struct {
	// Text is its code, for the QR code; empty while there is no gateway.
	Text string
	// Link opens it elsewhere.
	Link string
}

// side is that of the picture of a card in pixels.
const side = 1024

// Picture is the card as a QR code in a PNG.
func (c Card) Picture() ([]byte, error) { return card.EncodePNG(c.Text, side) }

// Card is the user's newest card that is meant for one person after another.
func (m *Minute) Card(then func(Card, error)) {
	cards := m.Profile.Cards
	m.async.Do(func(ctx context.Context) func() {
		all, err := cards.Cards(ctx)
		text := ""
		for _, c := range all {
			if c.Text != "" && !c.Public && !c.Revoked && !c.Former {
				text = c.Text
			}
		}
		if err == nil && text == "" {
			var made client.Card
			made, err = cards.NewCard(ctx)
			if text = made.Text; errors.Is(err, client.ErrNoGateway) {
				err = nil
			}
		}
		out := cardOf(text)
		return func() { then(out, err) }
	})
}

// cardOf is a card with the link to it that opens in the app.
func cardOf(text string) Card {
	c, err := card.Parse(text)
	if err != nil {
		return Card{}
	}
	out := Card{Text: text}
	out.Link, _ = c.DeepLink() // a card that parsed has one
	return out
}

// search is a search in the local network. Its fields under mu are written where
// gateways answer.
type search struct {
	stop context.CancelFunc
	mu   sync.Mutex
	new  []model.Neighbour
}

func (s *search) found(n model.Neighbour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.new = append(s.new, n)
}

func (s *search) take() (all []model.Neighbour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all, s.new = s.new, nil
	return all
}

// Search looks for gateways in the local network until Rest; Poll tells of them.
func (m *Minute) Search() {
	if m.search != nil {
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	s, nearby := &search{stop: stop}, m.Profile.Nearby
	m.search = s
	m.async.Slow(func(all context.Context) func() {
		ended := context.AfterFunc(all, stop)
		defer ended()
		_ = nearby.Find(ctx, s.found) // a network that can't be searched has nothing near
		return nil
	})
}

// Rest ends the search.
func (m *Minute) Rest() {
	if m.search != nil {
		m.search.stop()
		m.search = nil
	}
}

// maxNear bounds what is shown of the local network.
const maxNear = 8

// Poll looks how search and joining are doing; changed is called if there is news.
func (m *Minute) Poll(changed func()) {
	if m.search != nil {
		if found := m.search.take(); len(found) > 0 && len(m.Near) < maxNear {
			m.Near = append(m.Near, found[:min(len(found), maxNear-len(m.Near))]...)
			changed()
		}
	}
	m.pollJoin(changed)
}
