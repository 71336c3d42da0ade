package places

import (
	"context"

	"zeroms/client"
	"zeroms/ui/model"
)

// Health is whether the user can write and be reached at all.
type Health struct {
	// Known tells that it was read; the rest means nothing before.
	Known bool
	// None tells that there is no gateway.
	None bool
	// SetBack tells that the profile is an older copy of itself and sends nothing.
	SetBack bool

	deps    model.Deps
	changed func()
	stop    func()
	reading bool
	again   bool // something changed while it was read
	closed  bool
}

// NewHealth makes a Health and reads it. changed is called with each change, until Close.
func NewHealth(d model.Deps, changed func()) *Health {
	h := &Health{deps: d, changed: changed}
	h.stop = d.Feed.Listen(h.hear)
	h.read()
	return h
}

// Close ends it.
func (h *Health) Close() {
	h.closed = true
	h.stop()
}

func (h *Health) hear(events []client.Event) {
	for _, e := range events {
		switch e.(type) {
		case client.GatewayChanged, client.GatewayRemoved, client.Lagged:
			h.read()
			return
		}
	}
}

// read asks the engine, once for all that changes meanwhile.
func (h *Health) read() {
	if h.again = h.reading; h.reading {
		return
	}
	h.reading = true
	h.deps.Async.Do(func(ctx context.Context) func() {
		s, err := h.deps.Profile.Self.Status(ctx)
		return func() { h.take(s, err) }
	})
}

func (h *Health) take(s client.Status, err error) {
	h.reading = false
	if h.closed {
		return
	}
	none, setBack := len(s.Gateways) == 0, s.SetBack
	if err != nil { // what was known is still the best guess
		none, setBack = h.None, h.SetBack
	}
	if !h.Known || none != h.None || setBack != h.SetBack {
		h.Known, h.None, h.SetBack = true, none, setBack
		h.changed()
	}
	if h.again {
		h.read()
	}
}
