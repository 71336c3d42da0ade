package theme

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"zeroms/assets"
	"zeroms/ui/font"
)

// The line of Noto Sans, Fyne's font, in thousandths of the size.
const (
	notoAscent  = 1069
	notoDescent = 293
)

// chinese is the font of Chinese letters, regular or bold, fitted to Noto Sans each time
// that Fyne reads it: it does so once and keeps what it made of it.
type chinese struct{ bold bool }

// marks are what Simplified Chinese puts at the left of its square, close to the letter
// before, and the font into the middle, as Traditional Chinese has it.
var marks = map[rune]int{'，': 90, '：': 120, '；': 100, '！': 150, '？': 90}

// Name is fyne.Resource's.
func (c chinese) Name() string {
	if c.bold {
		return "chinese-bold.ttf"
	}
	return "chinese.ttf"
}

// Content is fyne.Resource's.
func (c chinese) Content() []byte {
	want := font.Want{Keep: ideographic, Ascent: notoAscent, Descent: notoDescent, Left: marks}
	if c.bold {
		want.Fat = assets.Common
	}
	fitted, err := font.Fit(assets.CJK(), want)
	if err != nil {
		return assets.CJK() // as it is: Fyne may know what we don't
	}
	return fitted
}

// ideographic reports whether a character is one that Noto Sans lacks and a Chinese font
// has: Latin, Greek, Cyrillic, digits and common punctuation are not. The space is: it is
// drawn with the font of what stands before it.
func ideographic(r rune) bool {
	switch {
	case r == ' ':
		return true
	case r < 0x1100, r > 0x11FF && r < 0x2E80:
		return false
	case r >= 0xA4D0 && r < 0xA960, r >= 0xD800 && r < 0xF900, r >= 0xFB00 && r < 0xFE10:
		return false
	case r >= 0xFE20 && r < 0xFE30, r >= 0xFE70 && r < 0xFF00, r >= 0xFFF0 && r < 0x1B000:
		return false
	}
	return true
}

// fonts are the fonts of a theme.
type fonts struct{ chinese bool }

func loadFonts() *fonts { return &fonts{chinese: assets.CJK() != nil} }

// of is the font of a style. Fyne falls back from it to Noto Sans and to its emoji.
func (f *fonts) of(style fyne.TextStyle) fyne.Resource {
	if !f.chinese || style.Monospace || style.Symbol {
		return theme.DefaultTheme().Font(style)
	}
	return chinese{bold: style.Bold}
}
