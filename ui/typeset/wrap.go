// Package typeset breaks texts of one size and style into lines, and tells where in a line
// each character stands: for what is drawn, for a cursor, and for what is selected.
//
// A character is what a cursor steps over: a rune with all marks on it, or an emoji of
// several runes. Lines are measured as Fyne draws them: what is written from the right
// stands among the rest in the order in which it was written.
package typeset

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"fyne.io/fyne/v2"
)

// Line is one line of a text that was broken, as bytes From to To of it, without the
// break after it, and its width.
type Line struct {
	From, To int
	Width    float32
}

// Measurer breaks texts of one size and style into lines. It remembers how wide
// characters are, so that even 14,000 bytes take less than a millisecond or two.
// It belongs to the screen's goroutine.
type Measurer struct {
	size  float32
	style fyne.TextStyle
	line  float32
	ascii [utf8.RuneSelf]float32
	runes map[rune]float32
}

// Bounds of a Measurer: how many characters it remembers, how many runes count as one
// character at most, however many marks somebody piles on it, how many bytes of a word
// are measured together, and how many a line has, as there are letters without width.
const (
	measuredRunes = 8192
	clusterRunes  = 16
	wordBytes     = 96
	lineBytes     = 1024
)

// NewMeasurer makes a Measurer.
func NewMeasurer(size float32, style fyne.TextStyle) *Measurer {
	m := &Measurer{size: size, style: style, runes: map[rune]float32{}}
	m.line = fyne.MeasureText("X", size, style).Height
	for r := range m.ascii {
		if r >= ' ' {
			m.ascii[r] = fyne.MeasureText(string(rune(r)), size, style).Width
		}
	}
	m.ascii['\t'] = 4 * m.ascii[' ']
	return m
}

// Size is the size of the text.
func (m *Measurer) Size() float32 { return m.size }

// Height is the height of a line.
func (m *Measurer) Height() float32 { return m.line }

// Width is how wide a piece of one line is drawn.
func (m *Measurer) Width(s string) float32 {
	if s == "" {
		return 0
	}
	return fyne.MeasureText(s, m.size, m.style).Width
}

func (m *Measurer) rune(r rune) float32 {
	if r < utf8.RuneSelf {
		return m.ascii[r]
	}
	w, ok := m.runes[r]
	if !ok {
		if len(m.runes) >= measuredRunes {
			clear(m.runes)
		}
		w = fyne.MeasureText(string(r), m.size, m.style).Width
		m.runes[r] = w
	}
	return w
}

// Cluster is how many bytes the first character of a text takes, with the marks on it,
// as a cursor steps over it; 0 for an empty text.
func Cluster(s string) int {
	first, at := utf8.DecodeRuneInString(s)
	if at == 0 {
		return 0
	}
	flag, joined := regional(first), false
	for n := 1; n < clusterRunes && at < len(s); n++ {
		r, size := utf8.DecodeRuneInString(s[at:])
		switch {
		case r < utf8.RuneSelf:
			return at
		case joined && !unicode.IsSpace(r), extends(r):
		case flag && regional(r):
			flag = false
		default:
			return at
		}
		joined = r == '\u200d'
		at += size
	}
	return at
}

func regional(r rune) bool { return r >= 0x1f1e6 && r <= 0x1f1ff }

// extends reports whether a rune belongs to the character before it.
func extends(r rune) bool {
	switch {
	case r == '\u200d', r >= 0xfe00 && r <= 0xfe0f, r >= 0x1f3fb && r <= 0x1f3ff, r >= 0xe0020 && r <= 0xe007f:
		return true
	}
	return r >= 0x300 && unicode.In(r, unicode.Mn, unicode.Me, unicode.Mc)
}

// joins reports whether the runes of a script are drawn differently side by side, so
// that a word is measured as a whole.
func joins(r rune) bool {
	return r >= 0x590 && r < 0x1100 || r >= 0x1780 && r < 0x1e00 || r >= 0xa800 && r < 0xac00 || r >= 0xfb1d && r < 0xfe00
}

// wide reports whether a line may be broken on both sides of a rune: Chinese,
// Japanese, Korean, emoji.
func wide(r rune) bool {
	switch {
	case r < 0x2e80:
		return r >= 0x2600 && r < 0x27c0
	case r <= 0x9fff, r >= 0xac00 && r <= 0xd7a3, r >= 0xf900 && r <= 0xfaff, r >= 0xff00 && r <= 0xffef, r >= 0x1f000 && r <= 0x3ffff:
		return true
	}
	return false
}

// What may not begin or end a line.
const (
	neverFirst = "!),.:;?]}%~、。〉》」』】〕〗〟’”…‥ー々ぁぃぅぇぉっゃゅょァィゥェォッャュョ\uff01\uff09\uff0c\uff0e\uff1a\uff1b\uff1f\uff3d\uff5d\uff5e\uff05"
	neverLast  = "([{$¥〈《「『【〔〖〝‘“\uff08\uff3b\uff5b\uff04\uffe5"
)

// piece is the part of a line that is not broken.
type piece struct {
	end   int // byte after it
	width float32
	space bool
}

// Wrap breaks a text into lines of at most width, at least one.
func (m *Measurer) Wrap(text string, width float32) []Line {
	lines := make([]Line, 0, 1+strings.Count(text, "\n"))
	at := 0
	for {
		end := strings.IndexByte(text[at:], '\n')
		if end < 0 {
			return m.wrapParagraph(lines, text, Line{From: at, To: len(text)}, width)
		}
		lines = m.wrapParagraph(lines, text, Line{From: at, To: at + end}, width)
		at += end + 1
	}
}

// wrapParagraph adds the lines of one paragraph.
func (m *Measurer) wrapParagraph(lines []Line, text string, whole Line, width float32) []Line {
	line := Line{From: whole.From, To: whole.From}
	var spaces float32 // at the end of the line, not counted yet
	for at := whole.From; at < whole.To; {
		p := m.next(text[:whole.To], at)
		switch {
		case p.space:
			spaces += p.width
		case line.Width+spaces+p.width <= width && p.end-line.From <= lineBytes:
			line.Width, spaces = line.Width+spaces+p.width, 0
		case p.width <= width && p.end-at <= lineBytes:
			lines = append(lines, line)
			line, spaces = Line{From: at, Width: p.width}, 0
		default:
			if line.To > line.From && line.Width+spaces > width/2 {
				lines = append(lines, line)
				line, spaces = Line{From: at}, 0
			}
			line.Width += spaces
			spaces = 0
			lines, line = m.cut(lines, text[:p.end], line, cutting{at, width})
		}
		line.To, at = p.end, p.end
	}
	return append(lines, line)
}

// cutting is where and how wide a word is cut.
type cutting struct {
	at    int
	width float32
}

// cut breaks a word that is wider than a line anywhere between its characters.
func (m *Measurer) cut(lines []Line, text string, line Line, c cutting) ([]Line, Line) {
	for at := c.at; at < len(text); {
		n := Cluster(text[at:])
		w := m.cluster(text[at : at+n])
		if (line.Width+w > c.width || at+n-line.From > lineBytes) && at > line.From {
			line.To = at
			lines = append(lines, line)
			line = Line{From: at}
		}
		line.Width += w
		at += n
	}
	return lines, line
}

func (m *Measurer) cluster(s string) float32 {
	if pictured(s) {
		return m.Width(s) * PictureScale
	}
	if r, size := utf8.DecodeRuneInString(s); size == len(s) {
		return m.rune(r)
	}
	return m.Width(s)
}

// PictureScale is how much larger than letters emoji are drawn, and PictureDrop by which
// part of the text's size lower: Fyne puts them too high.
const (
	PictureScale = 1.15
	PictureDrop  = 0.1
)

// pictured reports whether a character is an emoji.
func pictured(cluster string) bool {
	r, size := utf8.DecodeRuneInString(cluster)
	return r >= 0x1f1e6 && r <= 0x1faff || r >= 0x2190 && size < len(cluster) && strings.Contains(cluster, "\ufe0f")
}

// Run is a part of a line that is drawn as one: letters, or a single emoji, of which the
// driver keeps one picture however often it is there.
type Run struct {
	Text    string
	Picture bool
	Width   float32
}

// Runs are the parts of a line.
func (m *Measurer) Runs(line string) (all []Run) {
	if strings.IndexFunc(line, func(r rune) bool { return r >= 0x2190 }) < 0 {
		return []Run{{Text: line, Width: m.Width(line)}}
	}
	letters := func(s string) {
		if s != "" {
			all = append(all, Run{Text: s, Width: m.Width(s)})
		}
	}
	from := 0
	for at := 0; at < len(line); {
		n := Cluster(line[at:])
		if c := line[at : at+n]; pictured(c) {
			letters(line[from:at])
			all, from = append(all, Run{Text: c, Picture: true, Width: m.cluster(c)}), at+n
		}
		at += n
	}
	letters(line[from:])
	return all
}

// next is the piece of a paragraph that begins at a byte.
func (m *Measurer) next(text string, at int) piece {
	r, size := utf8.DecodeRuneInString(text[at:])
	if r == ' ' || r == '\t' || r == '\u3000' {
		return piece{end: at + size, width: m.rune(r), space: true}
	}
	p := piece{end: at}
	begin, joined := at, false
	for p.end < len(text) {
		n := Cluster(text[p.end:])
		r, _ := utf8.DecodeRuneInString(text[p.end:])
		if r == ' ' || r == '\t' || r == '\u3000' || p.end > begin && breaks(text[begin:p.end], r) {
			break
		}
		joined = joined || joins(r)
		if !joined {
			p.width += m.cluster(text[p.end : p.end+n])
		}
		p.end += n
	}
	if joined {
		p.width = m.word(text[begin:p.end])
	}
	return p
}

// breaks reports whether a line may be broken between what is there and r.
func breaks(there string, r rune) bool {
	last, _ := utf8.DecodeLastRuneInString(there)
	if !wide(r) && !wide(last) && !(last == '-' || last == '/') {
		return false
	}
	if last == '/' || last == '-' {
		return len(there) > 8 && unicode.IsLetter(r)
	}
	return len(there) >= wordBytes || !strings.ContainsRune(neverFirst, r) && !strings.ContainsRune(neverLast, last)
}

// word measures a word whose letters join, in pieces if it is long.
func (m *Measurer) word(s string) (width float32) {
	for len(s) > wordBytes {
		n := 0
		for n < wordBytes && n < len(s) {
			n += Cluster(s[n:])
		}
		width += m.Width(s[:n])
		s = s[n:]
	}
	return width + m.Width(s)
}

// Widest is the width of the widest line.
func Widest(lines []Line) float32 {
	if len(lines) == 0 {
		return 0
	}
	return slices.MaxFunc(lines, func(a, b Line) int {
		switch {
		case a.Width < b.Width:
			return -1
		case a.Width > b.Width:
			return 1
		}
		return 0
	}).Width
}
