package typeset

import (
	"slices"
	"sort"
	"unicode"
	"unicode/utf8"
)

// Span is a part of a line as it is drawn: where it begins, from the beginning of the
// line, and how wide it is.
type Span struct{ X, Width float32 }

// stretch is a part of a line that is written in one direction, as bytes from to to.
type stretch struct {
	from, to int
	Span
	run     int     // where the run begins that it is drawn with
	ahead   float32 // how wide is what is drawn of the run before it
	picture bool
	back    bool // it is written from the right to the left
}

// stretches are the parts of a line, in the order in which they are drawn.
func (m *Measurer) stretches(line string) (all []stretch) {
	base := Rightward(line)
	x, begin := float32(0), 0
	for _, r := range m.Runs(line) {
		if r.Picture {
			all = append(all, stretch{from: begin, to: begin + len(r.Text), Span: Span{x, r.Width}, run: begin, picture: true})
		} else {
			all = m.split(all, r, stretch{from: begin, Span: Span{X: x}, back: base})
		}
		x, begin = x+r.Width, begin+len(r.Text)
	}
	return all
}

// split adds the stretches of a run of letters that begins where whole does, in a line
// of its direction.
func (m *Measurer) split(all []stretch, r Run, whole stretch) []stretch {
	from, ahead := 0, float32(0)
	for _, c := range turns(r.Text, whole.back) {
		upto := r.Width
		if c.end < len(r.Text) {
			upto = m.Width(r.Text[:c.end])
		}
		all = append(all, stretch{
			from: whole.from + from, to: whole.from + c.end, Span: Span{whole.X + ahead, max(0, upto-ahead)}, run: whole.from, ahead: ahead, back: c.back,
		})
		from, ahead = c.end, upto
	}
	return all
}

// turn is where a stretch of one direction ends.
type turn struct {
	end  int
	back bool
}

// turns finds where the direction of a text changes: letters have theirs, numbers are
// written from the left, and what stands between goes with both sides or, if they
// differ, with the whole line.
func turns(text string, base bool) (all []turn) {
	strong := base // of the last letter
	loose := 0     // what follows has no direction yet
	add := func(end int, back bool) {
		if n := len(all); n > 0 && all[n-1].back == back {
			all[n-1].end = end
		} else if end > 0 && (n == 0 || end > all[n-1].end) {
			all = append(all, turn{end, back})
		}
	}
	for at, size := 0, 0; at < len(text); at += size {
		var r rune
		r, size = utf8.DecodeRuneInString(text[at:])
		switch {
		case backward(r), unicode.IsLetter(r):
			back := backward(r)
			if between := back && strong || base && (back || strong); at > loose {
				add(at, between)
			}
			add(at+size, back)
			strong, loose = back, at+size
		case unicode.IsDigit(r):
			if at > loose {
				add(at, strong)
			}
			add(at+size, false)
			loose = at + size
		case unicode.In(r, unicode.M) && len(all) > 0 && loose == at: // goes with its letter
			add(at+size, all[len(all)-1].back)
			loose = at + size
		}
	}
	if loose < len(text) || len(all) == 0 {
		add(len(text), base)
	}
	return all
}

// backward reports whether a letter is written from the right.
func backward(r rune) bool {
	return r >= 0x590 && r <= 0x8ff && !unicode.IsDigit(r) || r >= 0xfb1d && r <= 0xfdff || r >= 0xfe70 && r <= 0xfefc
}

// Rightward reports whether a line is written from the right: its first letter is.
func Rightward(line string) bool {
	for _, r := range line {
		switch {
		case backward(r):
			return true
		case unicode.IsLetter(r):
			return false
		}
	}
	return false
}

// upto is how wide a stretch is up to a byte of the line, as it is written.
func (m *Measurer) upto(line string, s stretch, at int) float32 {
	switch {
	case at <= s.from:
		return 0
	case at >= s.to || s.picture:
		return s.Width
	}
	part := line[s.run:at]
	if next, _ := utf8.DecodeRuneInString(line[at:]); joins(next) {
		part += "\u200d" // its last letter looks as it does before another one
	}
	return max(0, min(m.Width(part)-s.ahead, s.Width))
}

// Spans are where the bytes from to to of a line are drawn, from left to right. Parts
// that touch are one.
func (m *Measurer) Spans(line string, from, to int) (all []Span) {
	for _, s := range m.stretches(line) {
		if to <= s.from || from >= s.to {
			continue
		}
		left, right := m.upto(line, s, from), m.upto(line, s, to)
		if s.back {
			left, right = s.Width-right, s.Width-left
		}
		part := Span{s.X + left, right - left}
		if n := len(all); n > 0 && part.X-all[n-1].X-all[n-1].Width < 0.5 {
			all[n-1].Width = part.X + part.Width - all[n-1].X
		} else {
			all = append(all, part)
		}
	}
	return all
}

// At is the place between two characters of a line that is nearest to x, and the byte
// where the character begins that is drawn there.
func (m *Measurer) At(line string, x float32) (near, under int) {
	all := m.stretches(line)
	if line == "" || len(all) == 0 {
		return 0, 0
	}
	i := slices.IndexFunc(all, func(s stretch) bool { return x < s.X+s.Width })
	if i < 0 {
		i = len(all) - 1
	}
	s := all[i]
	if x -= s.X; s.back {
		x = s.Width - x
	}
	var begins []int // of its characters, and its end
	for at := s.from; at < s.to; at += Cluster(line[at:]) {
		begins = append(begins, at)
	}
	n := len(begins)
	begins = append(begins, s.to)
	k := sort.Search(n, func(k int) bool { return m.upto(line, s, begins[k+1]) > x })
	k = min(k, n-1)
	near, under = begins[k], begins[k]
	if x > (m.upto(line, s, begins[k])+m.upto(line, s, begins[k+1]))/2 {
		near = begins[k+1]
	}
	return near, under
}
