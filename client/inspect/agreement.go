package inspect

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"zeroms/client/delivery"
	"zeroms/client/history"
	"zeroms/client/profile"
	"zeroms/client/view"
	"zeroms/protocol/device"
	"zeroms/protocol/key"
	"zeroms/protocol/message"
)

// Reader reads what is stored of a conversation.
type Reader interface {
	history.Reader
	history.Pager
	// Count returns how many messages a conversation has with a height below before, by
	// their flags.
	Count(ctx context.Context, conv uint64, before uint32) (map[uint32]int, error)
}

// Pair is what both ends of a conversation are known to have. It is a copy of its own,
// so that it may be looked through beside the engine.
type Pair struct {
	Contact uint64
	Peer    key.IdentityPublic
	// Conv is a clone of the conversation.
	Conv *message.Conversation
	Self message.Party
	// Later tells that this device is not the person's first one.
	Later bool
	// List is the contact's device list; nil: not known. Peers are those of their devices
	// that are written to.
	List  *device.List
	Peers []message.Party
	// Missing is what is known to be missing of theirs, or to be gone.
	Missing []delivery.Missing
	// Acked is when their newest acknowledgement came.
	Acked time.Time
}

// tally is a Pair on its way to an Agreement: all messages at heights of from to upto
// are at both ends, as far as was looked.
type tally struct {
	*Pair
	history    *history.History
	from, upto uint32
}

// everywhere is above every height.
const everywhere = math.MaxUint32

// Agreement tells how far both have the same transcript. Errors: what is wrong with the
// store, and the context's.
func (p *Pair) Agreement(ctx context.Context, r Reader) (view.Agreement, error) {
	a := view.Agreement{At: p.Acked}
	if p.Conv.Frozen() {
		return a, nil // two messages claim one place: which one they have is not known
	}
	t := &tally{Pair: p, history: history.New(r), upto: everywhere}
	var err error
	if a.Ours, err = t.ours(); err == nil {
		a.Theirs, err = t.theirs()
	}
	if err != nil {
		return view.Agreement{}, err
	}
	newest, err := r.Page(ctx, p.Contact, everywhere, 1)
	if err != nil || len(newest) == 0 {
		return a, err
	}
	t.upto = min(t.upto, newest[0].Height)
	if t.from > t.upto {
		return a, nil
	}
	a.From, a.Height = t.from, t.upto
	a.Messages, err = lines(ctx, r, p.Contact, t.from, t.upto)
	return a, err
}

// lines counts what is shown of a conversation between two heights.
func lines(ctx context.Context, r Reader, conv uint64, from, upto uint32) (n int, err error) {
	all, err := r.Count(ctx, conv, upto+1)
	if err != nil {
		return 0, err
	}
	before := map[uint32]int{}
	if from > 0 {
		before, err = r.Count(ctx, conv, from)
	}
	for kind, count := range all {
		if profile.Shown(message.Kind(kind)) {
			n += count - before[kind]
		}
	}
	return n, err
}

// ours looks through this device's messages: up to where all devices of the contact
// have them.
func (t *tally) ours() (upto uint32, err error) {
	head := t.head()
	if t.Later { // what this person's other devices wrote is known to them
		if err := t.begin(t.Self, 1, head); err != nil {
			return 0, err
		}
	}
	if head == 0 {
		return 0, nil
	}
	if len(t.Peers) == 0 {
		return 0, t.endBefore(t.Self, 1)
	}
	upto = everywhere
	for _, p := range t.Peers {
		n, err := t.taken(p, head)
		if err != nil {
			return 0, err
		}
		upto = min(upto, n)
	}
	return upto, nil
}

// head is the place of this device's newest message in its chain.
func (t *tally) head() uint32 {
	for _, h := range t.Conv.Heads(key.DeviceID{}, [message.NonceSize]byte{}).Heads {
		if h.Device == t.Self.Device {
			return h.Seq
		}
	}
	return 0
}

// taken is up to which of this device's messages one device has them without a gap.
func (t *tally) taken(p message.Party, head uint32) (upto uint32, err error) {
	run, err := t.lastRun(p, head)
	if err != nil {
		return 0, err
	}
	if run.To == 0 {
		return 0, t.endBefore(t.Self, 1)
	}
	if run.From > 1 {
		if err := t.begin(t.Self, run.From, head); err != nil {
			return 0, err
		}
	}
	if run.To < head {
		err = t.endBefore(t.Self, run.To+1)
	}
	return run.To, err
}

// lastRun is the last range of this device's messages without a gap that a device has,
// up to the first one that may still come to it; zeros: there is none.
func (t *tally) lastRun(p message.Party, head uint32) (run message.Range, err error) {
	for seq := t.Conv.Address(p, 0); seq <= head; seq++ {
		switch {
		case t.Conv.Delivered(p, seq) && run.To > 0 && run.To == seq-1:
			run.To = seq
		case t.Conv.Delivered(p, seq):
			run = message.Range{From: seq, To: seq}
		default:
			if lost, err := t.lost(seq, p.Device); err != nil || !lost {
				return run, err
			}
		}
	}
	return run, nil
}

// lost tells whether an own message was given up for a device, or is here no more.
func (t *tally) lost(seq uint32, d key.DeviceID) (bool, error) {
	m, err := t.history.Of(t.Conv.ID(), t.Self, seq)
	if errors.Is(err, history.ErrNotFound) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(m.Targets, func(t profile.Target) bool { return t.Device == d && t.State == profile.NotDelivered }), nil
}

// theirs looks through the contact's messages: up to where those of their device are
// here.
func (t *tally) theirs() (upto uint32, err error) {
	missing := t.missing()
	ack, _ := t.Conv.Ack(key.DeviceID{}, [message.NonceSize]byte{})
	if ack != nil {
		for _, r := range ack.Chains {
			if t.List == nil {
				break
			}
			if _, known := t.List.Device(r.Device); !known {
				continue // another device of this person
			}
			n, err := t.came(r, missing[r.Device])
			if err != nil {
				return 0, err
			}
			delete(missing, r.Device)
			if t.List.Live(r.Device) {
				upto = max(upto, n)
			}
		}
	}
	if len(missing) > 0 {
		t.upto = 0 // the first message of a chain
	}
	return upto, nil
}

// came is up to which of a chain's messages they are here without a gap; missing is the
// first one that may still come, 0: none.
func (t *tally) came(r message.Received, missing uint32) (upto uint32, err error) {
	p, begin, stop := message.Party{User: t.Peer, Device: r.Device}, r.Base, r.Upto+1
	ended := missing > 0
	if ended {
		stop = min(stop, missing)
	}
	for _, m := range slices.Backward(t.gone(r.Device)) {
		if m.To >= stop-1 && m.From < stop { // nothing behind it says where it ends
			stop, ended = m.From, true
		} else if m.To < stop {
			begin = max(begin, m.To+1)
			break
		}
	}
	if stop <= begin {
		t.upto = 0 // the first message of the chain
		return 0, nil
	}
	if begin > 1 {
		if err := t.begin(p, begin, stop-1); err != nil {
			return 0, err
		}
	}
	if ended {
		return stop - 1, t.endWith(p, stop-1)
	}
	return stop - 1, nil
}

// missing are the first messages of each of the contact's devices that may still come,
// or of which the content may.
func (t *tally) missing() map[key.DeviceID]uint32 {
	first := map[key.DeviceID]uint32{}
	note := func(p message.Party, seq uint32) {
		if p.User == t.Peer && (first[p.Device] == 0 || seq < first[p.Device]) {
			first[p.Device] = seq
		}
	}
	for _, g := range t.Conv.Gaps() {
		note(g.From, g.Range.From)
	}
	for _, m := range t.Missing {
		if !m.Gone {
			note(m.From, m.Range.From)
		}
	}
	return first
}

// gone are the ranges of a device's messages that nobody has any more, ascending.
func (t *tally) gone(d key.DeviceID) (out []message.Range) {
	for _, m := range t.Missing {
		if m.Gone && m.From.User == t.Peer && m.From.Device == d {
			out = append(out, m.Range)
		}
	}
	slices.SortFunc(out, func(a, b message.Range) int { return cmp.Compare(a.From, b.From) })
	return out
}

// begin leaves out what stands before the message seq of a chain that goes up to head.
func (t *tally) begin(p message.Party, seq, head uint32) error {
	if seq > head {
		t.from = everywhere
		return nil
	}
	height, err := t.height(p, seq)
	if errors.Is(err, history.ErrNotFound) {
		height, err = everywhere, nil
	}
	t.from = max(t.from, height)
	return err
}

// endWith leaves out what stands behind the message seq of a chain.
func (t *tally) endWith(p message.Party, seq uint32) error {
	height, err := t.height(p, seq)
	if errors.Is(err, history.ErrNotFound) {
		height, err = 0, nil // its header is forgotten
	}
	t.upto = min(t.upto, height)
	return err
}

// endBefore leaves out the message seq of a chain too.
func (t *tally) endBefore(p message.Party, seq uint32) error {
	height, err := t.height(p, seq)
	if errors.Is(err, history.ErrNotFound) {
		height, err = 0, nil
	}
	t.upto = min(t.upto, max(height, 1)-1)
	return err
}

// height is the place of a message in the display order.
func (t *tally) height(p message.Party, seq uint32) (uint32, error) {
	m, err := t.history.Of(t.Conv.ID(), p, seq)
	if err != nil {
		return 0, err
	}
	return m.Height, nil
}
