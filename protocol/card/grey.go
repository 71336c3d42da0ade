package card

import (
	"image"
	"image/color"
	"math"
)

// grey is a picture of one byte of brightness a pixel, row by row.
type grey struct {
	w, h int
	pix  []byte
}

func newGrey(w, h int) grey { return grey{w, h, make([]byte, w*h)} }

func (g grey) longSide() int { return max(g.w, g.h) }

// luminance takes the brightness of a picture as it looks on white paper:
// codes with a transparent background are dark on light then.
func luminance(picture image.Image) grey {
	box := picture.Bounds()
	g := newGrey(box.Dx(), box.Dy())
	for y := range g.h {
		row := g.pix[y*g.w : (y+1)*g.w]
		switch p := picture.(type) {
		case *image.Gray:
			copy(row, p.Pix[y*p.Stride:])
		case *image.YCbCr:
			copy(row, p.Y[y*p.YStride:])
		case *image.RGBA:
			overWhite(row, p.Pix[y*p.Stride:], false)
		case *image.NRGBA:
			overWhite(row, p.Pix[y*p.Stride:], true)
		case *image.Paletted:
			throughPalette(row, p.Pix[y*p.Stride:], p.Palette)
		default:
			for x := range row {
				row[x] = brightness(picture.At(box.Min.X+x, box.Min.Y+y))
			}
		}
	}
	return g
}

// overWhite reads rows of red, green, blue, alpha; straight colours are not
// yet multiplied by alpha.
func overWhite(row, rgba []byte, straight bool) {
	for x := range row {
		p := rgba[4*x : 4*x+4]
		value, alpha := weigh(uint32(p[0]), uint32(p[1]), uint32(p[2])), uint32(p[3])
		if straight {
			value = value * alpha / 255
		}
		row[x] = byte(min(value+255-alpha, 255))
	}
}

func throughPalette(row, indices []byte, palette color.Palette) {
	var table [256]byte
	for i, c := range palette {
		table[i&0xFF] = brightness(c)
	}
	for x := range row {
		row[x] = table[indices[x]]
	}
}

func brightness(c color.Color) byte {
	r, g, b, a := c.RGBA()
	return byte(min(weigh(r, g, b)+0xFFFF-a, 0xFFFF) >> 8)
}

// weigh is the luma of ITU-R BT.601, as JPEG has it.
func weigh(r, g, b uint32) uint32 { return (19595*r + 38470*g + 7471*b) >> 16 }

// shrink averages squares of k by k pixels; what is left over at the right and
// lower edge is cut off.
func (g grey) shrink(k int) grey {
	if k <= 1 {
		return g
	}
	out := newGrey(max(g.w/k, 1), max(g.h/k, 1))
	kx, ky := min(k, g.w), min(k, g.h)
	sums := make([]uint32, out.w)
	for y := range out.h {
		clear(sums)
		for dy := range ky {
			row := g.pix[(y*ky+dy)*g.w:]
			for x := range sums {
				for _, p := range row[x*kx : x*kx+kx] {
					sums[x] += uint32(p)
				}
			}
		}
		for x, sum := range sums {
			out.pix[y*out.w+x] = byte(sum / uint32(kx*ky))
		}
	}
	return out
}

// enlarge makes k by k pixels out of each, with straight lines between them.
func (g grey) enlarge(k int) grey {
	out := newGrey(g.w*k, g.h*k)
	scale := 1 / float64(k)
	for y := range out.h {
		for x := range out.w {
			out.pix[y*out.w+x] = g.between((float64(x)+0.5)*scale-0.5, (float64(y)+0.5)*scale-0.5)
		}
	}
	return out
}

// between interpolates at a point; outside of the picture its edge goes on.
func (g grey) between(x, y float64) byte {
	x = min(max(x, 0), float64(g.w-1))
	y = min(max(y, 0), float64(g.h-1))
	x0, y0 := int(x), int(y)
	x1, y1 := min(x0+1, g.w-1), min(y0+1, g.h-1)
	fx, fy := int(256*(x-float64(x0))), int(256*(y-float64(y0)))
	upper := int(g.pix[y0*g.w+x0])*(256-fx) + int(g.pix[y0*g.w+x1])*fx
	lower := int(g.pix[y1*g.w+x0])*(256-fx) + int(g.pix[y1*g.w+x1])*fx
	return byte((upper*(256-fy) + lower*fy) >> 16)
}

// soften takes the median of each pixel and its eight neighbours: dots of
// noise vanish and edges stay.
func (g grey) soften() grey {
	out := newGrey(g.w, g.h)
	copy(out.pix, g.pix)
	var near [9]byte
	for y := 1; y < g.h-1; y++ {
		for x := 1; x < g.w-1; x++ {
			at := y*g.w + x
			copy(near[0:3], g.pix[at-g.w-1:])
			copy(near[3:6], g.pix[at-1:])
			copy(near[6:9], g.pix[at+g.w-1:])
			out.pix[at] = median(&near)
		}
	}
	return out
}

// median sorts until the middle of the nine is in its place.
func median(v *[9]byte) byte {
	for i := range 5 {
		least := i
		for j := i + 1; j < len(v); j++ {
			if v[j] < v[least] {
				least = j
			}
		}
		v[i], v[least] = v[least], v[i]
	}
	return v[4]
}

// rotate turns the picture by an angle in degrees on a canvas that holds all
// of it, filled with the brightness of the picture's corners.
func (g grey) rotate(degrees float64) grey {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	w, h := float64(g.w), float64(g.h)
	out := newGrey(
		int(math.Ceil(math.Abs(w*cos)+math.Abs(h*sin)-1e-9)),
		int(math.Ceil(math.Abs(w*sin)+math.Abs(h*cos)-1e-9)))
	last := len(g.pix) - 1
	ground := byte((int(g.pix[0]) + int(g.pix[g.w-1]) + int(g.pix[last-g.w+1]) + int(g.pix[last])) / 4)
	for y := range out.h {
		for x := range out.w {
			dx, dy := float64(x)+0.5-float64(out.w)/2, float64(y)+0.5-float64(out.h)/2
			sx, sy := cos*dx+sin*dy+w/2, cos*dy-sin*dx+h/2
			value := ground
			if sx >= 0 && sx <= w && sy >= 0 && sy <= h {
				value = g.between(sx-0.5, sy-0.5)
			}
			out.pix[y*out.w+x] = value
		}
	}
	return out
}
