package mailbox

import (
	"encoding/hex"
	"errors"
	"log/slog"
	"sync"
	"time"

	"zeroms/gateway/mailbox/keyed"
	"zeroms/gateway/mailbox/logins"
	"zeroms/gateway/mailbox/recent"
	"zeroms/gateway/mailbox/settings"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// How a mailbox is set (package settings).
type (
	// Registration says who may open an account.
	Registration = settings.Registration
	// Timing holds every interval of the mailbox; zero fields take their default.
	Timing = settings.Timing
)

// The registration policies.
const (
	Open       = settings.Open
	InviteOnly = settings.InviteOnly
	ByWork     = settings.ByWork
)

// Bounds of what waits in memory.
const (
	batchBytes  = 256 << 10 // payload bytes at which a commit waits no longer
	maxBacklog  = 16 << 20  // payload bytes waiting for a commit; more is ErrBusy
	maxWaiting  = 1 << 16   // answers waiting for a commit; more is ErrBusy
	tailBytes   = 1 << 20   // durable rows of one account kept for its links
	headEvery   = 64        // rows between two heads sent unasked
	deletedPer  = 3         // deleted drops remembered for each drop allowed
	maxRemoved  = 64        // removed login keys, and deleted profiles, remembered for an account
	intakePage  = 4096      // rows read at once when an account's intake is loaded
	intakeFresh = 24 * time.Hour
)

// What Config takes where it says nothing.
const (
	DefaultRows   = settings.Rows
	DefaultMemory = settings.Memory
)

// Config is what a Mailbox needs.
type Config struct {
	// Node signs commits and refusals.
	Node key.NodePrivate
	// Network is named in log lines.
	Network key.Network
	// Limits are the announced ones; Retention above wire.MaxRetention is refused.
	Limits wire.Limits
	// Timing takes defaults where it is zero.
	Timing Timing
	// Rows is how many rows an account may have kept; 0 takes DefaultRows.
	Rows uint64
	// Memory is how much accounts may take in memory in all, in bytes; 0 takes
	// DefaultMemory.
	Memory int
	// Registration is the policy for new accounts.
	Registration Registration
	// RegisterBits is the work for an account with ByWork, 1 to
	// wire.MaxWorkBits; Limits.RegisterBits announces the same.
	RegisterBits uint8
	// Store keeps everything.
	Store Store
	// Log gets events without names; nil discards them.
	Log *slog.Logger
}

// Port is the outbound side of one link, a comparable value such as a pointer.
// Its methods never block, never call the Mailbox, and may be called from any
// goroutine.
type Port interface {
	// Answer queues the answer to the request id; 0 belongs to none.
	Answer(id uint64, p wire.Payload)
	// Wake says that pushes are waiting: the link's writer calls Session.Pull.
	Wake()
	// Close ends the link once what is queued was sent.
	Close(reason *wire.Error)
}

// phase is the state of a Mailbox.
type phase uint8

const (
	starting phase = iota // no incarnation yet
	running
	down // the last commit failed: nothing is written until Start succeeds
	draining
)

// Mailbox holds the accounts of one gateway. Its methods are safe for
// concurrent use.
type Mailbox struct {
	// static
	cfg       Config
	node      key.NodePublic
	log       *slog.Logger
	ready     chan struct{}
	kick      chan struct{} // the committer looks at pending.deadline again
	unchecked chan struct{} // there are claims

	// exclusive makes reading from the Store and changing what was read one step
	// without holding mu, which is taken within.
	exclusive keyed.Locks

	mu sync.Mutex
	// guarded by mu
	phase       phase
	incarnation uint32
	accounts    map[key.AccountTag]*account
	memory      *recent.Set[*account]
	drops       map[key.DropID]*drop
	pending     *pending // what the next commit takes
	flying      *pending // what the running commit took; empty while none runs
	steps       uint64   // beginnings and ends of commits
	wake        []Port   // to be woken by unlock
	claims      map[*logins.Login]*claim
}

// New checks the configuration and starts nothing.
func New(cfg Config) (*Mailbox, error) {
	if cfg.Node.IsZero() || cfg.Store == nil {
		return nil, errors.New("mailbox: Config needs a node key and a Store")
	}
	if err := settings.Check(&cfg.Limits, cfg.Registration, cfg.RegisterBits); err != nil {
		return nil, err
	}
	cfg.Timing = cfg.Timing.Default()
	if cfg.Rows == 0 {
		cfg.Rows = DefaultRows
	}
	if cfg.Memory == 0 {
		cfg.Memory = DefaultMemory
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	m := &Mailbox{
		cfg:       cfg,
		node:      cfg.Node.Public(),
		log:       cfg.Log.With("network", hex.EncodeToString(cfg.Network[:])),
		ready:     make(chan struct{}),
		kick:      make(chan struct{}, 1),
		unchecked: make(chan struct{}, 1),
		claims:    make(map[*logins.Login]*claim),
		accounts:  make(map[key.AccountTag]*account),
		memory:    recent.New[*account](cfg.Memory),
		drops:     make(map[key.DropID]*drop),
	}
	m.pending, m.flying = newPending(), newPending()
	return m, nil
}

// Ready is closed once Run has the incarnation; until then every request is
// answered with wire.ErrUnavailable.
func (m *Mailbox) Ready() <-chan struct{} { return m.ready }

// writable is nil while requests that change something are taken; mu is held.
func (m *Mailbox) writable() error {
	switch {
	case m.phase == draining:
		return wire.ErrDraining
	case m.phase != running:
		return wire.ErrUnavailable
	case m.pending.bytes > maxBacklog || len(m.pending.answers) > maxWaiting:
		return wire.ErrBusy
	}
	return nil
}

// unlock frees mu and wakes the links for which rows were appended.
func (m *Mailbox) unlock() {
	ports := m.wake
	m.wake = nil
	m.mu.Unlock()
	for _, p := range ports {
		p.Wake()
	}
}

// fail answers a request that went wrong; nil is not answered here.
func fail(p Port, id uint64, err error) {
	if err != nil {
		p.Answer(id, wire.FailureOf(err))
	}
}
