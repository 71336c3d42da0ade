//go:build ci

package main

import (
	"context"

	"zeroms/ui"
)

// pasteText is ui.Config's: without a screen there is the clipboard of Fyne's tests only.
func pasteText(context.Context) (string, error) { return "", ui.ErrPasteAway }

// pasteImage finds no picture.
func pasteImage(context.Context) ([]byte, error) { return nil, nil }
