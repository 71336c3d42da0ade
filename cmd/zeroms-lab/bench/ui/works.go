package ui

import (
	"context"
	"fmt"
	"math"
	"time"

	"zeroms/cmd/zeroms-lab/appdrive"
)

// Names of the app's controls.
const (
	idComposer = "composer.text"
	idSend     = "composer.send"
)

func row(n int) string { return fmt.Sprintf("list.row.%d", n) }

// rowsUsed is how many conversations at the top of the list are opened in turn.
const rowsUsed = 8

// opening clicks conversations, one after the other.
func (b *bench) opening(ctx context.Context) error {
	for n := range b.rounds {
		err := b.during(ctx, "open", 1, func() error { return b.app.Click(ctx, row(n%min(rowsUsed, b.crowd.Conversations))) })
		if err != nil {
			return err
		}
	}
	return b.shot(ctx, "open")
}

// typed is what is typed into the composer, and taken back.
const typed = "The quick brown fox jumps over the lazy dog, and writes about it."

// typing types into the composer of a long conversation.
func (b *bench) typing(ctx context.Context) error {
	if err := b.longest(ctx); err != nil {
		return err
	}
	if err := b.app.Click(ctx, idComposer); err != nil {
		return err
	}
	err := b.during(ctx, "key", len(typed)*9/10, func() error { return b.app.TypeSlowly(ctx, typed, 60*time.Millisecond) })
	if err != nil {
		return err
	}
	if err := b.shot(ctx, "typed"); err != nil {
		return err
	}
	if err := b.app.Key(ctx, "ctrl+a"); err != nil {
		return err
	}
	return b.app.Key(ctx, "BackSpace")
}

// longest opens the longest conversation, which stands below the partner's, who
// wrote last.
func (b *bench) longest(ctx context.Context) error {
	return b.app.Lead(ctx, row(1), idComposer)
}

// middle is a place over the messages.
const (
	middleX = 320 + (width-320)/2
	middleY = height / 2
)

// scrolling turns the wheel, up for a long while and down again.
func (b *bench) scrolling(ctx context.Context) error {
	const turns = 120
	return b.during(ctx, "scroll", turns, func() error {
		for _, n := range []int{-turns, turns} {
			if err := b.app.Wheel(ctx, middleX, middleY, n, 40*time.Millisecond); err != nil {
				return err
			}
		}
		return nil
	})
}

// The track of the messages' scroll bar.
const (
	barX      = width - 6
	barTop    = 80
	barBottom = height - 100
)

// jumping clicks places of the scroll bar, far from each other.
func (b *bench) jumping(ctx context.Context) error {
	const stride = 0.618 // of the track: no two places are near each other
	for n := range b.rounds {
		_, part := math.Modf(float64(n+1) * stride)
		y := barTop + int(part*(barBottom-barTop))
		if err := b.during(ctx, "jump", 1, func() error { return b.app.ClickAt(ctx, barX, y) }); err != nil {
			return err
		}
	}
	return b.shot(ctx, "jump")
}

// sending writes to the partner, whose conversation is the newest.
func (b *bench) sending(ctx context.Context) error {
	if err := b.app.Lead(ctx, row(0), idComposer); err != nil {
		return err
	}
	for n := range b.rounds {
		if err := b.app.Click(ctx, idComposer); err != nil {
			return err
		}
		if err := b.app.Type(ctx, fmt.Sprintf("Number %d", n+1)); err != nil {
			return err
		}
		if err := b.during(ctx, "send", 1, func() error { return b.app.Click(ctx, idSend) }); err != nil {
			return err
		}
	}
	if err := b.shot(ctx, "send"); err != nil {
		return err
	}
	if err := b.arrived(ctx); err != nil {
		return err
	}
	lines, err := b.user.HistoryOf(ctx, partner)
	for _, m := range lines[max(0, len(lines)-b.rounds):] {
		if !m.Custody.IsZero() {
			b.add("custody", float64(m.Custody.Sub(m.Written).Microseconds())/1000)
		}
	}
	return err
}

// arrived checks that the partner gets everything that was sent.
func (b *bench) arrived(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	last := fmt.Sprintf("Number %d", b.rounds)
	for {
		lines, err := b.other.HistoryOf(ctx, owner)
		if err != nil {
			return err
		}
		if n := len(lines); n > 0 && lines[n-1].Text == last {
			return nil
		}
		if err := appdrive.Pause(ctx, 200*time.Millisecond); err != nil {
			return fmt.Errorf("the partner does not get %q: %w", last, err)
		}
	}
}
