package client

import (
	"context"
	"time"

	"zeroms/client/engine"
	"zeroms/client/profile"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
)

// erasePage is how many messages are erased in one turn.
const erasePage = 256

// Gaps lists what is missing or lost of a contact's messages, in the order of
// their chains. What may still come by itself is left out.
func (c *Client) Gaps(ctx context.Context, id ContactID) ([]Gap, error) {
	return call(ctx, c, func(e *engine.Engine) ([]Gap, error) { return e.Gaps(id) })
}

// Erase erases the content of one message, own or not. Its signed header stays
// for a time, so that the chain holds together. Errors: history.ErrNotFound.
func (c *Client) Erase(ctx context.Context, id MessageID) error {
	_, err := call(ctx, c, func(e *engine.Engine) (int, error) { return e.Erase([]message.ID{id}) })
	return err
}

// EraseBefore erases the content of all messages of a conversation that came or
// were written before a time, and returns how many.
func (c *Client) EraseBefore(ctx context.Context, contact ContactID, before time.Time) (n int, err error) {
	if err := do(ctx, c, func(e *engine.Engine) error { _, err := e.Gaps(contact); return err }); err != nil {
		return 0, err
	}
	next := uint32(Top)
	for more := true; more; {
		rows, err := c.cfg.Store.Page(ctx, contact, next, erasePage)
		if err != nil {
			return n, err
		}
		more = len(rows) >= erasePage
		var ids []message.ID
		for _, row := range rows {
			m, err := profile.ParseMessage(row)
			if err != nil {
				return n, err
			}
			next = min(next, m.Height)
			if m.At.Before(before) && !m.Erased() && m.Shown() {
				ids = append(ids, m.ID)
			}
		}
		erased, err := call(ctx, c, func(e *engine.Engine) (int, error) { return e.Erase(ids) })
		if n += erased; err != nil {
			return n, err
		}
	}
	return n, nil
}

// Remove makes somebody a contact no more: their drop is deleted at every home, nothing
// is sent to them any more, and they can write again only by a card, like strangers.
// The history stays, unless erase is true; what an interruption left of it goes when
// Remove is called again. Errors: ErrNoContact.
func (c *Client) Remove(ctx context.Context, id ContactID, erase bool) (Contact, error) {
	gone, err := call(ctx, c, func(e *engine.Engine) (Contact, error) { return e.Remove(id, false) })
	if err != nil || !erase {
		return gone, err
	}
	next := uint32(Top)
	for more := true; more; {
		rows, err := c.cfg.Store.Page(ctx, id, next, erasePage)
		if err != nil {
			return gone, err
		}
		more = len(rows) >= erasePage
		var ids []message.ID
		for _, row := range rows {
			m, err := profile.ParseMessage(row)
			if err != nil {
				return gone, err
			}
			next = min(next, m.Height)
			ids = append(ids, m.ID)
		}
		if err := do(ctx, c, func(e *engine.Engine) error { return e.RemoveMessages(id, ids) }); err != nil {
			return gone, err
		}
	}
	return call(ctx, c, func(e *engine.Engine) (Contact, error) { return e.Remove(id, true) })
}

// EvidenceOf is a file that shows to anybody which gateway took an own message.
// It names neither people nor content.
func (c *Client) EvidenceOf(ctx context.Context, id MessageID) ([]byte, error) {
	return call(ctx, c, func(e *engine.Engine) ([]byte, error) { return e.EvidenceOf(id) })
}

// EvidenceAgainst is a file that convicts a gateway of what was found against it.
func (c *Client) EvidenceAgainst(ctx context.Context, node key.NodePublic) ([]byte, error) {
	return call(ctx, c, func(e *engine.Engine) ([]byte, error) { return e.EvidenceAgainst(node) })
}
