package home_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"zeroms/client/home"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// holding keeps Forwards until let go; started tells of each.
func holding() (hold func(*wire.Forward, func(*wire.Forward) wire.Payload) wire.Payload, started chan *wire.Forward, free chan struct{}) {
	started, free = make(chan *wire.Forward, 100), make(chan struct{})
	return func(f *wire.Forward, onward func(*wire.Forward) wire.Payload) wire.Payload {
		started <- f
		<-free
		return onward(f)
	}, started, free
}

// TestHomeDiesInTheMiddle: what a home had in hand goes through another one, in another channel, and the target takes
// it once.
func TestHomeDiesInTheMiddle(t *testing.T) {
	for _, after := range []bool{false, true} { // the target got it
		inTown(t, home.Never, []string{"a", "b"}, func(t *testing.T, y *town) {
			first := ""
			for _, name := range []string{"a", "b"} {
				g := y.gateways[name]
				g.forward = func(f *wire.Forward, onward func(*wire.Forward) wire.Payload) wire.Payload {
					if first != "" {
						return onward(f)
					}
					first = name
					if after {
						onward(f)
					}
					g.fall()
					return nil
				}
			}
			s := put(1, 1)
			began := time.Now()
			a := y.custody(y.ask("x", s), s)
			if a.Entry == y.gateways[first].hash() || time.Since(began) > time.Second {
				t.Errorf("through %x after %v", a.Entry, time.Since(began))
			}
			x := y.gateways["x"]
			want := 1
			if after {
				want = 2
			}
			if len(x.taken) != 1 || len(x.relays) != want || y.dialled("x") != 0 {
				t.Errorf("%d envelopes, %d requests, %d links", len(x.taken), len(x.relays), y.dialled("x"))
			}
			if want == 2 && x.relays[0].Channel == x.relays[1].Channel {
				t.Error("one channel went through two homes")
			}
		})
	}
}

// TestSameBytesOverTheNextLink: with one home the very same bytes go over its next link, and nothing goes directly
// unless it stays away.
func TestSameBytesOverTheNextLink(t *testing.T) {
	inTown(t, home.Fallback, []string{"a"}, func(t *testing.T, y *town) {
		a, x := y.gateways["a"], y.gateways["x"]
		former := put(1, 0)
		y.by(y.ask("x", former), former, "a")
		a.do(func() {
			a.forward = onceForward(func(f *wire.Forward, onward func(*wire.Forward) wire.Payload) wire.Payload {
				onward(f)
				y.net.ResetAll()
				return nil
			})
		})
		s := put(1, 1)
		y.by(y.ask("x", s), s, "a")
		if len(x.relays) != 3 || !bytes.Equal(wire.Marshal(x.relays[1]), wire.Marshal(x.relays[2])) {
			t.Errorf("%d requests came, or other bytes", len(x.relays))
		}
		if y.dialled("x") != 0 || y.dialled("a") != 2 {
			t.Errorf("x was connected to %d times, a %d", y.dialled("x"), y.dialled("a"))
		}
		a.do(func() {
			a.forward = func(*wire.Forward, func(*wire.Forward) wire.Payload) wire.Payload { a.fall(); return nil }
		})
		next := put(1, 2)
		y.directly(y.ask("x", next), next)
	})
}

// TestAllLinksBreak: when the links to all homes end at once, and one of them stays away, the other one is waited for,
// though it had the request before.
func TestAllLinksBreak(t *testing.T) {
	for _, dead := range []string{"a", "b"} {
		inTown(t, home.Fallback, []string{"a", "b"}, func(t *testing.T, y *town) {
			trouble := onceForward(func(*wire.Forward, func(*wire.Forward) wire.Payload) wire.Payload {
				y.gateways[dead].fall()
				y.net.ResetAll()
				return nil
			})
			for _, name := range []string{"a", "b"} {
				y.gateways[name].forward = trouble
			}
			s := put(1, 1)
			if a := y.custody(y.ask("x", s), s); a.Way != home.Forwarded || a.Entry == y.gateways[dead].hash() || y.dialled("x") != 0 {
				t.Errorf("%+v", a)
			}
		})
	}
}

// TestHomeThatLeaves: closing a home ends what it had in hand; another one takes over, and what it alone knew is
// forgotten.
func TestHomeThatLeaves(t *testing.T) {
	inTown(t, home.Never, []string{"a"}, func(t *testing.T, y *town) {
		a := y.gateways["a"]
		hold, started, free := holding()
		a.forward = hold
		s := put(1, 1)
		token := y.ask("x", s)
		<-started
		y.raise("b")
		y.open("b")
		y.pool.Close(a.target())
		close(free)
		y.by(token, s, "b")
		y.pool.Close(y.gateways["b"].target())
		if got := y.got(y.ask("x", s)); got.Err == nil || y.dialled("x") != 0 {
			t.Errorf("%+v", got)
		}
	})
}

// TestSecondHome: a home that is slow is not waited for long, the other one answers, and the late answer does no harm.
func TestSecondHome(t *testing.T) {
	inTown(t, home.Fallback, []string{"a", "b"}, func(t *testing.T, y *town) {
		var slow atomic.Int32
		for _, name := range []string{"a", "b"} {
			y.gateways[name].forward = func(f *wire.Forward, onward func(*wire.Forward) wire.Payload) wire.Payload {
				if slow.Add(1) == 1 {
					pass(5 * time.Second)
				}
				return onward(f)
			}
		}
		s := put(1, 1)
		began := time.Now()
		y.custody(y.ask("x", s), s)
		if took := time.Since(began); took < time.Second || took > 2*time.Second {
			t.Errorf("it took %v", took)
		}
		y.quiet(10 * time.Second)
		x := y.gateways["x"]
		if len(x.taken) != 1 || len(x.relays) != 2 || x.relays[0].Channel == x.relays[1].Channel || y.dialled("x") != 0 {
			t.Errorf("%d envelopes, %d requests", len(x.taken), len(x.relays))
		}
		next := put(1, 2)
		began = time.Now()
		if y.custody(y.ask("x", next), next); time.Since(began) > time.Second {
			t.Error("the slow home was asked again first")
		}
	})
}

// TestFastestHome: the home that answers sooner is asked first, and a channel stays with its home.
func TestFastestHome(t *testing.T) {
	inTown(t, home.Never, []string{"a", "b", "c"}, func(t *testing.T, y *town) {
		for name, pause := range map[string]time.Duration{"a": 300 * time.Millisecond, "b": 20 * time.Millisecond, "c": 900 * time.Millisecond} {
			y.gateways[name].forward = func(f *wire.Forward, onward func(*wire.Forward) wire.Payload) wire.Payload {
				pass(pause)
				return onward(f)
			}
		}
		for n := range byte(10) {
			s := put(n, n)
			y.custody(y.ask("x", s), s)
		}
		for n := range byte(5) {
			s := put(100+n, n)
			y.by(y.ask("x", s), s, "b")
		}
		used := map[key.GatewayHash]int{}
		for n := range byte(6) {
			s := put(100, 100+n)
			used[y.custody(y.ask("x", s), s).Entry]++
		}
		if len(used) != 1 {
			t.Errorf("one drop went through %v", used)
		}
	})
}

// TestSlowTarget: a target that does not answer takes at most half of a home's room, does not harm the link to the home,
// and ends in a direct attempt or an error.
func TestSlowTarget(t *testing.T) {
	inTown(t, home.Never, []string{"a"}, func(t *testing.T, y *town) {
		y.raise("slow")
		a := y.gateways["a"]
		a.forward = func(f *wire.Forward, onward func(*wire.Forward) wire.Payload) wire.Payload {
			if f.Host == "slow" {
				return nil
			}
			return onward(f)
		}
		slow := map[uint64]bool{}
		for n := range byte(40) {
			slow[y.ask("slow", put(n, n))] = true
		}
		for n := range byte(5) {
			s := put(n, n)
			began := time.Now()
			if y.by(y.ask("x", s), s, "a"); time.Since(began) > time.Second {
				t.Fatal("the slow target holds up another one")
			}
		}
		a.do(func() {
			if len(a.forwards) != 16+5 {
				t.Errorf("%d requests were sent", len(a.forwards))
			}
		})
		// The home says something now and then: the link lives.
		for range 8 {
			pass(5 * time.Second)
			if a := y.pool; a != nil {
				y.last++
				a.Send(home.Request{To: y.gateways["a"].target(), Token: 1000 + y.last, Payload: &wire.DepositsGet{}})
			}
		}
		for len(slow) > 0 {
			e := want1(y)
			if e.Token >= 1000 {
				continue
			}
			if !slow[e.Token] || e.Err == nil {
				t.Fatalf("%+v", e)
			}
			delete(slow, e.Token)
		}
		if y.dialled("a") != 1 || y.dialled("slow") != 0 {
			t.Errorf("%d links to the home, %d to the target", y.dialled("a"), y.dialled("slow"))
		}
	})
}

// TestSilentHome: a home that says nothing at all any more is reconnected to, though only requests for others wait.
func TestSilentHome(t *testing.T) {
	inTown(t, home.Fallback, []string{"a"}, func(t *testing.T, y *town) {
		a := y.gateways["a"]
		a.forward = func(*wire.Forward, func(*wire.Forward) wire.Payload) wire.Payload { return nil }
		s := put(1, 1)
		began := time.Now()
		y.directly(y.ask("x", s), s)
		if took := time.Since(began); took < 8*time.Second || took > 11*time.Second {
			t.Errorf("it took %v", took)
		}
		if d := want[home.Disconnected](y.world); d.Gateway != a.hash() || time.Since(began) > 45*time.Second {
			t.Errorf("%+v after %v", d, time.Since(began))
		}
	})
}

// TestRoom: so many requests wait for an answer through one home at most, by what it says itself.
func TestRoom(t *testing.T) {
	for announced, room := range map[uint32]int{1: 1, 10: 5, 64: 32, 100000: 32} {
		inTown(t, home.Never, nil, func(t *testing.T, y *town) {
			for i := range 8 {
				y.raise(fmt.Sprint("t", i))
			}
			y.raise("a").inFlight = announced
			y.move("a")
			a := y.gateways["a"]
			for i := range 8 { // so that their descriptors are known
				s := put(1, 0)
				if got := y.got(y.ask(fmt.Sprint("t", i), s)); got.Err != nil {
					t.Fatal(got.Err)
				}
			}
			hold, started, free := holding()
			a.do(func() { a.forward = hold })
			const each = 10
			for n := range byte(each) {
				for i := range 8 {
					y.ask(fmt.Sprint("t", i), put(n, n))
				}
			}
			pass(500 * time.Millisecond)
			if len(started) != room {
				t.Errorf("%d announced: %d wait for an answer", announced, len(started))
			}
			close(free)
			for range each * 8 {
				if got := want1(y); got.Err != nil || got.Way != home.Forwarded {
					t.Fatalf("%+v", got)
				}
			}
		})
	}
}

// TestFramesOfGateways: what only gateways send each other, and answers that nobody asked for, do not pass.
func TestFramesOfGateways(t *testing.T) {
	for _, p := range []wire.Payload{
		&wire.Ping{}, &wire.Pong{}, &wire.FindNode{}, &wire.Nodes{}, &wire.Store{Items: make([]wire.StoreItem, 1)}, &wire.Relay{}, &wire.Forward{},
		&wire.Publish{}, &wire.Reach{}, &wire.RecordGet{}, &wire.DepositPut{}, &wire.DescriptorGet{}, &wire.GatewaysGet{}, &wire.Submit{},
	} {
		inTown(t, home.Fallback, []string{"a"}, func(t *testing.T, y *town) {
			a := y.gateways["a"]
			a.send(a.links[0], fr(0, p))
			if d := want[home.Disconnected](y.world); d.Gateway != a.hash() {
				t.Errorf("%T: %+v", p, d)
			}
		})
	}
	inTown(t, home.Fallback, []string{"a"}, func(t *testing.T, y *town) { // a late answer is no fault
		a := y.gateways["a"]
		a.send(a.links[0], fr(77, &wire.Forwarded{Sealed: make([]byte, 2304)}), fr(78, &wire.Descriptor{Object: []byte{1}}))
		y.quiet(time.Minute)
	})
}

// TestDirectLinkTeaches: the descriptor of a gateway that was connected to is known from its hello.
func TestDirectLinkTeaches(t *testing.T) {
	inTown(t, home.Always, []string{"a"}, func(t *testing.T, y *town) {
		s := put(1, 1)
		y.directly(y.ask("x", s), s)
		y.pool.SetDirect(home.Never)
		next := put(1, 2)
		y.by(y.ask("x", next), next, "a")
		if n := y.gateways["a"].describes; n != 0 {
			t.Errorf("the descriptor was asked for %d times", n)
		}
	})
}

// TestTroublesAtRandom: homes that lie, stall, die and come back, links that break: every request ends exactly once, what
// is in custody was taken, and the target is never connected to.
func TestTroublesAtRandom(t *testing.T) {
	for seed := range uint64(12) {
		inTown(t, home.Never, []string{"a", "b", "c"}, func(t *testing.T, y *town) {
			r := rand.New(rand.NewPCG(seed, 5))
			var mu sync.Mutex
			n := func(limit int) int { mu.Lock(); defer mu.Unlock(); return r.IntN(limit) }
			var tricks []func(*wire.Forward, func(*wire.Forward) wire.Payload) wire.Payload
			for _, name := range slices.Sorted(maps.Keys(lies(y))) {
				tricks = append(tricks, lies(y)[name])
			}
			for _, g := range y.gateways {
				g.forward = func(f *wire.Forward, onward func(*wire.Forward) wire.Payload) wire.Payload {
					if n(3) > 0 {
						return onward(f)
					}
					return tricks[n(len(tricks))](f, onward)
				}
			}
			x := y.gateways["x"]
			open := map[uint64]*wire.Submit{}
			failed := 0
			take := func(a home.Answered) {
				s := open[a.Token]
				if s == nil {
					t.Fatalf("%+v", a)
				}
				delete(open, a.Token)
				if a.Err != nil {
					failed++
					return
				}
				x.do(func() {
					if x.taken[sha256.Sum256(s.Envelope)] == 0 || !a.Receipt.For(s.Drop, sha256.Sum256(s.Envelope)) {
						t.Fatal("a receipt for what was not taken")
					}
				})
			}
			for i := range 120 {
				s := put(byte(n(4)), byte(i))
				open[y.ask("x", s)] = s
				pass(time.Duration(n(400)) * time.Millisecond)
				switch n(40) {
				case 0:
					y.net.ResetAll()
				case 1:
					x.do(func() { clear(x.channels) })
				case 2:
					g := y.gateways[string("abc"[n(3)])]
					g.fall()
					pass(time.Duration(n(3000)) * time.Millisecond)
					g.rise()
				}
			}
			for len(open) > 0 {
				take(want1(y))
			}
			for over := time.After(time.Minute); ; {
				select {
				case e := <-y.events:
					if a, ok := e.(home.Answered); ok {
						t.Fatalf("a second answer: %+v", a)
					}
					continue
				case <-over:
				}
				break
			}
			if y.dialled("x") != 0 || failed > 60 {
				t.Errorf("seed %d: x was connected to %d times, %d requests failed", seed, y.dialled("x"), failed)
			}
			y.apart()
		})
	}
}

// apart asserts that no channel served two drops or went through two homes.
func (y *town) apart() {
	y.t.Helper()
	channels, entries := map[[16]byte]key.DropID{}, map[[16]byte]string{}
	for _, a := range y.gateways["x"].opened() {
		drop := a.payload.(*wire.Submit).Drop
		if known, ok := channels[a.channel]; ok && known != drop {
			y.t.Error("a channel serves two drops")
		}
		channels[a.channel] = drop
	}
	for name, g := range y.gateways {
		for _, f := range g.forwards {
			if by, ok := entries[f.Channel]; ok && by != name {
				y.t.Error("a channel went through two homes")
			}
			entries[f.Channel] = name
		}
	}
}
