package dht

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"time"

	"zeroms/cmd/zeroms-lab/dht/foe"
	"zeroms/cmd/zeroms-lab/dht/sim"
	"zeroms/gateway/dht"
	"zeroms/gateway/dht/contact"
	"zeroms/gateway/dht/shelf"
	"zeroms/protocol/key"
	"zeroms/protocol/wire"
)

// network is a simulated network of gateways, some of them foes, and the records
// that they hold.
type network struct {
	*sim.World
	Scenario
	ring       *foe.Ring
	honest     []*sim.Host
	foes       []*sim.Host
	ghosts     []*sim.Host // who left before the run begins, and stand in tables still
	index      sim.Index[*sim.Host]
	foe        *adversary // of the foes; nil: there are none
	victim     *sim.Host  // whom all foes are after, if it is one gateway
	books      *contact.Book
	lib        *library
	seenWithin time.Duration // when contacts of tables that are filled now were seen last
	shelves    map[*sim.Host]*shelf.Shelf

	// What single kinds of foes need and count.
	old      map[[32]byte][]byte     // replayers': former versions by place
	replayed int                     // answers with one
	flooded  []*sim.Host             // whom flooders are after
	aimed    map[netip.AddrPort]bool // addresses that foes point at and where no gateway is
	claimed  map[key.NodePublic]bool // keys of gateways that nobody can reach
	offered  int                     // contacts in another spelling that foes named
	struck   int                     // handshakes in vain at addresses that foes point at
	strikers map[*sim.Host]int       // of each gateway
}

// began is when every simulated world begins.
func began() time.Time { return time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC) }

// newNetwork makes the gateways of a scenario and brings them together: by joining
// one after another, or, of a table simulation, with tables as that would have
// left them.
func newNetwork(s Scenario) (*network, error) {
	lib, err := newLibrary(s.Keys, s.versions(), s.Seed, began())
	if err != nil {
		return nil, err
	}
	n := &network{
		World: sim.NewWorld(s.Model, s.Seed, began()), Scenario: s, ring: &foe.Ring{Width: s.width()}, lib: lib,
		shelves: map[*sim.Host]*shelf.Shelf{}, claimed: map[key.NodePublic]bool{}, aimed: map[netip.AddrPort]bool{}, strikers: map[*sim.Host]int{}, seenWithin: seenLately,
		books: contact.NewBook(sim.Network(), s.Nodes*16),
	}
	if s.Colluders > 0 {
		if n.foe, err = adversaryOf(s.Adversary); err != nil {
			return nil, err
		}
	}
	n.Refused = n.refused
	n.Build = func(h *sim.Host) { n.build(h, true) }
	n.populate()
	if n.Joined {
		return n, n.join()
	}
	return n, nil
}

// populate adds the gateways: honest ones, foes, and ghosts in such a number that
// they make up the share of Stale of all contacts.
func (n *network) populate() {
	foes := int(math.Round(n.Colluders * float64(n.Nodes)))
	ghosts := int(math.Round(n.Stale / (1 - n.Stale) * float64(n.Nodes)))
	for i := range n.Nodes + ghosts {
		h := n.Add(n.Draw())
		n.Listen(h, h.Contact.Addr)
		switch {
		case i < foes:
			n.foes = append(n.foes, h)
		case i < n.Nodes:
			n.honest = append(n.honest, h)
		default:
			n.ghosts = append(n.ghosts, h)
		}
	}
	n.enlist()
}

// build makes a gateway's machine, and fills its table if asked to.
func (n *network) build(h *sim.Host, filled bool) {
	timing := dht.Timing{}.Default()
	if !n.Joined {
		timing = n.stillTiming()
	}
	timing.Idle = max(0, n.World.Model.Idle) // as gateway/overlay tells it
	seed := n.Seed ^ uint64(h.Index)*0x9e3779b97f4a7c15
	node, err := dht.New(dht.Config{
		Self: h.Contact, Params: sim.Network(), Timing: timing, Rand: rand.New(rand.NewPCG(seed, 0x6e6f6465)),
		Check: n.lib.checkItem, CheckValue: n.lib.checkValue,
		Shelf: n.shelf(h), Book: n.books, Algorithm: n.algorithm(),
	})
	if err != nil {
		panic(fmt.Sprintf("a machine that the lab configured: %v", err))
	}
	h.Node = node
	if filled {
		r := rand.New(rand.NewPCG(seed, 0x66696c6c))
		var others []wire.Contact
		n.index.Offers(h.ID, r, func(other *sim.Host) {
			if other != h {
				others = append(others, other.Contact)
			}
		})
		r.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
		for i, c := range others { // clocks of gateways do not go back
			ago := n.seenWithin * time.Duration(len(others)-1-i) / time.Duration(len(others))
			node.Adopt(n.Local(h).Add(-ago), c, n.roundTrip())
		}
	}
}

// shelf is what a gateway holds, whatever becomes of its table.
func (n *network) shelf(h *sim.Host) *shelf.Shelf {
	if n.shelves[h] == nil {
		n.shelves[h] = shelf.New(shelf.Config{Me: h.ID, Bytes: n.shelfBytes()})
	}
	return n.shelves[h]
}

// refill gives all gateways the tables that checks leave them some time after
// others left: of these a share of staleShare is still named.
func (n *network) refill() {
	var there, gone []sim.Placed[*sim.Host]
	for _, p := range n.index {
		if p.Of.Up() {
			there = append(there, p)
		} else {
			gone = append(gone, p)
		}
	}
	n.Rand.Shuffle(len(gone), func(i, j int) { gone[i], gone[j] = gone[j], gone[i] })
	gone = gone[:min(len(gone), int(staleShare/(1-staleShare)*float64(len(there))))]
	n.index = sim.NewIndex(append(there, gone...))
	for _, h := range n.Hosts {
		h.Node = nil
	}
	n.seenWithin = 0 // not before what shelves have seen
}

// staleShare is how many contacts of a table at most do not answer, where checks go
// on (docs/protocol/dht.md); rows with liveness where gateways joined measure it.
const staleShare = 0.05

// stale is the share of contacts in honest tables that do not answer.
func (n *network) stale() float64 {
	gone, all := 0, 0
	for _, h := range n.present() {
		if h.Node == nil {
			continue
		}
		for _, c := range h.Node.Contacts() {
			if all++; !n.Answers(c.Addr) {
				gone++
			}
		}
	}
	return float64(gone) / float64(max(all, 1))
}

// roundTrip is how long a first request takes.
func (n *network) roundTrip() time.Duration {
	if n.World.Model.Idle < 0 {
		return 2 * n.World.Model.Latency
	}
	return 2 * n.World.Model.Latency * time.Duration(1+n.World.Model.Greeting)
}

// seenLately is within which time the contacts of filled tables were seen last.
const seenLately = 10 * time.Minute

// stillTiming is for tables that are filled already and stay as they are, but for
// what lookups find out.
func (n *network) stillTiming() dht.Timing {
	t := dht.Timing{}.Default()
	t.Walk, t.Self, t.Reach, t.Introduce = 0, 0, 0, 0
	t.Young, t.Healthy, t.Repair = 0, 0, 0
	t.Seen = 48 * time.Hour // checks would have kept all of them seen
	return t
}

// join lets the gateways come one after another, each with the addresses of three
// that are there, and then waits until tables have settled.
func (n *network) join() error {
	order := n.Rand.Perm(len(n.Hosts))
	for i, at := range order {
		h := n.Hosts[at]
		n.After(joinFor*time.Duration(i)/time.Duration(len(order)), func() {
			n.build(h, false)
			h.Node.Join(n.Local(h), n.known(order[:i]))
			n.Wake(h)
		})
	}
	n.Run(joinFor + settleFor)
	for _, h := range n.honest {
		if h.Node.Stats(n.Now()).Table == 0 {
			return fmt.Errorf("gateway %d of %d found nobody", h.Index, len(n.Hosts))
		}
	}
	return nil
}

// known are some addresses that somebody told a gateway: of three that are there.
func (n *network) known(there []int) (contacts []wire.Contact) {
	for tries := 0; len(contacts) < min(len(there), 3) && tries < 100; tries++ {
		h := n.Hosts[there[n.Rand.IntN(len(there))]]
		if c := sim.Heard(h.Contact); n.Answers(c.Addr) && n.belongs(h) && !spelled(c) {
			contacts = append(contacts, c)
		}
	}
	return contacts
}

// belongs reports whether a gateway is of this network.
func (n *network) belongs(h *sim.Host) bool {
	return h.Foe == nil || h.Foe.Greet(n.World, h, nil) == nil
}

// How long gateways keep coming, and how long the network is left alone then.
const (
	joinFor   = 5 * time.Minute
	settleFor = 10 * time.Minute
)

// present are the honest gateways that are there.
func (n *network) present() (there []*sim.Host) {
	for _, h := range n.honest {
		if h.Up() {
			there = append(there, h)
		}
	}
	return there
}
