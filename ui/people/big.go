package people

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"zeroms/ui/page"
	"zeroms/ui/theme"
	w "zeroms/ui/widget"
)

// big is a QR code over the whole window, to be scanned from a distance. Pressing it or
// Escape closes it.
type big struct {
	widget.BaseWidget
	window fyne.Window
	paper  *canvas.Rectangle
	code   *w.QR
	hint   *canvas.Text
}

// showBig shows a code over the window until it is closed.
func showBig(h *page.Host, text string) *big {
	b := &big{window: h.Window, paper: canvas.NewRectangle(color.White), code: w.NewQR(4096), hint: &canvas.Text{
		Text: h.Words.Say("people.card.close"), Color: color.NRGBA{R: 0x66, G: 0x72, B: 0x7B, A: 0xFF}, TextSize: theme.Size(theme.SizeSecondary), Alignment: fyne.TextAlignCenter,
	}}
	b.code.SetText(text)
	b.ExtendBaseWidget(b)
	over := h.Window.Canvas()
	over.Overlays().Add(b)
	b.Move(fyne.NewPos(0, 0))
	b.Resize(over.Size())
	over.Focus(b)
	return b
}

// ID is its name for drivers and tests.
func (b *big) ID() string { return "card.whole" }

func (b *big) close() { b.window.Canvas().Overlays().Remove(b) }

// Tapped is Fyne's.
func (b *big) Tapped(*fyne.PointEvent) { b.close() }

// TypedKey is Fyne's: Escape closes.
func (b *big) TypedKey(k *fyne.KeyEvent) {
	if k.Name == fyne.KeyEscape {
		b.close()
	}
}

// TypedRune is Fyne's.
func (b *big) TypedRune(rune) {}

// FocusGained is Fyne's.
func (b *big) FocusGained() {}

// FocusLost is Fyne's.
func (b *big) FocusLost() {}

// CreateRenderer is Fyne's.
func (b *big) CreateRenderer() fyne.WidgetRenderer { return &bigRenderer{b} }

type bigRenderer struct{ b *big }

func (r *bigRenderer) Destroy() {}

func (r *bigRenderer) Objects() []fyne.CanvasObject {
	return []fyne.CanvasObject{r.b.paper, r.b.code, r.b.hint}
}

func (r *bigRenderer) MinSize() fyne.Size { return fyne.NewSquareSize(theme.Px(120)) }

func (r *bigRenderer) Layout(size fyne.Size) {
	r.b.paper.Resize(size)
	below := r.b.hint.MinSize().Height + theme.Px(16)
	side := min(size.Width, size.Height-2*below)
	r.b.code.Resize(fyne.NewSquareSize(side))
	r.b.code.Move(fyne.NewPos((size.Width-side)/2, (size.Height-side)/2))
	r.b.hint.Resize(fyne.NewSize(size.Width, below))
	r.b.hint.Move(fyne.NewPos(0, size.Height-below))
}

func (r *bigRenderer) Refresh() { r.Layout(r.b.Size()) }
