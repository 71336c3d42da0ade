package words

import (
	"strings"
	"unicode"
)

// spaced puts a space between Chinese and other letters or digits that touch, as Chinese
// is set: what is put into a sentence does not know where it will stand.
func spaced(text string) string {
	var out strings.Builder
	var before rune
	for _, now := range text {
		if han(before) && other(now) || other(before) && han(now) {
			out.WriteByte(' ')
		}
		out.WriteRune(now)
		before = now
	}
	return out.String()
}

func han(r rune) bool { return unicode.Is(unicode.Han, r) }

func other(r rune) bool {
	return unicode.In(r, unicode.Latin, unicode.Cyrillic, unicode.Greek) || unicode.IsDigit(r)
}
