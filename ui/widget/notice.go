package widget

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"zeroms/ui/arrange"
	"zeroms/ui/theme"
)

// NoticeKind is what a notice is about.
type NoticeKind uint8

// The kinds of notices.
const (
	GapNotice    NoticeKind = iota // something is missing or to be done
	AlarmNotice                    // something is wrong
	AccentNotice                   // something to know
)

// Notice is a coloured strip with a text and maybe a button.
type Notice struct {
	widget.BaseWidget
	kind   NoticeKind
	text   *Paragraph
	action *Button
	plate  *canvas.Rectangle
	drawn  *drawn
}

// NewNotice makes a strip.
func NewNotice(text string, kind NoticeKind) *Notice {
	n := &Notice{kind: kind, text: NewParagraph(text, Body), plate: &canvas.Rectangle{}}
	n.text.looks.size = theme.SizeSecondary
	n.paint()
	n.ExtendBaseWidget(n)
	return n
}

// SetText changes the text.
func (n *Notice) SetText(text string) {
	n.text.SetText(text)
	n.Refresh()
}

// Text is the text.
func (n *Notice) Text() string { return n.text.Text() }

// SetKind changes what it is about.
func (n *Notice) SetKind(kind NoticeKind) {
	n.kind = kind
	n.Refresh()
}

// SetAction puts a button on the right; an empty text: none.
func (n *Notice) SetAction(id, text string, tapped func()) {
	n.action = nil
	if text != "" {
		n.action = NewButton(id, text, Quiet, tapped)
	}
	n.Refresh()
}

func (n *Notice) paint() {
	fill, text := theme.GapFill, theme.GapText
	switch n.kind {
	case AlarmNotice:
		fill, text = theme.AlarmFill, theme.Alarm
	case AccentNotice:
		fill, text = theme.Selected, theme.Text
	}
	n.plate.FillColor = theme.Color(fill)
	n.plate.CornerRadius = theme.Px(12)
	n.text.looks.color = text
}

// CreateRenderer is Fyne's.
func (n *Notice) CreateRenderer() fyne.WidgetRenderer {
	n.drawn = &drawn{
		layout: n.arrange,
		min: func() fyne.Size {
			size := n.text.MinSize()
			switch {
			case n.action == nil:
			case n.below(n.Size().Width):
				action := n.action.MinSize()
				size.Width = max(size.Width, action.Width-theme.Px(24))
				size.Height += action.Height - theme.Px(8)
			default:
				action := n.action.MinSize()
				size.Width += action.Width
				size.Height = max(size.Height, action.Height-theme.Px(16))
			}
			return size.AddWidthHeight(theme.Px(32), theme.Px(20))
		},
		refresh: func() {
			n.paint()
			n.collect()
			n.arrange(n.Size())
		},
	}
	n.collect()
	return n.drawn
}

func (n *Notice) collect() {
	n.drawn.objects = []fyne.CanvasObject{n.plate, n.text}
	if n.action != nil {
		n.drawn.objects = append(n.drawn.objects, n.action)
	}
}

// besideLeast is how wide the text of a notice has to be at least beside its button.
const besideLeast = 110

// below tells that the button stands below the text.
func (n *Notice) below(width float32) bool {
	return width > 0 && width-n.action.MinSize().Width-theme.Px(20) < theme.Px(besideLeast)
}

func (n *Notice) arrange(size fyne.Size) {
	place(n.plate, 0, 0, size.Width, size.Height)
	right := size.Width - theme.Px(16)
	if n.action != nil && n.below(size.Width) {
		least := n.action.MinSize()
		place(n.action, theme.Px(4), size.Height-least.Height-theme.Px(2), least.Width, least.Height)
		arrange.Under(n.text, max(theme.Px(40), right-theme.Px(16)))
		n.text.Move(fyne.NewPos(theme.Px(16), theme.Px(10)))
		return
	}
	if n.action != nil {
		least := n.action.MinSize()
		right = size.Width - least.Width - theme.Px(4)
		place(n.action, right, (size.Height-least.Height)/2, least.Width, least.Height)
	}
	width := max(theme.Px(40), right-theme.Px(16))
	height := arrange.Under(n.text, width)
	n.text.Move(fyne.NewPos(theme.Px(16), (size.Height-height)/2))
}
