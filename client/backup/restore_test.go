package backup

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"zeroms/client/delivery"
	"zeroms/client/profile"
	"zeroms/protocol/card"
	"zeroms/protocol/device"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
	"zeroms/protocol/wire"
)

// read exports a profile and reads the archive.
func (w *world) read(t *testing.T) *Content {
	t.Helper()
	b, _ := export(t, w.store, WithWords(w.alice.Seed))
	c, _, err := Read(bytes.NewReader(b), Keys{Seed: w.alice.Seed})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (w *world) members(t *testing.T) Members {
	t.Helper()
	m := Members{Self: w.alice.Self, Contacts: w.contacts}
	for _, r := range must(w.store.Load(t.Context())) {
		switch r.Table {
		case profile.TableCard:
			m.Cards = append(m.Cards, must(profile.ParseCard(r)))
		case profile.TableHome:
			m.Homes = append(m.Homes, must(profile.ParseHome(r)))
		}
	}
	return m
}

// self is the owner of a store.
func self(t *testing.T, s *memory) *profile.Self {
	t.Helper()
	return must(owner(must(s.Load(t.Context()))))
}

func contactOf(t *testing.T, s *memory, user key.IdentityPublic) (*profile.Contact, *message.Conversation) {
	t.Helper()
	me := self(t, s)
	for _, r := range must(s.Load(t.Context())) {
		if r.Table != profile.TableContact {
			continue
		}
		c := must(profile.ParseContact(r))
		if c.User != user {
			continue
		}
		row := s.rows[rowName(c.ConversationRow(nil))]
		snapshot := must(c.ParseConversation(row))
		origin, _ := me.List.Origin(me.Device)
		conv, err := message.Restore(message.Config{Self: me.User, Peer: user, Device: me.Device, List: me.List.Ref(), Origin: origin}, snapshot)
		if err != nil {
			t.Fatalf("the conversation with contact %d: %v", c.ID, err)
		}
		return &c, conv
	}
	t.Fatal("the contact is not there")
	return nil, nil
}

// newDevice checks that a profile has a device that others accept and that
// nothing of the old one is left.
func newDevice(t *testing.T, w *world, s *memory) *profile.Self {
	t.Helper()
	me := self(t, s)
	if me.User != w.alice.User || me.Device == w.alice.Device || me.List.Live(w.alice.Device) || !me.List.Live(me.Device) {
		t.Errorf("the device is %s, the old one was %s", me.Device, w.alice.Device)
	}
	theirs := must(device.DecodeList(w.alice.List.Encode()))
	if o, err := theirs.Accept(must(device.ParseEntry(me.Newest()))); err != nil || o.Fork != nil || !theirs.Live(me.Device) || theirs.Live(w.alice.Device) {
		t.Errorf("contacts do not follow the list: %v", err)
	}
	for _, r := range s.rows {
		for name, secret := range w.secrets {
			if name != "seed" && holds(r.Data, secret) {
				t.Errorf("a row of table %d holds the old %s", r.Table, name)
			}
		}
		if r.Table == profile.TableSession || r.Table == profile.TablePrekey {
			t.Errorf("a row of table %d is left", r.Table)
		}
	}
	return me
}

// talksOn has the restored Alice and Bob talk: both see the same order, and
// what she says comes after the history.
func talksOn(t *testing.T, w *world, s *memory) {
	t.Helper()
	me := person{self(t, s)}
	_, conv := contactOf(t, s, w.bob.User)
	before := s.messages(t, 1)
	top := before[len(before)-1].Height
	m := me.says(conv, "here I am again", at(100))
	if m.Seq != 1 || m.Height != top { // what never left stands at the top, and nobody else has it
		t.Errorf("the new device's message has seq %d and height %d, the history goes up to %d", m.Seq, m.Height, top)
	}
	got, err := w.bob.hears(w.bobs, me, m)
	if err != nil {
		t.Fatalf("Bob refuses the new device: %v", err)
	}
	if got.Height < 7 {
		t.Errorf("Bob sees it at height %d", got.Height)
	}
	answer := w.bob.says(w.bobs, "welcome back", at(101))
	in, err := me.hears(conv, w.bob, answer)
	if err != nil || in.Height <= m.Height {
		t.Errorf("the answer has height %d: %v", in.Height, err)
	}
}

func TestRestoreFromArchive(t *testing.T) {
	w := newWorld(t)
	rows, err := Restore(w.read(t), w.alice.Seed, "", at(90))
	if err != nil {
		t.Fatal(err)
	}
	s := newMemory(rows...)
	me := newDevice(t, w, s)
	if me.Name != "Alice" || !me.Address.Equal(w.alice.Address.Bytes()) || !me.Created.Equal(at(0)) {
		t.Errorf("the owner is %+v", me)
	}
	for _, want := range w.contacts {
		c, _ := contactOf(t, s, want.User)
		if !c.Mine.Equal(want.Mine.Bytes()) || !c.Theirs.Equal(want.Theirs.Bytes()) || c.State != want.State || c.Verified != want.Verified || c.Alias != want.Alias {
			t.Errorf("contact %d came back as %+v", want.ID, c)
		}
		if len(c.Registered) != 0 || c.Announced != ([32]byte{}) {
			t.Errorf("contact %d would not be told of the new device", want.ID)
		}
	}
	greeted(t, s, 3)
	homes := 0
	for _, r := range s.rows {
		if r.Table == profile.TableHome {
			h := must(profile.ParseHome(r))
			homes++
			if !slices.Equal(h.Former, []profile.Login{loginOf(w.alice.Secret, node(1))}) {
				t.Errorf("the old device's login stays at %s", h.Address.Host)
			}
			if h.Position != (wire.Position{}) || h.Published != ([32]byte{}) || !h.Address.Invite.IsZero() {
				t.Errorf("the home is %+v", h)
			}
		}
	}
	if homes != 1 {
		t.Errorf("%d homes", homes)
	}
	history := s.messages(t, 1)
	if len(history) != w.texts {
		t.Fatalf("%d messages", len(history))
	}
	if last := history[len(history)-1]; last.Targets[0].State != profile.Failed {
		t.Errorf("what never left is shown as %s", last.Targets[0].State)
	}
	if history[0].Targets[0].State != profile.Delivered {
		t.Error("a delivered message changed")
	}
	talksOn(t, w, s)
}

// greeted checks that the outbox holds one greeting, to this contact.
func greeted(t *testing.T, s *memory, contact uint64) {
	t.Helper()
	n := 0
	for _, r := range s.rows {
		if r.Table != profile.TableOutbox {
			continue
		}
		i, parcel, err := profile.ParseItem(r)
		if err != nil || parcel != nil || i.Lane != (delivery.Lane{Contact: contact}) || i.State != delivery.Waiting {
			t.Errorf("in the outbox: %+v, %v", i, err)
		}
		row, ok, _ := s.Message(t.Context(), profile.MessageKey(i.Message))
		if !ok || must(profile.ParseMessage(row)).Kind != message.KindProfile {
			t.Error("the greeting is not in the history")
		}
		n++
	}
	if n != 1 {
		t.Errorf("%d items in the outbox", n)
	}
}

func TestRestoreFromSafe(t *testing.T) {
	w := newWorld(t)
	place := key.Place{Network: card.NetworkLab, Node: node(1)}
	blob := must(NewSafe(w.members(t), at(60))).Seal(w.alice.Seed, place)
	c, err := OpenSafe(blob, w.alice.Seed, place, at(61))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := Restore(c, w.alice.Seed, "", at(90))
	if err != nil {
		t.Fatal(err)
	}
	s := newMemory(rows...)
	newDevice(t, w, s)
	bob, _ := contactOf(t, s, w.bob.User)
	if bob.Alias != "Bobby" || !bob.Verified || !bob.Theirs.Equal(w.contacts[0].Theirs.Bytes()) || !bob.Mine.Equal(w.contacts[0].Mine.Bytes()) {
		t.Errorf("Bob came back as %+v", bob)
	}
	if len(c.Contacts) != 3 || len(s.messages(t, 1)) != 0 {
		t.Errorf("%d contacts and %d messages", len(c.Contacts), len(s.messages(t, 1)))
	}
	greeted(t, s, 3)
}

func TestRestoreFromWordsAlone(t *testing.T) {
	w := newWorld(t)
	rows, err := Restore(nil, w.alice.Seed, "Alice", at(90))
	if err != nil {
		t.Fatal(err)
	}
	s := newMemory(rows...)
	if me := newDevice(t, w, s); me.Name != "Alice" || len(s.rows) != 2 {
		t.Errorf("%d rows, name %q", len(s.rows), me.Name)
	}
	if _, err := Restore(w.read(t), key.NewSeed(), "", at(90)); !errors.Is(err, ErrOther) {
		t.Errorf("somebody else's backup: %v", err)
	}
	if _, err := Restore(nil, w.alice.Seed, " bad ", at(90)); err == nil {
		t.Error("a name that can't stand on a card")
	}
}

// TestRestoreFromBoth: an archive that is older than the safe gives the
// history, the safe the newest contacts.
func TestRestoreFromBoth(t *testing.T) {
	w := newWorld(t)
	archived := w.read(t)
	late := w.contact(9, newPerson("").User, profile.Accepted)
	late.Theirs = key.NewDropSecret()
	w.contacts = append(w.contacts, late)
	w.contacts[3].State = profile.Accepted // Erin is not blocked any more
	place := key.Place{Network: card.NetworkLab, Node: node(1)}
	safe, err := OpenSafe(must(NewSafe(w.members(t), at(70))).Seal(w.alice.Seed, place), w.alice.Seed, place, at(71))
	if err != nil {
		t.Fatal(err)
	}
	if err := archived.Join(safe); err != nil {
		t.Fatal(err)
	}
	rows, err := Restore(archived, w.alice.Seed, "", at(90))
	if err != nil {
		t.Fatal(err)
	}
	s := newMemory(rows...)
	newDevice(t, w, s)
	got, _ := contactOf(t, s, late.User)
	erin, _ := contactOf(t, s, w.contacts[3].User)
	bob, _ := contactOf(t, s, w.bob.User)
	if got.ID != 5 || erin.State != profile.Accepted || bob.ID != 1 || bob.List == nil || len(s.messages(t, 1)) != w.texts {
		t.Errorf("late is %d, Erin is %s, Bob %d; %d messages", got.ID, erin.State, bob.ID, len(s.messages(t, 1)))
	}
	talksOn(t, w, s)
	if err := archived.Join(&Content{}); !errors.Is(err, ErrOther) {
		t.Errorf("joined with somebody else's: %v", err)
	}
}

func TestRejoin(t *testing.T) {
	w := newWorld(t)
	before := w.store.commits
	out, err := Rejoin(t.Context(), w.store, at(90))
	if err != nil {
		t.Fatal(err)
	}
	if w.store.commits != before+1 {
		t.Errorf("%d commits: a crash between them leaves half a device", w.store.commits-before)
	}
	me := newDevice(t, w, w.store)
	if want := (Rejoined{Device: me.Device, Old: w.alice.Device, Contacts: 2, Dropped: 1}); out != want {
		t.Errorf("%+v, want %+v", out, want)
	}
	greeted(t, w.store, 3)
	history := w.store.messages(t, 1)
	if last := history[len(history)-1]; len(history) != w.texts || last.Targets[0].State != profile.Failed {
		t.Errorf("%d messages, the last is %s", len(history), last.Targets[0].State)
	}
	for _, r := range w.store.rows {
		if r.Table != profile.TableHome {
			continue
		}
		h := must(profile.ParseHome(r))
		if h.Position != (wire.Position{}) {
			t.Error("the new device would go on at the old cursor")
		}
		if !slices.Equal(h.Former, []profile.Login{loginOf(w.alice.Secret, h.Address.Node)}) {
			t.Errorf("the old device's login stays at %s", h.Address.Host)
		}
	}
	talksOn(t, w, w.store)
	// Once more: every time another device.
	again, err := Rejoin(t.Context(), w.store, at(91))
	if err != nil || again.Old != out.Device || again.Device == out.Device {
		t.Errorf("again: %+v, %v", again, err)
	}
	if _, err := Rejoin(t.Context(), newMemory(), at(90)); !errors.Is(err, ErrNoOwner) {
		t.Errorf("an empty store: %v", err)
	}
}

func TestImport(t *testing.T) {
	w := newWorld(t)
	archived := w.read(t)
	// Into the very profile: nothing changes.
	if n, err := Import(t.Context(), w.store, archived, at(90)); err != nil || n != (Counts{}) {
		t.Errorf("into itself: %+v, %v", n, err)
	}
	// Into a profile that was restored from the words alone and met Bob anew.
	rows, err := Restore(nil, w.alice.Seed, "Alice", at(80))
	if err != nil {
		t.Fatal(err)
	}
	s := newMemory(rows...)
	me := self(t, s)
	bob := w.contact(1, w.bob.User, profile.Accepted)
	bob.Alias, bob.Theirs = "new name", key.NewDropSecret()
	origin, _ := me.List.Origin(me.Device)
	conv := message.New(message.Config{Self: me.User, Peer: bob.User, Device: me.Device, List: me.List.Ref(), Origin: origin})
	news := (person{me}).says(conv, "new words", at(85))
	news.Contact = 1
	s.put(bob.Row(), bob.ConversationRow(conv.Snapshot()), news.Row())
	commits := s.commits
	n, err := Import(t.Context(), s, archived, at(90))
	if want := (Counts{Homes: 1, Contacts: 3, Messages: w.texts, Evidence: 1}); err != nil || n != want {
		t.Fatalf("%+v, %v; want %+v", n, err, want)
	}
	if s.commits != commits+1 {
		t.Errorf("%d commits", s.commits-commits)
	}
	got, after := contactOf(t, s, w.bob.User)
	if got.Alias != "new name" || !got.Theirs.Equal(bob.Theirs.Bytes()) || !bytes.Equal(after.Snapshot(), conv.Snapshot()) {
		t.Errorf("what the profile knew was overwritten: %+v", got)
	}
	if len(s.messages(t, 1)) != w.texts+1 {
		t.Errorf("%d messages", len(s.messages(t, 1)))
	}
	dave, _ := contactOf(t, s, w.contacts[2].User)
	if dave.ID == w.contacts[2].ID && len(w.contacts) > 4 || !dave.Door.Equal(w.contacts[2].Door.Bytes()) {
		t.Errorf("Dave is %+v", dave)
	}
	// Twice is once.
	rowsBefore := len(s.rows)
	if n, err := Import(t.Context(), s, w.read(t), at(95)); err != nil || n != (Counts{}) || len(s.rows) != rowsBefore || s.commits != commits+1 {
		t.Errorf("a second time: %+v, %v", n, err)
	}
}

func TestImportRefused(t *testing.T) {
	w := newWorld(t)
	archived := w.read(t)
	stranger := newPerson("Mallory")
	if _, err := Import(t.Context(), newMemory(stranger.Row()), archived, at(90)); !errors.Is(err, ErrOther) {
		t.Errorf("into another's profile: %v", err)
	}
	if _, err := Import(t.Context(), newMemory(), archived, at(90)); !errors.Is(err, ErrNoOwner) {
		t.Errorf("into nothing: %v", err)
	}
	// An older copy of the very device: it would say other words at the same place.
	older := newMemory(w.alice.Row(), w.contacts[0].Row(), w.contacts[0].ConversationRow(w.alice.talksTo(w.bob).Snapshot()))
	rows := len(older.rows)
	if _, err := Import(t.Context(), older, archived, at(90)); !errors.Is(err, wire.ErrSetBack) || len(older.rows) != rows || older.commits != 0 {
		t.Errorf("into an older copy: %v", err)
	}
	if _, err := Rejoin(t.Context(), older, at(91)); err != nil {
		t.Fatal(err)
	}
	if n, err := Import(t.Context(), older, w.read(t), at(92)); err != nil || n.Messages != w.texts {
		t.Errorf("after rejoin: %+v, %v", n, err)
	}
}

// TestRestoredAgain: a restored profile exports and restores like any other.
func TestRestoredAgain(t *testing.T) {
	w := newWorld(t)
	now := at(90)
	c := w.read(t)
	devices := map[key.DeviceID]bool{w.alice.Device: true}
	for range 3 {
		now = now.Add(time.Hour)
		rows, err := Restore(c, w.alice.Seed, "", now)
		if err != nil {
			t.Fatal(err)
		}
		s := newMemory(rows...)
		me := self(t, s)
		if devices[me.Device] || len(me.List.Devices()) != 1 {
			t.Errorf("device %s of %d", me.Device, len(me.List.Devices()))
		}
		devices[me.Device] = true
		b, counts := export(t, s, WithWords(w.alice.Seed))
		if counts.Contacts != 4 {
			t.Errorf("exported %+v", counts)
		}
		if c, _, err = Read(bytes.NewReader(b), Keys{Seed: w.alice.Seed}); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(c.Owner.Entries, me.Entries) {
			t.Error("the device list was not kept")
		}
	}
}

// overlap puts Alice's profile in the middle of a renewal: her present cards show
// another address than given, the first one.
func (w *world) overlap(t *testing.T) (given *profile.Card) {
	t.Helper()
	for _, r := range must(w.store.Load(t.Context())) {
		if r.Table != profile.TableCard {
			continue
		}
		k := must(profile.ParseCard(r))
		if k.Public {
			continue
		}
		k.Address = w.alice.Address
		w.store.put(k.Row())
		if !k.Revoked {
			given = k
		}
	}
	fresh := profile.NewCard(at(60))
	w.alice.Former, w.alice.Renewed, w.alice.Address = w.alice.Address, at(60), key.NewAddressSecret()
	fresh.Address = w.alice.Address
	w.store.put(w.alice.Row(), fresh.Row())
	return given
}

// cardsOf are the cards in a store, and what they show.
func cardsOf(t *testing.T, s *memory) map[key.CardID]*profile.Card {
	t.Helper()
	out := map[key.CardID]*profile.Card{}
	for _, r := range must(s.Load(t.Context())) {
		if r.Table == profile.TableCard {
			k := must(profile.ParseCard(r))
			out[k.ID] = k
		}
	}
	return out
}

func TestARenewalGoesOnAfterARestoration(t *testing.T) {
	w := newWorld(t)
	given := w.overlap(t)
	safe := must(NewSafe(w.members(t), at(70)))
	fromSafe := must(OpenSafe(safe.Seal(w.alice.Seed, labPlace(1)), w.alice.Seed, labPlace(1), at(80)))
	for name, c := range map[string]*Content{"archive": w.read(t), "safe": fromSafe} {
		s := newMemory(must(Restore(c, w.alice.Seed, "", at(90)))...)
		me := self(t, s)
		if !me.Overlaps() || !me.Renewed.Equal(at(60)) || !me.Former.Equal(w.alice.Former.Bytes()) || !me.Address.Equal(w.alice.Address.Bytes()) {
			t.Errorf("%s: the owner is %+v", name, me)
		}
		k := cardsOf(t, s)[given.ID]
		if k == nil || !k.Address.Equal(w.alice.Former.Bytes()) {
			t.Errorf("%s: the card of the former address is %+v", name, k)
		}
	}
	if _, err := Rejoin(t.Context(), w.store, at(90)); err != nil {
		t.Fatal(err)
	}
	if me := self(t, w.store); !me.Overlaps() || !me.Former.Equal(w.alice.Former.Bytes()) {
		t.Errorf("after a new device the owner is %+v", me)
	}
}

func TestImportLeavesCardsThatWorkNoMore(t *testing.T) {
	w := newWorld(t)
	given := w.overlap(t)
	archived := w.read(t)
	archived.Messages = nil
	for _, over := range []bool{false, true} {
		me := *w.alice.Self
		if over {
			me.Former, me.Renewed = key.AddressSecret{}, time.Time{}
		}
		s := newMemory(me.Row())
		if _, err := Import(t.Context(), s, archived, at(90)); err != nil {
			t.Fatal(err)
		}
		if _, came := cardsOf(t, s)[given.ID]; came == over {
			t.Errorf("over %v: the card of the former address came: %v", over, came)
		}
	}
}

func TestRemovedContactsComeBackAsThat(t *testing.T) {
	w := newWorld(t)
	w.contacts[0].Remove(false)
	w.contacts[0].Registered[node(2)] = true
	w.store.put(w.contacts[0].Row())
	s := newMemory(must(Restore(w.read(t), w.alice.Seed, "", at(90)))...)
	if c, _ := contactOf(t, s, w.bob.User); c.State != profile.Removed || len(s.messages(t, c.ID)) != w.texts {
		t.Errorf("the contact is %+v with %d messages", c, len(s.messages(t, c.ID)))
	}
	if safe := must(NewSafe(w.members(t), at(80))); safe.Contacts != 2 {
		t.Errorf("%d contacts are in the safe", safe.Contacts)
	}
	if _, err := Rejoin(t.Context(), w.store, at(90)); err != nil {
		t.Fatal(err)
	}
	if c, _ := contactOf(t, w.store, w.bob.User); c.State != profile.Removed || !c.Registered[node(2)] {
		t.Errorf("with a new device it is %+v", c)
	}
}
