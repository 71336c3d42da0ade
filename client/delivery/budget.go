package delivery

import (
	"cmp"
	"slices"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/message"
	"zeroms/protocol/wire"
)

// Budget allows a number of expensive things an hour. The zero value is full.
type Budget struct {
	used  int
	since time.Time
}

// BudgetPerHour is how many things a Budget allows an hour.
const BudgetPerHour = 20

// Take reports whether one more is allowed at now, and counts it.
func (b *Budget) Take(now time.Time) bool {
	if now.Sub(b.since) >= time.Hour {
		b.used, b.since = 0, now
	}
	if b.used >= BudgetPerHour {
		return false
	}
	b.used++
	return true
}

// What one person may have sent again, in bytes of envelopes.
const (
	AnswersPerHour = 1 << 20
	AnswersPerDay  = 16 << 20
)

// slot is how exactly spending is remembered, in milliseconds.
const slot = 5 * 60 * 1000

// AnswerBudget bounds what one person is sent again because its devices asked,
// over all conversations: AnswersPerHour in any hour and AnswersPerDay in any
// day. The zero value is full. It should survive a restart (Encode).
type AnswerBudget struct {
	spent []spending // ascending
}

// spending is what was spent within one slot.
type spending struct {
	_     struct{} `cbor:",toarray"`
	Slot  uint64   // unix milliseconds / slot
	Bytes uint32
}

// gone is when the last of a slot is over for a window of so many milliseconds.
func (s spending) gone(window uint64) uint64 { return (s.Slot+1)*slot + window }

const (
	hourMillis = 3600 * 1000
	dayMillis  = 24 * hourMillis
)

// tidy forgets what no window holds any more. What a clock that ran ahead has
// noted counts as spent now.
func (b *AnswerBudget) tidy(now uint64) {
	for i := len(b.spent) - 1; i >= 0 && b.spent[i].Slot > now/slot; i-- {
		b.spent[i].Slot = now / slot
	}
	b.spent = slices.DeleteFunc(b.spent, func(s spending) bool { return s.gone(dayMillis) <= now })
	for i := len(b.spent) - 1; i > 0; i-- {
		if b.spent[i-1].Slot == b.spent[i].Slot {
			b.spent[i-1].Bytes += b.spent[i].Bytes
			b.spent = slices.Delete(b.spent, i, i+1)
		}
	}
}

// free is when an envelope of so many bytes fits, in unix milliseconds; at most
// now if it fits now.
func (b *AnswerBudget) free(size int, now uint64) uint64 {
	at := uint64(0)
	for _, w := range []struct{ window, most uint64 }{{hourMillis, AnswersPerHour}, {dayMillis, AnswersPerDay}} {
		sum := uint64(size)
		for i := len(b.spent) - 1; i >= 0; i-- {
			s := b.spent[i]
			if s.gone(w.window) <= now {
				break
			}
			if sum += uint64(s.Bytes); sum > w.most {
				at = max(at, s.gone(w.window))
				break
			}
		}
	}
	return at
}

// Take reports whether an envelope of so many bytes may be sent now, and
// counts it.
func (b *AnswerBudget) Take(size int, now time.Time) bool {
	ms := wire.Millis(now)
	if b.tidy(ms); size <= 0 || b.free(size, ms) > ms {
		return false
	}
	if n := len(b.spent); n > 0 && b.spent[n-1].Slot == ms/slot {
		b.spent[n-1].Bytes += uint32(size)
	} else {
		b.spent = append(b.spent, spending{Slot: ms / slot, Bytes: uint32(size)})
	}
	return true
}

// After is how long an envelope of so many bytes has to wait; zero: not at all.
func (b *AnswerBudget) After(size int, now time.Time) time.Duration {
	ms := wire.Millis(now)
	b.tidy(ms)
	if at := b.free(size, ms); at > ms {
		return time.Duration(at-ms) * time.Millisecond
	}
	return 0
}

// Wanted is an own message that somebody asked for.
type Wanted struct {
	Device key.DeviceID // the own device that wrote it
	Seq    uint32
	// Height is its place in the display order: the newest is answered first.
	Height uint32
	// Size is the number of bytes of the envelope that brings it.
	Size int
}

// Plan divides what was asked for into what is sent now, newest first, which it
// counts, and what the budget puts off, and says for how long at least: zero if
// nothing is.
func (b *AnswerBudget) Plan(asked []Wanted, now time.Time) (answer, later []Wanted, after time.Duration) {
	asked = slices.Clone(asked)
	slices.SortStableFunc(asked, func(x, y Wanted) int {
		return cmp.Or(cmp.Compare(y.Height, x.Height), cmp.Compare(y.Seq, x.Seq))
	})
	for i, w := range asked {
		if !b.Take(w.Size, now) {
			return asked[:i], asked[i:], b.After(w.Size, now)
		}
	}
	return asked, nil, 0
}

// Postponed is what a LATER says of the messages that Plan puts off, of which
// there must be one: the ranges, as many as fit, and the seconds. The others are
// asked for again anyway.
func Postponed(later []Wanted, after time.Duration) ([]message.Want, uint32) {
	var list []message.Want
	for _, w := range later[:min(len(later), message.MaxWanted)] {
		list = append(list, message.Want{Device: w.Device, From: w.Seq, To: w.Seq})
	}
	list = joinWants(list)
	if n := len(list); n > message.MaxWants {
		list = list[n-message.MaxWants:]
	}
	seconds := (after + time.Second - 1) / time.Second
	return list, uint32(min(max(seconds, 1), message.MaxAfter))
}

// maxBudget bounds a stored AnswerBudget, in bytes.
const maxBudget = 8 << 10

type budgetFields struct {
	Version uint8      `cbor:"1,keyasint"`
	Spent   []spending `cbor:"2,keyasint"`
}

// Encode is the state in the form in which it is stored, at most 8 KiB.
func (b *AnswerBudget) Encode() []byte {
	return wire.Marshal(budgetFields{1, append([]spending{}, b.spent...)})
}

// ParseAnswerBudget reads what Encode made. Errors: wire.ErrVersion,
// wire.ErrValue and those of wire.Unmarshal.
func ParseAnswerBudget(stored []byte) (*AnswerBudget, error) {
	var f budgetFields
	if err := wire.Unmarshal(stored, &f, maxBudget); err != nil {
		return nil, err
	}
	if f.Version != 1 {
		return nil, wire.ErrVersion
	}
	for i, s := range f.Spent {
		if s.Bytes == 0 || s.Slot > maxSlot || i > 0 && s.Slot <= f.Spent[i-1].Slot {
			return nil, wire.ErrValue.Because("the spending of a budget")
		}
	}
	return &AnswerBudget{f.Spent}, nil
}

// maxSlot keeps the arithmetic of slots far from its limits.
const maxSlot = 1 << 40
