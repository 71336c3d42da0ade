package widget

import (
	"image/color"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"

	"zeroms/ui/arrange"
	"zeroms/ui/lines"
	"zeroms/ui/theme"
)

// Style is how much a button wants to be pressed.
type Style uint8

// The styles of buttons.
const (
	Primary Style = iota // the one thing to do here
	Plain
	Danger // destroys something
	Quiet  // text only, in the accent's colour
)

// Button is a button with a text, on several lines where there is no room for one.
type Button struct {
	pressable
	style Style
	full  string
	text  []*canvas.Text // its lines
	plate *canvas.Rectangle
	drawn *drawn
}

// NewButton makes a button; tapped is called when it is pressed.
func NewButton(id, text string, s Style, tapped func()) *Button {
	b := &Button{style: s, full: lines.One(text), plate: &canvas.Rectangle{}}
	b.text = []*canvas.Text{{Text: b.full, Alignment: fyne.TextAlignCenter}}
	b.id, b.press = id, tapped
	b.changed = func() {
		b.paint()
		b.plate.Refresh()
		for _, line := range b.text {
			line.Refresh()
		}
	}
	b.paint()
	b.ExtendBaseWidget(b)
	return b
}

// Text is what the button says.
func (b *Button) Text() string { return b.full }

// SetText changes what the button says.
func (b *Button) SetText(text string) {
	if text = lines.One(text); text != b.full {
		b.full = text
		b.Refresh()
	}
}

// SetStyle changes the style.
func (b *Button) SetStyle(s Style) {
	b.style = s
	b.redraw()
}

// SetTapped changes what pressing does.
func (b *Button) SetTapped(tapped func()) { b.press = tapped }

func (b *Button) paint() {
	fill, text := theme.Field, theme.Text
	switch {
	case b.disabled:
		text = theme.Dim
	case b.style == Primary:
		fill, text = theme.Accent, theme.OnAccent
	case b.style == Danger:
		fill, text = theme.Alarm, theme.OnAlarm
	case b.style == Quiet:
		text = theme.Accent
	}
	if b.hovered && !b.disabled {
		fill = over(fill)
	}
	b.plate.FillColor = theme.Color(fill)
	if b.style == Quiet {
		b.plate.FillColor = color.Transparent
		if b.hovered && !b.disabled {
			b.plate.FillColor = theme.Color(theme.Hover)
		}
	}
	b.plate.CornerRadius = theme.Px(12)
	ring(b.plate, b.focused)
	if b.focused && (b.style == Primary || b.style == Danger) {
		b.plate.StrokeColor = theme.Color(theme.Text)
	}
	ruler := b.ruler()
	for _, line := range b.text {
		line.Color, line.TextSize, line.TextStyle = theme.Color(text), ruler.Size, ruler.Style
	}
}

func (b *Button) ruler() lines.Ruler {
	return lines.Ruler{Size: theme.Size(theme.SizeStrong), Style: fyne.TextStyle{Bold: true}}
}

// tightButton is what is beside the text of a button at least.
const tightButton = 8

// wrap breaks the text for a width, 0: on one line, and returns a line's height.
func (b *Button) wrap(width float32) float32 {
	ruler := b.ruler()
	room, broken := width-2*theme.Px(tightButton), []string{b.full}
	if width > 0 && ruler.Width(b.full) > room+1 {
		broken = ruler.Wrap(b.full, room)
	}
	if len(broken) != len(b.text) {
		b.text = make([]*canvas.Text, len(broken))
		for i := range b.text {
			b.text[i] = &canvas.Text{Alignment: fyne.TextAlignCenter}
		}
		b.paint()
	}
	for i, line := range b.text {
		line.Text = broken[i]
	}
	if b.drawn != nil {
		b.drawn.objects = []fyne.CanvasObject{b.plate}
		for _, line := range b.text {
			b.drawn.objects = append(b.drawn.objects, line)
		}
	}
	return fyne.MeasureText("x", ruler.Size, ruler.Style).Height
}

// over is a fill under the pointer.
func over(fill theme.Name) theme.Name {
	switch fill {
	case theme.Accent:
		return theme.AccentHover
	case theme.Alarm:
		return theme.Alarm
	}
	return theme.FieldHover
}

// CreateRenderer is Fyne's.
func (b *Button) CreateRenderer() fyne.WidgetRenderer {
	b.drawn = &drawn{
		layout: b.arrange,
		min: func() fyne.Size {
			pad := theme.Px(20)
			if b.style == Quiet {
				pad = theme.Px(12)
			}
			height := b.wrap(b.Size().Width)
			return fyne.NewSize(b.ruler().Width(b.full)+2*pad, theme.Px(40)+float32(len(b.text)-1)*height)
		},
		refresh: func() {
			b.paint()
			b.arrange(b.Size())
		},
	}
	b.wrap(0)
	return b.drawn
}

func (b *Button) arrange(size fyne.Size) {
	height := b.wrap(size.Width)
	place(b.plate, 0, 0, size.Width, size.Height)
	top := (size.Height - float32(len(b.text))*height) / 2
	for i, line := range b.text {
		place(line, 0, top+float32(i)*height, size.Width, height)
	}
}

// Narrowest is how narrow it may be where there is no room: as its longest word.
func (b *Button) Narrowest() float32 {
	ruler, widest := b.ruler(), float32(0)
	for word := range strings.FieldsSeq(b.full) {
		widest = max(widest, ruler.Width(word))
	}
	return min(widest, theme.Px(arrange.FirstWidth)) + 2*theme.Px(tightButton)
}

// IconButton is a button with an icon, 40 pixels a side, which tells what it does when
// the pointer rests on it.
type IconButton struct {
	pressable
	hint  string
	icon  string
	tint  theme.Name
	solid bool // a filled circle behind the icon
	image *canvas.Image
	plate *canvas.Rectangle
	tip   tip
}

// NewIconButton makes a button with an icon of package theme; hint says what it does.
func NewIconButton(id string, icon string, hint string, tapped func()) *IconButton {
	b := &IconButton{hint: hint, icon: icon, tint: theme.Secondary, plate: &canvas.Rectangle{}}
	b.image = picture(theme.IconIn(icon, b.tint))
	b.id, b.press = id, tapped
	b.changed = func() {
		b.paint()
		b.plate.Refresh()
		b.image.Refresh()
	}
	b.paint()
	b.ExtendBaseWidget(b)
	return b
}

// NewRoundButton is an IconButton on a filled circle of the accent: the one thing to do.
func NewRoundButton(id string, icon string, hint string, tapped func()) *IconButton {
	b := NewIconButton(id, icon, hint, tapped)
	b.solid = true
	b.paint()
	return b
}

// Hint is what it does, in words.
func (b *IconButton) Hint() string { return b.hint }

// SetHint changes the words.
func (b *IconButton) SetHint(hint string) { b.hint = hint }

// SetIcon changes the icon.
func (b *IconButton) SetIcon(icon string) {
	if icon != b.icon {
		b.icon = icon
		b.redraw()
	}
}

// SetTint changes the colour of the icon.
func (b *IconButton) SetTint(tint theme.Name) {
	if tint != b.tint {
		b.tint = tint
		b.redraw()
	}
}

// AccessibilityLabel is Fyne's: the hint.
func (b *IconButton) AccessibilityLabel() string { return b.hint }

// AccessibilityRole is Fyne's.
func (b *IconButton) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleButton }

func (b *IconButton) paint() {
	tint := b.tint
	b.plate.FillColor = color.Transparent
	switch {
	case b.solid && b.disabled:
		tint = theme.Faint
		b.plate.FillColor = theme.Color(theme.Field)
	case b.disabled:
		tint = theme.Faint
	case b.solid:
		tint = theme.OnAccent
		b.plate.FillColor = theme.Color(theme.Accent)
		if b.hovered {
			b.plate.FillColor = theme.Color(theme.AccentHover)
		}
	case b.hovered:
		b.plate.FillColor = theme.Color(theme.FieldHover)
	}
	b.plate.CornerRadius = theme.Px(20)
	ring(b.plate, b.focused)
	b.image.Resource = theme.IconIn(b.icon, tint)
}

// MouseIn is Fyne's.
func (b *IconButton) MouseIn(e *desktop.MouseEvent) {
	b.pressable.MouseIn(e)
	b.tip.wait(b, b.hint)
}

// MouseOut is Fyne's.
func (b *IconButton) MouseOut() {
	b.pressable.MouseOut()
	b.tip.end()
}

// Tapped is Fyne's.
func (b *IconButton) Tapped(e *fyne.PointEvent) {
	b.tip.end()
	b.pressable.Tapped(e)
}

// CreateRenderer is Fyne's.
func (b *IconButton) CreateRenderer() fyne.WidgetRenderer {
	return &drawn{
		objects: []fyne.CanvasObject{b.plate, b.image},
		layout: func(size fyne.Size) {
			side := min(size.Width, size.Height, theme.Px(40))
			place(b.plate, (size.Width-side)/2, (size.Height-side)/2, side, side)
			icon := theme.Px(22)
			place(b.image, (size.Width-icon)/2, (size.Height-icon)/2, icon, icon)
		},
		min:     func() fyne.Size { return fyne.NewSquareSize(theme.Px(40)) },
		refresh: b.paint,
	}
}
