package places_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"zeroms/client"
	"zeroms/ui/model"
	"zeroms/ui/model/modeltest"
	"zeroms/ui/model/places"
)

var errFails = errors.New("it fails")

// shown makes Gateways of a World and counts their changes.
func shown(t *testing.T, w *modeltest.World) (g *places.Gateways, changes *int) {
	t.Helper()
	changes = new(int)
	g = places.NewGateways(w.Deps(), func() { *changes++ })
	t.Cleanup(g.Close)
	g.Reload()
	return g, changes
}

// none fails the test if an action failed.
func none(t *testing.T) func(error) {
	return func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
}

func TestRows(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	g, _ := shown(t, w)
	rows := g.Rows()
	if len(rows) != 3 || !g.Loaded() {
		t.Fatalf("%d rows", len(rows))
	}
	first := rows[0]
	if first.Host != "gw.linwei.example" || first.State != places.Up || first.Latency != "0.4 ms" || first.Problem != "" ||
		!strings.Contains(first.About, "30 days") || !strings.Contains(first.About, "256 MB") || first.Custody != "31 taken into custody, 2 waiting" {
		t.Errorf("%+v", first)
	}
	last := rows[2]
	if last.State != places.Trouble || last.Latency != "—" || !strings.Contains(last.Problem, "does not answer") ||
		!strings.Contains(last.Problem, "8 s") || last.Faults != "1 fault proven" {
		t.Errorf("%+v", last)
	}
	for _, r := range rows {
		if r.Last || !r.Drains || r.Returns {
			t.Errorf("%+v", r)
		}
	}
}

func TestRowStates(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*client.Gateway)
		state  places.State
		says   func(places.Row) string
		want   string
	}{
		"connecting": {func(g *client.Gateway) { g.Up, g.Problem = false, "connecting" }, places.Connecting, func(r places.Row) string { return r.About }, "connecting"},
		"for long":   {func(g *client.Gateway) { g.Added = time.Date(2026, 5, 3, 9, 0, 0, 0, time.UTC) }, places.Up, func(r places.Row) string { return r.About }, "home since 3 May"},
		"no account": {func(g *client.Gateway) {
			g.Up, g.Problem = false, "x [invite]"
			g.Retry = modeltest.Noon().Add(time.Hour)
		}, places.Trouble, func(r places.Row) string { return r.Problem }, "invitation"},
		"false": {func(g *client.Gateway) {
			g.Problem = "the gateway signed another mailbox than it delivered; use another one"
		}, places.Trouble, func(r places.Row) string { return r.Problem }, "must not"},
		"lost": {func(g *client.Gateway) { g.Problem = "the gateway lost a part of the mailbox, as after" }, places.Up, func(r places.Row) string { return r.Problem }, "sent again"},
		"drains": {func(g *client.Gateway) {
			g.Draining, g.Ends = modeltest.Noon(), time.Date(2026, 12, 4, 9, 0, 0, 0, time.UTC)
		}, places.Draining, func(r places.Row) string { return r.About }, "4 December"},
		"slow":      {func(g *client.Gateway) { g.Seen.Custody = 41 * time.Millisecond }, places.Up, func(r places.Row) string { return r.Latency }, "41 ms"},
		"unproven":  {func(g *client.Gateway) { g.Seen, g.Took = client.Gateway{}.Seen, 0 }, places.Up, func(r places.Row) string { return r.Latency }, "—"},
		"held":      {func(g *client.Gateway) { g.Taken, g.Held = 0, 3 }, places.Up, func(r places.Row) string { return r.Custody }, "3 in custody"},
		"all there": {func(g *client.Gateway) { g.Taken, g.Held = 1204, 0 }, places.Up, func(r places.Row) string { return r.Custody }, "none waiting"},
	} {
		w := modeltest.New(t, modeltest.Options{})
		g, _ := shown(t, w)
		w.SetGateway(0, c.change)
		if r := g.Rows()[0]; r.State != c.state || !strings.Contains(c.says(r), c.want) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestFactsAreNamedAndSaid(t *testing.T) {
	g, _ := shown(t, modeltest.New(t, modeltest.Options{}))
	for _, r := range g.Rows() {
		for _, f := range r.Facts {
			if f.Name == "" || f.Value == "" {
				t.Errorf("%s: %+v", r.Host, f)
			}
		}
	}
	if facts := g.Rows()[0].Facts; !slices.Contains(facts, places.Fact{Name: "Your address is published", Value: "for 8 days, at 16 gateways"}) {
		t.Errorf("%+v", facts)
	}
}

func TestGatewaysFollow(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	g, changes := shown(t, w)
	before := *changes
	w.Down(0, "link: no connection")
	if *changes == before || g.Rows()[0].State != places.Trouble {
		t.Errorf("%d changes, %+v", *changes-before, g.Rows()[0])
	}
	before = *changes
	g.Reload()
	if *changes != before {
		t.Error("nothing is new, and it was told")
	}
	node := g.Rows()[1].Node
	g.Remove(node, none(t))
	if len(g.Rows()) != 2 {
		t.Errorf("%d rows", len(g.Rows()))
	}
	g.Add(modeltest.AddressOf("new.example", 443), none(t))
	if rows := g.Rows(); len(rows) != 3 || rows[2].Host != "new.example" {
		t.Errorf("%+v", rows)
	}
	w.Lag()
	if len(g.Rows()) != 3 {
		t.Errorf("%d rows", len(g.Rows()))
	}
	g.Close()
	before = *changes
	w.Up(0)
	if *changes != before {
		t.Error("a closed one is told")
	}
}

func TestDrainAndReturn(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	g, _ := shown(t, w)
	for range 2 {
		g.Drain(g.Rows()[0].Node, none(t))
		g.Drain(g.Rows()[1].Node, none(t))
		if r := g.Rows()[0]; r.State != places.Draining || !r.Returns || r.Drains || r.Last {
			t.Errorf("%+v", r)
		}
		if r := g.Rows()[2]; !r.Last || r.Drains {
			t.Errorf("the only one that receives: %+v", r)
		}
		g.Return(g.Rows()[0], none(t))
		if r := g.Rows()[0]; r.State != places.Up || r.Returns {
			t.Errorf("%+v", r)
		}
		g.Return(g.Rows()[1], none(t))
	}
}

func TestActionsThatFail(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	g, _ := shown(t, w)
	for method, act := range map[string]func(func(error)){
		"AddGateway":      func(then func(error)) { g.Add(modeltest.AddressOf("new.example", 443), then) },
		"DrainGateway":    func(then func(error)) { g.Drain(g.Rows()[0].Node, then) },
		"RemoveGateway":   func(then func(error)) { g.Remove(g.Rows()[0].Node, then) },
		"EvidenceAgainst": func(then func(error)) { g.Evidence(g.Rows()[0].Node, func(_ []byte, err error) { then(err) }) },
	} {
		w.Fail(method, errFails)
		var got error
		act(func(err error) { got = err })
		if !errors.Is(got, errFails) || len(g.Rows()) != 3 {
			t.Errorf("%s: %v", method, got)
		}
		w.Fail(method, nil)
	}
}

func TestFinder(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	w.Offers = append(w.Offers, client.Offer{Address: modeltest.AddressOf("far.example", 443), Problem: errors.New("link: no connection")})
	changes := 0
	f := places.NewFinder(w.Deps(), func() { changes++ })
	f.Find(none(t))
	offers := f.Offers()
	if len(offers) != 3 || changes == 0 || f.Busy() {
		t.Fatalf("%+v", offers)
	}
	if o := offers[0]; o.Host != "relay.example.net" || o.Latency != "21 ms" || o.Problem != "" || !strings.Contains(o.About, "30 days") {
		t.Errorf("%+v", o)
	}
	if offers[2].Problem == "" {
		t.Errorf("%+v", offers[2])
	}
	f.Choose(0, true)
	f.Choose(1, true)
	f.Choose(1, false)
	f.Choose(2, true)
	if f.Chosen() != 1 {
		t.Errorf("%d chosen: one that can't be reached can't be taken", f.Chosen())
	}
	f.Use(func(said string, err error) {
		if err != nil || said != "1 gateway added." {
			t.Errorf("%q, %v", said, err)
		}
	})
	g, _ := shown(t, w)
	if rows := g.Rows(); len(rows) != 4 || rows[3].Host != "relay.example.net" {
		t.Errorf("%+v", rows)
	}
	w.Offers = nil
	var got error
	f.Find(func(err error) { got = err })
	if !errors.Is(got, client.ErrNoOffer) {
		t.Error(got)
	}
}

func TestFinderClosed(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	w.Async.Hold = true
	changes := 0
	f := places.NewFinder(w.Deps(), func() { changes++ })
	f.Find(func(error) { t.Error("a closed one is answered") })
	before := changes
	f.Close()
	w.Async.Release()
	if changes != before {
		t.Error("a closed one is told")
	}
}

func TestInside(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{Empty: true})
	i := places.NewInside(w.Deps(), func() {})
	if i.State().Running {
		t.Fatal("it runs")
	}
	i.Start(true, none(t))
	p := w.Profile()
	if s := p.Notes.Settings(); !i.State().Running || !i.State().Open || !s.Inside || !s.InsideOpen || i.Busy() {
		t.Errorf("%+v, %+v", i.State(), s)
	}
	g, _ := shown(t, w)
	if rows := g.Rows(); len(rows) != 1 || !strings.Contains(rows[0].Host, "192.168.1.20") || !rows[0].Last {
		t.Errorf("%+v", rows)
	}
	i.Invite(func(text string, err error) {
		got, wrong := places.ReadText(text)
		if err != nil || wrong != nil || got.Address.Invite.IsZero() {
			t.Errorf("%v, %v", err, wrong)
		}
	})
	i.Stop(none(t))
	if s := p.Notes.Settings(); i.State().Running || s.Inside {
		t.Errorf("%+v, %+v", i.State(), s)
	}
	w.Fail("Start", errFails)
	var got error
	i.Start(false, func(err error) { got = err })
	if !errors.Is(got, errFails) || p.Notes.Settings().Inside || i.Busy() {
		t.Errorf("%v", got)
	}
}

func TestInsideIsLookedAt(t *testing.T) {
	w := modeltest.New(t, modeltest.Options{})
	changes := 0
	i := places.NewInside(w.Deps(), func() { changes++ })
	i.Look()
	if changes != 0 {
		t.Error("nothing is new, and it was told")
	}
	w.SetInside(model.InsideState{Problem: "the port is taken"})
	i.Look()
	if changes != 1 || i.State().Problem == "" {
		t.Errorf("%d changes, %+v", changes, i.State())
	}
}
