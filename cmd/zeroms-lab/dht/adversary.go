package dht

import (
	"fmt"
	"strings"

	"zeroms/cmd/zeroms-lab/dht/sim"
)

// adversary is a kind of foe: how its gateways are set up, what they begin once the
// network stands, and what is said about it in the end.
type adversary struct {
	name, about string
	// enlist prepares one foe, before anybody joins; known says that it may stand in
	// tables from the start.
	enlist func(n *network, i int, h *sim.Host) (known bool)
	// awake begins what foes do by themselves.
	awake func(n *network)
	// after says what came of it, beside the gets, and what of that must not be: what
	// foes must not bring about, and that they did nothing, as then a row shows nothing.
	after func(n *network, o *outcome) (said, wrong string)
}

// The names of adversaries that other parts of the lab ask for.
const (
	colluding = "colluding"
	replaying = "replaying"
	flooding  = "flooding"
	eclipsing = "eclipse"
	pointing  = "victim"
)

// adversaries are all kinds.
var adversaries = []adversary{
	{colluding, "answers with colluders only, holds nothing", enlistColluder, nil, afterAnswers("with colluders only, or that a record is held")},
	{"silent", "lets everybody in, answers pings, and nothing else", enlistSilent, nil, afterAnswers("missing")},
	{"slow", "answers rightly, just before a request is given up", enlistSlow, nil, afterAnswers("late")},
	{"lying", "names gateways that do not exist, loops, and answers too long", enlistLiar, nil, afterLiar},
	{replaying, "answers with a record's former version", enlistReplayer, nil, afterReplayers},
	{flooding, "fills others' stores with records; signatures and stamps of its own cost it nothing", enlistFlooder, awakeFlooders, afterFlooders},
	{eclipsing, "has mined places all around one gateway, of few owners", enlistEclipse, nil, afterEclipse},
	{"skewed", "is honest with a clock three days or three hours off", enlistSkewed, nil, afterAnswers("that a record of today is of another day")},
	{"wrong-network", "belongs to another network, or names those that do", enlistStranger, nil, afterStranger},
	{"unreachable", "asks and claims an address at which nobody answers, or vouches for who does", enlistUnreachable, awakeUnreachable, afterUnreachable},
	{"spellings", "appears at one address in several spellings and at many ports, and names such", enlistSpelling, nil, afterSpelling},
	{pointing, "names one address that never asked for it, under thousands of keys", enlistPointer, nil, afterPointer},
}

// adversaryOf finds a kind by its name.
func adversaryOf(name string) (*adversary, error) {
	var names []string
	for i := range adversaries {
		if adversaries[i].name == name {
			return &adversaries[i], nil
		}
		names = append(names, adversaries[i].name)
	}
	return nil, fmt.Errorf("there is no adversary %q; there are %s", name, strings.Join(names, ", "))
}

// enlist makes foes of those that are to be; the index gets everybody who may stand
// in tables from the start.
func (n *network) enlist() {
	hidden := map[*sim.Host]bool{}
	for i, h := range n.foes {
		hidden[h] = !n.foe.enlist(n, i, h)
	}
	var index []sim.Placed[*sim.Host]
	for _, h := range n.Hosts {
		if !hidden[h] {
			index = append(index, sim.Placed[*sim.Host]{ID: h.ID, Of: h})
		}
	}
	n.index = sim.NewIndex(index)
}

// wake lets the foes begin.
func (n *network) wake() {
	if n.asleep {
		return
	}
	n.ring.Awake = true
	if n.foe != nil && n.foe.awake != nil {
		n.foe.awake(n)
	}
}

// after adds what there is to say about the foes.
func (n *network) after(o *outcome) {
	if n.foe != nil && n.foe.after != nil && len(n.foes) > 0 {
		said, wrong := n.foe.after(n, o)
		o.lines = append(o.lines, said)
		if wrong != "" {
			o.wrong = append(o.wrong, n.foe.name+": "+wrong)
		}
	}
}

// isFoe reports whether a gateway is one.
func (n *network) isFoe(h *sim.Host) bool { return h.Index < len(n.foes) }
