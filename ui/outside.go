package ui

import (
	"context"
	"image"
	"image/png"
	"io"

	"fyne.io/fyne/v2/driver/software"

	w "zeroms/ui/widget"
)

// Layout is where the controls of the window are and what it says, for whoever drives it.
type Layout struct {
	Controls []w.Control `json:"controls"` // in pixels
	Texts    []string    `json:"texts"`    // that are shown there
	Scale    float32     `json:"scale"`    // pixels of a unit
	Width    int         `json:"width"`    // of the window in pixels
	Height   int         `json:"height"`
}

// Controls tells where the visible controls are. It may be called from any goroutine
// while Run runs.
func (a *App) Controls(ctx context.Context) (any, error) {
	return outside(ctx, a, func() Layout {
		c := a.window.Canvas()
		scale := c.Scale()
		out := Layout{Scale: scale, Width: int(c.Size().Width * scale), Height: int(c.Size().Height * scale)}
		top := a.layers.top()
		if over := c.Overlays().Top(); over != nil {
			top = over
		}
		for _, one := range w.Controls(top) {
			one.X, one.Y, one.W, one.H = one.X*scale, one.Y*scale, one.W*scale, one.H*scale
			out.Controls = append(out.Controls, one)
		}
		out.Texts = w.Texts(top)
		return out
	})
}

// Shot writes a picture of the window as PNG. It may be called like Controls.
func (a *App) Shot(ctx context.Context, to io.Writer) error {
	// Not Canvas.Capture: what it reads back is black where the driver keeps no copy.
	picture, err := outside(ctx, a, func() image.Image { return software.RenderCanvas(a.window.Canvas(), a.cfg.App.Settings().Theme()) })
	if err != nil {
		return err
	}
	return png.Encode(to, picture)
}

// outside asks the screen's goroutine from another one.
func outside[T any](ctx context.Context, a *App, ask func() T) (answer T, err error) {
	answers := make(chan T, 1)
	a.post(func() { answers <- ask() })
	select {
	case <-ctx.Done():
		return answer, ctx.Err()
	case answer = <-answers:
		return answer, nil
	}
}
