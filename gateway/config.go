package gateway

import (
	"errors"
	"log/slog"
	"time"

	"zeroms/gateway/mailbox"
	"zeroms/gateway/overlay"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// Timing holds every interval of the links; zero fields take their default.
type Timing struct {
	// Hello is how long a new link may take for its hello.
	Hello time.Duration
	// GuestIdle is how long a link without login may be silent.
	GuestIdle time.Duration
	// FellowIdle is how long the link of another gateway may be silent while it waits
	// for nothing.
	FellowIdle time.Duration
	// GuestSpare is the time that every guest has: after so much silence, else after
	// such a stay, it makes room for a new one when the gateway is full.
	GuestSpare time.Duration
	// AckDue is how long a device may be silent while pushes wait for its
	// acknowledgement. A device that owes none may be silent for ever.
	AckDue time.Duration
	// Stall is how long one message may take to go out, beside the time that its
	// size needs at link.SlowestRate.
	Stall time.Duration
	// Flush is how long a link that ends may take for what is queued.
	Flush time.Duration
	// Report is the time between two log lines of counts.
	Report time.Duration
}

// Default fills the fields that are zero.
func (t Timing) Default() Timing {
	set(&t.Hello, 10*time.Second)
	set(&t.GuestIdle, time.Minute)
	set(&t.FellowIdle, 5*time.Minute)
	set(&t.GuestSpare, 2*time.Second)
	set(&t.AckDue, 2*time.Minute)
	set(&t.Stall, link.Stall)
	set(&t.Flush, 4*time.Second)
	set(&t.Report, 10*time.Minute)
	return t
}

// Capacity bounds what links may take; zero fields take their default.
type Capacity struct {
	// Conns and Guests bound the links, and those among them without login.
	Conns, Guests int
	// SourceGuests and NetworkGuests bound the guests of one source
	// (link.SourceOf) and of the network that it stands in: IPv4 /24, IPv6 /48.
	SourceGuests, NetworkGuests int
	// SourceStarting bounds the connections of one source that are not yet links;
	// its network may have four times as many. The oldest gives way.
	SourceStarting int
	// GuestMessage bounds a message of a link without login, in bytes.
	GuestMessage int
	// Pending is how many requests that are no submissions one link may have
	// waiting.
	Pending int
	// Queue is how many bytes may wait for one slow reader, Queues for all of them.
	Queue, Queues int
	// GuestFlight and MemberFlight are how many bytes of requests may wait for
	// their answers, of all guests and of all members. Those of other gateways count
	// for Queues with the answers that they may bring.
	GuestFlight, MemberFlight int
	// MemberBurst and MemberRate bound the frames of one member: so many at once,
	// so many a second; then its link is read no faster.
	MemberBurst, MemberRate int
	// MemberBytes, GuestBytes and AllBytes do the same for the bytes of one member,
	// of one guest, and of the frames above smallFrame of all guests: so many a
	// second, and those of two seconds at once.
	MemberBytes, GuestBytes, AllBytes int
	// GuestBurst and GuestRate bound the requests of one guest; more are refused.
	// One that needs a signature checked counts for signatureCost.
	// SourceBurst and SourceRate do the same for the guests of a source,
	// NetworkBurst and NetworkRate for those of its network, AllBurst and AllRate
	// for all guests together.
	GuestBurst, GuestRate     int
	SourceBurst, SourceRate   int
	NetworkBurst, NetworkRate int
	AllBurst, AllRate         int
	// SpareBurst and SpareRate are what each guest has when others used up what it
	// shares with them: enough to log in.
	SpareBurst, SpareRate int
	// AccountBurst and AccountRate bound the new accounts: so many at once, so many
	// a second; further ones are refused until later. Where anybody may register
	// this is what keeps the disk from filling.
	AccountBurst, AccountRate int
	// GuestRefusals is after how many refused frames in a row a guest's link ends.
	GuestRefusals int
}

// Connections is how many TCP connections there may be at once: some more than
// links, so that the refused ones learn why.
func (c Capacity) Connections() int { return c.Conns + c.Conns/8 + 16 }

// smallFrame is up to what size a frame waits for nobody else's bytes: texts and
// all that is no content.
const smallFrame = 8 << 10

// Default fills the fields that are zero.
func (c Capacity) Default() Capacity {
	set(&c.Conns, 10_000)
	set(&c.Guests, 2_000)
	set(&c.SourceGuests, 128)
	set(&c.NetworkGuests, 512)
	set(&c.SourceStarting, 64)
	set(&c.GuestMessage, 128<<10)
	set(&c.Pending, 256)
	set(&c.Queue, 256<<10)
	set(&c.Queues, 64<<20)
	set(&c.GuestFlight, 8<<20)
	set(&c.MemberFlight, 8<<20)
	set(&c.MemberBurst, 16384)
	set(&c.MemberRate, 4096)
	set(&c.MemberBytes, 8<<20)
	set(&c.GuestBytes, 2<<20)
	set(&c.AllBytes, 32<<20)
	set(&c.GuestBurst, 256)
	set(&c.GuestRate, 128)
	set(&c.SourceBurst, 1024)
	set(&c.SourceRate, 512)
	set(&c.NetworkBurst, 2048)
	set(&c.NetworkRate, 1024)
	set(&c.SpareBurst, 4)
	set(&c.SpareRate, 1)
	set(&c.AllBurst, 8192)
	set(&c.AllRate, 4096)
	set(&c.AccountBurst, 1024)
	set(&c.AccountRate, 8)
	set(&c.GuestRefusals, 256)
	return c
}

func set[T ~int | ~int64](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// DefaultMessage is the largest link message that a gateway reads, in bytes: any
// frame fits, and more than clients put into one message.
const DefaultMessage = 128 << 10

// DefaultLimits are what a gateway announces unless its operator says otherwise
// (protocol.md 12).
func DefaultLimits() wire.Limits {
	return wire.Limits{
		Frame: wire.MaxFrame, Message: DefaultMessage,
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
	// Overlay is the gateway's part in its network; nil: it serves its own users only.
	// Run runs it.
	Overlay *overlay.Overlay
	// Timing and Capacity take defaults where they are zero.
	Timing   Timing
	Capacity Capacity
	// Log gets counts, and at level Debug the beginnings and ends of links; nil
	// discards them.
	Log *slog.Logger
	// LogAddresses puts network addresses of links into those lines, and connections
	// that became no links. Without it the log holds none.
	LogAddresses bool
}

func (c *Config) check() error {
	switch {
	case c.Node.IsZero() || c.Mailbox == nil:
		return errors.New("gateway: Config needs a node key and a Mailbox")
	case c.Network == (key.Network{}):
		return errors.New("gateway: Config needs a network")
	case c.Limits.InFlight == 0:
		return errors.New("gateway: Limits.InFlight must not be 0")
	case c.Limits.Message < c.Limits.Frame || c.Limits.Frame < wire.MaxFrame || c.Limits.Message > wire.MaxMessage:
		return errors.New("gateway: Limits.Frame must be wire.MaxFrame, Limits.Message not below it and not above wire.MaxMessage")
	}
	return nil
}
