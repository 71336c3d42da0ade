// Package look is the colours of the chat: on light and on dark terminals, with
// 16 million colours, 256, 16, and with none. Nothing is told by a colour
// alone. With 16 colours nothing gets a background of its own, because every
// terminal has another idea of what they are.
package look

import (
	"image/color"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
)

// Style is how a piece of text looks.
type Style = lipgloss.Style

// Theme is how everything looks.
type Theme struct {
	Text, Faint, Strong, Accent, Alarm, Line, Key Style

	Selected, SelectedFaint, Badge, Gap, Unread, Bar Style

	// Own and Other are bubbles: their text, what is said about it, what is
	// marked in it, and the bar at their side.
	Own, Other Bubble

	// Plain tells that there are no colours, Dark that the background is dark.
	Plain, Dark bool
}

// Bubble is how a message looks.
type Bubble struct {
	Text, Faint, Accent, Alarm, Side Style
}

// shade is one colour: with all colours, with 256, and with 16; nil: the
// terminal's own.
type shade struct {
	all     string
	of256   uint8
	of16    uint8
	colours bool // there is one with 16 colours
}

type shades struct {
	accent, alarm, gap, faint, line           shade
	ink                                       shade // on backgrounds of ours
	own, other, selected, gapBack, badgeInk   shade
	ownFaint, otherFaint, ownAccent, ownAlarm shade
}

var light = shades{
	accent: shade{"#0F766E", 23, 6, true}, alarm: shade{"#B42318", 124, 1, true}, gap: shade{"#8A5A00", 94, 3, true},
	faint: shade{"#5F6B74", 242, 0, false}, line: shade{"#CBD3D8", 252, 0, false}, ink: shade{"#14181B", 234, 0, false},
	own: shade{"#D8F1ED", 195, 0, false}, other: shade{"#EDF0F2", 255, 0, false}, selected: shade{"#DDEFEC", 254, 0, false},
	gapBack: shade{"#FFF6E0", 230, 0, false}, badgeInk: shade{"#FFFFFF", 231, 15, true},
	ownFaint: shade{"#4A6863", 240, 0, false}, otherFaint: shade{"#5F6B74", 242, 0, false},
	ownAccent: shade{"#0B5F58", 23, 6, true}, ownAlarm: shade{"#B42318", 124, 1, true},
}

var dark = shades{
	accent: shade{"#2CC5B4", 43, 6, true}, alarm: shade{"#F97066", 203, 9, true}, gap: shade{"#F2C261", 221, 3, true},
	faint: shade{"#8C99A1", 246, 0, false}, line: shade{"#3A454C", 238, 0, false}, ink: shade{"#E7ECEF", 255, 0, false},
	own: shade{"#113F3A", 23, 0, false}, other: shade{"#252D32", 236, 0, false}, selected: shade{"#1B3B37", 237, 0, false},
	gapBack: shade{"#332A12", 58, 0, false}, badgeInk: shade{"#0E1315", 16, 0, true},
	ownFaint: shade{"#9CC3BD", 253, 0, false}, otherFaint: shade{"#98A4AB", 248, 0, false},
	ownAccent: shade{"#5FE3D4", 86, 6, true}, ownAlarm: shade{"#FF9C94", 224, 9, true},
}

// painter makes styles for one kind of terminal.
type painter struct {
	profile colorprofile.Profile
}

// of is a shade as this terminal has it; nil: the terminal's own colour.
func (p painter) of(s shade) color.Color {
	switch {
	case p.profile >= colorprofile.TrueColor:
		return lipgloss.Color(s.all)
	case p.profile == colorprofile.ANSI256:
		return lipgloss.ANSIColor(s.of256)
	case p.profile == colorprofile.ANSI && s.colours:
		return ansi.BasicColor(s.of16)
	}
	return nil
}

// ink is text in a colour on the terminal's background.
func (p painter) ink(s shade) Style { return p.on(lipgloss.NewStyle(), s) }

func (p painter) on(st Style, s shade) Style {
	if c := p.of(s); c != nil {
		return st.Foreground(c)
	}
	return st
}

// back is a background, where there are such.
func (p painter) back(s shade) Style {
	if p.profile >= colorprofile.ANSI256 {
		return lipgloss.NewStyle().Background(p.of(s))
	}
	return lipgloss.NewStyle()
}

// quiet is text that matters less.
func (p painter) quiet(st Style, s shade) Style {
	if p.profile >= colorprofile.ANSI256 {
		return p.on(st, s)
	}
	return st.Faint(true)
}

// New makes a theme for a terminal with so many colours.
func New(profile colorprofile.Profile, isDark bool) *Theme {
	s, p := light, painter{profile}
	if isDark {
		s = dark
	}
	few := profile < colorprofile.ANSI256
	selected, badge, unread := p.on(p.back(s.selected), s.ink), p.on(p.back(s.accent), s.badgeInk).Bold(true), p.ink(s.accent)
	gap := p.on(p.back(s.gapBack), s.gap)
	selectedFaint := p.quiet(p.back(s.selected), s.ownFaint)
	if few {
		selected, selectedFaint = lipgloss.NewStyle().Reverse(true), lipgloss.NewStyle().Reverse(true)
		badge = p.ink(s.accent).Reverse(true).Bold(true)
	}
	return &Theme{
		Text: lipgloss.NewStyle(), Strong: lipgloss.NewStyle().Bold(true), Faint: p.quiet(lipgloss.NewStyle(), s.faint),
		Accent: p.ink(s.accent), Alarm: p.ink(s.alarm).Bold(few), Line: p.quiet(lipgloss.NewStyle(), s.line),
		Key: p.ink(s.accent).Bold(true), Selected: selected, SelectedFaint: selectedFaint, Badge: badge,
		Gap: gap, Unread: unread.Bold(few), Bar: p.ink(s.accent),
		Own:   p.bubble(s.own, s, s.ownFaint, s.ownAccent, s.accent),
		Other: p.bubble(s.other, s, s.otherFaint, s.accent, s.faint),
		Plain: profile < colorprofile.ANSI, Dark: isDark,
	}
}

func (p painter) bubble(back shade, s shades, faint, accent, side shade) Bubble {
	on := p.back(back)
	text := on
	if p.profile >= colorprofile.ANSI256 {
		text = p.on(on, s.ink)
	}
	return Bubble{
		Text: text, Faint: p.quiet(on, faint), Accent: p.on(on, accent).Bold(true), Alarm: p.on(on, s.ownAlarm).Bold(true),
		Side: p.ink(side),
	}
}
