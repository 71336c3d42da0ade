package story

import (
	"context"
	"errors"
	"fmt"
	"time"

	"zeroms/cmd/zeroms-lab/appdrive"
)

// The box in which a file is chosen has no named controls: it is Fyne's own, in the
// middle of the window. The files of a folder stand in rows behind its parent.
const (
	boxWidth, boxHeight = 800, 600
	// The first file's icon, from the box's left and top edge, and the button that
	// opens it, from the right and bottom edge.
	fileX, fileY = 287, 125
	openX, openY = 32, 18
)

// chooseFile takes the only picture of somebody's home in the box that asks for a file.
func (s *story) chooseFile(ctx context.Context, p *person, there string) error {
	if err := s.picture(ctx, p, "choose-file"); err != nil {
		return err
	}
	left, top := (p.Width-boxWidth)/2, (p.Height-boxHeight)/2
	err := p.LeadBy(ctx, there, func(ctx context.Context) error {
		if err := p.ClickAt(ctx, left+fileX, top+fileY); err != nil {
			return err
		}
		return p.ClickAt(ctx, left+boxWidth-openX, top+boxHeight-openY)
	})
	if err != nil {
		return fmt.Errorf("the picture can't be chosen: %w", err)
	}
	return nil
}

// details shows what is known of the newest message, by its menu.
func (s *story) details(ctx context.Context) error {
	p := s.alice
	c, err := p.Wait(ctx, idComposer)
	if err != nil {
		return err
	}
	x, y := int(c.X+c.W)-40, int(c.Y)-60 // the newest message is Alice's, at the right and the bottom
	err = p.LeadBy(ctx, idDetailsClose, func(ctx context.Context) error {
		if err := p.RightClickAt(ctx, x, y); err != nil {
			return err
		}
		if err := s.picture(ctx, p, "message-menu"); err != nil {
			return err
		}
		return p.Keys(ctx, "Down", "Down", "Return")
	})
	if err != nil {
		return err
	}
	if err := s.picture(ctx, p, "details"); err != nil {
		return err
	}
	if err := p.Click(ctx, idDetailsClose); err != nil {
		return err
	}
	if err := p.Gone(ctx, idDetailsClose); err != nil {
		return err
	}
	if err := p.Lead(ctx, idContact, idVerify); err != nil {
		return err
	}
	if err := s.picture(ctx, p, "contact"); err != nil {
		return err
	}
	return p.Lead(ctx, rowID(0), idComposer)
}

// second has Bob take the first gateway too, by an invitation that he types.
func (s *story) second(ctx context.Context) error {
	if err := s.menu(ctx, s.bob, idMenuGateways, idScan); err != nil {
		return err
	}
	if err := s.bob.Lead(ctx, idScan, idNewGateway); err != nil {
		return err
	}
	invite, err := s.north.Invite(ctx)
	if err != nil {
		return err
	}
	if err := s.bob.Enter(ctx, idNewGateway); err != nil {
		return err
	}
	if err := s.bob.Paste(ctx, invite); err != nil {
		return err
	}
	if err := s.bob.Click(ctx, idAddGateway); err != nil {
		return err
	}
	err = appdrive.Until(ctx, 200*time.Millisecond, "Bob has one gateway still", func() (bool, error) {
		rows, err := s.bob.zms.Run(ctx, "", "gateway", "list")
		if err != nil {
			return false, err
		}
		homes, err := appdrive.DecodeRows[struct {
			Up bool `json:"up"`
		}](rows, "gateway")
		up := 0
		for _, h := range homes {
			if h.Up {
				up++
			}
		}
		return up == 2, err
	})
	if err != nil {
		return err
	}
	if err := s.picture(ctx, s.bob, "gateways-chinese"); err != nil {
		return err
	}
	// The next message tells Alice of it before anything is down.
	if err := s.bob.Lead(ctx, rowID(0), idComposer); err != nil {
		return err
	}
	if err := s.write(ctx, s.bob, "I have two gateways now."); err != nil {
		return err
	}
	return s.agree(ctx)
}

// The share of a window that is another colour when all of it, or only its texts, have
// changed.
const (
	allTurns  = 0.5
	textsTurn = 0.015
)

// clicking clicks a control.
func clicking(p *person, id string) func(context.Context) error {
	return func(ctx context.Context) error { return p.Click(ctx, id) }
}

// restyle changes Alice's colours and language in the settings.
func (s *story) restyle(ctx context.Context) error {
	if err := s.menu(ctx, s.alice, idMenuSettings, choice(idScheme, 2)); err != nil {
		return err
	}
	if err := s.picture(ctx, s.alice, "settings"); err != nil {
		return err
	}
	if err := s.alice.Turn(ctx, allTurns, clicking(s.alice, choice(idScheme, 2))); err != nil {
		return err
	}
	if err := s.picture(ctx, s.alice, "settings-dark"); err != nil {
		return err
	}
	if err := s.alice.Turn(ctx, textsTurn, clicking(s.alice, choice(idLanguage, 2))); err != nil {
		return err
	}
	if err := s.picture(ctx, s.alice, "settings-dark-chinese"); err != nil {
		return err
	}
	if err := s.alice.Lead(ctx, rowID(0), idComposer); err != nil {
		return err
	}
	if err := s.picture(ctx, s.alice, "talk-dark-chinese"); err != nil {
		return err
	}
	if err := s.write(ctx, s.alice, "现在是深色的中文界面。"); err != nil {
		return err
	}
	return s.agree(ctx)
}

// lock sets a passphrase, locks the window and unlocks it, which a wrong passphrase
// does not.
func (s *story) lock(ctx context.Context) error {
	p := s.alice
	if err := s.menu(ctx, p, idMenuSettings, choice(idScheme, 1)); err != nil {
		return err
	}
	for _, id := range []string{idPassNew, idPassTwo} {
		if err := p.Conceal(ctx, id, passphrase); err != nil {
			return err
		}
	}
	if err := p.Click(ctx, idPassSet); err != nil {
		return err
	}
	if _, err := p.Reach(ctx, idPassOld); err != nil { // the next one takes this one
		return err
	}
	if err := s.picture(ctx, p, "passphrase"); err != nil {
		return err
	}
	if err := s.menu(ctx, p, idMenuLock, idLockPass); err != nil {
		return err
	}
	if p.Shows(ctx, rowID(0)) {
		return errors.New("a locked window shows conversations")
	}
	for _, try := range []string{"not this one", passphrase} {
		if err := p.Conceal(ctx, idLockPass, try); err != nil {
			return err
		}
		if err := p.Click(ctx, idLockOpen); err != nil {
			return err
		}
		if try == passphrase {
			break
		}
		if err := appdrive.Pause(ctx, refuseWait); err != nil {
			return err
		}
		if err := s.picture(ctx, p, "locked"); err != nil {
			return err
		}
		if !p.Shows(ctx, idLockPass) {
			return errors.New("a wrong passphrase unlocks the window")
		}
	}
	if err := p.Gone(ctx, idLockPass); err != nil {
		return err
	}
	return p.Lead(ctx, rowID(0), idComposer)
}

// refuseWait is how long a wrong passphrase has to unlock what it must not.
const refuseWait = 2 * time.Second

// narrow makes Bob's window as narrow as a telephone's, looks at its pages, one at a time,
// and makes it wide again.
func (s *story) narrow(ctx context.Context) error {
	p := s.bob
	if err := p.Resize(ctx, narrowWidth, windowHeight); err != nil {
		return err
	}
	if _, err := p.Wait(ctx, idComposer); err != nil {
		return err
	}
	if err := s.picture(ctx, p, "narrow-chinese"); err != nil {
		return err
	}
	if err := s.write(ctx, p, "A narrow window. 窄窗口。"); err != nil {
		return err
	}
	if err := s.agree(ctx); err != nil {
		return err
	}
	escape := func(ctx context.Context) error { return p.Key(ctx, "Escape") } // the way back may have several pages
	for _, page := range []struct{ name, item, there string }{
		{"card", idMenuCard, idSaveCard}, {"add", idMenuAdd, idAddPaste}, {"gateways", idMenuGateways, idScan}, {"settings", idMenuSettings, choice(idScheme, 0)},
	} {
		if err := p.LeadBy(ctx, idMenu, escape); err != nil {
			return err
		}
		if err := s.menu(ctx, p, page.item, page.there); err != nil {
			return err
		}
		if err := s.picture(ctx, p, "narrow-"+page.name); err != nil {
			return err
		}
	}
	if err := p.LeadBy(ctx, rowID(0), escape); err != nil {
		return err
	}
	if err := s.picture(ctx, p, "narrow-list"); err != nil {
		return err
	}
	return p.Resize(ctx, windowWidth, windowHeight)
}

// end compares what both have, ends both apps and looks at what zms has on its own.
func (s *story) end(ctx context.Context) error {
	if err := s.agree(ctx); err != nil {
		return err
	}
	for _, p := range []*person{s.alice, s.bob} {
		if err := s.picture(ctx, p, "end"); err != nil {
			return err
		}
		if err := p.Stop(); err != nil {
			return err
		}
	}
	have, err := s.transcript(ctx, s.bob)
	if err != nil {
		return err
	}
	if different := difference(s.wanted(s.bob), have); different != "" {
		return fmt.Errorf("after the end: %s", different)
	}
	for _, g := range s.gateways {
		if err := g.Stop(); err != nil {
			return err
		}
	}
	return nil
}
