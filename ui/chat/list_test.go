package chat

import (
	"fmt"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"zeroms/client"
	"zeroms/ui/model"
	"zeroms/ui/model/modeltest"
	"zeroms/ui/page"
)

// listScene is a scene with the list alone.
func listScene(t *testing.T, o modeltest.Options) (*scene, *List) {
	t.Helper()
	s := newScene(t, o, model.Look{})
	l := NewList(s.host)
	t.Cleanup(l.Close)
	s.show(l.Object(), 320, 740)
	return s, l
}

// row is the control of somebody's row.
func (s *scene) row(name string) *chatRow {
	s.t.Helper()
	for i := range s.chats.Len() {
		if s.chats.Row(i).Name == name {
			return s.find(fmt.Sprintf("list.row.%d", i)).(*chatRow)
		}
	}
	s.t.Fatalf("there is no row of %s", name)
	return nil
}

func TestListShowsAndOpens(t *testing.T) {
	s, _ := listScene(t, modeltest.Options{})
	for _, text := range []string{"Lin Wei", "Scanned it. The safety codes match", "12:41", "Émile", "Gateway operators", "12", "Draft:", "You:", "Requests"} {
		s.reads(text)
	}
	test.Tap(s.row("Émile"))
	if want := (page.Place{Kind: page.Chat, Contact: s.world.ID("Émile")}); s.place() != want {
		t.Errorf("a tap opened %+v, not %+v", s.place(), want)
	}
	test.Tap(s.row("Requests"))
	if s.place().Kind != page.Requests {
		t.Errorf("the row of requests opened %+v", s.place())
	}
	s.tap("list.add")
	if s.place().Kind != page.Add {
		t.Errorf("the button opened %+v", s.place())
	}
}

func TestListFollowsMessages(t *testing.T) {
	s, _ := listScene(t, modeltest.Options{})
	noor := s.world.ID("Noor")
	s.world.Receive(noor, "It is me again.")
	s.reads("It is me again.")
	if row := s.find("list.row.0").(*chatRow); row.row.Name != "Noor" || row.row.Unread != 1 {
		t.Errorf("the first row is %q with %d unread", row.row.Name, row.row.Unread)
	}
}

func TestListFilters(t *testing.T) {
	s, l := listScene(t, modeltest.Options{})
	l.Filter()
	field := s.find("list.search").(fyne.Focusable)
	test.Type(field, "ana")
	s.reads("Ana Sousa")
	s.readsNot("Émile")
	field.TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	if want := (page.Place{Kind: page.Chat, Contact: s.world.ID("Ana Sousa")}); s.place() != want {
		t.Errorf("Enter opened %+v", s.place())
	}
	test.Type(field, "xyz")
	s.reads("Nobody is called")
	field.TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	s.reads("Émile")
	l.rows.TypedRune('n')
	s.reads("Noor")
	s.readsNot("Émile")
}

func TestListMenu(t *testing.T) {
	s, _ := listScene(t, modeltest.Options{})
	boris := s.world.ID("Борис")
	test.TapSecondary(s.row("Борис"))
	s.choose("Pin")
	if row := s.find("list.row.0").(*chatRow); row.row.ID != boris || !row.row.Pinned {
		t.Errorf("the first row after pinning is %+v", row.row)
	}
	test.TapSecondary(s.row("Борис"))
	s.choose("Mute")
	if !s.chats.Chat(boris).Muted {
		t.Error("it is not muted")
	}
	operators := s.world.ID("Gateway operators")
	test.TapSecondary(s.row("Gateway operators"))
	s.choose("Mark as read")
	if s.world.Contact(operators).Unread != 0 {
		t.Error("it is not marked as read")
	}
	test.TapSecondary(s.row("Борис"))
	s.choose("Contact")
	if want := (page.Place{Kind: page.Contact, Contact: boris}); s.place() != want {
		t.Errorf("it opened %+v", s.place())
	}
	test.TapSecondary(s.row("Борис"))
	s.choose("Remove…")
	if len(s.asked) != 1 || !s.asked[0].Danger || !strings.Contains(s.asked[0].Title, "Борис") {
		t.Fatalf("it asks %+v", s.asked)
	}
	s.asked[0].Then()
	s.readsNot("Борис")
}

func TestListReminder(t *testing.T) {
	s, l := listScene(t, modeltest.Options{})
	s.reads("Write down your 24 words")
	s.tap("list.words")
	if want := (page.Place{Kind: page.Settings, Text: "words"}); s.place() != want {
		t.Errorf("it opened %+v", s.place())
	}
	s.tap("list.words.later")
	s.readsNot("Write down")
	l.later = false
	settings := s.host.Profile.Notes.Settings()
	settings.WordsSaved = true
	if err := s.host.Profile.Notes.SetSettings(t.Context(), settings); err != nil {
		t.Fatal(err)
	}
	l.Narrow(false)
	s.readsNot("Write down")
}

func TestListEmpty(t *testing.T) {
	s, _ := listScene(t, modeltest.Options{Empty: true})
	s.reads("First a gateway")
	s.tap("list.empty.gateway")
	if s.place().Kind != page.Gateways {
		t.Errorf("it opened %+v", s.place())
	}
	if _, err := s.host.Profile.Homes.AddGateway(t.Context(), modeltest.AddressOf("gw.example.org", 443)); err != nil {
		t.Fatal(err)
	}
	s.reads("Nobody is here yet")
	s.readsNot("Choose a gateway")
	s.tap("list.empty.add")
	if s.place().Kind != page.Add {
		t.Errorf("it opened %+v", s.place())
	}
	s.tap("list.empty.card")
	if s.place().Kind != page.Card {
		t.Errorf("it opened %+v", s.place())
	}
	s.world.Meet("Ada", nil)
	s.reads("Ada")
	s.readsNot("Nobody is here yet")
}

func TestListSetBack(t *testing.T) {
	s, _ := listScene(t, modeltest.Options{})
	s.readsNot("This profile is an")
	s.world.SetBack()
	s.reads("This profile is an")
	s.readsNot("Write down")
	mended := 0
	s.host.Rejoin = func() { mended++ }
	s.tap("list.setback")
	if mended != 1 {
		t.Error("it does not mend it")
	}
}

func TestListOfHundreds(t *testing.T) {
	s, l := listScene(t, modeltest.Options{People: 500, Messages: 5000})
	shown := strings.Count(s.texts(), "\n")
	if shown > 200 {
		t.Errorf("%d texts are drawn", shown)
	}
	last := s.chats.Row(s.chats.Len() - 1)
	l.rows.Key(fyne.KeyEnd)
	s.reads(last.Name)
	s.chats.Select(s.chats.Row(0).ID)
	s.reads(s.chats.Row(0).Name)
}

func TestListLooks(t *testing.T) {
	s := newScene(t, modeltest.Options{}, model.Look{})
	s.bare()
	l := NewList(s.host)
	defer l.Close()
	s.show(l.Object(), 320, 320)
	s.chats.Select(s.world.ID("Lin Wei"))
	test.AssertRendersToMarkup(t, "list.xml", s.window.Canvas())
}

func BenchmarkListEvent(b *testing.B) {
	s := newScene(b, modeltest.Options{People: 500, Messages: 5000}, model.Look{})
	l := NewList(s.host)
	defer l.Close()
	s.show(l.Object(), 320, 740)
	var ids []client.ContactID
	for i := range s.chats.Len() {
		ids = append(ids, s.chats.Row(i).ID)
	}
	n := 0
	for b.Loop() {
		if id := ids[n%len(ids)]; id != 0 {
			s.world.Receive(id, "A line")
		}
		n++
	}
}
