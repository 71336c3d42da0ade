// Package shown makes rows of package control of what the engine shows: it knows both
// and decides nothing.
package shown

import (
	"cmp"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"zeroms/client"
	"zeroms/client/publish"
	"zeroms/client/view"
	"zeroms/cmd/zms/control"
	"zeroms/protocol/address"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
)

// Card is a card as a row. Error: what is wrong with its code.
func Card(c client.Card) (*control.Card, error) {
	r := &control.Card{
		Type: control.TypeCard, ID: c.ID.String(), Created: control.Stamp(c.Created), Expires: control.Stamp(c.Expires),
		Revoked: c.Revoked, Public: c.Public, ByKey: c.ByKey, Text: c.Text, Former: c.Former, Ends: control.Stamp(c.Ends),
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

// Gateway is a home gateway as a row.
func Gateway(g client.Gateway) *control.Gateway {
	r := &control.Gateway{
		Type: control.TypeGateway, Node: g.Node.String(), Host: g.Host, Address: g.Address, Up: g.Up,
		Since: control.Stamp(g.Since), TookMS: g.Took.Milliseconds(), Retry: control.Stamp(g.Retry), Problem: Plain(g.Problem),
		Used: g.Used, Quota: g.Quota, Retention: int64(g.Retention / time.Second), Contacts: g.Drops, Faults: g.Faults,
		Draining: control.Stamp(g.Draining), Ends: control.Stamp(g.Ends),
	}
	r.Seen, r.Forwards, r.Held, r.Taken = seen(g.Seen), g.Forwards, g.Held, g.Taken
	if p := g.Published; p != (view.Published{}) {
		r.Records = &control.Records{
			Days: p.Days, Low: p.Days >= 0 && p.Days <= publish.WarnAt && (!g.Up || p.Problem != ""), Missing: p.Missing, Holders: p.Holders,
			Stored: control.Stamp(p.Stored), Verified: control.Stamp(p.Verified), Problem: Plain(p.Problem),
		}
	}
	return r
}

// seen is what was measured of a gateway as a part of a row, nil if nothing was.
func seen(s view.Seen) *control.Seen {
	if s.Connect == 0 && s.Custody == 0 && s.Forward == 0 {
		return nil
	}
	return &control.Seen{ConnectMS: millis(s.Connect), CustodyMS: millis(s.Custody), ForwardMS: millis(s.Forward), Points: s.Points}
}

// millis is a duration in milliseconds, to the hundredth.
func millis(d time.Duration) float64 {
	return float64(d.Round(10*time.Microsecond).Microseconds()) / 1000
}

// Held is where the own messages are that are in custody, the most first.
func Held(s client.Status) (rows []control.Held) {
	for g, n := range s.Held {
		row := control.Held{Holder: hex.EncodeToString(g[:]), Count: n}
		for _, h := range s.Gateways {
			if key.GatewayHashOf(h.Node) == g {
				row.Host = h.Host
			}
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b control.Held) int { return cmp.Or(b.Count-a.Count, cmp.Compare(a.Holder, b.Holder)) })
	return rows
}

// Offer is a gateway that could be a home as a row.
func Offer(o client.Offer) *control.Offer {
	r := &control.Offer{
		Type: control.TypeOffer, Node: o.Address.Node.String(), Host: o.Address.Endpoint(), Forwards: o.Flags&address.Forwards != 0,
		Retention: int64(o.Retention / time.Second), Quota: o.Quota, TookMS: millis(o.Took), Points: o.Points, Near: o.Near,
	}
	r.Address, _ = o.Address.Text()
	switch {
	case o.Flags&address.TakesAll != 0:
		r.Takes = control.TakesAll
	case o.Flags&address.TakesWork != 0:
		r.Takes, r.Work = control.TakesWork, int(o.Bits)
	default:
		r.Takes = control.TakesInvited
	}
	if o.Problem != nil {
		r.Problem = Plain(control.Explain(o.Problem).Message)
	}
	return r
}

// Renewal is a renewal of the address as a row; done tells that it is no plan. Error:
// what is wrong with the code of a card.
func Renewal(a client.Address, done bool) (*control.Renewal, error) {
	r := Overlap(a.Renewal)
	r.Done, r.Contacts, r.Public = done, a.Contacts, a.Public
	for _, c := range a.Stopping {
		row, err := Card(c)
		if err != nil {
			return nil, err
		}
		r.Cards = append(r.Cards, *row)
	}
	if !done {
		return r, nil
	}
	var err error
	r.Card, err = Card(a.Card)
	return r, err
}

// Overlap is a renewal whose predecessor still works as a row.
func Overlap(r client.Renewal) *control.Renewal {
	return &control.Renewal{Type: control.TypeRenewal, Done: true, Since: control.Stamp(r.Since), Ends: control.Stamp(r.Ends), Untold: r.Untold}
}

// Contact is a person as a row.
func Contact(c client.Contact) *control.Contact {
	return &control.Contact{
		Type: control.TypeContact, ID: c.ID, User: key.UserIDText(c.User), Name: c.Name, State: c.State.String(),
		Verified: c.Verified, Answered: c.Answered, Added: control.Stamp(c.Added), Unread: c.Unread, Problem: Plain(c.Problem),
	}
}

// Message is a message as a row of a type, with the name of its contact.
func Message(kind string, m client.Message, name string) *control.Message {
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
	r.State, r.Size, r.Direct = m.State.String(), m.Size, m.Direct
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

// Plain is a problem as people read it: the engine tells problems by the text
// of an error of the table, which ends with "[name]" or "[name: detail]".
func Plain(problem string) string {
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

// Sentence ends a text with a full stop; an empty one says that nothing is known yet.
func Sentence(text string) string {
	switch {
	case text == "":
		return "no answer yet."
	case strings.HasSuffix(text, "."), strings.HasSuffix(text, ")"):
		return text
	}
	return text + "."
}

// Repairs is what was done about losses as a part of a row.
func Repairs(r client.Repairs) control.Repairs {
	return control.Repairs{
		Missing: r.Missing, Found: r.Found, Asked: r.Asked, Filled: r.Filled, Gone: r.Gone, Answered: r.Answered,
		Postponed: r.Postponed, Resyncs: r.Resyncs, Undelivered: r.Undelivered,
	}
}

// Gap is messages that are missing, or were, as a row with the name of their contact.
func Gap(g client.Gap, name string) *control.Gap {
	row := &control.Gap{
		Type: control.TypeGap, Contact: g.Contact, Name: name, Device: g.Device.String(), From: g.From, To: g.To, Count: g.Count(),
		State: g.State.String(), Height: g.Height, Since: control.Stamp(g.Since), Asked: g.Asked, AskedAt: control.Stamp(g.AskedAt),
		Until: control.Stamp(g.Until), Filled: control.Stamp(g.Filled),
	}
	if g.Gateway != (key.NodePublic{}) {
		row.Gateway = g.Gateway.String()
	}
	return row
}
