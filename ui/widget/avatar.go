package widget

import (
	"image"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"zeroms/ui/identicon"
	"zeroms/ui/theme"
)

// Avatar is a pattern made of somebody's key: 5 x 5 pixels, mirrored, on a round plate.
type Avatar struct {
	widget.BaseWidget
	user   [32]byte
	name   string
	side   float32
	raster *canvas.Raster
}

// NewAvatar makes an avatar of a side in pixels of the drawings (44 in lists).
func NewAvatar(user [32]byte, name string, size float32) *Avatar {
	a := &Avatar{user: user, name: name, side: size}
	a.raster = canvas.NewRaster(func(w, h int) image.Image { return identicon.Picture(a.user, min(w, h), theme.IsDark()) })
	a.ExtendBaseWidget(a)
	return a
}

// SetUser changes whose avatar it is.
func (a *Avatar) SetUser(user [32]byte, name string) {
	a.name = name
	if user != a.user {
		a.user = user
		a.raster.Refresh()
	}
}

// AccessibilityLabel is Fyne's: the name.
func (a *Avatar) AccessibilityLabel() string { return a.name }

// AccessibilityRole is Fyne's.
func (a *Avatar) AccessibilityRole() fyne.AccessibleRole { return fyne.AccessibleRoleText }

// CreateRenderer is Fyne's.
func (a *Avatar) CreateRenderer() fyne.WidgetRenderer {
	return &drawn{
		objects: []fyne.CanvasObject{a.raster},
		layout: func(size fyne.Size) {
			side := min(size.Width, size.Height, theme.Px(a.side))
			place(a.raster, (size.Width-side)/2, (size.Height-side)/2, side, side)
		},
		min: func() fyne.Size { return fyne.NewSquareSize(theme.Px(a.side)) },
	}
}
