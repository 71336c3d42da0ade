package message

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"zeroms/protocol/device"
	"zeroms/protocol/key"
)

var start = time.UnixMilli(1_760_000_000_123)

func identity(i byte) key.IdentityPublic {
	return key.PrivateFromSeed[key.Identity]([32]byte{0: i, 31: 1}).Public()
}

func signer(i byte) key.DevicePrivate {
	return key.PrivateFromSeed[key.Device]([32]byte{0: i, 31: 2})
}

func idOfSigner(i byte) key.DeviceID { return key.DeviceIDOf(signer(i).Public()) }

// origin stands for the device list entry that added device i.
func origin(i byte) [32]byte { return [32]byte{0: i, 1: 0xee} }

// peer is one device with its conversation, its archive and what is durable.
type peer struct {
	name   byte
	party  Party
	dsk    key.DevicePrivate
	cfg    Config
	conv   *Conversation
	stored []byte // the newest snapshot

	heights map[Short]uint32
	ids     map[ID]uint32
	places  map[place]ID
	sentRaw map[uint32][]byte // own messages by seq
}

type place struct {
	party Party
	seq   uint32
}

// newPeer makes device i of user in a conversation with other.
func newPeer(i byte, user, other key.IdentityPublic) *peer {
	p := &peer{name: i, party: Party{User: user, Device: idOfSigner(i)}, dsk: signer(i), heights: map[Short]uint32{}, ids: map[ID]uint32{}, places: map[place]ID{}, sentRaw: map[uint32][]byte{}}
	p.cfg = Config{Self: user, Peer: other, Device: p.party.Device, List: device.Ref{N: 3, Hash: [16]byte{i}}, Origin: origin(i)}
	p.conv = New(p.cfg)
	p.stored = p.conv.Snapshot()
	return p
}

func newPair() (a, b *peer) {
	return newPeer(1, identity(1), identity(2)), newPeer(2, identity(2), identity(1))
}

// Height is the Archive's.
func (p *peer) Height(s Short) (uint32, bool) { h, ok := p.heights[s]; return h, ok }

// At is the Archive's.
func (p *peer) At(party Party, seq uint32) (ID, bool) {
	id, ok := p.places[place{party, seq}]
	return id, ok
}

// write appends a text and commits.
func (p *peer) write(t testing.TB, text string) sent {
	t.Helper()
	body, err := EncodeBody(&Text{Text: text})
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.conv.Append(KindText, body, [SaltSize]byte{1}, start, p.dsk)
	if err != nil {
		t.Fatalf("Append: %v", err)
	}
	p.commit(p.party, out.Seq, out.ID, out.Height)
	p.sentRaw[out.Seq] = out.Signed
	return sent{from: p, raw: out.Signed, seq: out.Seq, id: out.ID}
}

// commit stores one message and the state.
func (p *peer) commit(from Party, seq uint32, id ID, height uint32) {
	p.heights[id.Short()], p.ids[id], p.places[place{from, seq}] = height, height, id
	p.stored = p.conv.Snapshot()
}

// restart forgets everything but what is durable.
func (p *peer) restart(t testing.TB) {
	t.Helper()
	c, err := Restore(p.cfg, p.stored)
	if err != nil {
		t.Fatalf("Restore: %v", err)
	}
	if !bytes.Equal(c.Snapshot(), p.stored) {
		t.Fatal("a restored state has another snapshot")
	}
	p.conv = c
}

// sent is a message on its way.
type sent struct {
	from *peer
	raw  []byte
	seq  uint32
	id   ID
	base uint32
}

// message is the verified message.
func (s sent) message(t testing.TB, to *peer) *Message {
	t.Helper()
	m, err := Parse(s.raw)
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	if err := m.Verify(s.from.dsk.Public(), s.from.cfg.Self, s.from.cfg.Peer); err != nil {
		t.Fatalf("Verify: %v", err)
	}
	return m
}

// take accepts a message without committing.
func (p *peer) take(t testing.TB, s sent) (Accepted, error) {
	t.Helper()
	base := s.base
	if base == 0 {
		base = 1
	}
	return p.conv.Accept(s.message(t, p), Arrival{Base: base, Origin: s.from.cfg.Origin}, p)
}

// accept takes a message, commits, and fails on errors.
func (p *peer) accept(t testing.TB, s sent) Accepted {
	t.Helper()
	got, err := p.take(t, s)
	if err != nil {
		t.Fatalf("Accept of %d from %d at %d: %v", s.seq, s.from.name, p.name, err)
	}
	p.save(s, got)
	return got
}

func (p *peer) save(s sent, got Accepted) {
	for _, m := range got.Moved {
		p.heights[m.ID.Short()], p.ids[m.ID] = m.Height, m.Height
	}
	if got.Duplicate {
		p.stored = p.conv.Snapshot()
		return
	}
	p.commit(s.from.party, got.Seq, got.ID, got.Height)
}

// order is every message in display order.
func (p *peer) order() []ID {
	ids := make([]ID, 0, len(p.ids))
	for id := range p.ids {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b ID) int {
		return cmp.Or(cmp.Compare(p.ids[a], p.ids[b]), bytes.Compare(a[:], b[:]))
	})
	return ids
}

// world sends messages between devices over a network that reorders and
// repeats, while devices crash.
type world struct {
	t     *testing.T
	rng   *rand.Rand
	peers []*peer
	queue map[*peer][]sent
	once  map[place]ID
}

func newWorld(t *testing.T, seed uint64, peers ...*peer) *world {
	return &world{t: t, rng: rand.New(rand.NewPCG(seed, 1)), peers: peers, queue: map[*peer][]sent{}, once: map[place]ID{}}
}

// run writes n messages and delivers everything.
func (w *world) run(n int) {
	for n > 0 || w.waiting() > 0 {
		p := w.peers[w.rng.IntN(len(w.peers))]
		if w.rng.IntN(50) == 0 {
			p.restart(w.t)
		}
		if n > 0 && w.rng.IntN(1+len(w.peers)) == 0 && w.waiting() < 200 {
			w.send(p, n)
			n--
			continue
		}
		w.deliver(p)
	}
}

func (w *world) waiting() (n int) {
	for _, q := range w.queue {
		n += len(q)
	}
	return n
}

func (w *world) send(p *peer, n int) {
	if w.rng.IntN(20) == 0 { // a crash before the commit
		body, _ := EncodeBody(&Text{Text: "lost"})
		if _, err := p.conv.Append(KindText, body, [SaltSize]byte{2}, start, p.dsk); err != nil {
			w.t.Fatal(err)
		}
		p.restart(w.t)
	}
	s := p.write(w.t, fmt.Sprintf("message %d", n))
	at := place{p.party, s.seq}
	if _, twice := w.once[at]; twice {
		w.t.Fatalf("seq %d of device %d was given twice", s.seq, p.name)
	}
	w.once[at] = s.id
	for _, to := range w.peers {
		if to != p {
			s.base = p.conv.Address(to.party, s.seq)
			w.queue[to] = append(w.queue[to], s)
		}
	}
	p.stored = p.conv.Snapshot()
}

func (w *world) deliver(p *peer) {
	q := w.queue[p]
	if len(q) == 0 {
		return
	}
	i := w.rng.IntN(min(len(q), 40))
	s := q[i]
	switch w.rng.IntN(12) {
	case 0: // a crash before the commit: it comes again
		before := p.conv.Clone()
		if _, err := p.take(w.t, s); err != nil {
			w.t.Fatal(err)
		}
		p.conv = before
		if !bytes.Equal(p.conv.Snapshot(), p.stored) {
			w.t.Fatal("a clone was changed by the original")
		}
	case 1: // it comes again later
		p.accept(w.t, s)
	default:
		p.accept(w.t, s)
		w.queue[p] = slices.Delete(q, i, i+1)
	}
}

// agree checks that all devices have all messages in one order.
func (w *world) agree() {
	w.t.Helper()
	want := w.peers[0].order()
	if len(want) != len(w.once) {
		w.t.Errorf("device %d has %d of %d messages", w.peers[0].name, len(want), len(w.once))
	}
	for _, p := range w.peers {
		if !slices.Equal(p.order(), want) {
			w.t.Errorf("device %d has another order", p.name)
		}
		if gaps := p.conv.Gaps(); len(gaps) != 0 {
			w.t.Errorf("device %d misses %v", p.name, gaps)
		}
		if n := len(p.conv.pending); n != 0 {
			w.t.Errorf("device %d has %d messages without a final place", p.name, n)
		}
	}
}

// acknowledge has every device acknowledge everything to all others.
func (w *world) acknowledge() {
	for _, p := range w.peers {
		ack, _ := p.conv.Ack(key.DeviceID{}, [NonceSize]byte{})
		for _, to := range w.peers {
			if to == p {
				continue
			}
			to.conv.Acked(p.party, ack)
			for seq := uint32(1); seq <= to.conv.chains[0].Head; seq++ {
				if !to.conv.Delivered(p.party, seq) {
					w.t.Fatalf("message %d of device %d is not delivered to %d", seq, to.name, p.name)
				}
			}
		}
	}
}

func TestBothEndsAgree(t *testing.T) {
	a, b := newPair()
	w := newWorld(t, 1, a, b)
	w.run(5000)
	w.agree()
	w.acknowledge()
}

func TestAllDevicesAgree(t *testing.T) {
	for seed := range uint64(4) {
		x, y := identity(1), identity(2)
		w := newWorld(t, seed, newPeer(1, x, y), newPeer(2, y, x), newPeer(3, x, y), newPeer(4, y, x))
		w.run(400)
		w.agree()
		w.acknowledge()
	}
}

func TestOwnDevicesAgreeInTheSelfConversation(t *testing.T) {
	x := identity(1)
	w := newWorld(t, 7, newPeer(1, x, x), newPeer(2, x, x), newPeer(3, x, x))
	w.run(300)
	w.agree()
	w.acknowledge()
	if w.peers[0].conv.ID() != ConvSelf(x) {
		t.Error("not the self conversation")
	}
}
