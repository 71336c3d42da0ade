package timeline

import (
	"fmt"
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"zeroms/ui/model"
	"zeroms/ui/model/talk"
	"zeroms/ui/theme"
	"zeroms/ui/typeset"
)

// bubble is the row of a message. Dragging is its own, so that it can begin beside the
// bubble as well.
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

// MouseDown begins to select, from the text that is nearest.
func (b *bubble) MouseDown(e *desktop.MouseEvent) { b.body.MouseDown(e) }

// MouseUp is MouseDown's other half.
func (b *bubble) MouseUp(e *desktop.MouseEvent) { b.body.MouseUp(e) }

// Dragged selects.
func (b *bubble) Dragged(e *fyne.DragEvent) {
	if pick := b.body.rows.pick; pick != nil {
		pick.pull(e.AbsolutePosition)
	}
}

// DragEnd ends that.
func (b *bubble) DragEnd() {
	if pick := b.body.rows.pick; pick != nil {
		pick.drop()
	}
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
	marks   []*canvas.Rectangle
	actions []*canvas.Text
	time    *canvas.Text
	state   *canvas.Image
	objects []fyne.CanvasObject

	from, to int
	used     int       // of lines
	marked   int       // of marks
	drawn    *measured // what the lines are of
	begin    int       // of what is selected of the text
	end      int
	view     [2]float32 // what window was told last
	cursor   desktop.StandardCursor
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

// again draws what is selected now.
func (b *bubbleBody) again() { b.window(b.view[0], b.view[1]) }

// window draws the lines that are seen from from to to, and those beside them.
func (b *bubbleBody) window(from, to float32) {
	if b.view = [2]float32{from, to}; b.m == nil {
		return
	}
	r, over := b.rows, bubbleOver*b.rows.zoom
	high := r.body.Height()
	first := max(0, min(int((from-over)/high)-8, len(b.m.lines)))
	last := max(first, min(int((to-over)/high)+9, len(b.m.lines)))
	begin, end := r.selected(b.row, b.m)
	same := b.drawn == b.m && b.begin == begin && b.end == end
	if same && first >= b.from && last <= b.to && b.to-b.from < 3*(last-first)+64 {
		return
	}
	b.drawn, b.from, b.to, b.begin, b.end = b.m, first, last, begin, end
	b.cutGround(over+float32(first)*high, over+float32(last)*high)
	b.objects, b.used, b.marked = append(b.objects[:0], b.ground.Raster), 0, 0
	if begin < end {
		for i := first; i < last; i++ {
			b.mark(i, over+float32(i)*high)
		}
	}
	for i := first; i < last; i++ {
		b.line(i, over+float32(i)*high)
	}
	for _, t := range b.actions {
		b.objects = append(b.objects, t)
	}
	b.objects = append(b.objects, b.time, b.state)
}

// mark draws what is selected of a line, below the text. Of an empty line it is a little.
func (b *bubbleBody) mark(i int, y float32) {
	line, m := b.m.lines[i], b.rows.body
	begin, end := max(b.begin, line.From), min(b.end, line.To)
	if begin > end || b.end <= line.From {
		return
	}
	text, x := b.rows.shown(b.m, i)
	spans := m.Spans(text, begin-line.From, end-line.From)
	if line.From == line.To {
		spans = []typeset.Span{{Width: 4 * b.rows.zoom}}
	}
	top := round(y)
	for _, s := range spans {
		if b.marked == len(b.marks) {
			b.marks = append(b.marks, canvas.NewRectangle(color.Transparent))
		}
		r := b.marks[b.marked]
		b.marked++
		r.FillColor = theme.Color("zms-selection")
		r.Move(fyne.NewPos(x+s.X, top))
		r.Resize(fyne.NewSize(s.Width, round(y+m.Height())-top))
		b.objects = append(b.objects, r)
	}
}

func round(x float32) float32 { return float32(int(x + 0.5)) }

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
func (b *bubbleBody) line(i int, y float32) {
	text, x := b.rows.shown(b.m, i)
	if text == "" {
		return
	}
	m := b.rows.body
	for _, r := range m.Runs(text) {
		if b.used == len(b.lines) {
			b.lines = append(b.lines, canvas.NewText("", color.Transparent))
		}
		t := b.lines[b.used]
		b.used++
		t.Text, t.TextSize, t.Color = r.Text, m.Size(), theme.Color(theme.Text)
		if b.m.row.Erased || b.m.row.Unknown {
			t.Color = theme.Color(theme.OnTint)
		}
		at := fyne.NewPos(x, y)
		if r.Picture {
			t.TextSize, at.Y = m.Size()*typeset.PictureScale, y+m.Size()*typeset.PictureDrop
		}
		t.Move(at)
		t.Resize(fyne.NewSize(r.Width, m.Height()))
		b.objects = append(b.objects, t)
		x += r.Width
	}
}

// MouseDown begins to select.
func (b *bubbleBody) MouseDown(e *desktop.MouseEvent) {
	if b.rows.pick != nil {
		b.rows.pick.press(e)
	}
}

// MouseUp is MouseDown's other half.
func (b *bubbleBody) MouseUp(*desktop.MouseEvent) {
	if b.rows.pick != nil {
		b.rows.pick.held = false
	}
}

// MouseIn looks what the pointer is over.
func (b *bubbleBody) MouseIn(e *desktop.MouseEvent) { b.MouseMoved(e) }

// MouseMoved looks what the pointer is over.
func (b *bubbleBody) MouseMoved(e *desktop.MouseEvent) {
	b.cursor = desktop.DefaultCursor
	switch over := bubbleOver * b.rows.zoom; {
	case b.action(e.Position) != "":
		b.cursor = desktop.PointerCursor
	case b.m != nil && b.rows.pick != nil && talk.Selectable(b.m.row) && e.Position.Y < over+float32(len(b.m.lines))*b.rows.body.Height():
		b.cursor = desktop.TextCursor
	}
}

// MouseOut is MouseIn's other half.
func (b *bubbleBody) MouseOut() { b.cursor = desktop.DefaultCursor }

// Cursor tells what can be done where the pointer is.
func (b *bubbleBody) Cursor() desktop.Cursor { return b.cursor }

// action is what is offered at a place; empty: nothing.
func (b *bubbleBody) action(at fyne.Position) string {
	z := b.rows.zoom
	for _, t := range b.actions {
		if at.Y >= t.Position().Y-2*z && at.Y < t.Position().Y+t.Size().Height+2*z {
			return t.Text
		}
	}
	return ""
}

// Tapped shows more, or offers to add whose card it is.
func (b *bubbleBody) Tapped(e *fyne.PointEvent) {
	if b.m == nil {
		return
	}
	switch acts, action := b.rows.acts, b.action(e.Position); {
	case action != "" && action == b.m.row.More:
		acts.More(b.m.row.Key)
	case action != "":
		acts.Card(b.m.card)
	case acts.Ground != nil:
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
