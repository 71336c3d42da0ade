package kept

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"

	"zeroms/client/profile"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
	"zeroms/protocol/wire"
)

// Bot is what one bot has done.
type Bot struct {
	contacts map[uint64]*Marks
}

// Marks are the messages of a contact that a bot is done with.
type Marks struct {
	// Floor is a height below which there is nothing left to do, and nothing more
	// can come: whoever could send it again has given it up long ago.
	Floor uint32
	// Devices are the numbers of the messages, by who wrote them.
	Devices map[key.DeviceID][]message.Range
}

// Has reports whether a message is done.
func (m *Marks) Has(d key.DeviceID, seq uint32) bool {
	return slices.ContainsFunc(m.Devices[d], func(r message.Range) bool { return r.From <= seq && seq <= r.To })
}

// Add marks a message as done.
func (m *Marks) Add(d key.DeviceID, seq uint32) {
	if m.Has(d, seq) {
		return
	}
	m.Devices[d] = join(append(m.Devices[d], message.Range{From: seq, To: seq}))
}

// join sorts ranges that do not overlap and joins neighbours.
func join(ranges []message.Range) (out []message.Range) {
	slices.SortFunc(ranges, func(a, b message.Range) int { return cmp.Compare(a.From, b.From) })
	for _, r := range ranges {
		if n := len(out); n > 0 && out[n-1].To != math.MaxUint32 && out[n-1].To+1 >= r.From {
			out[n-1].To = max(out[n-1].To, r.To)
		} else {
			out = append(out, r)
		}
	}
	return out
}

// Fill closes the holes between what is done that are empty: their numbers belong
// to messages that nobody is shown, so there is nothing to do and nothing to come.
func (m *Marks) Fill(empty func(key.DeviceID, message.Range) bool) {
	for d, ranges := range m.Devices {
		var holes []message.Range
		for i := range len(ranges) - 1 {
			if hole := (message.Range{From: ranges[i].To + 1, To: ranges[i+1].From - 1}); empty(d, hole) {
				holes = append(holes, hole)
			}
		}
		m.Devices[d] = join(slices.Concat(ranges, holes))
	}
}

func (m *Marks) clone() *Marks {
	out := &Marks{Floor: m.Floor, Devices: map[key.DeviceID][]message.Range{}}
	for d, ranges := range m.Devices {
		out.Devices[d] = slices.Clone(ranges)
	}
	return out
}

type marksRecord struct {
	Version uint8         `cbor:"1,keyasint"`
	Name    string        `cbor:"2,keyasint"`
	Contact uint64        `cbor:"3,keyasint,omitempty"`
	Floor   uint32        `cbor:"4,keyasint,omitempty"`
	Devices []deviceMarks `cbor:"5,keyasint,omitempty"`
}

type deviceMarks struct {
	_      struct{} `cbor:",toarray"`
	Device key.DeviceID
	Done   []message.Range
}

func botKey(name string, contact uint64) []byte {
	b := append([]byte("bot\x00"), name...)
	if contact != 0 {
		b = binary.BigEndian.AppendUint64(append(b, 0), contact)
	}
	sum := sha256.Sum256(b)
	return sum[:16]
}

// botRow reads a row of TableBot.
func (s *Store) botRow(r profile.Row) error {
	var m marksRecord
	if err := wire.Unmarshal(r.Data, &m, maxMarks); err != nil {
		return err
	}
	if m.Version != version {
		return wire.ErrVersion.Because("this profile was written by a newer version of ZeroMS")
	}
	b := s.bots[m.Name]
	if b == nil {
		b = &Bot{contacts: map[uint64]*Marks{}}
		s.bots[m.Name] = b
	}
	if m.Contact == 0 {
		return nil
	}
	marks := &Marks{Floor: m.Floor, Devices: map[key.DeviceID][]message.Range{}}
	for _, d := range m.Devices {
		marks.Devices[d.Device] = d.Done
	}
	b.contacts[m.Contact] = marks
	return nil
}

func marksRow(name string, contact uint64, m *Marks) profile.Row {
	record := marksRecord{Version: version, Name: name, Contact: contact}
	if m != nil {
		record.Floor = m.Floor
		for d, ranges := range m.Devices {
			record.Devices = append(record.Devices, deviceMarks{Device: d, Done: ranges})
		}
		slices.SortFunc(record.Devices, func(a, b deviceMarks) int { return slices.Compare(a.Device[:], b.Device[:]) })
	}
	return profile.Row{Table: TableBot, Key: botKey(name, contact), Conv: contact, Data: wire.Marshal(&record)}
}

// Known reports whether a bot of this name was here before.
func (s *Store) Known(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bots[name] != nil
}

// Marks are a copy of what a bot has done with a contact.
func (s *Store) Marks(name string, contact uint64) *Marks {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.bots[name]; b != nil && b.contacts[contact] != nil {
		return b.contacts[contact].clone()
	}
	return &Marks{Devices: map[key.DeviceID][]message.Range{}}
}

// Begin makes a new bot known, with what counts as done already.
func (s *Store) Begin(ctx context.Context, name string, done map[uint64]*Marks) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := &profile.Batch{Put: []profile.Row{marksRow(name, 0, nil)}}
	for contact, m := range done {
		b.Put = append(b.Put, marksRow(name, contact, m))
	}
	if err := s.Commit(ctx, b); err != nil {
		return err
	}
	s.bots[name] = &Bot{contacts: done}
	return nil
}

// Change changes what a known bot has done with a contact, durably.
func (s *Store) Change(ctx context.Context, name string, contact uint64, change func(*Marks)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.bots[name]
	if b == nil {
		b = &Bot{contacts: map[uint64]*Marks{}}
	}
	m := &Marks{Devices: map[key.DeviceID][]message.Range{}}
	if old := b.contacts[contact]; old != nil {
		m = old.clone()
	}
	change(m)
	if err := s.Commit(ctx, &profile.Batch{Put: []profile.Row{marksRow(name, contact, m)}}); err != nil {
		return err
	}
	b.contacts[contact] = m
	s.bots[name] = b
	return nil
}
