// Package text fits texts of anybody into the cells of a terminal: it makes
// them harmless, measures them as the terminal does, and wraps them.
//
// What is measured are clusters, what a reader takes for one character: a
// letter with its marks, a Chinese character, an emoji. A cluster is shown as
// it is, unless a terminal would obey it, unless it would change the direction
// of reading, or unless it can't be seen: then as \u{...}.
package text

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"zeroms/cmd/zms/plain"
)

const (
	// maxMarks is how many marks a character may carry. More of them are drawn
	// into the lines above and below.
	maxMarks = 8
	// maxParts is how many letters or emoji may join into one cluster. There are
	// scripts and emoji in which they join without an end, to one that no row holds.
	maxParts = 6
	// tab is what a tab is shown as, wherever it stands.
	tab = "    "

	joiner        = '\u200d'
	nonJoiner     = '\u200c'
	textStyle     = '\ufe0e'
	emojiStyle    = '\ufe0f'
	wideSpace     = '\u3000'
	nothingToMark = "◌"
	cut           = "…"
	marksCut      = "\ufffd"
)

// Ruler measures text as the terminal does.
type Ruler struct {
	// Clusters tells that the terminal counts clusters (mode 2027). One that does
	// not counts characters; emoji that are made of several are then shown in
	// their parts, because terminals do not agree on how wide the whole is.
	Clusters bool
}

func (r Ruler) method() ansi.Method {
	if r.Clusters {
		return ansi.GraphemeWidth
	}
	return ansi.WcWidth
}

// Width is how many cells a text takes that Clean or this program made. Escape
// sequences take none.
func (r Ruler) Width(s string) int { return r.method().StringWidth(s) }

// Glyph is one cluster of a text.
type Glyph struct {
	Size  int    // bytes in the text
	Shown string // what is printed for it
	Cells int    // how many cells that takes
}

// Next is the first glyph of a text that is not empty.
func (r Ruler) Next(s string) Glyph {
	if c := s[0]; c >= ' ' && c < 0x7f && (len(s) == 1 || s[1] < utf8.RuneSelf) {
		return Glyph{1, s[:1], 1}
	}
	cluster, _ := ansi.FirstGraphemeCluster(s, r.method())
	if cluster == "" {
		cluster = s[:1]
	}
	size, apart := r.part(cluster)
	shown := r.show(cluster[:size]) + apart
	return Glyph{size, shown, r.Width(shown)}
}

// part is how much of a cluster is shown as one, and what keeps the rest apart.
func (r Ruler) part(cluster string) (size int, apart string) {
	parts, before := 0, rune(-1)
	for i, c := range cluster {
		switch {
		case c == joiner && !r.Clusters && partOfEmoji(c, before):
			return i + utf8.RuneLen(c), ""
		case c == joiner, c == nonJoiner, unicode.Is(unicode.M, c):
			continue
		case !printable(c) && i == 0:
			return utf8.RuneLen(c), ""
		case !printable(c):
			return i, ""
		}
		if parts++; parts > maxParts {
			return i, string(nonJoiner)
		}
		before = c
	}
	return len(cluster), ""
}

// show is what is printed for a cluster.
func (r Ruler) show(cluster string) string {
	if cluster == "\t" {
		return tab
	}
	var b strings.Builder
	marks, before := 0, rune(-1)
	for i, c := range cluster {
		switch {
		case c == utf8.RuneError:
			b.WriteString(marksCut)
		case c == wideSpace:
			b.WriteString("  ")
		case unicode.Is(unicode.Zs, c):
			b.WriteByte(' ')
		case !printable(c):
			b.WriteString(plain.Text(string(c)))
		case !r.Clusters && partOfEmoji(c, before):
			continue
		case i == 0 && unicode.Is(unicode.M, c):
			b.WriteString(nothingToMark)
			b.WriteRune(c)
		case unicode.Is(unicode.M, c):
			if marks++; marks <= maxMarks {
				b.WriteRune(c)
			} else if marks == maxMarks+1 {
				b.WriteString(marksCut)
			}
			continue // the marked character stays before
		default:
			b.WriteRune(c)
		}
		before = c
	}
	return b.String()
}

// printable reports whether a character may be printed. The two that join and
// separate letters can't be seen, but several scripts and emoji can't be
// written without them; they move nothing.
func printable(c rune) bool { return unicode.IsPrint(c) || c == joiner || c == nonJoiner }

// partOfEmoji reports whether a character changes how wide some terminals draw
// the emoji before it, and others not.
func partOfEmoji(c, before rune) bool {
	switch {
	case c == textStyle || c == emojiStyle:
		return true
	case c == joiner:
		return unicode.Is(unicode.So, before) || unicode.Is(unicode.Sk, before)
	}
	return c >= 0x1f3fb && c <= 0x1f3ff && unicode.Is(unicode.So, before)
}

// Clean is a text on one line as it is printed.
func (r Ruler) Clean(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		g := r.Next(s)
		b.WriteString(g.Shown)
		s = s[g.Size:]
	}
	return b.String()
}

// Fit is a text on one line as it is printed, cut to a number of cells, and how
// many it takes.
func (r Ruler) Fit(s string, cells int) (shown string, taken int) {
	var b strings.Builder
	room := -1 // bytes of b that leave place for the cut
	roomTaken := 0
	for len(s) > 0 {
		g := r.Next(s)
		if taken+g.Cells > cells {
			if room < 0 {
				return "", 0
			}
			return b.String()[:room] + cut, roomTaken + 1
		}
		if taken+1 <= cells && taken < cells {
			room, roomTaken = b.Len(), taken
		}
		b.WriteString(g.Shown)
		taken += g.Cells
		s = s[g.Size:]
	}
	return b.String(), taken
}

// Pad is Fit with blanks up to the number of cells.
func (r Ruler) Pad(s string, cells int) string {
	shown, taken := r.Fit(s, cells)
	return shown + Blank(cells-taken)
}

// Blank is so many blanks; none if the number is negative.
func Blank(cells int) string { return strings.Repeat(" ", max(0, cells)) }

// Truncate cuts a line with escape sequences to a number of cells.
func (r Ruler) Truncate(line string, cells int) string { return r.method().Truncate(line, cells, "") }
