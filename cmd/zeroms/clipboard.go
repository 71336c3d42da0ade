//go:build !ci

package main

import "zeroms/protocol/card"

// Bounds of what is read from the clipboard, in bytes: a text, which is more than any
// field takes, and a picture.
const (
	maxPasteText  = 1 << 20
	maxPasteImage = card.MaxFile
)
