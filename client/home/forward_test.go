package home_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/client/home"
	"zeroms/protocol/address"
	"zeroms/protocol/card"
	"zeroms/protocol/channel"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// inTown runs a test among gateways.
func inTown(t *testing.T, direct home.Direct, homes []string, run func(t *testing.T, y *town)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		y := newTown(t, direct, homes...)
		defer y.leave()
		run(t, y)
	})
}

// TestForwardedSubmissions: what is for a gateway that is no home goes through one; one channel for each drop, which is
// set up once, and the target is never connected to.
func TestForwardedSubmissions(t *testing.T) {
	inTown(t, home.Fallback, []string{"a"}, func(t *testing.T, y *town) {
		for n := range byte(3) {
			for drop := range byte(3) {
				s := put(drop, 10*drop+n)
				y.by(y.ask("x", s), s, "a")
			}
		}
		x := y.gateways["x"]
		if y.dialled("x") != 0 || x.guests() != 0 {
			t.Fatal("the target was connected to")
		}
		channels := map[[16]byte]key.DropID{}
		for i, a := range x.opened() {
			drop := a.payload.(*wire.Submit).Drop
			if known, ok := channels[a.channel]; ok && known != drop || a.first != (i < 3) {
				t.Errorf("request %d of drop %v, with set-up %v: its channel served %v", i, drop, a.first, known)
			}
			channels[a.channel] = drop
		}
		if len(channels) != 3 {
			t.Errorf("%d channels for three drops", len(channels))
		}
		if a := y.gateways["a"]; a.describes != 1 || len(a.forwards) != 9 {
			t.Errorf("%d descriptors asked for, %d requests", a.describes, len(a.forwards))
		}
		var clock bool
		for _, g := range y.greeted {
			clock = clock || g.Gateway == x.node.Public()
		}
		if !clock {
			t.Error("the target's clock, which it signed, was not reported")
		}
	})
}

// TestLoneRequests: a knock at a door, a profile and a record have a channel each.
func TestLoneRequests(t *testing.T) {
	inTown(t, home.Fallback, []string{"a"}, func(t *testing.T, y *town) {
		x := y.gateways["x"]
		node := x.node.Public()
		requests := []home.Request{
			{Payload: knock(1)}, {Payload: knock(1)}, {Payload: &wire.ProfileGet{Name: key.ProfilePublic{1}}}, {Payload: &wire.RecordGet{Day: 7}},
			{Make: func(n key.NodePublic) wire.Payload { return &wire.ProfileGet{Name: key.ProfilePublic(n)} }},
			{Payload: &wire.Submit{Drop: key.DropID{1}, Envelope: make([]byte, 4<<10), Work: make([]byte, wire.WorkSize)}},
		}
		channels := map[[16]byte]bool{}
		sizes := map[int]bool{}
		for i, r := range requests {
			r.To, r.Token = x.target(), uint64(i+1)
			if i%2 == 1 {
				hash := x.hash()
				r.To.Endpoint.Node = hash[:] // as a card names it
			}
			y.pool.Send(r)
			a := y.got(r.Token)
			if a.Err != nil || a.Way != home.Forwarded || a.Gateway != node || (a.Receipt == nil) != (a.Payload != nil) {
				t.Fatalf("request %d: %+v", i, a)
			}
			got := x.opened()
			last := got[len(got)-1]
			if channels[last.channel] = true; !last.first || len(channels) != i+1 {
				t.Errorf("request %d shares its channel", i)
			}
			if get, ok := last.payload.(*wire.ProfileGet); ok && i == 4 && get.Name != key.ProfilePublic(node) {
				t.Error("the request was made for another gateway")
			}
			relay := x.relays[len(x.relays)-1]
			sizes[len(relay.Encapsulation)+len(relay.Sealed)] = true
		}
		if len(sizes) != 1 {
			t.Errorf("they have sizes %v", sizes)
		}
		y.pool.Send(home.Request{To: x.target(), Token: 77, Make: func(key.NodePublic) wire.Payload { return nil }})
		y.refused(77, wire.ErrValue)
	})
}

// TestOwnAnswers: what a home is asked itself is answered over its link, each kind by its own type.
func TestOwnAnswers(t *testing.T) {
	inTown(t, home.Never, []string{"a"}, func(t *testing.T, y *town) {
		for _, c := range []struct{ ask, answer wire.Payload }{
			{&wire.RecordGet{Day: 1}, &wire.Record{}}, {&wire.GatewaysGet{Count: 2}, &wire.Gateways{}}, {&wire.DepositsGet{}, &wire.Deposits{}},
			{&wire.DepositPut{Items: make([]wire.Deposit, 1)}, &wire.OK{}}, {&wire.ProfileGet{}, &wire.Profile{}},
			{&wire.DescriptorGet{Node: y.gateways["x"].target().Endpoint.Node, Host: "x", Port: 443}, &wire.Descriptor{}},
		} {
			a := y.got(y.ask("a", c.ask))
			if a.Err != nil || a.Payload == nil || a.Payload.Type() != c.answer.Type() || a.Way != home.ByHome || a.Entry != (key.GatewayHash{}) {
				t.Errorf("%T: %+v", c.ask, a)
			}
		}
		if a := y.got(y.ask("a", put(1, 1))); a.Receipt == nil || a.Way != home.ByHome || len(y.gateways["a"].forwards) != 0 {
			t.Errorf("a submission to the own home: %+v", a)
		}
	})
}

// TestWaysWithoutForwarding: where no home forwards the setting says what happens.
func TestWaysWithoutForwarding(t *testing.T) {
	s := put(1, 1)
	inTown(t, home.Fallback, nil, func(t *testing.T, y *town) { y.directly(y.ask("x", s), s) })
	inTown(t, home.Always, []string{"a"}, func(t *testing.T, y *town) {
		y.directly(y.ask("x", s), s)
		y.pool.SetDirect(home.Fallback)
		next := put(1, 2)
		y.by(y.ask("x", next), next, "a")
		y.pool.SetDirect(home.Always)
		y.directly(y.ask("x", s), s)
	})
	inTown(t, home.Never, nil, func(t *testing.T, y *town) { y.refused(y.ask("x", s), wire.ErrNotServing) })
	for _, direct := range []home.Direct{home.Fallback, home.Never} {
		inTown(t, direct, nil, func(t *testing.T, y *town) {
			y.raise("a").flags = address.Serves
			y.move("a")
			if direct == home.Never {
				y.refused(y.ask("x", s), wire.ErrNotServing)
			} else {
				y.directly(y.ask("x", s), s)
			}
			if len(y.gateways["a"].forwards) != 0 || y.gateways["a"].describes != 0 {
				t.Error("a home that does not forward was asked to")
			}
		})
	}
	inTown(t, home.Never, []string{"a"}, func(t *testing.T, y *town) { // nothing but three requests goes through channels
		y.refused(y.ask("x", &wire.HeadGet{}), wire.ErrNotServing)
	})
	inTown(t, home.Never, []string{"a"}, func(t *testing.T, y *town) { // on this computer, or only by Tor: nothing to hide
		for i, e := range []link.Endpoint{{Host: "x", Plain: true}, {Host: "abc.onion"}} {
			node := key.NewPrivate[key.Node]().Public()
			e.Port, e.Node = 443, node[:]
			y.pool.Send(home.Request{To: home.Target{Endpoint: e, Network: network()}, Token: uint64(i + 1), Payload: s})
			if a := y.got(uint64(i + 1)); a.Way == home.Forwarded || y.dialled(e.Host) != 1 {
				t.Errorf("%s: %+v", e, a)
			}
		}
	})
}

// TestWaitingForAHome: while the first home connects nothing goes directly; once it failed, or after Entry, it does.
func TestWaitingForAHome(t *testing.T) {
	s := put(1, 1)
	inTown(t, home.Fallback, nil, func(t *testing.T, y *town) {
		y.raise("a")
		y.open("a")
		y.by(y.ask("x", s), s, "a")
	})
	inTown(t, home.Fallback, nil, func(t *testing.T, y *town) {
		y.raise("a").fall()
		y.open("a")
		y.directly(y.ask("x", s), s)
	})
	inTown(t, home.Fallback, nil, func(t *testing.T, y *town) {
		y.raise("a")
		y.net.Partition("client", "a")
		y.open("a")
		began := time.Now()
		y.directly(y.ask("x", s), s)
		if took := time.Since(began); took < 9*time.Second || took > 12*time.Second {
			t.Errorf("it waited %v", took)
		}
	})
}

// TestForgottenChannel: a target that forgot a channel gets the request again in a new one; one that changed its key,
// with the new key.
func TestForgottenChannel(t *testing.T) {
	inTown(t, home.Never, []string{"a"}, func(t *testing.T, y *town) {
		x := y.gateways["x"]
		for n := range byte(4) {
			s := put(1, n)
			if n == 2 {
				x.do(func() { clear(x.channels) })
			}
			y.by(y.ask("x", s), s, "a")
		}
		got := x.opened()
		if len(got) != 4 || got[1].channel != got[0].channel || got[2].channel == got[1].channel || !got[2].first || got[3].channel != got[2].channel || got[3].first {
			t.Errorf("%+v", got)
		}
		x.do(func() { x.kems = append(x.kems, key.NewRelayPrivate()); clear(x.channels) })
		s := put(1, 9)
		y.by(y.ask("x", s), s, "a")
		if a := y.gateways["a"]; a.describes != 2 {
			t.Errorf("the descriptor was asked for %d times", a.describes)
		}
	})
}

// TestChannelEnds: a channel is not used for more than a day.
func TestChannelEnds(t *testing.T) {
	inTown(t, home.Never, []string{"a"}, func(t *testing.T, y *town) {
		for n := range byte(5) {
			s := put(1, n)
			y.by(y.ask("x", s), s, "a")
			pass(8 * time.Hour)
		}
		got := y.gateways["x"].opened()
		if len(got) != 5 || got[2].channel != got[0].channel || got[3].channel == got[0].channel || !got[3].first || got[4].channel != got[3].channel {
			t.Errorf("%+v", got)
		}
	})
}

// TestDescriptorLasts: a descriptor is read again when its time is over.
func TestDescriptorLasts(t *testing.T) {
	inTown(t, home.Never, []string{"a"}, func(t *testing.T, y *town) {
		for n := range byte(4) {
			s := put(1, n)
			y.by(y.ask("x", s), s, "a")
			pass(3 * 24 * time.Hour)
		}
		if n := y.gateways["a"].describes; n != 2 {
			t.Errorf("it was asked for %d times in nine days", n)
		}
	})
}

// onceForward acts on the first Forward only.
func onceForward(act func(f *wire.Forward, onward func(*wire.Forward) wire.Payload) wire.Payload) func(*wire.Forward, func(*wire.Forward) wire.Payload) wire.Payload {
	done := make(chan bool, 1)
	return func(f *wire.Forward, onward func(*wire.Forward) wire.Payload) wire.Payload {
		select {
		case done <- true:
			return act(f, onward)
		default:
			return onward(f)
		}
	}
}

// lies are what a home does with what it is to forward.
func lies(y *town) map[string]func(f *wire.Forward, onward func(*wire.Forward) wire.Payload) wire.Payload {
	var former *wire.Forwarded
	var mu sync.Mutex
	changed := func(change func(*wire.Forwarded)) func(*wire.Forward, func(*wire.Forward) wire.Payload) wire.Payload {
		return func(f *wire.Forward, onward func(*wire.Forward) wire.Payload) wire.Payload {
			out := onward(f)
			if p, ok := out.(*wire.Forwarded); ok {
				change(p)
			}
			return out
		}
	}
	says := func(err error) func(*wire.Forward, func(*wire.Forward) wire.Payload) wire.Payload {
		return func(*wire.Forward, func(*wire.Forward) wire.Payload) wire.Payload { return wire.FailureOf(err) }
	}
	return map[string]func(*wire.Forward, func(*wire.Forward) wire.Payload) wire.Payload{
		"drops it": func(*wire.Forward, func(*wire.Forward) wire.Payload) wire.Payload { return nil },
		"drops the answer": func(f *wire.Forward, onward func(*wire.Forward) wire.Payload) wire.Payload {
			onward(f)
			return nil
		},
		"delays it": func(f *wire.Forward, onward func(*wire.Forward) wire.Payload) wire.Payload {
			pass(6 * time.Second)
			return onward(f)
		},
		"repeats it": func(f *wire.Forward, onward func(*wire.Forward) wire.Payload) wire.Payload {
			for range 5 {
				onward(f)
			}
			return onward(f)
		},
		"changes the request": func(f *wire.Forward, onward func(*wire.Forward) wire.Payload) wire.Payload {
			again := *f
			again.Sealed = bytes.Clone(f.Sealed)
			again.Sealed[100] ^= 1
			return onward(&again)
		},
		"changes the answer": changed(func(p *wire.Forwarded) { p.Sealed[7] ^= 1 }),
		"cuts the answer":    changed(func(p *wire.Forwarded) { p.Sealed = p.Sealed[:len(p.Sealed)-1] }),
		"another n":          changed(func(p *wire.Forwarded) { p.N++ }),
		"another channel":    changed(func(p *wire.Forwarded) { p.Channel[3] ^= 1 }),
		"the former answer": changed(func(p *wire.Forwarded) {
			mu.Lock()
			defer mu.Unlock()
			if former == nil {
				former = &wire.Forwarded{}
				*former = *p
			}
			n := p.N
			*p = *former
			p.N = n
		}),
		"answers made up":     changed(func(p *wire.Forwarded) { clear(p.Sealed) }),
		"says no channel":     says(wire.ErrNoChannel),
		"says open":           says(wire.ErrOpen),
		"says unreachable":    says(wire.ErrUnreachable),
		"says scope":          says(wire.ErrScope),
		"says not serving":    says(wire.ErrNotServing),
		"says link closed":    says(wire.ErrLinkClosed),
		"says quota":          says(wire.ErrQuota),
		"says unknown drop":   says(wire.ErrUnknownDrop),
		"says something else": says(&wire.Error{Code: 999}),
	}
}

// TestLyingHome: whatever a home does with what it is to forward, the submission comes into custody once, through
// another home or in the end directly; only honest receipts count.
func TestLyingHome(t *testing.T) {
	names := func() (all []string) {
		for name := range lies(&town{world: &world{t: t}}) {
			all = append(all, name)
		}
		return all
	}
	for _, name := range names() {
		t.Run(name, func(t *testing.T) {
			inTown(t, home.Fallback, []string{"a"}, func(t *testing.T, y *town) { // alone
				first := put(1, 0)
				y.by(y.ask("x", first), first, "a")
				y.gateways["a"].do(func() { y.gateways["a"].forward = lies(y)[name] })
				for n := byte(1); n < 4; n++ {
					s := put(1, n)
					y.custody(y.ask("x", s), s)
				}
				if got := len(y.gateways["x"].taken); got != 4 {
					t.Errorf("%d envelopes were taken", got)
				}
			})
			inTown(t, home.Never, []string{"a", "b"}, func(t *testing.T, y *town) {
				y.gateways["a"].do(func() { y.gateways["a"].forward = lies(y)[name] })
				for n := range byte(4) {
					s := put(1, n)
					began := time.Now()
					y.custody(y.ask("x", s), s)
					if took := time.Since(began); took > 3*time.Second {
						t.Errorf("submission %d took %v", n, took)
					}
				}
				if y.dialled("x") != 0 || len(y.gateways["x"].taken) != 4 {
					t.Errorf("x was connected to %d times, has %d envelopes", y.dialled("x"), len(y.gateways["x"].taken))
				}
				if y.dialled("a") != 1 || y.dialled("b") != 1 {
					t.Error("a home's link was given up for what may be the target's fault")
				}
			})
		})
	}
}

// TestUnreachableForAMoment: what the only home could not bring to the target it tries once more, with the very same
// bytes, before anything else is done.
func TestUnreachableForAMoment(t *testing.T) {
	inTown(t, home.Fallback, []string{"a"}, func(t *testing.T, y *town) {
		a := y.gateways["a"]
		away := func(*wire.Forward, func(*wire.Forward) wire.Payload) wire.Payload {
			return wire.FailureOf(wire.ErrUnreachable)
		}
		a.forward = onceForward(away)
		s := put(1, 1)
		y.by(y.ask("x", s), s, "a")
		if len(a.forwards) != 2 || !bytes.Equal(wire.Marshal(a.forwards[0]), wire.Marshal(a.forwards[1])) || y.dialled("x") != 0 {
			t.Errorf("%d requests, or other bytes", len(a.forwards))
		}
		a.do(func() { a.forward = away })
		next := put(1, 2)
		if y.directly(y.ask("x", next), next); len(a.forwards) != 4 {
			t.Errorf("%d requests", len(a.forwards))
		}
	})
}

// TestBusyNeverGoesDirectly: who is only too busy brings nobody to show where they are.
func TestBusyNeverGoesDirectly(t *testing.T) {
	for _, err := range []error{wire.ErrBusy, wire.ErrLimit} {
		inTown(t, home.Fallback, []string{"a", "b"}, func(t *testing.T, y *town) {
			busy := func(*wire.Forward, func(*wire.Forward) wire.Payload) wire.Payload { return wire.FailureOf(err) }
			y.gateways["a"].do(func() { y.gateways["a"].forward = busy })
			s := put(1, 1)
			y.by(y.ask("x", s), s, "b")
			y.gateways["b"].do(func() { y.gateways["b"].forward = busy })
			y.refused(y.ask("x", s), err)
		})
	}
}

// TestSealedErrors: what the target says itself is the answer.
func TestSealedErrors(t *testing.T) {
	inTown(t, home.Fallback, []string{"a", "b"}, func(t *testing.T, y *town) {
		for _, err := range []error{wire.ErrUnknownDrop, wire.ErrCapability, wire.ErrBusy, wire.ErrNoChannel, wire.ErrUnavailable, wire.ErrUnreachable} {
			y.gateways["x"].do(func() { y.gateways["x"].answer = func(wire.Payload) wire.Payload { return wire.FailureOf(err) } })
			y.refused(y.ask("x", put(1, 1)), err)
		}
		if n := len(y.gateways["x"].opened()); n != 6 {
			t.Errorf("%d requests came", n)
		}
	})
}

// TestLyingTarget: what the target seals must be what a gateway answers on a link, signed by itself and about what was
// submitted; otherwise it is as if the link had ended, and nothing goes directly.
func TestLyingTarget(t *testing.T) {
	other := key.NewPrivate[key.Node]()
	for name, answer := range map[string]func(x key.NodePrivate, s *wire.Submit) wire.Payload{
		"another gateway's commit": func(_ key.NodePrivate, s *wire.Submit) wire.Payload {
			return committed(other, [][]byte{receiptFor(other.Public(), s).Append(nil)}, channel.RequestID)
		},
		"another gateway's receipt": func(x key.NodePrivate, s *wire.Submit) wire.Payload {
			return committed(x, [][]byte{receiptFor(other.Public(), s).Append(nil)}, channel.RequestID)
		},
		"another envelope": func(x key.NodePrivate, _ *wire.Submit) wire.Payload {
			return committed(x, [][]byte{receiptFor(x.Public(), put(1, 200)).Append(nil)}, channel.RequestID)
		},
		"another drop": func(x key.NodePrivate, s *wire.Submit) wire.Payload {
			moved := *s
			moved.Drop[5] ^= 1
			return committed(x, [][]byte{receiptFor(x.Public(), &moved).Append(nil)}, channel.RequestID)
		},
		"a head": func(x key.NodePrivate, _ *wire.Submit) wire.Payload {
			return committed(x, [][]byte{headLeaf(key.AccountTag{1}, 3)}, channel.RequestID)
		},
		"a changed signature": func(x key.NodePrivate, s *wire.Submit) wire.Payload {
			c := committed(x, [][]byte{receiptFor(x.Public(), s).Append(nil)}, channel.RequestID)
			c.Sig[9] ^= 1
			return c
		},
		"another gateway's refusal": func(_ key.NodePrivate, s *wire.Submit) wire.Payload { return refusing(other, s, wire.CodeQuota, 0) },
		"a refusal of another one": func(x key.NodePrivate, _ *wire.Submit) wire.Payload {
			return refusing(x, put(1, 99), wire.CodeQuota, 0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			inTown(t, home.Fallback, []string{"a", "b"}, func(t *testing.T, y *town) {
				x := y.gateways["x"]
				x.do(func() { x.answer = func(p wire.Payload) wire.Payload { return answer(x.node, p.(*wire.Submit)) } })
				y.refused(y.ask("x", put(1, 1)), wire.ErrLinkClosed)
				x.do(func() { x.answer = nil })
				s := put(1, 1)
				y.custody(y.ask("x", s), s)
				if got := x.opened(); len(got) != 2 || got[0].channel == got[1].channel {
					t.Errorf("the channel is used on: %+v", got)
				}
			})
		})
	}
}

// refusing is a signed refusal of a submission.
func refusing(node key.NodePrivate, s *wire.Submit, code wire.Code, bits uint8) *wire.Refused {
	return &wire.Refused{Object: wire.Sign(node, key.ContextRefusal, wire.Refusal{
		Node: node.Public(), DropHash: sha256.Sum256(s.Drop[:]), EnvelopeHash: sha256.Sum256(s.Envelope), Code: code, Time: 5, Bits: bits,
	})}
}

// TestForwardedRefusals: a signed refusal is the answer, and one that asks for more work is answered with it.
func TestForwardedRefusals(t *testing.T) {
	inTown(t, home.Never, []string{"a"}, func(t *testing.T, y *town) {
		x := y.gateways["x"]
		x.do(func() {
			x.answer = func(p wire.Payload) wire.Payload { return refusing(x.node, p.(*wire.Submit), wire.CodeQuota, 0) }
		})
		if a := y.got(y.ask("x", put(1, 1))); !errors.Is(a.Err, wire.ErrQuota) || a.Payload == nil || a.Way != home.Forwarded || a.Gateway != x.node.Public() {
			t.Errorf("%+v", a)
		}
		s := knock(1)
		subject := wire.DoorWork(s.Drop, sha256.Sum256(s.Envelope))
		x.do(func() {
			x.answer = func(p wire.Payload) wire.Payload {
				if bits, err := wire.WorkBits(subject, p.(*wire.Submit).Work, time.Now()); err != nil || bits < 9 {
					return refusing(x.node, p.(*wire.Submit), wire.CodeWork, 9)
				}
				return x.reply(p)
			}
		})
		y.pool.Send(home.Request{To: x.target(), Token: 50, Payload: s, Work: &home.Work{Subject: subject, Bits: 1}})
		y.by(50, s, "a")
		got := x.opened()
		if len(got) != 3 || got[1].channel == got[2].channel {
			t.Errorf("%+v", got)
		}
	})
}

// TestWrongDescriptors: a home that says anything but the target's own descriptor is not believed; another one is
// asked, and without one the setting decides.
func TestWrongDescriptors(t *testing.T) {
	for name, say := range map[string]func(of *townGateway) []byte{
		"nothing": func(*townGateway) []byte { return nil },
		"garbage": func(*townGateway) []byte { return []byte("garbage") },
		"its own": func(of *townGateway) []byte { return of.town.gateways["a"].describe(nil) },
		"an expired one": func(of *townGateway) []byte {
			return of.describe(func(d *address.Descriptor) { d.Made, d.Expires = d.Made.AddDate(0, 0, -7), d.Made.AddDate(0, 0, -1) })
		},
		"another network": func(of *townGateway) []byte {
			return of.describe(func(d *address.Descriptor) { d.Network = card.NetworkLab })
		},
		"a changed one": func(of *townGateway) []byte { b := of.describe(nil); b[len(b)/2] ^= 1; return b },
	} {
		t.Run(name, func(t *testing.T) {
			s := put(1, 1)
			inTown(t, home.Never, []string{"a"}, func(t *testing.T, y *town) {
				a := y.gateways["a"]
				a.do(func() { a.descriptor = say })
				for range 2 {
					token := y.ask("x", s)
					if got := y.got(token); got.Err == nil {
						t.Errorf("%+v", got)
					}
				}
				if a.describes != 1 || len(a.forwards) != 0 || y.dialled("x") != 0 {
					t.Errorf("asked for %d times, %d requests, %d links", a.describes, len(a.forwards), y.dialled("x"))
				}
				a.do(func() { a.descriptor = nil })
				pass(2 * time.Minute)
				y.by(y.ask("x", s), s, "a")
			})
			inTown(t, home.Fallback, []string{"a"}, func(t *testing.T, y *town) {
				a := y.gateways["a"]
				a.do(func() { a.descriptor = say })
				y.directly(y.ask("x", s), s)
			})
			inTown(t, home.Never, []string{"a", "b"}, func(t *testing.T, y *town) {
				for _, name := range []string{"a", "b"} { // whichever is asked first
					liar := y.gateways[name]
					liar.do(func() { liar.descriptor = say })
					s := put(1, name[0])
					y.custody(y.ask("x", s), s)
					liar.do(func() { liar.descriptor = nil })
				}
				if y.dialled("x") != 0 {
					t.Error("x was connected to")
				}
			})
		})
	}
}

// TestRelocated: a descriptor names addresses; the request goes to where the contact says.
func TestForwardNamesTheTarget(t *testing.T) {
	inTown(t, home.Never, []string{"a"}, func(t *testing.T, y *town) {
		s := put(1, 1)
		y.by(y.ask("x", s), s, "a")
		if f := y.gateways["a"].forwards[0]; f.Target != y.gateways["x"].node.Public() || f.Host != "x" || f.Port != 443 {
			t.Errorf("%s:%d", f.Host, f.Port)
		}
	})
}

// TestManyTargets: requests for many drops at many gateways find their answers, with several homes.
func TestManyTargets(t *testing.T) {
	inTown(t, home.Never, []string{"a", "b", "c"}, func(t *testing.T, y *town) {
		const targets, drops, each = 4, 5, 6
		want := map[uint64][2]any{}
		for i := range targets {
			y.raise(fmt.Sprint("t", i))
		}
		for n := range each {
			for i := range targets {
				for drop := range drops {
					s := put(byte(drop), byte(n*16+i))
					name := fmt.Sprint("t", i)
					want[y.ask(name, s)] = [2]any{name, s}
				}
			}
		}
		for len(want) > 0 {
			a := want1(y)
			w, ok := want[a.Token]
			if !ok {
				t.Fatalf("%+v", a)
			}
			delete(want, a.Token)
			s := w[1].(*wire.Submit)
			if a.Err != nil || a.Gateway != y.gateways[w[0].(string)].node.Public() || !a.Receipt.For(s.Drop, sha256.Sum256(s.Envelope)) {
				t.Fatalf("%+v", a)
			}
		}
		for i := range targets {
			channels := map[[16]byte]key.DropID{}
			x := y.gateways[fmt.Sprint("t", i)]
			for _, a := range x.opened() {
				drop := a.payload.(*wire.Submit).Drop
				if known, ok := channels[a.channel]; ok && known != drop {
					t.Fatalf("a channel of %s serves two drops", x.name)
				}
				channels[a.channel] = drop
			}
			if len(channels) < drops || len(x.taken) != drops*each && len(x.opened()) != drops*each {
				t.Errorf("%d channels, %d requests", len(channels), len(x.opened()))
			}
		}
	})
}

// want1 is the next answer, whichever it is.
func want1(y *town) home.Answered {
	y.t.Helper()
	for {
		if a, ok := y.next().(home.Answered); ok {
			return a
		}
	}
}
