package publisher

import (
	"bytes"
	"container/heap"
	"crypto/sha256"
	"errors"
	"time"

	"zeroms/protocol/wire"
)

// ask is a request that is on its way.
type ask struct {
	to    *wire.Contact
	at    int64
	get   bool
	items []*item
}

// leap is by how much a clock may go wrong before it is taken for one that was set.
const leap = 5 * time.Minute

// Advance returns the requests to send now, and when to be called again at the
// latest; zero: not before something happens.
func (p *Publisher) Advance(now time.Time) (asks []Ask, next time.Time) {
	p.follow(now)
	t := unix(now)
	if now.Before(p.alone) {
		p.wake = p.alone
		return nil, p.wake
	}
	for len(p.due) > 0 && p.due[0].next <= t && len(p.asks) < p.cfg.Capacity.AtOnce {
		it := p.due[0]
		if it.last <= t {
			p.end(it)
			continue
		}
		if it.phase == storing && !it.outdone && p.tokens < 1 {
			p.wake = now.Add(time.Second / time.Duration(p.cfg.Capacity.Rate))
			return asks, p.wake
		}
		a, ok := p.act(now, it)
		if ok {
			asks = append(asks, a)
		}
		if now.Before(p.alone) {
			p.wake = p.alone
			return asks, p.wake
		}
	}
	p.wake = time.Time{}
	if len(p.due) > 0 && len(p.asks) < p.cfg.Capacity.AtOnce {
		p.wake = moment(p.due[0].next)
	}
	return asks, p.wake
}

// end forgets a record whose day is over.
func (p *Publisher) end(it *item) {
	p.stats.Ended++
	if it.stored == 0 && !it.outdone {
		p.stats.Missed++
	}
	p.Remove(it.id)
}

// follow keeps up with the clock, also if it is set or if the machine slept.
func (p *Publisher) follow(now time.Time) {
	back := !p.last.IsZero() && now.Before(p.last.Add(-leap))
	ahead := !p.wake.IsZero() && now.After(p.wake.Add(leap))
	if back || ahead {
		p.stats.Leaps++
		p.spread(unix(now))
	}
	if passed := now.Sub(p.filled); !p.filled.IsZero() && passed > 0 {
		p.tokens = min(float64(p.cfg.Capacity.Burst), p.tokens+passed.Seconds()*float64(p.cfg.Capacity.Rate))
	}
	p.filled, p.last = now, now
}

// spread plans anew what was planned by a clock that leapt: what is overdue, and
// what would be too late.
func (p *Publisher) spread(t int64) {
	p.alone, p.aloneFor = time.Time{}, 0
	clear(p.peers)
	for _, it := range p.items {
		it.stored, it.verified, it.sent = min(it.stored, t), min(it.verified, t), min(it.sent, t)
	}
	for _, a := range p.asks {
		a.at = min(a.at, t)
	}
	for _, it := range append(append(dueHeap(nil), p.due...), p.stamps...) {
		if it.last <= t || it.next >= t-leap.Milliseconds() && it.next <= max(t, it.first)+p.longest() {
			continue
		}
		at := max(t, it.first) + p.rnd.Int64N(p.cfg.Timing.CatchUp.Milliseconds())
		it.next, it.from = at, min(it.from, at)
	}
	heap.Init(&p.due)
	heap.Init(&p.stamps)
}

// act makes the request that is due about a record; false: it has to wait.
func (p *Publisher) act(now time.Time, it *item) (Ask, bool) {
	t := unix(now)
	look := it.phase == checking || it.outdone
	find := p.relay
	if look {
		find = p.witness
	}
	to, wait, alone := find(t, it)
	switch {
	case alone:
		p.seek(now)
		return Ask{}, false
	case to == nil:
		p.plan(it, it.phase, wait+p.rnd.Int64N(1000), wait)
		return Ask{}, false
	}
	p.lonely, p.aloneFor = false, 0
	p.nextID++
	a := &ask{to: to, at: t, get: look}
	p.asks[p.nextID] = a
	out := Ask{ID: p.nextID, To: *to}
	if look {
		a.items = []*item{it}
		out.Get = &wire.RecordGet{Name: it.name, Day: it.day, Fresh: it.fails > 0 || it.outdone}
	} else {
		a.items = p.batch(t, it)
	}
	pause := p.interval() // one for all: so they stay together
	for _, each := range a.items {
		p.unplan(each)
		each.phase = busy
		if !look {
			each.lastRelay, each.sent, each.pause = to, t, pause
			out.Records = append(out.Records, each.id)
		}
	}
	return out, true
}

// batch is a record and those of its group that may go along: those that would go
// soon anyway, and not before their time.
func (p *Publisher) batch(t int64, it *item) []*item {
	all := []*item{it}
	p.tokens--
	for _, each := range it.group.items {
		if len(all) == wire.MaxStores || p.tokens < 1 {
			break
		}
		ready := each.from <= t && each.next <= t+p.cfg.Timing.Again.Milliseconds()/6
		if it.fails > 0 {
			ready = each.next <= t
		}
		if each != it && each.phase == storing && each.stamped && !each.outdone && ready && each.first <= t && t < each.last &&
			each.wide == it.wide && (each.fails > 0) == (it.fails > 0) {
			all = append(all, each)
			p.tokens--
		}
	}
	return all
}

// Publish makes the request of an Ask without Get, of the bytes that were found of
// its records. Those that were not are gone and are forgotten. nil: there is nothing
// to send, and the Ask is over.
func (p *Publisher) Publish(now time.Time, id uint64, found []Bytes) *wire.Publish {
	a := p.asks[id]
	if a == nil {
		return nil
	}
	records := make(map[int64]Bytes, len(found))
	for _, b := range found {
		records[b.ID] = b
	}
	out := &wire.Publish{}
	kept := a.items[:0]
	for _, it := range a.items {
		b, ok := records[it.id]
		switch {
		case it.gone:
		case !ok:
			p.Remove(it.id)
		case b.Seq != it.seq: // it is just changing
			it.again = false
			p.plan(it, storing, unix(now)+1000, unix(now)+1000)
		default:
			item := wire.StoreItem{Record: b.Record, Stamp: []byte{}}
			if p.cfg.StampBits > 0 {
				item.Stamp = append(item.Stamp, it.stamp[:]...)
			}
			out.Items = append(out.Items, item)
			out.Wide = out.Wide || it.wide
			it.again = false
			kept = append(kept, it)
		}
	}
	a.items = kept
	if len(kept) == 0 {
		delete(p.asks, id)
		return nil
	}
	if out.Wide {
		p.stats.Wide += uint64(len(kept))
	}
	return out
}

// Abandon tells that an Ask could not even be sent, through no fault of whom it was for.
func (p *Publisher) Abandon(now time.Time, id uint64) {
	a := p.asks[id]
	if a == nil {
		return
	}
	delete(p.asks, id)
	what := storing
	if a.get {
		what = checking
	}
	for _, it := range a.items {
		if !it.gone {
			at := unix(now) + p.backoff(p.cfg.Timing.Retry, p.cfg.Timing.RetryMax, 0)
			p.plan(it, what, at, at)
		}
	}
}

// Answered takes the answer of an Ask, or why there is none.
func (p *Publisher) Answered(now time.Time, id uint64, answer wire.Payload, err error) {
	a := p.asks[id]
	if a == nil {
		return
	}
	delete(p.asks, id)
	if f, ok := answer.(*wire.Failure); ok && err == nil {
		err = &wire.Error{Code: f.Code}
	}
	if a.get {
		p.looked(now, a, answer, err)
		return
	}
	p.published(now, a, answer, err)
}

// published takes a relay's answer.
func (p *Publisher) published(now time.Time, a *ask, answer wire.Payload, err error) {
	done, ok := answer.(*wire.Published)
	ok = ok && err == nil && len(done.Holders) == len(a.items)
	if ok {
		p.trust(a.to.Node)
	} else {
		p.stats.Unreached++
		p.avoid(unix(now), a.to.Node)
	}
	for i, it := range a.items {
		switch {
		case it.gone:
		case it.again:
			p.resume(now, it)
		case !ok:
			p.fail(now, it, false)
		case done.Holders[i] == 0: // perhaps there is a newer one: that is looked for first
			p.stats.Refused++
			it.refused = true
			p.plan(it, checking, unix(now)+p.look(), 0)
		default:
			p.stats.Stored++
			it.holders, it.stored = done.Holders[i], a.at
			p.soil(it)
			if it.checked && it.fails == 0 && p.rnd.IntN(p.cfg.Capacity.Unchecked+1) > 0 {
				p.rest(it)
			} else {
				p.plan(it, checking, unix(now)+p.look(), 0)
			}
		}
	}
}

// rest lets a record be until it is stored again.
func (p *Publisher) rest(it *item) {
	p.plan(it, storing, it.sent+it.pause, it.sent+p.shortest())
}

// resume has a record stored that changed, while a request was on its way or before.
func (p *Publisher) resume(now time.Time, it *item) {
	it.again, it.refused = false, false
	at := unix(now)
	if it.sent > 0 {
		at = max(at, it.sent+p.cfg.Timing.Settle.Milliseconds())
	}
	p.plan(it, storing, at, at)
}

// fail has a record stored again after a pause, through another relay; its group
// gets another one too the first time.
func (p *Publisher) fail(now time.Time, it *item, wide bool) {
	if g := it.group; it.fails == 0 && g.relay != nil && it.lastRelay != nil && g.relay.Node == it.lastRelay.Node {
		g.relay = nil
		p.soilAll(g)
	}
	pause := p.backoff(p.cfg.Timing.Retry, p.cfg.Timing.RetryMax, it.fails)
	it.fails = min(it.fails+1, 32)
	it.wide = it.wide || wide || it.fails > 1
	it.checked = false
	p.plan(it, storing, unix(now)+pause, unix(now)+pause)
}

// looked takes a witness's answer.
func (p *Publisher) looked(now time.Time, a *ask, answer wire.Payload, err error) {
	it := a.items[0]
	if it.gone {
		return
	}
	if it.again {
		p.resume(now, it)
		return
	}
	found, ok := answer.(*wire.Record)
	missing := errors.Is(err, wire.ErrNoRecord)
	if !missing && (!ok || err != nil) {
		p.unwitnessed(now, a, it)
		return
	}
	p.trust(a.to.Node)
	it.blind = 0
	verdict := absent
	if !missing {
		verdict = p.judge(it, found.Record)
	}
	was, refused := it.outdone, it.refused
	it.outdone, it.refused = false, false
	switch verdict {
	case absent:
		p.stats.Unverified++
		if was { // the newer one is gone: ours is what there is
			p.plan(it, storing, unix(now), unix(now))
			return
		}
		p.fail(now, it, true)
	case newer:
		it.outdone = true
		if !was {
			p.stats.Outdone++
		}
		fallthrough
	case same:
		p.stats.Verified++
		it.verified = unix(now)
		p.soil(it)
		if refused && verdict == same { // it is there from before, and was not stored again
			p.fail(now, it, false)
			return
		}
		it.checked, it.wide, it.fails = true, false, 0
		if it.outdone || was {
			at := unix(now) + p.interval()
			p.plan(it, storing, at, at)
			return
		}
		p.rest(it)
	}
}

// verdict is what a witness found.
type verdict uint8

const (
	absent verdict = iota // nothing, or something older or false
	same                  // our record
	newer                 // a record that takes precedence over ours
)

// judge compares what a witness found with a record.
func (p *Publisher) judge(it *item, record []byte) verdict {
	sum := sha256.Sum256(record)
	if sum == it.sum {
		return same
	}
	h, err := p.cfg.Check(record)
	if err != nil || h.Name != it.name || h.Day != it.day || h.Seq < it.seq {
		return absent
	}
	if h.Seq == it.seq && bytes.Compare(sum[:], it.sum[:]) > 0 {
		return absent
	}
	return newer
}

// maxBlind is how many witnesses are tried.
const maxBlind = 3

// unwitnessed has another witness look, or lets it be for this time.
func (p *Publisher) unwitnessed(now time.Time, a *ask, it *item) {
	p.stats.Unwitness++
	p.avoid(unix(now), a.to.Node)
	it.blind++
	if it.blind < maxBlind {
		p.plan(it, checking, unix(now)+p.look(), 0)
		return
	}
	it.blind = 0
	if it.refused {
		it.refused = false
		p.fail(now, it, true)
		return
	}
	if it.outdone { // it is not known any more whether the newer one is there
		it.outdone = false
		p.plan(it, storing, unix(now), unix(now))
		return
	}
	p.rest(it)
	p.soil(it)
}
