package places

import (
	"context"
	"slices"
	"strings"
	"time"

	"zeroms/client"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
	"zeroms/ui/model"
	"zeroms/ui/words"
)

// State is how a home gateway is doing.
type State uint8

// The states of a home gateway.
const (
	Connecting State = iota
	Up
	Trouble  // it is not there, or can't be trusted
	Draining // it is read until everybody knows the other ones
)

// Fact is a line of what is known of a gateway.
type Fact struct{ Name, Value string }

// Row is a home gateway as it is shown.
type Row struct {
	Node    key.NodePublic
	Address string // to hand on; it holds no invitation
	Host    string
	State   State
	// About sums it up, Latency is how long a receipt takes, Custody what it holds of
	// ours.
	About, Latency, Custody string
	// Faults says what was proven against it; empty: nothing.
	Faults string
	// Problem says what is wrong and when it is tried again; empty: nothing.
	Problem string
	Facts   []Fact
	// Last tells that without it the user has no gateway that receives.
	Last bool
	// Drains tells that it can be drained, Returns that this can be taken back.
	Drains, Returns bool
}

// Gateways is the user's home gateways.
type Gateways struct {
	deps    model.Deps
	changed func()
	stop    func()
	all     []client.Gateway
	rows    []Row
	loaded  bool
	closed  bool
}

// NewGateways makes Gateways; Reload reads them first. changed is called with each
// change of what they show, until Close.
func NewGateways(d model.Deps, changed func()) *Gateways {
	g := &Gateways{deps: d, changed: changed}
	g.stop = d.Feed.Listen(g.hear)
	return g
}

// Close ends them.
func (g *Gateways) Close() {
	g.closed = true
	g.stop()
}

// Rows are the gateways in the order of their addition.
func (g *Gateways) Rows() []Row { return g.rows }

// Loaded tells that they were read.
func (g *Gateways) Loaded() bool { return g.loaded }

// Reload reads them again: figures change without an event.
func (g *Gateways) Reload() {
	g.deps.Async.Do(func(ctx context.Context) func() {
		all, err := g.deps.Profile.Homes.Gateways(ctx)
		return func() {
			if err == nil {
				g.all, g.loaded = all, true
				g.show()
			}
		}
	})
}

func (g *Gateways) hear(events []client.Event) {
	for _, e := range events {
		switch e := e.(type) {
		case client.GatewayChanged:
			at := slices.IndexFunc(g.all, func(x client.Gateway) bool { return x.Node == e.Gateway.Node })
			if at < 0 {
				g.all = append(g.all, e.Gateway)
			} else {
				g.all[at] = e.Gateway
			}
		case client.GatewayRemoved:
			g.all = slices.DeleteFunc(g.all, func(x client.Gateway) bool { return x.Node == e.Node })
		case client.Lagged:
			g.Reload()
			return
		default:
			continue
		}
		g.show()
	}
}

// show makes the rows, and tells if there is anything new in them.
func (g *Gateways) show() {
	if g.closed {
		return
	}
	rows := make([]Row, 0, len(g.all))
	for _, x := range g.all {
		rows = append(rows, g.row(x))
	}
	same := slices.EqualFunc(rows, g.rows, func(x, y Row) bool {
		facts := slices.Equal(x.Facts, y.Facts)
		x.Facts, y.Facts = nil, nil
		return facts && x.same(y)
	})
	g.rows = rows
	if !same || len(rows) == 0 {
		g.changed()
	}
}

// same compares what is not a slice.
func (r Row) same(o Row) bool {
	return r.Node == o.Node && r.Address == o.Address && r.Host == o.Host && r.State == o.State && r.About == o.About &&
		r.Latency == o.Latency && r.Custody == o.Custody && r.Faults == o.Faults && r.Problem == o.Problem &&
		r.Last == o.Last && r.Drains == o.Drains && r.Returns == o.Returns
}

// receiving counts the gateways that contacts are sent to.
func (g *Gateways) receiving() (n int) {
	for _, x := range g.all {
		if x.Draining.IsZero() {
			n++
		}
	}
	return n
}

// row is a gateway as it is shown.
func (g *Gateways) row(x client.Gateway) Row {
	w, drains := g.deps.Words, !x.Draining.IsZero()
	r := Row{
		Node: x.Node, Address: x.Address, Host: shortHost(x.Host), Latency: "—", Problem: g.problem(x),
		Last: !drains && g.receiving() == 1, Drains: !drains && g.receiving() > 1, Returns: drains,
	}
	switch {
	case drains:
		r.State = Draining
	case x.Up && !distrusted(x.Problem):
		r.State = Up
	case !x.Up && (x.Problem == "" || x.Problem == "connecting"):
		r.State = Connecting
	default:
		r.State = Trouble
	}
	if took := latency(x); took > 0 && x.Up {
		r.Latency = w.Took(took)
	}
	r.About = g.about(x, r.State)
	switch {
	case drains:
		r.Custody = w.Say("places.custody.none")
	case x.Taken > 0 && x.Held == 0:
		r.Custody = w.Count("places.custody.done", x.Taken)
	case x.Taken > 0:
		r.Custody = w.Say("places.custody.some", "Taken", w.Number(x.Taken), "Held", w.Number(x.Held))
	case x.Held > 0:
		r.Custody = w.Count("places.custody.held", x.Held)
	}
	if x.Faults > 0 {
		r.Faults = w.Count("places.faults", x.Faults)
	}
	r.Facts = g.facts(x)
	return r
}

// shortHost leaves the port out that everybody has.
func shortHost(host string) string { return strings.TrimSuffix(host, ":443") }

// latency is what was measured of late: a receipt's, or the connection's.
func latency(x client.Gateway) time.Duration {
	for _, d := range []time.Duration{x.Seen.Custody, x.Seen.Connect, x.Took} {
		if d > 0 {
			return d
		}
	}
	return 0
}

// distrusted reports whether a gateway that is connected was found to do what it must not.
func distrusted(problem string) bool {
	return problem != "" && !strings.Contains(problem, "lost a part of the mailbox")
}

// about sums a gateway up.
func (g *Gateways) about(x client.Gateway, s State) string {
	w, now := g.deps.Words, g.deps.Now()
	var parts []string
	switch {
	case s == Draining && x.Ends.IsZero():
		parts = append(parts, w.Say("places.draining"))
	case s == Draining:
		parts = append(parts, w.Say("places.draining.until", "Day", w.Day(x.Ends, now)))
	case s == Connecting:
		return w.Say("places.connecting")
	case x.Up && !x.Added.IsZero():
		parts = append(parts, w.Say("places.home.since", "When", w.When(x.Added, now)))
	case x.Up:
		parts = append(parts, w.Say("places.up.since", "When", w.When(x.Since, now)))
	case x.Since.IsZero():
		parts = append(parts, w.Say("places.down"))
	default:
		parts = append(parts, w.Say("places.down.since", "When", w.When(x.Since, now)))
	}
	if x.Retention > 0 && s != Draining {
		parts = append(parts, w.Say("places.keeps", "Time", w.Took(x.Retention)))
	}
	if x.Quota > 0 && s == Up {
		parts = append(parts, w.Say("places.used", "Used", w.Bytes(x.Used), "Quota", w.Bytes(x.Quota)))
	}
	return strings.Join(parts, " · ")
}

// problem says what is wrong, and when it is tried again.
func (g *Gateways) problem(x client.Gateway) string {
	w := g.deps.Words
	said := Problem(w, x.Problem)
	if said == "" || x.Up || Final(x.Problem) {
		return said
	}
	wait := x.Retry.Sub(g.deps.Now()).Round(time.Second)
	switch {
	case wait < time.Second:
		return said
	case wait < time.Minute:
		return said + sentenceGap(w) + w.Say("places.retry", "Time", w.Count("places.seconds", int(wait/time.Second)))
	}
	return said + sentenceGap(w) + w.Say("places.retry", "Time", w.Took(wait))
}

// sentenceGap is what stands between two sentences.
func sentenceGap(w *words.Words) string {
	if w.Language() == words.Chinese {
		return ""
	}
	return " "
}

// facts are what else is known.
func (g *Gateways) facts(x client.Gateway) (out []Fact) {
	w, now := g.deps.Words, g.deps.Now()
	add := func(name, value string) { out = append(out, Fact{name, value}) }
	if p := x.Published; x.Up {
		switch {
		case p.Days < 0 || p.Problem != "" && p.Days == 0:
			add(w.Say("places.fact.published"), w.Say("places.published.no"))
		case p.Holders > 0:
			add(w.Say("places.fact.published"), w.Say("places.published.held", "Days", w.Count("places.days", p.Days+1), "Holders", w.Count("places.holders", p.Holders)))
		default:
			add(w.Say("places.fact.published"), w.Count("places.days", p.Days+1))
		}
	}
	if x.Seen.Connect > 0 {
		add(w.Say("places.fact.connect"), w.Took(x.Seen.Connect))
	}
	if x.Seen.Custody > 0 {
		add(w.Say("places.fact.custody"), w.Took(x.Seen.Custody))
	}
	if x.Seen.Points > 0 {
		add(w.Say("places.fact.points"), w.Say("places.points", "Points", w.Number(x.Seen.Points)))
	}
	if x.Up {
		forwards := w.Say("places.no")
		if x.Forwards {
			forwards = w.Say("places.yes")
		}
		add(w.Say("places.fact.forwards"), forwards)
	}
	if x.Position > 0 {
		add(w.Say("places.fact.position"), w.Number(int(x.Position)))
	}
	if !x.Draining.IsZero() {
		add(w.Say("places.fact.draining"), w.Moment(x.Draining))
	}
	if !x.Since.IsZero() {
		add(w.Say("places.fact.since"), w.Day(x.Since, now)+" "+w.Clock(x.Since))
	}
	return out
}

// Add makes a gateway a home, or takes back that it is drained.
func (g *Gateways) Add(a card.Address, then func(error)) {
	g.act(then, func(ctx context.Context) error {
		_, err := g.deps.Profile.Homes.AddGateway(ctx, a)
		return err
	})
}

// Return takes back that a gateway is drained.
func (g *Gateways) Return(r Row, then func(error)) {
	a, err := card.ParseAddress(r.Address)
	if err != nil {
		then(err)
		return
	}
	g.Add(a, then)
}

// Drain has contacts sent to the other gateways.
func (g *Gateways) Drain(node key.NodePublic, then func(error)) {
	g.act(then, func(ctx context.Context) error {
		_, err := g.deps.Profile.Homes.DrainGateway(ctx, node)
		return err
	})
}

// Remove ends a home at once.
func (g *Gateways) Remove(node key.NodePublic, then func(error)) {
	g.act(then, func(ctx context.Context) error { return g.deps.Profile.Homes.RemoveGateway(ctx, node) })
}

// Evidence is a file that proves what a gateway did wrong.
func (g *Gateways) Evidence(node key.NodePublic, then func([]byte, error)) {
	g.deps.Async.Slow(func(ctx context.Context) func() {
		file, err := g.deps.Profile.Homes.EvidenceAgainst(ctx, node)
		return func() { then(file, err) }
	})
}

// act changes something and reads the gateways again.
func (g *Gateways) act(then func(error), do func(context.Context) error) {
	g.deps.Async.Do(func(ctx context.Context) func() {
		err := do(ctx)
		all, wrong := g.deps.Profile.Homes.Gateways(ctx)
		return func() {
			if wrong == nil {
				g.all, g.loaded = all, true
				g.show()
			}
			then(err)
		}
	})
}
