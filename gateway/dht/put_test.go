package dht

import (
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"zeroms/gateway/dht/contact"
	"zeroms/gateway/dht/settings"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// TestEarlyReturn: a store says so once enough gateways hold the record, long
// before the slowest has answered, and again when all is done.
func TestEarlyReturn(t *testing.T) {
	w := grown(t, 40, 200)
	name := w.name()
	at := place(name, w.today())
	for i, h := range w.nearest(at, Width) {
		if i%4 == 3 { // takes the record, and its time
			h.lie = func(_ Caller, request wire.Payload) wire.Payload {
				if _, ok := request.(*wire.Store); ok {
					h.mute = true
				}
				return nil
			}
		}
	}
	from := w.hosts[0]
	for from.lie != nil {
		from = w.host()
	}
	var early, final Stored
	var earlyAt, finalAt time.Time
	start := w.now
	from.node.Put(w.now, item(plain(name, w.today(), 1)), func(s Stored) {
		if s.Final {
			final, finalAt = s, w.now
		} else {
			early, earlyAt = s, w.now
		}
	})
	from.pump()
	w.until(func() bool { return final.Final })
	if early.Holders[0] != settings.EarlyHolders || early.Err != nil {
		t.Errorf("early: %+v", early)
	}
	if final.Holders[0] < Width {
		t.Errorf("final: %+v", final)
	}
	if quick, whole := earlyAt.Sub(start), finalAt.Sub(start); quick > 2500*time.Millisecond || whole < quick {
		t.Errorf("early after %v, final after %v", quick, whole)
	}
}

// TestEnough: how many acknowledgements a store waits for depends on how many
// gateways there are.
func TestEnough(t *testing.T) {
	for others, want := range map[int]int{1: 2, 4: 3, 11: 8, 19: 12, 60: 12} {
		w := grown(t, uint64(41+others), others+1)
		early, final := w.host().put(item(plain(w.name(), w.today(), 1)))
		if early.Holders == nil { // all at once
			early = final
		}
		if early.Holders[0] < want || final.Holders[0] < min(Width, others+1) {
			t.Errorf("%d others: early %d, want %d; in the end %d", others, early.Holders[0], want, final.Holders[0])
		}
	}
}

// TestSweep: records of one region share a search and a frame a holder.
func TestSweep(t *testing.T) {
	w := grown(t, 42, 12)
	var put Put
	for range wire.MaxStores {
		put.Items = append(put.Items, wire.StoreItem{Record: plain(w.name(), w.today(), 1)})
	}
	from := w.host()
	_, stored := from.put(put)
	for i, n := range stored.Holders {
		if n != 12 {
			t.Errorf("record %d has %d holders of 12", i, n)
		}
	}
	frames := 0
	for _, h := range w.hosts {
		frames += h.served[wire.TypeStore]
	}
	if frames != 11 || stored.Messages > 11+24 {
		t.Errorf("%d frames, %d messages for %d records at 11 others", frames, stored.Messages, wire.MaxStores)
	}
	for i := range put.Items {
		name := [32]byte(put.Items[i].Record[1:33])
		if w.holders(place(name, w.today())) != 12 {
			t.Errorf("record %d is not where it was said to be", i)
		}
	}
}

// TestSweepRegions: in a larger network the holders of each record are the nearest
// to it, whichever records it was stored with.
func TestSweepRegions(t *testing.T) {
	w := grown(t, 43, 400)
	var put Put
	for range wire.MaxStores {
		put.Items = append(put.Items, wire.StoreItem{Record: plain(w.name(), w.today(), 1)})
	}
	_, stored := w.host().put(put)
	right := 0
	for i := range put.Items {
		at := place([32]byte(put.Items[i].Record[1:33]), w.today())
		for _, h := range w.nearest(at, Width) {
			if _, ok := h.node.shelf.Get(w.now, at); ok {
				right++
			}
		}
	}
	all := len(put.Items) * Width
	if right < all*97/100 {
		t.Errorf("of the right holders %d of %d hold a record", right, all)
	}
	if alone := len(put.Items) * 36; stored.Messages > alone*8/10 {
		t.Errorf("%d messages, alone it would be about %d", stored.Messages, alone)
	}
}

// TestGuided: a record that is stored again from here costs its stores and few
// searches; where its holders are gone it is searched for anew.
func TestGuided(t *testing.T) {
	w := grown(t, 44, 120)
	name := w.name()
	from := w.host()
	_, first := from.put(item(plain(name, w.today(), 1)))
	w.run(time.Hour)
	_, again := from.put(item(plain(name, w.today(), 1)))
	if again.Holders[0] < Width || again.Messages > Width+4 || again.Contacts > Width+4 {
		t.Errorf("first %+v, again %+v", first, again)
	}
	for _, h := range w.nearest(place(name, w.today()), 12) {
		if h != from {
			h.gone = true
		}
	}
	w.run(30 * time.Minute)
	_, anew := from.put(item(plain(name, w.today(), 2)))
	if anew.Holders[0] < Width-1 {
		t.Errorf("%+v", anew)
	}
	right := 0
	for _, h := range w.nearest(place(name, w.today()), Width) {
		if held, ok := h.node.shelf.Get(w.now, place(name, w.today())); ok && held.Seq == 2 {
			right++
		}
	}
	if right < Width-2 {
		t.Errorf("%d of the nearest hold the new record", right)
	}
}

// TestRefusals: gateways that refuse a record are replaced by others; one that
// knows a newer record is no holder.
func TestRefusals(t *testing.T) {
	w := grown(t, 45, 300)
	name := w.name()
	for i, h := range w.nearest(place(name, w.today()), 10) {
		code := []wire.Code{wire.CodeQuota, wire.CodeLimit, wire.CodeClock}[i%3]
		h.lie = func(_ Caller, request wire.Payload) wire.Payload {
			if r, ok := request.(*wire.Store); ok {
				s := &wire.Stored{Codes: make([]uint16, len(r.Items))}
				s.Codes[0] = uint16(code)
				return s
			}
			return nil
		}
	}
	from := w.host()
	_, stored := from.put(item(plain(name, w.today(), 5)))
	if stored.Holders[0] < Width || w.holders(place(name, w.today())) < Width {
		t.Errorf("%+v", stored)
	}
	_, older := w.host().put(item(plain(name, w.today(), 4)))
	wrong := 0
	for _, h := range w.hosts {
		if held, ok := h.node.shelf.Get(w.now, place(name, w.today())); ok && held.Seq == 4 {
			wrong++
		}
	}
	if wrong > 12 || older.Holders[0] > 12 {
		t.Errorf("an older record is held by %d gateways: %+v", wrong, older)
	}
}

// TestStamps: the node makes the stamps that are missing, for either position, and
// bad ones anew.
func TestStamps(t *testing.T) {
	w := newWorld(t, 46)
	w.params.StampBits = 10
	check := func(it wire.StoreItem, now time.Time) (address.Item, error) {
		item, err := checkPlain(it, now)
		if err == nil {
			if n, workErr := wire.WorkBits(wire.StampSubject(item.Place), it.Stamp, now); workErr != nil || n < 10 {
				err = wire.ErrStamp
			}
		}
		return item, err
	}
	for range 60 {
		w.add(func(c *Config) { c.Check = check })
	}
	w.acquaint()
	put := item(plain(w.name(), w.today(), 1))
	put.Items = append(put.Items, wire.StoreItem{Record: plain(w.name(), w.today(), 1), Stamp: make([]byte, wire.WorkSize)})
	put.Wide = true
	_, stored := w.host().put(put)
	for i, n := range stored.Holders {
		if n < 2*Width {
			t.Errorf("record %d: %d holders in both positions", i, n)
		}
	}
}

// TestPutErrors: what can't be stored is said at once.
func TestPutErrors(t *testing.T) {
	w := grown(t, 47, 20)
	tooMany := Put{Items: make([]wire.StoreItem, wire.MaxStores+1)}
	other := item(plain(w.name(), w.today(), 1))
	other.Items[0].Index = 1
	for name, c := range map[string]struct {
		put  Put
		want error
	}{
		"nothing":           {Put{}, wire.ErrValue},
		"too many":          {tooMany, wire.ErrValue},
		"an index":          {other, wire.ErrValue},
		"of last week":      {item(plain(w.name(), w.today()-7, 1)), wire.ErrClock},
		"no record at all":  {Put{Items: []wire.StoreItem{{Record: make([]byte, 2000)}}}, wire.ErrMalformed},
		"not even a record": {Put{Items: []wire.StoreItem{{Record: []byte{1}}}}, wire.ErrMalformed},
	} {
		if _, stored := w.host().put(c.put); stored.Err == nil {
			t.Errorf("%s: no error", name)
		} else if !errors.Is(stored.Err, c.want) && c.want != wire.ErrMalformed {
			t.Errorf("%s: %v", name, stored.Err)
		}
	}
	asks := newWorld(t, 47).addAt(wire.Contact{Node: w.name(), X: 1})
	if _, stored := asks.put(item(plain(w.name(), w.today(), 1))); !errors.Is(stored.Err, wire.ErrUnreachable) {
		t.Errorf("without a network: %v", stored.Err)
	}
	silent := grown(t, 48, 20)
	for _, h := range silent.hosts[1:] {
		h.mute = true
	}
	silent.hosts[0].node.SetAddr(silent.now, netip.AddrPort{}, 0)
	if _, stored := silent.hosts[0].put(item(plain(w.name(), silent.today(), 1))); !errors.Is(stored.Err, wire.ErrUnreachable) || stored.Refused != 0 {
		t.Errorf("in a silent network: %+v", stored)
	}
}

// TestNobodyTakesIt: that nobody takes a record is not that nobody answers, and is
// known as soon as all were asked, also by who stored a newer one before.
func TestNobodyTakesIt(t *testing.T) {
	for _, gateways := range []int{7, 18} {
		w := grown(t, 47, gateways)
		who := w.name()
		w.hosts[0].put(item(plain(who, w.today(), 2)))
		for _, from := range w.hosts[:2] {
			began := w.now
			_, stored := from.put(item(plain(who, w.today(), 1)))
			if !errors.Is(stored.Err, wire.ErrOlder) || stored.Refused == 0 || !stored.Final || stored.Holders[0] != 0 {
				t.Errorf("of %d gateways all hold a newer one: %+v", gateways, stored)
			}
			if took := w.now.Sub(began); took > 4*time.Second {
				t.Errorf("of %d gateways all hold a newer one, which took %v to find out", gateways, took)
			}
		}
	}
	w := grown(t, 47, 30)
	for _, h := range w.hosts {
		h.lie = func(_ Caller, request wire.Payload) wire.Payload {
			if s, ok := request.(*wire.Store); ok {
				return &wire.Stored{Codes: slices.Repeat([]uint16{uint16(wire.CodeQuota)}, len(s.Items))}
			}
			return nil
		}
	}
	w.hosts[0].node.SetAddr(w.now, netip.AddrPort{}, 0)
	if _, stored := w.hosts[0].put(item(plain(w.name(), w.today(), 1))); !errors.Is(stored.Err, wire.ErrQuota) || stored.Refused < 29 {
		t.Errorf("nobody has room: %+v", stored)
	}
}

// TestHoldersOfManyOwners: however many gateways of one owner are near a place, at
// most two of them are asked to hold.
func TestHoldersOfManyOwners(t *testing.T) {
	w := grown(t, 49, 150)
	name := w.name()
	at := place(name, w.today())
	var gang []*host
	for i := range 10 {
		c := w.contact(netip.AddrPortFrom(netip.AddrFrom4([4]byte{77, 7, 7, byte(i + 1)}), 1))
		for id := c.Place(w.params.Network); contact.CommonPrefix(&id, &at) < 8; id = c.Place(w.params.Network) {
			c.X++
		}
		gang = append(gang, w.addAt(c))
	}
	var known []byte
	for _, h := range gang {
		known = h.node.self.AppendTo(known)
	}
	for _, h := range w.hosts { // even if everybody names them all
		h.lie = func(from Caller, request wire.Payload) wire.Payload {
			if r, ok := request.(*wire.FindNode); ok {
				honest := h.node.Serve(w.now, from, r).(*wire.Nodes)
				return &wire.Nodes{Contacts: append(append([]byte(nil), known[:4*wire.ContactSize]...), honest.Contacts[:min(len(honest.Contacts), 16*wire.ContactSize)]...)}
			}
			return nil
		}
	}
	from := w.hosts[3]
	from.put(item(plain(name, w.today(), 1)))
	stores := 0
	for _, h := range gang {
		stores += h.served[wire.TypeStore]
	}
	if stores > 2 {
		t.Errorf("%d gateways of one owner hold the record", stores)
	}
}

// TestDescriptorPlace: a descriptor is stored at its one place and found there.
func TestDescriptorPlace(t *testing.T) {
	w := grown(t, 50, 60, func(c *Config) { c.CheckValue, c.Check = nil, nil })
	node, relay := key.NewPrivate[key.Node](), key.NewRelayPrivate()
	object, err := address.SealDescriptor(&address.Descriptor{
		Node: node.Public(), KEM: relay.Public(), Addrs: []netip.AddrPort{w.addr()}, Transports: wire.TransportQUIC,
		Network: w.params.Network, Made: w.now, Expires: w.now.AddDate(0, 0, 5),
	}, node)
	if err != nil {
		t.Fatal(err)
	}
	put := item(object)
	put.Wide = true
	_, stored := w.host().put(put)
	if stored.Err != nil || stored.Holders[0] < Width {
		t.Fatalf("%+v", stored)
	}
	got := w.host().get(Get{Place: address.DescriptorPlace(key.Place{Network: w.params.Network, Node: node.Public()})})
	if got.Err != nil || got.Item.Class != address.ClassDescriptor || got.Item.Name != node.Public() {
		t.Fatalf("%+v", got)
	}
}
