package timeline

import (
	"fmt"
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"zeroms/ui/model"
	"zeroms/ui/theme"
	"zeroms/ui/typeset"
)

// pill is the row of a day or of a gap.
type pill struct {
	widget.BaseWidget
	body *pillBody
}

func newPill(r *Rows) *pill {
	p := &pill{body: &pillBody{rows: r, ground: canvas.NewRectangle(color.Transparent)}}
	p.body.ExtendBaseWidget(p.body)
	p.ExtendBaseWidget(p)
	return p
}

func (p *pill) set(i int, m *measured) {
	p.body.set(i, m)
	p.body.Move(m.at)
	p.body.Resize(m.box)
	canvas.Refresh(p.body.ground)
}

func (p *pill) CreateRenderer() fyne.WidgetRenderer {
	return &plainRenderer{objects: []fyne.CanvasObject{p.body}}
}

// pillBody is the pill itself.
type pillBody struct {
	widget.BaseWidget
	rows    *Rows
	row     int
	m       *measured
	ground  *canvas.Rectangle
	objects []fyne.CanvasObject
}

// ID names the row for whoever drives the app: talk.row. and its place.
func (p *pillBody) ID() string { return fmt.Sprintf("talk.row.%d", p.row) }

func (p *pillBody) set(i int, m *measured) {
	p.row, p.m = i, m
	z, r := p.rows.zoom, p.rows
	p.ground.Resize(m.box)
	p.objects = append(p.objects[:0], p.ground)
	if m.row.Kind != model.RowGap {
		p.ground.CornerRadius, p.ground.FillColor = m.box.Height/2, theme.Color(theme.Field)
		p.write(m.text, r.strong, pen{theme.Color(theme.OnTint), (m.box.Height - r.strong.Height()) / 2, false})
		return
	}
	p.ground.CornerRadius, p.ground.FillColor = min(m.box.Height/2, 14*z), theme.Color(theme.GapFill)
	paint := theme.Color(theme.GapText)
	y := 6.5 * z
	for _, l := range m.lines {
		p.write(m.text[l.From:l.To], r.body, pen{paint, y, false})
		y += r.body.Height()
	}
	if m.row.Evidence != "" {
		p.write(m.row.Evidence, r.strong, pen{paint, y + 2*z, true})
	}
}

// pen is how and where a line is written.
type pen struct {
	color color.Color
	y     float32
	bold  bool
}

func (p *pillBody) write(text string, m *typeset.Measurer, with pen) {
	t := canvas.NewText(text, with.color)
	t.TextSize, t.TextStyle.Bold, t.Alignment = m.Size(), with.bold, fyne.TextAlignCenter
	t.Move(fyne.NewPos(0, with.y))
	t.Resize(fyne.NewSize(p.m.box.Width, m.Height()))
	p.objects = append(p.objects, t)
}

// Tapped shows the proof of a loss, if there is one.
func (p *pillBody) Tapped(*fyne.PointEvent) {
	if p.rows.pick != nil {
		p.rows.pick.Clear()
	}
	switch acts := p.rows.acts; {
	case p.m == nil:
	case p.m.row.Evidence != "" && acts.Evidence != nil:
		acts.Evidence(p.m.row.Key)
	case acts.Ground != nil:
		acts.Ground()
	}
}

func (p *pillBody) CreateRenderer() fyne.WidgetRenderer { return &pillRenderer{p} }

type pillRenderer struct{ body *pillBody }

func (r *pillRenderer) Destroy()                     {}
func (r *pillRenderer) Layout(fyne.Size)             {}
func (r *pillRenderer) MinSize() fyne.Size           { return fyne.Size{} }
func (r *pillRenderer) Refresh()                     {}
func (r *pillRenderer) Objects() []fyne.CanvasObject { return r.body.objects }

// unread is the line above what was not read yet.
type unread struct {
	widget.BaseWidget
	rows *Rows
	line *canvas.Rectangle
	text *canvas.Text
}

func newUnread(r *Rows) *unread {
	u := &unread{rows: r, line: canvas.NewRectangle(color.Transparent), text: canvas.NewText("", color.Transparent)}
	u.text.Alignment, u.text.TextStyle.Bold = fyne.TextAlignCenter, true
	u.ExtendBaseWidget(u)
	return u
}

func (u *unread) set(text string) {
	u.line.FillColor = translucent(theme.Color(theme.Accent), 0x50)
	u.text.Text, u.text.Color, u.text.TextSize = text, theme.Color(theme.Accent), theme.Size(theme.SizeSmall)+1
	u.layout(u.Size())
	u.text.Refresh()
}

func (u *unread) layout(size fyne.Size) {
	z, side := u.rows.zoom, u.rows.side(size.Width)
	u.line.Move(fyne.NewPos(side, unreadLine*z))
	u.line.Resize(fyne.NewSize(max(0, size.Width-2*side), 1))
	u.text.Move(fyne.NewPos(0, (unreadLine+6)*z))
	u.text.Resize(fyne.NewSize(size.Width, u.rows.strong.Height()))
}

func (u *unread) CreateRenderer() fyne.WidgetRenderer {
	return &plainRenderer{objects: []fyne.CanvasObject{u.line, u.text}, layout: u.layout}
}
