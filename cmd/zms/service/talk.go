package service

import (
	"context"
	"time"

	"zeroms/client"
	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/shown"
	"zeroms/protocol/key"
)

// send queues a text and follows it as far as the request says.
func (p *Profile) send(ctx context.Context, r control.Request, emit control.Emit) error {
	var wanted client.MessageState
	most := bound(r.Timeout, control.DefaultWait)
	switch r.Wait {
	case "":
		most = SendWait
		if !p.Lasting {
			wanted = client.InCustody
		}
	case control.WaitCustody:
		wanted = client.InCustody
	case control.WaitDelivered:
		wanted = client.Delivered
	default:
		return control.Usage("a message is waited for until it is in custody or delivered, not %q", r.Wait)
	}
	c, err := p.find(ctx, r.Contact)
	if err != nil {
		return err
	}
	events := p.Client.Subscribe()
	defer events.Close()
	m, err := p.Client.Send(ctx, c.ID, r.Text)
	if err != nil {
		return err
	}
	row := shown.Message(control.TypeMessage, m, c.Name)
	homes, err := p.Client.Gateways(ctx)
	if err != nil {
		return err
	}
	row.NoAnswer = len(homes) == 0
	if err := emit(row); err != nil || wanted == 0 {
		return err
	}
	m, reached, err := p.follow(ctx, watch{m, c.Name, wanted, most}, events, emit)
	switch {
	case err != nil:
		return err
	case m.State == client.Failed:
		return control.Fail(control.NameRefused, "the message was refused for good: %s", p.problem(ctx, c.ID))
	case reached || r.Wait == "":
		return nil
	}
	return control.Fail(control.NameTimeout, "the message is %s and not %s after %s: %s It goes on whenever zms runs (zms listen or zms agent)",
		stands(m.State), stands(wanted), most, p.problem(ctx, c.ID))
}

// stands says how far a message is, as a sentence needs it.
func stands(s client.MessageState) string {
	if s == client.InCustody {
		return "in custody"
	}
	return s.String()
}

// problem says what is known about why nothing reaches a contact.
func (p *Profile) problem(ctx context.Context, id client.ContactID) string {
	contacts, err := p.Client.Contacts(ctx)
	if err != nil {
		return shown.Sentence(control.Explain(err).Message)
	}
	c, err := only(contacts, func(c client.Contact) bool { return c.ID == id })
	if err != nil || c.Problem == "" {
		return shown.Sentence("")
	}
	return shown.Sentence(shown.Plain(c.Problem))
}

// watch is a message that is followed.
type watch struct {
	message client.Message
	name    string
	wanted  client.MessageState
	most    time.Duration
}

// follow emits every change of a message until it is as far as wanted, failed,
// or the time is over.
func (p *Profile) follow(ctx context.Context, w watch, events *client.Subscription, emit control.Emit) (client.Message, bool, error) {
	timeout := time.NewTimer(w.most)
	defer timeout.Stop()
	m := w.message
	for {
		if m.State == client.Failed || m.State >= w.wanted {
			return m, m.State != client.Failed, nil
		}
		select {
		case <-ctx.Done():
			return m, false, ctx.Err()
		case <-timeout.C:
			return m, false, nil
		case ev, open := <-events.C:
			if !open {
				return m, false, client.ErrStopped
			}
			now, err := p.newer(ctx, m, ev)
			if err != nil {
				return m, false, err
			}
			if now.State == m.State && now.Height == m.Height {
				continue
			}
			m = now
			if err := emit(shown.Message(control.TypeChange, m, w.name)); err != nil {
				return m, false, err
			}
		}
	}
}

// newer is the message after an event: the event's if it is about this message,
// the stored one if events were lost.
func (p *Profile) newer(ctx context.Context, m client.Message, ev client.Event) (client.Message, error) {
	switch ev := ev.(type) {
	case client.MessageChanged:
		if ev.Message.ID == m.ID {
			return ev.Message, nil
		}
	case client.Lagged:
		page, _, _, err := p.Client.History(ctx, m.Contact, client.Top, control.MaxLines)
		if err != nil {
			return m, err
		}
		for _, now := range page {
			if now.ID == m.ID {
				return now, nil
			}
		}
	}
	return m, nil
}

// listen emits what happens until ctx ends.
func (p *Profile) listen(ctx context.Context, r control.Request, emit control.Emit) error {
	if r.Fan != "" {
		return p.work(ctx, r, emit)
	}
	events := p.Client.Subscribe()
	defer events.Close()
	l := &listener{names: map[client.ContactID]string{}}
	if r.Contact != "" {
		c, err := p.find(ctx, r.Contact)
		if err != nil {
			return err
		}
		l.only = c.ID
	}
	contacts, err := p.Client.Contacts(ctx)
	if err != nil {
		return err
	}
	for _, c := range contacts {
		l.names[c.ID] = c.Name
	}
	s, err := p.Client.Status(ctx)
	if err != nil {
		return err
	}
	if r.Bot != "" {
		if err := p.onDuty(ctx, r.Bot, l, emit); err != nil {
			return err
		}
		defer p.offDuty(r.Bot)
	}
	if err := emit(&control.Ready{Type: control.TypeReady, User: key.UserIDText(s.User)}); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case ev, open := <-events.C:
			switch {
			case open:
			case ctx.Err() != nil:
				return nil
			default:
				return client.ErrStopped
			}
			row := l.row(ev)
			if row == nil {
				continue
			}
			if r.Bot != "" {
				p.handOver(r.Bot, row)
			}
			if err := emit(row); err != nil {
				return err
			}
			if _, lagged := row.(*control.Lagged); lagged && r.Bot != "" {
				if err := p.backlog(ctx, r.Bot, l, emit); err != nil {
					return err
				}
			}
		}
	}
}

// listener turns events into rows.
type listener struct {
	only  client.ContactID // 0: everybody
	names map[client.ContactID]string
}

// row is nil for what was not asked for.
func (l *listener) row(ev client.Event) control.Row {
	switch ev := ev.(type) {
	case client.MessageAdded:
		return l.about(ev.Message.Contact, shown.Message(control.TypeMessage, ev.Message, l.names[ev.Message.Contact]))
	case client.MessageChanged:
		return l.about(ev.Message.Contact, shown.Message(control.TypeChange, ev.Message, l.names[ev.Message.Contact]))
	case client.GapChanged:
		return l.about(ev.Gap.Contact, shown.Gap(ev.Gap, l.names[ev.Gap.Contact]))
	case client.ContactChanged:
		l.names[ev.Contact.ID] = ev.Contact.Name
		return l.about(ev.Contact.ID, shown.Contact(ev.Contact))
	case client.ReadUpto:
		return l.about(ev.Contact, &control.Read{
			Type: control.TypeRead, Contact: ev.Contact, Name: l.names[ev.Contact], Seq: ev.Seq, At: control.Stamp(ev.At),
		})
	case client.AddressChanged:
		return l.about(0, shown.Overlap(ev.Renewal))
	case client.Lagged:
		return &control.Lagged{Type: control.TypeLagged}
	case client.GatewayChanged:
		return l.about(0, shown.Gateway(ev.Gateway))
	case client.GatewayRemoved:
		return l.about(0, &control.Gateway{Type: control.TypeGateway, Node: ev.Node.String(), Removed: true})
	}
	return nil
}

// about drops rows about others than the one that was asked for.
func (l *listener) about(id client.ContactID, row control.Row) control.Row {
	if l.only != 0 && l.only != id {
		return nil
	}
	return row
}

// history emits the lines of a conversation and where to go on, and marks
// everything as read unless it only peeks.
func (p *Profile) history(ctx context.Context, r control.Request, emit control.Emit) error {
	n, before := r.N, uint32(client.Top)
	if n == 0 {
		n = control.DefaultLines
	}
	if n < 0 || n > control.MaxLines {
		return control.Usage("a page of history has 1 to %d lines", control.MaxLines)
	}
	if r.Before != nil {
		before = *r.Before
	}
	if err := p.sync(ctx); err != nil {
		return err
	}
	c, err := p.find(ctx, r.Contact)
	if err != nil {
		return err
	}
	page, next, more, err := p.Client.History(ctx, c.ID, before, n)
	if err != nil {
		return err
	}
	above := next
	if !more {
		above = 0
	}
	gaps, err := p.gaps(ctx, c, above, before)
	if err != nil {
		return err
	}
	messages := make([]*control.Message, len(page))
	for i, m := range page {
		messages[i] = shown.Message(control.TypeMessage, m, c.Name)
	}
	for _, row := range interleave(messages, gaps) {
		if err := emit(row); err != nil {
			return err
		}
	}
	if err := emit(&control.Page{Type: control.TypePage, Next: next, More: more}); err != nil || r.Peek {
		return err
	}
	return p.markRead(ctx, c)
}

func (p *Profile) markRead(ctx context.Context, c client.Contact) error {
	if c.Unread > 0 {
		p.unsettled.Store(true)
	}
	return p.Client.MarkRead(ctx, c.ID)
}

func (p *Profile) read(ctx context.Context, r control.Request, emit control.Emit) error {
	c, err := p.find(ctx, r.Contact)
	if err != nil {
		return err
	}
	if err := p.markRead(ctx, c); err != nil {
		return err
	}
	return p.emitContact(ctx, c.ID, emit)
}
