package delivery

import (
	"container/heap"
	"time"
)

// Alarms holds one deadline per key. The zero value is ready.
type Alarms[K comparable] struct {
	at   map[K]*alarm[K]
	heap alarmHeap[K]
}

type alarm[K comparable] struct {
	key   K
	at    time.Time
	index int
}

// Set arms the key's alarm, replacing an earlier setting.
func (a *Alarms[K]) Set(k K, at time.Time) {
	if a.at == nil {
		a.at = map[K]*alarm[K]{}
	}
	if old, ok := a.at[k]; ok {
		old.at = at
		heap.Fix(&a.heap, old.index)
		return
	}
	n := &alarm[K]{key: k, at: at}
	a.at[k] = n
	heap.Push(&a.heap, n)
}

// Sooner arms the key's alarm unless it already rings earlier.
func (a *Alarms[K]) Sooner(k K, at time.Time) {
	if old, ok := a.at[k]; ok && !old.at.After(at) {
		return
	}
	a.Set(k, at)
}

// Cancel disarms the key's alarm.
func (a *Alarms[K]) Cancel(k K) {
	if old, ok := a.at[k]; ok {
		heap.Remove(&a.heap, old.index)
		delete(a.at, k)
	}
}

// Due disarms and returns the keys whose time has come, earliest first.
func (a *Alarms[K]) Due(now time.Time) (keys []K) {
	for len(a.heap) > 0 && !a.heap[0].at.After(now) {
		n := heap.Pop(&a.heap).(*alarm[K])
		delete(a.at, n.key)
		keys = append(keys, n.key)
	}
	return keys
}

// Next returns the earliest deadline.
func (a *Alarms[K]) Next() (at time.Time, ok bool) {
	if len(a.heap) == 0 {
		return time.Time{}, false
	}
	return a.heap[0].at, true
}

type alarmHeap[K comparable] []*alarm[K]

func (h alarmHeap[K]) Len() int           { return len(h) }
func (h alarmHeap[K]) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h alarmHeap[K]) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push is heap.Interface's.
func (h *alarmHeap[K]) Push(x any) {
	n := x.(*alarm[K])
	n.index = len(*h)
	*h = append(*h, n)
}

// Pop is heap.Interface's.
func (h *alarmHeap[K]) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
