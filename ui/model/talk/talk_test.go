package talk_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"zeroms/client"
	"zeroms/protocol/message"
	"zeroms/ui/model"
	"zeroms/ui/model/modeltest"
	"zeroms/ui/model/talk"
)

func compose(t *testing.T, name string) (*modeltest.World, *model.Chats, *talk.Composer) {
	t.Helper()
	w := modeltest.New(t, modeltest.Options{})
	chats := model.NewChats(w.Deps())
	c := talk.NewComposer(w.Deps(), chats, w.ID(name))
	c.OnError = func(err error) { t.Error(err) }
	return w, chats, c
}

func latest(t *testing.T, w *modeltest.World, name string) client.Message {
	t.Helper()
	page, _, _, err := w.Profile().Talk.History(t.Context(), w.ID(name), client.Top, 1)
	if err != nil || len(page) == 0 {
		t.Fatal(err)
	}
	return page[len(page)-1]
}

func TestDraftsAreKeptAndGivenUp(t *testing.T) {
	w, chats, c := compose(t, "Kaveh")
	id := w.ID("Kaveh")
	if c.Text() != "about the mesh: there is a second antenna" {
		t.Fatalf("it begins with %q", c.Text())
	}
	now := w.Now()
	c.Edit("about", now)
	c.Edit("about it", now.Add(300*time.Millisecond))
	if c.Due(now.Add(600 * time.Millisecond)) {
		t.Error("it is kept while somebody writes")
	}
	if !c.Due(now.Add(700 * time.Millisecond)) {
		t.Error("it is not kept after a rest")
	}
	c.Save()
	if chats.Chat(id).Draft != "about it" || c.Due(now.Add(time.Hour)) {
		t.Errorf("kept: %q", chats.Chat(id).Draft)
	}
	calls := w.Calls("SetChat")
	if c.Save(); w.Calls("SetChat") != calls {
		t.Error("the same draft is written again")
	}
	changed := 0
	c.OnChange = func() { changed++ }
	if c.Send(); c.Text() != "" || changed == 0 || chats.Chat(id).Draft != "" {
		t.Errorf("after sending: %q, draft %q", c.Text(), chats.Chat(id).Draft)
	}
	if m := latest(t, w, "Kaveh"); m.Text != "about it" || !m.Outgoing {
		t.Errorf("sent: %+v", m)
	}
	c.Edit("next", now)
	c.Close()
	if other := talk.NewComposer(w.Deps(), chats, id); other.Text() != "next" {
		t.Errorf("the next one begins with %q", other.Text())
	}
	if c = talk.NewComposer(w.Deps(), chats, id); c.Text() != "next" {
		t.Fatal(c.Text())
	}
	c.Edit(" \n ", now)
	if c.Save(); chats.Chat(id).Draft != "" {
		t.Error("blanks are a draft")
	}
}

func TestATextThatIsNotSentComesBack(t *testing.T) {
	w, chats, c := compose(t, "Noor")
	id := w.ID("Noor")
	var failed error
	c.OnError = func(err error) { failed = err }
	w.Fail("Send", errors.New("disk full"))
	w.Async.Hold = true
	c.Edit("first", w.Now())
	c.Send()
	c.Edit("second", w.Now())
	w.Async.Release()
	if c.Text() != "first\nsecond" || failed == nil || chats.Chat(id).Draft != "first\nsecond" {
		t.Errorf("%q, %v, draft %q", c.Text(), failed, chats.Chat(id).Draft)
	}
	// Closed before the answer: the text is in the draft, and in whatever composer is open.
	w.Async.Hold = true
	c.Send()
	c.Close()
	other := talk.NewComposer(w.Deps(), chats, id)
	other.Edit("third", w.Now())
	w.Async.Release()
	if other.Text() != "first\nsecond\nthird" {
		t.Errorf("the open composer has %q, the draft is %q", other.Text(), chats.Chat(id).Draft)
	}
	w.Fail("Send", nil)
	if other.Send(); latest(t, w, "Noor").Text != "first\nsecond\nthird" || chats.Chat(id).Draft != "" {
		t.Errorf("sent %q, draft %q", latest(t, w, "Noor").Text, chats.Chat(id).Draft)
	}
}

func TestADraftThatCannotBeKeptStays(t *testing.T) {
	w, chats, c := compose(t, "Kaveh")
	id := w.ID("Kaveh")
	var failed error
	chats.OnError = func(err error) { failed = err }
	w.Fail("SetChat", errors.New("disk full"))
	for _, text := range []string{"about the", "about the mesh and more"} {
		c.Edit(text, w.Now())
		c.Save()
		w.Receive(id, "something happens")
		if chats.Select(0); c.Text() != text || chats.Chat(id).Draft != text || failed == nil {
			t.Errorf("%q, draft %q, %v", c.Text(), chats.Chat(id).Draft, failed)
		}
	}
	w.Fail("SetChat", nil)
	c.Edit("now", w.Now())
	if c.Save(); w.Profile().Notes.Chats()[id].Draft != "now" {
		t.Error("it is not tried again")
	}
}

func TestEnter(t *testing.T) {
	w, _, c := compose(t, "Noor")
	for _, x := range []struct {
		ctrlEnter, ctrl, shift bool
		want                   talk.Press
	}{
		{false, false, false, talk.PressSend}, {false, true, false, talk.PressBreak}, {false, false, true, talk.PressBreak},
		{true, false, false, talk.PressBreak}, {true, true, false, talk.PressSend}, {true, true, true, talk.PressBreak},
	} {
		settings := w.Profile().Notes.Settings()
		settings.CtrlEnter = x.ctrlEnter
		if err := w.Profile().Notes.SetSettings(t.Context(), settings); err != nil {
			t.Fatal(err)
		}
		if got := c.Press(x.ctrl, x.shift); got != x.want {
			t.Errorf("%+v: %d", x, got)
		}
	}
}

func TestHowMuchCanBeWritten(t *testing.T) {
	if talk.MaxText != message.MaxText {
		t.Errorf("messages carry %d bytes", message.MaxText)
	}
	w, _, c := compose(t, "Noor")
	for _, x := range []struct {
		text  string
		words string
		can   bool
	}{
		{"", "", false}, {" \n\t", "", false}, {"\u200b", "", false}, {"a", "", true}, {strings.Repeat("a", 12_499), "", true},
		{strings.Repeat("a", 13_000), "1,000 characters left", true}, {strings.Repeat("网", 4500), "166 characters left", true},
		{strings.Repeat("a", 14_000) + "\n\n", "0 characters left", true}, {strings.Repeat("a", 14_001), "Too long by 1 character", false},
		{strings.Repeat("网", 4667), "Too long by 1 character", false},
	} {
		c.Edit(x.text, w.Now())
		words, over := c.Left()
		if words != x.words || c.CanSend() != x.can || over != strings.HasPrefix(words, "Too") {
			t.Errorf("%d bytes: %q, can send %v", len(x.text), words, c.CanSend())
		}
	}
	before := w.Calls("Send")
	if c.Send(); w.Calls("Send") != before || c.Text() == "" {
		t.Error("a text that is too long was sent")
	}
	c.Edit("  a\xff b \n", w.Now())
	if c.Send(); latest(t, w, "Noor").Text != "a b" {
		t.Errorf("sent: %q", latest(t, w, "Noor").Text)
	}
}

func details(t *testing.T, w *modeltest.World, id client.MessageID) *talk.Details {
	t.Helper()
	d := talk.NewDetails(w.Deps(), id)
	d.OnError = func(err error) { t.Error(err) }
	d.Open()
	t.Cleanup(d.Close)
	return d
}

func steps(d *talk.Details) string {
	var all []string
	for _, s := range d.Steps() {
		mark := "o"
		if s.Done {
			mark = "*"
		}
		if s.Alarm {
			mark = "!"
		}
		all = append(all, strings.TrimRight(mark+" "+s.Title+" | "+s.Value, " |"))
	}
	return strings.Join(all, "\n")
}

func TestTheWayOfAnOwnMessage(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	m := w.ReceiveLine(w.ID("Lin Wei"), modeltest.Line{Own: true, Text: "hello", State: client.Queued})
	d := details(t, w, m.ID)
	changed := 0
	d.OnChange = func() { changed++ }
	for _, c := range []struct {
		state client.MessageState
		want  string
	}{
		{client.Queued, "* Written here | 0 ms\no Waiting for a gateway\no Not delivered yet\no Not read yet"},
		{client.InCustody, "* Written here | 0 ms\n* Handed over | 0.1 ms\n* In custody | 0.4 ms\no Not delivered yet\no Not read yet"},
		{client.NotDelivered, "* Written here | 0 ms\n* Handed over | 0.1 ms\n* In custody | 0.4 ms\n! Not delivered in time\no Not read yet"},
		{client.Delivered, "* Written here | 0 ms\n* Handed over | 0.1 ms\n* In custody | 0.4 ms\n* Reached the device | 0.8 ms\no Not read yet"},
		{client.Read, "* Written here | 0 ms\n* Handed over | 0.1 ms\n* In custody | 0.4 ms\n* Reached the device | 0.8 ms\n* Read | 12:44"},
	} {
		w.Advance(m.ID, c.state)
		if got := steps(d); got != strings.ReplaceAll(c.want, "0 ms", w.Words.Took(0)) && got != c.want {
			t.Errorf("state %d:\n%s\nwant\n%s", c.state, got, c.want)
		}
	}
	if changed != 5 || d.Text() != "hello" || !d.Receipt() {
		t.Errorf("told %d times, %q, receipt %v", changed, d.Text(), d.Receipt())
	}
	if s := d.Steps()[2]; !strings.HasPrefix(s.Line, "gw.linwei.example, until ") {
		t.Errorf("%+v", s)
	}
	d.Export(func(name string, file []byte) {
		if !strings.HasPrefix(name, "receipt-") || !strings.HasSuffix(string(file), m.ID.String()) {
			t.Errorf("%s: %s", name, file)
		}
		changed = 0
	})
	if changed != 0 {
		t.Error("nothing was exported")
	}
}

func TestFactsOfAMessage(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	id := w.ID("Lin Wei")
	w.Pass(time.Minute)
	m := w.Receive(id, "hello")
	d := details(t, w, m.ID)
	if got := steps(d); got != "* Written | 12:42\n* Taken by your gateway | 12:42\n* Came here | "+w.Words.Took(0) || d.Receipt() {
		t.Errorf("%s", got)
	}
	found := map[string]talk.Fact{}
	for _, f := range d.Facts() {
		found[f.Title] = f
	}
	hash := m.ID.String()
	if f := found["Hash"]; f.Copy != hash || !f.Mono || f.Value != hash[:4]+" "+hash[4:8]+" "+hash[8:12]+" "+hash[12:16]+" …" {
		t.Errorf("%+v", f)
	}
	if f := found["Hash of the one before"]; len(f.Copy) != 64 || f.Copy == hash {
		t.Errorf("%+v", f)
	}
	if f := found["Signature"]; !f.Good || f.Alarm || len(f.Copy) != 128 || f.Value != "Valid" {
		t.Errorf("%+v", f)
	}
	if f := found["Place in the chain"]; !strings.Contains(f.Value, "11 of the conversation") {
		t.Errorf("%+v", f)
	}
	if f := found["Size on the wire"]; f.Value != w.Words.Bytes(1024) {
		t.Errorf("%+v", f)
	}
	failed := error(nil)
	lost := talk.NewDetails(w.Deps(), client.MessageID{1})
	lost.OnError = func(err error) { failed = err }
	if lost.Open(); !errors.Is(failed, modeltest.ErrNoMessage) || lost.Loaded() || lost.Steps() != nil || lost.Facts() != nil {
		t.Errorf("a message that is nowhere: %v", failed)
	}
}
