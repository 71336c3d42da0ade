// Package plain makes texts of others harmless on a terminal.
package plain

import (
	"fmt"
	"strings"
	"unicode"
)

// zeroWidth are the two invisible characters that several scripts and emoji
// can't be written without; they move nothing.
const zeroWidth = "\u200c\u200d"

// Text makes a text of somebody else harmless on a terminal line: what a
// terminal would obey (control characters, escape sequences), what changes the
// direction of reading, and what is not visible at all is written as \u{...}.
func Text(text string) string {
	var b strings.Builder
	for _, r := range text {
		if unicode.IsPrint(r) || strings.ContainsRune(zeroWidth, r) {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\u{%x}`, r)
		}
	}
	return b.String()
}

// Lines is Text for a text of several lines. Every further line begins with
// indent, so that it can't pass for a line of ours.
func Lines(text, indent string) string {
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for i, line := range lines {
		lines[i] = Text(strings.ReplaceAll(line, "\t", "    "))
	}
	return strings.Join(lines, "\n"+indent)
}
