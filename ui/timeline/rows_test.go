package timeline

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"

	"zeroms/client"
	"zeroms/ui/model"
	"zeroms/ui/model/modeltest"
	"zeroms/ui/theme"
)

// themed begins a test in the app's own look.
func themed(t testing.TB) {
	t.Helper()
	app := test.NewTempApp(t)
	app.Settings().SetTheme(theme.New(model.Look{Scheme: model.SchemeLight}))
}

func TestWrapKeepsTheText(t *testing.T) {
	themed(t)
	m := NewMeasurer(14, fyne.TextStyle{})
	for _, text := range []string{
		"", " ", "\n", "\n\n", "a", "one two three four five six seven eight nine ten", "Supercalifragilisticexpialidocious and more",
		"收到。我也加了两个，谁都看不出我在哪一个后面。", "mixed 中文 and English，逗号", strings.Repeat("x", 900), strings.Repeat("好", 300),
		"👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦 family 🇨🇳🇧🇷", "مرحبا بالعالم هذا نص طويل جدا جدا", "trailing   ", "a  b\n c ", strings.Repeat("e\u0301\u0302", 200), "tab\tbed",
	} {
		for _, width := range []float32{10, 60, 200, 1000} {
			lines := m.Wrap(text, width)
			at := 0
			for i, l := range lines {
				between := text[at:l.From]
				if l.From < at || l.To < l.From || strings.Trim(between, "\n") != "" {
					t.Fatalf("%q at %v: line %d is %d to %d after %d", text, width, i, l.From, l.To, at)
				}
				if strings.Contains(text[l.From:l.To], "\n") {
					t.Fatalf("%q at %v: line %d has a break in it", text, width, i)
				}
				if l.Width > width+0.5 && Cluster(text[l.From:]) < len(strings.TrimRight(text[l.From:l.To], " ")) {
					t.Errorf("%q at %v: line %d, %q, is %v wide", text, width, i, text[l.From:l.To], l.Width)
				}
				at = l.To
			}
			if at != len(text) || len(lines) < 1+strings.Count(text, "\n") {
				t.Fatalf("%q at %v: %d lines end at %d of %d", text, width, len(lines), at, len(text))
			}
		}
	}
}

func TestWrapBreaksWhereOneMay(t *testing.T) {
	themed(t)
	m := NewMeasurer(14, fyne.TextStyle{})
	lines := func(text string, width float32) (all []string) {
		for _, l := range m.Wrap(text, width) {
			all = append(all, text[l.From:l.To])
		}
		return all
	}
	for _, line := range lines("The quick brown fox jumps over the lazy dog", 100)[1:] {
		if strings.HasPrefix(line, " ") || strings.Contains("The quick brown fox jumps over the lazy dog", line) == false {
			t.Errorf("a line is %q", line)
		}
	}
	text := strings.Repeat("好，的。（是）", 12)
	for i, line := range lines(text, 75) {
		first, _ := utf8.DecodeRuneInString(line)
		last, _ := utf8.DecodeLastRuneInString(line)
		if i > 0 && strings.ContainsRune("，。）", first) || last == '（' {
			t.Errorf("line %d is %q", i, line)
		}
	}
	wide := m.Width("The quick brown fox")
	if got := lines("The quick brown fox", wide+1); len(got) != 1 {
		t.Errorf("what fits is broken: %q", got)
	}
}

func TestCluster(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "ab": 1, "é": 2, "e\u0301x": 3, "👍🏽x": 8, "👩‍👩‍👧x": 18, "🇨🇳🇧🇷": 8, "❤️x": 6, "\xff": 1, "好的": 3,
	} {
		if got := Cluster(text); got != want {
			t.Errorf("%q begins with %d bytes, not %d", text, got, want)
		}
	}
	if n := Cluster("a" + strings.Repeat("\u0301", 5000)); n > 64 {
		t.Errorf("a character of %d bytes", n)
	}
}

// lines is a Conversation of given rows.
type lines []model.Row

func (l lines) Len() int               { return len(l) }
func (l lines) Row(i int) model.Row    { return l[i] }
func (l lines) Key(i int) model.RowKey { return l[i].Key }

// texts are all that an object draws.
func texts(o fyne.CanvasObject) (all []*canvas.Text) {
	switch o := o.(type) {
	case *canvas.Text:
		return []*canvas.Text{o}
	case fyne.Widget:
		for _, c := range test.WidgetRenderer(o).Objects() {
			all = append(all, texts(c)...)
		}
	}
	return all
}

func drawn(r *Rows, width float32) *bubble {
	b := r.New(int(model.RowBubble)).(*bubble)
	b.Resize(fyne.NewSize(width, r.Height(0, width)))
	r.Show(0, b)
	b.Window(0, b.Size().Height)
	return b
}

func TestBubbles(t *testing.T) {
	themed(t)
	long := strings.Repeat("many words make a long line ", 20)
	for name, row := range map[string]model.Row{
		"short": {Text: "Hi", Time: "12:36", First: true}, "own": {Text: long, Own: true, Time: "12:37", State: model.TickRead},
		"late": {Text: "Late", Late: true, LateText: "came later", Time: "12:38"}, "emoji": {Text: "places 🙂 and 👍🏽", Time: "12:39"},
		"more": {Text: long, Hidden: 7, More: "Show all", Time: "12:40"}, "arabic": {Text: "مرحبا بالعالم", Time: "12:41"},
		"card": {Text: "zeroms:ABCDEFGHIJKL", Time: "12:42"},
	} {
		row.Kind = model.RowBubble
		for _, width := range []float32{320, 420, 860, 2000} {
			r := NewRows(lines{row}, Acts{AddText: "Add", Card: func(string) {}})
			b := drawn(r, width)
			box, at := b.body.Size(), b.body.Position()
			if box.Width > bubbleWidth || at.X < 0 || at.X+box.Width > width {
				t.Errorf("%s at %v: the bubble is %v wide at %v", name, width, box.Width, at.X)
			}
			if right := at.X > width/2-box.Width/2; right != row.Own && box.Width < width/2 {
				t.Errorf("%s at %v: it stands at %v", name, width, at.X)
			}
			said := ""
			for _, text := range texts(b) {
				said += text.Text + " "
				p, size := text.Position(), text.Size()
				if p.X < 0 || p.X+size.Width > box.Width+1 || p.Y < 0 || p.Y+size.Height > box.Height+1 {
					t.Errorf("%s at %v: %q is drawn outside: %v %v of %v", name, width, text.Text, p, size, box)
				}
			}
			for _, word := range append(strings.Fields(row.Text), row.Time, row.LateText, row.More) {
				if !strings.Contains(said, word) && len(word) < 12 {
					t.Errorf("%s at %v: %q is not drawn in %q", name, width, word, said)
				}
			}
		}
	}
}

func TestBubbleActions(t *testing.T) {
	themed(t)
	var more, ground int
	var card string
	row := model.Row{Kind: model.RowBubble, Text: "Mine: zeroms:ABCDEFGHIJKL, here", Hidden: 4, More: "Show all", Time: "1:00"}
	r := NewRows(lines{row}, Acts{AddText: "Add", Card: func(s string) { card = s }, More: func(model.RowKey) { more++ }, Ground: func() { ground++ }})
	b := drawn(r, 500)
	for _, text := range b.body.actions {
		test.TapAt(b.body, text.Position().AddXY(3, 3))
	}
	test.TapAt(b.body, fyne.NewPos(20, 12))
	if more != 1 || ground != 1 || card != "zeroms:ABCDEFGHIJKL" {
		t.Errorf("more %d, ground %d, card %q", more, ground, card)
	}
}

func TestTallBubbleDrawsWhatIsSeen(t *testing.T) {
	themed(t)
	row := model.Row{Kind: model.RowBubble, Text: strings.Repeat("line\n", 13_000), Time: "1:00"}
	r := NewRows(lines{row}, Acts{})
	b := drawn(r, 500)
	for _, from := range []float32{0, 5_000, 100_000, b.Size().Height - 600} {
		b.Window(from, from+600)
		if n := len(texts(b)); n < 30 || n > 80 {
			t.Errorf("%d lines are drawn at %v", n, from)
		}
		if h := b.body.ground.Raster.Size().Height; h > 1500 {
			t.Errorf("the ground is %v high at %v", h, from)
		}
	}
}

// talking is a list over a conversation of n messages.
func talking(b *testing.B, n int) (*List[model.RowKey], *model.Timeline) {
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
	talk.OnChange = func([]model.Change) {
		rows.Changed()
		l.Reload()
	}
	talk.Open()
	win := test.NewTempWindow(b, l)
	win.SetPadded(false)
	win.Resize(fyne.NewSize(860, 740))
	return l, talk
}

// BenchmarkTalkScroll scrolls up through a conversation, reading more as it goes.
func BenchmarkTalkScroll(b *testing.B) {
	l, _ := talking(b, 100_000)
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
	l, talk := talking(b, 100_000)
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

// BenchmarkWrap breaks texts that were not seen before.
func BenchmarkWrap(b *testing.B) {
	themed(b)
	m := NewMeasurer(14, fyne.TextStyle{})
	for b.Loop() {
		m.Wrap(strings.Repeat("the quick brown fox jumps over the lazy dog ", 320), 494)
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N), "ms")
}
