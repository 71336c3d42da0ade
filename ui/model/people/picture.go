package people

import (
	"bytes"
	"context"
	"errors"
	"image"
	_ "image/jpeg" // the two formats that a QR code is read from
	_ "image/png"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"zeroms/protocol/card"
	"zeroms/ui/words"
)

// Errors of pictures and files.
var (
	errNoPicture  = errors.New("people: there is no picture in the clipboard")
	errNotPicture = errors.New("people: the file is no picture; choose a PNG or JPEG")
	errLarge      = errors.New("people: the picture is too large; cut it to the code")
	errFile       = errors.New("people: the file can't be read; check that it is there")
)

// maxTextFile bounds a file that holds a code as text, in bytes.
const maxTextFile = 16 << 10

// deepArea is how many pixels a picture of any colours may have.
const deepArea = card.MaxArea / 2

// maxPath bounds the path of a file, in bytes.
const maxPath = 4 << 10

// picturePath is the path of a picture that a text is, by itself or as a URI; empty: it
// is none.
func picturePath(text string) string {
	text = strings.TrimSpace(text[:min(len(text), maxPath+1)])
	if len(text) > maxPath || strings.ContainsAny(text, "\r\n") {
		return ""
	}
	if uri, err := url.Parse(text); err == nil && uri.Scheme == "file" && (uri.Host == "" || uri.Host == "localhost") {
		text = uri.Path
	}
	switch strings.ToLower(filepath.Ext(text)) {
	case ".png", ".jpg", ".jpeg":
		if filepath.IsAbs(text) {
			return text
		}
	}
	return ""
}

// readFile is the text of the QR code in a picture, or of a small text file.
func readFile(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return "", errFile
	}
	if info.Size() > card.MaxFile {
		return "", errLarge
	}
	f, err := os.Open(path)
	if err != nil {
		return "", errFile
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, card.MaxFile+1))
	if err != nil {
		return "", errFile
	}
	return readContent(content)
}

// readContent is readFile of what is in a file.
func readContent(content []byte) (string, error) {
	if len(content) > card.MaxFile {
		return "", errLarge
	}
	if !picture(content) {
		if len(content) > 0 && len(content) <= maxTextFile && utf8.Valid(content) && bytes.IndexByte(content, 0) < 0 {
			return string(content), nil
		}
		return "", errNotPicture
	}
	size, _, err := image.DecodeConfig(bytes.NewReader(content))
	if err == nil && size.Width > 0 && size.Height > card.MaxArea/size.Width {
		return "", errLarge
	}
	text, err := card.DecodeImage(bytes.NewReader(content))
	if err != nil && named(err.Error()) == "image" && size.Width > 0 && size.Height > deepArea/size.Width {
		return "", errLarge // more memory than it may take, for its colours
	}
	return text, err
}

// picture reports whether content begins as a PNG or JPEG does.
func picture(content []byte) bool {
	return bytes.HasPrefix(content, []byte("\x89PNG\r\n\x1a\n")) || bytes.HasPrefix(content, []byte("\xff\xd8\xff"))
}

// pictureTrouble says what is wrong with a picture or file, and what to do.
func pictureTrouble(w *words.Words, err error) string {
	switch {
	case errors.Is(err, errNoPicture):
		return w.Say("people.picture.none")
	case errors.Is(err, errNotPicture):
		return w.Say("people.picture.format")
	case errors.Is(err, errLarge):
		return w.Say("people.picture.large")
	case errors.Is(err, errFile):
		return w.Say("people.picture.file")
	}
	if named(err.Error()) == "no-qr" {
		return w.Say("people.picture.code")
	}
	return w.Say("people.picture.damaged")
}

// look reads a picture or file beside everything else and hands its text on, unless
// another one was asked for meanwhile.
func (b *base) look(turn *int, from func() (string, error), then func(text string, err error)) {
	*turn++
	mine := *turn
	b.deps.Async.Slow(func(context.Context) func() {
		text, err := from()
		return func() {
			if !b.closed && mine == *turn {
				then(text, err)
			}
		}
	})
}
