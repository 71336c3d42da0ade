package dht

import (
	"context"
	"fmt"

	"zeroms/cmd/zeroms-lab/dht/foe"
	"zeroms/cmd/zeroms-lab/dht/sim"
)

// getsOfSiege is how many gets there are of each record that is under siege.
const getsOfSiege = 100

// siege plays a network once for each of some records, each time with gateways
// whose places were mined to be nearer to the record's than any honest one. They
// are there before it is stored, stand in everybody's tables, and collude, with one
// another and with those who collude anyway.
func (s Scenario) siege(ctx context.Context) (*outcome, error) {
	o := &outcome{}
	told := 0
	for done := 0; done < s.Keys; done += getsOfSiege {
		one := s
		one.Keys, one.Joined = 1, false
		one.Seed = s.Seed*1_000_003 + uint64(len(o.stores))
		n, err := newNetwork(one)
		if err != nil {
			return nil, err
		}
		n.surround(s.Sybils)
		n.besiege(ctx, o, min(getsOfSiege, s.Keys-done))
		if told += n.ring.Told; ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	o.lines = append(o.lines, fmt.Sprintf("records: %d, each in a network of its own; lookups: %d; answers of sybils and colluders: %d",
		len(o.stores), len(o.gets), told))
	if wrong := effect(told, "answers of sybils"); wrong != "" {
		o.wrong = append(o.wrong, wrong)
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

// besiege stores the one record that there is, lets gateways leave, and gets it, one
// time after another.
func (n *network) besiege(ctx context.Context, o *outcome, gets int) {
	n.ghost()
	n.wake()
	number := len(o.stores)
	o.stores = append(o.stores, n.storeAll(ctx, 0)...)
	if n.Scenario.Leave > 0 || n.Liveness {
		n.leave()
	}
	there := n.present()
	for range gets {
		left := true
		n.get(there[n.Rand.IntN(len(there))], 0, func(g got) {
			g.key, left = number, false
			o.gets = append(o.gets, g)
		})
		n.RunWhile(func() bool { return left && ctx.Err() == nil }, patience)
	}
}
