package card

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/draw"
	"testing"

	"zeroms/protocol/wire"
)

// patterned is a picture of nothing but finder patterns, the worst a picture
// can do to the search.
func patterned(w, h, module int) *image.Gray {
	out := image.NewGray(image.Rect(0, 0, w, h))
	draw.Draw(out, out.Rect, image.White, image.Point{}, draw.Src)
	for y := range h {
		for x := range w {
			cx, cy := x/module%8, y/module%8
			ring := max(max(cx-3, 3-cx), max(cy-3, 3-cy))
			if cx < 7 && cy < 7 && ring != 2 {
				out.SetGray(x, y, color.Gray{})
			}
		}
	}
	return out
}

// striped shows a row of a finder pattern in every row: long dark columns.
func striped(w, h int) *image.Gray {
	out := image.NewGray(image.Rect(0, 0, w, h))
	for i := range out.Pix {
		if c := i % w % 8; c == 1 || c == 5 || c == 7 {
			out.Pix[i] = 255
		}
	}
	return out
}

func BenchmarkDecodeImage(b *testing.B) {
	s := text(b, private(b))
	own, err := EncodePNG(s, 512)
	must(b, err)
	photo := scenery(4000, 3000)
	plain := asJPEG(b, photo, 75)
	paste(photo, turn(modules(b, s, 8), 7, 235), 700, 900)
	hardest := scenery(4000, 3000)
	paste(hardest, turn(modules(b, s, 4), -20, 235), 2800, 1900)
	for _, bench := range []struct {
		name  string
		file  []byte
		found bool
	}{
		{"found/own 512 px", own, true},
		{"found/photo 12 MP", asJPEG(b, photo, 75), true},
		{"found/small in photo 12 MP", asJPEG(b, hardest, 75), true},
		{"none/screen 2 MP", asPNG(b, scenery(1920, 1080)), false},
		{"none/photo 12 MP", plain, false},
		{"none/scenery 40 MP", asJPEG(b, scenery(7300, 5470), 75), false},
		{"none/finder patterns 1 MP", asPNG(b, patterned(1000, 1000, 3)), false},
		{"none/finder patterns 40 MP", asPNG(b, patterned(7300, 5470, 1)), false},
		{"none/large finder patterns 40 MP", asPNG(b, patterned(7300, 5470, 20)), false},
		{"none/stripes 40 MP", asPNG(b, striped(7300, 5470)), false},
	} {
		b.Run(bench.name, func(b *testing.B) {
			for b.Loop() {
				got, err := DecodeImage(bytes.NewReader(bench.file))
				if bench.found && got != s || !bench.found && !errors.Is(err, wire.ErrNoQR) {
					b.Fatalf("found %d characters, error %v", len(got), err)
				}
			}
		})
	}
}
