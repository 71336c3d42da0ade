//go:build !ci && !(linux || freebsd || netbsd || openbsd || dragonfly)

package main

import (
	"context"
	"unicode/utf8"

	"golang.design/x/clipboard"

	"zeroms/ui"
)

// pasteText is ui.Config's.
func pasteText(ctx context.Context) (string, error) {
	b, err := runPaste(ctx, clipboard.FmtText, maxPasteText)
	if !utf8.Valid(b) {
		return "", err
	}
	return string(b), err
}

// pasteImage is ui.Config's.
func pasteImage(ctx context.Context) ([]byte, error) {
	return runPaste(ctx, clipboard.FmtImage, maxPasteImage)
}

// runPaste asks the system, which may wait for the program that has the clipboard, and
// leaves it waiting when ctx ends: it can't be called back.
func runPaste(ctx context.Context, format clipboard.Format, limit int) ([]byte, error) {
	if clipboard.Init() != nil {
		return nil, ui.ErrPasteAway
	}
	read := make(chan []byte, 1)
	go func() { read <- clipboard.Read(format) }()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case b := <-read:
		if len(b) > limit {
			return nil, ui.ErrPasteLarge
		}
		return b, nil
	}
}
