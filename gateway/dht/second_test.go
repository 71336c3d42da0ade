package dht

import (
	"slices"
	"testing"
	"time"

	"zeroms/protocol/wire"
)

func TestJoined(t *testing.T) {
	w := newWorld(t, 3)
	count := 1000
	for i := range count {
		h := w.add()
		if i > 0 {
			var boot []wire.Contact
			for range 3 {
				boot = append(boot, w.hosts[w.rand.IntN(i)].self)
			}
			w.after(time.Duration(i)*600*time.Millisecond, func() { h.node.Join(w.now, boot); h.pump() })
		}
	}
	w.run(600 * time.Second)
	show := func() {
		var s Stats
		var sizes []float64
		sibs := 0
		for _, h := range w.hosts {
			o := h.node.Stats(w.now)
			s.Table += o.Table
			s.Siblings += o.Siblings
			s.Fresh += o.Fresh
			s.Stale += o.Stale
			s.Replacements += o.Replacements
			s.Asked += o.Asked
			s.Failed += o.Failed
			s.BadAnswers += o.BadAnswers
			sizes = append(sizes, o.Size)
			for _, n := range w.nearest(h.node.self.ID, 41) {
				if h.node.table.Find(n.node.self) != nil {
					sibs++
				}
			}
		}
		slices.Sort(sizes)
		t.Logf("table %d sib %d true %d fresh %d stale %d repl %d asked %d failed %d bad %d size %.0f %.0f %.0f bytes %d", s.Table/count, s.Siblings/count, sibs/count, s.Fresh/count, s.Stale, s.Replacements/count, s.Asked/uint64(count), s.Failed, s.BadAnswers, sizes[10], sizes[count/2], sizes[count-10], w.bytes/count)
	}
	show()
	w.run(20 * time.Minute)
	show()
	var msgs, contacts, four, holders, real, gm, rounds, wid int
	keys := 300
	var fewer int
	for range keys {
		name := w.name()
		h := w.host()
		_, f := h.put(item(plain(name, w.today(), 1)))
		msgs += f.Messages
		contacts += f.Contacts
		four += f.ToFour
		holders += f.Holders[0]
		if f.Contacts > 40 {
			wid++
		}
		for _, n := range w.nearest(place(name, w.today()), 20) {
			if _, ok := n.node.shelf.Get(w.now, place(name, w.today())); ok {
				real++
			}
		}
		got := w.host().get(Get{Name: name, Day: w.today()})
		gm += got.Messages
		rounds += got.Rounds
		if got.Err != nil {
			fewer++
		}
	}
	t.Logf("msgs %d contacts %d four %.1f holders %d right %.1f wide %d get %.2f rounds %.2f failed %d", msgs/keys, contacts/keys, float64(four)/float64(keys), holders/keys, float64(real)/float64(keys), wid, float64(gm)/float64(keys), float64(rounds)/float64(keys), fewer)
	show()
}
