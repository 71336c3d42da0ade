package model_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"zeroms/client"
	"zeroms/protocol/key"
	"zeroms/ui/model"
	"zeroms/ui/model/modeltest"
)

// screen is what a list on a screen does with a Timeline: it keeps what it was told, and
// holds it against what there is.
type screen struct {
	*model.Timeline
	t      *testing.T
	w      *modeltest.World
	keys   []model.RowKey
	drawn  []model.Row
	resets int
	steps  int
	kinds  map[model.ChangeKind]int
}

func open(t *testing.T, w *modeltest.World, id client.ContactID) *screen {
	t.Helper()
	chats := model.NewChats(w.Deps())
	chats.OnError = func(err error) { t.Error(err) }
	s := &screen{Timeline: model.NewTimeline(w.Deps(), chats, id), t: t, w: w, kinds: map[model.ChangeKind]int{}}
	s.OnChange = s.apply
	s.OnError = func(err error) { t.Error(err) }
	t.Cleanup(func() {
		s.Close()
		chats.Close()
	})
	s.Open()
	return s
}

func (s *screen) apply(changes []model.Change) {
	s.t.Helper()
	for _, c := range changes {
		s.kinds[c.Kind]++
		switch c.Kind {
		case model.Reset:
			s.resets++
			s.keys, s.drawn = make([]model.RowKey, c.N), make([]model.Row, c.N)
		case model.Inserted:
			s.keys = slices.Insert(s.keys, c.At, make([]model.RowKey, c.N)...)
			s.drawn = slices.Insert(s.drawn, c.At, make([]model.Row, c.N)...)
		case model.Removed:
			s.keys = slices.Delete(s.keys, c.At, c.At+c.N)
			s.drawn = slices.Delete(s.drawn, c.At, c.At+c.N)
		}
		if c.Kind == model.Removed {
			continue
		}
		for i := c.At; i < c.At+c.N; i++ {
			s.drawn[i] = model.Row{Time: "anew"}
		}
	}
	if len(s.keys) != s.Len() {
		s.t.Fatalf("%d rows after the changes, there are %d: %v", len(s.keys), s.Len(), changes)
	}
	s.steps++
	seen := map[model.RowKey]bool{}
	for i := range s.keys {
		if s.drawn[i].Time == "anew" {
			s.drawn[i], s.keys[i] = s.Row(i), s.Key(i)
		}
		if key := s.Key(i); s.keys[i] != key || s.drawn[i].Key != key || seen[key] {
			s.t.Fatalf("row %d has the key of another one after %v", i, changes)
		}
		seen[s.keys[i]] = true
	}
	for i := s.steps % 17; i < len(s.keys); i += 17 { // some of them each time
		if row := s.Row(i); s.drawn[i] != row {
			s.t.Fatalf("row %d looks like %+v, is %+v after %v", i, s.drawn[i], row, changes)
		}
	}
}

// text is the rows in short: "-- day", "== unread", "?? gap", "> own" and "< theirs", with
// ( before the first of a group.
func (s *screen) text() string {
	var all []string
	for i := range s.Len() {
		r := s.Row(i)
		mark := "<"
		if r.Own {
			mark = ">"
		}
		if r.First {
			mark += "("
		}
		switch r.Kind {
		case model.RowDay:
			mark = "--"
		case model.RowUnread:
			mark = "=="
		case model.RowGap:
			mark = "??"
		}
		text := r.Text
		if len(text) > 24 && r.Kind == model.RowBubble {
			text = text[:24]
		}
		all = append(all, mark+" "+text)
	}
	return strings.Join(all, "\n")
}

func (s *screen) last() model.Row { return s.Row(s.Len() - 1) }

func (s *screen) first() model.Row {
	for i := range s.Len() {
		if r := s.Row(i); r.Kind == model.RowBubble {
			return r
		}
	}
	s.t.Fatal("no bubbles")
	return model.Row{}
}

func TestAConversationAsDrawn(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	s := open(t, w, w.ID("Lin Wei"))
	want := strings.Join([]string{
		"-- " + w.Words.Day(w.Now().Add(-48*time.Hour), w.Now()),
		"<( Shall we try the new gat", ">( Yes. I will bring my car",
		"-- " + w.Words.Day(w.Now(), w.Now()),
		"<( Hi! This is my new gatew", "< The one at home sits beh", ">( Got it. I added two as w",
		"?? 2 messages missing, asking Lin Wei",
		"<( Right: the record always", ">( End to end in 0.8 ms. Th",
		"== Unread messages",
		"<( That was the third gatew", "< 好的，我这边也", "< Scanned it. The safety c",
	}, "\n")
	got := strings.ReplaceAll(s.text(), "好的，我这边也换", "好的，我这边也")
	if got != want {
		t.Errorf("%s\n\nwant\n%s", got, want)
	}
	h := s.Header()
	if h.Name != "Lin Wei" || !h.Verified || !h.CanWrite || h.Line != "Verified · last delivery 0.8 ms" {
		t.Errorf("header: %+v", h)
	}
	if at := s.Start(); s.Row(at).Kind != model.RowUnread || !s.AtEnd() || !s.AtTop() || s.Empty() {
		t.Errorf("it begins at %d", at)
	}
	if r := s.Row(s.Len() - 1); r.State != model.TickNone || r.Time != "12:41" || !r.Last {
		t.Errorf("%+v", r)
	}
	if r := s.Row(6); r.State != model.TickRead || r.Gap != model.GapNone {
		t.Errorf("%+v", r)
	}
}

func TestSendingAndStates(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	id := w.ID("Noor")
	s := open(t, w, id)
	m := w.ReceiveLine(id, modeltest.Line{Own: true, Text: "on my way", State: client.Queued})
	for _, c := range []struct {
		do   func()
		want model.Tick
	}{
		{func() {}, model.TickWaiting},
		{func() { w.Advance(m.ID, client.InCustody) }, model.TickCustody},
		{func() { w.Advance(m.ID, client.Delivered) }, model.TickDelivered},
		{func() { w.Read(id) }, model.TickRead},
		{func() { w.Advance(m.ID, client.NotDelivered) }, model.TickUndelivered},
		{func() { w.Advance(m.ID, client.Failed) }, model.TickFailed},
	} {
		if c.do(); s.last().State != c.want || s.last().Text != "on my way" {
			t.Errorf("%+v, want %v", s.last(), c.want)
		}
	}
	if s.resets != 1 || s.kinds[model.Removed] != 0 {
		t.Errorf("a new state is more than an update: %v", s.kinds)
	}
	w.Receive(w.ID("Kaveh"), "elsewhere")
	if s.last().Text != "on my way" {
		t.Error("a message of another conversation")
	}
}

func TestSpecialRows(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{Empty: true})
	id := w.Meet("Lin\u202e Wei", nil)
	s := open(t, w, id)
	if !s.Empty() || !s.Loaded() || s.Start() != -1 {
		t.Error("an empty conversation")
	}
	erased := w.Receive(id, "secret")
	w.Receive(id, "\u202egpj.exe\u2069")
	w.ReceiveLine(id, modeltest.Line{Text: "x", Change: func(m *client.Message) { m.Unknown, m.Text, m.Kind = true, "", 900 }})
	w.Receive(id, "\u200b\u202e")
	long := w.Receive(id, strings.Repeat("\n", 7000)+"a"+strings.Repeat("\nb", 3000))
	direct := w.ReceiveLine(id, modeltest.Line{Own: true, Text: "d", Change: func(m *client.Message) { m.Direct = true }})
	var key model.RowKey
	for i := range s.Len() {
		switch r := s.Row(i); r.ID {
		case erased.ID:
			s.Erase(r.Key)
			if r := s.Row(i); !r.Erased || r.Text != "Message deleted" || r.Key != s.Key(i) || s.Copy(r.Key) != "" {
				t.Errorf("erased: %+v", r)
			}
		case long.ID:
			key = r.Key
			if strings.Count(r.Text, "\n") != 39 || r.Hidden == 0 || !strings.Contains(r.More, w.Words.Number(r.Hidden)) || s.Copy(key) != long.Text {
				t.Errorf("long: %d lines, %q", strings.Count(r.Text, "\n"), r.More)
			}
		case direct.ID:
			if !r.Direct {
				t.Error("direct")
			}
		}
	}
	if s.More(key); strings.Count(s.Row(s.Index(key)).Text, "\n") != 79 || s.kinds[model.Removed] != 0 {
		t.Error("there is not twice as much of it")
	}
	for _, want := range []string{"gpj.exe", "A newer version of ZeroMS is needed to show this", "A message without anything to see"} {
		if !slices.ContainsFunc(s.drawn, func(r model.Row) bool { return r.Text == want }) {
			t.Errorf("no row says %q", want)
		}
	}
	if s.Header().Name != "Lin Wei" {
		t.Errorf("header: %q", s.Header().Name)
	}
}

func TestGaps(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	id := w.ID("Noor")
	for i := range 4 {
		w.Put(id, modeltest.Line{Text: fmt.Sprint("m", i)})
	}
	s := open(t, w, id)
	gap := client.Gap{Contact: id, From: 3, To: 5, State: client.GapNoticed, Height: 4}
	at := func() (model.Row, string) {
		for i := range s.Len() {
			if r := s.Row(i); r.Kind == model.RowGap {
				return r, s.Row(i + 1).Text
			}
		}
		t.Fatal("no gap")
		return model.Row{}, ""
	}
	w.SetGap(gap)
	first, _ := at()
	for _, c := range []struct {
		state client.GapState
		kind  model.GapKind
		text  string
	}{
		{client.GapNoticed, model.GapMissing, "3 messages missing"},
		{client.GapAsking, model.GapAsking, "3 messages missing, asking Noor"},
		{client.GapLater, model.GapLater, "3 messages missing, Noor will send them later"},
		{client.GapGone, model.GapLost, "3 messages lost: Noor no longer has them"},
		{client.GapProven, model.GapProven, "3 messages lost by a gateway"},
		{client.GapFilled, model.GapFilled, "3 missing messages have come"},
	} {
		gap.State = c.state
		w.SetGap(gap)
		r, next := at()
		if r.Gap != c.kind || r.Text != c.text || r.Key != first.Key || next != "m2" || (r.Evidence != "") != (c.kind == model.GapProven) {
			t.Errorf("%+v before %q, want %q", r, next, c.text)
		}
		got := ""
		if s.Evidence(r.Key, func(host string, file []byte) { got = string(file) }); (got != "") != (c.kind == model.GapProven) {
			t.Errorf("evidence of %q: %q", c.text, got)
		}
	}
	w.SetGap(client.Gap{Contact: id, From: 9, To: 9, State: client.GapAsking, Height: client.Top})
	if r := s.last(); r.Text != "1 message missing, asking Noor" {
		t.Errorf("a gap at the end: %+v", r)
	}
	if s.resets != 1 {
		t.Error("a gap resets the rows")
	}
	if again := open(t, w, id); strings.Contains(again.text(), "have come") {
		t.Error("what was filled is told again")
	}
}

// TestEvidenceIsAgainstWhoLostIt: whichever gateway has most faults, and also if it is
// none of the user's any more.
func TestEvidenceIsAgainstWhoLostIt(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	id := w.ID("Noor")
	w.Put(id, modeltest.Line{Text: "after it"})
	w.SetGateway(0, func(g *client.Gateway) { g.Faults = 5 })
	all, err := w.Profile().Homes.Gateways(t.Context())
	if err != nil || len(all) < 2 {
		t.Fatal(all, err)
	}
	former := key.NodePublic{0xab, 0xcd}
	s := open(t, w, id)
	for node, name := range map[key.NodePublic]string{all[1].Node: all[1].Host, former: "abcd000000000000"} {
		w.SetGap(client.Gap{Contact: id, From: 3, To: 3, State: client.GapProven, Height: 1, Gateway: node})
		n := 0
		s.Evidence(s.Row(s.firstGap()).Key, func(host string, file []byte) {
			if n++; host != name || string(file) != "evidence against "+node.String() {
				t.Errorf("evidence for %q: %q, %q", name, host, file)
			}
		})
		if n != 1 {
			t.Errorf("%d files of evidence against %s", n, name)
		}
	}
}

// firstGap is where the first gap stands.
func (s *screen) firstGap() int {
	for i := range s.Len() {
		if s.Row(i).Kind == model.RowGap {
			return i
		}
	}
	return -1
}

func TestALateMessage(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	id := w.ID("Noor")
	for i := range 4 {
		w.Put(id, modeltest.Line{Text: fmt.Sprint("m", i)})
	}
	s := open(t, w, id)
	anchor := s.last().Key
	w.Late(id, "late one", 2)
	if got := s.text(); !strings.HasSuffix(got, "m1\n< late one\n< m2\n< m3") {
		t.Errorf("%s", got)
	}
	r := s.Row(s.Len() - 3)
	if !r.Late || r.LateText != "came late" || s.Index(anchor) != s.Len()-1 || s.resets != 1 || s.kinds[model.Removed] != 0 {
		t.Errorf("%+v, %v", r, s.kinds)
	}
}

func TestClocksThatAreWrong(t *testing.T) {
	now := modeltest.Noon()
	for _, c := range []struct {
		what string
		m    client.Message
		want time.Time
	}{
		{"as written", client.Message{Written: now.Add(-time.Hour), Received: now}, now.Add(-time.Hour)},
		{"in the future", client.Message{Written: now.Add(time.Hour), Received: now, Gateway: now.Add(-time.Minute)}, now.Add(-time.Minute)},
		{"in 1970", client.Message{Written: time.Unix(0, 0), Received: now}, now},
		{"own", client.Message{Outgoing: true, Written: now, Received: now}, now},
		{"a gateway in the future", client.Message{Written: now.Add(time.Hour), Received: now, Gateway: now.Add(time.Hour)}, now},
	} {
		if got := model.Moment(c.m); !got.Equal(c.want) {
			t.Errorf("%s: %v", c.what, got)
		}
	}
	w := modeltest.New(t, modeltest.Options{Empty: true})
	id := w.Meet("Lin", nil)
	for _, ago := range []time.Duration{50 * time.Hour, 2 * time.Hour, 49 * time.Hour, time.Hour, 26 * time.Hour} {
		w.Put(id, modeltest.Line{Text: "x", Ago: ago})
	}
	if got := strings.Count(open(t, w, id).text(), "--"); got != 2 {
		t.Errorf("days go back: %d of them", got)
	}
}

func TestReadMarks(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	id := w.ID("Lin Wei")
	s := open(t, w, id)
	s.Seen()
	s.Seen()
	if w.Calls("MarkRead") != 1 || w.Told(id) != 1 || w.Contact(id).Unread != 0 {
		t.Errorf("%d calls, %d told, %d unread", w.Calls("MarkRead"), w.Told(id), w.Contact(id).Unread)
	}
	if s.Start() < 0 {
		t.Error("the divider goes while the conversation is open")
	}
	at := s.Row(s.Start() + 1).Key
	w.Receive(id, "one more")
	if s.Row(s.Start()+1).Key != at {
		t.Error("the divider moves")
	}
	settings := w.Profile().Notes.Settings()
	settings.Quiet = true
	if err := w.Profile().Notes.SetSettings(t.Context(), settings); err != nil {
		t.Fatal(err)
	}
	if s.Seen(); w.Calls("MarkRead") != 2 || w.Told(id) != 1 {
		t.Errorf("a quiet user tells: %d", w.Told(id))
	}
	if again := open(t, w, id); again.Start() >= 0 {
		t.Error("the divider is there when nothing is unread")
	}
}

func big(t testing.TB, n int) (*modeltest.World, client.ContactID) {
	w := modeltest.New(t, modeltest.Options{Empty: true, People: 1, Messages: n})
	return w, 1
}

// Going up and down through a long conversation shows each message once and in order,
// and never holds more than a part.
func TestALongConversationUpAndDown(t *testing.T) {
	const n = 5000
	w, id := big(t, n)
	s := open(t, w, id)
	newest := s.last().ID
	var up []client.MessageID
	for range 100 {
		if s.AtTop() {
			break
		}
		up = append(up, s.first().ID)
		if s.Older(); s.Len() > 4000 {
			t.Fatalf("%d rows", s.Len())
		}
	}
	if !s.AtTop() || s.AtEnd() || s.resets != 1 {
		t.Fatalf("top %v, end %v, %d resets", s.AtTop(), s.AtEnd(), s.resets)
	}
	w.Receive(id, "far below")
	if s.last().Text == "far below" {
		t.Error("a message stands where it does not belong")
	}
	height := func(r model.Row) uint32 {
		m, _ := w.Message(r.ID)
		return m.Height
	}
	for range 100 {
		for i, before := 0, uint32(0); i < s.Len(); i++ {
			r := s.Row(i)
			if r.Kind != model.RowBubble {
				continue
			}
			if h := height(r); before != 0 && h != before+1 {
				t.Fatalf("%d follows %d", h, before)
			} else {
				before = h
			}
		}
		if s.AtEnd() {
			break
		}
		s.Newer()
	}
	if !s.AtEnd() || s.last().Text != "far below" || s.AtTop() || s.Len() > 4000 || s.resets != 1 {
		t.Fatalf("%d rows, %d resets, last %q", s.Len(), s.resets, s.last().Text)
	}
	if s.Top(); !s.AtTop() || s.Start() != 0 || height(s.first()) != 1 || s.resets != 2 {
		t.Errorf("the top begins at %d", height(s.first()))
	}
	if s.Bottom(); s.Row(s.Len()-2).ID != newest || s.Start() == 0 || s.resets != 3 {
		t.Error("the bottom")
	}
	if len(up) < n/200-3 {
		t.Errorf("%d pages", len(up))
	}
	before := s.first().ID
	if s.Newer(); s.first().ID != before {
		t.Error("Newer at the end does something")
	}
}

// The unread divider stands before the first unread message, though it is pages above.
func TestManyUnread(t *testing.T) {
	w, id := big(t, 4000)
	w.SetContact(id, func(c *client.Contact) { c.Unread = 700 })
	s := open(t, w, id)
	at, n := s.Start(), 0
	for i := max(at, 0); i < s.Len(); i++ {
		if r := s.Row(i); r.Kind == model.RowBubble && !r.Own {
			n++
		}
	}
	if at < 0 || n != 700 || s.Row(at+1).Own {
		t.Errorf("%d unread below row %d", n, at)
	}
}

func TestHeightsThatLeap(t *testing.T) {
	w, id := big(t, 0)
	for i, h := range []uint32{5, 900, 901, 901, 20_000, 200_000, 200_000} {
		w.Leap(id, h, fmt.Sprint("m", i))
	}
	for range 600 {
		w.Put(id, modeltest.Line{Text: "filler"})
	}
	s := open(t, w, id)
	s.Top()
	for range 20 {
		s.Newer()
	}
	if got := strings.Count(s.text(), "m"); !s.AtEnd() || got != 7 {
		t.Errorf("%d found", got)
	}
}

// What happens while pages are read is neither lost nor shown twice.
func TestEventsWhileReading(t *testing.T) {
	w, id := big(t, 3000)
	chats := model.NewChats(w.Deps())
	w.Async.Hold = true
	s := &screen{Timeline: model.NewTimeline(w.Deps(), chats, id), t: t, w: w, kinds: map[model.ChangeKind]int{}}
	s.OnChange, s.OnError = s.apply, func(err error) { t.Error(err) }
	s.Open()
	m := w.ReceiveLine(id, modeltest.Line{Own: true, Text: "before", State: client.Queued})
	then := w.Async.Answer()
	w.Advance(m.ID, client.InCustody)
	w.Receive(id, "after")
	then()
	w.Async.Release()
	if r := s.Row(s.Len() - 2); s.last().Text != "after" || r.Text != "before" || r.State != model.TickCustody {
		t.Fatalf("%s", s.text()[len(s.text())-60:])
	}
	w.Async.Hold = true
	s.Older()
	s.Older()
	if w.Async.Waiting() != 1 {
		t.Errorf("%d reads at once", w.Async.Waiting())
	}
	w.Receive(id, "third")
	w.Async.Release()
	if s.last().Text != "third" {
		t.Error("what came meanwhile is lost")
	}
	w.Async.Hold = true
	s.Older()
	s.Close()
	rows := s.Len()
	if w.Async.Release(); s.Len() != rows {
		t.Error("a closed timeline changes")
	}
}

func TestLostEventsAndErrors(t *testing.T) {
	w, id := big(t, 2000)
	s := open(t, w, id)
	s.Older()
	key := s.last().Key
	w.Put(id, modeltest.Line{Text: "untold"})
	if w.Lag(); s.last().Text != "untold" || s.Index(key) != s.Len()-2 || s.resets != 1 {
		t.Errorf("%q, %d resets", s.last().Text, s.resets)
	}
	var failed error
	s.OnError = func(err error) { failed = err }
	w.Fail("History", errors.New("disk"))
	rows := s.Len()
	if s.Older(); failed == nil || s.Len() != rows {
		t.Error("an error is not told")
	}
	w.Fail("History", nil)
	if s.Older(); s.Len() <= rows {
		t.Error("it can't be tried again")
	}
	w.Fail("MarkRead", errors.New("disk"))
	w.Receive(id, "x")
	failed = nil
	if s.Seen(); failed == nil {
		t.Error("an error of a read mark is not told")
	}
	w.Fail("MarkRead", nil)
	if s.Seen(); w.Contact(id).Unread != 0 {
		t.Error("a read mark is not tried again")
	}
}

// Whatever happens, what a screen was told is what there is: apply checks each step.
func TestRandomEvents(t *testing.T) {
	w, id := big(t, 700)
	s := open(t, w, id)
	r := rand.New(rand.NewPCG(1, 2))
	var own []client.MessageID
	for i := range 400 {
		switch r.IntN(10) {
		case 0:
			w.Late(id, fmt.Sprint("late ", i), 1+r.IntN(6))
		case 1, 2:
			own = append(own, w.ReceiveLine(id, modeltest.Line{Own: true, Text: fmt.Sprint("own ", i), State: client.Queued}).ID)
		case 3:
			if len(own) > 0 {
				w.Advance(own[r.IntN(len(own))], client.MessageState(1+r.IntN(6)))
			}
		case 4:
			from := uint32(1 + r.IntN(50))
			g := client.Gap{Contact: id, From: from, To: from + uint32(r.IntN(4)), Height: uint32(600 + r.IntN(300))}
			g.State = client.GapAsking
			if r.IntN(3) == 0 {
				g.State = client.GapFilled
			}
			w.SetGap(g)
		case 5:
			s.Older()
		case 6:
			s.Seen()
			w.Read(id)
		case 7:
			w.Lag()
		default:
			w.Pass(time.Duration(r.IntN(9)) * time.Hour)
			w.Receive(id, fmt.Sprint("in ", i))
		}
	}
	if s.resets != 1 || !s.AtTop() {
		t.Errorf("%d resets", s.resets)
	}
}

// On the app's Async work runs beside the screen, which takes part only in what is posted.
func TestOnTheRunnerOfTheApp(t *testing.T) {
	w, id := big(t, 2500)
	posted := make(chan func())
	runner := model.NewRunner(func(f func()) { posted <- f })
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- runner.Run(ctx) }()
	d := w.Deps()
	d.Async = runner
	chats := model.NewChats(d)
	(<-posted)()
	s := model.NewTimeline(d, chats, id)
	s.Open()
	(<-posted)()
	for !s.AtTop() {
		s.Older()
		s.Older()
		(<-posted)()
	}
	if chats.Len() != 1 || s.Len() < 2500 {
		t.Errorf("%d conversations, %d rows", chats.Len(), s.Len())
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func BenchmarkOpenAConversationOf100k(b *testing.B) {
	w, id := big(b, 100_000)
	chats := model.NewChats(w.Deps())
	b.ResetTimer()
	for range b.N {
		s := model.NewTimeline(w.Deps(), chats, id)
		s.Open()
		for i := range 20 {
			s.Row(s.Len() - 1 - i)
		}
		s.Close()
	}
}

func BenchmarkMessageIntoAFullTimeline(b *testing.B) {
	w, id := big(b, 100_000)
	s := model.NewTimeline(w.Deps(), model.NewChats(w.Deps()), id)
	s.Open()
	for range 14 {
		s.Older()
	}
	m := w.Put(id, modeltest.Line{Own: true, Text: "hello", State: client.Queued})
	b.ResetTimer()
	for i := range b.N {
		m.State = client.MessageState(1 + i%2)
		w.Tell(client.MessageChanged{Message: m})
	}
}
