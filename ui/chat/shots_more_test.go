package chat

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"zeroms/client"
	"zeroms/ui/model"
	"zeroms/ui/model/modeltest"
	"zeroms/ui/theme"
)

// TestMoreScreens draws what is rarely seen: problems, long and strange texts, nothing
// at all, large letters.
func TestMoreScreens(t *testing.T) {
	for name, look := range map[string]model.Look{
		"light-en": {Language: "en", Scheme: model.SchemeLight}, "dark-zh-Hans": {Language: "zh-Hans", Scheme: model.SchemeDark},
		"large-light-en": {Language: "en", Scheme: model.SchemeLight, Zoom: 200},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, modeltest.Options{}, look)
			noor := s.world.ID("Noor")
			lines := []modeltest.Line{
				{Text: "مرحبا بالعالم، هذا نص من اليمين إلى اليسار"}, {Text: "😀 👍🏽 and 👩‍👩‍👧‍👦 in the middle"}, {Own: true, Text: "This waits.", State: client.Queued},
				{Own: true, Text: "A gateway has this.", State: client.InCustody}, {Own: true, Text: "This arrived, and it is long enough to go on in another line of the bubble that it stands in.", State: client.Delivered},
				{Own: true, Text: "This was refused.", State: client.Failed},
				{Text: "收到。我也加了两个，谁都看不出我在哪一个后面；公共的那台做离线代理，家里那台放在路由器后面，平时很安静，偶尔会重启一次。"},
				{Text: "My card: zeroms:ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"},
			}
			for _, l := range lines {
				s.world.ReceiveLine(noor, l)
			}
			id := s.lastOwn(noor)
			s.world.Change(id, func(m *client.Message) { m.Undelivered, m.State = nil, client.Failed })
			gap := client.Gap{Contact: noor, From: 1, To: 3, Height: 3, Since: s.world.Now().Add(-time.Hour)}
			gap.State = 6
			s.world.SetGap(gap)
			talk := s.talkTo(noor)
			talk.foot.editor.SetText("Several lines\nof a draft\nthat is not sent yet")
			talk.foot.edited(talk.foot.editor.Text())
			s.show(talk.Object(), 860, 740)
			s.shoot("states-" + name)
			s.world.Receive(noor, strings.Repeat("A line of a long text that somebody sent. ", 120))
			s.shoot("long-" + name)
			talk.list.Key(fyne.KeyPageUp)
			s.world.Receive(noor, "One more")
			s.shoot("down-" + name)
			s.shoot("narrow-" + name)
			for _, who := range []string{"Ingrid", "Spam & Sons", "Oluwaseun"} {
				s.talkTo(s.world.ID(who))
				s.window.Resize(fyne.NewSize(420*theme.Zoom(), 740))
				s.shoot(strings.Fields(who)[0] + "-" + name)
			}
			empty := newScene(t, modeltest.Options{Empty: true}, look)
			list := NewList(empty.host)
			t.Cleanup(list.Close)
			ada := NewTalk(empty.host, empty.world.Meet("Ada", nil))
			t.Cleanup(ada.Close)
			empty.show(container.New(panesLayout{}, list.Object(), container.NewStack(), ada.Object()), 1180, 740)
			empty.shoot("first-" + name)
			bare := newScene(t, modeltest.Options{Empty: true}, look)
			nobody := NewList(bare.host)
			t.Cleanup(nobody.Close)
			bare.show(nobody.Object(), 320*theme.Zoom(), 740)
			bare.shoot("nobody-" + name)
			s.world.SetBack()
			older := NewList(s.host)
			t.Cleanup(older.Close)
			s.show(older.Object(), 320*theme.Zoom(), 740)
			s.shoot("setback-" + name)
		})
	}
}

// cramped gives its object no more room than there is, as the window's panes do.
type cramped struct{}

func (cramped) Layout(o []fyne.CanvasObject, size fyne.Size) {
	for _, each := range o {
		each.Move(fyne.Position{})
		each.Resize(size)
	}
}

func (cramped) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.Size{} }

// TestLargeLettersInANarrowWindow draws everything at 200 % in 420 and 360 pixels, the
// least that a window has.
func TestLargeLettersInANarrowWindow(t *testing.T) {
	for name, look := range map[string]model.Look{
		"en": {Language: "en", Scheme: model.SchemeLight, Zoom: 200}, "zh-Hans": {Language: "zh-Hans", Scheme: model.SchemeDark, Zoom: 200},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, modeltest.Options{}, look)
			lin := s.world.ID("Lin Wei")
			mine := s.lastOwn(lin)
			theirs := s.world.Receive(lin, "A long word: Donaudampfschifffahrtsgesellschaft. My card: zeroms:ABCDEFGHIJKLMNOPQRSTUVWXYZ234567").ID
			pages := map[string]interface {
				Object() fyne.CanvasObject
				Narrow(bool)
				Close()
			}{"list": NewList(s.host), "mine": NewDetails(s.host, mine), "theirs": NewDetails(s.host, theirs)}
			for _, who := range []string{"Lin Wei", "Ingrid", "Spam & Sons", "Oluwaseun"} {
				pages[strings.Fields(who)[0]] = NewTalk(s.host, s.world.ID(who))
			}
			empty := newScene(t, modeltest.Options{Empty: true}, look)
			homeless := NewTalk(empty.host, empty.world.Meet("Ada", nil))
			homeless.foot.editor.SetText(strings.Repeat("word ", 2760))
			homeless.foot.edited(homeless.foot.editor.Text())
			pages["homeless"], pages["nobody"] = homeless, NewList(empty.host)
			s.host.App.Settings().SetTheme(theme.New(look))
			for what, p := range pages {
				t.Cleanup(p.Close)
				p.Narrow(true)
				for _, width := range []float32{420, 360} {
					s.show(container.New(cramped{}, p.Object()), width, 740)
					s.shoot(fmt.Sprintf("cramped-%s-%s-%.0f", what, name, width))
				}
			}
		})
	}
}
