// Package settings is how a mailbox is set: intervals, who may register, and what
// of that can't be.
package settings

import (
	"errors"
	"time"

	"zeroms/protocol/wire"
)

// Registration says who may open an account.
type Registration uint8

// The registration policies.
const (
	Open       Registration = iota // anybody
	InviteOnly                     // holders of an invite with uses left
	ByWork                         // whoever did Config.RegisterBits of work, and holders of an invite
)

// Timing holds every interval of the mailbox; zero fields take their default.
type Timing struct {
	// Gather is how long a commit waits for company after its first request.
	Gather time.Duration
	// AckFlush is how long acknowledgements alone wait for their commit.
	AckFlush time.Duration
	// Sweep is the time between two rounds of expiry and compaction.
	Sweep time.Duration
	// Idle is how long an unused account stays in memory.
	Idle time.Duration
	// Retry is the first wait after a failed commit; it doubles up to 32 times that.
	Retry time.Duration
}

// Default fills the fields that are zero.
func (t Timing) Default() Timing {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&t.Gather, 2*time.Millisecond)
	set(&t.AckFlush, 2*time.Second)
	set(&t.Sweep, 30*time.Second)
	set(&t.Idle, 10*time.Minute)
	set(&t.Retry, time.Second)
	return t
}

// Rows is how many rows an account may have kept unless Config says
// otherwise: at about 256 bytes each on the disk, as much as the usual quota.
const Rows = 1 << 20

// Memory is how many bytes accounts may take in memory unless Config says
// otherwise.
const Memory = 256 << 20

// MaxDevices is how many login keys an account may have at most: a signed state
// names them all in one frame.
const MaxDevices = 256

// Check refuses limits that no mailbox keeps, and a registration that does not fit
// them; bits is the work for an account.
func Check(limits *wire.Limits, who Registration, bits uint8) error {
	retention := time.Duration(limits.Retention) * time.Second
	switch {
	case limits.Retention > uint64(wire.MaxRetention/time.Second) || retention <= 0:
		return errors.New("mailbox: Limits.Retention must be 1 second to 30 days")
	case limits.Quota == 0 || limits.PushWindow == 0:
		return errors.New("mailbox: Limits.Quota and PushWindow must not be 0")
	case limits.Devices == 0 || limits.Devices > MaxDevices:
		return errors.New("mailbox: Limits.Devices must be 1 to 256")
	case who == ByWork && (bits == 0 || bits > wire.MaxWorkBits):
		return errors.New("mailbox: registration by work needs RegisterBits of 1 to 40")
	case who == ByWork && limits.RegisterBits != bits:
		return errors.New("mailbox: Limits.RegisterBits must announce RegisterBits")
	}
	return nil
}
