package widget

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"zeroms/ui/arrange"
	"zeroms/ui/lines"
	"zeroms/ui/theme"
)

// Paragraph is a text that is broken into lines at its width, between words or, in
// Chinese, between letters. Its height depends on its width, so put it into NewStack,
// NewColumn, NewPanel or NewScroll, which know.
type Paragraph struct {
	widget.BaseWidget
	full  string
	looks looks
	align fyne.TextAlign
	lines []string
	texts []fyne.CanvasObject
	drawn *drawn

	width, zoom float32 // that lines were made for
	step        float32 // from line to line
}

// NewParagraph makes a text that wraps.
func NewParagraph(text string, k Kind) *Paragraph {
	p := &Paragraph{full: text, looks: kinds[k]}
	p.ExtendBaseWidget(p)
	return p
}

// Text is the whole text.
func (p *Paragraph) Text() string { return p.full }

// SetText changes the text.
func (p *Paragraph) SetText(text string) {
	if text != p.full {
		p.full = text
		p.width = 0
		p.Refresh()
	}
}

// SetKind changes how it looks.
func (p *Paragraph) SetKind(k Kind) {
	if p.looks != kinds[k] {
		p.looks = kinds[k]
		p.width = 0
		p.Refresh()
	}
}

// SetColor changes the colour alone.
func (p *Paragraph) SetColor(name theme.Name) {
	p.looks.color = name
	p.Refresh()
}

// SetAlign puts the lines to the left, in the middle or to the right.
func (p *Paragraph) SetAlign(align fyne.TextAlign) {
	p.align = align
	p.Refresh()
}

// wrap makes the lines for a width.
func (p *Paragraph) wrap(width float32) {
	if width <= 0 {
		width = theme.Px(arrange.FirstWidth)
	}
	if zoom := theme.Zoom(); p.width == width && p.zoom == zoom {
		return
	}
	p.width, p.zoom = width, theme.Zoom()
	size := theme.Size(p.looks.size)
	m := lines.Ruler{Size: size, Style: p.looks.style}
	p.lines = m.Lines(p.full, width)
	p.step = fyne.MeasureText("x", size, p.looks.style).Height + theme.Px(1)
}

// CreateRenderer is Fyne's.
func (p *Paragraph) CreateRenderer() fyne.WidgetRenderer {
	p.drawn = &drawn{
		layout: func(size fyne.Size) {
			p.wrap(size.Width)
			p.draw(size.Width)
		},
		min: func() fyne.Size {
			p.wrap(p.Size().Width)
			return fyne.NewSize(theme.Px(40), p.step*float32(len(p.lines)))
		},
		refresh: func() {
			p.wrap(p.Size().Width)
			p.draw(p.Size().Width)
		},
	}
	p.drawn.refresh()
	return p.drawn
}

// draw brings the texts to what the lines are.
func (p *Paragraph) draw(width float32) {
	for len(p.texts) < len(p.lines) {
		p.texts = append(p.texts, &canvas.Text{})
	}
	p.texts = p.texts[:len(p.lines)]
	for i, object := range p.texts {
		text := object.(*canvas.Text)
		text.Text = p.lines[i]
		text.Color = theme.Color(p.looks.color)
		text.TextSize = theme.Size(p.looks.size)
		text.TextStyle = p.looks.style
		text.Alignment = p.align
		place(text, 0, float32(i)*p.step, width, p.step)
		text.Refresh()
	}
	p.drawn.objects = p.texts
}
