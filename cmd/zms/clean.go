package main

import (
	"fmt"
	"strings"
	"unicode"
)

// zeroWidth are the two invisible characters that several scripts and emoji
// can't be written without; they move nothing.
const zeroWidth = "\u200c\u200d"

// clean makes a text of somebody else harmless on a terminal line: what a
// terminal would obey (control characters, escape sequences), what changes the
// direction of reading, and what is not visible at all is written as \u{...}.
func clean(text string) string {
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

// cleanLines is clean for a text of several lines. Every further line begins
// with indent, so that it can't pass for a line of ours.
func cleanLines(text, indent string) string {
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	for i, line := range lines {
		lines[i] = clean(strings.ReplaceAll(line, "\t", "    "))
	}
	return strings.Join(lines, "\n"+indent)
}
