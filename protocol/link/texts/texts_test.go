package texts_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/protocol/link/texts"
	"zeroms/protocol/wire"
)

// TestASlowReaderCostsLittleText: beside the frames no more text is made than is being written.
func TestASlowReaderCostsLittleText(t *testing.T) {
	var sizes []int
	far := &sink{sent: func(text []byte) { sizes = append(sizes, len(text)) }}
	c := texts.New(far, nil)
	var message []byte
	for i := range 4000 {
		message = wire.AppendFrame(message, uint64(i), &wire.OK{})
	}
	message = wire.AppendFrame(message, 1, &wire.Profile{Blob: make([]byte, wire.MaxProfile)})
	message = wire.AppendFrame(message, 2, &wire.OK{})
	if err := c.Send(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	large := 0
	for _, size := range sizes {
		if size > 4<<10 {
			large = size
		}
	}
	if last := sizes[len(sizes)-1]; large < wire.MaxProfile || large > 23<<10 || last > 100 || len(sizes) < 10 {
		t.Errorf("texts of %v", sizes)
	}
}

// TestLargeTextsWaitForEachOther: all links together have so many at once; those that wait end with their link.
func TestLargeTextsWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		larges := make(texts.Larges, 2)
		held := make(chan struct{})
		var sent atomic.Int32
		message := wire.AppendFrame(nil, 1, &wire.Profile{Blob: make([]byte, wire.MaxProfile)})
		small := wire.AppendFrame(nil, 1, &wire.OK{})
		newLink := func() *texts.Conn {
			return texts.New(&sink{sent: func(text []byte) {
				if len(text) > 1000 {
					<-held
				}
				sent.Add(1)
			}}, larges)
		}
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				if err := newLink().Send(context.Background(), slices.Concat(small, message, small)); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if len(larges) != 2 || sent.Load() != 5 {
			t.Errorf("%d large texts at once, %d small ones in front of them", len(larges), sent.Load())
		}
		ends := map[string]func(*texts.Conn){"Cut": (*texts.Conn).Cut, "Close": func(c *texts.Conn) { c.Close() }}
		for name, end := range ends {
			c, failed := newLink(), make(chan error, 1)
			go func() { failed <- c.Send(context.Background(), message) }()
			synctest.Wait()
			end(c)
			if err := <-failed; !errors.Is(err, wire.ErrLinkClosed) {
				t.Errorf("%s: %v", name, err)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := newLink().Send(ctx, message); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a wait with an end: %v", err)
		}
		close(held)
		all.Wait()
		if len(larges) != 0 || sent.Load() != 15 {
			t.Errorf("in the end %d places are taken, %d texts were sent", len(larges), sent.Load())
		}
	})
}

// sink takes messages.
type sink struct {
	texts.Link
	sent func([]byte)
}

func (s *sink) Send(_ context.Context, message []byte) error {
	s.sent(message)
	return nil
}

func (s *sink) Close() error { return nil }
func (s *sink) Cut()         {}
