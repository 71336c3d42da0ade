package ui

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/png"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"

	"zeroms/ui/theme"
)

// tray is the app's icon among those of the system.
type tray struct {
	app    desktop.App
	unread bool
}

// setTray makes the icon with its menu, or draws it anew, if the user wants one.
func (a *App) setTray() {
	where, ok := a.cfg.App.(desktop.App)
	if !ok || a.host.Profile == nil || !a.host.Profile.Notes.Settings().Tray {
		return
	}
	say := a.host.Words
	show := fyne.NewMenuItem(say.Say("shell.tray.show"), func() {
		a.window.Show()
		a.window.RequestFocus()
	})
	quit := fyne.NewMenuItem(say.Say("shell.menu.quit"), a.quit)
	quit.IsQuit = true
	where.SetSystemTrayMenu(fyne.NewMenu("ZeroMS", show, fyne.NewMenuItem(say.Say("shell.menu.lock"), a.lock), fyne.NewMenuItemSeparator(), quit))
	a.tray = &tray{app: where}
	a.tray.draw()
	a.count()
}

func (t *tray) draw() { t.app.SetSystemTrayIcon(trayIcon(t.unread)) }

// trayIcon is the app's icon, with a dot if something is unread.
func trayIcon(unread bool) fyne.Resource {
	plain := theme.AppIcon()
	if !unread {
		return plain
	}
	from, err := png.Decode(bytes.NewReader(plain.Content()))
	if err != nil {
		return plain
	}
	to := image.NewNRGBA(from.Bounds())
	draw.Draw(to, to.Bounds(), from, from.Bounds().Min, draw.Src)
	side := to.Bounds().Dx()
	radius := side / 5
	middle := image.Pt(side-radius, radius)
	dot := color.NRGBA{R: 0xB4, G: 0x23, B: 0x18, A: 0xFF}
	for y := range 2 * radius {
		for x := side - 2*radius; x < side; x++ {
			if dx, dy := x-middle.X, y-middle.Y; dx*dx+dy*dy <= radius*radius {
				to.Set(x, y, dot)
			}
		}
	}
	var out bytes.Buffer
	if png.Encode(&out, to) != nil {
		return plain
	}
	return fyne.NewStaticResource("zeroms-unread.png", out.Bytes())
}

// count shows how many messages are unread in the window's title and the tray.
func (a *App) count() {
	if a.shell == nil {
		return
	}
	n := a.shell.chats.Unread()
	title := "ZeroMS"
	if n > 0 {
		title = "ZeroMS (" + a.host.Words.Number(n) + ")"
	}
	if a.window.Title() != title {
		a.window.SetTitle(title)
	}
	if a.tray != nil && a.tray.unread != (n > 0) {
		a.tray.unread = n > 0
		a.tray.draw()
	}
}
