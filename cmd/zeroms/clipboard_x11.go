//go:build !ci && (linux || freebsd || netbsd || openbsd || dragonfly)

package main

import (
	"context"
	"errors"

	"zeroms/cmd/zeroms/selection"
	"zeroms/ui"
)

// pasteText is ui.Config's. Fyne's clipboard waits without end for the program that has
// put something there, with the screen standing still.
func pasteText(ctx context.Context) (string, error) {
	text, err := selection.Text(ctx, maxPasteText)
	return text, pasteError(err)
}

// pasteImage is ui.Config's.
func pasteImage(ctx context.Context) ([]byte, error) {
	png, err := selection.PNG(ctx, maxPasteImage)
	return png, pasteError(err)
}

func pasteError(err error) error {
	switch {
	case errors.Is(err, selection.ErrSilent):
		return ui.ErrPasteSilent
	case errors.Is(err, selection.ErrLarge):
		return ui.ErrPasteLarge
	case errors.Is(err, selection.ErrServer):
		return ui.ErrPasteAway
	}
	return err
}
