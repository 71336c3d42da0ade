package look

import (
	"math"
	"strings"
	"testing"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/colorprofile"
)

// styles of a theme that are read on the background of the same style.
func styles(t *Theme) map[string]Style {
	return map[string]Style{
		"selected": t.Selected, "selected faint": t.SelectedFaint, "badge": t.Badge, "gap": t.Gap,
		"own": t.Own.Text, "own faint": t.Own.Faint, "own accent": t.Own.Accent, "own alarm": t.Own.Alarm,
		"other": t.Other.Text, "other faint": t.Other.Faint, "other accent": t.Other.Accent, "other alarm": t.Other.Alarm,
		"faint": t.Faint, "accent": t.Accent, "alarm": t.Alarm, "unread": t.Unread,
	}
}

func luminance(t *testing.T, s Style, back bool, dark bool) float64 {
	t.Helper()
	c := s.GetForeground()
	if back {
		c = s.GetBackground()
		if _, none := c.(lipgloss.NoColor); none {
			if dark {
				return 0.006 // what a dark terminal has: not quite black
			}
			return 1
		}
	}
	r, g, b, _ := c.RGBA()
	part := func(v uint32) float64 {
		x := float64(v) / 0xffff
		if x <= 0.04045 {
			return x / 12.92
		}
		return math.Pow((x+0.055)/1.055, 2.4)
	}
	return 0.2126*part(r) + 0.7152*part(g) + 0.0722*part(b)
}

func TestTextStandsOut(t *testing.T) {
	for _, profile := range []colorprofile.Profile{colorprofile.TrueColor, colorprofile.ANSI256} {
		for _, dark := range []bool{false, true} {
			for name, s := range styles(New(profile, dark)) {
				a, b := luminance(t, s, false, dark), luminance(t, s, true, dark)
				if a < b {
					a, b = b, a
				}
				if contrast := (a + 0.05) / (b + 0.05); contrast < 4.5 {
					t.Errorf("%s, dark %v: %s has a contrast of %.1f", profile, dark, name, contrast)
				}
			}
		}
	}
}

func TestFewColours(t *testing.T) {
	for _, dark := range []bool{false, true} {
		for name, s := range styles(New(colorprofile.ANSI, dark)) {
			if out := s.Render("x"); strings.Contains(out, ";48;") || strings.Contains(out, "[48;") || strings.Contains(out, "38;") {
				t.Errorf("with 16 colours %s is %q", name, out)
			}
		}
		for name, s := range styles(New(colorprofile.ASCII, dark)) {
			for _, colour := range []string{"3", "4", "9"} { // 3x, 4x, 9x
				if out := s.Render("x"); strings.Contains(out, "["+colour) || strings.Contains(out, ";"+colour) {
					t.Errorf("without colours %s is %q", name, out)
				}
			}
		}
	}
}
