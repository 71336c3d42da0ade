package widget

import (
	"image/color"
	"strconv"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"zeroms/ui/theme"
)

// Row is one of several things below each other: something on the left, a title, a line
// below it, and something on the right.
type Row struct {
	pressable
	lead     fyne.CanvasObject
	trail    fyne.CanvasObject
	title    *Text
	subtitle *Text
	plate    *canvas.Rectangle
	selected bool
	rounded  bool
	renderer *drawn
}

// NewRow makes a row; subtitle may be empty, tapped nil.
func NewRow(id, title, subtitle string, tapped func()) *Row {
	r := &Row{title: NewCut(title, Strong), subtitle: NewCut(subtitle, Secondary), plate: &canvas.Rectangle{}}
	r.id, r.press = id, tapped
	r.changed = func() {
		r.paint()
		r.plate.Refresh()
	}
	r.paint()
	r.ExtendBaseWidget(r)
	return r
}

// SetTitle changes the title.
func (r *Row) SetTitle(title string) { r.title.SetText(title) }

// SetTitleKind changes how the title looks.
func (r *Row) SetTitleKind(k Kind) { r.title.SetKind(k) }

// SetSubtitle changes the line below; empty: none.
func (r *Row) SetSubtitle(subtitle string) {
	r.subtitle.SetText(subtitle)
	r.arrange(r.Size())
}

// SetLead puts something on the left: an avatar, or with NewMark an icon.
func (r *Row) SetLead(lead fyne.CanvasObject) {
	r.lead = lead
	r.Refresh()
}

// SetTrail puts something on the right.
func (r *Row) SetTrail(trail fyne.CanvasObject) {
	r.trail = trail
	r.Refresh()
}

// SetSelected marks the row.
func (r *Row) SetSelected(selected bool) {
	r.selected = selected
	r.redraw()
}

// SetRounded rounds the corners of what shows that the pointer is on it: for rows in
// panels.
func (r *Row) SetRounded(rounded bool) {
	r.rounded = rounded
	r.redraw()
}

func (r *Row) paint() {
	r.plate.FillColor = color.Transparent
	switch {
	case r.selected:
		r.plate.FillColor = theme.Color(theme.Selected)
	case r.hovered && r.press != nil && !r.disabled:
		r.plate.FillColor = theme.Color(theme.Hover)
	}
	r.subtitle.SetColor(theme.Secondary)
	if r.selected || r.hovered {
		r.subtitle.SetColor(theme.OnTint)
	}
	r.plate.CornerRadius = 0
	if r.rounded {
		r.plate.CornerRadius = theme.Px(12)
	}
	ring(r.plate, r.focused)
}

// CreateRenderer is Fyne's.
func (r *Row) CreateRenderer() fyne.WidgetRenderer {
	r.renderer = &drawn{layout: r.arrange, min: r.min}
	r.renderer.refresh = func() {
		r.paint()
		r.collect()
		r.arrange(r.Size())
	}
	r.collect()
	return r.renderer
}

func (r *Row) collect() {
	r.renderer.objects = []fyne.CanvasObject{r.plate, r.title, r.subtitle}
	for _, object := range []fyne.CanvasObject{r.lead, r.trail} {
		if object != nil {
			r.renderer.objects = append(r.renderer.objects, object)
		}
	}
}

func (r *Row) min() fyne.Size {
	height := theme.Px(48)
	if r.subtitle.Text() != "" {
		height = theme.Px(56)
	}
	width := theme.Px(24 + 48)
	for _, object := range []fyne.CanvasObject{r.lead, r.trail} {
		if visible(object) {
			size := object.MinSize()
			height = max(height, size.Height+theme.Px(24))
			width += size.Width + theme.Px(12)
		}
	}
	return fyne.NewSize(width, height)
}

func (r *Row) arrange(size fyne.Size) {
	place(r.plate, 0, 0, size.Width, size.Height)
	left, right := theme.Px(12), size.Width-theme.Px(12)
	if visible(r.lead) {
		least := r.lead.MinSize()
		place(r.lead, left, (size.Height-least.Height)/2, least.Width, least.Height)
		left += least.Width + theme.Px(12)
	}
	if visible(r.trail) {
		least := r.trail.MinSize()
		right -= least.Width
		place(r.trail, right, (size.Height-least.Height)/2, least.Width, least.Height)
		right -= theme.Px(12)
	}
	width := max(0, right-left)
	title := r.title.MinSize().Height
	y := (size.Height - title) / 2
	if r.subtitle.Text() == "" {
		r.subtitle.Hide()
	} else {
		r.subtitle.Show()
		below := r.subtitle.MinSize().Height
		y = (size.Height - title - below - theme.Px(1)) / 2
		place(r.subtitle, left, y+title+theme.Px(1), width, below)
	}
	place(r.title, left, y, width, title)
}

// MenuRow is a row of a menu: an icon or an avatar and a text, 40 pixels high.
type MenuRow struct {
	pressable
	lead     fyne.CanvasObject
	text     *Text
	plate    *canvas.Rectangle
	selected bool
}

// NewMenuRow makes a row of a menu; icon is the name of one of package theme's, or empty.
func NewMenuRow(id, icon, text string, tapped func()) *MenuRow {
	r := &MenuRow{lead: NewMark(icon, theme.Secondary, 20), text: NewCut(text, Body), plate: &canvas.Rectangle{}}
	r.id, r.press = id, tapped
	r.changed = func() {
		r.paint()
		r.plate.Refresh()
	}
	r.paint()
	r.ExtendBaseWidget(r)
	return r
}

// SetAvatar puts somebody's avatar in the place of the icon.
func (r *MenuRow) SetAvatar(user [32]byte, name string) {
	r.lead = NewAvatar(user, name, 28)
	r.Refresh()
}

// SetText changes the text.
func (r *MenuRow) SetText(text string) { r.text.SetText(text) }

// SetSelected marks the row.
func (r *MenuRow) SetSelected(selected bool) {
	r.selected = selected
	r.redraw()
}

func (r *MenuRow) paint() {
	r.plate.FillColor = color.Transparent
	switch {
	case r.selected:
		r.plate.FillColor = theme.Color(theme.Selected)
	case r.hovered && !r.disabled:
		r.plate.FillColor = theme.Color(theme.Hover)
	}
	r.plate.CornerRadius = theme.Px(8)
	ring(r.plate, r.focused)
	r.text.SetColor(theme.Text)
	if r.disabled {
		r.text.SetColor(theme.Dim)
	}
}

// CreateRenderer is Fyne's.
func (r *MenuRow) CreateRenderer() fyne.WidgetRenderer {
	d := &drawn{objects: []fyne.CanvasObject{r.plate, r.lead, r.text}}
	d.layout = func(size fyne.Size) {
		place(r.plate, 0, 0, size.Width, size.Height)
		left, side := theme.Px(12), r.lead.MinSize()
		place(r.lead, left, (size.Height-side.Height)/2, side.Width, side.Height)
		if mark, ok := r.lead.(*Mark); !ok || mark.Icon() != "" {
			left += side.Width + theme.Px(12)
		}
		height := r.text.MinSize().Height
		place(r.text, left, (size.Height-height)/2, max(0, size.Width-left-theme.Px(12)), height)
	}
	d.min = func() fyne.Size { // as wide as its text, as it makes the width of a menu
		return fyne.NewSize(r.text.whole().Width+theme.Px(24)+r.lead.MinSize().Width+theme.Px(12), theme.Px(40))
	}
	d.refresh = func() {
		r.paint()
		d.objects = []fyne.CanvasObject{r.plate, r.lead, r.text}
		d.layout(r.Size())
	}
	return d
}

// Mark is an icon of a fixed side.
type Mark struct {
	widget.BaseWidget
	icon  string
	tint  theme.Name
	side  float32
	image *canvas.Image
}

// NewMark makes an icon in a colour, with a side in pixels of the drawings.
func NewMark(icon string, tint theme.Name, side float32) *Mark {
	m := &Mark{icon: icon, tint: tint, side: side, image: picture(theme.IconIn(icon, tint))}
	m.ExtendBaseWidget(m)
	return m
}

// Set changes the icon and its colour; an empty name: none.
func (m *Mark) Set(icon string, tint theme.Name) {
	if icon != m.icon || tint != m.tint {
		m.icon, m.tint = icon, tint
		m.Refresh()
	}
}

// Icon is the icon's name.
func (m *Mark) Icon() string { return m.icon }

// CreateRenderer is Fyne's.
func (m *Mark) CreateRenderer() fyne.WidgetRenderer {
	return &drawn{
		objects: []fyne.CanvasObject{m.image},
		layout: func(size fyne.Size) {
			side := min(size.Width, size.Height, theme.Px(m.side))
			place(m.image, (size.Width-side)/2, (size.Height-side)/2, side, side)
		},
		min: func() fyne.Size { return fyne.NewSquareSize(theme.Px(m.side)) },
		refresh: func() {
			m.image.Resource = theme.IconIn(m.icon, m.tint)
			m.image.Hidden = m.image.Resource == nil
		},
	}
}

// Badge is a number in a pill; of 0 nothing is drawn.
type Badge struct {
	widget.BaseWidget
	n     int
	muted bool
	text  *canvas.Text
	plate *canvas.Rectangle
}

// NewBadge makes a badge.
func NewBadge(n int) *Badge {
	b := &Badge{n: n, text: &canvas.Text{Alignment: fyne.TextAlignCenter}, plate: &canvas.Rectangle{}}
	b.paint()
	b.ExtendBaseWidget(b)
	return b
}

// Set changes the number; muted makes it grey.
func (b *Badge) Set(n int, muted bool) {
	if n != b.n || muted != b.muted {
		b.n, b.muted = n, muted
		b.Refresh()
	}
}

// N is the number.
func (b *Badge) N() int { return b.n }

func (b *Badge) paint() {
	b.text.Text = strconv.Itoa(b.n)
	if b.n > 999 {
		b.text.Text = "999+"
	}
	b.text.Hidden, b.plate.Hidden = b.n <= 0, b.n <= 0
	b.text.Color = theme.Color(theme.OnAccent)
	b.text.TextSize = theme.Size(theme.SizeSecondary)
	b.text.TextStyle = fyne.TextStyle{Bold: true}
	b.plate.FillColor = theme.Color(theme.Accent)
	if b.muted {
		b.plate.FillColor = theme.Color(theme.Muted)
	}
	b.plate.CornerRadius = theme.Px(10)
}

// CreateRenderer is Fyne's.
func (b *Badge) CreateRenderer() fyne.WidgetRenderer {
	return &drawn{
		objects: []fyne.CanvasObject{b.plate, b.text},
		layout: func(size fyne.Size) {
			place(b.plate, 0, 0, size.Width, size.Height)
			height := b.text.MinSize().Height
			place(b.text, 0, (size.Height-height)/2, size.Width, height)
		},
		min: func() fyne.Size {
			if b.n <= 0 {
				return fyne.NewSize(0, theme.Px(20))
			}
			return fyne.NewSize(max(theme.Px(20), b.text.MinSize().Width+theme.Px(12)), theme.Px(20))
		},
		refresh: b.paint,
	}
}
