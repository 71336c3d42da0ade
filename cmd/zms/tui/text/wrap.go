package text

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Row is a part of a text that stands on one row.
type Row struct {
	Start, End int // bytes of the text; the line feed at the end is not in it
	Cells      int
}

// notFirst are characters that do not begin a row in Chinese and Japanese text,
// notLast those that do not end one.
const (
	notFirst = "，。、！？：；）」』】》〉〕］｝”’…—～・ー々％!?,.:;)]}"
	notLast  = "（「『【《〈〔［｛“‘([{"
)

// Rows wraps a text of any number of lines: between words where possible, in
// Chinese and Japanese between characters, and anywhere in a word that is wider
// than the rows. Blanks stay at the end of their row, where they may take more
// cells than there are; Cells counts those that fit.
func (r Ruler) Rows(s string, cells int) []Row {
	var rows []Row
	for start := 0; ; {
		end := strings.IndexByte(s[start:], '\n')
		if end < 0 {
			return r.wrap(rows, s, [2]int{start, len(s)}, cells)
		}
		end += start
		line := end
		if line > start && s[line-1] == '\r' {
			line--
		}
		rows = r.wrap(rows, s, [2]int{start, line}, cells)
		start = end + 1
	}
}

// wrap appends the rows of one line.
func (r Ruler) wrap(rows []Row, s string, line [2]int, cells int) []Row {
	cells = max(1, cells)
	row := Row{Start: line[0], End: line[0]}
	place := row      // the row up to the last place where it may end
	last := rune(' ') // the character before
	for at := line[0]; at < line[1]; {
		g := r.Next(s[at:line[1]])
		c, _ := utf8.DecodeRuneInString(s[at:])
		blank := g.Shown == " " || g.Shown == tab
		if at > row.Start && !blank && mayBreak(last, c, g.Cells) {
			place = row
		}
		if !blank && row.Cells+g.Cells > cells && row.End > row.Start {
			if place.End == row.Start { // no place in this row
				place = row
			}
			rows = append(rows, Row{place.Start, place.End, min(place.Cells, cells)})
			row = Row{place.End, row.End, r.cells(s[place.End:row.End])}
			place = Row{Start: row.Start, End: row.Start}
		}
		row.End += g.Size
		row.Cells += g.Cells
		at += g.Size
		last, _ = utf8.DecodeLastRuneInString(s[:at])
	}
	row.Cells = min(row.Cells, cells)
	return append(rows, row)
}

// cells measures a text that was not made harmless yet.
func (r Ruler) cells(s string) (n int) {
	for len(s) > 0 {
		g := r.Next(s)
		n += g.Cells
		s = s[g.Size:]
	}
	return n
}

// mayBreak reports whether a row may end between two characters, the second of
// which is no blank.
func mayBreak(before, after rune, cells int) bool {
	if before == ' ' || before == '\t' || unicode.Is(unicode.Zs, before) {
		return true
	}
	if strings.ContainsRune(notFirst, after) || strings.ContainsRune(notLast, before) {
		return false
	}
	return cells == 2 || ideograph(before)
}

// ideograph reports whether a row may end behind a character of this kind.
func ideograph(c rune) bool {
	return unicode.In(c, unicode.Han, unicode.Hiragana, unicode.Katakana) || c >= 0x3000 && c < 0x3040 || c >= 0xff00 && c < 0xff61 ||
		unicode.Is(unicode.So, c)
}

// Line is one row as it is printed.
type Line struct {
	Text  string
	Cells int
}

// Wrap is a text of somebody else, harmless, in lines of at most so many cells.
// Blanks at the ends of lines are left out.
func (r Ruler) Wrap(s string, cells int) []Line {
	rows := r.Rows(s, cells)
	lines := make([]Line, len(rows))
	for i, row := range rows {
		shown := r.Clean(strings.TrimRight(s[row.Start:row.End], " \t"))
		lines[i] = Line{shown, r.Width(shown)}
	}
	return lines
}
