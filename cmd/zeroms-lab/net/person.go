package netlab

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"zeroms/client"
	"zeroms/protocol/card"
	"zeroms/protocol/link"
	"zeroms/store/chat"
)

// person is somebody with a profile on disk and a client that runs on it.
type person struct {
	// static
	number int
	homes  []int // numbers of gateways
	ledger *ledger

	db      *chat.DB
	client  *client.Client
	events  *client.Subscription
	friends map[int]client.ContactID // by their number
	stop    context.CancelFunc
	ended   chan error
}

// newPerson makes a profile in a directory and lets a client run on it.
func (n *network) newPerson(ctx context.Context, number int, homes []int) (*person, error) {
	p := &person{number: number, homes: homes, ledger: n.ledger, friends: map[int]client.ContactID{}}
	dir := filepath.Join(n.dir, fmt.Sprintf("person-%d", number))
	db, err := chat.Create(ctx, dir, chat.NoPassphrase())
	if err != nil {
		return nil, p.because(err)
	}
	p.db = db
	dialer, err := link.NewDialer(link.Config{})
	if err == nil {
		err = client.Create(ctx, db, p.name(), time.Now())
	}
	if err != nil {
		return nil, p.because(errors.Join(err, db.Close()))
	}
	p.client = client.New(client.Config{Store: db, Dialer: dialer, Log: slog.New(slog.DiscardHandler)})
	p.events = p.client.Subscribe()
	p.run(ctx)
	if err := p.client.Ready(ctx); err != nil {
		return nil, p.because(errors.Join(err, p.leave()))
	}
	return p, nil
}

// run lets the client run and its events be read until leave.
func (p *person) run(ctx context.Context) {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	p.stop, p.ended = stop, make(chan error, 1)
	go func() { p.ended <- p.client.Run(running) }()
	go p.loopEvents()
}

// loopEvents notes what happens to messages.
func (p *person) loopEvents() {
	for ev := range p.events.C {
		now := time.Now()
		switch ev := ev.(type) {
		case client.MessageAdded:
			if !ev.Message.Outgoing {
				p.ledger.received(p.number, &ev.Message, now)
			}
		case client.MessageChanged:
			if ev.Message.Outgoing {
				p.ledger.changed(&ev.Message, now)
			}
		case client.Lagged:
			p.ledger.lagged()
		}
	}
}

// leave ends the client and closes the profile.
func (p *person) leave() error {
	p.stop()
	return p.because(errors.Join(<-p.ended, p.db.Close()))
}

func (p *person) name() string { return fmt.Sprintf("person %d", p.number) }

func (p *person) because(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", p.name(), err)
}

// settle takes the homes, and waits until they are up.
func (p *person) settle(ctx context.Context, gateways []*gateway) error {
	for _, n := range p.homes {
		_, address := gateways[n].whereabouts()
		if _, err := p.client.AddGateway(ctx, address); err != nil {
			return p.because(fmt.Errorf("gateway %d: %w", n, err))
		}
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		homes, err := p.client.Gateways(ctx)
		if err != nil {
			return p.because(err)
		}
		up := 0
		for _, g := range homes {
			if g.Up {
				up++
			}
		}
		if up == len(p.homes) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return p.because(fmt.Errorf("%d of %d homes are up: %w", up, len(p.homes), context.Cause(ctx)))
		}
	}
}

// moves drains the last home and takes a gateway that is none yet. Those who know this
// person learn of it while they write.
func (p *person) moves(ctx context.Context, gateways []*gateway) error {
	_, old := gateways[p.homes[len(p.homes)-1]].whereabouts()
	if _, err := p.client.DrainGateway(ctx, old.Node); err != nil {
		return p.because(fmt.Errorf("draining a home: %w", err))
	}
	for step := 1; step < len(gateways); step++ {
		number := (p.homes[0] + step) % len(gateways)
		if slices.Contains(p.homes, number) {
			continue
		}
		_, address := gateways[number].whereabouts()
		if _, err := p.client.AddGateway(ctx, address); err != nil {
			return p.because(fmt.Errorf("another home: %w", err))
		}
		p.homes = append(p.homes, number)
		return nil
	}
	return nil
}

// announced is how many homes are drained of which every contact knows: those end in a
// day, others in weeks.
func (p *person) announced(ctx context.Context) (n int, err error) {
	homes, err := p.client.Gateways(ctx)
	for _, g := range homes {
		if !g.Draining.IsZero() && time.Until(g.Ends) < 48*time.Hour {
			n++
		}
	}
	return n, p.because(err)
}

// meets reads the card of somebody else, which names their gateways or none.
func (p *person) meets(ctx context.Context, other *person, named bool) error {
	given, err := other.client.Card(ctx)
	if err != nil {
		return other.because(err)
	}
	text := given.Bare
	if named {
		text = given.Text
	}
	read, err := card.Parse(text)
	if err != nil {
		return other.because(err)
	}
	contact, err := p.client.Add(ctx, read, other.name())
	if err != nil {
		return p.because(err)
	}
	p.friends[other.number] = contact.ID
	return nil
}

// writes sends a letter.
func (p *person) writes(ctx context.Context, to int, size int) error {
	id := p.ledger.written(p.number, to)
	text := id.text()
	if len(text) < size {
		text += " " + strings.Repeat("lorem ", size/6)[:size-len(text)]
	}
	_, err := p.client.Send(ctx, p.friends[to], text)
	if err != nil {
		p.ledger.notSent(id)
		if ctx.Err() == nil {
			return p.because(fmt.Errorf("%s: %w", id.text(), err))
		}
	}
	return nil
}

// transcript is what a person has of somebody else's letters, in the order in which it
// is shown, and how many of the own letters to them have failed for good.
func (p *person) transcript(ctx context.Context, other int) (letters []letterID, failed int, err error) {
	const page = 500
	before, more := uint32(client.Top), true
	for more {
		var lines []client.Message
		if lines, before, more, err = p.client.History(ctx, p.friends[other], before, page); err != nil {
			return nil, 0, p.because(err)
		}
		var part []letterID
		for _, m := range lines {
			id, ok := parseLetter(m.Text)
			switch {
			case ok && !m.Outgoing:
				part = append(part, id)
			case ok && (m.State == client.Failed || m.State == client.NotDelivered):
				failed++
			}
		}
		letters = append(part, letters...)
	}
	return letters, failed, nil
}
