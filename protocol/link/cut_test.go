package link_test

import (
	"testing"
	"time"

	"zeroms/protocol/link"
)

// Cut is called with locks held, also by who commits for everybody: it must not
// wait for a peer that reads nothing.
func TestCutDoesNotWait(t *testing.T) {
	g := listen(t, nil)
	// fill sends at most so many messages of a size, up to the one that waits.
	fill := func(far link.Conn, size, most int) (sent int, waits bool) {
		message := make([]byte, size)
		for sent < most {
			done := make(chan error, 1)
			go func() { done <- far.Send(t.Context(), message) }()
			select {
			case err := <-done:
				if err != nil {
					t.Fatal(err)
				}
				sent++
			case <-time.After(500 * time.Millisecond):
				return sent, true
			}
		}
		return sent, false
	}
	full := []int{1 << 20, 0, 0} // how many of each size fit
	sizes := []int{64 << 10, 1000, 1}
	for step := range sizes {
		_, far := g.dial(t, link.Config{})
		for i, size := range sizes[:step+1] {
			n, waits := full[i], false
			if i == step {
				n = 1 << 20
			}
			if full[i], waits = fill(far, size, n); waits && i < step {
				full[i] -= 2
				break
			}
		}
		link.Cut(far)
	}
	for try := range 10 {
		_, far := g.dial(t, link.Config{})
		waits := false
		for i, size := range sizes {
			n := full[i]
			if i == 2 {
				n -= try / 2
			}
			if !waits {
				_, waits = fill(far, size, n)
			}
		}
		began := time.Now()
		link.Cut(far)
		took := time.Since(began)
		t.Logf("after %v messages Cut took %v (a write was under way, and then it is quick: %v)", full, took, waits)
		if took > time.Second {
			t.Errorf("Cut waited %v for a peer that reads nothing", took)
			return
		}
	}
}
