package pages

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/tui/timeline"
)

// stored is a conversation as a profile has it: messages by height, several of
// which may have the same one.
type stored struct {
	heights []uint32 // sorted
	gaps    []uint32 // heights of gaps
	asked   int
	given   int
}

func (s *stored) Ask(_ context.Context, r control.Request, emit control.Emit) error {
	s.asked++
	before, last := *r.Before, len(s.heights)
	for last > 0 && s.heights[last-1] >= before {
		last--
	}
	first := max(0, last-r.N)
	for first > 0 && first < last && s.heights[first-1] == s.heights[first] { // a page holds all of a height
		first--
	}
	next, more := before, first > 0
	if first < last {
		next = s.heights[first]
	}
	for i, h := range s.heights[first:last] {
		s.given++
		if err := emit(&control.Message{ID: fmt.Sprintf("%08x%08x", h, first+i), Height: h}); err != nil {
			return err
		}
	}
	for _, h := range s.gaps {
		if h <= before && (!more || h > next) {
			if err := emit(&control.Gap{Device: fmt.Sprint(h), Height: h}); err != nil {
				return err
			}
		}
	}
	return emit(&control.Page{Next: next, More: more})
}

func heights(p timeline.Page) (messages, gaps []uint32) {
	for _, row := range p.Rows {
		switch row := row.(type) {
		case *control.Message:
			messages = append(messages, row.Height)
		case *control.Gap:
			gaps = append(gaps, row.Height)
		}
	}
	slices.Sort(messages)
	slices.Sort(gaps)
	return messages, gaps
}

// conversations of many shapes: with holes, from high heights on, with two
// messages of a height.
func conversations(r *rand.Rand) *stored {
	s := &stored{}
	at := uint32(1)
	if r.IntN(2) == 0 {
		at = uint32(1 + r.IntN(1_000_000))
	}
	for range r.IntN(4000) {
		s.heights = append(s.heights, at)
		switch r.IntN(200) {
		case 0:
			at += uint32(r.IntN(100_000))
		case 1, 2, 3:
		default:
			at += uint32(1 + r.IntN(3))
		}
		if r.IntN(300) == 0 {
			s.gaps = append(s.gaps, at)
		}
	}
	return s
}

func TestForwardAndBackAreTheWholeConversation(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 60 {
		s := conversations(r)
		h := History{s, 1}
		var forward, gaps []uint32
		page, err := h.Load(t.Context(), timeline.Head, Bounds{})
		for at := uint32(0); ; {
			if err != nil {
				t.Fatal(err)
			}
			m, g := heights(page)
			if len(m) > 0 && m[0] <= at || len(g) > 0 && g[0] <= at {
				t.Fatalf("a page above %d begins at %v, %v", at, m, g)
			}
			if page.More && len(page.Rows) < timeline.PageRows {
				t.Fatalf("a page of %d rows, and more follow", len(page.Rows))
			}
			forward, gaps = append(forward, m...), append(gaps, g...)
			if !page.More {
				break
			}
			at = m[len(m)-1]
			page, err = h.Load(t.Context(), timeline.Newer, Bounds{Last: at})
		}
		if !slices.Equal(forward, s.heights) {
			t.Fatalf("forward: %d of %d messages", len(forward), len(s.heights))
		}
		if slices.Sort(gaps); !slices.Equal(slices.Compact(gaps), slices.Compact(s.gaps)) {
			t.Fatalf("forward: gaps %v of %v", gaps, s.gaps)
		}
		var back []uint32
		page, err = h.Load(t.Context(), timeline.Tail, Bounds{})
		for {
			if err != nil {
				t.Fatal(err)
			}
			m, _ := heights(page)
			back = append(m, back...)
			if !page.More {
				break
			}
			page, err = h.Load(t.Context(), timeline.Older, Bounds{Next: page.Next})
		}
		if !slices.Equal(back, s.heights) {
			t.Fatalf("back: %d of %d messages", len(back), len(s.heights))
		}
	}
}

func TestThePageAfterCostsLittle(t *testing.T) {
	s := &stored{}
	for i := range 100_000 {
		s.heights = append(s.heights, uint32(50_000+2*i)) // acknowledgements have the heights between
	}
	h := History{s, 1}
	if _, err := h.Load(t.Context(), timeline.Head, Bounds{}); err != nil {
		t.Fatal(err)
	}
	if s.asked > 12 || s.given > 5000 {
		t.Errorf("the beginning took %d requests and %d rows", s.asked, s.given)
	}
	s.asked, s.given = 0, 0
	if _, err := h.Load(t.Context(), timeline.Newer, Bounds{Last: 120_000}); err != nil {
		t.Fatal(err)
	}
	if s.asked > 3 || s.given > 3000 {
		t.Errorf("a page took %d requests and %d rows", s.asked, s.given)
	}
}
