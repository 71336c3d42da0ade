package people

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"zeroms/protocol/card"
)

// Ways is the work: two persons write to a third one in turns, one text at a time,
// and the texts of one of them go through their own home.
type Ways struct {
	// Texts are those of each, 1 or more.
	Texts int
	// Home is the third one's. Entry is part of its network; Lone stands alone, so
	// whose home that is connects to Home itself.
	Home, Entry, Lone card.Address
	// Dir is an existing directory on the disk that counts.
	Dir string
}

// Gone is what Ways measured: how long each text took from Send to the event.
type Gone struct{ Forwarded, Direct []time.Duration }

// wayRest is the pause between two texts: a gateway takes 128 requests a second of
// somebody who has no account there.
const wayRest = 15 * time.Millisecond

// Run makes the three of them and does the work.
func (w Ways) Run(ctx context.Context) (g *Gone, err error) {
	ctx, cancel := context.WithTimeout(ctx, settleTime+time.Duration(w.Texts)*time.Second)
	defer cancel()
	dir, err := os.MkdirTemp(w.Dir, "people-")
	if err != nil {
		return nil, err
	}
	var all []*person
	defer func() {
		for _, p := range all {
			err = errors.Join(err, p.leave())
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	for _, who := range []struct {
		name string
		home card.Address
	}{{"bob", w.Home}, {"alice", w.Entry}, {"ann", w.Lone}} {
		p, err := settle(ctx, Config{Gateway: who.home, Dir: dir}, dir, who.name)
		if err != nil {
			return nil, fmt.Errorf("ways: %w", err)
		}
		all = append(all, p)
	}
	var ways [2]*way
	for i, from := range all[1:] {
		ways[i] = &way{pair: pair{dir: dir, alice: from, bob: all[0]}}
		if err := ways[i].greet(ctx); err != nil {
			return nil, fmt.Errorf("ways: %s: %w", from.name, err)
		}
	}
	for n := range warmUp/5 + w.Texts {
		for i := range ways {
			if err := ways[(n+i)%2].write(ctx, n, n >= warmUp/5); err != nil {
				return nil, fmt.Errorf("ways: %w", err)
			}
		}
	}
	return &Gone{Forwarded: ways[0].took, Direct: ways[1].took}, nil
}

// way is the texts of one person.
type way struct {
	pair
	took []time.Duration
}

// write sends a text and waits until it is shown.
func (w *way) write(ctx context.Context, n int, counts bool) error {
	text := fmt.Sprintf("%s %07d: a line of a talk, as long as most of them are", w.alice.name, n)
	began := time.Now()
	if _, err := w.alice.client.Send(ctx, w.toBob, text); err != nil {
		return err
	}
	if _, err := w.bob.hears(ctx, text); err != nil {
		return err
	}
	if counts {
		w.took = append(w.took, time.Since(began))
	}
	w.alice.drain()
	rest := time.NewTimer(wayRest)
	defer rest.Stop()
	select {
	case <-rest.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// drain takes the events that are there.
func (p *person) drain() {
	for {
		select {
		case _, ok := <-p.events.C:
			if !ok {
				return
			}
		default:
			return
		}
	}
}
