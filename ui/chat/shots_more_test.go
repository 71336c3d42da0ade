package chat

import (
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
