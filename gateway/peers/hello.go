package peers

import (
	"crypto/rand"
	"errors"
	"time"

	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// ownHello is the hello to a gateway whose key was proved.
func (p *Pool) ownHello(node key.NodePublic) *wire.ClientHello {
	p.mu.Lock()
	self := p.self
	p.mu.Unlock()
	h := &wire.ClientHello{
		MinVersion: wire.Version, MaxVersion: wire.Version, Network: p.cfg.Params.Network,
		Node: node[:], Gateway: self.AppendTo(nil),
	}
	_, _ = rand.Read(h.Random[:]) // never fails
	return h
}

// hello checks a gateway's answer to our hello and keeps its descriptor, which is
// nil if there is no good one.
func (p *Pool) hello(f wire.Frame, node key.NodePublic) (*address.Descriptor, error) {
	var h wire.ServerHello
	if err := f.Decode(&h); err != nil {
		return nil, err
	}
	if err := wire.Check(&h); err != nil {
		return nil, err
	}
	switch {
	case h.Version != wire.Version:
		return nil, wire.ErrVersion
	case h.Network != p.cfg.Params.Network:
		return nil, wire.ErrNetwork
	case h.Node != node:
		return nil, wire.ErrWrongNode
	case len(h.Descriptor) == 0:
		return nil, nil
	}
	d, err := p.cache.Learn(time.Now(), h.Descriptor, node, true)
	if errors.Is(err, wire.ErrClock) || errors.Is(err, wire.ErrExpired) {
		p.counters.skewed.Add(1)
	}
	if errors.Is(err, wire.ErrClock) || errors.Is(err, wire.ErrExpired) || errors.Is(err, wire.ErrScope) {
		return nil, nil // its clock or its operator, not its program
	}
	return d, err
}
