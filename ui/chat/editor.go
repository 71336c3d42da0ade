package chat

import (
	"image/color"
	"sort"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"zeroms/ui/theme"
	"zeroms/ui/typeset"
)

// Sizes of an editor at 100 %: what is free around the text, and how many lines it grows
// to before it scrolls.
const (
	editorSide  = 16
	editorOver  = 10.5
	editorLines = 8
	editorRound = 20
	clickAgain  = 400 * time.Millisecond
)

// editor is a field of several lines that draws only those that are seen, so that the
// longest draft is as quick as the shortest.
type editor struct {
	widget.BaseWidget
	id, placeholder string
	now             func() time.Time

	changed func(text string)           // something was written
	grown   func()                      // another height is wanted
	enter   func(ctrl, shift bool) bool // Enter was pressed; false: it breaks the line
	key     func(name fyne.KeyName) bool
	menu    func(at fyne.Position)
	gained  func()                // the keyboard writes here now
	typed   func(since time.Time) // a character that was typed then is drawn

	buffer
	lines   []typeset.Line
	measure *typeset.Measurer
	width   float32 // lines are broken for
	high    float32 // the height that was asked for last
	scroll  float32
	goal    float32 // where Up and Down want to stand; negative: where they are
	focused bool
	stale   bool // the text was replaced and is not drawn yet
	shift   bool
	clicks  int
	clicked time.Time

	ground *canvas.Rectangle
	caretR *canvas.Rectangle
	hint   *canvas.Text
	inner  *editorText
}

func newEditor(id, placeholder string, now func() time.Time) *editor {
	e := &editor{
		id: id, placeholder: placeholder, now: now, goal: -1, ground: canvas.NewRectangle(color.Transparent),
		caretR: canvas.NewRectangle(color.Transparent), hint: canvas.NewText(placeholder, color.Transparent),
	}
	e.inner = &editorText{of: e}
	e.inner.ExtendBaseWidget(e.inner)
	e.ExtendBaseWidget(e)
	e.restyle()
	e.wrap()
	return e
}

// ID is its name for whoever drives the app.
func (e *editor) ID() string { return e.id }

// Text is what was written.
func (e *editor) Text() string { return e.text }

// SetText replaces what was written.
func (e *editor) SetText(text string) {
	if !e.take(text) && !e.stale {
		return
	}
	e.wrap()
	e.show()
}

// take replaces what was written and leaves it to SetText, or to what is typed, to draw
// that. It tells whether there was something to do.
func (e *editor) take(text string) bool {
	before := e.text
	if text != before {
		e.set(text)
	}
	if e.text == before {
		return false
	}
	e.stale = true
	e.lines = e.measure.Wrap(e.text, e.width)
	return true
}

func (e *editor) restyle() {
	e.measure = typeset.NewMeasurer(theme.Size(theme.SizeBody), fyne.TextStyle{})
	e.hint.TextSize = e.measure.Size()
	e.ground.CornerRadius = theme.Px(editorRound)
	e.paint()
}

func (e *editor) paint() {
	e.ground.FillColor = theme.Color(theme.Field)
	e.caretR.FillColor = theme.Color(theme.Accent)
	e.hint.Color = theme.Color(theme.OnTint)
}

// wrap breaks the text into lines, and asks for another height if there are more.
func (e *editor) wrap() {
	e.width = max(32, e.Size().Width-2*theme.Px(editorSide))
	e.lines = e.measure.Wrap(e.text, e.width)
	before := e.high
	if e.high = e.MinSize().Height; e.high != before && e.grown != nil {
		e.grown()
	}
}

// MinSize is the height of the lines, of eight at most.
func (e *editor) MinSize() fyne.Size {
	n := max(1, min(len(e.lines), editorLines))
	return fyne.NewSize(96, float32(int(2*theme.Px(editorOver)+float32(n)*e.measure.Height())))
}

// within is how high it is where there is so much room: whole lines of it.
func (e *editor) within(room float32) float32 {
	n := max(1, int((room-2*theme.Px(editorOver))/e.measure.Height()))
	return min(e.MinSize().Height, float32(int(2*theme.Px(editorOver)+float32(n)*e.measure.Height())))
}

// Resize breaks the lines anew at another width.
func (e *editor) Resize(size fyne.Size) {
	same := size.Width == e.Size().Width
	e.BaseWidget.Resize(size)
	if !same {
		e.wrap()
	}
	e.show()
}

// Refresh draws it with the colours and sizes of now.
func (e *editor) Refresh() {
	e.restyle()
	e.wrap()
	e.show()
}

// lineAt is the line in which a place lies.
func (e *editor) lineAt(at int) int {
	i := sort.Search(len(e.lines), func(i int) bool { return e.lines[i].From > at })
	return max(0, i-1)
}

// x is where a place of a line stands.
func (e *editor) x(line typeset.Line, at int) float32 {
	return min(e.measure.Width(e.text[line.From:min(at, line.To)]), e.width)
}

// placeAt is the place that stands at a point of the text.
func (e *editor) placeAt(x, y float32) int {
	row := max(0, min(int(y/e.measure.Height()), len(e.lines)-1))
	line := e.lines[row]
	last := float32(0)
	for at := line.From; at < line.To; {
		next := e.after(at)
		w := e.measure.Width(e.text[line.From:next])
		if x < (last+w)/2 {
			return at
		}
		at, last = next, w
	}
	if row+1 < len(e.lines) && e.lines[row+1].From == line.To && line.To > line.From {
		return e.before(line.To) // a line broken by width: its end is the next one's beginning
	}
	return line.To
}

// show draws what is seen, with the caret in sight.
func (e *editor) show() {
	if e.Size().Width == 0 {
		return
	}
	high, view := e.measure.Height(), e.Size().Height-2*theme.Px(editorOver)
	row := e.lineAt(e.caret)
	top := float32(row) * high
	e.scroll = max(min(e.scroll, top), top+high-view)
	e.scroll = max(0, min(e.scroll, float32(len(e.lines))*high-view))
	e.draw()
}

func (e *editor) draw() {
	e.stale = false
	size := e.Size()
	side, over := theme.Px(editorSide), theme.Px(editorOver)
	e.paint()
	e.ground.Resize(size)
	e.hint.Move(fyne.NewPos(side, over))
	e.hint.Resize(fyne.NewSize(size.Width-2*side, e.measure.Height()))
	if e.text == "" {
		e.hint.Show()
	} else {
		e.hint.Hide()
	}
	e.inner.Move(fyne.NewPos(side-2, over))
	e.inner.Resize(fyne.NewSize(size.Width-2*side+4, size.Height-2*over))
	e.inner.draw()
	canvas.Refresh(e.ground)
}

// edited is called after the text has changed.
func (e *editor) edited() {
	e.goal = -1
	e.wrap()
	e.show()
	if e.changed != nil {
		e.changed(e.text)
	}
}

// moved is called after the caret has moved.
func (e *editor) moved() {
	e.goal = -1
	e.show()
}

// CreateRenderer is widget.Widget's.
func (e *editor) CreateRenderer() fyne.WidgetRenderer {
	return &editorRenderer{e, []fyne.CanvasObject{e.ground, e.hint, e.inner}}
}

type editorRenderer struct {
	editor  *editor
	objects []fyne.CanvasObject
}

func (r *editorRenderer) Destroy()                     {}
func (r *editorRenderer) Layout(fyne.Size)             {}
func (r *editorRenderer) MinSize() fyne.Size           { return r.editor.MinSize() }
func (r *editorRenderer) Refresh()                     {}
func (r *editorRenderer) Objects() []fyne.CanvasObject { return r.objects }

// editorText is the part of an editor that scrolls: lines, selection, caret.
type editorText struct {
	widget.BaseWidget
	of      *editor
	lines   []*canvas.Text
	marks   []*canvas.Rectangle
	objects []fyne.CanvasObject
}

func (t *editorText) draw() {
	e := t.of
	high := e.measure.Height()
	first := max(0, min(int(e.scroll/high), len(e.lines)-1))
	last := min(len(e.lines), first+int(t.Size().Height/high)+2)
	for len(t.lines) < last-first {
		t.lines = append(t.lines, canvas.NewText("", color.Transparent))
		t.marks = append(t.marks, canvas.NewRectangle(color.Transparent))
	}
	t.objects = t.objects[:0]
	from, to := e.selected()
	for i := first; i < last; i++ {
		line, y := e.lines[i], float32(i)*high-e.scroll
		if begin, end := max(from, line.From), min(to, line.To); from < to && begin <= end && from <= line.To && to >= line.From {
			mark, left := t.marks[i-first], e.x(line, begin)
			mark.FillColor = theme.Color("zms-selection")
			mark.Move(fyne.NewPos(2+left, y))
			mark.Resize(fyne.NewSize(max(4, e.x(line, end)-left), high))
			t.objects = append(t.objects, mark)
		}
		if line.From == line.To {
			continue
		}
		text := t.lines[i-first]
		text.Text, text.TextSize, text.Color = e.text[line.From:line.To], e.measure.Size(), theme.Color(theme.Text)
		text.Move(fyne.NewPos(2, y))
		text.Resize(fyne.NewSize(e.width, high))
		t.objects = append(t.objects, text)
	}
	if e.focused {
		row := e.lineAt(e.caret)
		e.caretR.Move(fyne.NewPos(e.x(e.lines[row], e.caret), float32(row)*high-e.scroll+1))
		e.caretR.Resize(fyne.NewSize(2, high-2))
		t.objects = append(t.objects, e.caretR)
	}
	canvas.Refresh(e.ground)
}

func (t *editorText) CreateRenderer() fyne.WidgetRenderer { return &editorTextRenderer{t} }

type editorTextRenderer struct{ text *editorText }

// IsClip tells the driver to cut off what lies outside.
func (r *editorTextRenderer) IsClip()                      {}
func (r *editorTextRenderer) Destroy()                     {}
func (r *editorTextRenderer) Layout(fyne.Size)             {}
func (r *editorTextRenderer) MinSize() fyne.Size           { return fyne.Size{} }
func (r *editorTextRenderer) Refresh()                     {}
func (r *editorTextRenderer) Objects() []fyne.CanvasObject { return r.text.objects }

// Cursor is the one for writing.
func (e *editor) Cursor() desktop.Cursor { return desktop.TextCursor }

// FocusGained shows the caret.
func (e *editor) FocusGained() {
	if e.focused = true; e.gained != nil {
		e.gained()
	}
	e.show()
}

// FocusLost hides it.
func (e *editor) FocusLost() {
	e.focused, e.shift = false, false
	e.show()
}

// focus asks for the keyboard.
func (e *editor) focus() {
	if c := fyne.CurrentApp().Driver().CanvasForObject(e); c != nil {
		c.Focus(e)
	}
}

// Scrolled is the wheel.
func (e *editor) Scrolled(s *fyne.ScrollEvent) {
	room := float32(len(e.lines))*e.measure.Height() - (e.Size().Height - 2*theme.Px(editorOver))
	e.scroll = max(0, min(e.scroll-s.Scrolled.DY, room))
	e.draw()
}
