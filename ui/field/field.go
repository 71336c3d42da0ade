// Package field is what is written into: one line in a pill, or several. It stands on
// Fyne's Entry, which keeps the focus, so that input methods work.
package field

import (
	"strings"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"zeroms/ui/arrange"
	"zeroms/ui/inspect"
	"zeroms/ui/lines"
	"zeroms/ui/page"
	"zeroms/ui/theme"
)

// Bounds of what a field takes. Fyne lays all of a text out anew with every key, so
// that its length is what a key costs.
const (
	MaxArea      = 14000 // bytes
	MaxAreaLines = 300
	maxField     = 3000 // bytes of a field of one line: a card has 2,300, and all of them are drawn
)

// Field is a field that is written into: one line in a pill, or with NewArea several.
type Field struct {
	widget.Entry
	// OnKey is asked first about each key that types no letter, and about Enter with any
	// modifiers; true: the key was used.
	OnKey func(*fyne.KeyEvent) bool
	// OnRows is called when an area needs another height.
	OnRows func()
	// OnFull is called when a text was cut because it was too long.
	OnFull func()
	// OnFocus is called when the keyboard's focus comes or goes.
	OnFocus func(bool)

	id      string
	changed func(string)
	rows    int // of an area: what it shows at most; 0: one line
	shown   int // rows shown at least
	focused bool
	pad     float32 // between the pill's end and the text, beside Fyne's own
}

// New makes a field of one line.
func New(id, placeholder string) *Field {
	f := &Field{id: id, pad: 8}
	f.Wrapping = fyne.TextWrap(fyne.TextTruncateClip)
	f.PlaceHolder = placeholder
	f.begin()
	return f
}

// NewSecret makes a field whose text is not shown.
func NewSecret(id, placeholder string) *Field {
	f := &Field{id: id, pad: 8}
	f.Password = true
	f.Wrapping = fyne.TextWrap(fyne.TextTruncateClip)
	f.PlaceHolder = placeholder
	f.begin()
	return f
}

// NewArea makes a field of several lines, which grows up to 8 of them.
func NewArea(id, placeholder string) *Field {
	f := &Field{id: id, pad: 8, rows: 8, shown: 1}
	f.MultiLine = true
	f.Wrapping = fyne.TextWrapWord
	f.PlaceHolder = placeholder
	f.begin()
	return f
}

func (f *Field) begin() {
	f.ExtendBaseWidget(f)
	f.Entry.OnChanged = f.change
}

// ID is its name for drivers and tests.
func (f *Field) ID() string { return f.id }

// Written is what is written in it; of a secret it is empty.
func (f *Field) Written() string {
	if f.Password {
		return ""
	}
	return f.Text
}

// SetOnChanged sets what is called with the text when it changes. (OnChanged is Fyne's
// field, which this widget uses itself.)
func (f *Field) SetOnChanged(changed func(string)) { f.changed = changed }

// SetRows sets the least and the most lines that an area shows.
func (f *Field) SetRows(least, most int) {
	f.rows = max(1, most)
	f.shown = max(1, least)
	f.Refresh()
}

// AcceptsTab is Fyne's: Tab goes to the next control, also from an area.
func (f *Field) AcceptsTab() bool { return false }

// bound cuts a text to what a field takes.
func (f *Field) bound(text string) string {
	most := maxField
	if f.MultiLine {
		most = MaxArea
	}
	if len(text) > most {
		for most > 0 && !utf8.RuneStart(text[most]) {
			most--
		}
		text = text[:most]
	}
	if !f.MultiLine {
		return text
	}
	lines := 0
	for i := range len(text) {
		if text[i] != '\n' {
			continue
		}
		if lines++; lines == MaxAreaLines {
			return text[:i]
		}
	}
	return text
}

// SetText is Fyne's, bounded.
func (f *Field) SetText(text string) {
	if bounded := f.bound(text); bounded != text {
		f.Entry.SetText(bounded)
		f.full()
		return
	}
	f.Entry.SetText(text)
}

// ToEnd puts the cursor behind the text.
func (f *Field) ToEnd() {
	f.Entry.TypedKey(&fyne.KeyEvent{Name: fyne.KeyPageDown})
}

func (f *Field) full() {
	if f.OnFull != nil {
		f.OnFull()
	}
}

// change hears what was typed.
func (f *Field) change(text string) {
	if f.MultiLine && f.OnRows != nil {
		f.OnRows()
	}
	if f.changed != nil {
		f.changed(text)
	}
}

// TypedRune is Fyne's; a full field takes no more.
func (f *Field) TypedRune(r rune) {
	if next := f.Text + string(r); f.bound(next) != next {
		f.full()
		return
	}
	f.Entry.TypedRune(r)
}

// TypedKey is Fyne's, after OnKey.
func (f *Field) TypedKey(k *fyne.KeyEvent) {
	if f.OnKey != nil && f.OnKey(k) {
		return
	}
	if f.MultiLine && (k.Name == fyne.KeyReturn || k.Name == fyne.KeyEnter) && strings.Count(f.Text, "\n")+1 >= MaxAreaLines {
		f.full()
		return
	}
	if k.Name == fyne.KeyEscape {
		page.HandOn(f, k)
		return
	}
	f.Entry.TypedKey(k)
}

// TypedShortcut is Fyne's; what is pasted is bounded, and Enter with a modifier is a key
// like others.
func (f *Field) TypedShortcut(s fyne.Shortcut) {
	switch s := s.(type) {
	case *fyne.ShortcutPaste:
		page.Paste(f, s.Clipboard, f.put)
		return
	case *desktop.CustomShortcut:
		if (s.KeyName == fyne.KeyReturn || s.KeyName == fyne.KeyEnter) && f.OnKey != nil && f.OnKey(&fyne.KeyEvent{Name: s.KeyName}) {
			return
		}
		if s.KeyName != fyne.KeyLeft && s.KeyName != fyne.KeyRight { // words, which the Entry knows
			// Fyne gives shortcuts to what has the focus only; the others are the window's.
			if c, ok := fyne.CurrentApp().Driver().CanvasForObject(f).(interface{ TypedShortcut(fyne.Shortcut) }); ok {
				c.TypedShortcut(s)
			}
			return
		}
	}
	f.Entry.TypedShortcut(s)
}

// put writes as much of a text as there is room for in place of what is selected, and
// tells whether that was all.
func (f *Field) put(text string) (whole bool) {
	left := strings.Replace(f.Text, f.SelectedText(), "", 1) // as long as what is left, whichever it is
	room := len(f.bound(left+text)) - len(left)
	if whole = room >= len(text); !whole {
		text = text[:max(0, room)]
		f.full()
	}
	if text != "" {
		f.Entry.TypedShortcut(&fyne.ShortcutPaste{Clipboard: clip(text)})
	}
	return whole
}

// clip is a clipboard with one text.
type clip string

func (c clip) Content() string     { return string(c) }
func (c clip) SetContent(_ string) {}

// Modifiers are the modifier keys that are held down now.
func Modifiers() fyne.KeyModifier {
	if driver, ok := fyne.CurrentApp().Driver().(desktop.Driver); ok {
		return driver.CurrentKeyModifiers()
	}
	return 0
}

// FocusGained is Fyne's.
func (f *Field) FocusGained() {
	f.focused = true
	f.Entry.FocusGained()
	if f.OnFocus != nil {
		f.OnFocus(true)
	}
}

// FocusLost is Fyne's.
func (f *Field) FocusLost() {
	f.focused = false
	f.Entry.FocusLost()
	if f.OnFocus != nil {
		f.OnFocus(false)
	}
}

// MouseDown is Fyne's, where the text is.
func (f *Field) MouseDown(e *desktop.MouseEvent) {
	inner := *e
	inner.Position = e.Position.Subtract(fyne.NewPos(theme.Px(f.pad), f.above()))
	f.Entry.MouseDown(&inner)
}

// Dragged is Fyne's, where the text is.
func (f *Field) Dragged(e *fyne.DragEvent) {
	inner := *e
	inner.Position = e.Position.Subtract(fyne.NewPos(theme.Px(f.pad), f.above()))
	f.Entry.Dragged(&inner)
}

// above is the space above a single line that is in a higher pill.
func (f *Field) above() float32 {
	if f.MultiLine {
		return theme.Px(fieldAbove)
	}
	return max(0, (f.Size().Height-f.lineHeight())/2)
}

const fieldAbove = 1

// lineHeight is the height that Fyne needs for one line.
func (f *Field) lineHeight() float32 {
	return fyne.MeasureText("x", theme.Size(theme.SizeBody), f.TextStyle).Height + 2*theme.Px(8) + 2
}

// Rows is how many lines an area shows now.
func (f *Field) Rows() int {
	if f.rows == 0 {
		return 1
	}
	return min(max(f.shown, f.textRows()), f.rows)
}

// textRows is how many lines the text takes at the present width, counted up to rows.
func (f *Field) textRows() int {
	width := f.Size().Width - 2*theme.Px(f.pad) - 2*theme.Px(8)
	m := lines.Ruler{Size: theme.Size(theme.SizeBody), Style: f.TextStyle}
	rows := 0
	for line := range strings.SplitSeq(f.Text, "\n") {
		rows++
		if rows >= f.rows {
			break
		}
		if head := lines.First(line, f.rows*200); width > 0 {
			rows += max(0, len(m.Wrap(head, width))-1)
		}
	}
	return rows
}

// fieldRenderer draws the pill around Fyne's entry.
type fieldRenderer struct {
	fyne.WidgetRenderer
	field *Field
}

// CreateRenderer is Fyne's.
func (f *Field) CreateRenderer() fyne.WidgetRenderer {
	r := &fieldRenderer{f.Entry.CreateRenderer(), f}
	r.bare()
	r.paint()
	return r
}

// bare takes bars and shadows from the entry's scroller; an area keeps its bar on the
// right. Fyne may make the scroller's renderer anew, so it is asked again and again.
func (r *fieldRenderer) bare() {
	if scroller, ok := r.Objects()[2].(fyne.Widget); ok {
		inspect.Bare(scroller, r.field.MultiLine, false)
	}
}

// still stops the blinking of the cursor, which Fyne starts with each refresh: it does so
// itself when the renderer of the entry's content is destroyed, and nothing else then.
func (r *fieldRenderer) still() {
	scroller, ok := r.Objects()[2].(fyne.Widget)
	if !ok {
		return
	}
	if content, ok := inspect.Children(scroller)[0].(fyne.Widget); ok {
		inspect.Renderer(content).Destroy()
	}
}

func (r *fieldRenderer) paint() {
	objects := r.Objects()
	plate, isPlate := objects[0].(*canvas.Rectangle)
	border, isBorder := objects[1].(*canvas.Rectangle)
	if !isPlate || !isBorder {
		return
	}
	plate.FillColor = theme.Color(theme.Field)
	plate.CornerRadius = theme.Px(20)
	plate.StrokeWidth, plate.StrokeColor = 0, nil
	if r.field.focused && !r.field.MultiLine { // where one writes all day the cursor is enough
		plate.StrokeWidth, plate.StrokeColor = theme.Px(1.5), theme.Color(theme.Accent)
	}
	border.Hide()
}

// Layout is Fyne's: the entry is inside of the pill.
func (r *fieldRenderer) Layout(size fyne.Size) {
	pad := theme.Px(r.field.pad)
	above := r.field.above()
	inner := fyne.NewSize(max(1, size.Width-2*pad), max(1, size.Height-2*above))
	r.WidgetRenderer.Layout(inner)
	objects := r.Objects()
	edge := objects[0].(*canvas.Rectangle).StrokeWidth // half of which is drawn outside
	arrange.Place(objects[0], edge/2, edge/2, size.Width-edge, size.Height-edge)
	for _, object := range objects[2:] {
		object.Move(object.Position().AddXY(pad, above))
	}
}

// MinSize is Fyne's.
func (r *fieldRenderer) MinSize() fyne.Size {
	f := r.field
	line := fyne.MeasureText("x", theme.Size(theme.SizeBody), f.TextStyle).Height
	if !f.MultiLine {
		return fyne.NewSize(theme.Px(80), theme.Px(40))
	}
	rows := float32(f.Rows())
	return fyne.NewSize(theme.Px(80), max(theme.Px(40), rows*line+2*theme.Px(8)+2*f.above()+2))
}

// Refresh is Fyne's.
func (r *fieldRenderer) Refresh() {
	r.WidgetRenderer.Refresh()
	r.still()
	r.bare()
	r.paint()
	r.Layout(r.field.Size())
}
