package ui

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"

	"zeroms/ui/page"
	"zeroms/ui/theme"
	w "zeroms/ui/widget"
)

// menuWidth is the width of the main menu at 100 %.
const menuWidth = 264

// showMenu lays the main menu over the list.
func (a *App) showMenu() {
	say := a.host.Words
	var done func()
	rows := container.NewVBox()
	row := func(id, icon, text string, do func()) {
		rows.Add(w.NewMenuRow(id, icon, text, func() {
			done()
			do()
		}))
	}
	open := func(kind page.Kind) func() { return func() { a.host.Nav.Open(page.Place{Kind: kind}) } }
	row("menu.card", "card", say.Say("shell.menu.card"), open(page.Card))
	row("menu.add", "plus", say.Say("shell.menu.add"), open(page.Add))
	row("menu.requests", "people", say.Say("shell.menu.requests"), open(page.Requests))
	row("menu.gateways", "gateway", say.Say("shell.menu.gateways"), open(page.Gateways))
	row("menu.settings", "settings", say.Say("shell.menu.settings"), open(page.Settings))
	rows.Add(w.NewRule())
	row("menu.lock", "lock", say.Say("shell.menu.lock"), a.lock)
	row("menu.quit", "close", say.Say("shell.menu.quit"), a.quit)
	ground := canvas.NewRectangle(theme.Color(theme.Panel))
	ground.CornerRadius = theme.Px(12)
	ground.StrokeColor, ground.StrokeWidth = theme.Color(theme.Line), 1
	box := container.NewStack(ground, container.NewPadded(rows))
	shade := newShade(color.Transparent, func() { done() })
	done = a.layers.push(container.NewStack(shade, container.New(cornerLayout{width: menuWidth * theme.Zoom()}, box)), nil)
}

// cornerLayout puts one object below the menu's button.
type cornerLayout struct{ width float32 }

func (l cornerLayout) Layout(o []fyne.CanvasObject, size fyne.Size) {
	o[0].Resize(fyne.NewSize(min(l.width, size.Width-16), min(o[0].MinSize().Height, size.Height-16)))
	o[0].Move(fyne.NewPos(8, 8))
}

func (cornerLayout) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.Size{} }
