// Package theme is how the app looks: its colours, sizes, icons and fonts, as a
// fyne.Theme that Fyne's own widgets follow too, and as functions for ours.
//
// Colours are those of the drawings; lengths stand on a grid of 8 pixels and grow with
// the zoom.
package theme

import (
	"image/color"
	"math"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"zeroms/ui/model"
)

// The bounds of the zoom in percent, and what one step changes.
const (
	MinZoom  = 60
	MaxZoom  = 250
	ZoomStep = 10
)

// Theme is a fyne.Theme.
type Theme struct {
	look  model.Look
	zoom  float32
	fonts *fonts
}

// New makes the theme of a look.
func New(look model.Look) fyne.Theme {
	zoom := look.Zoom
	if zoom == 0 {
		zoom = 100
	}
	return &Theme{look: look, zoom: float32(min(max(zoom, MinZoom), MaxZoom)) / 100, fonts: loadFonts()}
}

// Dark reports whether the theme is dark where the system has this variant.
func (t *Theme) Dark(variant fyne.ThemeVariant) bool {
	switch t.look.Scheme {
	case model.SchemeLight:
		return false
	case model.SchemeDark:
		return true
	}
	return variant == theme.VariantDark
}

// Color is fyne.Theme's; it knows the names of this package too.
func (t *Theme) Color(name fyne.ThemeColorName, variant fyne.ThemeVariant) color.Color {
	palette := light
	if t.Dark(variant) {
		palette = dark
	}
	if own, ok := fynes[name]; ok {
		name = fyne.ThemeColorName(own)
	}
	if c, ok := palette[Name(name)]; ok {
		return c
	}
	return theme.DefaultTheme().Color(name, t.variant(variant))
}

func (t *Theme) variant(system fyne.ThemeVariant) fyne.ThemeVariant {
	if t.Dark(system) {
		return theme.VariantDark
	}
	return theme.VariantLight
}

// Font is fyne.Theme's.
func (t *Theme) Font(style fyne.TextStyle) fyne.Resource { return t.fonts.of(style) }

// Icon is fyne.Theme's: Fyne's own widgets keep their icons, but for those in our fields.
func (t *Theme) Icon(name fyne.ThemeIconName) fyne.Resource {
	switch name {
	case theme.IconNameVisibility:
		return IconIn("eye", OnTint)
	case theme.IconNameVisibilityOff:
		return IconIn("eye-off", OnTint)
	}
	return theme.DefaultTheme().Icon(name)
}

// Size is fyne.Theme's; what is not in the table is Fyne's own, zoomed.
func (t *Theme) Size(name fyne.ThemeSizeName) float32 {
	switch name {
	case theme.SizeNameSeparatorThickness:
		return 1
	case theme.SizeNameInputBorder:
		return max(1, t.zoom)
	}
	size, ok := sizes[name]
	switch name {
	case theme.SizeNameText, theme.SizeNameCaptionText, theme.SizeNameSubHeadingText, theme.SizeNameHeadingText:
		return whole(size * t.zoom)
	}
	if ok {
		return size * t.zoom
	}
	return theme.DefaultTheme().Size(name) * t.zoom
}

// sizes are Fyne's sizes where ours differ.
var sizes = map[fyne.ThemeSizeName]float32{
	theme.SizeNameText:            14,
	theme.SizeNameCaptionText:     11,
	theme.SizeNameSubHeadingText:  18,
	theme.SizeNameHeadingText:     26,
	theme.SizeNamePadding:         4,
	theme.SizeNameInnerPadding:    8,
	theme.SizeNameLineSpacing:     4,
	theme.SizeNameInlineIcon:      20,
	theme.SizeNameScrollBar:       8,
	theme.SizeNameScrollBarSmall:  4,
	theme.SizeNameScrollBarRadius: 4,
	theme.SizeNameInputRadius:     20,
	theme.SizeNameButtonRadius:    12,
	theme.SizeNameDialogRadius:    16,
	theme.SizeNamePopupRadius:     12,
	theme.SizeNameMenuRadius:      8,
	theme.SizeNameCardRadius:      16,
	theme.SizeNameSelectionRadius: 4,
	theme.SizeNameModalBlurRadius: 0,
}

// TextSize is the kind of a text by its size.
type TextSize uint8

// The sizes of text: 11, 13, 14, 14, 18 and 26 pixels.
const (
	SizeSmall TextSize = iota
	SizeSecondary
	SizeBody
	SizeStrong
	SizeTitle
	SizeHeading
)

var textSizes = [...]float32{SizeSmall: 11, SizeSecondary: 13, SizeBody: 14, SizeStrong: 14, SizeTitle: 18, SizeHeading: 26}

// Size is the size of a text, zoomed.
func Size(kind TextSize) float32 { return whole(Px(textSizes[kind])) }

// whole rounds the size of a text: Fyne puts the letters of one between two whole sizes
// as far apart as those of the greater.
func whole(size float32) float32 { return float32(math.Round(float64(size))) }

// Px is a length of the drawings, zoomed.
func Px(length float32) float32 { return length * Zoom() }

// Zoom is what lengths grow by: 1 at 100 percent.
func Zoom() float32 {
	if own, ok := current().(*Theme); ok {
		return own.zoom
	}
	return 1
}

func current() fyne.Theme {
	if app := fyne.CurrentApp(); app != nil {
		return app.Settings().Theme()
	}
	return nil
}
