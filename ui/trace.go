package ui

import (
	"image"
	"image/color"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
)

// painted tells when the screen was painted: a dot of one pixel whose picture is
// asked for in the frame that follows a refresh.
type painted struct {
	raster *canvas.Raster
	dot    *image.NRGBA
	report func(what string, took time.Duration)
	open   []span // waiting for the next frame
}

type span struct {
	what  string
	since time.Time
}

func newPainted(report func(what string, took time.Duration)) *painted {
	p := &painted{report: report, dot: image.NewNRGBA(image.Rect(0, 0, 1, 1))}
	p.dot.Set(0, 0, color.NRGBA{})
	p.raster = canvas.NewRaster(p.paint)
	p.raster.Resize(fyne.NewSize(1, 1))
	return p
}

// note reports how long something took once the next frame is painted.
func (p *painted) note(what string, since time.Time) {
	p.open = append(p.open, span{what, since})
	p.raster.Refresh()
}

// paint is called while a frame is painted.
func (p *painted) paint(int, int) image.Image {
	now := time.Now()
	for _, s := range p.open {
		p.report(s.what, now.Sub(s.since))
	}
	p.open = p.open[:0]
	return p.dot
}
