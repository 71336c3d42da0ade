package service

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"slices"

	"zeroms/client"
	"zeroms/client/evidence"
	"zeroms/client/history"
	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/shown"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
)

// evidencePart bounds what one row carries of a file, far below MaxLine.
const evidencePart = 64 << 10

// gaps are the losses that stand in a page of history, in their places: above
// the height where the page begins and below the one where it ends.
func (p *Profile) gaps(ctx context.Context, c client.Contact, above, before uint32) ([]*control.Gap, error) {
	all, err := p.Client.Gaps(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	var out []*control.Gap
	for _, g := range all {
		if g.Height > above && g.Height <= before {
			out = append(out, shown.Gap(g, c.Name))
		}
	}
	return out, nil
}

// interleave puts gaps in their places among messages: each stands before the
// first message that is not below it.
func interleave(messages []*control.Message, gaps []*control.Gap) []control.Row {
	slices.SortStableFunc(gaps, func(a, b *control.Gap) int { return cmp.Compare(a.Height, b.Height) })
	var rows []control.Row
	for _, m := range messages {
		for ; len(gaps) > 0 && gaps[0].Height <= m.Height; gaps = gaps[1:] {
			rows = append(rows, gaps[0])
		}
		rows = append(rows, m)
	}
	for _, g := range gaps {
		rows = append(rows, g)
	}
	return rows
}

// erase erases the content of one message, or of all of a contact's before a time.
func (p *Profile) erase(ctx context.Context, r control.Request, emit control.Emit) error {
	switch {
	case r.Message != "" && (r.Contact != "" || !r.Until.IsZero()):
		return control.Usage("erase takes a message, or a contact with --before")
	case r.Message != "":
		id, err := messageID(r.Message)
		if err != nil {
			return err
		}
		if err := p.Client.Erase(ctx, id); err != nil {
			return notFound(r.Message, err)
		}
		return emit(&control.Erased{Type: control.TypeErased, Count: 1})
	case r.Until.IsZero():
		return control.Usage("erase needs to know what: a message, or a contact and up to when")
	}
	c, err := p.find(ctx, r.Contact)
	if err != nil {
		return err
	}
	n, err := p.Client.EraseBefore(ctx, c.ID, r.Until)
	if err != nil {
		return err
	}
	return emit(&control.Erased{Type: control.TypeErased, Contact: c.ID, Count: n})
}

// evidence exports what was signed for a message, or is proven against a gateway.
func (p *Profile) evidence(ctx context.Context, r control.Request, emit control.Emit) error {
	var file []byte
	var about string
	var err error
	switch {
	case r.Message != "" && r.Gateway != "":
		return control.Usage("evidence export takes a message or a gateway, not both")
	case r.Message != "":
		about = r.Message
		file, err = p.signedFor(ctx, r.Message)
	case r.Gateway != "":
		var node key.NodePublic
		if node, err = p.accused(ctx, r.Gateway); err == nil {
			about = node.String()
			file, err = p.Client.EvidenceAgainst(ctx, node)
		}
	default:
		return control.Usage("evidence export needs a message or a gateway")
	}
	if err != nil {
		return err
	}
	for part := range slices.Chunk(file, evidencePart) {
		if err := emit(&control.Evidence{Type: control.TypeEvidence, About: about, File: string(part)}); err != nil {
			return err
		}
	}
	return nil
}

// signedFor is what was signed for a message. A gateway's key looks like the id
// of one: if there is no such message, it is that.
func (p *Profile) signedFor(ctx context.Context, text string) ([]byte, error) {
	id, err := messageID(text)
	if err != nil {
		return nil, err
	}
	file, err := p.Client.EvidenceOf(ctx, id)
	if !errors.Is(err, history.ErrNotFound) {
		return file, err
	}
	node, proven := p.accused(ctx, text)
	if proven == nil {
		file, proven = p.Client.EvidenceAgainst(ctx, node)
	}
	if proven == nil || errors.Is(proven, evidence.ErrNoFault) && p.isHome(ctx, node) {
		return file, proven
	}
	return nil, notFound(text, err)
}

// accused is a gateway by its whole key or its address, whoever uses it, or one
// of the own ones by its name.
func (p *Profile) accused(ctx context.Context, what string) (key.NodePublic, error) {
	if a, err := card.ParseAddress(what); err == nil {
		return a.Node, nil
	}
	if b, err := hex.DecodeString(what); err == nil {
		if node, err := key.ParsePublic[key.Node](b); err == nil {
			return node, nil
		}
	}
	g, err := p.homes().Named(ctx, what)
	return g.Node, err
}

func (p *Profile) isHome(ctx context.Context, node key.NodePublic) bool {
	_, err := p.homes().Named(ctx, node.String())
	return err == nil
}

// notFound says that there is no such message.
func notFound(id string, err error) error {
	if errors.Is(err, history.ErrNotFound) {
		return control.Fail(control.NameNoMessage, "there is no message %s; see the ids of zms history --json", id)
	}
	return err
}

// minID is how many hex digits of a message's id name it.
const minID = 32

// messageID reads the id of a message, or the first half of it.
func messageID(text string) (id client.MessageID, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(text) < minID || len(b) > len(id) {
		return id, control.Usage("%q is no message: give an id that zms history --json prints, or at least its first %d hex digits", text, minID)
	}
	copy(id[:], b)
	return id, nil
}
