package peers

import (
	"crypto/rand"
	"errors"
	"math/bits"
	"time"

	"zeroms/gateway/peers/bounds"
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
	d, err := p.learn(h.Descriptor, node, true)
	if errors.Is(err, wire.ErrClock) || errors.Is(err, wire.ErrExpired) {
		p.counters.skewed.Add(1)
	}
	if errors.Is(err, wire.ErrClock) || errors.Is(err, wire.ErrExpired) || errors.Is(err, wire.ErrScope) {
		return nil, nil // its clock or its operator, not its program
	}
	return d, err
}

// learn checks a gateway's descriptor and keeps it. reached says that the gateway
// itself sent it. Errors: address.OpenDescriptor's, wire.ErrWrongNode for another
// gateway's, wire.ErrScope.
func (p *Pool) learn(object []byte, node key.NodePublic, reached bool) (*address.Descriptor, error) {
	now, hash := time.Now(), key.GatewayHashOf(node)
	p.mu.Lock()
	e := p.cache.get(now, hash)
	if e != nil && string(e.object) == string(object) {
		e.reached = e.reached || reached
		p.mu.Unlock()
		return e.opened, nil
	}
	p.mu.Unlock()
	d, err := address.OpenDescriptor(object, p.cfg.Params.Network, now)
	switch {
	case err != nil:
		return nil, err
	case d.Node != node:
		return nil, wire.ErrWrongNode
	}
	if err := d.Within(p.cfg.Params.Scope); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if e = p.cache.get(now, hash); e == nil || e.opened.Made.Before(d.Made) {
		p.cache.of.Put(hash, &described{object: append([]byte(nil), object...), opened: d, reached: reached || e != nil && e.reached})
	}
	return d, nil
}

// described is a descriptor that was checked.
type described struct {
	// static
	object []byte
	opened *address.Descriptor

	reached bool // guarded by Pool.mu: the gateway itself sent it
}

// descriptors are those that are known.
type descriptors struct {
	of bounds.Recent[key.GatewayHash, *described]
}

func newDescriptors(most int) descriptors {
	return descriptors{bounds.NewRecent[key.GatewayHash, *described](most)}
}

// get is a descriptor that has not expired, else nil.
func (d *descriptors) get(now time.Time, hash key.GatewayHash) *described {
	e, there := d.of.Get(hash)
	if there && !e.opened.Expires.After(now) {
		d.of.Drop(hash)
		return nil
	}
	return e
}

func (d *descriptors) count() int { return d.of.Len() }

// sample draws up to n gateways that were reached.
func (d *descriptors) sample(now time.Time, n int) (objects [][]byte) {
	seen := 0
	d.of.Each(func(_ key.GatewayHash, e *described) {
		if !e.reached || !e.opened.Expires.After(now) {
			return
		}
		if seen++; len(objects) < n {
			objects = append(objects, e.object)
		} else if i := below(seen); i < n {
			objects[i] = e.object
		}
	})
	return objects
}

// below is a random number below n.
func below(n int) int {
	var b [8]byte
	_, _ = rand.Read(b[:])
	var x uint64
	for _, c := range b {
		x = x<<8 | uint64(c)
	}
	high, _ := bits.Mul64(x, uint64(n))
	return int(high)
}
