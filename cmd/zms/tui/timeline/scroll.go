package timeline

import "slices"

// Resize says what the timeline is drawn for. What is read stays in view.
func (t *Timeline) Resize(s Screen) {
	old := t.screen
	t.screen = s
	if t.anchor == nil || t.below == 0 || old.Width == s.Width || old.Theme == nil {
		return
	}
	before := len(t.anchor.lines)
	now := len(t.lines(slices.Index(t.items, t.anchor)))
	if before > 0 {
		t.below = min(now-1, t.below*now/before)
	}
}

// at is the place of the anchor.
func (t *Timeline) at() int { return slices.Index(t.items, t.anchor) }

// Up scrolls towards the beginning by so many lines.
func (t *Timeline) Up(n int) {
	if t.anchor == nil || n <= 0 {
		return
	}
	t.follow = false
	i := t.at()
	t.below += n
	for i > 0 && t.below >= len(t.lines(i)) {
		t.below -= len(t.lines(i))
		i--
	}
	t.anchor = t.items[i]
	t.below = min(t.below, len(t.lines(i))-1)
	t.fill()
}

// fill scrolls down as far as there would be an empty place above the first
// line, and there is something below.
func (t *Timeline) fill() {
	i := t.at()
	seen := len(t.lines(i)) - t.below
	for i > 0 && seen < t.screen.Height {
		i--
		seen += len(t.lines(i))
	}
	if seen < t.screen.Height {
		t.Down(t.screen.Height - seen)
	}
}

// Down scrolls towards the end by so many lines.
func (t *Timeline) Down(n int) {
	if t.anchor == nil || n <= 0 {
		return
	}
	i := t.at()
	t.below -= n
	for t.below < 0 && i+1 < len(t.items) {
		i++
		t.below += len(t.lines(i))
	}
	t.anchor = t.items[i]
	if t.below <= 0 && i+1 == len(t.items) {
		t.end()
	}
	t.below = max(0, t.below)
}

// End goes to the end of the window.
func (t *Timeline) End() { t.end() }

// Begin goes to the beginning of the window.
func (t *Timeline) begin() {
	if len(t.items) == 0 {
		return
	}
	t.show(0)
}

// Start goes to the beginning of the window.
func (t *Timeline) Start() { t.begin() }

// show scrolls so that an item begins on the first line.
func (t *Timeline) show(i int) {
	t.follow = false
	t.anchor, t.below = t.items[i], len(t.lines(i))-1
	t.Down(t.screen.Height - 1)
	t.fill()
}

// ToUnread goes to where the unread messages begin. It reports whether there
// are any in the window.
func (t *Timeline) ToUnread() bool {
	if !t.Marked() || t.screen.Theme == nil {
		return false
	}
	t.show(slices.Index(t.items, t.known[t.marker]))
	return true
}

// AtEnd reports whether the end of the conversation is seen.
func (t *Timeline) AtEnd() bool { return t.follow && !t.newer }

// NeedsOlder reports whether the reader comes close to the beginning of the
// window, and there is more before.
func (t *Timeline) NeedsOlder() bool {
	if !t.older || t.loading || t.anchor == nil {
		return false
	}
	return t.first() < near
}

// NeedsNewer reports the same about the end.
func (t *Timeline) NeedsNewer() bool {
	return t.newer && !t.loading && t.anchor != nil && len(t.items)-1-t.at() < near
}

// first is the first item that is seen.
func (t *Timeline) first() int {
	i := t.at()
	for seen := len(t.lines(i)) - t.below; i > 0 && seen < t.screen.Height; {
		i--
		seen += len(t.lines(i))
	}
	return i
}

// View is what is seen: as many lines as the screen is high, each as wide as it.
func (t *Timeline) View() []string {
	out := make([]string, t.screen.Height)
	y := len(out)
	if t.anchor != nil {
		i := t.at()
		lines := t.lines(i)
		for lines = lines[:len(lines)-min(t.below, len(lines)-1)]; y > 0; {
			n := min(y, len(lines))
			copy(out[y-n:y], lines[len(lines)-n:])
			y -= n
			if i--; i < 0 {
				break
			}
			lines = t.lines(i)
		}
		t.release(i)
	}
	for i := range y {
		out[i] = blank(t.screen.Width)
	}
	return out
}

// release lets go of the lines of what is far from what is seen.
func (t *Timeline) release(first int) {
	last := t.at()
	for i, it := range t.items {
		if i < first-near || i > last+near {
			it.lines = nil
		}
	}
}

// Share is which part of the conversation is above what is seen, and which is
// below: 0 to 1, by heights.
func (t *Timeline) Share() (above, below float64) {
	if t.anchor == nil || t.top == 0 {
		return 0, 0
	}
	whole := float64(t.top)
	first, last := t.items[t.first()], t.anchor
	return min(1, float64(first.height())/whole), max(0, 1-float64(last.height())/whole)
}
