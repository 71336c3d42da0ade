package widget

import (
	"image"
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"zeroms/ui/model/code"
	"zeroms/ui/theme"
)

// QR is a QR code, black on white in light and dark, with whole pixels.
type QR struct {
	widget.BaseWidget
	side   float32
	text   string
	drawn  image.Image // of text
	raster *canvas.Raster
	paper  *canvas.Rectangle
}

// NewQR makes an empty code of a side in pixels of the drawings.
func NewQR(side float32) *QR {
	q := &QR{side: side, paper: canvas.NewRectangle(color.White)}
	q.raster = canvas.NewRaster(q.draw)
	q.ExtendBaseWidget(q)
	return q
}

// SetText changes what is in it; empty: nothing is drawn.
func (q *QR) SetText(text string) {
	if text != q.text {
		q.text, q.drawn = text, nil
		q.raster.Refresh()
	}
}

// Text is what is in it.
func (q *QR) Text() string { return q.text }

// SetSide changes the side.
func (q *QR) SetSide(side float32) {
	if side != q.side {
		q.side = side
		q.Refresh()
	}
}

func (q *QR) draw(width, height int) image.Image {
	side := min(width, height)
	if q.drawn != nil && q.drawn.Bounds().Dx() == side {
		return q.drawn
	}
	if q.text != "" {
		if picture, err := code.Picture(q.text, side); err == nil {
			q.drawn = picture
			return picture
		}
	}
	return image.NewUniform(color.White)
}

// CreateRenderer is Fyne's.
func (q *QR) CreateRenderer() fyne.WidgetRenderer {
	return &drawn{
		objects: []fyne.CanvasObject{q.paper, q.raster},
		layout: func(size fyne.Size) {
			side := min(size.Width, size.Height, theme.Px(q.side))
			x, y := (size.Width-side)/2, (size.Height-side)/2
			place(q.paper, x, y, side, side)
			q.paper.CornerRadius = theme.Px(8)
			inset := theme.Px(4)
			place(q.raster, x+inset, y+inset, side-2*inset, side-2*inset)
		},
		min: func() fyne.Size { return fyne.NewSquareSize(theme.Px(q.side)) },
	}
}
