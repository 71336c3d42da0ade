package chat

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"

	"zeroms/client"
	"zeroms/ui/model/modeltest"
	"zeroms/ui/theme"
)

// panesLayout is the window of the drawings: list, conversation, maybe details.
type panesLayout struct{}

func (panesLayout) Layout(o []fyne.CanvasObject, size fyne.Size) {
	at := func(o fyne.CanvasObject, x, width float32) {
		o.Move(fyne.NewPos(x, 0))
		o.Resize(fyne.NewSize(width, size.Height))
	}
	at(o[0], 0, 320)
	at(o[1], 320, 1)
	right := size.Width
	if len(o) > 4 {
		right -= 300
		at(o[4], right, 300)
		right--
		at(o[3], right, 1)
	}
	at(o[2], 321, right-321)
}

func (panesLayout) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.Size{} }

// TestScreens draws everything in both languages and schemes, wide and narrow.
func TestScreens(t *testing.T) {
	for name, look := range looks() {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, modeltest.Options{}, look)
			lin := s.world.ID("Lin Wei")
			s.chats.Select(lin)
			list, talk := NewList(s.host), NewTalk(s.host, lin)
			t.Cleanup(list.Close)
			t.Cleanup(talk.Close)
			line := func() fyne.CanvasObject { return canvas.NewRectangle(theme.Color(theme.Line)) }
			s.show(container.New(panesLayout{}, list.Object(), line(), talk.Object()), 1180, 740)
			s.shoot("main-" + name)
			details := NewDetails(s.host, s.lastOwn(lin))
			t.Cleanup(details.Close)
			s.show(container.New(panesLayout{}, list.Object(), line(), talk.Object(), line(), details.Object()), 1180, 740)
			s.shoot("details-" + name)
			for what, o := range map[string]fyne.CanvasObject{"list": list.Object(), "talk": talk.Object(), "details": details.Object()} {
				talk.Narrow(true)
				details.Narrow(true)
				s.show(o, 420, 740)
				s.shoot("narrow-" + what + "-" + name)
			}
		})
	}
}

// lastOwn is the newest own message to somebody.
func (s *scene) lastOwn(id client.ContactID) client.MessageID {
	s.t.Helper()
	lines, _, _, err := s.host.Profile.Talk.History(s.t.Context(), id, client.Top, 20)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := len(lines) - 1; i >= 0; i-- {
		if lines[i].Outgoing {
			return lines[i].ID
		}
	}
	s.t.Fatal("there is no own message")
	return client.MessageID{}
}
