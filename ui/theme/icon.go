package theme

import (
	"bytes"
	"fmt"
	"image/color"

	"fyne.io/fyne/v2"

	"zeroms/assets"
)

// icon is an SVG in a colour of the theme, made of filled shapes only: what draws it does
// not scale the width of strokes, which would get thin where the screen or the zoom
// magnifies. Its name tells the colour, by which Fyne's
// caches notice that the theme has changed.
type icon struct {
	name string
	of   Name
}

// Icon is an icon in the colour of secondary text; nil if there is none of that name.
func Icon(name string) fyne.Resource { return IconIn(name, Secondary) }

// IconIn is an icon in a colour, which follows the theme; nil if there is none of that
// name.
func IconIn(name string, of Name) fyne.Resource {
	if assets.Icon(name) == nil {
		return nil
	}
	return icon{name, of}
}

// Name is fyne.Resource's.
func (i icon) Name() string { return i.name + "-" + hex(Color(i.of)) + ".svg" }

// Content is fyne.Resource's.
func (i icon) Content() []byte {
	content := bytes.ReplaceAll(assets.Icon(i.name), []byte("currentColor"), []byte("#"+hex(Color(i.of))))
	return bytes.ReplaceAll(content, []byte("knockout"), []byte("#"+hex(Color(OnAccent))))
}

func hex(c color.Color) string {
	n := color.NRGBAModel.Convert(c).(color.NRGBA)
	return fmt.Sprintf("%02x%02x%02x", n.R, n.G, n.B)
}

// AppIcon is the app's own icon.
func AppIcon() fyne.Resource { return fyne.NewStaticResource("zeroms.png", assets.AppPNG()) }
