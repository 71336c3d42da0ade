package story

import (
	"context"
	"errors"
	"fmt"
	"image"
	"time"

	"zeroms/cmd/zeroms-lab/appdrive"
	"zeroms/cmd/zeroms-lab/appdrive/bus"
)

// The lines of the menu in the tray.
const (
	trayShow = "Show ZeroMS"
	trayQuit = "Quit"
)

// tray has Alice close her window, hear of a message all the same, and come back by the
// notification; then by the icon in the tray, which tells of another one; then quit
// there, and start again.
func (s *story) tray(ctx context.Context) error {
	p := s.alice
	if err := s.menu(ctx, p, idMenuSettings, choice(idScheme, 0)); err != nil {
		return err
	}
	if err := p.Click(ctx, idTray); err != nil {
		return err
	}
	if err := s.shut(ctx, p); err != nil {
		return err
	}
	calm, err := s.icon(ctx, p, nil)
	if err != nil {
		return err
	}
	before := len(p.desktop.Notes())
	if err := s.write(ctx, s.bob, "Your window is closed."); err != nil {
		return err
	}
	n, err := noted(ctx, p, before)
	if err != nil {
		return err
	}
	if err := p.desktop.Click(n); err != nil {
		return err
	}
	if err := p.Return(ctx); err != nil {
		return err
	}
	if _, err := p.Wait(ctx, idComposer); err != nil {
		return fmt.Errorf("a click on the notification: %w", err)
	}
	if err := s.shut(ctx, p); err != nil {
		return err
	}
	if err := s.write(ctx, s.bob, "And it is closed again."); err != nil {
		return err
	}
	if _, err := s.icon(ctx, p, calm); err != nil {
		return fmt.Errorf("with something unread: %w", err)
	}
	if err := s.choose(ctx, p, trayShow); err != nil {
		return err
	}
	if err := p.Return(ctx); err != nil {
		return err
	}
	if err := p.Lead(ctx, rowID(0), idComposer); err != nil {
		return err
	}
	if err := s.agree(ctx); err != nil {
		return err
	}
	if err := s.shut(ctx, p); err != nil {
		return err
	}
	if err := s.choose(ctx, p, trayQuit); err != nil {
		return err
	}
	if err := p.Ended(ctx); err != nil {
		return err
	}
	if _, err := p.App.Start(ctx); err != nil {
		return err
	}
	return p.Lead(ctx, rowID(0), idComposer)
}

// shut closes somebody's window, whose app goes on.
func (s *story) shut(ctx context.Context, p *person) error {
	if err := p.Key(ctx, "ctrl+w"); err != nil {
		return err
	}
	err := appdrive.Until(ctx, 50*time.Millisecond, p.Name+"'s window stays", func() (bool, error) {
		seen, err := p.Visible(ctx)
		return !seen, err
	})
	if err == nil && !p.Running() {
		err = errors.New("the app is gone with its window")
	}
	return err
}

// icon waits until somebody's app has an icon in the tray, and one that looks different
// from another.
func (s *story) icon(ctx context.Context, p *person, other *image.NRGBA) (m *image.NRGBA, err error) {
	err = appdrive.Until(ctx, 100*time.Millisecond, "the icon in the tray stays as it is", func() (bool, error) {
		m, err = p.desktop.Icon(ctx)
		if errors.Is(err, bus.ErrNoIcon) {
			return false, nil
		}
		return err == nil && (other == nil || string(m.Pix) != string(other.Pix)), err
	})
	return m, err
}

// choose clicks a line of the menu of somebody's icon in the tray.
func (s *story) choose(ctx context.Context, p *person, label string) error {
	lines, err := p.desktop.Menu(ctx)
	if err != nil {
		return err
	}
	for _, l := range lines {
		if l.Label == label {
			return p.desktop.Choose(ctx, l)
		}
	}
	return fmt.Errorf("there is no %q in the menu of the tray, but %+v", label, lines)
}
