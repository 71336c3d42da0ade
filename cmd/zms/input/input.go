// Package input reads what arguments of commands mean: cards and addresses from texts,
// files, pictures and stdin, and texts.
package input

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"zeroms/cmd/zms/control"
	"zeroms/protocol/card"
	"zeroms/protocol/wire"
)

// maxCode bounds a file that holds a card or an address as text, in bytes.
const maxCode = 16 << 10

// Code is the card or address that an argument means: itself, or what stands
// in the file of that name or comes from stdin ("-"), as text or as a picture
// of a QR code.
func Code(stdin io.Reader, argument string) (string, error) {
	if argument == "-" {
		return readCode(stdin)
	}
	f, err := os.Open(argument)
	switch {
	case err == nil:
		defer f.Close()
		if isPicture(argument) {
			return card.DecodeImage(f)
		}
		return readCode(f)
	case isFile(argument) && errors.Is(err, fs.ErrNotExist):
		return "", control.Usage("there is no file %s; check its name", argument)
	case isFile(argument):
		return "", control.Usage("the file can't be read: %v", err)
	}
	return argument, nil
}

// Given is Code of an argument that has to be a card, an address or a user ID: what can
// be none of these is the name of a file that is not there. Errors: those of Code.
func Given(stdin io.Reader, argument string) (string, error) {
	code, err := Code(stdin, argument)
	if err != nil || code != argument || code == "" || strings.Contains(argument, ":") || len(argument) >= shortest {
		return code, err
	}
	return "", control.Usage("there is no file %s, and it is no code either: a contact card begins with ZMS: and a gateway address with ZMSG:", argument)
}

// shortest is below what a user ID has in bytes, which has no prefix.
const shortest = 50

// isFile reports whether an argument can only mean a file.
func isFile(argument string) bool {
	return isPicture(argument) || strings.HasSuffix(argument, ".txt") ||
		strings.HasPrefix(argument, "/") || strings.HasPrefix(argument, "./") || strings.HasPrefix(argument, "../")
}

// isPicture reports whether a name is one of a picture.
func isPicture(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".png", ".jpg", ".jpeg":
		return true
	}
	return false
}

// pictures are the first bytes of the pictures that can be read.
var pictures = []string{"\x89PNG", "\xff\xd8\xff"}

// readCode reads a picture or a text.
func readCode(r io.Reader) (string, error) {
	head := make([]byte, 4)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return "", control.Usage("the file can't be read: %v", err)
	}
	head = head[:n]
	r = io.MultiReader(bytes.NewReader(head), r)
	for _, p := range pictures {
		if strings.HasPrefix(string(head), p) {
			return card.DecodeImage(r)
		}
	}
	text, err := io.ReadAll(io.LimitReader(r, maxCode+1))
	if err != nil {
		return "", control.Usage("the file can't be read: %v", err)
	}
	if len(text) > maxCode {
		return "", wire.ErrTooLarge
	}
	return string(text), nil
}

// maxStdin bounds a text from stdin in bytes, far above what a message takes.
const maxStdin = 64 << 10

// Text is the message that an argument means: itself, or stdin without its
// last line feed.
func Text(stdin io.Reader, argument string) (string, error) {
	if argument != "-" {
		return argument, nil
	}
	b, err := io.ReadAll(io.LimitReader(stdin, maxStdin))
	if err != nil {
		return "", control.Usage("stdin can't be read: %v", err)
	}
	return strings.TrimSuffix(string(b), "\n"), nil
}
