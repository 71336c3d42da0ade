// Package repair joins what delivery decides about missing messages with the
// history that they are in: it plans the answer to a contact who asks for
// messages again, and keeps for each conversation what was asked, found and
// given up. It is plain state without clock or I/O.
package repair

import (
	"bytes"
	"cmp"
	"slices"

	"zeroms/client/profile"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
)

// Shelf is where own messages of one conversation are looked up.
type Shelf interface {
	// Own is the message of one of the own devices with this seq, nil if not
	// even its header is kept.
	Own(device key.DeviceID, seq uint32) *profile.Message
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

// Look looks for the wanted messages. Ranges that no device of ours wrote are
// left out. A range that is gone is bridged by the message after it, so it may
// end later than it was asked for; the newest message of a chain is never gone.
func Look(wants []message.Want, s Shelf) Found {
	var f Found
	for n := len(wants) - 1; n >= 0; n-- {
		w := wants[n]
		newest := s.Newest(w.Device)
		for seq := min(w.To, newest); seq >= w.From && seq > 0; {
			if m := s.Own(w.Device, seq); m != nil {
				f.Messages = append(f.Messages, m)
				seq--
				continue
			}
			bridge, ok := across(w.Device, seq, newest, s)
			for seq--; seq >= w.From && seq > 0 && s.Own(w.Device, seq) == nil; seq-- {
				bridge.From = seq
			}
			if ok {
				f.gone(bridge)
			}
		}
	}
	slices.SortFunc(f.Gone, func(a, b message.Bridge) int {
		return cmp.Or(bytes.Compare(a.Device[:], b.Device[:]), cmp.Compare(a.From, b.From))
	})
	return f
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

// across is the bridge over a message that is gone, up to the first one after
// it that is there.
func across(device key.DeviceID, seq, newest uint32, s Shelf) (message.Bridge, bool) {
	b := message.Bridge{Device: device, From: seq, To: seq}
	for ; b.To < newest && b.To-seq < message.MaxWanted; b.To++ {
		next := s.Own(device, b.To+1)
		if next == nil {
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
