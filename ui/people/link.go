package people

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"zeroms/ui/page"
	"zeroms/ui/theme"
)

// link is a few words in a line of text that can be pressed: bold, in a colour.
type link struct {
	widget.BaseWidget
	id      string
	tint    theme.Name
	tapped  func()
	text    *canvas.Text
	under   *canvas.Rectangle
	active  bool // the pointer is on it, or it has the keyboard's focus
	focused bool
}

func newLink(id, text string, tint theme.Name, tapped func()) *link {
	l := &link{id: id, tint: tint, tapped: tapped, text: &canvas.Text{Text: text}, under: &canvas.Rectangle{}}
	l.paint()
	l.ExtendBaseWidget(l)
	return l
}

// ID is its name for drivers and tests.
func (l *link) ID() string { return l.id }

func (l *link) paint() {
	l.text.Color = theme.Color(l.tint)
	l.text.TextSize = theme.Size(theme.SizeSecondary)
	l.text.TextStyle = fyne.TextStyle{Bold: true}
	l.under.FillColor = theme.Color(l.tint)
	l.under.Hidden = !l.active && !l.focused
}

func (l *link) redraw() {
	l.paint()
	l.text.Refresh()
	l.under.Refresh()
}

// Tapped is Fyne's.
func (l *link) Tapped(*fyne.PointEvent) { l.tapped() }

// TypedKey is Fyne's: Enter and Space press.
func (l *link) TypedKey(k *fyne.KeyEvent) {
	switch k.Name {
	case fyne.KeyReturn, fyne.KeyEnter, fyne.KeySpace:
		l.tapped()
	default:
		page.HandOn(l, k)
	}
}

// TypedRune is Fyne's.
func (l *link) TypedRune(rune) {}

// FocusGained is Fyne's.
func (l *link) FocusGained() {
	l.focused = true
	l.redraw()
}

// FocusLost is Fyne's.
func (l *link) FocusLost() {
	l.focused = false
	l.redraw()
}

// MouseIn is Fyne's.
func (l *link) MouseIn(*desktop.MouseEvent) {
	l.active = true
	l.redraw()
}

// MouseMoved is Fyne's.
func (l *link) MouseMoved(*desktop.MouseEvent) {}

// MouseOut is Fyne's.
func (l *link) MouseOut() {
	l.active = false
	l.redraw()
}

// Cursor is Fyne's.
func (l *link) Cursor() desktop.Cursor { return desktop.PointerCursor }

// CreateRenderer is Fyne's.
func (l *link) CreateRenderer() fyne.WidgetRenderer { return &linkRenderer{l} }

type linkRenderer struct{ l *link }

func (r *linkRenderer) Destroy() {}

func (r *linkRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.l.text, r.l.under}
}

// MinSize leaves room above and below, so that it is easy to hit.
func (r *linkRenderer) MinSize() fyne.Size {
	return r.l.text.MinSize().AddWidthHeight(0, theme.Px(8))
}

func (r *linkRenderer) Layout(size fyne.Size) {
	text := r.l.text.MinSize()
	y := (size.Height - text.Height) / 2
	r.l.text.Resize(text)
	r.l.text.Move(fyne.NewPos(0, y))
	r.l.under.Resize(fyne.NewSize(text.Width, 1))
	r.l.under.Move(fyne.NewPos(0, y+text.Height-theme.Px(1)))
}

func (r *linkRenderer) Refresh() {
	r.l.redraw()
	r.Layout(r.l.Size())
}
