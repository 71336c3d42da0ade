package start

import (
	"context"
	"strings"
	"time"

	"zeroms/client"
	"zeroms/protocol/card"
	"zeroms/protocol/key"
)

// patience is after how long a gateway that does not connect is called slow.
const patience = 6 * time.Second

// Join is a gateway that is becoming a home.
type Join struct {
	Host string
	// Up tells that it is one.
	Up bool
	// Slow tells that it takes long: it may still come.
	Slow bool
	// Problem is what the engine says; empty: nothing yet.
	Problem string

	node  key.NodePublic
	since time.Time
	asked bool
}

// Begin makes a gateway a home; Poll tells how that goes.
func (m *Minute) Begin(a card.Address, then func(error)) {
	homes := m.Profile.Homes
	m.Rest()
	m.Join = &Join{Host: hostOf(a), node: a.Node, since: m.now()}
	m.async.Do(func(ctx context.Context) func() {
		_, err := homes.AddGateway(ctx, a)
		return func() {
			if err != nil {
				m.Join = nil
			}
			then(err)
		}
	})
}

func hostOf(a card.Address) string { return strings.TrimSuffix(a.Endpoint(), ":443") }

// Inside starts a gateway inside the app and makes it a home; open: for the local
// network too.
func (m *Minute) Inside(open bool, then func(error)) {
	p := m.Profile
	m.Rest()
	m.Join = &Join{since: m.now()}
	fail := func(err error) {
		m.Join = nil
		then(err)
	}
	m.async.Slow(func(ctx context.Context) func() {
		state, err := p.Inside.Start(ctx, open)
		if err != nil {
			return func() { fail(err) }
		}
		return func() {
			m.async.Do(func(ctx context.Context) func() {
				s := p.Notes.Settings()
				s.Inside, s.InsideOpen = true, open
				if err := p.Notes.SetSettings(ctx, s); err != nil {
					return func() { fail(err) }
				}
				return func() { m.Begin(state.Address, then) }
			})
		}
	})
}

// GiveUp takes a gateway back that did not become a home.
func (m *Minute) GiveUp(then func(error)) {
	node, homes := m.Join.node, m.Profile.Homes
	m.Join = nil
	m.async.Do(func(ctx context.Context) func() {
		err := homes.RemoveGateway(ctx, node)
		return func() { then(err) }
	})
}

// pollJoin asks how the gateway is doing, one question at a time.
func (m *Minute) pollJoin(changed func()) {
	j := m.Join
	if j == nil || j.asked || j.Up || j.node == (key.NodePublic{}) {
		return
	}
	j.asked = true
	homes := m.Profile.Homes
	m.async.Do(func(ctx context.Context) func() {
		all, err := homes.Gateways(ctx)
		return func() {
			j.asked = false
			if err == nil && m.Join == j && j.take(all, m.now()) {
				changed()
			}
		}
	})
}

// take follows what the engine says; news tells that something is different.
func (j *Join) take(all []client.Gateway, now time.Time) (news bool) {
	before := *j
	for _, g := range all {
		if g.Node == j.node {
			j.Up = g.Up
			if j.Problem = g.Problem; g.Up || g.Problem == "connecting" {
				j.Problem = ""
			}
		}
	}
	j.Slow = !j.Up && now.Sub(j.since) >= patience
	return *j != before
}
