package theme

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
)

// Name names a colour.
type Name fyne.ThemeColorName

// The colours.
const (
	Background  Name = "zms-background"
	Panel       Name = "zms-panel"
	Line        Name = "zms-line"
	Text        Name = "zms-text"
	Secondary   Name = "zms-secondary"
	OnTint      Name = "zms-on-tint" // secondary text on own bubbles, selected rows and fields
	Accent      Name = "zms-accent"
	OnAccent    Name = "zms-on-accent"
	AccentHover Name = "zms-accent-hover" // an accented button under the pointer
	OwnBubble   Name = "zms-own-bubble"
	OtherBubble Name = "zms-other-bubble"
	Selected    Name = "zms-selected"
	GapFill     Name = "zms-gap-fill"
	GapText     Name = "zms-gap-text"
	Alarm       Name = "zms-alarm"
	AlarmFill   Name = "zms-alarm-fill" // behind a line of alarm
	OnAlarm     Name = "zms-on-alarm"
	Hover       Name = "zms-hover" // what is under the pointer
	Field       Name = "zms-field" // what is written into, and plain buttons
	FieldHover  Name = "zms-field-hover"
	Faint       Name = "zms-faint" // icons that can't be used just now, and scroll bars
	Dim         Name = "zms-dim"   // texts that can't be used just now, and switches that are off
	Shade       Name = "zms-shade" // over the window, below a box
	Muted       Name = "zms-muted" // the badge of what is muted
)

var light = map[Name]color.Color{
	Background:  rgb(0xF5F7F8),
	Panel:       rgb(0xFFFFFF),
	Line:        rgb(0xE4E8EB),
	Text:        rgb(0x14181B),
	Secondary:   rgb(0x66727B),
	OnTint:      rgb(0x5C6870),
	Accent:      rgb(0x0F766E),
	OnAccent:    rgb(0xFFFFFF),
	AccentHover: rgb(0x0C645D),
	OwnBubble:   rgb(0xD8F1ED),
	OtherBubble: rgb(0xFFFFFF),
	Selected:    rgb(0xE3F3F1),
	GapFill:     rgb(0xFFF6E0),
	GapText:     rgb(0x8A5A00),
	Alarm:       rgb(0xB42318),
	AlarmFill:   rgb(0xFDECEA),
	OnAlarm:     rgb(0xFFFFFF),
	Hover:       rgb(0xF1F4F5),
	Field:       rgb(0xECF0F1),
	FieldHover:  rgb(0xE2E8EA),
	Faint:       rgb(0xA3ADB4),
	Dim:         rgb(0x87929A),
	Shade:       color.NRGBA{R: 0x0E, G: 0x13, B: 0x15, A: 0x66},
	Muted:       rgb(0x66727B),

	scrollGround: color.Transparent,
	selection:    color.NRGBA{R: 0x0F, G: 0x76, B: 0x6E, A: 0x40},
	shadow:       color.NRGBA{A: 0x2E},
}

var dark = map[Name]color.Color{
	Background:  rgb(0x0E1315),
	Panel:       rgb(0x14191C),
	Line:        rgb(0x242C31),
	Text:        rgb(0xE7ECEF),
	Secondary:   rgb(0x8C99A1),
	OnTint:      rgb(0x9CA9B0),
	Accent:      rgb(0x2CC5B4),
	OnAccent:    rgb(0x06201D),
	AccentHover: rgb(0x4BD3C4),
	OwnBubble:   rgb(0x113F3A),
	OtherBubble: rgb(0x1C2327),
	Selected:    rgb(0x17302D),
	GapFill:     rgb(0x332A12),
	GapText:     rgb(0xF2C261),
	Alarm:       rgb(0xF97066),
	AlarmFill:   rgb(0x3A1A18),
	OnAlarm:     rgb(0x2A0906),
	Hover:       rgb(0x1A2124),
	Field:       rgb(0x20272C),
	FieldHover:  rgb(0x2A3339),
	Faint:       rgb(0x566169),
	Dim:         rgb(0x65717A),
	Shade:       color.NRGBA{A: 0x99},
	Muted:       rgb(0x8C99A1),

	scrollGround: color.Transparent,
	selection:    color.NRGBA{R: 0x2C, G: 0xC5, B: 0xB4, A: 0x4C},
	shadow:       color.NRGBA{A: 0x80},
}

// fynes are the colours of Fyne's own widgets.
var fynes = map[fyne.ThemeColorName]Name{
	theme.ColorNameBackground:          Background,
	theme.ColorNameButton:              Field,
	theme.ColorNameDisabled:            Dim,
	theme.ColorNameDisabledButton:      Field,
	theme.ColorNameError:               Alarm,
	theme.ColorNameFocus:               FieldHover,
	theme.ColorNameForeground:          Text,
	theme.ColorNameForegroundOnError:   OnAlarm,
	theme.ColorNameForegroundOnPrimary: OnAccent,
	theme.ColorNameForegroundOnSuccess: OnAccent,
	theme.ColorNameForegroundOnWarning: GapFill,
	theme.ColorNameHeaderBackground:    Panel,
	theme.ColorNameHover:               Hover,
	theme.ColorNameHyperlink:           Accent,
	theme.ColorNameInputBackground:     Field,
	theme.ColorNameInputBorder:         Field,
	theme.ColorNameMenuBackground:      Panel,
	theme.ColorNameOverlayBackground:   Panel,
	theme.ColorNamePlaceHolder:         OnTint,
	theme.ColorNamePressed:             FieldHover,
	theme.ColorNamePrimary:             Accent,
	theme.ColorNameScrollBar:           Faint,
	theme.ColorNameScrollBarBackground: scrollGround,
	theme.ColorNameSelection:           selection,
	theme.ColorNameSeparator:           Line,
	theme.ColorNameShadow:              shadow,
	theme.ColorNameSuccess:             Accent,
	theme.ColorNameWarning:             GapText,
	theme.ColorNameInnerWindowBorder:   Line,
}

// Colours that only Fyne's own widgets use.
const (
	scrollGround Name = "zms-scroll"
	selection    Name = "zms-selection"
	shadow       Name = "zms-shadow"
)

func rgb(hex uint32) color.NRGBA {
	return color.NRGBA{R: uint8(hex >> 16), G: uint8(hex >> 8), B: uint8(hex), A: 0xFF}
}

// Color is a colour as the app has it now.
func Color(name Name) color.Color {
	app := fyne.CurrentApp()
	if app == nil {
		return light[name]
	}
	settings := app.Settings()
	if own, ok := settings.Theme().(*Theme); ok {
		return own.Color(fyne.ThemeColorName(name), settings.ThemeVariant())
	}
	if settings.ThemeVariant() == theme.VariantDark {
		return dark[name]
	}
	return light[name]
}

// IsDark reports whether the app is dark now.
func IsDark() bool {
	app := fyne.CurrentApp()
	if app == nil {
		return false
	}
	variant := app.Settings().ThemeVariant()
	if own, ok := app.Settings().Theme().(*Theme); ok {
		return own.Dark(variant)
	}
	return variant == theme.VariantDark
}
