package font

import (
	"encoding/binary"
	"math"
	"slices"
)

// How much fatter bold letters are, in thousandths of the size on each side: a vertical
// stroke more than a horizontal one, of which a Chinese letter has many.
const (
	fatX = 17
	fatY = 9
)

// point is a point of an outline.
type point struct {
	x, y int32
	on   bool
}

// fatten makes the outlines fatter that the characters of groups are drawn of. A glyph
// that is put together of others gets it through these.
func fatten(tables map[string][]byte, upem int, groups []group) error {
	o, err := outlinesOf(tables)
	if err != nil {
		return err
	}
	if err := o.mark(groups); err != nil {
		return err
	}
	f := fattener{x: float32(fatX*upem) / 1000, y: float32(fatY*upem) / 1000}
	bearings, err := bearingsOf(tables)
	if err != nil {
		return err
	}
	out := make([]byte, 0, len(o.glyf)+len(o.glyf)/16)
	offsets := make([]byte, 0, len(o.loca))
	for i, fat := range o.fat {
		offsets = binary.BigEndian.AppendUint32(offsets, uint32(len(out)))
		glyph, err := o.glyph(i)
		if err != nil {
			return err
		}
		if !fat || len(glyph) == 0 {
			out = append(out, glyph...)
			continue
		}
		left := len(out)
		if out, err = f.glyph(out, glyph); err != nil {
			return err
		}
		bearings.move(i, int16(binary.BigEndian.Uint16(out[left+2:]))-int16(binary.BigEndian.Uint16(glyph[2:])))
		if len(out)%2 == 1 {
			out = append(out, 0)
		}
	}
	tables["loca"] = binary.BigEndian.AppendUint32(offsets, uint32(len(out)))
	tables["glyf"] = out
	tables["hmtx"] = bearings.hmtx
	return nil
}

// bearings are where glyphs begin: of the first ones with their widths, then alone. A
// glyph is drawn with its left edge there.
type bearings struct {
	hmtx []byte
	wide int // how many have widths
}

func bearingsOf(tables map[string][]byte) (bearings, error) {
	if len(tables["hhea"]) < 36 {
		return bearings{}, ErrDamaged
	}
	return bearings{slices.Clone(tables["hmtx"]), int(binary.BigEndian.Uint16(tables["hhea"][34:]))}, nil
}

// at is where in the table a glyph's beginning stands; -1: it has none.
func (b bearings) at(glyph int) int {
	at := 4*glyph + 2
	if glyph >= b.wide {
		at = 4*b.wide + 2*(glyph-b.wide)
	}
	if glyph < 0 || at+2 > len(b.hmtx) {
		return -1
	}
	return at
}

// move moves the beginning of a glyph, if it has one.
func (b bearings) move(glyph int, by int16) {
	if at := b.at(glyph); at >= 0 {
		binary.BigEndian.PutUint16(b.hmtx[at:], binary.BigEndian.Uint16(b.hmtx[at:])+uint16(by))
	}
}

// set puts the beginning of a glyph to a place, if it has one.
func (b bearings) set(glyph int, to int16) {
	if at := b.at(glyph); at >= 0 {
		binary.BigEndian.PutUint16(b.hmtx[at:], uint16(to))
	}
}

// outlines are the glyphs of a font, and which of them are to be fatter.
type outlines struct {
	loca, glyf []byte
	fat        []bool
}

func outlinesOf(tables map[string][]byte) (*outlines, error) {
	if binary.BigEndian.Uint16(tables["head"][50:]) != 1 {
		return nil, ErrDamaged // offsets of 16 bits: only small fonts have them
	}
	if len(tables["maxp"]) < 6 {
		return nil, ErrDamaged
	}
	n := int(binary.BigEndian.Uint16(tables["maxp"][4:]))
	if len(tables["loca"]) < 4*(n+1) {
		return nil, ErrDamaged
	}
	return &outlines{tables["loca"][:4*(n+1)], tables["glyf"], make([]bool, n)}, nil
}

func (o *outlines) glyph(i int) ([]byte, error) {
	start, end := binary.BigEndian.Uint32(o.loca[4*i:]), binary.BigEndian.Uint32(o.loca[4*i+4:])
	if start > end || end > uint32(len(o.glyf)) {
		return nil, ErrDamaged
	}
	return o.glyf[start:end], nil
}

// mark marks the glyphs of some characters and what they are put together of.
func (o *outlines) mark(groups []group) error {
	var open []int
	add := func(i uint32) {
		if i < uint32(len(o.fat)) && !o.fat[i] {
			o.fat[i] = true
			open = append(open, int(i))
		}
	}
	for _, g := range groups {
		for c := g.first; c <= g.last; c++ {
			add(g.glyph + c - g.first)
		}
	}
	for len(open) > 0 {
		last := open[len(open)-1]
		open = open[:len(open)-1]
		glyph, err := o.glyph(last)
		if err != nil {
			return err
		}
		if err := parts(glyph, add); err != nil {
			return err
		}
	}
	return nil
}

// The flags of a part of a glyph.
const (
	wordsFollow = 1 << 0
	oneScale    = 1 << 3
	morePart    = 1 << 5
	twoScales   = 1 << 6
	fourScales  = 1 << 7
)

// parts hands out the glyphs that a glyph is put together of: flags, the glyph, two
// numbers of one or two bytes, and up to four scales of two bytes.
func parts(glyph []byte, part func(uint32)) error {
	if len(glyph) < 10 || glyph[0]&0x80 == 0 {
		return nil
	}
	for rest := glyph[10:]; ; {
		if len(rest) < 4 {
			return ErrDamaged
		}
		flags := binary.BigEndian.Uint16(rest)
		part(uint32(binary.BigEndian.Uint16(rest[2:])))
		size := 6
		if flags&wordsFollow != 0 {
			size = 8
		}
		switch {
		case flags&oneScale != 0:
			size += 2
		case flags&twoScales != 0:
			size += 4
		case flags&fourScales != 0:
			size += 8
		}
		if flags&morePart == 0 {
			return nil
		}
		if len(rest) < size {
			return ErrDamaged
		}
		rest = rest[size:]
	}
}

// fattener makes one glyph after another fatter by x and y on each side.
type fattener struct {
	x, y   float32
	points []point
	moved  []point
	flags  []byte
}

// glyph appends a fatter glyph: the number of contours, the box, the last point of each
// contour, instructions (left out), and the points.
func (f *fattener) glyph(out, glyph []byte) ([]byte, error) {
	if len(glyph) < 10 {
		return nil, ErrDamaged
	}
	contours := int(int16(binary.BigEndian.Uint16(glyph)))
	if contours <= 0 {
		return append(out, glyph...), nil
	}
	if len(glyph) < 12+2*contours {
		return nil, ErrDamaged
	}
	ends := glyph[10 : 10+2*contours]
	n := int(binary.BigEndian.Uint16(ends[2*contours-2:])) + 1
	skip := 12 + 2*contours + int(binary.BigEndian.Uint16(glyph[10+2*contours:]))
	if skip > len(glyph) {
		return nil, ErrDamaged
	}
	if err := f.read(glyph[skip:], n); err != nil {
		return nil, err
	}
	f.moved = append(f.moved[:0], f.points...)
	first := 0
	for i := range contours {
		end := int(binary.BigEndian.Uint16(ends[2*i:])) + 1
		if end < first || end > n {
			return nil, ErrDamaged
		}
		f.contour(f.points[first:end], f.moved[first:end])
		first = end
	}
	return f.write(out, glyph, ends), nil
}

// The flags of a point.
const (
	onCurve = 1 << iota
	shortX
	shortY
	repeated
	sameX // or positive, if it is short
	sameY
)

// read reads n points: their flags, then all x, then all y, each relative to the one
// before.
func (f *fattener) read(from []byte, n int) error {
	f.points, f.flags = f.points[:0], f.flags[:0]
	for len(f.flags) < n {
		if len(from) == 0 {
			return ErrDamaged
		}
		flag := from[0]
		from = from[1:]
		times := 1
		if flag&repeated != 0 {
			if len(from) == 0 {
				return ErrDamaged
			}
			times += int(from[0])
			from = from[1:]
		}
		for range times {
			f.flags = append(f.flags, flag)
		}
	}
	f.flags = f.flags[:n]
	var x, y int32
	for _, flag := range f.flags {
		by, rest, ok := delta(from, flag&shortX != 0, flag&sameX != 0)
		if !ok {
			return ErrDamaged
		}
		x, from = x+by, rest
		f.points = append(f.points, point{x: x, on: flag&onCurve != 0})
	}
	for i, flag := range f.flags {
		by, rest, ok := delta(from, flag&shortY != 0, flag&sameY != 0)
		if !ok {
			return ErrDamaged
		}
		y, from = y+by, rest
		f.points[i].y = y
	}
	return nil
}

func delta(from []byte, short, same bool) (by int32, rest []byte, ok bool) {
	switch {
	case short && len(from) >= 1:
		by = int32(from[0])
		if !same {
			by = -by
		}
		return by, from[1:], true
	case short:
		return 0, nil, false
	case same:
		return 0, from, true
	case len(from) >= 2:
		return int32(int16(binary.BigEndian.Uint16(from))), from[2:], true
	}
	return 0, nil, false
}

// contour moves the points of one contour outwards: to the left of its direction, as the
// inside of a TrueType outline lies to the right. At a corner a point moves along the
// line that halves it, but no further than the shorter side is long.
func (f *fattener) contour(from, to []point) {
	n := len(from)
	if n < 3 {
		return
	}
	inX, inY, inLong := direction(from[n-1], from[0])
	for i := range from {
		outX, outY, outLong := direction(from[i], from[(i+1)%n])
		if outLong == 0 {
			continue // the same place twice: the next one decides
		}
		if inLong == 0 {
			inX, inY, inLong = outX, outY, outLong
		}
		if straight := inX*outX + inY*outY; straight > -0.94 {
			straight++
			moveX, moveY := -(inY + outY), inX+outX
			turn := inY*outX - inX*outY // positive at a corner that points outwards
			least := min(inLong, outLong)
			by := func(fat float32) float32 {
				if fat*turn <= straight*least {
					return fat / straight
				}
				return least / turn
			}
			to[i].x += round(moveX * by(f.x))
			to[i].y += round(moveY * by(f.y))
		}
		inX, inY, inLong = outX, outY, outLong
	}
}

// direction is the unit vector between two points, and how far they are apart.
func direction(a, b point) (x, y, long float32) {
	x, y = float32(b.x-a.x), float32(b.y-a.y)
	switch {
	case x == 0 && y == 0:
		return 0, 0, 0
	case x == 0:
		long = abs(y)
	case y == 0:
		long = abs(x)
	default:
		long = float32(math.Sqrt(float64(x*x + y*y)))
	}
	return x / long, y / long, long
}

func abs(x float32) float32 { return max(x, -x) }

func round(x float32) int32 {
	if x < 0 {
		return -int32(0.5 - x)
	}
	return int32(x + 0.5)
}

// write appends the moved points as a glyph.
func (f *fattener) write(out, glyph, ends []byte) []byte {
	least, most := f.moved[0], f.moved[0]
	for _, p := range f.moved {
		least.x, least.y = min(least.x, p.x), min(least.y, p.y)
		most.x, most.y = max(most.x, p.x), max(most.y, p.y)
	}
	out = append(out, glyph[:2]...)
	for _, v := range []int32{least.x, least.y, most.x, most.y} {
		out = binary.BigEndian.AppendUint16(out, uint16(v))
	}
	out = append(out, ends...)
	out = append(out, 0, 0) // no instructions
	x, y := int32(0), int32(0)
	for _, p := range f.moved {
		flag := short(p.x-x, shortX, sameX) | short(p.y-y, shortY, sameY)
		if p.on {
			flag |= onCurve
		}
		out = append(out, flag)
		x, y = p.x, p.y
	}
	x = 0
	for _, p := range f.moved {
		out = appendDelta(out, p.x-x)
		x = p.x
	}
	y = 0
	for _, p := range f.moved {
		out = appendDelta(out, p.y-y)
		y = p.y
	}
	return out
}

// short is the flags of a step.
func short(by int32, isShort, same byte) byte {
	switch {
	case by == 0:
		return same
	case by > 0 && by < 256:
		return isShort | same
	case by < 0 && by > -256:
		return isShort
	}
	return 0
}

func appendDelta(out []byte, by int32) []byte {
	switch {
	case by == 0:
		return out
	case by > -256 && by < 256:
		return append(out, byte(max(by, -by)))
	}
	return binary.BigEndian.AppendUint16(out, uint16(by))
}
