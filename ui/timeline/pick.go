package timeline

import (
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"

	"zeroms/ui/model"
	"zeroms/ui/model/talk"
	"zeroms/ui/typeset"
)

// How a Picker takes the pointer: within which time and place a click is another one of
// the same, how often it scrolls while the pointer is beyond the list, how far then for
// each pixel that it is, and how far at least and most.
const (
	clickAgain = 500 * time.Millisecond
	clickNear  = 5
	pullEvery  = 20 * time.Millisecond
	pullPart   = 0.3
	pullLeast  = 3
	pullMost   = 60
)

// unit is what a Picker selects at least.
type unit uint8

const (
	letters unit = iota
	words
	messages
)

// Picker has the pointer select texts of a conversation: dragging selects characters, a
// second click words, a third one the message; Shift goes on from where it began.
type Picker struct {
	// OnCopy is called when what is selected is to be copied.
	OnCopy func()

	list  *List[model.RowKey]
	rows  *Rows
	of    *talk.Selection
	clock Clock

	unit    unit
	clicks  int
	clicked time.Time
	spot    fyne.Position // of the last click, in the list
	drag    fyne.Position // where the pointer is while it drags, in the list
	held    bool          // the button is down since press
	drags   bool
	stop    func() // ends scrolling by itself; nil: it does not
}

// NewPicker has rows of a list be selected.
func NewPicker(list *List[model.RowKey], rows *Rows, of *talk.Selection, clock Clock) *Picker {
	p := &Picker{list: list, rows: rows, of: of, clock: clock}
	rows.pick = p
	list.onTap, list.onShortcut, list.onWheel = func() { p.Clear() }, p.shortcut, p.follow
	return p
}

// Close ends it.
func (p *Picker) Close() { p.drop() }

// Changed is called after rows have changed, before they are drawn.
func (p *Picker) Changed() { p.of.Settle() }

// Clear selects nothing, and tells whether something was selected.
func (p *Picker) Clear() bool {
	p.drop()
	was := p.of.Clear()
	if was {
		p.draw()
	}
	return was
}

// press is a button that goes down over a row.
func (p *Picker) press(e *desktop.MouseEvent) {
	if e.Button != desktop.MouseButtonPrimary {
		return
	}
	p.drop()
	p.held = true
	p.list.focus()
	at := p.local(e.AbsolutePosition)
	if e.Modifier&fyne.KeyModifierShift != 0 {
		p.clicks, p.unit = 0, letters
		p.extend(at)
		return
	}
	near := max(at.X-p.spot.X, p.spot.X-at.X, at.Y-p.spot.Y, p.spot.Y-at.Y) <= clickNear
	if now := p.clock.Now(); p.clicks > 0 && near && now.Sub(p.clicked) <= clickAgain {
		p.clicks++
		p.clicked = now
	} else {
		p.clicks, p.clicked = 1, now
	}
	p.spot, p.unit = at, unit(min(p.clicks-1, int(messages)))
	if s, ok := p.at(at); ok {
		p.of.Begin(s)
		p.draw()
	}
}

// pull is the pointer that moves with the button down.
func (p *Picker) pull(abs fyne.Position) {
	if !p.held && !p.drags {
		return // it did not begin here
	}
	p.drags, p.drag = true, p.local(abs)
	p.follow()
	if p.beyond() == 0 {
		p.rest()
	} else if p.stop == nil {
		p.stop = p.clock.Every(pullEvery, p.scroll)
	}
}

// drop is the button that goes up.
func (p *Picker) drop() {
	if p.drags {
		p.clicks = 0
	}
	p.drags, p.held = false, false
	p.rest()
}

// rest ends scrolling.
func (p *Picker) rest() {
	if p.stop != nil {
		p.stop()
		p.stop = nil
	}
}

// beyond is how far above the list the pointer is, negative below; 0 is over it.
func (p *Picker) beyond() float32 {
	return max(0, -p.drag.Y) - max(0, p.drag.Y-p.list.Size().Height)
}

// scroll goes on to where the pointer is beyond the list.
func (p *Picker) scroll() {
	far := p.beyond()
	if !p.drags || far == 0 {
		p.rest()
		return
	}
	step := min(max(max(far, -far)*pullPart, pullLeast), pullMost)
	if far < 0 {
		step = -step
	}
	p.list.move(step)
	p.follow()
}

// follow selects up to the pointer, if that drags.
func (p *Picker) follow() {
	if p.drags {
		p.extend(p.drag)
	}
}

func (p *Picker) extend(at fyne.Position) {
	if s, ok := p.at(at); ok {
		p.of.Extend(s)
		p.draw()
	}
}

// local is a place of the window in the list.
func (p *Picker) local(abs fyne.Position) fyne.Position {
	return abs.Subtract(fyne.CurrentApp().Driver().AbsolutePositionForObject(p.list))
}

// at is what lies at a place of the list: of the unit that is selected by. Where there is
// no text it is the end of the nearest one before, or the beginning of the next.
func (p *Picker) at(at fyne.Position) (talk.Span, bool) {
	for i, s := range p.list.shown {
		y := s.object.Position().Y
		if at.Y >= y+s.height && i+1 < len(p.list.shown) {
			continue
		}
		m := p.rows.measure(s.row, p.list.Size().Width)
		if !talk.Selectable(m.row) {
			return p.beside(s.row)
		}
		return p.within(m, fyne.NewPos(at.X-m.at.X, at.Y-y-m.at.Y)), true
	}
	return talk.Span{}, false
}

// beside is the place that is next to a row without text.
func (p *Picker) beside(row int) (talk.Span, bool) {
	for i := row + 1; i < p.rows.Len(); i++ {
		if r := p.rows.of.Row(i); talk.Selectable(r) {
			return talk.Span{Key: r.Key}, true
		}
	}
	for i := row - 1; i >= 0; i-- {
		if r := p.rows.of.Row(i); talk.Selectable(r) {
			return talk.Span{Key: r.Key, From: len(r.Text), To: len(r.Text)}, true
		}
	}
	return talk.Span{}, false
}

// within is what lies at a place of a bubble.
func (p *Picker) within(m *measured, at fyne.Position) talk.Span {
	near, under := p.rows.place(m, at)
	switch p.unit {
	case words:
		from, to := typeset.Word(m.text, under)
		return talk.Span{Key: m.row.Key, From: from, To: to}
	case messages:
		return talk.Span{Key: m.row.Key, To: talk.Whole}
	}
	return talk.Span{Key: m.row.Key, From: near, To: near}
}

// draw draws what is selected.
func (p *Picker) draw() {
	for _, s := range p.list.shown {
		if b, ok := s.object.(*bubble); ok {
			b.body.again()
		}
	}
	p.list.Repaint()
}

// shortcut takes keys with Ctrl while the list has the focus.
func (p *Picker) shortcut(s fyne.Shortcut) bool {
	switch s.(type) {
	case *fyne.ShortcutCopy:
		if p.OnCopy != nil && !p.of.Empty() {
			p.OnCopy()
		}
	case *fyne.ShortcutSelectAll:
		p.all()
	default:
		return false
	}
	return true
}

// all selects all of the message that was selected in last, or else of the last one that
// is seen.
func (p *Picker) all() {
	key, ok := p.of.Head()
	for i := len(p.list.shown) - 1; i >= 0 && !ok; i-- {
		row := p.rows.of.Row(p.list.shown[i].row)
		key, ok = row.Key, talk.Selectable(row)
	}
	if ok {
		p.of.Begin(talk.Span{Key: key, To: talk.Whole})
		p.draw()
	}
}

// selected is what of a row's text is selected.
func (r *Rows) selected(i int, m *measured) (from, to int) {
	if r.pick == nil || !talk.Selectable(m.row) {
		return 0, 0
	}
	from, to = r.pick.of.Part(i)
	return min(from, len(m.text)), min(to, len(m.text))
}

// shown is what is drawn of a line, and where that begins.
func (r *Rows) shown(m *measured, i int) (text string, x float32) {
	text = strings.TrimRight(m.text[m.lines[i].From:m.lines[i].To], " ")
	if x = bubbleSide * r.zoom; typeset.Rightward(text) {
		x = m.box.Width - x
		for _, run := range r.body.Runs(text) {
			x -= run.Width
		}
	}
	return text, x
}

// place is the place in a bubble's text that is nearest to a point of the bubble, and
// where the character begins that stands there. Above the bubble it is the beginning,
// below it the end.
func (r *Rows) place(m *measured, at fyne.Position) (near, under int) {
	if at.Y < 0 {
		return 0, 0
	}
	y := at.Y - bubbleOver*r.zoom
	i := int(max(0, y) / r.body.Height())
	if i >= len(m.lines) {
		under = max(0, len(m.text)-1)
		return len(m.text), under
	}
	text, x := r.shown(m, i)
	near, under = r.body.At(text, at.X-x)
	return m.lines[i].From + near, m.lines[i].From + under
}
