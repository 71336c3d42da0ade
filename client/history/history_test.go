package history

import (
	"context"
	"errors"
	"testing"
	"time"

	"zeroms/client/profile"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
)

// shelf is a store of message rows in memory.
type shelf map[string]profile.Row

func (s shelf) Message(_ context.Context, k []byte) (profile.Row, bool, error) {
	r, ok := s[string(k)]
	return r, ok, nil
}

func (s shelf) put(all ...*profile.Message) {
	for _, m := range all {
		r := m.Row()
		s[string(r.Key)], s[string(r.Alias)] = r, r
	}
}

// written is the seq-th message of a person to another.
func written(t *testing.T, dsk key.DevicePrivate, from, to key.IdentityPublic, seq uint32) *profile.Message {
	t.Helper()
	body, err := message.EncodeBody(&message.Text{Text: "hello"})
	if err != nil {
		t.Fatal(err)
	}
	h := message.Header{Seq: seq, Kind: message.KindText, BodyHash: message.BodyHash([16]byte{}, body), ListN: 1}
	signed, err := message.Sign(h, dsk, from, to)
	if err != nil {
		t.Fatal(err)
	}
	m := profile.NewMessage(signed, profile.Content{User: from, Body: body})
	m.Contact, m.Height, m.At = 1, seq, time.UnixMilli(1000)
	return m
}

func TestMessagesAreFoundInMemoryAndInTheStore(t *testing.T) {
	dsk := key.NewPrivate[key.Device]()
	a, b := key.NewPrivate[key.Identity]().Public(), key.NewPrivate[key.Identity]().Public()
	disk := shelf{}
	h := New(disk)
	first, second := written(t, dsk, a, b, 1), written(t, dsk, a, b, 2)
	if _, err := h.Find(first.ID); !errors.Is(err, ErrNotFound) {
		t.Fatalf("an unknown message: %v", err)
	}
	h.Add(first)
	h.Hold(second)
	for _, m := range []*profile.Message{first, second} {
		if got, err := h.Find(m.ID); err != nil || got != m {
			t.Fatalf("%v, %v", got, err)
		}
	}
	added, changed := h.Collect()
	if len(added) != 1 || added[0] != first || len(changed) != 0 {
		t.Fatalf("added %d, changed %d", len(added), len(changed))
	}
	disk.put(first)
	got, err := h.Find(first.ID)
	if err != nil || got == first || got.ID != first.ID || got.Height != 1 {
		t.Fatalf("from the store: %+v, %v", got, err)
	}
	h.Release(second.ID)
	if _, err := h.Find(second.ID); !errors.Is(err, ErrNotFound) {
		t.Fatalf("a released message: %v", err)
	}
}

func TestMovesAreStoredOnceAndInOrder(t *testing.T) {
	dsk := key.NewPrivate[key.Device]()
	a, b := key.NewPrivate[key.Identity]().Public(), key.NewPrivate[key.Identity]().Public()
	disk := shelf{}
	h := New(disk)
	first, second := written(t, dsk, a, b, 1), written(t, dsk, a, b, 2)
	disk.put(first, second)
	for _, to := range []message.Move{{ID: second.ID, Height: 9}, {ID: first.ID, Height: 7}, {ID: first.ID, Height: 8}} {
		if err := h.Move(to); err != nil {
			t.Fatal(err)
		}
	}
	_, changed := h.Collect()
	if len(changed) != 2 || changed[0].ID != first.ID || changed[0].Height != 8 || changed[1].Height != 9 {
		t.Fatalf("%+v", changed)
	}
	if added, changed := h.Collect(); len(added)+len(changed) != 0 {
		t.Fatal("a second Collect returns the same again")
	}
}

func TestArchiveAnswersByIDAndPlace(t *testing.T) {
	dsk := key.NewPrivate[key.Device]()
	a, b := key.NewPrivate[key.Identity]().Public(), key.NewPrivate[key.Identity]().Public()
	disk := shelf{}
	m := written(t, dsk, a, b, 5)
	disk.put(m)
	past := New(disk).Archive(m.Conv)
	if height, ok := past.Height(m.ID.Short()); !ok || height != 5 {
		t.Fatalf("height %d, %v", height, ok)
	}
	party := message.Party{User: a, Device: m.Device}
	if id, ok := past.At(party, 5); !ok || id != m.ID {
		t.Fatalf("%v, %v", id, ok)
	}
	if _, ok := past.At(party, 6); ok {
		t.Fatal("a message at a place where there is none")
	}
	if _, ok := past.At(message.Party{User: b, Device: m.Device}, 5); ok {
		t.Fatal("a message of somebody else")
	}
}
