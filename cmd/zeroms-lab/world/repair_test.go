package world_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/client"
	"zeroms/client/delivery"
	"zeroms/client/view"
	"zeroms/cmd/zeroms-lab/world"
	"zeroms/protocol/link/memlink"
)

// soakSize is how many messages the two people write: ZMS_SOAK, or few.
func soakSize() int {
	if n, err := strconv.Atoi(os.Getenv("ZMS_SOAK")); err == nil {
		return n
	}
	return 1500
}

// lossy is a world in which gateways lose, delay and repeat what they signed for.
func lossy(repair delivery.RepairTiming) world.Config {
	return world.Config{
		Links:  memlink.Config{Latency: 150 * time.Millisecond, Jitter: 300 * time.Millisecond, Seed: 5},
		Crook:  world.Crook{Lose: 0.05, Hold: 0.2, Held: 2 * time.Second, Double: 0.05, Seed: 7},
		Repair: repair,
	}
}

// talkers are two people who write in random bursts, and what is seen of repair.
type talkers struct {
	*stage
	gates      []*world.Gateway
	alice, bob *world.Person
	ab, ba     client.ContactID
}

// newTalkers are friends who begin to write through dishonest gateways.
func newTalkers(t *testing.T, cfg world.Config) *talkers {
	s := newStage(t, cfg)
	w := &talkers{stage: s, gates: []*world.Gateway{s.gateway(), s.gateway()}}
	w.alice, w.bob = s.person("alice", w.gates[0]), s.person("robert", w.gates[1]) // not so short that it could stand anywhere by chance
	w.ab, w.ba = s.add(w.alice, w.bob), s.add(w.bob, w.alice)
	s.wait(24*time.Hour, "both know each other", func() bool {
		return s.contact(w.alice, w.ab).Answered && s.contact(w.bob, w.ba).Answered
	})
	return w
}

// watch collects the gaps that a person sees filled until the test ends.
func (w *talkers) watch(p *world.Person, into chan<- view.Gap) (stop func()) {
	events := p.Client.Subscribe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ev := range events.C {
			if g, ok := ev.(client.GapChanged); ok && g.Gap.State == view.GapFilled {
				into <- g.Gap
			}
		}
	}()
	return func() {
		events.Close()
		<-done
	}
}

// write has both write n messages together, in bursts of up to 50.
func (w *talkers) write(n int) {
	r := rand.New(rand.NewPCG(11, 13))
	for i := 0; i < n; {
		from, to := w.alice, w.ab
		if r.IntN(2) == 0 {
			from, to = w.bob, w.ba
		}
		for range 1 + r.IntN(50) {
			w.send(from, to, fmt.Sprint(i))
			i++
		}
		pause(time.Duration(r.IntN(60_000)) * time.Millisecond)
	}
}

// complete tells whether both have all that both wrote, once and in one order.
func (w *talkers) complete(n int) bool {
	a, b := w.texts(w.alice, w.ab), w.texts(w.bob, w.ba)
	return len(a) >= n && slices.Equal(a, b) && len(a) == len(distinct(a))
}

func distinct(lines []string) map[string]bool {
	out := map[string]bool{}
	for _, l := range lines {
		out[l] = true
	}
	return out
}

// TestEverythingArrivesThroughGatewaysThatLoseIt: 5 % of what gateways signed
// for never comes, and the ends find and repair that by themselves.
func TestEverythingArrivesThroughGatewaysThatLoseIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := soakSize()
		w := newTalkers(t, lossy(delivery.RepairTiming{}))
		filled := make(chan view.Gap, 2*n)
		stopA, stopB := w.watch(w.alice, filled), w.watch(w.bob, filled)
		w.write(n)
		for hours := 0; !w.complete(n); hours++ {
			if hours == 72 {
				a, b := w.texts(w.alice, w.ab), w.texts(w.bob, w.ba)
				t.Fatalf("after three days alice has %d lines, bob %d, of %d", len(a), len(b), n)
			}
			pause(time.Hour)
		}
		stopA()
		stopB()
		close(filled)
		lost := 0
		for _, g := range w.gates {
			lost += g.Lost()
		}
		detection, repair := w.times(filled)
		if lost == 0 || len(repair) == 0 {
			t.Fatalf("%d envelopes were lost and %d messages repaired", lost, len(repair))
		}
		t.Logf("%d messages, %d envelopes lost, %d messages repaired; found missing after p50 %v p99 %v, repaired after p50 %v p99 %v (since written)",
			n, lost, len(repair), at(detection, 50), at(detection, 99), at(repair, 50), at(repair, 99))
		for _, p := range []*world.Person{w.alice, w.bob} {
			if r := w.status(p).Repairs; r.Missing != 0 || r.Gone != 0 || r.Filled == 0 || r.Asked == 0 {
				t.Errorf("%s's repairs: %+v", p.Name, r)
			}
		}
	})
}

// times are, for each message that came after it was asked for, how long after
// it was written it was found missing, and came.
func (w *talkers) times(filled <-chan view.Gap) (detection, repair []time.Duration) {
	written := map[client.ContactID]map[uint32]time.Time{}
	for _, m := range w.messages(w.alice, w.ab) {
		if written[1] == nil {
			written[1], written[2] = map[uint32]time.Time{}, map[uint32]time.Time{}
		}
		if m.Outgoing {
			written[2][m.Seq] = m.Written
		} else {
			written[1][m.Seq] = m.Written
		}
	}
	for g := range filled {
		whose := written[1]
		if own := w.status(w.alice).Device; g.Device == own {
			whose = written[2]
		}
		for seq := g.From; seq <= g.To; seq++ {
			if at, ok := whose[seq]; ok {
				detection, repair = append(detection, g.Since.Sub(at)), append(repair, g.Filled.Sub(at))
			}
		}
	}
	slices.Sort(detection)
	slices.Sort(repair)
	return detection, repair
}

func at(sorted []time.Duration, percent int) time.Duration {
	return sorted[min(len(sorted)*percent/100, len(sorted)-1)].Round(time.Millisecond)
}

// TestWithoutRepairMessagesStayLost: it is repair that makes the test above pass.
func TestWithoutRepairMessagesStayLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		off := delivery.RepairTiming{}.Default()
		off.Grace, off.HeadsMin, off.HeadsMax = 1000*time.Hour, 1000*time.Hour, 1000*time.Hour
		w := newTalkers(t, lossy(off))
		w.write(500)
		pause(12 * time.Hour)
		if w.complete(500) {
			t.Fatal("nothing is missing although nobody asked for anything")
		}
	})
}

// TestRepairCostsNothingWhenNothingIsLost: on honest gateways nobody asks, and
// the same envelopes travel as without repair.
func TestRepairCostsNothingWhenNothingIsLost(t *testing.T) {
	count := func(t *testing.T, repair delivery.RepairTiming) (submitted int) {
		synctest.Test(t, func(t *testing.T) {
			tap := new(wiretap)
			w := newTalkers(t, world.Config{Links: memlink.Config{Latency: 150 * time.Millisecond}, Wrap: tap.wrap, Repair: repair})
			before := len(tap.all())
			for i := range 300 {
				w.send(w.alice, w.ab, fmt.Sprint(i))
				pause(200 * time.Millisecond)
			}
			pause(time.Minute)
			if !w.complete(300) {
				t.Fatal("something is missing")
			}
			submitted = len(tap.all()) - before
			for _, p := range []*world.Person{w.alice, w.bob} {
				r := w.status(p).Repairs
				if r != (view.Repairs{}) {
					t.Errorf("%s's repairs: %+v", p.Name, r)
				}
			}
		})
		return submitted
	}
	off := delivery.RepairTiming{}.Default()
	off.Grace, off.HeadsMin, off.HeadsMax = 1000*time.Hour, 1000*time.Hour, 1000*time.Hour
	with, without := count(t, delivery.RepairTiming{}), count(t, off)
	if with > without+2 { // timers of acknowledgements are random
		t.Errorf("%d envelopes with repair, %d without", with, without)
	}
}
