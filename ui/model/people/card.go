package people

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"zeroms/client"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/ui/model"
)

// PictureSide is the side in pixels of the pictures that are saved.
const PictureSide = 720

// Reach is from where the gateways of a card can be reached.
type Reach uint8

// The reaches.
const (
	Everywhere  Reach = iota
	OwnNetwork        // from the local network only
	OwnComputer       // from this computer only
)

// Handed is a card of the user's.
type Handed struct {
	ID      key.CardID
	Created time.Time
	// Expires is when it stops working, for whatever reason; zero: not by itself.
	Expires time.Time
	// Works tells that it can be handed out; Over that it stopped, Revoked that the user
	// made it stop, and Former that it shows an address that was renewed since.
	Works, Over, Revoked, Former bool
	Public                       bool
	// Text is its code, empty if it can't be handed out, Short the beginning of that,
	// which is no secret, and Link what is copied.
	Text, Short, Link string
	Reach             Reach
	// To are the names of the contacts who came by it.
	To []string
}

// Card is the page of the user's own cards.
type Card struct {
	base
	// Ready tells that the cards were read; Homeless that there is no gateway, without
	// which no card leads anywhere.
	Ready, Homeless bool
	// Working tells that a card is being made or taken back.
	Working bool
	// Own is the newest card that works, Public the one for everybody; nil: there is none.
	Own, Public *Handed
	// Others are the other cards, newest first.
	Others []Handed
	// File is what a picture of a card is called, without ending.
	File string

	made bool // one was made and does not work either: no further one is made
}

// NewCard makes a Card.
func NewCard(d model.Deps, view View) *Card {
	c := &Card{base: base{deps: d, view: view}}
	c.listen(func(events []client.Event) {
		for _, e := range events {
			switch e.(type) {
			case client.ContactChanged, client.GatewayChanged, client.GatewayRemoved, client.AddressChanged, client.Lagged:
				c.Load()
				return
			}
		}
	})
	return c
}

// Close ends the model.
func (c *Card) Close() { c.close() }

// Load reads the cards. If there is a gateway and none that works, one is made, so
// that there is always one to hand out.
func (c *Card) Load() {
	p, now, may := c.deps.Profile, c.deps.Now(), !c.made
	c.read(func(ctx context.Context) (func(), error) {
		s, err := p.Self.Status(ctx)
		if err != nil {
			return nil, err
		}
		all, err := p.Talk.Contacts(ctx)
		if err != nil {
			return nil, err
		}
		cards, err := p.Cards.Cards(ctx)
		if err != nil {
			return nil, err
		}
		homeless := len(s.Gateways) == 0
		if may && !homeless && newest(cards, now) < 0 {
			made, err := p.Cards.NewCard(ctx)
			if err != nil {
				return nil, err
			}
			cards = append(cards, made)
		}
		none := !homeless && newest(cards, now) < 0
		return func() {
			c.Ready, c.Homeless, c.File = true, homeless, fileName(s.Name)
			c.made = none
			c.sort(cards, all, now)
		}, nil
	})
}

// works reports whether a card can be handed out.
func works(k client.Card, now time.Time) bool {
	return !k.Revoked && !k.Former && k.Text != "" && (k.Expires.IsZero() || now.Before(k.Expires))
}

// newest is where the newest private card that works stands; -1: there is none.
func newest(cards []client.Card, now time.Time) int {
	at := -1
	for i, k := range cards {
		if !k.Public && works(k, now) && (at < 0 || !k.Created.Before(cards[at].Created)) {
			at = i
		}
	}
	return at
}

// sort finds out which card is which.
func (c *Card) sort(cards []client.Card, all []client.Contact, now time.Time) {
	to := map[key.CardID][]string{}
	for _, p := range all {
		if p.Via != (key.CardID{}) && p.State != client.Requested {
			to[p.Via] = append(to[p.Via], nameOf(p))
		}
	}
	own := newest(cards, now)
	c.Own, c.Public, c.Others = nil, nil, nil
	for i, k := range cards {
		h := handed(k, now)
		h.To = to[k.ID]
		switch {
		case i == own:
			c.Own = &h
		case k.Public && h.Works && c.Public == nil:
			c.Public = &h
		default:
			c.Others = append(c.Others, h)
		}
	}
	slices.SortStableFunc(c.Others, func(x, y Handed) int { return y.Created.Compare(x.Created) })
}

func handed(k client.Card, now time.Time) Handed {
	h := Handed{ID: k.ID, Created: k.Created, Expires: k.Expires, Works: works(k, now), Revoked: k.Revoked, Former: k.Former, Public: k.Public, Text: k.Text}
	if k.Former && !k.Ends.IsZero() {
		h.Expires = k.Ends
	}
	h.Over = k.Revoked || k.Former && k.Ends.IsZero() || !h.Expires.IsZero() && !now.Before(h.Expires)
	if h.Over {
		h.Text = ""
	}
	h.Short = short(h.Text)
	if parsed, err := card.Parse(h.Text); err == nil {
		h.Link, h.Reach = link(parsed), reachOf(parsed)
	}
	return h
}

// short is the beginning of a code: what it is and a part of its owner's user ID.
func short(text string) string {
	prefix, code, ok := strings.Cut(text, ":")
	if !ok || len(code) < 12 {
		return ""
	}
	return prefix + ":" + strings.Join(groups(code[:12], 4), " ") + " …"
}

// link is a card as a link that opens in the app. The one for browsers leads to a
// gateway, whose certificate no browser knows.
func link(k card.Card) string {
	text, err := k.DeepLink()
	if err != nil {
		return ""
	}
	return text
}

// reachOf is from where a card's gateways can be reached, as far as their addresses
// tell.
func reachOf(k card.Card) Reach {
	reach := OwnComputer
	for _, g := range k.Gateways {
		address, notIP := netip.ParseAddr(strings.Trim(g.Host, "[]"))
		switch {
		case card.Loopback(g.Host):
		case notIP == nil && (address.IsPrivate() || address.IsLinkLocalUnicast()), strings.HasSuffix(g.Host, ".local"):
			reach = min(reach, OwnNetwork)
		default:
			reach = Everywhere
		}
	}
	if len(k.Gateways) == 0 {
		return Everywhere // whoever has it asks the network
	}
	return reach
}

// ReachOf is from where the gateways of a card can be reached; Everywhere if the text is
// no card.
func ReachOf(text string) Reach {
	k, err := card.Parse(text)
	if err != nil {
		return Everywhere
	}
	return reachOf(k)
}

// fileName is a name for files, made of the user's.
func fileName(name string) string {
	if kept := fileSafe(model.Name(name)); kept != "" {
		return "ZeroMS " + kept
	}
	return "ZeroMS"
}

// fileSafe is a text without what can't stand in the name of a file.
func fileSafe(text string) string {
	kept := strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, r) || r < ' ' {
			return -1
		}
		return r
	}, text)
	return strings.Trim(kept, ". ")
}

// New makes another card.
func (c *Card) New() {
	c.work(func(ctx context.Context) error {
		_, err := c.deps.Profile.Cards.NewCard(ctx)
		return err
	})
}

// MakePublic makes the card for everybody.
func (c *Card) MakePublic() {
	c.work(func(ctx context.Context) error {
		_, err := c.deps.Profile.Cards.PublicCard(ctx, 0, false)
		return err
	})
}

// Revoke takes a card back: nobody writes first by it any more.
func (c *Card) Revoke(id key.CardID) {
	c.work(func(ctx context.Context) error { return c.deps.Profile.Cards.RevokeCard(ctx, id) })
}

// work changes the cards and reads them again.
func (c *Card) work(change func(ctx context.Context) error) {
	if c.Working {
		return
	}
	c.Working = true
	c.changed()
	c.deps.Async.Do(func(ctx context.Context) func() {
		err := change(ctx)
		return func() {
			c.Working = false
			c.ended(err, nil)
			c.changed()
			if !c.closed {
				c.Load()
			}
		}
	})
}

// Draw makes a picture of a code, PictureSide pixels wide.
func (c *Card) Draw(text string, then func(png []byte)) { c.draw(text, then) }

func (b *base) draw(text string, then func(png []byte)) {
	var png []byte
	b.slow(func(context.Context) (err error) {
		png, err = card.EncodePNG(text, PictureSide)
		return err
	}, func() { then(png) })
}
