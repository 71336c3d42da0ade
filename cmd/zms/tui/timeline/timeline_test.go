package timeline

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"

	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/tui/look"
)

var start = time.Date(2026, 8, 10, 9, 0, 0, 0, time.UTC)

// theirs and own are messages of a height, written one minute after each other.
func theirs(height int, text string) *control.Message {
	at := start.Add(time.Duration(height) * time.Minute)
	return &control.Message{
		Type: control.TypeMessage, ID: fmt.Sprintf("%064x", height), Contact: 1, Kind: "text", Text: text, Height: uint32(height),
		Seq: uint32(height), Written: at, Received: at,
	}
}

func own(height int, text, state string) *control.Message {
	m := theirs(height, text)
	m.Outgoing, m.State = true, state
	return m
}

func change(m *control.Message, state string) *control.Message {
	c := *m
	c.Type, c.State = control.TypeChange, state
	return &c
}

func gap(height, from, to int, state string) *control.Gap {
	return &control.Gap{
		Type: control.TypeGap, Contact: 1, Device: "d", From: uint32(from), To: uint32(to), Count: to - from + 1, State: state,
		Height: uint32(height), Since: start,
	}
}

func screen(width, height int) Screen {
	return Screen{
		Width: width, Height: height, Theme: look.New(colorprofile.ASCII, true), Name: "Bob", Zone: time.UTC,
		Today: start.AddDate(0, 0, 2),
	}
}

// rows are so many messages of the contact from a height on.
func rows(from, n int) (out []control.Row) {
	for i := range n {
		out = append(out, theirs(from+i, fmt.Sprintf("message %d.", from+i)))
	}
	return out
}

func opened(s Screen, unread int, p Page) *Timeline {
	t := New(unread)
	t.Resize(s)
	t.Begin()
	t.Load(p, Tail)
	return t
}

func seen(t *Timeline) string {
	lines := t.View()
	for i, l := range lines {
		lines[i] = strings.TrimRight(ansi.Strip(l), " ")
	}
	return strings.Join(lines, "\n")
}

func mustSee(t *testing.T, line *Timeline, words ...string) {
	t.Helper()
	got := seen(line)
	for _, w := range words {
		if !strings.Contains(got, w) {
			t.Fatalf("%q is not seen:\n%s", w, got)
		}
	}
}

func mustNotSee(t *testing.T, line *Timeline, words ...string) {
	t.Helper()
	got := seen(line)
	for _, w := range words {
		if strings.Contains(got, w) {
			t.Fatalf("%q is seen:\n%s", w, got)
		}
	}
}

func TestBubbles(t *testing.T) {
	line := opened(screen(60, 30), 0, Page{Rows: []control.Row{
		theirs(1, "Hello 北京"), own(2, "Hi", "read"), own(3, "again", "queued"), own(4, "lost", "failed"),
		&control.Message{Type: control.TypeMessage, ID: "e", Height: 5, Erased: true, Kind: "text", Received: start.AddDate(0, 0, 1)},
		&control.Message{Type: control.TypeMessage, ID: "f", Height: 6, Kind: "poll", Unknown: true, Received: start.AddDate(0, 0, 2)},
	}})
	mustSee(t, line, "Monday, 10 August", "Yesterday", "Today", "▌ Hello 北京  09:01", "Hi  09:02 ✓✓ ▐", "again  09:03 ○ ▐", "lost  09:04 ✗ failed ▐",
		"(erased)", "(a message of kind poll: it needs a newer")
	for _, l := range line.View() {
		if w := ansi.StringWidthWc(l); w != 60 {
			t.Errorf("a line of %d cells: %q", w, l)
		}
	}
	line.Take(change(own(4, "lost", ""), "custody"))
	mustSee(t, line, "09:04 ✓ in custody ▐")
	line.Take(change(own(4, "lost", ""), "delivered"))
	line.Take(&control.Read{Type: control.TypeRead, Contact: 1, Seq: 4, At: start})
	mustSee(t, line, "09:04 ✓✓ read ▐")
}

func TestHostileTextsStayInTheirBubble(t *testing.T) {
	line := opened(screen(50, 40), 0, Page{Rows: []control.Row{
		theirs(1, "\x1b[2J\x1b]0;owned\a\u202egnp.exe"), theirs(2, strings.Repeat("x\u0301\u0301", 300)), theirs(3, strings.Repeat("👩\u200d", 200)),
	}})
	for _, l := range line.View() {
		if w := ansi.StringWidthWc(l); w != 50 {
			t.Errorf("a line of %d cells: %q", w, l)
		}
		for _, c := range ansi.Strip(l) {
			if c < ' ' || c == '\u202e' || c >= 0x7f && c < 0xa0 {
				t.Errorf("a line holds %U: %q", c, l)
			}
		}
	}
	line = opened(screen(50, 5), 0, Page{Rows: []control.Row{theirs(1, "\x1b[2J\u202ex")}})
	mustSee(t, line, `\u{1b}[2J\u{202e}x`)
}

func TestGaps(t *testing.T) {
	line := opened(screen(100, 30), 0, Page{Rows: []control.Row{theirs(1, "one"), gap(4, 2, 4, "asking"), theirs(5, "five")}})
	mustSee(t, line, "3 messages from Bob are missing; asking Bob for them")
	line.Take(gap(4, 3, 3, "filled"))
	line.Take(theirs(3, "three"))
	mustSee(t, line, "1 message from Bob is missing; asking Bob for it")
	if n := strings.Count(seen(line), "missing"); n != 2 {
		t.Errorf("%d gaps are seen, want the two around what came:\n%s", n, seen(line))
	}
	line.Take(gap(4, 4, 4, "gone"))
	proven := gap(topHeight, 2, 2, "lost-with-proof")
	proven.Gateway = "0a1b2c3d4e5f6071"
	line.Take(proven)
	mustSee(t, line, "1 message from Bob is lost: the sender no longer has it", "lost by a gateway, and there is proof", proven.Gateway)
	if got := seen(line); strings.Index(got, "proof") > strings.Index(got, "five") {
		t.Errorf("a gap left its place:\n%s", got)
	}
	later := gap(topHeight, 9, 9, "later")
	later.Until = start.AddDate(0, 0, 2).Add(time.Hour)
	line.Take(later)
	mustSee(t, line, "is missing; promised for 10:00")
	line.Take(gap(topHeight, 9, 9, "filled"))
	line.Take(gap(topHeight, 10, 200_020, "noticed"))
	mustNotSee(t, line, "promised")
	mustSee(t, line, "Many messages from Bob are missing and may still come")
	if got := seen(line); strings.Index(got, "Many") < strings.Index(got, "five") {
		t.Errorf("what is missing at the end stands before it:\n%s", got)
	}
}

func TestTheEndStaysInViewAndNothingElseMoves(t *testing.T) {
	line := opened(screen(60, 10), 0, Page{Rows: rows(1, 50)})
	mustSee(t, line, "message 50.")
	line.Take(theirs(51, "the newest"))
	mustSee(t, line, "the newest")
	if !line.AtEnd() || line.Missed() != 0 {
		t.Fatal("the end is not seen")
	}
	line.Up(7)
	before := seen(line)
	line.Take(theirs(52, "below"))
	line.Take(theirs(53, "further below"))
	if seen(line) != before || line.AtEnd() || line.Missed() != 2 {
		t.Fatalf("what is read moved, or %d were missed:\n%s", line.Missed(), seen(line))
	}
	line.Down(1)
	line.Up(1)
	if seen(line) != before {
		t.Fatal("down and up is not where it was")
	}
	line.Down(1000)
	mustSee(t, line, "further below")
	if !line.AtEnd() || line.Missed() != 0 {
		t.Fatal("the end is not seen again")
	}
	line.Up(100_000)
	mustSee(t, line, "message 1.", "Monday, 10 August")
	if got := strings.Split(seen(line), "\n"); got[0] != "" || !strings.Contains(got[1], "Monday") {
		t.Fatalf("there is nothing above the first line:\n%s", seen(line))
	}
}

func TestUnreadMark(t *testing.T) {
	line := opened(screen(60, 9), 20, Page{Rows: rows(1, 40)})
	if !line.ToUnread() {
		t.Fatal("there is no mark")
	}
	mustSee(t, line, "unread messages", "message 21.")
	mustNotSee(t, line, "message 20.")
	if line.AtEnd() {
		t.Fatal("not everything is seen yet")
	}
	line.Read()
	line.End()
	line.Up(13)
	mustSee(t, line, "message 21.")
	mustNotSee(t, line, "unread")

	line = opened(screen(60, 20), 260, Page{Rows: rows(801, 200), Next: 801, More: true})
	if line.ToUnread() {
		t.Fatal("the first unread message is not held yet")
	}
	line.Up(3000)
	line.Begin()
	line.Load(Page{Rows: rows(601, 200), Next: 601, More: true}, Older)
	if !line.ToUnread() {
		t.Fatal("the first unread message was not found")
	}
	mustSee(t, line, "unread messages", "message 741.")
}

func TestPagesJoin(t *testing.T) {
	line := opened(screen(60, 10), 0, Page{Rows: rows(801, 200), Next: 801, More: true})
	if line.NeedsOlder() {
		t.Fatal("the end of the window is far from its beginning")
	}
	line.Up(150)
	if !line.NeedsOlder() || line.Next() != 801 {
		t.Fatal("more is needed")
	}
	line.Begin()
	if line.NeedsOlder() {
		t.Fatal("a page is on its way")
	}
	line.Take(change(own(700, "x", ""), "read")) // of a message that is not held
	line.Take(theirs(1001, "meanwhile"))
	before := seen(line)
	line.Load(Page{Rows: rows(601, 200), Next: 601, More: true}, Older)
	if seen(line) != before {
		t.Fatalf("what is read moved:\n%s\n--\n%s", before, seen(line))
	}
	line.Up(10_000)
	mustSee(t, line, "message 601.")
	line.Begin()
	line.Load(Page{Rows: rows(1, 600)}, Older)
	line.Up(10_000)
	mustSee(t, line, "message 1.")
	line.Down(100_000)
	mustSee(t, line, "meanwhile")
}

// A history of many messages, read from end to end and back in small steps, is
// seen whole and in order, and never held whole.
func TestAWindowOnALongHistory(t *testing.T) {
	const all, height = 5000, 20
	line := opened(screen(60, height), 0, Page{Rows: rows(all-PageRows+1, PageRows), Next: all - PageRows + 1, More: true})
	serve := func() {
		switch {
		case line.NeedsOlder():
			before := int(line.Next())
			from := max(1, before-PageRows)
			line.Begin()
			line.Load(Page{Rows: rows(from, before-from), Next: uint32(from), More: from > 1}, Older)
		case line.NeedsNewer():
			last := int(line.Last())
			n := min(PageRows, all-last)
			line.Begin()
			line.Load(Page{Rows: rows(last+1, n), More: last+n < all}, Newer)
		}
		if line.Held() > maxRows+PageRows {
			t.Fatalf("%d rows are held", line.Held())
		}
	}
	got := map[int]bool{}
	look := func() (first int) {
		for _, l := range strings.Split(seen(line), "\n") {
			n := 0
			if i := strings.Index(l, "message "); i >= 0 {
				if _, err := fmt.Sscanf(l[i:], "message %d.", &n); err == nil {
					got[n] = true
					if first == 0 {
						first = n
					}
				}
			}
		}
		return first
	}
	for step := 0; look() > 1; step++ {
		if step > 3*all {
			t.Fatalf("stuck at\n%s", seen(line))
		}
		line.Up(1 + step%height)
		serve()
	}
	if len(got) != all {
		t.Fatalf("%d of %d messages were seen on the way up", len(got), all)
	}
	clear(got)
	for step := 0; !line.AtEnd(); step++ {
		if step > 3*all {
			t.Fatalf("stuck at\n%s", seen(line))
		}
		look()
		line.Down(1 + step%(height-2))
		serve()
	}
	look()
	if len(got) != all {
		t.Fatalf("%d of %d messages were seen on the way down", len(got), all)
	}
}

func TestJumps(t *testing.T) {
	line := opened(screen(60, 10), 0, Page{Rows: rows(4801, 200), Next: 4801, More: true})
	line.Begin()
	line.Load(Page{Rows: rows(1, 200), More: true}, Head)
	mustSee(t, line, "message 1.")
	if line.AtEnd() || !line.Begins() || line.Ends() || line.NeedsOlder() {
		t.Fatal("this is the beginning, and more follows")
	}
	line.Take(theirs(5001, "meanwhile"))
	if line.Missed() != 1 {
		t.Fatal("a message came below")
	}
	mustNotSee(t, line, "meanwhile")
	line.Begin()
	line.Load(Page{Rows: rows(4802, 200), Next: 4802, More: true}, Tail)
	mustSee(t, line, "message 5001.")
	if !line.AtEnd() || line.Missed() != 0 {
		t.Fatal("the end is not seen")
	}
}

func TestReadingOnceMoreStaysInPlace(t *testing.T) {
	line := opened(screen(60, 10), 0, Page{Rows: rows(1, 100)})
	line.Up(50)
	before := seen(line)
	line.Begin()
	line.Load(Page{Rows: rows(1, 120)}, Again)
	if seen(line) != before {
		t.Fatalf("what is read moved:\n%s\n--\n%s", before, seen(line))
	}
	line.End()
	line.Begin()
	line.Load(Page{Rows: rows(1, 130)}, Again)
	mustSee(t, line, "message 130.")
}

func TestResizeKeepsWhatIsRead(t *testing.T) {
	var long []control.Row
	for i := range 60 {
		long = append(long, theirs(i+1, fmt.Sprintf("number %d. %s", i+1, strings.Repeat("words and words ", 12))))
	}
	line := opened(screen(120, 20), 0, Page{Rows: long})
	line.Resize(screen(30, 12))
	mustSee(t, line, "words", "10:00")
	line.Resize(screen(120, 20))
	line.Up(70)
	mustSee(t, line, "number 37.")
	line.Resize(screen(40, 40))
	line.Resize(screen(200, 45))
	mustSee(t, line, "number 37.")
}

func TestWhateverHappensTheViewIsWhole(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 60 {
		w, h := 12+r.IntN(120), r.IntN(40)
		line := opened(screen(w, h), r.IntN(30), Page{Rows: rows(400, r.IntN(200)), Next: 400, More: r.IntN(2) == 0})
		for range 60 {
			switch r.IntN(12) {
			case 0:
				line.Up(r.IntN(200))
			case 1:
				line.Down(r.IntN(200))
			case 2:
				line.Take(theirs(380+r.IntN(300), strings.Repeat("x ", r.IntN(300))))
			case 3:
				line.Take(gap(380+r.IntN(300), r.IntN(50), 50+r.IntN(50), []string{"asking", "filled", "gone"}[r.IntN(3)]))
			case 4:
				w, h = 12+r.IntN(120), r.IntN(40)
				line.Resize(screen(w, h))
			case 5:
				line.ToUnread()
			case 6:
				line.End()
			case 7:
				line.Start()
			case 8:
				if line.NeedsOlder() {
					line.Begin()
					line.Load(Page{Rows: rows(300, 100), Next: 300}, Older)
				}
			case 9:
				line.Begin()
				line.Take(own(700+r.IntN(50), "late", "queued"))
				line.Load(Page{Rows: rows(350, 300), Next: 350, More: true}, Again)
			case 10:
				line.Take(change(theirs(400+r.IntN(100), "moved"), ""))
			case 11:
				line.Unread(1 + r.IntN(5))
			}
			lines := line.View()
			if len(lines) != h {
				t.Fatalf("%d lines of %d", len(lines), h)
			}
			for _, l := range lines {
				if got := ansi.StringWidthWc(l); got != w {
					t.Fatalf("a line of %d cells in %d: %q", got, w, l)
				}
			}
		}
	}
}
