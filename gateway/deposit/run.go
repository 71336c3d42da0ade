package deposit

import (
	"context"
	"sync"
	"time"

	"zeroms/gateway/deposit/publisher"
	"zeroms/protocol/address"
	"zeroms/protocol/wire"
)

// pageSize is how many deposits, and states, go between disk and memory at once.
const pageSize = 512

// longestLife is how long before now a record may have begun that is due still: its
// day with 6 hours on each side.
const longestLife = 36 * time.Hour

// Run publishes until ctx ends; then it waits for the requests on their way, keeps
// the states and returns nil. A Service runs once.
func (s *Service) Run(ctx context.Context) error {
	s.mu.Lock()
	s.read = Mark{First: minutes(time.Now().Add(-longestLife))}
	s.mu.Unlock()
	var loops sync.WaitGroup
	for _, loop := range []func(context.Context){s.loopPublish, s.loopStamp, s.loopKeep} {
		loops.Go(func() { loop(ctx) })
	}
	loops.Wait()
	s.keep(context.WithoutCancel(ctx))
	return nil
}

// loopPublish sends what is due.
func (s *Service) loopPublish(ctx context.Context) {
	var asks sync.WaitGroup
	defer asks.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.kick:
		case <-timer.C:
		}
		now := time.Now()
		s.mu.Lock()
		due, next := s.publisher.Advance(now)
		s.mu.Unlock()
		for _, a := range due {
			asks.Go(func() { s.ask(ctx, a) })
		}
		if next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(max(next.Sub(now), time.Millisecond))
		}
	}
}

// ask sends one request and hands over its answer.
func (s *Service) ask(ctx context.Context, a publisher.Ask) {
	defer s.wake()
	request, ok := s.request(ctx, a)
	if !ok {
		return
	}
	answer, err := s.cfg.Transport.Ask(ctx, a.To, request)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && ctx.Err() != nil { // it is us who end: the relay stays the one of its day
		s.publisher.Abandon(time.Now(), a.ID)
		return
	}
	s.publisher.Answered(time.Now(), a.ID, answer, err)
}

// request makes the request that is to be sent; false: there is none.
func (s *Service) request(ctx context.Context, a publisher.Ask) (wire.Payload, bool) {
	if a.Get != nil {
		return a.Get, true
	}
	found, err := s.cfg.Store.DepositRecords(ctx, a.Records)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noteDisk("read records", err)
	if err != nil {
		s.publisher.Abandon(time.Now(), a.ID)
		return nil, false
	}
	p := s.publisher.Publish(time.Now(), a.ID, found)
	return p, p != nil
}

// stampTries is how many nonces are tried between two looks whether to go on: some ms.
const stampTries = 1 << 14

// stampBurst is how many stamps are computed at once before it is one after another.
const stampBurst = 100

// loopStamp computes stamps, the one that is needed soonest first.
func (s *Service) loopStamp(ctx context.Context) {
	pace := time.NewTimer(0)
	defer pace.Stop()
	each := time.Second / time.Duration(s.cfg.Capacity.Stamps)
	var due time.Time
	for {
		s.mu.Lock()
		stamp, ok := s.publisher.NextStamp()
		s.mu.Unlock()
		if !ok {
			select {
			case <-ctx.Done():
				return
			case <-s.work:
			}
			continue
		}
		work := s.compute(ctx, stamp)
		if work == nil {
			return
		}
		s.mu.Lock()
		s.publisher.Stamped(stamp.ID, work)
		s.mu.Unlock()
		select {
		case s.kick <- struct{}{}:
		default:
		}
		now := time.Now()
		if idle := now.Add(-stampBurst * each); due.Before(idle) {
			due = idle
		}
		due = due.Add(each)
		pace.Reset(due.Sub(now))
		select {
		case <-ctx.Done():
			return
		case <-pace.C:
		}
	}
}

// compute searches for a stamp of the record's day, which is good on the day before
// and the day after too; nil when ctx ended.
func (s *Service) compute(ctx context.Context, stamp publisher.Stamp) (work []byte) {
	for first, done := uint64(0), false; !done; {
		if ctx.Err() != nil {
			return nil
		}
		work, first, done = address.Stamp(stamp.Place, s.cfg.Params.StampBits, stamp.Day, first, stampTries)
	}
	return work
}

// loopKeep reads what becomes due and keeps how things stand.
func (s *Service) loopKeep(ctx context.Context) {
	read, keep := time.NewTimer(0), time.NewTicker(s.cfg.Timing.Keep)
	defer read.Stop()
	defer keep.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-read.C:
			pause := s.cfg.Timing.Read
			if !s.load(ctx) {
				pause = time.Minute // the disk failed
			}
			read.Reset(pause)
		case <-keep.C:
			s.keep(ctx)
			s.mu.Lock()
			s.forgive(time.Now())
			s.mu.Unlock()
		}
	}
}

// load reads the deposits that become due soon; false: the disk failed.
func (s *Service) load(ctx context.Context) bool {
	for {
		now := time.Now()
		until := minutes(now.Add(s.cfg.Timing.Ahead))
		s.mu.Lock()
		after := s.rewound(now)
		s.mu.Unlock()
		page, err := s.cfg.Store.DepositsFrom(ctx, after, until, pageSize)
		s.mu.Lock()
		s.noteDisk("read what is due", err)
		if err != nil {
			s.mu.Unlock()
			return false
		}
		for i := range page {
			s.publisher.Load(now, page[i].record())
		}
		if len(page) == pageSize {
			s.read = page[len(page)-1].mark()
		} else {
			s.read = Mark{First: until, ID: 1<<63 - 1}
		}
		s.mu.Unlock()
		s.wake()
		if len(page) < pageSize {
			return true
		}
	}
}

// rewound is from where on to read: behind what was read, unless the clock was set
// back by so much that it is to be read again. mu is held.
func (s *Service) rewound(now time.Time) Mark {
	if s.read.First > minutes(now.Add(2*s.cfg.Timing.Ahead+time.Hour)) {
		s.read = Mark{First: minutes(now.Add(-longestLife))}
	}
	return s.read
}

// keep writes the states that changed.
func (s *Service) keep(ctx context.Context) {
	for {
		s.mu.Lock()
		changed := s.publisher.Changed(pageSize)
		s.mu.Unlock()
		if len(changed) == 0 {
			return
		}
		states := make([]State, len(changed))
		for i := range changed {
			states[i] = stateOf(&changed[i])
		}
		err := s.cfg.Store.DepositStates(ctx, states)
		s.mu.Lock()
		s.noteDisk("write states", err)
		if err != nil {
			for i := range changed {
				s.publisher.Unkept(changed[i].ID)
			}
		}
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// noteDisk notes whether the disk works, and says when that changes. mu is held.
func (s *Service) noteDisk(doing string, err error) {
	failed := err != nil
	if failed != s.failed {
		if failed {
			s.log.Error("deposit: the store failed, it is tried again", "doing", doing, "err", err)
		} else {
			s.log.Info("deposit: the store works again")
		}
	}
	s.failed = failed
}

// minutes are unix minutes.
func minutes(t time.Time) uint32 { return uint32(max(t.Unix(), 0) / 60) }
