package chat

import (
	"context"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"zeroms/client"
	"zeroms/ui/arrange"
	"zeroms/ui/model"
	models "zeroms/ui/model/talk"
	"zeroms/ui/page"
	"zeroms/ui/theme"
	"zeroms/ui/timeline"
	w "zeroms/ui/widget"
)

// Talk is one conversation.
type Talk struct {
	h     *page.Host
	id    client.ContactID
	chats *model.Chats
	talk  *model.Timeline

	header *w.Header
	avatar *w.Avatar
	info   *w.IconButton
	more   *w.IconButton
	slim   uint8 // how much of the header was left out
	rows   *timeline.Rows
	list   *timeline.List[model.RowKey]
	marked *models.Selection
	pick   *timeline.Picker
	stop   func() // ends waiting for midnight
	down   *timeline.Down
	empty  *fyne.Container // stands where there are no messages
	foot   *foot
	object *fyne.Container
	begun  time.Time // when it was asked for
	jumped time.Time // when a jump began that is not done; zero: none is going on
	shown  bool      // its messages were shown
	ready  func()    // shows the page; nil: it is shown, or nobody waits
	late   func()    // ends the waiting for that; nil: nobody waited
	head   talkHead  // what the header shows
	active bool      // the window has the focus
	fresh  int       // messages that came below what is seen
	sent   sent
}

// sent is when the user last sent something that is not in custody yet.
type sent struct {
	at      time.Time // zero: nothing is awaited
	before  model.RowKey
	release func() // has the window draw
}

// NewTalk makes the pane of a conversation.
func NewTalk(h *page.Host, id client.ContactID) *Talk {
	t := &Talk{h: h, id: id, chats: h.Nav.Chats(), begun: h.Now(), active: h.Active == nil || h.Active()}
	t.talk = model.NewTimeline(h.Deps(), t.chats, id)
	t.talk.OnChange, t.talk.OnHeader, t.talk.OnError = t.changed, t.showHeader, t.fail
	t.makeHeader()
	t.makeList()
	t.empty = container.NewStack()
	t.foot = newFoot(h, id)
	t.foot.before, t.foot.sent = t.beforeSend, t.afterSend
	t.foot.key, t.foot.editor.gained = t.key, func() { t.pick.Clear() }
	t.foot.grown = t.relay
	t.object = &fyne.Container{Layout: &talkLayout{t}, Objects: []fyne.CanvasObject{
		t.list, t.empty, t.header, t.foot.object, t.down,
	}}
	t.showHeader()
	t.talk.Open()
	t.foot.countHomes()
	t.stop = clockOf(h).Daily(t.redraw)
	return t
}

// readyWait is how long the page before stays at most.
const readyWait = 100 * time.Millisecond

// Ready is page.Readier's: with the messages, if these can be read at once.
func (t *Talk) Ready(then func()) {
	if t.talk.Loaded() {
		then()
		return
	}
	t.ready, t.late = then, t.h.Every(readyWait, t.tellReady)
}

func (t *Talk) tellReady() {
	if then := t.ready; then != nil {
		t.ready = nil
		t.late()
		then()
	}
}

func (t *Talk) fail(err error) {
	t.tellReady()
	t.h.Say.Fail(err)
}

// relay lays everything out, after something has got another height.
func (t *Talk) relay() {
	if size := t.object.Size(); size.Width > 0 {
		t.object.Layout.Layout(t.object.Objects, size)
		t.list.Repaint()
	}
}

func (t *Talk) makeHeader() {
	h, say := t.h, t.h.Words
	t.header = w.NewHeader("", "")
	t.avatar = w.NewAvatar([32]byte{}, "", 44)
	t.header.SetLead(t.avatar)
	t.header.OnBack = h.Nav.Back
	t.header.SetBackHint(say.Say("chat.back"))
	t.header.OnTap = t.openContact
	t.more = w.NewIconButton("talk.more", "more", say.Say("chat.more"), func() {
		at := fyne.CurrentApp().Driver().AbsolutePositionForObject(t.more)
		t.menu(at.AddXY(0, t.more.Size().Height))
	})
	t.info = w.NewIconButton("talk.contact", "info", say.Say("chat.contact"), t.openContact)
	t.header.SetActions(t.info, t.more)
}

// fitHeader leaves out of the header what there is no room for beside the name: first
// the contact's button, which is in the menu too, then the picture.
func (t *Talk) fitHeader(width float32) {
	slim := uint8(0)
	for _, least := range []float32{330, 270} {
		if width < theme.Px(least) {
			slim++
		}
	}
	if slim == t.slim {
		return
	}
	t.slim, t.info.Hidden, t.avatar.Hidden = slim, slim > 0, slim > 1
	t.header.SetSubtitle(t.subtitle())
	t.header.Refresh()
}

// subtitle is as much of what is known as there is room for.
func (t *Talk) subtitle() string {
	line := t.head.Line
	if t.slim > 1 {
		line, _, _ = strings.Cut(line, " · ")
	}
	return line
}

func (t *Talk) makeList() {
	say := t.h.Words
	t.rows = timeline.NewRows(t.talk, timeline.Acts{
		Menu: t.rowMenu, More: t.talk.More, Evidence: t.evidence, AddText: say.Say("chat.card"), Ground: func() { t.h.Window.Canvas().Focus(t.list) },
		Card: func(text string) { t.h.Nav.Open(page.Place{Kind: page.Add, Text: text}) },
	})
	t.list = timeline.NewList(t.rows)
	t.list.Bottom, t.list.Top, t.list.Foot = true, 8, theme.Px(12)
	t.list.OnNear = func(above bool) {
		if above {
			t.talk.Older()
		} else {
			t.talk.Newer()
		}
	}
	t.list.OnMoved = t.moved
	t.list.OnRune = func(r rune) { t.foot.typed(r) }
	t.marked = models.NewSelection(t.h.Deps(), t.talk)
	t.pick = timeline.NewPicker(t.list, t.rows, t.marked, clockOf(t.h))
	t.pick.OnCopy = t.copyMarked
	t.list.OnKey = func(k *fyne.KeyEvent) {
		if !t.key(k.Name) {
			handOn(t.h, k)
		}
	}
	t.list.Timed = func(what string) func() {
		since := t.h.Now()
		return func() { t.h.Traced(what, since) }
	}
	t.list.OnEnd = func(last bool) {
		if last {
			t.toEnd()
		} else {
			t.toTop()
		}
	}
	t.down = timeline.NewDown(t.toEnd)
}

// Object is page.Page's.
func (t *Talk) Object() fyne.CanvasObject { return t.object }

// Narrow is page.Page's.
func (t *Talk) Narrow(narrow bool) { t.header.SetNarrow(narrow) }

// Close is page.Page's.
func (t *Talk) Close() {
	if t.ready = nil; t.late != nil {
		t.late()
	}
	t.stop()
	t.pick.Close()
	t.foot.close()
	t.talk.Close()
}

// Focus is page.Focuser's: one can write at once.
func (t *Talk) Focus() {
	if !t.foot.focus() {
		t.h.Window.Canvas().Focus(t.list)
	}
}

// SetActive is page.Activer's: only what is seen in an active window is read.
func (t *Talk) SetActive(active bool) {
	t.active = active
	t.see()
}

// redraw draws all rows anew.
func (t *Talk) redraw() {
	t.rows.Changed()
	t.pick.Changed()
	t.list.Reload()
}

// changed draws other rows.
func (t *Talk) changed(changes []model.Change) {
	for _, c := range changes {
		t.count(c)
	}
	t.redraw()
	for _, c := range changes {
		if c.Kind == model.Reset {
			t.start()
			t.jumpedTo()
			break
		}
	}
	t.showEmpty()
	t.tellReady()
	t.moved()
	if !t.shown && t.talk.Loaded() {
		t.shown = true
		t.h.Traced("open", t.begun)
	}
	if !t.sent.at.IsZero() {
		t.arrived()
	}
}

// start goes to where reading begins.
func (t *Talk) start() {
	switch at := t.talk.Start(); {
	case at >= 0:
		t.list.Jump(at, 0.33)
	case t.talk.AtEnd():
		t.list.ToEnd()
	default:
		t.list.Jump(0, 0)
	}
}

// moved is called after what is seen has moved or changed.
func (t *Talk) moved() {
	end := t.list.AtEnd() && t.talk.AtEnd()
	if end {
		t.fresh = 0
	}
	t.down.Set(!end && t.talk.Len() > 0, t.fresh)
	t.see()
}

// count counts messages of the other that came below while the end was not seen.
func (t *Talk) count(c model.Change) {
	if c.Kind != model.Inserted || c.At+c.N < t.talk.Len() || !t.shown || t.list.AtEnd() {
		return
	}
	for i := c.At; i < c.At+c.N; i++ {
		if row := t.talk.Row(i); row.Kind == model.RowBubble && !row.Own {
			t.fresh++
		}
	}
}

// see tells that the newest message is seen, if it is. Somebody who was not accepted is
// not told.
func (t *Talk) see() {
	if t.active && t.talk.Header().CanWrite && t.talk.Loaded() && t.list.AtEnd() && t.talk.AtEnd() && t.list.Size().Height > 0 {
		t.talk.Seen()
	}
}

// toEnd shows the newest message.
func (t *Talk) toEnd() {
	t.jumped = t.h.Now()
	if t.talk.AtEnd() {
		t.list.ToEnd()
		t.jumpedTo()
	}
	t.talk.Bottom()
	t.moved()
}

// toTop shows the first message.
func (t *Talk) toTop() {
	t.jumped = t.h.Now()
	if t.talk.AtTop() {
		t.list.Jump(0, 0)
		t.jumpedTo()
	}
	t.talk.Top()
}

// jumpedTo notes how long a jump took, if there was one.
func (t *Talk) jumpedTo() {
	if !t.jumped.IsZero() {
		t.h.Traced("jump", t.jumped)
		t.jumped = time.Time{}
	}
}

// key takes keys that the composer has no use for.
func (t *Talk) key(name fyne.KeyName) bool {
	switch name {
	case fyne.KeyEscape:
		return t.pick.Clear()
	case fyne.KeyPageUp, fyne.KeyPageDown:
		return t.list.Key(name)
	}
	return false
}

// talkHead is what a header shows, so that it is drawn anew only when that changes.
type talkHead struct {
	model.Header
	state client.ContactState
}

func (t *Talk) showHeader() {
	head := t.talk.Header()
	contact, _ := t.chats.Contact(t.id)
	now := talkHead{head, contact.State}
	if now == t.head {
		t.showEmpty()
		return
	}
	t.head = now
	t.header.SetTitle(head.Name)
	t.header.SetSubtitle(t.subtitle())
	t.avatar.SetUser(head.User, head.Name)
	if head.Verified {
		t.header.SetMark("shield", theme.Accent)
	} else {
		t.header.SetMark("", theme.Accent)
	}
	t.foot.show(head, contact.State)
	t.showEmpty()
}

// showEmpty says where there are no messages yet that one can write.
func (t *Talk) showEmpty() {
	empty := t.talk.Empty()
	if empty == (len(t.empty.Objects) > 0) {
		return
	}
	t.empty.Objects = nil
	if empty {
		say, name := t.h.Words, t.talk.Header().Name
		text := w.NewParagraph(say.Say("chat.first.text"), w.Secondary)
		box := w.NewPanel(w.NewStack(6, w.NewParagraph(say.Say("chat.first", "Name", name), w.Strong), text))
		t.empty.Objects = []fyne.CanvasObject{w.NewScroll(arrange.NewMiddle(360, box))}
	}
	t.empty.Refresh()
}

func (t *Talk) openContact() { t.h.Nav.Open(page.Place{Kind: page.Contact, Contact: t.id}) }

// menu shows what can be done with the conversation.
func (t *Talk) menu(at fyne.Position) {
	h, say, kept := t.h, t.h.Words, t.chats.Chat(t.id)
	pin, mute := say.Say("chat.pin"), say.Say("chat.mute")
	if kept.Pinned {
		pin = say.Say("chat.unpin")
	}
	if kept.Muted {
		mute = say.Say("chat.unmute")
	}
	popUp(h, at,
		fyne.NewMenuItem(say.Say("chat.contact"), t.openContact),
		fyne.NewMenuItem(pin, func() { t.chats.SetPinned(t.id, !kept.Pinned) }),
		fyne.NewMenuItem(mute, func() { t.chats.SetMuted(t.id, !kept.Muted) }),
		fyne.NewMenuItem(say.Say("chat.oldest"), t.toTop),
		fyne.NewMenuItemSeparator(),
		fyne.NewMenuItem(say.Say("chat.block"), func() { block(h, t.id, t.talk.Header().Name) }),
		fyne.NewMenuItem(say.Say("chat.remove"), func() { remove(h, t.id, t.talk.Header().Name) }))
}

// block blocks a contact, once it was asked.
func block(h *page.Host, id client.ContactID, name string) {
	h.Say.Ask(page.Question{
		Title: h.Words.Say("chat.block.title", "Name", name), Text: h.Words.Say("chat.block.text"), Yes: h.Words.Say("chat.block"), Danger: true,
		Then: func() {
			do(h, func(ctx context.Context) error { return h.Profile.People.Block(ctx, id) }, nil)
		},
	})
}

// copyMarked copies what is selected.
func (t *Talk) copyMarked() { t.h.Files.Copy(t.marked.Text(t.talk.Header().Name)) }

// rowMenu shows what can be done with a message.
func (t *Talk) rowMenu(row model.Row, at fyne.Position) {
	h, say := t.h, t.h.Words
	var items []*fyne.MenuItem
	if !row.Erased && !row.Unknown {
		items = append(items, fyne.NewMenuItem(say.Say("chat.copy"), func() {
			if t.marked.Holds(row.Key) {
				t.copyMarked()
			} else {
				h.Files.Copy(t.talk.Copy(row.Key))
			}
			h.Say.Notice(say.Say("chat.copied"))
		}))
	}
	items = append(items, fyne.NewMenuItem(say.Say("chat.details"), func() { h.Nav.Open(page.Place{Kind: page.Details, Contact: t.id, Message: row.ID}) }))
	if !row.Erased {
		items = append(items, fyne.NewMenuItemSeparator(), fyne.NewMenuItem(say.Say("chat.erase"), func() {
			h.Say.Ask(page.Question{
				Title: say.Say("chat.erase.title"), Text: say.Say("chat.erase.text"), Yes: say.Say("chat.erase.yes"), Danger: true,
				Then: func() { t.talk.Erase(row.Key) },
			})
		}))
	}
	popUp(h, at, items...)
}

// evidence saves the proof of a loss.
func (t *Talk) evidence(key model.RowKey) {
	t.talk.Evidence(key, func(host string, file []byte) {
		t.h.Files.Save(t.h.Words.Say("chat.evidence"), "zeroms-"+host+".evidence", file, func(path string) {
			t.h.Say.Notice(t.h.Words.Say("chat.saved", "File", path))
		})
	})
}

// beforeSend is called before a text is sent.
func (t *Talk) beforeSend(at time.Time) {
	t.sent = sent{at: at, release: t.h.Held()}
	if row, ok := t.lastOwn(); ok {
		t.sent.before = row.Key
	}
}

// afterSend follows what was sent.
func (t *Talk) afterSend() { t.toEnd() }

func (t *Talk) lastOwn() (model.Row, bool) {
	for i := t.talk.Len() - 1; i >= 0 && i > t.talk.Len()-20; i-- {
		if row := t.talk.Row(i); row.Kind == model.RowBubble && row.Own {
			return row, true
		}
	}
	return model.Row{}, false
}

// arrived notes how long it took until what was sent was in custody.
func (t *Talk) arrived() {
	row, ok := t.lastOwn()
	if !ok || row.Key == t.sent.before {
		return
	}
	switch row.State {
	case model.TickCustody, model.TickDelivered, model.TickRead:
		t.h.Traced("send", t.sent.at)
		t.sent.release()
		t.sent = sent{}
	}
}

// talkLayout lays out, on the ground of the window, the rows, what stands in their place, the header, the
// foot and the button that leads to the end.
type talkLayout struct{ talk *Talk }

func (l *talkLayout) Layout(o []fyne.CanvasObject, size fyne.Size) {
	at := func(o fyne.CanvasObject, x, y, width, height float32) {
		o.Move(fyne.NewPos(x, y))
		o.Resize(fyne.NewSize(width, max(0, height)))
	}
	head := theme.Px(56)
	l.talk.fitHeader(size.Width)
	foot := l.talk.foot.fit(fyne.NewSize(size.Width, size.Height-head))
	at(o[3], 0, size.Height-foot, size.Width, foot)
	at(o[0], 0, head, size.Width, size.Height-head-foot)
	at(o[1], 0, head, size.Width, size.Height-head-foot)
	at(o[2], 0, 0, size.Width, head)
	down := theme.Px(timeline.DownSize)
	at(o[4], size.Width-down-theme.Px(14), size.Height-foot-down-theme.Px(8), down, down)
}

func (l *talkLayout) MinSize([]fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(theme.Px(280), theme.Px(240))
}
