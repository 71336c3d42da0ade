package memlink_test

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/link/memlink"
	"zeroms/protocol/wire"
)

// world is one network with one gateway that is listened for.
type world struct {
	net  *memlink.Network
	node key.NodePublic
	l    *memlink.Listener
}

func newWorld(c memlink.Config) world {
	w := world{net: memlink.New(c), node: key.NewPrivate[key.Node]().Public()}
	w.l = w.net.Listen("gw", w.node)
	return w
}

func (w world) endpoint() link.Endpoint { return link.Endpoint{Host: "gw", Node: w.node[:]} }

// dial opens one link and returns both ends.
func (w world) dial(t *testing.T) (near, far link.Conn) {
	t.Helper()
	near, err := w.net.Dialer("phone").Dial(t.Context(), w.endpoint())
	if err != nil {
		t.Fatal(err)
	}
	far, err = w.l.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return near, far
}

func TestMessagesArriveInOrderAfterTheirLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(memlink.Config{Latency: 50 * time.Millisecond, Jitter: 20 * time.Millisecond, Seed: 7})
		start := time.Now()
		near, far := w.dial(t)
		if d := time.Since(start); d < 100*time.Millisecond || d > 140*time.Millisecond {
			t.Fatalf("dial took %v, want a round trip", d)
		}
		sent := time.Now()
		const n = 200
		for i := range n {
			if err := near.Send(t.Context(), binary.BigEndian.AppendUint32(nil, uint32(i))); err != nil {
				t.Fatal(err)
			}
		}
		for i := range n {
			m, err := far.Recv(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := binary.BigEndian.Uint32(m); got != uint32(i) {
				t.Fatalf("message %d came in place of %d", got, i)
			}
			if i == 0 && time.Since(sent) < 50*time.Millisecond {
				t.Fatal("the first message came before its latency")
			}
		}
		if d := time.Since(sent); d > 70*time.Millisecond {
			t.Fatalf("all messages took %v, want at most latency + jitter", d)
		}
	})
}

func TestSeedFixesTheDelays(t *testing.T) {
	arrivals := func(seed uint64) (out []time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(memlink.Config{Jitter: time.Second, Seed: seed})
			near, far := w.dial(t)
			for range 20 {
				start := time.Now()
				if err := near.Send(t.Context(), []byte{1}); err != nil {
					t.Fatal(err)
				}
				if _, err := far.Recv(t.Context()); err != nil {
					t.Fatal(err)
				}
				out = append(out, time.Since(start))
			}
		})
		return out
	}
	a, b, c := arrivals(1), arrivals(1), arrivals(2)
	same := func(x, y []time.Duration) bool {
		for i := range x {
			if x[i] != y[i] {
				return false
			}
		}
		return true
	}
	if !same(a, b) || same(a, c) {
		t.Fatalf("one seed: %v and %v; another: %v", a, b, c)
	}
}

func TestBindingIsSharedAndDiffersPerLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(memlink.Config{})
		near, far := w.dial(t)
		again, _ := w.dial(t)
		if near.Binding() != far.Binding() || near.Binding() == ([32]byte{}) {
			t.Fatal("the ends of a link have not the same binding")
		}
		if near.Binding() == again.Binding() {
			t.Fatal("two links share a binding")
		}
		if near.Node() != w.node || !far.Node().IsZero() {
			t.Fatal("the dialling end knows the gateway, the other end nobody")
		}
	})
}

func TestPinAndAbsence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(memlink.Config{})
		d := w.net.Dialer("phone")
		hash := key.GatewayHashOf(w.node)
		if _, err := d.Dial(t.Context(), link.Endpoint{Host: "gw", Node: hash[:]}); err != nil {
			t.Fatalf("the gateway hash is a pin too: %v", err)
		}
		other := key.NewPrivate[key.Node]().Public()
		if _, err := d.Dial(t.Context(), link.Endpoint{Host: "gw", Node: other[:]}); !errors.Is(err, wire.ErrWrongNode) {
			t.Fatalf("wrong pin: %v", err)
		}
		if _, err := d.Dial(t.Context(), link.Endpoint{Host: "gw"}); !errors.Is(err, wire.ErrWrongNode) {
			t.Fatalf("no pin: %v", err)
		}
		if _, err := d.Dial(t.Context(), link.Endpoint{Host: "elsewhere", Node: other[:]}); !errors.Is(err, wire.ErrLinkClosed) {
			t.Fatalf("nobody there: %v", err)
		}
		w.l.Close()
		if _, err := d.Dial(t.Context(), w.endpoint()); !errors.Is(err, wire.ErrLinkClosed) {
			t.Fatalf("closed listener: %v", err)
		}
		if n := w.net.Links(); n != 0 {
			t.Fatalf("%d links are left of a closed listener that nobody accepted from", n)
		}
	})
}

func TestMessageSizes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := newWorld(memlink.Config{}).dial(t)
		if err := near.Send(t.Context(), nil); !errors.Is(err, wire.ErrTruncated) {
			t.Fatalf("empty: %v", err)
		}
		if err := near.Send(t.Context(), make([]byte, wire.MaxMessage+1)); !errors.Is(err, wire.ErrTooLarge) {
			t.Fatalf("too large: %v", err)
		}
		if err := near.Send(t.Context(), make([]byte, wire.MaxMessage)); err != nil {
			t.Fatalf("the link did not survive refused sizes: %v", err)
		}
		if m, err := far.Recv(t.Context()); err != nil || len(m) != wire.MaxMessage {
			t.Fatalf("%d bytes, %v", len(m), err)
		}
	})
}

func TestCloseDeliversWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := newWorld(memlink.Config{Latency: time.Second}).dial(t)
		if err := near.Send(t.Context(), []byte("last words")); err != nil {
			t.Fatal(err)
		}
		near.Close()
		if m, err := far.Recv(t.Context()); err != nil || string(m) != "last words" {
			t.Fatalf("%q, %v", m, err)
		}
		if _, err := far.Recv(t.Context()); !errors.Is(err, wire.ErrLinkClosed) {
			t.Fatalf("after the end: %v", err)
		}
		if err := far.Send(t.Context(), []byte{1}); !errors.Is(err, wire.ErrLinkClosed) {
			t.Fatalf("send into a closed link: %v", err)
		}
		if _, err := near.Recv(t.Context()); !errors.Is(err, wire.ErrLinkClosed) {
			t.Fatalf("recv on the closed end: %v", err)
		}
	})
}

func TestCloseDoesNotResetWhileRecvWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := newWorld(memlink.Config{Latency: time.Second}).dial(t)
		got := make(chan error, 1)
		go func() { _, err := near.Recv(t.Context()); got <- err }()
		synctest.Wait()
		if err := near.Send(t.Context(), []byte("last words")); err != nil {
			t.Fatal(err)
		}
		near.Close()
		if err := <-got; !errors.Is(err, wire.ErrLinkClosed) {
			t.Fatalf("the waiting Recv: %v", err)
		}
		if m, err := far.Recv(t.Context()); err != nil || string(m) != "last words" {
			t.Fatalf("%q, %v", m, err)
		}
	})
}

func TestResetEndsBothSidesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(memlink.Config{Latency: time.Minute})
		near, far := w.dial(t)
		if err := near.Send(t.Context(), []byte("lost")); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		start := time.Now()
		for _, end := range []link.Conn{near, far} {
			all.Go(func() {
				if _, err := end.Recv(t.Context()); !errors.Is(err, wire.ErrLinkClosed) {
					t.Errorf("after a reset: %v", err)
				}
			})
		}
		synctest.Wait()
		w.net.Reset("gw", "phone")
		all.Wait()
		if time.Since(start) != 0 {
			t.Fatal("a reset took time")
		}
		if w.net.Links() != 0 {
			t.Fatal("a reset link is still counted")
		}
	})
}

func TestResetAllAndResetProbability(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(memlink.Config{Reset: 0.25, Seed: 3})
		near, _ := w.dial(t)
		sent := 0
		for near.Send(t.Context(), []byte{1}) == nil {
			sent++
		}
		if sent > 100 {
			t.Fatalf("%d messages passed a link that loses a quarter", sent)
		}
		calm := newWorld(memlink.Config{})
		first, _ := calm.dial(t)
		calm.net.ResetHost("another")
		if err := first.Send(t.Context(), []byte{1}); err != nil {
			t.Fatalf("after ResetHost of another host: %v", err)
		}
		calm.net.ResetHost("gw")
		if err := first.Send(t.Context(), []byte{1}); !errors.Is(err, wire.ErrLinkClosed) {
			t.Fatalf("after ResetHost: %v", err)
		}
		a, b := calm.dial(t)
		calm.net.ResetAll()
		for _, end := range []link.Conn{a, b} {
			if err := end.Send(t.Context(), []byte{1}); !errors.Is(err, wire.ErrLinkClosed) {
				t.Fatalf("after ResetAll: %v", err)
			}
		}
	})
}

func TestPartitionStallsWithoutErrorUntilHealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(memlink.Config{})
		near, far := w.dial(t)
		w.net.Partition("phone", "gw")
		if err := near.Send(t.Context(), []byte("held")); err != nil {
			t.Fatal(err)
		}
		got := make(chan time.Time, 1)
		go func() {
			if _, err := far.Recv(t.Context()); err != nil {
				t.Errorf("partitioned Recv: %v", err)
			}
			got <- time.Now()
		}()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if _, err := w.net.Dialer("phone").Dial(ctx, w.endpoint()); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("a dial into a partition: %v", err)
		}
		if _, err := w.net.Dialer("laptop").Dial(t.Context(), w.endpoint()); err != nil {
			t.Fatalf("another host's dial: %v", err)
		}
		healed := time.Now()
		w.net.Heal("gw", "phone")
		if at := <-got; at.Before(healed) {
			t.Fatal("a message passed the partition")
		}
	})
}

func TestFullWindowMakesSendWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := newWorld(memlink.Config{}).dial(t)
		half := make([]byte, memlink.Window/2)
		for range 2 {
			if err := near.Send(t.Context(), half); err != nil {
				t.Fatal(err)
			}
		}
		sent := make(chan error, 1)
		go func() { sent <- near.Send(t.Context(), half) }()
		synctest.Wait()
		select {
		case err := <-sent:
			t.Fatalf("a send beyond the window returned: %v", err)
		default:
		}
		if _, err := far.Recv(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := near.Send(ctx, half); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("a send nobody makes room for: %v", err)
		}
		if err := near.Send(t.Context(), []byte{1}); !errors.Is(err, wire.ErrLinkClosed) {
			t.Fatalf("a send cut off by its context ends the link: %v", err)
		}
	})
}

func TestServeWaitsForItsHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(memlink.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		served := make(chan error, 1)
		release := make(chan struct{})
		go func() {
			served <- w.l.Serve(ctx, func(c link.Conn) {
				m, _ := c.Recv(context.Background())
				c.Send(context.Background(), m)
				<-release
			})
		}()
		c, err := w.net.Dialer("phone").Dial(t.Context(), w.endpoint())
		if err != nil {
			t.Fatal(err)
		}
		c.Send(t.Context(), []byte("echo"))
		if m, err := c.Recv(t.Context()); err != nil || string(m) != "echo" {
			t.Fatalf("%q, %v", m, err)
		}
		cancel()
		synctest.Wait()
		select {
		case <-served:
			t.Fatal("Serve returned before its handler")
		default:
		}
		close(release)
		if err := <-served; err != nil {
			t.Fatal(err)
		}
		if _, err := c.Recv(t.Context()); !errors.Is(err, wire.ErrLinkClosed) {
			t.Fatalf("the link of a handler that returned: %v", err)
		}
	})
}

// TestNoLinkWithoutListener: a link that is dialled while the listener closes is
// refused, accepted or reset, and never forgotten.
func TestNoLinkWithoutListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 500 {
			w := newWorld(memlink.Config{})
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					c, err := w.net.Dialer("phone").Dial(t.Context(), w.endpoint())
					if err == nil {
						_, err = c.Recv(t.Context())
					}
					if !errors.Is(err, wire.ErrLinkClosed) {
						t.Errorf("got %v", err)
					}
				})
			}
			all.Go(func() { w.l.Close() })
			all.Wait()
			if n := w.net.Links(); n != 0 {
				t.Fatalf("%d links are left", n)
			}
		}
	})
}

// TestNothingIsAcceptedAfterTheEnd: who listens until a context ends takes no link that
// comes afterwards.
func TestNothingIsAcceptedAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(memlink.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range 50 {
			c, err := w.net.Dialer("phone").Dial(t.Context(), w.endpoint())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.l.Accept(ctx); !errors.Is(err, context.Canceled) {
				t.Fatalf("accepted: %v", err)
			}
			w.l.Close()
			if _, err := c.Recv(t.Context()); !errors.Is(err, wire.ErrLinkClosed) {
				t.Fatalf("got %v", err)
			}
			w.l = w.net.Listen("gw", w.node)
		}
	})
}

func TestLimitRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := newWorld(memlink.Config{}).dial(t)
		far.LimitRead(10)
		for _, c := range []struct {
			size int
			want error
		}{{10, nil}, {11, wire.ErrTooLarge}} {
			if err := near.Send(t.Context(), make([]byte, c.size)); err != nil {
				t.Fatal(err)
			}
			if _, err := far.Recv(t.Context()); !errors.Is(err, c.want) {
				t.Errorf("%d bytes: %v", c.size, err)
			}
		}
		if far.Remote().IsValid() {
			t.Error("a host in memory has no address")
		}
	})
}

// Who keeps what Borrow lent finds other bytes there.
func TestWhatWasLentIsTakenBack(t *testing.T) {
	a, b := newWorld(memlink.Config{}).dial(t)
	for _, text := range []string{"first", "second"} {
		if err := a.Send(t.Context(), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	lent, err := link.Borrow(t.Context(), b)
	if err != nil || string(lent) != "first" {
		t.Fatalf("%q, %v", lent, err)
	}
	own, err := b.Recv(t.Context())
	if err != nil || string(own) != "second" || string(lent) == "first" {
		t.Fatalf("%q is left of what was lent, then %q, %v", lent, own, err)
	}
}
