package publisher

import (
	"time"

	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// peer is a gateway that failed when it was asked last.
type peer struct {
	until int64 // when it may be asked again
	fails uint8
}

// candidates is how many gateways are drawn to choose one that did not fail lately.
const candidates = 8

// maxPeers bounds the gateways that are remembered for failing.
const maxPeers = 4096

// avoid notes that a gateway failed.
func (p *Publisher) avoid(t int64, who key.NodePublic) {
	if len(p.peers) >= maxPeers {
		for k, known := range p.peers {
			if known.until <= t {
				delete(p.peers, k)
			}
		}
		if len(p.peers) >= maxPeers {
			clear(p.peers)
		}
	}
	known := p.peers[who]
	if known == nil {
		known = &peer{}
		p.peers[who] = known
	}
	known.until = t + p.backoff(p.cfg.Timing.Avoid, p.cfg.Timing.AvoidMax, known.fails)
	known.fails = min(known.fails+1, 32)
}

// trust notes that a gateway did what it was asked for.
func (p *Publisher) trust(who key.NodePublic) { delete(p.peers, who) }

// avoided is until when a gateway is not to be asked; 0: it may be.
func (p *Publisher) avoided(t int64, who key.NodePublic) int64 {
	if known := p.peers[who]; known != nil && known.until > t {
		return known.until
	}
	return 0
}

// draw draws a gateway that may be asked now, and rather none of those named. wait:
// there are only some that failed, until then; alone: there are none.
func (p *Publisher) draw(t int64, not ...key.NodePublic) (c *wire.Contact, wait int64, alone bool) {
	for _, without := range [][]key.NodePublic{not, nil} {
		for _, drawn := range p.cfg.Sample(candidates, without...) {
			until := p.avoided(t, drawn.Node)
			if until == 0 {
				return &drawn, 0, false
			}
			if wait == 0 || until < wait {
				wait = until
			}
		}
		if len(not) == 0 {
			break
		}
	}
	return nil, wait, wait == 0
}

// relay is through whom a record is stored now: the one of its group, or for a
// record that this one failed for another one.
func (p *Publisher) relay(t int64, it *item) (c *wire.Contact, wait int64, alone bool) {
	g := it.group
	failed := it.fails > 0 && it.lastRelay != nil
	usable := g.relay != nil && p.avoided(t, g.relay.Node) == 0
	if usable && !(failed && it.lastRelay.Node == g.relay.Node) {
		return g.relay, 0, false
	}
	not := g.drawn()
	if failed {
		not = append(not, it.lastRelay.Node)
	}
	c, wait, alone = p.draw(t, not...)
	if c != nil && !usable {
		g.relay = c
		p.soilAll(g)
	}
	return c, wait, alone
}

// witness is who looks for a record now: another one than its relay, if there is any.
func (p *Publisher) witness(t int64, it *item) (c *wire.Contact, wait int64, alone bool) {
	g := it.group
	not := g.drawn()
	var relay key.NodePublic
	if it.lastRelay != nil {
		relay = it.lastRelay.Node
		not = append(not, relay)
	}
	c = g.witness
	if c == nil || c.Node == relay || p.avoided(t, c.Node) != 0 {
		if c, wait, alone = p.draw(t, not...); c == nil {
			return nil, wait, alone
		}
		if g.witness == nil || g.witness.Node != c.Node {
			g.witness = c
			p.soilAll(g)
		}
	}
	p.unobserved = c.Node == relay
	return c, 0, false
}

// drawn are the gateways that a group has.
func (g *group) drawn() (all []key.NodePublic) {
	for _, c := range []*wire.Contact{g.relay, g.witness} {
		if c != nil {
			all = append(all, c.Node)
		}
	}
	return all
}

func (p *Publisher) soilAll(g *group) {
	for _, it := range g.items {
		p.soil(it)
	}
}

// seek ends for a while all attempts, as there is no other gateway.
func (p *Publisher) seek(now time.Time) {
	p.aloneFor = min(max(2*p.aloneFor, p.cfg.Timing.Alone), p.cfg.Timing.AloneMax)
	p.lonely = true
	p.alone = now.Add(time.Duration(p.around(p.aloneFor.Milliseconds(), 30)) * time.Millisecond)
}

// interval is the time to a record's next store, shortest and longest what it may be.
func (p *Publisher) interval() int64 {
	return p.around(p.cfg.Timing.Again.Milliseconds(), p.cfg.Timing.Spread)
}

func (p *Publisher) shortest() int64 {
	return p.cfg.Timing.Again.Milliseconds() * int64(100-p.cfg.Timing.Spread) / 100
}

func (p *Publisher) longest() int64 {
	return p.cfg.Timing.Again.Milliseconds() * int64(100+p.cfg.Timing.Spread) / 100
}

// around is a random number near n, by so many parts of a hundred of it.
func (p *Publisher) around(n int64, spread int) int64 {
	reach := n * int64(spread) / 100
	return n - reach + p.rnd.Int64N(2*reach+1)
}

// look is the time to a record's check.
func (p *Publisher) look() int64 {
	t := &p.cfg.Timing
	return t.CheckMin.Milliseconds() + p.rnd.Int64N((t.CheckMax-t.CheckMin).Milliseconds()+1)
}

// backoff is the pause after so many failures and one, doubling, by a quarter more
// or less.
func (p *Publisher) backoff(first, most time.Duration, fails uint8) int64 {
	pause := first << min(fails, 16)
	return p.around(min(pause, most).Milliseconds(), 25)
}
