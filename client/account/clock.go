package account

import (
	"slices"
	"time"

	"zeroms/client/home"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// maxClocks bounds the gateways whose clocks are compared.
const maxClocks = 64

// clock is what a gateway's clock showed, and when that was.
type clock struct{ theirs, at time.Time }

// now is what the gateway's clock shows now. It goes by the time that passed and
// not by our clock, which may have been set meanwhile.
func (c clock) now(ours time.Time) time.Time { return c.theirs.Add(ours.Sub(c.at)) }

// less is the gateway's clock less ours.
func (c clock) less(ours time.Time) time.Duration { return c.now(ours).Sub(ours.Round(0)) }

// Greeted notes what a gateway's clock is less our own.
func (a *Account) Greeted(ev home.Greeted) {
	if _, known := a.clocks[ev.Gateway]; !known && len(a.clocks) >= maxClocks {
		for node := range a.clocks {
			if a.homes[node] == nil {
				delete(a.clocks, node)
				break
			}
		}
	}
	now := a.host.Now()
	a.clocks[ev.Gateway] = clock{now.Round(0).Add(ev.Clock), now}
}

// Clock is what the clock of this computer lacks, as the gateways of this run
// see it: their median. sure tells that at least two of them say so, within a
// day of each other, and that they are the most.
func (a *Account) Clock() (lacks time.Duration, sure bool) {
	if len(a.clocks) == 0 {
		return 0, false
	}
	all := make([]time.Duration, 0, len(a.clocks))
	for _, c := range a.clocks {
		all = append(all, c.less(a.host.Now()))
	}
	slices.Sort(all)
	lacks = all[len(all)/2]
	agree := 0
	for _, c := range all {
		if near(c, lacks) {
			agree++
		}
	}
	return lacks, agree >= 2 && 2*agree > len(all)
}

// near reports whether two clocks differ by no more than is tolerated.
func near(x, y time.Duration) bool {
	return uint64(max(x, y))-uint64(min(x, y)) <= uint64(wire.ClockTolerance) // they may be centuries apart
}

// theirs is what a gateway's clock shows now; ours, if it never told.
func (a *Account) theirs(node key.NodePublic) time.Time {
	if c, known := a.clocks[node]; known {
		return c.now(a.host.Now())
	}
	return a.host.Now()
}

// votes counts the other gateways that agree with the clock of one, and those
// that agree with ours.
func (a *Account) votes(node key.NodePublic) (theirs, ours int) {
	now := a.host.Now()
	for other, c := range a.clocks {
		switch less := c.less(now); {
		case other == node:
		case near(less, 0):
			ours++
		case near(less, a.theirs(node).Sub(now.Round(0))):
			theirs++
		}
	}
	return theirs, ours
}

// ruling is what is held of a row without its envelope.
type ruling uint8

const (
	expired  ruling = iota // it is rightly not kept any more
	withheld               // the gateway still owes it
	unsure                 // it depends on whose clock is right
)

// rule decides whether the time is over until which a home has to keep
// something. If the gateway's own clock says that it is not, the envelope is
// withheld; if only ours does, the other gateways decide.
func (a *Account) rule(h *Home, until time.Time) ruling {
	now := a.host.Now()
	switch theirs, ours := a.votes(h.Address.Node); {
	case a.theirs(h.Address.Node).Before(until):
		return withheld
	case !now.Before(until) || theirs > ours:
		return expired
	case ours > theirs:
		return withheld
	}
	return unsure
}

// owed judges a row that lacks its envelope, and until when it was owed.
func (a *Account) owed(h *Home, row *wire.Push) (ruling, time.Time) {
	if len(row.Payload) > 0 || row.Kind != wire.RowEnvelope && row.Kind != wire.RowDoor {
		return expired, time.Time{}
	}
	until := wire.Time(row.Time).Add(h.retention() - wire.ClockTolerance)
	return a.rule(h, until), until
}

// retention is the least for which a home keeps what comes now, or came of late.
func (h *Home) retention() time.Duration {
	announced := time.Duration(min(h.Limits.Retention, uint64(wire.MaxRetention/time.Second))) * time.Second
	if h.Home.Retention > 0 {
		return min(announced, h.Home.Retention)
	}
	return announced
}

// noteRetention remembers the least retention that was announced within the
// longest one: what came under it may be gone by it.
func (h *Home) noteRetention(now time.Time) {
	announced := time.Duration(min(h.Limits.Retention, uint64(wire.MaxRetention/time.Second))) * time.Second
	if h.Home.Retention == 0 || announced <= h.Home.Retention || now.Sub(h.Announced) > wire.MaxRetention {
		h.Home.Retention, h.Announced = announced, now
	}
}

// hold is where acknowledging stops, at a row whose envelope may be withheld or
// not, depending on whose clock is right.
type hold struct {
	behind mark
	until  time.Time
}

// keep holds acknowledgements back before a row. Rows behind it are shown; only
// the gateway isn't told of them.
func (h *Home) keep(behind mark, until time.Time) {
	if h.held == nil {
		h.held = &hold{behind: behind, until: until}
	}
	if until.After(h.held.until) {
		h.held.until = until
	}
}

// ready is how far a home may be told that its rows are here.
func (a *Account) ready(h *Home) mark {
	if h.held == nil {
		return mark{h.Position, h.R}
	}
	switch a.rule(h, h.held.until) {
	case expired:
		h.held = nil
		return mark{h.Position, h.R}
	case withheld:
		behind := h.held.behind
		a.distrust(h, problemWithheld)
		return behind
	}
	return h.held.behind
}

// clockProblem says which clock is wrong, if the home's and ours differ by more
// than a day; empty: none.
func (a *Account) clockProblem(h *Home) string {
	c, known := a.clocks[h.Address.Node]
	if !known || near(c.less(a.host.Now()), 0) {
		return ""
	}
	if theirs, ours := a.votes(h.Address.Node); ours > theirs {
		return "the gateway's clock is wrong by more than a day; tell its operator, or use another one"
	}
	return wire.ErrClock.Error()
}
