package timeline

import (
	"image/color"
	"testing"

	"fyne.io/fyne/v2"
)

func TestGround(t *testing.T) {
	fill, line := color.NRGBA{0xd8, 0xf1, 0xed, 0xff}, color.NRGBA{0x10, 0x20, 0x30, 0xff}
	for name, stroke := range map[string]color.Color{"plain": nil, "with a line": line} {
		for _, size := range [][2]int{{40, 30}, {41, 31}, {24, 24}, {300, 25}, {7, 90}, {1, 1}, {2, 2}} {
			g := NewGround()
			g.Paint(12, fill, stroke)
			g.Raster.Resize(fyne.NewSize(float32(size[0]), float32(size[1])))
			w, h := size[0], size[1]
			p := g.Raster.Generator(w, h)
			if p.Bounds().Dx() != w || p.Bounds().Dy() != h {
				t.Fatalf("%s %v: the picture is %v", name, size, p.Bounds())
			}
			for y := range h {
				for x := range w {
					c := p.At(x, y)
					if c != p.At(w-1-x, y) || c != p.At(x, h-1-y) {
						t.Fatalf("%s %v: no mirror at %d %d", name, size, x, y)
					}
				}
			}
			if w < 20 || h < 20 {
				continue
			}
			edge := color.RGBAModel.Convert(fill)
			if stroke != nil {
				edge = color.RGBAModel.Convert(line)
			}
			if _, _, _, a := p.At(0, 0).RGBA(); a != 0 {
				t.Errorf("%s %v: the corner is drawn", name, size)
			}
			if got := p.At(w/2, h/2); got != color.RGBAModel.Convert(fill) {
				t.Errorf("%s %v: the middle is %v", name, size, got)
			}
			if got := p.At(w/2, 0); w > 26 && got != edge {
				t.Errorf("%s %v: the edge is %v, not %v", name, size, got, edge)
			}
			if got := p.At(w/2, 1); w > 26 && got != color.RGBAModel.Convert(fill) {
				t.Errorf("%s %v: within the edge there is %v", name, size, got)
			}
		}
	}
}
