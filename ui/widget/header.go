package widget

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"zeroms/ui/theme"
)

// Header is the bar over a pane: a way back, something on the left, a title with a
// mark, a line below it, and actions on the right.
type Header struct {
	pressable
	// OnBack is what the way back does, which is shown in a narrow window.
	OnBack func()
	// OnTap is called when the title is pressed.
	OnTap func()

	back     *IconButton
	lead     fyne.CanvasObject
	title    *Text
	subtitle *Text
	mark     *canvas.Image
	markName string
	markTint theme.Name
	actions  []fyne.CanvasObject
	plate    *Plate
	line     *canvas.Rectangle
	renderer *drawn
}

// NewHeader makes a header; subtitle may be empty. Its way back has the id "back".
func NewHeader(title, subtitle string) *Header {
	h := &Header{
		title: NewCut(title, Strong), subtitle: NewCut(subtitle, Secondary), mark: picture(nil),
		plate: NewPlate(theme.Panel), line: &canvas.Rectangle{},
	}
	h.back = NewIconButton("back", "back", "", func() {
		if h.OnBack != nil {
			h.OnBack()
		}
	})
	h.back.Hide()
	h.mark.Hide()
	h.id = "header"
	h.press = func() {
		if h.OnTap != nil {
			h.OnTap()
		}
	}
	h.paint()
	h.ExtendBaseWidget(h)
	return h
}

// SetTitle changes the title.
func (h *Header) SetTitle(title string) {
	h.title.SetText(title)
	h.arrange(h.Size())
}

// SetSubtitle changes the line below; empty: none.
func (h *Header) SetSubtitle(subtitle string) {
	h.subtitle.SetText(subtitle)
	h.arrange(h.Size())
}

// SetLead puts something before the title, an avatar mostly; nil: nothing.
func (h *Header) SetLead(lead fyne.CanvasObject) {
	h.lead = lead
	h.Refresh()
}

// SetMark puts an icon behind the title; an empty name: none.
func (h *Header) SetMark(icon string, tint theme.Name) {
	h.markName, h.markTint = icon, tint
	h.Refresh()
}

// SetActions puts buttons at the right end.
func (h *Header) SetActions(actions ...fyne.CanvasObject) {
	h.actions = actions
	h.Refresh()
}

// SetNarrow shows the way back or hides it.
func (h *Header) SetNarrow(narrow bool) {
	if narrow {
		h.back.Show()
	} else {
		h.back.Hide()
	}
	h.arrange(h.Size())
}

// SetBackHint says what the way back does.
func (h *Header) SetBackHint(hint string) { h.back.SetHint(hint) }

func (h *Header) paint() {
	h.line.FillColor = theme.Color(theme.Line)
	if h.markName == "" {
		h.mark.Hide()
	} else {
		h.mark.Resource = theme.IconIn(h.markName, h.markTint)
		h.mark.Show()
	}
}

// CreateRenderer is Fyne's.
func (h *Header) CreateRenderer() fyne.WidgetRenderer {
	h.renderer = &drawn{
		layout: h.arrange,
		min: func() fyne.Size {
			width := theme.Px(32)
			for _, action := range h.actions {
				width += action.MinSize().Width
			}
			return fyne.NewSize(width+theme.Px(80), theme.Px(56))
		},
	}
	h.renderer.refresh = func() {
		h.paint()
		h.collect()
		h.arrange(h.Size())
	}
	h.collect()
	return h.renderer
}

func (h *Header) collect() {
	objects := []fyne.CanvasObject{h.plate, h.line, h.back}
	if h.lead != nil {
		objects = append(objects, h.lead)
	}
	objects = append(objects, h.title, h.subtitle, h.mark)
	h.renderer.objects = append(objects, h.actions...)
}

func (h *Header) arrange(size fyne.Size) {
	if size.IsZero() {
		return
	}
	place(h.plate, 0, 0, size.Width, size.Height)
	place(h.line, 0, size.Height-1, size.Width, 1)
	middle := func(object fyne.CanvasObject, x float32) float32 {
		least := object.MinSize()
		place(object, x, (size.Height-least.Height)/2, least.Width, least.Height)
		return least.Width
	}
	left, right := theme.Px(16), size.Width-theme.Px(12)
	if h.back.Visible() {
		left = theme.Px(8)
		left += middle(h.back, left) + theme.Px(4)
	}
	if visible(h.lead) {
		left += middle(h.lead, left) + theme.Px(12)
	}
	for i := len(h.actions) - 1; i >= 0; i-- {
		if h.actions[i].Visible() {
			right -= h.actions[i].MinSize().Width
			middle(h.actions[i], right)
			right -= theme.Px(4)
		}
	}
	h.texts(left, max(left, right-theme.Px(8)), size.Height)
}

// texts puts title, mark and subtitle between two places.
func (h *Header) texts(left, right, height float32) {
	title := h.title.whole()
	room := right - left
	side := theme.Px(16)
	if h.mark.Visible() {
		room -= side + theme.Px(4)
	}
	width := max(0, min(title.Width+1, room))
	y := (height - title.Height) / 2
	if h.subtitle.Text() == "" {
		h.subtitle.Hide()
	} else {
		h.subtitle.Show()
		below := h.subtitle.MinSize().Height
		y = (height - title.Height - below) / 2
		place(h.subtitle, left, y+title.Height, right-left, below)
	}
	place(h.title, left, y, width, title.Height)
	place(h.mark, left+width+theme.Px(4), y+(title.Height-side)/2, side, side)
}
