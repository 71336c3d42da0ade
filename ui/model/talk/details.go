// Package talk is what stands beside a conversation: the text that is being written
// (Composer), and everything that is known of one message (Details). Its words are of
// the part "talk", as those of package model are.
package talk

import (
	"context"
	"encoding/hex"
	"strings"
	"time"

	"zeroms/client"
	"zeroms/protocol/key"
	"zeroms/ui/model"
)

// Step is one step of a message's way.
type Step struct {
	Title string
	// Line says more: who, where, until when.
	Line string
	// Value is how long after it was written, or when.
	Value string
	// Done tells that it was taken, Alarm that it failed.
	Done, Alarm bool
}

// Fact is one more thing that is known of a message.
type Fact struct {
	Title, Value string
	// Copy is the whole value for the clipboard; empty: there is nothing to copy.
	Copy string
	// Mono: Value is digits of a key or hash. Good and Alarm: it is proven right or wrong.
	Mono, Good, Alarm bool
}

// Details is what is known of a message's way and its proof, in words. It follows the
// message while it is open.
//
// The chunks of an attachment will be steps of their own.
type Details struct {
	d       model.Deps
	id      client.MessageID
	stop    func()
	known   client.Details
	loaded  bool
	reading bool
	again   bool
	closed  bool
	// OnChange is told that steps and facts changed.
	OnChange func()
	// OnError is told what went wrong.
	OnError func(error)
}

// NewDetails makes the details of a message; Open begins to read them.
func NewDetails(d model.Deps, id client.MessageID) *Details {
	return &Details{d: d, id: id, stop: func() {}}
}

// Open reads them and follows the message.
func (d *Details) Open() {
	d.stop = d.d.Feed.Listen(d.take)
	d.read()
}

// Close ends it.
func (d *Details) Close() {
	d.closed = true
	d.stop()
}

func (d *Details) take(events []client.Event) {
	for _, e := range events {
		switch e := e.(type) {
		case client.Lagged:
			d.read()
		case client.MessageChanged:
			if e.Message.ID == d.id {
				d.read()
			}
		case client.ReadUpto:
			if e.Contact == d.known.Message.Contact {
				d.read()
			}
		}
	}
}

func (d *Details) read() {
	if d.reading {
		d.again = true
		return
	}
	d.reading = true
	d.d.Async.Do(func(ctx context.Context) func() {
		known, err := d.d.Profile.Proof.Details(ctx, d.id)
		return func() {
			again := d.again
			d.reading, d.again = false, false
			switch {
			case d.closed:
				return
			case err != nil:
				d.fail(err)
			default:
				d.known, d.loaded = known, true
				if d.OnChange != nil {
					d.OnChange()
				}
			}
			if again {
				d.read()
			}
		}
	})
}

func (d *Details) fail(err error) {
	if err != nil && d.OnError != nil && !d.closed {
		d.OnError(err)
	}
}

// Loaded tells that there is something to show.
func (d *Details) Loaded() bool { return d.loaded }

// Steps is the way of the message so far and what is still to come.
func (d *Details) Steps() []Step {
	if !d.loaded {
		return nil
	}
	m, say := d.known.Message, d.d.Words
	if !m.Outgoing {
		return []Step{
			{Title: say.Say("talk.step.written"), Line: say.Say("talk.step.theirclock"), Value: d.moment(m.Written), Done: true},
			{Title: say.Say("talk.step.gateway"), Value: d.since(m.Written, m.Gateway), Done: !m.Gateway.IsZero()},
			{Title: say.Say("talk.step.here"), Line: d.lateLine(), Value: d.since(m.Written, m.Received), Done: true},
		}
	}
	steps := []Step{{Title: say.Say("talk.step.here.written"), Line: say.Say("talk.step.signed", "Number", say.Number(int(m.Seq))), Value: say.Took(0), Done: true}}
	if !m.Submitted.IsZero() {
		steps = append(steps, Step{Title: say.Say("talk.step.submitted"), Line: d.directLine(), Value: d.since(m.Received, m.Submitted), Done: true})
	}
	for _, w := range d.ways() {
		steps = append(steps, d.custody(w))
	}
	for _, w := range d.ways() {
		steps = append(steps, d.arrival(w))
	}
	read := Step{Title: say.Say("talk.step.unread")}
	if m.State == client.Read {
		read = Step{Title: say.Say("talk.step.read"), Value: d.moment(m.ReadAt), Done: true}
	}
	return append(steps, read)
}

// ways are the ways of an own message; of one that is kept without them, a single one.
func (d *Details) ways() []client.Way {
	if len(d.known.Ways) > 0 {
		return d.known.Ways
	}
	m := d.known.Message
	return []client.Way{{State: m.State, Holder: m.Holder, Submitted: m.Submitted, Custody: m.Custody, Until: m.Until, Delivered: m.DeliveredAt, Size: m.Size}}
}

// custody is the step of a gateway that keeps the message.
func (d *Details) custody(w client.Way) Step {
	say, m := d.d.Words, d.known.Message
	switch {
	case w.Custody.IsZero() && w.State == client.Failed:
		return Step{Title: say.Say("talk.step.refused"), Line: d.device(w), Alarm: true}
	case w.Custody.IsZero():
		return Step{Title: say.Say("talk.step.waiting"), Line: d.device(w)}
	}
	host := model.Name(strings.TrimSuffix(w.Host, ":443"))
	if host == "" {
		host = hex.EncodeToString(w.Holder[:4])
	}
	s := Step{Title: say.Say("talk.step.custody"), Line: host, Value: d.since(m.Received, w.Custody), Done: true}
	if !w.Until.IsZero() {
		s.Line = say.Say("talk.step.until", "Host", host, "Day", say.Day(w.Until, d.d.Now()))
	}
	return s
}

// arrival is the step of a device that takes the message.
func (d *Details) arrival(w client.Way) Step {
	say := d.d.Words
	switch {
	case w.State == client.NotDelivered:
		return Step{Title: say.Say("talk.step.undelivered"), Line: d.device(w), Alarm: true}
	case w.Delivered.IsZero():
		return Step{Title: say.Say("talk.step.underway"), Line: d.device(w)}
	}
	return Step{Title: say.Say("talk.step.device"), Line: d.device(w), Value: d.since(d.known.Message.Received, w.Delivered), Done: true}
}

// device names the device of a way; empty if it is not known.
func (d *Details) device(w client.Way) string {
	if w.Device == (key.DeviceID{}) {
		return ""
	}
	return d.d.Words.Say("talk.step.deviceid", "ID", hex.EncodeToString(w.Device[:4]))
}

func (d *Details) lateLine() string {
	if d.known.Message.Late {
		return d.d.Words.Say("talk.late")
	}
	return ""
}

func (d *Details) directLine() string {
	if d.known.Message.Direct {
		return d.d.Words.Say("talk.step.direct")
	}
	return ""
}

// since is how long after another moment one is, or, if clocks disagree or it is long,
// when it is. It is empty for a moment that is not known.
func (d *Details) since(from, to time.Time) string {
	if to.IsZero() {
		return ""
	}
	if took := to.Sub(from); took >= 0 && took < time.Hour && !from.IsZero() {
		return d.d.Words.Took(took)
	}
	return d.moment(to)
}

// moment is a time of today, or a date and time.
func (d *Details) moment(t time.Time) string {
	switch {
	case t.IsZero():
		return ""
	case model.SameDay(t, d.d.Now()):
		return d.d.Words.Clock(t)
	}
	return d.d.Words.Moment(t)
}

// Facts is what else is known of the message.
func (d *Details) Facts() []Fact {
	if !d.loaded {
		return nil
	}
	m, say := d.known.Message, d.d.Words
	facts := []Fact{{Title: say.Say("talk.fact.written"), Value: say.Moment(m.Written), Copy: m.Written.UTC().Format("2006-01-02T15:04:05.000Z07:00")}}
	if m.Size > 0 {
		facts = append(facts, Fact{Title: say.Say("talk.fact.size"), Value: say.Bytes(uint64(m.Size))})
	}
	facts = append(facts,
		Fact{Title: say.Say("talk.fact.content"), Value: say.Say("talk.fact.signed", "Content", say.Bytes(uint64(d.known.Content)), "Header", say.Bytes(uint64(d.known.Signed)))},
		Fact{Title: say.Say("talk.fact.place"), Value: say.Say("talk.fact.chain", "Seq", say.Number(int(m.Seq)), "Height", say.Number(int(m.Height)))},
		d.digits(say.Say("talk.fact.hash"), m.ID[:]),
	)
	if d.known.Previous != (client.MessageID{}) {
		facts = append(facts, d.digits(say.Say("talk.fact.previous"), d.known.Previous[:]))
	}
	sign := Fact{Title: say.Say("talk.fact.signature"), Value: say.Say("talk.fact.valid"), Good: true, Copy: hex.EncodeToString(d.known.Signature[:])}
	if !d.known.Valid {
		sign.Value, sign.Good, sign.Alarm = say.Say("talk.fact.invalid"), false, true
	}
	return append(facts, sign, d.digits(say.Say("talk.fact.signer"), d.known.Signer[:]))
}

// digits is a fact of which the beginning is shown: "9f2c 51e0 7ab4 c3d8 …".
func (d *Details) digits(title string, b []byte) Fact {
	all := hex.EncodeToString(b)
	return Fact{Title: title, Value: strings.Join([]string{all[:4], all[4:8], all[8:12], all[12:16], "…"}, " "), Copy: all, Mono: true}
}

// Text is what the message says, all of it and as it was written.
func (d *Details) Text() string { return d.known.Message.Text }

// Receipt tells that there is a file that proves custody.
func (d *Details) Receipt() bool { return d.loaded && d.known.Receipt }

// Export hands that file to then, and a name for it.
func (d *Details) Export(then func(name string, file []byte)) {
	d.d.Async.Do(func(ctx context.Context) func() {
		file, err := d.d.Profile.Proof.EvidenceOf(ctx, d.id)
		return func() {
			if d.fail(err); err == nil {
				then("receipt-"+hex.EncodeToString(d.id[:4])+".zms-evidence", file)
			}
		}
	})
}
