package ui

import (
	"context"
	"errors"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"zeroms/client"
	"zeroms/ui/model"
	"zeroms/ui/model/modeltest"
	"zeroms/ui/page"
)

// TestChosenNotificationOpensItsConversation: and where nobody shows ours, Fyne's is.
func TestChosenNotificationOpensItsConversation(t *testing.T) {
	r := newRig(t, modeltest.Options{}, model.Look{}).enterWorld()
	var notes []Note
	var failure error
	r.cfg.Notify = func(_ context.Context, n Note) error {
		notes = append(notes, n)
		return failure
	}
	r.setActive(false)
	bob, _ := r.shell.chats.Nth(1)
	r.world.Receive(bob, "are you there?")
	if len(notes) != 1 || notes[0].Contact != bob || notes[0].Body != "are you there?" || notes[0].Action == "" {
		t.Fatalf("%+v", notes)
	}
	notes[0].Chosen()
	r.at(page.Chat)
	if r.shell.at.Contact != bob {
		t.Errorf("the conversation with %d is open and not with %d", r.shell.at.Contact, bob)
	}
	failure = errors.New("there is nobody")
	carol := r.world.Meet("Carol", func(*client.Contact) {})
	test.AssertNotificationSent(t, fyne.NewNotification(r.world.Contact(carol).Name, "hello"), func() { r.world.Receive(carol, "hello") })
}

// trayed is a tray that keeps what it was told.
type trayed struct {
	icon  []byte
	lines [TrayLines]TrayLine
	shown int
}

func (t *trayed) Show(icon []byte, lines [TrayLines]TrayLine) {
	t.icon, t.lines = icon, lines
	t.shown++
}

func TestTrayShowsWhatIsUnread(t *testing.T) {
	r := newRig(t, modeltest.Options{}, model.Look{})
	icon := &trayed{}
	r.cfg.Tray = icon
	r.enterWorld()
	settings := r.host.Profile.Notes.Settings()
	settings.Tray = true
	if err := r.host.Profile.Notes.SetSettings(t.Context(), settings); err != nil {
		t.Fatal(err)
	}
	var all []client.ContactID
	for id, ok := r.shell.chats.Nth(0); ok; id, ok = r.shell.chats.Nth(len(all)) {
		all = append(all, id)
	}
	for _, id := range all {
		r.world.SetContact(id, func(c *client.Contact) { c.Unread = 0 })
	}
	r.close() // goes on in the tray
	calm := string(icon.icon)
	if icon.shown == 0 || calm == "" {
		t.Fatal("the window is closed, and there is no icon")
	}
	r.setActive(false)
	r.world.Receive(all[1], "are you there?")
	if string(icon.icon) == calm {
		t.Error("the icon does not tell of a message")
	}
	icon.lines[0].Do()
	for _, l := range icon.lines {
		if l.Text == "" {
			t.Errorf("lines %+v", icon.lines)
		}
	}
}
