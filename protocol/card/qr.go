package card

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strings"

	qrcode "github.com/skip2/go-qrcode"

	"zeroms/protocol/wire"
)

// Limits of the pictures that EncodePNG makes.
const (
	MaxText   = 2300 // characters: a QR code at ECC M holds no more bytes
	MaxPixels = 4096 // side of the picture
)

// EncodePNG draws text as a QR code (ECC M, with its quiet zone of 4 modules)
// in a square PNG of the given side in pixels. Every module has the same whole
// number of pixels. Text in upper case takes the denser alphanumeric mode. It fails with ErrTooLarge if the text does not fit
// a QR code, and with ErrValue if the code does not fit the side.
func EncodePNG(text string, pixels int) ([]byte, error) {
	code, err := encodeQR(text)
	if err != nil {
		return nil, err
	}
	rows := code.Bitmap()
	if pixels < len(rows) || pixels > MaxPixels {
		return nil, wire.ErrValue.Because(fmt.Sprintf("the picture of this code has a side of %d to %d pixels", len(rows), MaxPixels))
	}
	var out bytes.Buffer
	if err := png.Encode(&out, drawModules(rows, pixels)); err != nil {
		return nil, fmt.Errorf("card: the QR code could not be written: %w", err)
	}
	return out.Bytes(), nil
}

// drawModules gives every module the same whole number of pixels, as scanners
// like it, and what is left over to the quiet zone.
func drawModules(rows [][]bool, pixels int) image.Image {
	out := image.NewPaletted(image.Rect(0, 0, pixels, pixels), color.Palette{color.White, color.Black})
	size := pixels / len(rows)
	margin := (pixels - size*len(rows)) / 2
	for y := range size * len(rows) {
		for x := range size * len(rows) {
			if rows[y/size][x/size] {
				out.SetColorIndex(margin+x, margin+y, 1)
			}
		}
	}
	return out
}

func encodeQR(text string) (*qrcode.QRCode, error) {
	if text == "" {
		return nil, wire.ErrValue.Because("there is no text to draw")
	}
	if len(text) > MaxText {
		return nil, wire.ErrTooLarge
	}
	code, err := qrcode.New(text, qrcode.Medium)
	if err != nil {
		return nil, wire.ErrTooLarge
	}
	return code, nil
}

// The colours of Terminal are fixed ones of the 256-colour cube (black 16 on
// white 231), which no theme changes, so that the code is dark on light in
// dark and light terminals alike.
const (
	blackOnWhite = "\x1b[38;5;16;48;5;231m"
	noColour     = "\x1b[0m"
)

// Terminal draws text as a QR code (ECC M, with its quiet zone) out of half
// blocks, two modules a character, one line per row, for a terminal of any
// background. It is empty if the text is empty or does not fit a QR code.
func Terminal(text string) string {
	code, err := encodeQR(text)
	if err != nil {
		return ""
	}
	rows := code.Bitmap()
	var out strings.Builder
	for y := 0; y < len(rows); y += 2 {
		out.WriteString(blackOnWhite)
		for x, upper := range rows[y] {
			lower := y+1 < len(rows) && rows[y+1][x]
			out.WriteString(halfBlock(upper, lower))
		}
		out.WriteString(noColour + "\n")
	}
	return out.String()
}

func halfBlock(upper, lower bool) string {
	switch {
	case upper && lower:
		return "█"
	case upper:
		return "▀"
	case lower:
		return "▄"
	}
	return " "
}
