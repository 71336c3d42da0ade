package talk

import (
	"context"
	"fmt"
	"io"
	"math"
	"strings"

	"zeroms/client"
	"zeroms/ui/model"
)

// Conversation is what a Selection is of: *model.Timeline.
type Conversation interface {
	Row(i int) model.Row
	Index(k model.RowKey) int
	Message(k model.RowKey) (client.Message, bool)
}

// Whole is the end of a Span that goes to the end of its message, what is not shown of
// it included.
const Whole = math.MaxInt

// Span is a part of a message's text as its row has it: the bytes From to To.
type Span struct {
	Key      model.RowKey
	From, To int
}

// Selection is what is selected of a conversation: a part of one message, or several
// messages in a row, of which the first and the last may be in part. It stays with its
// messages, wherever their rows come to stand, and ends when one that it begins or ends
// in goes or is erased. What is selected stands in no error and no log.
type Selection struct {
	d          model.Deps
	of         Conversation
	base, head end
	set        bool
	first      place
	last       place
	me         string // the user's own name
	asked      bool   // for that
}

// end is where somebody began to select, or has come to.
type end struct {
	Span
	row int
	was string // what the row said up to To
}

// place is a place in a row's text.
type place struct{ row, at int }

func (p place) before(q place) bool { return p.row < q.row || p.row == q.row && p.at < q.at }

// NewSelection makes a Selection of nothing.
func NewSelection(d model.Deps, of Conversation) *Selection { return &Selection{d: d, of: of} }

// Format is fmt.Formatter's: of what is selected nothing is written anywhere by mistake.
func (s *Selection) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "selection") }

// Begin selects a part of a message and nothing else. An empty one is where Extend goes
// on from.
func (s *Selection) Begin(at Span) {
	s.base, s.head, s.set = end{Span: at}, end{Span: at}, true
	s.note(&s.base)
	s.note(&s.head)
	s.settle()
	s.ask()
}

// Extend selects everything from where it began to a part of a message, both included.
func (s *Selection) Extend(to Span) {
	if !s.set {
		s.Begin(to)
		return
	}
	s.head = end{Span: to}
	s.note(&s.head)
	s.settle()
}

// note keeps what the row of an end says, to see later whether it still does.
func (s *Selection) note(e *end) {
	if row := s.of.Index(e.Key); row >= 0 {
		text := s.of.Row(row).Text
		e.was = text[:min(e.To, len(text))]
	}
}

// ask asks for the user's own name, which is said where several messages are copied.
func (s *Selection) ask() {
	if s.asked {
		return
	}
	s.asked = true
	s.d.Async.Do(func(ctx context.Context) func() {
		status, err := s.d.Profile.Self.Status(ctx)
		if err != nil {
			return func() { s.asked = false }
		}
		return func() { s.me = model.Name(status.Name) }
	})
}

// Clear selects nothing, and tells whether something was.
func (s *Selection) Clear() (was bool) {
	was = !s.Empty()
	s.set = false
	s.base, s.head = end{}, end{}
	return was
}

// Empty tells that nothing is selected.
func (s *Selection) Empty() bool { return !s.set || s.first == s.last }

// Head is the message in which it was last selected; ok is false if there is none.
func (s *Selection) Head() (k model.RowKey, ok bool) { return s.head.Key, s.set }

// Settle finds its messages again after rows have changed.
func (s *Selection) Settle() {
	if s.set && !s.settle() {
		s.Clear()
	}
}

// settle brings both ends in order, and tells whether they are still there.
func (s *Selection) settle() bool {
	for _, e := range []*end{&s.base, &s.head} {
		if e.row = s.of.Index(e.Key); e.row < 0 {
			return false
		}
		if row := s.of.Row(e.row); !Selectable(row) || !strings.HasPrefix(row.Text, e.was) {
			return false
		}
	}
	s.first, s.last = place{s.base.row, s.base.From}, place{s.base.row, s.base.To}
	if p := (place{s.head.row, s.head.From}); p.before(s.first) {
		s.first = p
	}
	if p := (place{s.head.row, s.head.To}); s.last.before(p) {
		s.last = p
	}
	return true
}

// Selectable tells that a row is a message with a text of its own.
func Selectable(row model.Row) bool {
	return row.Kind == model.RowBubble && !row.Erased && !row.Unknown
}

// Part is what is selected of the i-th row's text, from and to; to is Whole if that is
// all from there on.
func (s *Selection) Part(i int) (from, to int) {
	if s.Empty() || i < s.first.row || i > s.last.row {
		return 0, 0
	}
	if to = Whole; i == s.first.row {
		from = s.first.at
	}
	if i == s.last.row {
		to = s.last.at
	}
	return from, to
}

// Holds tells that something of a message is selected.
func (s *Selection) Holds(k model.RowKey) bool {
	from, to := s.Part(s.of.Index(k))
	return from < to
}

// Text is what is selected. A whole message is as it was written, a part of one as it is
// shown; several are shown one after another, each under who wrote it and when. other is
// the name of the contact.
func (s *Selection) Text(other string) string {
	if s.Empty() {
		return ""
	}
	if s.first.row == s.last.row {
		return s.one()
	}
	type block struct{ head, text string }
	var blocks []block
	for i := s.first.row; i <= s.last.row; i++ {
		row := s.of.Row(i)
		m, ok := s.of.Message(row.Key)
		if !ok || !Selectable(row) {
			continue
		}
		from, to := s.Part(i)
		text := model.Text(m.Text, everything).Text
		if text = text[min(from, len(text)):min(to, len(text))]; text != "" {
			blocks = append(blocks, block{s.headOf(m, other), text})
		}
	}
	if len(blocks) == 1 {
		return blocks[0].text
	}
	var all strings.Builder
	for i, b := range blocks {
		if i > 0 {
			all.WriteString("\n\n")
		}
		all.WriteString(b.head + "\n" + b.text)
	}
	return all.String()
}

// everything is how often more of a text is asked for to have all of it.
const everything = 16

// one is what is selected of a single message.
func (s *Selection) one() string {
	row := s.of.Row(s.first.row)
	m, ok := s.of.Message(row.Key)
	if !ok || !Selectable(row) {
		return ""
	}
	from, to := s.first.at, s.last.at
	if from == 0 && (to == Whole || to >= len(row.Text) && row.Hidden == 0) {
		return m.Text
	}
	text := model.Text(m.Text, everything).Text
	return text[min(from, len(text)):min(to, len(text))]
}

// headOf is who wrote a message and when.
func (s *Selection) headOf(m client.Message, other string) string {
	name := other
	if m.Outgoing {
		if name = s.me; name == "" {
			name = s.d.Words.Say("talk.me")
		}
	}
	return s.d.Words.Say("talk.quote", "Name", name, "Moment", s.d.Words.Moment(model.Moment(m)))
}
