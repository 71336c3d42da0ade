package widget

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"zeroms/ui/lines"
	"zeroms/ui/theme"
)

// Kind is what a text is, and so how it looks.
type Kind uint8

// The kinds of texts.
const (
	Body      Kind = iota // 14
	Strong                // 14, bold
	Small                 // 11, secondary colour
	Secondary             // 12.5, secondary colour
	Title                 // 18, bold
	Heading               // 26, bold
	Mono                  // 12.5, all letters of one width, secondary colour
	Accent                // 14, bold, accent colour
	Alarm                 // 12.5, bold, colour of alarm
)

type looks struct {
	size  theme.TextSize
	color theme.Name
	style fyne.TextStyle
}

var kinds = [...]looks{
	Body:      {theme.SizeBody, theme.Text, fyne.TextStyle{}},
	Strong:    {theme.SizeStrong, theme.Text, fyne.TextStyle{Bold: true}},
	Small:     {theme.SizeSmall, theme.Secondary, fyne.TextStyle{}},
	Secondary: {theme.SizeSecondary, theme.Secondary, fyne.TextStyle{}},
	Title:     {theme.SizeTitle, theme.Text, fyne.TextStyle{Bold: true}},
	Heading:   {theme.SizeHeading, theme.Text, fyne.TextStyle{Bold: true}},
	Mono:      {theme.SizeSecondary, theme.Secondary, fyne.TextStyle{Monospace: true}},
	Accent:    {theme.SizeStrong, theme.Accent, fyne.TextStyle{Bold: true}},
	Alarm:     {theme.SizeSecondary, theme.Alarm, fyne.TextStyle{Bold: true}},
}

// Text is one line of text, cut with an ellipsis where it does not fit.
type Text struct {
	widget.BaseWidget
	// Cut tells that being cut is fine here; else Overflows reports it.
	Cut bool

	full  string
	looks looks
	line  *canvas.Text
	isCut bool

	measured fyne.Size // of the whole text; zero: not measured
	zoom     float32   // that it was measured with
}

// NewText makes a line of text.
func NewText(text string, k Kind) *Text {
	t := &Text{full: lines.One(text), looks: kinds[k], line: &canvas.Text{}}
	t.style()
	t.line.Text = t.full
	t.ExtendBaseWidget(t)
	return t
}

// NewCut makes a line of text that may be cut.
func NewCut(text string, k Kind) *Text {
	t := NewText(text, k)
	t.Cut = true
	return t
}

// Text is the whole text.
func (t *Text) Text() string { return t.full }

// Shown is what is seen of it.
func (t *Text) Shown() string { return t.line.Text }

// SetText changes the text.
func (t *Text) SetText(text string) {
	if text = lines.One(text); text == t.full {
		return
	}
	t.full = text
	t.Refresh()
}

// SetKind changes how it looks.
func (t *Text) SetKind(k Kind) { t.setLooks(kinds[k]) }

// SetColor changes the colour alone.
func (t *Text) SetColor(name theme.Name) {
	l := t.looks
	l.color = name
	t.setLooks(l)
}

// SetSize changes the size alone.
func (t *Text) SetSize(size theme.TextSize) {
	l := t.looks
	l.size = size
	t.setLooks(l)
}

// SetAlign puts the text to the left, in the middle or to the right of its place.
func (t *Text) SetAlign(align fyne.TextAlign) {
	t.line.Alignment = align
	t.line.Refresh()
}

func (t *Text) setLooks(l looks) {
	if l != t.looks {
		t.looks = l
		t.Refresh()
	}
}

// Refresh measures and draws anew.
func (t *Text) Refresh() {
	t.measured = fyne.Size{}
	t.style()
	t.fit(t.Size().Width)
	t.BaseWidget.Refresh()
}

func (t *Text) style() {
	t.line.Color = theme.Color(t.looks.color)
	t.line.TextSize = theme.Size(t.looks.size)
	t.line.TextStyle = t.looks.style
}

func (t *Text) whole() fyne.Size {
	if zoom := theme.Zoom(); t.measured.IsZero() || t.zoom != zoom {
		t.zoom = zoom
		t.style()
		t.measured = t.measure(t.full)
	}
	return t.measured
}

func (t *Text) measure(text string) fyne.Size {
	return fyne.MeasureText(text, t.line.TextSize, t.line.TextStyle)
}

// fit shows what fits a width.
func (t *Text) fit(width float32) {
	t.isCut = width > 0 && t.whole().Width > width+0.5
	t.line.Text = t.full
	if t.isCut {
		t.line.Text = lines.Ruler{Size: t.line.TextSize, Style: t.line.TextStyle}.Shorten(t.full, width)
	}
}

// CreateRenderer is Fyne's.
func (t *Text) CreateRenderer() fyne.WidgetRenderer {
	return &drawn{
		objects: []fyne.CanvasObject{t.line},
		layout: func(size fyne.Size) {
			shown := t.line.Text
			t.fit(size.Width)
			height := t.whole().Height
			place(t.line, 0, (size.Height-height)/2, size.Width, height)
			if t.line.Text != shown {
				t.line.Refresh()
			}
		},
		min: t.min,
		refresh: func() {
			height := t.whole().Height
			place(t.line, 0, (t.Size().Height-height)/2, t.Size().Width, height)
		},
	}
}

func (t *Text) min() fyne.Size {
	size := t.whole()
	if t.Cut {
		size.Width = min(size.Width, theme.Px(24))
	}
	return size
}
