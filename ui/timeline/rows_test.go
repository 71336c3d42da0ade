package timeline

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"

	"zeroms/ui/model"
	"zeroms/ui/theme"
)

// themed begins a test in the app's own look.
func themed(t testing.TB) {
	t.Helper()
	app := test.NewTempApp(t)
	app.Settings().SetTheme(theme.New(model.Look{Scheme: model.SchemeLight}))
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
