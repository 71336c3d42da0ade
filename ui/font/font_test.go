package font

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/go-text/typesetting/font"
	"github.com/go-text/typesetting/font/opentype"

	"zeroms/assets"
)

func above(r rune) bool { return r >= 0x2E80 }

// droid is the font of the app; nil: it was built without one (make font).
func droid(t testing.TB) []byte {
	t.Helper()
	ttf := assets.CJK()
	if ttf == nil {
		t.Log("assets/fonts has no font: only the font of one letter is looked at")
	}
	return ttf
}

func parse(t *testing.T, ttf []byte) *font.Face {
	t.Helper()
	face, err := font.ParseTTF(bytes.NewReader(ttf))
	if err != nil {
		t.Fatal(err)
	}
	return face
}

func TestOnlyWhatIsKept(t *testing.T) {
	if droid(t) == nil {
		return
	}
	whole := parse(t, droid(t))
	ttf, err := Fit(droid(t), Want{Keep: above, Ascent: 1069, Descent: 293})
	if err != nil {
		t.Fatal(err)
	}
	face := parse(t, ttf)
	for r := range rune(0x11000) {
		before, had := whole.NominalGlyph(r)
		after, has := face.NominalGlyph(r)
		if has != (had && above(r)) || has && before != after {
			t.Fatalf("%U: glyph %d (%v) became %d (%v)", r, before, had, after, has)
		}
		if has && whole.HorizontalAdvance(before) != face.HorizontalAdvance(after) {
			t.Fatalf("%U has another width", r)
		}
	}
	for _, r := range "零毫秒你好，。（）「」あア" {
		if _, has := face.NominalGlyph(r); !has {
			t.Errorf("%c is missing", r)
		}
	}
	extents, _ := face.FontHExtents()
	upem := float32(face.Upem())
	if a, d := extents.Ascender/upem, extents.Descender/upem; a < 1.06 || a > 1.075 || d > -0.285 || d < -0.3 || extents.LineGap != 0 {
		t.Errorf("the line is %v above and %v below the base, gap %v", a, d, extents.LineGap)
	}
}

// ink is the area of an outline's curves taken as lines, in square units.
func ink(face *font.Face, r rune) float64 {
	gid, _ := face.NominalGlyph(r)
	outline, ok := face.GlyphData(gid).(font.GlyphOutline)
	if !ok {
		return 0
	}
	sum := 0.0
	var x, y float32
	for _, s := range outline.Segments {
		to := s.Args[max(0, len(s.ArgsSlice())-1)]
		if s.Op != opentype.SegmentOpMoveTo {
			sum += float64(x)*float64(to.Y) - float64(to.X)*float64(y)
		}
		x, y = to.X, to.Y
	}
	return max(sum, -sum) / 2
}

func TestFat(t *testing.T) {
	if droid(t) == nil {
		return
	}
	regular := parse(t, droid(t))
	ttf, err := Fit(droid(t), Want{Keep: above, Ascent: 1069, Descent: 293, Fat: assets.Common})
	if err != nil {
		t.Fatal(err)
	}
	bold := parse(t, ttf)
	common, fatter := 0, 0
	for r := rune(0x4E00); r < 0x9FA6; r++ {
		before, after := ink(regular, r), ink(bold, r)
		if !assets.Common(r) {
			continue
		}
		common++
		if after > before*1.12 && after < before*2.2 {
			fatter++
		}
	}
	if common < 8800 || fatter < common*99/100 {
		t.Errorf("of %d common letters %d are fatter", common, fatter)
	}
	gid, _ := regular.NominalGlyph('零')
	other, _ := bold.NominalGlyph('零')
	if regular.HorizontalAdvance(gid) != bold.HorizontalAdvance(other) {
		t.Error("a bold letter is wider")
	}
}

// square is a font of one glyph, a square, for the letter A.
func square() []byte {
	glyph := []byte{0, 1, 0, 0, 0, 0, 0, 100, 0, 100, 0, 3, 0, 0, 1, 1, 1, 1}
	for _, d := range []int16{0, 0, 100, 0, 0, 100, 0, -100} { // x of all, then y: clockwise
		glyph = binary.BigEndian.AppendUint16(glyph, uint16(d))
	}
	tables := map[string][]byte{"OS/2": make([]byte, 96), "hhea": make([]byte, 36), "hmtx": {0, 120, 0, 0}, "name": {0, 0, 0, 0, 0, 6}, "post": make([]byte, 32)}
	head := make([]byte, 54)
	head[19], head[51] = 200, 1
	tables["head"], tables["glyf"] = head, glyph
	tables["hhea"][35] = 1
	tables["maxp"] = append([]byte{0, 1, 0, 0, 0, 1}, make([]byte, 26)...)
	tables["loca"] = append(make([]byte, 4), 0, 0, 0, byte(len(glyph)))
	tables["cmap"] = writeCharacters([]group{{'A', 'A', 0}})
	return join(tables)
}

func all(rune) bool { return true }

func TestSquare(t *testing.T) {
	ttf, err := Fit(square(), Want{Keep: all, Ascent: 900, Descent: 100, Fat: all})
	if err != nil {
		t.Fatal(err)
	}
	face := parse(t, ttf)
	outline := face.GlyphData(0).(font.GlyphOutline)
	least, most := outline.Segments[0].Args[0], outline.Segments[0].Args[0]
	for _, s := range outline.Segments {
		p := s.ArgsSlice()[len(s.ArgsSlice())-1]
		least.X, least.Y = min(least.X, p.X), min(least.Y, p.Y)
		most.X, most.Y = max(most.X, p.X), max(most.Y, p.Y)
	}
	if least.X != -3 || least.Y != -2 || most.X != 103 || most.Y != 102 { // 17 and 9 thousandths of 200
		t.Errorf("the square is %v to %v", least, most)
	}
}

// TestLeft: a comma stands at the left of its square, and the letters stay where they are.
func TestLeft(t *testing.T) {
	if droid(t) == nil {
		return
	}
	edge := func(face *font.Face, r rune) float32 {
		gid, _ := face.NominalGlyph(r)
		left := float32(face.Upem())
		for _, s := range face.GlyphData(gid).(font.GlyphOutline).Segments {
			for _, p := range s.ArgsSlice() {
				left = min(left, p.X)
			}
		}
		return left / float32(face.Upem())
	}
	for name, fat := range map[string]func(rune) bool{"regular": nil, "bold": assets.Common} {
		ttf, err := Fit(droid(t), Want{Keep: above, Ascent: 1069, Descent: 293, Fat: fat, Left: map[rune]int{'，': 90}})
		if err != nil {
			t.Fatal(err)
		}
		face, before := parse(t, ttf), parse(t, droid(t))
		if at := edge(face, '，'); at < 0.06 || at > 0.1 { // fat letters begin a little earlier
			t.Errorf("%s: the comma begins at %v of its square, it did at %v", name, at, edge(before, '，'))
		}
		if at, was := edge(face, '、'), edge(before, '、'); at > was || at < was-0.03 {
			t.Errorf("%s: another mark begins at %v instead of %v", name, at, was)
		}
	}
}

func TestDamaged(t *testing.T) {
	whole := square()
	for n := range len(whole) - 3 {
		if _, err := Fit(whole[:n], Want{Keep: all, Fat: all}); !errors.Is(err, ErrDamaged) {
			t.Fatalf("the first %d bytes: %v", n, err)
		}
	}
	for _, tag := range kept {
		tables, err := split(whole)
		if err != nil {
			t.Fatal(err)
		}
		delete(tables, tag)
		if _, err := Fit(join(tables), Want{Keep: all, Fat: all, Left: map[rune]int{'A': 90}}); !errors.Is(err, ErrDamaged) {
			t.Errorf("without %s: %v", tag, err)
		}
	}
}

func FuzzFit(f *testing.F) {
	f.Add(square())
	f.Fuzz(func(t *testing.T, ttf []byte) {
		out, err := Fit(ttf, Want{Keep: all, Ascent: 1069, Descent: 293, Fat: all, Left: map[rune]int{'A': 90}})
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		if _, err := Fit(out, Want{Keep: all, Ascent: 1069, Descent: 293}); err != nil {
			t.Fatalf("what was made can't be read: %v", err)
		}
	})
}

func BenchmarkFit(b *testing.B) {
	if droid(b) == nil {
		return
	}
	for name, fat := range map[string]func(rune) bool{"regular": nil, "bold": assets.Common} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Fit(droid(b), Want{Keep: above, Ascent: 1069, Descent: 293, Fat: fat}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
