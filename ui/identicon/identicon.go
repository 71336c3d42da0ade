// Package identicon draws a pattern made of a key, by which people know each other: 5 x 5
// pixels, mirrored, on a round plate.
package identicon

import (
	"image"
	"image/color"
	"math"
)

// Picture draws the pattern of a key.
func Picture(user [32]byte, side int, dark bool) image.Image {
	out := image.NewNRGBA(image.Rect(0, 0, side, side))
	if side <= 0 {
		return out
	}
	plate, ink := tints(user, dark)
	disc(out, plate)
	cell := max(1, int(math.Round(float64(side)*0.145)))
	at := (side - 5*cell) / 2
	marks := pattern(user)
	for y := range 5 {
		for x := range 5 {
			if !marks[y][min(x, 4-x)] {
				continue
			}
			for py := range cell {
				for px := range cell {
					out.SetNRGBA(at+x*cell+px, at+y*cell+py, ink)
				}
			}
		}
	}
	return out
}

// disc fills the round plate, its edge smooth.
func disc(out *image.NRGBA, c color.NRGBA) {
	side := out.Bounds().Dx()
	radius := float64(side) / 2
	for y := range side {
		for x := range side {
			cover := radius - math.Hypot(float64(x)+0.5-radius, float64(y)+0.5-radius) + 0.5
			c.A = uint8(255 * min(1, max(0, cover)))
			out.SetNRGBA(x, y, c)
		}
	}
}

// pattern is which of the left three columns are set. A key with too few or too many
// gets the next bits.
func pattern(user [32]byte) (marks [5][3]bool) {
	for start := 4; start < 30; start += 2 {
		bits := uint32(user[start])<<8 | uint32(user[start+1])
		n := 0
		for i := range 15 {
			set := bits>>i&1 == 1
			marks[i/3][i%3] = set
			if set {
				n++
			}
		}
		if n >= 5 && n <= 11 {
			break
		}
	}
	return marks
}

// tints are the colours of the plate and of the pattern: one hue from the key.
func tints(user [32]byte, dark bool) (plate, ink color.NRGBA) {
	hue := float64(uint16(user[0])<<8|uint16(user[1])) / 65536 * 360
	if dark {
		return hsl(hue, 0.38, 0.22), hsl(hue, 0.55, 0.64)
	}
	return hsl(hue, 0.36, 0.87), hsl(hue, 0.55, 0.42)
}

// hsl is a colour by hue in degrees, saturation and lightness.
func hsl(hue, saturation, lightness float64) color.NRGBA {
	reach := saturation * min(lightness, 1-lightness)
	part := func(n float64) uint8 {
		k := math.Mod(n+hue/30, 12)
		v := lightness - reach*max(-1, min(k-3, 9-k, 1))
		return uint8(math.Round(255 * v))
	}
	return color.NRGBA{R: part(0), G: part(8), B: part(4), A: 255}
}
