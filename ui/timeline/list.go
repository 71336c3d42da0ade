// Package timeline draws long conversations: a virtual list whose rows have differing
// heights, and the rows of a conversation.
//
// A List knows where it stands by one row, the anchor, and how far below the top of
// the list that row is drawn; so nothing moves under the eye when rows above it come,
// go or change their height, and no place is a great number of which a float32 would
// lose the pixels. The tree of heights, estimated until a row was seen, is for the
// scroll bar only.
package timeline

import (
	"image/color"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"
)

// Source is what a List shows. K tells rows apart, whatever their place.
type Source[K comparable] interface {
	Len() int
	Key(i int) K
	// Height is how high a row is at a width. It is asked again and again, so it
	// remembers what takes long to measure.
	Height(i int, width float32) float32
	// Kind of a row: objects are used again for rows of their kind.
	Kind(i int) int
	// New makes an object for rows of a kind.
	New(kind int) fyne.CanvasObject
	// Show has an object, which has its size, show a row.
	Show(i int, o fyne.CanvasObject)
}

// Windowed is an object that draws no more of itself than what is seen of it.
type Windowed interface {
	// Window tells what is seen, from and to in its own coordinates.
	Window(from, to float32)
}

// List is a virtual list. Set its fields before it is drawn.
type List[K comparable] struct {
	widget.BaseWidget

	// Bottom tells that it begins at its last row and stays there as rows come.
	Bottom bool
	// Guess is a row's height before it was measured; nil: 64.
	Guess func(i int) float32
	// Top and Foot are left free above the first and below the last row.
	Top, Foot float32
	// OnNear is called when less than a screen is left above what is seen, or below.
	OnNear func(above bool)
	// OnMoved is called after what is seen has changed its place.
	OnMoved func()
	// OnRune takes what is typed while the list has the focus, OnKey keys that the
	// list itself does not know.
	OnRune func(r rune)
	// OnEnd goes to the first or the last row if the keys for that are pressed; nil: the
	// list does.
	OnEnd func(last bool)
	// Timed is told when the user's "scroll" or "jump" begins, and what it returns is
	// called when that is done; nil: nobody looks.
	Timed func(what string) (done func())
	OnKey func(e *fyne.KeyEvent)

	from Source[K]
	keys []K
	tall heights

	anchor int     // the first row that is seen
	y      float32 // where its top is drawn
	pinned bool    // it stays at its last row
	goal   goal[K] // where it was sent, until it is moved by hand

	shown   []slot[K]
	objects []fyne.CanvasObject // of shown, and the bar
	pool    map[int][]fyne.CanvasObject
	// What a Picker hears: a tap beside all rows, keys with Ctrl, the wheel.
	onTap, onWheel func()
	onShortcut     func(s fyne.Shortcut) bool

	bar     *bar
	dot     *canvas.Rectangle // is always there and never seen
	busy    bool              // it is telling what changed
	focused bool
}

// goal is a row and at which part of the height it is to be.
type goal[K comparable] struct {
	set  bool
	key  K
	part float32
}

// slot is a row on the screen.
type slot[K comparable] struct {
	key    K
	row    int
	kind   int
	height float32
	object fyne.CanvasObject
}

// guess is a row's height if nobody has a better one.
const guess = 64

// NewList makes a List.
func NewList[K comparable](from Source[K]) *List[K] {
	l := &List[K]{from: from, pool: map[int][]fyne.CanvasObject{}}
	l.bar = newBar(l.barred)
	l.dot = canvas.NewRectangle(color.Transparent)
	l.dot.Resize(fyne.NewSquareSize(1))
	l.ExtendBaseWidget(l)
	return l
}

// Reload reads all rows anew and draws them. What is seen stays where it is.
func (l *List[K]) Reload() {
	n := l.from.Len()
	first := l.keys == nil
	next := make([]K, n)
	for i := range next {
		next[i] = l.from.Key(i)
	}
	if first {
		l.tall.reset(n, l.guessed)
		l.pinned = l.Bottom
	} else {
		l.splice(next)
	}
	l.keys = next
	l.place(true)
}

func (l *List[K]) guessed(i int) float32 {
	if l.Guess != nil {
		return l.Guess(i)
	}
	return guess
}

// splice takes the heights and the anchor over from the rows before to next.
func (l *List[K]) splice(next []K) {
	same := 0
	for same < len(next) && same < len(l.keys) && next[same] == l.keys[same] {
		same++
	}
	if same == len(next) && same == len(l.keys) {
		return
	}
	tail := 0
	for tail < len(next)-same && tail < len(l.keys)-same && next[len(next)-1-tail] == l.keys[len(l.keys)-1-tail] {
		tail++
	}
	known := make(map[K]int, len(l.keys)-same-tail)
	for i := same; i < len(l.keys)-tail; i++ {
		known[l.keys[i]] = i
	}
	before, shift := l.tall.each, len(next)-len(l.keys)
	l.follow(func(row int) (int, bool) {
		switch {
		case row >= len(l.keys):
			return 0, false
		case row < same:
			return row, true
		case row >= len(l.keys)-tail:
			return row + shift, true
		}
		i := slices.Index(next[same:len(next)-tail], l.keys[row])
		return i + same, i >= 0
	})
	l.tall.reset(len(next), func(i int) float32 {
		switch {
		case i < same:
			return before[i]
		case i >= len(next)-tail:
			return before[i-shift]
		}
		if was, ok := known[next[i]]; ok {
			return before[was]
		}
		return l.guessed(i)
	})
}

// follow moves the anchor to the first row on the screen that is still there and moved
// no other way than most of them, so that a row that goes elsewhere takes nobody along.
func (l *List[K]) follow(now func(row int) (int, bool)) {
	if !l.Bottom && l.anchor == 0 && l.y >= l.Top {
		return // at its top it stays
	}
	by := map[int]int{}
	most := 0
	for _, s := range l.shown {
		if row, ok := now(s.row); ok {
			by[row-s.row]++
			if n := by[row-s.row]; n > by[most] || by[most] == 0 {
				most = row - s.row
			}
		}
	}
	for _, s := range l.shown {
		if row, ok := now(s.row); ok && row-s.row == most {
			l.anchor, l.y = row, s.object.Position().Y
			return
		}
	}
	if row, ok := now(l.anchor); ok && len(l.shown) == 0 {
		l.anchor = row
	}
}

// Seen is the first and the last row that is seen, and where the first one begins.
// last is less than first if there is none.
func (l *List[K]) Seen() (first, last int, y float32) {
	if len(l.shown) == 0 {
		return 0, -1, 0
	}
	return l.shown[0].row, l.shown[len(l.shown)-1].row, l.y
}

// AtEnd tells that the last row is seen to its end.
func (l *List[K]) AtEnd() bool { return l.pinned || l.from.Len() == 0 }

// Jump shows a row with its top at a part of the height: 0 is the top.
func (l *List[K]) Jump(row int, part float32) {
	l.goal = goal[K]{}
	if row = max(0, min(row, len(l.keys)-1)); row < len(l.keys) {
		l.goal = goal[K]{true, l.keys[row], part}
	}
	l.anchor, l.y, l.pinned = row, l.Size().Height*part+l.Top, false
	l.place(false)
}

// ToEnd shows the last row, and stays there.
func (l *List[K]) ToEnd() {
	l.pinned, l.goal.set = true, false
	l.place(false)
	if !l.Bottom {
		l.pinned = false
	}
}

// Reveal moves no further than is needed for a row to be seen whole.
func (l *List[K]) Reveal(row int) {
	for _, s := range l.shown {
		if s.row != row {
			continue
		}
		y := s.object.Position().Y
		switch height := l.Size().Height; {
		case y < 0:
			l.move(-y)
		case y+s.height > height:
			l.move(height - y - s.height)
		}
		return
	}
	l.Jump(row, 0.4)
}

// move moves what is seen down by so much.
func (l *List[K]) move(by float32) {
	if by == 0 || l.from.Len() == 0 {
		return
	}
	l.goal.set = false
	if by > 0 {
		l.pinned = false
	}
	l.y += by
	l.place(false)
}

// Scrolled is the wheel.
func (l *List[K]) Scrolled(e *fyne.ScrollEvent) {
	defer l.timed("scroll")()
	l.move(e.Scrolled.DY)
	if l.onWheel != nil {
		l.onWheel()
	}
}

func (l *List[K]) timed(what string) (done func()) {
	if l.Timed == nil {
		return func() {}
	}
	return l.Timed(what)
}

// barred goes to a part of the whole.
func (l *List[K]) barred(part float32) {
	defer l.timed("jump")()
	view := float64(l.Size().Height)
	at := float64(part) * (l.tall.total() + float64(l.Top+l.Foot) - view)
	row, below := l.tall.at(at - float64(l.Top))
	l.anchor, l.y, l.pinned, l.goal.set = row, -float32(below), false, false
	if part == 0 {
		l.y = l.Top
	}
	l.place(false)
}

// TypedKey moves by pages.
func (l *List[K]) TypedKey(e *fyne.KeyEvent) {
	if !l.Key(e.Name) && l.OnKey != nil {
		l.OnKey(e)
	}
}

// Key moves as the keys do that are for that, and tells whether this is one of them.
func (l *List[K]) Key(name fyne.KeyName) bool {
	page := l.Size().Height * 0.9
	switch name {
	case fyne.KeyPageUp:
		l.move(page)
	case fyne.KeyPageDown:
		l.move(-page)
	case fyne.KeyUp:
		l.move(guess)
	case fyne.KeyDown:
		l.move(-guess)
	case fyne.KeyHome, fyne.KeyEnd:
		l.toEnd(name == fyne.KeyEnd)
	default:
		return false
	}
	return true
}

func (l *List[K]) toEnd(last bool) {
	if l.OnEnd != nil {
		l.OnEnd(last)
		return
	}
	defer l.timed("jump")()
	if last {
		l.ToEnd()
	} else {
		l.Jump(0, 0)
	}
}

// TypedRune hands on what is typed.
func (l *List[K]) TypedRune(r rune) {
	if l.OnRune != nil {
		l.OnRune(r)
	}
}

// FocusGained and FocusLost: a list looks the same with the focus.
func (l *List[K]) FocusGained() { l.focused = true }

// FocusLost is FocusGained's other half.
func (l *List[K]) FocusLost() { l.focused = false }

// TypedShortcut is a key with Ctrl; what is not for the list goes to the window.
func (l *List[K]) TypedShortcut(s fyne.Shortcut) {
	if l.onShortcut != nil && l.onShortcut(s) {
		return
	}
	if c, ok := fyne.CurrentApp().Driver().CanvasForObject(l).(fyne.Shortcutable); ok {
		c.TypedShortcut(s)
	}
}

// Tapped puts the focus here, so that keys move it.
func (l *List[K]) Tapped(*fyne.PointEvent) {
	l.focus()
	if l.onTap != nil {
		l.onTap()
	}
}

func (l *List[K]) focus() {
	if c := fyne.CurrentApp().Driver().CanvasForObject(l); c != nil {
		c.Focus(l)
	}
}

// height measures a row.
func (l *List[K]) height(i int) float32 {
	h := max(l.from.Height(i, l.Size().Width), 1)
	l.tall.set(i, h)
	return h
}

// place finds the rows to be seen and draws them; anew: as they may have changed.
func (l *List[K]) place(anew bool) {
	size := l.Size()
	if size.Width <= 0 || size.Height <= 0 || l.keys == nil {
		return
	}
	n := len(l.keys)
	if n == 0 {
		l.show(0, 0, anew)
		return
	}
	l.anchor = min(l.anchor, n-1)
	if !l.pinned {
		l.settle(size.Height)
	}
	if l.pinned {
		l.anchor, l.y = l.fromEnd(size.Height)
	}
	last, y := l.anchor, l.y
	for ; last < n && y < size.Height; last++ {
		y += l.height(last)
	}
	l.show(l.anchor, last, anew)
	l.told(last)
}

// fromEnd is the first row that is seen, and where, if the last one is seen whole.
func (l *List[K]) fromEnd(view float32) (row int, y float32) {
	row, y = len(l.keys), view-l.Foot
	for row > 0 && y > 0 {
		row--
		y -= l.height(row)
	}
	if row == 0 && (y > l.Top && !l.Bottom || y < l.Top && y > 0) {
		y = l.Top
	}
	return row, y
}

// settle makes the anchor the first row that is seen, and keeps the list within its
// ends.
func (l *List[K]) settle(view float32) {
	for l.y > 0 && l.anchor > 0 {
		l.anchor--
		l.y -= l.height(l.anchor)
	}
	if l.anchor == 0 && l.y > l.Top {
		l.y = l.Top
	}
	for l.anchor < len(l.keys)-1 {
		h := l.height(l.anchor)
		if l.y+h > 0 {
			break
		}
		l.anchor, l.y = l.anchor+1, l.y+h
	}
	end := l.y
	for i := l.anchor; i < len(l.keys) && end <= view; i++ {
		end += l.height(i)
		if i == len(l.keys)-1 && end+l.Foot <= view+0.5 {
			l.anchor, l.y = l.fromEnd(view)
			l.pinned = l.Bottom
		}
	}
}

// show draws the rows from first to last, which is not among them, as they stand.
func (l *List[K]) show(first, last int, anew bool) {
	now := make([]slot[K], 0, last-first)
	old := l.shown
	width, view := l.Size().Width, l.Size().Height
	for i := first; i < last; i++ {
		s := slot[K]{key: l.keys[i], row: i, kind: l.from.Kind(i), height: l.tall.each[i]}
		if at := slices.IndexFunc(old, func(o slot[K]) bool { return o.object != nil && o.key == s.key && o.kind == s.kind }); at >= 0 {
			s.object, old[at].object = old[at].object, nil
			if anew || s.object.Size() != fyne.NewSize(width, s.height) {
				s.row = -1 - i // shown below
			}
		} else {
			s.row = -1 - i
		}
		now = append(now, s)
	}
	for _, s := range old {
		if s.object != nil {
			l.pool[s.kind] = append(l.pool[s.kind], s.object)
		}
	}
	y := l.y
	for i := range now {
		s := &now[i]
		if s.object == nil {
			s.object = l.take(s.kind)
		}
		if s.row < 0 {
			s.row = -1 - s.row
			s.object.Resize(fyne.NewSize(width, s.height))
			l.from.Show(s.row, s.object)
		}
		s.object.Move(fyne.NewPos(0, y))
		if part, ok := s.object.(Windowed); ok {
			part.Window(max(0, -y), min(s.height, view-y))
		}
		y += s.height
	}
	l.shown = now
	l.objects = append(l.objects[:0], l.dot)
	for _, s := range now {
		l.objects = append(l.objects, s.object)
	}
	l.objects = append(l.objects, l.bar)
	l.bar.set(l.share())
	l.Repaint()
}

// Repaint has the window painted; a refresh of the list would drop all its pictures.
func (l *List[K]) Repaint() { canvas.Refresh(l.dot) }

func (l *List[K]) take(kind int) fyne.CanvasObject {
	free := l.pool[kind]
	if len(free) == 0 {
		return l.from.New(kind)
	}
	l.pool[kind] = free[:len(free)-1]
	return free[len(free)-1]
}

// share is which part of the whole is seen: how much, and where it begins, of what can
// be scrolled.
func (l *List[K]) share() (size, at float32) {
	total, view := l.tall.total()+float64(l.Top+l.Foot), float64(l.Size().Height)
	if total <= view+1 || len(l.keys) == 0 {
		return 1, 0
	}
	at = float32((l.tall.before(l.anchor) - float64(l.y) + float64(l.Top)) / (total - view))
	if l.pinned {
		at = 1
	}
	return float32(view / total), max(0, min(at, 1))
}

// told tells what has moved, once.
func (l *List[K]) told(last int) {
	if l.busy {
		return
	}
	l.busy = true
	if l.OnMoved != nil {
		l.OnMoved()
	}
	if l.OnNear != nil {
		view := float64(l.Size().Height)
		if l.tall.before(l.anchor)-float64(l.y) < view {
			l.OnNear(true)
		}
		if l.tall.total()-l.tall.before(min(last, len(l.tall.each))) < view {
			l.OnNear(false)
		}
	}
	l.busy = false
}

// Resize draws the rows anew at another width.
func (l *List[K]) Resize(size fyne.Size) {
	before := l.Size()
	if size == before {
		return
	}
	l.BaseWidget.Resize(size)
	if l.keys == nil {
		l.Reload()
		return
	}
	if row := slices.Index(l.keys, l.goal.key); l.goal.set && row >= 0 {
		l.anchor, l.y, l.pinned = row, size.Height*l.goal.part+l.Top, false
	} else if !l.pinned && before.Height > 0 && l.Bottom {
		l.y += size.Height - before.Height // what is seen stays above what is typed below
	}
	l.place(size.Width != before.Width)
}

// MinSize is small: a list takes what it is given.
func (l *List[K]) MinSize() fyne.Size { return fyne.NewSize(64, 64) }

// Refresh draws everything anew, with the colours of now.
func (l *List[K]) Refresh() {
	clear(l.pool)
	l.shown = nil
	l.bar.Refresh()
	l.Reload()
}

// CreateRenderer is widget.Widget's.
func (l *List[K]) CreateRenderer() fyne.WidgetRenderer { return &listRenderer[K]{list: l} }

type listRenderer[K comparable] struct{ list *List[K] }

// IsClip tells the driver to cut off what lies outside.
func (r *listRenderer[K]) IsClip()                      {}
func (r *listRenderer[K]) Destroy()                     {}
func (r *listRenderer[K]) MinSize() fyne.Size           { return fyne.NewSize(64, 64) }
func (r *listRenderer[K]) Refresh()                     {}
func (r *listRenderer[K]) Objects() []fyne.CanvasObject { return r.list.objects }
func (r *listRenderer[K]) Layout(s fyne.Size) {
	r.list.bar.Move(fyne.NewPos(s.Width-barWidth, 0))
	r.list.bar.Resize(fyne.NewSize(barWidth, s.Height))
}
