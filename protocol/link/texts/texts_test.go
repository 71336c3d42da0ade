package texts_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"zeroms/protocol/link/texts"
	"zeroms/protocol/wire"
)

// TestASlowReaderCostsLittleText: beside the frames no more text is made than is being written.
func TestASlowReaderCostsLittleText(t *testing.T) {
	var sizes []int
	far := &sink{sent: func(text []byte) { sizes = append(sizes, len(text)) }}
	c := texts.New(far)
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

// TestNobodyWaitsForTheTextsOfOthers: a link that is not read keeps no other one's texts back, and ends
// when it is told to.
func TestNobodyWaitsForTheTextsOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := make(chan struct{})
		message := wire.AppendFrame(nil, 1, &wire.Profile{Blob: make([]byte, wire.MaxProfile)})
		var all sync.WaitGroup
		for range 200 {
			slow := texts.New(&sink{sent: func([]byte) { <-held }})
			all.Go(func() {
				if err := slow.Send(context.Background(), message); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		came := 0
		if err := texts.New(&sink{sent: func(text []byte) { came += len(text) }}).Send(t.Context(), message); err != nil || came < wire.MaxProfile {
			t.Errorf("%d bytes came, %v", came, err)
		}
		slow := texts.New(&sink{sent: func([]byte) { <-held }})
		all.Go(func() { _ = slow.Send(context.Background(), message) })
		synctest.Wait()
		for name, end := range map[string]func(*texts.Conn){"Cut": (*texts.Conn).Cut, "Close": func(c *texts.Conn) { c.Close() }} {
			end(slow)
			if err := slow.Send(context.Background(), message); !errors.Is(err, wire.ErrLinkClosed) {
				t.Errorf("%s: %v", name, err)
			}
		}
		close(held)
		all.Wait()
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
