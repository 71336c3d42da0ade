package dht

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"zeroms/cmd/zeroms-lab/dht/foe"
	"zeroms/cmd/zeroms-lab/dht/sim"
	"zeroms/gateway/dht"
	"zeroms/protocol/address"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

func enlistColluder(n *network, _ int, h *sim.Host) bool {
	h.Foe = &foe.Colluder{Ring: n.ring}
	n.ring.Join(h)
	return true
}

func enlistSilent(n *network, _ int, h *sim.Host) bool {
	h.Foe = &foe.Silent{Ring: n.ring}
	return true
}

func enlistSlow(n *network, _ int, h *sim.Host) bool {
	late := dht.Timing{}.Default().Request - 3*(n.World.Model.Latency+n.World.Model.Jitter)
	h.Foe = &foe.Slow{Ring: n.ring, By: late}
	return true
}

// afterAnswers demands that foes answered at all, and says how.
func afterAnswers(how string) func(*network, *outcome) (said, wrong string) {
	return func(n *network, _ *outcome) (said, wrong string) {
		return fmt.Sprintf("%d answers of foes: %s", n.ring.Told, how), effect(n.ring.Told, "answers of foes")
	}
}

// effect says that foes did nothing, "" if they did.
func effect(count int, what string) string {
	if count > 0 {
		return ""
	}
	return "no " + what + ": the row shows nothing"
}

// all puts together what is wrong.
func all(wrong ...string) string {
	return strings.Join(slices.DeleteFunc(wrong, func(w string) bool { return w == "" }), "; ")
}

// refused counts handshakes in vain where foes pointed.
func (n *network) refused(from *sim.Host, at netip.AddrPort) {
	if n.ring.Awake && n.aimed[at] {
		n.struck++
		n.strikers[from]++
	}
}

// minedAhead is how many IDs liars mined: with the puzzle of the public network that
// takes a core 4 s each.
const minedAhead = 100_000

func enlistLiar(n *network, i int, h *sim.Host) bool {
	if i == 0 {
		for j := range minedAhead {
			c := n.DrawAt(foe.Nowhere(j))
			n.aimed[c.Contact.Addr] = true
			n.ring.Mined = append(n.ring.Mined, sim.Placed[wire.Contact]{ID: c.ID, Of: c.Contact})
		}
		n.ring.Mined = sim.NewIndex(n.ring.Mined)
	}
	h.Foe = &foe.Liar{Ring: n.ring, Lie: foe.Lie(i) % foe.Lies}
	n.ring.Join(h)
	return true
}

// strange counts the contacts in honest tables that fit.
func (n *network) strange(fits func(wire.Contact) bool) (tables, contacts int) {
	for _, h := range n.present() {
		if h.Node == nil {
			continue
		}
		found := 0
		for _, c := range h.Node.Contacts() {
			if fits(c) {
				found++
			}
		}
		if found > 0 {
			tables++
		}
		contacts += found
	}
	return tables, contacts
}

// perGet is how many handshakes where foes pointed came to nothing, for each store and
// get.
func (n *network) perGet(o *outcome) float64 {
	return float64(n.struck) / float64(max(1, len(o.gets)+len(o.stores)))
}

func afterLiar(n *network, o *outcome) (said, wrong string) {
	bad := uint64(0)
	for _, h := range n.honest {
		if h.Node != nil {
			bad += h.Node.Stats(n.Now()).BadAnswers
		}
	}
	_, invented := n.strange(func(c wire.Contact) bool { return c.Addr.Addr().As4()[0] == 5 })
	return fmt.Sprintf("%d contacts that do not exist in honest tables; %.1f handshakes in vain for each store or get; %d answers refused", invented, n.perGet(o), bad),
		all(atMost(invented, 0, "contacts in tables that nobody proved"), effect(n.struck, "handshakes in vain"), effect(int(bad), "answers refused"))
}

func enlistReplayer(n *network, i int, h *sim.Host) bool {
	if i == 0 {
		n.old = map[[32]byte][]byte{}
		for _, r := range n.lib.records {
			for p := range uint8(address.Positions) {
				n.old[r.place(p)] = r.versions[0]
			}
		}
	}
	h.Foe = &foe.Replayer{Ring: n.ring, Old: n.old, Replayed: &n.replayed}
	return true
}

func afterReplayers(n *network, _ *outcome) (said, wrong string) {
	return fmt.Sprintf("%d answers brought the former version of a record", n.replayed), effect(n.replayed, "former versions of records")
}

// floodShelf is how many bytes a gateway holds under flooding: less than usual, so
// that it is full soon.
const floodShelf = 1 << 20

func (n *network) shelfBytes() int {
	if n.Adversary == flooding {
		return floodShelf
	}
	return 0
}

func enlistFlooder(*network, int, *sim.Host) bool { return true }

// Flooders send so many records a frame, a frame a second, for so long before the
// first store, to so many gateways.
const (
	floodItems   = 32
	floodFor     = 5 * time.Minute
	floodTargets = 20
)

func awakeFlooders(n *network) {
	targets := n.index.Nearest(nil, n.lib.records[0].place(0), floodTargets+len(n.foes))
	honest := targets[:0]
	for _, t := range targets {
		if !n.isFoe(t) && len(honest) < floodTargets {
			honest = append(honest, t)
		}
	}
	n.flooded = honest
	for i, h := range n.foes {
		n.After(time.Second*time.Duration(i)/time.Duration(len(n.foes)), func() { n.flood(h) })
	}
	n.Run(floodFor)
}

func (n *network) flood(h *sim.Host) {
	if !n.ring.Awake {
		return
	}
	store := &wire.Store{}
	for range floodItems {
		store.Items = append(store.Items, n.lib.forge())
	}
	n.Ask(h, n.flooded[n.Rand.IntN(len(n.flooded))].Contact, store, func(wire.Payload, error) {})
	n.After(time.Second, func() { n.flood(h) })
}

func afterFlooders(n *network, _ *outcome) (said, wrong string) {
	var evicted, overRate, overQuota uint64
	most := 0
	for _, h := range n.flooded {
		s := n.Node(h).Stats(n.Now()).Shelf
		most = max(most, int(s.Bytes))
		evicted, overRate, overQuota = evicted+uint64(s.Evicted), overRate+uint64(s.OverRate), overQuota+uint64(s.OverQuota)
	}
	return fmt.Sprintf("%d gateways under flood hold at most %d of %d bytes; %d records refused by rate, %d by quota, %d put out",
			len(n.flooded), most, floodShelf, overRate, overQuota, evicted),
		all(atMost(most, floodShelf, "bytes on a shelf"), effect(int(overRate+overQuota), "records of theirs refused"))
}

func enlistEclipse(n *network, i int, h *sim.Host) bool {
	if i == 0 {
		n.victim = n.honest[0]
	}
	bits := 1
	for 1<<bits < n.Nodes {
		bits++
	}
	h.Mine(n.victim.ID, i%(bits+2))
	h.Foe = &foe.Colluder{Ring: n.ring}
	n.ring.Join(h)
	return true
}

// eclipsed is how many gets the gateway in the middle tries.
const eclipsed = 300

func afterEclipse(n *network, _ *outcome) (said, wrong string) {
	foes, contacts := 0, n.Node(n.victim).Contacts()
	for _, c := range contacts {
		for _, f := range n.foes {
			if f.Contact.Node == c.Node {
				foes++
			}
		}
	}
	right, left, told := 0, 0, n.ring.Told
	for i := range min(eclipsed, len(n.lib.records)) {
		left++
		n.get(n.victim, i, func(g got) {
			if left--; g.right {
				right++
			}
		})
		n.RunWhile(func() bool { return left > 0 }, patience)
	}
	tried := min(eclipsed, len(n.lib.records))
	told = n.ring.Told - told
	if share := n.Colluders * float64(len(contacts)); float64(foes) <= share {
		wrong = fmt.Sprintf("%d contacts of the gateway in the middle are foes, no more than everybody's %.0f: the row shows nothing", foes, share)
	}
	return fmt.Sprintf("%d of %d contacts of the gateway in the middle are foes; it got %d of %d, and %d answers of theirs", foes, len(contacts), right, tried, told),
		all(atMost(tried-right, tried/100, "of its gets failed"), wrong, effect(told, "answers of foes to it"))
}

func enlistSkewed(n *network, i int, h *sim.Host) bool {
	if h.Foe = (&foe.Skewed{Ring: n.ring}); n.asleep {
		return true
	}
	h.Skew = []time.Duration{-72 * time.Hour, -3 * time.Hour, 3 * time.Hour, 72 * time.Hour}[i%4]
	return true
}

func enlistStranger(n *network, i int, h *sim.Host) bool {
	if i%2 == 0 {
		h.Foe = foe.Stranger{}
		n.aimed[h.Contact.Addr] = true
		n.ring.Join(h)
		return false
	}
	h.Foe = &foe.Pointer{Ring: n.ring, To: func(at key.NodeID) (of []wire.Contact) {
		for _, s := range n.ring.Members.Nearest(nil, at, n.ring.Width) {
			of = append(of, s.Contact)
		}
		return of
	}}
	return true
}

func afterStranger(n *network, o *outcome) (said, wrong string) {
	_, of := n.strange(func(c wire.Contact) bool {
		for _, p := range n.ring.Members {
			if p.Of.Contact.Node == c.Node {
				return true
			}
		}
		return false
	})
	return fmt.Sprintf("%d contacts of another network in honest tables; %.1f handshakes in vain for each store or get", of, n.perGet(o)),
		all(atMost(of, 0, "contacts in tables that nobody proved"), effect(n.struck, "handshakes in vain"))
}

// enlistUnreachable makes every other foe one that can't be reached, and the others
// those that say they reached it, and name it.
func enlistUnreachable(n *network, i int, h *sim.Host) bool {
	n.ring.Join(h)
	if i%2 != 0 {
		h.Foe = &foe.Colluder{Ring: n.ring}
		return true
	}
	n.Hide(h)
	n.claimed[h.Contact.Node] = true
	n.aimed[h.Contact.Addr] = true
	return false
}

// awakeUnreachable lets them ask around, so that many hear what they claim.
func awakeUnreachable(n *network) {
	for i, h := range n.foes {
		if n.claimed[h.Contact.Node] {
			n.After(askEvery*time.Duration(i)/time.Duration(len(n.foes)), func() { n.askAround(h) })
		}
	}
}

const askEvery = 20 * time.Second

func (n *network) askAround(h *sim.Host) {
	if !n.ring.Awake {
		return
	}
	var at key.NodeID
	binary.BigEndian.PutUint64(at[:], n.Rand.Uint64())
	n.Node(h).Find(n.Now(), at, func(dht.Found) {})
	n.Wake(h)
	n.After(askEvery, func() { n.askAround(h) })
}

func afterUnreachable(n *network, _ *outcome) (said, wrong string) {
	_, of := n.strange(func(c wire.Contact) bool { return n.claimed[c.Node] })
	return fmt.Sprintf("%d contacts at which nobody answers in honest tables; %d handshakes with them; foes said %d times that they reached one", of, n.struck, n.ring.Vouched),
		all(atMost(of, 0, "contacts in tables that nobody reached"), effect(n.struck, "handshakes with them"), effect(n.ring.Vouched, "foe that vouched for them"))
}

// mostOfOne is how many contacts of one /24 a table may have (docs/protocol/dht.md).
const mostOfOne = 10

// spellings are how the gateways of one address write it.
const spellings = 8

func enlistSpelling(n *network, i int, h *sim.Host) bool {
	n.Hide(h)
	first := n.foes[i-i%spellings]
	ip4 := first.Source.As4()
	port := uint16(20_000 + i%spellings)
	ip := first.Source
	switch i % spellings {
	case 1:
		ip = netip.AddrFrom16(netip.AddrFrom4(ip4).As16()) // IPv4-mapped
	case 2:
		ip = netip.AddrFrom16([16]byte{0, 0x64, 0xff, 0x9b, 12: ip4[0], ip4[1], ip4[2], ip4[3]}) // NAT64
	case 3:
		ip = netip.AddrFrom16([16]byte{0x20, 0x02, ip4[0], ip4[1], ip4[2], ip4[3]}) // 6to4
	}
	h.Contact.Addr, h.Source = netip.AddrPortFrom(ip, port), first.Source
	n.Listen(h, h.Contact.Addr)
	n.Listen(h, netip.AddrPortFrom(ip.Unmap(), port)) // as it comes out of an answer
	n.ring.Join(h)
	h.Foe = &foe.Pointer{Ring: n.ring, To: func(at key.NodeID) (of []wire.Contact) {
		for _, other := range n.ring.Members.Nearest(nil, at, n.ring.Width) {
			if of = append(of, other.Contact); spelled(other.Contact) {
				n.offered++
			}
		}
		return of
	}}
	return i%spellings == 0
}

// spelled reports whether a contact's address is written as no gateway's is.
func spelled(c wire.Contact) bool {
	return c.Addr.Addr() != address.Canonical(c.Addr.Addr()) || address.ScopeOf(c.Addr.Addr()) != address.Public
}

func afterSpelling(n *network, _ *outcome) (said, wrong string) {
	most, strange := 0, 0
	for _, h := range n.present() {
		if h.Node == nil {
			continue
		}
		of := map[netip.Addr]int{}
		for _, c := range h.Node.Contacts() {
			if spelled(c) {
				strange++
			}
			of[address.Canonical(c.Addr.Addr())]++
		}
		for _, count := range of {
			most = max(most, count)
		}
	}
	return fmt.Sprintf("%d contacts in another spelling in honest tables, %d were offered; at most %d of one address in a table", strange, n.offered, most),
		all(atMost(strange, 0, "contacts of another spelling"), atMost(most, mostOfOne, "contacts of one address in a table"), effect(n.offered, "contacts in another spelling"))
}

// pointed is the address that was never a gateway's.
func pointed() netip.AddrPort { return netip.AddrPortFrom(netip.AddrFrom4([4]byte{5, 5, 5, 5}), 443) }

func enlistPointer(n *network, _ int, h *sim.Host) bool {
	h.Foe = &foe.Pointer{Ring: n.ring, To: func(key.NodeID) (of []wire.Contact) {
		for range n.ring.Width {
			of = append(of, n.DrawAt(pointed()).Contact)
		}
		return of
	}}
	n.aimed[pointed()] = true
	return true
}

func afterPointer(n *network, o *outcome) (said, wrong string) {
	most := 0
	for _, count := range n.strikers {
		most = max(most, count)
	}
	allowed := n.World.Model.IP
	return fmt.Sprintf("%d handshakes with the address in %d stores and gets, %d of one gateway at most, and nothing else was sent there",
			n.struck, len(o.gets)+len(o.stores), most),
		all(atMost(most, allowed.Burst+allowed.Minute*minutes(n, o), "handshakes of one gateway"), effect(n.struck, "handshakes with the address"))
}

// minutes is how long stores and gets took.
func minutes(n *network, o *outcome) int {
	return 1 + int((time.Duration(len(o.gets)+len(o.stores))*time.Second/perSecond+2*patience)/time.Minute)
}

// atMost says what is too much, "" if nothing is.
func atMost(got, allowed int, what string) string {
	if got <= allowed {
		return ""
	}
	return fmt.Sprintf("%d %s, %d are allowed", got, what, allowed)
}
