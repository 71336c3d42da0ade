// Package chat is the panes of conversations: the list of them, one conversation, and
// the details of a message.
package chat

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"zeroms/client"
	"zeroms/ui/model"
	homes "zeroms/ui/model/places"
	"zeroms/ui/page"
	"zeroms/ui/theme"
	"zeroms/ui/timeline"
	w "zeroms/ui/widget"
)

// rowHeight is the height of a row of the list at 100 %.
const rowHeight = 68

// List is the conversation list.
type List struct {
	// OnMenu is called by the menu's button.
	OnMenu func()

	h     *page.Host
	chats *model.Chats
	stop  func()
	day   func() // ends waiting for midnight
	home  *homes.Health
	field *w.Field
	rows  *timeline.List[rowKey]
	remind, empty,
	object *fyne.Container
	seen  client.ContactID // what was selected when the list last moved for it
	later bool             // the reminder of the 24 words was put off until the next start
	strip strip            // what is shown above the rows
}

// strip is what is shown above the rows.
type strip uint8

const (
	noStrip strip = iota
	wordsStrip
	setBackStrip
)

// rowKey tells rows of the list apart.
type rowKey struct {
	kind model.ChatKind
	id   client.ContactID
}

// NewList makes the list.
func NewList(h *page.Host) *List {
	l := &List{h: h, chats: h.Nav.Chats()}
	l.field = w.NewField("list.search", h.Words.Say("chat.search"))
	l.field.SetOnChanged(l.filter)
	l.field.OnSubmitted = func(string) { l.openFirst() }
	l.field.OnKey = l.fieldKey
	l.rows = timeline.NewList(listRows{l})
	l.rows.Guess = func(int) float32 { return theme.Px(rowHeight) }
	l.rows.OnRune = l.typed
	l.rows.OnKey = func(k *fyne.KeyEvent) { handOn(h, k) }
	menu := w.NewIconButton("list.menu", "menu", h.Words.Say("chat.menu"), func() {
		if l.OnMenu != nil {
			l.OnMenu()
		}
	})
	add := w.NewIconButton("list.add", "plus", h.Words.Say("chat.add"), func() { h.Nav.Open(page.Place{Kind: page.Add}) })
	l.remind, l.empty = container.NewStack(), container.NewStack()
	bar := container.New(listBar{l}, menu, l.field, add)
	pane := &fyne.Container{Layout: paneLayout{}, Objects: []fyne.CanvasObject{bar, l.remind, l.rows, l.empty}}
	l.object = container.NewStack(w.NewPlate(theme.Panel), pane)
	l.stop = l.chats.Listen(l.changed)
	l.home = homes.NewHealth(h.Deps(), l.changed)
	l.day = clockOf(h).Daily(l.changed)
	l.changed()
	return l
}

// Object is page.Page's.
func (l *List) Object() fyne.CanvasObject { return l.object }

// Narrow is page.Page's: a list has no way back.
func (l *List) Narrow(bool) { l.changed() }

// Close is page.Page's.
func (l *List) Close() {
	l.stop()
	l.day()
	l.home.Close()
}

// Filter puts the focus into the search field.
func (l *List) Filter() {
	if c := l.h.Window.Canvas(); c != nil {
		c.Focus(l.field)
	}
	l.field.TypedShortcut(&fyne.ShortcutSelectAll{})
}

// fitSearch says in the search field what there is room for.
func (l *List) fitSearch(width float32) {
	hint := l.h.Words.Say("chat.search")
	if width < theme.Px(250) {
		hint = l.h.Words.Say("chat.search.short")
	}
	if l.field.PlaceHolder != hint {
		l.field.SetPlaceHolder(hint)
	}
}

func (l *List) filter(text string) {
	l.chats.SetFilter(text)
	l.rows.Jump(0, 0)
}

// typed goes on in the search field what is typed over the list.
func (l *List) typed(r rune) {
	l.Filter()
	l.field.TypedRune(r)
}

func (l *List) fieldKey(k *fyne.KeyEvent) bool {
	switch k.Name {
	case fyne.KeyEscape:
		if l.field.Text == "" {
			handOn(l.h, k)
			return true
		}
		l.field.SetText("")
		l.filter("")
	case fyne.KeyDown, fyne.KeyUp:
		by := 1
		if k.Name == fyne.KeyUp {
			by = -1
		}
		if id, ok := l.chats.Step(by); ok {
			l.openChat(id)
			l.Filter()
		}
	default:
		return false
	}
	return true
}

// handOn gives a key to the window, which would have it if nothing had the focus.
func handOn(h *page.Host, k *fyne.KeyEvent) {
	if on := h.Window.Canvas().OnTypedKey(); on != nil {
		on(k)
	}
}

func (l *List) openFirst() {
	if id, ok := l.chats.Nth(0); ok {
		l.openChat(id)
	}
}

func (l *List) openChat(id client.ContactID) { l.h.Nav.Open(page.Place{Kind: page.Chat, Contact: id}) }

// changed draws what is there now.
func (l *List) changed() {
	if l.home == nil {
		return // it is being made
	}
	l.showStrip()
	l.showEmpty()
	l.rows.Reload()
	if i := l.chats.Index(l.chats.Selected()); i >= 0 && l.rows.Size().Height > 0 {
		l.keepInSight(i)
	}
}

// keepInSight follows the selection when it moves.
func (l *List) keepInSight(i int) {
	if id := l.chats.Selected(); id != l.seen {
		l.seen = id
		l.rows.Reveal(i)
	}
}

// showStrip shows that the profile is an older copy of itself, or that the 24 words are
// not written down yet, if so.
func (l *List) showStrip() {
	wanted := noStrip
	switch {
	case l.home.SetBack:
		wanted = setBackStrip
	case l.chats.Loaded() && !l.later && !l.h.Profile.Notes.Settings().WordsSaved:
		wanted = wordsStrip
	}
	if wanted == l.strip {
		return
	}
	l.strip, l.remind.Objects = wanted, nil
	switch wanted {
	case setBackStrip:
		l.remind.Objects = []fyne.CanvasObject{newSetBack(l.h)}
	case wordsStrip:
		l.remind.Objects = []fyne.CanvasObject{newReminder(l.h, func() {
			l.later = true
			l.changed()
		})}
	}
	l.object.Refresh()
}

// showEmpty says what to do where no rows are.
func (l *List) showEmpty() {
	var objects []fyne.CanvasObject
	say := l.h.Words
	switch {
	case !l.chats.Loaded() || l.chats.Len() > 0:
	case l.chats.Filter() != "":
		objects = []fyne.CanvasObject{w.NewColumn(264, w.NewParagraph(say.Say("chat.nobody", "Text", l.field.Text), w.Secondary))}
	case l.home.Known:
		objects = []fyne.CanvasObject{l.nobody()}
	}
	if len(objects) == 0 && len(l.empty.Objects) == 0 {
		return
	}
	l.empty.Objects = nil
	if len(objects) > 0 {
		l.empty.Objects = []fyne.CanvasObject{w.NewInset(24, 48, objects[0])}
	}
	l.empty.Refresh()
}

// nobody says what to do first while there are no people: nothing is sent or received
// without a gateway.
func (l *List) nobody() fyne.CanvasObject {
	say := l.h.Words
	title, text, style := say.Say("chat.empty.title"), say.Say("chat.empty.text"), w.Primary
	var buttons []fyne.CanvasObject
	if l.home.None {
		title, text, style = say.Say("chat.empty.homeless"), say.Say("chat.empty.homeless.text"), w.Plain
		buttons = append(buttons, w.NewButton("list.empty.gateway", say.Say("chat.empty.gateway"), w.Primary, func() { l.h.Nav.Open(page.Place{Kind: page.Gateways}) }))
	}
	buttons = append(buttons,
		w.NewButton("list.empty.add", say.Say("chat.empty.add"), style, func() { l.h.Nav.Open(page.Place{Kind: page.Add}) }),
		w.NewButton("list.empty.card", say.Say("chat.empty.card"), w.Plain, func() { l.h.Nav.Open(page.Place{Kind: page.Card}) }))
	return w.NewColumn(264, append([]fyne.CanvasObject{w.NewParagraph(title, w.Strong), w.NewParagraph(text, w.Secondary)}, buttons...)...)
}

// listRows is the timeline.Source of the list.
type listRows struct{ *List }

func (l listRows) Len() int                        { return l.chats.Len() }
func (l listRows) Kind(int) int                    { return 0 }
func (l listRows) Height(int, float32) float32     { return theme.Px(rowHeight) }
func (l listRows) New(int) fyne.CanvasObject       { return newChatRow(l.List) }
func (l listRows) Show(i int, o fyne.CanvasObject) { o.(*chatRow).set(i, l.chats.Row(i)) }
func (l listRows) Key(i int) rowKey {
	kind, id := l.chats.Key(i)
	return rowKey{kind, id}
}

// tapped opens what a row stands for.
func (l *List) tapped(row model.ChatRow) {
	if row.Kind == model.ChatRequests {
		l.h.Nav.Open(page.Place{Kind: page.Requests})
		return
	}
	l.openChat(row.ID)
}

// menuOf shows what can be done with a conversation.
func (l *List) menuOf(row model.ChatRow, at fyne.Position) {
	if row.Kind == model.ChatRequests {
		l.tapped(row)
		return
	}
	say := l.h.Words
	pin, mute := say.Say("chat.pin"), say.Say("chat.mute")
	if row.Pinned {
		pin = say.Say("chat.unpin")
	}
	if row.Muted {
		mute = say.Say("chat.unmute")
	}
	items := []*fyne.MenuItem{
		fyne.NewMenuItem(pin, func() { l.chats.SetPinned(row.ID, !row.Pinned) }),
		fyne.NewMenuItem(mute, func() { l.chats.SetMuted(row.ID, !row.Muted) }),
	}
	if row.Unread > 0 {
		items = append(items, fyne.NewMenuItem(say.Say("chat.read"), func() { markRead(l.h, row.ID) }))
	}
	items = append(items,
		fyne.NewMenuItem(say.Say("chat.contact"), func() { l.h.Nav.Open(page.Place{Kind: page.Contact, Contact: row.ID}) }),
		fyne.NewMenuItemSeparator(),
		fyne.NewMenuItem(say.Say("chat.remove"), func() { remove(l.h, row.ID, row.Name) }))
	popUp(l.h, at, items...)
}

// clockOf is the clock of the window.
func clockOf(h *page.Host) timeline.Clock { return timeline.Clock{Now: h.Now, Every: h.Every} }

// popUp shows a menu at a place of the window, not on its edge.
func popUp(h *page.Host, at fyne.Position, items ...*fyne.MenuItem) {
	c := h.Window.Canvas()
	menu, edge := widget.NewPopUpMenu(fyne.NewMenu("", items...), c), theme.Px(8)
	room := c.Size().Subtract(menu.MinSize()).SubtractWidthHeight(edge, edge)
	menu.ShowAtPosition(fyne.NewPos(max(edge, min(at.X, room.Width)), max(edge, min(at.Y, room.Height))))
}

// do asks the engine for something, and says why it failed if it does; then may be nil.
func do(h *page.Host, work func(ctx context.Context) error, then func()) {
	h.Async.Do(func(ctx context.Context) func() {
		err := work(ctx)
		return func() {
			if err != nil {
				h.Say.Fail(err)
			} else if then != nil {
				then()
			}
		}
	})
}

func markRead(h *page.Host, id client.ContactID) {
	tell := !h.Profile.Notes.Settings().Quiet
	do(h, func(ctx context.Context) error { return h.Profile.Talk.MarkRead(ctx, id, tell) }, nil)
}

// remove removes a contact, once it was asked; the messages are kept.
func remove(h *page.Host, id client.ContactID, name string) {
	h.Say.Ask(page.Question{
		Title: h.Words.Say("chat.remove.title", "Name", name), Text: h.Words.Say("chat.remove.text"), Yes: h.Words.Say("chat.remove.yes"), Danger: true,
		Then: func() {
			do(h, func(ctx context.Context) error {
				_, err := h.Profile.People.Remove(ctx, id, false)
				return err
			}, func() {
				if h.Nav.Chats().Selected() == id {
					h.Nav.Back()
				}
			})
		},
	})
}
