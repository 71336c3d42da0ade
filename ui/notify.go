package ui

import (
	"context"

	"fyne.io/fyne/v2"

	"zeroms/client"
	"zeroms/ui/model"
	"zeroms/ui/page"
)

// Note is a notification of a message, or of several.
type Note struct {
	// Contact is whose conversation it is about, in place of what was shown of that
	// before; 0: several.
	Contact     client.ContactID
	Title, Body string
	// Action is what Chosen is called: the user goes there. Chosen may be called from any
	// goroutine.
	Action string
	Chosen func()
}

// notifier shows messages that came as notifications of the system.
type notifier struct {
	app   *App
	model *model.Notices
	stop  func()
}

func newNotifier(a *App) *notifier {
	n := &notifier{app: a}
	n.stop = a.host.Feed.Listen(n.hear)
	return n
}

func (n *notifier) close() { n.stop() }

// begin follows the conversations of another list model.
func (n *notifier) begin(chats *model.Chats) { n.model = model.NewNotices(n.app.host.Deps(), chats) }

func (n *notifier) hear(events []client.Event) {
	a := n.app
	if n.model == nil || a.shell == nil {
		return
	}
	for _, note := range n.model.Take(events, a.shell.talking(), a.active && !a.locked) {
		if a.locked {
			note.Title, note.Body = "ZeroMS", a.host.Words.Say("shell.notice.locked")
		}
		out := Note{Contact: note.Contact, Title: note.Title, Body: note.Body, Action: a.host.Words.Say("shell.open")}
		out.Chosen = func() { a.post(func() { a.chosen(out.Contact) }) }
		a.notify(out)
	}
}

// notify shows a notification.
func (a *App) notify(n Note) {
	a.host.Async.Slow(func(ctx context.Context) func() {
		if a.cfg.Notify == nil || a.cfg.Notify(ctx, n) != nil {
			a.cfg.App.SendNotification(fyne.NewNotification(n.Title, n.Body))
		}
		return nil
	})
}

// sample shows how notifications look.
func (a *App) sample(title, body string) {
	a.notify(Note{Title: title, Body: body, Action: a.host.Words.Say("shell.open"), Chosen: func() { a.post(func() { a.chosen(0) }) }})
}

// chosen shows the conversation that a notification was about.
func (a *App) chosen(id client.ContactID) {
	a.window.Show()
	a.window.RequestFocus()
	if id != 0 && a.shell != nil && !a.locked {
		navigator{a}.Open(page.Place{Kind: page.Chat, Contact: id})
	}
}
