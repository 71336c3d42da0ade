// Package edit is a text that somebody types, on any number of lines: the text,
// the caret in it, and both as rows of a terminal. The caret never stands
// inside of what a reader takes for one character.
package edit

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"zeroms/cmd/zms/tui/text"
)

// MaxBytes is the longest text. Far more than a message may have, so that what
// is too long to be sent can still be shortened.
const MaxBytes = 64 << 10

// Editor is a text being typed. Its zero value is empty and of no width.
type Editor struct {
	ruler text.Ruler
	cells int // of a row

	text   string
	caret  int    // a byte of the text, between two glyphs
	goal   int    // the column that Up and Down want to be in, +1; 0: the caret's
	top    int    // the first row that is seen
	killed string // what was cut last, for Yank
}

// Fit says how the text is measured and how wide a row is. One cell of it is
// kept for the caret.
func (e *Editor) Fit(r text.Ruler, cells int) {
	e.ruler, e.cells = r, max(2, cells)
	e.snap()
}

// Text is what was typed.
func (e *Editor) Text() string { return e.text }

// Empty reports whether there is nothing but blanks.
func (e *Editor) Empty() bool { return strings.TrimSpace(e.text) == "" }

// Set replaces the text; the caret stands at its end.
func (e *Editor) Set(s string) {
	e.text, e.caret, e.goal, e.top = plain(s), 0, 0, 0
	e.caret = len(e.text)
}

// Insert writes at the caret. It reports whether there was room.
func (e *Editor) Insert(s string) bool {
	s = plain(s)
	if len(e.text)+len(s) > MaxBytes {
		return false
	}
	e.text = e.text[:e.caret] + s + e.text[e.caret:]
	e.caret += len(s)
	e.moved()
	return true
}

// plain makes line feeds of whatever ends lines, and leaves out control
// characters: nobody types them, and no reader has use for them.
func plain(s string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.ToValidUTF8(s, "\ufffd"))
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) && c != '\n' && c != '\t' {
			return -1
		}
		return c
	}, s)
}

// moved follows every change but Up and Down.
func (e *Editor) moved() {
	e.goal = 0
	e.snap()
}

// snap moves the caret out of a glyph that it came to stand in.
func (e *Editor) snap() {
	start := e.lineStart(e.caret)
	for at := start; at < e.caret; {
		at += e.ruler.Next(e.text[at:]).Size
		if at > e.caret {
			e.caret = at
		}
	}
}

func (e *Editor) lineStart(at int) int { return strings.LastIndexByte(e.text[:at], '\n') + 1 }

func (e *Editor) lineEnd(at int) int {
	if n := strings.IndexByte(e.text[at:], '\n'); n >= 0 {
		return at + n
	}
	return len(e.text)
}

// before is the start of the glyph before a place.
func (e *Editor) before(place int) int {
	start := e.lineStart(place)
	if start == place {
		return max(0, place-1)
	}
	for at := start; ; {
		next := at + e.ruler.Next(e.text[at:place]).Size
		if next >= place {
			return at
		}
		at = next
	}
}

// after is the end of the glyph at a place.
func (e *Editor) after(place int) int {
	if place >= len(e.text) {
		return len(e.text)
	}
	return place + e.ruler.Next(e.text[place:]).Size
}

// wordBefore is the start of the word that ends before a place.
func (e *Editor) wordBefore(place int) int {
	for place > 0 && !e.word(e.before(place)) {
		place = e.before(place)
	}
	for place > 0 && e.word(e.before(place)) {
		place = e.before(place)
	}
	return place
}

// wordAfter is the end of the word that begins behind a place.
func (e *Editor) wordAfter(place int) int {
	for place < len(e.text) && !e.word(place) {
		place = e.after(place)
	}
	for place < len(e.text) && e.word(place) {
		place = e.after(place)
	}
	return place
}

func (e *Editor) word(at int) bool {
	c, _ := utf8.DecodeRuneInString(e.text[at:])
	return !unicode.IsSpace(c) && !unicode.IsPunct(c)
}

// Left moves the caret by one glyph.
func (e *Editor) Left() { e.to(e.before(e.caret)) }

// Right moves the caret by one glyph.
func (e *Editor) Right() { e.to(e.after(e.caret)) }

// WordLeft moves the caret to the start of a word.
func (e *Editor) WordLeft() { e.to(e.wordBefore(e.caret)) }

// WordRight moves the caret to the end of a word.
func (e *Editor) WordRight() { e.to(e.wordAfter(e.caret)) }

// LineStart moves the caret to the start of its line.
func (e *Editor) LineStart() { e.to(e.lineStart(e.caret)) }

// LineEnd moves the caret to the end of its line.
func (e *Editor) LineEnd() { e.to(e.lineEnd(e.caret)) }

func (e *Editor) to(place int) {
	e.caret = place
	e.moved()
}

// Backspace deletes the glyph before the caret, Delete the one behind it.
func (e *Editor) Backspace() { e.remove(e.before(e.caret), e.caret, false) }

// Delete deletes the glyph behind the caret.
func (e *Editor) Delete() { e.remove(e.caret, e.after(e.caret), false) }

// CutWord cuts the word before the caret.
func (e *Editor) CutWord() { e.remove(e.wordBefore(e.caret), e.caret, true) }

// CutWordRight cuts the word behind the caret.
func (e *Editor) CutWordRight() { e.remove(e.caret, e.wordAfter(e.caret), true) }

// CutToStart cuts what stands before the caret on its line, or the line feed.
func (e *Editor) CutToStart() {
	start := e.lineStart(e.caret)
	if start == e.caret {
		start = max(0, start-1)
	}
	e.remove(start, e.caret, true)
}

// CutToEnd cuts what stands behind the caret on its line, or the line feed.
func (e *Editor) CutToEnd() {
	end := e.lineEnd(e.caret)
	if end == e.caret {
		end = min(len(e.text), end+1)
	}
	e.remove(e.caret, end, true)
}

// Yank inserts what was cut last.
func (e *Editor) Yank() bool { return e.Insert(e.killed) }

func (e *Editor) remove(from, to int, keep bool) {
	if keep && from < to {
		e.killed = e.text[from:to]
	}
	e.text = e.text[:from] + e.text[to:]
	e.caret = from
	e.moved()
}

// rows wraps the text, and says on which row the caret is.
func (e *Editor) rows() (rows []text.Row, caret int) {
	rows = e.ruler.Rows(e.text, e.cells-1)
	for i, row := range rows {
		if row.Start <= e.caret {
			caret = i
		}
	}
	return rows, caret
}

// column is the cell of a place in its row.
func (e *Editor) column(row text.Row, place int) (cells int) {
	for at := row.Start; at < place; {
		g := e.ruler.Next(e.text[at:])
		cells += g.Cells
		at += g.Size
	}
	return min(cells, e.cells-1)
}

// Up moves the caret to the row above. It reports whether there is one.
func (e *Editor) Up() bool { return e.vertically(-1) }

// Down moves the caret to the row below. It reports whether there is one.
func (e *Editor) Down() bool { return e.vertically(+1) }

func (e *Editor) vertically(by int) bool {
	rows, at := e.rows()
	next := at + by
	if next < 0 || next >= len(rows) {
		return false
	}
	goal := e.goal
	if goal == 0 {
		goal = e.column(rows[at], e.caret) + 1
	}
	row := rows[next]
	place, cells := row.Start, 0
	for place < row.End {
		g := e.ruler.Next(e.text[place:])
		if cells+g.Cells > goal-1 {
			break
		}
		cells += g.Cells
		place += g.Size
	}
	if last := next+1 < len(rows) && rows[next+1].Start == row.End; last && place == row.End && place > row.Start {
		place = e.before(place) // behind it begins the row below
	}
	e.caret, e.goal = place, goal
	return true
}

// View is what is seen of the text: at most so many rows, as they are printed,
// with the caret among them at column x of row y.
type View struct {
	Rows  []string
	X, Y  int
	Above bool // there are rows above
	Below bool // and below
}

// Height is how many rows the text takes.
func (e *Editor) Height() int { return len(e.ruler.Rows(e.text, e.cells-1)) }

// View shows the part of the text around the caret.
func (e *Editor) View(height int) View {
	height = max(1, height)
	rows, at := e.rows()
	e.top = max(0, min(e.top, at, len(rows)-height))
	e.top = max(e.top, at-height+1)
	v := View{X: e.column(rows[at], e.caret), Y: at - e.top, Above: e.top > 0, Below: e.top+height < len(rows)}
	for _, row := range rows[e.top:min(len(rows), e.top+height)] {
		shown, _ := e.ruler.Fit(e.text[row.Start:row.End], 1<<20)
		if e.ruler.Width(shown) > e.cells-1 { // blanks at the end
			shown = strings.TrimRight(shown, " ")
		}
		v.Rows = append(v.Rows, shown)
	}
	return v
}
