package timeline

import (
	"fmt"
	"image/color"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"zeroms/ui/model"
	"zeroms/ui/theme"
)

// bubble is the row of a message.
type bubble struct {
	widget.BaseWidget
	body *bubbleBody
}

func newBubble(r *Rows) *bubble {
	b := &bubble{body: newBubbleBody(r)}
	b.ExtendBaseWidget(b)
	return b
}

func (b *bubble) set(i int, m *measured) {
	b.body.set(i, m)
	b.body.Move(m.at)
	b.body.Resize(m.box)
}

// Window is Windowed's.
func (b *bubble) Window(from, to float32) {
	at := b.body.Position().Y
	b.body.window(from-at, to-at)
}

func (b *bubble) CreateRenderer() fyne.WidgetRenderer {
	return &plainRenderer{objects: []fyne.CanvasObject{b.body}}
}

// bubbleBody is the bubble itself.
type bubbleBody struct {
	widget.BaseWidget
	rows    *Rows
	row     int
	m       *measured
	ground  *Ground
	lines   []*canvas.Text // those of from to to
	actions []*canvas.Text
	time    *canvas.Text
	state   *canvas.Image
	objects []fyne.CanvasObject

	from, to int
	used     int       // of lines
	drawn    *measured // what the lines are of
}

func newBubbleBody(r *Rows) *bubbleBody {
	b := &bubbleBody{
		rows: r, ground: NewGround(), state: canvas.NewImageFromResource(nil),
		time: canvas.NewText("", color.Transparent),
	}
	b.state.FillMode = canvas.ImageFillContain
	b.state.Hide()
	b.ExtendBaseWidget(b)
	return b
}

// ID names the message for whoever drives the app: talk.row. and its place.
func (b *bubbleBody) ID() string { return fmt.Sprintf("talk.row.%d", b.row) }

// Message is the text that is shown.
func (b *bubbleBody) Message() string {
	if b.m == nil {
		return ""
	}
	return b.m.row.Text
}

// set shows a message. Its lines are drawn by window.
func (b *bubbleBody) set(i int, m *measured) {
	if b.row = i; b.m == m {
		return
	}
	b.m, b.drawn = m, nil
	r, z := b.rows, b.rows.zoom
	if m.row.Own {
		b.ground.Paint(bubbleRound*z, theme.Color(theme.OwnBubble), nil)
	} else {
		b.ground.Paint(bubbleRound*z, theme.Color(theme.OtherBubble), theme.Color(theme.Line))
	}
	b.time.Text, b.time.TextSize, b.time.Color = m.foot, r.small.Size(), theme.Color(theme.Secondary)
	if m.row.Own {
		b.time.Color = theme.Color(theme.OnTint)
	}
	b.time.Resize(fyne.NewSize(r.small.Width(m.foot), r.small.Height()))
	y := m.box.Height - bubbleUnder*z - r.small.Height() + z
	b.time.Move(fyne.NewPos(m.box.Width-bubbleSide*z-m.footed, y))
	b.setState(y)
	b.actions = b.actions[:0]
	at := bubbleOver*z + float32(len(m.lines))*r.body.Height() + 2*z
	for _, action := range m.actions(r) {
		t := canvas.NewText(action, theme.Color(theme.Accent))
		t.TextSize, t.TextStyle.Bold = r.strong.Size(), true
		t.Move(fyne.NewPos(bubbleSide*z, at))
		t.Resize(fyne.NewSize(m.box.Width-2*bubbleSide*z, r.strong.Height()))
		at += r.strong.Height() + 4*z
		b.actions = append(b.actions, t)
	}
}

func (b *bubbleBody) setState(y float32) {
	state, z := b.m.row.State, b.rows.zoom
	if state == model.TickNone {
		b.state.Hidden = true
		return
	}
	icon := TickIcon(state)
	changed := b.state.Resource == nil || b.state.Resource.Name() != icon.Name()
	b.state.Resource = icon
	b.state.Resize(fyne.NewSquareSize(tick * z))
	b.state.Move(fyne.NewPos(b.m.box.Width-bubbleSide*z-tick*z, y+(b.rows.small.Height()-tick*z)/2))
	b.state.Hidden = false
	if changed {
		b.state.Refresh()
	}
}

// TickIcon is the icon of a state; nil for none.
func TickIcon(state model.Tick) fyne.Resource {
	switch state {
	case model.TickWaiting:
		return theme.IconIn("clock", theme.Secondary)
	case model.TickCustody:
		return theme.IconIn("check", theme.Secondary)
	case model.TickDelivered:
		return theme.IconIn("checks", theme.Secondary)
	case model.TickRead:
		return theme.IconIn("checks", theme.Accent)
	case model.TickFailed, model.TickUndelivered:
		return theme.IconIn("warn", theme.Alarm)
	}
	return nil
}

// window draws the lines that are seen from from to to, and those beside them.
func (b *bubbleBody) window(from, to float32) {
	if b.m == nil {
		return
	}
	r, over := b.rows, bubbleOver*b.rows.zoom
	high := r.body.Height()
	first := max(0, min(int((from-over)/high)-8, len(b.m.lines)))
	last := max(first, min(int((to-over)/high)+9, len(b.m.lines)))
	if b.drawn == b.m && first >= b.from && last <= b.to && b.to-b.from < 3*(last-first)+64 {
		return
	}
	b.drawn, b.from, b.to = b.m, first, last
	b.cutGround(over+float32(first)*high, over+float32(last)*high)
	b.objects, b.used = append(b.objects[:0], b.ground.Raster), 0
	for i := first; i < last; i++ {
		line := b.m.lines[i]
		b.line(strings.TrimRight(b.m.text[line.From:line.To], " "), over+float32(i)*high)
	}
	for _, t := range b.actions {
		b.objects = append(b.objects, t)
	}
	b.objects = append(b.objects, b.time, b.state)
}

// cutGround draws no more of a long bubble's ground than its lines need, as it is a
// picture.
func (b *bubbleBody) cutGround(from, to float32) {
	spare := 2 * bubbleRound * b.rows.zoom
	from, to = max(0, from-spare), min(b.m.box.Height, to+spare)
	if from <= spare {
		from = 0
	}
	if to >= b.m.box.Height-60*b.rows.zoom {
		to = b.m.box.Height
	}
	b.ground.Raster.Move(fyne.NewPos(0, from))
	b.ground.Raster.Resize(fyne.NewSize(b.m.box.Width, to-from))
}

// line draws one line of the text.
func (b *bubbleBody) line(text string, y float32) {
	if text == "" {
		return
	}
	m, runs := b.rows.body, b.rows.body.runs(text)
	x := bubbleSide * b.rows.zoom
	if rightward(text) {
		x = b.m.box.Width - x
		for _, r := range runs {
			x -= r.width
		}
	}
	for _, r := range runs {
		if b.used == len(b.lines) {
			b.lines = append(b.lines, canvas.NewText("", color.Transparent))
		}
		t := b.lines[b.used]
		b.used++
		t.Text, t.TextSize, t.Color = r.text, m.Size(), theme.Color(theme.Text)
		if b.m.row.Erased || b.m.row.Unknown {
			t.Color = theme.Color(theme.OnTint)
		}
		at := fyne.NewPos(x, y)
		if r.picture {
			t.TextSize, at.Y = m.Size()*pictureScale, y+m.Size()*pictureDrop
		}
		t.Move(at)
		t.Resize(fyne.NewSize(r.width, m.Height()))
		b.objects = append(b.objects, t)
		x += r.width
	}
}

// Tapped shows more, or offers to add whose card it is.
func (b *bubbleBody) Tapped(e *fyne.PointEvent) {
	if b.m == nil {
		return
	}
	z, acts := b.rows.zoom, b.rows.acts
	for _, t := range b.actions {
		if e.Position.Y < t.Position().Y-2*z || e.Position.Y >= t.Position().Y+t.Size().Height+2*z {
			continue
		}
		if t.Text == b.m.row.More {
			acts.More(b.m.row.Key)
		} else {
			acts.Card(b.m.card)
		}
		return
	}
	if acts.Ground != nil {
		acts.Ground()
	}
}

// TappedSecondary asks for the menu.
func (b *bubbleBody) TappedSecondary(e *fyne.PointEvent) {
	if b.m != nil && b.rows.acts.Menu != nil {
		b.rows.acts.Menu(b.m.row, e.AbsolutePosition)
	}
}

func (b *bubbleBody) CreateRenderer() fyne.WidgetRenderer { return &bodyRenderer{body: b} }

type bodyRenderer struct{ body *bubbleBody }

func (r *bodyRenderer) Destroy()                     {}
func (r *bodyRenderer) Layout(fyne.Size)             {}
func (r *bodyRenderer) MinSize() fyne.Size           { return fyne.Size{} }
func (r *bodyRenderer) Refresh()                     {}
func (r *bodyRenderer) Objects() []fyne.CanvasObject { return r.body.objects }
