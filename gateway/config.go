package gateway

import (
	"errors"
	"log/slog"
	"time"

	"zeroms/gateway/mailbox"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Timing holds every interval of the links; zero fields take their default.
type Timing struct {
	// Hello is how long a new link may take for its hello.
	Hello time.Duration
	// GuestIdle is how long a link without login may be silent.
	GuestIdle time.Duration
	// GuestSpare is the silence after which a guest makes room for a new one when
	// the gateway is full.
	GuestSpare time.Duration
	// AckDue is how long a device may be silent while pushes wait for its
	// acknowledgement. A device that owes none may be silent for ever.
	AckDue time.Duration
	// Flush is how long a link that ends may take for what is queued.
	Flush time.Duration
	// Report is the time between two log lines of counts.
	Report time.Duration
}

// Default fills the fields that are zero.
func (t Timing) Default() Timing {
	set(&t.Hello, 10*time.Second)
	set(&t.GuestIdle, time.Minute)
	set(&t.GuestSpare, 2*time.Second)
	set(&t.AckDue, 2*time.Minute)
	set(&t.Flush, 4*time.Second)
	set(&t.Report, 10*time.Minute)
	return t
}

// Capacity bounds what links may take; zero fields take their default.
type Capacity struct {
	// Conns and Guests bound the links, and those among them without login;
	// SourceGuests those of one source (link.SourceOf).
	Conns, Guests, SourceGuests int
	// SourceStarting bounds the connections of one source that are not yet links.
	SourceStarting int
	// GuestMessage bounds a message of a link without login, in bytes.
	GuestMessage int
	// Pending is how many requests that are no submissions one link may have
	// waiting.
	Pending int
	// Queue is how many bytes may wait for a slow reader.
	Queue int
	// GuestBurst and GuestRate bound the requests of one guest: so many at once,
	// so many a second. SourceBurst and SourceRate do the same for the guests of a
	// source, AllBurst and AllRate for all guests together.
	GuestBurst, GuestRate   int
	SourceBurst, SourceRate int
	AllBurst, AllRate       int
	// GuestRefusals is after how many refused frames in a row a guest's link ends.
	GuestRefusals int
}

// Default fills the fields that are zero.
func (c Capacity) Default() Capacity {
	set(&c.Conns, 10_000)
	set(&c.Guests, 2_000)
	set(&c.SourceGuests, 128)
	set(&c.SourceStarting, 64)
	set(&c.GuestMessage, 128<<10)
	set(&c.Pending, 256)
	set(&c.Queue, 1<<20)
	set(&c.GuestBurst, 256)
	set(&c.GuestRate, 128)
	set(&c.SourceBurst, 1024)
	set(&c.SourceRate, 512)
	set(&c.AllBurst, 8192)
	set(&c.AllRate, 4096)
	set(&c.GuestRefusals, 256)
	return c
}

func set[T ~int | ~int64](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// DefaultLimits are what a gateway announces unless its operator says otherwise
// (protocol.md 12).
func DefaultLimits() wire.Limits {
	return wire.Limits{
		Frame: wire.MaxFrame, Message: wire.MaxMessage,
		InFlight: 64, PushWindow: 1 << 20,
		Retention: uint64(wire.MaxRetention / time.Second), Quota: 256 << 20,
		Drops: 10_000, Doors: 64, Devices: 8, Profiles: 8,
	}
}

// Config is what a Gateway needs.
type Config struct {
	// Node is the gateway's key, Network the network it belongs to.
	Node    key.NodePrivate
	Network key.Network
	// Limits are announced in the hello; the mailbox has the same.
	Limits wire.Limits
	// Mailbox keeps what is submitted. Run runs it.
	Mailbox *mailbox.Mailbox
	// Timing and Capacity take defaults where they are zero.
	Timing   Timing
	Capacity Capacity
	// Log gets counts; nil discards them.
	Log *slog.Logger
}

func (c *Config) check() error {
	switch {
	case c.Node.IsZero() || c.Mailbox == nil:
		return errors.New("gateway: Config needs a node key and a Mailbox")
	case c.Network == (key.Network{}):
		return errors.New("gateway: Config needs a network")
	case c.Limits.InFlight == 0:
		return errors.New("gateway: Limits.InFlight must not be 0")
	}
	return nil
}
