package profile

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"zeroms/client/delivery"
	"zeroms/protocol/address"
	"zeroms/protocol/card"
	"zeroms/protocol/device"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
	"zeroms/protocol/session"
	"zeroms/protocol/wire"
)

// at is a moment that rows keep exactly.
func at(minutes int64) time.Time { return time.UnixMilli(1_760_000_000_123 + minutes*60_000).UTC() }

func node(n byte) key.NodePublic { return key.PrivateFromSeed[key.Node]([32]byte{n, 1}).Public() }

// sample is a row and what reads it: again returns the row of what was read.
type sample struct {
	name  string
	row   Row
	again func(Row) (Row, error)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func againSelf(r Row) (Row, error) {
	s, err := ParseSelf(r)
	if err != nil {
		return Row{}, err
	}
	return s.Row(), nil
}

func againCard(r Row) (Row, error) {
	c, err := ParseCard(r)
	if err != nil {
		return Row{}, err
	}
	return c.Row(), nil
}

func againHome(r Row) (Row, error) {
	h, err := ParseHome(r)
	if err != nil {
		return Row{}, err
	}
	return h.Row(), nil
}

func againContact(r Row) (Row, error) {
	c, err := ParseContact(r)
	if err != nil {
		return Row{}, err
	}
	return c.Row(), nil
}

func againConversation(r Row) (Row, error) {
	c := Contact{ID: r.Conv}
	snapshot, err := c.ParseConversation(r)
	if err != nil {
		return Row{}, err
	}
	return c.ConversationRow(snapshot), nil
}

func againMessage(r Row) (Row, error) {
	m, err := ParseMessage(r)
	if err != nil {
		return Row{}, err
	}
	return m.Row(), nil
}

func againItem(r Row) (Row, error) {
	i, p, err := ParseItem(r)
	if err != nil {
		return Row{}, err
	}
	return ItemRow(&i, p), nil
}

func againSessions(r Row) (Row, error) {
	l, s, err := ParseSessions(r)
	if err != nil {
		return Row{}, err
	}
	return s.Row(l), nil
}

func gateways() []Gateway {
	return []Gateway{
		FromCard(card.Gateway{Hash: key.GatewayHashOf(node(1)), Host: "[2001:db8::1]", Port: 443}),
		FromLease(address.Lease{Node: node(2), Host: "gateway.example", Port: 8443}),
		FromLease(address.Lease{Node: node(3), Host: "127.0.0.1", Port: 1, Plain: true}),
	}
}

// fullContact has every optional part.
func fullContact() Contact {
	seed, secret := key.NewSeed(), key.NewDeviceSecret()
	list := device.NewList(seed.Identity().Public())
	must(list.Accept(device.First(seed.Identity(), secret.Signer(), at(0))))
	c := NewContact(seed.Identity().Public(), at(1))
	c.ID, c.Alias, c.Called, c.State, c.Verified, c.Network = 7, "Al", "Alice", Accepted, true, card.NetworkLab
	c.Secret, c.Door, c.Theirs = key.NewAddressSecret(), key.NewDoorSecret(), key.NewDropSecret()
	c.Gateways, c.Turn, c.Leases, c.Announced, c.List = gateways(), 3, gateways()[1:], [32]byte{9}, list
	c.Registered[node(1)], c.Registered[node(2)] = true, true
	c.Unread, c.ReadAt, c.AckOwed = 4, at(5), true
	c.Leases[0].Made = 77
	return c
}

// text is a message of a conversation with a contact.
func text() *Message {
	self, peer := key.NewPrivate[key.Identity]().Public(), key.NewPrivate[key.Identity]().Public()
	dsk := key.NewPrivate[key.Device]()
	conv := message.New(message.Config{Self: self, Peer: peer, Device: key.DeviceIDOf(dsk.Public()), List: device.Ref{N: 1, Hash: [16]byte{1}}, Origin: [32]byte{2}})
	body := must(message.EncodeBody(&message.Text{Text: "hello"}))
	out := must(conv.Append(message.KindText, body, [message.SaltSize]byte{3}, at(2), dsk))
	m := NewMessage(must(message.Parse(out.Signed)), Content{User: self, Salt: [message.SaltSize]byte{3}, Body: body})
	m.Contact, m.Height, m.At = 7, out.Height, at(3)
	return m
}

// sessionSet holds an own init that nobody answered.
func sessionSet() (key.DeviceID, *session.Set) {
	a, b := key.NewPrivate[key.Device](), key.NewPrivate[key.Device]()
	bundle := must(session.ParseBundle(session.NewPrekey(b, session.ListRef{N: 1}, at(0)).Bundle(), b.Public(), at(0)))
	set := new(session.Set)
	s, _, err := session.Initiate(session.InitParams{
		Identity: key.NewPrivate[key.Identity]().Public(), Signer: a, Peer: key.NewPrivate[key.Identity]().Public(),
		Bundle: bundle, Gen: set.NextGen(at(0)), Drop: key.NewDropSecret(), ListEntry: []byte("entry"),
	}, at(0))
	if err != nil {
		panic(err)
	}
	return key.DeviceIDOf(b.Public()), must(set.Add(s, at(0)))
}

// samples are rows of every type, each with all optional parts and with none.
func samples() []sample {
	self := must(NewSelf("Alice", at(0)))
	given := NewCard(at(1))
	spare := NewCard(at(2))
	given.Doors[node(1)], given.Doors[node(2)], given.Revoked = true, true, true
	home := &Home{Address: card.Address{Node: node(1), Host: "gateway.example", Port: 443, Network: card.NetworkLab}}
	invited := &Home{
		Address: card.Address{Node: node(2), Host: "[::1]", Port: 1, Network: card.NetworkLab, Plain: true, Invite: key.NewInvite()},
		Added:   at(3), Position: wire.At(2, 9), R: [32]byte{4}, Published: [32]byte{5},
	}
	renewed := must(NewSelf("Ann", at(0)))
	renewed.Former, renewed.Renewed = key.NewAddressSecret(), at(7)
	shows := NewCard(at(3))
	shows.Address = renewed.Former
	invited.Packed = bytes.Repeat([]byte{7}, address.LeaseSize)
	invited.Old = []*OldBlob{{Secret: renewed.Former, Print: [32]byte{8}}, {Secret: key.NewAddressSecret()}}
	gone, shut := fullContact(), fullContact()
	gone.Remove(false)
	shut.Shut = true
	full, empty := fullContact(), NewContact(key.NewPrivate[key.Identity]().Public(), at(0))
	plain, sent, direct := text(), text(), text()
	direct.Outgoing, direct.Direct = true, []key.DeviceID{{1}, {2}}
	sent.Outgoing, sent.Late, sent.Gateway = true, true, at(9)
	sent.Target(key.DeviceID{1}).State = Delivered
	*sent.Target(key.DeviceID{2}) = Target{
		Device: key.DeviceID{2}, State: InCustody, Holder: key.GatewayHash{1}, Submitted: 1, Custody: 2, Until: 3, Delivered: 4, Size: 1024,
	}
	waiting := delivery.Item{ID: 5, Lane: delivery.Lane{Contact: 7}, Message: [32]byte{1}, State: delivery.Waiting}
	under := delivery.Item{ID: 6, Lane: delivery.Lane{Contact: 7, Device: key.DeviceID{8}}, Message: [32]byte{2}, State: delivery.Custody, Door: true, Until: at(4)}
	parcel := &Parcel{Gateway: gateways()[1], Network: card.NetworkLab, Drop: key.DropID{1}, MAC: [16]byte{2}, Envelope: bytes.Repeat([]byte{3}, 1024)}
	id, set := sessionSet()
	l := delivery.Lane{Contact: 7, Device: id}
	return []sample{
		{"self", self.Row(), againSelf}, {"renewed self", renewed.Row(), againSelf}, {"card of an address", shows.Row(), againCard},
		{"removed contact", gone.Row(), againContact}, {"shut contact", shut.Row(), againContact},
		{"card", spare.Row(), againCard}, {"card in use", given.Row(), againCard},
		{"home", home.Row(), againHome}, {"home in use", invited.Row(), againHome},
		{"contact", empty.Row(), againContact}, {"full contact", full.Row(), againContact},
		{"conversation", empty.ConversationRow(nil), againConversation}, {"read conversation", full.ConversationRow([]byte{1, 2}), againConversation},
		{"message", plain.Row(), againMessage}, {"message with targets", sent.Row(), againMessage}, {"message sent directly", direct.Row(), againMessage},
		{"item", ItemRow(&waiting, nil), againItem}, {"item with parcel", ItemRow(&under, parcel), againItem},
		{"no session", (&Sessions{Set: new(session.Set)}).Row(l), againSessions},
		{"sessions", (&Sessions{Set: set, At: &gateways()[0], Door: true, Sent: true}).Row(l), againSessions},
	}
}

func TestRowsComeBack(t *testing.T) {
	for _, s := range samples() {
		got, err := s.again(s.row)
		if err != nil || !reflect.DeepEqual(got, s.row) {
			t.Errorf("%s: %v\n got %+v\nwant %+v", s.name, err, got, s.row)
		}
		if len(s.row.Key) > 32 || len(s.row.Alias) > 32 {
			t.Errorf("%s: a key of %d and %d bytes", s.name, len(s.row.Key), len(s.row.Alias))
		}
	}
}

func TestDamagedRowsAreRefused(t *testing.T) {
	for _, s := range samples() {
		whole := s.row.Data
		for n := range whole {
			s.row.Data = whole[:n]
			if _, err := s.again(s.row); err == nil {
				t.Fatalf("%s: %d of %d bytes are enough", s.name, n, len(whole))
			}
		}
		for _, tail := range [][]byte{{0}, {0xf6}, whole} {
			s.row.Data = key.Join(whole, tail)
			if _, err := s.again(s.row); !errors.Is(err, wire.ErrTrailing) {
				t.Errorf("%s with a tail: %v", s.name, err)
			}
		}
	}
}

// TestNewerRowsSayThatTheyAreNewer: with the same fields, with more, and with
// a version of two bytes.
func TestNewerRowsSayThatTheyAreNewer(t *testing.T) {
	for _, s := range samples() {
		old := s.row.Data
		newer := map[string][]byte{"version 2": bytes.Clone(old), "version 24": nil, "version 255": nil, "more fields": nil}
		newer["version 2"][2] = 2
		newer["version 24"] = key.Join(old[:2], []byte{24, 24}, old[3:])
		newer["version 255"] = key.Join(old[:2], []byte{24, 255}, old[3:])
		more := key.Join(old, []byte{0x18, 0x63, 1}) // field 99
		more[0], more[2] = more[0]+1, 2
		newer["more fields"] = more
		newer["many fields"] = key.Join([]byte{0xb8, 30, 1, 9}, old[3:])
		for name, data := range newer {
			s.row.Data = data
			_, err := s.again(s.row)
			if !errors.Is(err, wire.ErrVersion) || !strings.Contains(err.Error(), "newer version") {
				t.Errorf("%s, %s: %v", s.name, name, err)
			}
		}
		s.row.Data = bytes.Clone(old)
		s.row.Data[2] = 0
		if _, err := s.again(s.row); !errors.Is(err, wire.ErrValue) {
			t.Errorf("%s, version 0: %v", s.name, err)
		}
	}
}

func TestContentsComeBack(t *testing.T) {
	c := fullContact()
	got := must(ParseContact(c.Row()))
	must(got.ParseConversation(c.ConversationRow(nil)))
	for name, same := range map[string]bool{
		"names":    got.ID == c.ID && got.User == c.User && got.Alias == c.Alias && got.Called == c.Called,
		"state":    got.State == c.State && got.Verified == c.Verified && got.Added.Equal(c.Added) && got.Network == c.Network,
		"secrets":  got.Secret.Equal(c.Secret.Bytes()) && got.Door.Equal(c.Door.Bytes()) && got.Mine.Equal(c.Mine.Bytes()) && got.Theirs.Equal(c.Theirs.Bytes()),
		"gateways": fmt.Sprint(got.Gateways, got.Leases) == fmt.Sprint(c.Gateways, c.Leases) && got.Turn == c.Turn,
		"own side": reflect.DeepEqual(got.Registered, c.Registered) && got.Announced == c.Announced,
		"list":     got.List.Ref() == c.List.Ref(),
		"reading":  got.Unread == c.Unread && got.ReadAt.Equal(c.ReadAt) && got.AckOwed,
	} {
		if !same {
			t.Errorf("%s of a contact changed", name)
		}
	}
	empty := NewContact(c.User, at(0))
	if got := must(ParseContact(empty.Row())); !got.Theirs.IsZero() || got.List != nil || got.Registered == nil {
		t.Errorf("an empty contact came back with %+v", got)
	}
	s := must(NewSelf("Alice", at(0)))
	back := must(ParseSelf(s.Row()))
	if back.User != s.User || back.Device != s.Device || back.Name != s.Name || !back.Created.Equal(s.Created) ||
		!back.Address.Equal(s.Address.Bytes()) || !bytes.Equal(back.Newest(), s.Newest()) || !back.List.Live(back.Device) {
		t.Error("the owner changed")
	}
	m := text()
	if got := must(ParseMessage(m.Row())); got.ID != m.ID || got.Seq != 1 || got.Kind != message.KindText || !got.Gateway.IsZero() || !got.Written.Equal(at(2)) {
		t.Errorf("a message came back as %+v", got)
	}
}

func TestASelfThatDoesNotBelongTogether(t *testing.T) {
	a, b := must(NewSelf("Alice", at(0))), must(NewSelf("Bob", at(0)))
	for name, mix := range map[string]func(*Self){
		"another's list":   func(s *Self) { s.Entries = b.Entries },
		"another's device": func(s *Self) { s.Secret = b.Secret },
		"no list":          func(s *Self) { s.Entries = nil },
		"garbage":          func(s *Self) { s.Entries = [][]byte{{1}} },
	} {
		s := *a
		mix(&s)
		if _, err := ParseSelf(s.Row()); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestGateways(t *testing.T) {
	g := gateways()
	if g[0].Known() || g[0].Node() != (key.NodePublic{}) || g[0].Host != "2001:db8::1" || !bytes.Equal(g[0].Endpoint().Node, g[0].Hash[:]) {
		t.Errorf("from a card: %+v", g[0])
	}
	if !g[1].Known() || g[1].Node() != node(2) || g[1].Hash != key.GatewayHashOf(node(2)) || key.NodePublic(g[1].Endpoint().Node) != node(2) {
		t.Errorf("from a lease: %+v", g[1])
	}
	h := Home{Address: card.Address{Node: node(2), Host: "[::1]", Port: 1, Plain: true}}
	if l := h.Lease(); l.Host != "::1" || l.Node != node(2) || !l.Plain {
		t.Errorf("lease %+v", l)
	}
}

func TestProgressOfAMessage(t *testing.T) {
	m := text()
	if m.Slowest() != nil {
		t.Fatal("a target without any")
	}
	for n, s := range []MessageState{Delivered, Read, InCustody, Queued, Failed, Queued} {
		m.Target(key.DeviceID{byte(n)}).State = s
		want := []MessageState{Delivered, Delivered, InCustody, Queued, Failed, Failed}[n]
		if got := m.Slowest().State; got != want || len(m.Targets) != n+1 {
			t.Errorf("slowest after %d: %v, want %v", n, got, want)
		}
	}
}

func TestDays(t *testing.T) {
	for ms, want := range map[int64]uint32{-1: 0, 0: 0, 86_399_999: 0, 86_400_000: 1} {
		if got := Day(time.UnixMilli(ms)); got != want {
			t.Errorf("day of %d: %d", ms, got)
		}
	}
}

func TestNamesOfAContact(t *testing.T) {
	c := NewContact(node1User(), at(0))
	if got := c.Name(); got != key.UserIDText(c.User)[:8] {
		t.Errorf("nameless: %q", got)
	}
	c.Called = "Alice"
	if c.Name() != "Alice" {
		t.Errorf("own name: %q", c.Name())
	}
	c.Alias = "Al"
	if c.Name() != "Al" {
		t.Errorf("alias: %q", c.Name())
	}
}

func node1User() key.IdentityPublic {
	return key.PrivateFromSeed[key.Identity]([32]byte{1}).Public()
}

func TestLinesOfAConversation(t *testing.T) {
	hidden := []message.Kind{message.KindRead, message.KindProfile, message.KindDrops, message.KindTimer}
	for kind := range message.Kind(64) {
		m := Message{Kind: kind}
		want := true
		for _, k := range hidden {
			want = want && k != kind
		}
		if m.Shown() != want {
			t.Errorf("kind %d shown: %v", kind, !want)
		}
	}
}

func TestTablesUnderTheDailyKey(t *testing.T) {
	for table := TableSelf; table <= TableOutbox; table++ {
		if want := table == TablePrekey || table == TableSession || table == TableOutbox; table.Ephemeral() != want {
			t.Errorf("table %d ephemeral: %v", table, !want)
		}
	}
	for b, want := range map[*Batch]bool{{}: true, {Now: at(0)}: true, {Put: []Row{SeenRow([16]byte{1}, 3)}}: false, {Erase: []Ref{{}}}: false} {
		if b.Empty() != want {
			t.Errorf("%+v empty: %v", b, !want)
		}
	}
}

func TestAParcelIsSubmittedAsItIs(t *testing.T) {
	p := Parcel{Drop: key.DropID{1}, MAC: [16]byte{2}, Envelope: []byte{3}}
	if s := p.Submit(); s.Drop != p.Drop || s.MAC != p.MAC || !bytes.Equal(s.Envelope, p.Envelope) {
		t.Errorf("submit %+v", s)
	}
}

func TestKeysOfRowsAreChecked(t *testing.T) {
	for _, s := range samples() {
		if s.row.Table != TableOutbox && s.row.Table != TableSession {
			continue
		}
		for _, k := range [][]byte{nil, {1}, s.row.Key[1:], append([]byte{0}, s.row.Key...)} {
			s.row.Key = k
			if _, err := s.again(s.row); !errors.Is(err, wire.ErrValue) {
				t.Errorf("%s with a key of %d bytes: %v", s.name, len(k), err)
			}
		}
	}
}

func TestARemovedContactKeepsNothingThatReachesThem(t *testing.T) {
	for _, names := range []bool{false, true} {
		before := fullContact()
		before.Telling, before.Told, before.Via, before.Waiting = 3, [32]byte{1}, key.CardID{2}, 4
		c := before
		c.Remove(names)
		again := must(ParseContact(c.Row()))
		if again.State != Removed || again.ID != before.ID || again.User != before.User || !again.Mine.Equal(before.Mine.Bytes()) ||
			!reflect.DeepEqual(again.Registered, before.Registered) || again.List == nil {
			t.Errorf("kept is %+v", again)
		}
		if !again.Secret.IsZero() || !again.Door.IsZero() || !again.Theirs.IsZero() || len(again.Gateways)+len(again.Leases) != 0 || again.Verified ||
			again.Announced != [32]byte{} || again.Telling != 0 || again.Told != [32]byte{} || again.Unread+again.Waiting != 0 || again.AckOwed {
			t.Errorf("left is %+v", again)
		}
		if got := again.Alias + again.Called; (got == "") != names {
			t.Errorf("names: %q", got)
		}
	}
}
