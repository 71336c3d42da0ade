package model_test

import (
	"slices"
	"testing"
	"time"

	"zeroms/client"
	"zeroms/ui/model"
	"zeroms/ui/model/modeltest"
)

// noticed is a World whose events become notices.
type noticed struct {
	*modeltest.World
	notices *model.Notices
	talking client.ContactID
	active  bool
	got     []model.Notice
}

func newNoticed(t *testing.T, how model.Notify) *noticed {
	t.Helper()
	w := modeltest.New(t, modeltest.Options{})
	settings := w.Profile().Notes.Settings()
	settings.Notify = how
	if err := w.Profile().Notes.SetSettings(t.Context(), settings); err != nil {
		t.Fatal(err)
	}
	n := &noticed{World: w, notices: model.NewNotices(w.Deps(), model.NewChats(w.Deps()))}
	w.Feed.Listen(func(events []client.Event) { n.got = append(n.got, n.notices.Take(events, n.talking, n.active)...) })
	return n
}

// take is what was shown since, without whom it is about.
func (n *noticed) take() (shown []string) {
	for _, s := range n.got {
		shown = append(shown, s.Title+": "+s.Body)
	}
	n.got = nil
	return shown
}

func TestWhatNotificationsSay(t *testing.T) {
	for _, c := range []struct {
		how                 model.Notify
		one, three, request string
	}{
		{model.NotifyText, "Noor: see\u00a0you", "Noor: 3 new messages", "ZeroMS: Vera wants to write to you"},
		{model.NotifyName, "Noor: New message", "Noor: 3 new messages", "ZeroMS: Vera wants to write to you"},
		{model.NotifyBare, "ZeroMS: New message", "ZeroMS: 3 new messages", "ZeroMS: Somebody wants to write to you"},
		{model.NotifyOff, "", "", ""},
	} {
		n := newNoticed(t, c.how)
		want := func(what, one string) {
			t.Helper()
			var all []string
			if one != "" {
				all = []string{one}
			}
			if got := n.take(); !slices.Equal(got, all) {
				t.Errorf("%d, %s: %q, want %q", c.how, what, got, all)
			}
		}
		noor := n.ID("Noor")
		n.Receive(noor, "see\u202e\nyou")
		want("one", map[bool]string{true: "Noor: see you", false: c.one}[c.how == model.NotifyText])
		n.Receive(noor, "two")
		want("one shortly after", "")
		n.Pass(time.Minute)
		n.Receive(noor, "three")
		want("the third, a minute later", c.three)
		n.Stranger("Vera", "let me in, this is your bank")
		want("a request", c.request)
		vera := n.Contact(n.ID("Vera"))
		early := model.NewNotices(n.Deps(), model.NewChats(modeltest.New(t, modeltest.Options{Empty: true}).Deps()))
		if got := early.Take([]client.Event{client.ContactChanged{Contact: vera}, client.MessageAdded{Message: n.Put(vera.ID, modeltest.Line{Text: "x"})}}, 0, false); (len(got) == 1) != (c.how != model.NotifyOff) {
			t.Errorf("of somebody whom the list does not know yet: %v", got)
		}
		n.ReceiveLine(noor, modeltest.Line{Own: true, Text: "mine"})
		want("an own message", "")
		n.Receive(n.ID("Gateway operators"), "muted")
		want("a muted conversation", "")
		n.Receive(n.ID("Spam & Sons"), "blocked")
		want("a blocked person", "")
	}
}

func TestNotificationsAndWhereTheUserLooks(t *testing.T) {
	n := newNoticed(t, model.NotifyText)
	noor := n.ID("Noor")
	n.talking, n.active = noor, true
	if n.Receive(noor, "seen"); len(n.take()) != 0 {
		t.Error("a notification of what the user sees")
	}
	if n.Receive(n.ID("Kaveh"), "elsewhere"); len(n.take()) != 1 {
		t.Error("none of another conversation")
	}
	n.active = false
	if n.Receive(noor, "away"); !slices.Equal(n.take(), []string{"Noor: away"}) {
		t.Error("none while the window is in the background")
	}
	n.Pass(time.Minute)
	n.Receive(noor, "away")
	n.active = true
	n.Tell()
	n.active = false
	n.take()
	n.Pass(time.Minute)
	if n.Receive(noor, "again"); !slices.Equal(n.take(), []string{"Noor: again"}) {
		t.Error("what was seen is counted")
	}
}

func TestManyMessagesAtOnce(t *testing.T) {
	n := newNoticed(t, model.NotifyText)
	var events []client.Event
	for range 30 {
		events = append(events, client.MessageAdded{Message: n.Put(n.ID("Noor"), modeltest.Line{Text: "x"})})
	}
	n.Tell(events...)
	if got := n.take(); !slices.Equal(got, []string{"Noor: 30 new messages"}) {
		t.Errorf("%q", got)
	}
	n.Pass(time.Minute)
	for _, name := range []string{"Émile", "Борис", "林薇", "Kaveh", "Zoltán"} {
		events = append(events, client.MessageAdded{Message: n.Put(n.ID(name), modeltest.Line{Text: "x"})})
	}
	n.Tell(events...)
	if got := n.take(); !slices.Equal(got, []string{"ZeroMS: 35 new messages in several conversations"}) {
		t.Errorf("%q", got)
	}
}

func TestSwitcher(t *testing.T) {
	w, c := newChats(t, modeltest.Options{})
	s := model.NewSwitcher(w.Deps(), c)
	find := func(text string) (all []string) {
		for _, h := range s.Find(text) {
			name := h.Name
			if h.Page != "" {
				name = "/" + h.Page
			} else if w.Contact(h.Contact).User != h.User {
				t.Errorf("%s is another person", h.Name)
			}
			all = append(all, name)
		}
		return all
	}
	for text, want := range map[string][]string{
		"":     {"Lin Wei", "Émile", "Gateway operators", "Борис", "林薇", "Ana Sousa", "Noor", "Kaveh", "Zoltán", "Oluwaseun", "/card", "/add", "/requests", "/gateways", "/settings"},
		"gate": {"Gateway operators", "/gateways"},
		"se":   {"/settings", "Oluwaseun"},
		"o":    {"Oluwaseun", "Gateway operators", "Noor", "Zoltán", "Ana Sousa", "/add"},
		"薇":    {"林薇"},
		"wei":  {"Lin Wei"},
		"zzz":  nil,
	} {
		got := find(text)
		if text == "o" { // in the order of the list within a rank
			if len(got) < 3 || got[0] != "Oluwaseun" || got[1] != "Gateway operators" {
				t.Errorf("%q finds %q", text, got)
			}
			continue
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q finds %q, want %q", text, got, want)
		}
	}
	c.Select(w.ID("Lin Wei"))
	if got := find(""); got[0] != "Émile" || got[len(got)-1] != "Lin Wei" {
		t.Errorf("the open conversation comes last: %q", got)
	}
	c.SetFilter("noor")
	if got := find("lin"); len(got) != 1 {
		t.Errorf("the list's filter counts: %q", got)
	}
}
