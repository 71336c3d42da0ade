package theme

import (
	"image/color"
	"math"
	"os"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/lang"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/theme"

	"zeroms/assets"
	"zeroms/ui/model"
)

// luminance is that of WCAG 2.
func luminance(c color.Color) float64 {
	n := color.NRGBAModel.Convert(c).(color.NRGBA)
	part := func(v uint8) float64 {
		f := float64(v) / 255
		if f <= 0.03928 {
			return f / 12.92
		}
		return math.Pow((f+0.055)/1.055, 2.4)
	}
	return 0.2126*part(n.R) + 0.7152*part(n.G) + 0.0722*part(n.B)
}

func contrast(a, b color.Color) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// Texts and what they stand on.
var pairs = []struct {
	text Name
	on   []Name
}{
	{Text, []Name{Background, Panel, OwnBubble, OtherBubble, Selected, Hover, Field, FieldHover}},
	{Secondary, []Name{Background, Panel, OtherBubble}},
	{OnTint, []Name{Background, Panel, OwnBubble, OtherBubble, Selected, Hover, Field, FieldHover}},
	{Accent, []Name{Background, Panel, OwnBubble, OtherBubble, Selected, Hover, AlarmFill, GapFill}},
	{OnAccent, []Name{Accent, AccentHover, Muted}},
	{GapText, []Name{GapFill, Panel, Background}},
	{Alarm, []Name{Background, Panel, AlarmFill, Hover}},
	{OnAlarm, []Name{Alarm}},
}

func TestContrast(t *testing.T) {
	for scheme, palette := range map[string]map[Name]color.Color{"light": light, "dark": dark} {
		for _, pair := range pairs {
			for _, on := range pair.on {
				if got := contrast(palette[pair.text], palette[on]); got < 4.5 {
					t.Errorf("%s: %s on %s has a contrast of %.2f", scheme, pair.text, on, got)
				}
			}
		}
	}
}

// TestOffIsSeen: what is off or can't be used is fainter, but still there.
func TestOffIsSeen(t *testing.T) {
	for scheme, palette := range map[string]map[Name]color.Color{"light": light, "dark": dark} {
		for on, least := range map[Name]float64{Panel: 3, Field: 2.7} {
			if got := contrast(palette[Dim], palette[on]); got < least || got > 4.5 {
				t.Errorf("%s: what is off has a contrast of %.2f on %s", scheme, got, on)
			}
		}
	}
}

func TestPalettesHaveTheSameNames(t *testing.T) {
	for name := range light {
		if dark[name] == nil {
			t.Errorf("dark has no %s", name)
		}
	}
	if len(light) != len(dark) {
		t.Errorf("light has %d colours, dark %d", len(light), len(dark))
	}
}

// TestDesign holds the colours against the design.
func TestDesign(t *testing.T) {
	for name, want := range map[Name][2]uint32{
		Background: {0xF5F7F8, 0x0E1315}, Panel: {0xFFFFFF, 0x14191C}, Line: {0xE4E8EB, 0x242C31}, Text: {0x14181B, 0xE7ECEF},
		Accent: {0x0F766E, 0x2CC5B4}, OwnBubble: {0xD8F1ED, 0x113F3A}, OtherBubble: {0xFFFFFF, 0x1C2327}, Selected: {0xE3F3F1, 0x17302D},
		GapFill: {0xFFF6E0, 0x332A12}, GapText: {0x8A5A00, 0xF2C261}, Alarm: {0xB42318, 0xF97066},
	} {
		if light[name] != rgb(want[0]) || dark[name] != rgb(want[1]) {
			t.Errorf("%s is %v and %v", name, light[name], dark[name])
		}
	}
}

func TestSchemes(t *testing.T) {
	app := test.NewTempApp(t)
	for _, c := range []struct {
		scheme  model.Scheme
		variant fyne.ThemeVariant
		dark    bool
	}{
		{model.SchemeSystem, theme.VariantLight, false}, {model.SchemeSystem, theme.VariantDark, true},
		{model.SchemeLight, theme.VariantDark, false}, {model.SchemeDark, theme.VariantLight, true},
	} {
		own := New(model.Look{Scheme: c.scheme}).(*Theme)
		if own.Dark(c.variant) != c.dark {
			t.Errorf("scheme %d on a system of variant %d: dark is %v", c.scheme, c.variant, !c.dark)
		}
		want := rgb(0xFFFFFF)
		if c.dark {
			want = rgb(0x14191C)
		}
		if got := own.Color(theme.ColorNameMenuBackground, c.variant); got != want {
			t.Errorf("menus are %v", got)
		}
	}
	app.Settings().SetTheme(New(model.Look{Scheme: model.SchemeDark}))
	if Color(Accent) != dark[Accent] || !IsDark() {
		t.Error("the app is not dark")
	}
}

func TestZoom(t *testing.T) {
	app := test.NewTempApp(t)
	for zoom, want := range map[int]float32{0: 1, 100: 1, 150: 1.5, 10: 0.6, 9000: 2.5} {
		app.Settings().SetTheme(New(model.Look{Zoom: zoom}))
		if Zoom() != want || Px(8) != 8*want {
			t.Errorf("at %d percent lengths grow by %v", zoom, Zoom())
		}
		if size := Size(SizeBody); size != float32(math.Round(float64(14*want))) {
			t.Errorf("at %d percent text is %v high", zoom, size)
		}
		if got := app.Settings().Theme().Size(theme.SizeNameScrollBar); got != 8*want {
			t.Errorf("at %d percent scroll bars are %v wide", zoom, got)
		}
	}
}

// TestFynesNames asks for all of Fyne's names, as its own widgets do.
func TestFynesNames(t *testing.T) {
	own := New(model.Look{Scheme: model.SchemeDark})
	for name := range fynes {
		if own.Color(name, theme.VariantDark) == nil {
			t.Errorf("there is no %s", name)
		}
	}
	for name := range sizes {
		if name != theme.SizeNameModalBlurRadius && own.Size(name) <= 0 {
			t.Errorf("there is no %s", name)
		}
	}
	for _, style := range []fyne.TextStyle{{}, {Bold: true}, {Italic: true}, {Bold: true, Italic: true}, {Monospace: true}, {Symbol: true}} {
		if own.Font(style) == nil {
			t.Errorf("there is no font for %+v", style)
		}
	}
}

func TestIcons(t *testing.T) {
	app := test.NewTempApp(t)
	wanted := strings.Fields("menu search plus back close more check checks clock warn shield send copy save key card people gateway settings lock globe bell pin mute trash edit qr image info dot refresh link eye arrow-down")
	for _, name := range wanted {
		if Icon(name) == nil {
			t.Errorf("there is no icon %q", name)
		}
	}
	if Icon("no such icon") != nil {
		t.Error("an icon that nobody drew is there")
	}
	app.Settings().SetTheme(New(model.Look{Scheme: model.SchemeLight}))
	resource := IconIn("shield", Accent)
	before, name := string(resource.Content()), resource.Name()
	if !strings.Contains(before, "#0f766e") || !strings.Contains(before, "#ffffff") {
		t.Errorf("the shield is not in the accent's colour: %s", before)
	}
	app.Settings().SetTheme(New(model.Look{Scheme: model.SchemeDark}))
	if after := string(resource.Content()); after == before || resource.Name() == name {
		t.Error("the shield does not follow the theme")
	}
	for _, name := range assets.Icons() {
		if content := string(Icon(name).Content()); strings.Contains(content, "currentColor") || strings.Contains(content, "knockout") || !strings.Contains(content, `viewBox="0 0 24 24"`) {
			t.Errorf("%s has a colour of its own or another grid: %s", name, content)
		}
		if content := string(assets.Icon(name)); strings.Contains(strings.ReplaceAll(content, `stroke="none"`, ""), "stroke") {
			t.Errorf("%s has strokes, which do not grow with the icon", name)
		}
	}
}

func TestSpeak(t *testing.T) {
	for _, c := range []struct{ language, copies string }{{"zh-Hans", "复制"}, {"en", "Copy"}, {"zh-Hans", "复制"}} {
		t.Setenv("LC_ALL", "C")
		if err := Speak(c.language); err != nil {
			t.Fatal(err)
		}
		if got := lang.L("Copy"); got != c.copies {
			t.Errorf("in %s Fyne says %q", c.language, got)
		}
		if got := os.Getenv("LC_ALL"); got != "C" {
			t.Errorf("the environment says %q now", got)
		}
	}
}

// TestFont looks at what Fyne makes of the fonts.
func TestFont(t *testing.T) {
	if assets.CJK() == nil {
		t.Log("assets/fonts has no font (make font): there is no Chinese to look at")
		return
	}
	app := test.NewTempApp(t)
	app.Settings().SetTheme(New(model.Look{}))
	for _, size := range []float32{11, 13, 14, 15, 18, 26} {
		for _, style := range []fyne.TextStyle{{}, {Bold: true}} {
			latin, base := app.Driver().RenderedTextSize("Hxg", size, style, nil)
			mixed, other := app.Driver().RenderedTextSize("林 Hxg 薇", size, style, nil)
			if math.Ceil(float64(base)) != math.Ceil(float64(other)) || math.Abs(float64(latin.Height-mixed.Height)) > 0.5 {
				t.Errorf("at %v: Latin stands at %v of %v, with Chinese at %v of %v", size, base, latin.Height, other, mixed.Height)
			}
		}
	}
	thin, _ := app.Driver().RenderedTextSize("Hamburgefons", 14, fyne.TextStyle{}, nil)
	fat, _ := app.Driver().RenderedTextSize("Hamburgefons", 14, fyne.TextStyle{Bold: true}, nil)
	if fat.Width <= thin.Width*1.03 {
		t.Errorf("bold Latin is %v wide, regular %v: it is no bold font", fat.Width, thin.Width)
	}
	wide, _ := app.Driver().RenderedTextSize("林薇", 14, fyne.TextStyle{}, nil)
	if wide.Width < 27 || wide.Width > 29 {
		t.Errorf("two hanzi are %v wide", wide.Width)
	}
}
