package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// write sends a letter and keeps it for the comparison.
func (s *story) write(ctx context.Context, l letter, wait string) (letter, error) {
	l.to = s.bob
	if l.from == s.bob {
		l.to = s.alice
	}
	s.say("%s writes: %s", l.from.name, excerpt(l.text))
	m, err := l.from.send(ctx, l.text, wait)
	if err != nil {
		return l, err
	}
	l.id = m.ID
	s.mu.Lock()
	defer s.mu.Unlock()
	s.letters = append(s.letters, l)
	return l, nil
}

// ids are the messages that one person has sent so far.
func (s *story) ids(from *person) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for _, l := range s.letters {
		if l.from == from {
			ids = append(ids, l.id)
		}
	}
	return ids
}

// tell waits until everything is delivered and tells the ways that were not
// told yet.
func (s *story) tell(ctx context.Context) error {
	err := runTogether(
		func() error { return s.arrive(ctx, s.alice, s.bob) },
		func() error { return s.arrive(ctx, s.bob, s.alice) },
	)
	if err != nil {
		return err
	}
	ways := s.journeys(s.alice.known(), s.bob.known())
	for _, j := range ways[s.told:] {
		s.say("  %s", j)
	}
	s.told = len(ways)
	return nil
}

// arrive waits until everything from one person has been received, and until
// that person knows.
func (s *story) arrive(ctx context.Context, from, to *person) error {
	ids := s.ids(from)
	if err := to.await(ctx, "received", ids, received); err != nil {
		return err
	}
	return from.await(ctx, "delivered", ids, delivered)
}

// journeys are the ways of all letters, from what both sides know.
func (s *story) journeys(alice, bob map[string]message) []journey {
	names := map[string]string{}
	for _, g := range s.gateways {
		names[g.hash] = g.name
	}
	var out []journey
	for i, l := range s.letters {
		own, other := alice[l.id], bob[l.id]
		if l.from == s.bob {
			own, other = other, own
		}
		holder, ok := names[own.Holder]
		if !ok {
			holder = "?"
		}
		out = append(out, journey{
			n: i + 1, from: l.from.name, to: l.to.name, text: l.text, online: l.online, holder: holder, size: own.Size,
			written: own.Written, submitted: own.Submitted, custody: own.Custody, received: other.Received, delivered: own.Delivered,
		})
	}
	return out
}

// compare holds both histories against each other and against what was sent.
func (s *story) compare(ctx context.Context) error {
	var alice, bob []message
	err := runTogether(
		func() (err error) { alice, err = s.alice.history(ctx); return err },
		func() (err error) { bob, err = s.bob.history(ctx); return err },
	)
	if err != nil {
		return err
	}
	s.print(func(w io.Writer) { table(w, s.journeys(byID(alice), byID(bob))) })
	ours, theirs := transcriptOf(s.alice.name, s.bob.name, alice), transcriptOf(s.bob.name, s.alice.name, bob)
	found := differences(ours, theirs)
	sent := transcript{owner: "the story"}
	for _, l := range s.letters {
		sent.lines = append(sent.lines, line{ID: l.id, From: l.from.name, Kind: "text", Text: l.text})
	}
	for _, author := range []string{s.alice.name, s.bob.name} {
		// The order of what both wrote at the same time is theirs to decide.
		found = append(found, differences(sent.by(author), ours.by(author))...)
	}
	if len(found) > 0 {
		return errors.New("the transcripts differ:\n  " + strings.Join(found, "\n  "))
	}
	s.print(func(w io.Writer) {
		fmt.Fprintf(w, "transcripts agree: %d messages, same order\n", len(ours.lines))
	})
	return nil
}

func byID(history []message) map[string]message {
	out := make(map[string]message, len(history))
	for _, m := range history {
		out[m.ID] = m
	}
	return out
}
