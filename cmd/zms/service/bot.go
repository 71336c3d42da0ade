package service

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"zeroms/client"
	"zeroms/client/history"
	"zeroms/client/profile"
	"zeroms/client/view"
	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/kept"
	"zeroms/cmd/zms/shown"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
)

// The waiting for the bot of the same name that listened before.
const (
	shiftWait = 2 * time.Second
	shiftLook = 20 * time.Millisecond
)

// shift is a bot that listens.
type shift struct {
	open map[uint64]map[string]bool // by contact: ids of messages handed over and not done
}

// onDuty lets a bot listen and hands over what it has not done yet.
func (p *Profile) onDuty(ctx context.Context, name string, l *listener, emit control.Emit) error {
	if !control.ValidName(name) {
		return control.Usage("a bot's name has 1 to %d letters a to z, digits, dots, hyphens and underscores, unlike %q", control.MaxName, name)
	}
	if err := p.takeShift(ctx, name); err != nil {
		return err
	}
	err := p.beginBot(ctx, name)
	if err == nil {
		err = p.backlog(ctx, name, l, emit)
	}
	if err != nil {
		p.offDuty(name)
	}
	return err
}

// takeShift waits a moment for the one before, whose end may not have been noticed.
func (p *Profile) takeShift(ctx context.Context, name string) error {
	look := time.NewTicker(shiftLook)
	defer look.Stop()
	for end := time.Now().Add(shiftWait); ; {
		p.botsMu.Lock()
		_, taken := p.bots[name]
		if !taken {
			if p.bots == nil {
				p.bots = map[string]*shift{}
			}
			p.bots[name] = &shift{open: map[uint64]map[string]bool{}}
		}
		p.botsMu.Unlock()
		switch {
		case !taken:
			return nil
		case time.Now().After(end):
			return control.Fail(control.NameLocked, "a bot of the name %s listens already; stop it, or give this one another name with --as", name)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-look.C:
		}
	}
}

func (p *Profile) offDuty(name string) {
	p.botsMu.Lock()
	defer p.botsMu.Unlock()
	delete(p.bots, name)
}

// handOver notes that a bot was given a message.
func (p *Profile) handOver(name string, row control.Row) {
	m, ok := row.(*control.Message)
	if !ok || m.Outgoing || m.Type != control.TypeMessage {
		return
	}
	p.botsMu.Lock()
	defer p.botsMu.Unlock()
	s := p.bots[name]
	if s == nil {
		return
	}
	if s.open[m.Contact] == nil {
		s.open[m.Contact] = map[string]bool{}
	}
	s.open[m.Contact][m.ID] = true
}

// finished notes that a message is done, and reports whether that was the last
// one of its contact.
func (p *Profile) finished(name string, m *profile.Message) (last bool) {
	p.botsMu.Lock()
	defer p.botsMu.Unlock()
	s := p.bots[name]
	if s == nil || !s.open[m.Contact][m.ID.String()] {
		return false
	}
	delete(s.open[m.Contact], m.ID.String())
	last = len(s.open[m.Contact]) == 0
	if last {
		delete(s.open, m.Contact)
	}
	return last
}

// done marks a message as done by a bot, so that it is not handed over again.
// When nothing of its contact is left the contact is told that it was read.
func (p *Profile) done(ctx context.Context, r control.Request, emit control.Emit) error {
	if r.Fan != "" {
		return p.fanDone(ctx, r)
	}
	if !control.ValidName(r.Bot) {
		return control.Usage("done needs the name of the bot, or of the fan")
	}
	m, err := p.foreign(ctx, r.Message)
	if err != nil {
		return err
	}
	if !p.Kept.Known(r.Bot) {
		return control.Usage("there is no bot %s; it has to listen first", r.Bot)
	}
	if !p.Kept.Marks(r.Bot, m.Contact).Has(m.Device, m.Seq) {
		if err := p.Kept.Change(ctx, r.Bot, m.Contact, func(marks *kept.Marks) { marks.Add(m.Device, m.Seq) }); err != nil {
			return err
		}
	}
	if !p.finished(r.Bot, m) {
		return nil
	}
	c, err := p.contact(ctx, m.Contact)
	if err != nil {
		return err
	}
	return p.markRead(ctx, c)
}

// foreign is a message that somebody else wrote.
func (p *Profile) foreign(ctx context.Context, text string) (*profile.Message, error) {
	id, err := messageID(text)
	if err != nil {
		return nil, err
	}
	m, err := p.stored(ctx, id)
	if err != nil {
		return nil, notFound(text, err)
	}
	if m.Outgoing {
		return nil, control.Usage("the message %s is your own; done is about those of others", text)
	}
	return m, nil
}

// stored is a message of the history.
func (p *Profile) stored(ctx context.Context, id client.MessageID) (*profile.Message, error) {
	short := id.Short()
	row, ok, err := p.Kept.Message(ctx, short[:])
	if err == nil && !ok {
		err = history.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	return profile.ParseMessage(row)
}

func (p *Profile) contact(ctx context.Context, id client.ContactID) (client.Contact, error) {
	contacts, err := p.Client.Contacts(ctx)
	if err != nil {
		return client.Contact{}, err
	}
	c, err := only(contacts, func(c client.Contact) bool { return c.ID == id })
	if err != nil {
		return c, client.ErrNoContact
	}
	return c, nil
}

// beginBot makes a bot known that is new: for it all counts as done but what
// nobody has read yet.
func (p *Profile) beginBot(ctx context.Context, name string) error {
	if p.Kept.Known(name) {
		return nil
	}
	contacts, err := p.Client.Contacts(ctx)
	if err != nil {
		return err
	}
	done := map[uint64]*kept.Marks{}
	for _, c := range contacts {
		var lines []client.Message
		if err := p.incoming(ctx, c.ID, 0, func(m client.Message) {
			m.Text = ""
			lines = append(lines, m)
		}); err != nil {
			return err
		}
		slices.SortStableFunc(lines, func(a, b client.Message) int { return a.Received.Compare(b.Received) })
		marks := &kept.Marks{Devices: map[key.DeviceID][]message.Range{}}
		for _, m := range lines[:max(0, len(lines)-c.Unread)] {
			marks.Add(m.Device, m.Seq)
		}
		done[c.ID] = marks
	}
	return p.Kept.Begin(ctx, name, done)
}

// scanPage is how many lines of a history are read at once.
const scanPage = 500

// incoming calls each for the messages of a contact, the newest first, down to a
// height.
func (p *Profile) incoming(ctx context.Context, id client.ContactID, floor uint32, each func(client.Message)) error {
	before, more := uint32(client.Top), true
	for more && before > floor {
		var page []client.Message
		var err error
		if page, before, more, err = p.Client.History(ctx, id, before, scanPage); err != nil {
			return err
		}
		for _, m := range slices.Backward(page) {
			if !m.Outgoing {
				each(m)
			}
		}
	}
	return nil
}

// backlog hands over who asks to talk, and every message that a bot has not done.
func (p *Profile) backlog(ctx context.Context, name string, l *listener, emit control.Emit) error {
	contacts, err := p.Client.Contacts(ctx)
	if err != nil {
		return err
	}
	for _, c := range contacts {
		l.names[c.ID] = c.Name
		if c.State == client.Blocked || l.only != 0 && l.only != c.ID {
			continue
		}
		if c.State == client.Requested {
			if err := emit(shown.Contact(c)); err != nil {
				return err
			}
		}
		left, err := p.leftOver(ctx, name, c.ID)
		if err != nil {
			return err
		}
		for _, id := range left {
			m, err := p.stored(ctx, id)
			if errors.Is(err, history.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			row := shown.Message(control.TypeMessage, view.Describe(m), c.Name)
			p.handOver(name, row)
			if err := emit(row); err != nil {
				return err
			}
		}
	}
	return nil
}

// settled is the age at which messages are so old that nothing comes between them
// any more: their senders gave up what was missing after 67 days.
const settled = 100 * 24 * time.Hour

// leftOver are the messages of a contact that a bot has not done, the oldest
// first. What it finds makes the next look shorter.
func (p *Profile) leftOver(ctx context.Context, name string, id client.ContactID) ([]client.MessageID, error) {
	marks := p.Kept.Marks(name, id)
	var all, left []client.Message
	err := p.incoming(ctx, id, marks.Floor, func(m client.Message) {
		m.Text = ""
		all = append(all, m)
		if !marks.Has(m.Device, m.Seq) {
			left = append(left, m)
		}
	})
	if err != nil || len(all) == 0 {
		return nil, err
	}
	slices.SortStableFunc(left, func(a, b client.Message) int { return cmp.Compare(a.Height, b.Height) })
	of := map[key.DeviceID]client.MessageID{}
	for _, m := range all {
		of[m.Device] = m.ID
	}
	if err := p.tidy(ctx, name, id, floorOf(all, left), of); err != nil {
		return nil, err
	}
	ids := make([]client.MessageID, len(left))
	for i, m := range left {
		ids[i] = m.ID
	}
	return ids, nil
}

// manyRanges is from how many on the marks of a device are tidied.
const manyRanges = 64

// tidy raises the floor of a bot's marks and closes the holes in them where
// nothing can be, if that is worth it. Of tells a message of each device.
func (p *Profile) tidy(ctx context.Context, name string, id client.ContactID, floor uint32, of map[key.DeviceID]client.MessageID) error {
	before := p.Kept.Marks(name, id)
	many := func() bool {
		for _, ranges := range before.Devices {
			if len(ranges) > manyRanges {
				return true
			}
		}
		return false
	}
	if floor < before.Floor+scanPage && !many() {
		return nil
	}
	var failed error
	empty := func(d key.DeviceID, hole message.Range) bool {
		of, ok := of[d]
		if !ok || failed != nil {
			return false
		}
		nothing, err := p.unshown(ctx, of, hole)
		failed = err
		return nothing && err == nil
	}
	err := p.Kept.Change(ctx, name, id, func(m *kept.Marks) {
		m.Floor = max(m.Floor, floor)
		m.Fill(empty)
	})
	return errors.Join(err, failed)
}

// longHole bounds how many messages are looked up for one hole.
const longHole = 1000

// unshown reports whether all messages of a range are here and of kinds that no
// history shows. The message tells whose they are.
func (p *Profile) unshown(ctx context.Context, of client.MessageID, hole message.Range) (bool, error) {
	if hole.To-hole.From >= longHole {
		return false, nil
	}
	m, err := p.stored(ctx, of)
	if err != nil {
		return false, err
	}
	party := message.Party{User: m.User, Device: m.Device}
	for seq := hole.From; seq <= hole.To; seq++ {
		row, ok, err := p.Kept.Message(ctx, profile.ChainKey(m.Conv, party, seq))
		if err != nil || !ok {
			return false, err
		}
		other, err := profile.ParseMessage(row)
		if err != nil || other.Shown() {
			return false, err
		}
	}
	return true, nil
}

// floorOf is the height below which nothing is left and nothing will come, by
// the age that messages have at the time of the newest one.
func floorOf(all, left []client.Message) uint32 {
	var newest time.Time
	var top uint32
	for _, m := range all {
		if m.Received.After(newest) {
			newest = m.Received
		}
		top = max(top, m.Height)
	}
	floor := top
	for _, m := range all {
		if newest.Sub(m.Received) < settled {
			floor = min(floor, m.Height)
		}
	}
	for _, m := range left {
		floor = min(floor, m.Height)
	}
	return floor
}
