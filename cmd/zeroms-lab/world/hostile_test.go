package world_test

import (
	"bytes"
	"crypto/rand"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/client"
	"zeroms/cmd/zeroms-lab/world"
	"zeroms/protocol/card"
	"zeroms/protocol/device"
	"zeroms/protocol/envelope"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
	"zeroms/protocol/session"
	"zeroms/protocol/wire"
)

// siege is alice and bob who talk, and a crook who holds alice's card.
type siege struct {
	*stage
	g, bobs    *world.Gateway
	alice, bob *world.Person
	ab, ba     client.ContactID
	card       card.Card
	crook      *crook
}

func newSiege(t *testing.T) *siege {
	s := newStage(t, world.Config{})
	g, bobs := s.gateway(), s.gateway()
	alice, bob := s.person("alice", g), s.person("bob", bobs)
	x := &siege{stage: s, g: g, bobs: bobs, alice: alice, bob: bob, ab: s.add(alice, bob), ba: s.add(bob, alice)}
	s.send(alice, x.ab, "hello")
	s.state(alice, x.ab, "hello", client.Delivered)
	x.card, x.crook = s.card(alice), s.crook()
	pause(time.Minute)
	return x
}

// knock submits an envelope at the door of alice's card.
func (x *siege) knock(env []byte) {
	x.t.Helper()
	x.crook.put(endpoint(x.g), door(x.card, x.g, env))
}

// unmoved checks that so many envelopes were ignored, that alice knows nobody
// but bob, and that the two go on talking.
func (x *siege) unmoved(ignored uint64) {
	x.t.Helper()
	pause(time.Minute)
	if got := x.status(x.alice).Ignored; got != ignored {
		x.t.Errorf("%d envelopes were ignored, want %d", got, ignored)
	}
	people, err := x.alice.Client.Contacts(x.t.Context())
	x.must(err)
	if len(people) != 1 {
		x.t.Errorf("alice knows %d people", len(people))
	}
	x.send(x.bob, x.ba, "still there?")
	x.see(x.alice, x.ab, "hello", "still there?")
	x.state(x.bob, x.ba, "still there?", client.Delivered)
}

// first is an honest first envelope of the crook.
func (x *siege) first(change func(*session.InitParams)) []byte {
	x.t.Helper()
	p := x.crook.params(x.card, x.g)
	if change != nil {
		change(&p)
	}
	return x.crook.initiate(p).seal(x.crook.chain(x.card.User).text("hi"))
}

func TestDamagedInitsAreIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newSiege(t)
		count := uint64(0)
		noise := make([]byte, 4096)
		_, _ = rand.Read(noise)
		noise[0] = 0x81
		zeros := make([]byte, 4096)
		zeros[0] = 0x81
		for _, env := range [][]byte{noise, zeros} {
			x.knock(env)
			count++
		}
		for at := 1; at < 4096; at += 203 { // the first byte is the gateway's to check
			env := bytes.Clone(x.first(nil))
			env[at] ^= 0x10
			x.knock(env)
			count++
			pause(time.Second)
		}
		x.unmoved(count)
	})
}

func TestEnvelopesOfOtherSizesDoNotPassTheGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newSiege(t)
		env := x.first(nil)
		for _, bad := range [][]byte{nil, {0x81}, env[:4095], append(bytes.Clone(env), 0), append([]byte{0x01}, env[1:]...)} {
			if a := x.crook.ask(endpoint(x.g), door(x.card, x.g, bad)); a.Err == nil {
				t.Errorf("%d bytes were taken", len(bad))
			}
		}
		x.unmoved(0)
	})
}

func TestInitsForSomethingElseAreIgnored(t *testing.T) {
	for name, change := range map[string]func(*siege, *session.InitParams){
		"without the door secret": func(_ *siege, p *session.InitParams) { p.Door = key.DoorSecret{} },
		"another card's secret":   func(_ *siege, p *session.InitParams) { p.Door = key.NewDoorSecret() },
		"bob's device": func(x *siege, p *session.InitParams) {
			k := x.stage.card(x.bob)
			p.Peer, p.Bundle = k.User, x.crook.bundle(k, x.bobs)
		},
		"another person's identity": func(_ *siege, p *session.InitParams) {
			p.Identity = key.NewSeed().Identity().Public()
		},
		"a foreign device list": func(_ *siege, p *session.InitParams) {
			p.ListEntry = device.First(key.NewSeed().Identity(), p.Signer, time.Now()).Encode()
		},
		"a device that the list lacks": func(_ *siege, p *session.InitParams) { p.Signer = key.NewPrivate[key.Device]() },
		"noise for a list":             func(_ *siege, p *session.InitParams) { p.ListEntry = []byte("noise") },
		"a gen far ahead":              func(_ *siege, p *session.InitParams) { p.Gen += 60 * 86400 },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newSiege(t)
				x.knock(x.first(func(p *session.InitParams) { change(x, p) }))
				x.unmoved(1)
			})
		})
	}
}

// stranger is the crook as alice sees them.
func (x *siege) stranger() client.Contact {
	x.t.Helper()
	var found client.Contact
	x.wait(time.Minute, "alice hears of the stranger", func() bool {
		people, err := x.alice.Client.Contacts(x.t.Context())
		x.must(err)
		for _, c := range people {
			if c.User == x.crook.user() {
				found = c
			}
		}
		return found.ID != 0
	})
	return found
}

func TestReplaysAreIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newSiege(t)
		env := x.first(nil)
		x.knock(env)
		x.must(x.alice.Client.Block(t.Context(), x.stranger().ID))
		second, err := x.alice.Client.NewCard(t.Context())
		x.must(err)
		k, err := card.Parse(second.Text)
		x.must(err)
		pause(time.Minute)
		x.crook.put(endpoint(x.g), door(k, x.g, env)) // at another door
		pause(time.Minute)
		if got := x.status(x.alice).Ignored; got != 0 { // the same envelope, known by its hash
			t.Errorf("%d envelopes were counted", got)
		}
		x.send(x.bob, x.ba, "on we go")
		x.see(x.alice, x.ab, "hello", "on we go")
	})
}

func TestMessagesThatAreNotWhatTheyClaimAreIgnored(t *testing.T) {
	for name, build := range map[string]func(x *siege) envelope.Record{
		"signed for somebody else": func(x *siege) envelope.Record { return x.crook.chain(x.stage.card(x.bob).User).text("for bob") },
		"another body": func(x *siege) envelope.Record {
			r := x.crook.chain(x.card.User).text("one")
			r.Body = x.crook.chain(x.card.User).text("two").Body
			return r
		},
		"another device's": func(x *siege) envelope.Record {
			mine := x.crook.signer
			x.crook.signer = key.NewPrivate[key.Device]()
			r := x.crook.chain(x.card.User).text("hi")
			x.crook.signer = mine
			return r
		},
		"a side message to open a request": func(x *siege) envelope.Record {
			r, _ := x.crook.sign(message.Header{}, &message.Heads{}, x.card.User)
			return r
		},
		"a wrong beginning": func(x *siege) envelope.Record {
			r, _ := x.crook.sign(message.Header{Seq: 1, Prev: [32]byte{1}}, &message.Text{Text: "hi"}, x.card.User)
			return r
		},
		"noise": func(*siege) envelope.Record { return envelope.Record{Message: []byte("noise"), Body: []byte("noise")} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newSiege(t)
				x.knock(x.crook.initiate(x.crook.params(x.card, x.g)).seal(build(x)))
				x.unmoved(1)
			})
		})
	}
}

func TestTwoMessagesAtOnePlaceFreezeTheDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newSiege(t)
		talk := x.crook.initiate(x.crook.params(x.card, x.g))
		one, two := x.crook.chain(x.card.User), x.crook.chain(x.card.User)
		x.knock(talk.seal(one.text("to the one")))
		id := x.stranger().ID
		x.knock(talk.seal(two.text("to the other")))
		pause(time.Minute)
		x.knock(talk.seal(one.text("and on")))
		pause(time.Minute)
		if got := x.texts(x.alice, id); len(got) != 1 || got[0] != "to the one" {
			t.Errorf("alice sees %q", got)
		}
		x.must(x.alice.Stop())
		x.must(x.alice.Start())
		if want := new(message.ForkError).Error(); x.contact(x.alice, id).Problem != want {
			t.Errorf("alice is told %q, want %q", x.contact(x.alice, id).Problem, want)
		}
		x.send(x.bob, x.ba, "on we go")
		x.see(x.alice, x.ab, "hello", "on we go")
	})
}

func TestUnknownKindsAreKeptForANewerVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newSiege(t)
		c := x.crook.chain(x.card.User)
		r, _ := x.crook.sign(message.Header{Seq: 1, Prev: c.prev}, &message.Unknown{Of: 40, Raw: []byte{0xa0}}, x.card.User)
		x.knock(x.crook.initiate(x.crook.params(x.card, x.g)).seal(r))
		id := x.stranger().ID
		lines := x.messages(x.alice, id)
		if len(lines) != 1 || !lines[0].Unknown || lines[0].Text != "" {
			t.Errorf("%+v", lines)
		}
	})
}

func TestForeignSubmissionsAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newSiege(t)
		env := x.first(nil)
		right := door(x.card, x.g, env)
		wrong := &wire.Submit{Drop: right.Drop, MAC: [16]byte{1}, Envelope: env}
		elsewhere := drop(key.NewDropSecret(), x.g, env)
		for name, submit := range map[string]*wire.Submit{"wrong capability": wrong, "unknown drop": elsewhere} {
			if a := x.crook.ask(endpoint(x.g), submit); a.Err == nil {
				t.Errorf("%s: taken", name)
			}
		}
		x.unmoved(0)
	})
}
