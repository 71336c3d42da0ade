package timeline

import (
	"image"
	"image/color"
	"math"

	"fyne.io/fyne/v2/canvas"
)

// Ground is a rectangle with round corners that is drawn once and kept as a picture until
// it changes: where nothing but the processor draws, working the corners out for every
// pixel of every frame takes more than twice as long.
type Ground struct {
	// Raster is what is drawn, to be moved and resized.
	Raster *canvas.Raster

	radius, stroke float32
	fill, line     color.NRGBA
}

// NewGround makes a Ground that nothing is seen of.
func NewGround() *Ground {
	g := &Ground{}
	g.Raster = canvas.NewRaster(g.picture)
	g.Raster.ScaleMode = canvas.ImageScalePixels
	return g
}

// Paint changes corners and colours; line is drawn along the edge unless it is nil.
func (g *Ground) Paint(radius float32, fill, line color.Color) {
	before := *g
	g.radius, g.fill, g.stroke, g.line = radius, unmixed(fill), 0, color.NRGBA{}
	if line != nil {
		g.stroke, g.line = 1, unmixed(line)
	}
	if *g != before {
		g.Raster.Refresh()
	}
}

func unmixed(c color.Color) color.NRGBA { return color.NRGBAModel.Convert(c).(color.NRGBA) }

// maxGround bounds the sides of a picture in pixels.
const maxGround = 16 << 10

// picture draws it in pixels: one quarter is worked out and mirrored.
func (g *Ground) picture(w, h int) image.Image {
	w, h = max(1, min(w, maxGround)), max(1, min(h, maxGround))
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	scale := 1.0
	if width := g.Raster.Size().Width; width > 0 {
		scale = float64(w) / float64(width)
	}
	s := shape{float64(w) / 2, float64(h) / 2, min(float64(g.radius)*scale, float64(min(w, h))/2), math.Round(float64(g.stroke) * scale)}
	edge := int(math.Ceil(s.radius+s.stroke)) + 1 // nothing changes beyond
	row := func(y int) []uint8 { return out.Pix[y*out.Stride:][:4*w] }
	for y := range (h + 1) / 2 {
		switch {
		case y <= edge:
			for x := range (w + 1) / 2 {
				c := out.RGBAAt(max(0, x-1), y)
				if x <= edge {
					c = g.at(s, float64(x)+0.5, float64(y)+0.5)
				}
				out.SetRGBA(x, y, c)
				out.SetRGBA(w-1-x, y, c)
			}
		default:
			copy(row(y), row(edge))
		}
		copy(row(h-1-y), row(y))
	}
	return out
}

// shape is that of a picture in pixels: half its sides, its corners and its line.
type shape struct{ x, y, radius, stroke float64 }

// at is the colour of the pixel around a point.
func (g *Ground) at(s shape, x, y float64) color.RGBA {
	dx, dy := math.Abs(x-s.x)-s.x+s.radius, math.Abs(y-s.y)-s.y+s.radius
	outside := math.Hypot(max(dx, 0), max(dy, 0)) + min(max(dx, dy), 0) - s.radius // how far from the edge
	paint := g.fill
	if s.stroke > 0 {
		paint = mixed(g.fill, g.line, part(outside+s.stroke+0.5))
	}
	paint.A = uint8(float64(paint.A)*part(0.5-outside) + 0.5)
	return color.RGBAModel.Convert(paint).(color.RGBA)
}

func part(x float64) float64 { return max(0, min(x, 1)) }

// mixed is between two colours: 0 is the first, 1 the second.
func mixed(a, b color.NRGBA, at float64) color.NRGBA {
	mix := func(a, b uint8) uint8 { return uint8(float64(a) + (float64(b)-float64(a))*at + 0.5) }
	return color.NRGBA{R: mix(a.R, b.R), G: mix(a.G, b.G), B: mix(a.B, b.B), A: mix(a.A, b.A)}
}
