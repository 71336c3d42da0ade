package world_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"zeroms/client"
	"zeroms/client/home"
	"zeroms/cmd/zeroms-lab/world"
	"zeroms/protocol/address"
	"zeroms/protocol/card"
	"zeroms/protocol/device"
	"zeroms/protocol/envelope"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/message"
	"zeroms/protocol/session"
	"zeroms/protocol/wire"
)

type mallory struct {
	*guest
	k      card.Card
	at     *world.Gateway
	seed   key.Seed
	dsk    key.DevicePrivate
	list   *device.List
	entry  []byte
	bundle *session.Bundle
	conv   *message.Conversation
	s      *session.Session
	w      key.DropSecret
	gen    uint32
}

func (s *stage) mallory(victim *world.Person, at *world.Gateway) *mallory {
	s.t.Helper()
	m := &mallory{guest: s.guest(), k: s.card(victim), at: at, seed: key.NewSeed(), dsk: key.NewDeviceSecret().Signer(), w: key.NewDropSecret()}
	place := key.Place{Network: card.NetworkLab, Node: at.Address().Node}
	name, err := key.ProfileName(m.k.User, m.k.Address, place)
	s.must(err)
	var a home.Answered
	s.wait(time.Minute, "profile", func() bool { a = m.ask(endpoint(at), &wire.ProfileGet{Name: name}); return a.Err == nil })
	p, err := address.Open(a.Payload.(*wire.Profile).Blob, m.k.User, m.k.Address, place, time.Now())
	s.must(err)
	e, err := device.ParseEntry(p.List[0])
	s.must(err)
	m.bundle, err = session.ParseBundle(p.Bundles[0], e.Devices[0].DSK, time.Now())
	s.must(err)
	first := device.First(m.seed.Identity(), m.dsk, time.Now())
	m.list = device.NewList(m.seed.Identity().Public())
	_, err = m.list.Accept(first)
	s.must(err)
	m.entry = first.Encode()
	m.gen = uint32(time.Now().Unix())
	return m
}

func (m *mallory) start(leases ...address.Lease) {
	m.t.Helper()
	var packed []session.Lease
	for _, l := range leases {
		b, err := l.Encode52()
		m.must(err)
		packed = append(packed, b)
	}
	m.gen++
	var err error
	m.s, _, err = session.Initiate(session.InitParams{Identity: m.seed.Identity().Public(), Signer: m.dsk, Peer: m.k.User, Bundle: m.bundle,
		Door: m.k.Door, Gen: m.gen, Drop: m.w, Leases: packed, ListEntry: m.entry}, time.Now())
	m.must(err)
	id := key.DeviceIDOf(m.dsk.Public())
	origin, _ := m.list.Origin(id)
	m.conv = message.New(message.Config{Self: m.seed.Identity().Public(), Peer: m.k.User, Device: id, List: m.list.Ref(), Origin: origin})
}

func (m *mallory) record(b message.Body) envelope.Record {
	m.t.Helper()
	body, err := message.EncodeBody(b)
	m.must(err)
	r := envelope.Record{Body: body}
	r.Salt[0] = byte(m.gen)
	var out message.Out
	if b.Kind().Side() {
		out, err = m.conv.Side(b.Kind(), body, r.Salt, time.Now(), m.dsk)
	} else {
		out, err = m.conv.Append(b.Kind(), body, r.Salt, time.Now(), m.dsk)
	}
	m.must(err)
	r.Message = out.Signed
	return r
}

func (m *mallory) seal(r envelope.Record) []byte {
	m.t.Helper()
	next, slot, err := m.s.Send(1, time.Now())
	m.must(err)
	head := envelope.Init(*m.s.Init())
	env, err := envelope.PackInit(&head, []envelope.Record{r}, envelope.Slot(slot))
	m.must(err)
	m.s = next
	return env
}

func (m *mallory) deliver(env []byte) {
	m.t.Helper()
	m.put(endpoint(m.at), door(m.k, m.at, env))
	pause(100 * time.Millisecond)
	synctest.Wait()
}

type evilBody struct {
	User    key.IdentityPublic  `cbor:"1,keyasint"`
	N       uint32              `cbor:"2,keyasint"`
	Prev    [32]byte            `cbor:"3,keyasint"`
	Time    uint64              `cbor:"4,keyasint"`
	Devices []device.Device     `cbor:"5,keyasint"`
	Revoked []device.Revocation `cbor:"6,keyasint"`
	Next    []byte              `cbor:"7,keyasint"`
}
type evilSigned struct {
	_     struct{} `cbor:",toarray"`
	Body  []byte
	Sig   []byte
	Joins []byte2
}
type byte2 struct {
	_   struct{} `cbor:",toarray"`
	ID  key.DeviceID
	Sig []byte
}

func TestStrangersListCanBeReadBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{})
		g := s.gateway()
		alice := s.person("alice", g)
		m := s.mallory(alice, g)
		ik, pub := m.seed.Identity(), m.dsk.Public()
		o := wire.Sign(ik, key.ContextDeviceList, evilBody{User: ik.Public(), N: math.MaxUint32, Prev: [32]byte{1}, Time: 1,
			Devices: []device.Device{{DSK: pub, ID: key.DeviceIDOf(pub), Role: device.Full, Added: 1}},
			Revoked: []device.Revocation{{ID: key.DeviceID{1}, At: 2}, {ID: key.DeviceID{2}, At: math.MaxUint32}}})
		m.entry = wire.Marshal(evilSigned{Body: o.Body, Sig: o.Sig})
		m.start()
		m.deliver(m.seal(m.record(&message.Name{Name: "m"})))
		if n := s.status(alice).Requests; n != 1 {
			t.Fatalf("%d requests", n)
		}
		s.must(alice.Stop())
		s.must(alice.Start())
		pause(time.Second)
		if alice.Ended() {
			t.Fatalf("alice's client does not start any more: %v", alice.Err())
		}
	})
}

func TestOldAddressesDoNotReplaceNewerOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{})
		g, old, now := s.gateway(), s.gateway(), s.gateway()
		alice := s.person("alice", g)
		m := s.mallory(alice, g)
		lease := func(g *world.Gateway) address.Lease {
			return address.Lease{Node: g.Address().Node, Host: g.Host, Port: 443}
		}
		m.start(lease(old))
		m.deliver(m.seal(m.record(&message.Name{Name: "carol"})))
		drops := func(g *world.Gateway) []byte {
			return m.seal(m.record(&message.Drops{W: m.w, Leases: [][]byte{lease(g).Encode()}, Address: key.NewAddressSecret()}))
		}
		held, newer := drops(old), drops(now)
		m.deliver(newer)
		m.deliver(held) // a gateway kept the older announcement back
		c := s.steal(alice).contacts[0]
		if c.Leases[0].Host != now.Host {
			t.Fatalf("alice writes to the gateway that carol left: %s", c.Leases[0].Host)
		}
	})
}

func TestStrangerLeavesABoundedNumberOfDevices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{})
		g := s.gateway()
		alice := s.person("alice", g)
		m := s.mallory(alice, g)
		ik := m.seed.Identity()
		for range 100 {
			next := key.NewDeviceSecret().Signer()
			n := m.list.Newest().N + 1
			e, err := m.list.Next(ik, device.Change{Revoke: []key.DeviceID{key.DeviceIDOf(m.dsk.Public())},
				Join: &device.Join{DSK: next.Public(), Role: device.Full, Sig: device.SignJoin(next, ik.Public(), n, m.list.Newest().Hash())}}, time.Now())
			s.must(err)
			_, err = m.list.Accept(e)
			s.must(err)
			m.dsk, m.entry = next, e.Encode()
			m.start()
			m.deliver(m.seal(m.record(&message.Heads{})))
		}
		th := s.steal(alice)
		if n := len(th.states); n > 8 || len(th.contacts) > 1 {
			t.Fatalf("one stranger holds %d sessions rows, %d contacts", n, len(th.contacts))
		}
	})
}

func TestRevokedDeviceGetsNothingMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tap := new(wiretap)
		s := newStage(t, world.Config{Wrap: tap.wrap})
		g, g2 := s.gateway(), s.gateway()
		alice := s.person("alice", g)
		m := s.mallory(alice, g)
		l := address.Lease{Node: g2.Address().Node, Host: g2.Host, Port: 443}
		ik := m.seed.Identity()
		m.start(l)
		m.deliver(m.seal(m.record(&message.Name{Name: "carol"})))
		stolen := key.DeviceIDOf(m.dsk.Public())
		next := key.NewDeviceSecret().Signer()
		n := m.list.Newest().N + 1
		e, err := m.list.Next(ik, device.Change{Revoke: []key.DeviceID{stolen},
			Join: &device.Join{DSK: next.Public(), Role: device.Full, Sig: device.SignJoin(next, ik.Public(), n, m.list.Newest().Hash())}}, time.Now())
		s.must(err)
		_, err = m.list.Accept(e)
		s.must(err)
		m.dsk, m.entry = next, e.Encode()
		m.start(l)
		m.deliver(m.seal(m.record(&message.Name{Name: "carol"})))
		id := s.contactOf(alice, ik.Public())
		s.accept(alice, id)
		s.send(alice, id, "secret")
		pause(time.Minute)
		for _, x := range s.steal(alice).history {
			for _, target := range x.Targets {
				if x.Outgoing && target.Device == stolen {
					t.Fatalf("a message (%s) of after the revocation was sealed for the revoked device (state %s, submitted %d)", x.Kind, target.State, target.Submitted)
				}
			}
		}
	})
}

func (s *stage) contactOf(p *world.Person, user key.IdentityPublic) client.ContactID {
	all, err := p.Client.Contacts(context.Background())
	s.must(err)
	for _, c := range all {
		if c.User == user {
			return c.ID
		}
	}
	s.t.Fatal("no contact")
	return 0
}

func TestAcknowledgementsDoNotUseUpTheChain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tap := new(wiretap)
		s := newStage(t, world.Config{Wrap: tap.wrap})
		g1, g2 := s.gateway(), s.gateway()
		alice, bob := s.person("alice", g1), s.person("bob", g2)
		ab, ba := s.add(alice, bob), s.add(bob, alice)
		s.send(alice, ab, "hello")
		s.state(alice, ab, "hello", client.Delivered)
		s.send(bob, ba, "hi")
		s.state(bob, ba, "hi", client.Delivered)
		pause(time.Minute)
		s.must(g2.Stop())
		s.send(bob, ba, "one")
		pause(25 * time.Minute)
		after := s.steal(alice)
		n := func(th *thief) int {
			highest := 0
			for _, state := range th.states {
				if _, slot, err := state.Send(1, time.Now()); err == nil {
					highest = max(highest, int(slot.I))
				}
			}
			return highest
		}
		s.must(g2.Start())
		s.send(alice, ab, "are you there?")
		pause(10 * time.Minute)
		pause(2 * day)
		if s.line(alice, ab, "are you there?").State != client.Delivered || n(after) > 100 {
			t.Fatalf("alice: %s; bob sees %q", s.line(alice, ab, "are you there?").State, s.texts(bob, ba))
		}
	})
}

func TestNobodyCanProbeWhoIsOnline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tap := new(wiretap)
		s := newStage(t, world.Config{Wrap: tap.wrap})
		g, g2 := s.gateway(), s.gateway()
		alice := s.person("alice", g)
		m := s.mallory(alice, g)
		m.start(address.Lease{Node: g2.Address().Node, Host: g2.Host, Port: 443})
		r := m.record(&message.Name{Name: "carol"})
		m.deliver(m.seal(r))
		id := s.contactOf(alice, m.seed.Identity().Public())
		s.accept(alice, id)
		pause(time.Hour)
		before := len(tap.by(alice))
		for range 10 {
			m.deliver(m.seal(r)) // the same message again: nothing to see
			pause(2 * time.Second)
		}
		if n := len(tap.by(alice)) - before; n > 1 {
			t.Fatalf("%d answers to 10 probes that nobody can see", n)
		}
	})
}

type dialLog struct {
	home.Dialer
	mu  *sync.Mutex
	out *[]string
}

func (d dialLog) Dial(ctx context.Context, e link.Endpoint) (link.Conn, error) {
	d.mu.Lock()
	*d.out = append(*d.out, e.String())
	d.mu.Unlock()
	return d.Dialer.Dial(ctx, e)
}

func TestNobodyIsSentIntoTheirOwnNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var dialled []string
		s := newStage(t, world.Config{Wrap: func(host string, d home.Dialer) home.Dialer {
			if host != "person-alice" {
				return d
			}
			return dialLog{d, &mu, &dialled}
		}})
		g := s.gateway()
		alice := s.person("alice", g)
		m := s.mallory(alice, g)
		node := key.NewPrivate[key.Node]().Public()
		m.start(address.Lease{Node: node, Host: "127.0.0.1", Port: 631, Plain: true}, address.Lease{Node: key.NewPrivate[key.Node]().Public(), Host: "192.168.1.1", Port: 443})
		m.deliver(m.seal(m.record(&message.Name{Name: "carol"})))
		s.accept(alice, s.contactOf(alice, m.seed.Identity().Public()))
		pause(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		seen := map[string]int{}
		for _, d := range dialled {
			seen[d]++
		}
		for d, n := range seen {
			if d != fmt.Sprintf("wss://%s:443/zms", g.Host) {
				t.Errorf("alice dialled %s %d times", d, n)
			}
		}
	})
}

func TestInitThatOnlySeemsLostIsStillAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{})
		alice, bob := s.person("alice", s.gateway()), (*world.Person)(nil)
		g2 := s.gateway()
		bob = s.person("bob", g2)
		ab := s.add(alice, bob)
		s.send(alice, ab, "one")
		ba := s.from(bob, alice).ID
		s.see(bob, ba, "one")
		s.state(alice, ab, "one", client.InCustody)
		s.Net.Partition(alice.Host(), g2.Host)
		s.Net.Reset(alice.Host(), g2.Host)
		s.send(alice, ab, "two")
		pause(20 * time.Minute)
		s.accept(bob, ba)
		s.send(bob, ba, "reply")
		pause(time.Minute)
		s.Net.Heal(alice.Host(), g2.Host)
		pause(time.Hour)
		s.send(alice, ab, "three")
		pause(3 * day)
		if len(s.texts(alice, ab)) != 4 || len(s.texts(bob, ba)) != 4 {
			t.Fatalf("alice sees %q, bob sees %q; three is %s, reply is %s", s.texts(alice, ab), s.texts(bob, ba), s.line(alice, ab, "three").State, s.line(bob, ba, "reply").State)
		}
	})
}

func TestBlockingWhileAHomeIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{})
		g := s.gateway()
		alice, bob := s.person("alice", g), s.person("bob", s.gateway())
		ab, ba := s.add(alice, bob), s.add(bob, alice)
		s.send(alice, ab, "hello")
		s.state(alice, ab, "hello", client.Delivered)
		s.send(bob, ba, "hi")
		s.state(bob, ba, "hi", client.Delivered)
		s.must(g.Stop())
		pause(2 * time.Minute)
		s.must(alice.Client.Block(context.Background(), ab))
		s.must(g.Start())
		pause(time.Hour)
		c := s.steal(bob).contacts[0]
		env := make([]byte, 1024)
		env[0], env[1] = 1, 2
		if a := s.guest().ask(endpoint(g), drop(c.Theirs, g, env)); a.Receipt != nil {
			t.Fatal("a blocked person still fills the mailbox")
		}
	})
}

func TestNewCardWhileAnInitIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{})
		alice, bob := s.person("alice", s.gateway()), s.person("bob", s.gateway())
		pause(time.Second)
		ab := s.add(alice, bob)
		s.send(alice, ab, "one")
		s.state(alice, ab, "one", client.InCustody)
		_, err := bob.Client.NewCard(context.Background())
		s.must(err)
		pause(time.Second)
		s.add(alice, bob) // the newer card of the same person
		s.send(alice, ab, "two")
		ba := s.from(bob, alice).ID
		pause(time.Hour)
		if len(s.texts(bob, ba)) != 2 {
			t.Fatalf("bob sees %q, two is %s", s.texts(bob, ba), s.line(alice, ab, "two").State)
		}
	})
}

func TestStrangerLeavesABoundedNumberOfMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, world.Config{})
		g := s.gateway()
		alice := s.person("alice", g)
		m := s.mallory(alice, g)
		m.start(address.Lease{Node: g.Address().Node, Host: g.Host, Port: 443})
		for range 300 {
			m.deliver(m.seal(m.record(&message.Text{Text: "spam"})))
		}
		id := s.contactOf(alice, m.seed.Identity().Public())
		if n := s.contact(alice, id).Unread; n > 50 {
			t.Fatalf("a request holds %d messages", n)
		}
	})
}

// liar answers every submission of alice with an unsigned error while on.
type liarDialer struct {
	home.Dialer
	on *atomic.Bool
}
type liarConn struct {
	link.Conn
	on  *atomic.Bool
	out chan []byte
}

func (d liarDialer) Dial(ctx context.Context, e link.Endpoint) (link.Conn, error) {
	c, err := d.Dialer.Dial(ctx, e)
	if err != nil {
		return nil, err
	}
	return &liarConn{c, d.on, make(chan []byte, 100)}, nil
}
func (c *liarConn) Send(ctx context.Context, m []byte) error {
	frames, _ := wire.Frames(m)
	for _, f := range frames {
		if f.Type == wire.TypeSubmit && c.on.Load() {
			c.out <- wire.AppendFrame(nil, f.ID, &wire.Failure{Code: wire.CodeValue})
			return nil
		}
	}
	return c.Conn.Send(ctx, m)
}
func (c *liarConn) Recv(ctx context.Context) ([]byte, error) {
	type r struct {
		m   []byte
		err error
	}
	got := make(chan r, 1)
	go func() { m, err := c.Conn.Recv(ctx); got <- r{m, err} }()
	select {
	case m := <-c.out:
		return m, nil
	case x := <-got:
		return x.m, x.err
	}
}

func TestOneGatewaysRefusalDoesNotEndAMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		on := new(atomic.Bool)
		s := newStage(t, world.Config{Wrap: func(host string, d home.Dialer) home.Dialer {
			if host != "person-alice" {
				return d
			}
			return liarDialer{d, on}
		}})
		alice, bob := s.person("alice", s.gateway()), s.person("bob", s.gateway(), s.gateway())
		ab, ba := s.add(alice, bob), s.add(bob, alice)
		s.send(alice, ab, "hello")
		s.state(alice, ab, "hello", client.Delivered)
		s.send(bob, ba, "hi")
		s.state(bob, ba, "hi", client.Delivered)
		on.Store(true)
		s.send(alice, ab, "lost")
		pause(10 * time.Second)
		on.Store(false)
		pause(3 * day)
		if m := s.line(alice, ab, "lost"); m.State != client.Delivered {
			t.Fatalf("after one unsigned error the message is %s for good", m.State)
		}
	})
}

var _ = sha256.Sum256
