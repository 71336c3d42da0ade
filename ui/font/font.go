// Package font fits a TrueType font with Chinese letters to the Latin font of the app.
//
// Fyne takes one font of a theme, then its own Noto Sans, then its emoji. So that
// Chinese comes from one and everything else from the other, the first font's table of
// characters is cut down to what the second one lacks; so that both stand on one line,
// its line height becomes the other's; commas and the like move to where Simplified
// Chinese has them; and where it has no bold letters of its own, its outlines are made
// fatter.
package font

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// ErrDamaged is returned for bytes that are no TrueType font, or one that this package
// can't read.
var ErrDamaged = errors.New("font: this is no TrueType font that can be read")

// Want is what a font is fitted to.
type Want struct {
	// Keep tells which characters stay.
	Keep func(rune) bool
	// Ascent and Descent are the line's height above and below its base, in
	// thousandths of the size; both positive.
	Ascent, Descent int
	// Fat tells which characters get fatter outlines; nil: none.
	Fat func(rune) bool
	// Left is where characters begin that shall stand elsewhere in their square, in
	// thousandths of the size from its left edge.
	Left map[rune]int
}

// kept are the tables that a fitted font has: what is written upright in one direction
// needs no others.
var kept = []string{"OS/2", "cmap", "glyf", "head", "hhea", "hmtx", "loca", "maxp", "name", "post"}

// Fit makes a font of another one. It fails with ErrDamaged.
func Fit(ttf []byte, want Want) ([]byte, error) {
	tables, err := split(ttf)
	if err != nil {
		return nil, err
	}
	upem, err := unitsPerEm(tables["head"])
	if err != nil {
		return nil, err
	}
	groups, err := characters(tables["cmap"])
	if err != nil {
		return nil, err
	}
	groups = cut(groups, want.Keep)
	tables["cmap"] = writeCharacters(groups)
	ascent, descent := (want.Ascent*upem+500)/1000, (want.Descent*upem+500)/1000
	if tables["hhea"], err = line(tables["hhea"], 4, ascent, descent); err != nil {
		return nil, err
	}
	if tables["OS/2"], err = line(tables["OS/2"], 68, ascent, descent); err != nil {
		return nil, err
	}
	if err := begin(tables, upem, groups, want.Left); err != nil {
		return nil, err
	}
	if want.Fat != nil {
		if err := fatten(tables, upem, cut(groups, want.Fat)); err != nil {
			return nil, err
		}
	}
	return join(tables), nil
}

// begin moves characters within their squares: a glyph is drawn with its left edge where
// its bearing says.
func begin(tables map[string][]byte, upem int, groups []group, left map[rune]int) error {
	if len(left) == 0 {
		return nil
	}
	bearings, err := bearingsOf(tables)
	if err != nil {
		return err
	}
	for _, g := range groups {
		for r, at := range left {
			if c := uint32(r); c >= g.first && c <= g.last {
				bearings.set(int(g.glyph+c-g.first), int16(at*upem/1000))
			}
		}
	}
	tables["hmtx"] = bearings.hmtx
	return nil
}

// split reads the directory of a font: 4 bytes kind, the number of tables, 6 bytes, and
// for each table its tag, checksum, offset and length.
func split(ttf []byte) (map[string][]byte, error) {
	if len(ttf) < 12 || binary.BigEndian.Uint32(ttf) != 0x00010000 {
		return nil, ErrDamaged
	}
	n := int(binary.BigEndian.Uint16(ttf[4:]))
	if len(ttf) < 12+16*n {
		return nil, ErrDamaged
	}
	tables := map[string][]byte{}
	for i := range n {
		entry := ttf[12+16*i:]
		offset, length := uint64(binary.BigEndian.Uint32(entry[8:])), uint64(binary.BigEndian.Uint32(entry[12:]))
		if offset+length > uint64(len(ttf)) {
			return nil, ErrDamaged
		}
		if tag := string(entry[:4]); slices.Contains(kept, tag) {
			tables[tag] = ttf[offset : offset+length]
		}
	}
	for _, tag := range kept {
		if tables[tag] == nil {
			return nil, fmt.Errorf("%w: it has no table %q", ErrDamaged, tag)
		}
	}
	return tables, nil
}

// join writes a font. Checksums are left out: nobody who reads it looks at them.
func join(tables map[string][]byte) []byte {
	tags := slices.Sorted(maps.Keys(tables))
	size := 12 + 16*len(tags)
	for _, tag := range tags {
		size += (len(tables[tag]) + 3) &^ 3
	}
	out := make([]byte, 0, size)
	out = binary.BigEndian.AppendUint32(out, 0x00010000)
	out = binary.BigEndian.AppendUint16(out, uint16(len(tags)))
	out = append(out, 0, 128, 0, 3, 0, uint8(16*len(tags)-128)) // search hints for 8 to 15 tables
	offset := 12 + 16*len(tags)
	for _, tag := range tags {
		out = append(out, tag...)
		out = binary.BigEndian.AppendUint32(out, 0)
		out = binary.BigEndian.AppendUint32(out, uint32(offset))
		out = binary.BigEndian.AppendUint32(out, uint32(len(tables[tag])))
		offset += (len(tables[tag]) + 3) &^ 3
	}
	for _, tag := range tags {
		out = append(out, tables[tag]...)
		for len(out)%4 != 0 {
			out = append(out, 0)
		}
	}
	return out
}

func unitsPerEm(head []byte) (int, error) {
	if len(head) < 54 {
		return 0, ErrDamaged
	}
	upem := int(binary.BigEndian.Uint16(head[18:]))
	if upem < 16 || upem > 16384 {
		return 0, ErrDamaged
	}
	return upem, nil
}

// line sets ascent, descent and an empty line gap at a place of a table. In OS/2 the
// ascent and descent of Windows follow, the latter positive.
func line(table []byte, at, ascent, descent int) ([]byte, error) {
	if len(table) < at+10 {
		return nil, ErrDamaged
	}
	out := slices.Clone(table)
	binary.BigEndian.PutUint16(out[at:], uint16(ascent))
	binary.BigEndian.PutUint16(out[at+2:], uint16(-descent))
	binary.BigEndian.PutUint16(out[at+4:], 0)
	if at == 68 {
		binary.BigEndian.PutUint16(out[at+6:], uint16(ascent))
		binary.BigEndian.PutUint16(out[at+8:], uint16(descent))
	}
	return out, nil
}

// group is characters first to last, whose glyphs follow one another from glyph on.
type group struct{ first, last, glyph uint32 }

// maxGroups bounds how many groups a table of characters has.
const maxGroups = 65536

// characters reads the table of characters: the subtable of format 12 for Windows and
// all of Unicode (3, 10).
func characters(cmap []byte) ([]group, error) {
	if len(cmap) < 4 {
		return nil, ErrDamaged
	}
	n := int(binary.BigEndian.Uint16(cmap[2:]))
	if len(cmap) < 4+8*n {
		return nil, ErrDamaged
	}
	for i := range n {
		entry := cmap[4+8*i:]
		offset := uint64(binary.BigEndian.Uint32(entry[4:]))
		if binary.BigEndian.Uint32(entry) == 3<<16|10 && offset+16 <= uint64(len(cmap)) {
			return format12(cmap[offset:])
		}
	}
	return nil, fmt.Errorf("%w: it has no table of all characters", ErrDamaged)
}

func format12(table []byte) ([]group, error) {
	n := uint64(binary.BigEndian.Uint32(table[12:]))
	if binary.BigEndian.Uint16(table) != 12 || n > maxGroups || uint64(len(table)) < 16+12*n {
		return nil, ErrDamaged
	}
	groups := make([]group, n)
	next := uint32(0)
	for i := range groups {
		entry := table[16+12*i:]
		g := group{binary.BigEndian.Uint32(entry), binary.BigEndian.Uint32(entry[4:]), binary.BigEndian.Uint32(entry[8:])}
		if g.first < next || g.last < g.first || g.last > 0x10FFFF {
			return nil, ErrDamaged
		}
		groups[i], next = g, g.last+1
	}
	return groups, nil
}

// cut leaves what is kept.
func cut(groups []group, keep func(rune) bool) []group {
	var left []group
	for _, g := range groups {
		open := false
		for c := g.first; c <= g.last; c++ {
			switch glyph := g.glyph + c - g.first; {
			case !keep(rune(c)):
				open = false
			case open:
				left[len(left)-1].last = c
			default:
				left = append(left, group{c, c, glyph})
				open = true
			}
		}
	}
	return left
}

// writeCharacters writes a table of characters with one subtable of format 12.
func writeCharacters(groups []group) []byte {
	out := make([]byte, 0, 28+12*len(groups))
	out = append(out, 0, 0, 0, 1, 0, 3, 0, 10, 0, 0, 0, 12)
	out = append(out, 0, 12, 0, 0)
	out = binary.BigEndian.AppendUint32(out, uint32(16+12*len(groups)))
	out = binary.BigEndian.AppendUint32(out, 0)
	out = binary.BigEndian.AppendUint32(out, uint32(len(groups)))
	for _, g := range groups {
		out = binary.BigEndian.AppendUint32(out, g.first)
		out = binary.BigEndian.AppendUint32(out, g.last)
		out = binary.BigEndian.AppendUint32(out, g.glyph)
	}
	return out
}
