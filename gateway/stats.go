package gateway

import (
	"log/slog"
	"sync/atomic"

	"zeroms/protocol/wire"
)

// counters are what the links count as they go.
type counters struct {
	accepted, refused               atomic.Int64
	logins, rejected                atomic.Int64
	submits, pushes, acks, profiles atomic.Int64
	busy, slow, silent, faults      atomic.Int64
	evicted                         atomic.Int64
	bytesIn, bytesOut               atomic.Int64
	refusals                        [codes]atomic.Int64 // answers that refuse, by wire.Code
}

// codes is above every code of the error table.
const codes = 128

// refuse counts an answer if it refuses its request.
func (c *counters) refuse(p wire.Payload) {
	var code wire.Code
	switch p := p.(type) {
	case *wire.Failure:
		code = p.Code
	case *wire.Refused:
		var signed wire.Refusal
		if wire.Unmarshal(p.Object.Body, &signed, len(p.Object.Body)) != nil {
			return
		}
		code = signed.Code
	}
	if code != 0 && code < codes {
		c.refusals[code].Add(1)
	}
}

// Refusals are the requests that were refused since the start, by the name of the
// error: all of the table, most of them 0.
func (g *Gateway) Refusals() map[string]int64 {
	out := make(map[string]int64, len(wire.Table))
	for _, entry := range wire.Table {
		out[entry.Name] = g.counters.refusals[entry.Code].Load()
	}
	return out
}

// Draining reports whether the gateway takes no more links.
func (g *Gateway) Draining() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.draining
}

// Stats are counts since the start; Links, Guests and Waiting are of now. They
// name nobody.
type Stats struct {
	Links    int   `json:"links"`
	Guests   int   `json:"guests"`
	Accepted int64 `json:"accepted"` // links
	Refused  int64 `json:"refused"`  // links, because of draining or limits
	Logins   int64 `json:"logins"`
	Rejected int64 `json:"rejected"` // logins
	Submits  int64 `json:"submits"`
	Pushes   int64 `json:"pushes"`
	Acks     int64 `json:"acks"`
	Profiles int64 `json:"profiles"` // read
	Busy     int64 `json:"busy"`     // requests refused because of rates and limits
	Slow     int64 `json:"slow"`     // links cut off because they did not read
	Silent   int64 `json:"silent"`   // links ended because they said nothing
	Faults   int64 `json:"faults"`   // links ended because they broke the protocol
	Evicted  int64 `json:"evicted"`  // guests ended to make room for others
	Waiting  int64 `json:"waiting"`  // bytes that wait for slow readers now
	BytesIn  int64 `json:"bytes_in"`
	BytesOut int64 `json:"bytes_out"`
}

// Stats reads the counts.
func (g *Gateway) Stats() Stats {
	g.mu.Lock()
	links, guests := len(g.links), len(g.guests)
	g.mu.Unlock()
	c := &g.counters
	return Stats{
		Links: links, Guests: guests,
		Accepted: c.accepted.Load(), Refused: c.refused.Load(),
		Logins: c.logins.Load(), Rejected: c.rejected.Load(),
		Submits: c.submits.Load(), Pushes: c.pushes.Load(), Acks: c.acks.Load(), Profiles: c.profiles.Load(),
		Busy: c.busy.Load(), Slow: c.slow.Load(), Silent: c.silent.Load(), Faults: c.faults.Load(),
		Evicted: c.evicted.Load(), Waiting: g.queued.Load(),
		BytesIn: c.bytesIn.Load(), BytesOut: c.bytesOut.Load(),
	}
}

// LogValue groups the counts in one log line.
func (s Stats) LogValue() slog.Value {
	return slog.GroupValue(
		slog.Int("links", s.Links), slog.Int("guests", s.Guests),
		slog.Int64("accepted", s.Accepted), slog.Int64("refused", s.Refused),
		slog.Int64("logins", s.Logins), slog.Int64("rejected", s.Rejected),
		slog.Int64("submits", s.Submits), slog.Int64("pushes", s.Pushes),
		slog.Int64("acks", s.Acks), slog.Int64("profiles", s.Profiles),
		slog.Int64("busy", s.Busy), slog.Int64("slow", s.Slow),
		slog.Int64("silent", s.Silent), slog.Int64("faults", s.Faults),
		slog.Int64("evicted", s.Evicted), slog.Int64("waiting", s.Waiting),
		slog.Int64("bytes_in", s.BytesIn), slog.Int64("bytes_out", s.BytesOut),
	)
}
