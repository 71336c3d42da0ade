package world_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/client"
	"zeroms/cmd/zeroms-lab/world"
	"zeroms/protocol/link/memlink"
)

// chaos is two people who write while everything breaks at random.
type chaos struct {
	*stage
	rng      *rand.Rand
	gateways []*world.Gateway
	people   [2]*world.Person
	ids      [2]client.ContactID
	sent     [2]int
}

// break1 does one random harm.
func (c *chaos) break1() {
	who := c.people[c.rng.IntN(2)]
	switch c.rng.IntN(8) {
	case 0:
		c.Net.ResetAll()
	case 1:
		g := c.gateways[c.rng.IntN(len(c.gateways))]
		_ = g.Kill()
		pause(time.Duration(c.rng.IntN(3000)) * time.Millisecond)
		c.must(g.Start())
	case 2:
		_ = who.Kill()
		c.must(who.Start())
	case 3:
		who.Disk.FailBefore(1 + c.rng.IntN(3))
	case 4:
		who.Disk.FailAfter(1 + c.rng.IntN(3))
	case 5:
		g := c.gateways[c.rng.IntN(len(c.gateways))]
		g.Disk.FailAfter(1 + c.rng.IntN(3))
	case 6:
		_ = who.Stop()
		pause(time.Duration(c.rng.IntN(60)) * time.Second)
		c.must(who.Start())
	case 7:
		g := c.gateways[c.rng.IntN(len(c.gateways))]
		c.Net.Partition(who.Host(), g.Host)
		pause(time.Duration(c.rng.IntN(90)) * time.Second)
		c.Net.Heal(who.Host(), g.Host)
	}
}

// revive starts again whoever ended because of a failed disk.
func (c *chaos) revive() {
	for _, p := range c.people {
		if p.Ended() {
			if !errors.Is(p.Err(), world.ErrBroken) {
				c.t.Fatalf("%s ended: %v", p.Name, p.Err())
			}
			_ = p.Kill()
			c.must(p.Start())
		}
	}
	for _, g := range c.gateways {
		if g.Disk.Broken() {
			_ = g.Kill()
			c.must(g.Start())
		}
	}
}

// lines is a person's transcript, whatever it takes to read it.
func (c *chaos) lines(n int) (out []string) {
	for {
		c.revive()
		page, _, _, err := c.people[n].Client.History(context.Background(), c.ids[n], client.Top, 100000)
		if errors.Is(err, client.ErrStopped) {
			continue
		}
		c.must(err)
		for _, m := range page {
			out = append(out, m.Text)
		}
		return out
	}
}

// write has one person say one thing; a crash in between may lose what was not
// acknowledged to the caller, so only acknowledged sends count.
func (c *chaos) write() {
	n := c.rng.IntN(2)
	text := fmt.Sprintf("%d:%d", n, c.sent[n])
	_, err := c.people[n].Client.Send(context.Background(), c.ids[n], text)
	switch {
	case err == nil:
		c.sent[n]++
	case errors.Is(err, client.ErrStopped):
		for _, l := range c.lines(n) { // it may have become durable although nobody was told
			if l == text {
				c.sent[n]++
				break
			}
		}
	default:
		c.t.Fatal(err)
	}
}

// check compares both transcripts with each other and with what was sent.
func (c *chaos) check() bool {
	a, b := c.lines(0), c.lines(1)
	return len(a) == c.sent[0]+c.sent[1] && strings.Join(a, " ") == strings.Join(b, " ")
}

func runChaos(t *testing.T, seed uint64, messages int) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{Links: memlink.Config{
			Latency: 30 * time.Millisecond, Jitter: 40 * time.Millisecond, Reset: 0.01, Seed: seed,
		}})
		c := &chaos{stage: s, rng: rand.New(rand.NewPCG(seed, 7))}
		c.gateways = []*world.Gateway{s.gateway(), s.gateway()}
		c.people = [2]*world.Person{s.person("alice", c.gateways[0]), s.person("bob", c.gateways[1])}
		c.ids = [2]client.ContactID{s.add(c.people[0], c.people[1]), s.add(c.people[1], c.people[0])}
		for c.sent[0]+c.sent[1] < messages {
			c.write()
			c.revive()
			pause(time.Duration(c.rng.IntN(400)) * time.Millisecond)
			if c.rng.IntN(6) == 0 {
				c.break1()
			}
		}
		end := time.Now().Add(6 * time.Hour)
		for !c.check() && time.Now().Before(end) {
			c.revive()
			pause(5 * time.Second)
		}
		if !c.check() {
			t.Fatalf("seed %d, sent %v: transcripts differ\n%v\n%v", seed, c.sent, c.lines(0), c.lines(1))
		}
		seen := map[string]bool{}
		for _, l := range c.lines(0) {
			if seen[l] {
				t.Fatalf("seed %d: %q came twice", seed, l)
			}
			seen[l] = true
		}
	})
}

func TestNothingIsLostOrDoubledWhateverBreaks(t *testing.T) {
	seeds := 12
	if n, err := strconv.Atoi(os.Getenv("ZMS_CHAOS_SEEDS")); err == nil {
		seeds = n
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { runChaos(t, uint64(seed), 60) })
	}
}
