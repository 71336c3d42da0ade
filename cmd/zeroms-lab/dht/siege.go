package dht

import (
	"context"

	"zeroms/cmd/zeroms-lab/dht/foe"
	"zeroms/cmd/zeroms-lab/dht/sim"
)

// getsOfSiege is how many gets there are of each record that is under siege.
const getsOfSiege = 100

// siege plays a network once for each of some records, each time with gateways
// whose places were mined to be nearer to the record's than any honest one. They
// are there before it is stored, stand in everybody's tables, and collude.
func (s Scenario) siege(ctx context.Context) (*outcome, error) {
	o := &outcome{}
	for i := range max(1, s.Keys/getsOfSiege) {
		one := s
		one.Keys, one.Sybils, one.Joined, one.Colluders = 1, 0, false, 0
		one.Seed = s.Seed*1_000_003 + uint64(i)
		n, err := newNetwork(one)
		if err != nil {
			return nil, err
		}
		n.surround(s.Sybils)
		n.wake()
		o.stores = append(o.stores, n.storeAll(ctx, 0)...)
		there := n.present()
		for range min(getsOfSiege, s.Keys) {
			left := true
			n.get(there[n.Rand.IntN(len(there))], 0, func(g got) {
				g.key, left = i, false
				o.gets = append(o.gets, g)
			})
			n.RunWhile(func() bool { return left }, patience)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return o, nil
}

// surround puts sybils around the first place of the first record.
func (n *network) surround(sybils int) {
	at := n.lib.records[0].place(0)
	bits := sim.Common(n.index.Nearest(nil, at, 1)[0].ID, at) + 1
	index := n.index
	for range sybils {
		h := n.Draw()
		h.Mine(at, bits)
		h.Foe = &foe.Colluder{Ring: n.ring}
		n.Listen(n.Add(h), h.Contact.Addr)
		n.ring.Join(h)
		index = append(index, sim.Placed[*sim.Host]{ID: h.ID, Of: h})
	}
	n.index = sim.NewIndex(index)
}
