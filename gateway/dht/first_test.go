package dht

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"zeroms/gateway/dht/contact"
	"zeroms/protocol/wire"
)

// colluders answer with the nearest of their own and hold nothing.
func (w *world) collude(share float64) {
	var bad []*contact.Peer
	for _, h := range w.hosts {
		if w.rand.Float64() < share {
			bad = append(bad, h.node.self)
			h.lie = func(_ Caller, request wire.Payload) wire.Payload { return nil }
		}
	}
	near := func(target [32]byte) []byte {
		ps := slices.Clone(bad)
		contact.SortNearest((*keyID)(&target), ps)
		var b []byte
		for _, p := range ps[:min(20, len(ps))] {
			b = p.AppendTo(b)
		}
		return b
	}
	for _, h := range w.hosts {
		if h.lie == nil {
			continue
		}
		h.lie = func(_ Caller, request wire.Payload) wire.Payload {
			switch r := request.(type) {
			case *wire.FindNode:
				return &wire.Nodes{Contacts: near(r.Target)}
			case *wire.FindValue:
				return &wire.Value{Contacts: near(r.Key)}
			case *wire.Store:
				return &wire.Stored{Codes: make([]uint16, len(r.Items))}
			}
			return nil
		}
	}
}

func (w *world) leave(share float64) {
	for _, h := range w.hosts {
		if h.lie == nil && w.rand.Float64() < share {
			h.gone = true
		}
	}
}

func TestFirst(t *testing.T) {
	var counts = []int{12, 100, 1000}
	if os.Getenv("BIG") != "" {
		counts = []int{10000}
	}
	for _, count := range counts {
		for mode := range 4 {
			w := grown(t, 7, count)
			w.timing.Young = 0
			if mode == 1 {
				w.collude(.2)
				w.leave(.3)
			}
			if mode == 2 {
				w.collude(.3)
			}
			if mode == 3 {
				continue
			}
			var names [][32]byte
			var msgs, contacts, four, holders, real, gm, ok, tries, rounds int
			keys := 200
			for range keys {
				name := w.name()
				e, f := w.host().put(item(plain(name, w.today(), 1)))
				_ = e
				msgs += f.Messages
				contacts += f.Contacts
				four += f.ToFour
				holders += f.Holders[0]
				names = append(names, name)
				rh := w.holders(place(name, w.today()))
				real += rh
				if rh < 8 && count > 100 {
					p := place(name, w.today())
					nearest := w.nearest(p, 20)
					rank := 0
					for _, h := range nearest {
						if h.lie != nil {
							rank++
						}
					}
					fmt.Printf("mode %d few holders %d of %d: colluders in 20: %d %+v\n", mode, rh, f.Holders[0], rank, f)
				}
			}
			if mode > 0 {
				w.leave(.3)
			}
			var took []time.Duration
			by := map[int]int{}
			for _, name := range names {
				at := w.now
				got := w.host().get(Get{Name: name, Day: w.today()})
				took = append(took, w.now.Sub(at))
				if got.Err == nil {
					ok++
				} else {
					fmt.Printf("failed: %+v holders %d\n", got.Err, w.holders(place(name, w.today())))
				}
				gm += got.Messages
				tries += got.Tries
				rounds += got.Rounds
				by[got.Tries]++
			}
			slices.Sort(took)
			s := w.hosts[0].node.Stats(w.now)
			t.Logf("%d mode %d: put msgs %d contacts %d four %.1f holders %d real %.1f; get ok %d msgs %.2f tries %v rounds %.2f p50 %v p99 %v; table %d size %.0f buckets %d sib %d", count, mode, msgs/keys, contacts/keys, float64(four)/float64(keys), holders/keys, float64(real)/float64(keys), ok, float64(gm)/float64(keys), by, float64(rounds)/float64(keys), took[len(took)/2], took[len(took)*99/100], s.Table, s.Size, s.Buckets, s.Siblings)
		}
	}
}
