package client

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"
	"unicode/utf8"

	"zeroms/client/delivery"
	"zeroms/client/history"
	"zeroms/client/view"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
)

// ErrTooLong is returned for texts that no message can carry.
var ErrTooLong = errors.New("client: the text is too long; send at most 14,000 bytes at once")

// none is the value of commands that return nothing.
type none struct{}

// do is call for commands without a value.
func do(ctx context.Context, c *Client, f func(e *engine) error) error {
	_, err := call(ctx, c, func(e *engine) (none, error) { return none{}, f(e) })
	return err
}

// Ready waits until the profile is loaded.
func (c *Client) Ready(ctx context.Context) error {
	return do(ctx, c, func(*engine) error { return nil })
}

// Send queues a text for a contact and returns once that is durable; the
// message then finds its way by itself. Errors: ErrNoContact, ErrBlocked,
// ErrRequest, ErrTooLong.
func (c *Client) Send(ctx context.Context, to ContactID, text string) (Message, error) {
	if !utf8.ValidString(text) {
		return Message{}, errors.New("client: the text is not valid UTF-8")
	}
	if len(text) > message.MaxText {
		return Message{}, ErrTooLong
	}
	if len(text) == 0 {
		return Message{}, errors.New("client: there is nothing to send: the text is empty")
	}
	return call(ctx, c, func(e *engine) (Message, error) {
		p, err := e.writable(to)
		if err != nil {
			return Message{}, err
		}
		m, err := e.compose(p, &message.Text{Text: text})
		if err != nil {
			return Message{}, err
		}
		return view.Describe(m), nil
	})
}

// contact returns a known contact.
func (e *engine) contact(id ContactID) (*contact, error) {
	if c := e.contacts[id]; c != nil {
		return c, nil
	}
	return nil, ErrNoContact
}

// writable returns a contact that may be written to.
func (e *engine) writable(id ContactID) (*contact, error) {
	c, err := e.contact(id)
	switch {
	case err != nil:
		return nil, err
	case c.State == Blocked:
		return nil, ErrBlocked
	case c.State == Requested:
		return nil, ErrRequest
	}
	return c, nil
}

// Find looks a contact up by #number, name or user ID text.
func (c *Client) Find(ctx context.Context, who string) (Contact, error) {
	return call(ctx, c, func(e *engine) (Contact, error) {
		p, err := e.find(who)
		if err != nil {
			return Contact{}, err
		}
		return p.describe(), nil
	})
}

// Contacts lists everyone, requests and blocked ones included, by number.
func (c *Client) Contacts(ctx context.Context) ([]Contact, error) {
	return call(ctx, c, func(e *engine) ([]Contact, error) {
		var out []Contact
		for _, p := range e.sortedContacts() {
			out = append(out, p.describe())
		}
		return out, nil
	})
}

// Add makes the owner of a card a contact, under a name of the user's choice
// or, if alias is empty, the card's. Errors: ErrOwnCard, ErrNoGateway,
// wire.ErrExpired, wire.ErrWrongKind.
func (c *Client) Add(ctx context.Context, k card.Card, alias string) (Contact, error) {
	if err := card.CheckName(alias); err != nil {
		return Contact{}, err
	}
	return call(ctx, c, func(e *engine) (Contact, error) {
		p, err := e.addCardOf(k, alias)
		if err != nil {
			return Contact{}, err
		}
		return p.describe(), nil
	})
}

// Accept takes a request, or a blocked contact back.
func (c *Client) Accept(ctx context.Context, id ContactID) (Contact, error) {
	return call(ctx, c, func(e *engine) (Contact, error) {
		p, err := e.contact(id)
		if err != nil {
			return Contact{}, err
		}
		if p.State != Accepted {
			if err := e.welcome(p); err != nil {
				return Contact{}, err
			}
		}
		return p.describe(), nil
	})
}

// Block ends the intake from a contact or request.
func (c *Client) Block(ctx context.Context, id ContactID) error {
	return do(ctx, c, func(e *engine) error {
		p, err := e.contact(id)
		if err != nil {
			return err
		}
		if p.State != Blocked {
			e.block(p)
		}
		return nil
	})
}

// Verify marks a contact as verified, or takes that back.
func (c *Client) Verify(ctx context.Context, id ContactID, verified bool) error {
	return do(ctx, c, func(e *engine) error {
		p, err := e.contact(id)
		if err != nil {
			return err
		}
		p.Verified, p.dirty = verified, true
		e.emit(ContactChanged{p.describe()})
		return nil
	})
}

// SafetyNumber is the 60 digits and the 32 bytes behind them that this user
// and a contact compare.
func (c *Client) SafetyNumber(ctx context.Context, id ContactID) (digits string, hash [32]byte, err error) {
	err = do(ctx, c, func(e *engine) error {
		p, err := e.contact(id)
		if err != nil {
			return err
		}
		digits = key.SafetyNumber(e.account.Self.User, p.User)
		hash = key.SafetyHash(e.account.Self.User, p.User)
		return nil
	})
	return digits, hash, err
}

// Cards lists the cards given out, oldest first.
func (c *Client) Cards(ctx context.Context) ([]Card, error) {
	return call(ctx, c, func(e *engine) ([]Card, error) {
		var out []Card
		for _, k := range e.account.Cards() {
			shown, err := e.describeCard(k)
			if err != nil {
				return nil, err
			}
			out = append(out, shown)
		}
		return out, nil
	})
}

// Card returns the newest card that works. Errors: ErrNoGateway.
func (c *Client) Card(ctx context.Context) (Card, error) {
	return call(ctx, c, func(e *engine) (Card, error) {
		cards := e.account.Cards()
		for _, k := range slices.Backward(cards) {
			if !k.Revoked {
				return e.shownCard(k)
			}
		}
		return e.shownCard(e.account.AddCard())
	})
}

// NewCard makes a further card, which can be revoked without touching others.
func (c *Client) NewCard(ctx context.Context) (Card, error) {
	return call(ctx, c, func(e *engine) (Card, error) {
		if _, ok := e.account.Network(); !ok {
			return Card{}, ErrNoGateway
		}
		return e.shownCard(e.account.AddCard())
	})
}

// RevokeCard closes a card's door: nobody can use it to write first any more.
func (c *Client) RevokeCard(ctx context.Context, id key.CardID) error {
	return do(ctx, c, func(e *engine) error { return e.account.RevokeCard(id) })
}

// AddGateway makes a gateway a home and connects to it. It returns before the
// connection is up.
func (c *Client) AddGateway(ctx context.Context, a card.Address) (Gateway, error) {
	return call(ctx, c, func(e *engine) (Gateway, error) { return e.addGateway(a) })
}

// RemoveGateway ends a home. Contacts learn the remaining addresses.
func (c *Client) RemoveGateway(ctx context.Context, node key.NodePublic) error {
	return do(ctx, c, func(e *engine) error { return e.removeGateway(node) })
}

// Gateways lists the home gateways in the order of their addition.
func (c *Client) Gateways(ctx context.Context) ([]Gateway, error) {
	return call(ctx, c, func(e *engine) ([]Gateway, error) {
		return e.gateways(), nil
	})
}

// Status sums the profile up.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return call(ctx, c, func(e *engine) (Status, error) {
		s := Status{
			User: e.account.Self.User, Name: e.account.Self.Name, Device: e.account.Self.Device,
			Requests: e.requests(), Waiting: e.outbox.Count(delivery.Waiting) + e.outbox.Count(delivery.Sending),
			Pending: len(e.waiting), Custody: e.outbox.Count(delivery.Custody), Failed: e.outbox.Count(delivery.Failed), Ignored: e.ignored,
		}
		s.Contacts = len(e.contacts) - s.Requests
		s.Gateways = e.gateways()
		return s, nil
	})
}

// MarkRead tells a contact, with a read mark, that everything of theirs shown
// so far was read, and clears the count of unread messages.
func (c *Client) MarkRead(ctx context.Context, id ContactID) error {
	return do(ctx, c, func(e *engine) error {
		p, err := e.contact(id)
		if err != nil {
			return err
		}
		if p.Unread > 0 {
			p.Unread, p.convDirty = 0, true
			e.emit(ContactChanged{p.describe()})
		}
		if p.State != Accepted {
			return nil
		}
		for _, id := range e.book.Devices(p.ID) {
			if p.conv.MarkRead(p.party(id), math.MaxUint32) {
				p.convDirty = true
			}
		}
		if marks := p.conv.ReadMarks(); marks != nil {
			_, err = e.compose(p, marks)
		}
		return err
	})
}

// Top is the height to start History from.
const Top = math.MaxUint32

// History returns up to about n lines of a conversation with a height below
// before, in display order (lowest first), and the height to go on from; more
// is false at the beginning of the conversation.
func (c *Client) History(ctx context.Context, id ContactID, before uint32, n int) (page []Message, next uint32, more bool, err error) {
	var readUpto uint32
	var readAt time.Time
	err = do(ctx, c, func(e *engine) error {
		p, err := e.contact(id)
		if err == nil {
			readUpto, readAt = p.conv.ReadUpto(e.ownParty()), p.ReadAt
		}
		return err
	})
	if err != nil {
		return nil, 0, false, err
	}
	found, next, more, err := history.Lines(ctx, c.cfg.Store, history.Range{Conv: id, Before: before, N: n})
	for _, m := range found {
		page = append(page, view.Describe(m).ReadBy(readUpto, readAt))
	}
	return page, next, more, err
}
