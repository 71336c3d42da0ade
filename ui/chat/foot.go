package chat

import (
	"context"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"zeroms/client"
	"zeroms/ui/model"
	"zeroms/ui/model/people"
	"zeroms/ui/model/talk"
	"zeroms/ui/page"
	"zeroms/ui/theme"
	w "zeroms/ui/widget"
)

// foot is what stands below a conversation: why nothing can be sent, if so, with what
// helps, and the composer; or what is to be decided about a request.
type foot struct {
	h    *page.Host
	id   client.ContactID
	text *talk.Composer

	before func(at time.Time) // a text is about to be sent
	sent   func()
	key    func(name fyne.KeyName) bool
	grown  func()

	editor  *editor
	send    *w.IconButton
	left    *w.Text
	line    *w.Plate
	strip   *fyne.Container // a notice, or nothing
	notice  *w.Notice
	bar     *fyne.Container // what is decided about a request, or nothing
	object  *fyne.Container
	stop    func()  // ends waiting for a pause in which the draft is kept; nil: not waiting
	unhear  func()  // ends listening
	homes   int     // gateways; -1: not known yet
	room    float32 // how high it may be, and the messages with it
	head    model.Header
	state   client.ContactState
	asking  bool // bar is shown instead of the composer
	writing bool // one can write
	said    footSays
	still   bool // what changes is drawn a little later
	gone    bool // it was closed
}

// footSays is what a foot shows, so that it is made anew only when that changes.
type footSays struct {
	problem string
	state   client.ContactState
	write   bool
	name    string
}

// messagesLeast is what a long draft leaves of the messages.
const messagesLeast = 64

// draftEvery is how often it is looked whether a draft is to be kept.
const draftEvery = 250 * time.Millisecond

func newFoot(h *page.Host, id client.ContactID) *foot {
	f := &foot{h: h, id: id, homes: -1, text: talk.NewComposer(h.Deps(), h.Nav.Chats(), id)}
	f.text.OnChange, f.text.OnError = f.changed, h.Say.Fail
	f.editor = newEditor("composer.text", h.Words.Say("chat.write"), h.Now)
	f.editor.changed = f.edited
	f.editor.enter = f.enter
	f.editor.key = func(name fyne.KeyName) bool { return f.key != nil && f.key(name) }
	f.editor.grown = func() { f.relay() }
	f.editor.menu = f.editMenu
	f.editor.typed = func(since time.Time) { h.Traced("key", since) }
	f.send = w.NewRoundButton("composer.send", "send", h.Words.Say("chat.send"), f.press)
	f.left = w.NewText("", w.Small)
	f.left.SetAlign(fyne.TextAlignTrailing)
	f.line, f.strip, f.bar = w.NewPlate(theme.Line), container.NewStack(), container.NewStack()
	f.object = &fyne.Container{Layout: footLayout{f}, Objects: []fyne.CanvasObject{
		w.NewPlate(theme.Panel), f.line, f.strip, f.bar, f.editor, f.send, f.left,
	}}
	f.editor.SetText(f.text.Text())
	f.changed()
	f.unhear = h.Feed.Listen(f.hear)
	return f
}

// hear looks after the gateways: without one nothing can be sent.
func (f *foot) hear(events []client.Event) {
	for _, e := range events {
		switch e.(type) {
		case client.GatewayChanged, client.GatewayRemoved, client.Lagged:
			f.countHomes()
			return
		}
	}
}

func (f *foot) countHomes() {
	f.h.Async.Do(func(ctx context.Context) func() {
		all, err := f.h.Profile.Homes.Gateways(ctx)
		if err != nil {
			return nil
		}
		return func() {
			if len(all) != f.homes {
				f.homes = len(all)
				f.show(f.head, f.state)
			}
		}
	})
}

func (f *foot) close() {
	f.gone = true
	f.unhear()
	if f.stop != nil {
		f.stop()
		f.stop = nil
	}
	f.text.Close()
}

// focus puts the keyboard's focus into the composer, and tells whether there is one.
func (f *foot) focus() bool {
	if !f.writing {
		return false
	}
	f.h.Window.Canvas().Focus(f.editor)
	return true
}

// typed takes what is typed elsewhere in the conversation.
func (f *foot) typed(r rune) {
	if f.focus() {
		f.editor.TypedRune(r)
	}
}

func (f *foot) relay() {
	if f.grown != nil {
		f.grown()
	}
}

// edited is called with each change of the text.
func (f *foot) edited(text string) {
	f.text.Edit(text, f.h.Now())
	f.changed()
	if f.stop == nil {
		f.stop = f.h.Every(draftEvery, f.keep)
	}
}

// keep keeps the draft once nothing was typed for a moment.
func (f *foot) keep() {
	if f.text.Due(f.h.Now()) {
		f.text.Save()
	}
	if f.stop != nil && !f.text.Waiting() { // it was kept, or sent
		f.stop()
		f.stop = nil
	}
}

// changed shows what the composer says.
func (f *foot) changed() {
	if f.still {
		f.editor.take(f.text.Text())
		return
	}
	f.editor.SetText(f.text.Text())
	if f.text.CanSend() && f.writing {
		f.send.Enable()
	} else {
		f.send.Disable()
	}
	left, over := f.text.Left()
	if before := f.left.Text(); before != left {
		f.left.SetText(left)
		if before == "" || left == "" {
			f.relay() // it has a line of its own
		}
		f.object.Refresh()
	}
	if over {
		f.left.SetColor(theme.Alarm)
	} else {
		f.left.SetColor(theme.Secondary)
	}
}

// enter is what Enter does.
func (f *foot) enter(ctrl, shift bool) bool {
	if f.text.Press(ctrl, shift) != talk.PressSend {
		return false
	}
	f.press()
	return true
}

// press sends.
func (f *foot) press() {
	if !f.text.CanSend() || !f.writing {
		return
	}
	if f.before != nil {
		f.before(f.h.Now())
	}
	f.still = true
	f.text.Send()
	f.still = false
	// The driver paints the window right after a click, and nothing else while it does.
	// So it has nothing to paint yet: the empty field comes with the message.
	f.h.Async.Slow(func(context.Context) func() { return f.pressed })
}

// pressed shows that something was sent.
func (f *foot) pressed() {
	if f.gone {
		return
	}
	f.changed()
	if f.sent != nil {
		f.sent()
	}
	f.focus()
}

// show shows whether one can write, and what helps if not.
func (f *foot) show(head model.Header, state client.ContactState) {
	f.head, f.state = head, state
	now := footSays{f.problem(), state, head.CanWrite, head.Name}
	if now == f.said && f.notice != nil {
		return
	}
	f.said, f.writing, f.asking = now, head.CanWrite, state == client.Requested
	f.strip.Objects, f.bar.Objects = nil, nil
	f.notice = w.NewNotice(now.problem, w.GapNotice)
	switch {
	case f.asking:
		f.bar.Objects = []fyne.CanvasObject{f.decision(head.Name)}
	case now.problem != "":
		f.helps()
		f.strip.Objects = []fyne.CanvasObject{w.NewInset(12, 8, f.notice)}
	}
	for _, o := range []fyne.CanvasObject{f.editor, f.send, f.left} {
		if head.CanWrite {
			o.Show()
		} else {
			o.Hide()
		}
	}
	f.changed()
	f.object.Refresh()
	f.relay()
}

// problem is why nothing can be sent; empty: it can.
func (f *foot) problem() string {
	say := f.h.Words
	switch {
	case f.state == client.Blocked:
		return say.Say("chat.blocked", "Name", f.head.Name)
	case f.state == client.Removed:
		return say.Say("chat.removed", "Name", f.head.Name)
	case f.homes == 0:
		return say.Say("chat.homeless")
	}
	return people.Problem(say, f.head.Name, f.head.Problem)
}

// helps puts the button into the notice that helps.
func (f *foot) helps() {
	h, say := f.h, f.h.Words
	switch {
	case f.state == client.Blocked:
		f.notice.SetAction("talk.unblock", say.Say("chat.unblock"), f.accept)
	case f.state == client.Removed:
		f.notice.SetAction("talk.add", say.Say("chat.add"), func() { h.Nav.Open(page.Place{Kind: page.Add}) })
	case f.homes == 0:
		f.notice.SetAction("talk.gateways", say.Say("chat.gateways"), func() { h.Nav.Open(page.Place{Kind: page.Gateways}) })
	}
}

func (f *foot) accept() {
	do(f.h, func(ctx context.Context) error {
		_, err := f.h.Profile.People.Accept(ctx, f.id)
		return err
	}, func() { f.focus() })
}

// decision is what is asked about a request.
func (f *foot) decision(name string) fyne.CanvasObject {
	say := f.h.Words
	return w.NewInset(16, 12, w.NewStack(10, w.NewParagraph(say.Say("chat.request", "Name", name), w.Secondary), w.NewFlow(8,
		w.NewButton("talk.accept", say.Say("chat.accept"), w.Primary, f.accept),
		w.NewButton("talk.block", say.Say("chat.block"), w.Plain, func() { block(f.h, f.id, name) }),
	)))
}

// editMenu is the menu of the composer.
func (f *foot) editMenu(at fyne.Position) {
	say, e, clip := f.h.Words, f.editor, f.h.App.Clipboard()
	var items []*fyne.MenuItem
	if e.selection() != "" {
		items = append(items, fyne.NewMenuItem(say.Say("chat.cut"), func() { e.cutTo(clip) }), fyne.NewMenuItem(say.Say("chat.copy"), func() { e.copyTo(clip) }))
	}
	items = append(items, fyne.NewMenuItem(say.Say("chat.paste"), func() { e.pasteFrom(clip) }))
	if e.Text() != "" {
		items = append(items, fyne.NewMenuItem(say.Say("chat.selectAll"), e.selectAll))
	}
	popUp(f.h, at, items...)
}

// fit is how high the foot is at a width, where there is so much room.
func (f *foot) fit(room fyne.Size) float32 {
	f.room = room.Height
	return footLayout{f}.put(fyne.NewSize(room.Width, 0), false)
}

// footLayout lays out a foot from above: line, strip, and the bar or the composer.
type footLayout struct{ foot *foot }

func (l footLayout) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	f := l.foot
	f.object.Objects[0].Resize(size)
	l.put(size, true)
}

// put places everything if it shall, and tells how high it is.
func (l footLayout) put(size fyne.Size, place bool) float32 {
	f := l.foot
	f.line.Resize(fyne.NewSize(size.Width, 1))
	y := float32(1)
	for _, part := range []*fyne.Container{f.strip, f.bar} {
		if len(part.Objects) == 0 {
			continue
		}
		part.Move(fyne.NewPos(0, y))
		for range 2 { // texts know their height by their width
			part.Resize(fyne.NewSize(size.Width, part.MinSize().Height))
		}
		y += part.MinSize().Height
	}
	if !f.writing {
		return y
	}
	over := theme.Px(10)
	if len(f.strip.Objects) > 0 {
		over = theme.Px(4)
	}
	side, edge, gap := theme.Px(40), theme.Px(16), theme.Px(12)
	if size.Width < theme.Px(300) {
		edge, gap = theme.Px(8), theme.Px(8)
	}
	if f.left.Text() != "" {
		f.left.Move(fyne.NewPos(edge, y+over-theme.Px(4)))
		f.left.Resize(fyne.NewSize(size.Width-2*edge-theme.Px(8), theme.Px(16)))
		over += theme.Px(15)
	}
	wide := max(64, size.Width-2*edge-side-gap)
	if f.editor.Size().Width != wide && wide > 64 {
		f.editor.Resize(fyne.NewSize(wide, f.editor.Size().Height)) // it knows its height by its width
	}
	high := max(side, f.editor.MinSize().Height)
	if f.room > 0 {
		high = max(side, f.editor.within(f.room-y-over-theme.Px(10+messagesLeast)))
	}
	if !place {
		return y + over + high + theme.Px(10)
	}
	f.editor.Move(fyne.NewPos(edge, y+over))
	f.editor.Resize(fyne.NewSize(wide, high))
	f.send.Move(fyne.NewPos(size.Width-edge-side, y+over+high-side))
	f.send.Resize(fyne.NewSquareSize(side))
	return y + over + high + theme.Px(10)
}

func (l footLayout) MinSize([]fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(theme.Px(200), theme.Px(60))
}
