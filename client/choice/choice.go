// Package choice is which gateways a client would best live at: what was measured of
// gateways is kept between two runs, those of the network are found through the homes,
// measured, and put in order (docs/protocol/client.md, "Choosing gateways").
//
// A Choice is plain state for one goroutine: its Host tells the time and asks. A Find
// waits and measures on the goroutine of whoever calls it.
package choice

import (
	"cmp"
	"slices"
	"time"

	"zeroms/client/account"
	"zeroms/client/home"
	"zeroms/client/profile"
	"zeroms/client/score"
	"zeroms/client/view"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// What is kept of measurements.
const (
	// maxRows bounds the gateways of which something is kept: those used last.
	maxRows = 512
	// keptFor is how long something is kept of a gateway that is not used.
	keptFor = 30 * 24 * time.Hour
	// Every is how often measurements are stored; the end of a run stores them too.
	Every = 10 * time.Minute
)

// Host performs what a Choice decides.
type Host interface {
	// Now is the time of the turn.
	Now() time.Time
	// Ask sends a request after the turn; its answer comes back into the loop.
	Ask(r home.Request, done func(home.Answered))
}

// Choice knows what was measured of gateways, and finds others.
type Choice struct {
	host    Host
	account *account.Account
	scores  *score.Table

	stored map[key.GatewayHash]uint64 // the ms of the last use in the stored row
	due    bool                       // measurements are stored with this turn
	// said is what homes say of themselves in this run.
	said map[key.NodePublic]*address.Descriptor
}

// New makes a Choice over what is measured.
func New(host Host, a *account.Account, scores *score.Table) *Choice {
	return &Choice{
		host: host, account: a, scores: scores,
		stored: map[key.GatewayHash]uint64{}, said: map[key.NodePublic]*address.Descriptor{},
	}
}

// Restore takes a row of what was measured; ok is false for other rows.
func (c *Choice) Restore(r profile.Row) (ok bool, err error) {
	if r.Table != profile.TableScore {
		return false, nil
	}
	row, err := parseRow(r)
	if err != nil {
		return true, err
	}
	c.scores.Restore(row)
	c.stored[row.Gateway] = wire.Millis(row.Used)
	return true, nil
}

// Due has measurements stored with this turn.
func (c *Choice) Due() { c.due = true }

// Collect returns the rows that have changed and those that are given up, if
// measurements are to be stored in this turn.
func (c *Choice) Collect() (put []profile.Row, gone []profile.Ref) {
	if !c.due {
		return nil, nil
	}
	c.due = false
	now := c.host.Now()
	rows := slices.DeleteFunc(c.scores.Rows(), func(r score.Row) bool { return now.Sub(r.Used) > keptFor })
	slices.SortStableFunc(rows, func(a, b score.Row) int { return b.Used.Compare(a.Used) })
	kept := map[key.GatewayHash]bool{}
	for _, r := range rows[:min(len(rows), maxRows)] {
		kept[r.Gateway] = true
		if used := wire.Millis(r.Used); c.stored[r.Gateway] != used {
			c.stored[r.Gateway] = used
			put = append(put, rowOf(r))
		}
	}
	for g := range c.stored {
		if !kept[g] {
			delete(c.stored, g)
			gone = append(gone, profile.Ref{Table: profile.TableScore, Key: g[:]})
		}
	}
	return put, gone
}

// Connected notes what a home says of itself.
func (c *Choice) Connected(ev home.Connected) { c.said[ev.Gateway] = ev.Descriptor }

// Describe adds to a home what was measured of it, and whether it forwards.
func (c *Choice) Describe(g *view.Gateway) {
	s := c.scores.Summary(key.GatewayHashOf(g.Node), c.host.Now())
	g.Seen = view.Seen{Connect: s.Connect, Custody: s.Custody, Forward: s.Forward, Points: s.Points}
	d := c.said[g.Node]
	g.Forwards = g.Up && d != nil && d.Flags&address.Forwards != 0
}

// Rank puts offers in the order in which they would be good homes beside those that
// there are: by what they cost in waiting, their retention, and spread over networks.
// Those that could not be reached come last.
func (c *Choice) Rank(offers []Offer) []Offer {
	now := c.host.Now()
	var homes, candidates []score.Candidate
	near := map[string]bool{"": false}
	for _, l := range c.account.Located() {
		if h := c.account.Home(l.Node); h != nil && h.Up {
			group := groupOf(l.Host, l.Port)
			homes = append(homes, score.Candidate{Gateway: key.GatewayHashOf(l.Node), Group: group})
			near[group] = group != ""
		}
	}
	byHash := map[key.GatewayHash]Offer{}
	for _, o := range offers {
		h := key.GatewayHashOf(o.Address.Node)
		o.Points = c.scores.Summary(h, now).Points
		byHash[h] = o
		candidates = append(candidates, score.Candidate{Gateway: h, Group: o.group, Retention: o.Retention})
	}
	out := make([]Offer, 0, len(offers))
	for _, h := range c.scores.Rank(candidates, homes, now) {
		o := byHash[h]
		o.Near = near[o.group]
		near[o.group] = near[o.group] || o.group != "" && o.Problem == nil
		out = append(out, o)
	}
	slices.SortStableFunc(out, func(a, b Offer) int { return cmp.Compare(a.rank(), b.rank()) })
	return out
}
