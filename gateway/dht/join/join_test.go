package join

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"zeroms/gateway/dht/contact"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

const second = int64(time.Second)

// people are some gateways.
func people(count int) (all []*contact.Peer) {
	book := contact.NewBook(address.Parameters{Network: key.Network{'t'}, Scope: address.Public}, 1024)
	for i := range count {
		c := wire.Contact{Transports: wire.TransportWSS}
		c.Node[0], c.Node[1] = byte(i), byte(i>>8)
		c.Addr = netip.MustParseAddrPort(fmt.Sprintf("20.%d.%d.1:443", i/256, i%256))
		all = append(all, book.Peer(c))
	}
	return all
}

func newState() State { return New(rand.New(rand.NewPCG(1, 2))) }

// within checks that a time is within a quarter of what is said.
func within(t *testing.T, what string, at, now int64, want time.Duration) {
	t.Helper()
	if d := time.Duration(at - now); d < want*3/4 || d > want*5/4 {
		t.Errorf("%s: after %v, want about %v", what, d, want)
	}
}

// TestAttempts: the first is at once, each pause is twice the last up to two minutes,
// and they end when others answer.
func TestAttempts(t *testing.T) {
	s := newState()
	if s.Cut(second); s.Due() != Never {
		t.Fatal("an attempt is due, and nobody is known")
	}
	s.Begin(second, nil)
	if s.Given() || s.Due() != Never {
		t.Fatal("there is somebody to begin with")
	}
	s.Begin(second, people(3))
	if !s.Given() || s.Due() != second || !s.Fresh() {
		t.Fatalf("the first attempt is due at %d", s.Due())
	}
	now := second
	for _, want := range []time.Duration{5, 10, 20, 40, 80, 120, 120} {
		s.Tried(now)
		within(t, "an attempt", s.Due(), now, want*time.Second)
		if s.Fresh() {
			t.Fatal("there was no attempt")
		}
		if s.Cut(now + 1); s.Due() > now+150*second { // they go on as they are
			t.Fatal("an attempt was put off")
		}
		now = s.Due()
	}
	s.Tried(now)
	if s.Entered(); s.Due() != Never {
		t.Fatal("there are attempts after one that worked")
	}
	s.Cut(now + 10*second)
	within(t, "cut off soon again", s.Due(), now+10*second, Last)
	s.Entered()
	now += 1000 * second
	s.Cut(now)
	within(t, "cut off after a while", s.Due(), now, First)
	s.Tried(now)
	s.Begin(now, nil)
	if s.Due() != now {
		t.Error("contacts that are new wait")
	}
}

// TestNotAtOnce: gateways that were cut off together do not try together.
func TestNotAtOnce(t *testing.T) {
	at := map[int64]bool{}
	r := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		s := New(r)
		s.Lose(second, people(1)[0], First)
		s.Cut(second)
		at[s.Due()/int64(100*time.Millisecond)] = true
	}
	if len(at) < 8 {
		t.Errorf("20 gateways try at %d times", len(at))
	}
}

// TestPeers: those who were lost come before those to begin with, the last first, of
// each so many; new ones to begin with come before those of earlier.
func TestPeers(t *testing.T) {
	all := people(300)
	s := newState()
	s.Begin(second, all[:200])
	if got := s.Peers(); !slices.Equal(got, all[:Most]) {
		t.Fatalf("%d to begin with, or not the first", len(got))
	}
	s.Begin(second, all[Most-1:Most+1])
	if got := s.Peers(); len(got) != Most || got[0] != all[Most-1] || got[1] != all[Most] || got[2] != all[0] || got[Most-1] != all[Most-3] {
		t.Fatalf("%d to begin with, or not the new ones first", len(got))
	}
	for i := range Most + 10 {
		s.Lose(second, all[200+i], First)
	}
	got := s.Peers()
	if len(got) != 2*Most || got[0] != all[200+Most+9] || got[Most-1] != all[210] || got[Most] != all[Most-1] {
		t.Fatalf("%d peers, or in the wrong order", len(got))
	}
	s.Lose(second, all[0], First)
	if got := s.Peers(); len(got) != 2*Most-1 || got[0] != all[0] {
		t.Fatalf("%d peers: one stands there twice", len(got))
	}
	s.Forget(all[0].Node)
	if got := s.Lost(); len(got) != Most-1 || got[0] != all[200+Most+9] {
		t.Fatalf("%d lost: one was found again", len(got))
	}
	if got := s.Peers(); !slices.Contains(got, all[0]) {
		t.Fatal("who was to be begun with is forgotten")
	}
}

// TestAsk: a lost contact is asked after its pause, then after twice as long each time
// up to ten minutes; with others in turn, at a pace.
func TestAsk(t *testing.T) {
	all := people(3)
	s := newState()
	if s.Ask(second) != nil || s.AskDue(0) != Never {
		t.Fatal("somebody is asked who was not lost")
	}
	now := second
	s.Lose(now, all[0], 2*First)
	for _, want := range []time.Duration{10, 20, 40, 80, 160, 320, 600, 600} {
		at := s.AskDue(5 * time.Second)
		within(t, "a request", at, now, want*time.Second)
		now = at
		if s.Ask(now) != all[0] {
			t.Fatal("nobody is asked")
		}
	}
	s.Lose(now, all[1], time.Second)
	s.Lose(now, all[2], time.Second)
	if at := s.AskDue(5 * time.Second); at != now+5*second {
		t.Errorf("the next is asked after %v", time.Duration(at-now))
	}
	one, other := s.Ask(now+5*second), s.Ask(now+5*second)
	if one == other || one == all[0] || other == all[0] {
		t.Error("the two that wait for longest are not asked in turn")
	}
	if at := s.AskDue(time.Hour); at != now+5*second+time.Hour.Nanoseconds() {
		t.Errorf("at the pace of an hour the next is asked after %v", time.Duration(at-now))
	}
}
