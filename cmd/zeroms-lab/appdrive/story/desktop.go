package story

import (
	"context"
	"errors"
	"fmt"
	"html"
	"strings"
	"time"

	"zeroms/cmd/zeroms-lab/appdrive"
	"zeroms/cmd/zeroms-lab/appdrive/bus"
)

// quietTime is how long a notification that must not come has to come.
const quietTime = time.Second

// noted waits until somebody was told one more thing by a notification, and returns it.
func noted(ctx context.Context, p *person, before int) (n bus.Note, err error) {
	err = appdrive.Until(ctx, 50*time.Millisecond, p.Name+" is not notified", func() (bool, error) {
		all := p.desktop.Notes()
		if len(all) > before+1 {
			return false, fmt.Errorf("%s was notified of one thing %d times: %+v", p.Name, len(all)-before, all[before:])
		}
		if len(all) == before+1 {
			n = all[before]
		}
		return len(all) > before, nil
	})
	return n, err
}

// call has Alice write while Bob looks elsewhere, or not.
func (s *story) call(ctx context.Context, text string, looks bool) error {
	err := s.bob.Focus(ctx)
	if !looks {
		err = s.bob.Display.Leave(ctx)
	}
	if err == nil {
		err = s.write(ctx, s.alice, text)
	}
	if err == nil {
		err = s.agree(ctx)
	}
	return err
}

// hush has Alice write, which must not be told to Bob by a notification.
func (s *story) hush(ctx context.Context, text string, looks bool) error {
	before := len(s.bob.desktop.Notes())
	if err := s.call(ctx, text, looks); err != nil {
		return err
	}
	if err := appdrive.Pause(ctx, quietTime); err != nil {
		return err
	}
	if more := s.bob.desktop.Notes()[before:]; len(more) > 0 {
		return fmt.Errorf("a notification tells Bob of %q: %+v", text, more)
	}
	return nil
}

// notify has Alice write while Bob's window has not the keyboard, and he is told as much
// of it as he wants to be.
func (s *story) notify(ctx context.Context) error {
	const told, hidden, again = "Coffee at <4>, you & me?", "The door opens with 4711.", "Four it is, then?"
	before := len(s.bob.desktop.Notes())
	if err := s.call(ctx, told, false); err != nil {
		return err
	}
	n, err := noted(ctx, s.bob, before)
	if err != nil {
		return err
	}
	if n.App != "ZeroMS" || n.Title != alice || n.Text != html.EscapeString(told) {
		return fmt.Errorf("of %q Bob is told %q, %q by %q", told, n.Title, n.Text, n.App)
	}
	if err := s.hush(ctx, "I see that you are reading this.", true); err != nil {
		return err
	}
	if err := s.want(ctx, notifyBare); err != nil {
		return err
	}
	before = len(s.bob.desktop.Notes())
	if err := s.call(ctx, hidden, false); err != nil {
		return err
	}
	if n, err = noted(ctx, s.bob, before); err != nil {
		return err
	}
	if all := n.Title + n.Text; strings.Contains(all, alice) || strings.Contains(all, hidden) || n.Text == "" {
		return fmt.Errorf("with the content hidden Bob is told %q, %q", n.Title, n.Text)
	}
	if err := s.want(ctx, notifyText); err != nil {
		return err
	}
	if err := s.mute(ctx); err != nil {
		return err
	}
	if err := s.hush(ctx, "Never mind, you are busy.", false); err != nil {
		return err
	}
	if err := s.mute(ctx); err != nil {
		return err
	}
	before = len(s.bob.desktop.Notes())
	if err := s.call(ctx, again, false); err != nil {
		return err
	}
	if n, err = noted(ctx, s.bob, before); err != nil {
		return err
	}
	if n.Text != again {
		return errors.New("a notification tells Bob of what was muted")
	}
	return s.bob.Focus(ctx)
}

// What notifications show, by the place among the choices.
const (
	notifyText = 0
	notifyBare = 2
)

// want has Bob choose what notifications show, and look at a sample of them.
func (s *story) want(ctx context.Context, how int) error {
	if err := s.bob.Focus(ctx); err != nil {
		return err
	}
	if err := s.menu(ctx, s.bob, idMenuSettings, choice(idScheme, 0)); err != nil {
		return err
	}
	if err := s.bob.Click(ctx, choice(idNotify, how)); err != nil {
		return err
	}
	before := len(s.bob.desktop.Notes())
	if err := s.bob.Click(ctx, idSample); err != nil {
		return err
	}
	n, err := noted(ctx, s.bob, before)
	if err != nil {
		return err
	}
	if bare := n.Title == "ZeroMS"; bare != (how == notifyBare) {
		return fmt.Errorf("a sample of notifications of kind %d is %q, %q", how, n.Title, n.Text)
	}
	return s.bob.Lead(ctx, rowID(0), idComposer)
}

// mute has Bob turn the switch that mutes Alice.
func (s *story) mute(ctx context.Context) error {
	if err := s.bob.Focus(ctx); err != nil {
		return err
	}
	if err := s.bob.Lead(ctx, idContact, idVerify); err != nil {
		return err
	}
	if err := s.bob.Click(ctx, idMute); err != nil {
		return err
	}
	return s.bob.Lead(ctx, rowID(0), idComposer)
}

// follow turns Alice's system dark and light again: the window follows.
func (s *story) follow(ctx context.Context) error {
	for _, dark := range []bool{true, false} {
		err := s.alice.Turn(ctx, allTurns, func(context.Context) error { return s.alice.desktop.Darken(dark) })
		if err != nil {
			return err
		}
		m, err := s.alice.Picture(ctx)
		if err != nil {
			return err
		}
		if is := appdrive.Light(m) < 0.5; is != dark {
			return fmt.Errorf("the system is dark: %t, and Alice's window: %t", dark, is)
		}
		if !dark {
			break
		}
		if err := s.picture(ctx, s.alice, "system-dark"); err != nil {
			return err
		}
	}
	return nil
}

// keyboards are those that Bob writes with: a text by the keys of a layout. On the first
// one accents stand before their letters.
var keyboards = []struct {
	layout, variant, text string
	keys                  []string
}{
	{"us", "intl", "Olé, señor! ", []string{"O", "l", "dead_acute", "e", "comma", "space", "s", "e", "dead_tilde", "n", "o", "r", "exclam", "space"}},
	{"ru", "", "Да", []string{"Cyrillic_DE", "Cyrillic_a"}},
	{"us", "", "!", []string{"exclam"}},
}

// keys has Bob write with several keyboards.
func (s *story) keys(ctx context.Context) error {
	if err := s.bob.Enter(ctx, idComposer); err != nil {
		return err
	}
	text := ""
	for _, k := range keyboards {
		if err := s.bob.Display.Keyboard(ctx, k.layout, k.variant); err != nil {
			return err
		}
		if err := s.bob.Keys(ctx, k.keys...); err != nil {
			return err
		}
		text += k.text
	}
	s.said = append(s.said, line{s.bob, text})
	if err := s.bob.Key(ctx, "Return"); err != nil {
		return err
	}
	return s.agree(ctx)
}
