package service

import (
	"context"
	"encoding/hex"
	"errors"
	"regexp"
	"strings"
	"time"

	"zeroms/client"
	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/shown"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

func (p *Profile) add(ctx context.Context, r control.Request, emit control.Emit) error {
	if r.Card == "" {
		return control.Usage("the card is missing; give its text, its link or a picture of it")
	}
	k, err := cardOf(r.Card)
	if err != nil {
		return err
	}
	c, err := p.Client.Add(ctx, k, r.Name)
	if err != nil {
		return err
	}
	p.unsettled.Store(true)
	return emit(shown.Contact(c))
}

// cardOf is a card's code, or the user ID of somebody who can be found by it alone.
func cardOf(text string) (card.Card, error) {
	user, err := key.ParseUserID(text)
	switch {
	case err == nil:
		return card.Card{User: user, Public: true}, nil
	case idShaped.MatchString(strings.TrimSpace(text)):
		return card.Card{}, control.Usage("%q looks like a user ID with a typing error: copy the whole of it, 56 letters A to Z and digits 2 to 7", strings.TrimSpace(text))
	}
	return card.Parse(text)
}

// idShaped matches what is a user ID but for a few characters.
var idShaped = regexp.MustCompile(`^[0-9A-Za-z]{53,59}$`)

// lookup finds what somebody has published in the network.
func (p *Profile) lookup(ctx context.Context, r control.Request, emit control.Emit) error {
	if r.Card == "" {
		return control.Usage("say who: a card, a user ID or a contact")
	}
	if err := p.sync(ctx); err != nil {
		return err
	}
	began := time.Now()
	k, err := cardOf(r.Card)
	ask := func() (client.Found, error) { return p.Client.Lookup(ctx, k.User, k.Address) }
	if c, unknown := p.find(ctx, r.Card); unknown == nil {
		ask = func() (client.Found, error) { return p.Client.LookupContact(ctx, c.ID) }
	} else if f := new(control.Failure); errors.As(err, &f) {
		return f
	} else if err != nil {
		return control.Fail(control.NameNoContact, "%q is no card, no user ID and no contact", r.Card)
	}
	f, err := ask()
	switch {
	case errors.Is(err, wire.ErrNoRecord) && k.User != (key.IdentityPublic{}) && k.Address.IsZero():
		return control.Fail(control.NameNoRecord, "nobody published that user ID in this network: it is of somebody else's network, or they can't be found by it alone, but by a card of theirs")
	case errors.Is(err, wire.ErrNotServing):
		return control.Fail(wire.Lookup(wire.CodeNotServing).Name, "your gateway is no part of a network, so nobody can be looked for; add one that is (zms gateway add)")
	case errors.Is(err, wire.ErrNoRecord):
		return control.Fail(control.NameNoRecord, "nobody published an address for that in this network: they are in another one, were away for long, or hide from whoever has only this")
	case err != nil:
		return err
	}
	row := &control.Found{Type: control.TypeFound, Made: control.Stamp(f.Made), TookMS: float64(time.Since(began).Microseconds()) / 1000, Fork: f.Fork}
	for _, l := range f.Leases {
		row.Gateways = append(row.Gateways, control.FoundAt{Node: l.Node.String(), Host: l.Host, Ends: control.Stamp(l.Ends)})
	}
	return emit(row)
}

// contacts lists those who were accepted or blocked, or those who ask.
func (p *Profile) contacts(ctx context.Context, r control.Request, emit control.Emit) error {
	if !r.Peek && !r.Removed {
		if err := p.sync(ctx); err != nil {
			return err
		}
	}
	list := p.Client.Contacts
	if r.Removed {
		list = p.Client.Removed
	}
	contacts, err := list(ctx)
	if err != nil {
		return err
	}
	for _, c := range contacts {
		if (c.State == client.Requested) != (r.Cmd == control.CmdRequests) {
			continue
		}
		if err := emit(shown.Contact(c)); err != nil {
			return err
		}
	}
	return nil
}

func (p *Profile) accept(ctx context.Context, r control.Request, emit control.Emit) error {
	c, err := p.find(ctx, r.Contact)
	if err != nil {
		return err
	}
	if c, err = p.Client.Accept(ctx, c.ID); err != nil {
		return err
	}
	p.unsettled.Store(true)
	return emit(shown.Contact(c))
}

// block ends the intake from a contact. Their drops are deleted at the
// gateways that are connected, so an owner that does not last connects first.
func (p *Profile) block(ctx context.Context, r control.Request, emit control.Emit) error {
	c, err := p.find(ctx, r.Contact)
	if err != nil {
		return err
	}
	if err := p.sync(ctx); err != nil {
		return err
	}
	if err := p.Client.Block(ctx, c.ID); err != nil {
		return err
	}
	p.unsettled.Store(true)
	return p.emitContact(ctx, c.ID, emit)
}

// remove makes somebody a contact no more. Their drop is deleted at the gateways that
// are connected, and at the others when they are.
func (p *Profile) remove(ctx context.Context, r control.Request, emit control.Emit) error {
	c, err := p.find(ctx, r.Contact)
	if err != nil {
		return err
	}
	if err := p.sync(ctx); err != nil {
		return err
	}
	gone, err := p.Client.Remove(ctx, c.ID, r.Erase)
	if err != nil {
		return err
	}
	p.unsettled.Store(true)
	row := shown.Contact(gone)
	row.Name = c.Name // it may be erased
	return emit(row)
}

// renew renews the address, or tells what that would do.
func (p *Profile) renew(ctx context.Context, r control.Request, emit control.Emit) error {
	get := p.Client.Address
	if r.Yes {
		if err := p.sync(ctx); err != nil {
			return err
		}
		get = p.Client.RenewAddress
		p.unsettled.Store(true)
	}
	a, err := get(ctx)
	if err != nil {
		return err
	}
	row, err := shown.Renewal(a, r.Yes)
	if err != nil {
		return err
	}
	if row.Public {
		cards, err := p.Client.Cards(ctx)
		if err != nil {
			return err
		}
		c, err := only(cards, published)
		if err != nil {
			return err
		}
		row.PublicCard = c.ID.String()
	}
	return emit(row)
}

// emitContact emits a contact as it is now.
func (p *Profile) emitContact(ctx context.Context, id client.ContactID, emit control.Emit) error {
	contacts, err := p.Client.Contacts(ctx)
	if err != nil {
		return err
	}
	c, err := only(contacts, func(c client.Contact) bool { return c.ID == id })
	if err != nil {
		return client.ErrNoContact
	}
	return emit(shown.Contact(c))
}

// verify shows the safety number, and first marks the contact if it was compared.
func (p *Profile) verify(ctx context.Context, r control.Request, emit control.Emit) error {
	if r.Yes && r.Undo {
		return control.Usage("yes and undo exclude each other; give one of them")
	}
	c, err := p.find(ctx, r.Contact)
	if err != nil {
		return err
	}
	if r.Yes || r.Undo {
		if err := p.Client.Verify(ctx, c.ID, r.Yes); err != nil {
			return err
		}
		c.Verified = r.Yes
	}
	digits, hash, err := p.Client.SafetyNumber(ctx, c.ID)
	if err != nil {
		return err
	}
	return emit(&control.Safety{
		Type: control.TypeSafety, Contact: c.ID, Name: c.Name, Digits: digits,
		Code: hex.EncodeToString(hash[:]), Verified: c.Verified,
	})
}
