package session

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"zeroms/protocol/envelope"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// start is when the tests begin.
func start() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// side is one device with one peer device: what the engine does with sessions
// and envelopes, without its database.
type side struct {
	identity key.IdentityPrivate
	device   key.DevicePrivate
	prekeys  []*Prekey
	doors    map[key.CardID]key.DoorSecret
	set      *Set
	index    Index[[32]byte]
	inits    map[[32]byte][32]byte   // H(enc) -> session
	block    *Block                  // of the last init that was accepted
	base     uint32                  // of the last header
	used     map[[32]byte]bool       // message keys that this side sent with
	opened   map[[32]byte]bool       // and received with
	healed   map[string]key.DHPublic // session and pqid of what opened -> the chain's ratchet key
}

func newSide(now time.Time) *side {
	s := &side{
		identity: key.NewPrivate[key.Identity](), device: key.NewPrivate[key.Device](), doors: map[key.CardID]key.DoorSecret{},
		set: new(Set), inits: map[[32]byte][32]byte{}, used: map[[32]byte]bool{}, opened: map[[32]byte]bool{}, healed: map[string]key.DHPublic{},
	}
	s.prekeys = []*Prekey{NewPrekey(s.device, ListRef{N: 1}, now)}
	return s
}

func (s *side) bundle(t testing.TB, now time.Time) *Bundle {
	t.Helper()
	b, err := ParseBundle(s.prekeys[len(s.prekeys)-1].Bundle(), s.device.Public(), now)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// params are those of an init to the peer.
func (s *side) params(t testing.TB, peer *side, now time.Time) InitParams {
	return InitParams{
		Identity: s.identity.Public(), Signer: s.device, Peer: peer.identity.Public(), Bundle: peer.bundle(t, now),
		Gen: s.set.NextGen(now), Drop: key.NewDropSecret(), Leases: []Lease{{1, 2, 3}}, ListEntry: []byte("list entry"),
	}
}

func (s *side) initiate(t testing.TB, peer *side, now time.Time) *Session {
	t.Helper()
	made, m, err := Initiate(s.params(t, peer, now), now)
	if err != nil {
		t.Fatal(err)
	}
	if made.Init() != m {
		t.Fatal("the session does not repeat its init")
	}
	s.add(t, made, now)
	return made
}

func (s *side) add(t testing.TB, made *Session, now time.Time) {
	t.Helper()
	next, err := s.set.Add(made, now)
	if err != nil {
		t.Fatal(err)
	}
	s.adopt(next)
}

// adopt makes a set the current one and keeps the index in step.
func (s *side) adopt(next *Set) {
	for _, old := range s.set.All() {
		if next.Find(old.ID()) == nil {
			s.index.Remove(old.ID())
		}
	}
	for _, one := range next.All() {
		s.index.Update(one.ID(), one)
	}
	s.set = next
}

// put makes next the state of its session, as it comes back from storage.
func (s *side) put(t testing.TB, next *Session) {
	t.Helper()
	set, err := s.set.Put(next)
	if err != nil {
		t.Fatal(err)
	}
	s.adopt(set)
}

func textRecord(text string) []envelope.Record {
	return []envelope.Record{{Message: []byte("header of " + text[:min(len(text), 100)]), Body: []byte(text)}}
}

// send packs a text on the sending session.
func (s *side) send(t testing.TB, text string, now time.Time) []byte {
	t.Helper()
	return s.sendOn(t, s.set.Sending(), text, now)
}

func (s *side) sendOn(t testing.TB, from *Session, text string, now time.Time) []byte {
	t.Helper()
	next, slot, err := from.Send(77, now)
	if err != nil {
		t.Fatal(err)
	}
	if s.used[slot.MessageKey] {
		t.Fatal("a message key was used twice")
	}
	s.used[slot.MessageKey] = true
	s.put(t, next)
	var env []byte
	if m := next.Init(); m != nil {
		env, err = envelope.PackInit((*envelope.Init)(m), textRecord(text), envelope.Slot(slot))
	} else {
		env, err = envelope.Pack(textRecord(text), []envelope.Slot{envelope.Slot(slot)}, 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	return env
}

var errNothing = errors.New("no session opens this envelope")

// receive opens an envelope and returns its text. After an error nothing of the
// side has changed.
func (s *side) receive(env []byte, now time.Time) (string, error) {
	if !envelope.IsInit(env) {
		e, err := envelope.Parse(env)
		if err != nil {
			return "", err
		}
		return s.receiveFrom(e, s.set.All(), now)
	}
	in, e, err := envelope.ParseInit(env)
	if err != nil {
		return "", err
	}
	m := (*InitMessage)(in)
	if th, ok := s.inits[m.Hash()]; ok {
		known := s.set.Find(th)
		if known == nil {
			return "", wire.ErrReplayed
		}
		return s.receiveFrom(e, []*Session{known}, now)
	}
	made, block, err := Accept(s.acceptParams(), m, now)
	if err != nil {
		return "", err
	}
	slot, at, ok := made.Search(e.Tags(), MaxSearch)
	if !ok {
		return "", errNothing
	}
	next, text, err := s.open(e, slot, made, at, now)
	if err != nil {
		return "", err
	}
	set, err := s.set.Add(next, now)
	if err != nil {
		return "", err
	}
	s.adopt(set)
	s.inits[m.Hash()], s.block = next.ID(), block
	return text, nil
}

func (s *side) acceptParams() AcceptParams {
	return AcceptParams{Identity: s.identity.Public(), Device: s.device.Public(), Prekeys: s.prekeys,
		Door: func(id key.CardID) (key.DoorSecret, bool) { d, ok := s.doors[id]; return d, ok }}
}

// receiveFrom opens an envelope of a known session: by the index, else by a
// deep search.
func (s *side) receiveFrom(e *envelope.Envelope, among []*Session, now time.Time) (string, error) {
	for slot, tag := range e.Tags() {
		for _, hit := range s.index.Find(tag) {
			if next, text, err := s.open(e, slot, s.set.Find(hit.ID), hit.Place, now); err == nil {
				set, err := s.set.Put(next)
				if err != nil {
					return "", err
				}
				s.adopt(set)
				return text, nil
			}
		}
	}
	for _, one := range among {
		if slot, at, ok := one.Search(e.Tags(), MaxSearch); ok {
			next, text, err := s.open(e, slot, one, at, now)
			if err != nil {
				return "", err
			}
			set, err := s.set.Put(next)
			if err != nil {
				return "", err
			}
			s.adopt(set)
			return text, nil
		}
	}
	return "", errNothing
}

// open goes through one slot.
func (s *side) open(e *envelope.Envelope, slot int, from *Session, at Place, now time.Time) (*Session, string, error) {
	hk, ok := from.HeaderKey(at)
	if !ok {
		return nil, "", errNothing
	}
	header, err := e.OpenHeader(slot, at.I, hk)
	if err != nil {
		return nil, "", err
	}
	next, mk, err := from.Receive(at, header, now)
	if err != nil {
		return nil, "", err
	}
	records, err := e.OpenBody(slot, mk)
	if err != nil {
		return nil, "", err
	}
	if s.opened[mk] {
		return nil, "", errors.New("a message key opened twice")
	}
	s.opened[mk] = true
	h := ParseHeader(header)
	s.base = h.Base
	if h.PQ != 0 {
		name := fmt.Sprintf("%x %d", from.th, h.PQ)
		if dh, known := s.healed[name]; known && dh != h.DH {
			return nil, "", errors.New("two chains name one secret")
		}
		s.healed[name] = h.DH
	}
	return next, string(records[0].Body), nil
}

// deliver receives an envelope that has to open to a text.
func (s *side) deliver(t testing.TB, env []byte, text string, now time.Time) {
	t.Helper()
	got, err := s.receive(env, now)
	if err != nil || got != text {
		t.Fatalf("%q came as %q: %v", text, got, err)
	}
}

// pair is two sides of which a initiated and b answered.
func pair(t testing.TB, now time.Time) (a, b *side) {
	t.Helper()
	a, b = newSide(now), newSide(now)
	a.initiate(t, b, now)
	b.deliver(t, a.send(t, "first", now), "first", now)
	a.deliver(t, b.send(t, "second", now), "second", now)
	return a, b
}

// exchange sends a text each way, so that both make a step.
func exchange(t testing.TB, a, b *side, n int, now time.Time) {
	t.Helper()
	for k := range n {
		text := fmt.Sprintf("there %d", k)
		b.deliver(t, a.send(t, text, now), text, now)
		text = fmt.Sprintf("back %d", k)
		a.deliver(t, b.send(t, text, now), text, now)
	}
}

// snapshot is everything of a side that a refused envelope must not change.
func (s *side) snapshot() string {
	return fmt.Sprintf("%x %d %d %d", s.set.Encode(), len(s.inits), len(s.index.hits), len(s.opened))
}
