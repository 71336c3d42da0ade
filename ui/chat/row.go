package chat

import (
	"fmt"
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"zeroms/ui/arrange"
	"zeroms/ui/model"
	homes "zeroms/ui/model/places"
	"zeroms/ui/page"
	"zeroms/ui/theme"
	"zeroms/ui/timeline"
	w "zeroms/ui/widget"
)

// chatRow is a row of the conversation list.
type chatRow struct {
	widget.BaseWidget
	list *List
	at   int
	row  model.ChatRow
	over bool

	shown bool // row was drawn

	ground               *canvas.Rectangle
	avatar               *w.Avatar
	name, when, lead     *w.Text
	preview              *w.Text
	state, muted, pinned *canvas.Image
	badge                *w.Badge
	objects              []fyne.CanvasObject
}

func newChatRow(l *List) *chatRow {
	r := &chatRow{
		list: l, ground: canvas.NewRectangle(color.Transparent), avatar: w.NewAvatar([32]byte{}, "", 44),
		name: w.NewCut("", w.Strong), when: w.NewText("", w.Secondary), lead: w.NewText("", w.Secondary), preview: w.NewCut("", w.Secondary),
		state: canvas.NewImageFromResource(nil), muted: canvas.NewImageFromResource(nil), pinned: canvas.NewImageFromResource(nil), badge: w.NewBadge(0),
	}
	for _, i := range []*canvas.Image{r.state, r.muted, r.pinned} {
		i.FillMode = canvas.ImageFillContain
	}
	r.objects = []fyne.CanvasObject{r.ground, r.avatar, r.name, r.muted, r.when, r.state, r.lead, r.preview, r.badge, r.pinned}
	r.ExtendBaseWidget(r)
	return r
}

// ID names the row for whoever drives the app: list.row. and its place.
func (r *chatRow) ID() string { return fmt.Sprintf("list.row.%d", r.at) }

func (r *chatRow) set(at int, row model.ChatRow) {
	r.at = at
	if r.row == row && r.shown {
		return
	}
	r.row, r.shown = row, true
	r.avatar.SetUser(row.User, row.Name)
	r.name.SetText(row.Name)
	r.when.SetText(row.When)
	r.lead.SetText(row.Lead)
	r.preview.SetText(row.Preview)
	r.badge.Set(row.Unread, row.Muted)
	icon(r.state, timeline.TickIcon(row.State))
	icon(r.muted, wanted(row.Muted, "mute"))
	icon(r.pinned, wanted(row.Pinned && row.Unread == 0, "pin"))
	r.arrange(r.Size())
	r.Refresh()
}

func wanted(yes bool, name string) fyne.Resource {
	if !yes {
		return nil
	}
	return theme.IconIn(name, theme.Faint)
}

// icon shows an icon, or hides its place.
func icon(i *canvas.Image, of fyne.Resource) {
	same := of != nil && i.Resource != nil && i.Resource.Name() == of.Name()
	i.Resource, i.Hidden = of, of == nil
	if of != nil && !same {
		i.Refresh()
	}
}

func (r *chatRow) paint() {
	text := theme.OnTint
	switch {
	case r.row.Selected:
		r.ground.FillColor = theme.Color(theme.Selected)
	case r.over:
		r.ground.FillColor = theme.Color(theme.Hover)
	default:
		r.ground.FillColor, text = color.Transparent, theme.Secondary
	}
	for _, t := range []*w.Text{r.when, r.lead, r.preview} {
		t.SetColor(text)
	}
	if r.row.Draft {
		r.lead.SetColor(theme.Alarm)
	}
}

// put places an object in the middle of a line of the row.
func put(o fyne.CanvasObject, x, middle, width float32) {
	height := o.MinSize().Height
	o.Move(fyne.NewPos(x, middle-height/2))
	o.Resize(fyne.NewSize(width, height))
}

func (r *chatRow) arrange(size fyne.Size) {
	if size.Width == 0 {
		return
	}
	r.ground.Resize(size)
	left, right := theme.Px(68), size.Width-theme.Px(12)
	first, second := theme.Px(24), theme.Px(45)
	put(r.avatar, theme.Px(12), theme.Px(rowHeight)/2, theme.Px(44))
	when := r.when.MinSize().Width
	put(r.when, right-when, first, when)
	room := right - when - theme.Px(8) - left
	side := theme.Px(14)
	if !r.muted.Hidden {
		room -= side + theme.Px(4)
	}
	name := min(room, r.nameWidth())
	put(r.name, left, first, name)
	square(r.muted, left+name+theme.Px(4), first, side)
	if r.row.Unread > 0 {
		badge := r.badge.MinSize().Width
		put(r.badge, right-badge, second, badge)
		right -= badge + theme.Px(6)
	} else if !r.pinned.Hidden {
		square(r.pinned, right-side, second, side)
		right -= side + theme.Px(6)
	}
	r.second(left, right, second)
}

// nameWidth is how wide the whole name is.
func (r *chatRow) nameWidth() float32 {
	return fyne.MeasureText(r.row.Name, theme.Size(theme.SizeStrong), fyne.TextStyle{Bold: true}).Width + 1
}

// second places what the second line says: how far the last message has come, whose it
// is, and its text.
func (r *chatRow) second(left, right, middle float32) {
	if !r.state.Hidden {
		side := theme.Px(16)
		square(r.state, left, middle, side)
		left += side + theme.Px(5)
	}
	if r.row.Lead != "" {
		lead := r.lead.MinSize().Width
		put(r.lead, left, middle, lead)
		left += lead + theme.Px(4)
	}
	put(r.preview, left, middle, max(0, right-left))
}

func square(i *canvas.Image, x, middle, side float32) {
	i.Move(fyne.NewPos(x, middle-side/2))
	i.Resize(fyne.NewSquareSize(side))
}

// CreateRenderer is widget.Widget's.
func (r *chatRow) CreateRenderer() fyne.WidgetRenderer { return &rowRenderer{r} }

type rowRenderer struct{ row *chatRow }

func (r *rowRenderer) Destroy()                     {}
func (r *rowRenderer) Layout(s fyne.Size)           { r.row.arrange(s) }
func (r *rowRenderer) MinSize() fyne.Size           { return fyne.NewSize(theme.Px(160), theme.Px(rowHeight)) }
func (r *rowRenderer) Objects() []fyne.CanvasObject { return r.row.objects }
func (r *rowRenderer) Refresh() {
	r.row.paint()
	canvas.Refresh(r.row.ground) // of the whole row, it would have the avatar made anew
}

// Tapped opens the conversation.
func (r *chatRow) Tapped(*fyne.PointEvent) { r.list.tapped(r.row) }

// TappedSecondary shows what can be done with it.
func (r *chatRow) TappedSecondary(e *fyne.PointEvent) { r.list.menuOf(r.row, e.AbsolutePosition) }

// MouseIn shows that the row can be pressed.
func (r *chatRow) MouseIn(*desktop.MouseEvent) { r.hover(true) }

// MouseMoved is not needed.
func (r *chatRow) MouseMoved(*desktop.MouseEvent) {}

// MouseOut is MouseIn's other half.
func (r *chatRow) MouseOut() { r.hover(false) }

func (r *chatRow) hover(over bool) {
	r.over = over
	r.paint()
	r.ground.Refresh()
}

// listBar lays out the bar over the list: menu, search field, add.
type listBar struct{ list *List }

func (b listBar) Layout(o []fyne.CanvasObject, size fyne.Size) {
	b.list.fitSearch(size.Width)
	side, high := theme.Px(40), theme.Px(38)
	at := func(object fyne.CanvasObject, x, width, height float32) {
		object.Move(fyne.NewPos(x, (size.Height-height)/2))
		object.Resize(fyne.NewSize(width, height))
	}
	at(o[0], theme.Px(9), side, side)
	at(o[1], theme.Px(54), size.Width-theme.Px(54+55), high)
	at(o[2], size.Width-theme.Px(50), side, side)
}

func (listBar) MinSize([]fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(theme.Px(240), theme.Px(56))
}

// paneLayout lays out bar, reminder, rows, and what stands where no rows are.
type paneLayout struct{}

func (paneLayout) Layout(o []fyne.CanvasObject, size fyne.Size) {
	y := float32(0)
	for _, head := range o[:2] {
		head.Resize(fyne.NewSize(size.Width, head.MinSize().Height)) // texts know their height by their width
		height := head.MinSize().Height
		head.Resize(fyne.NewSize(size.Width, height))
		head.Move(fyne.NewPos(0, y))
		y += height
	}
	for _, body := range o[2:] {
		body.Move(fyne.NewPos(0, y))
		body.Resize(fyne.NewSize(size.Width, max(0, size.Height-y)))
	}
}

func (paneLayout) MinSize([]fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(theme.Px(240), theme.Px(240))
}

// newReminder is the strip that asks to write the 24 words down.
func newReminder(h *page.Host, later func()) fyne.CanvasObject {
	text := w.NewParagraph(h.Words.Say("chat.words"), w.Secondary)
	text.SetColor(theme.GapText)
	show := w.NewButton("list.words", h.Words.Say("chat.words.show"), w.Quiet, func() {
		h.Nav.Open(page.Place{Kind: page.Settings, Text: homes.SeekWords})
	})
	shut := w.NewIconButton("list.words.later", "close", h.Words.Say("chat.words.later"), later)
	shut.SetTint(theme.GapText)
	ground := w.NewNotice("", w.GapNotice)
	return w.NewInset(8, 4, arrange.NewStrip(ground, text, show, shut))
}

// newSetBack is the strip that says that the profile is an older copy of itself; its
// button mends that.
func newSetBack(h *page.Host) fyne.CanvasObject {
	say := h.Words
	n := w.NewNotice(say.Say("chat.setback"), w.AlarmNotice)
	n.SetAction("list.setback", say.Say("chat.setback.mend"), func() { h.Rejoin() })
	return w.NewInset(8, 4, n)
}
