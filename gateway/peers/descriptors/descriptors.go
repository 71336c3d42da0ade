// Package descriptors keeps what gateways say of themselves, once it was checked: the
// newest descriptor of each, until it expires.
package descriptors

import (
	"bytes"
	"math/rand/v2"
	"sync"
	"time"

	"zeroms/gateway/peers/bounds"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// Cache is descriptors of one network. Its methods are safe for concurrent use.
type Cache struct {
	// static
	params address.Parameters

	mu sync.Mutex
	of bounds.Recent[key.GatewayHash, *entry] // guarded by mu
}

// entry is a descriptor that was checked.
type entry struct {
	// static
	object []byte
	opened *address.Descriptor

	reached bool // guarded by Cache.mu: the gateway itself sent it
}

// New makes an empty Cache for so many gateways; of more it forgets those that were
// not asked for longest.
func New(params address.Parameters, size int) *Cache {
	return &Cache{params: params, of: bounds.NewRecent[key.GatewayHash, *entry](size)}
}

// Learn checks a gateway's descriptor and keeps it. reached says that the gateway
// itself sent it. Errors: address.OpenDescriptor's, wire.ErrWrongNode for another
// gateway's, wire.ErrScope.
func (c *Cache) Learn(now time.Time, object []byte, node key.NodePublic, reached bool) (*address.Descriptor, error) {
	hash := key.GatewayHashOf(node)
	if d := c.again(now, hash, object, reached); d != nil {
		return d, nil
	}
	d, err := address.OpenDescriptor(object, c.params.Network, now)
	switch {
	case err != nil:
		return nil, err
	case d.Node != node:
		return nil, wire.ErrWrongNode
	}
	if err := d.Within(c.params.Scope); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.get(now, hash); e == nil || e.opened.Made.Before(d.Made) {
		c.of.Put(hash, &entry{object: bytes.Clone(object), opened: d, reached: reached || e != nil && e.reached})
	}
	return d, nil
}

// again takes a descriptor that was checked before; nil: it is another one.
func (c *Cache) again(now time.Time, hash key.GatewayHash, object []byte, reached bool) *address.Descriptor {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.get(now, hash)
	if e == nil || !bytes.Equal(e.object, object) {
		return nil
	}
	e.reached = e.reached || reached
	return e.opened
}

// Get is what is known of a gateway, as it was signed and opened; nil if nothing is.
func (c *Cache) Get(now time.Time, hash key.GatewayHash) (object []byte, opened *address.Descriptor) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.get(now, hash); e != nil {
		return e.object, e.opened
	}
	return nil, nil
}

// get is a descriptor that has not expired, else nil; mu is held.
func (c *Cache) get(now time.Time, hash key.GatewayHash) *entry {
	e, there := c.of.Get(hash)
	if there && !e.opened.Expires.After(now) {
		c.of.Drop(hash)
		return nil
	}
	return e
}

// Len is how many are kept.
func (c *Cache) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.of.Len()
}

// Sample draws up to n gateways that were reached, at random.
func (c *Cache) Sample(now time.Time, n int) (objects [][]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	seen := 0
	c.of.Each(func(_ key.GatewayHash, e *entry) {
		if !e.reached || !e.opened.Expires.After(now) {
			return
		}
		if seen++; len(objects) < n {
			objects = append(objects, e.object)
		} else if i := rand.IntN(seen); i < n {
			objects[i] = e.object
		}
	})
	return objects
}
