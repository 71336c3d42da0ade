package account

import (
	"slices"
	"time"

	"zeroms/protocol/key"
)

const (
	// drainGrace is for how long a drained home is read once every contact has
	// acknowledged the other gateways: what they had on its way comes.
	drainGrace = 24 * time.Hour
	// drainMost is for how long a home is drained at most: whoever was away for so
	// long finds the others by the address record.
	drainMost = 37 * 24 * time.Hour
)

// receiving are the homes where contacts are sent, in the order of their addition.
func (a *Account) receiving() []*Home {
	return slices.DeleteFunc(a.Homes(), func(h *Home) bool { return !h.Draining.IsZero() })
}

// Drain has nobody sent to a home any more. What comes there is read until its
// end: a day after every contact has acknowledged the other gateways, 37 days at
// most. Errors: ErrNoHome, ErrLast.
func (a *Account) Drain(node key.NodePublic) (*Home, error) {
	h := a.homes[node]
	switch {
	case h == nil:
		return nil, ErrNoHome
	case !h.Draining.IsZero():
		return h, nil
	case len(a.receiving()) == 1:
		return nil, ErrLast
	}
	h.Draining, h.Ends, h.dirty = a.host.Now(), time.Time{}, true
	for _, each := range a.Homes() {
		a.publish(each)
	}
	a.host.Changed(h)
	return h, nil
}

// undrain makes a home receive again.
func (a *Account) undrain(h *Home) {
	if !h.Draining.IsZero() {
		h.Draining, h.Ends, h.dirty = time.Time{}, time.Time{}, true
	}
}

// Drained moves drained homes on, told being whether every contact has
// acknowledged where else the user receives: it returns those whose end has come,
// and when to look again.
func (a *Account) Drained(told bool) (over []key.NodePublic, next time.Time) {
	now := a.host.Now()
	for _, h := range a.Homes() {
		if h.Draining.IsZero() {
			continue
		}
		ends := h.Draining.Add(drainMost)
		if told && now.Add(drainGrace).Before(ends) {
			ends = now.Add(drainGrace)
		}
		switch {
		case h.Ends.IsZero() || !told && h.Ends.Before(ends):
			// A contact who was not counted yet has to be told first.
			h.Ends, h.dirty = ends, true
			a.host.Changed(h)
		case told && ends.Before(h.Ends):
			h.Ends, h.dirty = ends, true
			a.host.Changed(h)
		}
		if !now.Before(h.Ends) {
			over = append(over, h.Address.Node)
		} else if next.IsZero() || h.Ends.Before(next) {
			next = h.Ends
		}
	}
	return over, next
}
