package peers

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"zeroms/gateway/peers/bounds"
	"zeroms/gateway/peers/frames"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// What one link between gateways may have without an answer; both sides keep to it.
// A request counts with its own bytes or those of its answer, whichever are more.
const (
	InFlight      = 1024                          // requests
	InFlightBytes = InFlight * frames.LeastBurden // their bytes: 4 MiB
)

// Dialer opens links that are mutual TLS with the own node key: link.Dialer is one,
// and so is a QUIC socket. It is only given addresses as hosts, never names. The link
// is returned once the gateway there proved the pinned key (32 bytes, or the 16 of
// its hash), and it has got nothing but the handshake before.
type Dialer interface {
	Dial(ctx context.Context, e link.Endpoint) (link.Conn, error)
}

// Resolver looks names up; net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Directory is what the network itself knows of gateways.
type Directory interface {
	// Find looks up a gateway's descriptor. Error: wire.ErrNoRecord.
	Find(ctx context.Context, node key.NodePublic) (descriptor []byte, err error)
	// Sample returns up to n gateways that answered lately, drawn at random.
	Sample(n int) []wire.Contact
}

// Timing holds every interval of the pool; zero fields take their default.
type Timing struct {
	// Dial bounds one attempt to open a link, Resolve the look-up of a name.
	Dial, Resolve time.Duration
	// HeadStart is how long QUIC is tried alone, and the time between the first and
	// the second address of a name.
	HeadStart time.Duration
	// Answer is how long a request waits for its answer, and a link for its hello.
	Answer time.Duration
	// Idle is after how long a link without requests is closed, IdleAsk one that only
	// contacts were asked over: a table of hundreds comes back to one of them after
	// many minutes, and until then each link would cost memory at both ends.
	Idle, IdleAsk time.Duration
	// Pause is the first pause after an attempt failed; it doubles up to PauseMost.
	// An address that was good within Proven begins with PauseProven.
	Pause, PauseProven, PauseMost time.Duration
	// Bridge is how long who asks for a gateway that was reached lately waits for it to
	// be dialled again, before the answer is that it can't be reached.
	Bridge time.Duration
	// Proven is how long an address counts as the gateway's after it proved so.
	Proven time.Duration
	// NoUDP is how long QUIC is left aside once it got through to nobody; for one
	// gateway as long as Proven.
	NoUDP time.Duration
	// Names is how long the addresses of a name are remembered.
	Names time.Duration
}

// Default fills the fields that are zero.
func (t Timing) Default() Timing {
	set(&t.Dial, 6*time.Second)
	set(&t.Resolve, 5*time.Second)
	set(&t.HeadStart, 300*time.Millisecond)
	set(&t.Answer, 15*time.Second)
	set(&t.Idle, 55*time.Second) // QUIC connections end after a minute
	set(&t.IdleAsk, 20*time.Second)
	set(&t.Pause, 20*time.Second)
	set(&t.PauseProven, 500*time.Millisecond)
	set(&t.PauseMost, 10*time.Minute)
	set(&t.Bridge, time.Second)
	set(&t.Proven, time.Hour)
	set(&t.NoUDP, 10*time.Minute)
	set(&t.Names, time.Minute)
	return t
}

// Capacity bounds what the pool may take; zero fields take their default.
type Capacity struct {
	// Links bounds those that are open. Dials bounds those being opened to addresses
	// that other gateways named, and once more all others.
	Links, Dials int
	// Waiting is how many bytes (InFlightBytes) may be without an answer on all links.
	Waiting int
	// Known is how many gateways are remembered with what was learnt of them,
	// Descriptors how many descriptors.
	Known, Descriptors int
	// Asking is how many descriptors may be looked up, and how many gateways dialled
	// back, at one time.
	Asking int

	// DialsIP, DialsNear and DialsFar bound the attempts that failed or go on, for an
	// address (IPv6: /56), its neighbourhood and its wider one (address.Scope.Near,
	// Far), DialsAll those to all addresses that other gateways named, and once more
	// to all others. An attempt is one handshake.
	DialsIP, DialsNear, DialsFar, DialsAll bounds.Allowance
	// Names bounds the look-ups of names.
	Names bounds.Allowance
	// Reaches bounds the dial-backs for one gateway, ReachesNear those for a
	// neighbourhood of sources.
	Reaches, ReachesNear bounds.Allowance

	// Frames and Bytes are the rates that a gateway may ask at over a link of its own,
	// and all gateways of one neighbourhood together, a second; and those of two seconds
	// at once. Beyond them the links are read no faster. Work is that of one link's
	// requests that take more than a look into memory (weights in package frames);
	// beyond it they are refused.
	Frames, Bytes, Work int
}

// Default fills the fields that are zero.
func (c Capacity) Default() Capacity {
	set(&c.Links, 320)
	set(&c.Dials, 256)
	set(&c.Waiting, 64<<20)
	set(&c.Known, 4096)
	set(&c.Descriptors, 512)
	set(&c.Asking, 64)
	set(&c.DialsIP, bounds.Allowance{Burst: 4, Minute: 2})
	set(&c.DialsNear, bounds.Allowance{Burst: 16, Minute: 8})
	set(&c.DialsFar, bounds.Allowance{Burst: 64, Minute: 32})
	set(&c.DialsAll, bounds.Allowance{Burst: 512, Minute: 2400})
	set(&c.Names, bounds.Allowance{Burst: 64, Minute: 480})
	set(&c.Reaches, bounds.Allowance{Burst: 6, Minute: 6})
	set(&c.ReachesNear, bounds.Allowance{Burst: 24, Minute: 24})
	set(&c.Frames, 32_768) // 1.7 times what forwarding brought over one link (docs/protocol/link.md)
	set(&c.Bytes, 64<<20)
	set(&c.Work, 2048)
	return c
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Config is what a Pool needs.
type Config struct {
	// Node is the own key: whatever names it is not dialled.
	Node key.NodePublic
	// Params are the network's.
	Params address.Parameters
	// Self stands in our hellos until SetSelf changes it.
	Self wire.Contact
	// Descriptor is the own signed descriptor, nil for none yet.
	Descriptor func() []byte
	// QUIC and WSS open links; nil: not spoken. One is there at least.
	QUIC, WSS Dialer
	// Resolver looks names up; nil is net.DefaultResolver.
	Resolver Resolver
	// Directory is the network's; nil: there is none, or SetDirectory brings it.
	Directory Directory
	// Timing and Capacity take defaults where they are zero.
	Timing   Timing
	Capacity Capacity
	// Log gets counts at level Debug, never addresses; nil discards it.
	Log *slog.Logger
}

func (c *Config) check() error {
	switch {
	case c.QUIC == nil && c.WSS == nil:
		return errors.New("peers: Config needs a Dialer")
	case c.Node == (key.NodePublic{}) || c.Self.Node != c.Node:
		return errors.New("peers: Config needs the own key, in Node and in Self")
	}
	return c.Params.Check()
}

func (c Config) withDefaults() Config {
	c.Timing, c.Capacity = c.Timing.Default(), c.Capacity.Default()
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Resolver == nil {
		c.Resolver = net.DefaultResolver
	}
	return c
}
