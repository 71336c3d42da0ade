package delivery

import (
	"cmp"
	"slices"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/message"
)

// Devices are the devices of a person that may be asked, but this one.
type Devices func(key.IdentityPublic) []key.DeviceID

// Due returns the NACKs that leave now, one at most for two people. What
// nobody can be asked for waits AskMax.
func (r *Repair) Due(now time.Time, t RepairTiming, devices Devices) []Ask {
	if now.Before(r.floor(t)) {
		return nil
	}
	due := r.due(now, t, devices)
	if len(due) == 0 {
		return nil
	}
	r.counts.Asks++
	a := Ask{ID: r.counts.Asks, To: due[0].to, Reason: due[0].from.reason}
	room := uint64(message.MaxWanted)
	n := 0
	for _, d := range due {
		if d.to != a.To || d.from.reason != a.Reason || n == message.MaxWants || room == 0 {
			continue
		}
		part := d.part
		if size := count(part); size > room { // the newest of them first
			part.From = part.To - uint32(room) + 1
		}
		room, n = room-count(part), n+1
		r.change(d.from, []message.Range{part}, func(p *piece) { p.note(a, now, t) })
		a.Wants = append(a.Wants, message.Want{Device: d.from.from.Device, From: part.From, To: part.To})
	}
	a.Wants = joinWants(a.Wants)
	r.last = now
	r.quiet++
	return []Ask{a}
}

// note notes that the piece is asked for.
func (p *piece) note(a Ask, now time.Time, t RepairTiming) {
	p.asked++
	p.vain++
	p.ask, p.to, p.taken = a.ID, a.To.Device, false
	p.last, p.later = now, time.Time{}
	p.next = now.Add(pause(p.vain, t.AskMin, t.AskMax))
}

// wanted is a piece that is due, and whom it is to be had from.
type wanted struct {
	from origin
	part message.Range
	to   message.Party
	vain uint32
	next time.Time
}

// due returns the pieces that may be asked for, those first that were asked
// for in vain least often.
func (r *Repair) due(now time.Time, t RepairTiming, devices Devices) (due []wanted) {
	for _, from := range r.origins() {
		pieces := r.chains[from]
		var list []key.DeviceID
		for i := range pieces {
			p := &pieces[i]
			if p.next.After(now) {
				continue
			}
			if list == nil {
				list = slices.Clone(devices(from.from.User))
				slices.SortFunc(list, byDevice)
			}
			to, ok := whom(list, from.from.Device, p.vain)
			if !ok {
				p.next = now.Add(t.AskMax)
				continue
			}
			due = append(due, wanted{from, p.Range, message.Party{User: from.from.User, Device: to}, p.vain, p.next})
		}
	}
	slices.SortStableFunc(due, func(a, b wanted) int {
		return cmp.Or(cmp.Compare(a.vain, b.vain), a.next.Compare(b.next))
	})
	return due
}

// whom picks the device to ask: the writer SiblingsAfter times, then its
// siblings and itself in turn.
func whom(list []key.DeviceID, writer key.DeviceID, vain uint32) (to key.DeviceID, ok bool) {
	listed := slices.Contains(list, writer)
	siblings := slices.DeleteFunc(slices.Clone(list), func(d key.DeviceID) bool { return d == writer })
	switch {
	case listed && (vain < SiblingsAfter || len(siblings) == 0):
		return writer, true
	case listed:
		turn := append(siblings, writer)
		return turn[int(vain-SiblingsAfter)%len(turn)], true
	case len(siblings) > 0:
		return siblings[int(vain)%len(siblings)], true
	}
	return to, false
}

// floor is when the conversation's next NACK may leave.
func (r *Repair) floor(t RepairTiming) time.Time {
	return r.last.Add(pause(max(r.quiet, 1), t.AskMin, t.AskMax))
}

// Taken notes that a NACK is in a gateway's custody.
func (r *Repair) Taken(id uint64, now time.Time) {
	for from, pieces := range r.chains {
		for i := range pieces {
			p := &pieces[i]
			if p.ask != id || p.taken || id == 0 {
				continue
			}
			p.taken = true
			if p.to == from.from.Device {
				if p.held++; p.held == UnansweredAfter {
					p.heldAt, p.alive = now, time.Time{}
				}
			}
		}
	}
}

// Missed notes that a NACK could not be brought to any gateway: nobody was
// asked in vain.
func (r *Repair) Missed(id uint64) {
	for _, pieces := range r.chains {
		for i := range pieces {
			if p := &pieces[i]; p.ask == id && !p.taken && id != 0 && p.vain > 0 {
				p.vain, p.ask = p.vain-1, 0
			}
		}
	}
}

// Hurry ends the pauses: the network is back.
func (r *Repair) Hurry(now time.Time) {
	r.quiet = 0
	for _, pieces := range r.chains {
		for i := range pieces {
			if p := &pieces[i]; p.asked > 0 && !p.taken && p.later.IsZero() && p.next.After(now) {
				p.next = now
			}
		}
	}
}

// Heard notes that something of a device was opened.
func (r *Repair) Heard(from message.Party, now time.Time) {
	for _, reason := range []message.Reason{message.ReasonMissing, message.ReasonBody} {
		pieces := r.chains[origin{from, reason}]
		for i := range pieces {
			if p := &pieces[i]; p.held >= UnansweredAfter && p.alive.IsZero() {
				p.alive = now
			}
		}
	}
}

// Unanswered returns the devices that two NACKs in custody brought nothing
// from, not even a LATER, though they live or had long enough: the session
// with them is broken. Each is returned once, until something comes of what
// is missing or Renewed is called.
func (r *Repair) Unanswered(now time.Time, t RepairTiming) (out []message.Party) {
	for _, from := range r.origins() {
		broken := false
		for i, pieces := 0, r.chains[from]; i < len(pieces); i++ {
			p := &pieces[i]
			if at, waits := p.verdict(t); waits && !at.After(now) && from.reason == message.ReasonMissing {
				p.told, broken = true, true
			}
		}
		if broken {
			out = append(out, from.from)
		}
	}
	return out
}

// verdict is when the writer of the piece counts as not answering.
func (p *piece) verdict(t RepairTiming) (at time.Time, waits bool) {
	if p.held < UnansweredAfter || p.told {
		return at, false
	}
	at = p.heldAt.Add(t.Silence)
	if alive := p.alive.Add(t.AnswerWait); !p.alive.IsZero() && alive.Before(at) {
		at = alive
	}
	return at, true
}

// Renewed notes a new session with a device: what it was asked for in vain is
// asked for anew, AskMin from now.
func (r *Repair) Renewed(with message.Party, now time.Time, t RepairTiming) {
	for from, pieces := range r.chains {
		for i := range pieces {
			p := &pieces[i]
			wrote, asked := from.from == with, from.from.User == with.User && p.to == with.Device
			if p.asked > 0 && (wrote || asked) && p.later.IsZero() {
				p.renew()
				p.next = now.Add(t.AskMin)
			}
		}
	}
	r.quiet = 0
}
