package sessions

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"zeroms/client/delivery"
	"zeroms/client/profile"
	"zeroms/protocol/envelope"
	"zeroms/protocol/key"
	"zeroms/protocol/session"
	"zeroms/protocol/wire"
)

// party is one device of one person with its Book.
type party struct {
	t        *testing.T
	identity key.IdentityPrivate
	dsk      key.DevicePrivate
	prekey   *session.Prekey
	book     *Book
	numbers  map[key.IdentityPublic]uint64 // of contacts
	seen     map[[32]byte]bool             // inits
	door     key.DoorSecret
}

func now() time.Time { return time.UnixMilli(1_760_000_000_000) }

func newParty(t *testing.T) *party {
	p := &party{
		t: t, identity: key.NewPrivate[key.Identity](), dsk: key.NewPrivate[key.Device](), book: NewBook(),
		numbers: map[key.IdentityPublic]uint64{}, seen: map[[32]byte]bool{}, door: key.NewDoorSecret(),
	}
	p.renew(now())
	return p
}

func (p *party) renew(at time.Time) { p.prekey = session.NewPrekey(p.dsk, session.ListRef{N: 1}, at) }

// number is the contact's number.
func (p *party) number(of key.IdentityPublic) uint64 {
	if p.numbers[of] == 0 {
		p.numbers[of] = uint64(len(p.numbers)) + 1
	}
	return p.numbers[of]
}

// lane is the other party in this one's Book.
func (p *party) lane(other *party) Lane {
	return Lane{Contact: p.number(other.identity.Public()), Device: key.DeviceIDOf(other.dsk.Public())}
}

// initiate starts a session with another party.
func (p *party) initiate(to *party, door bool, at time.Time) *session.Session {
	p.t.Helper()
	l := p.lane(to)
	p.book.Know(l)
	bundle, err := session.ParseBundle(to.prekey.Bundle(), to.dsk.Public(), at)
	if err != nil {
		p.t.Fatal(err)
	}
	params := session.InitParams{
		Identity: p.identity.Public(), Signer: p.dsk, Peer: to.identity.Public(), Bundle: bundle,
		Gen: p.book.Get(l).Set.NextGen(at), Drop: key.NewDropSecret(), ListEntry: []byte("entry"),
	}
	if door {
		params.Door = to.door
	}
	s, _, err := session.Initiate(params, at)
	if err == nil {
		err = p.book.Start(l, s, profile.Gateway{Host: "gateway.example"}, door, at)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

func letter(text string) Letter {
	return Letter{Records: []envelope.Record{{Message: []byte("header"), Body: []byte(text)}}, Base: 7}
}

// seal packs a text on the sending session.
func (p *party) seal(to *party, text string, at time.Time) []byte {
	p.t.Helper()
	l := p.lane(to)
	env, err := p.book.Seal(l, p.book.Get(l).Set.Sending(), letter(text), at)
	if err != nil {
		p.t.Fatalf("seal: %v", err)
	}
	return env
}

// open opens an envelope that lay on the drop of a contact, or at the door.
func (p *party) open(from *party, raw []byte, at time.Time) (*Opened, error) {
	p.t.Helper()
	contact := p.number(from.identity.Public())
	if !envelope.IsInit(raw) {
		env, err := envelope.Parse(raw)
		if err != nil {
			p.t.Fatal(err)
		}
		return p.book.Open(contact, env, at)
	}
	head, env, err := envelope.ParseInit(raw)
	if err != nil {
		p.t.Fatal(err)
	}
	in := session.InitMessage(*head)
	if l, known := p.book.Owner(&in); known {
		return p.book.Open(l.Contact, env, at)
	}
	if p.seen[in.Hash()] {
		return nil, wire.ErrReplayed
	}
	o, err := Accept(env, &in, session.AcceptParams{
		Identity: p.identity.Public(), Device: p.dsk.Public(), Prekeys: []*session.Prekey{p.prekey},
		Door: func(id key.CardID) (key.DoorSecret, bool) { return p.door, id == p.door.CardID() },
	}, at)
	if err != nil {
		return nil, err
	}
	if err := p.book.Join(o, p.number(o.Block.Identity), at); err != nil {
		return nil, err
	}
	p.seen[in.Hash()] = true
	return o, nil
}

// receive opens an envelope and keeps what it brought.
func (p *party) receive(from *party, raw []byte, at time.Time) (string, error) {
	p.t.Helper()
	o, err := p.open(from, raw, at)
	if err != nil {
		return "", err
	}
	if o.Lane != p.lane(from) || o.Base != 7 || len(o.Records) != 1 {
		p.t.Fatalf("opened %+v for %v", o, p.lane(from))
	}
	p.book.Keep(o)
	return string(o.Records[0].Body), nil
}

// deliver is receive of what must open.
func (p *party) deliver(from *party, raw []byte, want string, at time.Time) {
	p.t.Helper()
	if got, err := p.receive(from, raw, at); err != nil || got != want {
		p.t.Fatalf("%q came as %q: %v", want, got, err)
	}
}

// pair is two parties with a session that both confirmed.
func pair(t *testing.T) (a, b *party) {
	a, b = newParty(t), newParty(t)
	a.initiate(b, false, now())
	b.deliver(a, a.seal(b, "hello", now()), "hello", now())
	a.deliver(b, b.seal(a, "hello back", now()), "hello back", now())
	return a, b
}

func TestTwoBooksTalk(t *testing.T) {
	a, b := newParty(t), newParty(t)
	s := a.initiate(b, true, now())
	first, second := a.seal(b, "one", now()), a.seal(b, "two", now())
	if !envelope.IsInit(first) || !envelope.IsInit(second) {
		t.Fatal("an unconfirmed session sends without its init")
	}
	if _, known := b.book.Owner(s.Init()); known {
		t.Fatal("an init is known before it came")
	}
	b.deliver(a, second, "two", now())
	if l, known := b.book.Owner(s.Init()); !known || l != b.lane(a) {
		t.Fatal("an init that was opened is not known")
	}
	b.deliver(a, first, "one", now()) // by the session that is known
	for _, again := range [][]byte{first, second} {
		if _, err := b.receive(a, again, now()); err == nil {
			t.Fatal("an envelope opened twice")
		}
	}
	answer := b.seal(a, "answer", now())
	if envelope.IsInit(answer) {
		t.Fatal("the responder sends an init")
	}
	a.deliver(b, answer, "answer", now())
	for n := range 5 {
		text := fmt.Sprint("more ", n)
		env := a.seal(b, text, now())
		if envelope.IsInit(env) {
			t.Fatal("a confirmed session still sends its init")
		}
		b.deliver(a, env, text, now())
		a.deliver(b, b.seal(a, text, now()), text, now())
	}
	if l, known := a.book.Owner(s.Init()); !known || l != a.lane(b) {
		t.Error("the own init is not known")
	}
	if got := a.book.Devices(a.lane(b).Contact); !slices.Equal(got, []key.DeviceID{a.lane(b).Device}) {
		t.Errorf("devices %v", got)
	}
}

// TestOpeningChangesNothing: until Keep the Book is what it was, and the
// envelope opens again.
func TestOpeningChangesNothing(t *testing.T) {
	a, b := pair(t)
	b.book.Stale()
	before := b.row(a)
	env := a.seal(b, "text", now())
	for range 3 {
		if o, err := b.open(a, env, now()); err != nil || string(o.Records[0].Body) != "text" {
			t.Fatal(err)
		}
	}
	if len(b.book.Stale()) != 0 || !bytes.Equal(before, b.row(a)) {
		t.Fatal("opening changed the Book")
	}
	b.deliver(a, env, "text", now())
	if rows := b.book.Stale(); len(rows) != 1 || bytes.Equal(rows[0].Data, before) {
		t.Error("keeping did not")
	}
}

func (p *party) row(other *party) []byte {
	l := p.lane(other)
	return p.book.Get(l).Row(l).Data
}

func TestLargeRecordsWait(t *testing.T) {
	large := string(make([]byte, 3000))
	seal := func(p *party, l Lane, text string) ([]byte, error) {
		return p.book.Seal(l, p.book.Get(l).Set.Sending(), letter(text), now())
	}
	unchanged := func(p, other *party, want error) {
		t.Helper()
		p.book.Stale()
		before := p.row(other)
		if _, err := seal(p, p.lane(other), large); !errors.Is(err, want) {
			t.Fatalf("sealed before the first reply: %v, want %v", err, want)
		}
		if len(p.book.Stale()) != 0 || !bytes.Equal(before, p.row(other)) {
			t.Error("an error changed the Book")
		}
	}
	a, b := newParty(t), newParty(t)
	a.initiate(b, true, now())
	unchanged(a, b, ErrNotYet)
	b.deliver(a, a.seal(b, "small", now()), "small", now())
	unchanged(a, b, ErrNotYet) // at a door, also after a small one
	a.deliver(b, b.seal(a, "reply", now()), "reply", now())
	b.deliver(a, a.seal(b, large, now()), large, now())

	c, d := newParty(t), newParty(t)
	in := c.initiate(d, false, now()).Init()
	unchanged(c, d, ErrInitFirst)
	knock := c.seal(d, "knock", now())
	c.book.InitTaken(c.lane(d), in)
	c.reload()
	env := c.seal(d, large, now())
	if envelope.IsInit(env) {
		t.Fatal("a large init envelope")
	}
	d.deliver(c, knock, "knock", now())
	d.deliver(c, env, large, now())
	c.initiate(d, false, now().Add(time.Hour)) // the next init has not been sent
	c.book.InitTaken(c.lane(d), in)            // nor does the one before count for it
	unchanged(c, d, ErrInitFirst)

	// On a session that is gone nothing is sealed, and nothing changes.
	gone := d.book.Get(d.lane(c)).Set.Sending()
	d.book.Put(d.lane(c), new(session.Set))
	d.book.Stale()
	if _, err := d.book.Seal(d.lane(c), gone, letter("x"), now()); !errors.Is(err, wire.ErrUnexpected) || len(d.book.Stale()) != 0 {
		t.Errorf("sealed on a session that is gone: %v", err)
	}
	if _, err := seal(c, c.lane(d), string(make([]byte, 70_000))); !errors.Is(err, ErrInitFirst) && !errors.Is(err, wire.ErrTooLarge) {
		t.Errorf("70,000 bytes: %v", err)
	}
}

// reload has the Book come back from its rows.
func (p *party) reload() {
	p.t.Helper()
	next := NewBook()
	for contact, devices := range p.book.of {
		for id, s := range devices {
			l := Lane{Contact: contact, Device: id}
			lane, back, err := profile.ParseSessions(s.Row(l))
			if err != nil || lane != l {
				p.t.Fatal(err)
			}
			next.Restore(l, back)
		}
	}
	if len(next.Stale()) != 0 {
		p.t.Fatal("what was restored has to be stored")
	}
	next.deep = p.book.deep
	p.book = next
}

func TestInitsThatCanNotBeBrought(t *testing.T) {
	a, b := newParty(t), newParty(t)
	s := a.initiate(b, false, now())
	l := a.lane(b)
	arrived := a.seal(b, "it arrived after all", now())
	a.book.Stale()
	if a.book.Unbound(l) {
		t.Fatal("unbound before anything failed")
	}
	a.book.Unbind(l)
	if !a.book.Unbound(l) || a.book.Get(l).At != nil || len(a.book.Stale()) != 1 {
		t.Fatal("the init is still bound, or that is not stored")
	}
	a.reload()
	if !a.book.Unbound(l) {
		t.Fatal("bound again after a start")
	}
	next := a.initiate(b, false, now())
	if a.book.Unbound(l) || next.Gen() <= s.Gen() || a.book.Get(l).Set.Sending().ID() != next.ID() {
		t.Error("the next init does not take the place of the one before")
	}
	// The receipt was lost, not the envelope: the answer to it still opens.
	b.deliver(a, arrived, "it arrived after all", now())
	a.deliver(b, b.seal(a, "answer", now()), "answer", now())
	b.deliver(a, a.seal(b, "again", now()), "again", now())
	a.deliver(b, b.seal(a, "answer to that", now()), "answer to that", now())
	if a.book.Unbind(l); a.book.Unbound(l) {
		t.Error("a confirmed session has nothing to bring")
	}
}

func TestFarJumpsAreSearchedWithinABudget(t *testing.T) {
	a, b := pair(t)
	c := newParty(t)
	c.initiate(b, false, now())
	b.deliver(c, c.seal(b, "hello", now()), "hello", now())
	b.deliver(c, c.seal(b, "second", now()), "second", now())
	for range 300 {
		a.seal(b, "lost", now())
		c.seal(b, "lost", now())
	}
	b.deliver(a, a.seal(b, "far ahead", now()), "far ahead", now())
	junk := a.seal(b, "junk", now())
	for i := range 2 {
		copy(junk[34+i*envelope.SlotSize:], bytes.Repeat([]byte{byte(i + 1)}, envelope.TagSize))
	}
	for range delivery.BudgetPerHour { // whoever may put things on the drop can use it up
		if _, err := b.receive(a, junk, now()); !errors.Is(err, wire.ErrOpen) {
			t.Fatal(err)
		}
	}
	for range 300 {
		a.seal(b, "lost", now())
	}
	far, near := a.seal(b, "far", now()), a.seal(b, "near", now())
	if _, err := b.receive(a, far, now()); !errors.Is(err, wire.ErrOpen) {
		t.Fatalf("a search beyond the budget: %v", err)
	}
	b.deliver(c, c.seal(b, "another contact", now()), "another contact", now())
	b.deliver(a, far, "far", now().Add(time.Hour))
	b.deliver(a, near, "near", now().Add(time.Hour)) // by its tag
}

// TestAnEnvelopeOpensForItsContactOnly: what lies on the drop of another
// contact is not opened, whoever put it there, and what has been changed
// neither.
func TestAnEnvelopeOpensForItsContactOnly(t *testing.T) {
	b := newParty(t)
	var others []*party
	for range 4 {
		p := newParty(t)
		p.initiate(b, false, now())
		b.deliver(p, p.seal(b, "hello", now()), "hello", now())
		p.deliver(b, b.seal(p, "hello back", now()), "hello back", now())
		others = append(others, p)
	}
	at := now()
	for _, p := range others {
		env := p.seal(b, "for b", now())
		for _, wrong := range others {
			at = at.Add(time.Minute)
			if wrong == p {
				continue
			}
			if _, err := b.receive(wrong, env, at); !errors.Is(err, wire.ErrOpen) {
				t.Fatalf("opened for another contact: %v", err)
			}
		}
		for n := range 40 {
			changed := bytes.Clone(env)
			changed[2+(n*25)%(len(env)-2)] ^= 1
			parsed, err := envelope.Parse(changed)
			if err != nil {
				continue
			}
			if _, err := b.book.Open(b.number(p.identity.Public()), parsed, at); err == nil {
				t.Fatalf("an envelope opened with byte %d changed", 2+(n*25)%(len(env)-2))
			}
		}
		b.deliver(p, env, "for b", at)
	}
}

// city is several parties that talk at random, and what their disks hold.
type city struct {
	t       *testing.T
	r       *rand.Rand
	at      time.Time
	parties []*party
	disks   []map[string]profile.Row
	flying  []flight
	tags    [][envelope.TagSize]byte // of all envelopes
	opened  int
}

type flight struct {
	from, to int
	text     string
	env      []byte
}

func (c *city) step() {
	from := c.r.IntN(len(c.parties))
	to := (from + 1 + c.r.IntN(len(c.parties)-1)) % len(c.parties)
	p, other := c.parties[from], c.parties[to]
	l := p.lane(other)
	switch n := c.r.IntN(40); {
	case n == 0:
		c.at = c.at.Add(time.Duration(c.r.IntN(30*24)) * time.Hour)
		p.book.Prune(c.at)
	case n == 1 && p.book.Get(l) != nil:
		if p.book.Unbind(l); c.r.IntN(2) == 0 {
			p.book.Put(l, new(session.Set))
		}
	case n == 2:
		p.book.Know(l)
	case n < 6:
		other.renew(c.at)
		p.initiate(other, c.r.IntN(2) == 0, c.at)
	case n < 25:
		c.send(from, to)
	default:
		c.take()
	}
	c.at = c.at.Add(time.Duration(c.r.IntN(100)) * time.Second)
}

func (c *city) send(from, to int) {
	p, other := c.parties[from], c.parties[to]
	l := p.lane(other)
	d := p.book.Get(l)
	if d == nil || d.Set.Sending() == nil {
		return
	}
	for range 1 + c.r.IntN(3)*c.r.IntN(40) { // now and then many, that are lost
		text := fmt.Sprint(c.r.Uint64())
		env, err := p.book.Seal(l, d.Set.Sending(), letter(text), c.at)
		if err != nil {
			return // a responder that has received nothing yet
		}
		c.flying = append(c.flying, flight{from, to, text, env})
		tags := [][envelope.TagSize]byte{}
		if envelope.IsInit(env) {
			_, parsed, _ := envelope.ParseInit(env)
			tags = parsed.Tags()
		} else if parsed, err := envelope.Parse(env); err == nil {
			tags = parsed.Tags()
		}
		c.tags = append(c.tags, tags...)
	}
}

func (c *city) take() {
	if len(c.flying) == 0 {
		return
	}
	k := c.r.IntN(len(c.flying))
	f := c.flying[k]
	if c.r.IntN(5) > 0 {
		c.flying = slices.Delete(c.flying, k, k+1)
	}
	text, err := c.parties[f.to].receive(c.parties[f.from], f.env, c.at)
	if err == nil && text != f.text {
		c.t.Fatalf("%q came as %q", f.text, text)
	}
	if err == nil {
		c.opened++
	}
}

// check compares each Book with one that is built from what its disk holds.
func (c *city) check() {
	c.t.Helper()
	for n, p := range c.parties {
		for _, row := range p.book.Stale() {
			c.disks[n][string(row.Key)] = row
		}
		rebuilt := NewBook()
		for _, row := range c.disks[n] {
			l, s, err := profile.ParseSessions(row)
			if err != nil {
				c.t.Fatal(err)
			}
			rebuilt.Restore(l, s)
		}
		if err := same(p.book, rebuilt, c.tags); err != nil {
			c.t.Fatalf("party %d: %v", n, err)
		}
	}
}

// same compares two Books in everything that can be asked of them.
func same(a, b *Book, tags [][envelope.TagSize]byte) error {
	if !maps.Equal(a.inits, b.inits) {
		return fmt.Errorf("%d inits and %d", len(a.inits), len(b.inits))
	}
	if len(a.of) != len(b.of) {
		return fmt.Errorf("%d contacts and %d", len(a.of), len(b.of))
	}
	for contact, devices := range a.of {
		if len(devices) != len(b.of[contact]) {
			return fmt.Errorf("contact %d has %d devices and %d", contact, len(devices), len(b.of[contact]))
		}
		for id := range devices {
			l := Lane{Contact: contact, Device: id}
			if !bytes.Equal(a.Get(l).Row(l).Data, b.Get(l).Row(l).Data) {
				return fmt.Errorf("the rows of %v differ", l)
			}
		}
	}
	for _, tag := range tags {
		x, y := a.tags.Find(tag), b.tags.Find(tag)
		if len(x) != len(y) {
			return fmt.Errorf("a tag stands at %v and %v", x, y)
		}
		for _, hit := range x {
			if !slices.Contains(y, hit) {
				return fmt.Errorf("a tag stands at %v and %v", x, y)
			}
			if s := a.Get(hit.ID.lane).Set.Find(hit.ID.th); s == nil {
				return fmt.Errorf("a tag of a session that is gone")
			}
		}
	}
	return nil
}

func TestRandomOperationsKeepTheBookTrue(t *testing.T) {
	opened := 0
	for seed := range uint64(12) {
		c := &city{t: t, r: rand.New(rand.NewPCG(seed, 3)), at: now()}
		for range 3 {
			c.parties = append(c.parties, newParty(t))
			c.disks = append(c.disks, map[string]profile.Row{})
		}
		for step := range 250 {
			c.step()
			if step%10 == 0 {
				c.check()
			}
			if c.r.IntN(50) == 0 {
				c.check()
				c.parties[c.r.IntN(3)].reload()
			}
		}
		c.check()
		opened += c.opened
	}
	if opened < 300 {
		t.Errorf("only %d envelopes opened", opened)
	}
}

func TestRowsOfDevicesThatAreOnlyKnown(t *testing.T) {
	b, l := NewBook(), Lane{Contact: 3, Device: key.DeviceID{4}}
	b.Know(l)
	b.Know(l)
	rows := b.Stale()
	if len(rows) != 1 || rows[0].Table != profile.TableSession || len(b.Stale()) != 0 {
		t.Fatalf("rows %v", rows)
	}
	back, s, err := profile.ParseSessions(rows[0])
	if err != nil || back != l || s.At != nil || s.Sent || len(s.Set.All()) != 0 {
		t.Errorf("%v %+v: %v", back, s, err)
	}
}

func TestFits(t *testing.T) {
	b := NewBook()
	small := envelope.Record{Message: []byte("h"), Body: make([]byte, 10)}
	full := envelope.Record{Message: []byte("h"), Body: make([]byte, envelope.Room(envelope.Size1, 1)-small.Size()-22)}
	b.Know(Lane{Contact: 1, Device: key.DeviceID{1}})
	if !b.Fits(1, []envelope.Record{small}, small) || b.Fits(1, []envelope.Record{full}, small) {
		t.Error("a rider must not make the envelope larger")
	}
}
