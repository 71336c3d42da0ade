package card

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode/decoder"
	"github.com/makiuchi-d/gozxing/qrcode/detector"

	"zeroms/protocol/wire"
)

// The bounds of one search. Together they keep a hostile picture, made of
// nothing but finder patterns, within seconds.
const (
	maxCentres  = 1000    // possible finder patterns of one view
	maxCorners  = 40      // of them combined to codes
	maxTries    = 24      // combinations of one view that are read
	maxAllTries = 400     // combinations of all views that are read
	maxChecks   = 150_000 // places of all views looked at closely
)

// finder searches one picture view by view: smaller, larger, softened and
// turned copies, dark on light and light on dark.
type finder struct {
	decoder *decoder.Decoder
	checks  int    // left of maxChecks
	tries   int    // left of maxAllTries
	other   string // the best code that is not one of ours
}

// found is one code that was read, with the size of its modules in pixels of
// its view.
type found struct {
	text string
	size float64
}

// search looks for a code until it finds one of ours. A code of others is the
// answer only if the upright views show none of ours.
func search(g grey) (string, error) {
	f := &finder{decoder: decoder.NewDecoder(), checks: maxChecks, tries: maxAllTries}
	if text, ok := f.upright(g); ok {
		return text, nil
	}
	if f.other != "" {
		return f.other, nil
	}
	if text, ok := f.turned(g); ok {
		return text, nil
	}
	if f.other != "" {
		return f.other, nil
	}
	return "", wire.ErrNoQR
}

// upright tries the scales at which a code is usually found, cheapest first:
// about 1000 pixels, 500, 2000, the full size and half of it (which averages
// grain away); small pictures are enlarged.
func (f *finder) upright(g grey) (string, bool) {
	side := g.longSide()
	tried := map[int]bool{}
	for _, target := range [...]int{1000, 500, 2000, side, max(side/2, 1)} {
		k := (side + target - 1) / target
		if tried[k] {
			continue
		}
		tried[k] = true
		if text, ok := f.look(g.shrink(k), true); ok {
			return text, true
		}
	}
	for _, k := range [...]int{2, 3} {
		if side*k <= 1500 {
			if text, ok := f.look(g.enlarge(k), true); ok {
				return text, true
			}
		}
	}
	soft := g.shrink((side + 999) / 1000)
	for range 2 {
		soft = soft.soften()
		if text, ok := f.look(soft, true); ok {
			return text, true
		}
	}
	return "", false
}

// turned tries the picture at other angles: lines of pixels then cross the
// finder patterns elsewhere.
func (f *finder) turned(g grey) (string, bool) {
	small := g.shrink((g.longSide() + 799) / 800)
	for _, degrees := range [...]float64{15, -15, 30, -30, 45, 90, 180, 270} {
		if text, ok := f.look(small.rotate(degrees), false); ok {
			return text, true
		}
	}
	return "", false
}

// look reads one view with a threshold of each neighbourhood (hybrid) and, if
// global, with one threshold for the whole too; both dark on light and light
// on dark.
func (f *finder) look(g grey, global bool) (string, bool) {
	source, err := gozxing.NewPlanarYUVLuminanceSource(g.pix, g.w, g.h, 0, 0, g.w, g.h, false)
	if err != nil {
		return "", false
	}
	binarizers := []gozxing.Binarizer{gozxing.NewHybridBinarizer(source)}
	if global {
		binarizers = append(binarizers, gozxing.NewGlobalHistgramBinarizer(source))
	}
	for _, binarizer := range binarizers {
		bits, err := binarizer.GetBlackMatrix()
		if err != nil {
			continue
		}
		for range 2 {
			if text, ok := f.best(f.read(bits)); ok {
				return text, true
			}
			bits.FlipAll()
		}
	}
	return "", false
}

// best returns the largest code of ours and remembers the largest of others.
func (f *finder) best(codes []found) (text string, ok bool) {
	slices.SortStableFunc(codes, func(a, b found) int { return cmp.Compare(b.size, a.size) })
	for _, code := range codes {
		if ours(code.text) {
			return code.text, true
		}
		if f.other == "" {
			f.other = code.text
		}
	}
	return "", false
}

// ours reports whether a code is one of ZeroMS: a text by its prefix, or a link.
func ours(text string) bool {
	code, linked, err := cutLink(strings.Map(compact, text))
	return err == nil && (linked || strings.HasPrefix(code, "ZMS"))
}

// read returns the codes in a matrix. A picture that makes the library panic
// holds no code: its indices come from the picture.
func (f *finder) read(bits *gozxing.BitMatrix) (codes []found) {
	defer func() { _ = recover() }()
	centres := f.centres(bits)
	used := map[*detector.FinderPattern]bool{}
	for _, t := range triples(centres) {
		if used[t.a] || used[t.b] || used[t.c] {
			continue
		}
		if f.tries--; f.tries < 0 {
			break
		}
		if text, ok := f.readAt(bits, t); ok {
			used[t.a], used[t.b], used[t.c] = true, true, true
			codes = append(codes, found{text, t.module()})
		}
	}
	return codes
}

// readAt samples the code between three finder patterns and decodes it: first
// as the library measures it, then with the versions whose sizes are nearest
// to the distance of the patterns, since a module of few pixels is measured
// too coarsely to tell neighbouring versions apart.
func (f *finder) readAt(bits *gozxing.BitMatrix, t triple) (string, bool) {
	p, q, r := gozxing.ResultPoint_OrderBestPatterns(t.a, t.b, t.c)
	bottomLeft, topLeft, topRight := p.(*detector.FinderPattern), q.(*detector.FinderPattern), r.(*detector.FinderPattern)
	measured, err := detector.NewDetector(bits).ProcessFinderPatternInfo(
		detector.NewFinderPatternInfo(bottomLeft, topLeft, topRight))
	if err == nil {
		if text, ok := f.decode(measured.GetBits()); ok {
			return text, true
		}
	}
	between := (distance(topLeft, topRight) + distance(topLeft, bottomLeft)) / 2 / t.module()
	for _, side := range nearestSides(between + 7) {
		transform := detector.Detector_createTransform(topLeft, topRight, bottomLeft, nil, side)
		sampled, err := detector.Detector_sampleGrid(bits, transform, side)
		if err != nil {
			continue
		}
		if text, ok := f.decode(sampled); ok {
			return text, true
		}
	}
	return "", false
}

func (f *finder) decode(bits *gozxing.BitMatrix) (string, bool) {
	hints := map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_TRY_HARDER: true}
	result, err := f.decoder.Decode(bits, hints)
	if err != nil || result.GetText() == "" {
		return "", false
	}
	return result.GetText(), true
}

// nearestSides are the three sides of codes, in modules, nearest to a
// measurement: 17 + 4v for the versions v from 1 to 40.
func nearestSides(measured float64) [3]int {
	v := (measured - 17) / 4
	nearest := min(max(int(math.Round(v)), 1), 40)
	second, third := min(nearest+1, 40), max(nearest-1, 1)
	if v < float64(nearest) {
		second, third = third, second
	}
	return [3]int{17 + 4*nearest, 17 + 4*second, 17 + 4*third}
}

// centres finds possible finder patterns: places where a row of pixels shows
// dark and light runs of 1:1:3:1:1 and the column and diagonal do too (ISO/IEC
// 18004 section 12, step b).
func (f *finder) centres(bits *gozxing.BitMatrix) []*detector.FinderPattern {
	patterns := detector.NewFinderPatternFinder(bits, nil)
	w, h := bits.GetWidth(), bits.GetHeight()
	step := min(max(h/400, 1), 3)
	for y := step - 1; y < h; y += step {
		var runs [5]int
		dark := false
		for x := 0; x <= w; x++ {
			if x < w && bits.Get(x, y) == dark {
				runs[4]++
				continue
			}
			if dark && f.plausible(bits, runs, x, y) {
				if f.checks--; f.checks < 0 || len(patterns.GetPossibleCenters()) >= maxCentres {
					return patterns.GetPossibleCenters()
				}
				patterns.HandlePossibleCenter(runs[:], y, x)
			}
			copy(runs[:], runs[1:])
			runs[4] = 1
			dark = !dark
		}
	}
	return patterns.GetPossibleCenters()
}

// plausible is the cheap test before the library's own, which walks along the
// column as far as it is dark: the runs have the right proportion, and the
// dark centre is about as high as it is wide.
func (f *finder) plausible(bits *gozxing.BitMatrix, runs [5]int, x, y int) bool {
	if !detector.FinderPatternFinder_foundPatternCross(runs[:]) {
		return false
	}
	middle := x - runs[4] - runs[3] - (runs[2]+1)/2
	limit := 2*runs[2] + 2
	height := 1
	for i := y - 1; i >= 0 && height <= limit && bits.Get(middle, i); i-- {
		height++
	}
	for i := y + 1; i < bits.GetHeight() && height <= limit && bits.Get(middle, i); i++ {
		height++
	}
	return height <= limit
}

// triple is three finder patterns that may be the corners of one code.
type triple struct {
	a, b, c *detector.FinderPattern
	badness float64 // 0 for an exact right angle between equal sides
}

func (t triple) module() float64 {
	return (t.a.GetEstimatedModuleSize() + t.b.GetEstimatedModuleSize() + t.c.GetEstimatedModuleSize()) / 3
}

// triples combines the patterns that were seen most often and returns the
// likeliest corners of codes, best first.
func triples(centres []*detector.FinderPattern) []triple {
	corners := slices.Clone(centres)
	slices.SortStableFunc(corners, func(a, b *detector.FinderPattern) int {
		return cmp.Compare(b.GetCount(), a.GetCount())
	})
	corners = corners[:min(len(corners), maxCorners)]
	var out []triple
	for i, a := range corners {
		for j, b := range corners[:i] {
			for _, c := range corners[:j] {
				if t := newTriple(a, b, c); t.badness < 1 {
					out = append(out, t)
				}
			}
		}
	}
	slices.SortStableFunc(out, func(a, b triple) int { return cmp.Compare(a.badness, b.badness) })
	return out[:min(len(out), maxTries)]
}

// newTriple measures how far three patterns are from the corners of a square
// with modules of one size; perspective shifts all of it a little.
func newTriple(a, b, c *detector.FinderPattern) triple {
	sides := []float64{distance(a, b), distance(b, c), distance(c, a)}
	slices.Sort(sides)
	sizes := []float64{a.GetEstimatedModuleSize(), b.GetEstimatedModuleSize(), c.GetEstimatedModuleSize()}
	slices.Sort(sizes)
	t := triple{a: a, b: b, c: c, badness: math.Inf(1)}
	modules := (sides[0] + sides[1]) / 2 / sizes[1]
	if modules < 9 || modules > 190 || sizes[2] > 1.6*sizes[0] {
		return t
	}
	diagonal := math.Hypot(sides[0], sides[1])
	t.badness = (sides[1]-sides[0])/sides[0] + math.Abs(sides[2]-diagonal)/diagonal + (sizes[2]-sizes[0])/sizes[0]
	return t
}

func distance(a, b *detector.FinderPattern) float64 {
	return math.Hypot(a.GetX()-b.GetX(), a.GetY()-b.GetY())
}
