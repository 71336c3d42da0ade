package service

import (
	"encoding/hex"
	"strings"
	"time"

	"zeroms/client"
	"zeroms/cmd/zms/control"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
)

func cardRow(c client.Card) (*control.Card, error) {
	r := &control.Card{
		Type: control.TypeCard, ID: c.ID.String(), Created: control.Stamp(c.Created), Expires: control.Stamp(c.Expires),
		Revoked: c.Revoked, Public: c.Public, ByKey: c.ByKey, Text: c.Text,
	}
	if c.Text == "" {
		return r, nil
	}
	k, err := card.Parse(c.Text)
	if err != nil {
		return nil, err
	}
	if len(k.Gateways) > 0 { // a link leads to one
		if r.Link, err = k.Link(); err != nil {
			return nil, err
		}
	}
	r.DeepLink, err = k.DeepLink()
	return r, err
}

func gatewayRow(g client.Gateway) *control.Gateway {
	return &control.Gateway{
		Type: control.TypeGateway, Node: g.Node.String(), Host: g.Host, Address: g.Address, Up: g.Up,
		Since: control.Stamp(g.Since), TookMS: g.Took.Milliseconds(), Retry: control.Stamp(g.Retry), Problem: plain(g.Problem),
		Used: g.Used, Quota: g.Quota, Retention: int64(g.Retention / time.Second), Contacts: g.Drops, Faults: g.Faults,
		Draining: control.Stamp(g.Draining), Ends: control.Stamp(g.Ends),
	}
}

func contactRow(c client.Contact) *control.Contact {
	return &control.Contact{
		Type: control.TypeContact, ID: c.ID, User: key.UserIDText(c.User), Name: c.Name, State: c.State.String(),
		Verified: c.Verified, Answered: c.Answered, Added: control.Stamp(c.Added), Unread: c.Unread, Problem: plain(c.Problem),
	}
}

func messageRow(kind string, m client.Message, name string) *control.Message {
	r := &control.Message{
		Type: kind, ID: m.ID.String(), Contact: m.Contact, Name: name, Outgoing: m.Outgoing, Kind: m.Kind.String(),
		Text: m.Text, Unknown: m.Unknown, Erased: m.Erased, Height: m.Height, Seq: m.Seq, Device: m.Device.String(),
		Written: control.Stamp(m.Written), Received: control.Stamp(m.Received), Gateway: control.Stamp(m.Gateway), Late: m.Late,
	}
	if m.ReplyTo != (message.Short{}) {
		r.ReplyTo = hex.EncodeToString(m.ReplyTo[:])
	}
	if !m.Outgoing {
		return r
	}
	r.State, r.Size = m.State.String(), m.Size
	for _, d := range m.Undelivered {
		r.Undelivered = append(r.Undelivered, d.String())
	}
	r.Submitted, r.Custody, r.Until = control.Stamp(m.Submitted), control.Stamp(m.Custody), control.Stamp(m.Until)
	r.Delivered, r.Read = control.Stamp(m.DeliveredAt), control.Stamp(m.ReadAt)
	if m.Holder != (key.GatewayHash{}) {
		r.Holder = hex.EncodeToString(m.Holder[:])
	}
	return r
}

// plain is a problem as people read it: the engine tells problems by the text
// of an error of the table, which ends with "[name]" or "[name: detail]".
func plain(problem string) string {
	sentence, tail, found := strings.Cut(problem, " [")
	if !found || !strings.HasSuffix(tail, "]") {
		return problem
	}
	_, detail, found := strings.Cut(strings.TrimSuffix(tail, "]"), ": ")
	if !found {
		return sentence
	}
	return sentence + " (" + detail + ")"
}
