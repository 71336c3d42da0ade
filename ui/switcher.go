package ui

import (
	"strconv"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"

	"zeroms/ui/model"
	"zeroms/ui/page"
	"zeroms/ui/theme"
	w "zeroms/ui/widget"
)

// hitsShown is how many hits the quick switcher shows.
const hitsShown = 8

// switcher goes to a conversation or page by some letters of its name.
type switcher struct {
	app   *App
	model *model.Switcher
	field *w.Field
	rows  *fyne.Container
	box   *fyne.Container
	hits  []model.Hit
	at    int // the hit that Enter takes
	close func()
}

// showSwitcher lays the quick switcher over the window.
func (a *App) showSwitcher() {
	s := &switcher{app: a, model: model.NewSwitcher(a.host.Deps(), a.shell.chats), rows: container.NewVBox()}
	s.field = w.NewField("switcher.text", a.host.Words.Say("shell.switcher"))
	s.field.OnChanged = func(string) { s.find() }
	s.field.OnSubmitted = func(string) { s.take(s.at) }
	s.field.OnKey = s.key
	ground := canvas.NewRectangle(theme.Color(theme.Panel))
	ground.CornerRadius = theme.Px(16)
	ground.StrokeColor, ground.StrokeWidth = theme.Color(theme.Line), 1
	s.box = container.New(topLayout{}, container.NewStack(ground, container.NewPadded(container.NewBorder(s.field, nil, nil, nil, s.rows))))
	shade := newShade(theme.Color(theme.Shade), func() { s.close() })
	s.close = a.layers.push(container.NewStack(shade, s.box), nil)
	s.find()
	a.window.Canvas().Focus(s.field)
}

// topLayout centres one object in the upper part of the window.
type topLayout struct{}

const switcherWidth = 480

func (topLayout) Layout(o []fyne.CanvasObject, size fyne.Size) {
	width := min(theme.Px(switcherWidth), size.Width-theme.Px(32))
	o[0].Resize(fyne.NewSize(width, min(o[0].MinSize().Height, size.Height-32)))
	o[0].Move(fyne.NewPos((size.Width-width)/2, min(theme.Px(96), size.Height/8)))
}

func (topLayout) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.Size{} }

func (s *switcher) key(e *fyne.KeyEvent) bool {
	switch e.Name {
	case fyne.KeyDown:
		s.move(1)
	case fyne.KeyUp:
		s.move(-1)
	case fyne.KeyEscape:
		s.close()
	default:
		return false
	}
	return true
}

func (s *switcher) move(by int) {
	if n := len(s.hits); n > 0 {
		s.at = (s.at + by + n) % n
		s.draw()
	}
}

func (s *switcher) find() {
	s.hits = s.model.Find(s.field.Text)
	s.hits = s.hits[:min(len(s.hits), hitsShown)]
	s.at = 0
	s.draw()
}

func (s *switcher) draw() {
	s.rows.RemoveAll()
	for i, hit := range s.hits {
		s.rows.Add(s.row(i, hit))
	}
	if len(s.hits) == 0 {
		s.rows.Add(container.NewPadded(w.NewText(s.app.host.Words.Say("shell.switcher.none"), w.Secondary)))
	}
	s.box.Refresh()
}

// pageIcons are the icons of pages.
var pageIcons = map[string]string{"card": "card", "add": "plus", "requests": "people", "gateways": "gateway", "settings": "settings"}

// pageKinds are the pages that the switcher knows.
var pageKinds = map[string]page.Kind{"card": page.Card, "add": page.Add, "requests": page.Requests, "gateways": page.Gateways, "settings": page.Settings}

func (s *switcher) row(i int, hit model.Hit) fyne.CanvasObject {
	id := "switcher.row." + strconv.Itoa(i)
	row := w.NewMenuRow(id, pageIcons[hit.Page], hit.Name, func() { s.take(i) })
	if hit.Page == "" {
		row.SetAvatar(hit.User, hit.Name)
	}
	row.SetSelected(i == s.at)
	return row
}

// take goes to a hit.
func (s *switcher) take(i int) {
	if i >= len(s.hits) {
		return
	}
	hit := s.hits[i]
	s.close()
	if hit.Page != "" {
		s.app.host.Nav.Open(page.Place{Kind: pageKinds[hit.Page]})
		return
	}
	s.app.host.Nav.Open(page.Place{Kind: page.Chat, Contact: hit.Contact})
}
