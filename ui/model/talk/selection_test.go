package talk_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"zeroms/client"
	"zeroms/ui/model"
	"zeroms/ui/model/modeltest"
	"zeroms/ui/model/talk"
)

// conversation is a Timeline with somebody, and a Selection of it that follows.
func conversation(t *testing.T, o modeltest.Options, name string) (*modeltest.World, *model.Timeline, *talk.Selection) {
	t.Helper()
	w := modeltest.New(t, o)
	chats := model.NewChats(w.Deps())
	t.Cleanup(chats.Close)
	line := model.NewTimeline(w.Deps(), chats, w.ID(name))
	s := talk.NewSelection(w.Deps(), line)
	line.OnChange = func([]model.Change) { s.Settle() }
	line.Open()
	t.Cleanup(line.Close)
	return w, line, s
}

// keyOf is the row of a message.
func keyOf(t *testing.T, l *model.Timeline, id client.MessageID) model.RowKey {
	t.Helper()
	for i := range l.Len() {
		if row := l.Row(i); row.ID == id && row.Kind == model.RowBubble {
			return row.Key
		}
	}
	t.Fatal("the message has no row")
	return model.RowKey{}
}

// part is the part of a row that says some words.
func part(t *testing.T, l *model.Timeline, k model.RowKey, words string) talk.Span {
	t.Helper()
	text := l.Row(l.Index(k)).Text
	at := strings.Index(text, words)
	if at < 0 {
		t.Fatalf("%q is not in %q", words, text)
	}
	return talk.Span{Key: k, From: at, To: at + len(words)}
}

func TestSelectionOfOneMessage(t *testing.T) {
	w, line, s := conversation(t, modeltest.Options{}, "Noor")
	id := w.ID("Noor")
	k := keyOf(t, line, w.Receive(id, "  one\ttwo three\u202e  ").ID)
	if !s.Empty() || s.Text("Noor") != "" || s.Clear() {
		t.Fatal("it begins with something")
	}
	s.Begin(part(t, line, k, "two"))
	if got := s.Text("Noor"); got != "two" || !s.Holds(k) {
		t.Errorf("selected %q", got)
	}
	s.Extend(part(t, line, k, "three"))
	if got := s.Text("Noor"); got != "two three" {
		t.Errorf("extended: %q", got)
	}
	s.Extend(part(t, line, k, "one"))
	if got := s.Text("Noor"); got != "one    two" {
		t.Errorf("to the other side: %q", got)
	}
	s.Begin(talk.Span{Key: k, To: talk.Whole}) // as it came
	if got := s.Text("Noor"); got != "  one\ttwo three\u202e  " {
		t.Errorf("all of it: %q", got)
	}
	s.Begin(talk.Span{Key: k})
	s.Extend(talk.Span{Key: k, From: len("one    two three"), To: len("one    two three")})
	if got := s.Text("Noor"); got != "  one\ttwo three\u202e  " {
		t.Errorf("from its first to its last letter: %q", got)
	}
	if !s.Clear() || !s.Empty() || s.Clear() {
		t.Error("it is not cleared")
	}
}

func TestSelectionOfSeveralMessages(t *testing.T) {
	w, line, s := conversation(t, modeltest.Options{}, "Noor")
	id := w.ID("Noor")
	first := keyOf(t, line, w.Receive(id, "first words").ID)
	long := strings.Repeat("a line\n", 400) + "the end"
	w.Receive(id, long)
	w.Pass(26 * time.Hour)
	w.ReceiveLine(id, modeltest.Line{Text: "this goes"})
	gone := line.Row(line.Len() - 1)
	own := keyOf(t, line, w.ReceiveLine(id, modeltest.Line{Own: true, Text: "the last one", State: client.Delivered}).ID)
	s.Begin(part(t, line, first, "words"))
	s.Extend(part(t, line, own, "the last"))
	line.Erase(gone.Key)
	got := strings.Split(s.Text("Noor"), "\n\n")
	if len(got) != 3 || !strings.HasPrefix(got[0], "Noor, [") || !strings.HasSuffix(got[0], "]\nwords") || !strings.HasSuffix(got[1], "]\n"+long) || !strings.HasPrefix(got[2], "Mira, [") ||
		!strings.HasSuffix(got[2], "]\nthe last") {
		t.Errorf("copied %.300q", got)
	}
	if from, to := s.Part(line.Index(first)); from != len("first ") || to != talk.Whole {
		t.Errorf("of the first %d to %d", from, to)
	}
	for _, row := range []int{line.Index(first) - 1, line.Index(own) + 1} {
		if from, to := s.Part(row); from != to {
			t.Errorf("of row %d %d to %d", row, from, to)
		}
	}
	// Where nothing of the others is selected there is nobody to name.
	end := part(t, line, own, "the last one").To
	s.Begin(talk.Span{Key: own, From: end - len("one"), To: end})
	s.Extend(talk.Span{Key: own, From: end, To: end})
	if got := s.Text("Noor"); got != "one" {
		t.Errorf("copied %q", got)
	}
}

func TestSelectionFollowsItsMessages(t *testing.T) {
	w, line, s := conversation(t, modeltest.Options{People: 1, Messages: 900}, "Ada Adeyemi 0")
	id := w.ID("Ada Adeyemi 0")
	m := w.Receive(id, "some words here")
	k := keyOf(t, line, m.ID)
	s.Begin(part(t, line, k, "words"))
	before := line.Index(k)
	for range 2 {
		line.Older()
	}
	w.Receive(id, "and more")
	if at := line.Index(k); at == before || s.Text("Ada") != "words" {
		t.Fatalf("at row %d, before %d: %q", at, before, s.Text("Ada"))
	}
	if from, to := s.Part(line.Index(k)); from != 5 || to != 10 {
		t.Errorf("%d to %d", from, to)
	}
	w.Change(m.ID, func(m *client.Message) { m.Text, m.Erased = "", true })
	if !s.Empty() || s.Text("Ada") != "" {
		t.Errorf("erased, and %q is selected", s.Text("Ada"))
	}
}

func TestSelectionOfALongText(t *testing.T) {
	w, line, s := conversation(t, modeltest.Options{}, "Noor")
	k := keyOf(t, line, w.Receive(w.ID("Noor"), strings.Repeat("line after line\n", 200)+"the end").ID)
	row := line.Row(line.Index(k))
	s.Begin(talk.Span{Key: k})
	s.Extend(talk.Span{Key: k, From: len(row.Text), To: len(row.Text)})
	if got := s.Text("Noor"); got != row.Text {
		t.Errorf("of what is shown %d bytes are copied, not %d", len(got), len(row.Text))
	}
	line.More(k)
	if got := s.Text("Noor"); got != row.Text {
		t.Errorf("when more is shown %d bytes are selected, not %d", len(got), len(row.Text))
	}
}

// TestSelectionIsNotLogged asserts that what is selected shows in no log that somebody
// gives the selection to.
func TestSelectionIsNotLogged(t *testing.T) {
	w, line, s := conversation(t, modeltest.Options{}, "Noor")
	k := keyOf(t, line, w.Receive(w.ID("Noor"), "a secret").ID)
	s.Begin(talk.Span{Key: k, To: talk.Whole})
	var out strings.Builder
	log := slog.New(slog.NewTextHandler(&out, nil))
	log.Info("selected", "what", s)
	fmt.Fprintf(&out, "%v %+v %#v %s", s, s, s, s)
	if strings.Contains(out.String(), "secret") {
		t.Errorf("logged: %s", out.String())
	}
}
