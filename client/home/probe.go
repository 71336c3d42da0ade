package home

import (
	"context"
	"time"

	"zeroms/client/score"
	"zeroms/protocol/address"
	"zeroms/protocol/wire"
)

// Probed is what a gateway said to somebody who only looked.
type Probed struct {
	// Took is how long connecting and both hellos took.
	Took   time.Duration
	Limits wire.Limits
	// Descriptor is what it says of itself; nil: nothing that holds.
	Descriptor *address.Descriptor
}

// Probe connects to a gateway, exchanges hellos and leaves, to measure it: it sees
// where the link comes from. Errors: those of the link, or of ctx if that ended, and
// wire.ErrNotServing if guest links are forbidden.
func (p *Pool) Probe(ctx context.Context, t Target) (*Probed, error) {
	began := time.Now()
	q := newPeer(p, t.Hash())
	visiting, cancel := context.WithCancel(ctx)
	defer cancel()
	left, ok := p.visit(t, cancel)
	if !ok {
		return nil, errForbidden
	}
	defer left()
	to := t.Endpoint
	to.Foreign = true
	conn, err := p.cfg.Dialer.Dial(visiting, to)
	if err == nil {
		defer conn.Close()
		s := &session{peer: q, target: t, conn: q.sight(conn, t.Endpoint, false)}
		if err = s.hello(visiting); err == nil {
			took := time.Since(began)
			p.scores.Took(q.hash, score.Connect, took, time.Now())
			return &Probed{Took: took, Limits: s.limits, Descriptor: s.descriptor}, nil
		}
	}
	switch ctx.Err() {
	case context.Canceled:
		return nil, ctx.Err()
	case context.DeadlineExceeded:
		err = wire.ErrLinkClosed.Because("it did not answer in time")
	case nil:
		if visiting.Err() != nil {
			return nil, errForbidden
		}
	}
	err = linkError(err)
	q.blame(err)
	return nil, err
}
