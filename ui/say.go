package ui

import (
	"image/color"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/widget"

	"zeroms/ui/page"
	"zeroms/ui/theme"
	w "zeroms/ui/widget"
)

// sayer tells the user things.
type sayer struct{ app *App }

// noticeTime is how long a notice stands, failTime how long a failure does: it is
// longer to read.
const (
	noticeTime = 3 * time.Second
	failTime   = 8 * time.Second
)

// Notice is page.Sayer's.
func (s sayer) Notice(text string) { s.line(text, w.Body, noticeTime) }

// Fail is page.Sayer's.
func (s sayer) Fail(err error) {
	if err != nil && s.app.left == nil { // why an engine has ended is said already
		s.line(s.app.host.Words.Error(err), w.Alarm, failTime)
	}
}

// line shows a line over the bottom of the window.
func (s sayer) line(text string, kind w.Kind, lasts time.Duration) {
	plate := canvas.NewRectangle(theme.Color(theme.Panel))
	plate.CornerRadius = theme.Px(12)
	plate.StrokeColor, plate.StrokeWidth = theme.Color(theme.Line), 1
	words := w.NewParagraph(text, kind)
	content := container.NewStack(plate, container.New(layout.NewCustomPaddedLayout(theme.Px(10), theme.Px(10), theme.Px(16), theme.Px(16)), words))
	box := container.New(noticeLayout{s.app, text}, content)
	n := s.app.layers.notice
	n.Objects = []fyne.CanvasObject{box}
	n.Refresh()
	var stop func()
	stop = s.app.timers.Every(lasts, func() {
		stop()
		if len(n.Objects) == 1 && n.Objects[0] == box {
			n.Objects = nil
			n.Refresh()
		}
	})
}

// noticeLayout centres one object near the bottom of the page, as wide as its text wants
// and there is room.
type noticeLayout struct {
	app  *App
	text string
}

const noticeWidth = 480

func (l noticeLayout) Layout(o []fyne.CanvasObject, size fyne.Size) {
	var left float32
	if s := l.app.shell; s != nil && l.app.alone == nil && !s.panes.narrow {
		left = theme.Px(listWidth)
	}
	room := size.Width - left
	wants := fyne.MeasureText(l.text, theme.Size(theme.SizeBody), fyne.TextStyle{}).Width + theme.Px(36)
	width := min(theme.Px(noticeWidth), room-theme.Px(32), wants)
	o[0].Resize(fyne.NewSize(width, o[0].MinSize().Height)) // paragraphs know their height by their width
	height := o[0].MinSize().Height
	o[0].Resize(fyne.NewSize(width, height))
	o[0].Move(fyne.NewPos(left+(room-width)/2, size.Height-height-theme.Px(96)))
}

func (noticeLayout) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.Size{} }

// Ask is page.Sayer's.
func (s sayer) Ask(q page.Question) {
	style := w.Primary
	if q.Danger {
		style = w.Danger
	}
	var done func()
	yes := w.NewButton("ask.yes", q.Yes, style, func() {
		done()
		q.Then()
	})
	no := w.NewButton("ask.no", s.app.host.Words.Say("shell.cancel"), w.Plain, func() { done() })
	content := container.NewVBox(w.NewParagraph(q.Text, w.Body), gap(8), container.NewHBox(layout.NewSpacer(), w.NewLine(8, no, yes)))
	done = s.Show(q.Title, content)
}

// Show is page.Sayer's.
func (s sayer) Show(title string, content fyne.CanvasObject) (done func()) {
	head := w.NewText(title, w.Title)
	head.Cut = true
	shut := w.NewIconButton("sheet.close", "close", s.app.host.Words.Say("shell.close"), func() { done() })
	box := w.NewPanel(container.NewBorder(container.NewBorder(nil, gap(8), nil, shut, container.NewVBox(layout.NewSpacer(), head, layout.NewSpacer())), nil, nil, nil, w.NewScroll(content)))
	shade := newShade(theme.Color(theme.Shade), func() { done() })
	return s.app.layers.push(container.NewStack(shade, container.New(&sheetLayout{content: content}, box)), nil)
}

// gap is an empty place of a height.
func gap(height float32) fyne.CanvasObject {
	r := canvas.NewRectangle(color.Transparent)
	r.SetMinSize(fyne.NewSize(1, theme.Px(height)))
	return r
}

// sheetLayout centres a box: as wide as its content wants, within the window.
type sheetLayout struct{ content fyne.CanvasObject }

const (
	sheetLeast = 440
	sheetFrame = 48  // beside the content
	sheetHead  = 104 // above and below it
)

func (l *sheetLayout) Layout(o []fyne.CanvasObject, size fyne.Size) {
	edge, frame := theme.Px(32), theme.Px(sheetFrame)
	width := min(max(l.content.MinSize().Width+frame, theme.Px(sheetLeast)), size.Width-edge)
	l.content.Resize(fyne.NewSize(width-frame, l.content.MinSize().Height))
	height := min(l.content.MinSize().Height+theme.Px(sheetHead), size.Height-edge)
	o[0].Resize(fyne.NewSize(width, height))
	o[0].Move(fyne.NewPos((size.Width-width)/2, (size.Height-height)/2))
}

func (*sheetLayout) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.Size{} }

// shade darkens what lies below, and takes every tap.
type shade struct {
	widget.BaseWidget
	rect   *canvas.Rectangle
	tapped func()
}

var (
	_ fyne.Tappable     = (*shade)(nil)
	_ desktop.Hoverable = (*shade)(nil)
)

func newShade(c color.Color, tapped func()) *shade {
	s := &shade{rect: canvas.NewRectangle(c), tapped: tapped}
	s.ExtendBaseWidget(s)
	return s
}

// CreateRenderer is fyne.Widget's.
func (s *shade) CreateRenderer() fyne.WidgetRenderer { return widget.NewSimpleRenderer(s.rect) }

// Tapped is fyne.Tappable's.
func (s *shade) Tapped(*fyne.PointEvent) { s.tapped() }

// TappedSecondary keeps taps from what lies below.
func (s *shade) TappedSecondary(*fyne.PointEvent) {}

// MouseIn keeps the pointer from what lies below, like the next two.
func (s *shade) MouseIn(*desktop.MouseEvent) {}

// MouseMoved is desktop.Hoverable's.
func (s *shade) MouseMoved(*desktop.MouseEvent) {}

// MouseOut is desktop.Hoverable's.
func (s *shade) MouseOut() {}
