package story

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"zeroms/cmd/zeroms-lab/appdrive"
	"zeroms/protocol/card"
)

// carol is somebody without an app, whose cards go around.
const carol = "Carol"

// meetCarol makes Carol, at Bob's gateway, and the picture of her card.
func (s *story) meetCarol(ctx context.Context) error {
	at := filepath.Join(s.dir, "carol")
	if err := os.MkdirAll(at, 0o700); err != nil {
		return err
	}
	s.carol = appdrive.Zms{Program: s.Zms, Profile: filepath.Join(at, "profile")}
	s.hers = filepath.Join(at, "carol's card.png") // as no list of files may have it without care
	invite, err := s.south.Invite(ctx)
	if err != nil {
		return err
	}
	for _, args := range [][]string{
		{"init", "--name", carol, "--no-passphrase"},
		{"gateway", "add", invite, "--wait"},
		{"card", "show", "--png", s.hers},
	} {
		if _, err := s.carol.Run(ctx, "", args...); err != nil {
			return err
		}
	}
	return nil
}

// drop has Alice drag the picture of Carol's card on the page that adds somebody, and
// onto a conversation, where that page opens for it.
func (s *story) drop(ctx context.Context) error {
	if err := s.meetCarol(ctx); err != nil {
		return err
	}
	if err := s.menu(ctx, s.alice, idMenuAdd, idAddImage); err != nil {
		return err
	}
	for _, where := range []string{"dropped", "dropped-on-talk"} {
		if err := s.alice.Drop(ctx, s.hers); err != nil {
			return err
		}
		if _, err := s.alice.Wait(ctx, idAddOK); err != nil {
			return err
		}
		if err := s.picture(ctx, s.alice, where); err != nil {
			return err
		}
		if err := s.alice.Lead(ctx, rowID(0), idComposer); err != nil {
			return err
		}
	}
	return nil
}

// useless has Alice paste cards of which nothing can come: one that has expired, her
// own, and half of one. In between stands one that works.
func (s *story) useless(ctx context.Context) error {
	good, err := s.carol.Card(ctx)
	if err != nil {
		return err
	}
	own, err := s.alice.zms.Card(ctx)
	if err != nil {
		return err
	}
	k, err := card.Parse(good)
	if err != nil {
		return err
	}
	k.Expires = card.Day(time.Now()) - 1
	expired, err := k.Text()
	if err != nil {
		return err
	}
	if err := s.menu(ctx, s.alice, idMenuAdd, idAddPaste); err != nil {
		return err
	}
	for _, c := range []struct {
		name, text, says string
	}{
		{"card-expired", expired, "This card has expired. Ask for a new one."},
		{"", good, ""},
		{"card-own", own, "This is your own card."},
		{"", good, ""},
		{"card-half", good[:len(good)/2], "This card is incomplete"},
	} {
		if err := s.give(ctx, c.text, c.says); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		if c.name == "" {
			continue
		}
		if err := s.picture(ctx, s.alice, c.name); err != nil {
			return err
		}
	}
	return s.alice.Lead(ctx, rowID(0), idComposer)
}

// give has Alice paste a card with the button, and waits until she can add whose it is,
// or is told why not, if that is what the app shall say.
func (s *story) give(ctx context.Context, text, says string) error {
	if err := s.alice.Display.Clip(ctx, text); err != nil {
		return err
	}
	if err := s.alice.Click(ctx, idAddPaste); err != nil {
		return err
	}
	if says == "" {
		_, err := s.alice.Wait(ctx, idAddOK)
		return err
	}
	if err := s.alice.Gone(ctx, idAddOK); err != nil {
		return err
	}
	if err := s.told(ctx, s.alice, says); err != nil {
		return err
	}
	c, err := s.alice.Wait(ctx, idAddText)
	if err == nil && c.Text == "" {
		err = errors.New("the field is empty")
	}
	return err
}

// revoked has Alice add Carol by a card that Carol has revoked: it can't be seen on the
// card, so it is found out by writing, and told.
func (s *story) revoked(ctx context.Context) error {
	text, err := s.carol.Card(ctx)
	if err != nil {
		return err
	}
	rows, err := s.carol.Run(ctx, "", "card", "show", "--list")
	if err != nil {
		return err
	}
	cards, err := appdrive.DecodeRows[struct {
		ID string `json:"id"`
	}](rows, "card")
	if err != nil {
		return err
	}
	if len(cards) != 1 {
		return fmt.Errorf("there are %d cards of Carol's and not one", len(cards))
	}
	if _, err := s.carol.Run(ctx, "", "card", "show", "--revoke", cards[0].ID); err != nil {
		return err
	}
	if err := s.menu(ctx, s.alice, idMenuAdd, idAddPaste); err != nil {
		return err
	}
	if err := s.give(ctx, text, ""); err != nil {
		return err
	}
	if err := s.alice.Lead(ctx, idAddOK, idComposer); err != nil {
		return err
	}
	if err := s.alice.Fill(ctx, idComposer, "Carol, is this card still good?"); err != nil {
		return err
	}
	if err := s.alice.Key(ctx, "Return"); err != nil {
		return err
	}
	err = appdrive.Until(ctx, 100*time.Millisecond, "nothing is said of the card", func() (bool, error) {
		all, err := s.alice.zms.Contacts(ctx)
		for _, c := range all {
			if c.Name == carol && c.Problem != "" {
				return true, nil
			}
		}
		return false, err
	})
	if err != nil {
		return err
	}
	if err := s.told(ctx, s.alice, "作废了你手里的名片"); err != nil {
		return err
	}
	return s.picture(ctx, s.alice, "card-revoked")
}

// told waits until somebody's window says something.
func (s *story) told(ctx context.Context, p *person, text string) error {
	return appdrive.Until(ctx, 100*time.Millisecond, fmt.Sprintf("the window does not say %q", text), func() (bool, error) {
		screen, err := p.Screen(ctx)
		return err == nil && screen.Says(text), err
	})
}
