package world_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing/synctest"
	"time"

	"zeroms/client"
	"zeroms/client/home"
	"zeroms/client/profile"
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
	"zeroms/store/chat"
)

const day = 24 * time.Hour

// contact is what somebody knows of a contact now.
func (s *stage) contact(p *world.Person, id client.ContactID) client.Contact {
	s.t.Helper()
	all, err := p.Client.Contacts(context.Background())
	s.must(err)
	for _, c := range all {
		if c.ID == id {
			return c
		}
	}
	s.t.Fatalf("%s has no contact #%d", p.Name, id)
	return client.Contact{}
}

// from waits for somebody to hear of the other and returns the contact.
func (s *stage) from(p, other *world.Person) client.Contact {
	s.t.Helper()
	var found client.Contact
	s.wait(time.Minute, p.Name+" hears of "+other.Name, func() bool {
		all, err := p.Client.Contacts(context.Background())
		s.must(err)
		for _, c := range all {
			if c.User == s.status(other).User {
				found = c
				return true
			}
		}
		return false
	})
	return found
}

func (s *stage) status(p *world.Person) client.Status {
	s.t.Helper()
	st, err := p.Client.Status(context.Background())
	s.must(err)
	return st
}

// messages is the person's history with a contact, in display order.
func (s *stage) messages(p *world.Person, id client.ContactID) []client.Message {
	s.t.Helper()
	page, _, _, err := p.Client.History(context.Background(), id, client.Top, 100000)
	s.must(err)
	return page
}

// line is the message with this text.
func (s *stage) line(p *world.Person, id client.ContactID, text string) client.Message {
	s.t.Helper()
	for _, m := range s.messages(p, id) {
		if m.Text == text {
			return m
		}
	}
	s.t.Fatalf("%s has no message %q", p.Name, text)
	return client.Message{}
}

// state waits until an own message has come exactly so far.
func (s *stage) state(p *world.Person, id client.ContactID, text string, want client.MessageState) client.Message {
	s.t.Helper()
	s.wait(2*time.Minute, fmt.Sprintf("%q of %s in state %s", text, p.Name, want), func() bool {
		return s.line(p, id, text).State == want
	})
	return s.line(p, id, text)
}

// see waits until a transcript is exactly this.
func (s *stage) see(p *world.Person, id client.ContactID, want ...string) {
	s.t.Helper()
	for end := time.Now().Add(5 * time.Minute); time.Now().Before(end); pause(100 * time.Millisecond) {
		synctest.Wait()
		if slices.Equal(s.texts(p, id), want) {
			return
		}
	}
	s.t.Fatalf("%s sees %q, want %q", p.Name, s.texts(p, id), want)
}

// friends makes two people with a gateway each who know each other and talked.
func (s *stage) friends() (alice, bob *world.Person, ab, ba client.ContactID) {
	s.t.Helper()
	alice, bob = s.person("alice", s.gateway()), s.person("bob", s.gateway())
	ab, ba = s.add(alice, bob), s.add(bob, alice)
	s.send(alice, ab, "hello")
	s.state(alice, ab, "hello", client.Delivered)
	s.send(bob, ba, "hi")
	s.state(bob, ba, "hi", client.Delivered)
	pause(time.Minute)
	return alice, bob, ab, ba
}

// wiretap keeps everything that people and gateways say to each other.
type wiretap struct {
	mu       sync.Mutex
	messages [][]byte
	parcels  []parcel
	seen     map[[32]byte]bool
}

// parcel is an envelope as it was submitted.
type parcel struct {
	host string // of who submitted it
	to   link.Endpoint
	*wire.Submit
}

// wrap is a world.Config's Wrap.
func (w *wiretap) wrap(host string, d home.Dialer) home.Dialer { return tapDialer{d, w, host} }

type tapDialer struct {
	home.Dialer
	tap  *wiretap
	host string
}

func (d tapDialer) Dial(ctx context.Context, e link.Endpoint) (link.Conn, error) {
	c, err := d.Dialer.Dial(ctx, e)
	if err != nil {
		return nil, err
	}
	return tapConn{c, d, e}, nil
}

type tapConn struct {
	link.Conn
	tapDialer
	to link.Endpoint
}

func (c tapConn) Send(ctx context.Context, m []byte) error {
	c.tap.note(c.host, c.to, m)
	return c.Conn.Send(ctx, m)
}

func (c tapConn) Recv(ctx context.Context) ([]byte, error) {
	m, err := c.Conn.Recv(ctx)
	c.tap.note("", c.to, m)
	return m, err
}

func (w *wiretap) note(host string, to link.Endpoint, m []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.messages = append(w.messages, slices.Clone(m))
	frames, err := wire.Frames(m)
	if err != nil || host == "" {
		return
	}
	for _, f := range frames {
		var submit wire.Submit
		if f.Type != wire.TypeSubmit || f.Decode(&submit) != nil {
			continue
		}
		hash := sha256.Sum256(key.Join(submit.Drop[:], submit.Envelope))
		if w.seen[hash] {
			continue
		}
		if w.seen == nil {
			w.seen = map[[32]byte]bool{}
		}
		w.seen[hash] = true
		w.parcels = append(w.parcels, parcel{host, to, &submit})
	}
}

// all is every different submission up to now, in order, whoever made it.
func (w *wiretap) all() []parcel {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.parcels)
}

// by is what one person submitted.
func (w *wiretap) by(p *world.Person) (out []parcel) {
	for _, x := range w.all() {
		if x.host == p.Host() {
			out = append(out, x)
		}
	}
	return out
}

// guest talks to gateways by hand.
type guest struct {
	*stage
	pool    *home.Pool
	answers chan home.Answered
	token   uint64
}

func (s *stage) guest() *guest {
	g := &guest{stage: s, answers: make(chan home.Answered, 64)}
	g.pool = home.New(home.Config{
		Dialer: s.Net.Dialer("guest"), Timing: home.Timing{}.Default(),
		Events: func(e home.Event) {
			if a, ok := e.(home.Answered); ok {
				g.answers <- a
			}
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.pool.Run(ctx) }()
	s.t.Cleanup(func() { cancel(); <-done })
	return g
}

// ask waits for a gateway's answer.
func (g *guest) ask(to link.Endpoint, p wire.Payload) home.Answered {
	g.t.Helper()
	g.token++
	g.pool.Send(home.Request{To: home.Target{Endpoint: to, Network: card.NetworkLab}, Token: g.token, Payload: p})
	return <-g.answers
}

// put submits an envelope and insists on custody.
func (g *guest) put(to link.Endpoint, submit *wire.Submit) {
	g.t.Helper()
	if a := g.ask(to, submit); a.Receipt == nil {
		g.t.Fatalf("the gateway did not take an envelope: %v", a.Err)
	}
}

func endpoint(g *world.Gateway) link.Endpoint {
	a := g.Address()
	return link.Endpoint{Host: a.Host, Port: a.Port, Node: a.Node[:]}
}

// door is the front door of a card at a gateway, for an envelope.
func door(k card.Card, g *world.Gateway, env []byte) *wire.Submit {
	node := g.Address().Node
	name, err := key.ProfileName(k.User, k.Address, key.Place{Network: card.NetworkLab, Node: node})
	if err != nil {
		panic(err)
	}
	id := key.DoorOf(name, k.Door.DoorKey(node))
	return &wire.Submit{Drop: id, MAC: k.Door.Capability(node).Authenticate(id, sha256.Sum256(env)), Envelope: env}
}

// drop is the drop of a secret at a gateway, for an envelope.
func drop(w key.DropSecret, g *world.Gateway, env []byte) *wire.Submit {
	id, capability := w.Drop(g.Address().Node)
	return &wire.Submit{Drop: id, MAC: capability.Authenticate(id, sha256.Sum256(env)), Envelope: env}
}

// thief is who opened a copy of somebody's profile.
type thief struct {
	clock    time.Time // what the thief's program takes the time for
	files    map[string][]byte
	rows     []profile.Row // all but the history
	self     *profile.Self
	prekeys  []*session.Prekey
	cards    []*profile.Card
	contacts []profile.Contact
	states   []*session.Session // the stored ones, then those made of them
	sends    map[session.Tag][32]byte
	history  []*profile.Message
}

// steal copies a profile while its client runs and reads all of it.
func (s *stage) steal(p *world.Person) *thief {
	s.t.Helper()
	synctest.Wait()
	dir := filepath.Join(s.t.TempDir(), "copy")
	s.must(p.CopyProfile(dir))
	t, err := loot(dir)
	s.must(err)
	return t
}

// loot reads all of a profile that nobody uses.
func loot(dir string) (*thief, error) {
	t := &thief{clock: time.Now(), files: map[string][]byte{}, sends: map[session.Tag][32]byte{}}
	files, err := os.ReadDir(dir)
	for _, f := range files {
		if err == nil {
			t.files[f.Name()], err = os.ReadFile(filepath.Join(dir, f.Name()))
		}
	}
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	db, err := chat.Open(ctx, dir, chat.NoPassphrase())
	if err != nil {
		return nil, err
	}
	defer db.Close()
	if t.rows, err = db.Load(ctx); err != nil {
		return nil, err
	}
	for _, r := range t.rows {
		if err := t.read(r); err != nil {
			return nil, err
		}
	}
	t.prepare()
	for _, c := range t.contacts {
		page, err := db.Page(ctx, c.ID, client.Top, 1_000_000)
		if err != nil {
			return nil, err
		}
		for _, r := range page {
			m, err := profile.ParseMessage(r)
			if err != nil {
				return nil, err
			}
			t.history = append(t.history, m)
		}
	}
	return t, nil
}

func (t *thief) read(r profile.Row) error {
	var err error
	switch r.Table {
	case profile.TableSelf:
		t.self, err = profile.ParseSelf(r)
	case profile.TableCard:
		var k *profile.Card
		k, err = profile.ParseCard(r)
		t.cards = append(t.cards, k)
	case profile.TableContact:
		var c profile.Contact
		c, err = profile.ParseContact(r)
		t.contacts = append(t.contacts, c)
	case profile.TablePrekey:
		var k *session.Prekey
		k, err = session.DecodePrekey(r.Data)
		t.prekeys = append(t.prekeys, k)
	case profile.TableSession:
		_, set, e := profile.ParseSessions(r)
		if err = e; err == nil {
			t.states = append(t.states, set.Set.All()...)
		}
	}
	return err
}

// ahead is how many keys of every chain the thief looks at.
const ahead = 256

// prepare makes the keys that the victim seals the next envelopes with.
func (t *thief) prepare() {
	for _, s := range t.states {
		for range ahead {
			next, slot, err := s.Send(1, t.clock)
			if err != nil {
				break
			}
			t.sends[slot.Tag] = slot.MessageKey
			s = next
		}
	}
}

// opens tells whether the thief can read an envelope: with the sessions that
// were stored, with those that the stored prekeys give back, and with what
// became of both by the envelopes that it opened before.
func (t *thief) opens(raw []byte) bool {
	var env *envelope.Envelope
	var err error
	states := t.states
	if envelope.IsInit(raw) {
		var head *envelope.Init
		if head, env, err = envelope.ParseInit(raw); err != nil {
			return false
		}
		in := session.InitMessage(*head)
		if s, _, err := session.Accept(t.accept(), &in, t.clock); err == nil {
			states = append(slices.Clip(states), s)
		}
	} else if env, err = envelope.Parse(raw); err != nil {
		return false
	}
	for n, tag := range env.Tags() {
		if mk, ok := t.sends[tag]; ok {
			if _, err := env.OpenBody(n, mk); err == nil {
				return true
			}
		}
	}
	for _, s := range states {
		if next := t.receive(s, env); next != nil {
			t.states = append(states, next)
			return true
		}
	}
	return false
}

// receive is the session after an envelope that it opens, nil if it does not.
func (t *thief) receive(s *session.Session, env *envelope.Envelope) *session.Session {
	slot, at, ok := s.Search(env.Tags(), ahead)
	if !ok {
		return nil
	}
	hk, ok := s.HeaderKey(at)
	if !ok {
		return nil
	}
	header, err := env.OpenHeader(slot, at.I, hk)
	if err != nil {
		return nil
	}
	next, mk, err := s.Receive(at, header, t.clock)
	if err != nil {
		return nil
	}
	if _, err := env.OpenBody(slot, mk); err != nil {
		return nil
	}
	return next
}

// opensAny counts what the thief can read of many envelopes, in any order.
func (t *thief) opensAny(parcels []parcel) (n int) {
	left := slices.Clone(parcels)
	for {
		before := len(left)
		left = slices.DeleteFunc(left, func(p parcel) bool { return t.opens(p.Envelope) })
		if len(left) == before {
			return n
		}
		n += before - len(left)
	}
}

func (t *thief) accept() session.AcceptParams {
	return session.AcceptParams{
		Identity: t.self.User, Device: t.self.Signer.Public(), Prekeys: t.prekeys,
		Door: func(id key.CardID) (d key.DoorSecret, ok bool) {
			for _, k := range t.cards {
				if k.ID == id {
					return k.Door, true
				}
			}
			return d, false
		},
	}
}

// crook is a person whose program is made by hand and keeps no rule.
type crook struct {
	*guest
	seed   key.Seed
	signer key.DevicePrivate
	list   *device.List
	entry  []byte // handed over in inits
	drop   key.DropSecret
	gen    uint32
}

func (s *stage) crook() *crook {
	c := &crook{guest: s.guest(), seed: key.NewSeed(), signer: key.NewPrivate[key.Device](), drop: key.NewDropSecret()}
	first := device.First(c.seed.Identity(), c.signer, time.Now())
	c.list, c.entry = device.NewList(c.seed.Identity().Public()), first.Encode()
	_, err := c.list.Accept(first)
	s.must(err)
	c.gen = uint32(time.Now().Unix())
	return c
}

func (c *crook) user() key.IdentityPublic { return c.seed.Identity().Public() }

// published reads a person's profile with their card.
func (g *guest) published(k card.Card, at *world.Gateway) *address.Profile {
	g.t.Helper()
	place := key.Place{Network: card.NetworkLab, Node: at.Address().Node}
	name, err := key.ProfileName(k.User, k.Address, place)
	g.must(err)
	a := g.ask(endpoint(at), &wire.ProfileGet{Name: name})
	g.must(a.Err)
	p, err := address.Open(a.Payload.(*wire.Profile).Blob, k.User, k.Address, place, time.Now())
	g.must(err)
	return p
}

// bundle is a person's newest prekey bundle.
func (g *guest) bundle(k card.Card, at *world.Gateway) *session.Bundle {
	g.t.Helper()
	p := g.published(k, at)
	entry, err := device.ParseEntry(p.List[len(p.List)-1])
	g.must(err)
	b, err := session.ParseBundle(p.Bundles[0], entry.Devices[0].DSK, time.Now())
	g.must(err)
	return b
}

// params is an honest init to the holder of a card's door.
func (c *crook) params(k card.Card, at *world.Gateway) session.InitParams {
	c.t.Helper()
	c.gen++
	return session.InitParams{
		Identity: c.user(), Signer: c.signer, Peer: k.User, Bundle: c.bundle(k, at), Door: k.Door,
		Gen: c.gen, Drop: c.drop, ListEntry: c.entry,
	}
}

// talk is a session of the crook with its init.
type talk struct {
	c    *crook
	s    *session.Session
	init envelope.Init
}

func (c *crook) initiate(p session.InitParams) *talk {
	c.t.Helper()
	s, in, err := session.Initiate(p, time.Now())
	c.must(err)
	return &talk{c, s, envelope.Init(*in)}
}

// seal makes an init envelope with records.
func (k *talk) seal(records ...envelope.Record) []byte {
	k.c.t.Helper()
	next, slot, err := k.s.Send(1, time.Now())
	k.c.must(err)
	k.s = next
	env, err := envelope.PackInit(&k.init, records, envelope.Slot(slot))
	k.c.must(err)
	return env
}

// chain makes messages of one device in a conversation, whatever they say.
type chain struct {
	c    *crook
	peer key.IdentityPublic
	seq  uint32
	prev [32]byte
}

func (c *crook) chain(peer key.IdentityPublic) *chain {
	c.t.Helper()
	origin, ok := c.list.Origin(key.DeviceIDOf(c.signer.Public()))
	if !ok {
		origin = [32]byte{}
	}
	return &chain{c: c, peer: peer, prev: message.First(origin, message.ConvPair(c.user(), peer))}
}

// text signs the next text of the chain.
func (h *chain) text(text string) envelope.Record {
	h.c.t.Helper()
	h.seq++
	r, m := h.c.sign(message.Header{Seq: h.seq, Prev: h.prev}, &message.Text{Text: text}, h.peer)
	h.prev = m.ID
	return r
}

// sign makes a record of a body under a header whose place is given.
func (c *crook) sign(at message.Header, body message.Body, peer key.IdentityPublic) (envelope.Record, *message.Message) {
	c.t.Helper()
	var r envelope.Record
	_, _ = rand.Read(r.Salt[:])
	var err error
	r.Body, err = message.EncodeBody(body)
	c.must(err)
	at.Time, at.Kind, at.BodyHash = wire.Millis(time.Now()), body.Kind(), message.BodyHash(r.Salt, r.Body)
	ref := c.list.Ref()
	at.ListN, at.ListHash = ref.N, ref.Hash
	m, err := message.Sign(at, c.signer, c.user(), peer)
	c.must(err)
	r.Message = m.Encode()
	return r, m
}
