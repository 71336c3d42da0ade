//go:build !ci

package main

import (
	"sync"

	"golang.design/x/clipboard"
)

// clipboardReady connects to the system's clipboard once; fyne's is for text only.
var clipboardReady = sync.OnceValue(clipboard.Init)

// pasteImage is the picture in the clipboard as PNG, nil if there is none.
func pasteImage() []byte {
	if clipboardReady() != nil {
		return nil
	}
	return clipboard.Read(clipboard.FmtImage)
}
