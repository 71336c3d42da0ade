package deposit

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"zeroms/gateway/deposit/publisher"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Transport reaches the other gateways.
type Transport interface {
	// Ask sends a request to a gateway and waits for the answer, which may be a
	// *wire.Failure. It gives up by itself, after some seconds.
	Ask(ctx context.Context, to wire.Contact, request wire.Payload) (wire.Payload, error)
	// Sample draws up to n gateways at random among those that answered lately, none
	// of those named and not this one.
	Sample(n int, not ...key.NodePublic) []wire.Contact
}

// Timing holds the intervals of the Service; zero fields take their default.
type Timing struct {
	publisher.Timing
	// Keep is how often states are written to the disk, Read how often it is read
	// what becomes due, and Ahead how long before.
	Keep, Read, Ahead time.Duration
}

// Default fills the fields that are zero.
func (t Timing) Default() Timing {
	t.Timing = t.Timing.Default()
	set(&t.Keep, 5*time.Minute)
	set(&t.Read, 10*time.Minute)
	set(&t.Ahead, 20*time.Minute)
	return t
}

// Capacity bounds what is done; zero fields take their default.
type Capacity struct {
	publisher.Capacity
	// Stamps is how many stamps are computed a second.
	Stamps int
	// AccountBurst and AccountRate bound the deposits that one account changes: so
	// many at once, so many an hour.
	AccountBurst, AccountRate int
}

// Default fills the fields that are zero.
func (c Capacity) Default() Capacity {
	c.Capacity = c.Capacity.Default()
	set(&c.Stamps, 20)
	set(&c.AccountBurst, 960)
	set(&c.AccountRate, 192)
	return c
}

func set[T ~int | ~int64](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// Config is what a Service needs.
type Config struct {
	Params    address.Parameters
	Store     Store
	Transport Transport
	Timing    Timing
	Capacity  Capacity
	Log       *slog.Logger // nil discards
}

// Service takes deposits and has them published. Its methods are safe for
// concurrent use.
type Service struct {
	cfg  Config
	log  *slog.Logger
	kick chan struct{} // the publisher may have something to do
	work chan struct{} // there may be a stamp to compute

	mu sync.Mutex
	// guarded by mu
	publisher *publisher.Publisher
	read      Mark // what becomes due up to here was read
	failed    bool // the disk failed when it was used last
	accounts  map[key.AccountTag]*allowance
}

// New makes a Service and starts nothing.
func New(cfg Config) (*Service, error) {
	if cfg.Store == nil || cfg.Transport == nil {
		return nil, errors.New("deposit: Config needs a Store and a Transport")
	}
	cfg.Timing, cfg.Capacity = cfg.Timing.Default(), cfg.Capacity.Default()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{
		cfg: cfg, log: cfg.Log, kick: make(chan struct{}, 1), work: make(chan struct{}, 1),
		publisher: publisher.New(publisher.Config{
			StampBits: cfg.Params.StampBits, Sample: cfg.Transport.Sample,
			Timing: cfg.Timing.Timing, Capacity: cfg.Capacity.Capacity,
		}),
		accounts: make(map[key.AccountTag]*allowance),
	}, nil
}

// Put takes deposits of an account, all of them or none. nil: they are durable.
// Errors are *wire.Error: wire.ErrValue, wire.ErrTooLarge, wire.ErrClock (a day that
// is over or too far ahead), those of a record that is not valid, wire.ErrOlder (a
// newer one of the same name and day is there), wire.ErrLimit, wire.ErrClosed,
// wire.ErrUnavailable.
func (s *Service) Put(ctx context.Context, account key.AccountTag, r *wire.DepositPut) error {
	now := time.Now()
	if err := s.allow(account, len(r.Items), now); err != nil {
		return err
	}
	change, err := check(r, now)
	if err != nil {
		return err
	}
	changed, removed, err := s.cfg.Store.DepositPut(ctx, account, change)
	if err != nil {
		return s.unavailable("write deposits", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range removed {
		s.publisher.Remove(id)
	}
	// What becomes due later is read then. A load that runs now may have missed what
	// it looked for before the commit: all that it can have looked for is told here.
	now = time.Now()
	soon := minutes(now.Add(s.cfg.Timing.Ahead))
	for i := range changed {
		if changed[i].First <= soon {
			s.publisher.Add(now, changed[i].record())
		}
	}
	s.wake()
	return nil
}

// wake has the loops look what is to be done.
func (s *Service) wake() {
	for _, c := range []chan struct{}{s.kick, s.work} {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// Get says what an account has deposited and how it stands. Error: wire.ErrUnavailable.
func (s *Service) Get(ctx context.Context, account key.AccountTag) (*wire.Deposits, error) {
	all, err := s.cfg.Store.DepositsOf(ctx, account)
	if err != nil {
		return nil, s.unavailable("read deposits", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &wire.Deposits{Items: make([]wire.Deposited, 0, len(all))}
	for _, d := range all {
		item := wire.Deposited{
			Name: d.Name, Day: d.Day, Seq: d.Seq, Holders: d.Holders, Stored: d.Stored, Verified: d.Verified,
		}
		if st, known := s.publisher.State(d.ID); known {
			item.Holders, item.Stored, item.Verified = st.Holders, millis(st.Stored), millis(st.Verified)
		}
		out.Items = append(out.Items, item)
	}
	return out, nil
}

// Stats says how publishing goes.
type Stats struct {
	publisher.Stats
	// DiskFails: the disk could not be read or written when it was last tried.
	DiskFails bool
}

// Stats says how publishing goes.
func (s *Service) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Stats{Stats: s.publisher.Stats(time.Now()), DiskFails: s.failed}
}

// unavailable turns an error of the Store into one for the wire; the cause goes to
// the log.
func (s *Service) unavailable(doing string, err error) error {
	var known *wire.Error
	if errors.As(err, &known) {
		return known
	}
	if !errors.Is(err, context.Canceled) {
		s.log.Error("deposit: the store failed", "doing", doing, "err", err)
	}
	return wire.ErrUnavailable
}

// allowance is how many deposits an account may change now.
type allowance struct {
	left   float64
	filled time.Time
}

// allow takes n deposits off what an account may change.
func (s *Service) allow(account key.AccountTag, n int, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	burst, rate := float64(s.cfg.Capacity.AccountBurst), float64(s.cfg.Capacity.AccountRate)
	a := s.accounts[account]
	if a == nil {
		a = &allowance{left: burst, filled: now}
		s.accounts[account] = a
	}
	a.fill(now, burst, rate)
	if a.left < float64(n) {
		return wire.ErrLimit.Because("deposits that change")
	}
	a.left -= float64(n)
	return nil
}

func (a *allowance) fill(now time.Time, burst, rate float64) {
	if passed := now.Sub(a.filled); passed > 0 {
		a.left = min(burst, a.left+passed.Hours()*rate)
	}
	a.filled = now
}

// forgive forgets the accounts whose allowance is whole again.
func (s *Service) forgive(now time.Time) {
	burst, rate := float64(s.cfg.Capacity.AccountBurst), float64(s.cfg.Capacity.AccountRate)
	for tag, a := range s.accounts {
		if a.fill(now, burst, rate); a.left >= burst {
			delete(s.accounts, tag)
		}
	}
}

func (d *Deposit) mark() Mark { return Mark{d.First, d.ID} }

// record is a deposit as the publisher knows it.
func (d *Deposit) record() publisher.Record {
	r := publisher.Record{
		ID: d.ID, Name: d.Name, Day: d.Day, Seq: d.Seq, Sum: d.Sum,
		First: time.Unix(int64(d.First)*60, 0), Last: time.Unix(int64(d.Last)*60, 0),
		State: publisher.State{Holders: d.Holders, Stored: instant(d.Stored), Verified: instant(d.Verified), Stamp: d.Stamp},
	}
	r.Relay, r.Witness = contact(d.Relay), contact(d.Witness)
	return r
}

// stateOf is what is kept of a publisher's record.
func stateOf(r *publisher.Record) State {
	return State{
		ID: r.ID, Seq: r.Seq, Holders: r.Holders, Stored: millis(r.Stored), Verified: millis(r.Verified), Stamp: r.Stamp,
		Relay: bytesOf(r.Relay), Witness: bytesOf(r.Witness),
	}
}

// contact reads a contact that was kept; a damaged one is none.
func contact(b []byte) wire.Contact {
	c, err := wire.ParseContact(b)
	if err != nil || !c.Addr.IsValid() {
		return wire.Contact{}
	}
	return c
}

func bytesOf(c wire.Contact) []byte {
	if !c.Addr.IsValid() {
		return nil
	}
	return c.AppendTo(nil)
}

func millis(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return wire.Millis(t)
}

func instant(ms uint64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return wire.Time(ms)
}
