package ui

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/png"

	"fyne.io/fyne/v2"

	"zeroms/ui/theme"
)

// TrayLines is how many lines the menu of the tray has: to the window, to the lock, to
// the end.
const TrayLines = 3

// TrayLine is a line of that menu. Do may be called from any goroutine.
type TrayLine struct {
	Text string
	Do   func()
}

// Tray is the app's icon among those of the system. Show returns at once.
type Tray interface {
	// Show shows the icon, a PNG, with a menu, or changes both.
	Show(icon []byte, lines [TrayLines]TrayLine)
}

// tray is what of it is shown.
type tray struct {
	app    *App
	unread bool
}

// setTray makes the icon with its menu, or draws it anew, if the user wants one.
func (a *App) setTray() {
	if a.cfg.Tray == nil || a.host.Profile == nil || !a.host.Profile.Notes.Settings().Tray {
		return
	}
	a.tray = &tray{app: a}
	if a.shell != nil {
		a.tray.unread = a.shell.chats.Unread() > 0
	}
	a.tray.draw()
}

func (t *tray) draw() {
	a, say := t.app, t.app.host.Words
	on := func(do func()) func() { return func() { a.post(do) } }
	show := func() {
		a.window.Show()
		a.window.RequestFocus()
	}
	a.cfg.Tray.Show(trayIcon(t.unread).Content(), [TrayLines]TrayLine{
		{say.Say("shell.tray.show"), on(show)}, {say.Say("shell.menu.lock"), on(a.lock)}, {say.Say("shell.menu.quit"), on(a.quit)},
	})
}

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
