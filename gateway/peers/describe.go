package peers

import (
	"context"
	"errors"
	"time"

	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/link"
	"zeroms/protocol/wire"
)

// Descriptor is a gateway's descriptor if it is known here.
func (p *Pool) Descriptor(node key.NodePublic) (*address.Descriptor, bool) {
	_, d := p.cache.Get(time.Now(), key.GatewayHashOf(node))
	return d, d != nil
}

// DescriptorAt is Descriptor of the gateway that an endpoint pins by key or hash.
func (p *Pool) DescriptorAt(e link.Endpoint) (*address.Descriptor, bool) {
	to, err := endpointTarget(&e)
	if err != nil {
		return nil, false
	}
	_, d := p.cache.Get(time.Now(), to.hash)
	if d == nil || !link.Pinned(d.Node, to.pin) {
		return nil, false
	}
	return d, true
}

// Gateways answers a wire.GatewaysGet: descriptors of gateways that were reached
// over links of the pool, drawn at random.
func (p *Pool) Gateways(g *wire.GatewaysGet) wire.Payload {
	if err := wire.Check(g); err != nil {
		return wire.FailureOf(err)
	}
	now := time.Now()
	objects := p.cache.Sample(now, int(g.Count))
	p.mu.Lock()
	directory := p.directory
	more := len(objects) < int(g.Count) && directory != nil && !now.Before(p.greeting)
	if more {
		p.greeting = now.Add(greetPause)
	}
	p.mu.Unlock()
	if more {
		p.greetSome(directory, int(g.Count))
	}
	return &wire.Gateways{Objects: objects}
}

// greetPause is the time between two rounds of greetings.
const greetPause = 5 * time.Second

// greetSome opens links to gateways whose descriptors are not known, so that the
// next who asks for gateways gets more.
func (p *Pool) greetSome(d Directory, n int) {
	for _, c := range d.Sample(min(n, wire.MaxGateways)) {
		if _, known := p.Descriptor(c.Node); !known {
			p.dispatch(&call{to: contactTarget(&c), done: func(wire.Payload, error) {}})
		}
	}
}

// Known answers a wire.DescriptorGet from what is here: the own descriptor, or one that
// is known. Failures: wire.ErrNoRecord, ErrValue.
func (p *Pool) Known(g *wire.DescriptorGet) wire.Payload {
	to, err := endpointTarget(&link.Endpoint{Host: g.Host, Port: g.Port, Node: g.Node})
	if err == nil {
		err = wire.Check(g)
	}
	if err != nil {
		return wire.FailureOf(err)
	}
	if to.hash == p.own {
		return p.ownDescriptor()
	}
	if object := p.described(&to); object != nil {
		return &wire.Descriptor{Object: object}
	}
	return wire.FailureOf(wire.ErrNoRecord)
}

// Describe answers a wire.DescriptorGet: with the own descriptor, with one that is
// known, or with what the network or the gateway itself says. Failures:
// wire.ErrUnreachable, ErrNoRecord, ErrScope, ErrBusy. done is called once, perhaps
// before Describe returns.
func (p *Pool) Describe(g *wire.DescriptorGet, done func(wire.Payload)) {
	to, err := endpointTarget(&link.Endpoint{Host: g.Host, Port: g.Port, Node: g.Node})
	if err == nil {
		err = wire.Check(g)
	}
	if err != nil {
		done(wire.FailureOf(err))
		return
	}
	if to.hash == p.own {
		done(p.ownDescriptor())
		return
	}
	if object := p.described(&to); object != nil {
		done(&wire.Descriptor{Object: object})
		return
	}
	if len(g.Node) != key.PublicSize {
		p.visit(to, done)
		return
	}
	p.mu.Lock()
	directory := p.directory
	ask, full := directory != nil && !p.ended, p.asking >= p.cfg.Capacity.Asking
	if ask && !full {
		p.asking++
		p.running.Add(1)
	}
	p.mu.Unlock()
	switch {
	case ask && !full:
		p.runFind(directory, to, done)
	case ask && to.host == "":
		done(wire.FailureOf(wire.ErrBusy))
	default:
		p.visit(to, done)
	}
}

func (p *Pool) ownDescriptor() wire.Payload {
	if p.cfg.Descriptor != nil {
		if object := p.cfg.Descriptor(); len(object) > 0 {
			return &wire.Descriptor{Object: object}
		}
	}
	return wire.FailureOf(wire.ErrNoRecord)
}

// described is the descriptor of a target if it is known.
func (p *Pool) described(to *target) []byte {
	if object, d := p.cache.Get(time.Now(), to.hash); d != nil && link.Pinned(d.Node, to.pin) {
		return object
	}
	return nil
}

// visit lets a gateway's hello bring its descriptor.
func (p *Pool) visit(to target, done func(wire.Payload)) {
	if to.host == "" {
		done(wire.FailureOf(wire.ErrNoRecord))
		return
	}
	p.dispatch(&call{to: to, done: func(_ wire.Payload, err error) {
		object := p.described(&to)
		switch {
		case err != nil:
			done(wire.FailureOf(refusal(err)))
		case object == nil:
			done(wire.FailureOf(wire.ErrNoRecord))
		default:
			done(&wire.Descriptor{Object: object})
		}
	}})
}

// refusal is why a gateway could not be asked, as a client is told.
func refusal(err error) error {
	for _, told := range []*wire.Error{wire.ErrScope, wire.ErrBusy, wire.ErrWrongNode, wire.ErrNetwork} {
		if errors.Is(err, told) {
			return told
		}
	}
	return wire.ErrUnreachable
}

// findTime is how long the network may take to find a descriptor.
const findTime = 10 * time.Second

// runFind asks the network for a descriptor, and then the gateway itself if there is
// none and its address is known.
func (p *Pool) runFind(d Directory, to target, done func(wire.Payload)) {
	go func() {
		defer p.release()
		ctx, cancel := context.WithTimeout(p.life, findTime)
		defer cancel()
		node := key.NodePublic(to.pin)
		object, err := d.Find(ctx, node)
		if err == nil {
			_, err = p.cache.Learn(time.Now(), object, node, false)
		}
		if err != nil {
			p.visit(to, done)
			return
		}
		done(&wire.Descriptor{Object: object})
	}()
}
