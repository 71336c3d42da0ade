// Package assets holds what the app shows and says besides code: icons, the Chinese
// font and the translations, embedded in the program.
package assets

import (
	"embed"
	"io/fs"
	"slices"
	"strings"
)

//go:embed icons/*.svg
var icons embed.FS

//go:embed translations
var translations embed.FS

//go:embed fonts
var fonts embed.FS

//go:embed zeroms.svg
var appSVG []byte

//go:embed zeroms.png
var appPNG []byte

// cjk is the name of the font that make puts beside the others.
const cjk = "fonts/DroidSansFallbackFull.ttf"

// Icon is the SVG of an icon on a grid of 24 pixels, drawn in "currentColor" and, where
// something is cut out of a shape, in "knockout". nil: there is none of that name.
func Icon(name string) []byte {
	content, err := icons.ReadFile("icons/" + name + ".svg")
	if err != nil {
		return nil
	}
	return content
}

// Icons are the names of all icons, in order.
func Icons() []string {
	entries, err := icons.ReadDir("icons")
	if err != nil {
		return nil
	}
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		names = append(names, strings.TrimSuffix(entry.Name(), ".svg"))
	}
	slices.Sort(names)
	return names
}

// App is the app's own icon as SVG.
func App() []byte { return appSVG }

// AppPNG is the app's own icon, 256 pixels a side.
func AppPNG() []byte { return appPNG }

// Translations are the files <part>.<language>.json.
func Translations() fs.FS {
	below, err := fs.Sub(translations, "translations")
	if err != nil {
		return translations
	}
	return below
}

// CJK is a TrueType font with Chinese and Japanese; nil if the program was built
// without it (fonts/README.md). The bytes belong to the program and are not to be changed.
func CJK() []byte {
	content, err := fonts.ReadFile(cjk)
	if err != nil {
		return nil
	}
	return content
}

//go:embed fonts/common.bin
var common []byte

// Common reports whether a character is one of those that Chinese is written with day by
// day: the hanzi of GB 2312 and of the first plane of Big5, kana, and punctuation.
func Common(r rune) bool {
	if at := int(r) - 0x4E00; at >= 0 && at < 8*len(common) {
		return common[at/8]>>(at%8)&1 == 1
	}
	return r >= 0x3000 && r < 0x3100 || r >= 0xFF00 && r < 0xFFF0
}
