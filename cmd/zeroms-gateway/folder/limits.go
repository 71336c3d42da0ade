package folder

import (
	"fmt"
	"time"

	"zeroms/gateway"
	"zeroms/gateway/mailbox"
	"zeroms/protocol/wire"
)

// defaultBits is the work for an account unless gateway.json says otherwise: a
// few seconds of one core.
const defaultBits = 24

// Limits stand in gateway.json; what is left out has its default.
type Limits struct {
	QuotaMiB      int `json:"quotaMiB,omitempty"`
	RetentionDays int `json:"retentionDays,omitempty"`
	Drops         int `json:"drops,omitempty"`
	Doors         int `json:"doors,omitempty"`
	Devices       int `json:"devices,omitempty"`
	Profiles      int `json:"profiles,omitempty"`
	InFlight      int `json:"inFlight,omitempty"`
	PushWindowKiB int `json:"pushWindowKiB,omitempty"`
	MessageKiB    int `json:"messageKiB,omitempty"`
	Links         int `json:"links,omitempty"`
	Guests        int `json:"guests,omitempty"`
}

// limit is one of them with its bounds.
type limit struct {
	name        string
	value       int
	least, most int
}

func (l Limits) all() []limit {
	return []limit{
		{"quotaMiB", l.QuotaMiB, 1, 1 << 20},
		{"retentionDays", l.RetentionDays, 1, int(wire.MaxRetention / day)},
		{"drops", l.Drops, 100, 1_000_000},
		{"doors", l.Doors, 1, 4096},
		{"devices", l.Devices, 1, 64},
		{"profiles", l.Profiles, 1, 64},
		{"inFlight", l.InFlight, 1, 1024},
		{"pushWindowKiB", l.PushWindowKiB, 64, 16 << 10},
		{"messageKiB", l.MessageKiB, gateway.DefaultMessage >> 10, wire.MaxMessage >> 10},
		{"links", l.Links, LeastLinks, 200_000},
		{"guests", l.Guests, 4, 100_000},
	}
}

const day = 24 * time.Hour

// LeastLinks are the fewest that a gateway serves.
const LeastLinks = 20

// What links take in memory, in bytes (docs/operations.md, "Memory").
const (
	guestBytes  = 242 << 10 // of a guest that does its worst
	memberBytes = 40 << 10  // of an idle member
	queueBytes  = 80 << 20  // what all links share
)

// Memory is about how many bytes a gateway takes while strangers do their worst.
func (c Config) Memory() uint64 {
	l := c.Capacity()
	links := l.Guests*guestBytes + (l.Connections()-l.Guests)*memberBytes
	return uint64(links + queueBytes + mailbox.DefaultMemory/8*9)
}

// Check names the first one that can't be.
func (l Limits) Check() error {
	for _, one := range l.all() {
		if one.value != 0 && (one.value < one.least || one.value > one.most) {
			return fmt.Errorf("limits.%s is %d to %d, not %d; leave it out for its default", one.name, one.least, one.most, one.value)
		}
	}
	return nil
}

// crowded is whether guests could take the places of who is logged in.
func (l Limits) crowded() error {
	if l.Guests > l.Links/2 {
		return fmt.Errorf("limits.guests is at most half of links (%d), not %d; else guests could take the places of who is logged in", l.Links, l.Guests)
	}
	return nil
}

// Complete are the limits with the defaults in them.
func (c Config) Complete() Limits {
	l, standard := c.Limits, gateway.DefaultLimits()
	set(&l.QuotaMiB, int(standard.Quota>>20))
	set(&l.RetentionDays, int(time.Duration(standard.Retention)*time.Second/day))
	set(&l.Drops, int(standard.Drops))
	set(&l.Doors, int(standard.Doors))
	set(&l.Devices, int(standard.Devices))
	set(&l.Profiles, int(standard.Profiles))
	set(&l.InFlight, int(standard.InFlight))
	set(&l.PushWindowKiB, int(standard.PushWindow>>10))
	set(&l.MessageKiB, int(standard.Message>>10))
	set(&l.Links, gateway.Capacity{}.Default().Conns)
	set(&l.Guests, min(gateway.Capacity{}.Default().Guests, l.Links/5))
	return l
}

func set(field *int, value int) {
	if *field == 0 {
		*field = value
	}
}

// Announced are the limits of the hello.
func (c Config) Announced() wire.Limits {
	l, out := c.Complete(), gateway.DefaultLimits()
	out.Quota = uint64(l.QuotaMiB) << 20
	out.Retention = uint64(l.RetentionDays) * uint64(day/time.Second)
	out.Drops, out.Doors = uint32(l.Drops), uint32(l.Doors)
	out.Devices, out.Profiles = uint32(l.Devices), uint32(l.Profiles)
	out.InFlight = uint32(l.InFlight)
	out.PushWindow, out.Message = uint32(l.PushWindowKiB)<<10, uint32(l.MessageKiB)<<10
	return out
}

// Capacity is what links may take.
func (c Config) Capacity() gateway.Capacity {
	l := c.Complete()
	return gateway.Capacity{Conns: l.Links, Guests: l.Guests}
}

// Bits is the work for an account where registration takes work.
func (c Config) Bits() uint8 {
	if c.RegisterBits == 0 {
		return defaultBits
	}
	return uint8(c.RegisterBits)
}

// Line says the limits to people.
func (l Limits) Line() string {
	return fmt.Sprintf("limits %d MiB for %d days an account, %d drops, %d doors, %d devices, %d profiles; %d links, %d of them guests",
		l.QuotaMiB, l.RetentionDays, l.Drops, l.Doors, l.Devices, l.Profiles, l.Links, l.Guests)
}
