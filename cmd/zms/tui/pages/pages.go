// Package pages reads pages of a conversation out of a profile: older and newer
// ones, its beginning and its end.
package pages

import (
	"context"
	"math"
	"strconv"

	"zeroms/cmd/zms/control"
	"zeroms/cmd/zms/tui/timeline"
)

// Profile is asked for pages.
type Profile interface {
	// Ask makes one request.
	Ask(ctx context.Context, r control.Request, emit control.Emit) error
}

// History asks for pages of one conversation. The profile gives pages that end
// below a height; those that begin above one are looked for by growing spans of
// heights, as a conversation has about one message a height.
type History struct {
	Profile Profile
	Contact uint64
}

// below is a page of the rows below a height.
func (h History) below(ctx context.Context, before uint32, n int) (timeline.Page, error) {
	var page timeline.Page
	r := control.Request{Cmd: control.CmdHistory, Contact: strconv.FormatUint(h.Contact, 10), N: n, Before: &before, Peek: true}
	err := h.Profile.Ask(ctx, r, func(row control.Row) error {
		switch row := row.(type) {
		case *control.Page:
			page.Next, page.More = row.Next, row.More
		case *control.Message, *control.Gap:
			page.Rows = append(page.Rows, row)
		}
		return nil
	})
	return page, err
}

// above is a page of at least n rows above a height, unless there are fewer. More
// tells that it is not known to reach the end.
func (h History) above(ctx context.Context, height uint32, n int) (timeline.Page, error) {
	few, many := uint64(height)+1, uint64(0) // below few there are too few, below many more than a page holds
	for span := uint64(n); ; span *= 4 {
		before := min(few+span, math.MaxUint32)
		if many != 0 {
			before = (few + many) / 2
		}
		page, whole, err := h.part(ctx, height, uint32(before))
		switch {
		case err != nil:
			return page, err
		case !whole && before-few <= 1:
			return h.between(ctx, height, uint32(before))
		case !whole:
			many = before
		case len(page.Rows) >= n || before == math.MaxUint32:
			page.More = before != math.MaxUint32
			return page, nil
		default:
			few = before
		}
	}
}

// part are rows above a height and below another one: the last ones, and
// whether they are all.
func (h History) part(ctx context.Context, height, before uint32) (timeline.Page, bool, error) {
	page, err := h.below(ctx, before, control.MaxLines)
	if err != nil {
		return page, false, err
	}
	rows := page.Rows
	page.Rows = nil
	for _, row := range rows {
		switch row := row.(type) {
		case *control.Message:
			if row.Height > height {
				page.Rows = append(page.Rows, row)
			}
		case *control.Gap:
			if row.Height > height {
				page.Rows = append(page.Rows, row)
			}
		}
	}
	return page, !page.More || page.Next <= height+1, nil
}

// between are all rows above a height and below another one, however many.
func (h History) between(ctx context.Context, height, before uint32) (timeline.Page, error) {
	var all timeline.Page
	all.More = true
	for {
		page, whole, err := h.part(ctx, height, before)
		all.Rows = append(page.Rows, all.Rows...)
		if err != nil || whole || page.Next >= before {
			return all, err
		}
		before = page.Next
	}
}

// Load asks for what a timeline needs.
func (h History) Load(ctx context.Context, where timeline.Where, t Bounds) (timeline.Page, error) {
	switch where {
	case timeline.Older:
		return h.below(ctx, t.Next, timeline.PageRows)
	case timeline.Newer:
		return h.above(ctx, t.Last, timeline.PageRows)
	case timeline.Head:
		return h.above(ctx, 0, timeline.PageRows)
	case timeline.Again:
		before := uint32(math.MaxUint32)
		if !t.Ends {
			before = t.Last + 1
		}
		return h.below(ctx, before, min(control.MaxLines, max(timeline.PageRows, t.Held)))
	}
	return h.below(ctx, math.MaxUint32, min(control.MaxLines, timeline.PageRows+t.Unread))
}

// Bounds is what a request needs to know about the timeline that it is for.
type Bounds struct {
	// Next is where the page before begins, Last the greatest height held.
	Next, Last uint32
	Held       int  // rows
	Ends       bool // the end of the conversation is held
	Unread     int  // so many messages are wanted in any case
}
