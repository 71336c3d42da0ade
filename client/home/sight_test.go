package home_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/client/home"
	"zeroms/protocol/key"
	"zeroms/protocol/link/memlink"
	"zeroms/protocol/wire"
)

// seen collects the frames of sightings.
type seen struct {
	mu   sync.Mutex
	said []sightedFrame
}

type sightedFrame struct {
	of        wire.Type
	id        uint64
	out, home bool
	host      string
}

func (s *seen) sight(m home.Sighting) {
	s.mu.Lock()
	defer s.mu.Unlock()
	frames, err := wire.Frames(m.Message)
	if err != nil {
		panic(err)
	}
	for _, f := range frames {
		s.said = append(s.said, sightedFrame{f.Type, f.ID, m.Out, m.Home, m.Endpoint.Host})
	}
}

func (s *seen) take() []sightedFrame {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.said
	s.said = nil
	return out
}

// TestEveryFrameIsSighted: both hellos, the login and everything after it, in their order and as they are on the link,
// at a home and as a guest.
func TestEveryFrameIsSighted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s seen
		w := &world{
			t: t, net: memlink.New(memlink.Config{Latency: 5 * time.Millisecond}), node: key.NewPrivate[key.Node](),
			events: make(chan home.Event, 4096), ended: make(chan error, 1),
		}
		w.listener = w.net.Listen("gateway", w.node.Public())
		var ctx context.Context
		ctx, w.stop = context.WithCancel(context.Background())
		w.pool = home.New(home.Config{
			Dialer: w.net.Dialer("client"), Timing: home.Timing{}.Default(), Events: func(e home.Event) { w.events <- e }, Sight: s.sight,
		})
		go func() { w.ended <- w.pool.Run(ctx) }()
		defer w.end()

		for _, isHome := range []bool{true, false} {
			out := func(of wire.Type, id uint64) sightedFrame { return sightedFrame{of, id, true, isHome, "gateway"} }
			in := func(of wire.Type, id uint64) sightedFrame { return sightedFrame{of, id, false, isHome, "gateway"} }
			expected := []sightedFrame{out(wire.TypeClientHello, 0), in(wire.TypeServerHello, 0)}
			var g *script
			spec := w.spec()
			if isHome {
				g = w.up(spec, push(1), push(2))
				want[home.Pushed](w)
				expected = append(expected, out(wire.TypeLogin, 1), in(wire.TypeWelcome, 1), in(wire.TypePush, 0), in(wire.TypePush, 0))
			}
			w.ask(&wire.ProfileGet{})
			if !isHome {
				g = w.accept().hello()
			}
			id := g.take(&wire.ProfileGet{})
			g.send(fr(id, wire.FailureOf(wire.ErrNoProfile)))
			want[home.Answered](w)
			if got, expected := s.take(), append(expected, out(wire.TypeProfileGet, id), in(wire.TypeError, id)); !slices.Equal(got, expected) {
				t.Errorf("home %v: %v, want %v", isHome, got, expected)
			}
			w.pool.Close(spec.Target)
			if isHome {
				g.gone()
			}
		}
	})
}
