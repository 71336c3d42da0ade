package model_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"zeroms/client"
	"zeroms/ui/model"
	"zeroms/ui/model/modeltest"
)

func newChats(t *testing.T, o modeltest.Options) (*modeltest.World, *model.Chats) {
	t.Helper()
	w := modeltest.New(t, o)
	c := model.NewChats(w.Deps())
	c.OnError = func(err error) { t.Error(err) }
	t.Cleanup(c.Close)
	return w, c
}

// names are the names of all rows, with their marks.
func names(c *model.Chats) string {
	var all []string
	for i := range c.Len() {
		all = append(all, c.Row(i).Name)
	}
	return strings.Join(all, ", ")
}

func row(t *testing.T, c *model.Chats, name string) model.ChatRow {
	t.Helper()
	for i := range c.Len() {
		if r := c.Row(i); r.Name == name {
			return r
		}
	}
	t.Fatalf("no row of %s in %s", name, names(c))
	return model.ChatRow{}
}

func TestTheListAsDrawn(t *testing.T) {
	w, c := newChats(t, modeltest.Options{})
	const want = "Lin Wei, Émile, Gateway operators, Борис, 林薇, Ana Sousa, Requests, Noor, Kaveh, Zoltán, Oluwaseun"
	if got := names(c); got != want {
		t.Fatalf("%s\nwant %s", got, want)
	}
	for _, r := range []model.ChatRow{
		{Name: "Lin Wei", Preview: "Scanned it. The safety codes match", Unread: 3, Verified: true},
		{Name: "Émile", Preview: "Le passage est à 18 h 04", State: model.TickRead, Verified: true},
		{Name: "Gateway operators", Preview: "Обновил шлюз, всё работает, проверьте у себя", Unread: 12, Muted: true},
		{Name: "Борис", Preview: "Держится у двух шлюзов", State: model.TickCustody},
		{Name: "Ana Sousa", Lead: "You:", Preview: "the train is late"},
		{Name: "Requests", Kind: model.ChatRequests, Preview: "2 people want to write to you", Unread: 2},
		{Name: "Kaveh", Lead: "Draft:", Preview: "about the mesh: there is a second antenna", Draft: true},
		{Name: "Zoltán", Preview: "Is this still your gateway?", State: model.TickUndelivered},
		{Name: "Oluwaseun", Preview: "This one was refused.", State: model.TickFailed},
	} {
		got := row(t, c, r.Name)
		if r.Kind == model.ChatPerson && (got.ID != w.ID(r.Name) || got.User != w.Contact(got.ID).User) {
			t.Errorf("%s: another person", r.Name)
		}
		got.ID, got.When, got.User = 0, "", r.User
		if got != r {
			t.Errorf("%+v\nwant %+v", got, r)
		}
	}
	if c.Unread() != 3 || c.Requests() != 2 {
		t.Errorf("%d unread, %d requests", c.Unread(), c.Requests())
	}
}

func TestTheListFollowsEvents(t *testing.T) {
	w, c := newChats(t, modeltest.Options{})
	told := 0
	c.Listen(func() { told++ })
	noor := w.ID("Noor")
	w.Pass(time.Minute)
	m := w.Receive(noor, "there it is\nsecond line")
	if r := c.Row(0); r.Name != "Noor" || r.Preview != "there it is second line" || r.Unread != 1 || told == 0 {
		t.Fatalf("%+v, told %d times", r, told)
	}
	w.Pass(time.Minute)
	own := w.ReceiveLine(w.ID("Kaveh"), modeltest.Line{Own: true, Text: "got it", State: client.Queued})
	c.SetDraft(w.ID("Kaveh"), "")
	if r := c.Row(0); r.Name != "Kaveh" || r.State != model.TickWaiting || r.Lead != "" || r.Preview != "got it" {
		t.Fatalf("%+v", r)
	}
	for _, s := range []struct {
		to   client.MessageState
		want model.Tick
	}{{client.InCustody, model.TickCustody}, {client.Delivered, model.TickDelivered}} {
		if w.Advance(own.ID, s.to); c.Row(0).State != s.want {
			t.Errorf("after %v: %v", s.to, c.Row(0).State)
		}
	}
	if w.Read(w.ID("Kaveh")); c.Row(0).State != model.TickRead {
		t.Error("a read message is not shown as read")
	}
	w.Change(m.ID, func(m *client.Message) { m.Erased, m.Text = true, "" })
	if r := row(t, c, "Noor"); r.Preview != "Message deleted" {
		t.Errorf("an erased one: %q", r.Preview)
	}
	w.Pass(time.Minute)
	id := w.Stranger("Vera", "hello")
	if r := row(t, c, "Requests"); r.Unread != 3 || c.Row(0).Kind != model.ChatRequests {
		t.Errorf("a request: %+v, first %s", r, c.Row(0).Name)
	}
	w.SetContact(id, func(k *client.Contact) { k.State, k.Verified = client.Accepted, true })
	if r := row(t, c, "Vera"); !r.Verified || r.Preview != "hello" || c.Requests() != 2 {
		t.Errorf("an accepted one: %+v", r)
	}
	for _, s := range []client.ContactState{client.Blocked, client.Removed} {
		if w.SetContact(id, func(k *client.Contact) { k.State = s }); c.Index(id) >= 0 {
			t.Errorf("state %d stands in the list", s)
		}
	}
	w.SetContact(noor, func(k *client.Contact) { k.Name = "Noor\u202e\nal" })
	row(t, c, "Noor al")
}

// However messages, read marks and what is asked for interleave, the counts are the
// engine's in the end.
func TestUnreadCountsAgreeWithTheEngine(t *testing.T) {
	w, c := newChats(t, modeltest.Options{})
	noor := w.ID("Noor")
	w.Async.Hold = true
	w.Receive(noor, "one")
	if r := row(t, c, "Noor"); r.Unread != 1 {
		t.Errorf("%d unread at once", r.Unread)
	}
	then := w.Async.Answer() // was asked before the next
	w.Receive(noor, "two")
	then()
	w.Async.Release()
	if r := row(t, c, "Noor"); r.Unread != 2 || w.Contact(noor).Unread != 2 {
		t.Errorf("%d unread, the engine has %d", r.Unread, w.Contact(noor).Unread)
	}
	// A contact that is told with a count which holds the message already.
	w.Tell(client.ContactChanged{Contact: w.Contact(noor)}, client.MessageAdded{Message: w.Put(noor, modeltest.Line{Text: "three"})})
	if r := row(t, c, "Noor"); r.Unread != 2 {
		t.Errorf("%d unread, counted twice", r.Unread)
	}
}

func TestWhatComesWhileTheListIsRead(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	w.Async.Hold = true
	c := model.NewChats(w.Deps())
	then := w.Async.Answer()
	w.Pass(time.Minute)
	w.Receive(w.ID("Noor"), "meanwhile")
	if c.Loaded() || c.Len() != 0 {
		t.Error("a list that was not read is shown")
	}
	then()
	w.Async.Release()
	if r := c.Row(0); r.Name != "Noor" || r.Preview != "meanwhile" || r.Unread != 1 {
		t.Errorf("%+v", r)
	}
	w.Put(w.ID("Kaveh"), modeltest.Line{Text: "lost event", Ago: -time.Minute})
	w.Meet("Quiet", nil)
	if w.Lag(); c.Row(0).Name != "Kaveh" {
		t.Errorf("after losing events %s is first", c.Row(0).Name)
	}
	c.Close()
	w.Receive(w.ID("Noor"), "after the end")
	if c.Row(0).Name != "Kaveh" {
		t.Error("a closed list listens")
	}
}

func TestAListThatCannotBeRead(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	w.Fail("Latest", errors.New("disk"))
	c := model.NewChats(w.Deps())
	var failed error
	c.OnError = func(err error) { failed = err }
	if c.Loaded() {
		t.Error("it is loaded")
	}
	w.Receive(w.ID("Noor"), "again")
	if failed == nil {
		t.Error("nothing is said")
	}
	w.Fail("Latest", nil)
	if w.Receive(w.ID("Noor"), "again"); !c.Loaded() || row(t, c, "Noor").Unread != 2 {
		t.Error("it does not recover")
	}
}

func TestPinnedMutedAndDrafts(t *testing.T) {
	w, c := newChats(t, modeltest.Options{})
	kaveh, lin := w.ID("Kaveh"), w.ID("Lin Wei")
	if c.SetPinned(kaveh, true); c.Row(0).Name != "Kaveh" || !c.Row(0).Pinned {
		t.Errorf("first is %s", names(c))
	}
	w.Pass(time.Minute)
	if w.Receive(lin, "new"); c.Row(0).Name != "Kaveh" || c.Row(1).Name != "Lin Wei" {
		t.Errorf("pinned ones stay above: %s", names(c))
	}
	if c.SetMuted(lin, true); c.Unread() != 0 {
		t.Errorf("%d unread though all are muted", c.Unread())
	}
	c.SetDraft(lin, "a\nb")
	if r := row(t, c, "Lin Wei"); r.Lead != "Draft:" || r.Preview != "a b" || r.State != model.TickNone {
		t.Errorf("%+v", r)
	}
	kept := w.Profile().Notes.Chats()
	if kept[lin] != (model.Chat{Muted: true, Draft: "a\nb"}) || !kept[kaveh].Pinned {
		t.Errorf("kept: %+v", kept)
	}
	c.SetDraft(lin, "")
	c.SetMuted(lin, false)
	if kept := w.Profile().Notes.Chats(); kept[lin] != (model.Chat{}) {
		t.Errorf("kept: %+v", kept[lin])
	}
	// What another page keeps is seen, and not written over.
	ana := w.ID("Ana Sousa")
	if err := w.Profile().Notes.SetChat(t.Context(), ana, model.Chat{Pinned: true}); err != nil {
		t.Fatal(err)
	}
	if c.Select(ana); !row(t, c, "Ana Sousa").Pinned || c.Row(0).Name != "Ana Sousa" {
		t.Error("a change elsewhere is not seen")
	}
	if err := w.Profile().Notes.SetChat(t.Context(), ana, model.Chat{Muted: true}); err != nil {
		t.Fatal(err)
	}
	if c.SetDraft(ana, "d"); w.Profile().Notes.Chats()[ana] != (model.Chat{Muted: true, Draft: "d"}) || c.Row(0).Name == "Ana Sousa" {
		t.Error("a change elsewhere is written over")
	}
	w.Async.Hold = true
	c.SetPinned(ana, true)
	c.SetDraft(ana, "e")
	if w.Async.Release(); w.Profile().Notes.Chats()[ana] != (model.Chat{Muted: true, Pinned: true, Draft: "e"}) {
		t.Error("two changes at once")
	}
	other := model.NewChats(w.Deps())
	if !other.Row(0).Pinned || other.Chat(kaveh).Draft == "" {
		t.Error("nothing was kept")
	}
}

func TestFilterSelectionAndSteps(t *testing.T) {
	w, c := newChats(t, modeltest.Options{})
	for text, want := range map[string]string{"emi": "Émile", "薇": "林薇", "бор": "Борис", " OPER  gate": "Gateway operators", "zzz": "", "request": ""} {
		if c.SetFilter(text); names(c) != want {
			t.Errorf("%q finds %q", text, names(c))
		}
	}
	c.SetFilter("")
	if id, ok := c.Step(1); !ok || id != w.ID("Lin Wei") {
		t.Errorf("the first is %d", id)
	}
	if id, _ := c.Step(-1); id != w.ID("Oluwaseun") {
		t.Errorf("the last is %d", id)
	}
	c.Select(w.ID("Ana Sousa"))
	if id, _ := c.Step(1); id != w.ID("Noor") || !row(t, c, "Ana Sousa").Selected {
		t.Errorf("requests are no conversation: %d", id)
	}
	c.Select(w.ID("Oluwaseun"))
	if id, _ := c.Step(1); id != w.ID("Lin Wei") {
		t.Errorf("after the last comes %d", id)
	}
	if id, ok := c.Nth(6); !ok || id != w.ID("Noor") {
		t.Errorf("the seventh is %d", id)
	}
	if _, ok := c.Nth(10); ok {
		t.Error("there are ten people")
	}
	empty := model.NewChats(modeltest.New(t, modeltest.Options{Empty: true}).Deps())
	if _, ok := empty.Step(1); ok || empty.Len() != 0 || !empty.Loaded() {
		t.Error("an empty list")
	}
}

func BenchmarkMessageIntoAListOf500(b *testing.B) {
	w := modeltest.New(b, modeltest.Options{Empty: true, People: 500, Messages: 100_000})
	c := model.NewChats(w.Deps())
	m := w.Put(1, modeltest.Line{Own: true, Text: "hello"})
	b.ResetTimer()
	for i := range b.N {
		m.Contact, m.Height = uint64(i%500+1), 1<<30
		m.Received = m.Received.Add(time.Second)
		m.Written = m.Received
		w.Tell(client.MessageAdded{Message: m})
	}
	if c.Len() != 500 {
		b.Fatal(c.Len())
	}
}

func BenchmarkReadingAListOf500(b *testing.B) {
	w := modeltest.New(b, modeltest.Options{Empty: true, People: 500, Messages: 100_000})
	for range b.N {
		c := model.NewChats(w.Deps())
		for i := range 12 {
			c.Row(i)
		}
		c.Close()
	}
}
