package service

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"zeroms/client"
	"zeroms/client/history"
	"zeroms/client/view"
	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/fan"
	"zeroms/cmd/zms/kept"
	"zeroms/cmd/zms/shown"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// The bounds of how long a worker may be silent.
const (
	leastPatience = time.Second
	mostPatience  = time.Hour
)

// maxWorkers is how many workers one fan may have.
const maxWorkers = 512

// duty is a fan that has workers: its state, and the goroutine that gives out.
type duty struct {
	// static
	p    *Profile
	name string
	wake chan struct{}
	stop context.CancelFunc
	over chan struct{} // closed when nothing more is given out

	users int // guarded by Profile.fansMu: who listens

	mu    sync.Mutex
	state *fan.Fan                    // guarded by mu, and what it knows
	outs  map[string]*outlet          // guarded by mu: by worker
	names map[client.ContactID]string // guarded by mu
	err   error                       // guarded by mu: why nothing more is given out
}

// outlet is what waits for a worker.
type outlet struct {
	rows chan control.Row
	full chan struct{} // closed when the worker did not read for too long
}

// marks is the name of what the fan has done.
func (d *duty) marks() string { return kept.FanMarks(d.name) }

// poke tells the goroutine that something changed.
func (d *duty) poke() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// handful is how many rows wait for a worker that does not read: its message, and
// strangers who ask.
const handful = 16

// work lets a worker of a fan take messages until ctx ends.
func (p *Profile) work(ctx context.Context, r control.Request, emit control.Emit) (err error) {
	patience := bound(r.Timeout, control.DefaultPatience)
	switch {
	case !control.ValidName(r.Fan) || !control.ValidName(r.Worker):
		return control.Usage("the names of a fan and of a worker have 1 to %d letters a to z, digits, dots, hyphens and underscores", control.MaxName)
	case r.Contact != "" || r.Bot != "":
		return control.Usage("the workers of a fan share what everybody writes: leave contact and bot out")
	case patience < leastPatience || patience > mostPatience:
		return control.Usage("a worker may be silent for %s to %s", leastPatience, mostPatience)
	}
	d, err := p.serveFan(ctx, r.Fan)
	if err != nil {
		return err
	}
	defer p.leaveFan(d)
	out, err := d.join(ctx, r.Worker, patience)
	if err != nil {
		return err
	}
	defer func() {
		if gone := d.leave(ctx, r.Worker); err == nil {
			err = gone
		}
	}()
	s, err := p.Client.Status(ctx)
	if err != nil {
		return err
	}
	if err := p.strangers(ctx, emit); err != nil {
		return err
	}
	if err := emit(&control.Ready{Type: control.TypeReady, User: key.UserIDText(s.User)}); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.over:
			if ctx.Err() != nil {
				return nil
			}
			d.mu.Lock()
			defer d.mu.Unlock()
			return d.err
		case <-out.full:
			return control.Fail(control.NameBot, "the worker %s does not read what it is handed", r.Worker)
		case row := <-out.rows:
			if err := emit(row); err != nil {
				return err
			}
		}
	}
}

// strangers tells of everybody who asks to talk.
func (p *Profile) strangers(ctx context.Context, emit control.Emit) error {
	contacts, err := p.Client.Contacts(ctx)
	if err != nil {
		return err
	}
	for _, c := range contacts {
		if c.State == client.Requested {
			if err := emit(shown.Contact(c)); err != nil {
				return err
			}
		}
	}
	return nil
}

// serveFan finds a fan that has workers, or begins to give out.
func (p *Profile) serveFan(ctx context.Context, name string) (*duty, error) {
	p.fansMu.Lock()
	defer p.fansMu.Unlock()
	if d := p.fans[name]; d != nil {
		if d.users >= maxWorkers {
			return nil, control.Fail(control.NameLocked, "the fan %s has %d workers, and more are not possible", name, maxWorkers)
		}
		d.users++
		return d, nil
	}
	d := &duty{p: p, name: name, wake: make(chan struct{}, 1), over: make(chan struct{}), users: 1, outs: map[string]*outlet{}, names: map[client.ContactID]string{}}
	if err := p.beginBot(ctx, d.marks()); err != nil {
		return nil, err
	}
	leases, err := p.openLeases(ctx, d)
	if err != nil {
		return nil, err
	}
	d.state = fan.New(leases, time.Now(), mostPatience)
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	d.stop = stop
	go d.run(running)
	if p.fans == nil {
		p.fans = map[string]*duty{}
	}
	p.fans[name] = d
	return d, nil
}

// leaveFan ends a fan with its last worker.
func (p *Profile) leaveFan(d *duty) {
	p.fansMu.Lock()
	defer p.fansMu.Unlock()
	if d.users--; d.users > 0 {
		return
	}
	d.stop()
	<-d.over
	delete(p.fans, d.name)
}

// openLeases are what the fan gave out in another process and is not done.
func (p *Profile) openLeases(ctx context.Context, d *duty) (out []fan.Lease, err error) {
	for _, l := range p.Kept.Leases(d.name) {
		m, err := p.stored(ctx, client.MessageID(l.ID))
		if errors.Is(err, history.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if !p.Kept.Has(d.marks(), m.Contact, m.Device, m.Seq) {
			out = append(out, fan.Lease{ID: l.ID, Contact: l.Contact, Worker: l.Worker, Until: l.End(), Tries: l.Tries})
		}
	}
	return out, nil
}

// join lets a worker take part; its connection before may not have ended yet.
func (d *duty) join(ctx context.Context, worker string, patience time.Duration) (*outlet, error) {
	look := time.NewTicker(shiftLook)
	defer look.Stop()
	for end := time.Now().Add(shiftWait); ; {
		d.mu.Lock()
		err := d.state.Join(worker, patience, time.Now())
		if err == nil {
			out := &outlet{make(chan control.Row, handful), make(chan struct{})}
			d.outs[worker] = out
			d.mu.Unlock()
			d.poke()
			return out, nil
		}
		d.mu.Unlock()
		if time.Now().After(end) {
			return nil, control.Fail(control.NameLocked, "a worker of the name %s listens already", worker)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-look.C:
		}
	}
}

// leave ends a worker's part. If the worker is gone for good, somebody else gets what
// it has; else it may come back, to this process or to the one that takes its place.
func (d *duty) leave(ctx context.Context, worker string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.outs, worker)
	if !errors.Is(context.Cause(ctx), control.ErrLeft) {
		d.state.Leave(worker)
		return nil
	}
	d.state.Lose(worker)
	d.poke()
	return d.keep(context.WithoutCancel(ctx)) // it may have been the last worker
}

// keep keeps who has what, if that changed.
func (d *duty) keep(ctx context.Context) error {
	if !d.state.Changed() {
		return nil
	}
	var keep []kept.Lease
	for _, l := range d.state.Leases() {
		keep = append(keep, kept.Lease{ID: l.ID, Contact: l.Contact, Worker: l.Worker, Until: wire.Millis(l.Until), Tries: l.Tries})
	}
	return d.p.Kept.SetLeases(ctx, d.name, keep)
}

// run gives out until ctx ends.
func (d *duty) run(ctx context.Context) {
	defer close(d.over)
	events := d.p.Client.Subscribe()
	defer events.Close()
	err := d.loop(ctx, events)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
}

func (d *duty) loop(ctx context.Context, events *client.Subscription) error {
	due := time.NewTimer(0)
	defer due.Stop()
	for {
		d.mu.Lock()
		wants := d.state.Wants()
		d.mu.Unlock()
		if wants {
			if err := d.look(ctx); err != nil {
				return err
			}
		}
		next, err := d.give(ctx)
		if err != nil {
			return err
		}
		if !next.IsZero() {
			due.Reset(time.Until(next))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-d.wake:
		case <-due.C:
		case ev, open := <-events.C:
			if !open {
				return client.ErrStopped
			}
			d.hear(ev)
		}
	}
}

// hear takes an event of the engine.
func (d *duty) hear(ev client.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch ev := ev.(type) {
	case client.MessageAdded:
		// What comes while there is more than is known waits for its turn behind that.
		m := ev.Message
		switch {
		case m.Outgoing || d.p.Kept.Has(d.marks(), m.Contact, m.Device, m.Seq): // a look may have found it before
		case d.state.More() || !d.state.Offer(fan.ID(m.ID), m.Contact):
			d.state.SetMore(true)
		}
	case client.ContactChanged:
		d.names[ev.Contact.ID] = ev.Contact.Name
		if ev.Contact.State != client.Requested {
			return
		}
		for _, out := range d.outs {
			if len(out.rows) < handful/2 { // the rest is for messages
				out.rows <- shown.Contact(ev.Contact)
			}
		}
	case client.Lagged:
		d.state.SetMore(true)
	}
}

// give hands over what can be, after it was kept who has what.
func (d *duty) give(ctx context.Context) (next time.Time, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for {
		grants, next := d.state.Next(time.Now())
		rows, gone, err := d.rows(ctx, grants)
		if err != nil {
			return next, err
		}
		for _, id := range gone { // who should have got it gets the next
			d.state.Done(id)
		}
		if err := d.keep(ctx); err != nil {
			return next, err
		}
		for worker, row := range rows {
			d.hand(worker, row)
		}
		if len(gone) == 0 {
			return next, nil
		}
	}
}

// hand brings a row to a worker. One that reads nothing while message after message
// runs out is given up.
func (d *duty) hand(worker string, row control.Row) {
	out := d.outs[worker]
	if out == nil {
		return
	}
	select {
	case out.rows <- row:
	default:
		close(out.full)
		delete(d.outs, worker)
		d.state.Leave(worker)
	}
}

// rows are what workers are handed, and the messages that are not there any more.
func (d *duty) rows(ctx context.Context, grants []fan.Grant) (rows map[string]control.Row, gone []fan.ID, err error) {
	rows = map[string]control.Row{}
	for _, g := range grants {
		m, err := d.p.stored(ctx, client.MessageID(g.ID))
		if errors.Is(err, history.ErrNotFound) {
			gone = append(gone, g.ID)
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		row := shown.Message(control.TypeMessage, view.Describe(m), d.names[g.Contact])
		row.Again = g.Tries - 1
		rows[g.Worker] = row
	}
	return rows, gone, nil
}

// found is a message that a look found to be left.
type found struct {
	id       client.MessageID
	contact  client.ContactID
	device   key.DeviceID
	seq      uint32
	height   uint32
	received time.Time
}

// look offers the oldest messages that are not done, as many as a fan knows.
func (d *duty) look(ctx context.Context) error {
	contacts, err := d.p.Client.Contacts(ctx)
	if err != nil {
		return err
	}
	d.mu.Lock()
	d.state.SetMore(false)
	for _, c := range contacts {
		d.names[c.ID] = c.Name
	}
	d.mu.Unlock()
	var left []found
	cut := false
	for _, c := range contacts {
		if c.State == client.Blocked {
			continue
		}
		of, more, err := d.p.oldest(ctx, d.marks(), c.ID)
		if err != nil {
			return err
		}
		left = append(left, of...)
		slices.SortStableFunc(left, func(a, b found) int {
			return cmp.Or(a.received.Compare(b.received), cmp.Compare(a.contact, b.contact), cmp.Compare(a.height, b.height))
		})
		cut = cut || more || len(left) > fan.Window
		left = slices.Clip(left[:min(len(left), fan.Window)])
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if cut {
		d.state.SetMore(true)
	}
	for _, m := range left {
		// It may have been done since the look began.
		if d.p.Kept.Has(d.marks(), m.contact, m.device, m.seq) {
			continue
		}
		d.state.Offer(fan.ID(m.id), m.contact)
	}
	return nil
}

// oldest are the messages of a contact that are not done, the oldest first and at
// most as many as a fan knows; more tells that there are others. What it finds
// makes the next look shorter.
func (p *Profile) oldest(ctx context.Context, name string, id client.ContactID) (left []found, more bool, err error) {
	marks := p.Kept.Marks(name, id)
	of := map[key.DeviceID]client.MessageID{}
	var newest time.Time
	var floor uint32
	first := true
	err = p.incoming(ctx, id, marks.Floor, func(m client.Message) {
		if first {
			floor, first = m.Height, false
		}
		if m.Received.After(newest) {
			newest = m.Received
		}
		of[m.Device] = m.ID
		done := marks.Has(m.Device, m.Seq)
		if !done || newest.Sub(m.Received) < settled {
			floor = min(floor, m.Height)
		}
		if done {
			return
		}
		left = append(left, found{m.ID, id, m.Device, m.Seq, m.Height, m.Received})
		if len(left) >= 2*fan.Window { // the newest come first
			left, more = slices.Clone(left[len(left)-fan.Window:]), true
		}
	})
	if err != nil || first {
		return nil, false, err
	}
	slices.SortFunc(left, func(a, b found) int { return cmp.Compare(a.height, b.height) })
	if len(left) > fan.Window {
		left, more = left[:fan.Window], true
	}
	return left, more, p.tidy(ctx, name, id, floor, of)
}

// fanDone marks a message as done by a fan, whoever did it.
func (p *Profile) fanDone(ctx context.Context, r control.Request) error {
	if !p.Kept.Known(kept.FanMarks(r.Fan)) {
		return control.Usage("there is no fan %s; a worker has to listen first", r.Fan)
	}
	m, err := p.foreign(ctx, r.Message)
	if err != nil {
		return err
	}
	mark := func() error {
		if p.Kept.Has(kept.FanMarks(r.Fan), m.Contact, m.Device, m.Seq) {
			return nil
		}
		return p.Kept.Change(ctx, kept.FanMarks(r.Fan), m.Contact, func(marks *kept.Marks) { marks.Add(m.Device, m.Seq) })
	}
	p.fansMu.Lock()
	d := p.fans[r.Fan]
	p.fansMu.Unlock()
	if d == nil {
		return mark()
	}
	d.mu.Lock()
	err = mark()
	last := err == nil && d.state.Done(fan.ID(m.ID))
	d.mu.Unlock()
	d.poke()
	if err != nil || !last {
		return err
	}
	c, err := p.contact(ctx, m.Contact)
	if err != nil {
		return err
	}
	return p.markRead(ctx, c)
}

// hold tells that a worker is at work, or with free that it gives back what it has.
func (p *Profile) hold(r control.Request) error {
	p.fansMu.Lock()
	d := p.fans[r.Fan]
	p.fansMu.Unlock()
	if d == nil {
		return control.Usage("there is no worker of the fan %q here", r.Fan)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.state.Hold(r.Worker, time.Now()) {
		return control.Usage("there is no worker %q of the fan %q here", r.Worker, r.Fan)
	}
	if r.Leave {
		d.state.Retire(r.Worker)
	}
	if r.Cmd == control.CmdFree {
		d.state.Free(r.Worker)
	}
	d.poke()
	return nil
}

// fanList tells of all fans.
func (p *Profile) fanList(emit control.Emit) error {
	for _, name := range p.Kept.Fans() {
		if err := emit(p.fanRow(name)); err != nil {
			return err
		}
	}
	return nil
}

func (p *Profile) fanRow(name string) *control.Fan {
	row := &control.Fan{Type: control.TypeFan, Name: name}
	p.fansMu.Lock()
	d := p.fans[name]
	p.fansMu.Unlock()
	if d == nil {
		for _, l := range p.Kept.Leases(name) {
			if l.Worker != "" {
				row.Handed++
			}
		}
		return row
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	row.Workers, row.Handed, row.Waiting = d.state.Counts()
	row.More = d.state.More()
	return row
}

// fanRemove forgets a fan that has no workers.
func (p *Profile) fanRemove(ctx context.Context, r control.Request, emit control.Emit) error {
	if !slices.Contains(p.Kept.Fans(), r.Fan) {
		return control.Fail(control.NameNoFan, "there is no fan %q; see zms fan list", r.Fan)
	}
	p.fansMu.Lock()
	defer p.fansMu.Unlock()
	if d := p.fans[r.Fan]; d != nil {
		return control.Fail(control.NameLocked, "the fan %s has workers; stop them first", r.Fan)
	}
	row := &control.Fan{Type: control.TypeFan, Name: r.Fan, Removed: true}
	if err := p.undone(ctx, row); err != nil {
		return err
	}
	if err := p.Kept.RemoveFan(ctx, r.Fan); err != nil {
		return err
	}
	return emit(row)
}

// undone counts what a fan has not done.
func (p *Profile) undone(ctx context.Context, row *control.Fan) error {
	contacts, err := p.Client.Contacts(ctx)
	if err != nil {
		return err
	}
	for _, c := range contacts {
		if c.State == client.Blocked {
			continue
		}
		left, more, err := p.oldest(ctx, kept.FanMarks(row.Name), c.ID)
		if err != nil {
			return err
		}
		row.GivenUp, row.More = row.GivenUp+len(left), row.More || more
		for _, l := range p.Kept.Leases(row.Name) {
			if l.Worker != "" && slices.ContainsFunc(left, func(m found) bool { return m.id == l.ID }) {
				row.Handed++
			}
		}
	}
	return nil
}
