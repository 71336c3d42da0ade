// Package repair joins what delivery decides about missing messages with the
// history that they are in: it plans the answer to a contact who asks for
// messages again, and keeps for each conversation what was asked, found and
// given up. It is plain state without clock or I/O.
package repair

import (
	"bytes"
	"cmp"
	"math"
	"slices"

	"zeroms/client/profile"
	"zeroms/protocol/envelope"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
)

// Shelf is where own messages of one conversation are looked up.
type Shelf interface {
	// Own is the message of one of the own devices with this seq, nil if not
	// even its header is kept. Error: that can't be told now.
	Own(device key.DeviceID, seq uint32) (*profile.Message, error)
	// Newest is the number of the newest message of an own device, 0 if it wrote none.
	Newest(device key.DeviceID) uint32
}

// Found is what a shelf holds of the messages that somebody asks for.
type Found struct {
	// Messages are there, the newest of the last range first.
	Messages []*profile.Message
	// Gone exist no longer.
	Gone []message.Bridge
}

// MaxLooks bounds the messages that are looked up for one request. What is
// beyond is not answered, and asked for again.
const MaxLooks = 2 * message.MaxWanted

// search is one Look on its way.
type search struct {
	shelf Shelf
	left  int // looks
	err   error
	found Found
}

// own looks a message up; ok is false when the search is over.
func (s *search) own(device key.DeviceID, seq uint32) (m *profile.Message, ok bool) {
	if s.left == 0 || s.err != nil {
		return nil, false
	}
	s.left--
	m, s.err = s.shelf.Own(device, seq)
	return m, s.err == nil
}

// Look looks for the wanted messages. Ranges that no device of ours wrote are
// left out. A range that is gone is bridged by the message after it, so it may
// end later than it was asked for; the newest message of a chain is never gone.
// Error: the shelf's; then nothing may be said.
func Look(wants []message.Want, shelf Shelf) (Found, error) {
	s := search{shelf: shelf, left: MaxLooks}
	for _, w := range slices.Backward(wants) {
		s.look(w)
	}
	slices.SortFunc(s.found.Gone, func(a, b message.Bridge) int {
		return cmp.Or(bytes.Compare(a.Device[:], b.Device[:]), cmp.Compare(a.From, b.From))
	})
	return s.found, s.err
}

// look goes over one range from its end.
func (s *search) look(w message.Want) {
	newest := s.shelf.Newest(w.Device)
	for seq := min(w.To, newest); seq >= w.From && seq > 0; {
		m, ok := s.own(w.Device, seq)
		switch {
		case !ok:
			return
		case m != nil:
			s.found.Messages = append(s.found.Messages, m)
			seq--
			continue
		}
		bridge, ok := s.across(w.Device, seq, newest)
		for seq--; seq >= w.From && seq > 0; seq-- {
			m, known := s.own(w.Device, seq)
			if !known || m != nil {
				break
			}
			bridge.From = seq
		}
		if ok && s.err == nil {
			s.found.gone(bridge)
		}
		if s.left == 0 {
			return
		}
	}
}

// gone adds a bridge below those of the same device that were added before, and
// joins it with the lowest of them if it reaches that far.
func (f *Found) gone(b message.Bridge) {
	if n := len(f.Gone); n > 0 && f.Gone[n-1].Device == b.Device && f.Gone[n-1].From <= b.To {
		f.Gone[n-1].From = b.From
		return
	}
	if len(f.Gone) < message.MaxBridges {
		f.Gone = append(f.Gone, b)
	}
}

// How many messages in a row a bridge may lead across: of a chain whose end is
// known, and of one whose end is not.
const (
	farthest        = message.MaxWanted
	farthestUnknown = 64
)

// across is the bridge over a message that is gone, up to the first one after
// it that is there.
func (s *search) across(device key.DeviceID, seq, newest uint32) (message.Bridge, bool) {
	b := message.Bridge{Device: device, From: seq, To: seq}
	far := uint32(farthest)
	if newest == math.MaxUint32 {
		far = farthestUnknown
	}
	for ; b.To < newest && b.To-seq < far; b.To++ {
		next, ok := s.own(device, b.To+1)
		switch {
		case !ok:
			return b, false
		case next == nil:
			continue
		}
		signed, err := message.Parse(next.Signed)
		if err != nil {
			return b, false
		}
		b.ID = message.ID(signed.Header.Prev)
		return b, true
	}
	return b, false
}

// receiptRoom is what a receipt that goes along takes at most in an ordinary
// case, in bytes.
const receiptRoom = 1024

// SizeOf is the size of the envelope to so many devices that a message needs, in bytes,
// with the receipt of the gateway that lost it.
func SizeOf(m *profile.Message, devices int) int {
	need := envelope.Record{Message: m.Signed, Body: m.Body}.Size() + receiptRoom
	for _, size := range []int{envelope.Size1, envelope.Size4, envelope.Size16} {
		if need <= envelope.Room(size, devices) {
			return size
		}
	}
	return envelope.Size64
}
