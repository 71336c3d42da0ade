package world_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fxamacker/cbor/v2"

	"zeroms/client"
	"zeroms/cmd/zeroms-lab/world"
	"zeroms/protocol/envelope"
	"zeroms/protocol/key"
	"zeroms/protocol/link/memlink"
	"zeroms/protocol/message"
	"zeroms/protocol/session"
	"zeroms/protocol/wire"
)

// tagsOf is the tags of all slots of an envelope, those of random ones too.
func (s *stage) tagsOf(raw []byte) []session.Tag {
	s.t.Helper()
	env, err := (*envelope.Envelope)(nil), error(nil)
	if envelope.IsInit(raw) {
		_, env, err = envelope.ParseInit(raw)
	} else {
		env, err = envelope.Parse(raw)
	}
	s.must(err)
	return env.Tags()
}

// ratchetSecrets are the fields of a stored session that have to go: root, DH
// private key, and head, chain and next head key of both directions.
var ratchetSecrets = []uint64{10, 11, 13, 14, 17, 19, 20, 22}

// secretsOf is what a thief found in the sessions.
func (s *stage) secretsOf(t *thief) map[[32]byte]bool {
	s.t.Helper()
	out := map[[32]byte]bool{}
	for _, one := range t.states {
		var fields map[uint64]any
		s.must(cbor.Unmarshal(one.Encode(), &fields))
		for _, n := range ratchetSecrets {
			b, ok := fields[n].([]byte)
			if !ok || len(b) != 32 {
				s.t.Fatalf("field %d of a stored session is no secret", n)
			}
			if v := [32]byte(b); v != ([32]byte{}) {
				out[v] = true
			}
		}
	}
	return out
}

// vault collects, over a whole conversation, what thieves found at each step.
type vault struct {
	*stage
	tap  *wiretap
	born time.Time // before the first prekey was made
	// of each victim's sessions, up to now: their secrets
	secrets map[string]map[[32]byte]bool
	// message keys of both by their tags
	keys map[session.Tag][32]byte
	// the thieves of the step before, and how much they could read of what came after it
	before []*thief
	read   int
	steps  int // in this conversation, with anything sent in them
}

// inspect robs both people and lets the thieves try everything that was ever
// submitted. prekeys tells whether inits may still open.
func (v *vault) inspect(prekeys bool, people ...*world.Person) {
	v.t.Helper()
	parcels := v.tap.all()
	used := map[session.Tag]bool{}
	for _, p := range parcels {
		for _, tag := range v.tagsOf(p.Envelope) {
			used[tag] = true
		}
	}
	for _, t := range v.before {
		v.read += t.opensAny(parcels)
	}
	v.before = nil
	for _, who := range people {
		t := v.steal(who)
		v.absent(t, who.Name, used)
		t.clock = v.born // its program would refuse prekeys that are too old, even if they were there
		for n, p := range parcels {
			want := prekeys && envelope.IsInit(p.Envelope) && p.host != who.Host()
			if got := t.opens(p.Envelope); got != want {
				v.t.Fatalf("step %d, envelope %d of %s (init: %t): the thief of %s's profile reads it: %t, want %t",
					v.steps, n, p.host, envelope.IsInit(p.Envelope), who.Name, got, want)
			}
		}
		v.before = append(v.before, v.steal(who))
	}
	v.steps++
}

// absent checks that nothing stolen holds a key that was used or replaced.
func (v *vault) absent(t *thief, who string, used map[session.Tag]bool) {
	v.t.Helper()
	now := v.secretsOf(t)
	gone := [][]byte{}
	for s := range v.secrets[who] {
		if !now[s] {
			gone = append(gone, bytes.Clone(s[:]))
		}
	}
	maps.Copy(v.keys, t.sends)
	for tag, mk := range v.keys {
		if used[tag] {
			gone = append(gone, bytes.Clone(mk[:]))
		}
	}
	if v.secrets[who] == nil {
		v.secrets[who] = map[[32]byte]bool{}
	}
	maps.Copy(v.secrets[who], now)
	opened := []byte{}
	for _, r := range t.rows {
		opened = append(opened, r.Data...)
	}
	for _, m := range t.history {
		opened = append(opened, m.Row().Data...)
	}
	for _, k := range gone {
		if bytes.Contains(opened, k) {
			v.t.Fatalf("step %d: %s's opened rows hold a key that was used or replaced", v.steps, who)
		}
	}
	for s := range now {
		if !bytes.Contains(opened, s[:]) {
			v.t.Fatal("the rows do not hold the sessions' own secrets: this looks at the wrong bytes")
		}
		gone = append(gone, s[:])
	}
	for name, content := range t.files {
		for _, k := range gone {
			if bytes.Contains(content, k) {
				v.t.Fatalf("step %d: %s's %s holds a key in the clear", v.steps, who, name)
			}
		}
	}
}

func TestStolenProfileReadsNothingOfThePast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tap := new(wiretap)
		s := newStage(t, world.Config{Wrap: tap.wrap, Links: memlink.Config{Latency: 20 * time.Millisecond}})
		v := &vault{stage: s, tap: tap, born: time.Now(), secrets: map[string]map[[32]byte]bool{}, keys: map[session.Tag][32]byte{}}
		g1, g2 := s.gateway(), s.gateway()
		alice, bob := s.person("alice", g1), s.person("bob", g2)
		var ab, ba client.ContactID
		last := func(p *world.Person, to client.ContactID, text string) {
			s.send(p, to, text)
			s.state(p, to, text, client.Delivered)
		}
		steps := []func(){
			func() { ab, ba = s.add(alice, bob), s.add(bob, alice) },
			func() { last(alice, ab, "one") },
			func() { last(bob, ba, "two") },
			func() { s.send(alice, ab, "three"); s.send(alice, ab, "four"); last(alice, ab, "five") },
			func() { s.must(bob.Client.MarkRead(t.Context(), ba)) },
			func() { last(alice, ab, strings.Repeat("six", 3000)) },
			func() {
				s.must(bob.Stop())
				for n := range 5 {
					s.send(alice, ab, fmt.Sprint("while bob is away ", n))
				}
				pause(time.Hour)
				s.must(bob.Start())
				s.state(alice, ab, "while bob is away 4", client.Delivered)
			},
			func() { last(bob, ba, "back"); last(alice, ab, "welcome back") },
		}
		for _, step := range steps {
			step()
			pause(2 * time.Minute)
			v.inspect(true, alice, bob)
		}
		if v.read < 2*len(steps) {
			t.Fatalf("thieves of the step before read only %d envelopes of what came next: they try too little", v.read)
		}
		inits := slices.DeleteFunc(tap.all(), func(p parcel) bool { return !envelope.IsInit(p.Envelope) })
		if len(inits) == 0 {
			t.Fatal("no init was submitted")
		}
		s.must(errors.Join(alice.Stop(), bob.Stop(), g1.Stop(), g2.Stop())) // ten weeks of sweeps take a while
		pause(time.Until(v.born.Add(session.PrekeyErased - 10*time.Minute)))
		s.must(errors.Join(g1.Start(), g2.Start(), alice.Start(), bob.Start()))
		pause(9 * time.Minute)
		v.inspect(true, alice, bob)
		pause(time.Hour) // the next sweep erases it while the clients run
		v.inspect(false, alice, bob)
	})
}

// A copy of yesterday's state reads on until each side has answered the other
// with a new key, and nothing after that.
func TestStolenProfileReadsNothingOfTheFuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tap := new(wiretap)
		s := newStage(t, world.Config{Wrap: tap.wrap, Links: memlink.Config{Latency: 20 * time.Millisecond}})
		alice, bob, ab, ba := s.friends()
		thieves := map[string]*thief{"alice": s.steal(alice), "bob": s.steal(bob)}
		mark := len(tap.all())
		pause(day)
		deliver := func(p *world.Person, to client.ContactID, text string) {
			s.send(p, to, text)
			s.state(p, to, text, client.Delivered)
			pause(time.Minute)
		}
		deliver(alice, ab, "there")
		deliver(bob, ba, "and back")
		deliver(alice, ab, "and there again")
		healing := tap.all()[mark:]
		mark += len(healing)
		for n := range 4 {
			deliver(bob, ba, fmt.Sprint("healed ", n))
			deliver(alice, ab, fmt.Sprint("healed too ", n))
		}
		later := tap.all()[mark:]
		for who, thief := range thieves {
			if thief.opensAny(healing) == 0 {
				t.Errorf("%s's thief can't even read the next envelope", who)
			}
			for _, p := range later {
				if thief.opens(p.Envelope) {
					t.Errorf("%s's thief reads what %s submitted a day and a round trip later", who, p.host)
				}
			}
		}
		count := map[string]int{}
		for _, p := range later {
			count[p.host]++
		}
		if count[alice.Host()] < 4 || count[bob.Host()] < 4 {
			t.Fatalf("envelopes of that day: %v", count)
		}
	})
}

// place is a message's place in the chain of a device.
type place struct {
	conv   message.ConvID
	user   key.IdentityPublic
	device key.DeviceID
	seq    uint32
}

func TestNothingIsUsedTwiceWhateverCrashes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tap := new(wiretap)
		s := newStage(t, world.Config{Wrap: tap.wrap, Links: memlink.Config{Latency: 30 * time.Millisecond, Jitter: 40 * time.Millisecond, Seed: 3}})
		c := &chaos{stage: s, rng: rand.New(rand.NewPCG(3, 11))}
		c.gateways = []*world.Gateway{s.gateway(), s.gateway()}
		c.people = [2]*world.Person{s.person("alice", c.gateways[0]), s.person("bob", c.gateways[1])}
		c.ids = [2]client.ContactID{s.add(c.people[0], c.people[1]), s.add(c.people[1], c.people[0])}
		crashes := map[string]int{}
		for round := range 48 {
			who, kind := c.people[round%2], "before"
			if n := 1 + c.rng.IntN(6); round%4 < 2 {
				who.Disk.FailBefore(n)
			} else {
				who.Disk.FailAfter(n)
				kind = "after"
			}
			c.write()
			pause(time.Duration(c.rng.IntN(150)) * time.Millisecond)
			c.write()
			for range 40 {
				if who.Ended() {
					crashes[who.Name+" "+kind]++
					break
				}
				pause(50 * time.Millisecond)
			}
			c.revive()
		}
		for _, p := range c.people {
			p.Disk.Mend()
		}
		s.wait(6*time.Hour, "both have everything", c.check)
		for n, p := range c.people {
			s.wait(6*time.Hour, "all of "+p.Name+" is delivered", func() bool {
				return !slices.ContainsFunc(s.messages(p, c.ids[n]), func(m client.Message) bool {
					return m.Outgoing && m.State != client.Delivered
				})
			})
		}
		if len(crashes) != 4 || slices.Min(slices.Collect(maps.Values(crashes))) < 4 {
			t.Fatalf("crashes: %v", crashes)
		}
		s.places(c.people[:]...)
		if repeats := s.oneEnvelopeForEachTag(tap); repeats == 0 {
			t.Fatal("no envelope was submitted again")
		}
	})
}

// places checks that all people agree on what stands at every place of every
// chain, and that nothing else stands there.
func (s *stage) places(people ...*world.Person) {
	s.t.Helper()
	at, seen := map[place]message.ID{}, map[message.ID]place{}
	for _, p := range people {
		for _, m := range s.steal(p).history {
			here := place{m.Conv, m.User, m.Device, m.Seq}
			if id, ok := at[here]; ok && id != m.ID {
				s.t.Errorf("two messages have seq %d of one chain", m.Seq)
			}
			if there, ok := seen[m.ID]; ok && there != here {
				s.t.Errorf("one message stands at two places, seq %d and %d", there.seq, here.seq)
			}
			at[here], seen[m.ID] = m.ID, here
		}
	}
	next := map[place]uint32{}
	for here := range at {
		here.seq = 0
		next[here]++
	}
	for here := range at {
		chain := here
		chain.seq = 0
		if here.seq < 1 || here.seq > next[chain] {
			s.t.Errorf("a chain of %d messages has one with seq %d", next[chain], here.seq)
		}
	}
}

// oneEnvelopeForEachTag checks that no two different submissions share the tag
// of any slot, and counts those that were made more than once.
func (s *stage) oneEnvelopeForEachTag(tap *wiretap) (repeats int) {
	s.t.Helper()
	by := map[session.Tag][32]byte{}
	times := map[[32]byte]int{}
	for _, m := range tap.heard() {
		frames, err := wire.Frames(m)
		if err != nil {
			continue
		}
		for _, f := range frames {
			var submit wire.Submit
			if f.Type != wire.TypeSubmit || f.Decode(&submit) != nil {
				continue
			}
			hash := sha256.Sum256(key.Join(submit.Drop[:], submit.MAC[:], submit.Envelope))
			if times[hash]++; times[hash] == 2 {
				repeats++
			}
			for _, tag := range s.tagsOf(submit.Envelope) {
				if other, ok := by[tag]; ok && other != hash {
					s.t.Errorf("two different submissions share the tag %x", tag)
				}
				by[tag] = hash
			}
		}
	}
	return repeats
}
