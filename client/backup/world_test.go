package backup

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"testing"
	"time"

	"zeroms/client/delivery"
	"zeroms/client/profile"
	"zeroms/protocol/address"
	"zeroms/protocol/card"
	"zeroms/protocol/device"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
	"zeroms/protocol/session"
	"zeroms/protocol/wire"
)

// at is a moment that records keep exactly.
func at(minutes int64) time.Time { return time.UnixMilli(1_760_000_000_123 + minutes*60_000).UTC() }

func node(n byte) key.NodePublic { return key.PrivateFromSeed[key.Node]([32]byte{n, 1}).Public() }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// memory is a profile's store.
type memory struct {
	rows    map[string]profile.Row
	commits int
}

var _ Store = (*memory)(nil)

func newMemory(rows ...profile.Row) *memory {
	s := &memory{rows: map[string]profile.Row{}}
	s.put(rows...)
	return s
}

func (s *memory) put(rows ...profile.Row) {
	for _, r := range rows {
		s.rows[fmt.Sprintf("%d/%x", r.Table, r.Key)] = r
	}
}

func (s *memory) Load(context.Context) (out []profile.Row, err error) {
	for _, r := range s.rows {
		if r.Table != profile.TableMessage {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b profile.Row) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), bytes.Compare(a.Key, b.Key))
	})
	return out, nil
}

func (s *memory) Page(_ context.Context, conv uint64, before uint32, n int) (out []profile.Row, err error) {
	for _, r := range s.rows {
		if r.Table == profile.TableMessage && r.Conv == conv && r.Height < before {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b profile.Row) int {
		return cmp.Or(cmp.Compare(b.Height, a.Height), bytes.Compare(b.Key, a.Key))
	})
	for len(out) > n && out[len(out)-1].Height != out[n-1].Height {
		out = out[:len(out)-1]
	}
	return out, nil
}

func (s *memory) Message(_ context.Context, k []byte) (profile.Row, bool, error) {
	r, ok := s.rows[fmt.Sprintf("%d/%x", profile.TableMessage, k)]
	return r, ok, nil
}

func (s *memory) Commit(_ context.Context, b *profile.Batch) error {
	s.commits++
	s.put(b.Put...)
	for _, ref := range b.Erase {
		delete(s.rows, fmt.Sprintf("%d/%x", ref.Table, ref.Key))
	}
	return nil
}

// messages are the history with a contact in display order.
func (s *memory) messages(t *testing.T, conv uint64) (out []*profile.Message) {
	t.Helper()
	for _, r := range s.rows {
		if r.Table == profile.TableMessage && r.Conv == conv {
			out = append(out, must(profile.ParseMessage(r)))
		}
	}
	slices.SortFunc(out, func(a, b *profile.Message) int {
		return cmp.Or(cmp.Compare(a.Height, b.Height), bytes.Compare(a.ID[:], b.ID[:]))
	})
	return out
}

// person is somebody with one device, and their side of conversations.
type person struct {
	*profile.Self
}

func newPerson(name string) person { return person{must(profile.NewSelf(name, at(0)))} }

func (p person) talksTo(o person) *message.Conversation {
	origin, _ := p.List.Origin(p.Device)
	return message.New(message.Config{Self: p.User, Peer: o.User, Device: p.Device, List: p.List.Ref(), Origin: origin})
}

// says appends a text; the message is as it is stored with the speaker.
func (p person) says(conv *message.Conversation, text string, now time.Time) *profile.Message {
	body := must(message.EncodeBody(&message.Text{Text: text}))
	var salt [message.SaltSize]byte
	_, _ = rand.Read(salt[:])
	out := must(conv.Append(message.KindText, body, salt, now, p.Signer))
	m := profile.NewMessage(must(message.Parse(out.Signed)), profile.Content{User: p.User, Salt: salt, Body: body})
	m.Height, m.Outgoing, m.At = out.Height, true, now
	return m
}

// hears accepts a message of somebody else.
func (p person) hears(conv *message.Conversation, from person, m *profile.Message) (*profile.Message, error) {
	signed := must(message.Parse(m.Signed))
	d, _ := from.List.Device(m.Device)
	if err := signed.Verify(d.DSK, from.User, p.User); err != nil {
		return nil, err
	}
	origin, _ := from.List.Origin(m.Device)
	base := uint32(1)
	if m.Seq > 1 {
		base = 0
	}
	got, err := conv.Accept(signed, message.Arrival{Base: base, Origin: origin}, archive{})
	if err != nil {
		return nil, err
	}
	in := *m
	in.Outgoing, in.Height, in.Targets = false, got.Height, nil
	return &in, nil
}

// world is Alice's profile with everything that a profile can hold.
type world struct {
	alice, bob person
	bobs       *message.Conversation // Bob's side
	store      *memory
	contacts   []*profile.Contact // Bob, Carol (a request), Dave (never answered), Erin (blocked)
	secrets    map[string][]byte  // what no backup may hold
	texts      int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{alice: newPerson("Alice"), bob: newPerson("Bob"), store: newMemory(), secrets: map[string][]byte{}}
	w.people()
	w.talk(t)
	w.moment()
	return w
}

// people makes cards, homes and contacts.
func (w *world) people() {
	given, public, revoked := profile.NewCard(at(1)), profile.NewPublicCard(22, at(2)), profile.NewCard(at(3))
	revoked.Revoked = true
	home := &profile.Home{
		Address: card.Address{Node: node(1), Host: "home.example", Port: 443, Network: card.NetworkLab, Invite: key.NewInvite()},
		Added:   at(1), Position: wire.At(3, 9), R: [32]byte{4}, Published: [32]byte{5}, Heard: at(9),
	}
	former := &profile.Home{Address: card.Address{Node: node(9), Host: "left.example", Port: 443, Network: card.NetworkLab}, Added: at(1), Removed: at(4)}
	bob, carol, dave, erin := w.contact(1, w.bob.User, profile.Accepted), w.contact(2, newPerson("").User, profile.Requested),
		w.contact(3, newPerson("").User, profile.Accepted), w.contact(4, newPerson("").User, profile.Blocked)
	bob.Called, bob.Alias, bob.Verified, bob.List = "Bob", "Bobby", true, w.bob.List
	bob.Secret, bob.Theirs = key.NewAddressSecret(), key.NewDropSecret()
	bob.Leases = []profile.Gateway{profile.FromLease(address.Lease{Node: node(2), Host: "bob.example", Port: 8443})}
	bob.Registered[node(1)], bob.Announced = true, [32]byte{6}
	bob.NameAt = profile.Place{Height: 3, ID: [32]byte{1}, Device: w.bob.Device, Seq: 2}
	bob.Unread, bob.ReadAt = 2, at(8)
	carol.Via, carol.Waiting = given.ID, 3
	dave.Secret, dave.Door = key.NewAddressSecret(), key.NewDoorSecret()
	dave.Gateways = []profile.Gateway{profile.FromCard(card.Gateway{Hash: key.GatewayHashOf(node(3)), Host: "[2001:db8::1]", Port: 443})}
	w.contacts = []*profile.Contact{bob, carol, dave, erin}
	w.store.put(w.alice.Row(), given.Row(), public.Row(), revoked.Row(), home.Row(), former.Row())
	for _, c := range w.contacts {
		w.store.put(c.Row(), c.ConversationRow(w.alice.talksTo(person{&profile.Self{User: c.User}}).Snapshot()))
	}
	w.store.put((&profile.Evidence{ID: [16]byte{7}, Node: node(2), Fault: "rollback", At: 5, File: []byte("file"), Contact: 1}).Row())
}

func (w *world) contact(id uint64, user key.IdentityPublic, state profile.ContactState) *profile.Contact {
	c := profile.NewContact(user, at(int64(id)))
	c.ID, c.State, c.Network = id, state, card.NetworkLab
	return &c
}

// talk is a conversation of Alice and Bob that both have whole.
func (w *world) talk(t *testing.T) {
	t.Helper()
	alices := w.alice.talksTo(w.bob)
	w.bobs = w.bob.talksTo(w.alice)
	for n := range int64(6) {
		if n%2 == 0 {
			m := w.alice.says(alices, fmt.Sprintf("hello %d", n), at(10+n))
			m.Targets = []profile.Target{{Device: w.bob.Device, State: profile.Delivered, Submitted: 1, Custody: 2, Delivered: 3, Size: 1024, Receipt: []byte("receipt")}}
			must(w.bob.hears(w.bobs, w.alice, m))
			w.keep(m)
		} else {
			in := must(w.alice.hears(alices, w.bob, w.bob.says(w.bobs, fmt.Sprintf("hi %d", n), at(10+n))))
			in.Gateway = at(11 + n)
			w.keep(in)
		}
	}
	m := w.alice.says(alices, "never left", at(20))
	m.Targets = []profile.Target{{Device: w.bob.Device, State: profile.Queued}}
	w.keep(m)
	w.store.put(profile.ItemRow(&delivery.Item{ID: 4, Lane: delivery.Lane{Contact: 1, Device: w.bob.Device}, Message: m.ID, State: delivery.Waiting}, &profile.Parcel{
		Gateway: profile.FromLease(address.Lease{Node: node(2), Host: "bob.example", Port: 8443}), Envelope: w.secret("parcel", 1024),
	}))
	w.store.put(w.contacts[0].ConversationRow(alices.Snapshot()))
}

func (w *world) keep(m *profile.Message) {
	m.Contact = 1
	w.texts++
	w.store.put(m.Row())
}

// secret is random bytes that no backup may hold.
func (w *world) secret(name string, size int) []byte {
	b := make([]byte, size)
	_, _ = rand.Read(b)
	w.secrets[name] = b
	return b
}

// moment makes the secrets of the moment.
func (w *world) moment() {
	ref := w.alice.List.Ref()
	p := session.NewPrekey(w.alice.Signer, session.ListRef{N: ref.N, Hash: ref.Hash}, at(0))
	id := p.ID()
	w.store.put(profile.Row{Table: profile.TablePrekey, Key: id[:], Data: p.Encode()})
	w.secrets["prekey"] = private(p.Encode(), p.Bundle())
	theirs := session.NewPrekey(w.bob.Signer, session.ListRef{N: 1}, at(0))
	bundle := must(session.ParseBundle(theirs.Bundle(), w.bob.Signer.Public(), at(0)))
	set := new(session.Set)
	s, _, err := session.Initiate(session.InitParams{
		Identity: w.alice.User, Signer: w.alice.Signer, Peer: w.bob.User, Bundle: bundle, Gen: set.NextGen(at(0)), Drop: w.contacts[0].Mine, ListEntry: w.alice.Newest(),
	}, at(0))
	if err != nil {
		panic(err)
	}
	if set, err = set.Add(s, at(0)); err != nil {
		panic(err)
	}
	lane := delivery.Lane{Contact: 1, Device: w.bob.Device}
	row := (&profile.Sessions{Set: set}).Row(lane)
	w.store.put(row)
	entry := must(device.ParseEntry(w.bob.Newest()))
	hash := entry.Hash()
	w.secrets["session"] = private(row.Data, key.Join(w.bob.List.Encode(), w.alice.Newest(), hash[:], w.alice.List.Encode(), w.contacts[0].Mine.Bytes()))
	w.secrets["device secret"] = w.alice.Secret.Bytes()
	w.secrets["device key"] = w.alice.Signer.Seed()
	w.secrets["seed"] = w.alice.Seed.Bytes()
	w.secrets["identity key"] = w.alice.Identity.Seed()
	w.secrets["login key"] = w.alice.Secret.Login(node(1)).Seed()
	mk := w.alice.Seed.Mailbox(node(1))
	w.secrets["mailbox key"] = mk.Seed()
}

// window is how many equal bytes tell that something was copied.
const window = 16

// private is b with those windows blanked that are public anyway.
func private(b, public []byte) []byte {
	out := bytes.Clone(b)
	for n := 0; n+window <= len(b); n++ {
		if bytes.Contains(public, b[n:n+window]) {
			clear(out[n : n+window])
		}
	}
	return out
}

// holds reports whether plain holds a part of the secret.
func holds(plain, secret []byte) bool {
	blank := make([]byte, window)
	for n := 0; n+window <= len(secret); n++ {
		if part := secret[n : n+window]; !bytes.Contains(part, blank[:4]) && bytes.Contains(plain, part) {
			return true
		}
	}
	return false
}
