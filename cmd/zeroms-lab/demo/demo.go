// Package demo plays a conversation of two people on this machine with the real
// programs: five zeroms-gateway processes that find each other, and for each person
// a zms that stays and further ones that talk to it. It knows of them what their command lines
// and JSON rows say (docs/cli.md), and nothing of their insides.
//
// The story: the gateways form a network; both people take two homes in it each,
// exchange cards that name no gateway, as pictures, find each other, and talk. One
// goes away, and the gateway that keeps what is sent to them meanwhile is killed and
// started again; then, with both online, a home of the other is killed in the middle
// of the conversation, and one is drained. Every message's way is printed with the times that both sides
// recorded, and in the end both transcripts are compared with each other and
// with what was sent.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"zeroms/cmd/zeroms-lab/child"
)

// Config is what a demo needs.
type Config struct {
	// Zms and Gateway are the paths of the programs zms and zeroms-gateway.
	Zms, Gateway string
	// Keep leaves the directory with everything that was written in place.
	Keep bool
	// Out takes the story.
	Out io.Writer
}

// Run plays the demo. Error: the step that failed, what the two transcripts
// differ in, or that ctx ended. However it returns, no child is left running.
func Run(ctx context.Context, c Config) (err error) {
	s, err := newStage(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	t := &story{stage: s}
	for _, name := range []string{"north", "east", "south", "west", "hub"} {
		t.gateways = append(t.gateways, s.gateway(name))
	}
	t.alice, t.bob = s.person("Alice", t.gateways[0], t.gateways[1]), s.person("Bob", t.gateways[2], t.gateways[3])
	return t.play(ctx)
}

// letter is a message that was sent.
type letter struct {
	id       string
	from, to *person
	text     string
	online   bool
}

// story is the cast, and what was sent so far.
type story struct {
	*stage
	gateways   []*gateway
	alice, bob *person
	letters    []letter
	told       int // letters whose way was told
}

func (s *story) play(ctx context.Context) error {
	return s.perform(ctx, []step{
		{"start five gateways that find each other", 40 * time.Second, s.startGateways},
		{"make two people with two home gateways each", 30 * time.Second, s.startPeople},
		{"exchange cards without gateways as pictures", 30 * time.Second, s.exchangeCards},
		{"talk with both online", 30 * time.Second, s.talk},
		{"send a letter of 10,000 bytes", 20 * time.Second, s.sendLong},
		{"write at the same time", 30 * time.Second, s.writeTogether},
		{"write to Bob, who is away", 20 * time.Second, s.writeToAway},
		{"kill the gateway that keeps Bob's messages, and start it again", 40 * time.Second, s.killKeeper},
		{"come back and get the messages", 30 * time.Second, s.comeBack},
		{"kill a home of Alice's in the middle", 60 * time.Second, s.killHome},
		{"drain a home of Alice's", 60 * time.Second, s.drainHome},
		{"compare the transcripts", 20 * time.Second, s.compare},
		{"end everything in order", 20 * time.Second, s.endInOrder},
	})
}

func (s *story) startGateways(ctx context.Context) error {
	first := s.gateways[0]
	if err := first.start(ctx); err != nil {
		return err
	}
	var rest []func() error
	for _, g := range s.gateways[1:] {
		g.join = first
		rest = append(rest, func() error { return g.start(ctx) })
	}
	if err := runTogether(rest...); err != nil {
		return err
	}
	began := time.Now()
	for _, g := range s.gateways {
		if err := g.meet(ctx, len(s.gateways)-1); err != nil {
			return err
		}
		s.say("Gateway %s runs at %s (process %d) and knows the other %d.", g.name, g.listen, g.process.PID(), len(s.gateways)-1)
	}
	s.say("All know each other %d ms after the last one was ready; only %s was named to them.", time.Since(began).Milliseconds(), first.name)
	return nil
}

func (s *story) startPeople(ctx context.Context) error {
	err := runTogether(
		func() error { return s.alice.settle(ctx) },
		func() error { return s.bob.settle(ctx) },
	)
	if err != nil {
		return err
	}
	for _, p := range []*person{s.alice, s.bob} {
		s.say("%s has a profile, is online (process %d), and is at home at the gateways %s and %s.", p.name, p.listener.PID(), p.homes[0].name, p.homes[1].name)
	}
	return nil
}

func (s *story) exchangeCards(ctx context.Context) error {
	for _, p := range []*person{s.alice, s.bob} {
		if err := p.bareCard(); err != nil {
			return err
		}
	}
	s.say("They exchange their cards as PNG pictures; the QR codes name no gateway.")
	for _, pair := range [][2]*person{{s.alice, s.bob}, {s.bob, s.alice}} {
		took, at, err := pair[0].lookUp(ctx, pair[1])
		if err != nil {
			return err
		}
		s.say("%s looks %s up by the card: found at %d gateways in %.1f ms.", pair[0].name, pair[1].name, at, took)
	}
	err := runTogether(
		func() error { return s.alice.meet(ctx, s.bob) },
		func() error { return s.bob.meet(ctx, s.alice) },
	)
	if err != nil {
		return err
	}
	ours, err := s.alice.safetyNumber(ctx)
	if err != nil {
		return err
	}
	theirs, err := s.bob.safetyNumber(ctx)
	if err != nil {
		return err
	}
	if ours != theirs || ours == "" {
		return fmt.Errorf("the safety numbers differ: %q and %q", ours, theirs)
	}
	s.say("Both see the same safety number: %s.", ours)
	return nil
}

func (s *story) talk(ctx context.Context) error {
	for _, l := range []letter{
		{from: s.alice, text: "Hello Bob, it's Alice. I have read your card."},
		{from: s.bob, text: "Hi Alice! And I yours: now we can talk."},
		{from: s.alice, text: "你好，Bob！我们也可以用中文聊天吗？"},
		{from: s.bob, text: "当然可以。网关只看到密封的信封。🔒"},
		{from: s.alice, text: "How long does it take to reach you?"},
		{from: s.bob, text: "See for yourself, below."},
	} {
		l.online = true
		if err := s.converse(ctx, l); err != nil {
			return err
		}
	}
	return s.tell(ctx)
}

// converse sends a letter and waits until it is in custody and at the other side.
func (s *story) converse(ctx context.Context, l letter) error {
	l, err := s.write(ctx, l, "custody")
	if err != nil {
		return err
	}
	return l.to.await(ctx, "received", []string{l.id}, received)
}

func (s *story) sendLong(ctx context.Context) error {
	const size = 10_000
	var b strings.Builder
	for n := 1; b.Len() < size; n++ {
		fmt.Fprintf(&b, "This is line %d of a long letter. ", n)
	}
	if err := s.converse(ctx, letter{from: s.alice, text: b.String()[:size], online: true}); err != nil {
		return err
	}
	if err := s.converse(ctx, letter{from: s.bob, text: "That was long, and came in one piece.", online: true}); err != nil {
		return err
	}
	return s.tell(ctx)
}

func (s *story) writeTogether(ctx context.Context) error {
	s.say("Now both write at the same time.")
	series := func(from *person, words ...string) func() error {
		return func() error {
			for _, text := range words {
				if _, err := s.write(ctx, letter{from: from, text: text, online: true}, ""); err != nil {
					return err
				}
			}
			return nil
		}
	}
	err := runTogether(
		series(s.alice, "One, from Alice.", "Two, from Alice.", "三，来自 Alice。"),
		series(s.bob, "One, from Bob.", "Two, from Bob.", "三，来自 Bob。"),
	)
	if err != nil {
		return err
	}
	return s.tell(ctx)
}

func (s *story) writeToAway(ctx context.Context) error {
	if err := s.bob.listener.Stop(); err != nil {
		return err
	}
	s.say("Bob goes away: his zms has ended.")
	for _, text := range []string{"Bob, are you there?", "你不在的时候，信会替你收好。", "I'll leave you another one."} {
		if _, err := s.write(ctx, letter{from: s.alice, text: text}, "custody"); err != nil {
			return err
		}
	}
	s.say("Gateway %s has custody of them, and Bob is still away.", s.keeper(s.alice).name)
	return nil
}

// keeper is the gateway that took custody of somebody's newest letter.
func (s *story) keeper(from *person) *gateway {
	ids := s.ids(from)
	holder := from.known()[ids[len(ids)-1]].Holder
	for _, g := range s.gateways {
		if g.hash == holder {
			return g
		}
	}
	return from.homes[0] // not in custody yet
}

// killKeeper kills the gateway that has messages for Bob, has further ones
// written meanwhile, which go to his other home, and starts it again.
func (s *story) killKeeper(ctx context.Context) error {
	keeper := s.keeper(s.alice)
	if err := keeper.process.Kill(); err != nil {
		return err
	}
	s.say("Gateway %s is killed with -9. Alice goes on writing to Bob.", keeper.name)
	for _, text := range []string{"One of your gateways is down. This goes to the other.", "这一条也去另一个网关。"} {
		began := time.Now()
		if _, err := s.write(ctx, letter{from: s.alice, text: text}, "custody"); err != nil {
			return err
		}
		s.say("Gateway %s has custody of it after %d ms.", s.keeper(s.alice).name, time.Since(began).Milliseconds())
	}
	if s.keeper(s.alice) == keeper {
		return errors.New("a gateway that is down has custody")
	}
	if err := keeper.start(ctx); err != nil {
		return err
	}
	s.say("Gateway %s runs again, on the same port and data (process %d).", keeper.name, keeper.process.PID())
	return nil
}

func (s *story) comeBack(ctx context.Context) error {
	if err := s.bob.comeOnline(ctx); err != nil {
		return err
	}
	s.say("Bob comes back (process %d).", s.bob.listener.PID())
	if err := s.bob.await(ctx, "received", s.ids(s.alice), received); err != nil {
		return err
	}
	s.say("Bob has everything that Alice wrote meanwhile.")
	if err := s.converse(ctx, letter{from: s.bob, text: "I'm back, and all your messages are here.", online: true}); err != nil {
		return err
	}
	return s.tell(ctx)
}

// killHome kills, with both online, the home of Alice's that Bob writes to: what he
// writes goes to her other one.
func (s *story) killHome(ctx context.Context) error {
	if err := s.converse(ctx, letter{from: s.bob, text: "Which of your gateways do I write to?", online: true}); err != nil {
		return err
	}
	if err := s.tell(ctx); err != nil {
		return err
	}
	down := s.keeper(s.bob)
	if err := down.process.Kill(); err != nil {
		return err
	}
	s.say("Gateway %s is killed with -9, with both online.", down.name)
	began := time.Now()
	if err := s.converse(ctx, letter{from: s.bob, text: "Alice, one of your gateways is down."}); err != nil {
		return err
	}
	s.say("Alice has it after %d ms, by gateway %s.", time.Since(began).Milliseconds(), s.keeper(s.bob).name)
	if err := s.converse(ctx, letter{from: s.alice, text: "And I can still write to you."}); err != nil {
		return err
	}
	if err := down.start(ctx); err != nil {
		return err
	}
	s.say("Gateway %s runs again, on the same port and data (process %d).", down.name, down.process.PID())
	return s.tell(ctx)
}

// drainHome has Alice leave one of her homes: Bob is sent to the other one, and
// nothing is lost.
func (s *story) drainHome(ctx context.Context) error {
	leaving := s.keeper(s.bob)
	ends, err := s.alice.drain(ctx, leaving)
	if err != nil {
		return err
	}
	s.say("Alice drains gateway %s: it is read until %s, and nobody is sent there any more.", leaving.name, ends.Format(time.DateOnly))
	for n := 1; ; n++ {
		if err := s.converse(ctx, letter{from: s.bob, text: fmt.Sprintf("Where does this one go? (%d)", n), online: true}); err != nil {
			return err
		}
		if err := s.tell(ctx); err != nil {
			return err
		}
		if at := s.keeper(s.bob); at != leaving {
			s.say("Bob has learnt of it from Alice herself: what he writes goes to gateway %s.", at.name)
			break
		}
		if n == 20 {
			return fmt.Errorf("gateway %s is drained, and Bob still writes to it", leaving.name)
		}
	}
	if err := s.converse(ctx, letter{from: s.alice, text: "Everything is here. 再见！", online: true}); err != nil {
		return err
	}
	return s.tell(ctx)
}

func (s *story) endInOrder(context.Context) error {
	all := []*child.Child{s.alice.listener, s.bob.listener}
	for _, g := range s.gateways {
		all = append(all, g.process)
	}
	for _, p := range all {
		if err := p.Stop(); err != nil {
			return err
		}
	}
	s.say("Everybody has gone home.")
	return nil
}
