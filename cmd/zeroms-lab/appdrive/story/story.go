// Package story plays a conversation of two people with two gateways, each with the
// desktop app in a window on a desktop of their own, and looks at what zms says beside
// the apps: the transcripts must be what was typed.
package story

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"zeroms/cmd/zeroms-lab/appdrive"
)

// The people of the story, and a passphrase.
const (
	alice      = "Alice"
	bob        = "小波"
	passphrase = "four words and a comma, please"
)

// story is the cast and what was said so far.
type story struct {
	*stage
	north, south *appdrive.Gateway
	alice, bob   *person
	said         []line
	card         string // Bob's, as a picture
	carol        appdrive.Zms
	hers         string // Carol's card, as a picture
}

// line is a message that was typed and sent.
type line struct {
	by   *person
	text string
}

// Run plays the story. Error: a step failed, which was told, or ctx ended. However
// it returns, no child is left running.
func Run(ctx context.Context, c Config) (err error) {
	stage, err := newStage(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stage.close()) }()
	s := &story{stage: stage, north: stage.gateway("north"), south: stage.gateway("south")}
	return s.perform(ctx, []step{
		{"start two gateways and open two windows", 40 * time.Second, s.open},
		{"make Alice with a gateway by an invitation that is pasted", 40 * time.Second, s.makeAlice},
		{"make Bob in Chinese with one by an invitation that is typed", 60 * time.Second, s.makeBob},
		{"save Bob's card as an image and add it from the file", 60 * time.Second, s.exchange},
		{"write to Bob, who accepts", 40 * time.Second, s.request},
		{"talk in two languages", 60 * time.Second, s.talk},
		{"look at the details of a message", 20 * time.Second, s.details},
		{"drop a card with the mouse, on its page and elsewhere", 40 * time.Second, s.drop},
		{"give cards that do not work", 40 * time.Second, s.useless},
		{"tell Bob of messages when he looks elsewhere", 90 * time.Second, s.notify},
		{"turn the system dark and light again", 20 * time.Second, s.follow},
		{"write with other keyboards, one with dead keys", 30 * time.Second, s.keys},
		{"close the window, come back by a notification and by the tray", 60 * time.Second, s.tray},
		{"kill Bob's app in the middle of a draft and start it again", 60 * time.Second, s.crash},
		{"give Bob a second gateway", 40 * time.Second, s.second},
		{"kill a gateway and start it again", 60 * time.Second, s.outage},
		{"change language and colours", 40 * time.Second, s.restyle},
		{"set a passphrase, lock and unlock", 60 * time.Second, s.lock},
		{"make the window narrow", 40 * time.Second, s.narrow},
		{"add somebody by a card that was revoked", 40 * time.Second, s.revoked},
		{"compare the transcripts and end everything in order", 30 * time.Second, s.end},
	})
}

// open starts the gateways and the apps of both.
func (s *story) open(ctx context.Context) (err error) {
	for _, g := range []*appdrive.Gateway{s.north, s.south} {
		if err := g.Start(ctx); err != nil {
			return err
		}
	}
	if s.alice, err = s.runPerson(ctx, "Alice"); err != nil {
		return err
	}
	if s.bob, err = s.runPerson(ctx, "Bob"); err != nil {
		return err
	}
	for _, p := range []*person{s.alice, s.bob} {
		if _, err := p.Start(ctx); err != nil {
			return err
		}
		if _, err := p.Wait(ctx, idName); err != nil {
			return err
		}
	}
	return s.picture(ctx, s.alice, "welcome")
}

func (s *story) makeAlice(ctx context.Context) error {
	if err := s.alice.Fill(ctx, idName, alice); err != nil {
		return err
	}
	if err := s.alice.Lead(ctx, idCreate, idAddress); err != nil {
		return err
	}
	if err := s.picture(ctx, s.alice, "gateway"); err != nil {
		return err
	}
	invite, err := s.north.Invite(ctx)
	if err != nil {
		return err
	}
	if err := s.alice.Enter(ctx, idAddress); err != nil {
		return err
	}
	if err := s.alice.Paste(ctx, invite); err != nil {
		return err
	}
	if err := s.alice.Lead(ctx, idUse, idDone); err != nil {
		return err
	}
	if err := s.picture(ctx, s.alice, "first-card"); err != nil {
		return err
	}
	if err := s.alice.Lead(ctx, idDone, idMenu); err != nil {
		return err
	}
	return s.picture(ctx, s.alice, "empty")
}

func (s *story) makeBob(ctx context.Context) error {
	if err := s.bob.Click(ctx, idChinese); err != nil {
		return err
	}
	if err := s.bob.Fill(ctx, idName, bob); err != nil {
		return err
	}
	if err := s.picture(ctx, s.bob, "welcome-chinese"); err != nil {
		return err
	}
	if err := s.bob.Lead(ctx, idCreate, idAddress); err != nil {
		return err
	}
	invite, err := s.south.Invite(ctx)
	if err != nil {
		return err
	}
	if err := s.bob.Fill(ctx, idAddress, invite); err != nil {
		return err
	}
	if err := s.picture(ctx, s.bob, "gateway-chinese"); err != nil {
		return err
	}
	if err := s.bob.Key(ctx, "Return"); err != nil {
		return err
	}
	if _, err := s.bob.Wait(ctx, idDone); err != nil {
		return err
	}
	return s.bob.Lead(ctx, idDone, idMenu)
}

// menu opens a page by the main menu; one of its controls tells that it is there.
func (s *story) menu(ctx context.Context, p *person, item, there string) error {
	if err := p.Lead(ctx, idMenu, item); err != nil {
		return err
	}
	return p.Lead(ctx, item, there)
}

// exchange has Bob save the picture of his card, and Alice add him from the file.
func (s *story) exchange(ctx context.Context) error {
	if err := s.menu(ctx, s.bob, idMenuCard, idSaveCard); err != nil {
		return err
	}
	if err := s.picture(ctx, s.bob, "card"); err != nil {
		return err
	}
	if err := s.bob.Lead(ctx, idSaveCard, idSavePath); err != nil {
		return err
	}
	s.card = filepath.Join(s.alice.Home, "bob.png")
	if err := s.bob.Fill(ctx, idSavePath, s.card); err != nil {
		return err
	}
	if err := s.picture(ctx, s.bob, "save-card"); err != nil {
		return err
	}
	if err := s.bob.Click(ctx, idSaveOK); err != nil {
		return err
	}
	if err := s.bob.Gone(ctx, idSavePath); err != nil {
		return err
	}
	if err := s.menu(ctx, s.alice, idMenuAdd, idAddImage); err != nil {
		return err
	}
	if err := s.picture(ctx, s.alice, "add"); err != nil {
		return err
	}
	if err := s.alice.Click(ctx, idAddImage); err != nil {
		return err
	}
	if err := s.chooseFile(ctx, s.alice, idAddOK); err != nil {
		return err
	}
	if err := s.picture(ctx, s.alice, "card-read"); err != nil {
		return err
	}
	if err := s.alice.Lead(ctx, idAddOK, idComposer); err != nil {
		return err
	}
	return s.picture(ctx, s.alice, "added")
}

// say types a text into somebody's open conversation and sends it.
func (s *story) say(ctx context.Context, p *person, text string, send func(context.Context) error) error {
	if err := p.Fill(ctx, idComposer, text); err != nil {
		return err
	}
	s.said = append(s.said, line{p, text})
	return send(ctx)
}

// enter sends with the key.
func enter(p *person) func(context.Context) error {
	return func(ctx context.Context) error { return p.Key(ctx, "Return") }
}

// press sends with the button.
func press(p *person) func(context.Context) error {
	return func(ctx context.Context) error { return p.Click(ctx, idSend) }
}

// request has Alice write first. Bob sees a request and accepts.
func (s *story) request(ctx context.Context) error {
	if err := s.say(ctx, s.alice, "Hello! I have your card, it's Alice.", enter(s.alice)); err != nil {
		return err
	}
	if _, err := s.bob.Wait(ctx, rowID(0)); err != nil {
		return err
	}
	if err := s.bob.Lead(ctx, rowID(0), idAccept); err != nil {
		return err
	}
	if err := s.picture(ctx, s.bob, "request-chinese"); err != nil {
		return err
	}
	if err := s.bob.Click(ctx, idAccept); err != nil {
		return err
	}
	if err := s.bob.Gone(ctx, idAccept); err != nil {
		return err
	}
	if err := s.bob.Lead(ctx, rowID(0), idComposer); err != nil {
		return err
	}
	return s.agree(ctx)
}

func (s *story) talk(ctx context.Context) error {
	for _, one := range []struct {
		by   *person
		text string
		send func(context.Context) error
	}{
		{s.bob, "你好，Alice！我们用中文聊天吧。", enter(s.bob)},
		{s.alice, "Sure. How long does a message take (in ms)?", press(s.alice)},
		{s.bob, "零毫秒！🔒", press(s.bob)},
		{s.alice, "Two lines:\n1. 网关只看到密封的信封\n2. \"quotes\" & <brackets>", enter(s.alice)},
	} {
		if err := s.say(ctx, one.by, one.text, one.send); err != nil {
			return err
		}
		if err := s.agree(ctx); err != nil {
			return err
		}
	}
	if err := s.picture(ctx, s.alice, "talk"); err != nil {
		return err
	}
	return s.picture(ctx, s.bob, "talk-chinese")
}

// crash kills Bob's app while a text stands in the composer, and starts it again: the
// conversation and the draft are there.
func (s *story) crash(ctx context.Context) error {
	const draft = "A draft that nobody has sent"
	if err := s.bob.Fill(ctx, idComposer, draft); err != nil {
		return err
	}
	if err := appdrive.Pause(ctx, draftWait); err != nil {
		return err
	}
	if err := s.bob.Kill(); err != nil {
		return err
	}
	if err := s.write(ctx, s.alice, "Are you still there?"); err != nil {
		return err
	}
	if _, err := s.bob.App.Start(ctx); err != nil {
		return err
	}
	if _, err := s.bob.Wait(ctx, rowID(0)); err != nil {
		return err
	}
	if err := s.picture(ctx, s.bob, "started-again"); err != nil {
		return err
	}
	if err := s.bob.Lead(ctx, rowID(0), idComposer); err != nil {
		return err
	}
	if err := s.agree(ctx); err != nil {
		return err
	}
	if err := s.picture(ctx, s.bob, "draft"); err != nil {
		return err
	}
	const rest = ", until now."
	if err := s.bob.Continue(ctx, idComposer, draft, rest); err != nil {
		return err
	}
	s.said = append(s.said, line{s.bob, draft + rest})
	if err := s.bob.Key(ctx, "Return"); err != nil {
		return err
	}
	return s.agree(ctx)
}

// draftWait is how long a draft may be in memory only.
const draftWait = 2 * time.Second

// write is say with the key.
func (s *story) write(ctx context.Context, p *person, text string) error {
	return s.say(ctx, p, text, enter(p))
}

// outage kills Bob's first gateway: what Alice writes goes by his other one. Then both
// are killed: it waits until they are back.
func (s *story) outage(ctx context.Context) error {
	if err := s.south.Kill(); err != nil {
		return err
	}
	if err := s.write(ctx, s.alice, "One of your gateways is down."); err != nil {
		return err
	}
	if err := s.agree(ctx); err != nil {
		return fmt.Errorf("by the other gateway: %w", err)
	}
	if err := s.north.Kill(); err != nil {
		return err
	}
	if err := s.write(ctx, s.alice, "And now all of them: 等它们回来。"); err != nil {
		return err
	}
	if err := s.picture(ctx, s.alice, "gateways-down"); err != nil {
		return err
	}
	for _, g := range []*appdrive.Gateway{s.north, s.south} {
		if err := g.Start(ctx); err != nil {
			return err
		}
	}
	if err := s.agree(ctx); err != nil {
		return fmt.Errorf("with both gateways back: %w", err)
	}
	return s.picture(ctx, s.alice, "gateways-back")
}

// agree waits until both have exactly what was said, in its order, as zms tells it.
func (s *story) agree(ctx context.Context) error {
	for _, p := range []*person{s.alice, s.bob} {
		var last string
		err := appdrive.Until(ctx, 100*time.Millisecond, "", func() (bool, error) {
			have, err := s.transcript(ctx, p)
			if err != nil {
				return false, err
			}
			last = difference(s.wanted(p), have)
			return last == "", nil
		})
		if err != nil && last != "" {
			err = fmt.Errorf("%s's transcript: %s: %w", p.Name, last, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
