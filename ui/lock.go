package ui

import (
	"context"
	"time"

	"zeroms/ui/start"
)

// lockLook is how often it is looked whether the app has to lock itself.
const lockLook = 10 * time.Second

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
	over := a.window.Canvas().Overlays()
	for _, o := range over.List() {
		over.Remove(o)
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
