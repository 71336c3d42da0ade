package model

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// What is drawn of texts of others at once: the time that takes grows with each.
const (
	nameRunes    = 48
	previewRunes = 120
	textLines    = 40
	textRunes    = 3000
	textEmoji    = 200
	maxMarks     = 3 // combining marks on one letter
)

// Shown is what is drawn of a text.
type Shown struct {
	Text string
	// Hidden is how many characters were left out at its end; 0: none.
	Hidden int
}

// Name makes what somebody is called harmless: one line of what is visible, in the
// direction of its letters, with few marks on each and 48 characters at most, so that
// it can't pass for another name or for words of the app. It is empty if nothing is
// visible.
func Name(s string) string { return line(s, nameRunes) }

// Preview is the beginning of a text in one line, harmless as Name is.
func Preview(s string) string { return line(s, previewRunes) }

// Text makes a text of somebody harmless and short enough to be drawn: it keeps its
// letters and lines, and loses what changes the direction of reading or can't be seen.
// size is how often its reader asked for more: 0 is 40 lines, 3,000 characters and 200
// emoji at most, and each further one twice as much.
func Text(s string, size int) Shown {
	size = min(max(size, 0), 16)
	lines, runes, emoji := textLines<<size, textRunes<<size, textEmoji<<size
	s = strings.TrimFunc(s, blank)
	var c cleaner
	for i, r := range s {
		if lines <= 0 || c.n >= runes || emoji <= 0 {
			return Shown{Text: strings.TrimRightFunc(c.String(), blank), Hidden: utf8.RuneCountInString(s[i:])}
		}
		switch before := c.n; {
		case r == '\r' && strings.HasPrefix(s[i+1:], "\n"):
		case lineBreak(r):
			lines--
			c.put('\n')
		case r == '\t':
			c.WriteString("    ")
			c.marks, c.last = 0, ' '
			c.n += 4
		default:
			if c.take(r); c.n > before && pictograph(r) {
				emoji--
			}
		}
	}
	return Shown{Text: c.String()}
}

func line(s string, limit int) string {
	var c cleaner
	for _, r := range s {
		if blank(r) {
			if c.n > 0 && c.last != ' ' {
				c.put(' ')
			}
			continue
		}
		if c.take(r); c.n > limit {
			return strings.TrimRight(cut(c.String(), limit), " \u200c\u200d") + "…"
		}
	}
	return strings.TrimRight(c.String(), " \u200c\u200d")
}

// cut is the first n characters of a text.
func cut(s string, n int) string {
	for i := range s {
		if n--; n < 0 {
			return s[:i]
		}
	}
	return s
}

// cleaner collects what is visible of a text.
type cleaner struct {
	strings.Builder
	n     int  // characters
	marks int  // on the last letter
	last  rune // 0: none
}

func (c *cleaner) put(r rune) {
	c.WriteRune(r)
	c.n++
	c.marks, c.last = 0, r
}

// take adds a character that is no blank, unless it has to go.
func (c *cleaner) take(r rune) {
	switch {
	case r == '\u200c' || r == '\u200d':
		// Some scripts and emoji can't be written without these two; elsewhere they hide.
		if joins(c.last) {
			c.put(r)
		}
	case hidden(r):
	case unicode.Is(unicode.M, r):
		if c.last == 0 || c.last == ' ' || c.last == '\n' || c.marks >= maxMarks {
			return
		}
		c.marks++
		c.WriteRune(r)
		c.n++
	case blankLetter(r):
		c.put(' ')
	case unicode.IsGraphic(r):
		c.put(r)
	default:
		c.put(utf8.RuneError)
	}
}

// joins reports whether a zero-width joiner may stand after a character: an emoji, or
// a letter of a script that joins its letters.
func joins(r rune) bool {
	return pictograph(r) || unicode.In(r, unicode.Arabic, unicode.Syriac, unicode.Mongolian, unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi,
		unicode.Gujarati, unicode.Oriya, unicode.Tamil, unicode.Telugu, unicode.Kannada, unicode.Malayalam, unicode.Sinhala, unicode.Khmer)
}

// hidden reports whether nothing is seen of a character but what it does to others.
func hidden(r rune) bool {
	switch {
	case r >= 0x600 && r <= 0x605, r == 0x6dd, r == 0x70f, r == 0x8e2: // number signs of Arabic and Syriac
		return false
	case r == 0x34f, r >= 0x17b4 && r <= 0x17b5, r >= 0x180b && r <= 0x180f, r >= 0xfe00 && r <= 0xfe0e, r >= 0xe0000 && r <= 0xe0fff:
		return true
	}
	return unicode.In(r, unicode.Cf, unicode.Cc)
}

// blank reports whether a character is seen as nothing or as room.
func blank(r rune) bool {
	return blankLetter(r) || unicode.IsSpace(r) || unicode.In(r, unicode.Z)
}

// blankLetter reports whether a character is a letter or sign that nothing is seen of.
func blankLetter(r rune) bool {
	return r == 0x115f || r == 0x1160 || r == 0x3164 || r == 0xffa0 || r == 0x2800
}

func lineBreak(r rune) bool {
	return r == '\n' || r == '\r' || r == '\v' || r == '\f' || r == 0x85 || r == 0x2028 || r == 0x2029
}

// pictograph reports whether a character is drawn as a picture.
func pictograph(r rune) bool {
	return r >= 0x1f000 && r <= 0x1faff || r >= 0x2600 && r <= 0x27bf || r >= 0x2b00 && r <= 0x2bff
}

// folds are the letters that are found by another one: Latin with accents, and Greek
// and Cyrillic ones that are often written without.
var folds = [...]string{
	"aàáâãäåāăąǎạảấầẩẫậắằẳẵặ", "cçćĉċč", "dďđð", "eèéêëēĕėęěẹẻẽếềểễệ", "gĝğġģǧ", "hĥħ", "iìíîïĩīĭįıǐỉị", "jĵ", "kķ", "lĺļľŀł", "nñńņňŉ",
	"oòóôõöøōŏőǒơọỏốồổỗộớờởỡợ", "rŕŗř", "sśŝşšșſ", "tţťŧț", "uùúûüũūŭůűųǔưụủứừửữự", "wŵẁẃẅ", "yýÿŷỳỵỷỹ", "zźżž",
	"αά", "εέ", "ηή", "ιίϊΐ", "οό", "υύϋΰ", "ωώ", "σς", "её", "ий",
}

// Fold is a text as it is searched: in small letters and without accents.
func Fold(s string) string {
	return strings.Map(func(r rune) rune {
		if r = unicode.ToLower(r); r < 0x80 {
			return r
		}
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		for _, f := range folds {
			if strings.ContainsRune(f, r) {
				first, _ := utf8.DecodeRuneInString(f)
				return first
			}
		}
		return r
	}, s)
}

// Matches reports whether a name is found by a text, both folded: each word of the text
// begins a word of the name or, in a script without spaces, stands anywhere in it.
func Matches(name, text string) bool {
	for _, want := range strings.Fields(text) {
		if !begins(name, want) {
			return false
		}
	}
	return true
}

func begins(name, want string) bool {
	first, _ := utf8.DecodeRuneInString(want)
	if unicode.In(first, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai) {
		return strings.Contains(name, want)
	}
	for at := 0; ; {
		i := strings.Index(name[at:], want)
		if i < 0 {
			return false
		}
		before, _ := utf8.DecodeLastRuneInString(name[:at+i])
		if at+i == 0 || !unicode.IsLetter(before) && !unicode.IsDigit(before) {
			return true
		}
		at += i + len(string(first))
	}
}
