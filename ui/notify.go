package ui

import (
	"context"

	"fyne.io/fyne/v2"

	"zeroms/client"
	"zeroms/ui/model"
)

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
		a.host.Async.Slow(func(context.Context) func() {
			a.cfg.App.SendNotification(fyne.NewNotification(note.Title, note.Body))
			return nil
		})
	}
}
