package timeline

import (
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"

	"zeroms/client"
	"zeroms/ui/model"
	"zeroms/ui/model/modeltest"
	selection "zeroms/ui/model/talk"
)

// talking is a list over a conversation of n messages.
func talking(b testing.TB, n int) (*List[model.RowKey], *model.Timeline, *Picker) {
	b.Helper()
	themed(b)
	w := modeltest.New(b, modeltest.Options{People: 2, Messages: n})
	chats := model.NewChats(w.Deps())
	var id client.ContactID
	for i := range chats.Len() {
		if strings.HasPrefix(chats.Row(i).Name, "Ada Adeyemi") {
			id = chats.Row(i).ID
		}
	}
	talk := model.NewTimeline(w.Deps(), chats, id)
	rows := NewRows(talk, Acts{})
	l := NewList(rows)
	l.Bottom = true
	l.OnNear = func(above bool) {
		if above {
			talk.Older()
		}
	}
	pick := NewPicker(l, rows, selection.NewSelection(w.Deps(), talk), Clock{Now: w.Now, Every: func(time.Duration, func()) func() { return func() {} }})
	talk.OnChange = func([]model.Change) {
		rows.Changed()
		pick.Changed()
		l.Reload()
	}
	talk.Open()
	win := test.NewTempWindow(b, l)
	win.SetPadded(false)
	win.Resize(fyne.NewSize(860, 740))
	return l, talk, pick
}

// BenchmarkTalkScroll scrolls up through a conversation, reading more as it goes.
func BenchmarkTalkScroll(b *testing.B) {
	l, _, _ := talking(b, 100_000)
	var took []time.Duration
	for b.Loop() {
		begun := time.Now()
		l.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.Delta{DY: 40}})
		took = append(took, time.Since(begun))
	}
	percentiles(b, took)
}

// BenchmarkTalkJump goes to and fro between the ends of a conversation.
func BenchmarkTalkJump(b *testing.B) {
	l, talk, _ := talking(b, 100_000)
	var took []time.Duration
	for b.Loop() {
		begun := time.Now()
		talk.Top()
		l.Jump(0, 0)
		took = append(took, time.Since(begun))
		begun = time.Now()
		talk.Bottom()
		l.ToEnd()
		took = append(took, time.Since(begun))
	}
	percentiles(b, took)
}

// press is a button that goes down at a place of the window.
func press(at fyne.Position) *desktop.MouseEvent {
	return &desktop.MouseEvent{PointEvent: fyne.PointEvent{AbsolutePosition: at}, Button: desktop.MouseButtonPrimary}
}

// TestPickerDrawsWhatIsSeen asserts that a selection of thousands of messages costs what
// is seen of it, and that each row shows its own part.
func TestPickerDrawsWhatIsSeen(t *testing.T) {
	l, talk, pick := talking(t, 5000)
	for range 6 {
		talk.Older()
	}
	pick.of.Begin(selection.Span{Key: talk.Key(talk.Len() - 1), To: selection.Whole})
	for i := range talk.Len() {
		if row := talk.Row(i); selection.Selectable(row) {
			pick.of.Extend(selection.Span{Key: row.Key})
			break
		}
	}
	pick.draw()
	for range 50 {
		for _, s := range l.shown {
			b, ok := s.object.(*bubble)
			if !ok {
				continue
			}
			if b.body.begin != 0 || b.body.end != len(b.body.m.text) || b.body.marked < len(b.body.m.lines) && b.body.marked == 0 {
				t.Fatalf("of row %d %d to %d of %d is drawn as selected, with %d marks", s.row, b.body.begin, b.body.end, len(b.body.m.text), b.body.marked)
			}
		}
		l.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.Delta{DY: 333}})
	}
	pick.Clear()
	for _, s := range l.shown {
		if b, ok := s.object.(*bubble); ok && b.body.marked > 0 {
			t.Fatalf("row %d is still drawn as selected", s.row)
		}
	}
}

// BenchmarkTalkScrollSelected scrolls with everything selected.
func BenchmarkTalkScrollSelected(b *testing.B) {
	l, talk, pick := talking(b, 100_000)
	pick.of.Begin(selection.Span{Key: talk.Key(talk.Len() - 1), To: selection.Whole})
	for i := range talk.Len() {
		if row := talk.Row(i); selection.Selectable(row) {
			pick.of.Extend(selection.Span{Key: row.Key})
			break
		}
	}
	var took []time.Duration
	up := float32(40)
	for b.Loop() {
		begun := time.Now()
		l.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.Delta{DY: up}})
		if took = append(took, time.Since(begun)); len(took)%150 == 0 {
			up = -up
		}
	}
	percentiles(b, took)
}

// BenchmarkPull drags over the messages that are seen.
func BenchmarkPull(b *testing.B) {
	_, _, pick := talking(b, 100_000)
	pick.press(press(fyne.NewPos(60, 700)))
	var took []time.Duration
	for b.Loop() {
		begun := time.Now()
		pick.pull(fyne.NewPos(float32(30+len(took)*7%700), float32(20+len(took)*13%700)))
		took = append(took, time.Since(begun))
	}
	percentiles(b, took)
}
