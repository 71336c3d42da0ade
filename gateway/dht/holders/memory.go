package holders

import (
	"time"

	"zeroms/gateway/dht/contact"
	"zeroms/protocol/key"
)

// Numbers of what is remembered of stores: records are stored again every hour,
// and the gateways around a place change slowly. Guides is how many holders of a
// record are remembered, Age for how long, in nanoseconds.
const (
	Guides = 3
	Age    = int64(12 * time.Hour)

	memories = 1024 // records, twice at most
)

// Memory is a few holders of each record that was stored from here: the next
// search for its holders begins with them. The zero value is ready. Times are Unix
// nanoseconds.
type Memory struct {
	recent, older map[key.NodeID]memory
}

type memory struct {
	peers    [Guides]*contact.Peer
	searched int64
}

// Remember notes the nearest holders of a record, if they are enough.
func (m *Memory) Remember(now int64, place key.NodeID, nearest []*contact.Peer) {
	if len(nearest) < Guides {
		return
	}
	if m.recent == nil || len(m.recent) >= memories {
		m.recent, m.older = make(map[key.NodeID]memory), m.recent
	}
	m.recent[place] = memory{[Guides]*contact.Peer(nearest), now}
}

// Guides are those to begin with; none if the search is to be as for a new record.
func (m *Memory) Guides(now int64, place key.NodeID) []*contact.Peer {
	g, ok := m.recent[place]
	if !ok {
		g, ok = m.older[place]
	}
	if !ok || now-g.searched > Age {
		return nil
	}
	return g.peers[:]
}
