package desk

import (
	"context"

	"zeroms/client"
	"zeroms/cmd/zms/kept"
	"zeroms/ui/model"
)

// notes is model.Notes.
type notes struct{ kept *kept.Store }

// Chats implements model.Notes.
func (n notes) Chats() map[client.ContactID]model.Chat {
	out := map[client.ContactID]model.Chat{}
	for id, c := range n.kept.Chats() {
		out[id] = model.Chat(c)
	}
	return out
}

// SetChat implements model.Notes.
func (n notes) SetChat(ctx context.Context, id client.ContactID, c model.Chat) error {
	return n.kept.SetChat(ctx, id, kept.Chat(c))
}

// Settings implements model.Notes.
func (n notes) Settings() model.Settings { return settingsOf(n.kept.Desk()) }

// SetSettings implements model.Notes.
func (n notes) SetSettings(ctx context.Context, s model.Settings) error {
	return n.kept.SetDesk(ctx, deskOf(s))
}

func settingsOf(d kept.Desk) model.Settings {
	return model.Settings{
		Notify: model.Notify(d.Notify), CtrlEnter: d.CtrlEnter, Tray: d.Tray, Quiet: d.Quiet,
		WordsSaved: d.WordsSaved, Inside: d.Inside, InsideOpen: d.InsideOpen, LockAfter: d.LockAfter,
	}
}

func deskOf(s model.Settings) kept.Desk {
	return kept.Desk{
		Notify: uint8(s.Notify), CtrlEnter: s.CtrlEnter, Tray: s.Tray, Quiet: s.Quiet,
		WordsSaved: s.WordsSaved, Inside: s.Inside, InsideOpen: s.InsideOpen, LockAfter: s.LockAfter,
	}
}
