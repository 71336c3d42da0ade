package delivery

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/message"
)

// world is a writer with the devices a and b, a reader, and a network between
// them that loses, repeats and reorders whatever it carries. Both ends are
// driven by the machines of this package alone.
type world struct {
	now    time.Time
	rng    *rand.Rand
	queue  events
	turn   int
	timing Timing
	t      RepairTiming

	loss     float64 // of everything
	noRepair bool
	broken   bool // device a can't open what the reader sends, until a new session
	alone    bool // the writer has no device b

	// The writer: device a wrote 1 to head, b has all of it too.
	head   uint32
	size   func(uint32) int
	erased map[uint32]bool
	heads  HeadsAlone
	budget AnswerBudget

	// The reader.
	got, gone map[uint32]bool
	known     uint32
	repair    Repair
	acks      Acks
	resync    Resync

	nacks, aloneAt, resyncs, answerAt []time.Time
	answerSize                        []int
	later, lost, acksSent, texts      int
	detect, mend                      []time.Duration
	since                             map[uint32]time.Time
}

type event struct {
	at   time.Time
	turn int
	do   func()
}

type events []event

func (e events) Len() int      { return len(e) }
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e events) Less(i, j int) bool {
	return e[i].at.Before(e[j].at) || e[i].at.Equal(e[j].at) && e[i].turn < e[j].turn
}
func (e *events) Push(x any) { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

func newWorld(seed uint64, loss float64) *world {
	return &world{
		now: start, rng: rand.New(rand.NewPCG(seed, 11)), loss: loss, timing: Timing{}.Default(), t: RepairTiming{}.Default(),
		size: func(uint32) int { return 1 << 10 }, erased: map[uint32]bool{}, got: map[uint32]bool{}, gone: map[uint32]bool{}, since: map[uint32]time.Time{},
	}
}

// after does something later.
func (w *world) after(d time.Duration, do func()) {
	w.turn++
	heap.Push(&w.queue, event{w.now.Add(d), w.turn, do})
}

// carry brings something to the other side, if it does.
func (w *world) carry(do func()) {
	for copies := 1; copies > 0; copies-- {
		if w.rng.Float64() < w.loss/4 {
			copies++ // once more
		}
		if w.rng.Float64() < w.loss {
			w.lost++
			continue
		}
		w.after(300*time.Millisecond+time.Duration(w.rng.IntN(600))*time.Millisecond, do)
	}
}

// run lets time pass and both ends work.
func (w *world) run(until time.Time) {
	for {
		at, ok := w.deadline()
		if len(w.queue) > 0 && (!ok || w.queue[0].at.Before(at)) {
			at, ok = w.queue[0].at, true
		}
		if !ok || at.After(until) {
			w.now = until
			return
		}
		if w.now.Before(at) {
			w.now = at
		}
		for len(w.queue) > 0 && !w.queue[0].at.After(w.now) {
			heap.Pop(&w.queue).(event).do()
		}
		w.work()
	}
}

func (w *world) deadline() (at time.Time, ok bool) {
	sooner := func(x time.Time, set bool) {
		if set && (!ok || x.Before(at)) {
			at, ok = x, true
		}
	}
	sooner(w.heads.Deadline())
	sooner(w.acks.due, w.acks.Wanted())
	if !w.noRepair {
		sooner(w.repair.Deadline(w.t))
		sooner(w.resync.Deadline(w.now, w.t))
	}
	return at, ok
}

// work does what is due.
func (w *world) work() {
	if w.heads.Due(w.now) {
		w.heads.Left(w.now, true)
		w.aloneAt = append(w.aloneAt, w.now)
		head := w.head
		w.carry(func() { w.hear(func() { w.named(head) }) })
	}
	if w.acks.Due(w.now) {
		w.acks.Sent(w.now, true)
		w.acksSent++
		w.carry(w.ack())
	}
	if w.noRepair {
		return
	}
	for range w.repair.Unanswered(w.now, w.t) {
		w.resync.Want()
	}
	if w.resync.Due(w.now, w.t) {
		w.resync.Made(w.now)
		w.resyncs = append(w.resyncs, w.now)
		w.broken = false
		w.repair.Renewed(partyOf('a'), w.now, w.t)
	}
	for _, a := range w.repair.Due(w.now, w.t, w.devices) {
		w.nacks = append(w.nacks, w.now)
		if w.rng.Float64() < w.loss {
			w.repair.Missed(a.ID) // no gateway can be reached
			continue
		}
		w.repair.Taken(a.ID, w.now)
		w.carry(func() { w.nack(a) })
	}
}

func (w *world) devices(key.IdentityPublic) []key.DeviceID {
	if w.alone {
		return []key.DeviceID{deviceOf('a')}
	}
	return []key.DeviceID{deviceOf('a'), deviceOf('b')}
}

// ack is what the reader has, on its way.
func (w *world) ack() func() {
	head := uint32(0)
	for seq := w.known; seq > 0 && head == 0; seq-- {
		if w.got[seq] || w.gone[seq] {
			head = seq
		}
	}
	return func() {
		w.heads.Acked(head)
		w.heads.Heard(w.now, w.rng.Float64(), w.t)
	}
}

// hear takes something at the reader.
func (w *world) hear(do func()) {
	w.repair.Heard(partyOf('a'), w.now)
	do()
	w.look()
}

func (w *world) named(seq uint32) {
	if w.got[seq] {
		// The acknowledgement was lost.
		w.acks.WantLater(w.now, w.timing.SilentMin+time.Duration(w.rng.Int64N(int64(w.timing.SilentMax-w.timing.SilentMin))))
	}
	w.known = max(w.known, seq)
}

func (w *world) look() {
	var gaps []message.Gap
	for seq := uint32(1); seq <= w.known; seq++ {
		if w.got[seq] || w.gone[seq] {
			continue
		}
		if n := len(gaps); n > 0 && gaps[n-1].Range.To == seq-1 {
			gaps[n-1].Range.To = seq
		} else {
			gaps = append(gaps, message.Gap{From: partyOf('a'), Range: message.Range{From: seq, To: seq}})
		}
	}
	change := w.repair.Look(gaps, w.now, w.t)
	for _, m := range change.Found {
		for seq := m.Range.From; seq <= m.Range.To; seq++ {
			w.detect = append(w.detect, w.now.Sub(w.since[seq]))
		}
	}
	for _, m := range change.Filled {
		w.mend = append(w.mend, w.now.Sub(m.Since))
	}
}

// write sends a message.
func (w *world) write() {
	w.head++
	seq := w.head
	w.since[seq] = w.now
	w.heads.Sent(seq, 0, w.now)
	w.carry(func() { w.receive(seq) })
}

func (w *world) receive(seq uint32) {
	w.hear(func() {
		w.got[seq], w.known = true, max(w.known, seq)
		w.acks.Want(w.now, w.timing)
	})
}

// reply has the reader say something, with an acknowledgement.
func (w *world) reply() {
	w.texts++
	w.acks.Sent(w.now, false)
	w.carry(w.ack())
}

// nack answers a NACK at one of the writer's devices.
func (w *world) nack(a Ask) {
	w.heads.Heard(w.now, w.rng.Float64(), w.t)
	if w.broken && a.To.Device == deviceOf('a') {
		return
	}
	var asked []Wanted
	for _, want := range a.Wants {
		for seq := want.From; seq <= min(want.To, w.head); seq++ {
			if w.erased[seq] {
				w.carry(func() {
					w.hear(func() {
						w.gone[seq] = true
						w.repair.Lost([]message.Gap{{From: partyOf('a'), Range: message.Range{From: seq, To: seq}}}, w.now)
					})
				})
				continue
			}
			asked = append(asked, Wanted{Device: want.Device, Seq: seq, Height: seq, Size: w.size(seq)})
		}
	}
	answer, later, after := w.budget.Plan(asked, w.now)
	for _, m := range answer {
		w.answerAt, w.answerSize = append(w.answerAt, w.now), append(w.answerSize, m.Size)
		w.carry(func() { w.receive(m.Seq) })
	}
	if len(later) > 0 {
		w.later++
		l := &message.Later{}
		l.Wants, l.After = Postponed(later, after)
		w.carry(func() { w.hear(func() { w.repair.Later(a.To, l, w.now, w.t) }) })
	}
}

// talk is bursts of messages and some replies, and then days with a reply now
// and then.
func (w *world) talk(n int) {
	at := time.Duration(0)
	for n > 0 {
		at += time.Duration(w.rng.IntN(300)) * time.Second
		for range min(n, 1+w.rng.IntN(30)) {
			n--
			at += time.Duration(w.rng.IntN(500)) * time.Millisecond
			w.after(at, w.write)
		}
		if w.rng.IntN(2) == 0 {
			w.after(at+time.Second, w.reply)
		}
	}
	for range 40 {
		at += time.Duration(w.rng.IntN(4)) * time.Hour
		w.after(at, w.reply)
	}
	w.run(w.now.Add(at + 3*day))
}

// restart has the reader or the writer start again with what is stored: the
// conversation, what was lost, the limits, and what is not acknowledged.
func (w *world) restart() {
	if w.rng.IntN(2) == 0 {
		var lost []message.Gap
		for seq := range w.gone {
			lost = append(lost, message.Gap{From: partyOf('a'), Range: message.Range{From: seq, To: seq}})
		}
		w.repair = Repair{}
		w.repair.Lost(lost, w.now)
		w.look()
		r, err := ParseResync(w.resync.Encode())
		if err != nil {
			panic(err)
		}
		w.resync = *r
		return
	}
	if w.heads.watching {
		head, heard := w.heads.seq, !w.heads.due.IsZero()
		w.heads = HeadsAlone{}
		w.heads.Sent(head, 0, w.since[head])
		if heard {
			w.heads.Heard(w.now, w.rng.Float64(), w.t)
		}
	}
}

// check holds what must be true at the end, whatever was lost.
func (w *world) check(t *testing.T) {
	t.Helper()
	missing := 0
	for seq := uint32(1); seq <= w.head; seq++ {
		if !w.got[seq] && !w.gone[seq] {
			missing++
		}
	}
	if missing > 0 || w.known != w.head {
		t.Errorf("%d of %d messages are missing, %d are known; shown: %s", missing, w.head, w.known, missingText(w.repair.States()))
	}
	if at, ok := w.repair.Deadline(w.t); ok {
		t.Errorf("it still asks, at %v", at)
	}
	for i := 1; i < len(w.nacks); i++ {
		if pause := w.nacks[i].Sub(w.nacks[i-1]); pause < w.t.AskMin {
			t.Errorf("a NACK %v after the last", pause)
		}
	}
	if hour := within(w.answerAt, w.answerSize, time.Hour); hour > AnswersPerHour {
		t.Errorf("%d bytes in an hour", hour)
	}
	if whole := within(w.answerAt, w.answerSize, day); whole > AnswersPerDay {
		t.Errorf("%d bytes in a day", whole)
	}
	if within(w.resyncs, ones(len(w.resyncs)), time.Hour) > 1 || within(w.resyncs, ones(len(w.resyncs)), day) > ResyncsPerDay {
		t.Errorf("resyncs at %v", w.resyncs)
	}
}

// TestNothingIsSentWhenNothingIsLost: however things are reordered within the
// grace, there is no NACK, no LATER, no heads alone and no resync.
func TestNothingIsSentWhenNothingIsLost(t *testing.T) {
	for seed := range uint64(20) {
		w := newWorld(seed, 0)
		w.talk(500)
		w.check(t)
		if n := len(w.nacks) + len(w.aloneAt) + len(w.resyncs) + len(w.answerAt) + w.later; n > 0 || w.lost > 0 {
			t.Fatalf("seed %d: %d NACKs, %d heads, %d resyncs, %d answers", seed, len(w.nacks), len(w.aloneAt), len(w.resyncs), len(w.answerAt))
		}
		if c := w.repair.Counts(); c.Came != c.Found {
			t.Fatalf("seed %d: %+v", seed, c)
		}
	}
}

func TestEveryLossIsRepaired(t *testing.T) {
	for _, loss := range []float64{0.01, 0.05, 0.2, 0.5} {
		t.Run(fmt.Sprint(loss), func(t *testing.T) {
			lost := 0
			for seed := range uint64(20) {
				w := newWorld(seed, loss)
				for at := time.Duration(0); seed%2 == 0 && at < 3*day; at += time.Duration(w.rng.IntN(int(time.Hour))) {
					w.after(at, w.restart)
				}
				w.talk(300)
				w.check(t)
				lost += w.lost
				if t.Failed() {
					t.Fatalf("seed %d", seed)
				}
			}
			if lost == 0 {
				t.Error("nothing was lost")
			}
		})
	}
}

// TestWithoutRepairMessagesStayMissing: the model does lose messages.
func TestWithoutRepairMessagesStayMissing(t *testing.T) {
	for seed := range uint64(10) {
		w := newWorld(seed, 0.05)
		w.noRepair = true
		w.talk(300)
		if len(w.got) == int(w.head) {
			t.Errorf("seed %d: everything came", seed)
		}
		if len(w.repair.States()) == 0 {
			t.Errorf("seed %d: nothing is shown as missing", seed)
		}
	}
}

func TestLargeAndErasedMessages(t *testing.T) {
	for seed := range uint64(10) {
		w := newWorld(seed, 0.2)
		w.size = func(seq uint32) int { return []int{1 << 10, 64 << 10}[seq%2] }
		for seq := uint32(10); seq < 300; seq += 7 {
			w.erased[seq] = true
		}
		w.talk(300)
		w.check(t)
		for seq := range w.gone {
			if !w.erased[seq] {
				t.Errorf("message %d is gone and was not erased", seq)
			}
		}
		if w.later == 0 || len(w.gone) == 0 || w.repair.Counts().Lost == 0 {
			t.Errorf("seed %d: %d LATER, %d gone", seed, w.later, len(w.gone))
		}
		shown, never := 0, 0
		for _, m := range w.repair.States() {
			if m.Gone {
				shown += int(m.Count())
			}
		}
		for seq := range w.gone {
			if !w.got[seq] {
				never++
			}
		}
		if shown < never {
			t.Errorf("seed %d: %d of %d lost messages are shown", seed, shown, never)
		}
	}
}

// TestABrokenSessionIsReplaced: where nobody else could answer, a resync brings
// the messages; a sibling may be faster.
func TestABrokenSessionIsReplaced(t *testing.T) {
	for seed := range uint64(20) {
		w := newWorld(seed, 0.05)
		w.broken, w.alone = true, seed%4 > 0
		w.talk(200)
		w.check(t)
		if w.alone && w.broken {
			t.Errorf("seed %d: no resync", seed)
		}
	}
}
