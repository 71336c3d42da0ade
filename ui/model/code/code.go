// Package code draws QR codes for the screens.
package code

import (
	"bytes"
	"image"
	"image/draw"
	"image/png"

	"zeroms/protocol/card"
)

// The quiet zone around a code, in modules: what it has, and what is enough on the white
// paper that screens lay below it.
const (
	quiet      = 4
	leastQuiet = 2
)

// Picture is text as a QR code at ECC M, black on white, in a square of the given side in
// pixels; every module has the same whole number of them, and one more where that fits
// with a quiet zone of 2 modules instead of 4. Errors: wire.ErrTooLarge if the text does
// not fit a code, wire.ErrValue if there is none or if the code does not fit the square.
func Picture(text string, pixels int) (image.Image, error) {
	pixels = min(pixels, card.MaxPixels)
	first, err := drawn(text, pixels)
	if err != nil {
		return nil, err
	}
	module, modules := measure(first)
	larger := (module + 1) * modules
	if module == 0 || larger > card.MaxPixels || larger-pixels > 2*(quiet-leastQuiet)*(module+1) {
		return first, nil
	}
	second, err := drawn(text, larger)
	if err != nil {
		return first, nil
	}
	out := image.NewGray(image.Rect(0, 0, pixels, pixels))
	off := (larger - pixels) / 2
	draw.Draw(out, out.Bounds(), second, image.Pt(off, off), draw.Src)
	return out, nil
}

func drawn(text string, pixels int) (image.Image, error) {
	content, err := card.EncodePNG(text, pixels)
	if err != nil {
		return nil, err
	}
	return png.Decode(bytes.NewReader(content))
}

// measure finds how many pixels a module has and how many modules the side has, quiet
// zone included: the upper edge of a code begins and ends with a mark of 7 modules.
func measure(picture image.Image) (module, modules int) {
	side := picture.Bounds().Dx()
	black := func(x, y int) bool {
		r, _, _, _ := picture.At(x, y).RGBA()
		return r == 0
	}
	at := 0
	for at < side && !black(at, at) {
		at++
	}
	end := at
	for end < side && black(end, at) {
		end++
	}
	if module = (end - at) / 7; module == 0 {
		return 0, 0
	}
	last := side - 1
	for last > at && !black(last, at) {
		last--
	}
	return module, (last+1-at)/module + 2*quiet
}
