package timeline

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"
)

// shelf is a Source of rows whose heights the test says.
type shelf struct {
	keys []int
	tall map[int]float32
}

func stocked(n int) *shelf {
	s := &shelf{tall: map[int]float32{}}
	for i := range n {
		s.keys = append(s.keys, i)
	}
	return s
}

func (s *shelf) Len() int      { return len(s.keys) }
func (s *shelf) Key(i int) int { return s.keys[i] }
func (s *shelf) Kind(int) int  { return 0 }
func (s *shelf) Height(i int, width float32) float32 {
	if h, ok := s.tall[s.keys[i]]; ok {
		return h
	}
	return float32(30 + s.keys[i]*37%90)
}

func (s *shelf) New(int) fyne.CanvasObject { return newBook() }
func (s *shelf) Show(i int, o fyne.CanvasObject) {
	o.(*book).text.Text = fmt.Sprint(s.keys[i])
	o.(*book).text.Refresh()
}

type book struct {
	widget.BaseWidget
	text *canvas.Text
	back *canvas.Rectangle
}

func newBook() *book {
	b := &book{text: canvas.NewText("", nil), back: canvas.NewRectangle(nil)}
	b.ExtendBaseWidget(b)
	return b
}

func (b *book) CreateRenderer() fyne.WidgetRenderer {
	return &plainRenderer{objects: []fyne.CanvasObject{b.back, b.text}, layout: b.back.Resize}
}

// seen maps the keys on the screen to where they are drawn.
func seen(l *List[int]) map[int]float32 {
	at := map[int]float32{}
	for _, s := range l.shown {
		at[s.key] = s.object.Position().Y
	}
	return at
}

func opened(t testing.TB, s *shelf, bottom bool) *List[int] {
	t.Helper()
	test.NewTempApp(t)
	l := NewList(s)
	l.Bottom = bottom
	w := test.NewTempWindow(t, l)
	w.SetPadded(false)
	w.Resize(fyne.NewSize(600, 700))
	return l
}

// whole asserts that the rows on the screen touch one another and fill it.
func whole(t *testing.T, l *List[int]) {
	t.Helper()
	if len(l.shown) == 0 {
		t.Fatal("nothing is shown")
	}
	y := l.shown[0].object.Position().Y
	for i, s := range l.shown {
		if s.object.Position().Y != y || s.row != l.shown[0].row+i || s.key != l.keys[s.row] {
			t.Fatalf("row %d stands at %v, not %v", s.row, s.object.Position().Y, y)
		}
		y += s.height
	}
	first, last := l.shown[0], l.shown[len(l.shown)-1]
	if first.object.Position().Y > 0 && first.row > 0 || y < l.Size().Height-1 && last.row < len(l.keys)-1 {
		t.Fatalf("rows %d to %d leave room: %v to %v of %v", first.row, last.row, first.object.Position().Y, y, l.Size().Height)
	}
}

func TestListBeginsAndStaysAtItsEnd(t *testing.T) {
	s := stocked(1000)
	l := opened(t, s, true)
	whole(t, l)
	if _, last, _ := l.Seen(); last != 999 || !l.AtEnd() {
		t.Fatalf("it begins at %d", last)
	}
	s.keys = append(s.keys, 1000, 1001)
	l.Reload()
	whole(t, l)
	if _, last, _ := l.Seen(); last != 1001 || !l.AtEnd() {
		t.Fatalf("new rows: the last one seen is %d", last)
	}
	s.tall[1001] = 400
	l.Reload()
	if at, ok := seen(l)[1001]; !ok || at+400 != 700 {
		t.Fatalf("the last row, grown, ends at %v", at+400)
	}
	l.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.Delta{DY: 50}})
	if l.AtEnd() {
		t.Fatal("it is at the end though it was moved")
	}
	before := seen(l)
	s.keys = append(s.keys, 1002)
	l.Reload()
	after := seen(l)
	for key, y := range before {
		if after[key] != y {
			t.Fatalf("row %d moved from %v to %v because one came below", key, y, after[key])
		}
	}
}

func TestListKeepsItsPlace(t *testing.T) {
	s := stocked(500)
	l := opened(t, s, true)
	l.Jump(250, 0.2)
	whole(t, l)
	before := seen(l)
	same := func(what string) {
		t.Helper()
		whole(t, l)
		after := seen(l)
		kept := 0
		for key, y := range before {
			if now, ok := after[key]; ok {
				kept++
				if now != y {
					t.Fatalf("%s: row %d moved from %v to %v", what, key, y, now)
				}
			}
		}
		if kept < 3 {
			t.Fatalf("%s: only %d rows are still there", what, kept)
		}
	}
	older := []int{-3, -2, -1}
	s.keys = slices.Concat(older, s.keys)
	l.Reload()
	same("rows came above")
	s.keys = slices.Delete(s.keys, 10, 60)
	l.Reload()
	same("rows above went")
	s.tall[100] = 900
	l.Reload()
	same("a row above grew")
	s.keys = s.keys[:len(s.keys)-20]
	l.Reload()
	same("rows below went")
	at := slices.Index(s.keys, 249)
	s.keys = slices.Insert(s.keys, at, 7000)
	l.Reload()
	whole(t, l)
}

func TestListKeepsItsPlaceWhenTheAnchorGoes(t *testing.T) {
	s := stocked(300)
	l := opened(t, s, true)
	l.Jump(150, 0)
	second := l.shown[1]
	y := second.object.Position().Y
	s.keys = slices.Delete(s.keys, 150, 151)
	l.Reload()
	whole(t, l)
	if now, ok := seen(l)[second.key]; !ok || now != y {
		t.Fatalf("row %d moved from %v to %v", second.key, y, now)
	}
}

func TestListEnds(t *testing.T) {
	s := stocked(200)
	l := opened(t, s, false)
	l.Top, l.Foot = 8, 12
	for range 300 {
		l.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.Delta{DY: -333}})
		whole(t, l)
	}
	if at := seen(l)[199]; at+l.height(199) != 688 {
		t.Fatalf("the last row ends at %v", at+l.height(199))
	}
	l.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.Delta{DY: 1e7}})
	if at, ok := seen(l)[0]; !ok || at != 8 {
		t.Fatalf("the first row is at %v", at)
	}
	few := stocked(2)
	l = opened(t, few, true)
	if at := seen(l)[1]; at+l.height(1) != 700 {
		t.Fatalf("two rows end at %v of 700", at+l.height(1))
	}
	l = opened(t, few, false)
	if at := seen(l)[0]; at != 0 {
		t.Fatalf("two rows begin at %v", at)
	}
	few.keys = nil
	l.Reload()
	if len(l.shown) != 0 {
		t.Fatal("an empty list shows rows")
	}
}

func TestListKeysAndBar(t *testing.T) {
	s := stocked(5000)
	l := opened(t, s, true)
	l.TypedKey(&fyne.KeyEvent{Name: fyne.KeyHome})
	if first, _, _ := l.Seen(); first != 0 {
		t.Fatalf("Home leads to %d", first)
	}
	l.TypedKey(&fyne.KeyEvent{Name: fyne.KeyPageDown})
	if first, _, y := l.Seen(); first == 0 || y > 0 {
		t.Fatalf("a page down leads to %d", first)
	}
	l.TypedKey(&fyne.KeyEvent{Name: fyne.KeyPageUp})
	if first, _, _ := l.Seen(); first != 0 {
		t.Fatalf("a page up leads to %d", first)
	}
	l.bar.Tapped(&fyne.PointEvent{Position: fyne.NewPos(6, 350)})
	if first, _, _ := l.Seen(); first < 2000 || first > 3000 {
		t.Fatalf("the middle of the bar leads to %d", first)
	}
	whole(t, l)
	y, _ := l.bar.thumbed()
	drag := func(to float32) {
		l.bar.Dragged(&fyne.DragEvent{PointEvent: fyne.PointEvent{Position: fyne.NewPos(6, to)}, Dragged: fyne.Delta{DY: to - y - 5}})
	}
	drag(2000)
	l.bar.DragEnd()
	if _, last, _ := l.Seen(); last != 4999 || !l.AtEnd() {
		t.Fatalf("the end of the bar leads to %d", last)
	}
	l.TypedKey(&fyne.KeyEvent{Name: fyne.KeyUp})
	if l.AtEnd() {
		t.Fatal("Up does nothing")
	}
	l.TypedKey(&fyne.KeyEvent{Name: fyne.KeyEnd})
	if !l.AtEnd() {
		t.Fatal("End does nothing")
	}
	var key fyne.KeyName
	l.OnKey = func(e *fyne.KeyEvent) { key = e.Name }
	l.TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if key != fyne.KeyEscape {
		t.Fatal("another key is not handed on")
	}
}

func TestListAsksForMore(t *testing.T) {
	s := stocked(100)
	l := opened(t, s, true)
	above := 0
	l.OnNear = func(up bool) {
		if up {
			above++
		}
	}
	l.Jump(50, 0)
	if above != 0 {
		t.Fatal("it asks for more in the middle")
	}
	l.Jump(4, 0)
	if above == 0 {
		t.Fatal("it does not ask for more near its beginning")
	}
}

func TestListReveals(t *testing.T) {
	s := stocked(100)
	l := opened(t, s, false)
	_, last, _ := l.Seen()
	l.Reveal(last)
	if at := seen(l)[last]; at+l.height(last) > 700 {
		t.Fatalf("the last row ends at %v", at+l.height(last))
	}
	l.Reveal(80)
	if _, ok := seen(l)[80]; !ok {
		t.Fatal("row 80 is not seen")
	}
	whole(t, l)
}

// TestListAnyhow holds what is true at any time against a random course.
func TestListAnyhow(t *testing.T) {
	s := stocked(40)
	l := opened(t, s, true)
	r := rand.New(rand.NewPCG(1, 2))
	next := 1000
	for range 3000 {
		switch r.IntN(7) {
		case 0:
			next++
			s.keys = append(s.keys, next)
		case 1:
			if len(s.keys) > 20 {
				at := r.IntN(len(s.keys))
				s.keys = slices.Delete(s.keys, at, at+1)
			}
		case 2:
			next++
			s.keys = slices.Insert(s.keys, r.IntN(len(s.keys)), next)
		case 3:
			s.tall[s.keys[r.IntN(len(s.keys))]] = float32(1 + r.IntN(900))
		case 4:
			l.Jump(r.IntN(len(s.keys)), r.Float32())
			whole(t, l)
			continue
		case 5:
			l.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.Delta{DY: float32(r.IntN(2000) - 1000)}})
			whole(t, l)
			continue
		case 6:
			l.Resize(fyne.NewSize(float32(300+r.IntN(300)), float32(200+r.IntN(600))))
		}
		l.Reload()
		whole(t, l)
	}
}

func TestHeights(t *testing.T) {
	var h heights
	r := rand.New(rand.NewPCG(3, 4))
	h.reset(1000, func(i int) float32 { return float32(r.IntN(100)) })
	for range 500 {
		h.set(r.IntN(1000), float32(r.IntN(100)))
	}
	sum := 0.0
	for i, each := range h.each {
		if h.before(i) != sum {
			t.Fatalf("before %d are %v, not %v", i, h.before(i), sum)
		}
		if row, below := h.at(sum); each > 0 && (row != i || below != 0) {
			t.Fatalf("%v is in row %d, %v below, not at the top of %d", sum, row, below, i)
		}
		sum += float64(each)
	}
	if row, below := h.at(sum + 10); row != 999 || below != float64(h.each[999]) {
		t.Fatalf("below everything is row %d", row)
	}
	var none heights
	none.reset(0, nil)
	if row, _ := none.at(5); row != 0 || none.total() != 0 {
		t.Fatal("an empty tree has a row")
	}
}

// percentiles reports the middle and the slow end of what was measured.
func percentiles(b *testing.B, took []time.Duration) {
	sort.Slice(took, func(i, j int) bool { return took[i] < took[j] })
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
}

func BenchmarkListStart(b *testing.B) {
	s := stocked(100_000)
	for b.Loop() {
		opened(b, s, true)
	}
}

func BenchmarkListScroll(b *testing.B) {
	l := opened(b, stocked(100_000), true)
	var took []time.Duration
	for b.Loop() {
		begun := time.Now()
		l.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.Delta{DY: 23}})
		took = append(took, time.Since(begun))
	}
	percentiles(b, took)
}

func BenchmarkListJump(b *testing.B) {
	l := opened(b, stocked(100_000), true)
	r := rand.New(rand.NewPCG(5, 6))
	var took []time.Duration
	for b.Loop() {
		begun := time.Now()
		l.Jump(r.IntN(100_000), 0.3)
		took = append(took, time.Since(begun))
	}
	percentiles(b, took)
}
