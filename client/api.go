package client

import (
	"context"
	"math"
	"time"

	"zeroms/client/engine"
	"zeroms/client/history"
	"zeroms/client/inspect"
	"zeroms/client/view"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Errors of commands.
var (
	ErrNoSelf      = engine.ErrNoSelf
	ErrTooLong     = engine.ErrTooLong
	ErrOwnCard     = engine.ErrOwnCard
	ErrNoContact   = engine.ErrNoContact
	ErrNoGateway   = engine.ErrNoGateway
	ErrSeveral     = engine.ErrSeveral
	ErrBlocked     = engine.ErrBlocked
	ErrRequest     = engine.ErrRequest
	ErrRemoved     = engine.ErrRemoved
	ErrUnreachable = engine.ErrUnreachable
	ErrSetBack     = wire.ErrSetBack
)

// none is the value of commands that return nothing.
type none struct{}

// do is call for commands without a value.
func do(ctx context.Context, c *Client, f func(e *engine.Engine) error) error {
	_, err := call(ctx, c, func(e *engine.Engine) (none, error) { return none{}, f(e) })
	return err
}

// ask is call for questions that always have an answer.
func ask[T any](ctx context.Context, c *Client, f func(e *engine.Engine) T) (T, error) {
	return call(ctx, c, func(e *engine.Engine) (T, error) { return f(e), nil })
}

// Ready waits until the profile is loaded.
func (c *Client) Ready(ctx context.Context) error {
	return do(ctx, c, func(*engine.Engine) error { return nil })
}

// Send queues a text for a contact and returns once that is durable; the
// message then finds its way by itself. Errors: ErrNoContact, ErrBlocked,
// ErrRequest, ErrTooLong.
func (c *Client) Send(ctx context.Context, to ContactID, text string) (Message, error) {
	return call(ctx, c, func(e *engine.Engine) (Message, error) { return e.Send(to, text) })
}

// Find looks a contact up by #number, name or user ID text.
func (c *Client) Find(ctx context.Context, who string) (Contact, error) {
	return call(ctx, c, func(e *engine.Engine) (Contact, error) { return e.Find(who) })
}

// Contacts lists everyone, requests and blocked ones included, by number.
func (c *Client) Contacts(ctx context.Context) ([]Contact, error) {
	return ask(ctx, c, func(e *engine.Engine) []Contact { return e.Contacts(false) })
}

// Removed lists the contacts who were removed, by number: their history may be there.
func (c *Client) Removed(ctx context.Context) ([]Contact, error) {
	return ask(ctx, c, func(e *engine.Engine) []Contact { return e.Contacts(true) })
}

// Add makes the owner of a card a contact, under a name of the user's choice
// or, if alias is empty, the card's. Errors: ErrOwnCard, ErrNoGateway,
// wire.ErrExpired, wire.ErrWrongKind.
func (c *Client) Add(ctx context.Context, k card.Card, alias string) (Contact, error) {
	if err := card.CheckName(alias); err != nil {
		return Contact{}, err
	}
	return call(ctx, c, func(e *engine.Engine) (Contact, error) { return e.Add(k, alias) })
}

// Accept takes a request, or a blocked contact back.
func (c *Client) Accept(ctx context.Context, id ContactID) (Contact, error) {
	return call(ctx, c, func(e *engine.Engine) (Contact, error) { return e.Accept(id) })
}

// Block ends the intake from a contact or request.
func (c *Client) Block(ctx context.Context, id ContactID) error {
	return do(ctx, c, func(e *engine.Engine) error { return e.Block(id) })
}

// Verify marks a contact as verified, or takes that back.
func (c *Client) Verify(ctx context.Context, id ContactID, verified bool) error {
	return do(ctx, c, func(e *engine.Engine) error { return e.Verify(id, verified) })
}

// Rename gives a contact another name here, durably; empty: the one they call
// themselves. Errors: ErrNoContact, what is wrong with the name.
func (c *Client) Rename(ctx context.Context, id ContactID, alias string) (Contact, error) {
	if err := card.CheckName(alias); err != nil {
		return Contact{}, err
	}
	return call(ctx, c, func(e *engine.Engine) (Contact, error) { return e.Rename(id, alias) })
}

// SetName changes what the user is called by contacts who gave no name of their own,
// on cards and in the safe. Errors: what is wrong with the name, wire.ErrSetBack.
func (c *Client) SetName(ctx context.Context, name string) error {
	if err := card.CheckName(name); err != nil {
		return err
	}
	return do(ctx, c, func(e *engine.Engine) error { return e.SetName(name) })
}

// SafetyNumber is the 60 digits and the 32 bytes behind them that this user
// and a contact compare.
func (c *Client) SafetyNumber(ctx context.Context, id ContactID) (digits string, hash [32]byte, err error) {
	var self, peer key.IdentityPublic
	err = do(ctx, c, func(e *engine.Engine) (err error) {
		self, peer, err = e.Identities(id)
		return err
	})
	if err != nil {
		return "", hash, err
	}
	return key.SafetyNumber(self, peer), key.SafetyHash(self, peer), nil
}

// Cards lists the cards given out, oldest first.
func (c *Client) Cards(ctx context.Context) ([]Card, error) {
	return call(ctx, c, (*engine.Engine).Cards)
}

// Card returns the newest card that works. Errors: ErrNoGateway.
func (c *Client) Card(ctx context.Context) (Card, error) { return call(ctx, c, (*engine.Engine).Card) }

// NewCard makes a further card, which can be revoked without touching others.
func (c *Client) NewCard(ctx context.Context) (Card, error) {
	return call(ctx, c, (*engine.Engine).NewCard)
}

// PublicCard makes the one card that may be shown to everybody, or changes the
// work that its door takes: so many zero bits, 0 for the least. With byKey the user
// is found by their ID alone; a card that is not like that is revoked. Errors:
// ErrNoGateway, wire.ErrValue.
func (c *Client) PublicCard(ctx context.Context, bits uint8, byKey bool) (Card, error) {
	return call(ctx, c, func(e *engine.Engine) (Card, error) { return e.PublicCard(bits, byKey) })
}

// Address tells which cards stop working with the end of an overlap of two addresses,
// or, if there is none, with RenewAddress.
func (c *Client) Address(ctx context.Context) (Address, error) {
	return call(ctx, c, (*engine.Engine).Address)
}

// RenewAddress hides the user from everybody who is no contact: holders of cards,
// removed and blocked people find nothing any more once all contacts know the new
// address, after 37 days at the latest. It makes a new card. Errors: ErrNoGateway,
// ErrOverlap while the one before the present one still works, wire.ErrSetBack.
func (c *Client) RenewAddress(ctx context.Context) (Address, error) {
	return call(ctx, c, (*engine.Engine).RenewAddress)
}

// RevokeCard closes a card's door: nobody can use it to write first any more.
func (c *Client) RevokeCard(ctx context.Context, id key.CardID) error {
	return do(ctx, c, func(e *engine.Engine) error { return e.RevokeCard(id) })
}

// Lookup finds in the network what a person has published, by the address secret of
// their card; a zero one: by key alone. It waits for the answer. Errors:
// ErrNoGateway, wire.ErrNoRecord, wire.ErrLinkClosed while no home is connected, and
// why a record was refused.
func (c *Client) Lookup(ctx context.Context, user key.IdentityPublic, secret key.AddressSecret) (Found, error) {
	return await(ctx, c, func(e *engine.Engine, done func(Found, error)) { e.Lookup(user, secret, done) })
}

// LookupContact is Lookup of a contact. Errors: Lookup's, ErrNoContact.
func (c *Client) LookupContact(ctx context.Context, id ContactID) (Found, error) {
	return await(ctx, c, func(e *engine.Engine, done func(Found, error)) { e.LookupContact(id, done) })
}

// AddGateway makes a gateway a home and connects to it. It returns before the
// connection is up.
func (c *Client) AddGateway(ctx context.Context, a card.Address) (Gateway, error) {
	return call(ctx, c, func(e *engine.Engine) (Gateway, error) { return e.AddGateway(a) })
}

// RemoveGateway ends a home. Contacts learn the remaining addresses.
func (c *Client) RemoveGateway(ctx context.Context, node key.NodePublic) error {
	return do(ctx, c, func(e *engine.Engine) error { return e.RemoveGateway(node) })
}

// DrainGateway has contacts sent to the other homes; this one is still read until
// all of them know, 37 days at most, and then is no home any more. Adding it again
// takes that back. Errors: ErrNoHome, ErrLastHome.
func (c *Client) DrainGateway(ctx context.Context, node key.NodePublic) (Gateway, error) {
	return call(ctx, c, func(e *engine.Engine) (Gateway, error) { return e.DrainGateway(node) })
}

// Gateways lists the home gateways in the order of their addition.
func (c *Client) Gateways(ctx context.Context) ([]Gateway, error) {
	return ask(ctx, c, (*engine.Engine).Gateways)
}

// Status sums the profile up.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return ask(ctx, c, (*engine.Engine).Status)
}

// MarkRead tells a contact, with a read mark, that everything of theirs shown
// so far was read, and clears the count of unread messages.
func (c *Client) MarkRead(ctx context.Context, id ContactID) error {
	return do(ctx, c, func(e *engine.Engine) error { return e.MarkRead(id) })
}

// MarkSeen clears the count of unread messages and tells nobody; MarkRead may still
// tell later. Errors: ErrNoContact.
func (c *Client) MarkSeen(ctx context.Context, id ContactID) error {
	return do(ctx, c, func(e *engine.Engine) error { return e.MarkSeen(id) })
}

// Details is a message with everything that is known of its way and its proof. Its
// signature is checked for that. Errors: history.ErrNotFound.
func (c *Client) Details(ctx context.Context, id MessageID) (Details, error) {
	return call(ctx, c, func(e *engine.Engine) (Details, error) { return e.Details(id) })
}

// Agreement tells how far this user and a contact are known to have the same
// transcript. Errors: ErrNoContact.
func (c *Client) Agreement(ctx context.Context, id ContactID) (Agreement, error) {
	p, err := call(ctx, c, func(e *engine.Engine) (*inspect.Pair, error) { return e.Pair(id) })
	if err != nil {
		return Agreement{}, err
	}
	return p.Agreement(ctx, c.cfg.Store)
}

// Latest is the newest line of every conversation that has one, by the number of the
// contact; those with removed contacts are left out.
func (c *Client) Latest(ctx context.Context) (lines []Message, err error) {
	read, err := ask(ctx, c, (*engine.Engine).Read)
	if err != nil {
		return nil, err
	}
	for _, r := range read {
		m, err := history.Last(ctx, c.cfg.Store, r.Contact)
		if err != nil {
			return nil, err
		}
		if m != nil {
			lines = append(lines, view.Describe(m).ReadBy(r.Seq, r.At))
		}
	}
	return lines, nil
}

// Top is the height to start History from.
const Top = math.MaxUint32

// History returns up to about n lines of a conversation with a height below
// before, in display order (lowest first), and the height to go on from; more
// is false at the beginning of the conversation.
func (c *Client) History(ctx context.Context, id ContactID, before uint32, n int) (page []Message, next uint32, more bool, err error) {
	var readUpto uint32
	var readAt time.Time
	err = do(ctx, c, func(e *engine.Engine) (err error) {
		readUpto, readAt, err = e.ReadUpto(id)
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
