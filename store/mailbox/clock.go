package mailbox

import (
	"context"
	"time"

	"zeroms/protocol/wire"
	"zeroms/store"
)

// Bounds of what is believed of the computer's clock.
const (
	// maxLeap is how far the clock may be ahead of the newest believed time and
	// what the monotonic clock has counted since.
	maxLeap = 24 * time.Hour
	// maxDoubt is how long the gateway must have run with a clock further ahead
	// than that until it is believed all the same: it stood still for days.
	maxDoubt = 24 * time.Hour
	// saveClock is the time between two records of the clock.
	saveClock = time.Minute
)

// clock decides which time lets things expire. One moment with a clock that is a
// year ahead would otherwise erase everybody's mail. It is wound by Start, so it
// binds the process that serves.
type clock struct {
	wound bool
	known time.Time     // the newest time that was believed
	at    time.Duration // uptime then
	saved time.Time     // the known time in the database

	doubted bool
	since   time.Duration // uptime when the doubt began
}

// read returns the time to go by at an uptime: wall if it is believed, else
// what must have passed since the newest believed time.
func (c *clock) read(wall time.Time, up time.Duration) (now time.Time, believed bool) {
	reckoned := c.known.Add(up - c.at)
	if !c.wound || wall.Sub(reckoned) <= maxLeap || c.doubted && up-c.since >= maxDoubt {
		return wall, true
	}
	return reckoned, false
}

// tick is read, and notes what it found. began: a doubt has begun just now.
func (c *clock) tick(wall time.Time, up time.Duration) (now time.Time, began bool) {
	now, believed := c.read(wall, up)
	switch {
	case believed:
		c.known, c.at, c.doubted = wall, up, false
	case !c.doubted:
		c.doubted, c.since, began = true, up, true
	}
	return now, began
}

// due reports whether the known time is to be recorded.
func (c *clock) due() bool {
	moved := c.known.Sub(c.saved)
	return c.wound && !c.doubted && (moved < 0 || moved >= saveClock)
}

// wind begins with the stored time in unix ms, or with now if there is none.
func (d *DB) wind(stored uint64, now time.Time) {
	d.timing.Lock()
	defer d.timing.Unlock()
	if d.clock.wound {
		return
	}
	d.clock = clock{wound: true, known: now, at: time.Since(d.begun)}
	if stored != 0 {
		d.clock.known = wire.Time(stored)
		d.clock.saved = d.clock.known
	}
}

// believed is the time to go by when the computer's clock says now.
func (d *DB) believed(now time.Time) time.Time {
	d.timing.Lock()
	defer d.timing.Unlock()
	now, _ = d.clock.read(now, time.Since(d.begun))
	return now
}

// tick is believed for Sweep, which alone moves the clock and records it.
func (d *DB) tick(ctx context.Context, wall time.Time) (time.Time, error) {
	d.timing.Lock()
	now, began := d.clock.tick(wall, time.Since(d.begun))
	known, save := d.clock.known, d.clock.due()
	d.timing.Unlock()
	if began {
		d.log.Error("mailbox: the computer's clock is more than a day ahead of what it was; nothing expires until it is set right or has stayed so for a day",
			"ahead", wall.Sub(now).Round(time.Minute))
	}
	if !save {
		return now, nil
	}
	err := d.db.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(`UPDATE meta SET clock = ?1, newest = max(newest, ?1)`, wire.Millis(known))
		return err
	})
	if err != nil {
		return now, err
	}
	d.timing.Lock()
	defer d.timing.Unlock()
	d.clock.saved = known
	return now, nil
}
