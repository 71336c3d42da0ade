// Package places holds the view models of the user's gateways, of the gateway inside
// the app and of the settings, and reads the address of a gateway out of whatever
// people have it in. Like all of package model it belongs to the screen's goroutine,
// waits for nothing and sees no screen.
package places

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"zeroms/protocol/card"
)

// Address is the address of a gateway.
type Address = card.Address

// HostOf is how a gateway is called: its host, and its port if that is not everybody's.
func HostOf(a Address) string { return shortHost(a.Endpoint()) }

// NetworkOf is the network of a gateway by its name, empty for the one that people use.
// Anybody can say anything there.
func NetworkOf(a Address) string {
	switch a.Network {
	case card.NetworkPublic:
		return ""
	case card.NetworkLab:
		return "lab"
	}
	for _, c := range a.Network {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return hex.EncodeToString(a.Network[:])
		}
	}
	return string(a.Network[:])
}

// Code is what a text or a picture turned out to be.
type Code struct {
	// Address is the gateway's, if it names one.
	Address Address
	// Card is the text of a contact card, if it is one instead.
	Card string
}

// maxText bounds what is read as text, in bytes.
const maxText = 64 << 10

// ErrTooLong is returned for a text that is far too long for a code.
var ErrTooLong = errors.New("places: this is too long to be an address; copy the address alone")

// ReadText reads the address of a gateway, or a contact card in its place. The errors
// are those of card.ParseAddress, and ErrTooLong.
func ReadText(text string) (Code, error) {
	if len(text) > maxText {
		return Code{}, ErrTooLong
	}
	a, err := card.ParseAddress(bare(text))
	if err == nil {
		return Code{Address: a}, nil
	}
	if _, wrong := card.Parse(text); wrong == nil {
		return Code{Card: text}, nil
	}
	return Code{}, err
}

// bare is a text without the scheme by which a link opens in the app.
func bare(text string) string {
	const scheme = "zeroms:"
	text = strings.TrimSpace(text)
	if len(text) > len(scheme) && strings.EqualFold(text[:len(scheme)], scheme) {
		return strings.TrimLeft(text[len(scheme):], "/")
	}
	return text
}

// ReadImage reads a PNG or JPEG with a QR code. The errors are those of ReadText and
// of card.DecodeImage.
func ReadImage(r io.Reader) (Code, error) {
	text, err := card.DecodeImage(r)
	if err != nil {
		return Code{}, err
	}
	return ReadText(text)
}

// ReadFile reads a picture or a text file. It waits for the disk, and for nothing that
// may never answer: a pipe or a device is a picture that can't be read. The errors are
// those of ReadImage and of the system.
func ReadFile(path string) (Code, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Code{}, err
	}
	if !info.Mode().IsRegular() {
		return ReadImage(bytes.NewReader(nil))
	}
	f, err := os.Open(path)
	if err != nil {
		return Code{}, err
	}
	defer func() { _ = f.Close() }() // it was only read
	head, err := io.ReadAll(io.LimitReader(f, maxText))
	if err != nil {
		return Code{}, err
	}
	if len(head) < maxText && utf8.Valid(head) && !bytes.ContainsRune(head, 0) {
		return ReadText(string(head))
	}
	return ReadImage(io.MultiReader(bytes.NewReader(head), f))
}
