package network

import (
	"errors"
	"io"
	"testing"
)

// TestMissedAimsFail: a row whose aim was missed fails the run in the end, unless aims
// are not held.
func TestMissedAimsFail(t *testing.T) {
	for _, hold := range []bool{true, false} {
		c := &config{hold: hold, out: jsonSink{io.Discard}}
		met, missed := &Row{Work: "get", Figure: 3}, &Row{Work: "forward", Figure: 1.5}
		for _, r := range []*Row{met.below(20), missed.atMost(1), {Work: "wss-warm", Figure: 900}} {
			if err := c.row(r); err != nil {
				t.Fatal(err)
			}
		}
		err := c.verdict()
		if errors.Is(err, errMissed) != hold || hold && err.Error() != "the aim was missed: forward" {
			t.Errorf("hold %v: %v", hold, err)
		}
	}
}
