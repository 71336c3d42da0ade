package widget

import (
	"image"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"zeroms/ui/arrange"
	"zeroms/ui/theme"
)

// Panel is a box with round corners around content.
type Panel struct {
	widget.BaseWidget
	content fyne.CanvasObject
	plate   *canvas.Rectangle
	pad     float32
	fill    theme.Name
}

// NewPanel makes a box with 20 pixels between its edge and the content.
func NewPanel(content fyne.CanvasObject) *Panel { return NewPaddedPanel(20, content) }

// NewPaddedPanel makes a box with another distance.
func NewPaddedPanel(pad float32, content fyne.CanvasObject) *Panel {
	p := &Panel{content: content, plate: &canvas.Rectangle{}, pad: pad, fill: theme.Panel}
	p.paint()
	p.ExtendBaseWidget(p)
	return p
}

func (p *Panel) paint() {
	p.plate.FillColor = theme.Color(p.fill)
	p.plate.StrokeColor = theme.Color(theme.Line)
	p.plate.StrokeWidth = 1
	p.plate.CornerRadius = theme.Px(16)
}

// tightPanel is the width below which a panel keeps tightPad free on its sides only.
const (
	tightPanel = 240
	tightPad   = 12
)

// around is the space between the edge and the content at a width.
func (p *Panel) around(width float32) arrange.Inset {
	sides := p.pad
	if width > 0 && width < theme.Px(tightPanel) {
		sides = min(sides, tightPad)
	}
	return arrange.Inset{Top: p.pad, Right: sides, Bottom: p.pad, Left: sides}
}

// CreateRenderer is Fyne's.
func (p *Panel) CreateRenderer() fyne.WidgetRenderer {
	content := []fyne.CanvasObject{p.content}
	return &drawn{
		objects: []fyne.CanvasObject{p.plate, p.content},
		layout: func(size fyne.Size) {
			place(p.plate, 0, 0, size.Width, size.Height)
			p.around(size.Width).Layout(content, size)
		},
		min: func() fyne.Size { // it can be as narrow as it is where it is tight
			least := p.around(p.Size().Width).MinSize(content)
			least.Width = p.around(1).MinSize(content).Width
			return least
		},
		refresh: p.paint,
	}
}

// Rule is a thin line across.
type Rule struct {
	widget.BaseWidget
	line *canvas.Rectangle
}

// NewRule makes a line.
func NewRule() *Rule {
	r := &Rule{line: canvas.NewRectangle(theme.Color(theme.Line))}
	r.ExtendBaseWidget(r)
	return r
}

// CreateRenderer is Fyne's.
func (r *Rule) CreateRenderer() fyne.WidgetRenderer {
	return &drawn{
		objects: []fyne.CanvasObject{r.line},
		layout:  func(size fyne.Size) { place(r.line, 0, (size.Height-1)/2, size.Width, 1) },
		min:     func() fyne.Size { return fyne.NewSquareSize(1) },
		refresh: func() { r.line.FillColor = theme.Color(theme.Line) },
	}
}

// Plate is a plain area in a colour of the theme, to be laid below others. It is a picture
// of one pixel, drawn large: where nothing but the processor draws, that takes a third of
// what a rectangle does, and areas are most of a window.
type Plate struct {
	widget.BaseWidget
	name   theme.Name
	raster *canvas.Raster
}

// NewPlate makes an area.
func NewPlate(name theme.Name) *Plate {
	p := &Plate{name: name}
	p.raster = canvas.NewRaster(func(int, int) image.Image {
		pixel := image.NewRGBA(image.Rect(0, 0, 1, 1))
		pixel.Set(0, 0, theme.Color(p.name))
		return pixel
	})
	p.raster.ScaleMode = canvas.ImageScalePixels
	p.ExtendBaseWidget(p)
	return p
}

// SetColor changes the colour.
func (p *Plate) SetColor(name theme.Name) {
	p.name = name
	p.Refresh()
}

// CreateRenderer is Fyne's.
func (p *Plate) CreateRenderer() fyne.WidgetRenderer {
	return &drawn{
		objects: []fyne.CanvasObject{p.raster},
		layout:  func(size fyne.Size) { place(p.raster, 0, 0, size.Width, size.Height) },
		min:     func() fyne.Size { return fyne.Size{} },
	}
}
