package sim

// event is something that happens at a moment of the virtual clock. Events of one
// moment happen in the order in which they were added.
type event struct {
	at  int64 // ns since the world began
	seq uint64
	// One of them: a message arrives, an ask ends, a gateway is due, a function runs.
	kind kind
	host *Host
	call *call
	run  func()
}

type kind uint8

const (
	kindArrive kind = iota // the request of call reaches its gateway
	kindEnd                // the answer of call, or that there is none, reaches the asker
	kindDue                // host has something to do
	kindRun                // run is called
)

// queue is a heap of events with four children a node, the earliest first.
type queue struct {
	events []event
	seq    uint64
}

func (a *event) before(b *event) bool {
	return a.at < b.at || a.at == b.at && a.seq < b.seq
}

func (q *queue) push(e event) {
	q.seq++
	e.seq = q.seq
	q.events = append(q.events, e)
	i := len(q.events) - 1
	for i > 0 {
		up := (i - 1) / 4
		if !e.before(&q.events[up]) {
			break
		}
		q.events[i] = q.events[up]
		i = up
	}
	q.events[i] = e
}

// pop takes the earliest event; there has to be one.
func (q *queue) pop() event {
	first, last := q.events[0], q.events[len(q.events)-1]
	q.events[len(q.events)-1] = event{}
	q.events = q.events[:len(q.events)-1]
	if len(q.events) == 0 {
		return first
	}
	i := 0
	for {
		least := 4*i + 1
		if least >= len(q.events) {
			break
		}
		for c := least + 1; c < min(4*i+5, len(q.events)); c++ {
			if q.events[c].before(&q.events[least]) {
				least = c
			}
		}
		if !q.events[least].before(&last) {
			break
		}
		q.events[i] = q.events[least]
		i = least
	}
	q.events[i] = last
	return first
}
