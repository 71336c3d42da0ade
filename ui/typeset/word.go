package typeset

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// kind is what belongs together in a word.
type kind uint8

const (
	single kind = iota // stands for itself: signs, emoji
	blank
	letters
	han
	kana
	hangul
	end // of a paragraph
)

func kindOf(r rune) kind {
	switch {
	case r == '\n':
		return end
	case unicode.IsSpace(r):
		return blank
	case unicode.Is(unicode.Han, r) || r == '々':
		return han
	case unicode.In(r, unicode.Hiragana, unicode.Katakana) || r == 'ー':
		return kana
	case unicode.Is(unicode.Hangul, r):
		return hangul
	case unicode.IsLetter(r), unicode.IsNumber(r), unicode.IsMark(r), r == '_':
		return letters
	}
	return single
}

// Word is the word in which the character at a byte of a text stands: letters and
// digits, with dots and apostrophes within, as in "don't", "3.14" and "example.org";
// or signs of one script of East Asia; or blanks. Any other sign stands for itself. At
// the end of a paragraph it is the last word of that.
func Word(text string, at int) (from, to int) {
	begin := strings.LastIndexByte(text[:at], '\n') + 1
	before := single
	for here := begin; here < len(text); {
		n := Cluster(text[here:])
		r, _ := utf8.DecodeRuneInString(text[here:])
		k := kindOf(r)
		if k == end {
			break
		}
		if k == single && before == letters && inner(r, text[:here], text[here+n:]) {
			k = letters
		}
		if k == single || k != before {
			if here > at {
				break
			}
			from = here
		}
		here += n
		before, to = k, here
	}
	if to <= begin {
		return at, at
	}
	return from, to
}

// inner reports whether a sign stands within a word.
func inner(r rune, before, after string) bool {
	next, _ := utf8.DecodeRuneInString(after)
	switch r {
	case '\'', '’', '.':
		return kindOf(next) == letters
	case ',':
		last, _ := utf8.DecodeLastRuneInString(before)
		return unicode.IsDigit(last) && unicode.IsDigit(next)
	}
	return false
}
