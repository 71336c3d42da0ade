// Package lines breaks texts into lines and cuts them where they do not fit, in Chinese
// as in Latin, and never measures more of a text than a screen has room for.
package lines

import (
	"strings"
	"unicode"

	"fyne.io/fyne/v2"
)

// Most is how many runes of a line are ever measured: more fit no screen.
const Most = 500

const ellipsis = "…"

// One is a text without breaks, no longer than what is ever shown.
func One(text string) string {
	n := 0
	for i := range text {
		if n == Most {
			text = text[:i]
			break
		}
		n++
	}
	if strings.IndexFunc(text, unicode.IsControl) < 0 {
		return text
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}

// Ruler breaks texts into lines.
type Ruler struct {
	Size  float32
	Style fyne.TextStyle
}

// Width is how wide a text is.
func (m Ruler) Width(text string) float32 { return fyne.MeasureText(text, m.Size, m.Style).Width }

// maxParagraph is how many runes of a text are broken into lines.
const maxParagraph = 4000

// Lines breaks a text at its own line breaks and where a width is full.
func (m Ruler) Lines(text string, width float32) []string {
	if runes := []rune(text); len(runes) > maxParagraph {
		text = string(runes[:maxParagraph]) + ellipsis
	}
	var lines []string
	for part := range strings.SplitSeq(strings.ReplaceAll(text, "\t", "    "), "\n") {
		lines = append(lines, m.Wrap(part, width)...)
	}
	return lines
}

// Wrap breaks a text without line breaks.
func (m Ruler) Wrap(text string, width float32) []string {
	var lines []string
	line, lineWidth := "", float32(0)
	for _, piece := range pieces(text) {
		head := First(piece, m.most(width))
		w := m.Width(head)
		if line != "" && lineWidth+m.Width(strings.TrimRight(head, " ")) > width {
			lines = append(lines, strings.TrimRight(line, " "))
			line, lineWidth = "", 0
		}
		for w > width && line == "" { // a word that is longer than a line
			fits := m.fitting(piece, width)
			if fits == len(piece) {
				break
			}
			lines = append(lines, piece[:fits])
			piece = piece[fits:]
			w = m.Width(First(piece, m.most(width)))
		}
		line += piece
		lineWidth += w
	}
	return append(lines, strings.TrimRight(line, " "))
}

// most is more runes than fit a width, unless they are very thin.
func (m Ruler) most(width float32) int { return min(Most, int(5*width/m.Size)+8) }

// First is the beginning of a text.
func First(text string, n int) string {
	for i := range text {
		if n == 0 {
			return text[:i]
		}
		n--
	}
	return text
}

// fitting is how many bytes of a word fit a width, one rune at least.
func (m Ruler) fitting(word string, width float32) int {
	runes := []rune(word)
	low, high := 1, min(len(runes), m.most(width))
	for low < high {
		middle := (low + high + 1) / 2
		if m.Width(string(runes[:middle])) <= width {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return len(string(runes[:low]))
}

// pieces cuts a text where a line may end: after spaces and hyphens, and between Chinese
// letters, but not before what closes nor after what opens.
func pieces(text string) []string {
	var out []string
	start := 0
	var before rune
	for i, r := range text {
		if i > start && breaks(before, r) {
			out = append(out, text[start:i])
			start = i
		}
		before = r
	}
	if start < len(text) {
		out = append(out, text[start:])
	}
	return out
}

const (
	closing = "，。、！？；：）」』】》〉”’…·,.!?;:)]}%"
	opening = "（「『【《〈“‘([{"
)

func breaks(before, next rune) bool {
	switch {
	case next == ' ':
		return false
	case before == ' ':
		return true
	case strings.ContainsRune(closing, next), strings.ContainsRune(opening, before), joins(next), before == joiner:
		return false
	case wide(before), wide(next):
		return true
	}
	return false
}

// wide reports whether lines may break beside a rune: Chinese, Japanese, Korean, emoji.
func wide(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul) ||
		r >= 0x3000 && r <= 0x303F || r >= 0xFF00 && r <= 0xFFEF || r >= 0x1F300 && r <= 0x1FAFF
}

// Shorten is the longest beginning of a line that fits a width with an ellipsis.
func (m Ruler) Shorten(text string, width float32) string {
	runes := []rune(text)
	low, high := 0, min(len(runes)-1, m.most(width))
	for low < high {
		middle := (low + high + 1) / 2
		if m.Width(string(runes[:middle])+ellipsis) <= width {
			low = middle
		} else {
			high = middle - 1
		}
	}
	for low > 0 && (joins(runes[low]) || runes[low-1] == joiner) { // not between a letter and its accents
		low--
	}
	return strings.TrimRight(string(runes[:max(0, low)]), " ") + ellipsis
}

const joiner = '\u200d'

// joins reports whether a rune belongs to the one before it.
func joins(r rune) bool {
	return unicode.Is(unicode.M, r) || r == joiner || r >= 0xFE00 && r <= 0xFE0F || r >= 0x1F3FB && r <= 0x1F3FF
}
