package story

import (
	"context"
	"fmt"
)

// spoken is a line of a transcript: a text, and whether the profile's owner wrote it.
type spoken struct {
	own  bool
	text string
}

// transcript is what zms beside somebody's app has of the conversation with the other
// one of the two.
func (s *story) transcript(ctx context.Context, p *person) (out []spoken, err error) {
	other := alice
	if p == s.alice {
		other = bob
	}
	lines, err := p.zms.HistoryOf(ctx, other)
	for _, m := range lines {
		if m.Text != "" {
			out = append(out, spoken{m.Outgoing, m.Text})
		}
	}
	return out, err
}

// wanted is what the transcript of somebody must be.
func (s *story) wanted(p *person) (out []spoken) {
	for _, l := range s.said {
		out = append(out, spoken{l.by == p, l.text})
	}
	return out
}

// difference is the first one between two transcripts; empty: there is none.
func difference(want, have []spoken) string {
	for i := range max(len(want), len(have)) {
		switch {
		case i >= len(have):
			return fmt.Sprintf("message %d of %d, %q, is missing", i+1, len(want), want[i].text)
		case i >= len(want):
			return fmt.Sprintf("there is one more than was sent, %q", have[i].text)
		case want[i].text != have[i].text:
			return fmt.Sprintf("message %d is %q and not %q", i+1, have[i].text, want[i].text)
		case want[i].own != have[i].own:
			return fmt.Sprintf("message %d, %q, is by somebody else", i+1, want[i].text)
		}
	}
	return ""
}
