// Package demo plays a conversation of two people on this machine with the real
// programs: two zeroms-gateway processes, and for each person a zms that stays
// and further ones that talk to it. It knows of them what their command lines
// and JSON rows say (docs/cli.md), and nothing of their insides.
//
// The story: both make profiles with different home gateways, exchange cards as
// pictures, and talk; one goes away, and the gateway that keeps what is sent to
// them meanwhile is killed and started again; then, with both online, the other
// gateway is. Every message's way is printed with the times that both sides
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
	north, south := s.gateway("north"), s.gateway("south")
	return (&story{stage: s, north: north, south: south, alice: s.person("Alice", north), bob: s.person("Bob", south)}).play(ctx)
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
	north, south *gateway
	alice, bob   *person
	letters      []letter
	told         int // letters whose way was told
}

func (s *story) play(ctx context.Context) error {
	return s.perform(ctx, []step{
		{"start two gateways", 15 * time.Second, s.startGateways},
		{"make two people with their home gateways", 20 * time.Second, s.startPeople},
		{"exchange cards as pictures", 20 * time.Second, s.exchangeCards},
		{"talk with both online", 30 * time.Second, s.talk},
		{"send a letter of 10,000 bytes", 20 * time.Second, s.sendLong},
		{"write at the same time", 30 * time.Second, s.writeTogether},
		{"write to Bob, who is away", 20 * time.Second, s.writeToAway},
		{"kill the gateway that keeps Bob's messages, and start it again", 30 * time.Second, s.killSouth},
		{"come back and get the messages", 30 * time.Second, s.comeBack},
		{"kill Alice's gateway with both online, and start it again", 40 * time.Second, s.killNorth},
		{"compare the transcripts", 20 * time.Second, s.compare},
		{"end everything in order", 20 * time.Second, s.endInOrder},
	})
}

func (s *story) startGateways(ctx context.Context) error {
	err := runTogether(
		func() error { return s.north.start(ctx) },
		func() error { return s.south.start(ctx) },
	)
	if err != nil {
		return err
	}
	for _, g := range []*gateway{s.north, s.south} {
		s.say("Gateway %s runs at %s (process %d).", g.name, g.listen, g.process.pid())
	}
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
		s.say("%s has a profile, is online (process %d), and is at home at gateway %s.", p.name, p.listener.pid(), p.home.name)
	}
	return nil
}

func (s *story) exchangeCards(ctx context.Context) error {
	err := runTogether(
		func() error { return s.alice.meet(ctx, s.bob) },
		func() error { return s.bob.meet(ctx, s.alice) },
	)
	if err != nil {
		return err
	}
	s.say("They exchange their cards as PNG pictures; each reads the QR code of the other.")
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
	if err := s.bob.listener.stop(ctx); err != nil {
		return err
	}
	s.say("Bob goes away: his zms has ended.")
	for _, text := range []string{"Bob, are you there?", "你不在的时候，信会替你收好。", "I'll leave you another one."} {
		if _, err := s.write(ctx, letter{from: s.alice, text: text}, "custody"); err != nil {
			return err
		}
	}
	s.say("Gateway south has custody of all three, and Bob is still away.")
	return nil
}

// killSouth kills the gateway that has messages for Bob, has further ones
// written meanwhile, and starts it again.
func (s *story) killSouth(ctx context.Context) error {
	if err := s.south.process.kill(ctx); err != nil {
		return err
	}
	s.say("Gateway south is killed with -9. Alice goes on writing to Bob.")
	var waiting []string
	for _, text := range []string{"Your gateway is down, so this one waits with me.", "这一条也在等。"} {
		l, err := s.write(ctx, letter{from: s.alice, text: text}, "")
		if err != nil {
			return err
		}
		waiting = append(waiting, l.id)
	}
	for _, id := range waiting {
		if m := s.alice.known()[id]; m.State != "queued" {
			return fmt.Errorf("a message to a gateway that is down is %s, not queued", m.State)
		}
	}
	if err := s.south.start(ctx); err != nil {
		return err
	}
	s.say("Gateway south runs again, on the same port and data (process %d).", s.south.process.pid())
	if err := s.alice.await(ctx, "in custody", waiting, inCustody); err != nil {
		return err
	}
	s.say("Gateway south has custody of these two as well.")
	return nil
}

func (s *story) comeBack(ctx context.Context) error {
	if err := s.bob.comeOnline(ctx); err != nil {
		return err
	}
	s.say("Bob comes back (process %d).", s.bob.listener.pid())
	if err := s.bob.await(ctx, "received", s.ids(s.alice), received); err != nil {
		return err
	}
	s.say("Bob has everything that Alice wrote meanwhile.")
	if err := s.converse(ctx, letter{from: s.bob, text: "I'm back, and all your messages are here.", online: true}); err != nil {
		return err
	}
	return s.tell(ctx)
}

// killNorth kills Alice's gateway with both online: what Bob writes waits,
// what Alice writes goes to Bob's gateway, which is up.
func (s *story) killNorth(ctx context.Context) error {
	if err := s.north.process.kill(ctx); err != nil {
		return err
	}
	s.say("Gateway north is killed with -9, with both online.")
	waiting, err := s.write(ctx, letter{from: s.bob, text: "Alice, your gateway is down; this waits with me."}, "")
	if err != nil {
		return err
	}
	if err := s.converse(ctx, letter{from: s.alice, text: "I can still write to you: your gateway is up."}); err != nil {
		return err
	}
	s.say("Bob has that one although Alice's gateway is down.")
	if m := s.bob.known()[waiting.id]; m.State != "queued" {
		return fmt.Errorf("a message to a gateway that is down is %s, not queued", m.State)
	}
	if err := s.north.start(ctx); err != nil {
		return err
	}
	s.say("Gateway north runs again, on the same port and data (process %d).", s.north.process.pid())
	if err := s.alice.await(ctx, "received", s.ids(s.bob), received); err != nil {
		return err
	}
	s.say("Alice has what Bob wrote meanwhile.")
	if err := s.converse(ctx, letter{from: s.alice, text: "Everything is here. 再见！", online: true}); err != nil {
		return err
	}
	return s.tell(ctx)
}

func (s *story) endInOrder(ctx context.Context) error {
	for _, p := range []*process{s.alice.listener, s.bob.listener, s.north.process, s.south.process} {
		if err := p.stop(ctx); err != nil {
			return err
		}
	}
	s.say("Everybody has gone home.")
	return nil
}
