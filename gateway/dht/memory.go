package dht

import (
	"time"

	"zeroms/gateway/dht/contact"
	"zeroms/protocol/key"
)

// Numbers of what is remembered of stores: records are stored again every hour,
// and the gateways around a place change slowly.
const (
	guideCount    = 3
	guideAge      = int64(12 * time.Hour)
	guideMemories = 1024 // twice at most
)

// memory is a few holders of each record that was stored from here: the next
// search for its holders begins with them.
type memory struct {
	recent, older map[key.NodeID]guided
}

type guided struct {
	peers    [guideCount]*contact.Peer
	searched int64
}

// remember notes the nearest holders of a record.
func (m *memory) remember(now int64, place key.NodeID, holders []holder) {
	var nearest []*contact.Peer
	for i := range holders {
		if holders[i].holds != 0 {
			nearest = append(nearest, holders[i].peer)
		}
	}
	if len(nearest) < guideCount {
		return
	}
	contact.SortNearest(&place, nearest)
	if m.recent == nil || len(m.recent) >= guideMemories {
		m.recent, m.older = make(map[key.NodeID]guided), m.recent
	}
	m.recent[place] = guided{[guideCount]*contact.Peer(nearest), now}
}

// guides are those to begin with; none if the search is to be done as for a new
// record.
func (m *memory) guides(now int64, items []*storedItem) []*contact.Peer {
	if len(items) != 1 {
		return nil
	}
	g, ok := m.recent[items[0].place]
	if !ok {
		g, ok = m.older[items[0].place]
	}
	if !ok || now-g.searched > guideAge {
		return nil
	}
	return g.peers[:]
}
