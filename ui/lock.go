package ui

import (
	"context"
	"errors"
	"time"

	"zeroms/ui/model"
	"zeroms/ui/page"
	"zeroms/ui/start"
)

// lockLook is how often it is looked whether the app has to lock itself.
const lockLook = 10 * time.Second

// await shows that another process has the profile, if that is what is wrong, and goes on
// once it is free.
func (a *App) await(err error) bool {
	var held model.Held
	if !errors.As(err, &held) {
		return false
	}
	if p, ok := a.alone.(*start.Held); ok {
		p.Still(held)
	} else {
		a.showAlone(start.NewHeld(a.host, held, a.begin))
	}
	return true
}

// rejoin gives a profile that was set back a device of its own, if the user wants that.
func (a *App) rejoin() {
	say := a.host.Words
	a.host.Say.Ask(page.Question{
		Title: say.Say("shell.rejoin"), Text: say.Say("shell.rejoin.text"), Yes: say.Say("shell.rejoin.yes"), Danger: true, Then: a.rejoined,
	})
}

// rejoined does so: the profile is closed for that and opened anew.
func (a *App) rejoined() {
	if a.host.Profile == nil || a.locked {
		return
	}
	a.leave()
	a.clear()
	a.showAlone(start.NewRejoining(a.host))
	a.host.Async.Slow(func(ctx context.Context) func() {
		p, err := a.cfg.Door.Rejoin(ctx)
		return func() {
			if err != nil {
				a.refuse(err)
				return
			}
			a.enter(p)
			a.host.Say.Notice(a.host.Words.Say("shell.rejoin.done"))
		}
	})
}

// lock hides everything until the passphrase is given. Messages go on to come.
func (a *App) lock() {
	p := a.host.Profile
	if p == nil || a.locked {
		return
	}
	if !p.Safe.Locked() {
		a.host.Say.Notice(a.host.Words.Say("shell.lock.none"))
		return
	}
	a.locked = true
	a.clear()
	a.shell.setActive(false)
	a.showAlone(start.NewLock(a.host, func(passphrase string, then func(error)) {
		a.host.Async.Slow(func(ctx context.Context) func() {
			err := p.Safe.CheckPassphrase(ctx, passphrase)
			return func() {
				then(err)
				if err == nil && a.locked {
					a.unlock()
				}
			}
		})
	}))
}

// clear takes away what lies over the pages, whoever put it there.
func (a *App) clear() {
	a.layers.clear()
	for a.dismiss() {
	}
	a.layers.notice.Objects = nil
	a.layers.notice.Refresh()
}

func (a *App) unlock() {
	a.locked = false
	a.alone.Close()
	a.alone = nil
	a.layers.show(a.shell.panes.box)
	a.shell.setActive(a.active)
	if link := a.pending; link != "" {
		a.pending = ""
		a.open(link)
	}
}

// lockIfAway locks after the window was long enough in the background.
func (a *App) lockIfAway() {
	if a.active || a.away.IsZero() || a.locked || a.host.Profile == nil {
		return
	}
	after := time.Duration(a.host.Profile.Notes.Settings().LockAfter) * time.Minute
	if after > 0 && a.host.Profile.Safe.Locked() && time.Since(a.away) >= after {
		a.lock()
	}
}
