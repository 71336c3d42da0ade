package widget

import (
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"zeroms/ui/lines"
	"zeroms/ui/page"
	"zeroms/ui/theme"
)

// Layer is the content of a window with a place above it where hints are shown. Without
// one as the window's content there are no hints.
type Layer struct {
	widget.BaseWidget
	content fyne.CanvasObject
	plate   *canvas.Rectangle
	text    *canvas.Text
	of      fyne.CanvasObject // whose hint is shown
	paster  page.Paster
}

// NewLayer lays a place for hints over a window's content.
func NewLayer(content fyne.CanvasObject) *Layer {
	l := &Layer{content: content, plate: &canvas.Rectangle{}, text: &canvas.Text{}}
	l.plate.Hide()
	l.text.Hide()
	l.ExtendBaseWidget(l)
	return l
}

// SetContent changes what is below.
func (l *Layer) SetContent(content fyne.CanvasObject) {
	l.hide()
	l.content = content
	l.Refresh()
}

// SetPaster sets who reads the clipboard for what is written into below.
func (l *Layer) SetPaster(p page.Paster) { l.paster = p }

// Pastes is who reads the clipboard; nil: Fyne does.
func (l *Layer) Pastes() page.Paster { return l.paster }

// Content is what is below.
func (l *Layer) Content() fyne.CanvasObject { return l.content }

// Shown is the hint that is shown; empty: none.
func (l *Layer) Shown() string {
	if l.of == nil {
		return ""
	}
	return l.text.Text
}

// show shows a hint below an object, or above it at the lower edge.
func (l *Layer) show(of fyne.CanvasObject, hint string) {
	l.of = of
	l.text.Text = lines.One(hint)
	l.paint()
	size := l.text.MinSize()
	width, height := size.Width+theme.Px(16), size.Height+theme.Px(8)
	driver := fyne.CurrentApp().Driver()
	at := driver.AbsolutePositionForObject(of).Subtract(driver.AbsolutePositionForObject(l))
	x := at.X + (of.Size().Width-width)/2
	y := at.Y + of.Size().Height + theme.Px(4)
	if y+height > l.Size().Height {
		y = at.Y - height - theme.Px(4)
	}
	x = max(theme.Px(4), min(x, l.Size().Width-width-theme.Px(4)))
	place(l.plate, x, y, width, height)
	place(l.text, x+theme.Px(8), y+theme.Px(4), size.Width, size.Height)
	l.plate.Show()
	l.text.Show()
	l.plate.Refresh()
	l.text.Refresh()
}

func (l *Layer) hide() {
	l.of = nil
	l.plate.Hide()
	l.text.Hide()
}

func (l *Layer) paint() {
	l.plate.FillColor = theme.Color(theme.Text)
	l.plate.CornerRadius = theme.Px(8)
	l.text.Color = theme.Color(theme.Panel)
	l.text.TextSize = theme.Size(theme.SizeSecondary)
}

// CreateRenderer is Fyne's.
func (l *Layer) CreateRenderer() fyne.WidgetRenderer {
	r := &drawn{
		objects: []fyne.CanvasObject{l.content, l.plate, l.text},
		layout:  func(size fyne.Size) { place(l.content, 0, 0, size.Width, size.Height) },
		min:     func() fyne.Size { return l.content.MinSize() },
	}
	r.refresh = func() {
		l.paint()
		if r.objects[0] != l.content {
			r.objects[0] = l.content
			place(l.content, 0, 0, l.Size().Width, l.Size().Height)
		}
	}
	return r
}

// restBefore is how long the pointer rests on a button before its hint is shown.
const restBefore = 600 * time.Millisecond

// tip is the hint of one button. Fyne's animation is its timer: it runs on the screen's
// goroutine, draws nothing until it is over, and ends with the button's being left.
type tip struct {
	timer *fyne.Animation
	layer *Layer
}

func (t *tip) wait(of fyne.CanvasObject, hint string) {
	t.end()
	if hint == "" {
		return
	}
	over := fyne.CurrentApp().Driver().CanvasForObject(of)
	if over == nil {
		return
	}
	layer, ok := over.Content().(*Layer)
	if !ok {
		return
	}
	t.layer = layer
	t.timer = fyne.NewAnimation(restBefore, func(done float32) {
		if done == 1 && t.layer != nil {
			t.layer.show(of, hint)
		}
	})
	t.timer.Curve = fyne.AnimationLinear
	t.timer.Start()
}

func (t *tip) end() {
	if t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
	if t.layer != nil {
		t.layer.hide()
		t.layer = nil
	}
}
