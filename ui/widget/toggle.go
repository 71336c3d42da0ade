package widget

import (
	"strconv"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"zeroms/ui/arrange"
	"zeroms/ui/lines"
	"zeroms/ui/theme"
)

// Switch is something that is on or off, with a title and what it means.
type Switch struct {
	pressable
	on       bool
	switched func(bool)
	title    *Paragraph
	text     *Paragraph
	plate    *canvas.Rectangle
	track    *canvas.Rectangle
	knob     *canvas.Circle
}

// NewSwitch makes a switch; explanation may be empty. changed is called when the user
// switches.
func NewSwitch(id, title, explanation string, on bool, changed func(bool)) *Switch {
	s := &Switch{
		on: on, switched: changed, title: NewParagraph(title, Body), text: NewParagraph(explanation, Secondary),
		plate: &canvas.Rectangle{}, track: &canvas.Rectangle{}, knob: &canvas.Circle{},
	}
	s.id = id
	s.press = func() {
		s.SetOn(!s.on)
		if s.switched != nil {
			s.switched(s.on)
		}
	}
	s.changed = func() {
		s.paint()
		s.arrange(s.Size())
		s.plate.Refresh()
		s.track.Refresh()
		s.knob.Refresh()
	}
	if explanation == "" {
		s.text.Hide()
	}
	s.ExtendBaseWidget(s)
	s.paint()
	return s
}

// On reports whether it is on.
func (s *Switch) On() bool { return s.on }

// SetOn switches without telling.
func (s *Switch) SetOn(on bool) {
	if s.on != on {
		s.on = on
		s.redraw()
	}
}

// SetExplanation changes what it means; empty: nothing.
func (s *Switch) SetExplanation(text string) {
	s.text.SetText(text)
	if text == "" {
		s.text.Hide()
	} else {
		s.text.Show()
	}
	s.Refresh()
}

func (s *Switch) paint() {
	s.plate.FillColor = theme.Color(theme.Hover)
	s.plate.CornerRadius = theme.Px(8)
	ring(s.plate, s.focused)
	if !s.hovered && !s.focused || s.disabled {
		s.plate.Hide()
	} else {
		s.plate.Show()
	}
	s.track.CornerRadius = theme.Px(11)
	s.track.FillColor = theme.Color(theme.Dim)
	if s.on {
		s.track.FillColor = theme.Color(theme.Accent)
	}
	if s.disabled {
		s.track.FillColor = theme.Color(theme.FieldHover)
	}
	s.knob.FillColor = theme.Color(theme.Panel)
}

const (
	trackWidth, trackHeight, knobSide = 38, 22, 18
	switchGap                         = 8 // around a switch's text
)

func (s *Switch) arrange(size fyne.Size) {
	place(s.plate, -theme.Px(switchGap), 0, size.Width+2*theme.Px(switchGap), size.Height)
	width, gap := theme.Px(trackWidth), theme.Px(switchGap)
	side := max(theme.Px(40), size.Width-width-theme.Px(16))
	title := arrange.Under(s.title, side)
	place(s.title, 0, gap, side, title)
	text := float32(0)
	if s.text.Visible() {
		text = arrange.Under(s.text, side)
		place(s.text, 0, gap+title+theme.Px(2), side, text)
	}
	y := gap + (title-theme.Px(trackHeight))/2
	place(s.track, size.Width-width, y, width, theme.Px(trackHeight))
	inset := theme.Px((trackHeight - knobSide) / 2)
	x := size.Width - width + inset
	if s.on {
		x = size.Width - inset - theme.Px(knobSide)
	}
	place(s.knob, x, y+inset, theme.Px(knobSide), theme.Px(knobSide))
}

// CreateRenderer is Fyne's.
func (s *Switch) CreateRenderer() fyne.WidgetRenderer {
	return &drawn{
		objects: []fyne.CanvasObject{s.plate, s.title, s.text, s.track, s.knob},
		layout:  s.arrange,
		min: func() fyne.Size {
			height := s.title.MinSize().Height + 2*theme.Px(switchGap)
			if s.text.Visible() {
				height += s.text.MinSize().Height + theme.Px(2)
			}
			return fyne.NewSize(theme.Px(160), height)
		},
		refresh: func() {
			s.paint()
			s.arrange(s.Size())
		},
	}
}

// Choice is one of some options, shown side by side.
type Choice struct {
	widget.BaseWidget
	id      string
	title   *Text
	options []*chip
	at      int
	changed func(int)
}

// NewChoice makes a choice; title may be empty. Its options have the ids "<id>.0", and so
// on. changed is called when the user chooses.
func NewChoice(id, title string, options []string, at int, changed func(int)) *Choice {
	c := &Choice{id: id, title: NewText(title, Body), at: at, changed: changed}
	if title == "" {
		c.title.Hide()
	}
	for i, option := range options {
		c.options = append(c.options, newChip(id+"."+strconv.Itoa(i), option, i == at, func() { c.choose(i) }))
	}
	c.ExtendBaseWidget(c)
	return c
}

// ID is its name for drivers and tests.
func (c *Choice) ID() string { return c.id }

// At is which option is chosen; -1: none.
func (c *Choice) At() int { return c.at }

// SetAt chooses without telling.
func (c *Choice) SetAt(at int) {
	c.at = at
	for i, option := range c.options {
		option.choose(i == at)
	}
}

func (c *Choice) choose(at int) {
	if at == c.at {
		return
	}
	c.SetAt(at)
	if c.changed != nil {
		c.changed(at)
	}
}

// CreateRenderer is Fyne's.
func (c *Choice) CreateRenderer() fyne.WidgetRenderer {
	objects := []fyne.CanvasObject{c.title}
	for _, option := range c.options {
		objects = append(objects, option)
	}
	return &drawn{
		objects: objects,
		layout:  func(size fyne.Size) { c.flow(size.Width, true) },
		min: func() fyne.Size {
			width := c.Size().Width
			if width == 0 {
				width = theme.Px(arrange.FirstWidth)
			}
			return fyne.NewSize(theme.Px(160), c.flow(width, false))
		},
	}
}

// flow puts the options one after another into lines and returns the height.
func (c *Choice) flow(width float32, move bool) float32 {
	gap, ends := theme.Px(8), theme.Px(4) // without a title it is as high as a button
	x, y := float32(0), float32(0)
	if c.title.Visible() {
		ends = 0
		height := c.title.MinSize().Height
		if move {
			place(c.title, 0, y, width, height)
		}
		y += height + gap
	}
	y += ends
	line := float32(0)
	for _, option := range c.options {
		size := option.MinSize()
		if x > 0 && x+size.Width > width {
			x, y = 0, y+line+gap
		}
		if move {
			place(option, x, y, min(size.Width, width), size.Height)
		}
		x += size.Width + gap
		line = size.Height
	}
	return y + line + ends
}

// chip is one option.
type chip struct {
	pressable
	chosen bool
	text   *canvas.Text
	plate  *canvas.Rectangle
}

func newChip(id, text string, chosen bool, tapped func()) *chip {
	c := &chip{chosen: chosen, text: &canvas.Text{Text: lines.One(text), Alignment: fyne.TextAlignCenter}, plate: &canvas.Rectangle{}}
	c.id, c.press = id, tapped
	c.changed = func() {
		c.paint()
		c.plate.Refresh()
		c.text.Refresh()
	}
	c.paint()
	c.ExtendBaseWidget(c)
	return c
}

func (c *chip) choose(chosen bool) {
	if c.chosen != chosen {
		c.chosen = chosen
		c.redraw()
	}
}

func (c *chip) paint() {
	fill, text := theme.Field, theme.Text
	switch {
	case c.chosen:
		fill, text = theme.Accent, theme.OnAccent
	case c.hovered:
		fill = theme.FieldHover
	}
	c.plate.FillColor = theme.Color(fill)
	c.plate.CornerRadius = theme.Px(16)
	ring(c.plate, c.focused)
	if c.focused && c.chosen {
		c.plate.StrokeColor = theme.Color(theme.Text)
	}
	c.text.Color = theme.Color(text)
	c.text.TextSize = theme.Size(theme.SizeSecondary)
	c.text.TextStyle = fyne.TextStyle{Bold: c.chosen}
}

// CreateRenderer is Fyne's.
func (c *chip) CreateRenderer() fyne.WidgetRenderer {
	return &drawn{
		objects: []fyne.CanvasObject{c.plate, c.text},
		layout: func(size fyne.Size) {
			place(c.plate, 0, 0, size.Width, size.Height)
			height := c.text.MinSize().Height
			place(c.text, 0, (size.Height-height)/2, size.Width, height)
		},
		min: func() fyne.Size { // as wide as it is when chosen, so that nothing moves
			width := fyne.MeasureText(c.text.Text, c.text.TextSize, fyne.TextStyle{Bold: true}).Width
			return fyne.NewSize(width+theme.Px(24), theme.Px(32))
		},
		refresh: c.paint,
	}
}
