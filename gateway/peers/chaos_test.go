package peers_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/gateway/peers"
	"zeroms/protocol/link/memlink"
	"zeroms/protocol/wire"
)

// TestChaos: while links break, gateways stop, start and fall silent, and links make
// room for others, every request has exactly one outcome in time, and nothing is left.
func TestChaos(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, func(c *peers.Config) { c.Capacity.Links = 12 })
		w.net = memlink.New(memlink.Config{Latency: 20 * time.Millisecond, Jitter: 20 * time.Millisecond, Reset: 0.01, Seed: 5})
		w.wss.over, w.quic.over = w.net.Dialer("self"), w.net.Dialer("self")
		random := rand.New(rand.NewPCG(1, 2))
		var all []*gateway
		for i := range 20 {
			g := w.gateway(fmt.Sprintf("8.%d.8.8:443", i), both)
			silent := rand.New(rand.NewPCG(uint64(i), 3))
			var mu sync.Mutex
			g.answer = func(f wire.Frame) wire.Payload {
				mu.Lock()
				defer mu.Unlock()
				if silent.IntN(50) == 0 {
					return nil
				}
				return &wire.Pong{}
			}
			all = append(all, g)
		}
		const asks = 4000
		var outcomes [asks]atomic.Int64
		var good, bad atomic.Int64
		for i := range asks {
			g := all[random.IntN(len(all))]
			begun := time.Now()
			w.pool.Send(g.endpoint(), &wire.Ping{}, func(p wire.Payload, err error) {
				outcomes[i].Add(1)
				if err == nil && p.Type() == wire.TypePong {
					good.Add(1)
				} else {
					bad.Add(1)
				}
				if took := time.Since(begun); took > 45*time.Second { // twice 15 s, and the dials
					t.Errorf("request %d took %v", i, took)
				}
			})
			switch random.IntN(200) {
			case 0:
				w.net.ResetAll()
			case 1:
				g.stop()
				<-g.done
			case 2:
				for _, g := range all {
					select {
					case <-g.done:
						g.start(w)
					default:
					}
				}
			}
			pass(time.Duration(random.IntN(40)) * time.Millisecond)
		}
		pass(time.Minute)
		for i := range outcomes {
			if n := outcomes[i].Load(); n != 1 {
				t.Fatalf("request %d has %d outcomes", i, n)
			}
		}
		if good.Load() < asks/2 {
			t.Errorf("%d of %d were answered", good.Load(), asks)
		}
		pass(2 * time.Minute)
		if s := w.pool.Stats(); s.Waiting != 0 || s.Links != 0 || s.Dialling != 0 {
			t.Errorf("%+v", s)
		}
		t.Logf("%d answered, %d not: %+v", good.Load(), bad.Load(), w.pool.Stats())
		w.end()
	})
}

// TestEndInTheMiddle: the pool ends while everything is under way; every request has
// its outcome, and nothing of the pool runs any more.
func TestEndInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		w.net = memlink.New(memlink.Config{Latency: 20 * time.Millisecond})
		w.wss.over, w.quic.over = w.net.Dialer("self"), w.net.Dialer("self")
		var left atomic.Int64
		for i := range 200 {
			g := w.gateway(fmt.Sprintf("8.%d.8.8:443", i), both)
			left.Add(2)
			w.pool.Send(g.endpoint(), &wire.Ping{}, func(wire.Payload, error) { left.Add(-1) })
			go func() {
				if _, err := w.pool.Ask(context.Background(), g.contact, &wire.Ping{}); err != nil &&
					!errors.Is(err, wire.ErrDraining) && !errors.Is(err, wire.ErrUnreachable) && !errors.Is(err, wire.ErrBusy) {
					t.Error(err)
				}
				left.Add(-1)
			}()
			if i%10 == 0 {
				pass(time.Millisecond)
			}
		}
		w.end()
		synctest.Wait()
		if n := left.Load(); n != 0 {
			t.Errorf("%d requests without an outcome", n)
		}
		if s := w.pool.Stats(); s.Links != 0 || s.Dialling != 0 || s.Waiting != 0 {
			t.Errorf("%+v", s)
		}
	})
}
