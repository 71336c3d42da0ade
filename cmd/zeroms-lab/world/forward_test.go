package world_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/client"
	"zeroms/client/home"
	"zeroms/cmd/zeroms-lab/world"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// visits counts who connected to whom.
type visits struct {
	mu   sync.Mutex
	seen map[[2]string]int // from, to
	bend func(host string, to link.Endpoint, c link.Conn) link.Conn
}

type visitDialer struct {
	home.Dialer
	*visits
	host string
}

func (v *visits) wrap(host string, d home.Dialer) home.Dialer { return visitDialer{d, v, host} }

func (d visitDialer) Dial(ctx context.Context, e link.Endpoint) (link.Conn, error) {
	d.mu.Lock()
	d.seen[[2]string{d.host, e.Host}]++
	d.mu.Unlock()
	c, err := d.Dialer.Dial(ctx, e)
	if err == nil && d.bend != nil {
		c = d.bend(d.host, e, c)
	}
	return c, err
}

func (v *visits) between(p *world.Person, g *world.Gateway) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.seen[[2]string{p.Host(), g.Host}]
}

// forwarding makes alice with so many homes, and bob with one, who know each other's cards.
func forwarding(t *testing.T, homes int, bend func(host string, to link.Endpoint, c link.Conn) link.Conn) (s *stage, v *visits, alice, bob *world.Person, at []*world.Gateway, far *world.Gateway, ab, ba client.ContactID) {
	t.Helper()
	v = &visits{seen: map[[2]string]int{}, bend: bend}
	s = newStage(t, world.Config{Overlay: true, Wrap: v.wrap})
	for range homes {
		at = append(at, s.gateway())
	}
	far = s.gateway()
	alice, bob = s.person("alice", at...), s.person("bob", far)
	for _, g := range at {
		s.up(alice, g)
	}
	s.up(bob, far)
	ab, ba = s.add(alice, bob), s.add(bob, alice)
	s.send(alice, ab, "hello")
	s.state(alice, ab, "hello", client.Delivered)
	s.send(bob, ba, "hi")
	s.state(bob, ba, "hi", client.Delivered)
	pause(time.Minute) // links between gateways that break at once are left alone for a while
	return s, v, alice, bob, at, far, ab, ba
}

// TestPeopleVisitOnlyTheirHomes: people at different gateways talk, and nobody connects to the other's gateway, from
// the first knock at the door on.
func TestPeopleVisitOnlyTheirHomes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, v, alice, bob, at, far, ab, ba := forwarding(t, 1, nil)
		for n := range 20 {
			s.within(2*time.Second, alice, ab, fmt.Sprint("there ", n))
			s.within(2*time.Second, bob, ba, fmt.Sprint("back ", n))
		}
		if a, b := v.between(alice, far), v.between(bob, at[0]); a+b != 0 {
			t.Errorf("alice was at bob's gateway %d times, bob at hers %d", a, b)
		}
		if v.between(alice, at[0]) != 1 || v.between(bob, far) != 1 {
			t.Error("more links than one to the own home")
		}
	})
}

// TestEntryDies: a home that forwards is killed in the middle of a conversation; what it had in hand goes through the
// other one, everything arrives once and in order, and nobody shows an address.
func TestEntryDies(t *testing.T) {
	for which := range 2 {
		synctest.Test(t, func(t *testing.T) {
			s, v, alice, bob, at, far, ab, ba := forwarding(t, 2, nil)
			want := []string{"hello", "hi"}
			for n := range 30 {
				text := fmt.Sprint("line ", n)
				s.send(alice, ab, text)
				want = append(want, text)
				if n == 10 {
					at[which].Kill()
				}
				pause(20 * time.Millisecond)
			}
			s.see(bob, ba, want...)
			if n := v.between(alice, far); n != 0 {
				t.Errorf("alice was at bob's gateway %d times", n)
			}
		})
	}
}

// TestExitRestarts: a gateway that lost its channels in a restart is found again, and nothing is lost.
func TestExitRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, v, alice, bob, _, far, ab, ba := forwarding(t, 1, nil)
		want := []string{"hello", "hi"}
		for n := range 12 {
			text := fmt.Sprint("line ", n)
			s.send(alice, ab, text)
			want = append(want, text)
			if n%4 == 2 {
				far.Kill()
				s.must(far.Start())
			}
			pause(50 * time.Millisecond)
		}
		s.see(bob, ba, want...)
		if n := v.between(alice, far); n > 3 {
			t.Errorf("alice was at bob's gateway %d times", n)
		}
	})
}

// TestShortRestartShowsNobody: a gateway that is restarted now and then is away for a moment, with or without a
// farewell. Who writes to its people meanwhile waits, and does not connect to it.
func TestShortRestartShowsNobody(t *testing.T) {
	for name, end := range map[string]func(*world.Gateway) error{"killed": (*world.Gateway).Kill, "stopped": (*world.Gateway).Stop} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, v, alice, bob, _, far, ab, ba := forwarding(t, 1, nil)
				want := []string{"hello", "hi"}
				for n := range 60 {
					text := fmt.Sprint("line ", n)
					s.send(alice, ab, text)
					want = append(want, text)
					switch n % 20 {
					case 2:
						_ = end(far)
					case 8: // 300 ms later
						s.must(far.Start())
					}
					pause(50 * time.Millisecond)
				}
				s.see(bob, ba, want...)
				if n := v.between(alice, far); n != 0 {
					t.Errorf("alice was at bob's gateway %d times", n)
				}
			})
		})
	}
}

// liar is a home that forwards, as its user sees it: it loses, changes, mixes up and repeats what goes to other gateways
// and comes from there, every third time.
type liar struct {
	link.Conn
	mu     sync.Mutex
	count  int
	former *wire.Forwarded
	again  [][]byte // that it sends once more
}

func (l *liar) Send(ctx context.Context, message []byte) error {
	var out []byte
	for rest := message; len(rest) > 0; {
		f, after, err := wire.NextFrame(rest)
		if err != nil {
			return err
		}
		raw := rest[:len(rest)-len(after)]
		rest, out = after, append(out, raw...)
		var in wire.Forward
		if f.Type != wire.TypeForward || f.Decode(&in) != nil {
			continue
		}
		l.mu.Lock()
		l.count++
		// As an entry it may bring the target whatever it saw before.
		if l.again = append(l.again, wire.AppendFrame(nil, 1<<40+uint64(l.count), &in)); l.count%2 == 0 {
			out = append(out, l.again[l.count/2]...)
		}
		l.mu.Unlock()
	}
	return l.Conn.Send(ctx, out)
}

func (l *liar) Recv(ctx context.Context) ([]byte, error) {
	message, err := l.Conn.Recv(ctx)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []byte
	for len(message) > 0 {
		f, after, err := wire.NextFrame(message)
		if err != nil {
			return nil, err
		}
		raw := message[:len(message)-len(after)]
		message = after
		var in wire.Forwarded
		if f.Type != wire.TypeForwarded || f.ID >= 1<<40 || f.Decode(&in) != nil {
			if f.ID < 1<<40 {
				out = append(out, raw...)
			}
			continue
		}
		l.count++
		switch before := l.former; {
		case l.count%12 == 3:
			continue
		case l.count%12 == 6:
			in.Sealed[20] ^= 4
		case l.count%12 == 9 && before != nil:
			in.Nonce, in.Sealed = before.Nonce, before.Sealed
		case l.count%12 == 0 && before != nil:
			in = *before
		default:
			l.former = &in
		}
		out = wire.AppendFrame(out, f.ID, &in)
	}
	if len(out) == 0 {
		l.mu.Unlock()
		defer l.mu.Lock()
		return l.Recv(ctx)
	}
	return out, nil
}

// TestLyingEntry: one of two homes lies about what it forwards, to real gateways. Everything arrives once and in order,
// and nobody shows an address.
func TestLyingEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		homes := 0
		s, v, alice, bob, _, far, ab, ba := forwarding(t, 2, func(_ string, _ link.Endpoint, c link.Conn) link.Conn {
			if homes++; homes == 1 {
				return &liar{Conn: c}
			}
			return c
		})
		want := []string{"hello", "hi"}
		for n := range 60 {
			text := fmt.Sprint("line ", n)
			s.send(alice, ab, text)
			want = append(want, text)
			pause(100 * time.Millisecond)
		}
		s.see(bob, ba, want...)
		s.state(alice, ab, "line 59", client.Delivered)
		if n := v.between(alice, far); n != 0 {
			t.Errorf("alice was at bob's gateway %d times", n)
		}
	})
}
